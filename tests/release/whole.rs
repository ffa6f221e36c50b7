//! The whole way on an empty cluster in one command: somebody else's chart with the kinds that the application uses,
//! cert-manager and an issuer, an Ingress, a Gateway, certificates really signed, every URL printed.

use crate::bench::{Bench, CONFIG, bench_of_its_own, text, wait_for};
use serde_json::{Value, json};
use std::fs;
use testbed::{CertManager, Channel, cert_manager_chart, gateway_kinds};

/// A chart of others that only defines the kinds of the Gateway API.
fn gateway_chart(bench: &Bench) {
    let crds = bench.path("app/gateway-kinds/crds");
    fs::create_dir_all(&crds).unwrap();
    bench.write("app/gateway-kinds/Chart.yaml", "apiVersion: v2\nname: gateway-kinds\nversion: 1.6.3\n");
    for entry in fs::read_dir(gateway_kinds(Channel::Standard).unwrap()).unwrap().flatten() {
        let name = entry.file_name().into_string().unwrap();
        // Besides them lies a policy that guards against the experimental ones.
        if name.starts_with("gateway.networking.k8s.io_") && !name.contains("vap") {
            fs::copy(entry.path(), crds.join(name)).unwrap();
        }
    }
}

/// `release: revision` of everything but the application.
fn others(bench: &Bench) -> Vec<String> {
    let helm = bench.plane.helm("4.2.4");
    let list = bench.program(&helm, &["list", "-A", "-o", "json"]).ok().out;
    let list: Vec<Value> = serde_json::from_str(&list).unwrap();
    let all = list.iter().map(|it| format!("{}: {}", text(&it["name"]), text(&it["revision"])));
    all.filter(|it| !it.starts_with("app: ")).collect()
}

/// What the application consists of, without what the cluster counts.
fn generations(bench: &Bench) -> Vec<(String, Value)> {
    let kinds = "deployments,statefulsets,services,ingresses,gateways,httproutes,certificates";
    let all = bench.list(kinds).into_iter();
    all.map(|it| (format!("{} {}", it["kind"], it["metadata"]["name"]), it["metadata"]["generation"].clone())).collect()
}

#[test]
fn one_deploy_brings_up_everything_on_an_empty_cluster() {
    let Some(bench) = bench_of_its_own("whole") else { return };
    let _cert_manager = CertManager::start_for_chart(bench.plane, "cert-manager").unwrap();
    gateway_chart(&bench);
    let chart = cert_manager_chart().unwrap();
    bench.configure(&format!(
        "{CONFIG}charts:
  gateway-kinds:
    chart: ./gateway-kinds
    waitFor: {{crds: [gateways.gateway.networking.k8s.io, httproutes.gateway.networking.k8s.io]}}
certManager:
  chart: {}
  issuers:
    internal: {{selfSigned: {{}}}}
ingresses:
  public: {{class: any, hosts: [a.example], tls: {{issuer: internal}}, paths: [{{path: /, to: api, internal: true}}]}}
gateways:
  edge: {{class: any, hosts: [b.example], tls: {{issuer: internal}}, redirect: true, routes: [{{path: /, to: api, internal: true}}]}}
",
        chart.display()
    ));
    let planned = bench.unchanged(|| bench.run(&["plan", "app", "-n", &bench.ns]).exits(2));
    for part in ["chart gateway-kinds", "chart cert-manager", "chart issuers", "Ingress public", "Gateway edge"] {
        assert!(planned.out.contains(part), "the plan does not say `{part}`: {planned}");
    }
    bench.deploy(&[]).ok().says(&["Ingress public: https://a.example", "Gateway edge: https://b.example"]);
    for secret in ["public-tls", "edge-tls"] {
        let signed = wait_for(secret, || bench.find(&format!("secret/{secret}")));
        assert!(bench.secret(secret)["tls.crt"].starts_with("-----BEGIN CERTIFICATE"), "{signed}");
    }
    assert_eq!(others(&bench), ["app-issuers: 1", "cert-manager: 1", "gateway-kinds: 1"]);

    let before = generations(&bench);
    bench.deploy(&[]).ok();
    assert_eq!(generations(&bench), before);
    assert_eq!(others(&bench), ["app-issuers: 1", "cert-manager: 1", "gateway-kinds: 1"]);
    let status = bench.run(&["status", "--release", "app", "-n", &bench.ns]).ok();
    assert!(status.out.contains("https://a.example") && status.out.contains("https://b.example"), "{status}");

    bench.destroy(&["--yes"]).ok().says(&["cert-manager", "gateway-kinds"]);
    assert_eq!(others(&bench), ["cert-manager: 1", "gateway-kinds: 1"]);
    assert_eq!(bench.list("ingresses,gateways,httproutes,issuers,deployments"), [json!(null); 0]);
    assert!(bench.left_behind().is_empty());
}

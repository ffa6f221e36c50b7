//! `certManager:`: its real chart installed with an application, issuers made and waited for, certificates really signed.

use crate::bench::{Bench, CONFIG, bench_of_its_own, text};
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use testbed::{CertManager, Pebble, cert_manager_chart};

/// How long something of the cluster may take.
const LIMIT: Duration = Duration::from_secs(90);

fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(start.elapsed() < LIMIT, "no {what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// Waits for a signed certificate in a Secret of the namespace.
fn signed(bench: &Bench, secret: &str) -> String {
    wait_for(secret, || {
        let found = bench.find(&format!("secret/{secret}"))?;
        found["data"]["tls.crt"].as_str().filter(|text| !text.is_empty())?;
        bench.secret(secret).remove("tls.crt")
    })
}

fn configure(bench: &Bench, manager: &str, issuers: &str) {
    let chart = cert_manager_chart().unwrap();
    let chart = chart.display();
    bench.configure(&format!("{CONFIG}certManager:\n  chart: {chart}\n{manager}  issuers:\n{issuers}"));
}

/// `namespace/release: revision` of every release on the cluster.
fn revisions(bench: &Bench) -> Vec<String> {
    let helm = bench.plane.helm("4.2.4");
    let ran = bench.program(&helm, &["list", "-A", "-o", "json"]).ok();
    let list: Vec<Value> = serde_json::from_str(&ran.out).unwrap();
    list.iter()
        .map(|it| format!("{}/{}: {}", text(&it["namespace"]), text(&it["name"]), text(&it["revision"])))
        .collect()
}

fn certificate(name: &str, issuer: &str, more: Value) -> Value {
    let mut object = json!({"apiVersion": "cert-manager.io/v1", "kind": "Certificate", "metadata": {"name": name},
        "spec": {"secretName": name, "dnsNames": [format!("{name}.example")], "issuerRef": {"name": issuer}}});
    if let (Some(spec), Value::Object(more)) = (object["spec"].as_object_mut(), more) {
        spec.extend(more);
    }
    object
}

#[test]
fn an_empty_cluster_gets_cert_manager_and_issuers_before_the_application() {
    let Some(bench) = bench_of_its_own("certs") else { return };
    let _cert_manager = CertManager::start_for_chart(bench.plane, "cert-manager").unwrap();
    let pebble = Pebble::start(bench.plane).unwrap();
    let ns = bench.ns.clone();
    let own = "    internal: {selfSigned: {}}\n";
    configure(&bench, "  destroy: true\n", own);
    let planned = bench.unchanged(|| bench.run(&["plan", "app", "-n", &ns]).exits(2));
    for part in [
        "chart cert-manager (cert-manager in namespace cert-manager): install v1.21.2",
        "chart issuers (app-issuers in namespace",
    ] {
        assert!(planned.out.contains(part), "{planned}");
    }
    bench.deploy(&[]).ok();
    assert_eq!(bench.get("issuer/internal")["status"]["conditions"][0]["status"], "True");

    // The one that signs itself makes an authority, which another one signs with; and a real ACME server signs for a host.
    bench.apply(&certificate("corporate-ca", "internal", json!({"isCA": true, "commonName": "authority"})));
    let authority = signed(&bench, "corporate-ca");
    let bundle = pebble.ca_pem().replace('\n', "\n          ");
    let others = format!(
        "{own}    corporate: {{ca: {{secret: corporate-ca}}}}\n    public:\n      acme:\n        server: {}\n        caBundle: |\n          {bundle}\n      email: \"ops@{{currency.value}}.example\"\n      solvers:\n        - http01: {{ingress: any}}\n",
        pebble.directory_url()
    );
    configure(&bench, "  destroy: true\n", &others);
    bench.deploy(&[]).ok().says(&["chart cert-manager (cert-manager in cert-manager): unchanged", "change its values"]);
    let public = bench.get("issuer/public");
    assert_eq!(public["spec"]["acme"]["email"], "ops@EUR.example");
    assert_eq!(public["status"]["acme"]["lastRegisteredEmail"], "ops@EUR.example");
    let before = revisions(&bench);
    assert_eq!(
        before.iter().filter(|it| !it.contains("/app: ")).cloned().collect::<Vec<_>>(),
        [format!("{ns}/app-issuers: 2"), "cert-manager/cert-manager: 1".to_owned()],
    );
    bench.apply(&certificate("leaf", "corporate", json!({})));
    assert_ne!(signed(&bench, "leaf"), authority);
    assert_eq!(bench.secret("leaf")["ca.crt"], authority);
    bench.apply(&json!({"apiVersion": "networking.k8s.io/v1", "kind": "Ingress",
        "metadata": {"name": "shop", "annotations": {"cert-manager.io/issuer": "public"}},
        "spec": {"ingressClassName": "any", "tls": [{"hosts": ["shop.example"], "secretName": "shop-tls"}],
            "rules": [{"host": "shop.example", "http": {"paths": [{"path": "/", "pathType": "Prefix",
                "backend": {"service": {"name": "api", "port": {"number": 8080}}}}]}}]}}));
    assert_eq!(signed(&bench, "shop-tls").matches("BEGIN CERTIFICATE").count(), 2);

    // A second deploy changes neither, and its plan says so.
    bench.deploy(&[]).ok().says(&["chart issuers (app-issuers in", "unchanged"]);
    let unchanged = |all: Vec<String>| all.into_iter().filter(|it| !it.contains("/app: ")).collect::<Vec<_>>();
    assert_eq!(unchanged(revisions(&bench)), unchanged(before));
    let planned = bench.run(&["plan", "app", "-n", &ns, "-o", "json"]).end();
    let planned: Value = serde_json::from_str(&planned.out).unwrap();
    assert!(planned["charts"].as_array().unwrap().iter().all(|chart| chart["changes"] == false), "{planned}");

    // An issuer that does not work stops the run before the application.
    let app = bench.get("deployment/api")["metadata"]["generation"].clone();
    let dead = "    dead:\n      acme: {server: 'https://127.0.0.1:1/dir'}\n      email: ops@contoso.example\n      solvers: [{http01: {ingress: any}}]\n";
    configure(&bench, "  destroy: true\n", &format!("{others}{dead}"));
    bench.change_manifest("registry.invalid/api:1", "registry.invalid/api:2");
    let stopped = bench.deploy(&["--timeout", "20s"]).exits(1);
    stopped.says(&[
        "Issuer dead in namespace",
        "is not Ready",
        "connection refused",
        "the application was not touched",
    ]);
    assert_eq!(bench.get("deployment/api")["metadata"]["generation"], app);

    let gone = bench.destroy(&["--yes"]).ok();
    gone.says(&[&format!("app-issuers in {ns}"), "cert-manager in cert-manager"]);
    assert_eq!(revisions(&bench), [""; 0]);
    assert!(bench.left_behind().is_empty());
    assert!(bench.list("issuers").is_empty());
}

//! `certManager:`: its real chart installed with an application, issuers made and waited for, certificates really signed.

use crate::bench::{Bench, CONFIG, bench_of_its_own, text};
use serde_json::{Value, json};
use std::fs;
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
        "{own}    corporate: {{ca: {{secret: corporate-ca}}}}\n    public:\n      acme:\n        server: {}\n        caBundle: |\n          {bundle}\n      email: \"ops@{{currency.value}}.example\"\n",
        pebble.directory_url()
    );
    // A secret of the AppHost that nothing but an issuer takes.
    let parameter = r#""edge-token": {"type": "parameter.v0", "value": "{edge-token.inputs.value}",
        "inputs": {"value": {"type": "string", "secret": true, "default": {"generate": {"minLength": 22}}}}}, "currency": {"#;
    bench.change_manifest("\"currency\": {", parameter);
    let edge = json!({"acme": {"server": pebble.directory_url(), "caBundle": pebble.ca_pem()},
        "email": "ops@contoso.example",
        "solvers": [{"dns01": {"cloudflare": {"apiToken": "edge-token"}}, "zones": ["edge.example"]}]});
    let edge = format!("    edge: {edge}\n");
    let route = "ingresses:\n  shop: {class: any, hosts: [shop.example], tls: {issuer: public}, paths: [{path: /, to: api, internal: true}]}\n";
    let others = format!("{others}{edge}{route}");
    configure(&bench, "  destroy: true\n", &others);
    bench.deploy(&[]).ok().says(&["chart cert-manager (cert-manager in cert-manager): unchanged", "change values"]);
    let public = bench.get("issuer/public");
    assert_eq!(public["spec"]["acme"]["email"], "ops@EUR.example");
    assert_eq!(public["status"]["acme"]["lastRegisteredEmail"], "ops@EUR.example");
    let reference = &bench.get("issuer/edge")["spec"]["acme"]["solvers"][0]["dns01"]["cloudflare"]["apiTokenSecretRef"];
    assert_eq!(*reference, json!({"name": "app-secrets", "key": "edge-token"}));
    assert!(bench.secret("app-secrets")["edge-token"].len() >= 22);
    let before = revisions(&bench);
    assert_eq!(
        before.iter().filter(|it| !it.contains("/app: ")).cloned().collect::<Vec<_>>(),
        [format!("{ns}/app-issuers: 2"), "cert-manager/cert-manager: 1".to_owned()],
    );
    bench.apply(&certificate("leaf", "corporate", json!({})));
    assert_ne!(signed(&bench, "leaf"), authority);
    assert_eq!(bench.secret("leaf")["ca.crt"], authority);
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
    configure(&bench, "  destroy: true\n", &format!("{dead}{others}"));
    bench.change_manifest("registry.invalid/api:1", "registry.invalid/api:2");
    let stopped = bench.deploy(&["--timeout", "20s"]).exits(1);
    stopped.says(&[
        "Issuer dead in namespace",
        "is not Ready",
        "connection refused",
        "the application was not changed",
    ]);
    assert_eq!(bench.get("deployment/api")["metadata"]["generation"], app);

    let gone = bench.destroy(&["--yes"]).ok();
    gone.says(&[&format!("app-issuers in {ns}"), "cert-manager in cert-manager"]);
    assert_eq!(revisions(&bench), [""; 0]);
    assert!(bench.left_behind().is_empty());
    assert!(bench.list("issuers").is_empty());
}

/// Every method and every solver, with secrets from parameters and from Secrets.
const EVERY_METHOD: &str = "apiVersion: aspire-k8s/v1
application: app
certManager:
  issuers:
    self: {selfSigned: {}}
    authority: {ca: {secret: authority}}
    token: {vault: {server: 'https://v.example', path: p/sign/x, namespace: n, caBundle: BUNDLE, auth: {token: token}}}
    role: {vault: {server: 'https://v.example', path: p, auth: {appRole: {roleId: r, secret: {secret: s, key: k}}}}}
    cluster: {vault: {server: 'https://v.example', path: p, auth: {kubernetes: {role: r, serviceAccount: sa}}}}
    production: {acme: letsencrypt, email: 'ops@{currency.value}.example', solvers: [{http01: {ingress: nginx}}]}
    staging: {acme: letsencrypt-staging, email: a@b.example, eab: {keyId: id, key: token}, solvers: [{http01: {gateway: door}, hosts: [a.b.example]}]}
    shared:
      kind: ClusterIssuer
      acme: {server: 'https://ca.example/dir', caBundle: BUNDLE}
      email: a@b.example
      solvers:
        - {dns01: {cloudflare: {apiToken: {secret: s, key: k}}}, zones: [b.example]}
        - {dns01: {cloudflare: {apiKey: {secret: s, key: k}, email: a@b.example}}}
        - {dns01: {route53: {region: r, hostedZoneID: Z, accessKeyID: A, secretAccessKey: {secret: s, key: k}, role: r}}}
        - {dns01: {azureDNS: {subscriptionID: s, resourceGroup: g, hostedZone: z, tenantID: t, clientID: c, clientSecret: {secret: s, key: k}}}}
        - {dns01: {azureDNS: {subscriptionID: s, resourceGroup: g, managedIdentity: {resourceID: c}}}}
        - {dns01: {cloudDNS: {project: p, hostedZone: z, serviceAccount: {secret: s, key: k}}}}
        - {dns01: {rfc2136: {nameserver: '10.0.0.1:53', tsigKeyName: n, tsigAlgorithm: HMACSHA256, tsigSecret: {secret: s, key: k}}}}
gateways:
  door: {class: any, hosts: [a.b.example], tls: {issuer: staging}, routes: [{path: /, to: api, internal: true}]}
";

#[test]
fn every_method_is_as_cert_manager_defines_it() {
    let Some(bench) = bench_of_its_own("methods") else { return };
    bench.plane.cert_manager_kinds().unwrap();
    bench.configure(&EVERY_METHOD.replace("BUNDLE", "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0t"));
    let arguments = ["render", "app", "--part", "issuers", "--release", "app", "-n", &bench.ns, "-o", "issuers"];
    bench.run(&arguments).ok().says(&["install it as app-issuers"]);
    bench.run(&[&arguments[..], &["--check"]].concat()).ok();
    let lacking = bench.helm(&["template", "app-issuers", "issuers"]).exits(1);
    lacking.says(&["the issuer production needs a value that is not given: parameters.currency"]);
    // A value is filled in once, and stays one text whatever is in it.
    let value = "parameters.currency=\"x: {currency.value}";
    let made = bench.helm(&["template", "app-issuers", "issuers", "--set-string", value]).ok();
    bench.write("issuers.yaml", &made.out);
    let path = bench.path("issuers.yaml");
    let path = path.to_str().unwrap();
    let taken = ["apply", "--dry-run=server", "--validate=strict", "-n", &bench.ns, "-o", "json", "-f", path];
    let taken: Value = serde_json::from_str(&bench.plane.kubectl(&taken).unwrap()).unwrap();
    let taken = taken["items"].as_array().unwrap();
    assert_eq!(taken.len(), 8);
    let of = |name: &str| taken.iter().find(|it| it["metadata"]["name"] == name).unwrap();
    assert_eq!(of("production")["spec"]["acme"]["email"], "ops@\"x: {currency.value}.example");
    assert_eq!(of("token")["spec"]["vault"]["auth"]["tokenSecretRef"], json!({"name": "app-secrets", "key": "token"}));
    // The API server drops what it does not know: nothing of ours.
    let wanted = fs::read_to_string(bench.path("issuers/values.yaml")).unwrap();
    let wanted: Value = serde_yaml::from_str(&wanted).unwrap();
    for issuer in taken {
        let name = text(&issuer["metadata"]["name"]);
        let spec = wanted["issuers"][name]["spec"].to_string().replace("{currency.value}", "\\\"x: {currency.value}");
        assert_eq!(issuer["spec"], serde_json::from_str::<Value>(&spec).unwrap(), "{name}");
    }
}

#[test]
fn a_cert_manager_of_others_is_used_and_a_cluster_issuer_of_others_is_not_taken() {
    let Some(bench) = bench_of_its_own("theirs") else { return };
    let _cert_manager = CertManager::start(bench.plane).unwrap();
    let issuer = |more: &str| configure(&bench, "", &format!("    wide: {{kind: ClusterIssuer, {more}}}\n"));
    bench
        .plane
        .apply("{apiVersion: cert-manager.io/v1, kind: ClusterIssuer, metadata: {name: wide}, spec: {selfSigned: {}}}")
        .unwrap();
    issuer("selfSigned: {}");
    bench.unchanged(|| {
        bench.deploy(&[]).exits(3).says(&["ClusterIssuer wide already exists on the cluster", "existing: true"])
    });
    // Issuers of others alone have a cert-manager of others: its chart is not even fetched.
    issuer("existing: true");
    let ran = bench.deploy(&[]).ok();
    assert!(!ran.err.contains("chart cert-manager"), "{ran}");
    configure(&bench, "  install: true\n", "    wide: {kind: ClusterIssuer, existing: true}\n");
    bench.deploy(&[]).ok().says(&["not installed: the cluster already has it"]);
    assert_eq!(revisions(&bench), [format!("{}/app: 2", bench.ns)]);

    bench.plane.kubectl(&["delete", "clusterissuer", "wide"]).unwrap();
    issuer("selfSigned: {}");
    bench.deploy(&[]).ok();
    let other = bench.plane.namespace("other");
    let mut user = certificate("theirs", "wide", json!({"issuerRef": {"name": "wide", "kind": "ClusterIssuer"}}));
    user["metadata"]["namespace"] = json!(other);
    bench.plane.apply(&user.to_string()).unwrap();
    let stays = format!("left in place: ClusterIssuer wide: the Certificate theirs in namespace {other} uses it");
    bench.destroy(&["--yes"]).ok().says(&[&stays]);
    assert_eq!(revisions(&bench), [""; 0]);

    // The next release of this name takes it up again, and it goes when nobody else uses it. The requests of a certificate
    // use the issuer until the garbage collector has removed them.
    bench.deploy(&[]).ok();
    bench.plane.kubectl(&["delete", "certificate", "theirs", "-n", &other]).unwrap();
    let gone = ["wait", "--for=delete", "certificaterequests", "--all", "-n", &other, "--timeout=60s"];
    bench.plane.kubectl(&gone).unwrap();
    let going = "to be removed: ClusterIssuer wide";
    bench.unchanged(|| bench.run(&["destroy", "app", "-n", &bench.ns, "--non-interactive"]).exits(3).says(&[going]));
    bench.destroy(&["--yes"]).ok().says(&[going, "removing the ClusterIssuer wide"]);
    assert!(bench.list("clusterissuers").is_empty());
}

#[test]
fn issuers_that_leave_the_file_go_with_the_next_deploy() {
    let Some(bench) = bench_of_its_own("leave") else { return };
    let _cert_manager = CertManager::start(bench.plane).unwrap();
    let ns = bench.ns.clone();
    let (own, wide) = ("    own: {selfSigned: {}}\n", "    wide: {kind: ClusterIssuer, selfSigned: {}}\n");
    configure(&bench, "", &format!("{own}    second: {{selfSigned: {{}}}}\n{wide}"));
    bench.deploy(&[]).ok();
    configure(&bench, "", &format!("{own}{wide}"));
    bench.deploy(&[]).ok();
    assert!(bench.find("issuer/second").is_none() && bench.find("issuer/own").is_some());
    // A chart that was rendered before says nothing of issuers.
    bench.run(&["render", "app", "-o", "chart"]).ok();
    bench.run(&["deploy", "chart", "-n", &ns, "--release", "app"]).ok();
    assert!(bench.find("issuer/own").is_some());
    bench.configure(CONFIG);
    let planned = bench.unchanged(|| bench.run(&["plan", "app", "-n", &ns]).exits(2));
    let line = format!("chart issuers (app-issuers in namespace {ns}): uninstall with Issuer own");
    assert!(planned.out.contains(&line) && !planned.out.contains("ClusterIssuer"), "{planned}");
    bench.deploy(&[]).ok().says(&["removing the issuers that aspire-k8s.yaml no longer names"]);
    assert!(bench.find("issuer/own").is_none());
    assert_eq!(text(&bench.list("clusterissuers")[0]["metadata"]["name"]), "wide");
    assert!(revisions(&bench).iter().all(|it| !it.contains("app-issuers")));
    bench.run(&["plan", "app", "-n", &ns]).ok();
    // What somebody else installed under that name stays.
    bench.write("theirs/Chart.yaml", "apiVersion: v2\nname: theirs\nversion: 0.1.0\n");
    bench.helm(&["install", "app-issuers", "theirs"]).ok();
    bench.deploy(&[]).ok();
    assert!(revisions(&bench).iter().any(|it| it.contains("app-issuers")));
}

#[test]
fn without_cert_manager_nothing_is_begun() {
    let Some(bench) = bench_of_its_own("none") else { return };
    bench.configure(&format!("{CONFIG}certManager: {{install: false, issuers: {{a: {{selfSigned: {{}}}}}}}}\n"));
    bench.unchanged(|| bench.deploy(&[]).exits(3).says(&["the cluster has no cert-manager", "install: true"]));
    let steps = bench.deploy(&["--list-steps"]).ok();
    assert!(steps.out.contains("issuers-kubernetes"), "{steps}");
    bench.configure(CONFIG);
    let steps = bench.deploy(&["--list-steps"]).ok();
    let steps = steps.out.replace("remove-issuers-kubernetes", "");
    assert!(!steps.contains("issuers-kubernetes"), "{steps}");
}

#[test]
fn a_service_listens_on_https_with_a_certificate_of_its_own() {
    let Some(bench) = bench_of_its_own("https") else { return };
    let _cert_manager = CertManager::start_for_chart(bench.plane, "cert-manager").unwrap();
    bench.change_manifest(
        "\"type\": \"container.v0\",\n      \"image\": \"registry.invalid/api:1\",\n      \"env\": {",
        "\"type\": \"project.v0\", \"path\": \"api.csproj\", \"env\": {\"HTTPS_PORTS\": \"{api.bindings.https.targetPort}\",",
    );
    bench.change_manifest(
        "\"bindings\": { \"http\": {",
        "\"bindings\": { \"https\": {\"scheme\": \"https\", \"protocol\": \"tcp\", \"transport\": \"http\"}, \"http\": {",
    );
    let address = "\"env\": { \"services__api__https__0\": \"{api.bindings.https.url}\", \"DB_PASSWORD\"";
    bench.change_manifest("\"env\": { \"DB_PASSWORD\"", address);
    let resources = |more: &str| {
        let chart = cert_manager_chart().unwrap();
        let manager =
            format!("certManager: {{chart: {}, issuers: {{internal: {{selfSigned: {{}}}}}}}}\n", chart.display());
        let api = format!("resources: {{api: {{image: 'registry.invalid/api:1'{more}}}}}\n");
        bench.configure(&format!("{CONFIG}{manager}{api}"));
    };
    let ns = &bench.ns;
    resources(", certificate: {issuer: internal, hosts: [api.corp.example]}");
    let planned = bench.unchanged(|| bench.run(&["plan", "app", "-n", ns]).exits(2));
    assert!(planned.out.contains("Certificate api"), "{planned}");
    bench.deploy(&[]).ok();

    let certificate = bench.get("certificate/api");
    assert_eq!(
        certificate["spec"]["issuerRef"],
        json!({"name": "internal", "kind": "Issuer", "group": "cert-manager.io"})
    );
    let conditions = certificate["status"]["conditions"].as_array().unwrap();
    assert!(conditions.iter().any(|it| it["type"] == "Ready" && it["status"] == "True"), "{certificate}");
    assert!(signed(&bench, "api-tls").contains("BEGIN CERTIFICATE"));
    // cert-manager writes here what the signed certificate itself says.
    let secret = bench.get("secret/api-tls");
    let names = text(&secret["metadata"]["annotations"]["cert-manager.io/alt-names"]);
    let mut names: Vec<&str> = names.split(',').collect();
    names.sort_unstable();
    let of_service = ["", ".svc", ".svc.cluster.local"].map(|end| format!("api.{ns}{end}"));
    let mut wanted: Vec<&str> = of_service.iter().map(String::as_str).chain(["api", "api.corp.example"]).collect();
    wanted.sort_unstable();
    assert_eq!(names, wanted);

    let pod = &bench.get("deployment/api")["spec"]["template"]["spec"];
    let mounts = &pod["containers"][0]["volumeMounts"];
    assert_eq!(*mounts, json!([{"name": "tls", "mountPath": "/etc/aspire/tls", "readOnly": true}]));
    assert_eq!(pod["volumes"], json!([{"name": "tls", "secret": {"secretName": "api-tls", "defaultMode": 420}}]));
    let ports = bench.get("service/api")["spec"]["ports"].as_array().unwrap().clone();
    let ports: Vec<_> = ports.iter().map(|port| (text(&port["name"]), port["port"].as_u64().unwrap())).collect();
    assert_eq!(ports, [("https", 443), ("http", 8080)]);
    let settings = bench.get("configmap/api-config")["data"].clone();
    assert_eq!(settings["HTTPS_PORTS"], "8443");
    assert_eq!(settings["Kestrel__Certificates__Default__Path"], "/etc/aspire/tls/tls.crt");
    assert_eq!(settings["Kestrel__Certificates__Default__KeyPath"], "/etc/aspire/tls/tls.key");
    assert_eq!(bench.get("configmap/db-config")["data"]["services__api__https__0"], "https://api:443");

    // A second deploy asks for nothing new; without the certificate, https goes.
    let serial = bench.secret("api-tls").remove("tls.crt");
    bench.deploy(&[]).ok();
    assert_eq!(bench.secret("api-tls").remove("tls.crt"), serial);
    resources("");
    bench.deploy(&[]).ok();
    assert!(bench.list("certificates.cert-manager.io").is_empty());
    assert!(bench.get("configmap/api-config")["data"].get("HTTPS_PORTS").is_none());
}

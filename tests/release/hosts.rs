//! Hosts that come from the cluster: an Ingress without a name gets one from its address, in a second revision.

use crate::bench::{Bench, bench, wait_for};
use serde_json::{Value, json};

const ROUTE: &str = r#"
certManager: {issuers: {le: {kind: ClusterIssuer, existing: true}}}
ingresses:
  public:
    class: traefik
    paths: [{path: /, to: api, internal: true}]
    tls: {issuer: le}
    discovery: {template: "{ip}.sslip.io", timeout: TIMEOUT}
"#;

fn configure(bench: &Bench, timeout: &str) {
    bench.configure(&ROUTE.replace("TIMEOUT", timeout));
}

fn revisions(bench: &Bench) -> Vec<(u64, String)> {
    let ran = bench.run(&["history", "--release", "app", "-n", &bench.ns, "-o", "json"]).ok();
    let all: Vec<Value> = serde_json::from_str(&ran.out).unwrap();
    all.iter().map(|it| (it["revision"].as_u64().unwrap(), it["description"].to_string())).collect()
}

#[test]
fn a_host_that_is_found_becomes_a_value_and_stays() {
    let Some(bench) = bench("hosts") else { return };
    configure(&bench, "60s");
    let deploy = bench.deploy(&[]).piped();
    wait_for("the Ingress", || bench.find("ingress/public"));
    // Nothing here serves Ingresses: what a controller writes is written by the test.
    let address = json!({"loadBalancer": {"ingress": [{"ip": "192.0.2.7"}]}});
    bench.plane.write_status(&bench.ns, "ingress/public", &address).unwrap();
    let ended = deploy.wait_with_output().unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&ended.stdout), String::from_utf8_lossy(&ended.stderr));
    assert!(ended.status.success(), "{said}");
    assert!(said.contains("the host of Ingress public is 192.0.2.7.sslip.io"), "{said}");
    assert!(said.contains("Ingress public: https://192.0.2.7.sslip.io"), "{said}");

    let ingress = bench.get("ingress/public");
    assert_eq!(ingress["spec"]["rules"][0]["host"], "192.0.2.7.sslip.io");
    assert_eq!(ingress["spec"]["tls"], json!([{"hosts": ["192.0.2.7.sslip.io"], "secretName": "public-tls"}]));
    assert_eq!(ingress["metadata"]["annotations"]["cert-manager.io/cluster-issuer"], "le");
    let all = revisions(&bench);
    assert_eq!(all.len(), 2, "{all:?}");
    assert!(all[0].1.contains("Half of a deploy") && !all[1].1.contains("Half"), "{all:?}");

    // The next deploy starts with the host: one revision, the same objects.
    let before = bench.get("ingress/public")["metadata"]["generation"].clone();
    bench.deploy(&[]).ok().says(&["https://192.0.2.7.sslip.io"]);
    assert_eq!(bench.get("ingress/public")["metadata"]["generation"], before);
    assert_eq!(revisions(&bench).len(), 3);

    // From the second revision there is only the half one to go back to; from the third, the second.
    bench.run(&["rollback", "app", "-n", &bench.ns]).ok().says(&["rolled back to revision 2"]);
    assert_eq!(bench.get("ingress/public")["spec"]["rules"][0]["host"], "192.0.2.7.sslip.io");
    bench.deploy(&[]).ok().says(&["https://192.0.2.7.sslip.io"]);

    // Another address is another name.
    let other = json!({"loadBalancer": {"ingress": [{"ip": "192.0.2.8"}]}});
    bench.plane.write_status(&bench.ns, "ingress/public", &other).unwrap();
    bench.deploy(&[]).ok().says(&["was 192.0.2.7.sslip.io, and is 192.0.2.8.sslip.io now"]);
    assert_eq!(bench.get("ingress/public")["spec"]["rules"][0]["host"], "192.0.2.8.sslip.io");
}

#[test]
fn an_address_that_never_comes_is_a_warning() {
    let Some(bench) = bench("nohost") else { return };
    configure(&bench, "1s");
    let said = [
        "IngressClass traefik",
        "so no controller serves Ingress public",
        "Ingress public has no host after",
        "has not set an address yet",
        "the next deploy tries again",
    ];
    bench.deploy(&[]).ok().says(&said);
    let ingress = bench.get("ingress/public");
    assert!(
        ingress["spec"]["tls"].is_null()
            && ingress["metadata"]["annotations"]["cert-manager.io/cluster-issuer"].is_null()
    );
    let status = bench.run(&["status", "--release", "app", "-n", &bench.ns]).ok();
    assert!(status.out.contains("no address yet"), "{status}");
}

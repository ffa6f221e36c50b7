//! A claim that is there goes on, whatever the volume is called now: the prefix of Aspire moved, somebody renamed it, the
//! release was made by a former version.

use crate::bench::{Bench, MANIFEST, bench, text};
use serde_json::{Value, json};

/// The manifest whose database mounts a volume of this name at this path.
fn with_volume(bench: &Bench, name: &str, path: &str) {
    let mut manifest: Value = serde_json::from_str(MANIFEST).unwrap();
    manifest["resources"]["db"]["volumes"] = json!([{"name": name, "target": path, "readOnly": false}]);
    bench.write("app/aspire-manifest.json", &manifest.to_string());
}

/// The claim that the pods of the database mount, with its uid.
fn mounted(bench: &Bench) -> (String, String) {
    let set = bench.get("statefulset/db");
    let volumes = set["spec"]["template"]["spec"]["volumes"].as_array().cloned().unwrap_or_default();
    let claims: Vec<&str> = volumes.iter().filter_map(|it| it["persistentVolumeClaim"]["claimName"].as_str()).collect();
    assert_eq!(claims.len(), 1, "{volumes:?}");
    (claims[0].to_owned(), text(&bench.get(&format!("pvc/{}", claims[0]))["metadata"]["uid"]).to_owned())
}

/// A plan and a deploy without a question, after which the database has the same claim and no other was made.
fn goes_on(bench: &Bench, claim: &(String, String)) {
    let planned = bench.run(&["plan", "app", "-n", &bench.ns]).end();
    assert!(planned.code == Some(0) || planned.code == Some(2), "{planned}");
    assert!(!planned.out.contains("DATA"), "{planned}");
    bench.deploy(&["--non-interactive"]).ok();
    assert_eq!(mounted(bench), *claim);
    assert_eq!(bench.list("pvc").len(), 1);
    // Nothing is left to do.
    bench.run(&["plan", "app", "-n", &bench.ns]).ok();
}

/// Takes away what tells the volume of a claim, as former versions left it out.
fn forget(bench: &Bench, claim: &str) {
    let patch = json!({"metadata": {
        "labels": {"aspire-k8s/volume": null}, "annotations": {"aspire-k8s/mount-path": null}}});
    bench
        .plane
        .kubectl(&["patch", &format!("pvc/{claim}"), "-n", &bench.ns, "--type=merge", "-p", &patch.to_string()])
        .unwrap();
}

#[test]
fn a_volume_that_aspire_calls_otherwise_keeps_its_claim() {
    let Some(bench) = bench("prefix") else { return };
    with_volume(&bench, "Shop.AppHost-db-data", "/data");
    bench.deploy(&[]).ok();
    let claim = mounted(&bench);
    assert_eq!(claim.0, "db-shop-apphost-db-data");
    let password = bench.secret("app-secrets")["db-password"].clone();
    for name in ["shop.apphost-0a1b2c3d4e-db-data", "store.apphost-ffffffffff-db-data", "Store.AppHost-db-data"] {
        with_volume(&bench, name, "/data");
        goes_on(&bench, &claim);
    }
    // Of a former version, which said nothing of the volume: the live pods mount it.
    forget(&bench, &claim.0);
    with_volume(&bench, "elsewhere", "/data");
    goes_on(&bench, &claim);
    assert_eq!(bench.secret("app-secrets")["db-password"], password);
}

#[test]
fn a_volume_with_a_new_name_keeps_its_claim() {
    let Some(bench) = bench("renamed") else { return };
    with_volume(&bench, "app-db", "/data");
    bench.deploy(&[]).ok();
    let claim = mounted(&bench);
    with_volume(&bench, "data", "/data");
    goes_on(&bench, &claim);
    // After `destroy` nothing runs any more; the claim says where it was mounted.
    bench.destroy(&[]).ok();
    with_volume(&bench, "third", "/data");
    bench.deploy(&["--non-interactive"]).ok();
    assert_eq!(mounted(&bench), claim);
}

#[test]
fn a_name_that_a_person_chose_is_the_name() {
    let Some(bench) = bench("pinned") else { return };
    let config =
        "apiVersion: aspire-k8s/v1\napplication: app\nresources: {db: {volumes: {data: {claimName: chosen}}}}\n";
    bench.configure(config);
    bench.deploy(&[]).ok();
    let claim = mounted(&bench);
    assert_eq!(claim.0, "chosen");
    // Without the pin it is found by its labels; another pin is a loss of data.
    bench.configure("apiVersion: aspire-k8s/v1\napplication: app\n");
    bench.deploy(&["--non-interactive"]).ok();
    assert_eq!(mounted(&bench), claim);
    bench.configure(&config.replace("chosen", "another"));
    bench.unchanged(|| bench.deploy(&[]).exits(3).says(&["/data: claim chosen -> claim another: KEPT"]));
}

#[test]
fn a_claim_of_another_owner_is_not_taken() {
    let Some(bench) = bench("foreign") else { return };
    let labels =
        json!({"app.kubernetes.io/instance": "app", "app.kubernetes.io/component": "db", "aspire-k8s/volume": "data"});
    bench.apply(
        &json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "theirs", "labels": labels},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}}),
    );
    bench.deploy(&[]).ok();
    assert_eq!(mounted(&bench).0, "db-data");
}

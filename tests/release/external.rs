//! Secrets from a store, through the real External Secrets operator with its provider that makes values up.

use crate::bench::{Bench, CONFIG, bench, wait_for};
use serde_json::{Value, json};
use std::sync::OnceLock;
use testbed::{ControlPlane, Operator};

const FROM_STORE: &str = "secrets: {from: external-secrets, externalSecrets: {store: {name: store}}}\n";

/// Every character that escaping treats in a way of its own.
const ODD: &str = "p +%/:@?#[]!$&'()*,;=~-_.\"\\{}é€\u{1f600}";

/// The operator works for all tests of this process.
fn operator(plane: &ControlPlane) -> &'static Operator {
    static OPERATOR: OnceLock<Operator> = OnceLock::new();
    OPERATOR.get_or_init(|| Operator::external_secrets(plane).unwrap())
}

fn store(bench: &Bench) {
    let data =
        json!([{"key": "db-password", "value": ODD}, {"key": "shop/api", "value": "{\"tok\": \"from the store\"}"}]);
    bench.apply(&json!({"apiVersion": "external-secrets.io/v1", "kind": "SecretStore", "metadata": {"name": "store"},
        "spec": {"provider": {"fake": {"data": data}}}}));
}

fn synced(bench: &Bench, name: &str) {
    wait_for("the Secret of the operator", || bench.find(&format!("secret/{name}")));
}

#[test]
fn the_operator_makes_the_secrets_that_pods_take() {
    let Some(bench) = bench("external") else { return };
    let password = ["--parameter", "db-password=one"];
    bench.deploy(&password).ok();
    operator(bench.plane);
    bench.configure(&format!(
        "{CONFIG}{FROM_STORE}parameters: {{token: {{from: {{external-secrets: {{key: shop/api, property: tok}}}}}}}}\n"
    ));
    bench.unchanged(|| {
        bench
            .deploy(&[])
            .exits(3)
            .says(&["the SecretStore store in namespace", "which supplies `db-password`, does not exist"])
    });
    store(&bench);
    bench.deploy(&[]).ok();
    synced(&bench, "app-db-password-external");
    synced(&bench, "app-token-external");
    let secret = bench.secret("app-db-password-external");
    assert_eq!(secret["db-password"], ODD);
    assert_eq!(
        secret["db-password.uri"],
        kubectl_aspire::internals::app::escape_uri_data(ODD),
        "the operator escapes as we do"
    );
    assert_eq!(bench.secret("app-token-external")["token"], "from the store");
    let variables = bench.get("deployment/api")["spec"]["template"]["spec"]["containers"][0]["env"].clone();
    let refers = |name: &str, secret: &str, key: &str| {
        let wanted = json!({"name": secret, "key": key});
        variables
            .as_array()
            .unwrap()
            .iter()
            .any(|variable| variable["name"] == name && variable["valueFrom"]["secretKeyRef"] == wanted)
    };
    assert!(refers("TOKEN", "app-token-external", "token"), "{variables}");
    assert!(refers("ASPIRE_SECRET_DB_PASSWORD_URI", "app-db-password-external", "db-password.uri"), "{variables}");
    assert_eq!(
        bench.secret("app-secrets").keys().collect::<Vec<_>>(),
        ["db-password", "db-password.uri"],
        "the claim's"
    );
    let running = bench.running();
    bench.deploy(&[]).ok();
    assert_eq!(bench.running(), running, "the same again restarts nothing");

    // A way back that fails leaves what pods use.
    let broken = "resources: {api: {podAnnotations: {testbed.dev/behavior: image-pull-backoff}}}\n";
    bench.configure(&format!("{CONFIG}{broken}"));
    assert!(bench.deploy(&["--timeout", "12s"]).end().code != Some(0));
    assert_eq!(bench.secret("app-token-external")["token"], "from the store");
    assert!(bench.find("externalsecret/app-token-external").is_some());

    bench.configure(CONFIG);
    let goes = format!("ExternalSecret app-token-external in namespace {}", bench.ns);
    let planned = bench.run(&["plan", "app", "-n", &bench.ns]).end();
    assert!(planned.out.contains(&format!("- {goes}")), "{planned}");
    bench.deploy(&[]).ok().says(&[&format!("to be removed: {goes}")]);
    let secret = bench.secret("app-secrets");
    assert_eq!((&*secret["token"], &*secret["db-password"]), ("from the store", ODD), "taken along");
    assert_eq!(bench.list("externalsecrets"), Vec::<Value>::new());
    wait_for("the end of the operator's Secret", || bench.find("secret/app-token-external").is_none().then_some(()));
    bench.configure(&format!("{CONFIG}{FROM_STORE}parameters: {{token: {{from: deploy}}}}\n"));
    bench.deploy(&[]).ok();
    bench.destroy(&["--delete-data", "--yes"]).ok();
    assert_eq!(bench.list("externalsecrets"), Vec::<Value>::new());
}

#[test]
fn a_store_without_the_key_is_told_after_the_failure() {
    let Some(bench) = bench("nokeyext") else { return };
    operator(bench.plane);
    store(&bench);
    let broken = "resources: {api: {podAnnotations: {testbed.dev/behavior: image-pull-backoff}}}\n";
    bench.configure(&format!("{CONFIG}{FROM_STORE}{broken}"));
    let ran = bench.deploy(&["--timeout", "15s"]).end();
    assert!(ran.code != Some(0));
    assert!(
        ran.err.contains("the ExternalSecret app-token-external has created no Secret, and pods wait for it"),
        "{ran}"
    );
}

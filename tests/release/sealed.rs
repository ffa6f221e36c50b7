//! Sealed secrets: what we seal, the real controller opens.

use crate::bench::{Bench, CONFIG, bench, text, wait_for};
use serde_json::Value;
use std::fs;
use std::sync::OnceLock;
use testbed::{ControlPlane, Operator};

const ODD: &str = "p +%/:@\"\\é€\u{1f600}";
const FILE: &str = "app/aspire-k8s.sealed.yaml";

fn controller(plane: &ControlPlane) -> &'static Operator {
    static CONTROLLER: OnceLock<Operator> = OnceLock::new();
    CONTROLLER.get_or_init(|| Operator::sealed_secrets(plane).unwrap())
}

/// Seals with the controller's own certificate.
fn seal(bench: &Bench, more: &[&str]) -> crate::bench::Run {
    let certificate = controller(bench.plane).get("/v1/cert.pem").unwrap();
    let path = bench.write("cert.pem", &certificate).display().to_string();
    bench.run(&[&["seal", "app", "-n", &bench.ns, "--cert", &path], more].concat())
}

/// Name and key of the Secret that a variable of the api is taken from.
fn reference(bench: &Bench, variable: &str) -> (String, String) {
    let object = bench.get("deployment/api");
    let variables = object["spec"]["template"]["spec"]["containers"][0]["env"].as_array().unwrap().clone();
    let found = variables.iter().find(|entry| entry["name"] == variable).unwrap_or(&Value::Null);
    let reference = &found["valueFrom"]["secretKeyRef"];
    (text(&reference["name"]).to_owned(), text(&reference["key"]).to_owned())
}

/// What the Secret of the controller holds at the key that a variable is taken from.
fn opened(bench: &Bench, variable: &str) -> String {
    let (secret, key) = reference(bench, variable);
    wait_for("the Secret of the controller", || bench.find(&format!("secret/{secret}")));
    bench.secret(&secret)[&key].clone()
}

#[test]
fn the_controller_opens_what_was_sealed_and_values_in_use_are_sealed() {
    let Some(bench) = bench("sealed") else { return };
    controller(bench.plane);
    bench.deploy(&["--parameter", &format!("db-password={ODD}")]).ok();
    let token = bench.secret("app-secrets")["token"].clone();
    bench.configure(&format!("{CONFIG}secrets: {{from: sealed}}\n"));
    bench.unchanged(|| {
        bench.deploy(&[]).exits(3).says(&["no value of `token` is sealed for the release app", "seal --name token"])
    });

    let ran = bench.unchanged(|| seal(&bench, &[]).ok());
    assert!(!ran.err.contains(&token) && !ran.err.contains(ODD), "{ran}");
    let file = fs::read_to_string(bench.path(FILE)).unwrap();
    assert!(!file.contains(&token));
    bench.deploy(&[]).ok();
    assert_eq!(opened(&bench, "TOKEN"), token, "the value in use was sealed");
    assert_eq!(opened(&bench, "ASPIRE_SECRET_DB_PASSWORD_URI"), kubectl_aspire::internals::app::escape_uri_data(ODD));
    assert!(!bench.secret("app-secrets").contains_key("token"));
    seal(&bench, &[]).ok().says(&["nothing to seal"]);
    assert_eq!(fs::read_to_string(bench.path(FILE)).unwrap(), file, "sealing is random: only on request");
    let running = bench.running();
    bench.deploy(&[]).ok();
    assert_eq!(bench.running(), running, "the same again restarts nothing");

    // Another value is another Secret, and the one from before goes when nothing takes it.
    let (before, _) = reference(&bench, "TOKEN");
    seal(&bench, &["--name", "token", "--parameter", "token=new"]).ok();
    let broken = "resources: {api: {podAnnotations: {testbed.dev/behavior: image-pull-backoff}}}\n";
    bench.configure(&format!("{CONFIG}secrets: {{from: sealed}}\n{broken}"));
    assert!(bench.deploy(&["--timeout", "12s"]).end().code != Some(0));
    assert_eq!(bench.secret(&before)["token"], token, "old pods still find theirs");
    bench.configure(&format!("{CONFIG}secrets: {{from: sealed}}\n"));
    bench.deploy(&[]).ok();
    assert_eq!(opened(&bench, "TOKEN"), "new");
    assert_ne!(reference(&bench, "TOKEN").0, before);
    wait_for("the end of the old Secret", || bench.find(&format!("secret/{before}")).is_none().then_some(()));

    bench.configure(CONFIG);
    bench.deploy(&[]).ok();
    let secret = bench.secret("app-secrets");
    assert_eq!((&*secret["token"], &*secret["db-password"]), ("new", ODD), "and back: taken along");
    assert_eq!(bench.list("sealedsecrets"), Vec::<Value>::new());
}

#[test]
fn a_value_opens_in_the_release_that_it_was_sealed_for_and_in_no_other() {
    let Some(bench) = bench("sealedfor") else { return };
    bench.configure(&format!("{CONFIG}parameters: {{token: {{from: sealed}}}}\n"));
    seal(&bench, &["--parameter", "token=t"]).ok();
    bench.unchanged(|| bench.deploy(&["--release", "other"]).exits(3).says(&["`token`", "seal --name token"]));
    // As if somebody had taken the ciphertext of another namespace: the controller must refuse it, and we tell why.
    let file = fs::read_to_string(bench.path(FILE)).unwrap();
    let elsewhere = bench.plane.namespace("sealedelse");
    bench.write(FILE, &file.replace(&format!("  {}:", bench.ns), &format!("  {elsewhere}:")));
    let broken = "resources: {api: {podAnnotations: {testbed.dev/behavior: image-pull-backoff}}}\n";
    bench.configure(&format!("{CONFIG}parameters: {{token: {{from: sealed}}}}\n{broken}"));
    let ran = bench.run(&["deploy", "app", "-n", &elsewhere, "--timeout", "15s"]).end();
    assert!(ran.code != Some(0));
    assert!(ran.err.contains("the SealedSecret app-token-") && ran.err.contains("has created no Secret"), "{ran}");
}

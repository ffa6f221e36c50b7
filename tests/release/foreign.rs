//! Secrets that are not ours: what must be there before, what is taken along, what pods never miss.

use crate::bench::{Bench, CONFIG, bench, text, wait_for};
use serde_json::json;

const BROKEN: &str = "resources: {api: {podAnnotations: {testbed.dev/behavior: image-pull-backoff}}}\n";

fn mine(bench: &Bench, token: &str) {
    bench.apply(
        &json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "mine"}, "stringData": {"tok": token}}),
    );
}

fn existing(more: &str) -> String {
    format!("{CONFIG}parameters: {{token: {{from: {{existing: {{name: mine, key: tok}}}}}}}}\n{more}")
}

/// The Secret that the api takes its token from.
fn token_from(bench: &Bench) -> String {
    let object = bench.get("deployment/api");
    let variables = object["spec"]["template"]["spec"]["containers"][0]["env"].as_array().unwrap().clone();
    let found = variables.into_iter().find(|entry| entry["name"] == "TOKEN").unwrap();
    text(&found["valueFrom"]["secretKeyRef"]["name"]).to_owned()
}

#[test]
fn a_key_that_is_not_there_stops_before_anything_is_written() {
    let Some(bench) = bench("nokey") else { return };
    bench.configure(&existing(""));
    let sentence =
        ["`token` comes from the key tok of the Secret mine, which does not exist in namespace", "use `deferred`"];
    bench.unchanged(|| bench.deploy(&[]).exits(3).says(&sentence));
    bench.apply(&json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "mine"}, "stringData": {"x": "y"}}));
    bench.unchanged(|| bench.deploy(&[]).exits(3).says(&["which has no key tok"]));
    mine(&bench, "now");
    bench.deploy(&[]).ok();
}

#[test]
fn there_and_back_the_value_in_use_is_taken_along() {
    let Some(bench) = bench("back") else { return };
    bench.deploy(&["--parameter", "token=one"]).ok();
    mine(&bench, "two");
    bench.configure(&existing(""));
    bench.deploy(&[]).ok();
    assert_eq!(token_from(&bench), "mine");
    assert!(!bench.secret("app-secrets").contains_key("token"), "nothing takes it from there any more");
    let running = bench.running();
    bench.deploy(&[]).ok();
    assert_eq!(bench.running(), running, "the same again restarts nothing");

    bench.configure(CONFIG);
    bench.deploy(&[]).ok();
    assert_eq!(token_from(&bench), "app-secrets");
    assert_eq!(bench.secret("app-secrets")["token"], "two", "the value in use, not an older one");

    bench.configure(&existing(""));
    bench.deploy(&[]).ok();
    bench.plane.kubectl(&["delete", "secret", "mine", "-n", &bench.ns]).unwrap();
    bench.configure(CONFIG);
    bench.unchanged(|| bench.deploy(&[]).exits(1).says(&["`token` was taken from the key tok of the Secret mine"]));
    bench.deploy(&["--parameter", "token=three"]).ok();
    assert_eq!(bench.secret("app-secrets")["token"], "three");
}

#[test]
fn pods_that_run_find_their_key_until_the_new_ones_do() {
    let Some(bench) = bench("keys") else { return };
    for (from, secret) in [("deploy", "app-secrets"), ("chart", "app-chart-secrets")] {
        bench.configure(&format!("{CONFIG}secrets: {{from: {from}}}\n"));
        bench.deploy(&["--parameter", "token=one"]).ok();
        mine(&bench, "two");
        bench.configure(&existing(&format!("secrets: {{from: {from}}}\n{BROKEN}")));
        let mut child = bench.deploy(&["--timeout", "15s"]).spawn();
        wait_for("the new pods", || (token_from(&bench) == "mine").then_some(()));
        let held = bench.secret(secret);
        assert!(child.wait().unwrap().code().is_some_and(|code| code != 0));
        assert_eq!(held["token"], "one", "old pods take it from {secret} while the change is under way");
        assert_eq!(bench.secret(secret)["token"], "one", "and after it failed");

        bench.configure(&format!("{CONFIG}secrets: {{from: {from}}}\n"));
        bench.deploy(&[]).ok();
        assert_eq!((token_from(&bench), &*bench.secret(secret)["token"]), (secret.to_owned(), "one"));
    }
}

#[test]
fn a_failed_way_back_leaves_the_secret_of_others_in_use() {
    let Some(bench) = bench("wayback") else { return };
    mine(&bench, "theirs");
    bench.configure(&existing(""));
    bench.deploy(&[]).ok();
    bench.configure(&format!("{CONFIG}{BROKEN}"));
    let code = bench.deploy(&["--timeout", "12s", "--parameter", "token=ours"]).end().code;
    assert!(code != Some(0));
    bench.configure(CONFIG);
    bench.deploy(&[]).ok();
    assert_eq!(bench.secret("app-secrets")["token"], "theirs", "the value of the last good release");
}

#[test]
fn another_value_for_a_volume_that_was_set_up_is_warned_of() {
    let Some(bench) = bench("differs") else { return };
    bench.deploy(&["--parameter", "db-password=one"]).ok();
    bench.apply(&json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "pg"}, "stringData": {"pw": "two", "uri": "two"}}));
    let from = "parameters: {db-password: {from: {existing: {name: pg, key: pw, uriKey: uri}}}}\n";
    bench.configure(&format!("{CONFIG}{from}"));
    let ran = bench.deploy(&[]).ok().says(&["the value of db-password there differs", "db-data"]);
    assert!(!ran.err.contains("two"), "{ran}");
    assert_eq!(bench.secret("app-secrets")["db-password"], "one", "it lives as long as the claim");
    let again = bench.deploy(&[]).ok();
    assert!(!again.err.contains("there differs"), "{again}");
}

#[test]
fn a_producer_that_never_delivers_is_named() {
    let Some(bench) = bench("later") else { return };
    let from = "parameters: {token: {from: {deferred: {secret: kc, key: tok, producedBy: kc-bootstrap}}}}\n";
    bench.configure(&format!("{CONFIG}{from}{BROKEN}"));
    let code = bench.deploy(&["--timeout", "12s"]).end();
    assert!(code.code != Some(0));
    let sentence = "kc-bootstrap never wrote the key tok of the Secret kc, and pods wait for it (`token`)";
    assert!(code.err.contains(sentence), "{code}");
    bench.configure(&format!("{CONFIG}{from}"));
    bench.deploy(&[]).ok();
    assert_eq!(token_from(&bench), "kc");
}

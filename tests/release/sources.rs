//! Where a secret comes from: from deploy, from the chart, from a Secret that exists; and the change from one to another.

use crate::bench::{Bench, CONFIG, bench, text};
use serde_json::{Value, json};

fn source(bench: &Bench, from: &str) {
    bench.configure(&format!("{CONFIG}secrets: {{from: {from}}}\n"));
}

/// Name and key of the Secret that a variable of a workload is taken from.
fn reference(bench: &Bench, workload: &str, variable: &str) -> (String, String) {
    let object = bench.get(workload);
    let variables = object["spec"]["template"]["spec"]["containers"][0]["env"].as_array().unwrap().clone();
    let found = variables.iter().find(|entry| entry["name"] == variable).unwrap_or(&Value::Null);
    let reference = &found["valueFrom"]["secretKeyRef"];
    (text(&reference["name"]).to_owned(), text(&reference["key"]).to_owned())
}

fn pair(name: &str, key: &str) -> (String, String) {
    (name.to_owned(), key.to_owned())
}

#[test]
fn a_secret_of_the_chart_is_kept_without_being_given_again() {
    let Some(bench) = bench("chart") else { return };
    source(&bench, "chart");
    bench.deploy(&["--parameter", "token=t +1"]).ok();
    let secret = bench.get("secret/app-chart-secrets");
    assert_eq!(secret["metadata"]["annotations"]["helm.sh/resource-policy"], "keep");
    assert_eq!(bench.secret("app-chart-secrets")["token"], "t +1");
    assert_eq!(bench.secret("app-chart-secrets")["token.uri"], "t%20%2B1");
    assert_eq!(bench.find("secret/app-secrets"), None);
    assert_eq!(reference(&bench, "deployment/api", "TOKEN"), pair("app-chart-secrets", "token"));
    let running = bench.running();

    bench.run(&["render", "app", "-o", "chart"]).ok();
    bench.helm(&["upgrade", "app", "./chart", "--reset-values", "--wait", "--timeout", "60s"]).ok();
    assert_eq!(bench.get("secret/app-chart-secrets")["data"], secret["data"]);
    assert_eq!(bench.running(), running);
    bench.deploy(&[]).ok();
    assert_eq!(bench.get("secret/app-chart-secrets")["data"], secret["data"]);
    assert_eq!(bench.running(), running);

    bench.destroy(&[]).ok();
    assert_eq!(bench.get("secret/app-chart-secrets")["data"], secret["data"]);
    bench.deploy(&[]).ok();
    assert_eq!(bench.get("secret/app-chart-secrets")["data"], secret["data"]);
    bench.destroy(&["--delete-data", "--yes"]).ok();
    assert_eq!(bench.find("secret/app-chart-secrets"), None);
}

#[test]
fn a_secret_that_exists_is_referred_to_and_not_copied() {
    let Some(bench) = bench("existing") else { return };
    bench.apply(&json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "mine"},
        "stringData": {"pw": "a b", "pw-uri": "a%20b", "tok": "t"}}));
    let mine = bench.get("secret/mine");
    let parameters = "parameters:\n  db-password: {from: {existing: {name: mine, key: pw, uriKey: pw-uri}}}\n  token: {from: {existing: {name: mine, key: tok}}}\n";
    bench.configure(&format!("{CONFIG}{}", parameters.replace(", uriKey: pw-uri", "")));
    bench.unchanged(|| bench.deploy(&[]).exits(1).says(&["parameters.db-password.from.existing", "uriKey"]));
    bench.configure(&format!("{CONFIG}{parameters}"));
    bench.deploy(&[]).ok();
    assert_eq!(reference(&bench, "statefulset/db", "DB_PASSWORD"), pair("mine", "pw"));
    assert_eq!(reference(&bench, "deployment/api", "TOKEN"), pair("mine", "tok"));
    let uri = reference(&bench, "deployment/api", "ASPIRE_SECRET_DB_PASSWORD_URI");
    assert_eq!(uri, pair("mine", "pw-uri"));
    assert_eq!(bench.find("secret/app-secrets"), None);
    assert_eq!(bench.find("secret/app-chart-secrets"), None);
    bench.destroy(&["--delete-data", "--yes"]).ok();
    assert_eq!(bench.get("secret/mine"), mine);
}

#[test]
fn a_change_of_source_takes_the_values_along_and_leaves_none_behind() {
    let Some(bench) = bench("switch") else { return };
    let password = ["--parameter", "db-password=one"];
    bench.deploy(&password).ok();
    let token = bench.secret("app-secrets")["token"].clone();

    source(&bench, "chart");
    bench.deploy(&[]).ok();
    let chart = bench.secret("app-chart-secrets");
    assert_eq!((&*chart["db-password"], &chart["token"]), ("one", &token));
    bench.deploy(&["--parameter", "db-password=two", "--accept", "stale-credentials"]).ok();

    source(&bench, "deploy");
    bench.deploy(&[]).ok();
    let deploy = bench.secret("app-secrets");
    assert_eq!((&*deploy["db-password"], &deploy["token"]), ("two", &token), "the older value was kept");
    assert_eq!(bench.find("secret/app-chart-secrets"), None);
    bench.deploy(&["--parameter", "db-password=three", "--accept", "stale-credentials"]).ok();

    source(&bench, "chart");
    bench.deploy(&[]).ok();
    assert_eq!(bench.secret("app-chart-secrets")["db-password"], "three");
}

#[test]
fn a_failed_change_of_source_leaves_the_old_one() {
    let Some(bench) = bench("switchfail") else { return };
    source(&bench, "chart");
    bench.deploy(&["--parameter", "token=one"]).ok();
    let secret = bench.get("secret/app-chart-secrets");
    let broken = "resources: {api: {podAnnotations: {testbed.dev/behavior: image-pull-backoff}}}\n";
    bench.configure(&format!("{CONFIG}{broken}"));
    bench.deploy(&["--timeout", "12s"]).exits(1);
    assert_eq!(bench.get("secret/app-chart-secrets")["data"], secret["data"]);
    bench.configure(CONFIG);
    bench.deploy(&[]).ok();
    assert_eq!(bench.secret("app-secrets")["token"], "one");
    assert_eq!(bench.find("secret/app-chart-secrets"), None);
}

#[test]
fn a_release_of_plain_helm_can_be_taken_over_with_its_secrets() {
    let Some(bench) = bench("takeover") else { return };
    bench.run(&["render", "app", "-o", "chart"]).ok();
    bench.helm(&["install", "app", "./chart"]).exits(1).says(&["missing inputs: db-password, token"]);
    let values = bench.write("values.yaml", "parameters: {db-password: pw, token: t}\n").display().to_string();
    bench.helm(&["install", "app", "./chart", "-f", &values, "--wait", "--timeout", "60s"]).ok();
    bench.deploy(&[]).ok();
    let secret = bench.secret("app-secrets");
    assert_eq!((&*secret["db-password"], &*secret["token"]), ("pw", "t"));
    assert_eq!(bench.find("secret/app-chart-secrets"), None);
}

//! Replacing a secret: who restarts, who does not, and which data must be asked about first.

use crate::bench::{Bench, CONFIG, bench, text, wait_for};
use std::collections::BTreeMap;

/// A third workload, which uses nothing that is rotated.
const BYSTANDER: &str = "\"web\": { \"type\": \"container.v0\", \"image\": \"registry.invalid/web:1\", \
     \"env\": { \"CURRENCY\": \"{currency.value}\" } },\n    \"db-password\": {";

fn with_bystander(prefix: &str) -> Option<Bench> {
    let bench = bench(prefix)?;
    bench.change_manifest("\"db-password\": {", BYSTANDER);
    bench.deploy(&[]).ok();
    Some(bench)
}

/// What differs, by kind and name: the pods by the workload that they belong to.
fn restarted(before: &BTreeMap<String, String>, after: &BTreeMap<String, String>) -> Vec<String> {
    let names = ["Deployment/api", "Deployment/web", "StatefulSet/db", "Pod/db-0"];
    let of_deployment = |all: &BTreeMap<String, String>, workload: &str| -> Vec<String> {
        let pods = all.keys().filter(|name| name.starts_with(&format!("Pod/{workload}-")));
        pods.cloned().collect()
    };
    let mut changed: Vec<String> =
        names.into_iter().filter(|name| before.get(*name) != after.get(*name)).map(str::to_owned).collect();
    for workload in ["api", "web"] {
        let (old, new) = (of_deployment(before, workload), of_deployment(after, workload));
        assert_eq!(new.len(), 1, "{new:?}");
        if old != new {
            changed.push(format!("Pod/{workload}"));
        }
    }
    changed.sort();
    changed
}

/// The state once no pod of before is on its way out any more.
fn settled(bench: &Bench) -> BTreeMap<String, String> {
    wait_for("the end of the old pods", || {
        let pods = bench.list("pods");
        pods.iter().all(|pod| pod["metadata"]["deletionTimestamp"].is_null()).then(|| bench.running())
    })
}

#[test]
fn a_rotated_secret_is_new_and_restarts_its_users_only() {
    let Some(bench) = with_bystander("rotate") else { return };
    let (before, secret) = (settled(&bench), bench.secret("app-secrets"));
    bench.deploy(&["--rotate", "token"]).ok().says(&["generated values for token"]);
    let (after, rotated) = (settled(&bench), bench.secret("app-secrets"));
    assert_ne!(rotated["token"], secret["token"]);
    assert_eq!(rotated["token"].len(), 22);
    assert_eq!(rotated["db-password"], secret["db-password"]);
    assert_eq!(restarted(&before, &after), ["Deployment/api", "Pod/api"]);
    // The next deploy, from another home, keeps the new one.
    bench.deploy(&[]).ok();
    assert_eq!((bench.secret("app-secrets"), settled(&bench)), (rotated, after));
}

#[test]
fn a_credential_of_live_data_is_rotated_only_when_it_is_meant() {
    let Some(bench) = with_bystander("stale") else { return };
    let (before, secret) = (settled(&bench), bench.secret("app-secrets"));
    for more in [
        &["--rotate", "db-password"][..],
        &["--parameter", "db-password=hunter2"],
        &["--rotate", "db-password", "--yes"],
    ] {
        let ran = bench.unchanged(|| bench.deploy(more).exits(3));
        ran.says(&[
            "`db-password` would change, but the data in the claim db-data",
            "--accept stale-credentials",
            "ALTER USER",
        ]);
    }
    // The same value again is no change.
    bench.deploy(&["--parameter", &format!("db-password={}", secret["db-password"])]).ok();
    assert_eq!(settled(&bench), before);
    bench.deploy(&["--rotate", "db-password", "--accept", "stale-credentials"]).ok();
    let rotated = bench.secret("app-secrets");
    assert_ne!(rotated["db-password"], secret["db-password"]);
    assert_ne!(rotated["db-password.uri"], secret["db-password.uri"]);
    assert_eq!(rotated["token"], secret["token"]);
    let changed = restarted(&before, &settled(&bench));
    assert_eq!(changed, ["Deployment/api", "Pod/api", "Pod/db-0", "StatefulSet/db"]);
    // Without the data nobody knows the old one.
    bench.destroy(&["--delete-data", "--yes"]).ok();
    bench.deploy(&[]).ok();
}

#[test]
fn a_credential_that_is_lost_while_its_data_is_there_is_not_generated_in_silence() {
    let Some(bench) = bench("lost") else { return };
    bench.deploy(&[]).ok();
    let old = bench.secret("app-secrets")["db-password"].clone();
    bench.destroy(&[]).ok();
    bench.plane.kubectl(&["delete", "secret", "app-secrets", "-n", &bench.ns]).unwrap();
    let said = ["`db-password` would be generated", "the claim db-data already exists", "--accept stale-credentials"];
    bench.unchanged(|| bench.deploy(&[]).exits(3).says(&said));
    bench.unchanged(|| bench.run(&["plan", "app", "-n", &bench.ns]).exits(3).says(&said));
    // The old value is the way out, and so is a word that the data does not matter.
    bench.write("old.env", &format!("db-password='{old}'\n"));
    bench.deploy(&["--parameter-file", "old.env"]).ok();
    assert_eq!(bench.secret("app-secrets")["db-password"], old);
    bench.destroy(&[]).ok();
    bench.plane.kubectl(&["delete", "secret", "app-secrets", "-n", &bench.ns]).unwrap();
    bench.deploy(&["--accept", "stale-credentials"]).ok();
    assert_ne!(bench.secret("app-secrets")["db-password"], old);
}

#[test]
fn a_failed_rotation_puts_the_old_value_back() {
    let Some(bench) = bench("rotatefail") else { return };
    bench.deploy(&[]).ok();
    let secret = bench.secret("app-secrets");
    bench.configure(&format!(
        "{CONFIG}resources: {{api: {{podAnnotations: {{testbed.dev/behavior: image-pull-backoff}}}}}}\n"
    ));
    let ran = bench.deploy(&["--rotate", "token", "--timeout", "12s"]).end();
    assert_ne!(ran.code, Some(0), "{ran}");
    assert_eq!(bench.secret("app-secrets"), secret);
    assert_eq!(bench.find("secret/app-secrets-before"), None);
    bench.configure(CONFIG);
    bench.deploy(&[]).ok();
    assert_eq!(bench.secret("app-secrets"), secret);
}

#[test]
fn a_secret_of_the_chart_is_rotated_too() {
    let Some(bench) = bench("rotatechart") else { return };
    bench.configure(&format!("{CONFIG}secrets: {{from: chart}}\n"));
    bench.deploy(&[]).ok();
    let (before, secret) = (settled(&bench), bench.secret("app-chart-secrets"));
    bench.deploy(&["--rotate", "token"]).ok();
    let (after, rotated) = (settled(&bench), bench.secret("app-chart-secrets"));
    assert_ne!(rotated["token"], secret["token"]);
    assert_eq!(rotated["db-password"], secret["db-password"]);
    assert_eq!(before["Pod/db-0"], after["Pod/db-0"]);
    assert_ne!(before["Deployment/api"], after["Deployment/api"]);
    bench.unchanged(|| bench.deploy(&["--rotate", "db-password"]).exits(3));
}

#[test]
fn what_rotating_cannot_change_is_refused() {
    let Some(bench) = bench("rotatewhat") else { return };
    bench.deploy(&[]).ok();
    bench.configure(&format!("{CONFIG}parameters: {{token: {{from: {{existing: {{name: mine, key: token}}}}}}}}\n"));
    bench.unchanged(|| {
        let ran = bench.deploy(&["--rotate", "token", "--rotate", "curency", "--rotate", "currency"]).exits(1);
        ran.says(&[
            "the value of `token` is managed elsewhere and cannot be rotated here",
            "did you mean `currency`?",
            "`currency` is neither secret nor generated",
        ]);
    });
    assert!(text(&bench.get("configmap/app-aspire")["data"]["application"]) == "app");
}

//! Deploy, deploy again, destroy: what stands on the cluster, and what restarts.

use crate::bench::{bench, text};
use serde_json::json;

#[test]
fn deploy_makes_the_namespace_the_secret_the_state_and_ready_workloads() {
    let Some(mut bench) = bench("made") else { return };
    let ns = format!("{}-new", bench.ns);
    let said = bench.run(&["deploy", "app", "-n", &ns]).ok();
    said.says(&[&format!("deploying to release app in namespace {ns}"), &format!("created namespace {ns}")]);
    bench.ns = ns;
    let namespace = bench.get(&format!("namespace/{}", bench.ns));
    assert_eq!(namespace["metadata"]["labels"]["app.kubernetes.io/managed-by"], "kubectl-aspire");
    assert_eq!(namespace["metadata"]["labels"]["aspire-k8s/created-for"], "app");

    let secret = bench.get("secret/app-secrets");
    assert_eq!(secret["type"], "Opaque");
    assert_eq!(secret["metadata"]["labels"]["app.kubernetes.io/managed-by"], "kubectl-aspire");
    assert_eq!(secret["metadata"]["labels"]["app.kubernetes.io/instance"], "app");
    let values = bench.secret("app-secrets");
    assert_eq!(values.keys().collect::<Vec<_>>(), ["db-password", "db-password.uri", "token"]);
    assert_eq!(values["token"].len(), 22);
    let state = bench.get("configmap/app-aspire");
    assert_eq!(state["metadata"]["labels"]["app.kubernetes.io/managed-by"], "kubectl-aspire");
    assert_eq!(state["data"]["application"], "app");

    let release = bench.helm(&["list", "-o", "json"]).ok();
    let releases: serde_json::Value = serde_json::from_str(&release.out).unwrap();
    assert_eq!((text(&releases[0]["name"]), text(&releases[0]["status"])), ("app", "deployed"));
    assert_eq!(bench.get("deployment/api")["status"]["readyReplicas"], 1);
    assert_eq!(bench.get("statefulset/db")["status"]["readyReplicas"], 1);
    assert_eq!(bench.get("pvc/db-data")["status"]["phase"], "Bound");
    assert_eq!(bench.find("secret/app-secrets-before"), None);
    assert!(bench.left_behind().is_empty());
}

#[test]
fn a_second_deploy_from_an_empty_home_changes_no_secret_and_restarts_nothing() {
    let Some(bench) = bench("again") else { return };
    bench.deploy(&["--parameter", "currency=USD"]).ok();
    let (secret, running) = (bench.get("secret/app-secrets"), bench.running());
    bench.deploy(&[]).ok();
    assert_eq!(bench.get("secret/app-secrets")["data"], secret["data"]);
    assert_eq!(bench.get("secret/app-secrets")["metadata"]["resourceVersion"], secret["metadata"]["resourceVersion"]);
    assert_eq!(bench.running(), running);
    assert_eq!(bench.get("configmap/api-config")["data"]["CURRENCY"], "USD");
    assert_eq!(bench.find("secret/app-secrets-before"), None);
}

#[test]
fn another_version_or_description_of_the_chart_restarts_nothing() {
    let Some(bench) = bench("version") else { return };
    bench.deploy(&[]).ok();
    let (secret, running) = (bench.get("secret/app-secrets"), bench.running());
    let chart = "chart: {version: 7.8.9-rc.1+x, appVersion: 'of today', description: other}\n";
    bench.configure(&format!("{}{chart}", crate::bench::CONFIG));
    bench.deploy(&[]).ok();
    assert_eq!(bench.running(), running);
    assert_eq!(bench.get("secret/app-secrets"), secret);
    let labels = &bench.get("deployment/api")["metadata"]["labels"];
    assert_eq!(labels["app.kubernetes.io/version"], "of_today");
}

#[test]
fn a_changed_secret_restarts_those_that_use_it_and_no_other() {
    let Some(bench) = bench("change") else { return };
    bench.deploy(&[]).ok();
    let before = bench.running();
    bench.deploy(&["--parameter", "token=another"]).ok();
    let after = bench.running();
    assert_eq!(bench.secret("app-secrets")["token"], "another");
    assert_eq!(before["Pod/db-0"], after["Pod/db-0"]);
    assert_ne!(before["Deployment/api"], after["Deployment/api"]);
}

#[test]
fn what_others_add_to_the_secret_stays() {
    let Some(bench) = bench("beside") else { return };
    bench.deploy(&[]).ok();
    bench.apply(
        &json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "app-secrets", "labels": {"team": "a"}}}),
    );
    bench.deploy(&["--parameter", "token=another"]).ok();
    assert_eq!(bench.get("secret/app-secrets")["metadata"]["labels"]["team"], "a");
}

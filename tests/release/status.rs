//! `status` and `history`: what stands on the cluster, from any machine, without a secret and without a write.

use crate::bench::{Bench, CONFIG, bench};
use serde_json::{Value, json};

fn status(bench: &Bench) -> Value {
    let ran = bench.unchanged(|| bench.run(&["status", "--release", "app", "-n", &bench.ns, "-o", "json"]).ok());
    serde_json::from_str(&ran.out).unwrap()
}

/// Object, field and word of each difference.
fn drift(status: &Value) -> Vec<String> {
    let drift = status["drift"].as_array().unwrap().iter();
    drift
        .map(|drift| {
            format!("{} {} {} {}", drift["kind"], drift["name"], drift["path"], drift["what"]).replace('"', "")
        })
        .collect()
}

#[test]
fn status_tells_what_runs_and_shows_no_secret() {
    let Some(bench) = bench("status") else { return };
    bench.deploy(&[]).ok();
    std::fs::remove_dir_all(bench.path("app")).unwrap();
    let found = status(&bench);
    let plain = |key: &str| found[key].clone();
    assert_eq!((plain("release"), plain("application"), plain("revision")), (json!("app"), json!("app"), json!(1)));
    assert_eq!((plain("status"), plain("meaning")), (json!("deployed"), json!("helm applied the whole revision")));
    assert_eq!(plain("chart"), "app-0.1.0");
    assert_eq!(
        plain("workloads"),
        json!([
            {"name": "api", "kind": "Deployment", "ready": 1, "desired": 1, "autoscaler": null, "images": ["registry.invalid/api:1"]},
            {"name": "db", "kind": "StatefulSet", "ready": 1, "desired": 1, "autoscaler": null, "images": ["registry.invalid/db:1"]},
        ])
    );
    let api = &found["endpoints"][0];
    assert_eq!((&api["name"], &api["external"], &api["port"]), (&json!("api"), &json!(false), &json!(8080)));
    assert_eq!(api["reach"], format!("kubectl port-forward -n {} service/api 8080:8080", bench.ns));
    let claim = json!([{"name": "db-data", "phase": "Bound", "size": "1Gi", "storageClass": "standard", "kept": true}]);
    assert_eq!(plain("claims"), claim);
    let keys = json!(["db-password", "db-password.uri", "token"]);
    assert_eq!(plain("secrets"), json!([{"name": "app-secrets", "exists": true, "keys": keys, "missing": []}]));
    assert_eq!(drift(&found), [""; 0]);

    let text = bench.run(&["status", "--release", "app", "-n", &bench.ns]).ok();
    for part in ["deployed: helm applied the whole revision", "api   Deployment   1/1", "db-data  Bound", "no drift"] {
        assert!(text.out.contains(part), "it does not say `{part}`: {text}");
    }
    for secret in bench.secret("app-secrets").values() {
        assert!(!text.out.contains(secret) && !found.to_string().contains(secret));
    }
}

#[test]
fn changes_by_hand_are_drift() {
    let Some(bench) = bench("drift") else { return };
    bench.deploy(&[]).ok();
    let kubectl = |arguments: &[&str]| bench.plane.kubectl(&[arguments, &["-n", &bench.ns]].concat()).unwrap();
    kubectl(&["scale", "deployment/api", "--replicas=3"]);
    kubectl(&["set", "image", "deployment/api", "api=registry.invalid/api:2"]);
    kubectl(&["set", "env", "deployment/api", "TOKEN=typed-by-hand", "NEW=typed-by-hand"]);
    kubectl(&["delete", "service/db"]);
    kubectl(&["patch", "secret/app-secrets", "--type=json", "-p", r#"[{"op": "remove", "path": "/data/token"}]"#]);
    // Pods that still come would change the cluster while it is looked at.
    kubectl(&["rollout", "status", "deployment/api", "--timeout=60s"]);
    let found = status(&bench);
    let container = "Deployment api spec.template.spec.containers[api]";
    assert_eq!(
        drift(&found),
        [
            "Service db  missing".to_owned(),
            "Deployment api spec.replicas changed".to_owned(),
            format!("{container}.image changed"),
            format!("{container}.env[TOKEN] changed"),
            format!("{container}.env[NEW] added"),
        ]
    );
    let image = found["drift"].as_array().unwrap().iter().find(|drift| drift["path"].to_string().contains("image"));
    assert_eq!(
        (&image.unwrap()["chart"], &image.unwrap()["live"]),
        (&json!("registry.invalid/api:1"), &json!("registry.invalid/api:2"))
    );
    assert!(!found.to_string().contains("typed-by-hand"), "{found}");
    assert_eq!(found["secrets"][0]["missing"], json!(["token"]));

    // What an autoscaler does is no drift.
    bench.apply(&json!({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "scaler"}, "spec": {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "api"}, "minReplicas": 1, "maxReplicas": 9,
        "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}}}]}}));
    let found = status(&bench);
    assert_eq!(found["workloads"][0]["autoscaler"], "scaler");
    assert!(!drift(&found).iter().any(|drift| drift.contains("replicas")), "{found}");
}

#[test]
fn without_a_release_status_says_so_and_what_is_left() {
    let Some(bench) = bench("nostatus") else { return };
    bench.run(&["status", "app", "-n", &bench.ns]).exits(1).says(&["there is no release app in namespace"]);
    bench.run(&["history", "app", "-n", &bench.ns]).exits(1).says(&["there is no release app in namespace"]);
    bench.deploy(&[]).ok();
    bench.destroy(&[]).ok();
    let ran = bench.run(&["status", "app", "-n", &bench.ns]).exits(1);
    ran.says(&["there is no release app", "left from an earlier release: db-data, app-secrets"]);
}

#[test]
fn history_tells_which_revision_lives() {
    let Some(bench) = bench("history") else { return };
    bench.deploy(&[]).ok();
    bench.configure(&format!(
        "{CONFIG}resources: {{api: {{podAnnotations: {{testbed.dev/behavior: image-pull-backoff}}}}}}\n"
    ));
    bench.deploy(&["--timeout", "12s"]).exits(1);
    let history = |form| bench.unchanged(|| bench.run(&["history", "app", "-n", &bench.ns, "-o", form]).ok());
    let revisions: Value = serde_json::from_str(&history("json").out).unwrap();
    assert_eq!(serde_yaml::from_str::<Value>(&history("yaml").out).unwrap(), revisions);
    let told: Vec<_> =
        revisions.as_array().unwrap().iter().map(|r| (&r["revision"], &r["status"], &r["live"])).collect();
    assert_eq!(told, [(&json!(1), &json!("deployed"), &json!(true)), (&json!(2), &json!("failed"), &json!(false))]);
    assert_eq!(revisions[0]["chart"], "app-0.1.0");
    let text = bench.run(&["history", "app", "-n", &bench.ns]).ok();
    assert!(text.out.starts_with("REVISION  UPDATED"), "{text}");
    assert!(text.out.contains("\n1*  "), "{text}");
    let found = status(&bench);
    assert_eq!((&found["status"], &found["revision"]), (&json!("failed"), &json!(2)));
    assert!(found["meaning"].as_str().unwrap().contains("`rollback` rolls back"));
}

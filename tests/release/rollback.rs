//! Going back: to the right revision, with the values it was given, and without losing data, secrets or pods.

use crate::bench::{Bench, CONFIG, bench};
use serde_json::Value;

const HELMS: [&str; 4] = ["3.14.4", "3.22.0", "4.0.5", "4.3.1"];

const BROKEN: &str = "resources: {api: {podAnnotations: {testbed.dev/behavior: image-pull-backoff}}}\n";

fn rollback(bench: &Bench, more: &[&str]) -> crate::bench::Run {
    bench.run(&[&["rollback", "app", "-n", &bench.ns], more].concat())
}

fn currency(bench: &Bench) -> Value {
    bench.get("configmap/api-config")["data"]["CURRENCY"].clone()
}

/// Number and state of the revisions.
fn history(bench: &Bench) -> Vec<String> {
    let ran = bench.run(&["history", "app", "-n", &bench.ns, "-o", "json"]).ok();
    let revisions: Value = serde_json::from_str(&ran.out).unwrap();
    let told = |r: &Value| format!("{} {}", r["revision"], r["status"].as_str().unwrap());
    revisions.as_array().unwrap().iter().map(told).collect()
}

#[test]
fn rollback_goes_to_the_last_good_revision_and_the_next_deploy_stays_there() {
    let Some(bench) = bench("back") else { return };
    for helm in HELMS {
        let helm = bench.plane.helm(helm);
        bench.deploy(&["--parameter", "currency=USD"]).env("HELM_BIN", &helm).ok();
        bench.deploy(&["--parameter", "currency=GBP", "--parameter", "token=second"]).env("HELM_BIN", &helm).ok();
        bench.configure(&format!("{CONFIG}{BROKEN}"));
        bench.deploy(&["--timeout", "12s", "--parameter", "currency=CHF"]).env("HELM_BIN", &helm).exits(1);
        bench.configure(CONFIG);
        // Not to the failed one, nor to the one before the last: to the last that was good.
        rollback(&bench, &["--timeout", "60s"]).env("HELM_BIN", &helm).ok().says(&["rolling back to revision 2"]);
        assert_eq!(currency(&bench), "GBP");
        rollback(&bench, &["1", "--timeout", "60s"]).env("HELM_BIN", &helm).ok().says(&["rolled back to revision 1"]);
        assert_eq!(currency(&bench), "USD");
        assert_eq!(bench.secret("app-secrets")["token"], "second", "secrets of deploy stay the newer ones");
        bench.deploy(&[]).env("HELM_BIN", &helm).ok();
        assert_eq!(currency(&bench), "USD", "a deploy that gives nothing must not jump back");
        let settled = bench.running();
        bench.deploy(&[]).env("HELM_BIN", &helm).ok();
        assert_eq!(bench.running(), settled);
        bench.destroy(&["--delete-data", "--yes"]).env("HELM_BIN", &helm).ok();
    }
}

#[test]
fn rollbacks_that_cannot_work_are_refused_before_anything_is_written() {
    let Some(bench) = bench("noback") else { return };
    bench.run(&["rollback", "app", "-n", &bench.ns]).exits(1).says(&["there is no release app"]);
    bench.deploy(&[]).ok();
    bench.unchanged(|| {
        rollback(&bench, &[]).exits(3).says(&["no earlier revision"]);
        rollback(&bench, &["7"]).exits(3).says(&["there is no revision 7", "helm's history has 1"]);
    });
    // A secret that the older revision needs is gone, a claim has grown, a revision has failed.
    bench.configure(&format!("{CONFIG}resources: {{db: {{volumes: {{data: {{size: 2Gi}}}}}}}}\n"));
    bench.change_manifest("\"TOKEN\": \"{token.value}\",", "");
    bench.deploy(&[]).ok();
    bench.configure(&format!("{CONFIG}{BROKEN}"));
    bench.unchanged(|| {
        rollback(&bench, &[]).exits(3).says(&["needs token of the Secret app-secrets"]);
    });
    bench.configure(&format!("{CONFIG}resources: {{db: {{volumes: {{data: {{size: 2Gi}}}}}}, api: {{podAnnotations: {{testbed.dev/behavior: image-pull-backoff}}}}}}\n"));
    bench.deploy(&["--timeout", "12s"]).exits(1);
    bench.unchanged(|| rollback(&bench, &["3"]).exits(3).says(&["revision 3 failed"]));
    rollback(&bench, &["--timeout", "60s"]).ok().says(&["rolling back to revision 2"]);
    bench.configure("application: other\nrelease: {name: app}\n");
    bench.unchanged(|| rollback(&bench, &[]).exits(3).says(&["belongs to the application `app`, not to `other`"]));
}

#[test]
fn a_claim_that_has_grown_keeps_its_size() {
    let Some(bench) = bench("grown") else { return };
    for helm in HELMS {
        let helm = bench.plane.helm(helm);
        bench.configure(CONFIG);
        bench.deploy(&["--parameter", "currency=USD"]).env("HELM_BIN", &helm).ok();
        let claim = bench.get("pvc/db-data");
        bench.configure(&format!("{CONFIG}resources: {{db: {{volumes: {{data: {{size: 2Gi}}}}}}}}\n"));
        bench.deploy(&["--parameter", "currency=GBP"]).env("HELM_BIN", &helm).ok();
        rollback(&bench, &[]).env("HELM_BIN", &helm).ok().says(&["rolled back to revision 1"]);
        assert_eq!(currency(&bench), "USD");
        let now = bench.get("pvc/db-data");
        assert_eq!(now["metadata"]["uid"], claim["metadata"]["uid"]);
        assert_eq!(now["spec"]["resources"]["requests"]["storage"], "2Gi");
        bench.deploy(&[]).env("HELM_BIN", &helm).ok();
        bench.destroy(&["--delete-data", "--yes"]).env("HELM_BIN", &helm).ok();
    }
}

#[test]
fn a_workload_that_was_the_other_kind_is_not_rolled_back_without_consent() {
    let Some(bench) = bench("kinds") else { return };
    bench.configure(&format!("{CONFIG}resources: {{api: {{workload: Deployment}}}}\n"));
    bench.deploy(&[]).ok();
    bench.destroy(&[]).ok();
    bench.configure(&format!("{CONFIG}resources: {{api: {{workload: StatefulSet}}}}\n"));
    bench.deploy(&[]).ok();
    // A revision of before, as a promotion leaves it behind.
    bench.run(&["render", "app", "-o", "chart"]).ok();
    bench.configure(&format!("{CONFIG}resources: {{api: {{workload: Deployment}}}}\n"));
    bench.run(&["render", "app", "-o", "older"]).ok();
    let values =
        bench.write("v.yaml", "skipGuards: true\nparameters: {db-password: one, token: two}\n").display().to_string();
    bench.plane.kubectl(&["delete", "statefulset", "api", "-n", &bench.ns]).unwrap();
    bench.helm(&["upgrade", "app", "./older", "-f", &values]).ok();
    bench.plane.kubectl(&["delete", "deployment", "api", "-n", &bench.ns]).unwrap();
    bench.helm(&["upgrade", "app", "./chart", "-f", &values]).ok();
    bench.unchanged(|| {
        rollback(&bench, &["2"]).exits(3).says(&["TRANSITION api: StatefulSet/api (1) -> Deployment/api (1)"]);
    });
}

#[test]
fn a_failed_deploy_is_rolled_back_on_request() {
    let Some(bench) = bench("onfail") else { return };
    for helm in HELMS {
        let helm = bench.plane.helm(helm);
        bench.deploy(&["--parameter", "currency=USD"]).env("HELM_BIN", &helm).ok();
        let (secret, pods) = (
            bench.get("secret/app-secrets")["data"].clone(),
            bench.get("statefulset/db")["metadata"]["generation"].clone(),
        );
        bench.configure(&format!("{CONFIG}{BROKEN}"));
        let failing =
            ["--timeout", "15s", "--rollback-on-failure", "--parameter", "currency=CHF", "--parameter", "token=other"];
        bench.deploy(&failing).env("HELM_BIN", &helm).exits(4).says(&["rolled back to revision 1"]);
        bench.configure(CONFIG);
        assert_eq!(history(&bench), ["1 superseded", "2 failed", "3 deployed"]);
        assert_eq!(bench.get("secret/app-secrets")["data"], secret);
        assert_eq!(bench.find("secret/app-secrets-before"), None);
        assert_eq!(currency(&bench), "USD");
        assert_eq!(bench.get("statefulset/db")["metadata"]["generation"], pods);
        bench.deploy(&[]).env("HELM_BIN", &helm).ok();
        assert_eq!(currency(&bench), "USD");
        bench.destroy(&["--delete-data", "--yes"]).env("HELM_BIN", &helm).ok();
    }
}

#[test]
fn a_failed_first_install_is_left_for_a_person_to_look_at() {
    let Some(bench) = bench("firstfail") else { return };
    bench.configure(&format!("{CONFIG}{BROKEN}"));
    let ran = bench.deploy(&["--timeout", "12s", "--rollback-on-failure"]).exits(1);
    ran.says(&["there is no earlier revision to roll back to", "destroy --release app"]);
    assert!(bench.find("pvc/db-data").is_some());
    bench.configure(CONFIG);
    bench.deploy(&[]).ok();
    assert_eq!(history(&bench)[1], "2 deployed");
}

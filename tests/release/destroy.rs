//! Destroy removes what is the release's, keeps what holds data, and touches nothing else.

use crate::bench::{Bench, CONFIG, bench};
use serde_json::{Value, json};

/// Objects of somebody else in the same namespace; the claim even carries the label that charts share.
fn foreign(bench: &Bench) -> [&'static str; 3] {
    let labels = json!({"app.kubernetes.io/instance": "app", "app.kubernetes.io/managed-by": "Helm"});
    bench.apply(&json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "theirs", "labels": labels}, "data": {"a": "b"}}));
    bench.apply(&json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "theirs", "labels": labels}, "stringData": {"a": "b"}}));
    bench.apply(&json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "theirs", "labels": labels},
        "spec": {"accessModes": ["ReadWriteOnce"], "storageClassName": "wffc", "resources": {"requests": {"storage": "1Gi"}}}}));
    ["configmap/theirs", "secret/theirs", "pvc/theirs"]
}

fn untouched(bench: &Bench, names: [&str; 3]) -> Vec<Value> {
    names.iter().map(|name| bench.get(name)["metadata"]["uid"].clone()).collect()
}

#[test]
fn destroy_keeps_claims_with_their_credentials_and_nothing_else() {
    let Some(bench) = bench("keeps") else { return };
    let theirs = foreign(&bench);
    let before = untouched(&bench, theirs);
    bench.deploy(&[]).ok();
    let secret = bench.secret("app-secrets");
    bench.destroy(&[]).ok().says(&[
        &format!("destroyed release app in namespace {}", bench.ns),
        "kept, with their secrets: db-data",
        "--delete-data",
    ]);
    assert!(bench.find("pvc/db-data").is_some());
    let mut rest = secret;
    rest.remove("token");
    assert_eq!(bench.secret("app-secrets"), rest);
    assert_eq!(bench.find("configmap/app-aspire"), None);
    assert_eq!(bench.list("deployments,statefulsets,services"), [json!(null); 0]);
    assert_eq!(untouched(&bench, theirs), before);
    assert!(bench.find(&format!("namespace/{}", bench.ns)).is_some());
}

#[test]
fn delete_data_removes_claims_and_secrets_of_the_release_only() {
    let Some(bench) = bench("data") else { return };
    let theirs = foreign(&bench);
    let before = untouched(&bench, theirs);
    bench.deploy(&[]).ok();
    bench.unchanged(|| {
        for more in [&["--delete-data"][..], &[], &["--non-interactive"]] {
            let ran = bench.run(&[&["destroy", "app", "-n", &bench.ns], more].concat()).exits(3);
            ran.says(&[
                "to be removed: release app in namespace",
                "Deployment api in namespace",
                "to be removed: ConfigMap app-aspire in namespace",
                if more.is_empty() || more[0] != "--delete-data" {
                    "to be removed: keys of the Secret app-secrets that no PVC depends on (token) in namespace"
                } else {
                    "to be removed: Secret app-secrets in namespace"
                },
                "nothing was destroyed",
                "--yes",
            ]);
        }
    });
    bench.destroy(&["--delete-data", "--yes"]).ok().says(&["deleted with their data: db-data"]);
    bench.plane.kubectl(&["wait", "--for=delete", "pvc/db-data", "-n", &bench.ns, "--timeout=60s"]).unwrap();
    for gone in ["secret/app-secrets", "configmap/app-aspire"] {
        assert_eq!(bench.find(gone), None);
    }
    assert_eq!(untouched(&bench, theirs), before);
    assert!(bench.find(&format!("namespace/{}", bench.ns)).is_some());
}

#[test]
fn a_claim_that_comes_after_a_person_agreed_stays() {
    let Some(bench) = bench("late") else { return };
    bench.deploy(&[]).ok();
    let live = bench.get("pvc/db-data");
    let mut late = json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "spec": {
        "accessModes": ["ReadWriteOnce"], "storageClassName": "wffc", "resources": {"requests": {"storage": "1Gi"}}}});
    late["metadata"] = json!({"name": "late", "namespace": bench.ns, "labels": live["metadata"]["labels"],
        "annotations": live["metadata"]["annotations"]});
    let file = bench.write("late.json", &late.to_string());
    let real = bench.plane.helm("4.2.4");
    let helm = bench.script(
        "helm",
        &format!(
            "#!/bin/sh\ncase \"$*\" in uninstall*) '{}' create -f '{}' >/dev/null || exit 9;; esac\nexec '{}' \"$@\"\n",
            real.ancestors().nth(2).unwrap().join("kubectl").display(),
            file.display(),
            real.display()
        ),
    );
    let ran = bench.destroy(&["--delete-data", "--yes"]).env("HELM_BIN", &helm).ok();
    ran.says(&["deleted with their data: db-data", "kept, with their secrets: late"]);
    assert!(bench.find("pvc/late").is_some_and(|claim| claim["metadata"]["deletionTimestamp"].is_null()));
    bench.destroy(&["--delete-data", "--yes"]).ok().says(&["late"]);
}

#[test]
fn delete_data_finishes_what_an_earlier_destroy_kept() {
    let Some(bench) = bench("later") else { return };
    bench.deploy(&[]).ok();
    bench.destroy(&[]).ok();
    bench.destroy(&["--delete-data", "--yes"]).ok().says(&["deleted with their data: db-data"]);
    assert_eq!(bench.find("secret/app-secrets"), None);
    bench.plane.kubectl(&["wait", "--for=delete", "pvc/db-data", "-n", &bench.ns, "--timeout=60s"]).unwrap();
    bench.deploy(&[]).ok();
}

#[test]
fn a_second_destroy_says_that_there_was_nothing() {
    let Some(bench) = bench("twice") else { return };
    bench.deploy(&[]).ok();
    bench.destroy(&[]).ok();
    bench.unchanged(|| {
        let ran = bench.destroy(&[]).exits(1);
        ran.says(&[&format!("nothing to destroy: no release app in namespace {} of context", bench.ns)]);
    });
    let ran = bench.run(&["destroy", "app", "-n", "nowhere-at-all"]).exits(1);
    ran.says(&["no release app in namespace nowhere-at-all of context"]);
}

#[test]
fn destroy_by_release_name_needs_no_manifest() {
    let Some(bench) = bench("named") else { return };
    bench.deploy(&["--release", "other-name"]).ok();
    std::fs::remove_dir_all(bench.path("app")).unwrap();
    bench.run(&["destroy", "--release", "other-name", "-n", &bench.ns, "--yes"]).ok().says(&["kept", "db-data"]);
    assert_eq!(bench.list("deployments,statefulsets"), [json!(null); 0]);
    assert_eq!(bench.find("configmap/other-name-aspire"), None);
}

#[test]
fn destroy_cleans_up_after_a_failed_deploy() {
    let Some(bench) = bench("afterfail") else { return };
    bench.configure(&format!("{CONFIG}resources: {{db: {{podAnnotations: {{testbed.dev/behavior: crash-loop}}}}}}\n"));
    bench.deploy(&["--timeout", "12s"]).exits(1);
    bench.destroy(&["--delete-data", "--yes"]).ok();
    for gone in ["secret/app-secrets", "configmap/app-aspire", "statefulset/db"] {
        assert_eq!(bench.find(gone), None);
    }
}

#[test]
fn the_release_of_another_application_is_refused() {
    let Some(bench) = bench("another") else { return };
    bench.deploy(&[]).ok();
    bench.configure("application: other\nrelease: {name: app}\n");
    bench.unchanged(|| {
        let ran = bench.destroy(&["--delete-data", "--yes"]).exits(3);
        ran.says(&["belongs to the application `app`, not to `other`"]);
    });
}

#[test]
fn a_release_that_is_not_ours_is_refused() {
    let Some(bench) = bench("notours") else { return };
    bench.write("plain/Chart.yaml", "apiVersion: v2\nname: plain\nversion: 1.0.0\n");
    bench.write("plain/templates/a.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: plain}\n");
    bench.helm(&["install", "app", "./plain"]).ok();
    bench.unchanged(|| {
        bench.destroy(&["--yes"]).exits(3).says(&["helm uninstall app"]);
        bench.run(&["destroy", "--release", "app", "-n", &bench.ns]).exits(3).says(&["chart plain-1.0.0"]);
        bench.run(&["rollback", "app", "-n", &bench.ns]).exits(3).says(&["`helm rollback app"]);
    });
}

#[test]
fn claims_of_each_replica_are_kept_and_deleted_too() {
    let Some(bench) = bench("replicas") else { return };
    bench.configure(&format!("{CONFIG}resources: {{db: {{replicas: 2, volumes: {{data: {{perReplica: true}}}}}}}}\n"));
    bench.deploy(&[]).ok();
    let password = bench.secret("app-secrets")["db-password"].clone();
    bench.destroy(&[]).ok().says(&["data-db-0, data-db-1"]);
    bench.deploy(&[]).ok();
    assert_eq!(bench.secret("app-secrets")["db-password"], password);
    bench.destroy(&["--delete-data", "--yes"]).ok().says(&["data-db-0, data-db-1"]);
    for claim in ["pvc/data-db-0", "pvc/data-db-1"] {
        bench.plane.kubectl(&["wait", "--for=delete", claim, "-n", &bench.ns, "--timeout=60s"]).unwrap();
    }
    assert_eq!(bench.find("secret/app-secrets"), None);
}

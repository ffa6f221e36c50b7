//! What is on the cluster can forbid a deploy: exit 3, with the reason, and nothing changed.

use crate::bench::{Bench, CONFIG, bench};
use serde_json::json;

/// `deploy` is refused with these words and changes nothing.
fn refused(bench: &Bench, more: &[&str], words: &[&str]) {
    bench.unchanged(|| bench.deploy(more).exits(3).says(words));
    assert!(bench.left_behind().is_empty());
}

fn with(bench: &Bench, more: &str) {
    bench.configure(&format!("{CONFIG}{more}"));
}

/// A chart of somebody else.
fn foreign_chart(bench: &Bench, name: &str) {
    bench.write("plain/Chart.yaml", &format!("apiVersion: v2\nname: {name}\nversion: 1.0.0\n"));
    bench.write("plain/templates/a.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: plain}\n");
}

#[test]
fn a_workload_changes_its_kind_only_when_a_person_agrees() {
    let Some(bench) = bench("kind") else { return };
    bench.deploy(&[]).ok();
    with(&bench, "resources: {api: {workload: StatefulSet}}\n");
    refused(
        &bench,
        &[],
        &["TRANSITION api: Deployment/api (1) -> StatefulSet/api (1)", "needs a confirmation", "--accept downtime"],
    );
    bench.run(&["render", "app", "-o", "chart"]).ok();
    bench.unchanged(|| {
        let plain = bench.helm(&["upgrade", "app", "./chart", "--reuse-values"]).exits(1);
        plain.says(&["of this release would change its kind", "Use `kubectl aspire deploy`"]);
    });
}

#[test]
fn objects_of_another_release_are_not_taken() {
    let Some(bench) = bench("other") else { return };
    bench.deploy(&[]).ok();
    refused(
        &bench,
        &["--release", "second"],
        &[
            "the Deployment api",
            "the StatefulSet db",
            "the Service db-headless",
            "the ConfigMap api-config",
            "the PVC db-data",
            "belongs to the release app in namespace",
        ],
    );
}

#[test]
fn objects_that_helm_did_not_make_are_not_taken() {
    let Some(bench) = bench("byhand") else { return };
    bench.apply(&json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "api-config"}}));
    bench.apply(&json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "db-data"},
        "spec": {"accessModes": ["ReadWriteOnce"], "storageClassName": "wffc", "resources": {"requests": {"storage": "1Gi"}}}}));
    refused(
        &bench,
        &[],
        &[
            "the ConfigMap api-config",
            "was not created by helm",
            "the PVC db-data exists already",
            "existingClaim: db-data",
        ],
    );
}

#[test]
fn a_secret_or_state_of_another_owner_is_not_taken() {
    let Some(bench) = bench("namesake") else { return };
    bench.apply(&json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "app-aspire"}}));
    refused(&bench, &[], &["the ConfigMap app-aspire", "was not written by kubectl-aspire for the release app"]);
    bench.plane.kubectl(&["delete", "configmap/app-aspire", "-n", &bench.ns]).unwrap();
    bench.apply(&json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "app-secrets"}}));
    refused(&bench, &[], &["the Secret app-secrets", "was not written by kubectl-aspire for the release app"]);
}

#[test]
fn a_kept_claim_that_does_not_fit_is_named_with_the_way_out() {
    let Some(bench) = bench("claim") else { return };
    let data = |more: &str| format!("resources: {{db: {{volumes: {{data: {{{more}}}}}}}}}\n");
    with(&bench, &data("size: 2Gi"));
    bench.deploy(&[]).ok();
    bench.destroy(&[]).ok();
    for (wanted, words) in [
        ("size: 1Gi", ["a PVC cannot shrink", "set `size: 2Gi`"]),
        (
            "size: 2Gi, storageClass: retain",
            ["has the storage class `standard`, not `retain`", "storageClass: standard"],
        ),
        (
            "size: 2Gi, accessModes: [ReadWriteMany]",
            ["has the access modes ReadWriteOnce, not ReadWriteMany", "ReadWriteOnce"],
        ),
    ] {
        with(&bench, &data(wanted));
        refused(&bench, &[], &words);
    }
    with(&bench, &data("size: 2Gi"));
    refused(
        &bench,
        &["--release", "second"],
        &["the PVC db-data belongs to the release app", "existingClaim: db-data"],
    );
    with(&bench, &data("size: 3Gi"));
    bench.deploy(&[]).ok().says(&["PVC db-data grows from 2Gi to 3Gi"]);
    assert_eq!(bench.get("pvc/db-data")["spec"]["resources"]["requests"]["storage"], "3Gi");
}

#[test]
fn a_release_of_another_chart_is_not_taken() {
    let Some(bench) = bench("taken") else { return };
    for name in ["plain", "app-store", "app"] {
        foreign_chart(&bench, name);
        bench.helm(&["upgrade", "--install", "app", "./plain"]).ok();
        refused(
            &bench,
            &[],
            &[&format!("was deployed from the chart {name}-1.0.0, not from this application"), "--release"],
        );
    }
}

#[test]
fn a_release_of_another_application_is_not_taken() {
    let Some(bench) = bench("otherapp") else { return };
    bench.deploy(&[]).ok();
    bench.configure("application: other\nrelease: {name: app}\n");
    refused(&bench, &[], &["belongs to the application `app`, not to `other`"]);
}

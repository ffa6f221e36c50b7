//! `destroy --delete-namespace`: only a namespace that we made, and only when nothing of others lives in it.

use crate::bench::{Bench, bench};
use serde_json::json;

/// A bench whose namespace does not exist, so that the deploy makes it.
fn made(prefix: &str) -> Option<Bench> {
    let mut bench = bench(prefix)?;
    bench.plane.kubectl(&["delete", "namespace", &bench.ns, "--wait=false"]).unwrap();
    bench.ns = format!("{}-made", bench.ns);
    bench.deploy(&[]).ok();
    Some(bench)
}

fn exists(bench: &Bench) -> bool {
    bench.find(&format!("namespace/{}", bench.ns)).is_some()
}

#[test]
fn a_namespace_that_we_made_goes_with_the_release() {
    let Some(bench) = made("vacant") else { return };
    bench.unchanged(|| {
        let ran = bench.destroy(&["--delete-namespace"]).exits(3);
        ran.says(&["contains PVCs with data of the release: db-data", "--delete-data"]);
    });
    let ran = bench.destroy(&["--delete-namespace", "--delete-data", "--yes"]).ok();
    ran.says(&[&format!("deleted namespace {}", bench.ns)]);
    assert!(!exists(&bench));
    // From nothing to everything again.
    bench.deploy(&[]).ok();
    bench.destroy(&["--delete-namespace", "--delete-data", "--yes"]).ok();
    assert!(!exists(&bench));
}

#[test]
fn a_namespace_of_another_owner_stays() {
    let Some(bench) = bench("theirs") else { return };
    bench.deploy(&[]).ok();
    bench.unchanged(|| {
        let ran = bench.destroy(&["--delete-namespace", "--delete-data", "--yes"]).exits(3);
        ran.says(&["was not created by kubectl aspire for the release app"]);
    });
    assert!(bench.find("deployment/api").is_some());
}

#[test]
fn objects_of_others_keep_the_namespace_and_the_release() {
    let Some(bench) = made("lodgers") else { return };
    // Of built-in kinds, of a kind that somebody defined, and another release of ours.
    bench.apply(&json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "lodger"}}));
    bench.apply(&json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "lodger"}}));
    let component = json!({"apiVersion": "dapr.io/v1alpha1", "kind": "Component", "metadata": {"name": "lodger"},
        "spec": {"type": "state.redis", "version": "v1", "metadata": []}});
    bench.apply(&component);
    bench.unchanged(|| {
        let ran = bench.destroy(&["--delete-namespace", "--delete-data", "--yes"]).exits(3);
        ran.says(&["Component lodger, ConfigMap lodger, ServiceAccount lodger"]);
    });
    assert!(bench.find("deployment/api").is_some());
    for object in ["configmap/lodger", "serviceaccount/lodger", "components.dapr.io/lodger"] {
        bench.plane.kubectl(&["delete", object, "-n", &bench.ns]).unwrap();
    }
    // What blocks it is said when time is up.
    bench.plane.kubectl(&["annotate", "configmap/app-aspire", "x=y", "-n", &bench.ns]).unwrap();
    bench.destroy(&["--delete-namespace", "--delete-data", "--yes"]).ok();
    assert!(!exists(&bench));
}

#[test]
fn a_source_beside_a_release_says_where_it_is() {
    let Some(bench) = bench("beside") else { return };
    bench.configure(&format!("application: app\nrelease: {{namespace: {}}}\n", bench.ns));
    bench.run(&["deploy", "app", "--release", "other-name"]).ok();
    bench
        .run(&["destroy", "app", "--release", "other-name", "--yes"])
        .ok()
        .says(&[&format!("in namespace {}", bench.ns)]);
    bench.run(&["deploy", "app", "--release", "other-name"]).ok();
    bench.configure(&format!("application: another\nrelease: {{namespace: {}}}\n", bench.ns));
    bench.unchanged(|| {
        let ran = bench.run(&["destroy", "app", "--release", "other-name", "--yes"]).exits(3);
        ran.says(&["belongs to the application `app`, not to `another`"]);
    });
}

#[test]
fn an_owner_that_is_not_there_excuses_nothing_and_claims_always_count() {
    let Some(bench) = made("owned") else { return };
    let node = bench
        .plane
        .kubectl(&["get", "nodes", "-o", "jsonpath={.items[0].metadata.name} {.items[0].metadata.uid}"])
        .unwrap();
    let (node, uid) = node.trim().split_once(' ').unwrap();
    let owners = json!([{"apiVersion": "v1", "kind": "Node", "name": node, "uid": uid}]);
    bench.apply(
        &json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "precious", "ownerReferences": owners}}),
    );
    bench.apply(&json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "precious-data", "ownerReferences": owners},
        "spec": {"accessModes": ["ReadWriteOnce"], "storageClassName": "wffc", "resources": {"requests": {"storage": "1Gi"}}}}));
    // A label or annotation on a claim makes it nobody's data either.
    let marks = json!({"meta.helm.sh/release-name": "app", "meta.helm.sh/release-namespace": bench.ns});
    bench.apply(&json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "marked-data", "annotations": marks},
        "spec": {"accessModes": ["ReadWriteOnce"], "storageClassName": "wffc", "resources": {"requests": {"storage": "1Gi"}}}}));
    bench.unchanged(|| {
        let ran = bench.destroy(&["--delete-namespace", "--delete-data", "--yes"]).exits(3);
        ran.says(&["ConfigMap precious, PersistentVolumeClaim marked-data, PersistentVolumeClaim precious-data"]);
    });
    assert!(bench.find("deployment/api").is_some());
}

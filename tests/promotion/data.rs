//! What becomes of data, nodes, numbers and autoscalers when a workload changes its kind.

use crate::bench::{Bench, text, wait_for};
use crate::stage::{agreed, configure, configure_with, hash_in, promote, released, runs_as, wait_until_ready};
use crate::watch::{self, End};
use serde_json::{Value, json};

/// A Deployment without a claim becomes a StatefulSet with one of this class.
fn from_the_pod_into_a_claim(prefix: &str, class: &str) {
    let Some(bench) = crate::bench::bench(prefix) else { return };
    configure_with(&bench, "Deployment", "{ephemeral: true}", "");
    bench.deploy(&[]).ok();
    wait_until_ready(&bench, "Deployment");
    configure_with(&bench, "StatefulSet", &format!("{{storageClass: {class}}}"), "");
    let refused = bench.unchanged(|| {
        let refused = bench
            .deploy(&[])
            .exits(3)
            .says(&["/data: the pod itself -> claim db-data: LOST with the pod", "needs: downtime,emptydir-loss"]);
        let hash = hash_in(&refused);
        bench.deploy(&["--confirm", &hash, "--accept", "downtime"]).exits(3).says(&["emptydir-loss"]);
        refused
    });
    bench.deploy(&["--confirm", &hash_in(&refused), "--accept", "downtime,emptydir-loss"]).ok();
    watch::holds(&bench, End::Committed);
    let claim = bench.get("pvc/db-data");
    assert_eq!(claim["metadata"]["annotations"]["helm.sh/resource-policy"], "keep");
    assert_eq!(claim["status"]["phase"], "Bound");
}

// Rule: what goes with the pod is named and needs a word of its own (`data::class`).
#[test]
fn c08_data_in_the_pod_is_lost_only_when_that_was_agreed_to() {
    from_the_pod_into_a_claim("c08", "standard");
}

// Rule: a claim that waits for its first pod is not waited for (no phase waits for a claim to be bound).
#[test]
fn c51_a_claim_that_waits_for_its_pod_holds_nothing_up() {
    from_the_pod_into_a_claim("c51", "wffc");
}

// Rule: several pods may not share a claim for one; all of the old ones end first (`detect::refusals`, `machine::leave`).
#[test]
fn c12_several_pods_do_not_share_a_claim_for_one() {
    let Some(bench) = crate::bench::bench("c12") else { return };
    bench.apply(&json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "mine"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}}));
    configure_with(&bench, "Deployment", "{existingClaim: mine}", "    replicas: 3\n");
    bench.deploy(&[]).ok();
    wait_until_ready(&bench, "Deployment");
    configure_with(&bench, "StatefulSet", "{existingClaim: mine}", "    replicas: 3\n");
    bench.unchanged(|| bench.deploy(&[]).exits(3).says(&["3 pods would share the PVC mine"]));
    configure_with(&bench, "StatefulSet", "{existingClaim: mine}", "    replicas: 1\n");
    agreed(&bench, &[]).ok();
    watch::holds_with(&bench, End::Committed, 3);
}

fn autoscaler(bench: &Bench) {
    bench.apply(&json!({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "db"}, "spec": {
        "minReplicas": 2, "maxReplicas": 3,
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "db"},
        "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}}}]}}));
}

// Rule: an autoscaler leaves a stopped workload alone, and the plan says that it will find nothing (`detect::autoscalers`).
#[test]
fn c13_an_autoscaler_of_the_old_workload_is_warned_of() {
    let Some(bench) = released("c13", "Deployment") else { return };
    autoscaler(&bench);
    wait_for("the autoscaler", || (bench.get("deployment/db")["spec"]["replicas"] == 2).then_some(()));
    wait_until_ready(&bench, "Deployment");
    configure(&bench, "StatefulSet", "");
    agreed(&bench, &[]).ok().says(&["the autoscaler db targets Deployment/db, which will not exist"]);
    watch::holds_with(&bench, End::Committed, 2);
    assert_eq!(bench.get("hpa/db")["spec"]["scaleTargetRef"]["kind"], "Deployment", "it is not ours to change");
    // Back again it finds what it scaled.
    configure(&bench, "Deployment", "");
    agreed(&bench, &[]).ok();
    wait_for("the autoscaler", || (bench.get("deployment/db")["spec"]["replicas"] == 2).then_some(()));
}

// Rule: only Pod objects count, not whether they are ready (`machine::leave`). A StatefulSet ends unhealthy pods too when it is
// scaled to none: the highest of them counts as its first unhealthy one, which does not hold it up.
#[test]
fn c33_unhealthy_pods_are_stopped_all_the_same() {
    let Some(bench) = crate::bench::bench("c33") else { return };
    configure(&bench, "StatefulSet", "    replicas: 2\n");
    bench.deploy(&[]).ok();
    wait_until_ready(&bench, "StatefulSet");
    for pod in ["db-0", "db-1"] {
        let patch = json!({"status": {"conditions": [{"type": "Ready", "status": "False"}]}}).to_string();
        bench.plane.kubectl(&["patch", "pod", pod, "-n", &bench.ns, "--subresource=status", "-p", &patch]).unwrap();
    }
    wait_for("unhealthy pods", || {
        (bench.get("statefulset/db")["status"]["readyReplicas"].as_u64().unwrap_or(0) == 0).then_some(())
    });
    configure(&bench, "Deployment", "    replicas: 1\n");
    agreed(&bench, &[]).ok();
    watch::holds_with(&bench, End::Committed, 2);
}

/// Whether a claim belongs to its StatefulSet and goes with it.
fn is_owned(claim: &Value) -> bool {
    claim["metadata"]["ownerReferences"].as_array().is_some_and(|owners| !owners.is_empty())
}

// Rule: before anything stops no policy owns a claim (`Action::KeepClaims`, `Wait::Claims`).
#[test]
fn c34_a_policy_that_would_delete_claims_is_taken_away_first() {
    let Some(bench) = crate::bench::bench("c34") else { return };
    configure_with(&bench, "StatefulSet", "{perReplica: true}", "    replicas: 1\n");
    bench.deploy(&[]).ok();
    wait_until_ready(&bench, "StatefulSet");
    let policy =
        json!({"spec": {"persistentVolumeClaimRetentionPolicy": {"whenScaled": "Delete", "whenDeleted": "Delete"}}});
    bench.plane.kubectl(&["patch", "statefulset/db", "-n", &bench.ns, "-p", &policy.to_string()]).unwrap();
    let of_pod = |claim: &Value| text(&claim["metadata"]["name"]).ends_with("-db-0");
    wait_for("the policy", || bench.list("pvc").iter().any(|claim| of_pod(claim) && is_owned(claim)).then_some(()));
    configure(&bench, "Deployment", "");
    let refused = bench.deploy(&[]).exits(3).says(&["abandon-data"]);
    bench.deploy(&["--confirm", &hash_in(&refused), "--accept", "downtime,abandon-data"]).ok();
    watch::holds(&bench, End::Committed);
    runs_as(&bench, "Deployment");
    let claims = bench.list("pvc");
    let claim = claims.iter().find(|claim| of_pod(claim)).unwrap();
    assert!(!is_owned(claim));
}

// Rule: a node that does not answer may still write (`detect::refusals`).
#[test]
fn c07_a_node_that_does_not_answer_forbids_it() {
    let Some(bench) = released("c07", "Deployment") else { return };
    let node = format!("lost-{}", bench.ns);
    let taint = json!([{"key": "testbed.dev/only", "value": bench.ns, "effect": "NoSchedule"}]);
    let mut object = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": node,
        "labels": {"kubernetes.io/hostname": node}, "annotations": {"kwok.x-k8s.io/node": "fake"}}, "spec": {"taints": taint}});
    bench.plane.apply(&object.to_string()).unwrap();
    let pods = json!({"spec": {"template": {"spec": {
        "nodeSelector": {"kubernetes.io/hostname": node},
        "tolerations": [{"key": "testbed.dev/only", "operator": "Exists"}]}}}});
    bench.plane.kubectl(&["patch", "deployment/db", "-n", &bench.ns, "-p", &pods.to_string()]).unwrap();
    wait_for("the pod on its node", || {
        bench
            .list("pods")
            .iter()
            .any(|pod| pod["spec"]["nodeName"] == *node && pod["status"]["phase"] == "Running")
            .then_some(())
    });
    // Nobody answers for it any more.
    object["metadata"]["annotations"] = json!({"kwok.x-k8s.io/node": "gone"});
    bench.plane.apply(&object.to_string()).unwrap();
    let silent =
        json!({"status": {"conditions": [{"type": "Ready", "status": "Unknown", "reason": "NodeStatusUnknown"}]}});
    bench.plane.kubectl(&["patch", "node", &node, "--subresource=status", "-p", &silent.to_string()]).unwrap();
    configure(&bench, "StatefulSet", "");
    bench.unchanged(|| {
        bench.deploy(&[]).exits(3).says(&[&format!("the node {node} of its pod"), "error[node-unreachable]"])
    });
    // It is off for certain: what the out-of-service taint makes the cluster do.
    let held = bench.list("pods").into_iter().find(|pod| pod["spec"]["nodeName"] == *node).unwrap();
    let scheduled = json!({"spec": {"unschedulable": true}}).to_string();
    bench.plane.kubectl(&["patch", "node", &node, "-p", &scheduled]).unwrap();
    let pod = text(&held["metadata"]["name"]);
    bench.plane.kubectl(&["delete", "pod", pod, "-n", &bench.ns, "--force", "--grace-period=0"]).unwrap();
    agreed(&bench, &[]).ok();
    watch::holds_with(&bench, End::Committed, 2);
    bench.plane.kubectl(&["delete", "node", &node, "--wait=false"]).unwrap();
    promote(&bench, &["--status"]).ok().says(&["done"]);
}

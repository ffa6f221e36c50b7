//! An API server that answers badly, late or not at all, and one that does not allow everything.

use crate::bench::Bench;
use crate::stage::{agreed, configure, hash_in, released, through};
use crate::watch::{self, End};
use serde_json::json;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use testbed::Faults;
use testbed::faults::{Fault, Request};

/// Every fifth read and every third write of the program meets this, all the way.
fn disturbed(prefix: &str, fault: &Fault) {
    let Some(bench) = released(prefix, "Deployment") else { return };
    configure(&bench, "StatefulSet", "");
    let run = agreed(&bench, &[]);
    let faults = Faults::start(bench.plane).unwrap();
    let every = |nth: u32, write: bool| {
        let count = AtomicU32::new(0);
        faults.inject(fault.clone(), 1, u32::MAX, move |request: &Request| {
            !request.is_from_helm()
                && request.is_write() == write
                && count.fetch_add(1, Ordering::SeqCst) % nth == nth - 1
        })
    };
    let rules = [every(5, false), every(3, true)];
    through(run, &faults).ok();
    assert!(rules.iter().all(testbed::faults::Rule::happened));
    watch::holds(&bench, End::Committed);
    let deletes = watch::writes(&bench).iter().filter(|write| write.what == "delete deployments/db").count();
    assert_eq!(deletes, 1, "what was done once is not done again");
}

// Rule of all: a request that may not have arrived is asked again, with its guard (`cluster::retry`).
#[test]
fn c45_too_many_requests_are_waited_for() {
    disturbed("c45a", &Fault::Answer(429, Some(1)));
}

#[test]
fn c45_errors_of_the_server_are_asked_again() {
    disturbed("c45b", &Fault::Answer(500, None));
}

#[test]
fn c45_connections_that_are_cut_before_and_after_are_asked_again() {
    disturbed("c45c", &Fault::Cut);
    disturbed("c45d", &Fault::CutAfter);
}

#[test]
fn c45_slow_answers_are_waited_for() {
    disturbed("c45e", &Fault::Delay(Duration::from_millis(200)));
}

/// Somebody who may do everything in the namespace but these verbs on these kinds, and these on volumes.
fn somebody(bench: &Bench, without_pods: bool, volumes: &[&str]) -> String {
    let user = format!("somebody-{}", bench.ns);
    let all = |resources: &serde_json::Value| json!({"apiGroups": ["", "apps", "coordination.k8s.io", "batch", "networking.k8s.io", "autoscaling", "policy", "rbac.authorization.k8s.io", "events.k8s.io", "discovery.k8s.io"], "resources": resources, "verbs": ["*"]});
    let mut named = vec![
        "configmaps",
        "secrets",
        "services",
        "serviceaccounts",
        "persistentvolumeclaims",
        "events",
        "endpoints",
        "deployments",
        "statefulsets",
        "replicasets",
        "daemonsets",
        "controllerrevisions",
        "leases",
        "jobs",
        "cronjobs",
        "ingresses",
        "networkpolicies",
        "horizontalpodautoscalers",
        "poddisruptionbudgets",
        "roles",
        "rolebindings",
        "endpointslices",
        "limitranges",
        "resourcequotas",
    ];
    if !without_pods {
        named.extend(["pods", "pods/log"]);
    }
    bench.apply(&json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "most"}, "rules": [all(&json!(named))]}));
    let subject = json!([{"kind": "User", "name": user, "apiGroup": "rbac.authorization.k8s.io"}]);
    bench.apply(
        &json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": "most"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "most"}, "subjects": subject}),
    );
    let rules = json!([
        {"apiGroups": [""], "resources": ["namespaces", "nodes"], "verbs": ["get", "list"]},
        {"apiGroups": ["storage.k8s.io"], "resources": ["storageclasses"], "verbs": ["get", "list"]},
        {"apiGroups": [""], "resources": ["persistentvolumes"], "verbs": volumes},
    ]);
    let cluster = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": user}, "rules": rules});
    bench.plane.apply(&cluster.to_string()).unwrap();
    let binding = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": {"name": user},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": user}, "subjects": subject});
    bench.plane.apply(&binding.to_string()).unwrap();
    user
}

// Rule: a volume that may not be changed is warned of, and its claim is kept all the same (`Driver::protect`).
#[test]
fn c46_without_the_right_to_change_volumes_it_goes_on_with_a_warning() {
    let Some(bench) = released("c46", "Deployment") else { return };
    let user = somebody(&bench, false, &["get"]);
    configure(&bench, "StatefulSet", "");
    let refused = bench.deploy(&["--as", &user]).exits(3);
    let hash = hash_in(&refused);
    let ran = bench.deploy(&["--as", &user, "--confirm", &hash, "--accept", "downtime"]).ok();
    ran.says(&["warning[missing-permission]: the PersistentVolume of PVC db-data cannot be protected too"]);
    watch::holds(&bench, End::Committed);
}

// Rule: who may not see pods cannot know that they ended, and does not begin: the preflight says it, and the plan would (missing-permission).
#[test]
fn c46_without_the_right_to_see_pods_nothing_begins() {
    let Some(bench) = released("c46p", "Deployment") else { return };
    let user = somebody(&bench, true, &["get"]);
    configure(&bench, "StatefulSet", "");
    bench.unchanged(|| bench.deploy(&["--as", &user]).exits(3).says(&["pods"]));
    watch::holds(&bench, End::Untouched);
}

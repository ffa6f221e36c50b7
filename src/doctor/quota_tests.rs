//! Quota calculations: used, requested, left.

use super::*;
use crate::k8s::error::ErrorKind;
use serde_json::json;

fn workload(name: &str, replicas: u64, resources: &Json) -> Json {
    let pod = json!({"spec": {"containers": [{"name": name, "resources": resources}]}});
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name},
        "spec": {"replicas": replicas, "template": pod, "strategy": {"rollingUpdate": {"maxSurge": 1}}}})
}

fn quota(key: &str, hard: &str, used: &str) -> Json {
    json!({"metadata": {"name": "q"}, "spec": {"hard": {key: hard}}, "status": {"used": {key: used}}})
}

fn found(objects: &[Json], live: &[Json], quota: Json) -> Finding {
    let kinds = objects.iter().map(|object| {
        let name = super::super::chart::kind_name(object);
        let kind = Kind::known(&name.0, &name.1);
        (name, Ok(kind))
    });
    let kinds = kinds.collect();
    quotas(&Demand { objects, live, kinds: &kinds, default_class: None, limits: &[] }, &Ok(vec![quota])).swap_remove(0)
}

#[test]
fn what_is_asked_for_must_fit() {
    let resources = json!({"requests": {"cpu": "500m", "memory": "1Gi"}, "limits": {"cpu": "1"}});
    let objects = [
        workload("api", 3, &resources),
        json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a"}, "spec": {"type": "LoadBalancer"}}),
        json!({"kind": "PersistentVolumeClaim", "metadata": {"name": "d"}, "spec": {"storageClassName": "fast", "resources": {"requests": {"storage": "5Gi"}}}}),
    ];
    for (key, hard, used, fits) in [
        ("pods", "3", "0", true),
        ("pods", "3", "1", false),
        ("count/pods", "2", "0", false),
        ("requests.cpu", "1500m", "0", true),
        ("cpu", "1499m", "0", false),
        ("requests.memory", "4Gi", "1Gi", true),
        ("memory", "4Gi", "1025Mi", false),
        ("limits.cpu", "3", "0", true),
        ("limits.cpu", "3", "1m", false),
        ("services.loadbalancers", "0", "0", false),
        ("services.nodeports", "1", "0", true),
        ("services", "1", "1", false),
        ("count/deployments.apps", "1", "0", true),
        ("count/deployments.apps", "0", "0", false),
        ("count/jobs.batch", "0", "0", true),
        ("requests.storage", "5Gi", "0", true),
        ("requests.storage", "5Gi", "1Mi", false),
        ("fast.storageclass.storage.k8s.io/requests.storage", "4Gi", "0", false),
        ("slow.storageclass.storage.k8s.io/requests.storage", "4Gi", "0", true),
        ("fast.storageclass.storage.k8s.io/persistentvolumeclaims", "0", "0", false),
        ("persistentvolumeclaims", "1", "0", true),
        ("secrets", "1", "0", false),
        ("requests.nvidia.com/gpu", "0", "0", true),
    ] {
        let finding = found(&objects, &[], quota(key, hard, used));
        assert_eq!(finding.verdict != Verdict::Failed, fits, "{key} {hard} {used}: {finding}");
    }
    let text = found(&objects, &[], quota("pods", "3", "1")).to_string();
    assert_eq!(
        text,
        "quota: ResourceQuota q: pods: 1 of 3 are used, and this deploy needs 3 more; request a larger quota, or request less (`replicas` in aspire-k8s.yaml)"
    );
}

#[test]
fn a_claim_without_a_class_counts_for_the_default_one() {
    let claim = [json!({"kind": "PersistentVolumeClaim", "metadata": {"name": "d"}, "spec": {}})];
    let kinds = BTreeMap::new();
    let key = "std.storageclass.storage.k8s.io/persistentvolumeclaims";
    for (default_class, verdict) in [(Some("std"), Verdict::Failed), (Some("other"), Verdict::Ok), (None, Verdict::Ok)]
    {
        let demand = Demand { objects: &claim, live: &[], kinds: &kinds, default_class, limits: &[] };
        assert_eq!(quotas(&demand, &Ok(vec![quota(key, "0", "0")]))[0].verdict, verdict);
    }
}

#[test]
fn what_the_release_has_already_is_not_counted_twice() {
    let resources = json!({"requests": {"cpu": "500m"}});
    let (now, next) = ([workload("api", 3, &resources)], [workload("api", 4, &resources)]);
    assert_eq!(found(&now, &now, quota("pods", "4", "3")).verdict, Verdict::Ok);
    assert_eq!(found(&next, &now, quota("pods", "5", "3")).verdict, Verdict::Ok);
    assert_eq!(found(&next, &now, quota("pods", "3", "3")).verdict, Verdict::Failed);
    // It fits when it is done, but not on the way.
    let tight = found(&now, &now, quota("requests.cpu", "1500m", "1500m"));
    assert_eq!(tight.verdict, Verdict::Warning);
    assert!(tight.reason.contains("a rolling update temporarily needs 500m more"), "{tight}");
    // A quota that is full already does not stop a deploy that needs less.
    assert_eq!(found(&now, &next, quota("pods", "2", "4")).verdict, Verdict::Warning);
}

#[test]
fn a_quota_demands_what_it_counts() {
    let objects = [workload("api", 1, &json!({"requests": {"cpu": "1"}}))];
    assert_eq!(found(&objects, &[], quota("requests.cpu", "9", "0")).verdict, Verdict::Ok);
    let lacking = found(&objects, &[], quota("limits.memory", "9Gi", "0"));
    assert_eq!(lacking.verdict, Verdict::Failed);
    assert!(lacking.reason.contains("pods without `limits.memory` are rejected: api"), "{lacking}");
    let range =
        json!({"metadata": {"name": "r"}, "spec": {"limits": [{"type": "Container", "default": {"memory": "1Gi"}}]}});
    let kinds = BTreeMap::new();
    let demand = Demand { objects: &objects, live: &[], kinds: &kinds, default_class: None, limits: &[range] };
    assert_eq!(quotas(&demand, &Ok(vec![quota("limits.memory", "9Gi", "0")]))[0].verdict, Verdict::Ok);
    assert_eq!(quotas(&demand, &Ok(vec![quota("limits.memory", "1Mi", "0")]))[0].verdict, Verdict::Failed);
}

#[test]
fn scopes_choose_the_pods() {
    let objects = [workload("api", 2, &json!({"requests": {"cpu": "1"}}))];
    for (scope, verdict) in [
        (json!({"scopes": ["NotTerminating"]}), Verdict::Failed),
        (json!({"scopes": ["Terminating"]}), Verdict::Ok),
        (json!({"scopes": ["BestEffort"]}), Verdict::Ok),
        (json!({"scopes": ["NotBestEffort"]}), Verdict::Failed),
        (
            json!({"scopeSelector": {"matchExpressions": [{"scopeName": "PriorityClass", "operator": "In", "values": ["high"]}]}}),
            Verdict::Ok,
        ),
        (
            json!({"scopeSelector": {"matchExpressions": [{"scopeName": "PriorityClass", "operator": "DoesNotExist"}]}}),
            Verdict::Failed,
        ),
        (json!({"scopes": ["Later"]}), Verdict::Skipped),
    ] {
        let mut limited = quota("pods", "1", "0");
        for (key, value) in scope.as_object().unwrap() {
            limited["spec"][key] = value.clone();
        }
        assert_eq!(found(&objects, &[], limited).verdict, verdict, "{scope}");
    }
}

#[test]
fn what_cannot_be_read_is_skipped() {
    let kinds = BTreeMap::new();
    let demand = Demand { objects: &[], live: &[], kinds: &kinds, default_class: None, limits: &[] };
    assert_eq!(quotas(&demand, &Err(Error::new(ErrorKind::Forbidden, "no")))[0].verdict, Verdict::Skipped);
}

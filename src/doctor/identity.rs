//! Workloads whose user, group or root file system changes while a PVC holds their data: the new user may not read it.
//!
//! Must not know why: a setting, a number of defaults or an edited chart.

use super::pods::{Pods, of, pods};
use super::{Finding, Verdict, or_ok};
use crate::k8s::object::name_of;
use crate::k8s::ownership::ReleaseName;
use serde_json::Value as Json;
use std::collections::BTreeMap;

const CHECK: &str = "identity";

/// Fields that decide who reads the data, in words; those of a container win over those of its pod.
const FIELDS: [(&str, &str); 4] = [
    ("runAsUser", "user"),
    ("runAsGroup", "group"),
    ("fsGroup", "group of the files"),
    ("readOnlyRootFilesystem", "read-only root file system"),
];

/// Compares the objects of the chart with the live ones of the release.
pub(crate) fn identity(
    objects: &[Json],
    live: &BTreeMap<&'static str, Vec<Json>>,
    release: ReleaseName,
) -> Vec<Finding> {
    let kinds = ["Deployment", "StatefulSet"].into_iter().filter_map(|kind| live.get(kind)).flatten();
    let live: Vec<&Json> = kinds.filter(|object| release.owns(object)).collect();
    let findings = pods(objects).into_iter().filter_map(|new| {
        let old = of(live.iter().find(|old| name_of(old) == new.name())?)?;
        let changed = changed(&old, &new);
        // Data that the new pods do not mount is a loss, and that is another question.
        (has_data(&old) && has_data(&new) && !changed.is_empty()).then(|| finding(new.name(), &changed))
    });
    or_ok(findings.collect(), CHECK, "", "no workload with a PVC changes its user")
}

fn finding(workload: &str, changed: &[String]) -> Finding {
    let reason = format!("its PVC holds data, and these change: {}", changed.join(", "));
    Finding::new(CHECK, Verdict::Failed, format!("pods of {workload}"), reason).fix(format!(
        "set `security`, `podSecurityContext` or `securityContext` of resources.{workload} (or `compatibility`) as \
        before; if the new user can read and write the data, pass `--ignore {CHECK}`"
    ))
}

/// Whether pods mount a PVC.
fn has_data(pods: &Pods<'_>) -> bool {
    let list = |value: &Json| value.as_array().is_some_and(|items| !items.is_empty());
    let volumes = pods.spec()["volumes"].as_array().into_iter().flatten();
    list(&pods.owner["spec"]["volumeClaimTemplates"])
        || volumes.into_iter().any(|volume| volume["persistentVolumeClaim"].is_object())
}

/// The fields that differ, in words.
fn changed(old: &Pods<'_>, new: &Pods<'_>) -> Vec<String> {
    let mut found = Vec::new();
    for container in new.containers() {
        let Some(before) = old.containers().find(|before| before["name"] == container["name"]) else { continue };
        for (field, words) in FIELDS {
            let (was, is) = (set(old, before, field), set(new, container, field));
            if was != is {
                found.push(format!("{words} {} -> {}", shown(was), shown(is)));
            }
        }
    }
    found
}

/// What is set for a container; false is what is not set.
fn set<'a>(pods: &Pods<'a>, container: &'a Json, field: &str) -> Option<&'a Json> {
    let own = [&container["securityContext"][field], &pods.spec()["securityContext"][field]];
    own.into_iter().find(|value| !value.is_null()).filter(|value| **value != false)
}

fn shown(value: Option<&Json>) -> String {
    value.map_or_else(|| "as in the image".to_owned(), Json::to_string)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn set_of(kind: &str, pod: &Json, container: &Json, volume: &Json) -> Json {
        json!({
            "kind": kind,
            "metadata": {"name": "db", "labels": {"app.kubernetes.io/managed-by": "Helm"}, "annotations": {
                "meta.helm.sh/release-name": "shop", "meta.helm.sh/release-namespace": "n"}},
            "spec": {"template": {"spec": {"securityContext": pod, "volumes": [volume],
                "containers": [{"name": "db", "securityContext": container}]}}},
        })
    }

    fn check(old: Json, new: &Json) -> Vec<String> {
        let live = BTreeMap::from([("StatefulSet", vec![old])]);
        let found = identity(std::slice::from_ref(new), &live, ReleaseName { name: "shop", namespace: "n" });
        found.into_iter().filter(|finding| finding.verdict == Verdict::Failed).map(|found| found.reason).collect()
    }

    #[test]
    fn who_reads_data_does_not_change_unnoticed() {
        let claim = json!({"name": "data", "persistentVolumeClaim": {"claimName": "db-data"}});
        let (none, group) = (json!({}), json!({"fsGroup": 2000}));
        let old = || set_of("StatefulSet", &group, &none, &claim);
        let restricted = json!({"runAsUser": 999, "runAsGroup": 999, "readOnlyRootFilesystem": true});
        let said = check(old(), &set_of("StatefulSet", &group, &restricted, &claim));
        let changes = "user as in the image -> 999, group as in the image -> 999, read-only root file system as in the image -> true";
        assert_eq!(said, [format!("its PVC holds data, and these change: {changes}")]);
        let said = check(old(), &set_of("Deployment", &json!({"fsGroup": 1654}), &none, &claim));
        assert_eq!(said, ["its PVC holds data, and these change: group of the files 2000 -> 1654"]);
        let pod_only = json!({"name": "data", "emptyDir": {}});
        assert!(check(old(), &set_of("StatefulSet", &none, &none, &pod_only)).is_empty());
        // The same in other words, and what holds no data.
        let same = json!({"readOnlyRootFilesystem": false, "capabilities": {"drop": ["ALL"]}});
        assert!(check(old(), &set_of("StatefulSet", &group, &same, &claim)).is_empty());
        let empty = json!({"name": "data", "emptyDir": {}});
        let without = set_of("StatefulSet", &group, &none, &empty);
        assert!(check(without, &set_of("StatefulSet", &group, &restricted, &claim)).is_empty());
        // Another release has another database of that name.
        let mut other = old();
        other["metadata"]["annotations"]["meta.helm.sh/release-name"] = json!("other");
        assert!(check(other, &set_of("StatefulSet", &group, &restricted, &claim)).is_empty());
    }
}

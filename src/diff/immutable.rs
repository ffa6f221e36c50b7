//! Immutable fields of live objects: a deploy that changes one fails, whatever the message of the API server.

use super::fields::Field;
use crate::k8s::quantity::Quantity;
use serde_json::Value as Json;

/// Fields of the spec of a StatefulSet that may change (`ValidateStatefulSetUpdate`); all others may not.
const STATEFUL_SET: [&str; 7] = [
    "replicas",
    "ordinals",
    "template",
    "updateStrategy",
    "revisionHistoryLimit",
    "persistentVolumeClaimRetentionPolicy",
    "minReadySeconds",
];

/// Fields of the spec of a claim that may change.
const CLAIM: [&str; 2] = ["resources", "volumeAttributesClassName"];

/// Kind and fields that may never change.
const NEVER: [(&str, &[&str]); 11] = [
    ("Deployment", &["spec.selector"]),
    ("DaemonSet", &["spec.selector"]),
    ("ReplicaSet", &["spec.selector"]),
    ("Job", &["spec.selector", "spec.template", "spec.completionMode", "spec.backoffLimitPerIndex"]),
    ("Secret", &["type"]),
    ("StorageClass", &["provisioner", "parameters", "reclaimPolicy", "volumeBindingMode"]),
    ("RoleBinding", &["roleRef"]),
    ("ClusterRoleBinding", &["roleRef"]),
    ("PriorityClass", &["value", "preemptionPolicy"]),
    ("IngressClass", &["spec.controller"]),
    ("RuntimeClass", &["handler"]),
];

/// The paths among the changed ones that cannot be changed. `before` is the live object.
pub(super) fn paths(kind: &str, before: &Json, changed: &[Field]) -> Vec<String> {
    let cannot = |field: &&Field| {
        let never = NEVER.iter().filter(|(of, _)| *of == kind).flat_map(|(_, paths)| *paths);
        let mut never = never.filter(|path| is_below(&field.path, path));
        never.next().is_some() || of_its_own(kind, before, field)
    };
    changed.iter().filter(cannot).map(|field| field.path.clone()).collect()
}

fn of_its_own(kind: &str, before: &Json, field: &Field) -> bool {
    match kind {
        "StatefulSet" => is_outside(&field.path, &STATEFUL_SET),
        "PersistentVolumeClaim" => is_outside(&field.path, &CLAIM) || shrinks(field),
        // An address that is given up or changed; one that comes first is allowed.
        "Service" => {
            let headless = field.before.as_ref().is_some_and(|address| address != "");
            matches!(field.path.as_str(), "spec.clusterIP" | "spec.clusterIPs")
                && headless
                && before["spec"]["type"] != "ExternalName"
        }
        "Secret" | "ConfigMap" => {
            before["immutable"] == true
                && (["data", "binaryData", "immutable"].iter().any(|path| is_below(&field.path, path)))
        }
        _ => false,
    }
}

fn is_outside(path: &str, allowed: &[&str]) -> bool {
    is_below(path, "spec") && !allowed.iter().any(|name| is_below(path, &format!("spec.{name}")))
}

fn is_below(path: &str, above: &str) -> bool {
    path.strip_prefix(above).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[', ' ']))
}

fn shrinks(field: &Field) -> bool {
    let amount = |side: &Option<Json>| side.as_ref().and_then(Json::as_str).and_then(Quantity::parse);
    field.path == "spec.resources.requests.storage"
        && match (amount(&field.before), amount(&field.after)) {
            (Some(before), Some(after)) => after < before,
            _ => true,
        }
}

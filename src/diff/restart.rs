//! Why the pods of a workload are replaced: which parts of its pod template change, as text.

use super::fields::{Field, below, fields};
use crate::k8s::labels;
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};

const TEMPLATE: &str = "spec.template.";
const ANNOTATIONS: &str = "metadata.annotations";

/// Kinds whose pods are replaced when their template changes.
const WORKLOADS: [&str; 3] = ["Deployment", "StatefulSet", "DaemonSet"];

/// The annotation with the marks of secrets: `name=mark,name=mark`.
pub(super) const MARKS: &str = labels::SECRETS;

/// Annotations of a pod template that stand for something outside of it.
const STAND_FOR: [(&str, &str); 3] = [
    (labels::CONFIG, "configuration"),
    (labels::FILES, "files"),
    ("kubectl.kubernetes.io/restartedAt", "a manual restart is reverted"),
];

/// Whether this field of a workload says only that something else changed, which the reasons name.
pub(super) fn stands_for(path: &str) -> bool {
    let names = STAND_FOR.iter().take(2).map(|(name, _)| *name).chain([MARKS]);
    path.strip_prefix(TEMPLATE).is_some_and(|path| names.into_iter().any(|name| path == below(ANNOTATIONS, name)))
}

/// The reasons; none when no pod is replaced.
pub(super) fn reasons(kind: &str, before: &Json, after: &Json) -> Vec<String> {
    if !WORKLOADS.contains(&kind) || before["spec"]["updateStrategy"]["type"] == "OnDelete" {
        return Vec::new();
    }
    let wrap = |object: &Json| serde_json::json!({"spec": {"template": object["spec"]["template"]}});
    let mut reasons: Vec<String> = Vec::new();
    for field in fields(&wrap(before), &wrap(after)) {
        let path = field.path.strip_prefix(TEMPLATE).unwrap_or(&field.path);
        for reason in of_field(path, &field) {
            if !reasons.contains(&reason) {
                reasons.push(reason);
            }
        }
    }
    reasons
}

fn of_field(path: &str, field: &Field) -> Vec<String> {
    let annotation = |name: &str| path == below(ANNOTATIONS, name);
    if annotation(MARKS) {
        return secrets(field).into_iter().map(|name| format!("secret {name}")).collect();
    }
    if let Some((_, words)) = STAND_FOR.iter().find(|(name, _)| annotation(name)) {
        return vec![(*words).to_owned()];
    }
    let path = path.strip_prefix("spec.").unwrap_or(path);
    let image = path.strip_suffix(".image").and_then(|path| path.split_once("[name="));
    if let Some((_, container)) = image {
        let text = |side: &Option<Json>| side.as_ref().and_then(Json::as_str).unwrap_or("none").to_owned();
        let name = container.trim_end_matches(']');
        return vec![format!("image of {name}: {} -> {}", text(&field.before), text(&field.after))];
    }
    vec![path.to_owned()]
}

/// The secrets whose marks differ.
pub(super) fn secrets(field: &Field) -> BTreeSet<String> {
    let (before, after) = (marks(field.before.as_ref()), marks(field.after.as_ref()));
    let names = before.keys().chain(after.keys());
    names.filter(|name| before.get(*name) != after.get(*name)).map(|name| (*name).to_owned()).collect()
}

fn marks(side: Option<&Json>) -> BTreeMap<&str, &str> {
    side.and_then(Json::as_str).unwrap_or_default().split(',').filter_map(|mark| mark.split_once('=')).collect()
}

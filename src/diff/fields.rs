//! Two states of one object, field by field, with the path of each difference.

use super::keys;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value as Json, json};
use std::collections::BTreeSet;

/// A field that differs. A side is missing where the field is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Field {
    /// Where it is: `spec.template.spec.containers[name=api].image`.
    pub path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Json>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Json>,
}

/// Metadata that the API server writes by itself.
const OF_THE_SERVER: [&str; 7] =
    ["managedFields", "resourceVersion", "generation", "uid", "creationTimestamp", "selfLink", "deletionTimestamp"];

/// Annotations that controllers and tools write for themselves.
const OF_TOOLS: [&str; 2] = ["kubectl.kubernetes.io/last-applied-configuration", "deployment.kubernetes.io/revision"];

/// The object without what no manifest says: its status, and what the API server and tools note for themselves.
pub(super) fn stripped(object: &Json) -> Json {
    let mut object = object.clone();
    if let Some(fields) = object.as_object_mut() {
        fields.shift_remove("status");
    }
    if let Some(metadata) = object.get_mut("metadata").and_then(Json::as_object_mut) {
        metadata.retain(|name, _| !OF_THE_SERVER.contains(&name.as_str()));
        if let Some(annotations) = metadata.get_mut("annotations").and_then(Json::as_object_mut) {
            annotations.retain(|name, _| !OF_TOOLS.contains(&name.as_str()));
        }
        if metadata.get("annotations").and_then(Json::as_object).is_some_and(serde_json::Map::is_empty) {
            metadata.shift_remove("annotations");
        }
    }
    object
}

/// Whether two states of an object say the same, without what the API server and tools note for themselves.
pub(crate) fn same(one: &Json, other: &Json) -> bool {
    let said = |object: &Json| {
        let mut object = stripped(object);
        // The kind is that of the address.
        object
            .as_object_mut()
            .into_iter()
            .for_each(|fields| fields.retain(|key, _| key != "apiVersion" && key != "kind"));
        object
    };
    said(one) == said(other)
}

/// What differs, in the order of the paths' names.
pub fn fields(before: &Json, after: &Json) -> Vec<Field> {
    let mut found = Vec::new();
    walk("", "", Some(before), Some(after), &mut found);
    found
}

fn walk(path: &str, name: &str, before: Option<&Json>, after: Option<&Json>, found: &mut Vec<Field>) {
    match (before, after) {
        (Some(before), Some(after)) if before == after => {}
        (Some(Json::Object(before)), Some(Json::Object(after))) => {
            let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
            for name in names {
                walk(&below(path, name), name, before.get(name), after.get(name), found);
            }
        }
        (Some(Json::Array(before)), Some(Json::Array(after))) => lists(path, name, before, after, found),
        (before, after) => found.push(Field { path: path.to_owned(), before: before.cloned(), after: after.cloned() }),
    }
}

fn lists(path: &str, name: &str, before: &[Json], after: &[Json], found: &mut Vec<Field>) {
    if let Some([before_keys, after_keys]) = keys::shown(name, &[before, after]).as_deref() {
        let all: BTreeSet<&String> = before_keys.iter().chain(after_keys).collect();
        let (old_places, new_places) = (keys::places(before_keys), keys::places(after_keys));
        let start = found.len();
        for key in all {
            let old = old_places.get(key.as_str()).map(|at| &before[*at]);
            let new = new_places.get(key.as_str()).map(|at| &after[*at]);
            walk(&format!("{path}[{key}]"), "", old, new, found);
        }
        if found.len() == start {
            // The same elements, so it must be their order.
            let path = format!("{path} (order)");
            found.push(Field { path, before: Some(json!(before_keys)), after: Some(json!(after_keys)) });
        }
    } else if before.len() == after.len() && before.iter().chain(after).all(Json::is_object) {
        for (index, (old, new)) in before.iter().zip(after).enumerate() {
            walk(&format!("{path}[{index}]"), "", Some(old), Some(new), found);
        }
    } else {
        found.push(Field { path: path.to_owned(), before: Some(json!(before)), after: Some(json!(after)) });
    }
}

/// The path of a field below another; a name that is more than a word stands in brackets.
pub(crate) fn below(path: &str, name: &str) -> String {
    let word = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    match (word, path) {
        (true, "") => name.to_owned(),
        (true, _) => format!("{path}.{name}"),
        (false, _) => format!("{path}[{}]", Json::from(name)),
    }
}

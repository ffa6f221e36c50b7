//! The objects of a chart, parsed from the output of `helm template`.

use crate::k8s::kind::KindName;
use crate::support::yaml;
use serde_json::Value as Json;
use std::collections::BTreeSet;

/// The objects of a manifest; none when it cannot be read.
pub fn objects_of(manifest: &str) -> Option<Vec<Json>> {
    yaml::affordable(manifest).ok()?;
    let mut objects = Vec::new();
    for document in yaml::documents(manifest) {
        match document.ok()? {
            Json::Null => {}
            Json::Object(mut map)
                if map.get("kind").and_then(Json::as_str).is_some_and(|kind| kind.ends_with("List")) =>
            {
                if let Some(Json::Array(items)) = map.remove("items") {
                    objects.extend(items);
                }
            }
            other => objects.push(other),
        }
    }
    Some(objects)
}

pub(crate) fn kind_name(object: &Json) -> KindName {
    let text = |key: &str| object[key].as_str().unwrap_or_default().to_owned();
    (text("apiVersion"), text("kind"))
}

/// The kinds of these objects, sorted.
pub fn kind_names(objects: &[Json]) -> BTreeSet<KindName> {
    objects.iter().map(kind_name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_come_out_of_what_helm_renders() {
        let text = "---\n# Source: a\napiVersion: v1\nkind: Secret\n---\n\n---\napiVersion: v1\nkind: List\nitems:\n- {apiVersion: apps/v1, kind: Deployment}\n";
        let objects = objects_of(text).unwrap();
        let kinds: Vec<String> =
            kind_names(&objects).into_iter().map(|(version, kind)| format!("{version}/{kind}")).collect();
        assert_eq!(kinds, ["apps/v1/Deployment", "v1/Secret"]);
        assert!(objects_of("a: [").is_none());
    }
}

//! The objects of a manifest as helm keeps it: one YAML text, many documents.

use crate::k8s::labels;
use crate::k8s::object;
use crate::k8s::object::name_of;
use crate::support::diagnostic::{Code, Diagnostic};
use crate::support::redact::base64;
use crate::support::yaml;
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use std::fmt;

/// Which object. Helm tells objects apart by this: another version of the group is the same object.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Object {
    /// API group; empty for the core group.
    pub group: String,
    pub kind: String,
    /// Namespace; the release's where the manifest names none.
    pub namespace: String,
    pub name: String,
}

impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.name)
    }
}

/// The objects of a manifest. `namespace` is the release's.
pub fn objects(manifest: &str, namespace: &str) -> Result<BTreeMap<Object, Json>, Diagnostic> {
    let mut found = BTreeMap::new();
    yaml::affordable(manifest)
        .map_err(|costly| Diagnostic::new(Code::TooComplex, "", format!("helm's manifest is not parsed: {costly}")))?;
    for document in yaml::documents(manifest) {
        let object = document.map_err(|error| {
            Diagnostic::new(Code::RecordUnreadable, "", format!("helm's manifest cannot be read: {error}"))
        })?;
        add(object, namespace, &mut found);
    }
    Ok(found)
}

fn add(mut object: Json, namespace: &str, found: &mut BTreeMap<Object, Json>) {
    let kind = object["kind"].as_str().unwrap_or_default().to_owned();
    // Whatever has items is a list to helm.
    if let Some(Json::Array(items)) = object.get_mut("items").map(Json::take) {
        for item in items {
            add(item, namespace, found);
        }
        return;
    }
    if kind.is_empty() {
        return;
    }
    if kind == "Secret" {
        encode(&mut object);
    }
    let group =
        object["apiVersion"].as_str().and_then(|version| version.split_once('/')).map_or("", |(group, _)| group);
    let id = Object {
        group: group.to_owned(),
        namespace: object["metadata"]["namespace"].as_str().unwrap_or(namespace).to_owned(),
        name: name_of(&object).to_owned(),
        kind,
    };
    found.insert(id, object);
}

/// The API server keeps the plain texts of a Secret with its data.
fn encode(secret: &mut Json) {
    let Some(Json::Object(texts)) = secret.as_object_mut().and_then(|fields| fields.shift_remove("stringData")) else {
        return;
    };
    for (key, text) in texts {
        object::set(secret, &["data", &key], json!(base64(text.as_str().unwrap_or_default().as_bytes())));
    }
}

/// Writes what helm adds to every object of a release and leaves out of the manifest.
pub(crate) fn mark(object: &mut Json, release: &str, namespace: &str) {
    for (group, key, value) in [
        ("labels", labels::MANAGED_BY, labels::BY_HELM),
        ("annotations", labels::RELEASE_NAME, release),
        ("annotations", labels::RELEASE_NAMESPACE, namespace),
    ] {
        object::set(object, &["metadata", group, key], json!(value));
    }
}

//! `extraObjects:` of `aspire-k8s.yaml`: required fields and refused kinds and fields.

use super::findings::Findings;
use super::path::{Path, shown};
use super::rules::{self, Rule};
use crate::support::diagnostic::Code;
use serde_json::{Map, Value};

/// Kinds of the whole cluster: two releases would share one object.
const CLUSTER_WIDE: [&str; 20] = [
    "APIService",
    "CSIDriver",
    "ClusterIssuer",
    "ClusterRole",
    "ClusterRoleBinding",
    "CustomResourceDefinition",
    "GatewayClass",
    "IngressClass",
    "MutatingAdmissionPolicy",
    "MutatingAdmissionPolicyBinding",
    "MutatingWebhookConfiguration",
    "Namespace",
    "Node",
    "PersistentVolume",
    "PriorityClass",
    "RuntimeClass",
    "StorageClass",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
    "ValidatingWebhookConfiguration",
];

/// Fields of an object and of its metadata, as the API server writes them. Helm reads them without regard to case.
const FIELDS: [&str; 11] = [
    "annotations",
    "apiVersion",
    "data",
    "items",
    "kind",
    "labels",
    "metadata",
    "name",
    "namespace",
    "status",
    "stringData",
];

pub(super) fn check(objects: &[Map<String, Value>], findings: &mut Findings, at: &Path<'_>) {
    let mut check = Check { findings };
    for (index, object) in objects.iter().enumerate() {
        check.object(object, &at.item(index));
    }
}

struct Check<'a> {
    findings: &'a mut Findings,
}

impl Check<'_> {
    fn object(&mut self, object: &Map<String, Value>, at: &Path<'_>) {
        self.required(object, "apiVersion", None, at);
        self.required(object, "kind", Some(&rules::KIND), at);
        let here = at.key("metadata");
        match object.get("metadata") {
            Some(Value::Object(metadata)) => {
                self.required(metadata, "name", Some(&rules::OBJECT_NAME), &here);
                self.metadata(metadata, &here);
            }
            Some(_) => self.findings.add(Code::WrongType, &here, "expected a map", ""),
            None => self.findings.add(Code::MissingKey, at, "`metadata` is missing", "set `metadata.name`"),
        }
        let kind = object.get("kind").and_then(Value::as_str).unwrap_or_default();
        self.spelling(object, at);
        if object.contains_key("items") || kind.ends_with("List") {
            let hint = "write each item as an object of its own";
            self.findings.add(Code::InvalidValue, at, "a list of objects cannot be added here", hint);
        }
        if CLUSTER_WIDE.contains(&kind) {
            let hint = "install objects of the whole cluster with a chart under `charts`";
            self.findings.add(Code::InvalidValue, &at.key("kind"), format!("a {kind} cannot be added here"), hint);
        }
        for key in ["data", "stringData"].into_iter().filter(|key| kind == "Secret" && object.contains_key(*key)) {
            let hint = "use a secret parameter of the AppHost; `parameters.NAME.from` sets the source of its value";
            self.findings.add(
                Code::SecretInFile,
                &at.key(key),
                "the data of a Secret would be in this file in plain text",
                hint,
            );
        }
        if object.contains_key("status") {
            self.findings.add(Code::InvalidValue, &at.key("status"), "`status` is written by the cluster", "remove it");
        }
    }

    fn required(&mut self, map: &Map<String, Value>, key: &str, rule: Option<&Rule>, at: &Path<'_>) {
        match (map.get(key), rule) {
            (Some(Value::String(text)), Some(rule)) if !(rule.legal)(text) => {
                let what = format!("{} is not valid as {}", shown(text), rule.what);
                self.findings.add(Code::InvalidValue, &at.key(key), what, rule.says);
            }
            (Some(Value::String(text)), None) if text.is_empty() => {
                self.findings.add(Code::InvalidValue, &at.key(key), "it is empty", "");
            }
            (Some(Value::String(_)), _) => {}
            (Some(_), _) => self.findings.add(Code::WrongType, &at.key(key), "expected a text", ""),
            (None, _) => self.findings.add(Code::MissingKey, at, format!("`{key}` is missing"), ""),
        }
    }

    /// A field in another spelling is unknown to the API server, but not to helm.
    fn spelling(&mut self, map: &Map<String, Value>, at: &Path<'_>) {
        for key in map.keys() {
            if let Some(field) = rules::field_in_other_case(FIELDS, key) {
                let hint = format!("did you mean `{field}`?");
                self.findings.add(Code::UnknownKey, &at.key(key), format!("unknown key {}", shown(key)), hint);
            }
        }
    }

    fn metadata(&mut self, metadata: &Map<String, Value>, at: &Path<'_>) {
        self.spelling(metadata, at);
        if metadata.contains_key("namespace") {
            let hint = "remove it: the objects of a chart are created in the namespace of the release";
            self.findings.add(Code::InvalidValue, &at.key("namespace"), "`metadata.namespace` cannot be set", hint);
        }
        let annotations = metadata.get("annotations").and_then(Value::as_object);
        self.findings.reserved_annotations(annotations.into_iter().flat_map(Map::keys), &at.key("annotations"));
    }
}

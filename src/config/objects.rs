//! `extraObjects:` of `aspire-k8s.yaml`: required fields and refused kinds and fields.

use super::findings::Findings;
use super::path::{Path, shown};
use super::rules::{self, Rule};
use crate::support::diagnostic::Code;
use serde_json::{Map, Value};

/// Prefixes of annotations that helm and kubectl aspire write.
const OWN_ANNOTATIONS: [&str; 3] = ["helm.sh/hook", "meta.helm.sh/", "aspire-k8s/"];

pub(super) fn check(objects: &[Map<String, Value>], findings: &mut Findings, at: &Path<'_>) {
    for (index, object) in objects.iter().enumerate() {
        Check { findings: &mut *findings }.object(object, &at.item(index));
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
        if kind == "List" || kind == "Namespace" || kind == "CustomResourceDefinition" {
            let hint = "write the items of a List as separate objects; install cluster-wide objects with a chart under `charts`";
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

    fn metadata(&mut self, metadata: &Map<String, Value>, at: &Path<'_>) {
        if metadata.contains_key("namespace") {
            let hint = "remove it: the objects of a chart are created in the namespace of the release";
            self.findings.add(Code::InvalidValue, &at.key("namespace"), "`metadata.namespace` cannot be set", hint);
        }
        let annotations = metadata.get("annotations").and_then(Value::as_object);
        for key in annotations.into_iter().flat_map(Map::keys) {
            if OWN_ANNOTATIONS.iter().any(|own| key.starts_with(own)) {
                let here = at.key("annotations");
                let hint = "remove it: hooks are not run, and the other annotations record the owner of an object";
                self.findings.add(Code::ReservedName, &here.key(key), format!("{} is reserved", shown(key)), hint);
            }
        }
    }
}

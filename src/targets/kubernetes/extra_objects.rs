//! `extraObjects:` of `aspire-k8s.yaml`: objects that a user adds to the chart. References in their strings become template
//! expressions, and references to generated objects are checked. Pure.

use super::formula::{Names, Scalar};
use super::name::Name;
use super::planned::{ExtraObject, ObjectName, extra_object_path as path};
use crate::app::{App, Part, Value};
use crate::config::{Config, intent_place};
use crate::support::diagnostic::{Code, Diagnostic, Diagnostics, Place, suggestion};
use crate::support::literal;
use serde_json::{Map, Value as Json, json};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// The label with the workload of an object.
const COMPONENT: &str = "app.kubernetes.io/component";

/// Kinds whose references must be to a workload of this chart.
const WORKLOADS: [&str; 2] = ["Deployment", "StatefulSet"];

/// The rest of the chart, as far as the objects refer to it.
pub(super) struct Surroundings<'a> {
    pub(super) app: &'a App,
    pub(super) names: &'a BTreeMap<String, Name>,
    pub(super) ports: &'a BTreeMap<(String, String), String>,
    /// The generated objects.
    pub(super) objects: &'a [ObjectName],
}

/// The objects as templates. Errors are reported.
pub(super) fn plan(config: &Config, around: &Surroundings, diagnostics: &mut Diagnostics) -> Vec<ExtraObject> {
    let named = |object: &Map<String, Json>| {
        let text = |value: &Json| value.as_str().unwrap_or_default().to_owned();
        let metadata = object.get("metadata").unwrap_or(&Json::Null);
        ObjectName { kind: text(object.get("kind").unwrap_or(&Json::Null)), name: text(&metadata["name"]) }
    };
    let own: Vec<ObjectName> = config.extra_objects.iter().map(named).collect();
    let mut extra = Vec::new();
    for (index, (object, name)) in config.extra_objects.iter().zip(&own).enumerate() {
        let place = intent_place(format!("extraObjects[{index}]"));
        if around.objects.contains(name) || own[..index].contains(name) {
            let what = format!("the chart already has a {} `{}`", name.kind, name.name);
            let hint = "give it another name, or change the generated object with `patch`";
            diagnostics.push(Diagnostic::new(Code::NameCollision, &place, what).hint(hint));
        }
        let known = extra.iter().any(|other: &ExtraObject| other.path() == path(&name.kind, &name.name));
        if known && !own[..index].contains(name) {
            let what = format!("another object has the file {}", path(&name.kind, &name.name));
            diagnostics.push(Diagnostic::new(Code::NameCollision, &place, what).hint("give it another name"));
        }
        let mut writing = Writing { around, own: &own, place: &place, diagnostics: &mut *diagnostics };
        writing.references(object);
        let mut template = String::new();
        writing.map(&mut template, &kept(object), 0);
        template.push('\n');
        extra.push(ExtraObject { kind: name.kind.clone(), name: name.name.clone(), template });
    }
    extra
}

/// The object; a PersistentVolumeClaim survives the release, as those of resources do.
fn kept(object: &Map<String, Json>) -> Map<String, Json> {
    let mut object = object.clone();
    if object.get("kind").is_some_and(|kind| kind == "PersistentVolumeClaim")
        && let Some(metadata) = object.get_mut("metadata").and_then(Json::as_object_mut)
        && let Some(annotations) = metadata.entry("annotations").or_insert_with(|| json!({})).as_object_mut()
    {
        annotations.insert("helm.sh/resource-policy".into(), json!("keep"));
    }
    object
}

struct Writing<'a> {
    around: &'a Surroundings<'a>,
    own: &'a [ObjectName],
    place: &'a Place,
    diagnostics: &'a mut Diagnostics,
}

impl Writing<'_> {
    /// Checks references to workloads of the chart.
    fn references(&mut self, map: &Map<String, Json>) {
        let text = |key: &str| map.get(key).and_then(Json::as_str);
        if let (Some(kind), Some(name)) = (text("kind"), text("name"))
            && WORKLOADS.contains(&kind)
        {
            let objects = self.around.objects.iter().chain(self.own).filter(|object| object.kind == kind);
            let known: Vec<String> = objects.map(|object| object.name.clone()).collect();
            self.known(kind, name, &known);
        }
        if let Some(name) = text(COMPONENT) {
            let known: Vec<String> = self.around.names.values().map(Name::to_string).collect();
            self.known("workload", name, &known);
        }
        for value in map.values() {
            self.references_in(value);
        }
    }

    fn references_in(&mut self, value: &Json) {
        match value {
            Json::Object(map) => self.references(map),
            Json::Array(items) => items.iter().for_each(|item| self.references_in(item)),
            _ => {}
        }
    }

    fn known(&mut self, kind: &str, name: &str, known: &[String]) {
        if name.contains('{') || known.iter().any(|known| known == name) {
            return;
        }
        let near = self.diagnostics.nearest(name, known.iter().map(String::as_str));
        let hint = suggestion(near, format!("the chart has: {}", known.join(", ")));
        let what = format!("the chart has no {kind} `{name}`");
        self.diagnostics.push(Diagnostic::new(Code::UnknownResource, self.place, what).hint(hint));
    }

    fn value(&mut self, out: &mut String, value: &Json, indent: usize) {
        match value {
            Json::String(text) => {
                let text = self.text(text);
                out.push_str(&text);
            }
            Json::Object(map) if !map.is_empty() => self.map(out, map, indent),
            Json::Array(items) if !items.is_empty() => {
                out.push_str("[\n");
                for (index, item) in items.iter().enumerate() {
                    pad(out, indent + 2);
                    self.value(out, item, indent + 2);
                    out.push_str(if index + 1 < items.len() { ",\n" } else { "\n" });
                }
                pad(out, indent);
                out.push(']');
            }
            // Writing to a String cannot fail.
            other => drop(write!(out, "{other}")),
        }
    }

    fn map(&mut self, out: &mut String, map: &Map<String, Json>, indent: usize) {
        out.push_str("{\n");
        for (index, (key, value)) in map.iter().enumerate() {
            pad(out, indent + 2);
            out.push_str(&literal::quoted(key, true));
            out.push_str(": ");
            self.value(out, value, indent + 2);
            out.push_str(if index + 1 < map.len() { ",\n" } else { "\n" });
        }
        pad(out, indent);
        out.push('}');
    }

    fn text(&mut self, text: &str) -> String {
        let plain = Value::text(text);
        let value = self.around.app.texts.get(text).unwrap_or(&plain);
        let secret = value.parts().iter().find_map(|part| match part {
            Part::Input { name, .. } if self.around.app.inputs.get(name).is_some_and(|input| input.secret) => {
                Some(name)
            }
            _ => None,
        });
        if let Some(name) = secret {
            let what = format!("`{name}` is secret, but this object is not a Secret");
            let hint = "refer to the Secret `<release>-secrets`, which has a key with the name of the parameter";
            self.diagnostics.push(Diagnostic::new(Code::SecretExposed, self.place, what).hint(hint));
        }
        let secrets = BTreeMap::new();
        let names = Names { workloads: self.around.names, ports: self.around.ports, secrets: &secrets };
        match names.object_field(value) {
            Scalar::Text(text) => literal::quoted(&text, true),
            Scalar::Formula(formula) => formula.0,
        }
    }
}

fn pad(out: &mut String, indent: usize) {
    out.extend(std::iter::repeat_n(' ', indent));
}

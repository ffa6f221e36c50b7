//! `patch:` of `aspire-k8s.yaml`: merge patches for generated objects. This module finds the object of each patch, refuses
//! changes that a patch must not make, and writes the template of a patched object. Helm applies the patch, because only helm
//! knows the whole object. Pure.

use super::kinds::{KINDS, KindSpec, Object};
use super::planned::Plan;
use super::text;
use crate::config::{field_in_other_case, intent_place, is_reserved_annotation};
use crate::support::diagnostic::{Code, Diagnostic, Diagnostics, suggestion};
use crate::support::literal;
use serde_json::{Map, Value as Json};

/// The directive for an item of a list.
const DIRECTIVE: &str = "$patch";

/// Fields that identify an object or define what it owns, and what to use instead.
const FIXED: [(&[&str], &str); 16] = [
    (&["items"], ""),
    (&["apiVersion"], ""),
    (&["kind"], ""),
    (&["status"], ""),
    (&["metadata", "name"], ""),
    (&["metadata", "generateName"], ""),
    (&["metadata", "namespace"], "use --namespace or `release.namespace`"),
    (&["metadata", "ownerReferences"], ""),
    (&["metadata", "finalizers"], ""),
    (&["spec", "selector"], ""),
    (&["spec", "podSelector"], ""),
    (&["spec", "type"], "use `resources.NAME.service`"),
    (&["spec", "replicas"], "use `resources.NAME.replicas`"),
    (&["spec", "serviceName"], ""),
    (&["spec", "podManagementPolicy"], ""),
    (&["spec", "volumeClaimTemplates"], "use `resources.NAME.volumes`"),
];

/// Prefix of the labels by which objects are found.
const OWN_LABELS: &str = "app.kubernetes.io/";

/// Kinds that cannot be patched, and what to use instead.
const REFUSED: [(&str, &str); 3] = [
    ("Job", "its name is a digest of its pod template: use the keys of `resources.NAME`"),
    ("Secret", "a patch would hold the secret in plain text: use `parameters` and their `from`"),
    ("PersistentVolumeClaim", "use `resources.NAME.volumes`, which takes existing data into account"),
];

/// The key of a patch for an object: `Deployment/api`. If the name of an object starts with the name of the release, the key
/// has the rest.
pub(crate) fn key(spec: &KindSpec, object: &Object) -> String {
    let name = match (&object.name, object.folder) {
        (Some(name), _) => name.clone(),
        (None, Some(folder)) => format!("{folder}-{}", object.qualifier),
        (None, None) => object.qualifier.clone(),
    };
    format!("{}/{name}", spec.kind)
}

/// Whether objects of a kind can be patched.
fn is_patched(kind: &str) -> bool {
    REFUSED.iter().all(|(refused, _)| *refused != kind)
}

/// Reports patches without an object, and changes that a patch must not make.
pub(super) fn check(plan: &Plan, diagnostics: &mut Diagnostics) {
    if plan.patches.is_empty() {
        return;
    }
    let objects = KINDS.iter().filter(|spec| is_patched(spec.kind));
    let known: Vec<String> =
        objects.flat_map(|spec| (spec.objects)(plan).into_iter().map(move |object| key(spec, &object))).collect();
    for (target, patch) in &plan.patches {
        let place = intent_place(format!("patch[{target:?}]"));
        let kind = target.split('/').next().unwrap_or_default();
        if let Some((_, why)) = REFUSED.iter().find(|(refused, _)| *refused == kind) {
            diagnostics
                .push(Diagnostic::new(Code::PatchRefused, &place, format!("a {kind} cannot be patched")).hint(*why));
        } else if !known.contains(target) {
            let what = format!("the chart has no object `{target}`");
            let near = diagnostics.nearest(target, known.iter().map(String::as_str));
            let hint = suggestion(near, format!("the chart has: {}", known.join(", ")));
            diagnostics.push(Diagnostic::new(Code::PatchWithoutObject, &place, what).hint(hint));
        } else if patch.is_empty() {
            diagnostics.push(Diagnostic::new(Code::NoEffect, &place, "the patch is empty"));
        } else {
            let mut walk = Walk { target, diagnostics };
            walk.map(patch, &mut Vec::new());
        }
    }
}

/// The field that a key means in another case.
fn in_other_case(key: &str) -> Option<&'static str> {
    let fixed = FIXED.iter().flat_map(|(fixed, _)| fixed.iter().copied());
    let more = ["labels", "annotations", "matchLabels", "template", "data", "stringData"];
    field_in_other_case(fixed.chain(more), key)
}

/// Whether a field contains fields that a patch cannot change.
fn holds_fixed(trail: &[&str]) -> bool {
    let is_parent = |fixed: &&[&str]| fixed.len() > trail.len() && fixed.starts_with(trail);
    let has_labels = match trail {
        // A pod template contains metadata, and so does the template of a Job in a CronJob.
        [.., "metadata"]
        | [.., "metadata", "labels" | "annotations"]
        | ["spec", "template" | "jobTemplate"]
        | ["spec", "jobTemplate", "spec"]
        | ["spec", "jobTemplate", "spec", "template"] => true,
        _ => false,
    };
    has_labels || FIXED.iter().map(|(fixed, _)| *fixed).any(|fixed| is_parent(&fixed))
}

struct Walk<'a> {
    target: &'a str,
    diagnostics: &'a mut Diagnostics,
}

impl Walk<'_> {
    fn map<'p>(&mut self, patch: &'p Map<String, Json>, trail: &mut Vec<&'p str>) {
        for (key, value) in patch {
            trail.push(key);
            let is_in = |maps: &[&str]| trail.iter().rev().nth(1).is_some_and(|map| maps.contains(map));
            let is_marked = is_in(&["labels", "annotations", "matchLabels"]);
            let is_field = !is_marked && !is_in(&["data", "binaryData"]);
            if let Some(field) = in_other_case(key).filter(|_| is_field) {
                self.refuse(trail, "helm ignores case, the API server does not", &format!("did you mean `{field}`?"));
            } else if let Some((_, instead)) = FIXED.iter().find(|(fixed, _)| fixed == trail) {
                self.refuse(trail, "a patch cannot change it", instead);
            } else if !value.is_object() && holds_fixed(trail) {
                self.refuse(trail, "a patch cannot remove or replace it as a whole", "patch the fields in it");
            } else if is_marked && (is_reserved_annotation(key) || key.starts_with(OWN_LABELS)) {
                self.refuse(trail, "a patch cannot change it, because objects are found and kept by it", "");
            } else if key == DIRECTIVE && *value != "delete" {
                self.refuse(trail, "the only directive is `$patch: delete`", "");
            } else {
                self.value(value, trail);
            }
            trail.pop();
        }
    }

    fn value<'p>(&mut self, value: &'p Json, trail: &mut Vec<&'p str>) {
        match value {
            Json::Object(map) if map.contains_key(DIRECTIVE) => {
                self.refuse(trail, "`$patch: delete` removes items of lists; use null to remove a key", "");
            }
            Json::Object(map) => self.map(map, trail),
            Json::Array(items) => {
                for item in items {
                    match item {
                        Json::Object(map) => self.map(map, trail),
                        Json::Array(_) => self.value(item, trail),
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }

    fn refuse(&mut self, trail: &[&str], why: &str, hint: &str) {
        let place = intent_place(format!("patch[{:?}]", self.target));
        let what = format!("`{}`: {why}", trail.join("."));
        self.diagnostics.push(Diagnostic::new(Code::PatchRefused, place, what).hint(hint));
    }
}

/// The template of an object with its patch. Definitions for other templates in it stay unchanged.
pub(crate) fn patched(plan: &Plan, file: &str, target: &str, template: &str) -> Option<String> {
    let patch = plan.patches.get(target)?;
    let (definitions, object) = template.split_at(start_of_object(template));
    let name = text::helm_yaml(&format!("{}.{file}", plan.chart));
    // JSON data can always be serialized.
    let patch = serde_json::to_string(patch).unwrap_or_default();
    let (target, patch) = (literal::quoted(target, true), literal::quoted(&patch, true));
    Some(format!(
        "{definitions}{{{{- define {name} -}}}}\n{object}{{{{- end -}}}}\n\
         {{{{- include \"aspire.patched\" (list {target} (include {name} $) {patch}) }}}}\n"
    ))
}

/// Where the object begins: after the definitions.
pub(crate) fn start_of_object(template: &str) -> usize {
    const END: &str = "{{- end -}}\n";
    let object = template.find("\napiVersion: ").map_or(0, |at| at + 1);
    let head = &template[..object];
    if head.starts_with("{{- define ") { head.rfind(END).map_or(0, |at| at + END.len()) } else { 0 }
}

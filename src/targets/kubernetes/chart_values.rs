//! Chart values that a user overrides, with `values:` in `aspire-k8s.yaml` or on the command line: which keys exist, and which
//! cannot be overridden. Pure; this module must not know where the values come from.

use crate::config::is_reserved_annotation;
use crate::support::diagnostic::{Code, Diagnostic, Diagnostics, Place, suggestion};
use serde_json::{Map, Value as Json};

/// Keys that cannot be overridden, and what to use instead.
const OWNED: [(&[&str], &str); 5] = [
    (&["images", "tag"], "pass --tag, or set `defaults.tag` in aspire-k8s.yaml"),
    (&["parameters"], "set inputs with --parameter or --parameter-file, or under `parameters` in aspire-k8s.yaml"),
    (&["secrets"], "set `from` of the parameter in aspire-k8s.yaml"),
    (&["global", "aspire"], "kubectl aspire stores its own values there"),
    (&["skipGuards"], "`plan` sets it"),
];

/// Top-level keys with a fixed set of keys below them, and down to which level.
const CLOSED: [(&str, usize); 8] = [
    ("images", 2),
    ("workloads", 3),
    ("ingresses", 3),
    ("gateways", 3),
    ("daprComponents", 2),
    ("daprObjects", 2),
    ("waits", 2),
    ("networkPolicy", 2),
];

/// Maps of a workload, an Ingress or a Gateway whose keys may be removed.
const FREE: [&str; 9] = [
    "env",
    "labels",
    "annotations",
    "podAnnotations",
    "nodeSelector",
    "resources",
    "affinity",
    "podSecurityContext",
    "securityContext",
];

/// What to use instead of a value that cannot be set; none if it can be set.
fn owned(path: &[&str]) -> Option<&'static str> {
    match path {
        ["workloads", _, "volumes", _, "claimName" | "subPath" | "existingClaim" | "volumeName"] => {
            Some("use `resources.NAME.volumes` in aspire-k8s.yaml, which takes existing data into account")
        }
        [.., "annotations", key] if is_reserved_annotation(key) => {
            Some("remove it: helm and kubectl aspire act on annotations with this prefix")
        }
        _ => OWNED.iter().find(|(owned, _)| *owned == path).map(|(_, instead)| *instead),
    }
}

/// Helm passes this key to every chart.
const GLOBAL: &str = "global";

/// Whether top-level keys that the chart does not have are allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NewKeys {
    /// They are for templates that a user adds to the chart.
    Allowed,
    /// The chart already exists.
    Refused,
}

/// Errors in the keys of `over` and the types of its values; `chart` holds the values of the chart. Messages contain keys, never
/// values. `place` returns the place of a path such as `workloads.api.replicas`.
pub(crate) fn check(
    chart: &Json,
    over: &Map<String, Json>,
    place: &dyn Fn(&str) -> Place,
    new_keys: NewKeys,
) -> Diagnostics {
    let mut check = Check { place, new_keys, diagnostics: Diagnostics::default() };
    check.keys(chart, over, &mut Vec::new());
    check.diagnostics
}

struct Check<'a> {
    place: &'a dyn Fn(&str) -> Place,
    new_keys: NewKeys,
    diagnostics: Diagnostics,
}

impl Check<'_> {
    fn keys<'o>(&mut self, chart: &Json, over: &'o Map<String, Json>, path: &mut Vec<&'o str>) {
        for (key, value) in over {
            path.push(key);
            if let Some(instead) = owned(path) {
                let what = format!("`{}` cannot be set here", written(path));
                self.add(Code::ChartValueOwned, path, what, instead);
            } else if let Some(known) = chart.get(key) {
                self.value(known, value, path);
            } else if path[0] == GLOBAL {
                match value {
                    Json::Object(inner) => self.keys(&Json::Null, inner, path),
                    _ if path.len() == 1 => self.value(&Json::Object(Map::new()), value, path),
                    _ => {}
                }
            } else if path.len() <= levels(path[0]) {
                self.unknown(chart, key, path);
            }
            path.pop();
        }
    }

    fn value<'o>(&mut self, known: &Json, value: &'o Json, path: &mut Vec<&'o str>) {
        match (known, value) {
            (Json::Object(_), Json::Object(inner)) => self.keys(known, inner, path),
            (_, Json::Null) if path.len() > 3 && FREE.contains(&path[2]) => {}
            _ if fits(known, value) => {}
            _ => {
                let what = format!("expected `{}` to be {}, found {}", written(path), kind(known), kind(value));
                self.add(Code::WrongType, path, what, "");
            }
        }
    }

    fn unknown(&mut self, chart: &Json, key: &str, path: &[&str]) {
        let known: Vec<&str> = chart.as_object().into_iter().flatten().map(|(key, _)| key.as_str()).collect();
        let near = self.diagnostics.nearest(key, known.iter().copied());
        if near.is_none() && path.len() == 1 && self.new_keys == NewKeys::Allowed {
            return;
        }
        let hint = suggestion(near, format!("the chart has: {}", known.join(", ")));
        self.add(Code::UnknownKey, path, format!("the chart has no value `{}`", written(path)), &hint);
    }

    fn add(&mut self, code: Code, path: &[&str], what: String, hint: &str) {
        self.diagnostics.push(Diagnostic::new(code, (self.place)(&written(path)), what).hint(hint));
    }
}

/// Down to which level all keys are known.
fn levels(first: &str) -> usize {
    CLOSED.iter().find(|(key, _)| *key == first).map_or(1, |(_, levels)| *levels)
}

/// Whether a value may replace `known`. A number may be written as a string, as with `--set-string` of helm.
fn fits(known: &Json, value: &Json) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match (known, value) {
        (Json::Number(_), Json::String(text)) => digits(text),
        (Json::Null, value) => !value.is_null(),
        (known, value) => kind(known) == kind(value),
    }
}

fn kind(value: &Json) -> &'static str {
    match value {
        Json::Object(_) => "a map",
        Json::Array(_) => "a list",
        Json::String(_) => "a text",
        Json::Number(_) => "a number",
        Json::Bool(_) => "true or false",
        Json::Null => "null",
    }
}

/// The keys from the top to a value of the chart.
pub(crate) type ValuePath = Vec<String>;

/// All values except maps with keys, each with its path.
pub(crate) fn leaves(values: &Map<String, Json>) -> Vec<(ValuePath, &Json)> {
    let mut found = Vec::new();
    collect(values, &mut Vec::new(), &mut found);
    found
}

fn collect<'v>(values: &'v Map<String, Json>, path: &mut ValuePath, found: &mut Vec<(ValuePath, &'v Json)>) {
    for (key, value) in values {
        path.push(key.clone());
        match value {
            Json::Object(inner) if !inner.is_empty() => collect(inner, path, found),
            _ => found.push((path.clone(), value)),
        }
        path.pop();
    }
}

/// The value at a path; none if a key is missing.
pub(crate) fn at<'v>(values: &'v Json, path: &[String]) -> Option<&'v Json> {
    path.iter().try_fold(values, |values, key| values.get(key))
}

/// A path in the syntax of `--set`: dots between keys, `\.` for a dot in a key.
pub(crate) fn written<S: AsRef<str>>(path: &[S]) -> String {
    path.iter().map(|key| key.as_ref().replace('.', "\\.")).collect::<Vec<_>>().join(".")
}

/// Merges `over` into `base`.
pub(crate) fn merge(base: &mut Json, over: &Json) {
    match (base, over) {
        (Json::Object(base), Json::Object(over)) => {
            for (key, value) in over {
                merge(base.entry(key.clone()).or_insert(Json::Null), value);
            }
        }
        (base, over) => *base = over.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn chart() -> Json {
        json!({
            "images": {"registry": ""}, "parameters": {"currency": "EUR"}, "secrets": {"token": {"from": "deploy"}},
            "workloads": {"api": {"replicas": 1, "env": {"A": "x"}, "resources": {}, "tolerations": []}},
            "skipGuards": false,
        })
    }

    fn said(over: &Json, new_keys: NewKeys) -> Vec<(Code, String)> {
        let found = check(&chart(), over.as_object().unwrap(), &|path| Place::from(path), new_keys);
        found.0.into_iter().map(|found| (found.code, format!("{} {}", found.place, found.hint))).collect()
    }

    #[test]
    fn keys_that_have_another_source_are_refused() {
        for (over, place) in [
            (json!({"parameters": {"currency": "USD"}}), "parameters"),
            (json!({"parameters": null}), "parameters"),
            (json!({"secrets": {"token": {"from": "chart"}}}), "secrets"),
            (json!({"global": {"aspire": {"kept": {}}}}), "global.aspire"),
            (json!({"skipGuards": true}), "skipGuards"),
        ] {
            let found = said(&over, NewKeys::Allowed);
            assert_eq!((found.len(), found[0].0), (1, Code::ChartValueOwned), "{place}");
            assert!(found[0].1.starts_with(place), "{found:?}");
        }
    }

    #[test]
    fn keys_and_types_are_those_of_the_chart() {
        for (over, expected) in [
            (json!({"workloads": {"api": {"replicas": 2, "env": {"B": "y", "A": null}}}}), None),
            (json!({"workloads": {"api": {"replicas": "2", "resources": {"limits": {"memory": "1Gi"}}}}}), None),
            (json!({"global": {"region": "eu"}}), None),
            (
                json!({"workloads": {"aip": {"replicas": 2}}}),
                Some(("workloads.aip did you mean `api`?", Code::UnknownKey)),
            ),
            (
                json!({"workloads": {"api": {"replcas": 2}}}),
                Some(("workloads.api.replcas did you mean `replicas`?", Code::UnknownKey)),
            ),
            (json!({"workload": {}}), Some(("workload did you mean `workloads`?", Code::UnknownKey))),
            (json!({"workloads": {"api": {"replicas": "two"}}}), Some(("workloads.api.replicas ", Code::WrongType))),
            (json!({"workloads": {"api": {"replicas": null}}}), Some(("workloads.api.replicas ", Code::WrongType))),
            (json!({"workloads": {"api": {"env": []}}}), Some(("workloads.api.env ", Code::WrongType))),
            (json!({"workloads": []}), Some(("workloads ", Code::WrongType))),
        ] {
            let found = said(&over, NewKeys::Allowed);
            let found: Vec<_> = found.iter().map(|(code, text)| (text.as_str(), *code)).collect();
            assert_eq!(found, expected.into_iter().collect::<Vec<_>>(), "{over}");
        }
        assert!(said(&json!({"mine": {"colour": "red"}}), NewKeys::Allowed).is_empty());
        assert_eq!(said(&json!({"mine": 1}), NewKeys::Refused)[0].0, Code::UnknownKey);
    }

    #[test]
    fn no_message_holds_a_value() {
        let over = json!({"workloads": {"api": {"replicas": "hunter22", "odd": "hunter22"}}, "secrets": "hunter22"});
        let found = check(&chart(), over.as_object().unwrap(), &|path| Place::from(path), NewKeys::Refused);
        assert_eq!(found.0.len(), 3);
        assert!(!found.to_string().contains("hunter22"), "{found}");
    }

    #[test]
    fn leaves_have_paths_that_set_takes() {
        let values = json!({"a": {"b.c": 1, "d": {}}, "e": [1]});
        let found: Vec<String> = leaves(values.as_object().unwrap()).iter().map(|(path, _)| written(path)).collect();
        assert_eq!(found, ["a.b\\.c", "a.d", "e"]);
        let path = ["a", "b.c"].map(str::to_owned);
        assert_eq!((at(&values, &path), at(&values, &["x".to_owned()])), (Some(&json!(1)), None));
    }
}

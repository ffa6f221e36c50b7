//! Validates a JSON value against the file's own schema: unknown keys, wrong types, missing keys, all of them.
//!
//! It knows the few schema keywords that [`super::schema()`] generates, and its messages say more than a general
//! validator could: the key that was probably meant, keys that a later version supports, text that needs quotes.

use super::findings::Findings;
use super::path::{Path, shown};
use super::schema::schema;
use crate::support::diagnostic::{Code, names, nearest, suggestion};
use serde_json::{Map, Value, json};

/// Words of later versions, by the type that will have them: they are neither typing errors nor known yet.
const LATER: &[(&str, &[&str])] = &[("Config", &["telemetry", "registries"])];

/// Maps that are often written as one value, and how they are written.
const WRITTEN: &[(&str, &str)] = &[
    ("Parameter", "`{value: ...}`"),
    ("EnvironmentParameter", "`{value: ...}`"),
    ("IngressPath", "`{path: /, to: RESOURCE}`"),
    ("Route", "`{path: /, to: RESOURCE}`"),
    ("Backend", "`{to: RESOURCE}`"),
    (
        "ReplaceWith",
        "`{host: NAME}`, `{connectionString: TEXT}`, `{existingSecret: {name: ..., key: ...}}` or `{externalName: NAME}`",
    ),
    ("EnvironmentReplaceWith", "`{host: NAME}`"),
    ("RouteTls", "`{}` for the controller's own certificate, `{secret: NAME}` or `{issuer: NAME}`"),
];

/// Types of an environment and the types whose values they change.
const ENVIRONMENT_OF: &[(&str, &str)] = &[
    ("Environment", "Config"),
    ("EnvironmentCertManager", "CertManager"),
    ("EnvironmentChart", "ExternalChart"),
    ("EnvironmentDefaults", "Defaults"),
    ("EnvironmentParameter", "Parameter"),
    ("EnvironmentReplaceWith", "ReplaceWith"),
    ("EnvironmentResource", "Resource"),
    ("EnvironmentIngress", "Ingress"),
    ("EnvironmentInitContainer", "InitContainer"),
    ("EnvironmentIssuer", "Issuer"),
    ("EnvironmentGateway", "Gateway"),
    ("EnvironmentDashboard", "Dashboard"),
];

/// Reports what the schema does not allow, and takes it out of the tree, which then always fits the types.
pub(super) fn check(tree: &mut Value, findings: &mut Findings) {
    let root = schema();
    let fits = Walk { root: &root, findings }.fits(At { schema: &root, owner: "Config" }, tree, &Path::Root);
    if !fits {
        *tree = Value::Object(Map::new());
    }
}

struct Walk<'a> {
    root: &'a Value,
    findings: &'a mut Findings,
}

/// A part of the schema, and the type it belongs to.
#[derive(Clone, Copy)]
struct At<'s> {
    schema: &'s Value,
    owner: &'s str,
}

impl<'s> Walk<'s> {
    /// Follows a reference to its definition.
    fn resolve(&self, at: At<'s>) -> At<'s> {
        let reference = at.schema["$ref"].as_str().or_else(|| at.schema["allOf"][0]["$ref"].as_str());
        match reference.and_then(|reference| reference.rsplit('/').next()) {
            Some(owner) => At { schema: &self.root["definitions"][owner], owner },
            None => at,
        }
    }

    /// Whether the value fits; what does not fit inside a map is taken out of it.
    fn fits(&mut self, at: At<'s>, value: &mut Value, path: &Path<'_>) -> bool {
        let At { schema, owner } = self.resolve(at);
        if let Some(words) = schema["enum"].as_array() {
            return self.is_word(&words.iter().filter_map(Value::as_str).collect::<Vec<_>>(), ("", ""), value, path);
        }
        if let Some(choices) = schema["anyOf"].as_array() {
            return self.is_either(choices, owner, value, path);
        }
        if let Some(choices) = schema["oneOf"].as_array() {
            return self.is_choice(choices, owner, value, path);
        }
        let kinds = kinds(schema);
        if kinds.is_empty() || (value.is_null() && kinds.contains(&"null")) {
            return true;
        }
        match (kinds[0], value) {
            ("object", Value::Object(map)) => self.object_fits(At { schema, owner }, map, path),
            ("array", Value::Array(items)) => self.items_fit(At { schema: &schema["items"], owner }, items, path),
            ("string", Value::String(_)) | ("boolean", Value::Bool(_)) => true,
            ("integer", Value::Number(number)) if number.as_f64().is_some_and(|n| n.fract() == 0.0) => {
                self.number_fits(schema, number, path)
            }
            (kind, value) => self.wrong_kind(kind, At { schema, owner }, value, path),
        }
    }

    fn object_fits(&mut self, at: At<'s>, map: &mut Map<String, Value>, path: &Path<'_>) -> bool {
        let required: Vec<&str> =
            at.schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let missing: Vec<&str> = required.iter().copied().filter(|key| !map.contains_key(*key)).collect();
        for key in &missing {
            self.findings.add(Code::MissingKey, path, format!("`{key}` is missing"), "");
        }
        map.retain(|key, value| {
            let path = path.key(key);
            let entry = match at.schema["properties"].get(key) {
                Some(property) => property,
                None => &at.schema["additionalProperties"],
            };
            match entry {
                Value::Bool(true) => true,
                Value::Object(_) => self.fits(At { schema: entry, ..at }, value, &path),
                _ => self.unknown_key(at, key, &path),
            }
        });
        // A key that was there and did not fit has its problem already.
        missing.is_empty() && required.iter().all(|key| map.contains_key(*key))
    }

    fn items_fit(&mut self, at: At<'s>, items: &mut [Value], path: &Path<'_>) -> bool {
        let mut all = true;
        for (index, item) in items.iter_mut().enumerate() {
            all &= self.fits(at, item, &path.item(index));
        }
        all
    }

    fn number_fits(&mut self, schema: &Value, number: &serde_json::Number, path: &Path<'_>) -> bool {
        let least = schema["minimum"].as_u64().unwrap_or_default();
        let most = schema["maximum"].as_u64().unwrap_or(u64::from(u32::MAX));
        let fits = number.as_u64().is_some_and(|number| (least..=most).contains(&number));
        if !fits {
            self.findings.add(
                Code::WrongType,
                path,
                format!("expected a whole number from {least} to {most}, found {number}"),
                "",
            );
        }
        fits
    }

    fn wrong_kind(&mut self, kind: &str, at: At<'_>, value: &Value, path: &Path<'_>) -> bool {
        let what = format!("expected {}, found {}", expected(kind), found(value, path));
        if kind == "string" && (value.is_number() || value.is_boolean()) {
            self.findings.add_unquoted(Code::WrongType, path, what);
        } else {
            self.findings.add(Code::WrongType, path, what, kind_hint(kind, at, value));
        }
        false
    }

    fn unknown_key(&mut self, at: At<'_>, key: &str, path: &Path<'_>) -> bool {
        let base = ENVIRONMENT_OF.iter().find(|(owner, _)| *owner == at.owner).map(|(_, base)| *base);
        let later = later(base.unwrap_or(at.owner));
        let known: Vec<&str> =
            at.schema["properties"].as_object().into_iter().flat_map(Map::keys).map(String::as_str).collect();
        if later.contains(&key) {
            self.findings.add(Code::UnsupportedKey, path, not_supported(key), "");
            return false;
        }
        let allowed = format!("allowed here: {}", known.join(", "));
        if base.is_some_and(|base| self.has_key(base, key)) {
            let what = format!("{} is the same in every environment", shown(key));
            self.findings.add(
                Code::EnvironmentChangesStructure,
                path,
                what,
                format!("an environment changes values, not structure; {allowed}"),
            );
            return false;
        }
        let hint = match nearest(key, known.iter().chain(later).copied()) {
            Some(near) if later.contains(&near) => format!("if you mean `{near}`: it is not supported by this version"),
            near => suggestion(near, allowed),
        };
        self.findings.add(Code::UnknownKey, path, format!("unknown key {}", shown(key)), hint);
        false
    }

    fn has_key(&self, owner: &str, key: &str) -> bool {
        let schema = if owner == "Config" { self.root } else { &self.root["definitions"][owner] };
        schema["properties"].get(key).is_some()
    }

    /// A number, a text, or a map: each is held against its own schema.
    fn is_either(&mut self, choices: &'s [Value], owner: &'s str, value: &mut Value, path: &Path<'_>) -> bool {
        let of = |choice: &'s Value| At { schema: choice, owner };
        let is_map = |choice: &&'s Value| kinds(self.resolve(of(choice)).schema).contains(&"object");
        let is_number = |choice: &&Value| kinds(choice).contains(&"integer");
        let is_list = |choice: &&Value| kinds(choice).contains(&"array");
        let chosen = match value {
            Value::Object(_) => choices.iter().find(is_map),
            Value::Array(_) => choices.iter().find(is_list).or_else(|| choices.iter().find(|choice| !is_map(choice))),
            Value::String(_) => choices.iter().find(|choice| !is_map(choice) && !is_number(choice) && !is_list(choice)),
            _ => choices.iter().find(|choice| !is_map(choice)),
        };
        if !value.is_array() && choices.iter().any(|choice| is_list(&choice)) {
            let words = choices.iter().find(|choice| !is_list(choice)).map(|words| self.words(of(words)));
            let instead = (" or a list", "write each item on a line of its own, after `- `");
            return self.is_word(&words.unwrap_or_default(), instead, value, path);
        }
        chosen.is_none_or(|choice| self.fits(of(choice), value, path))
    }

    /// The words that a choice is written with.
    fn words(&self, at: At<'s>) -> Vec<&'s str> {
        let At { schema, .. } = self.resolve(at);
        let constants = schema["oneOf"].as_array().into_iter().flatten().filter_map(|choice| choice["const"].as_str());
        schema["enum"].as_array().into_iter().flatten().filter_map(Value::as_str).chain(constants).collect()
    }

    /// One of several words, or a map of one key, as an enum is written.
    fn is_choice(&mut self, choices: &'s [Value], owner: &'s str, value: &mut Value, path: &Path<'_>) -> bool {
        let words: Vec<&str> = choices.iter().filter_map(|choice| choice["const"].as_str()).collect();
        let maps: Vec<(&str, &'s Value)> = choices
            .iter()
            .filter_map(|choice| choice["properties"].as_object())
            .flatten()
            .map(|(key, inner)| (key.as_str(), inner))
            .collect();
        if let Value::String(word) = &*value
            && let (true, Some((key, _))) = (words.contains(&word.as_str()), maps.iter().find(|(key, _)| key == word))
        {
            // A word that may stand alone means its map with nothing in it.
            *value = json!({ (*key): {} });
            return true;
        }
        let key = match &*value {
            Value::String(word)
                if maps.iter().all(|(key, _)| key != word) && !later(owner).contains(&word.as_str()) =>
            {
                let maps = maps.iter().map(|(key, _)| *key).filter(|key| !words.contains(key));
                let choices: Vec<&str> = words.iter().copied().chain(maps).collect();
                return words.contains(&word.as_str()) || self.is_word(&choices, ("", ""), value, path);
            }
            Value::String(word) => word.clone(),
            Value::Object(map) if map.len() == 1 => map.keys().next().cloned().unwrap_or_default(),
            _ => return self.not_a_choice(&words, &maps, value, path),
        };
        if later(owner).contains(&key.as_str()) {
            self.findings.add(Code::UnsupportedKey, path, not_supported(&key), "");
            return false;
        }
        match (maps.iter().find(|(name, _)| *name == key), value.get_mut(&key)) {
            (Some((_, inner)), Some(content)) => self.fits(At { schema: inner, owner }, content, &path.key(&key)),
            _ => self.not_a_choice(&words, &maps, value, path),
        }
    }

    fn not_a_choice(&mut self, words: &[&str], maps: &[(&str, &Value)], value: &Value, path: &Path<'_>) -> bool {
        let forms = maps.iter().filter(|(key, _)| !words.contains(key));
        let forms: Vec<String> = forms.map(|(key, inner)| self.form(key, inner)).collect();
        let choices: Vec<&str> = words.iter().copied().chain(forms.iter().map(String::as_str)).collect();
        let word = value.as_object().filter(|map| map.len() == 1).and_then(|map| map.keys().next());
        let hint = match word.filter(|word| words.contains(&word.as_str())) {
            Some(word) => format!("write `{word}` alone, without the colon"),
            None => String::new(),
        };
        self.findings.add(
            Code::WrongType,
            path,
            format!("expected {}, found {}", listed(&choices), found(value, path)),
            hint,
        );
        false
    }

    /// How a choice with content is written: `existing: {name: ..., key: ...}`.
    fn form(&self, key: &str, inner: &Value) -> String {
        let definition = inner["$ref"].as_str().and_then(|reference| reference.rsplit('/').next()).unwrap_or_default();
        let required = self.root["definitions"][definition]["required"].as_array().into_iter().flatten();
        let keys: Vec<String> = required.filter_map(Value::as_str).map(|key| format!("{key}: ...")).collect();
        format!("{key}: {{{}}}", keys.join(", "))
    }

    /// One of these words. `or` and `advice` say in the error what else may stand here.
    fn is_word(&mut self, words: &[&str], (or, advice): (&str, &str), value: &Value, path: &Path<'_>) -> bool {
        let word = value.as_str();
        if word.is_some_and(|word| words.contains(&word)) {
            return true;
        }
        let near = word.and_then(|word| nearest(word, words.iter().copied()));
        let what = format!("expected {}{or}, found {}", listed(words), found(value, path));
        self.findings.add(Code::WrongType, path, what, suggestion(near, advice));
        false
    }
}

fn later(owner: &str) -> &'static [&'static str] {
    LATER.iter().find(|(name, _)| *name == owner).map_or(&[], |(_, keys)| keys)
}

fn not_supported(key: &str) -> String {
    format!("`{key}` is not supported by this version")
}

/// The types that a schema names, the wanted one first.
fn kinds(schema: &Value) -> Vec<&str> {
    match &schema["type"] {
        Value::String(kind) => vec![kind],
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

fn expected(kind: &str) -> &str {
    match kind {
        "string" => "text",
        "boolean" => "`true` or `false`",
        "integer" => "a whole number",
        "array" => "a list",
        "object" => "a map of keys and values",
        other => other,
    }
}

fn found(value: &Value, path: &Path<'_>) -> String {
    match value {
        Value::Null => "nothing".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "a map".to_owned(),
        Value::String(_) if path.may_hold_secret() => "other text".to_owned(),
        Value::Bool(_) | Value::Number(_) if path.may_hold_secret() => {
            "a value that YAML does not read as text".to_owned()
        }
        Value::Bool(value) => format!("`{value}`"),
        Value::Number(value) => format!("the number {value}"),
        Value::String(value) => format!("the text {}", shown(value)),
    }
}

fn kind_hint(kind: &str, at: At<'_>, value: &Value) -> String {
    let written = WRITTEN.iter().find(|(owner, _)| *owner == at.owner).map(|(_, form)| *form);
    match (kind, value) {
        ("object" | "array", Value::Null) => "remove the key, or give it entries".to_owned(),
        (_, Value::Null) => "remove the key, or give it a value".to_owned(),
        ("object", Value::String(_) | Value::Bool(_) | Value::Number(_)) => match written {
            Some(form) => format!("write {form}"),
            None => fields(at.schema),
        },
        ("string", Value::Object(map)) if map.len() == 1 && map.contains_key("name") => {
            "write the name alone, without `name:`".to_owned()
        }
        ("integer", Value::String(text)) if text.parse::<u32>().is_ok() => format!("write {text} without quotes"),
        ("boolean", Value::String(text)) => match text.to_lowercase().as_str() {
            "true" | "yes" | "on" => "write true".to_owned(),
            "false" | "no" | "off" => "write false".to_owned(),
            _ => String::new(),
        },
        ("array", Value::String(_)) => "write each item on a line of its own, after `- `".to_owned(),
        ("object", Value::Array(_)) if at.schema["additionalProperties"].is_object() => {
            "write `name: value`, one on each line".to_owned()
        }
        _ => String::new(),
    }
}

/// The keys of a map that was written as one value.
fn fields(schema: &Value) -> String {
    let keys = schema["properties"].as_object().into_iter().flat_map(Map::keys).map(String::as_str);
    let keys = names(keys, "");
    if keys.is_empty() { String::new() } else { format!("its keys are: {keys}") }
}

fn listed(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    match quoted.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        Some((last, _)) => last.clone(),
        None => String::new(),
    }
}

//! YAML text to a JSON value. Collects what YAML allows and this file does not: duplicate keys, keys that are not text,
//! tags, merge keys, numbers that JSON does not have.

use super::findings::Findings;
use super::key::{KeySeed, skip_tagged};
use super::path::{Path, shown};
use super::rules::is_control;
use crate::support::diagnostic::{Code, Diagnostic, Place, Position, excerpt};
use crate::support::yaml;
use serde::de::{DeserializeSeed, Deserializer, EnumAccess, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;

/// The value of the text; null for a text without one.
pub(super) fn read(text: &str, findings: &mut Findings) -> Result<Value, Diagnostic> {
    yaml::affordable(text).map_err(|costly| Diagnostic::new(Code::TooComplex, "", costly.to_string()))?;
    let shared = RefCell::new(std::mem::take(findings));
    let node = Node { path: &Path::Root, findings: &shared };
    let tree = node.deserialize(serde_yaml::Deserializer::from_str(text));
    *findings = shared.into_inner();
    match tree {
        Ok(value) => Ok(value.unwrap_or(Value::Null)),
        Err(error) => Err(syntax_diagnostic(text, &error)),
    }
}

fn syntax_diagnostic(text: &str, error: &serde_yaml::Error) -> Diagnostic {
    let said = error.to_string();
    if said.contains("more than one document") {
        return Diagnostic::new(Code::ConfigSyntax, "", "the file holds more than one YAML document")
            .hint("remove the line `---` between them");
    }
    let Some(at) = error.location() else {
        return Diagnostic::new(Code::ConfigSyntax, "", format!("this is not valid YAML: {said}"));
    };
    let said = said.replacen(&format!(" at line {} column {}", at.line(), at.column()), "", 1);
    let indent = text.lines().nth(at.line().saturating_sub(1)).unwrap_or_default();
    let tab = indent.chars().take_while(|c| c.is_whitespace()).any(|c| c == '\t');
    let start = indent.chars().take_while(|c| c.is_whitespace()).count() + 1;
    // The key only: what stands behind it may be a part of a secret.
    let excerpt = excerpt(text, at.line(), start, false);
    let position = Some(Position { excerpt, ..Position::new(at.line(), at.column()) });
    Diagnostic::new(
        Code::ConfigSyntax,
        Place { position, ..Place::default() },
        format!("this is not valid YAML: {said}"),
    )
    .hint(if tab { "YAML is indented with spaces; this line starts with a tab" } else { "" })
}

/// Reads one value; none when it is refused.
struct Node<'a> {
    path: &'a Path<'a>,
    findings: &'a RefCell<Findings>,
}

impl Node<'_> {
    fn refuse(&self, what: &str, hint: &str) -> Option<Value> {
        self.findings.borrow_mut().add(Code::UnsupportedYaml, self.path, what, hint);
        None
    }
}

impl<'de> DeserializeSeed<'de> for Node<'_> {
    type Value = Option<Value>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Node<'_> {
    type Value = Option<Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(Some(Value::Null))
    }

    /// An empty text.
    fn visit_none<E: Error>(self) -> Result<Self::Value, E> {
        Ok(Some(Value::Null))
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Self::Value, E> {
        Ok(Some(Value::Bool(value)))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Self::Value, E> {
        Ok(Some(value.into()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Self::Value, E> {
        Ok(Some(value.into()))
    }

    fn visit_i128<E: Error>(self, _: i128) -> Result<Self::Value, E> {
        Ok(self.refuse("this number is too large", ""))
    }

    fn visit_u128<E: Error>(self, _: u128) -> Result<Self::Value, E> {
        Ok(self.refuse("this number is too large", ""))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Self::Value, E> {
        let number = Number::from_f64(value).map(Value::Number);
        Ok(number.or_else(|| self.refuse("infinity and NaN are not valid values", "")))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Self::Value, E> {
        let control = value.chars().find(|c| is_control(*c)).filter(|_| !self.path.is_content());
        Ok(match control {
            Some(c) => self.refuse(&controls(c), "leave it out"),
            None => Some(value.into()),
        })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let mut list = Some(Vec::new());
        let mut index = 0;
        while let Some(item) = items.next_element_seed(Node { path: &self.path.item(index), ..self })? {
            // A list that lacks an item would shift the places of those after it: the whole list goes.
            list = list.zip(item).map(|(mut list, item)| {
                list.push(item);
                list
            });
            index += 1;
        }
        Ok(list.map(Value::Array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut out = Map::new();
        let mut seen: HashMap<String, usize> = HashMap::new();
        while let Some(key) = map.next_key_seed(KeySeed { stop_at: &|_| false })? {
            let path = self.path.key(key.text());
            let nth = *seen.entry(key.text().to_owned()).and_modify(|count| *count += 1).or_default();
            let control = key.text().chars().find(|c| is_control(*c)).filter(|_| !path.is_content());
            if let Some(c) = control {
                self.findings.borrow_mut().add_nth(Code::UnsupportedYaml, &path, nth, controls(c), "leave it out");
            } else if let Some((what, hint)) = key.complaint() {
                self.findings.borrow_mut().add_nth(Code::UnsupportedYaml, &path, nth, what, hint);
            } else if nth > 0 {
                let what = format!("the key {} is set more than once", shown(key.text()));
                self.findings.borrow_mut().add_nth(Code::DuplicateKey, &path, nth, what, "keep one of them");
            } else if let Some(value) = map.next_value_seed(Node { path: &path, ..self })? {
                out.insert(key.text().to_owned(), value);
                continue;
            } else {
                continue;
            }
            map.next_value::<IgnoredAny>()?;
        }
        Ok(Some(Value::Object(out)))
    }

    fn visit_enum<A: EnumAccess<'de>>(self, data: A) -> Result<Self::Value, A::Error> {
        skip_tagged(data)?;
        Ok(self.refuse("YAML tags (`!name`) are not used in this file", "write `name: value` instead of `!name value`"))
    }
}

fn controls(c: char) -> String {
    format!("it contains the control character U+{:04X}, which Kubernetes objects cannot hold", u32::from(c))
}

//! A JSON value that knows its path, with typed access that reports errors.
//!
//! Every accessor continues after an error (it returns nothing), so that one run finds all of them. Messages name types
//! and never show a value that may be a secret.

use serde_json::Value;

use super::place::{self, Findings};
use crate::support::diagnostic::{Code, Diagnostic};

/// No password is longer; a Secret could not hold much more.
const LONGEST: u32 = 65_536;

/// One value and its place.
pub(super) struct Node<'a> {
    pub(super) value: &'a Value,
    pub(super) place: String,
}

impl<'a> Node<'a> {
    /// The value of the whole file.
    pub(super) fn root(value: &'a Value) -> Self {
        Self { value, place: String::new() }
    }

    /// The entry `key` of an object; none when it is absent or null.
    pub(super) fn get(&self, key: &str) -> Option<Self> {
        let value = self.value.get(key).filter(|value| !value.is_null())?;
        Some(Self { value, place: place::child(&self.place, key) })
    }

    /// The entries of an object, nulls too.
    pub(super) fn entries(&self, found: &mut Findings) -> Vec<(&'a str, Self)> {
        let Value::Object(object) = self.value else {
            self.expected::<()>("an object", found);
            return Vec::new();
        };
        let node = |key: &str, value| Self { value, place: place::child(&self.place, key) };
        object.iter().map(|(key, value)| (key.as_str(), node(key, value))).collect()
    }

    /// The elements of an array.
    pub(super) fn items(&self, found: &mut Findings) -> Vec<Self> {
        let Value::Array(array) = self.value else {
            self.expected::<()>("an array", found);
            return Vec::new();
        };
        let node = |(index, value)| Self { value, place: place::item(&self.place, index) };
        array.iter().enumerate().map(node).collect()
    }

    /// Whether this is an object; a problem when not.
    pub(super) fn is_object(&self, found: &mut Findings) -> bool {
        if !self.value.is_object() {
            self.expected::<()>("an object", found);
        }
        self.value.is_object()
    }

    /// A string, and only a string.
    pub(super) fn string(&self, found: &mut Findings) -> Option<String> {
        match self.value {
            Value::String(text) if text.contains('\0') => {
                self.wrong(Code::InvalidValue, "the text holds a NUL character, which no process can receive", found);
                None
            }
            Value::String(text) => Some(text.clone()),
            _ => self.expected("a string", found),
        }
    }

    /// A string, or what hand-made files write for one: a number or a boolean as spelled, null as the empty string.
    pub(super) fn text(&self, found: &mut Findings) -> Option<String> {
        match self.value {
            Value::Null => Some(String::new()),
            Value::Bool(flag) => Some(flag.to_string()),
            Value::Number(number) if number.is_f64() => {
                let diagnostic = Diagnostic::new(
                    Code::WrongType,
                    &self.place,
                    "this number cannot be passed on exactly as it is written",
                );
                found.add(diagnostic.hint("put it in double quotes"));
                None
            }
            Value::Number(number) => Some(number.to_string()),
            _ => self.string(found),
        }
    }

    /// A boolean.
    pub(super) fn flag(&self, found: &mut Findings) -> Option<bool> {
        self.value.as_bool().or_else(|| self.expected("true or false", found))
    }

    /// A port; 0 and the empty string are none.
    pub(super) fn port(&self, found: &mut Findings) -> Option<u16> {
        let written = match self.value {
            Value::Number(number) => number.to_string(),
            Value::String(text) if text.chars().all(|c| c.is_ascii_digit()) => text.clone(),
            _ => return self.expected("a port number", found),
        };
        if written.is_empty() {
            return None;
        }
        let port = written.parse::<u16>().ok();
        if port.is_none() {
            let shown = place::quoted(&written);
            self.wrong(
                Code::InvalidValue,
                format!("{} is not a port number from 1 to 65535", shown.trim_matches('"')),
                found,
            );
        }
        port.filter(|port| *port > 0)
    }

    /// A number of characters.
    pub(super) fn count(&self, found: &mut Findings) -> Option<u32> {
        let Value::Number(number) = self.value else {
            return self.expected("a whole number", found);
        };
        let count = number.as_u64().and_then(|count| u32::try_from(count).ok()).filter(|count| *count <= LONGEST);
        if count.is_none() {
            self.wrong(Code::InvalidValue, format!("{number} is not a whole number from 0 to {LONGEST}"), found);
        }
        count
    }

    /// The string under `key`; none when absent or null.
    pub(super) fn string_of(&self, key: &str, found: &mut Findings) -> Option<String> {
        self.get(key)?.string(found)
    }

    /// The string under `key`; none when absent, null or empty.
    pub(super) fn filled(&self, key: &str, found: &mut Findings) -> Option<String> {
        self.string_of(key, found).filter(|text| !text.is_empty())
    }

    /// The string under `key`, which must be there and not be empty.
    pub(super) fn needed(&self, key: &str, found: &mut Findings) -> Option<String> {
        let lacks = |found: &mut Findings, what: &str| {
            let what = format!("expected a non-empty string, found {what}");
            found.add(Diagnostic::new(Code::MissingKey, place::child(&self.place, key), what));
            None
        };
        let Some(node) = self.get(key) else {
            return lacks(found, "nothing");
        };
        let text = node.string(found)?;
        if text.is_empty() { lacks(found, "an empty one") } else { Some(text) }
    }

    /// The boolean under `key`, or `default`.
    pub(super) fn flag_of(&self, key: &str, default: bool, found: &mut Findings) -> bool {
        self.get(key).and_then(|node| node.flag(found)).unwrap_or(default)
    }

    /// Reports `what` at this place.
    pub(super) fn wrong(&self, code: Code, what: impl Into<String>, found: &mut Findings) {
        found.add(Diagnostic::new(code, &self.place, what));
    }

    /// Reports that this value has another type; always none, to end an accessor with.
    pub(super) fn expected<T>(&self, what: &str, found: &mut Findings) -> Option<T> {
        let is = match self.value {
            Value::Null => "null",
            Value::Bool(_) => "a boolean",
            Value::Number(_) => "a number",
            Value::String(_) => "a string",
            Value::Array(_) => "an array",
            Value::Object(_) => "an object",
        };
        self.wrong(Code::WrongType, format!("expected {what}, found {is}"), found);
        None
    }
}

//! From bytes to a JSON tree: encoding, syntax and duplicate names. Knows nothing of Aspire.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value, map::Entry};

use super::place::{self, Findings};
use super::syntax;
use crate::support::diagnostic::{Code, Diagnostic};

/// The JSON tree of a file. Duplicate names go to `found` (the first of them is kept); what is no JSON at all is the
/// one problem that ends the reading.
pub(super) fn tree(bytes: &[u8], found: &mut Findings) -> Result<Value, Diagnostic> {
    let text = text(bytes)?;
    let mut walk = Walk { path: Vec::new(), found };
    let mut json = serde_json::Deserializer::from_str(text);
    let value = Seed(&mut walk).deserialize(&mut json).and_then(|value| json.end().map(|()| value));
    value.map_err(|error| syntax::explain(&error, text, &walk.place()))
}

/// The text of a file, without a byte order mark.
pub(super) fn text(bytes: &[u8]) -> Result<&str, Diagnostic> {
    let utf16 = bytes.starts_with(&[0xFF, 0xFE]) || bytes.starts_with(&[0xFE, 0xFF]);
    if utf16 || bytes.iter().take(4).any(|byte| *byte == 0) {
        let hint = "save it as UTF-8; PowerShell's `>` is a usual cause, so let Aspire write the file itself";
        return Err(Diagnostic::new(Code::ManifestEncoding, "", "the manifest is written in UTF-16 instead of UTF-8")
            .hint(hint));
    }
    let text = std::str::from_utf8(bytes).map_err(|error| {
        if error.error_len().is_none() {
            return Diagnostic::new(Code::ManifestIncomplete, "", "the manifest ends in the middle of a character")
                .hint(syntax::CUT_OFF);
        }
        let what = format!("the manifest is not UTF-8 text: the byte at offset {} is wrong", error.valid_up_to());
        Diagnostic::new(Code::ManifestEncoding, "", what).hint("save it as UTF-8")
    })?;
    Ok(text.strip_prefix('\u{FEFF}').unwrap_or(text))
}

/// Where the reader is: on an error the path stays at the value that could not be read.
struct Walk<'f> {
    path: Vec<Step>,
    found: &'f mut Findings,
}

enum Step {
    Key(String),
    Item(usize),
}

impl Walk<'_> {
    fn place(&self) -> String {
        self.path.iter().fold(String::new(), |place, step| match step {
            Step::Key(key) => place::child(&place, key),
            Step::Item(index) => place::item(&place, *index),
        })
    }

    fn duplicate(&mut self, key: &str) {
        let place = place::child(&self.place(), key);
        let diagnostic = Diagnostic::new(Code::DuplicateKey, place, "the same name was already used in this object");
        self.found.add(diagnostic.hint("remove one of them; parsers disagree about which one counts"));
    }
}

/// Reads one value of any type.
struct Seed<'w, 'f>(&'w mut Walk<'f>);

impl Seed<'_, '_> {
    fn inside<T, E>(&mut self, step: Step, read: impl FnOnce(Seed<'_, '_>) -> Result<T, E>) -> Result<T, E> {
        self.0.path.push(step);
        let value = read(Seed(self.0))?;
        self.0.path.pop();
        Ok(value)
    }
}

impl<'de> DeserializeSeed<'de> for Seed<'_, '_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Value, D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_, '_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E: Error>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut items: A) -> Result<Value, A::Error> {
        let mut array = Vec::new();
        while let Some(value) = self.inside(Step::Item(array.len()), |seed| items.next_element_seed(seed))? {
            array.push(value);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut entries: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            let value = self.inside(Step::Key(key.clone()), |seed| entries.next_value_seed(seed))?;
            match object.entry(key) {
                Entry::Vacant(free) => drop(free.insert(value)),
                Entry::Occupied(taken) => self.0.duplicate(taken.key()),
            }
        }
        Ok(Value::Object(object))
    }
}

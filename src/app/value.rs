//! A value for a workload: text with references in between.
//!
//! Once parsed, references are never text again, so nothing inside a resolved value is ever read as a reference (a
//! generated password may contain `{` or `$`).

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What .NET's `Uri.EscapeDataString` leaves alone: letters, digits and `- _ . ~`.
const URI_DATA: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// Text with references in between. Neighbouring texts are one part; no text is empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Value {
    parts: Vec<Part>,
}

/// A piece of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// Literal text.
    Text(String),
    /// The name under which a workload is reached.
    Host {
        workload: String,
        /// Whether an environment can put the name of another server there.
        switched: bool,
    },
    /// A port number of a workload.
    Port {
        workload: String,
        binding: String,
        /// Which of its two numbers.
        side: Side,
    },
    Input {
        /// The input.
        name: String,
        /// As it is, or escaped.
        form: Form,
    },
}

/// The two sides of an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The port that clients use.
    Client,
    /// The port that the process listens on.
    Process,
}

/// The forms of an input's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    Plain,
    /// Escaped as .NET's `Uri.EscapeDataString` does.
    Uri,
}

impl Value {
    /// Literal text.
    pub fn text(text: impl Into<String>) -> Self {
        let mut value = Self::default();
        value.push(Part::Text(text.into()));
        value
    }

    /// A single reference.
    pub fn part(part: Part) -> Self {
        Self { parts: vec![part] }
    }

    /// Its pieces, in order.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// The text, when it holds no reference.
    pub fn as_text(&self) -> Option<&str> {
        match self.parts.as_slice() {
            [] => Some(""),
            [Part::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// Adds a piece at the end.
    pub fn push(&mut self, part: Part) {
        match (self.parts.last_mut(), part) {
            (_, Part::Text(text)) if text.is_empty() => {}
            (Some(Part::Text(before)), Part::Text(text)) => before.push_str(&text),
            (_, part) => self.parts.push(part),
        }
    }

    /// Adds all pieces of another value at the end.
    pub fn append(&mut self, other: Value) {
        for part in other.parts {
            self.push(part);
        }
    }

    /// The inputs it needs.
    pub fn inputs(&self) -> impl Iterator<Item = (&str, Form)> {
        self.parts.iter().filter_map(|part| match part {
            Part::Input { name, form } => Some((name.as_str(), *form)),
            _ => None,
        })
    }

    /// How much it holds, to bound what a hostile manifest can make of nested references.
    pub fn weight(&self) -> usize {
        self.parts.iter().map(|part| if let Part::Text(text) = part { text.len() } else { 16 }).sum()
    }

    /// The value with every piece URI-escaped.
    ///
    /// Escaping works character by character, so it can be moved into the pieces. Hosts and ports hold nothing that it
    /// would change. An input that is escaped already gets an error, because no target stores a doubly escaped form.
    pub fn escaped(self) -> Result<Self, DoublyEscaped> {
        let mut value = Self::default();
        for part in self.parts {
            value.push(match part {
                Part::Text(text) => Part::Text(escape_uri_data(&text)),
                Part::Input { name, form: Form::Plain } => Part::Input { name, form: Form::Uri },
                Part::Input { form: Form::Uri, .. } => return Err(DoublyEscaped),
                other => other,
            });
        }
        Ok(value)
    }
}

/// A value was to be URI-escaped twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DoublyEscaped;

/// .NET's `Uri.EscapeDataString`.
pub fn escape_uri_data(text: &str) -> String {
    utf8_percent_encode(text, URI_DATA).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escaping_is_dotnets() {
        assert_eq!(escape_uri_data("aZ0-_.~ +/@é{}"), "aZ0-_.~%20%2B%2F%40%C3%A9%7B%7D");
    }

    #[test]
    fn neighbouring_texts_become_one() {
        let mut value = Value::text("a");
        value.append(Value::text(""));
        value.append(Value::text("b"));
        assert_eq!(value.as_text(), Some("ab"));
    }
}

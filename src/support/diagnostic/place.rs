//! Where something is: a file, a path inside it, a line and column.

use schemars::JsonSchema;
use serde::Serialize;
use std::fmt;

/// A line and column of a text, from 1, as editors count them, and the part of the line that may be shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Position {
    pub line: usize,
    /// The column, in characters; 0 where only the line is known.
    pub column: usize,
    /// The line as far as it may be shown, from its beginning; empty where nothing of it may be.
    #[serde(skip)]
    pub excerpt: String,
}

impl Position {
    /// A position whose text is not shown.
    pub fn new(line: usize, column: usize) -> Self {
        Self { line, column, excerpt: String::new() }
    }
}

/// Above this many problems none gets a line: each line costs one more reading of the text.
const MOST_LINES: usize = 100;

/// Most bytes that are read again for lines.
const MOST_READ: usize = 8 << 20;

/// Whether so many problems in a text of so many bytes get their lines.
pub(crate) fn affords_lines(diagnostics: usize, text: usize) -> bool {
    diagnostics <= MOST_LINES && diagnostics * text <= MOST_READ
}

/// Where something is. Without a file, the path is what a user would look for: a flag, a variable, an object.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Place {
    /// The file as a user names it; empty if it is not a file, or not known yet.
    pub file: String,
    /// The path inside the file: `resources.api.env.X`.
    pub path: String,
    /// Line and column.
    #[serde(flatten)]
    pub position: Option<Position>,
}

impl Place {
    /// A path inside a file.
    pub fn in_file(file: impl Into<String>, path: impl Into<String>) -> Self {
        Self { file: file.into(), path: path.into(), position: None }
    }

    /// A line of a text; 0 where it is not known.
    pub fn line(line: usize, column: usize) -> Self {
        let position = (line > 0).then(|| Position::new(line, column));
        Self { position, ..Self::default() }
    }

    /// A key inside of what is at this place.
    #[must_use]
    pub fn key(&self, key: impl fmt::Display) -> Self {
        Self::in_file(self.file.clone(), format!("{}.{key}", self.path))
    }

    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        self.file.is_empty() && self.path.is_empty() && self.position.is_none()
    }
}

impl From<String> for Place {
    fn from(path: String) -> Self {
        Self { path, ..Self::default() }
    }
}

impl From<&String> for Place {
    fn from(path: &String) -> Self {
        path.clone().into()
    }
}

impl From<&str> for Place {
    fn from(path: &str) -> Self {
        path.to_owned().into()
    }
}

impl From<&Place> for Place {
    fn from(place: &Place) -> Self {
        place.clone()
    }
}

/// `aspire-k8s.yaml resources.api (line 3)`.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts: Vec<String> =
            [&self.file, &self.path].into_iter().filter(|part| !part.is_empty()).cloned().collect();
        if let Some(Position { line, column, .. }) = self.position {
            parts.push(match (column, self.path.is_empty()) {
                (0, true) => format!("line {line}"),
                (_, true) => format!("line {line} column {column}"),
                _ => format!("(line {line})"),
            });
        }
        f.write_str(&parts.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_said_as_far_as_it_is_known() {
        let at = |file: &str, path: &str, line, column| {
            let position = (line > 0).then(|| Position::new(line, column));
            Place { position, ..Place::in_file(file, path) }.to_string()
        };
        assert_eq!(at("", "", 0, 0), "");
        assert_eq!(at("a.yaml", "resources.api", 0, 0), "a.yaml resources.api");
        assert_eq!(at("", "resources.api", 3, 5), "resources.api (line 3)");
        assert_eq!(at("", "", 3, 7), "line 3 column 7");
        assert_eq!(at("b.env", "", 3, 0), "b.env line 3");
    }
}

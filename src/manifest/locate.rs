//! The position of a path in the text of a manifest.

use super::tree;
use crate::support::diagnostic::{Position, excerpt};
use crate::support::path::{line_and_column, offset, shows_value, steps};

/// Keys whose value a message may show: none can hold a password, even by mistake. All others show their key only.
const SHOWN: [&str; 16] = [
    "application",
    "containerPort",
    "external",
    "filter",
    "image",
    "minLength",
    "path",
    "port",
    "protocol",
    "readOnly",
    "scheme",
    "source",
    "target",
    "targetPort",
    "transport",
    "type",
];

/// Keys that hold whatever the application needs.
const TEXTS: [&str; 5] = ["env", "args", "value", "connectionString", "options"];

/// The place of a written path, or of the deepest part of it that the text has, with as much of the line as may be shown.
pub fn position(bytes: &[u8], path: &str) -> Option<Position> {
    let text = tree::text(bytes).ok()?;
    let steps = steps(&serde_json::from_str(text).ok()?, path);
    let (line, column) = line_and_column(text, offset(text, &steps)?)?;
    let is_shown = shows_value(&steps, &SHOWN, &TEXTS);
    Some(Position { excerpt: excerpt(text, line, column, is_shown), ..Position::new(line, column) })
}

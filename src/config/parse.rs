//! Text to [`Config`], with all errors of the text together.

use super::findings::Findings;
use super::path::Path;
use super::{Config, check, tree, walk};
use crate::support::diagnostic::{Code, Diagnostics, Place};
use serde_json::{Map, Value};

/// The name of the file.
pub(crate) const FILE: &str = "aspire-k8s.yaml";

/// The place of a key in the file.
pub(crate) fn intent_place(path: impl Into<String>) -> Place {
    Place::in_file(FILE, path)
}

/// Reads `aspire-k8s.yaml`. An empty text is the default configuration. What is not YAML is one problem; otherwise
/// unknown keys, wrong types and illegal content are all reported together, in the order of the text.
pub fn parse(text: &str) -> Result<Config, Diagnostics> {
    let mut findings = Findings::default();
    let mut tree = tree::read(text, &mut findings)?;
    if tree.is_null() {
        tree = Value::Object(serde_json::Map::new());
    }
    // What is wrong is taken out of the tree, so that the rest can be read and its content checked as well.
    walk::check(&mut tree, &mut findings);
    let config = serde_json::from_value(tree).unwrap_or_else(|error| {
        if findings.is_empty() {
            findings.add(Code::WrongType, &Path::Root, error.to_string(), "");
        }
        Config::default()
    });
    check::check(&config, &mut findings);
    findings.into_diagnostics(text).or(config)
}

/// Reads a file with values for the chart. An empty file has no values.
pub(crate) fn parse_values(text: &str) -> Result<Map<String, Value>, Diagnostics> {
    let mut findings = Findings::default();
    let values = match tree::read(text, &mut findings)? {
        Value::Null => Map::new(),
        Value::Object(values) => values,
        _ => {
            findings.add(Code::WrongType, &Path::Root, "expected a map of values", "");
            Map::new()
        }
    };
    findings.into_diagnostics(text).or(values)
}

//! Values that a person gave: flags win over files, files over the environment.

use super::variable;
use crate::problem::Problem;
use std::collections::BTreeMap;

/// Values that a person gave, with where each came from. Its debug form hides them.
#[derive(Default, Clone)]
pub struct Given {
    values: BTreeMap<String, (String, String)>,
}

impl std::fmt::Debug for Given {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.values.keys()).finish()
    }
}

/// Why a parameter was not understood.
pub type ParseError = Problem;

impl Given {
    /// Adds a value unless an earlier, stronger source gave it.
    pub fn add(&mut self, name: &str, value: String, origin: &str) {
        self.values.entry(name.to_owned()).or_insert_with(|| (value, origin.to_owned()));
    }

    /// Adds the values of environment variables for the given inputs.
    pub fn add_environment<'a>(
        &mut self,
        names: impl Iterator<Item = &'a str>,
        lookup: impl Fn(&str) -> Option<String>,
    ) {
        for name in names {
            let variable = variable(name);
            if let Some(value) = lookup(&variable) {
                self.add(name, value, &variable);
            }
        }
    }

    /// The value of an input.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(|(value, _)| value.as_str())
    }

    /// Names and where their values came from.
    pub fn named(&self) -> impl Iterator<Item = (&str, &str)> {
        self.values.iter().map(|(name, (_, origin))| (name.as_str(), origin.as_str()))
    }
}

/// `name=value` of a flag. The error never repeats the value.
pub fn parse_assignment(text: &str) -> Result<(String, String), ParseError> {
    match text.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() => Ok((name.trim().to_owned(), value.to_owned())),
        _ => Err(Problem::at("--parameter", "it needs the form NAME=VALUE")),
    }
}

/// A YAML or JSON file of names and values. Errors never repeat a value.
pub fn parse_file(text: &str, origin: &str) -> Result<Vec<(String, String)>, ParseError> {
    let parsed: serde_yaml::Value = serde_yaml::from_str(text).map_err(|error| {
        let place = error
            .location()
            .map_or(origin.to_owned(), |at| format!("{origin} line {} column {}", at.line(), at.column()));
        Problem::at(place, "it is not the YAML or JSON of a parameter file").hint("write one `name: \"value\"` a line")
    })?;
    let map = match parsed {
        serde_yaml::Value::Null => return Ok(Vec::new()),
        serde_yaml::Value::Mapping(map) => map,
        _ => return Err(Problem::at(origin, "it must map names to values").hint("write one `name: \"value\"` a line")),
    };
    let mut values = Vec::new();
    for (key, value) in map {
        let name = key.as_str().ok_or_else(|| Problem::at(origin, "a name in it is not a text"))?.to_owned();
        match value {
            serde_yaml::Value::String(value) => values.push((name, value)),
            _ => {
                return Err(Problem::at(format!("{origin}: {name}"), "its value is not a text")
                    .hint("put it in quotes, because numbers and words such as `true` can change their spelling"));
            }
        }
    }
    Ok(values)
}

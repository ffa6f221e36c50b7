//! `--values` and `--set`: reads and checks them.

use super::CliError;
use super::args::ChartValues;
use crate::config;
use crate::pipeline::Passed;
use crate::support::diagnostic::{Code, Diagnostic, Diagnostics, Place, Position};
use crate::support::read_file;
use crate::targets::kubernetes::chart_values::{self, NewKeys, ValuePath, merge};
use serde_json::{Map, Value as Json};
use std::path::PathBuf;

/// The values of the flags, checked against the values of the chart.
pub(super) fn passed(flags: &ChartValues, chart: &Json) -> Result<Passed, CliError> {
    Ok(Passed { values: read(&flags.values, &flags.set, chart)?, reset: flags.reset_values })
}

/// Reads files and `--set` flags; later ones override earlier ones, `--set` overrides files.
fn read(files: &[PathBuf], words: &[String], chart: &Json) -> Result<Map<String, Json>, CliError> {
    let mut values = Json::Object(Map::new());
    for file in files {
        let shown = file.display().to_string();
        let text = read_file::text(file).map_err(|source| CliError::Read { path: shown.clone(), source })?;
        let read = config::parse_values(&text).map_err(|diagnostics| CliError::input(&shown, diagnostics))?;
        // Nothing of the file is shown: any of its values may be a secret.
        let position = |path: &str| config::position(&text, path).map(|at| Position::new(at.line, at.column));
        let place = |path: &str| Place { position: position(path), ..Place::in_file(&shown, path) };
        checked(chart, &read, &place)?;
        merge(&mut values, &Json::Object(read));
    }
    let mut diagnostics = Diagnostics::default();
    let mut set = Json::Object(Map::new());
    for word in words {
        match assignment(word) {
            Ok((path, value)) => merge(&mut set, &tree(&path, value)),
            Err(diagnostic) => diagnostics.push(diagnostic),
        }
    }
    diagnostics.or(()).map_err(CliError::Input)?;
    let set = map(set);
    checked(chart, &set, &|path| flag(path))?;
    merge(&mut values, &Json::Object(set));
    Ok(map(values))
}

fn checked(chart: &Json, values: &Map<String, Json>, place: &dyn Fn(&str) -> Place) -> Result<(), CliError> {
    chart_values::check(chart, values, place, NewKeys::Refused).or(()).map_err(CliError::Input)
}

fn map(values: Json) -> Map<String, Json> {
    if let Json::Object(map) = values { map } else { Map::new() }
}

fn flag(path: &str) -> Place {
    Place::in_file("command line", format!("--set {path}"))
}

fn tree(path: &[String], value: Json) -> Json {
    path.iter().rev().fold(value, |value, key| Json::Object(Map::from_iter([(key.clone(), value)])))
}

/// `PATH=VALUE` in helm's syntax, but only one value; lists must be in a file. No message contains the value.
fn assignment(word: &str) -> Result<(ValuePath, Json), Diagnostic> {
    let wrong = |place: &str, what: &str, hint: &str| {
        Err(Diagnostic::new(Code::InvalidArgument, flag(place), what.to_owned()).hint(hint))
    };
    let form = "write it like --set workloads.api.replicas=2, with `\\.` for a dot in a key";
    let Some((path, value)) = split(word) else { return wrong("", "`=` is missing", form) };
    let shown = chart_values::written(&path);
    if path.iter().any(String::is_empty) {
        return wrong(&shown, "a key of the path is empty", form);
    }
    if path.iter().any(|key| key.contains(['[', ']'])) || value.starts_with('{') {
        return wrong(&shown, "--set cannot set a list", "put the list into a file and pass it with --values");
    }
    let mut text = String::with_capacity(value.len());
    let mut characters = value.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => text.extend(characters.next()),
            ',' => {
                let hint = "pass one PATH=VALUE per --set, and write `\\,` for a comma in a value";
                return wrong(&shown, "the value contains a comma, which separates values in helm's syntax", hint);
            }
            other => text.push(other),
        }
    }
    Ok((path, typed(text)))
}

/// The keys of a path, and what stands behind its `=`.
fn split(word: &str) -> Option<(ValuePath, &str)> {
    let (mut path, mut key, mut escaped) = (ValuePath::new(), String::new(), false);
    for (at, character) in word.char_indices() {
        match character {
            _ if escaped => {
                key.push(character);
                escaped = false;
            }
            '\\' => escaped = true,
            '.' => path.push(std::mem::take(&mut key)),
            '=' => {
                path.push(key);
                return Some((path, &word[at + 1..]));
            }
            _ => key.push(character),
        }
    }
    None
}

/// A value as helm types it: numbers without leading zeros, `true`, `false` and `null` are what they look like.
fn typed(text: String) -> Json {
    match text.as_str() {
        "true" => true.into(),
        "false" => false.into(),
        "null" => Json::Null,
        "0" => 0.into(),
        number if !number.starts_with('0') => number.parse::<i64>().map_or_else(|_| text.clone().into(), Json::from),
        _ => text.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn words_are_read_as_helm_reads_them() {
        for (word, expected) in [
            ("a.b=2", json!({"a": {"b": 2}})),
            ("a=0", json!({"a": 0})),
            ("a=012", json!({"a": "012"})),
            ("a=-5", json!({"a": -5})),
            ("a=true", json!({"a": true})),
            ("a=null", json!({"a": null})),
            ("a=", json!({"a": ""})),
            ("a=b=c", json!({"a": "b=c"})),
            ("a=1\\,2", json!({"a": "1,2"})),
            ("a.b\\.c/d=x", json!({"a": {"b.c/d": "x"}})),
        ] {
            let (path, value) = assignment(word).unwrap();
            assert_eq!(tree(&path, value), expected, "{word}");
        }
    }

    #[test]
    fn what_means_more_than_one_value_is_refused_without_showing_it() {
        for (word, part) in [
            ("hunter22", "`=` is missing"),
            ("a..b=hunter22", "is empty"),
            ("=hunter22", "is empty"),
            ("a[0]=hunter22", "cannot set a list"),
            ("a={hunter22}", "cannot set a list"),
            ("a=hunter22,b=2", "a comma"),
        ] {
            let said = assignment(word).unwrap_err().to_string();
            assert!(said.contains(part) && !said.contains("hunter22"), "{word}: {said}");
        }
    }
}

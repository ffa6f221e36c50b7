//! A Compose project as Compose reads it: variables of `.env` files, interpolation of texts, the files that are mounted.
//!
//! It shares no code with the program. It must not forgive: a variable without a value is an error, as it is for Compose.

use crate::workload::{Bytes, Workload};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// What Compose makes of a folder.
pub(super) struct Project {
    /// By name, in the order of the file.
    pub services: Vec<(String, Service)>,
}

/// One service.
pub(super) struct Service {
    pub workload: Workload,
}

impl Project {
    /// Reads it; the error is what Compose would stop with.
    pub(super) fn read(folder: &Path, variables: &BTreeMap<String, String>) -> Result<Self, String> {
        let text = fs::read_to_string(folder.join("docker-compose.yaml")).expect("there should be a Compose file");
        let document: Value = serde_yaml::from_str(&text).map_err(|error| format!("{error} in\n{text}"))?;
        let document = interpolated(&document, variables)?;
        let keys: BTreeSet<&str> = document.as_object().expect("a map").keys().map(String::as_str).collect();
        assert!(keys.is_subset(&BTreeSet::from(["name", "services", "volumes"])), "{keys:?}");
        let name = document["name"].as_str().expect("the project should have a name");
        assert!(name.starts_with(|c: char| c.is_ascii_alphanumeric()), "{name}");
        let services = document["services"].as_object().expect("there should be services");
        let services = services.iter().map(|(name, service)| {
            let workload = read_service(folder, &document, service);
            (name.clone(), Service { workload })
        });
        Ok(Self { services: services.collect() })
    }
}

fn read_service(folder: &Path, document: &Value, service: &Value) -> Workload {
    let mut workload = Workload {
        image: text(&service["image"]),
        command: bytes(&service["entrypoint"]),
        args: bytes(&service["command"]),
        ..Workload::default()
    };
    for (name, value) in service["environment"].as_object().into_iter().flatten() {
        workload.env.insert(name.clone(), text(value).into_bytes());
    }
    let ports = items(&service["ports"]).iter().chain(items(&service["expose"]));
    for port in ports.map(text) {
        // Of a published port, the last part is that of the container.
        let (number, protocol) = port.rsplit_once('/').unwrap_or((port.as_str(), "tcp"));
        let number = number.rsplit(':').next().unwrap_or_default();
        workload.container_ports.insert((number.parse().expect("a port should be a number"), protocol.to_uppercase()));
    }
    for mount in items(&service["volumes"]) {
        let target = text(&mount["target"]);
        match mount["type"].as_str() {
            Some("volume") if mount["source"].is_string() => {
                let source = text(&mount["source"]);
                assert!(document["volumes"].get(&source).is_some(), "no volume {source} is declared");
            }
            Some("volume") => drop(workload.scratch.insert(target)),
            Some("tmpfs") => {}
            Some("bind") => {
                let source = text(&mount["source"]);
                assert_eq!(mount["read_only"], true, "{source} can be written");
                assert_eq!(mount["bind"]["create_host_path"], false, "{source} would be made");
                let below = folder.join(&source);
                assert!(below.exists(), "{source} is not there");
                files(&below, target.trim_end_matches('/'), &mut workload.files);
            }
            other => panic!("a mount of type {other:?}"),
        }
    }
    workload
}

fn files(source: &Path, target: &str, found: &mut BTreeMap<String, Bytes>) {
    if let Ok(content) = fs::read(source) {
        found.insert(target.to_owned(), content);
    }
    for entry in fs::read_dir(source).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        files(&entry.path(), &format!("{target}/{name}"), found);
    }
}

/// All texts with their variables replaced; keys stay as they are.
fn interpolated(value: &Value, variables: &BTreeMap<String, String>) -> Result<Value, String> {
    Ok(match value {
        Value::String(text) => Value::String(interpolate(text, variables)?),
        Value::Array(items) => {
            Value::Array(items.iter().map(|item| interpolated(item, variables)).collect::<Result<_, _>>()?)
        }
        Value::Object(map) => {
            let entries = map.iter().map(|(key, value)| Ok((key.clone(), interpolated(value, variables)?)));
            Value::Object(entries.collect::<Result<_, String>>()?)
        }
        other => other.clone(),
    })
}

/// One text: `$$` is `$`, `${NAME?...}` and `${NAME:?...}` are values that must be there, everything else is an error.
pub(super) fn interpolate(text: &str, variables: &BTreeMap<String, String>) -> Result<String, String> {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out += &rest[..at];
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('$') {
            out.push('$');
            rest = after;
            continue;
        }
        let braced = rest.strip_prefix('{').and_then(|rest| rest.split_once('}'));
        let (inner, after) = braced.ok_or_else(|| format!("invalid interpolation format: {text}"))?;
        let end = inner.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(inner.len());
        let (name, rule) = inner.split_at(end);
        let value = variables.get(name).ok_or_else(|| format!("required variable {name} is missing a value"))?;
        match rule.strip_prefix(':') {
            Some(rule) if rule.starts_with('?') && value.is_empty() => {
                return Err(format!("required variable {name} is empty"));
            }
            Some(rule) if rule.starts_with('?') => {}
            _ if rule.starts_with('?') => {}
            _ => return Err(format!("{name} has a default, or none is asked for: {text}")),
        }
        out += value;
        rest = after;
    }
    Ok(out + rest)
}

/// The variables of a `.env` file with their values.
pub(super) fn dotenv(text: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (name, value) = line.split_once('=').unwrap_or_else(|| panic!("no assignment: {line}"));
        assert!(found.insert(name.to_owned(), unquoted(value)).is_none(), "{name} stands twice");
    }
    found
}

/// In single quotes everything is as it is; in double quotes `\` escapes and `$$` is `$`.
fn unquoted(value: &str) -> String {
    if let Some(inner) = value.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')) {
        assert!(!inner.contains(['\'', '\\']), "{value} ends early in some versions");
        return inner.to_owned();
    }
    let inner = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    let mut rest = inner.unwrap_or_else(|| panic!("{value} is not in quotes")).chars();
    let mut out = String::new();
    while let Some(c) = rest.next() {
        out.push(match c {
            '\\' => match rest.next() {
                Some('n') => '\n',
                Some('r') => '\r',
                Some(c @ ('\\' | '"')) => c,
                other => panic!("{value} has the escape {other:?}"),
            },
            '$' => {
                assert_eq!(rest.next(), Some('$'), "{value} would be interpolated");
                '$'
            }
            '"' => panic!("{value} ends early"),
            c => c,
        });
    }
    out
}

/// The input that a user gives as a variable.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Asked {
    pub input: String,
    /// Whether in its URI-escaped form.
    pub uri: bool,
}

/// Variables that a user gives, with what the comment above each says.
pub(super) fn asked(text: &str) -> BTreeMap<String, Asked> {
    let lines: Vec<&str> = text.lines().collect();
    let pairs = lines.windows(2).filter_map(|pair| {
        let name = pair[1].strip_prefix('#')?.strip_suffix('=')?;
        let about = pair[0].strip_prefix("# ")?;
        let input = about.split(": ").next().unwrap_or_default().to_owned();
        Some((name.to_owned(), Asked { input, uri: about.contains("URI-escaped") }))
    });
    pairs.collect()
}

fn items(list: &Value) -> &[Value] {
    list.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}

fn bytes(list: &Value) -> Vec<Bytes> {
    items(list).iter().map(|item| text(item).into_bytes()).collect()
}

#[test]
fn texts_are_read_as_compose_reads_them() {
    let variables = BTreeMap::from([("A".to_owned(), "$x${A}".to_owned()), ("EMPTY".to_owned(), String::new())]);
    let read = |text: &str| interpolate(text, &variables);
    assert_eq!(read("$$5 {${A:?see .env}} $$$$").as_deref(), Ok("$5 {$x${A}} $$"));
    assert_eq!(read("${EMPTY?see .env}-").as_deref(), Ok("-"));
    for text in ["$5", "${A}", "${B?x}", "$A", "${EMPTY:?x}", "${A", "$"] {
        assert!(read(text).is_err(), "{text}");
    }
    let values = dotenv("# c\n\nA='x $5 # \"'\nB=\"it's \\\\ \\\" $$5\\n\"\n#C=\n");
    assert_eq!(values["A"], "x $5 # \"");
    assert_eq!(values["B"], "it's \\ \" $5\n");
    let expected = Asked { input: "c-d".to_owned(), uri: true };
    let found = asked("# c-d: secret, URI-escaped\n#C_D_URI=\n# x\nY='1'\n");
    assert_eq!(found, BTreeMap::from([("C_D_URI".to_owned(), expected)]));
}

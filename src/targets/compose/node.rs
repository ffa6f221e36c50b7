//! A Compose file as data, and its YAML. Must not decide what is in it.

use super::text::Text;
use crate::support::literal;
use indexmap::IndexMap;
use std::fmt::Write as _;

/// A map; its keys are written in this order.
pub(crate) type Map = IndexMap<String, Node>;

/// A part of a Compose file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Node {
    Map(Map),
    List(Vec<Node>),
    Text(Text),
    Number(u32),
    Flag(bool),
}

impl Node {
    pub(super) fn literal(text: impl Into<String>) -> Self {
        Self::Text(Text::literal(text))
    }

    pub(super) fn literals<S: Into<String>>(texts: impl IntoIterator<Item = S>) -> Self {
        Self::List(texts.into_iter().map(Self::literal).collect())
    }

    /// The names of all variables in it, in their order; some more than once.
    pub(super) fn variables(&self) -> Vec<&str> {
        match self {
            Self::Map(map) => map.values().flat_map(Self::variables).collect(),
            Self::List(items) => items.iter().flat_map(Self::variables).collect(),
            Self::Text(text) => text.variables().collect(),
            Self::Number(_) | Self::Flag(_) => Vec::new(),
        }
    }
}

/// A map with those entries that there are.
pub(super) fn map<const N: usize>(entries: [(&str, Option<Node>); N]) -> Map {
    let present = entries.into_iter().filter_map(|(key, node)| Some((key.to_owned(), node?)));
    present.collect()
}

/// A list; none if it is empty.
pub(super) fn list(items: Vec<Node>) -> Option<Node> {
    (!items.is_empty()).then_some(Node::List(items))
}

/// A map; none if it is empty.
pub(super) fn some(map: Map) -> Option<Node> {
    (!map.is_empty()).then_some(Node::Map(map))
}

/// The map as YAML: blocks, every text in double quotes, a blank line between the parts of the first two levels.
pub(super) fn yaml(map: &Map) -> String {
    let mut out = String::new();
    write_map(&mut out, map, 0, 0);
    out
}

/// Writes a map at a depth, of which the indent of the first key is `first`.
fn write_map(out: &mut String, map: &Map, depth: usize, mut first: usize) {
    for (index, (key, node)) in map.iter().enumerate() {
        let is_part = matches!(node, Node::Map(inner) if !inner.is_empty());
        if index > 0 && depth <= 1 && is_part {
            out.push('\n');
        }
        out.push_str(&"  ".repeat(first));
        first = depth;
        out.push_str(&written_key(key));
        out.push(':');
        write_value(out, node, depth);
    }
}

/// Writes what follows a key or a dash.
fn write_value(out: &mut String, node: &Node, depth: usize) {
    match node {
        Node::Map(map) if map.is_empty() => out.push_str(" {}\n"),
        Node::Map(map) => {
            out.push('\n');
            write_map(out, map, depth + 1, depth + 1);
        }
        Node::List(items) if items.is_empty() => out.push_str(" []\n"),
        Node::List(items) => {
            out.push('\n');
            for item in items {
                out.push_str(&"  ".repeat(depth + 1));
                out.push('-');
                match item {
                    Node::Map(map) if !map.is_empty() => {
                        out.push(' ');
                        // Deeper than two levels, so that no blank line is in it.
                        write_map(out, map, depth + 2, 0);
                    }
                    item => write_value(out, item, depth + 1),
                }
            }
        }
        // Writing into memory does not fail.
        Node::Text(text) => drop(writeln!(out, " {}", literal::yaml(&text.interpolated()))),
        Node::Number(number) => drop(writeln!(out, " {number}")),
        Node::Flag(flag) => drop(writeln!(out, " {flag}")),
    }
}

/// Words that a YAML reader may take for something else than text.
const WORDS: [&str; 9] = ["y", "n", "yes", "no", "on", "off", "true", "false", "null"];

/// A key as it is if every YAML reader takes it for text, else in quotes. Compose replaces no variable in a key.
fn written_key(key: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/');
    let is_plain = key.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') && key.chars().all(plain);
    if is_plain && !WORDS.iter().any(|word| key.eq_ignore_ascii_case(word)) {
        key.to_owned()
    } else {
        literal::yaml(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn yaml_is_what_a_reader_reads() {
        let inner = map([
            ("image", Some(Node::literal("a: \"b\"\nc\u{85}"))),
            ("ports", Some(Node::literals(["80:80", "1e3"]))),
            (
                "volumes",
                list(vec![Node::Map(map([("source", Some(Node::literal("x"))), ("n", Some(Node::Number(3)))]))]),
            ),
            ("absent", None),
            ("empty", Some(Node::Map(Map::new()))),
            ("<<", Some(Node::List(Vec::new()))),
            ("off", Some(Node::Flag(true))),
        ]);
        let document = map([
            ("name", Some(Node::literal("shop"))),
            (
                "services",
                Some(Node::Map(Map::from([("a".into(), Node::Map(inner.clone())), ("b".into(), Node::Map(inner))]))),
            ),
        ]);
        let text = yaml(&document);
        let read: serde_json::Value = serde_yaml::from_str(&text).unwrap();
        let service = serde_json::json!({
            "image": "a: \"b\"\nc\u{85}", "ports": ["80:80", "1e3"], "volumes": [{"source": "x", "n": 3}], "empty": {},
            "<<": [], "off": true,
        });
        assert_eq!(read, serde_json::json!({"name": "shop", "services": {"a": service, "b": service}}), "{text}");
        assert!(text.starts_with("name: \"shop\"\n\nservices:\n  a:\n    image: "), "{text}");
        assert!(text.contains("    volumes:\n      - source: \"x\"\n        \"n\": 3\n    empty: {}\n"), "{text}");
    }
}

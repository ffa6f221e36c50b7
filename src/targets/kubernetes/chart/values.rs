//! `values.yaml` as text: every string quoted, so that no value changes its type.

use crate::targets::kubernetes::{Node, Tree, yaml};
use serde_json::Value as Json;

/// Width of a comment.
const WIDTH: usize = 116;

/// YAML readers give up on a key before `:` after 1024 characters; a longer one is announced by `?`.
const LONGEST_KEY: usize = 1000;

/// The text of `values.yaml`.
pub(crate) fn values_yaml(tree: &Tree) -> String {
    let mut out = String::new();
    write_tree(&mut out, tree, 0);
    out
}

/// The text of plain data as a YAML file.
pub(crate) fn data_yaml(data: &Json) -> String {
    let mut out = String::new();
    match data {
        Json::Object(map) if !map.is_empty() => write_map(&mut out, map, 0),
        Json::Array(items) if !items.is_empty() => write_items(&mut out, items, 0),
        other => {
            out.push_str(&scalar(other));
            out.push('\n');
        }
    }
    out
}

fn write_tree(out: &mut String, tree: &Tree, indent: usize) {
    for (index, entry) in tree.0.iter().enumerate() {
        if indent == 0 && index > 0 {
            out.push('\n');
        }
        write_comment(out, &entry.comment, indent);
        write_key(out, &entry.key, indent);
        match &entry.value {
            Node::Tree(tree) if tree.0.is_empty() => out.push_str(" {}\n"),
            Node::Tree(tree) => {
                out.push('\n');
                write_tree(out, tree, indent + 2);
            }
            Node::Data(data) => write_data(out, data, indent),
        }
    }
}

fn write_comment(out: &mut String, comment: &str, indent: usize) {
    for paragraph in comment.lines() {
        let lead = paragraph.len() - paragraph.trim_start().len();
        let mut line = " ".repeat(lead);
        for word in paragraph.split_whitespace() {
            if line.len() + word.len() + indent > WIDTH && !line.trim().is_empty() {
                comment_line(out, &line, indent);
                line = " ".repeat(lead);
            }
            if !line.trim().is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        if !line.trim().is_empty() {
            comment_line(out, &line, indent);
        }
    }
}

fn comment_line(out: &mut String, line: &str, indent: usize) {
    pad(out, indent);
    out.push_str("# ");
    out.push_str(line);
    out.push('\n');
}

/// What stands behind `key:`, up to the end of the line or block.
fn write_data(out: &mut String, data: &Json, indent: usize) {
    match data {
        Json::Object(map) if !map.is_empty() => {
            out.push('\n');
            write_map(out, map, indent + 2);
        }
        Json::Array(items) if !items.is_empty() => {
            out.push('\n');
            write_items(out, items, indent + 2);
        }
        other => {
            out.push(' ');
            out.push_str(&scalar(other));
            out.push('\n');
        }
    }
}

fn write_map(out: &mut String, map: &serde_json::Map<String, Json>, indent: usize) {
    for (name, value) in map {
        write_key(out, name, indent);
        write_data(out, value, indent);
    }
}

fn write_items(out: &mut String, items: &[Json], indent: usize) {
    for item in items {
        pad(out, indent);
        match item {
            Json::Object(map) if !map.is_empty() => {
                let mut block = String::new();
                write_map(&mut block, map, indent + 2);
                out.push_str("- ");
                out.push_str(block.trim_start());
            }
            Json::Array(inner) if !inner.is_empty() => {
                out.push_str("-\n");
                write_items(out, inner, indent + 2);
            }
            other => {
                out.push_str("- ");
                out.push_str(&scalar(other));
                out.push('\n');
            }
        }
    }
}

fn scalar(data: &Json) -> String {
    match data {
        Json::String(text) => yaml(text),
        Json::Object(_) => "{}".into(),
        Json::Array(_) => "[]".into(),
        other => other.to_string(),
    }
}

/// `key:` at the start of a line.
fn write_key(out: &mut String, name: &str, indent: usize) {
    pad(out, indent);
    let key = key(name);
    if key.len() > LONGEST_KEY {
        out.extend(["? ", &key, "\n"]);
        pad(out, indent);
    } else {
        out.push_str(&key);
    }
    out.push(':');
}

/// A key, quoted unless every YAML reader takes it for a plain string.
fn key(text: &str) -> String {
    let plain = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/'));
    let lower = text.to_ascii_lowercase();
    let word = matches!(lower.as_str(), "true" | "false" | "yes" | "no" | "on" | "off" | "y" | "n" | "null");
    if plain && !word { text.to_owned() } else { yaml(text) }
}

fn pad(out: &mut String, indent: usize) {
    out.extend(std::iter::repeat_n(' ', indent));
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn json() -> impl Strategy<Value = Json> {
        let leaf = prop_oneof![
            Just(Json::Null),
            any::<bool>().prop_map(Json::from),
            any::<i64>().prop_map(Json::from),
            any::<String>().prop_map(Json::from),
        ];
        leaf.prop_recursive(4, 32, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Json::from),
                prop::collection::btree_map(any::<String>(), inner, 0..6)
                    .prop_map(|map| Json::Object(map.into_iter().collect())),
            ]
        })
    }

    #[test]
    fn a_long_key_is_read_back() {
        for value in [Json::from("x"), serde_json::json!({"a": {}}), serde_json::json!([[], {"b": 1}])] {
            let data = serde_json::json!({"first": {"k".repeat(3000): value}, "last": 1});
            let text = data_yaml(&data);
            assert_eq!(serde_yaml::from_str::<Json>(&text).unwrap(), data, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_data_is_read_back(data in json()) {
            let text = data_yaml(&data);
            prop_assert_eq!(serde_yaml::from_str::<Json>(&text).unwrap(), data, "{}", text);
        }
    }
}

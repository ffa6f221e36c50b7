//! A path to a value inside a JSON or YAML document: from its written form to steps, and from steps to an offset in JSON.

use serde_json::Value;

/// One step from a value to a value inside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// An entry of a map.
    Key(String),
    /// An item of a list.
    Item(usize),
}

impl Step {
    fn is_one_of(&self, keys: &[&str]) -> bool {
        matches!(self, Self::Key(key) if keys.contains(&key.as_str()))
    }
}

/// Whether a message may show the value at a place: its own key is `shown`, and none on the way holds `texts`.
pub(crate) fn shows_value(steps: &[Step], shown: &[&str], texts: &[&str]) -> bool {
    steps.last().is_some_and(|last| last.is_one_of(shown)) && !steps.iter().any(|step| step.is_one_of(texts))
}

/// The steps of a written path, as far as they lead in a document. A name with dots may stand there with or without quotes:
/// `resources["my.api"].env.X`, `resources.my.api.env.X`.
pub(crate) fn steps(document: &Value, path: &str) -> Vec<Step> {
    let (mut here, mut rest, mut steps) = (document, path, Vec::new());
    while !rest.is_empty() {
        let next = match here {
            Value::Object(map) => {
                let reached = map.keys().filter_map(|key| Some((after_key(rest, key, steps.is_empty())?, key)));
                reached.max_by_key(|(length, _)| *length).map(|(length, key)| (length, Step::Key(key.clone())))
            }
            Value::Array(_) => after_item(rest).map(|(length, index)| (length, Step::Item(index))),
            _ => None,
        };
        let Some((length, step)) = next else { break };
        let value = match &step {
            Step::Key(key) => here.get(key),
            Step::Item(index) => here.get(index),
        };
        let Some(value) = value else { break };
        (here, rest) = (value, &rest[length..]);
        steps.push(step);
    }
    steps
}

/// How much of a path a key takes.
fn after_key(path: &str, key: &str, first: bool) -> Option<usize> {
    let quoted = format!("[{key:?}]");
    if path.starts_with(&quoted) {
        return Some(quoted.len());
    }
    let dot = usize::from(!first);
    let name = path.get(dot..).filter(|_| first || path.starts_with('.'))?;
    let rest = name.strip_prefix(key).filter(|_| !key.is_empty())?;
    (rest.is_empty() || rest.starts_with(['.', '['])).then_some(dot + key.len())
}

fn after_item(path: &str) -> Option<(usize, usize)> {
    let (index, _) = path.strip_prefix('[')?.split_once(']')?;
    Some((index.len() + 2, index.parse().ok()?))
}

/// The offset in JSON of the key or item that steps end with. Reads each byte at most once for each step.
pub(crate) fn offset(json: &str, steps: &[Step]) -> Option<usize> {
    let bytes = json.as_bytes();
    let mut at = blank(bytes, 0);
    let mut found = None;
    for step in steps {
        let (begins, value) = match step {
            Step::Key(key) => entry(json, at, key)?,
            Step::Item(index) => item(bytes, at, *index).map(|at| (at, at))?,
        };
        (found, at) = (Some(begins), value);
    }
    found
}

/// Line and column (in characters), from 1, of an offset.
pub(crate) fn line_and_column(text: &str, offset: usize) -> Option<(usize, usize)> {
    let before = text.get(..offset)?;
    let start = before.rfind('\n').map_or(0, |at| at + 1);
    Some((before.matches('\n').count() + 1, before[start..].chars().count() + 1))
}

/// Where a key of the object at `at` begins, and its value.
fn entry(json: &str, at: usize, wanted: &str) -> Option<(usize, usize)> {
    let bytes = json.as_bytes();
    let mut at = opened(bytes, at, b'{')?;
    loop {
        let end = string(bytes, at)?;
        let key: String = serde_json::from_str(json.get(at..end)?).ok()?;
        let value = blank(bytes, opened(bytes, blank(bytes, end), b':')?);
        if key == wanted {
            return Some((at, value));
        }
        at = opened(bytes, blank(bytes, skip(bytes, value)?), b',')?;
    }
}

/// Where an item of the array at `at` begins.
fn item(bytes: &[u8], at: usize, index: usize) -> Option<usize> {
    let mut at = opened(bytes, at, b'[')?;
    for _ in 0..index {
        at = opened(bytes, blank(bytes, skip(bytes, at)?), b',')?;
    }
    bytes.get(at).filter(|byte| **byte != b']').map(|_| at)
}

/// Behind this byte and blanks, when it stands at `at`.
fn opened(bytes: &[u8], at: usize, byte: u8) -> Option<usize> {
    (bytes.get(at) == Some(&byte)).then(|| blank(bytes, at + 1))
}

fn blank(bytes: &[u8], at: usize) -> usize {
    let rest = bytes.get(at..).unwrap_or_default();
    at + rest.iter().take_while(|byte| byte.is_ascii_whitespace()).count()
}

/// Behind the string that begins at `at`.
fn string(bytes: &[u8], at: usize) -> Option<usize> {
    let mut at = (bytes.get(at) == Some(&b'"')).then_some(at + 1)?;
    loop {
        match bytes.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

/// Behind the value that begins at `at`.
fn skip(bytes: &[u8], mut at: usize) -> Option<usize> {
    let mut depth = 0_usize;
    loop {
        match bytes.get(at)? {
            b'"' => at = string(bytes, at)?,
            b'{' | b'[' => {
                depth += 1;
                at += 1;
            }
            b'}' | b']' => {
                depth = depth.checked_sub(1)?;
                at += 1;
            }
            _ => {
                let ends = |byte: &u8| matches!(byte, b',' | b'}' | b']' | b'"' | b'{' | b'[');
                at += 1 + bytes[at + 1..].iter().take_while(|byte| !ends(byte)).count();
            }
        }
        let ended = depth == 0 && !matches!(bytes.get(at), Some(b'"' | b'{' | b'['));
        if ended {
            return Some(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"{
  "$schema": "x",
  "resources": {
    "my.api": {"env": {"A": "}\"", "B": [1, {"c": null}, true]}},
    "my": {"api": 5},
    "sp\"ace": {}
  }
}"#;

    fn at(path: &str) -> Option<(usize, usize)> {
        let steps = steps(&serde_json::from_str(TEXT).unwrap(), path);
        line_and_column(TEXT, offset(TEXT, &steps)?)
    }

    #[test]
    fn a_path_leads_to_its_key_or_the_nearest_above() {
        for (path, expected) in [
            ("resources", Some((3, 3))),
            ("resources[\"my.api\"].env.A", Some((4, 24))),
            ("resources.my.api.env.A", Some((4, 24))),
            ("resources.my.api.env.B[1].c", Some((4, 46))),
            ("resources.my.api.env.B[2]", Some((4, 58))),
            ("resources.my.api.env.B[9]", Some((4, 36))),
            ("resources.my.nothing", Some((5, 5))),
            ("resources[\"sp\\\"ace\"].x.y", Some((6, 5))),
            ("resource", None),
            ("", None),
            ("[", None),
        ] {
            assert_eq!(at(path), expected, "{path}");
        }
    }

    #[test]
    fn what_is_not_json_leads_nowhere() {
        for text in
            ["", "{", "{\"a\"", "{\"a\":", "{\"a\":1", "[", "[1", "{\"b\":\"\\", "{\"b\":]", "\u{fc}", "{\"b\" 1}"]
        {
            assert_eq!(offset(text, &[Step::Key("a".into()), Step::Key("b".into())]), None, "{text}");
            let _ = offset(text, &[Step::Item(1)]);
            let _ = line_and_column(text, 1);
        }
    }
}

//! The part of a source line that a message may show: the key, and its value if that cannot be a secret.
//!
//! A file may hold a password in an unexpected place: in the value beside the error or on the same line. So there is a
//! list of what may be shown, not of what to hide.

/// Characters of a key or value that are shown.
const MOST: usize = 60;

/// The beginning of line `line` of `text`, from its indentation to the end of the key at `column` (both from 1), or to the end
/// of a plain value when `with_value`. Empty where the line does not begin with a key, and another text stands before it.
pub(crate) fn excerpt(text: &str, line: usize, column: usize, with_value: bool) -> String {
    let Some(line) = text.split('\n').nth(line.wrapping_sub(1)) else { return String::new() };
    let mut characters = line.char_indices();
    let start = characters.nth(column.wrapping_sub(1)).map_or(line.len(), |(at, _)| at);
    let (before, rest) = line.split_at(start);
    // In a line of many keys, what stands before is not about this one.
    let indent = if before.chars().all(|c| c == ' ' || c == '-') && before.len() <= MOST { before } else { "" };
    let Some(key) = key(rest) else { return String::new() };
    let value = rest[key.len()..].trim_end().trim_end_matches([',', '}', ']']).trim();
    let shown = match value {
        "" => String::new(),
        value if with_value && is_plain(value) => format!(" {value}"),
        _ => " ...".to_owned(),
    };
    format!("{indent}{key}{shown}")
}

/// `name:` or `"name":` at the beginning of a text, with its colon.
fn key(text: &str) -> Option<&str> {
    let (name, after) = if let quote @ ('"' | '\'') = text.chars().next()? {
        let end = text[1..].find(quote)? + 2;
        (&text[1..end - 1], end)
    } else {
        let end = text.find(':')?;
        (&text[..end], end)
    };
    let is_name = |c: char| c.is_ascii_alphanumeric() || "-_./$ ".contains(c);
    let colon = text[after..].find(':').filter(|gap| text[after..after + gap].trim().is_empty())?;
    (!name.is_empty() && name.len() <= MOST && name.chars().all(is_name)).then(|| &text[..=after + colon])
}

/// A single word, quoted or not, as names, numbers and versions are.
fn is_plain(value: &str) -> bool {
    let bare = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(value);
    bare.len() <= MOST && bare.chars().all(|c| c.is_ascii_alphanumeric() || "-_./:@".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_cannot_be_a_secret_is_shown() {
        for (text, line, column, with_value, expected) in [
            ("a:\n  replicas: three\n", 2, 3, true, "  replicas: three"),
            ("a:\n  replicas: three\n", 2, 3, false, "  replicas: ..."),
            ("  - host: a.example.com", 1, 5, true, "  - host: a.example.com"),
            ("  \"image\": \"web:1\",", 1, 3, true, "  \"image\": \"web:1\""),
            ("  \"env\": {\"PASSWORD\": \"hunter2\"}", 1, 3, true, "  \"env\": ..."),
            ("{\"a\": \"hunter2\", \"port\": 1, \"b\": \"hunter2\"}", 1, 18, true, "\"port\": ..."),
            ("{\"a\": \"hunter2\", \"port\": 1}", 1, 18, true, "\"port\": 1"),
            ("resources:", 1, 1, true, "resources:"),
            // A line of a longer text, or of an item.
            ("  hunter2 is it", 1, 3, true, ""),
            ("  - hunter2", 1, 5, true, ""),
            ("hunter2: yes: hunter2", 1, 1, false, "hunter2: ..."),
            ("", 1, 1, true, ""),
            ("a", 7, 1, true, ""),
            ("a: b", 1, 99, true, ""),
            ("\u{fc}: x", 1, 1, true, ""),
            ("\"a", 1, 1, true, ""),
            ("a: b", 0, 0, true, ""),
        ] {
            assert_eq!(excerpt(text, line, column, with_value), expected, "{text}");
        }
    }
}

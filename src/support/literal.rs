//! Texts as literals that YAML, JSON and Go read alike.
//!
//! One quoting serves all three: double quotes, with escapes that each reads alike. What YAML readers refuse or fold (control
//! characters, line separators, byte-order marks) is escaped.

use std::fmt::Write as _;

/// A double-quoted literal for a YAML file.
pub fn yaml(text: &str) -> String {
    quoted(text, false)
}

/// A double-quoted literal; for a template of Helm it never holds an opening `{{`.
pub fn quoted(text: &str, is_template: bool) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    let mut after_brace = false;
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '{' if is_template && after_brace => out.push_str("\\u007b"),
            c if must_escape(c) => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
        after_brace = c == '{';
    }
    out.push('"');
    out
}

fn must_escape(c: char) -> bool {
    matches!(c, '\0'..='\x1f' | '\x7f'..='\u{9f}' | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}

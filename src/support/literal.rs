//! Strings as literals that YAML, JSON and Go read alike.
//!
//! One way of quoting works for all three: double quotes, with escapes that each reads alike. Characters that YAML
//! parsers refuse or fold (control characters, line separators, byte-order marks) are escaped.

use std::fmt;

/// A double-quoted literal for a YAML file.
pub(crate) fn yaml(text: &str) -> String {
    quoted(text, false)
}

/// A double-quoted literal; for a template of Helm it never holds an opening `{{`.
pub(crate) fn quoted(text: &str, is_template: bool) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    // Writing to a String cannot fail.
    let _ = write_quoted(&mut out, text, is_template);
    out
}

/// Writes a double-quoted literal; for a template of Helm it never holds an opening `{{`.
pub(crate) fn write_quoted(out: &mut impl fmt::Write, text: &str, is_template: bool) -> fmt::Result {
    out.write_char('"')?;
    // What needs no escape is written in one piece, and it is nearly everything.
    let mut start = 0;
    let mut after_brace = false;
    for (at, c) in text.char_indices() {
        let escaped = match c {
            '"' => "\\\"",
            '\\' => "\\\\",
            '\n' => "\\n",
            '\r' => "\\r",
            '\t' => "\\t",
            '{' if is_template && after_brace => "\\u007b",
            c if must_escape(c) => "",
            c => {
                after_brace = c == '{';
                continue;
            }
        };
        out.write_str(&text[start..at])?;
        out.write_str(escaped)?;
        if escaped.is_empty() {
            write!(out, "\\u{:04x}", u32::from(c))?;
        }
        start = at + c.len_utf8();
        after_brace = c == '{';
    }
    out.write_str(&text[start..])?;
    out.write_char('"')
}

fn must_escape(c: char) -> bool {
    matches!(c, '\0'..='\x1f' | '\x7f'..='\u{9f}' | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}

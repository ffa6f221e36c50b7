//! Text that breaks what handles it carelessly: quoting, templates, YAML, the kubelet's expansion.

use serde_json::Value;
use std::fmt::Write as _;

/// Every one of them must arrive in a container byte by byte, wherever it stands in a manifest.
pub const TEXTS: &[&str] = &[
    "\"double\" 'single' `back`",
    "back\\slash \\n \\",
    "C:\\dir\\",
    "two\nlines",
    "trailing\n",
    "trailing two\n\n",
    "\nleading",
    "\n",
    "CR\r\nLF\r\n",
    "lone\rCR\r",
    "tab\tinside",
    "\ttab first",
    "{{",
    "}}",
    "{{ .Values.x }}",
    "{{- fail \"x\" -}}",
    "{{/* comment */}}",
    "{{`raw`}}",
    "[[ x ]] [% if %] [# c #]",
    "[[",
    "$(X)",
    "$$",
    "$$(X)",
    "$",
    "$$$",
    "$(",
    "$(X) $(Y",
    "$é",
    "$X ${X}",
    "true",
    "False",
    "no",
    "y",
    "0777",
    "0x1F",
    "0o17",
    "1e3",
    "1.0",
    "12345678",
    "12345678901234567890123",
    "1_000",
    "+1",
    ".inf",
    "12:30:45",
    "2024-01-01",
    "null",
    "~",
    "*a",
    "&a",
    "!a",
    "!!str a",
    "@a",
    "%a",
    "|",
    ">",
    ">-",
    "- a",
    "? a",
    "a: b",
    ": a",
    "a #b",
    "#a",
    "[a",
    "{a",
    "a]",
    "a}",
    ",",
    "---",
    "...",
    "--- a",
    "<<",
    "=",
    "%s %d %% %v %!s(MISSING)",
    "%",
    "a=b,c=d",
    "{0}",
    "ünïcödé 日本語",
    "😀👩‍👩‍👧",
    "nbsp\u{a0}x",
    "\u{a0}",
    "line\u{2028}paragraph\u{2029}",
    "bom\u{feff}inside",
    "\u{feff}bom first",
    "\u{1}\u{1b}[31m\u{8}",
    "e\u{301} \u{202e}rtl",
    "\u{fffd}\u{10fffd}",
    "",
    " ",
    " leading",
    "trailing ",
    "  two  ",
    "<&>+",
];

/// The text for the n-th of something.
pub fn text(n: usize) -> &'static str {
    TEXTS[n % TEXTS.len()]
}

/// A values file for helm: JSON that every YAML parser reads alike.
pub fn values_file(value: &Value) -> String {
    let mut safe = String::new();
    for c in value.to_string().chars() {
        match c {
            '\u{7f}'..='\u{9f}' | '\u{a0}' | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffd}' => {
                let _ = write!(safe, "\\u{:04x}", u32::from(c));
            }
            _ => safe.push(c),
        }
    }
    safe
}

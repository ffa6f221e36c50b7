//! Syntax errors of the JSON parser, as messages.

use serde_json::Error;
use serde_json::error::Category;

use crate::support::diagnostic::{Code, Diagnostic, Place, Position, excerpt};

/// What an early end usually means.
pub(super) const CUT_OFF: &str = "Aspire leaves such a file behind when publishing failed; run the publish step \
again and check its output";

/// The problem behind `error`, which happened in `text` while reading the value at `place`.
pub(super) fn explain(error: &Error, text: &str, place: &str) -> Diagnostic {
    if text.trim().is_empty() {
        return Diagnostic::new(Code::ManifestIncomplete, "", "the manifest is empty").hint(CUT_OFF);
    }
    let spot = Spot::of(error, text);
    let at = Place { position: Some(spot.position(text)), ..Place::default() };
    if error.classify() == Category::Eof {
        let what = if place.is_empty() {
            "the manifest ends before its last closing brace".to_owned()
        } else {
            format!("the manifest ends in the middle of `{place}`")
        };
        return Diagnostic::new(Code::ManifestIncomplete, at, what).hint(CUT_OFF);
    }
    let said = error.to_string();
    let said = said.split(" at line ").next().unwrap_or_default();
    let hint = if spot.line == 1 && said == "expected value" { other_format(text) } else { "" };
    Diagnostic::new(Code::ManifestSyntax, at, words(said, spot.rest)).hint(hint)
}

/// What the text probably is instead of JSON.
fn other_format(text: &str) -> &'static str {
    let first = text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#')).unwrap_or_default();
    let is_key = |name: &str| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_./".contains(c));
    if first.starts_with('<') {
        "this looks like XML; pass the project file of an AppHost (.csproj), or its aspire-manifest.json"
    } else if first.starts_with("---") || first.split_once(':').is_some_and(|(name, _)| is_key(name)) {
        "this looks like YAML, and a manifest is JSON; pass aspire-k8s.yaml with --config"
    } else {
        ""
    }
}

/// A sentence for what the parser `said` in front of the text `rest`.
fn words(said: &str, rest: &str) -> String {
    if rest.starts_with("//") || rest.starts_with("/*") || rest.starts_with('#') {
        return "a manifest cannot hold comments".to_owned();
    }
    if ["<<<<<<<", "=======", ">>>>>>>"].iter().any(|mark| rest.starts_with(mark)) {
        return "the manifest contains merge conflict markers".to_owned();
    }
    let known = match said {
        "expected `,` or `}`" => "expected a comma or the closing brace `}` of the object",
        "expected `,` or `]`" => "expected a comma or the closing bracket `]` of the array",
        "expected `:`" => "expected a colon between the name and its value",
        "expected value" | "expected ident" => "expected a value: text in double quotes, a number, true, false or null",
        "key must be a string" => "expected a name in double quotes",
        "trailing comma" => "the comma before this closing bracket is not allowed",
        "trailing characters" => "the manifest has ended, but more text follows",
        "number out of range" | "invalid number" => "JSON cannot hold this number",
        "recursion limit exceeded" => "objects and arrays are nested more than 127 levels deep",
        _ if said.starts_with("control character") => "a text in quotes holds a line break or control character",
        _ if said.contains("escape") || said.contains("code point") => "this is not a valid `\\` escape",
        other => return format!("this is not valid JSON: {other}"),
    };
    known.to_owned()
}

/// A place in the text, counted as editors do.
struct Spot<'t> {
    line: usize,
    column: usize,
    /// The text from there to the end of the line.
    rest: &'t str,
}

impl<'t> Spot<'t> {
    /// The line shows its key only: what stands behind it may be a part of a secret.
    fn position(&self, text: &str) -> Position {
        let first = text.split('\n').nth(self.line - 1).unwrap_or_default();
        let indent = first.chars().take_while(|c| c.is_whitespace()).count();
        Position { excerpt: excerpt(text, self.line, indent + 1, false), ..Position::new(self.line, self.column) }
    }

    /// `serde_json` counts bytes, and says "column 0 of the next line" for a line break.
    fn of(error: &Error, text: &'t str) -> Self {
        let mut line = error.line().max(1);
        let mut bytes = error.column().checked_sub(1);
        if bytes.is_none() && line > 1 {
            line -= 1;
            bytes = Some(usize::MAX);
        }
        let content = text.split('\n').nth(line - 1).unwrap_or_default().trim_end_matches('\r');
        let mut bytes = bytes.unwrap_or(0).min(content.len());
        while !content.is_char_boundary(bytes) {
            bytes -= 1;
        }
        let (before, rest) = content.split_at(bytes);
        Self { line, column: before.chars().count() + 1, rest }
    }
}

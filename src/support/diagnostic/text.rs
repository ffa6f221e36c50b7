//! A diagnostic as text: heading with its code, place, source line, hint.

use super::code::Code;
use super::place::Place;
use std::fmt::Write as _;

/// How serious it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Severity {
    /// The command fails.
    Error,
    /// The command continues.
    Warning,
}

impl Severity {
    /// Its word.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// `error[unknown-key]:`, which a terminal may show in a colour.
pub(crate) fn heading(severity: Severity, code: Code) -> String {
    format!("{}[{code}]:", severity.name())
}

/// What follows the heading, in the manner of rustc:
///
/// ```text
/// error[unknown-key]: unknown key `replica`
///   --> aspire-k8s.yaml:9:5
///    |
///  9 |     replica: 3
///    |     ^^^^^^^^
///   path: resources.api.replica
///   hint: did you mean `replicas`?
/// ```
pub(crate) fn body(place: &Place, what: &str, hint: &str) -> String {
    let mut out = String::new();
    if place.file.is_empty() && !place.is_empty() {
        let _ = write!(out, "{place}: ");
    }
    out.push_str(what);
    if !place.file.is_empty() {
        let _ = write!(out, "\n  --> {}", place.file);
        if let Some(position) = &place.position {
            let _ = write!(out, ":{}", position.line);
            if position.column > 0 {
                let _ = write!(out, ":{}", position.column);
            }
            out.push_str(&marked(position.line, position.column, &position.excerpt));
        }
        if !place.path.is_empty() {
            let _ = write!(out, "\n  path: {}", place.path);
        }
    }
    if !hint.is_empty() {
        let _ = write!(out, "\n  hint: {hint}");
    }
    out
}

/// The line of the source with a mark under its key.
fn marked(line: usize, column: usize, excerpt: &str) -> String {
    if excerpt.is_empty() {
        return String::new();
    }
    let number = line.to_string();
    let margin = " ".repeat(number.len());
    let indent = excerpt.chars().take_while(|c| *c == ' ' || *c == '-').count().min(column.saturating_sub(1));
    let key = excerpt.chars().skip(indent).take_while(|c| *c != ':').count().max(1);
    let (blank, mark) = (" ".repeat(indent), "^".repeat(key));
    format!("\n {margin} |\n {number} | {excerpt}\n {margin} | {blank}{mark}")
}

#[cfg(test)]
mod tests {
    use super::super::place::Position;
    use super::*;

    fn headed(severity: Severity, code: Code, place: &Place, what: &str, hint: &str) -> String {
        format!("{} {}", heading(severity, code), body(place, what, hint))
    }

    #[test]
    fn a_diagnostic_shows_its_line() {
        let position = Position { excerpt: "    replica: 3".into(), ..Position::new(9, 5) };
        let place = Place { position: Some(position), ..Place::in_file("a/aspire-k8s.yaml", "resources.api.replica") };
        let text =
            headed(Severity::Error, Code::UnknownKey, &place, "unknown key `replica`", "did you mean `replicas`?");
        let expected = "\
error[unknown-key]: unknown key `replica`
  --> a/aspire-k8s.yaml:9:5
   |
 9 |     replica: 3
   |     ^^^^^^^
  path: resources.api.replica
  hint: did you mean `replicas`?";
        assert_eq!(text, expected);
        let text = headed(Severity::Warning, Code::InvalidArgument, &"--tag".into(), "no", "");
        assert_eq!(text, "warning[invalid-argument]: --tag: no");
        let place = Place { file: "b.env".into(), ..Place::line(3, 0) };
        assert_eq!(
            headed(Severity::Error, Code::EmptyVariable, &place, "no", ""),
            "error[empty-variable]: no\n  --> b.env:3"
        );
    }
}

//! Where an error is inside the JSON, and the list of errors found so far.

use crate::support::diagnostic::{Code, Diagnostic, Diagnostics};

/// Problems beyond this number are only counted: a hostile file must not fill the memory with sentences.
const MOST: usize = 1000;

/// Characters of one name (or quoted value) that a place shows.
const CLIP: usize = 120;

/// The place of `key` inside the object at `parent`: `resources.api`, or `resources["my.api"]` for odd names.
pub(super) fn child(parent: &str, key: &str) -> String {
    if !is_plain(key) {
        return format!("{parent}[{}]", quoted(key));
    }
    if parent.is_empty() { key.to_owned() } else { format!("{parent}.{key}") }
}

/// The place of an element of the array at `parent`.
pub(super) fn item(parent: &str, index: usize) -> String {
    format!("{parent}[{index}]")
}

/// `text` in quotes, shortened when it is very long; what would upset a terminal is escaped.
pub(super) fn quoted(text: &str) -> String {
    let mut shown: String = text.chars().take(CLIP).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    format!("{shown:?}")
}

fn is_plain(key: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '$');
    !key.is_empty() && key.len() <= CLIP && key.chars().all(plain)
}

/// The problems found so far.
#[derive(Debug, Default)]
pub(super) struct Findings {
    diagnostics: Diagnostics,
    unsaid: usize,
}

impl Findings {
    /// Adds one problem, or counts it when there are far too many.
    pub(super) fn add(&mut self, diagnostic: Diagnostic) {
        if self.diagnostics.0.len() < MOST {
            self.diagnostics.push(diagnostic);
        } else {
            self.unsaid += 1;
        }
    }

    /// `value` when nothing was found, all problems otherwise.
    pub(super) fn or<T>(mut self, value: T) -> Result<T, Diagnostics> {
        if self.unsaid > 0 {
            self.diagnostics.push(Diagnostic::new(
                Code::TooManyDiagnostics,
                "",
                format!("there are {} more problems", self.unsaid),
            ));
        }
        self.diagnostics.or(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_names_are_quoted() {
        assert_eq!(child("", "resources"), "resources");
        assert_eq!(child("resources", "my-api_2"), "resources.my-api_2");
        assert_eq!(child("resources", "my.api"), r#"resources["my.api"]"#);
        assert_eq!(child("resources", ""), r#"resources[""]"#);
        assert_eq!(child("r", "a\"\n"), r#"r["a\"\n"]"#);
        assert_eq!(item("r.args", 3), "r.args[3]");
    }

    #[test]
    fn long_names_are_shortened() {
        let place = child("resources", &"é".repeat(5000));
        assert!(place.chars().count() < 150 && place.ends_with("…\"]"), "{place}");
    }

    #[test]
    fn endless_diagnostics_are_counted() {
        let mut found = Findings::default();
        (0..MOST + 7).for_each(|_| found.add(Diagnostic::new(Code::TooManyDiagnostics, "", "x")));
        let diagnostics = found.or(()).unwrap_err();
        assert_eq!(diagnostics.0.len(), MOST + 1);
        assert_eq!(diagnostics.0[MOST].what, "there are 7 more problems");
    }
}

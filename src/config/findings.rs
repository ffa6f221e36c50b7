//! Collects errors: each has a path, and gets its line only when all are known.

use super::locate;
use super::path::{Path, Step, is_shown, shown, written};
use super::rules::is_reserved_annotation;
use crate::support::diagnostic::{
    Code, Diagnostic, Diagnostics, Place, Position, affords_lines, excerpt, nearest_after,
};

/// A problem at a path.
struct Finding {
    code: Code,
    steps: Vec<Step>,
    /// Which of several equal keys is meant, from 0.
    nth: usize,
    what: String,
    hint: Hint,
}

enum Hint {
    Says(String),
    /// "Write it in quotes", with the text as the file has it.
    Quote,
}

/// The problems found so far.
#[derive(Default)]
pub(super) struct Findings(Vec<Finding>);

impl Findings {
    /// Adds a problem; the hint may be empty.
    pub(super) fn add(&mut self, code: Code, path: &Path<'_>, what: impl Into<String>, hint: impl Into<String>) {
        self.push(code, path, 0, what.into(), Hint::Says(hint.into()));
    }

    /// Adds a problem of the n-th key of this name.
    pub(super) fn add_nth(&mut self, code: Code, path: &Path<'_>, nth: usize, what: impl Into<String>, hint: &str) {
        self.push(code, path, nth, what.into(), Hint::Says(hint.to_owned()));
    }

    /// Adds a problem that quotes around the value solve.
    pub(super) fn add_unquoted(&mut self, code: Code, path: &Path<'_>, what: impl Into<String>) {
        let hint =
            if path.may_hold_secret() { Hint::Says("write the value in quotes".to_owned()) } else { Hint::Quote };
        self.push(code, path, 0, what.into(), hint);
    }

    fn push(&mut self, code: Code, path: &Path<'_>, nth: usize, what: String, hint: Hint) {
        self.0.push(Finding { code, steps: path.steps(), nth, what, hint });
    }

    /// Adds a problem for each annotation of a map that only helm and kubectl aspire may set.
    pub(super) fn reserved_annotations<'k>(&mut self, keys: impl Iterator<Item = &'k String>, map: &Path<'_>) {
        for key in keys.filter(|key| is_reserved_annotation(key)) {
            let hint = "remove it: helm and kubectl aspire act on annotations with this prefix";
            self.add(Code::ReservedName, &map.key(key), format!("{} is reserved", shown(key)), hint);
        }
    }

    /// The candidate nearest to a mistyped name, unless there are many problems.
    pub(super) fn nearest<'a>(&self, name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
        nearest_after(self.0.len(), name, candidates)
    }

    /// Whether a problem was found at this path or below it: what is missing from the value then was refused, not left out.
    pub(super) fn any_within(&self, path: &Path<'_>) -> bool {
        let steps = path.steps();
        self.0.iter().any(|finding| finding.steps.starts_with(&steps))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The problems as they are shown, in the order of the text.
    pub(super) fn into_diagnostics(self, text: &str) -> Diagnostics {
        let lines = affords_lines(self.0.len(), text.len());
        let mut placed: Vec<_> = self.0.into_iter().map(|finding| finding.place(lines.then_some(text))).collect();
        placed.sort_by_key(|(spot, _)| *spot);
        Diagnostics(placed.into_iter().map(|(_, diagnostic)| diagnostic).collect())
    }
}

impl Finding {
    /// The problem and its line and column; without the text both stay unknown.
    fn place(self, text: Option<&str>) -> (Option<(usize, usize)>, Diagnostic) {
        let spot = text.and_then(|text| locate::spot(text, &self.steps, self.nth));
        let position = spot.zip(text).map(|((line, column), text)| Position {
            excerpt: excerpt(text, line, column, is_shown(&self.steps)),
            ..Position::new(line, column)
        });
        let place = Place { path: written(&self.steps), position, ..Place::default() };
        let hint = match self.hint {
            Hint::Says(hint) => hint,
            Hint::Quote => text
                .and_then(|text| locate::raw(text, &self.steps))
                .map_or_else(|| "write the value in quotes".to_owned(), |raw| format!("write {raw:?} in quotes")),
        };
        (spot, Diagnostic::new(self.code, place, self.what).hint(hint))
    }
}

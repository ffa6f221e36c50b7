//! An error in an input or a run, as data: a stable code, the place, the message, and a hint.
//!
//! Every stage (manifest, configuration, resolving, planning) collects all its errors and returns them together, so
//! that users do not fix a file one message at a time. This module must not know any stage: it only carries their
//! results.

mod code;
mod excerpt;
mod place;
mod text;

pub(crate) use code::Code;
pub(crate) use excerpt::excerpt;
pub(crate) use place::{Place, Position, affords_lines};
pub(crate) use text::{Severity, body, heading};

use schemars::JsonSchema;
use serde::Serialize;
use std::fmt;

/// One thing that is wrong (or, as a warning, worth knowing): what, where, and what to do now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Diagnostic {
    /// The kind of cause.
    pub code: Code,
    /// Where it is; empty where it has no place. Boxed, because most results hold a problem only in theory.
    #[serde(flatten)]
    pub place: Box<Place>,
    /// A sentence without its final period. Never holds a secret.
    pub what: String,
    /// What the person can do now; empty when the sentence says it already.
    pub hint: String,
}

impl Diagnostic {
    /// A problem at a place.
    pub fn new(code: Code, place: impl Into<Place>, what: impl Into<String>) -> Self {
        Self { code, place: Box::new(place.into()), what: what.into(), hint: String::new() }
    }

    /// The same problem with advice.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = hint.into();
        self
    }

    /// The same problem elsewhere.
    #[must_use]
    pub fn at(self, place: impl Into<Place>) -> Self {
        Self { place: Box::new(place.into()), ..self }
    }
}

/// The problem inside a longer text: without its code.
impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.place.is_empty() {
            write!(f, "{}: ", self.place)?;
        }
        f.write_str(&self.what)?;
        if !self.hint.is_empty() {
            write!(f, "\n  hint: {}", self.hint)?;
        }
        Ok(())
    }
}

/// All problems of one stage, in the order of the input. Never empty when returned as an error.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Diagnostics(pub Vec<Diagnostic>);

impl Diagnostics {
    /// Adds one problem.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        self.0.push(diagnostic);
    }

    /// As [`nearest()`], for one more problem beside these; none if there are many.
    pub fn nearest<'a>(&self, name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
        nearest_after(self.0.len(), name, candidates)
    }

    /// The same problems, those without a file in this one.
    #[must_use]
    pub fn in_file(mut self, file: &str) -> Self {
        for diagnostic in self.0.iter_mut().filter(|diagnostic| diagnostic.place.file.is_empty()) {
            file.clone_into(&mut diagnostic.place.file);
        }
        self
    }

    /// `value` when nothing was wrong, all the problems otherwise.
    pub fn or<T>(self, value: T) -> Result<T, Self> {
        if self.0.is_empty() { Ok(value) } else { Err(self) }
    }

    /// `result` when nothing was wrong, all the problems otherwise, these first.
    pub fn and<T>(mut self, result: Result<T, Self>) -> Result<T, Self> {
        match result {
            Ok(value) => self.or(value),
            Err(more) => {
                self.0.extend(more.0);
                Err(self)
            }
        }
    }
}

impl From<Diagnostic> for Diagnostics {
    fn from(diagnostic: Diagnostic) -> Self {
        Self(vec![diagnostic])
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, diagnostic) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            diagnostic.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for Diagnostics {}

/// Longer names are not compared.
const LONGEST_NAME: usize = 256;

/// Bytes that a character has beyond the first, and what lower case adds to it.
const MARGIN: usize = 16;

/// So many problems get a suggestion: each costs a look at every name, and no user reads that many.
const MOST_SUGGESTIONS: usize = 50;

/// So many names are listed in a hint.
const MOST_NAMES: usize = 12;

/// Names for a hint, in their order: `api, db and 3 more`. `none` if there are no names.
pub(crate) fn names<'a>(all: impl IntoIterator<Item = &'a str>, none: &str) -> String {
    let all: Vec<&str> = all.into_iter().collect();
    match all.get(MOST_NAMES..).map_or(0, <[_]>::len) {
        _ if all.is_empty() => none.to_owned(),
        0 => all.join(", "),
        more => format!("{} and {more} more", all.get(..MOST_NAMES).unwrap_or_default().join(", ")),
    }
}

/// Advice that names the candidate that was meant; `otherwise` where none is near.
pub(crate) fn suggestion(near: Option<&str>, otherwise: impl Into<String>) -> String {
    near.map_or_else(|| otherwise.into(), |near| format!("did you mean `{near}`?"))
}

/// As [`nearest()`], where so many problems were found before.
pub(crate) fn nearest_after<'a>(
    diagnostics: usize,
    name: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    if diagnostics < MOST_SUGGESTIONS { nearest(name, candidates) } else { None }
}

/// The candidate nearest to a mistyped name, when one is near enough to be meant.
pub(crate) fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // The comparison costs the product of both lengths, and a name that long is not mistyped.
    if name.len() > LONGEST_NAME {
        return None;
    }
    let lower = name.to_lowercase();
    let fits =
        |candidate: &&str| candidate.len().abs_diff(name.len()) <= 1 + candidate.len().min(name.len()) / 4 + MARGIN;
    candidates
        .into_iter()
        .filter(fits)
        .map(|candidate| (strsim::damerau_levenshtein(&lower, &candidate.to_lowercase()), candidate))
        .filter(|(distance, candidate)| *distance <= 1 + candidate.len().min(name.len()) / 4)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_diagnostics_only_the_first_get_a_suggestion() {
        let mut diagnostics = Diagnostics::default();
        let suggested = (0..1_000).filter(|_| {
            let near = diagnostics.nearest("pasword", ["password"]).is_some();
            diagnostics.push(Diagnostic::new(Code::UnknownKey, "", "it is unknown"));
            near
        });
        assert_eq!(suggested.count(), MOST_SUGGESTIONS);
    }

    #[test]
    fn a_hint_lists_a_dozen_names() {
        let all: Vec<String> = (1..=14).map(|number| format!("r{number}")).collect();
        let listed = |count: usize| names(all.iter().take(count).map(String::as_str), "nothing");
        assert_eq!(listed(0), "nothing");
        assert_eq!(listed(2), "r1, r2");
        assert!(listed(12).ends_with(", r12"));
        assert!(listed(14).ends_with(", r12 and 2 more"));
    }

    #[test]
    fn only_names_that_a_person_types_are_compared() {
        assert_eq!(nearest("pasword", ["password", "user"]), Some("password"));
        assert_eq!(nearest("\u{fc}ber", ["ueber", "\u{dc}BER"]), Some("\u{dc}BER"));
        let long = "a".repeat(100_000);
        assert_eq!(nearest(&long, [long.as_str()]), None);
        assert_eq!(nearest("a", [long.as_str()]), None);
    }
}

//! Problems while they are collected: each at a path, given its line only when all are known.

use super::locate;
use crate::support::diagnostic::{Problem, Problems, nearest_after};

/// Above this many problems none gets a line: each line costs one more reading of the text.
const MOST_LINES: usize = 100;

/// Most bytes that are read again for lines.
const MOST_READ: usize = 8 << 20;

/// Characters of the file's own text that a message repeats.
const MOST_SHOWN: usize = 60;

/// One step from a value to a value inside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    Key(String),
    Item(usize),
}

/// The place of a value, as a chain of borrowed steps, so that walking a good file allocates nothing.
#[derive(Clone, Copy)]
pub(super) enum Path<'a> {
    Root,
    Key(&'a Path<'a>, &'a str),
    Item(&'a Path<'a>, usize),
}

impl<'a> Path<'a> {
    pub(super) fn key(&'a self, key: &'a str) -> Self {
        Self::Key(self, key)
    }

    pub(super) fn item(&'a self, index: usize) -> Self {
        Self::Item(self, index)
    }

    fn steps(&self) -> Vec<Step> {
        let mut steps = Vec::new();
        let mut here = self;
        loop {
            here = match here {
                Self::Root => break,
                Self::Key(parent, key) => {
                    steps.push(Step::Key((*key).to_owned()));
                    parent
                }
                Self::Item(parent, index) => {
                    steps.push(Step::Item(*index));
                    parent
                }
            };
        }
        steps.reverse();
        steps
    }

    /// Whether a text here reaches a container byte for byte, or a chart of others, rather than a map of an object.
    pub(super) fn is_content(&self) -> bool {
        let steps = self.steps();
        let keys = steps.iter().map(|step| if let Step::Key(key) = step { key.as_str() } else { "" });
        let keys: Vec<&str> = keys.collect();
        let keys = if keys.first() == Some(&"environments") { keys.get(2..).unwrap_or_default() } else { &keys };
        matches!(
            keys,
            ["resources", _, "env" | "command" | "args", ..] | ["parameters", _, "value"] | ["charts", _, "values", ..]
        )
    }

    /// Whether a value here may be a secret that somebody wrote into the wrong place: it is not repeated in messages.
    pub(super) fn may_hold_secret(&self) -> bool {
        match self.steps().as_slice() {
            [Step::Key(first), ..] if first == "parameters" || first == "secrets" => true,
            [Step::Key(first), _, Step::Key(third), ..] => {
                first == "environments" && (third == "parameters" || third == "secrets")
            }
            _ => false,
        }
    }
}

/// A problem at a path.
struct Finding {
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
    pub(super) fn add(&mut self, path: &Path<'_>, what: impl Into<String>, hint: impl Into<String>) {
        self.push(path, 0, what.into(), Hint::Says(hint.into()));
    }

    /// Adds a problem of the n-th key of this name.
    pub(super) fn add_nth(&mut self, path: &Path<'_>, nth: usize, what: impl Into<String>, hint: &str) {
        self.push(path, nth, what.into(), Hint::Says(hint.to_owned()));
    }

    /// Adds a problem that quotes around the value solve.
    pub(super) fn add_unquoted(&mut self, path: &Path<'_>, what: impl Into<String>) {
        let hint =
            if path.may_hold_secret() { Hint::Says("write the value in quotes".to_owned()) } else { Hint::Quote };
        self.push(path, 0, what.into(), hint);
    }

    fn push(&mut self, path: &Path<'_>, nth: usize, what: String, hint: Hint) {
        self.0.push(Finding { steps: path.steps(), nth, what, hint });
    }

    /// The candidate nearest to a mistyped name, unless there are many problems.
    pub(super) fn nearest<'a>(&self, name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
        nearest_after(self.0.len(), name, candidates)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The problems as they are shown, in the order of the text.
    pub(super) fn into_problems(self, text: &str) -> Problems {
        let lines = self.0.len() <= MOST_LINES && self.0.len() * text.len() <= MOST_READ;
        let mut placed: Vec<_> = self.0.into_iter().map(|finding| finding.place(lines.then_some(text))).collect();
        placed.sort_by_key(|(spot, _)| *spot);
        Problems(placed.into_iter().map(|(_, problem)| problem).collect())
    }
}

impl Finding {
    /// The problem and its line and column; without the text both stay unknown.
    fn place(self, text: Option<&str>) -> (Option<(usize, usize)>, Problem) {
        let spot = text.and_then(|text| locate::spot(text, &self.steps, self.nth));
        let mut place = written(&self.steps);
        if let Some((line, _)) = spot {
            place = format!("{place} (line {line})");
        }
        let hint = match self.hint {
            Hint::Says(hint) => hint,
            Hint::Quote => text
                .and_then(|text| locate::raw(text, &self.steps))
                .map_or_else(|| "write the value in quotes".to_owned(), |raw| format!("write {raw:?} in quotes")),
        };
        (spot, Problem::at(place, self.what).hint(hint))
    }
}

/// A path as text: `resources.api.args[0]`, odd keys in brackets.
fn written(steps: &[Step]) -> String {
    let mut out = String::new();
    for step in steps {
        match step {
            Step::Item(index) => out = format!("{out}[{index}]"),
            Step::Key(key) if is_plain(key) => {
                if !out.is_empty() {
                    out.push('.');
                }
                out.push_str(key);
            }
            Step::Key(key) => out = format!("{out}[{key:?}]"),
        }
    }
    out
}

fn is_plain(key: &str) -> bool {
    !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
}

/// Text of the file inside a message: in backticks, on one line, not endless.
pub(super) fn shown(text: &str) -> String {
    if text.is_empty() {
        return "an empty text".to_owned();
    }
    let cut: String = text.chars().take(MOST_SHOWN).flat_map(char::escape_debug).collect();
    let more = if text.chars().nth(MOST_SHOWN).is_some() { "..." } else { "" };
    format!("`{}{more}`", cut.replace("\\\"", "\"").replace("\\'", "'"))
}

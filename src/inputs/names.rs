//! The names that a user may use for an input: its own name, or the name of its environment variable.

use crate::support::diagnostic::{Code, Diagnostic, nearest, suggestion};
use std::collections::{BTreeMap, BTreeSet};

use crate::support::child_env::PARAMETERS as PREFIX;

/// The environment variable of an input: Aspire's own `Parameters__<name>`, with `_` for what no shell accepts.
pub fn variable(name: &str) -> String {
    let legal: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    format!("{PREFIX}{legal}")
}

/// The inputs of an application by their variables. Two names may share one: `a-b` and `a_b`.
#[derive(Debug)]
pub struct Names<'a> {
    by_variable: BTreeMap<String, Vec<&'a str>>,
    all: BTreeSet<&'a str>,
}

impl<'a> Names<'a> {
    /// The names of all inputs.
    pub fn new(names: impl IntoIterator<Item = &'a str>) -> Self {
        let mut by_variable: BTreeMap<String, Vec<&'a str>> = BTreeMap::new();
        let mut all = BTreeSet::new();
        for name in names {
            if all.insert(name) {
                by_variable.entry(variable(name)).or_default().push(name);
            }
        }
        Self { by_variable, all }
    }

    /// The same for what stands in the place of a name in a file, which can be a part of a value: a line of a key without
    /// quotes. What resembles no input is not repeated.
    pub fn find_in_file(&self, typed: &str) -> Result<&'a str, Diagnostic> {
        self.find(typed).map_err(|diagnostic| match (self.by_variable.get(typed), self.near(typed)) {
            (None, None) => Diagnostic { what: "this name is not an input of the application".into(), ..diagnostic },
            _ => diagnostic,
        })
    }

    /// The input that is meant by its name or its variable. The problem has no place yet.
    pub fn find(&self, typed: &str) -> Result<&'a str, Diagnostic> {
        match (self.all.get(typed), self.by_variable.get(typed).map(Vec::as_slice)) {
            (Some(name), _) | (None, Some([name])) => Ok(name),
            (None, Some(shared)) => Err(ambiguous(typed, shared)),
            (None, None) => Err(self.unknown(typed)),
        }
    }

    /// The variables with the inputs that each stands for.
    pub fn variables(&self) -> impl Iterator<Item = (&str, &[&'a str])> {
        self.by_variable.iter().map(|(variable, names)| (variable.as_str(), names.as_slice()))
    }

    /// The variable that was probably meant by one that looks like that of an input, but is none.
    pub fn misspelt(&self, variable: &str) -> Option<&str> {
        let is_for_input = variable.get(..PREFIX.len()).is_some_and(|start| start.eq_ignore_ascii_case(PREFIX));
        if !is_for_input || self.by_variable.contains_key(variable) {
            return None;
        }
        nearest(variable, self.by_variable.keys().map(String::as_str))
    }

    /// Whether no other input has the same variable.
    pub fn has_own_variable(&self, name: &str) -> bool {
        self.by_variable.get(&variable(name)).is_none_or(|names| names.len() < 2)
    }

    fn near(&self, typed: &str) -> Option<&str> {
        if typed.starts_with(PREFIX) {
            nearest(typed, self.by_variable.keys().map(String::as_str))
        } else {
            nearest(typed, self.by_variable.values().flatten().copied())
        }
    }

    fn unknown(&self, typed: &str) -> Diagnostic {
        let diagnostic = Diagnostic::new(Code::UnknownInput, "", format!("the application has no input `{typed}`"));
        diagnostic.hint(suggestion(self.near(typed), "`kubectl aspire inputs` lists them"))
    }
}

/// A variable that stands for several inputs says nothing.
pub(super) fn ambiguous(variable: &str, names: &[&str]) -> Diagnostic {
    let shared = names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" and ");
    Diagnostic::new(Code::AmbiguousInput, "", format!("`{variable}` is the variable of {shared}"))
        .hint("set each by its own name, in a file or with --parameter")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_input_answers_to_its_name_and_its_variable() {
        let names = Names::new(["db-password", "a-b", "a_b", "image.tag", "Parameters__odd"]);
        for (typed, meant) in [
            ("db-password", "db-password"),
            ("Parameters__db_password", "db-password"),
            ("Parameters__image_tag", "image.tag"),
            ("a-b", "a-b"),
            ("a_b", "a_b"),
            ("Parameters__odd", "Parameters__odd"),
            ("Parameters__Parameters__odd", "Parameters__odd"),
        ] {
            assert_eq!(names.find(typed).as_deref(), Ok(meant), "{typed}");
        }
        assert!(!names.has_own_variable("a-b") && names.has_own_variable("image.tag"));
        for (typed, sentence) in [
            ("db_password", "did you mean `db-password`?"),
            ("Parameters__db-password", "did you mean `Parameters__db_password`?"),
            ("other", "lists them"),
            ("Parameters__a_b", "`Parameters__a_b` is the variable of `a-b` and `a_b`"),
        ] {
            let said = names.find(typed).unwrap_err().to_string();
            assert!(said.contains(sentence), "{typed}: {said}");
        }
    }

    #[test]
    fn a_variable_that_is_not_read_is_compared_with_those_that_are() {
        let names = Names::new(["currency", "db-password"]);
        for (variable, meant) in [
            ("Parameters__curency", Some("Parameters__currency")),
            ("PARAMETERS__CURRENCY", Some("Parameters__currency")),
            ("Parameters__currency", None),
            ("Parameters__of_another_application", None),
            ("curency", None),
        ] {
            assert_eq!(names.misspelt(variable), meant, "{variable}");
        }
    }
}

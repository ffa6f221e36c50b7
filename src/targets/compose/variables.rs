//! The variables of a Compose file: their names, and what is known of their values.
//!
//! Must not know where a variable is used: [`super::plan()`] keeps those that are.

use super::text::Piece;
use crate::app::{App, Form, Input};
use indexmap::IndexMap;
use std::collections::BTreeMap;

/// A value that the Compose file leaves open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Variable {
    /// Whether its value must never be in a file beside the Compose file.
    pub secret: bool,
    /// Whether an empty value is one. For secrets, images and ports it is a mistake.
    pub may_be_empty: bool,
    /// Its value in `.env`; none if a user must give one.
    pub value: Option<String>,
    /// What it is: a line for a user.
    pub about: String,
}

/// Variables that Compose or the shell of a user sets itself: a shell's value wins over a file's.
const TAKEN: [&str; 18] = [
    "PATH", "HOME", "USER", "LOGNAME", "PWD", "OLDPWD", "SHELL", "SHLVL", "TERM", "LANG", "TZ", "TMPDIR", "HOSTNAME",
    "EDITOR", "DISPLAY", "MAIL", "CI", "UID",
];

/// Beginnings of names that Docker and Compose read themselves.
const READ_BY_DOCKER: [&str; 4] = ["COMPOSE_", "DOCKER_", "BUILDKIT_", "BUILDX_"];

/// The variables by name.
#[derive(Debug, Default)]
pub(super) struct Variables {
    all: IndexMap<String, Variable>,
    /// The variable of an input, and of its URI-escaped form.
    inputs: BTreeMap<(String, bool), String>,
    /// How far names that are written alike were counted.
    numbers: BTreeMap<String, u32>,
}

impl Variables {
    /// The variables of all inputs. Their names are Aspire's: `pg-password` is `PG_PASSWORD`, and the first bind mount of
    /// `proxy` is `PROXY_BINDMOUNT_0`.
    pub(super) fn of(app: &App) -> Self {
        let mut variables = Self::default();
        for (name, input) in &app.inputs {
            for uri in [false, true].into_iter().filter(|uri| !uri || input.uri) {
                let wanted = name.replace(".bindMounts.", ".bindMount.") + if uri { "_URI" } else { "" };
                let added = variables.named(&wanted, of_input(name, input, uri));
                variables.inputs.insert((name.clone(), uri), added);
            }
        }
        variables
    }

    /// The variable of an input. An input that is not there stays visible as text.
    pub(super) fn input(&self, name: &str, form: Form) -> Piece {
        match self.inputs.get(&(name.to_owned(), form == Form::Uri)) {
            Some(variable) => self.piece(variable),
            None => Piece::Literal(format!("{{{name}}}")),
        }
    }

    /// Adds a variable that is no input; others that are written alike stay apart.
    pub(super) fn add(&mut self, wanted: &str, variable: Variable) -> Piece {
        let name = self.named(wanted, variable);
        self.piece(&name)
    }

    /// Says that the variable of an input is a path, and of what.
    pub(super) fn make_path(&mut self, input: &str, about: String) {
        let name = self.inputs.get(&(input.to_owned(), false));
        if let Some(variable) = name.and_then(|name| self.all.get_mut(name)) {
            *variable = Variable { about, may_be_empty: false, ..variable.clone() };
        }
    }

    /// The variables among those that are used, in the order in which they were made.
    pub(super) fn used(self, is_used: impl Fn(&str) -> bool) -> IndexMap<String, Variable> {
        self.all.into_iter().filter(|(name, _)| is_used(name)).collect()
    }

    fn piece(&self, name: &str) -> Piece {
        let may_be_empty = self.all.get(name).is_some_and(|variable| variable.may_be_empty);
        Piece::Variable { name: name.to_owned(), may_be_empty }
    }

    fn named(&mut self, wanted: &str, variable: Variable) -> String {
        let base = legal(wanted);
        let mut name = base.clone();
        while self.all.contains_key(&name) {
            let number = self.numbers.entry(base.clone()).or_insert(1);
            *number += 1;
            name = format!("{base}_{number}");
        }
        self.all.insert(name.clone(), variable);
        name
    }
}

/// The name of a variable: upper case, `_` for what is neither a letter nor a digit.
pub(super) fn legal(wanted: &str) -> String {
    let upper = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
    let name: String = wanted.chars().map(upper).collect();
    let is_taken = TAKEN.contains(&name.as_str()) || READ_BY_DOCKER.iter().any(|start| name.starts_with(start));
    if is_taken || !name.starts_with(|c: char| c.is_ascii_alphabetic()) { format!("INPUT_{name}") } else { name }
}

fn of_input(name: &str, input: &Input, uri: bool) -> Variable {
    // What a name holds must not end a comment.
    let name: String = name.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let kind = if input.secret { "secret" } else { "not secret" };
    let form = if uri { ", URI-escaped as `Uri.EscapeDataString` does" } else { "" };
    let value = input.default.as_deref().filter(|_| !input.secret);
    let value = value.map(|value| if uri { crate::app::escape_uri_data(value) } else { value.to_owned() });
    Variable { secret: input.secret, may_be_empty: !input.secret, value, about: format!("{name}: {kind}{form}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_aspire_and_never_those_of_the_shell() {
        for (wanted, name) in [
            ("pg-password", "PG_PASSWORD"),
            ("proxy.bindMount.0", "PROXY_BINDMOUNT_0"),
            ("path", "INPUT_PATH"),
            ("compose-file", "INPUT_COMPOSE_FILE"),
            ("1st", "INPUT_1ST"),
            ("é", "INPUT__"),
        ] {
            assert_eq!(legal(wanted), name);
        }
    }

    #[test]
    fn inputs_that_are_written_alike_stay_apart() {
        let input = |secret| Input {
            secret,
            default: Some("a b".into()),
            generate: None,
            used_by: indexmap::IndexSet::new(),
            uri: true,
            reason: None,
        };
        let inputs = IndexMap::from([("a-b".to_owned(), input(false)), ("a_b".to_owned(), input(true))]);
        let variables = Variables::of(&App { inputs, ..App::default() });
        let all: Vec<_> = variables.all.iter().map(|(name, it)| (name.as_str(), it.value.as_deref())).collect();
        let expected = [("A_B", Some("a b")), ("A_B_URI", Some("a%20b")), ("A_B_2", None), ("A_B_URI_2", None)];
        assert_eq!(all, expected);
        assert_eq!(variables.input("a_b", Form::Plain), Piece::Variable { name: "A_B_2".into(), may_be_empty: false });
        assert_eq!(variables.input("gone", Form::Plain), Piece::Literal("{gone}".into()));
    }
}

//! Completion of a line that is being typed, by the protocol of cobra, which kubectl and helm speak: one candidate per line,
//! a tab, its description; the last line is a directive that says what a shell may add.
//!
//! Nothing here may write to standard error, ask a cluster or fail: a shell waits.

use clap::{Arg, Command, ValueHint};
use std::fmt::Write as _;

/// What a shell may add to the candidates: cobra's `ShellCompDirective`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Directive {
    /// Names of files.
    Default = 0,
    /// Nothing.
    NoFileComp = 4,
}

/// Names in the application of this folder.
pub(super) trait Names {
    /// Environments of aspire-k8s.yaml.
    fn environments(&self) -> Vec<String>;
    /// Inputs; with `secrets`, only those.
    fn inputs(&self, secrets: bool) -> Vec<String>;
    /// Resources that images are chosen for.
    fn resources(&self) -> Vec<String>;
}

/// The answer to the words after the name of the program; the last one is being typed.
pub(super) fn answer(mut command: Command, words: &[String], names: &dyn Names) -> String {
    command.build();
    let Some((typed, before)) = words.split_last() else { return format!(":{}\n", Directive::NoFileComp as i32) };
    let place = Place::after(&command, before);
    let (candidates, directive) = place.candidates(typed, names);
    let mut text = String::new();
    for (candidate, what) in candidates.iter().filter(|(candidate, _)| candidate.starts_with(typed.as_str())) {
        let _ = match what.lines().next().filter(|line| !line.is_empty()) {
            Some(line) => writeln!(text, "{candidate}\t{line}"),
            None => writeln!(text, "{candidate}"),
        };
    }
    let _ = writeln!(text, ":{}", directive as i32);
    text
}

/// Where the cursor is.
struct Place<'a> {
    command: &'a Command,
    /// The flag whose value is being typed.
    flag: Option<&'a Arg>,
    /// How many values stand before.
    values: usize,
}

type Candidates = (Vec<(String, String)>, Directive);

impl<'a> Place<'a> {
    fn after(command: &'a Command, words: &[String]) -> Self {
        let mut place = Self { command, flag: None, values: 0 };
        for word in words {
            if place.flag.take().is_some() {
                continue;
            }
            if word.starts_with('-') {
                place.flag = place.flag_of(word).filter(|_| !word.contains('='));
            } else if let Some(verb) = place.command.find_subcommand(word).filter(|_| place.values == 0) {
                place.command = verb;
            } else {
                place.values += 1;
            }
        }
        place
    }

    /// The flag that a word names, if it takes a value.
    fn flag_of(&self, word: &str) -> Option<&'a Arg> {
        let name = word.split('=').next().unwrap_or_default();
        let short = name.chars().nth(1).filter(|_| name.chars().count() == 2);
        let found = self.command.get_arguments().find(|arg| match name.strip_prefix("--") {
            Some(long) => arg.get_long() == Some(long) || arg.get_all_aliases().is_some_and(|all| all.contains(&long)),
            None => short.is_some() && arg.get_short() == short,
        });
        found.filter(|arg| arg.get_action().takes_values() && !arg.is_require_equals_set())
    }

    fn candidates(&self, typed: &str, names: &dyn Names) -> Candidates {
        if let Some(flag) = self.flag {
            return values(flag, names);
        }
        if let Some((name, _)) = typed.split_once('=').filter(|_| typed.starts_with("--")) {
            let (found, directive) =
                self.flag_of(name).map_or((Vec::new(), Directive::NoFileComp), |flag| values(flag, names));
            return (found.into_iter().map(|(value, what)| (format!("{name}={value}"), what)).collect(), directive);
        }
        if typed.starts_with('-') {
            return (self.flags(), Directive::NoFileComp);
        }
        let verbs: Vec<_> = self.verbs();
        if !verbs.is_empty() {
            return (verbs, Directive::NoFileComp);
        }
        let positional = self.command.get_positionals().nth(self.values);
        positional
            .or_else(|| self.command.get_positionals().last())
            .map_or((Vec::new(), Directive::NoFileComp), |arg| values(arg, names))
    }

    fn verbs(&self) -> Vec<(String, String)> {
        let shown = self.command.get_subcommands().filter(|verb| !verb.is_hide_set());
        let about = |verb: &Command| verb.get_about().map(ToString::to_string).unwrap_or_default();
        shown.map(|verb| (verb.get_name().to_owned(), about(verb))).collect()
    }

    fn flags(&self) -> Vec<(String, String)> {
        let shown = self.command.get_arguments().filter(|arg| !arg.is_hide_set());
        let help = |arg: &Arg| arg.get_help().map(ToString::to_string).unwrap_or_default();
        shown.filter_map(|arg| Some((format!("--{}", arg.get_long()?), help(arg)))).collect()
    }
}

/// What can stand for the value of a flag or of an argument.
fn values(arg: &Arg, names: &dyn Names) -> Candidates {
    let plain = |values: Vec<String>, end: &str| {
        (values.into_iter().map(|value| (value + end, String::new())).collect(), Directive::NoFileComp)
    };
    match arg.get_id().as_str() {
        "environment" => return plain(names.environments(), ""),
        "assignments" | "sources" => return plain(names.inputs(false), "="),
        "rotate" | "names" => return plain(names.inputs(true), ""),
        "references" => return plain(names.resources(), "="),
        _ => {}
    }
    let possible = arg.get_possible_values();
    if possible.is_empty() {
        let files = matches!(arg.get_value_hint(), ValueHint::AnyPath | ValueHint::FilePath | ValueHint::DirPath);
        return (Vec::new(), if files { Directive::Default } else { Directive::NoFileComp });
    }
    let shown = possible.iter().filter(|value| !value.is_hide_set());
    let help = |value: &clap::builder::PossibleValue| value.get_help().map(ToString::to_string).unwrap_or_default();
    (shown.map(|value| (value.get_name().to_owned(), help(value))).collect(), Directive::NoFileComp)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::args::Cli;
    use clap::CommandFactory as _;

    struct Shop;

    impl Names for Shop {
        fn environments(&self) -> Vec<String> {
            vec!["production".into(), "staging".into()]
        }

        fn inputs(&self, secrets: bool) -> Vec<String> {
            if secrets { vec!["api-token".into()] } else { vec!["api-token".into(), "currency".into()] }
        }

        fn resources(&self) -> Vec<String> {
            vec!["api".into()]
        }
    }

    /// The candidates without what they are, and the last line.
    fn found(line: &str) -> (Vec<String>, String) {
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        let text = answer(Cli::command(), &words, &Shop);
        let mut lines: Vec<String> =
            text.lines().map(|line| line.split('\t').next().unwrap_or_default().into()).collect();
        let last = lines.pop().unwrap_or_default();
        (lines, last)
    }

    #[test]
    fn verbs_flags_values_and_names_are_offered() {
        let cases: &[(&str, &[&str], &str)] = &[
            ("de", &["deploy", "destroy", "demo"], ":4"),
            ("charts l", &["list", "lock"], ":4"),
            ("deploy --roll", &["--rollback-on-failure"], ":4"),
            ("deploy --accept d", &["downtime", "database-version"], ":4"),
            ("deploy --accept=do", &["--accept=downtime"], ":4"),
            ("deploy --qp", &[], ":4"),
            ("deploy -e ", &["production", "staging"], ":4"),
            ("deploy --environment=s", &["--environment=staging"], ":4"),
            ("deploy --parameter c", &["currency="], ":4"),
            ("deploy --rotate ", &["api-token"], ":4"),
            ("deploy --image ", &["api="], ":4"),
            ("deploy --plan ", &[], ":0"),
            ("deploy ", &[], ":0"),
            ("deploy --tag ", &[], ":4"),
            ("deploy --tag render --no-w", &["--no-wait"], ":4"),
            ("-n x deploy --no-w", &["--no-wait"], ":4"),
            ("completion f", &["fish"], ":4"),
            ("explain unknown-ke", &["unknown-key"], ":4"),
            ("nonsense ", &["init"], ":4"),
        ];
        for (line, expected, last) in cases {
            let (mut lines, then) = found(line);
            if line.starts_with("nonsense") {
                lines.truncate(1);
            }
            assert_eq!(
                (lines.iter().map(String::as_str).collect::<Vec<_>>(), then.as_str()),
                (expected.to_vec(), *last),
                "{line}"
            );
        }
        assert!(found("").0.contains(&"deploy".to_owned()) && !found("").0.contains(&"__complete".to_owned()));
    }
}

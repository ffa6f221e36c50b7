//! Values that the user supplies, and their source. The source with higher precedence counts; two values in one source
//! are an error.

use super::file::{Entries, Format, MOST_DIAGNOSTICS, Said};
use super::names::{Names, ambiguous};
use crate::support::diagnostic::{Code, Diagnostic, Diagnostics, Place};
use std::collections::BTreeMap;

/// How a value was given, the weakest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Means {
    /// Asked for on the terminal.
    Prompt,
    /// A file that sops encrypted.
    Encrypted,
    /// A variable of the environment.
    Variable,
    /// `--parameter-file`.
    File,
    /// `--parameter` and other flags for one value.
    Flag,
}

/// Values that a user gave, with where each came from. Its debug form hides them.
#[derive(Default, Clone)]
pub struct Given {
    values: BTreeMap<String, BTreeMap<Means, (String, String)>>,
}

impl std::fmt::Debug for Given {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.values.keys()).finish()
    }
}

impl Given {
    /// Adds a value. `origin` is what a user would look for: a flag, a file, a variable.
    pub fn add(&mut self, name: &str, value: String, means: Means, origin: &str) -> Result<(), Diagnostic> {
        let by_means = self.values.entry(name.to_owned()).or_default();
        if let Some((_, first)) = by_means.get(&means) {
            let places = if first == origin { "twice".into() } else { format!("here and by {first}") };
            return Err(Diagnostic::new(Code::DuplicateInput, origin, format!("`{name}` is set {places}"))
                .hint("keep one of them"));
        }
        by_means.insert(means, (value, origin.to_owned()));
        Ok(())
    }

    /// Adds what a parameter file says. `origin` names the file in problems.
    pub fn add_file(&mut self, text: &str, format: Format, origin: &str, names: &Names) -> Result<(), Diagnostics> {
        let at = |place: Place| Place { file: origin.to_owned(), ..place };
        let entries = Entries::read(text, format).map_err(|diagnostics| diagnostics.in_file(origin))?;
        let mut diagnostics = Diagnostics::default();
        let mut more = 0;
        let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
        for (index, (typed, said)) in entries.list.iter().enumerate() {
            // Each costs another look at the text for its line; no user reads that many.
            if diagnostics.0.len() == MOST_DIAGNOSTICS {
                more = entries.list.len() - index;
                break;
            }
            let place = || at(entries.place(index));
            let name = match names.find_in_file(typed) {
                Ok(name) => name,
                Err(diagnostic) => {
                    diagnostics.push(diagnostic.at(place()));
                    continue;
                }
            };
            if let Some(first) = seen.insert(name, index) {
                let first = entries.place(first);
                diagnostics.push(
                    Diagnostic::new(Code::DuplicateInput, place(), format!("`{name}` is set twice, first in {first}"))
                        .hint("keep one of them"),
                );
                continue;
            }
            let outcome = match said {
                Said::Text(text) => self.add(name, text.clone(), Means::File, origin),
                Said::Skipped => Ok(()),
                Said::Nothing => Err(Diagnostic::new(Code::InvalidInput, "", format!("`{name}` has no value yet"))
                    .hint("fill it in, remove the line, or write \"\" for an empty value")),
                Said::NoText => {
                    Err(Diagnostic::new(Code::InvalidInput, "", format!("the value of `{name}` is not a string")).hint(
                        "put it in quotes, because YAML can change the spelling of numbers and words such as \
                        `true`",
                    ))
                }
            };
            if let Err(diagnostic) = outcome {
                diagnostics.push(diagnostic.at(place()));
            }
        }
        if more > 0 {
            let what = format!("there are more errors; {more} more entries were not checked");
            diagnostics.push(
                Diagnostic::new(Code::TooManyDiagnostics, Place::in_file(origin, ""), what)
                    .hint("check that it is the parameter file of this application"),
            );
        }
        diagnostics.or(())
    }

    /// Adds the values of environment variables. An empty one is refused, because that is what a secret that is not defined
    /// looks like in most build systems.
    pub fn add_environment(
        &mut self,
        names: &Names,
        lookup: impl Fn(&str) -> Option<Result<String, Diagnostic>>,
    ) -> Result<(), Diagnostics> {
        let mut diagnostics = Diagnostics::default();
        for (variable, shared) in names.variables() {
            let open = shared.iter().any(|name| self.value(name).is_none());
            let Some(value) = lookup(variable).filter(|_| open) else { continue };
            let outcome = match (value, shared) {
                (Err(diagnostic), _) => Err(diagnostic),
                (Ok(_), [_, _, ..]) => Err(ambiguous(variable, shared)),
                (Ok(value), [name]) if value.is_empty() => Err(Diagnostic::new(
                    Code::EmptyVariable,
                    "",
                    format!("the variable is set, but empty, so the value of `{name}` is unclear"),
                )
                .hint(format!("unset it, or pass --parameter '{name}=' for an empty value"))),
                (Ok(value), names) => {
                    names.iter().try_for_each(|name| self.add(name, value.clone(), Means::Variable, variable))
                }
            };
            if let Err(diagnostic) = outcome {
                diagnostics.push(diagnostic.at(variable));
            }
        }
        diagnostics.or(())
    }

    /// The value of an input.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.values.get(name)?.last_key_value().map(|(_, (value, _))| value.as_str())
    }

    /// Where the value of an input comes from.
    pub fn origin(&self, name: &str) -> Option<&str> {
        self.values.get(name)?.last_key_value().map(|(_, (_, origin))| origin.as_str())
    }

    /// The values that count, for whoever hides them.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.values.keys().filter_map(|name| self.value(name))
    }
}

/// `name=value` of a flag. The error never repeats the value.
pub fn parse_assignment<'a>(flag: &str, text: &'a str) -> Result<(&'a str, &'a str), Diagnostic> {
    match text.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() => Ok((name.trim(), value)),
        _ => Err(Diagnostic::new(Code::InvalidArgument, flag, "it needs the form NAME=VALUE")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Names<'static> {
        Names::new(["token", "a-b", "a_b", "currency"])
    }

    #[test]
    fn the_stronger_means_wins_whatever_comes_first() {
        let mut given = Given::default();
        let orders = [
            [Means::Flag, Means::File, Means::Variable, Means::Prompt],
            [Means::Prompt, Means::Variable, Means::File, Means::Flag],
        ];
        for (name, order) in ["x", "y"].into_iter().zip(orders) {
            for means in order {
                given
                    .add(name, format!("{means:?}"), means, "here")
                    .unwrap_or_else(|diagnostic| panic!("{diagnostic}"));
            }
            assert_eq!(given.value(name), Some("Flag"));
        }
        assert_eq!(given.value("z"), None);
        assert!(!format!("{given:?}").contains("Flag"));
    }

    #[test]
    fn twice_by_the_same_means_is_refused_without_the_value() {
        let mut given = Given::default();
        given
            .add_file("token: hunter2\n", Format::Yaml, "a.yaml", &names())
            .unwrap_or_else(|diagnostics| panic!("{diagnostics}"));
        for (text, sentences) in [
            ("\ntoken: hunter2\n", &["b.yaml line 2: `token` is set here and by a.yaml"][..]),
            (
                "currency: hunter2\nParameters__currency: hunter2\n",
                &["b.yaml line 2: `currency` is set twice, first in line 1"],
            ),
            ("Parameters__a_b: hunter2\n", &["b.yaml line 1: `Parameters__a_b` is the variable of `a-b` and `a_b`"]),
            ("MIIEvQhunter2IBADANBgkqhkiG9w0: x\n", &["b.yaml line 1: this name is not an input"]),
            (
                "tokn: hunter2\na-b:\na_b: 12\n",
                &[
                    "line 1: the application has no input `tokn`",
                    "did you mean `token`?",
                    "line 2: `a-b` has no value yet",
                    "line 3: the value of `a_b` is not a string",
                ],
            ),
        ] {
            let said = given.clone().add_file(text, Format::Yaml, "b.yaml", &names()).unwrap_err().to_string();
            assert!(sentences.iter().all(|sentence| said.contains(sentence)) && !said.contains("hunter2"), "{said}");
        }
        let add = |given: &mut Given| given.add("x", "hunter2".into(), Means::Flag, "--parameter");
        add(&mut given).unwrap_or_else(|diagnostic| panic!("{diagnostic}"));
        assert_eq!(add(&mut given).unwrap_err().to_string(), "--parameter: `x` is set twice\n  hint: keep one of them");
    }

    #[test]
    fn variables_that_say_nothing_are_refused_unless_something_stronger_speaks() {
        let set = |given: &mut Given, variable: &str, value: &str| {
            given.add_environment(&names(), |wanted| (wanted == variable).then(|| Ok(value.to_owned())))
        };
        let mut given = Given::default();
        let said = set(&mut given, "Parameters__token", "").unwrap_err().to_string();
        assert!(said.starts_with("Parameters__token: the variable is set, but empty"), "{said}");
        assert!(set(&mut given, "Parameters__a_b", "x").is_err());
        for name in ["token", "a-b", "a_b"] {
            given
                .add(name, "flag".into(), Means::Flag, "--parameter")
                .unwrap_or_else(|diagnostic| panic!("{diagnostic}"));
        }
        assert_eq!(set(&mut given, "Parameters__token", ""), Ok(()));
        assert_eq!(set(&mut given, "Parameters__a_b", "x"), Ok(()));
        assert_eq!(set(&mut given, "Parameters__currency", "x"), Ok(()));
        assert_eq!(given.value("currency"), Some("x"));
    }

    #[test]
    fn a_flag_is_cut_at_its_first_equals_sign() {
        assert_eq!(parse_assignment("--parameter", " a = b=c "), Ok(("a", " b=c ")));
        for text in ["hunter2", "=hunter2", " =hunter2"] {
            assert!(!parse_assignment("--parameter", text).unwrap_err().to_string().contains("hunter2"));
        }
    }
}

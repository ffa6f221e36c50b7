//! Parameter files to fill in. A required value is an entry without a value, which is refused when the file is used;
//! everything else is a comment. No value of a secret is in them.

use super::dotenv;
use super::names::Names;
use super::{Listed, Supply};
use crate::support::literal::yaml;
use schemars::JsonSchema;
use serde::Serialize;

/// YAML readers give up on a key before `:` after 1024 characters; a longer one is announced by `?`.
const LONGEST_KEY: usize = 1000;

/// The list as JSON, each input with a `value` to fill in; null is no answer.
pub(crate) fn json_template(listed: &[Listed]) -> Vec<Row<'_>> {
    listed.iter().map(|input| Row { input, value: () }).collect()
}

/// One input with a place for its value.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Row<'a> {
    #[serde(flatten)]
    input: &'a Listed,
    /// Always null: a file for `--parameter-file` has the value here.
    value: (),
}

/// A YAML file of `name: value`.
pub(crate) fn yaml_template(application: &str, listed: &[Listed]) -> String {
    template(application, listed, |input, value| {
        let key = key(&input.name);
        let value = value.map_or(String::new(), |value| format!(" {}", yaml(value)));
        if key.len() > LONGEST_KEY { format!("? {key}\n:{value}") } else { format!("{key}:{value}") }
    })
}

/// A `.env` file of `VARIABLE=value`, which works as a set of variables too. An input that shares its variable with another
/// stands there by its name.
pub(crate) fn env_template(application: &str, listed: &[Listed]) -> String {
    let names = Names::new(listed.iter().map(|input| input.name.as_str()));
    template(application, listed, |input, value| {
        let name = input.variable.clone().filter(|_| names.has_own_variable(&input.name));
        let name = name.unwrap_or_else(|| dotenv::name(&input.name));
        format!("{name}={}", value.map_or(String::new(), dotenv::value))
    })
}

fn template(application: &str, listed: &[Listed], line: impl Fn(&Listed, Option<&str>) -> String) -> String {
    let mut out = format!(
        "# Inputs of {}, for --parameter-file. Fill in what has no value yet; take the `# ` away where the default is\n\
         # not wanted. Keep a file with secrets out of version control.\n",
        one_line(application)
    );
    for input in listed {
        let about = [input.reason.as_deref().map(one_line), Some(about(input))];
        let (text, mark) = (line(input, input.default.as_deref()), if input.required { "" } else { "# " });
        let comments = about.iter().flatten().map(|sentence| format!("# {sentence}"));
        let block: Vec<String> = comments.chain(text.lines().map(|line| format!("{mark}{line}"))).collect();
        out.extend(["\n", &block.join("\n"), "\n"]);
    }
    out
}

/// `Required, secret. Used by api.`
fn about(input: &Listed) -> String {
    let supply = match input.supply() {
        Supply::Required => "Required",
        Supply::Default(_) => "Has a default",
        Supply::Generated => "Generated when it is not given",
        Supply::Elsewhere => "Comes from elsewhere",
        Supply::Unneeded => "Not needed",
    };
    let secret = if input.secret { ", secret" } else { "" };
    let users = if input.used_by.is_empty() { "nothing".into() } else { input.used_by.join(", ") };
    let length = input.length().map_or(String::new(), |length| format!(", {length}"));
    format!("{supply}{secret}{length}. Used by {}.", one_line(&users))
}

/// A name as a YAML key: bare where every reader takes it for a text.
fn key(name: &str) -> String {
    let bare = name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
        && !["null", "true", "false", "yes", "no", "on", "off", "y", "n"].contains(&name.to_lowercase().as_str());
    if bare { name.to_owned() } else { yaml(name) }
}

/// A comment must not end early, nor move a cursor.
fn one_line(text: &str) -> String {
    let breaks = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}');
    text.chars().flat_map(|c| if breaks(c) { c.escape_unicode().collect::<Vec<_>>() } else { vec![c] }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inputs::{Format, Given};
    use proptest::prelude::*;
    use serde_json::json;

    fn input(name: &str, required: bool, default: Option<&str>) -> Listed {
        Listed {
            name: name.into(),
            secret: false,
            required,
            default: default.map(str::to_owned),
            generated: false,
            used_by: vec!["a\nb".into()],
            flag: String::new(),
            variable: Some(super::super::variable(name)),
            hidden_default: false,
            min_length: None,
            reason: Some("because\r\nx: y\u{2028}=z".into()),
        }
    }

    fn names(listed: &[Listed]) -> Names<'_> {
        Names::new(listed.iter().map(|input| input.name.as_str()))
    }

    fn filled(listed: &[Listed], text: &str, format: Format) -> Given {
        let mut given = Given::default();
        let outcome = given.add_file(text, format, "file", &names(listed));
        outcome.unwrap_or_else(|diagnostics| panic!("{text}\n{diagnostics}"));
        given
    }

    #[test]
    fn a_template_is_a_comment_until_it_is_filled() {
        let mut secret = input("b", false, None);
        (secret.secret, secret.generated, secret.reason) = (true, true, None);
        let listed = [input("a-b", true, None), secret, input("no", false, Some("it's\ntwo"))];
        assert_eq!(
            yaml_template("shop\n", &listed),
            "# Inputs of shop\\u{a}, for --parameter-file. Fill in what has no value yet; take the `# ` away where the default is\n\
             # not wanted. Keep a file with secrets out of version control.\n\n\
             # because\\u{d}\\u{a}x: y\\u{2028}=z\n# Required. Used by a\\u{a}b.\na-b:\n\n\
             # Generated when it is not given, secret. Used by a\\u{a}b.\n# b:\n\n\
             # because\\u{d}\\u{a}x: y\\u{2028}=z\n# Has a default. Used by a\\u{a}b.\n# \"no\": \"it's\\ntwo\"\n"
        );
        let env = env_template("shop", &listed);
        for line in ["Parameters__a_b=\n", "# Parameters__b=\n", "# Parameters__no=\"it's\\ntwo\"\n"] {
            assert!(env.contains(line), "{env}");
        }
        for (text, format) in [(yaml_template("x", &listed), Format::Yaml), (env, Format::Env)] {
            let said = Given::default().add_file(&text, format, "file", &names(&listed)).unwrap_err();
            assert!(said.0.len() == 1 && said.to_string().contains("`a-b` has no value yet"), "{said}");
        }
    }

    /// The template as a user fills it in: nothing but the two comments of each input stays one, and a value is put where
    /// none is.
    fn fill(template: &str, listed: &[Listed], empty: &str, value: impl Fn(&str) -> String) -> String {
        let mut out = Vec::new();
        for (block, input) in template.split("\n\n").skip(1).zip(listed) {
            let lines: Vec<&str> = block.lines().skip(2).map(|line| line.strip_prefix("# ").unwrap_or(line)).collect();
            let line = lines.join("\n");
            out.push(match line.strip_suffix(empty).filter(|_| input.required) {
                Some(key) => format!("{key}{empty}{}", value(&input.name)),
                None => line,
            });
        }
        out.join("\n")
    }

    proptest! {
        #[test]
        fn what_is_uncommented_and_filled_is_read_back(
            written in proptest::collection::btree_map("([ -~]|\\PC|\\n){1,6}|[a-z]{1001}|[ab][-_.][ab]", any::<String>(), 1..6)
        ) {
            let entries = written.iter().enumerate();
            let listed: Vec<Listed> =
                entries.map(|(n, (name, value))| input(name, n % 2 == 0, (n % 2 == 1).then_some(value))).collect();
            let in_yaml = fill(&yaml_template("x", &listed), &listed, ":", |name| format!(" {}", yaml(&written[name])));
            let in_env = fill(&env_template("x", &listed), &listed, "=", |name| dotenv::value(&written[name]));
            let mut json = json!(json_template(&listed));
            for item in json.as_array_mut().into_iter().flatten() {
                item["value"] = json!(written[item["name"].as_str().unwrap_or_default()]);
            }
            for (text, format) in [(in_yaml, Format::Yaml), (in_env, Format::Env), (json.to_string(), Format::Json)] {
                let given = filled(&listed, &text, format);
                for (name, value) in &written {
                    prop_assert_eq!(given.value(name), Some(value.as_str()));
                }
            }
        }
    }
}

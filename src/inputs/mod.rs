//! Inputs: what an application needs to know, who told it, and what is still missing.
//!
//! Pure: values come in from the command line, files, the environment and the cluster; random bytes come from the caller.

mod generate;
mod given;

pub use generate::{Random, generate};
pub use given::{Given, ParseError, parse_assignment, parse_file};

use crate::app::{App, Input};
use crate::config::SecretSource;
use crate::kubernetes::{Plan, TAG_INPUT};
use crate::problem::{Problem, Problems, nearest};
use serde::Serialize;
use std::collections::BTreeMap;

/// One input, as `inputs` lists it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Listed {
    /// Its name.
    pub name: String,
    /// Whether it is kept secret.
    pub secret: bool,
    /// Whether it must be given.
    pub required: bool,
    /// Its value when nobody says otherwise; null when there is none.
    pub default: Option<String>,
    /// Whether `deploy` makes a value.
    pub generated: bool,
    /// Resources that use it.
    pub used_by: Vec<String>,
    /// The flag that gives it.
    pub flag: String,
    /// The environment variable that gives it.
    pub variable: String,
    /// Why it is an input, when the manifest does not declare it as a parameter.
    #[serde(skip)]
    pub reason: Option<String>,
}

/// All inputs of an application, in the order of the manifest, the tag of built images last.
pub fn list(app: &App, plan: &Plan) -> Vec<Listed> {
    let mut listed: Vec<Listed> = app.inputs.iter().map(|(name, input)| declared(name, input, plan)).collect();
    if let Some(used_by) = plan.required.get(TAG_INPUT) {
        listed.push(Listed {
            name: TAG_INPUT.into(),
            secret: false,
            required: true,
            default: None,
            generated: false,
            used_by: used_by.clone(),
            flag: "--tag VALUE".into(),
            variable: variable(TAG_INPUT),
            reason: Some("tag of the images built from this application".into()),
        });
    }
    listed
}

fn declared(name: &str, input: &Input, plan: &Plan) -> Listed {
    let existing = plan.secrets.get(name).is_some_and(|secret| matches!(secret.source, SecretSource::Existing(_)));
    Listed {
        name: name.to_owned(),
        secret: input.secret,
        required: input.required() && !existing,
        default: if input.secret { None } else { input.default.clone() },
        generated: input.generate.is_some() && !existing,
        used_by: input.used_by.iter().cloned().collect(),
        flag: format!("--parameter {name}=VALUE"),
        variable: variable(name),
        reason: input.reason.clone(),
    }
}

/// The environment variable of an input: Aspire's own `Parameters__<name>`, with `_` for what no shell accepts.
pub fn variable(name: &str) -> String {
    let legal: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    format!("Parameters__{legal}")
}

/// Refuses given names that the application does not have.
pub fn check_names(given: &Given, app: &App) -> Result<(), Problems> {
    let mut problems = Problems::default();
    for (name, origin) in given.named() {
        if !app.inputs.contains_key(name) && name != TAG_INPUT {
            let problem = Problem::at(origin, format!("the application has no input `{name}`"));
            problems.push(match nearest(name, app.inputs.keys().map(String::as_str)) {
                Some(near) => problem.hint(format!("did you mean `{near}`?")),
                None => problem.hint("`kubectl aspire inputs` lists them"),
            });
        }
    }
    problems.or(())
}

/// The values of all inputs that a release needs.
#[derive(Default)]
pub struct Settled {
    /// Plain values that differ from the chart's defaults: they go to helm and are kept in the cluster.
    pub plain: BTreeMap<String, String>,
    /// Values of secrets that come from `deploy`.
    pub secret: BTreeMap<String, String>,
    /// Values of secrets that come from the chart, where one was given or made.
    pub chart_secret: BTreeMap<String, String>,
    /// Secrets that were made just now.
    pub made: Vec<String>,
}

/// What earlier deploys left in the cluster.
#[derive(Default)]
pub struct Kept {
    /// Plain values.
    pub plain: BTreeMap<String, String>,
    /// Values of the Secret that `deploy` wrote.
    pub secret: BTreeMap<String, String>,
    /// Inputs that the chart's own Secret holds.
    pub chart_secret: BTreeMap<String, String>,
}

/// Settles every input: given, else kept, else default, else made. Names all that are missing.
pub fn settle(app: &App, plan: &Plan, given: &Given, kept: &Kept, random: &mut Random) -> Result<Settled, Problems> {
    let mut settled = Settled::default();
    let mut problems = Problems::default();
    for (name, input) in app.inputs.iter().filter(|(_, input)| !input.used_by.is_empty()) {
        let source = plan.secrets.get(name).map(|secret| &secret.source);
        if matches!(source, Some(SecretSource::Existing(_))) {
            continue;
        }
        let outcome = if input.secret {
            settle_secret(name, input, source == Some(&SecretSource::Chart), given, kept, random, &mut settled)
        } else {
            settle_plain(name, input, given, kept, random, &mut settled)
        };
        if let Err(problem) = outcome {
            problems.push(problem);
        }
    }
    if let Some(tag) = given.value(TAG_INPUT).or_else(|| kept.plain.get(TAG_INPUT).map(String::as_str)) {
        // Kept like any other answer; a tag in the chart is never overruled by one that was kept.
        if given.value(TAG_INPUT).is_some() || plan.required.contains_key(TAG_INPUT) {
            settled.plain.insert(TAG_INPUT.into(), tag.to_owned());
        }
    } else if let Some(used_by) = plan.required.get(TAG_INPUT) {
        problems.push(
            Problem::at("", format!("no tag for the images of {}", used_by.join(", "))).hint(format!(
                "pass --tag TAG, set {}, or write defaults.tag into aspire-k8s.yaml",
                variable(TAG_INPUT)
            )),
        );
    }
    problems.or(settled)
}

fn settle_plain(
    name: &str,
    input: &Input,
    given: &Given,
    kept: &Kept,
    random: &mut Random,
    settled: &mut Settled,
) -> Result<(), Problem> {
    let value =
        match (given.value(name).or_else(|| kept.plain.get(name).map(String::as_str)), &input.default, &input.generate)
        {
            (Some(value), _, _) => value.to_owned(),
            // The chart has the default already.
            (None, Some(_), _) => return Ok(()),
            (None, None, Some(rule)) => generate(name, rule, random)?,
            (None, None, None) => return Err(missing(name, input)),
        };
    settled.plain.insert(name.to_owned(), value);
    Ok(())
}

fn settle_secret(
    name: &str,
    input: &Input,
    from_chart: bool,
    given: &Given,
    kept: &Kept,
    random: &mut Random,
    settled: &mut Settled,
) -> Result<(), Problem> {
    // A change of source takes the value along. While the chart's Secret holds it, that is the one in use: `deploy` removes
    // it there once its own holds it, but keeps what claims were set up with.
    let kept = [&kept.chart_secret, &kept.secret].into_iter().find_map(|secret| secret.get(name)).map(String::as_str);
    let value = match (given.value(name).or(kept), &input.default, &input.generate) {
        (Some(value), _, _) => value.to_owned(),
        (None, Some(default), _) => default.clone(),
        (None, None, Some(rule)) => {
            settled.made.push(name.to_owned());
            generate(name, rule, random)?
        }
        (None, None, None) => return Err(missing(name, input)),
    };
    let target = if from_chart { &mut settled.chart_secret } else { &mut settled.secret };
    target.insert(name.to_owned(), value);
    Ok(())
}

fn missing(name: &str, input: &Input) -> Problem {
    let users = input.used_by.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
    let why = input.reason.as_ref().map_or(String::new(), |reason| format!(" ({reason})"));
    let secret = if input.secret { "secret input" } else { "input" };
    Problem::at("", format!("no value for the {secret} `{name}`, which {users} needs{why}")).hint(format!(
        "pass --parameter '{name}=VALUE', set {}, or put `{name}: VALUE` into a file for --parameter-file",
        variable(name)
    ))
}

//! The value of every input: supplied, else stored, else the default, else generated.

use super::images::{Chosen, described};
use super::needs::ValueNeeds;
use super::{Given, Kept, Listed, Random, generate, list};
use crate::app::{App, Input, TAG_INPUT, is_route};
use crate::config::{SecretSource, is_control};
use crate::manifest::Generate;
use crate::support::diagnostic::{Code, Diagnostic, Diagnostics};
use std::collections::BTreeMap;

/// The values of all inputs that a release needs.
#[derive(Default)]
pub(crate) struct Settled {
    /// Plain values that differ from the chart's defaults: they go to helm and are kept in the cluster.
    pub plain: BTreeMap<String, String>,
    /// Values of secrets that come from `deploy`.
    pub secret: BTreeMap<String, String>,
    /// Values of secrets that come from the chart, where one was given or made.
    pub chart_secret: BTreeMap<String, String>,
    /// Registry of built images and images of single resources, by the key under which they are kept in the cluster.
    pub images: BTreeMap<String, String>,
    /// Which of these, and of the tag, this run does not set.
    pub remembered: Vec<String>,
    /// Secrets that were made just now.
    pub made: Vec<String>,
}

impl Settled {
    /// All that is kept in the cluster for the next deploy and is no secret.
    pub(crate) fn kept(&self) -> impl Iterator<Item = (&String, &String)> {
        self.plain.iter().chain(&self.images)
    }

    /// What was remembered of the images, as a user reads it.
    pub(crate) fn remembered(&self) -> impl Iterator<Item = String> {
        let value = |key: &String| self.images.get(key).map(|text| described(key, text));
        self.remembered.iter().filter_map(value)
    }
}

/// What settling would come to.
#[derive(Debug, Default)]
pub(crate) struct Outlook {
    /// Inputs that are not set yet.
    pub missing: Vec<Listed>,
    /// Inputs whose values would be made.
    pub made: Vec<Listed>,
}

/// What a user said when asked for everything that is missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answers {
    /// Names and values.
    Given(Vec<(String, String)>),
    /// No user can be asked.
    NotAsked,
    /// The person wants to stop.
    Stopped,
}

/// Where the value of an input is.
enum Found<'a> {
    /// Another client brings it.
    Elsewhere,
    /// Given or kept.
    Value(&'a str),
    Default(&'a str),
    Made(&'a Generate),
    Missing,
}

fn find<'a>(name: &str, input: &'a Input, plan: &dyn ValueNeeds, given: &'a Given, kept: &'a Kept) -> Found<'a> {
    let unused = input.used_by.is_empty();
    if unused || plan.secret(name).is_some_and(|used| used.is_foreign) {
        return Found::Elsewhere;
    }
    // A change of source takes the value along. A Secret that is not ours is the one in use. Else, while the chart's holds it, that one: `deploy` removes
    // it there once its own holds it, but keeps what claims were set up with.
    let places: &[&BTreeMap<String, String>] =
        if input.secret { &[&kept.foreign, &kept.chart_secret, &kept.secret] } else { &[&kept.plain] };
    let kept = || places.iter().find_map(|place| place.get(name)).map(String::as_str);
    // The file of sops is the only place where such a value begins.
    let sops = plan.secret(name).is_some_and(|used| *used.source == SecretSource::Sops);
    match (given.value(name).or_else(kept), &input.default, &input.generate) {
        (None, ..) if sops => Found::Missing,
        (Some(value), ..) => Found::Value(value),
        (None, Some(default), _) => Found::Default(default),
        (None, None, Some(rule)) => Found::Made(rule),
        (None, None, None) => Found::Missing,
    }
}

/// What is missing and what would be made, in the order of the list.
pub(crate) fn outlook(app: &App, plan: &dyn ValueNeeds, given: &Given, kept: &Kept) -> Outlook {
    let mut outlook = Outlook::default();
    for mut listed in list(app, plan) {
        let Some(input) = app.inputs.get(&listed.name) else {
            listed.used_by = Chosen::of(plan, given, kept).untagged;
            outlook.missing.extend(Some(listed).filter(|listed| !listed.used_by.is_empty()));
            continue;
        };
        match find(&listed.name, input, plan, given, kept) {
            Found::Missing => outlook.missing.push(listed),
            Found::Made(_) => outlook.made.push(listed),
            Found::Elsewhere | Found::Value(_) | Found::Default(_) => {}
        }
    }
    outlook
}

/// Settles every input, or names all that are missing.
pub(crate) fn settle(
    app: &App,
    plan: &dyn ValueNeeds,
    given: &Given,
    kept: &Kept,
    random: &mut Random,
) -> Result<Settled, Diagnostics> {
    let mut settled = Settled::default();
    let mut diagnostics = Diagnostics::default();
    diagnostics.0.extend(outlook(app, plan, given, kept).missing.iter().map(missing));
    for (name, input) in &app.inputs {
        let value = match find(name, input, plan, given, kept) {
            Found::Elsewhere | Found::Missing => continue,
            // The chart has the default already.
            Found::Default(value) if !input.secret => {
                diagnostics.0.extend(unfit(name, input, value));
                continue;
            }
            Found::Value(value) | Found::Default(value) => value.to_owned(),
            Found::Made(rule) => match generate(name, rule, random) {
                Ok(value) => {
                    settled.made.extend(Some(name.clone()).filter(|_| input.secret));
                    value
                }
                Err(diagnostic) => {
                    diagnostics.push(diagnostic);
                    continue;
                }
            },
        };
        diagnostics.0.extend(unfit(name, input, &value));
        let from_chart = plan.secret(name).is_some_and(|secret| *secret.source == SecretSource::Chart);
        let target = match (input.secret, from_chart) {
            (false, _) => &mut settled.plain,
            (true, false) => &mut settled.secret,
            (true, true) => &mut settled.chart_secret,
        };
        target.insert(name.clone(), value);
    }
    let chosen = Chosen::of(plan, given, kept);
    diagnostics.0.extend(chosen.diagnostics().0);
    settled.images.extend(chosen.values.into_iter().map(|(key, value)| (key, value.to_owned())));
    settled.remembered = chosen.remembered;
    diagnostics.or(settled)
}

/// What a route says stands in maps of objects, which carry less than a variable does.
fn unfit(name: &str, input: &Input, value: &str) -> Option<Diagnostic> {
    let route = input.used_by.iter().find(|user| is_route(user))?;
    let control = u32::from(value.chars().find(|c| is_control(*c))?);
    let what = format!(
        "the value of `{name}` contains the control character U+{control:04X}, but {route} writes it into an object"
    );
    Some(
        Diagnostic::new(Code::InvalidInput, "", what).hint("set another value, or remove the reference from the route"),
    )
}

fn missing(input: &Listed) -> Diagnostic {
    let users = input.used_by.join(", ");
    if input.name == TAG_INPUT {
        let ways = "set defaults.tag in aspire-k8s.yaml, or put `image.tag: TAG` into a file for --parameter-file";
        let set = input.variable.as_ref().map_or(String::new(), |variable| format!("set {variable}, "));
        return Diagnostic::new(Code::MissingInput, "", format!("no tag for the images of {users}"))
            .hint(format!("pass --tag TAG, {set}{ways}"));
    }
    let need = if input.used_by.len() == 1 { "needs" } else { "need" };
    let why = input.reason.as_ref().map_or(String::new(), |reason| format!(" ({reason})"));
    let secret = if input.secret { "secret input" } else { "input" };
    let name = &input.name;
    let set = input.variable.as_ref().map_or(String::new(), |variable| format!(" set {variable},"));
    let length = input.length().map_or(String::new(), |length| format!(" ({length})"));
    Diagnostic::new(
        Code::MissingInput,
        "",
        format!("no value for the {secret} `{name}`{length}, which {users} {need}{why}"),
    )
    .hint(format!("pass --parameter '{name}=VALUE',{set} or put `{name}: VALUE` into a file for --parameter-file"))
}

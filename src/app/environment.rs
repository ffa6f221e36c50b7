//! Entries that the deployment environments of Aspire leave in a manifest: resources that Aspire cannot describe, their
//! dashboard, and conditions whose value was lost.
//!
//! This module only recognizes and reports them; `resolve` decides what is left out.

use super::Note;
use super::expression::{Token, tokens};
use crate::config::Config;
use crate::manifest::{Kind, Manifest, Resource, Source};
use crate::support::diagnostic::Code;
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// The start of the name of a resource that holds one side of a condition.
const CONDITION: &str = "cond-";

/// More are not listed one by one.
const LISTED: usize = 5;

/// The environment whose dashboard a resource is: its name and its image say so.
pub(super) fn of_dashboard<'a>(manifest: &'a Manifest, resource: &str) -> Option<&'a str> {
    let written = manifest.resources.get(resource)?;
    let Kind::Container(Source::Image(image)) = &written.kind else { return None };
    let last = image.rsplit('/').next().unwrap_or_default();
    let is_dashboard = last.split(['@', ':']).next() == Some("aspire-dashboard");
    let (name, environment) = manifest.resources.get_key_value(resource.strip_suffix("-dashboard")?)?;
    (is_dashboard && is_undescribed(environment)).then_some(name)
}

/// Whether Aspire could only write that it cannot describe it.
pub(super) fn is_undescribed(resource: &Resource) -> bool {
    resource.kind == Kind::Foreign && resource.type_name.is_empty()
}

/// One sentence for all entries that Aspire could not describe.
pub(super) fn undescribed(names: &[&String]) -> Option<Note> {
    let (first, others) = names.split_first()?;
    let text = if others.is_empty() {
        "left out: Aspire could not describe it in the manifest".to_owned()
    } else {
        let others: Vec<&str> = others.iter().map(|name| name.as_str()).collect();
        format!(
            "left out, as are `{}`: Aspire could not describe them in the manifest; environments are such entries, \
            and their charts, ingresses, gateways and issuers, which you can define in aspire-k8s.yaml",
            others.join("`, `")
        )
    };
    Some(Note { code: Code::NotDeployed, resource: (*first).clone(), text })
}

/// Conditions that nothing refers to. Aspire leaves the place of a condition empty where it is a whole value.
pub(super) fn lost_conditions(manifest: &Manifest, config: &Config, runs: impl Fn(&str) -> bool) -> Vec<Note> {
    let read: BTreeSet<&str> = manifest.resources.values().flat_map(texts).flat_map(|text| referred(text)).collect();
    let conditions = manifest.resources.iter().filter(|(name, resource)| {
        resource.kind == Kind::Value && name.starts_with(CONDITION) && !read.contains(name.as_str())
    });
    let conditions: Vec<&String> = conditions.map(|(name, _)| name).collect();
    if conditions.is_empty() {
        return Vec::new();
    }
    let running = manifest.resources.iter().filter(|(name, _)| runs(name));
    let empty: Vec<String> = running.flat_map(|(name, resource)| empty_places(name, resource, config)).collect();
    if empty.is_empty() {
        return Vec::new();
    }
    let mut listed = empty.iter().take(LISTED).map(String::as_str).collect::<Vec<_>>().join(", ");
    if empty.len() > LISTED {
        let _ = write!(listed, " and {} more", empty.len() - LISTED);
    }
    let note = |name: &String| Note {
        code: Code::ChangedInCluster,
        resource: name.clone(),
        text: format!(
            "nothing refers to this condition: if a condition is the whole value, Aspire writes an empty string into \
            the manifest. Empty are {listed}; set the values under `resources` in aspire-k8s.yaml"
        ),
    };
    conditions.into_iter().map(note).collect()
}

fn texts(resource: &Resource) -> impl Iterator<Item = &String> {
    let values = resource.env.values().chain(&resource.args);
    values.chain(&resource.connection_string).chain(&resource.value)
}

fn referred(text: &str) -> impl Iterator<Item = &str> {
    tokens(text).into_iter().filter_map(|token| match token {
        Token::Reference(reference) => Some(reference.resource),
        Token::Text(_) => None,
    })
}

/// Texts that the manifest leaves empty and the file does not fill.
fn empty_places(name: &str, resource: &Resource, config: &Config) -> Vec<String> {
    let intent = config.resources.get(name);
    let is_said = |variable: &String| intent.is_some_and(|intent| intent.env.contains_key(variable));
    let env = resource.env.iter().filter(|(variable, text)| text.is_empty() && !is_said(variable));
    let env = env.map(|(variable, _)| format!("{variable} of `{name}`"));
    let has_args = intent.is_some_and(|intent| intent.args.is_some());
    let args = resource.args.iter().enumerate().filter(|(_, text)| text.is_empty() && !has_args);
    env.chain(args.map(|(index, _)| format!("args[{index}] of `{name}`"))).collect()
}

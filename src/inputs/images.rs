//! Where the images of an application are: the flag, else the chart, else the value that an earlier deploy stored. Tag,
//! registry and images of single resources are stored alike. Pure.

use super::needs::ValueNeeds;
use super::{Given, Kept};
use crate::app::{REGISTRY_INPUT, TAG_INPUT, reference_input};
use crate::support::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::support::image;
use std::collections::BTreeMap;

/// What was chosen for the images of a release.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Chosen<'a> {
    /// By the key under which it is remembered; of single resources before what is for all.
    pub values: BTreeMap<String, &'a str>,
    /// Keys of those that this run does not set.
    pub remembered: Vec<String>,
    /// Resources whose image has no tag.
    pub untagged: Vec<String>,
}

impl<'a> Chosen<'a> {
    /// Chooses.
    pub(super) fn of(plan: &dyn ValueNeeds, given: &'a Given, kept: &'a Kept) -> Self {
        let mut chosen = Self::default();
        let sources = plan.images();
        for resource in &sources.resources {
            let is_open = !sources.named.contains(*resource);
            chosen.choose(reference_input(resource), is_open, given, kept);
        }
        let has_own = |resource: &String| chosen.values.contains_key(&reference_input(resource));
        let built = sources.built.iter().any(|resource| !has_own(resource));
        let tagless = sources.untagged.into_iter().flatten();
        let untagged: Vec<String> = tagless.filter(|resource| !has_own(resource)).cloned().collect();
        chosen.choose(REGISTRY_INPUT.to_owned(), built && !sources.has_registry, given, kept);
        chosen.choose(TAG_INPUT.to_owned(), !untagged.is_empty(), given, kept);
        if !chosen.values.contains_key(TAG_INPUT) {
            chosen.untagged = untagged;
        }
        chosen
    }

    /// What a flag says wins, and an empty one takes back what is remembered. What the chart says is never overruled by what
    /// was remembered.
    fn choose(&mut self, key: String, is_open: bool, given: &'a Given, kept: &'a Kept) {
        let told = given.value(&key);
        let remembered = kept.plain.get(&key).map(String::as_str).filter(|_| is_open && told.is_none());
        if remembered.is_some() {
            self.remembered.push(key.clone());
        }
        if let Some(value) = told.or(remembered).filter(|value| !value.is_empty()) {
            self.values.insert(key, value);
        }
    }

    /// What cannot be. Answers to prompts, variables and a ConfigMap that was edited come this way too.
    pub(super) fn diagnostics(&self) -> Diagnostics {
        let mut diagnostics = Diagnostics::default();
        for (key, value) in &self.values {
            let checked = match key.as_str() {
                TAG_INPUT => image::check_tag(value),
                REGISTRY_INPUT => image::check_registry(value),
                _ => image::check(value),
            };
            if let Err(why) = checked {
                let diagnostic = Diagnostic::new(
                    Code::InvalidInput,
                    key,
                    format!("`{}` is not valid as {}: {why}", printable(value), what(key)),
                );
                diagnostics.push(diagnostic.hint(format!("pass another with {}", flag(key))));
            }
        }
        diagnostics
    }
}

/// The choices among remembered values, as a user reads them.
pub(crate) fn remembered(values: &BTreeMap<String, String>) -> Vec<String> {
    let of_images = |key: &str| [TAG_INPUT, REGISTRY_INPUT].contains(&key) || key.starts_with(&reference_input(""));
    values.iter().filter(|(key, _)| of_images(key)).map(|(key, value)| described(key, value)).collect()
}

/// A choice as a user reads it, such as `registry ghcr.io/contoso`.
pub(super) fn described(key: &str, value: &str) -> String {
    let value = printable(value);
    match key.strip_prefix(&reference_input("")) {
        Some(resource) => format!("image of {resource}: {value}"),
        None if key == REGISTRY_INPUT => format!("registry {value}"),
        None => format!("tag {value}"),
    }
}

fn what(key: &str) -> &'static str {
    match key {
        TAG_INPUT => "the tag of an image",
        REGISTRY_INPUT => "a registry",
        _ => "the reference of an image",
    }
}

/// The flag that says it.
fn flag(key: &str) -> String {
    match key.strip_prefix(&reference_input("")) {
        Some(resource) => format!("--image {resource}=REFERENCE"),
        None if key == REGISTRY_INPUT => "--registry".into(),
        None => "--tag".into(),
    }
}

fn printable(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_remembered_of_images_is_told_and_no_other_value() {
        let values =
            [(TAG_INPUT, "1"), (REGISTRY_INPUT, "r.example"), (&reference_input("Web"), "o.example/web:7"), ("x", "y")];
        let values = values.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
        let mut told = remembered(&values);
        told.sort();
        assert_eq!(told, ["image of Web: o.example/web:7", "registry r.example", "tag 1"]);
    }
}

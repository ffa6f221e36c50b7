//! `initContainers:` of a resource as written, what an environment changes of them, and the rules that types cannot express.
//!
//! Must not know the manifest: whether a resource has a volume is checked when the chart is planned.

use super::findings::Findings;
use super::path::{Path, shown};
use super::rules;
use crate::support::diagnostic::{Code, suggestion};
use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// A container that runs to its end before the container of the resource starts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct InitContainer {
    /// Name of the container.
    pub name: String,
    /// Its image; the image of the resource when absent.
    #[serde(default)]
    pub image: Option<String>,
    /// Command instead of the entrypoint of the image. Expressions allowed.
    #[serde(default)]
    pub command: Vec<String>,
    /// Arguments. Expressions allowed.
    #[serde(default)]
    pub args: Vec<String>,
    /// Environment variables; it has none of the resource's. Expressions allowed.
    #[serde(default)]
    pub env: IndexMap<String, String>,
    /// Volumes of the resource by name, mounted at the same paths.
    #[serde(default)]
    pub volumes: Vec<String>,
}

/// What an environment changes of an init container.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EnvironmentInitContainer {
    /// Name of the container.
    pub name: String,
    /// Another image; for a container that has an image of its own.
    #[serde(default)]
    pub image: Option<String>,
    /// Environment variables: plain text, no expressions.
    #[serde(default)]
    pub env: IndexMap<String, String>,
}

/// Reports names that are not valid or not unique, and invalid images and variables.
pub(super) fn check(containers: &[InitContainer], findings: &mut Findings, at: &Path<'_>) {
    let mut seen = BTreeSet::new();
    for (index, container) in containers.iter().enumerate() {
        let at = at.item(index);
        let place = at.key("name");
        if !(rules::CONTAINER_NAME.legal)(&container.name) {
            let what = format!("{} is not valid as {}", shown(&container.name), rules::CONTAINER_NAME.what);
            findings.add(Code::InvalidValue, &place, what, rules::CONTAINER_NAME.says);
        } else if !seen.insert(&container.name) {
            let what = format!("two init containers have the name {}", shown(&container.name));
            findings.add(Code::NameCollision, &place, what, "set another name");
        }
        check_content(container.image.as_deref(), &container.env, findings, &at);
    }
}

/// The same for what an environment changes of the containers that `base` has.
pub(super) fn check_environment(
    base: &[InitContainer],
    changes: &[EnvironmentInitContainer],
    findings: &mut Findings,
    at: &Path<'_>,
) {
    for (index, change) in changes.iter().enumerate() {
        let at = at.item(index);
        check_content(change.image.as_deref(), &change.env, findings, &at);
        let Some(known) = base.iter().find(|container| container.name == change.name) else {
            let what = format!("{} is not an init container of the resource", shown(&change.name));
            let near = findings.nearest(&change.name, base.iter().map(|container| container.name.as_str()));
            let hint = suggestion(near, "an environment changes values only: add it under `resources` too");
            findings.add(Code::EnvironmentChangesStructure, &at.key("name"), what, hint);
            continue;
        };
        if change.image.is_some() && known.image.is_none() {
            let what = format!("{} runs the image of the resource", shown(&change.name));
            let hint = "set its `image` under `resources` too";
            findings.add(Code::EnvironmentChangesStructure, &at.key("image"), what, hint);
        }
    }
}

fn check_content(image: Option<&str>, env: &IndexMap<String, String>, findings: &mut Findings, at: &Path<'_>) {
    if let Some(wrong) = image.and_then(|image| rules::IMAGE.broken_by(image)) {
        findings.add(Code::InvalidValue, &at.key("image"), wrong, rules::IMAGE.says);
    }
    for name in env.keys().filter(|name| !(rules::ENV_NAME.legal)(name)) {
        let what = format!("{} is not valid as {}", shown(name), rules::ENV_NAME.what);
        findings.add(Code::InvalidValue, &at.key("env").key(name), what, rules::ENV_NAME.says);
    }
}

/// Takes what an environment says of containers that are there.
pub(super) fn take(ours: &mut [InitContainer], theirs: &[EnvironmentInitContainer]) {
    for EnvironmentInitContainer { name, image, env } in theirs {
        let Some(container) = ours.iter_mut().find(|container| container.name == *name) else { continue };
        if image.is_some() {
            container.image.clone_from(image);
        }
        container.env.extend(env.iter().map(|(name, text)| (name.clone(), text.clone())));
    }
}

//! Where images come from: built ones, those that a flag or aspire-k8s.yaml names, and those of the manifest. As values of
//! the chart. Must not know a cluster, nor what was remembered there.

use super::{Plan, REGISTRY_INPUT, reference_input, values};
use crate::app::{App, Image};
use crate::config::Config;
use crate::support::diagnostic::{Problem, Problems, nearest};
use crate::support::image;
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};

/// The images that were built, as far as flags say where they are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BuiltImages {
    /// Registry (and path) of all of them.
    pub registry: Option<String>,
    /// Tag of all of them.
    pub tag: Option<String>,
    /// Full references by resource name; they win over registry and tag.
    pub references: IndexMap<String, String>,
    /// Names under which something is remembered that a person takes back.
    pub forgotten: Vec<String>,
}

/// What the chart says itself about its images, so that nothing that was remembered takes its place.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ImageSources {
    /// Whether it names the registry of built images.
    pub has_registry: bool,
    /// Resources whose image is built from their source and takes its registry and tag.
    pub built: Vec<String>,
    /// Resources whose image a flag or aspire-k8s.yaml names.
    pub named: BTreeSet<String>,
}

impl ImageSources {
    pub(crate) fn of(app: &App, config: &Config, images: &BuiltImages) -> Self {
        let is_named = |name: &String| images.references.contains_key(name) || config.intent(name).image.is_some();
        let built = app.workloads.values().filter(|workload| values::is_built(workload));
        let built = built.map(|workload| workload.name.clone()).filter(|name| !images.references.contains_key(name));
        Self {
            has_registry: registry(config, images).is_some(),
            built: built.collect(),
            named: app.workloads.keys().filter(|name| is_named(name)).cloned().collect(),
        }
    }

    /// All of it is in the chart.
    pub(crate) fn all_named(resources: impl Iterator<Item = String>) -> Self {
        Self { has_registry: true, built: Vec::new(), named: resources.collect() }
    }
}

/// Registry (and path) of built images.
pub(crate) fn registry<'a>(config: &'a Config, images: &'a BuiltImages) -> Option<&'a String> {
    images.registry.as_ref().or(config.defaults.registry.as_ref()).filter(|registry| !registry.is_empty())
}

/// `workloads.<name>.image` without its policy.
pub(crate) fn reference_values(reference: &str) -> Json {
    let (repository, tag, digest) = image::split(reference);
    json!({"built": false, "registry": "", "repository": repository, "tag": tag, "digest": digest})
}

/// What was chosen for images, by the name under which it is remembered, as values over those of the chart.
pub fn image_values(plan: &Plan, chosen: &BTreeMap<String, String>) -> Json {
    let mut values = json!({});
    if let Some(registry) = chosen.get(REGISTRY_INPUT) {
        values["images"] = json!({"registry": registry});
    }
    for workload in &plan.workloads {
        if let Some(reference) = chosen.get(&reference_input(&workload.resource)) {
            values["workloads"][&workload.view.name] = json!({"image": reference_values(reference)});
        }
    }
    values
}

/// Checks what flags say, and that a registry takes the names of built images.
pub(crate) fn check(app: &App, config: &Config, images: &BuiltImages, problems: &mut Problems) {
    let resources: Vec<&str> = app.workloads.keys().map(String::as_str).collect();
    problems.0.extend(check_resources(images, &resources).0);
    for (resource, reference) in &images.references {
        if let Err(why) = image::check(reference) {
            let problem = Problem::at("--image", format!("`{reference}` is no image for `{resource}`: {why}"));
            problems
                .push(problem.hint(format!("write it like ghcr.io/contoso/{}:1.0", image::repository_of(resource))));
        }
    }
    let before = registry(config, images).map_or(0, |registry| registry.len() + 1);
    for workload in app.workloads.values().filter(|workload| workload.image == Image::Built) {
        let length = before + image::repository_of(&workload.name).len();
        if length > image::LONGEST_NAME && !images.references.contains_key(&workload.name) {
            let most = image::LONGEST_NAME;
            let text =
                format!("with its registry the name of its image has {length} characters, and {most} is the most");
            let problem = Problem::at(format!("resources.{}", workload.name), text);
            problems.push(problem.hint("choose a shorter registry path, or give it another name with `image`"));
        }
    }
}

/// Checks that flags name images of what there is.
pub fn check_resources(images: &BuiltImages, resources: &[&str]) -> Problems {
    let unknown = images.references.keys().filter(|resource| !resources.contains(&resource.as_str()));
    let problem = |resource: &String| {
        let problem = Problem::at("--image", format!("the application runs no `{resource}`"));
        match nearest(resource, resources.iter().copied()) {
            Some(near) => problem.hint(format!("did you mean `{near}`?")),
            None => problem,
        }
    };
    Problems(unknown.map(problem).collect())
}

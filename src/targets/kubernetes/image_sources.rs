//! The source of each image: built, set by a flag or aspire-k8s.yaml, or set in the manifest.

use crate::app::App;
use crate::config::Config;
use crate::support::image;
use crate::targets::built_images::{BuiltImages, registry};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use std::collections::BTreeSet;

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
        let built = app.workloads.values().filter(|workload| workload.is_built());
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

/// `workloads.<name>.image` without its policy.
pub(crate) fn reference_values(reference: &str) -> Json {
    let (repository, tag, digest) = image::split(reference);
    json!({"built": false, "registry": "", "repository": repository, "tag": tag, "digest": digest})
}

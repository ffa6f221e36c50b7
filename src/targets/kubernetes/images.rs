//! Images as values of the chart, and errors in image flags. Must not know a cluster, nor values that were stored
//! there.

use super::image_sources::{BuiltImages, reference_values, registry};
use super::planned::Plan;
use super::values::TAG;
use crate::app::{App, Image, REGISTRY_INPUT, TAG_INPUT, reference_input, unknown_workload};
use crate::config::Config;
use crate::support::diagnostic::{Code, Diagnostic, Diagnostics, Place};
use crate::support::image;
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

/// What was chosen for images, by the name under which it is remembered, as values over those of the chart.
pub(crate) fn image_values(plan: &Plan, chosen: &BTreeMap<String, String>) -> Json {
    let mut values = json!({});
    for (input, key) in [(REGISTRY_INPUT, "registry"), (TAG_INPUT, TAG)] {
        match chosen.get(input) {
            // A chart of an earlier version has its tag among the parameters.
            Some(tag) if key == TAG && !has_tag(plan) => values["parameters"] = json!({TAG_INPUT: tag}),
            Some(value) => values["images"][key] = json!(value),
            None => {}
        }
    }
    for workload in &plan.workloads {
        if let Some(reference) = chosen.get(&reference_input(&workload.resource)) {
            values["workloads"][&workload.view.name] = json!({"image": reference_values(reference)});
        }
    }
    values
}

fn has_tag(plan: &Plan) -> bool {
    let images = plan.values.0.iter().find(|entry| entry.key == "images");
    images.is_some_and(|entry| entry.to_json().1.get(TAG).is_some())
}

/// Checks what flags say, and that a registry takes the names of built images.
pub(crate) fn check(app: &App, config: &Config, images: &BuiltImages, diagnostics: &mut Diagnostics) {
    let resources: Vec<&str> = app.workloads.keys().map(String::as_str).collect();
    diagnostics.0.extend(check_resources(images, &resources).0);
    for (resource, reference) in &images.references {
        if let Err(why) = image::check(reference) {
            let diagnostic = Diagnostic::new(
                Code::InvalidImage,
                flag(),
                format!("`{reference}` is not a valid image for `{resource}`: {why}"),
            );
            diagnostics
                .push(diagnostic.hint(format!("write it like ghcr.io/contoso/{}:1.0", image::repository_of(resource))));
        }
    }
    let before = registry(config, images).map_or(0, |registry| registry.len() + 1);
    for workload in app.workloads.values().filter(|workload| workload.image == Image::Built) {
        let length = before + image::repository_of(&workload.name).len();
        if length > image::LONGEST_NAME && !images.references.contains_key(&workload.name) {
            let most = image::LONGEST_NAME;
            let text = format!("with its registry, the name of its image has {length} characters; the limit is {most}");
            let diagnostic = Diagnostic::new(Code::InvalidImage, format!("resources.{}", workload.name), text);
            diagnostics.push(diagnostic.hint("choose a shorter registry path, or set another name with `image`"));
        }
    }
}

/// Checks that flags name images of what there is.
pub(crate) fn check_resources(images: &BuiltImages, resources: &[&str]) -> Diagnostics {
    let unknown = images.references.keys().filter(|resource| !resources.contains(&resource.as_str()));
    let diagnostic =
        |resource: &String| unknown_workload(resource, flag(), resources.iter().copied(), &Diagnostics::default());
    Diagnostics(unknown.map(diagnostic).collect())
}

/// Images that a user names stand in no file.
fn flag() -> Place {
    Place::in_file("command line", "--image")
}

//! The images that are built from the application: what flags and aspire-k8s.yaml say about where they are, and what is wrong
//! with that. Every target reads it. Must not know where the images run, and must not call a registry.

use crate::app::{App, Image, unknown_workload};
use crate::config::Config;
use crate::support::diagnostic::{Code, Diagnostic, Diagnostics, Place};
use crate::support::image;
use indexmap::IndexMap;

/// The images that were built, as far as flags say where they are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BuiltImages {
    /// Registry (and path) of all of them.
    pub registry: Option<String>,
    /// Tag of all of them.
    pub tag: Option<String>,
    /// Full references by resource name; they win over registry and tag.
    pub references: IndexMap<String, String>,
    /// Names under which something is remembered that a user takes back.
    pub forgotten: Vec<String>,
}

/// Registry (and path) of built images.
pub(crate) fn registry<'a>(config: &'a Config, images: &'a BuiltImages) -> Option<&'a String> {
    images.registry.as_ref().or(config.defaults.registry.as_ref()).filter(|registry| !registry.is_empty())
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

//! The values of `--registry`, `--tag` and `--image`. `-` clears the stored value; an empty string is refused, because
//! an unset variable expands to it. Must not read a file or a cluster.

use super::CliError;
use super::args::Images;
use crate::app::{REGISTRY_INPUT, TAG_INPUT, reference_input};
use crate::inputs::{Given, Means};
use crate::support::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::support::image;
use crate::targets::built_images::BuiltImages;

/// What takes back what was remembered. Neither a registry, nor a tag, nor an image can be called so.
const FORGET: &str = "-";

/// The images that the command line names.
pub(super) fn parse(flags: &Images) -> Result<BuiltImages, CliError> {
    let mut built = BuiltImages::default();
    let mut diagnostics = Diagnostics::default();
    for text in &flags.references {
        match text.split_once('=') {
            Some((resource, FORGET)) if !resource.is_empty() => built.forgotten.push(reference_input(resource)),
            Some((resource, reference)) if !resource.is_empty() && !reference.is_empty() => {
                built.references.insert(resource.to_owned(), reference.to_owned());
            }
            _ => diagnostics.push(Diagnostic::new(
                Code::InvalidArgument,
                "--image",
                format!("`{text}` needs the form RESOURCE=REFERENCE"),
            )),
        }
    }
    built.registry = kept(flags.registry.as_deref(), REGISTRY_INPUT, &mut built.forgotten);
    built.tag = kept(flags.tag.as_deref(), TAG_INPUT, &mut built.forgotten);
    if let Some((registry, why)) = broken(built.registry.as_ref(), image::check_registry) {
        let diagnostic = Diagnostic::new(
            Code::InvalidArgument,
            "--registry",
            format!("`{registry}` is not a valid registry: {why}"),
        );
        diagnostics.push(diagnostic.hint("write it like ghcr.io/contoso, without `https://` and a slash at the end"));
    }
    if let Some((tag, why)) = broken(built.tag.as_ref(), image::check_tag) {
        diagnostics.push(Diagnostic::new(
            Code::InvalidArgument,
            "--tag",
            format!("`{tag}` is not a valid image tag: {why}"),
        ));
    }
    diagnostics.or(built).map_err(CliError::Input)
}

/// Adds them to the values that a user gave, for they are remembered as those are.
pub(super) fn add(images: &BuiltImages, given: &mut Given) -> Result<(), Diagnostics> {
    let mut diagnostics = Diagnostics::default();
    let mut add = |key: &str, value: &str, flag: &str| {
        diagnostics.0.extend(given.add(key, value.to_owned(), Means::Flag, flag).err());
    };
    if let Some(tag) = &images.tag {
        add(TAG_INPUT, tag, "--tag");
    }
    if let Some(registry) = &images.registry {
        add(REGISTRY_INPUT, registry, "--registry");
    }
    for (resource, reference) in &images.references {
        add(&reference_input(resource), reference, "--image");
    }
    for key in &images.forgotten {
        let flag = match key.as_str() {
            TAG_INPUT => "--tag",
            REGISTRY_INPUT => "--registry",
            _ => "--image",
        };
        add(key, "", flag);
    }
    diagnostics.or(())
}

/// A value that is to be used, unless it is one to be forgotten.
fn kept(value: Option<&str>, key: &str, forgotten: &mut Vec<String>) -> Option<String> {
    if value == Some(FORGET) {
        forgotten.push(key.to_owned());
    }
    value.filter(|value| *value != FORGET).map(str::to_owned)
}

fn broken(value: Option<&String>, check: fn(&str) -> Result<(), String>) -> Option<(&str, String)> {
    let value = value?;
    Some((value, check(value).err()?))
}

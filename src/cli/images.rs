//! The values of `--registry`, `--tag`, `--image` and `--images-file`. `-` clears the stored value; an empty string is
//! refused, because an unset variable expands to it. Must not read a cluster.

use super::CliError;
use super::args::Images;
use crate::app::{REGISTRY_INPUT, TAG_INPUT, reference_input};
use crate::images::Saved;
use crate::inputs::{Given, Means};
use crate::support::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::support::image;
use crate::support::read_file;
use crate::targets::built_images::BuiltImages;
use indexmap::IndexMap;
use std::path::Path;

/// What takes back what was remembered. Neither a registry, nor a tag, nor an image can be called so.
const FORGET: &str = "-";

/// The images that the command line names.
pub(super) fn parse(flags: &Images) -> Result<BuiltImages, CliError> {
    let mut built = BuiltImages::default();
    let mut diagnostics = Diagnostics::default();
    if let Some(path) = &flags.images_file {
        built.references = saved(path)?;
    }
    for text in &flags.references {
        match text.split_once('=') {
            Some((resource, FORGET)) if !resource.is_empty() => {
                built.references.shift_remove(resource);
                built.forgotten.push(reference_input(resource));
            }
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
        let small = registry.to_lowercase();
        let hint = match image::check_registry(&small) {
            Ok(()) => format!("write it in lower case: {small}"),
            Err(_) => "write it like ghcr.io/contoso, without `https://` and a slash at the end".to_owned(),
        };
        diagnostics.push(diagnostic.hint(hint));
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

/// The references that `build --save` wrote to a file.
fn saved(path: &Path) -> Result<IndexMap<String, String>, CliError> {
    let shown = path.display().to_string();
    let text = read_file::text(path).map_err(|source| CliError::Read { path: shown.clone(), source })?;
    Ok(Saved::parse(&text, &shown).map_err(CliError::Input)?.images)
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

//! Errors for names of resources and endpoints that the manifest does not have, or that do not run.

use crate::manifest::{Manifest, Resource};
use crate::support::diagnostic::{Code, Diagnostic, Diagnostics, Place, suggestion};

/// The error at this place; `found` are those before it, because only the first of many get a suggestion.
pub(super) fn resource(manifest: &Manifest, name: &str, place: impl Into<Place>, found: &Diagnostics) -> Diagnostic {
    let near = found.nearest(name, manifest.resources.keys().map(String::as_str));
    let what = format!("the manifest has no resource `{name}`");
    Diagnostic::new(Code::UnknownResource, place, what).hint(suggestion(near, ""))
}

/// The error for a resource that does not run in the application; `hint` says what does.
pub(crate) fn unknown_workload(name: &str, place: impl Into<Place>, hint: impl Into<String>) -> Diagnostic {
    Diagnostic::new(Code::UnknownResource, place, format!("the application runs no `{name}`")).hint(hint)
}

/// The error for an endpoint that a resource does not have.
pub(super) fn endpoint(
    name: &str,
    resource: &Resource,
    binding: &str,
    place: impl Into<Place>,
    found: &Diagnostics,
) -> Diagnostic {
    let known: Vec<&str> = resource.bindings.keys().map(String::as_str).collect();
    let what = format!("`{name}` has no endpoint `{binding}`");
    let otherwise = if known.is_empty() { String::new() } else { format!("it has: {}", known.join(", ")) };
    let near = found.nearest(binding, known.iter().copied());
    Diagnostic::new(Code::UnknownEndpoint, place, what).hint(suggestion(near, otherwise))
}

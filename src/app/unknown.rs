//! Errors for names of resources and endpoints that the manifest does not have, or that do not run.

use crate::manifest::{Manifest, Resource};
use crate::support::diagnostic::{Code, Diagnostic, Diagnostics, Place, names, suggestion};

/// The error at this place; `found` are those before it, because only the first of many get a suggestion.
pub(super) fn resource(manifest: &Manifest, name: &str, place: impl Into<Place>, found: &Diagnostics) -> Diagnostic {
    let known = || manifest.resources.keys().map(String::as_str);
    let near = found.nearest(name, known());
    let what = format!("the manifest has no resource `{name}`");
    let otherwise = format!("it has: {}", names(known(), "no resources"));
    Diagnostic::new(Code::UnknownResource, place, what).hint(suggestion(near, otherwise))
}

/// The error for a resource that does not run in the application; `running` are those that do. `found` as for
/// [`resource()`].
pub(crate) fn unknown_workload<'a>(
    name: &str,
    place: impl Into<Place>,
    running: impl IntoIterator<Item = &'a str> + Clone,
    found: &Diagnostics,
) -> Diagnostic {
    let near = found.nearest(name, running.clone());
    let hint = suggestion(near, format!("it runs: {}", names(running, "nothing")));
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
    let known = || resource.bindings.keys().map(String::as_str);
    let what = format!("`{name}` has no endpoint `{binding}`");
    let otherwise = format!("it has: {}", names(known(), "no endpoints"));
    let near = found.nearest(binding, known());
    Diagnostic::new(Code::UnknownEndpoint, place, what).hint(suggestion(near, otherwise))
}

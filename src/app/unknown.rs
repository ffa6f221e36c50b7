//! What is wrong with the name of a resource that the manifest does not have.

use crate::manifest::Manifest;
use crate::support::diagnostic::{Code, Diagnostic, Diagnostics, Place, suggestion};

/// The error at this place; `found` are those before it, because only the first of many get a suggestion.
pub(super) fn resource(manifest: &Manifest, name: &str, place: impl Into<Place>, found: &Diagnostics) -> Diagnostic {
    let near = found.nearest(name, manifest.resources.keys().map(String::as_str));
    let what = format!("the manifest has no resource `{name}`");
    Diagnostic::new(Code::UnknownResource, place, what).hint(suggestion(near, ""))
}

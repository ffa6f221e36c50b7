//! The names of the inputs that set image locations.

/// Name of the input that gives the tag of all built images. The dot keeps it apart from every resource name.
pub(crate) const TAG_INPUT: &str = "image.tag";

/// Under which name the registry of all built images is remembered.
pub(crate) const REGISTRY_INPUT: &str = "image.registry";

/// Under which name the image of one resource is remembered.
pub(crate) fn reference_input(resource: &str) -> String {
    format!("image.reference.{resource}")
}

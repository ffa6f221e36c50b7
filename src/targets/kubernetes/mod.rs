//! The Kubernetes target: an application and its intent become planned objects.
//!
//! [`plan()`] decides everything (names, kinds, claims, where a secret comes from, default values) and reports all errors
//! of the target together. It writes no text: templates lay out what is decided here. It talks to no cluster.

pub mod certificate;
pub mod chart;
pub mod claims;
pub mod contents;
pub mod dapr;
pub mod files;
pub mod formula;
pub mod images;
pub mod kinds;
pub mod moved;
pub mod name;
pub mod plan;
pub mod ports;
pub mod routes;
pub mod schema;
pub mod secrets;
pub mod text;
pub mod values;
pub mod variables;
pub mod view;

pub use claims::{Claim, NO_CLASS};
pub use contents::{Contents, FILE as CONTENTS, ObjectName};
pub use files::ChartFile;
pub use formula::{Formula, Scalar};
pub use images::{BuiltImages, ImageSources, check_resources, image_values};
pub use kinds::{KINDS, KindSpec, Object};
pub use moved::moved_claims;
pub use name::Name;
pub use plan::{Plan, PlannedWorkload, plan};
pub use routes::controllers::table as controllers;
pub use routes::{Discovering, Routes};
pub use secrets::{SecretUse, escaped_key, external_name, sealed_name};
pub use text::{helm_yaml, lost_when_applied, yaml};
pub use values::{Node, Tree, environment_values};
pub use view::WorkloadView;

/// Name of the input that gives the tag of all built images. The dot keeps it apart from every resource name.
pub const TAG_INPUT: &str = "image.tag";

/// Under which name the registry of all built images is remembered.
pub const REGISTRY_INPUT: &str = "image.registry";

/// Under which name the image of one resource is remembered.
pub fn reference_input(resource: &str) -> String {
    format!("image.reference.{resource}")
}

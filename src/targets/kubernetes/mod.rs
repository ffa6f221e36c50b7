//! The Kubernetes target: an application and its configuration become planned objects.
//!
//! [`plan()`] decides everything (names, kinds, claims, sources of secrets, default values) and reports all errors of
//! the target together. It writes no text: templates lay out what is decided here. It calls no cluster.

mod account;
pub(crate) mod certificate;
pub(crate) mod chart;
pub(crate) mod chart_values;
pub(crate) mod claims;
pub(crate) mod contents;
pub(crate) mod dapr;
pub(crate) mod external_names;
pub(crate) mod extra_objects;
mod files;
pub(crate) mod formula;
mod image_references;
pub(crate) mod image_sources;
pub(crate) mod images;
mod init_containers;
mod jobs;
pub(crate) mod kinds;
pub(crate) mod moved;
pub(crate) mod name;
mod needs;
mod network;
pub(crate) mod patches;
mod placement;
pub(crate) mod plan;
pub(crate) mod planned;
pub(crate) mod ports;
pub(crate) mod probes;
pub(crate) mod routes;
mod scaling;
pub(crate) mod schema;
pub(crate) mod secrets;
mod security;
mod sidecars;
mod sizes;
mod switches;
pub(crate) mod text;
pub(crate) mod values;
pub(crate) mod variables;
pub(crate) mod view;
mod waits;

pub(crate) use claims::{Claim, NO_CLASS};
pub use contents::Contents;
pub(crate) use contents::FILE as CONTENTS;
pub(crate) use image_references::{ImageReference, image_references, wait_images};
pub(crate) use images::image_values;
pub use kinds::KINDS;
pub(crate) use kinds::{KindSpec, Object, View, makes};
pub(crate) use moved::moved_claims;
pub(crate) use name::Name;
pub(crate) use plan::plan;
pub use planned::Plan;
pub(crate) use planned::{ObjectName, PlannedWorkload};
pub(crate) use routes::Discovering;
pub(crate) use routes::controllers::table as controllers;
pub(crate) use secrets::{SecretUse, escaped_key, sealed_name};
pub(crate) use switches::switched;
pub(crate) use text::{helm_yaml, lost_when_applied, yaml};
pub(crate) use values::{Node, Tree, environment_values};
pub(crate) use view::WorkloadView;

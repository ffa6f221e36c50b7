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
pub mod image_sources;
pub mod images;
pub mod kinds;
pub mod moved;
pub mod name;
mod needs;
pub mod plan;
pub mod planned;
pub mod ports;
pub mod probes;
pub mod routes;
pub mod schema;
pub mod secrets;
pub mod text;
pub mod values;
pub mod variables;
pub mod view;

pub use claims::{Claim, NO_CLASS};
pub use contents::{Contents, FILE as CONTENTS};
pub use files::ChartFile;
pub use formula::{Formula, Scalar};
pub use image_sources::{BuiltImages, ImageSources};
pub use images::{check_resources, image_values};
pub use kinds::{KINDS, KindSpec, Object, View, makes};
pub use moved::moved_claims;
pub use name::Name;
pub use plan::plan;
pub use planned::{ObjectName, Plan, PlannedWorkload};
pub use routes::controllers::table as controllers;
pub use routes::{Discovering, Routes};
pub use secrets::{SecretUse, escaped_key, external_name, sealed_name};
pub use text::{helm_yaml, lost_when_applied, yaml};
pub use values::{Node, Tree, environment_values};
pub use view::WorkloadView;

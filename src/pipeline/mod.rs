//! Deploy and destroy as graphs of steps: look, check everything, then act.
//!
//! ```text
//! graph: names and order, pure ── run: side by side, in order, cleared up at the end ──> Event, for the report
//! deploy, destroy: the steps    release/: what they look at and decide
//! ```
//! Nothing is written before every check passed. What happens is told as an [`Event`], never printed. A change of the
//! Secret is taken back when helm fails.

pub(crate) mod charts;
pub(crate) mod dashboard;
pub(crate) mod deploy;
pub(crate) mod destroy;
pub(crate) mod engine;
pub mod error;
pub(crate) mod migrate;
pub mod plan;
pub mod release;
pub(crate) mod render;
pub(crate) mod rollback;
pub mod status;

pub use crate::pipeline::charts::packed::{Fetched, fetch};
pub use crate::pipeline::engine::event::{Event, Report};
pub use crate::pipeline::engine::graph::StepName;
pub use crate::pipeline::engine::run::{Limits, RunOptions};
pub use crate::pipeline::migrate::{Wish, promote};
pub use crate::pipeline::release::charts::ChartChange;
pub use crate::pipeline::release::compatibility::{PodDefaults, to_keep as defaults_to_keep};
pub use crate::pipeline::release::deploy_request::{Ask, Deploy, Rotation, Wait};
pub use crate::pipeline::release::endpoints::Endpoint;
pub use crate::pipeline::release::history::{Revision, history};
pub use crate::pipeline::release::migration::consent::Consent;
pub use crate::pipeline::release::planned::Planned;
pub use crate::pipeline::release::preflight::doctor;
pub use crate::pipeline::release::records::{NamedObject, read_stored};
pub use crate::pipeline::release::saved_plan::Saved;
pub use crate::pipeline::release::secrets_used::Secret;
pub use crate::pipeline::release::values_in_use::values_in_use;
pub use crate::pipeline::render::{Template, chart_steps, publish, template, template_steps};
pub use crate::pipeline::status::drift::{Drift, compare as drifted, objects as objects_of};
pub use charts::{installed_charts, newest_of as newest_charts, pin as pin_charts};
pub use dashboard::{Forward, dashboard};
pub use deploy::{deploy, steps as deploy_steps};
pub use destroy::{Destroy, Destroyed, destroy, steps as destroy_steps};
pub use engine::random::Random;
pub(crate) use engine::slot::Slot;
pub use error::Error;
pub use plan::{plan, steps as plan_steps};
pub use release::connection::Release;
pub use rollback::{Rollback, rollback, steps as rollback_steps};
pub use status::{Claim, Migration, Running, Standing, Status, status};

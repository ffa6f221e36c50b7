//! Deploy and destroy as graphs of steps: read, check everything, then write.
//!
//! ```text
//! graph: names and order, pure ── run: side by side, in order, cleared up at the end ──> Event, for the report
//! deploy, destroy: the steps    release/: what they look at and decide
//! ```
//! Nothing is written before every check has passed. Progress is reported as an [`Event`], never printed. A change of
//! the Secret is reverted if helm fails.

pub(crate) mod charts;
pub(crate) mod dashboard;
pub(crate) mod deploy;
pub(crate) mod destroy;
pub(crate) mod engine;
pub(crate) mod error;
pub(crate) mod migrate;
pub(crate) mod plan;
pub(crate) mod release;
pub(crate) mod render;
pub(crate) mod rollback;
pub(crate) mod status;

pub(crate) use crate::pipeline::charts::packed::fetch;
pub(crate) use crate::pipeline::engine::event::Event;
pub(crate) use crate::pipeline::engine::graph::StepName;
pub(crate) use crate::pipeline::engine::run::{Limits, RunOptions};
pub(crate) use crate::pipeline::migrate::{PromoteAction, promote};
pub(crate) use crate::pipeline::release::charts::ChartChange;
pub(crate) use crate::pipeline::release::compatibility::{PodDefaults, to_keep as defaults_to_keep};
pub(crate) use crate::pipeline::release::deploy_request::{Ask, Deploy, Passed, Rotation, Wait};
pub(crate) use crate::pipeline::release::history::{Revision, history};
pub(crate) use crate::pipeline::release::migration::consent::Consent;
pub(crate) use crate::pipeline::release::planned::Planned;
pub(crate) use crate::pipeline::release::preflight::doctor;
pub(crate) use crate::pipeline::release::saved_plan::Saved;
pub(crate) use crate::pipeline::release::values_in_use::values_in_use;
pub(crate) use crate::pipeline::render::{
    Template, chart_steps, compose_steps, publish, publish_compose, template, template_steps,
};
pub(crate) use charts::pin as pin_charts;
pub(crate) use dashboard::{Forward, dashboard};
pub(crate) use deploy::{deploy, steps as deploy_steps};
pub(crate) use destroy::{Destroy, Destroyed, destroy, steps as destroy_steps};
pub(crate) use engine::random::Random;
pub(crate) use engine::slot::Slot;
pub(crate) use error::Error;
pub(crate) use plan::{plan, steps as plan_steps};
pub(crate) use release::connection::Release;
pub(crate) use rollback::{Rollback, rollback, steps as rollback_steps};
pub(crate) use status::{Standing, Status, status};

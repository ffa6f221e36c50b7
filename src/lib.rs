//! From a .NET Aspire manifest to a running Helm release.
//!
//! ```text
//! manifest::parse + config::parse -> app::resolve -> kubernetes::plan -> chart::render -> chart::write
//!                                         inputs::settle ┐                     |
//!                                                        └> pipeline (cluster, helm) -> release
//! ```
//! The left half is pure. `docs/architecture.md` says what each module knows and which modules it may use.

mod app;
mod apphost;
mod cli;
mod cluster;
mod config;
mod diff;
mod doctor;
mod external_charts;
mod helm;
mod images;
mod init;
mod inputs;
pub mod internals;
mod k8s;
mod manifest;
mod migration;
mod model;
mod pipeline;
mod report;
mod rollout;
mod seal;
mod sops;
mod support;
mod targets;

pub use cli::{Exit, run};

//! From a .NET Aspire manifest to a running Helm release.
//!
//! ```text
//! manifest::parse + config::parse -> app::resolve -> kubernetes::plan -> chart::render -> chart::write
//!                                         inputs::settle ┐                     |
//!                                                        └> pipeline (cluster, helm) -> release
//! ```
//! The left half is pure. `docs/architecture.md` says what each module knows and which may name which.

pub mod app;
pub mod cli;
pub mod cluster;
pub mod config;
pub mod diff;
pub mod doctor;
pub mod external_charts;
pub mod helm;
pub mod inputs;
pub mod k8s;
pub mod manifest;
pub mod migration;
pub mod pipeline;
pub mod report;
pub mod rollout;
pub mod seal;
pub mod sops;
pub mod support;
pub mod targets;

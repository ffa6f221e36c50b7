//! From a .NET Aspire manifest to a running Helm release.
//!
//! ```text
//! manifest::parse + config::parse -> app::resolve -> kubernetes::plan -> chart::render -> chart::write
//!                                         inputs::settle ┐                     |
//!                                                        └> pipeline (cluster, helm) -> release
//! ```
//! The left half is pure. `docs/architecture.md` says what each module knows and which may name which.

pub mod app;
pub mod chart;
pub mod charts;
pub mod child_env;
pub mod cli;
pub mod cluster;
pub mod config;
pub mod diff;
pub mod digest;
pub mod doctor;
pub mod helm;
pub mod image;
pub mod inputs;
pub mod kubernetes;
pub mod manifest;
pub mod pipeline;
pub mod problem;
pub mod promotion;
pub mod read_file;
pub mod report;
pub mod rollout;
pub mod seal;
pub mod sops;
pub mod temporary;
pub mod yaml;

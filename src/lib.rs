//! From a .NET Aspire manifest to a running Helm release.

pub mod app;
pub mod chart;
pub mod cli;
pub mod config;
pub mod inputs;
pub mod kubernetes;
pub mod manifest;
pub mod problem;

//! From a .NET Aspire manifest to a running Helm release.

pub mod app;
pub mod config;
pub mod kubernetes;
pub mod manifest;
pub mod problem;

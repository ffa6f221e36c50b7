//! From a .NET Aspire manifest to a running Helm release.

pub mod cluster;
pub mod config;
pub mod helm;
pub mod manifest;
pub mod problem;

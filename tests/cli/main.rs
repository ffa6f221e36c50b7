//! The command line without a cluster: every error, every message, what lands in folders, what the intent changes.
#![allow(clippy::unwrap_used, reason = "a test ends where something is not as it should be")]

mod accounts;
mod app_host;
mod aspire;
mod build;
mod compose;
mod dapr;
mod databases;
mod errors;
mod files;
mod first_hours;
mod folders;
mod helm;
mod images;
mod inputs;
mod intent;
mod mounts;
mod network;
mod own;
mod replace;
mod routes;
mod scale;
mod sidecars;
mod steps;
mod talk;
mod volumes;

use aspire::{Aspire, aspire, inputs};

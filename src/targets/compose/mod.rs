//! The Compose target: an application and its configuration become a Compose file, its `.env` files and the files that
//! containers mount.
//!
//! ```text
//! plan ── one Plan for the file and one for each environment ──> environments::merge ──> files::of ──> write
//! ```
//! [`plan()`] decides everything and reports all errors of the target together; [`mod@write`] is the only place that touches a
//! folder. Nothing here runs Docker, and nothing knows another target. Values of secrets are never read, so none is written.

mod dotenv;
mod environments;
mod files;
mod health;
mod host_ports;
mod keys;
mod mark;
mod mounts;
mod node;
mod plan;
mod planning;
mod ports;
mod security;
mod service;
mod size;
mod text;
mod variables;
pub(crate) mod write;

pub(crate) use environments::merge;
pub(crate) use files::{Files, of as files_of};
pub(crate) use plan::plan;

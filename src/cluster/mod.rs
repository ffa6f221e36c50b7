//! The API server: the only code that talks to it.
//!
//! ```text
//! Access (command line, helm's variables) ── locate ──> Location, printed before anything happens
//!    └── Cluster::connect ──> Cluster: Objects ──> secret, state, namespace: what is ours beside the release
//!                                          └────> claims: what is kept, compared before helm runs
//! ```
//! Writes are guarded by uid and resourceVersion; objects that we do not own are refused. Nothing here knows charts or
//! manifests.

pub(crate) mod api;
pub(crate) mod connect;
pub(crate) mod processes;
pub(crate) mod state;

pub use k8s_openapi::jiff::Timestamp;

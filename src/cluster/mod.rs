//! The API server: the only code that talks to it.
//!
//! ```text
//! Access (command line, helm's variables) ── locate ──> Location, printed before anything happens
//!    └── Cluster::connect ──> Cluster: Objects ──> secret, state, namespace: what is ours beside the release
//!                                          └────> claims: what is kept, compared before helm runs
//! ```
//! Writes are guarded by uid and resourceVersion; what is not ours is refused. Nothing here knows charts or manifests.

mod access;
pub mod claims;
mod client;
mod environment;
mod error;
mod exchange;
mod explain;
#[cfg(test)]
mod fake;
mod forward;
pub mod holder;
mod inhabitants;
mod kind;
mod kubeconfig;
pub mod lease;
mod mask;
pub mod namespace;
mod note;
mod objects;
mod own_map;
mod probe;
pub mod processes;
mod proxy;
mod quantity;
pub mod record;
pub mod records;
mod retry;
pub mod secret;
mod state;
mod survey;

pub use access::{Access, Token};
pub use client::Cluster;
pub use environment::Environment;
pub use error::{Error, ErrorKind, Result};
pub use forward::PodPort;
pub use k8s_openapi::jiff::Timestamp;
pub use kind::{
    CLAIM, CONFIG_MAP, DEPLOYMENT, EVENT, JOB, Kind, LEASE, NAMESPACE, NODE, POD, REPLICA_SET, SECRET, SERVICE,
    STATEFUL_SET, STORAGE_CLASS, VOLUME,
};
pub use kubeconfig::{Location, locate};
pub use mask::{MASK, Mask, MaskedLines, base64, hides_words, mask, unbase64};
pub use note::Note;
pub use objects::{Guard, Objects, Owner, Propagation, annotation, helm_release, label, marks, name_of, oddity, set};
pub use probe::{HELM, Probe, Question};
pub use quantity::Quantity;
pub use record::Record;
pub use secret::ReleaseSecret;
pub use state::State;
pub use survey::{KindName, Right, Survey};

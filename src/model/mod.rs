//! The model of an AppHost, `aspire-model.json`: what the AppHost says and its manifest leaves out. It is the third source
//! of an application, between the manifest and `aspire-k8s.yaml`.
//!
//! ```text
//! read (JSON of the reader) ──> Model ──> merge (with Manifest and Config) ──> keys that aspire-k8s.yaml lacks
//! ```
//! [`merge()`] is the only place that decides what becomes of the model. It fills keys of `aspire-k8s.yaml`, with a note of
//! their origin, and files that the manifest lacks. Pure. Must not know what a target makes of a key.

mod annotations;
mod files;
mod merge;
mod probes;
mod read;
#[cfg(test)]
mod tests;

pub(crate) use merge::merge;
pub(crate) use read::{FoundSecret, Model, parse, with_digest};

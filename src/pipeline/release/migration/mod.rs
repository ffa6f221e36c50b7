//! Workload migration (Deployment to StatefulSet and back) on a cluster.
//!
//! ```text
//! look: live objects ──> crate::migration::next(), pure ──> driver ──> act: does the one thing
//! log: the journal, written before anything is done
//! ```

pub(crate) mod act;
pub(crate) mod consent;
pub(crate) mod driver;
pub(crate) mod log;
pub(crate) mod look;

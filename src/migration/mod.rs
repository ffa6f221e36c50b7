//! Workload migration: a Deployment becomes a StatefulSet on a live release, or the reverse, without losing a byte.
//! Pure: the live state in, the next action out.
//!
//! ```text
//! manifest to come, live objects ── detect ──> Promotion (plan, hash) ── journal ──> Journal
//! Journal, live objects ── observe ──> Observed ── next ──> Action, done by pipeline::release::migration
//! ```
//! Helm creates the new object before it deletes the old one and waits for the pods of neither, so two servers write to
//! one volume. Here the old one is stopped, its pods have ended, and it is deleted before helm is called at all; every
//! step can be repeated. This module must not read a clock, a file or a cluster.

pub(crate) mod change;
pub(crate) mod checked;
pub(crate) mod data;
pub(crate) mod detect;
pub(crate) mod fixed;
pub(crate) mod handed_over;
pub(crate) mod hash;
pub(crate) mod journal;
pub(crate) mod live;
pub(crate) mod losses;
pub(crate) mod machine;
pub(crate) mod observe;
pub(crate) mod observed;
pub(crate) mod pairs;
pub(crate) mod pods;
pub(crate) mod progress;
pub(crate) mod servers;
pub(crate) mod text;

pub use change::Change;
pub(crate) use change::{ClaimNote, Confirmation, How, Named};
pub(crate) use detect::Promotion;
pub use detect::concerns;
pub(crate) use fixed::digest as fixed_digest;
pub use journal::Journal;
pub(crate) use journal::word;
pub use live::Live;
pub(crate) use losses::ImageNote;
pub use losses::asks;
pub use machine::{Action, Stop, Wait, next};
pub use observe::retired;
pub(crate) use observe::{POLICIES, entry_of_ours, former_policy};
pub use observed::{Claim, HelmRun, Observed, Pair, Revision, Side, Status, Workload};
pub use pairs::Sides;
pub use pods::pods_of;
pub use progress::{Direction, Phase, Progress, Role};
pub(crate) use text::{described, digest, digest_of_new};

//! Workload migration: a Deployment becomes a StatefulSet on a live release, or the reverse, without losing a byte. Pure:
//! what was seen in, what to do out.
//!
//! ```text
//! manifest to come, live objects ── detect ──> Promotion (plan, hash) ── journal ──> Journal
//! Journal, live objects ── observe ──> Observed ── next ──> Action, done by pipeline::release::migration
//! ```
//! Helm makes the new object before it deletes the old one and waits for neither's pods, so that two servers write to one
//! volume. Here the old one is stopped, waited for and deleted before helm is called at all, and every step can be
//! repeated. This module must not read a clock, a file or a cluster.

pub mod change;
pub mod checked;
pub mod data;
pub mod detect;
pub mod fixed;
pub mod hash;
pub mod journal;
pub mod live;
pub mod losses;
pub mod machine;
pub mod observe;
pub mod observed;
pub mod pairs;
pub mod pods;
pub mod progress;
pub mod servers;
pub mod text;

pub use change::{Change, ClaimNote, Confirmation, How, Marks, Named};
pub use data::{Class, DataNote, Place};
pub use detect::{Promotion, concerns, detect};
pub use fixed::digest as fixed_digest;
pub use journal::{Journal, VERSION, word};
pub use live::Live;
pub use losses::{ImageNote, asks};
pub use machine::{Action, MOST_FAILURES, MOST_STOPS, Stop, Wait, next};
pub use observe::{POLICIES, entry_of_ours, former_policy, observe, retired};
pub use observed::{Claim, HelmRun, Observed, Pair, Revision, Side, Status, Workload};
pub use pairs::{Sides, workloads};
pub use pods::pods_of;
pub use progress::{Direction, Phase, Progress, Role};
pub use text::{described, digest, digest_of_new};

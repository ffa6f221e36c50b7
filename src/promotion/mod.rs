//! A workload becomes the other kind on a live release, without losing a byte. Pure: what was seen in, what to do out.
//!
//! Helm makes the new object before it deletes the old one and waits for neither's pods, so that two servers write to one
//! volume. Here the old one is stopped, waited for and deleted before helm is called at all, and every step can be
//! repeated. This module must not read a clock, a file or a cluster.

mod machine;

pub use machine::{
    Action, Claim, Direction, HelmRun, MOST_FAILURES, MOST_STOPS, Observed, Pair, Phase, Progress, Revision, Role,
    Side, Status, Stop, Wait, Workload, next,
};

//! The progress of a workload migration, as its journal holds it: what cannot be read from live objects.

use serde::{Deserialize, Serialize};

/// Which workloads are to be there in the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// The new ones.
    Forward,
    /// Those from before.
    Back,
}

/// A part of the way, in the order of the way. The journal holds it so that a user can see it; nothing depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Nothing helm or a controller does can remove a claim or its volume.
    Protect,
    /// The workload is scaled to zero.
    Quiesce,
    /// Its pods end.
    Drain,
    /// The stopped workload is deleted.
    Fence,
    /// Helm makes the other one.
    Apply,
    /// The other one becomes ready.
    Verify,
    /// What was changed for the way is put back.
    Commit,
    /// Done: the new kinds run.
    Committed,
    /// Done: the old kinds run again.
    RolledBack,
}

impl Phase {
    /// Whether nothing is left to do.
    pub fn is_end(self) -> bool {
        self >= Self::Committed
    }
}

/// What no look at the cluster can tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Progress {
    /// Which way.
    pub direction: Direction,
    /// How often helm has failed on this way.
    pub failures: u32,
    /// How often a workload was stopped.
    pub stops: u32,
    /// Whether pods of both kinds were seen at once: both are stopped, and a user decides.
    pub split: bool,
    /// Whether both kinds were there from the start (an earlier upgrade failed), and a user agreed to end the old one.
    pub stray: bool,
}

impl Progress {
    /// The start of a way.
    pub fn new(direction: Direction) -> Self {
        Self { direction, failures: 0, stops: 0, split: false, stray: false }
    }

    /// The rollback from here.
    pub fn back(self) -> Self {
        if self.direction == Direction::Back { self } else { Self { stray: false, ..Self::new(Direction::Back) } }
    }

    /// The same way after a user looked: what was counted starts again.
    pub fn resumed(self) -> Self {
        Self { failures: 0, stops: 0, split: false, ..self }
    }
}

/// One of the two workloads of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// The one from before.
    Old,
    /// The one of the new chart.
    New,
}

impl Direction {
    /// The side that leaves, and the side that comes.
    pub fn roles(self) -> (Role, Role) {
        match self {
            Self::Forward => (Role::Old, Role::New),
            Self::Back => (Role::New, Role::Old),
        }
    }
}

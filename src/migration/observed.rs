//! What a workload migration reads from the cluster, reduced to what its next step depends on.

use super::progress::Role;

/// A workload object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(clippy::struct_excessive_bools, reason = "facts that do not depend on each other")]
pub struct Workload {
    /// The pods it is to have.
    pub replicas: u32,
    /// Whether its controllers have seen that, down to the last ReplicaSet.
    pub settled: bool,
    /// Whether all pods run the last revision and are ready.
    pub ready: bool,
    /// Whether it is on its way out.
    pub deleting: bool,
    /// Whether it is the object that the journal means, or one that helm made for this release on the way.
    pub ours: bool,
    /// Whether we own its number of pods, so that helm would stumble over it.
    pub touched: bool,
    /// Whether its claims outlive its pods and itself.
    pub keeps_claims: bool,
}

/// One side of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Side {
    /// The object; none when it is gone.
    pub workload: Option<Workload>,
    /// ReplicaSets that can still make pods though their Deployment is gone.
    pub orphans: u32,
    /// Pods that still exist, those that are ending included. Only an object that is gone is a process that ended.
    pub pods: u32,
    /// The pods it is to have when it is the one that runs.
    pub wanted: u32,
    /// Whether its pods continue without it, so that nothing is stopped and none is waited for.
    pub stays: bool,
}

impl Side {
    /// Whether nothing can write, now or later, without a client creating a new object.
    pub(super) fn is_gone(&self) -> bool {
        self.workload.is_none() && (self.stays || (self.orphans == 0 && self.pods == 0))
    }
}

/// A workload that changes its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Pair {
    pub old: Side,
    pub new: Side,
    /// Pods on its claims that belong to neither.
    pub strangers: u32,
}

impl Pair {
    pub(super) fn side(&self, role: Role) -> &Side {
        match role {
            Role::Old => &self.old,
            Role::New => &self.new,
        }
    }
}

/// What helm recorded last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Status {
    /// A helm works on it, or was killed while it did.
    Pending,
    Failed,
    /// It is in place.
    Deployed,
}

/// The last revision of the release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Revision {
    pub status: Status,
    /// Which workloads its manifest holds.
    pub brings: Role,
    /// Whether another client wrote it since the plan was made.
    pub foreign: bool,
}

/// Whether a helm that an earlier run started is still at work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HelmRun {
    /// It ended, for certain.
    Gone,
    Runs,
    /// It ran on another machine, and may run still.
    Unknown,
}

/// A claim of a workload that changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(clippy::struct_excessive_bools, reason = "facts that do not depend on each other")]
pub struct Claim {
    /// Whether it is the claim of the plan, with the same volume, and not on its way out.
    pub intact: bool,
    /// Whether helm leaves it alone.
    pub kept: bool,
    /// Whether its volume outlives it; true where we may not change volumes.
    pub retained: bool,
    /// Whether a policy of its StatefulSet would delete it.
    pub owned: bool,
    /// Whether the volume was changed on the way and is to be as before.
    pub to_restore: bool,
    /// Whether it is still smaller than it is to be.
    pub to_grow: bool,
}

/// Everything that was just seen. Workloads are read before ReplicaSets, and these before pods: a controller that has
/// seen the zero makes no pod that a later look could miss.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Observed {
    /// The release.
    pub revision: Revision,
    pub helm: HelmRun,
    /// The workloads.
    pub pairs: Vec<Pair>,
    pub claims: Vec<Claim>,
    /// Whether the time for what is being waited for is over.
    pub late: bool,
}

//! The next action while workloads change their kind: a function of the journal and of the state that was just read.
//!
//! ```text
//!  Protect ─> Quiesce ─> Drain ─> Fence ─> Apply ─> Verify ─> Commit        (forward: the new kinds come)
//!     └──────────┴─────────┴────────┴────────┴────────┴───> the same, roles exchanged (back: the old kinds come again)
//! ```
//! It is driven by the live state, not by its own past: after a killed run, the next run calls it again and continues.
//! The order of the actions gives the guarantees: before helm is called, no old workload runs, and then none exists.
//! Scaling to zero is not a fence, because any client can scale up again. This module must not know how anything is
//! read or done.

use super::observed::{HelmRun, Observed, Side, Status, Workload};
use super::progress::{Direction, Phase, Progress, Role};

/// How often a workload is stopped before a user must find out who starts it again.
pub(crate) const MOST_STOPS: u32 = 3;

/// How often the rollback is tried.
pub(crate) const MOST_FAILURES: u32 = 3;

/// What is being waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Wait {
    /// A helm of an earlier run.
    Helm,
    /// Claims that a policy still owns.
    Claims,
    /// The pods of the workload that leaves.
    Pods(usize),
    /// The pods of the workload that stays, which was stopped and is to start again.
    Ended(usize),
    /// The object that was deleted.
    Gone(usize),
    /// The workload that comes.
    Ready(usize),
}

/// Why a user is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stop {
    /// A helm of an earlier run does not end, or may run on another machine.
    HelmMayRun,
    /// Another client wrote a revision.
    ReleaseMoved,
    /// A pod of no workload in the plan uses a claim.
    Stranger(usize),
    /// A workload of that name is there that the plan did not make.
    Reappeared(usize, Role),
    /// A claim is gone, being deleted, or has another volume.
    ClaimChanged(usize),
    /// A StatefulSet's policy keeps owning a claim.
    ClaimOwned,
    /// Another client starts a stopped workload again.
    ForeignScaler(usize),
    /// The pods do not end in time.
    StillRunning(usize),
    /// Pods of both kinds ran at once; both are stopped.
    Split(usize),
    /// The workload from before does not become ready again.
    NotReady(usize),
    /// Helm fails during the rollback too.
    RollbackFails,
}

impl Stop {
    /// Whether time alone may solve it: the run can be repeated. Otherwise a user must act first.
    pub fn is_resumable(self) -> bool {
        matches!(self, Self::StillRunning(_) | Self::HelmMayRun | Self::ClaimOwned)
    }
}

/// What to do now. Every index is that of a pair or a claim in [`Observed`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// Look again soon.
    Wait(Wait),
    /// Mark the pending revision as failed: its helm is dead.
    Unlock,
    /// Protect this claim and its volume.
    Protect(usize),
    /// Ask for the size that the claim is to have.
    Grow(usize),
    /// Let the workload keep its claims.
    KeepClaims(usize, Role),
    /// Scale to zero, if the object did not change since.
    Stop(usize, Role),
    /// Delete the stopped object, if it did not change since.
    Delete(usize, Role),
    /// Scale back to what is wanted, if the object did not change since.
    Start(usize, Role),
    /// Give up the ownership of its number of pods.
    Disown(usize, Role),
    /// Call helm: an upgrade forward, a rollback back.
    Helm(Direction),
    /// Record that both kinds ran.
    MarkSplit,
    /// Record that the way leads back.
    TurnBack,
    /// Delete the ReplicaSets without an owner, with their pods.
    Retire(usize),
    /// Give the volume its policy from before.
    Restore(usize),
    /// Record that it is done.
    Finish(Phase),
    /// End here.
    Halt(Stop),
}

impl Action {
    /// The part of the way it belongs to, which is written down before it is done; none for what changes nothing.
    pub fn phase(self) -> Option<Phase> {
        match self {
            Self::Protect(_) | Self::Grow(_) | Self::KeepClaims(..) => Some(Phase::Protect),
            Self::Stop(..) => Some(Phase::Quiesce),
            Self::Wait(Wait::Pods(_) | Wait::Ended(_)) => Some(Phase::Drain),
            Self::Delete(..) => Some(Phase::Fence),
            Self::Unlock | Self::Helm(_) => Some(Phase::Apply),
            Self::Wait(Wait::Ready(_)) => Some(Phase::Verify),
            Self::Start(..) | Self::Disown(..) | Self::Retire(_) | Self::Restore(_) => Some(Phase::Commit),
            Self::Finish(phase) => Some(phase),
            Self::Wait(_) | Self::MarkSplit | Self::TurnBack | Self::Halt(_) => None,
        }
    }
}

/// The one next thing to do.
pub fn next(progress: &Progress, seen: &Observed) -> Action {
    let steps: [fn(&Progress, &Observed) -> Option<Action>; 7] =
        [both_run, helm, foreign, turn, protect, leave, arrive];
    let found = steps.iter().find_map(|step| step(progress, seen));
    found.unwrap_or(Action::Finish(match progress.direction {
        Direction::Forward => Phase::Committed,
        Direction::Back => Phase::RolledBack,
    }))
}

impl Observed {
    /// The pairs with the side that leaves and the side that comes.
    fn sides(&self, direction: Direction) -> impl Iterator<Item = (usize, &Side, &Side)> {
        let (leaving, coming) = direction.roles();
        self.pairs.iter().enumerate().map(move |(index, pair)| (index, pair.side(leaving), pair.side(coming)))
    }

    /// Waits, until the time is over.
    fn wait(&self, what: Wait, else_do: Action) -> Action {
        if self.late { else_do } else { Action::Wait(what) }
    }
}

/// Pods of both kinds at once: a user must decide.
fn both_run(progress: &Progress, seen: &Observed) -> Option<Action> {
    let split = seen.pairs.iter().position(|pair| pair.old.pods > 0 && pair.new.pods > 0 && !pair.old.stays);
    if !progress.split {
        return (!progress.stray && split.is_some()).then_some(Action::MarkSplit);
    }
    for (index, pair) in seen.pairs.iter().enumerate() {
        for role in [Role::Old, Role::New] {
            let runs = |workload: Workload| workload.replicas > 0 && workload.ours && !workload.deleting;
            if pair.side(role).workload.is_some_and(runs) {
                return Some(Action::Stop(index, role));
            }
        }
    }
    Some(Action::Halt(Stop::Split(split.unwrap_or_default())))
}

/// A helm that is at work, or that left the release half done.
fn helm(_: &Progress, seen: &Observed) -> Option<Action> {
    let halt = Action::Halt(Stop::HelmMayRun);
    match (seen.helm, seen.revision.status) {
        (HelmRun::Runs, _) => Some(seen.wait(Wait::Helm, halt)),
        (HelmRun::Unknown, Status::Pending) => Some(halt),
        _ => None,
    }
}

/// What the plan did not do.
fn foreign(_: &Progress, seen: &Observed) -> Option<Action> {
    if seen.revision.foreign {
        return Some(Action::Halt(Stop::ReleaseMoved));
    }
    for (index, pair) in seen.pairs.iter().enumerate() {
        if pair.strangers > 0 {
            return Some(Action::Halt(Stop::Stranger(index)));
        }
        for role in [Role::Old, Role::New] {
            if pair.side(role).workload.is_some_and(|workload| !workload.ours) {
                return Some(Action::Halt(Stop::Reappeared(index, role)));
            }
        }
    }
    let changed = seen.claims.iter().position(|claim| !claim.intact);
    changed.map(|claim| Action::Halt(Stop::ClaimChanged(claim)))
}

/// A failure leads back; a release that is half done is first made one that failed.
fn turn(progress: &Progress, seen: &Observed) -> Option<Action> {
    if seen.revision.status == Status::Pending {
        return Some(Action::Unlock);
    }
    match progress.direction {
        Direction::Forward if progress.failures > 0 => Some(Action::TurnBack),
        Direction::Back if progress.failures >= MOST_FAILURES => Some(Action::Halt(Stop::RollbackFails)),
        _ => None,
    }
}

/// Before anything stops: no claim can be lost by it.
fn protect(progress: &Progress, seen: &Observed) -> Option<Action> {
    if let Some(claim) = seen.claims.iter().position(|claim| !claim.kept) {
        return Some(Action::Protect(claim));
    }
    // A volume that has its old policy again is at the end of the way.
    if !has_arrived(progress, seen)
        && let Some(claim) = seen.claims.iter().position(|claim| !claim.retained)
    {
        return Some(Action::Protect(claim));
    }
    for (index, pair) in seen.pairs.iter().enumerate() {
        for role in [Role::Old, Role::New] {
            if pair.side(role).workload.is_some_and(|workload| !workload.keeps_claims && !workload.deleting) {
                return Some(Action::KeepClaims(index, role));
            }
        }
    }
    // A claim never shrinks again, so the rollback leaves it as it is.
    if progress.direction == Direction::Forward
        && let Some(claim) = seen.claims.iter().position(|claim| claim.to_grow)
    {
        return Some(Action::Grow(claim));
    }
    let owned = seen.claims.iter().any(|claim| claim.owned);
    owned.then(|| seen.wait(Wait::Claims, Action::Halt(Stop::ClaimOwned)))
}

/// Who leaves: asked to stop, waited for, deleted.
fn leave(progress: &Progress, seen: &Observed) -> Option<Action> {
    let (leaving, coming) = progress.direction.roles();
    let stopped = || seen.sides(progress.direction).filter(|(_, leaves, _)| !leaves.stays);
    for (index, leaves, comes) in stopped() {
        if leaves.workload.is_some_and(|workload| workload.replicas > 0 && !workload.deleting) {
            let again = progress.stops as usize >= (MOST_STOPS as usize) * seen.pairs.len();
            let halt = Action::Halt(Stop::ForeignScaler(index));
            return Some(if again { halt } else { Action::Stop(index, leaving) });
        }
        let early = comes.workload.is_some_and(|workload| workload.replicas > 0);
        if early && !leaves.is_gone() && !progress.stray {
            return Some(Action::Stop(index, coming));
        }
    }
    for (index, leaves, comes) in stopped() {
        let unsettled = leaves.workload.is_some_and(|workload| !workload.settled);
        let early = leaves.workload.is_some() && comes.pods > 0 && !progress.stray;
        if unsettled || leaves.pods > 0 || early {
            return Some(seen.wait(Wait::Pods(index), Action::Halt(Stop::StillRunning(index))));
        }
    }
    for (index, leaves, _) in seen.sides(progress.direction) {
        if leaves.workload.is_some_and(|workload| !workload.deleting) {
            return Some(Action::Delete(index, leaving));
        }
        if !leaves.is_gone() {
            return Some(seen.wait(Wait::Gone(index), Action::Halt(Stop::StillRunning(index))));
        }
    }
    None
}

fn has_arrived(progress: &Progress, seen: &Observed) -> bool {
    let (_, coming) = progress.direction.roles();
    let recorded = seen.revision.status == Status::Deployed && seen.revision.brings == coming;
    recorded && seen.sides(progress.direction).all(|(_, leaves, comes)| leaves.is_gone() && comes.workload.is_some())
}

/// Who comes: made by helm, waited for. Everybody who leaves is gone.
fn arrive(progress: &Progress, seen: &Observed) -> Option<Action> {
    let direction = progress.direction;
    let (_, coming) = direction.roles();
    for (index, _, comes) in seen.sides(direction) {
        let Some(workload) = comes.workload else { continue };
        if workload.touched {
            let short = workload.replicas < comes.wanted;
            // One that was stopped may still have pods that end; a new one beside them would be a second writer.
            if short && workload.replicas == 0 && comes.pods > 0 {
                return Some(seen.wait(Wait::Ended(index), Action::Halt(Stop::StillRunning(index))));
            }
            return Some(if short { Action::Start(index, coming) } else { Action::Disown(index, coming) });
        }
    }
    if !has_arrived(progress, seen) {
        return Some(Action::Helm(direction));
    }
    for (index, _, comes) in seen.sides(direction) {
        if comes.workload.is_some_and(|workload| !workload.ready) {
            let late = match direction {
                Direction::Forward => Action::TurnBack,
                Direction::Back => Action::Halt(Stop::NotReady(index)),
            };
            return Some(seen.wait(Wait::Ready(index), late));
        }
    }
    for (index, leaves, _) in seen.sides(direction) {
        if leaves.stays && leaves.orphans > 0 {
            return Some(Action::Retire(index));
        }
    }
    seen.claims.iter().position(|claim| claim.to_restore).map(Action::Restore)
}

//! The plan of a workload migration as text, and its hash. Pure.

use super::change::{Change, How, Named};
use super::data::{Class, DataNote};
use super::detect::Promotion;
use super::hash::short_hash;
use super::journal::Journal;
use super::live::Live;
use super::machine::{Action, Stop, Wait};
use super::progress::{Direction, Phase, Role};
use crate::k8s::labels;
use crate::k8s::object::name_of;
use crate::k8s::ownership::ReleaseName;
use crate::support::diagnostic::{Code, Diagnostic};
use serde_json::Value as Json;

impl Promotion {
    /// What a user confirms: the same as long as the same would happen to the same objects. `target` is the digest of the
    /// workloads to come ([`digest_of_new()`]): what else helm brings is no part of the question.
    pub fn hash(&self, target: &str) -> String {
        short_hash(&format!("{}\n{target}", serde_json::json!(self)))
    }

    /// The plan, line by line.
    pub fn lines(&self, hash: &str) -> Vec<String> {
        let mut lines = Vec::new();
        for change in &self.changes {
            let (old, new) = (&change.old, &change.new);
            let what = if change.marks.is_some() {
                change.described()
            } else {
                format!("{old} ({}) -> {new} ({})", old.replicas, new.replicas)
            };
            lines.push(format!("TRANSITION {}: {what}, back to revision {}", new.name, self.base));
            match (change.how, old.kind.as_str()) {
                (How::Stop, _) => {}
                (How::Adopt, "Deployment") => {
                    lines.push("  its pods keep running until the new ones are ready".to_owned());
                }
                (How::Adopt, _) => lines.push("  its pods keep running and are adopted by the new one".to_owned()),
                (How::Replace, "Job") => lines.push("  it runs again from the start".to_owned()),
                (How::Replace, _) => lines.push("  it has another address afterwards".to_owned()),
            }
            if change.stray {
                lines.push(format!("  both exist; {old} is deleted and {new} stays"));
            }
            lines.extend(self.data.iter().filter(|note| note.workload == new.name).map(folder));
        }
        let changes = |note: &DataNote| self.changes.iter().any(|change| change.new.name == note.workload);
        let mut named = None;
        for note in self.data.iter().filter(|note| !changes(note)) {
            if named != Some(&note.workload) {
                lines.push(format!("DATA {}: it starts without its existing data", note.workload));
                named = Some(&note.workload);
            }
            lines.push(folder(note));
        }
        for note in &self.images {
            lines.push(format!("IMAGE {}: {} -> {}", note.workload, note.was, note.becomes));
            match &note.way {
                Some(way) => lines.push(format!("  database-version: {}. Instead: {way}", note.says)),
                None => lines.push(format!("  unknown: {}", note.says)),
            }
        }
        for claim in self.claims.iter().filter(|claim| !claim.stays) {
            lines.push(format!("  claim {} leaves the chart: PROTECTED", claim.name));
        }
        for claim in &self.claims {
            if let Some(size) = &claim.grows {
                lines.push(format!("  claim {} has at least {size} afterwards", claim.name));
            }
        }
        if !self.changes.is_empty() {
            lines.push(self.downtime());
            lines.push(format!("  steps: {}", self.steps().join("; ")));
        }
        let needs: Vec<&str> = self.needs.iter().map(|need| need.word()).collect();
        let needs = if needs.is_empty() { "nothing".to_owned() } else { needs.join(",") };
        lines.push(format!("  needs: {needs}    plan {hash}"));
        lines
    }

    fn downtime(&self) -> String {
        if !self.stops() {
            return "  downtime: no pod stops".to_owned();
        }
        let grace = self.grace;
        format!("  downtime: up to {grace} s until the old pods have ended, and until the new ones are ready")
    }

    /// Whether pods are stopped before others come.
    fn stops(&self) -> bool {
        self.changes.iter().any(|change| change.how == How::Stop)
    }

    /// The calls, in their order.
    pub fn steps(&self) -> Vec<String> {
        let mut steps: Vec<String> = Vec::new();
        for claim in &self.claims {
            steps.push(format!("keep claim {}", claim.name));
            if !claim.volume.is_empty() && claim.retained == Some(false) {
                steps.push(format!("retain volume {}", claim.volume));
            }
        }
        for claim in &self.claims {
            steps.extend(claim.grows.as_ref().map(|size| format!("ask for {size} for claim {}", claim.name)));
        }
        for change in self.changes.iter().filter(|change| change.how == How::Stop) {
            steps.push(format!("scale {} {} -> 0", change.old, change.old.replicas));
        }
        if self.stops() {
            steps.push("wait for their pods".to_owned());
        }
        for change in &self.changes {
            let without = if change.how == How::Adopt { " without its pods" } else { "" };
            steps.push(format!("delete {}{without} (uid {})", change.old, change.uid));
        }
        steps.extend([forward(self.to), "verify".to_owned(), "restore what was changed temporarily".to_owned()]);
        steps
    }
}

/// What becomes of the data in a folder.
fn folder(note: &DataNote) -> String {
    let becomes = note.becomes.as_ref().map_or_else(|| "nothing".to_owned(), ToString::to_string);
    let means = match (note.class, &note.moved) {
        (Class::Safe, _) => "SAFE",
        (Class::PodLoss, _) => "LOST with the pod",
        (Class::Abandoned, None) => "KEPT, but not mounted any more",
        (Class::Abandoned, Some(path)) => &format!("KEPT, but mounted at {path} from now on"),
        (Class::LeftOnNode, _) => "LEFT on the node",
    };
    format!("  {}: {} -> {becomes}: {means}", note.folder, note.was)
}

/// Digest of the workloads that the changes lead to.
pub(crate) fn digest_of_new(objects: &[Json], changes: &[Change]) -> String {
    let new = objects.iter().filter(|object| is_new(object, changes));
    short_hash(&new.map(ToString::to_string).collect::<Vec<_>>().join("\n"))
}

/// Digest of everything that helm would apply. Left out is what differs between two runs of one deploy: values of Secrets and
/// the marks made of them, and the number of pods of a workload that continues, which an autoscaler may change.
pub(crate) fn digest(objects: &[Json], changes: &[Change]) -> String {
    let texts: Vec<String> = objects.iter().map(|object| constant(object, changes).to_string()).collect();
    short_hash(&texts.join("\n"))
}

/// Whether a change leads to this object.
fn is_new(object: &Json, changes: &[Change]) -> bool {
    changes.iter().any(|change| object["kind"] == *change.new.kind && name_of(object) == change.new.name)
}

fn constant(object: &Json, changes: &[Change]) -> Json {
    let mut constant = object.clone();
    match object["kind"].as_str() {
        Some("Secret") => {
            for field in ["data", "stringData"] {
                let values = constant.get_mut(field).and_then(Json::as_object_mut);
                values.into_iter().flatten().for_each(|(_, value)| *value = Json::Null);
            }
        }
        Some("Deployment" | "StatefulSet") => {
            if let Some(spec) = constant.get_mut("spec").and_then(Json::as_object_mut)
                && !is_new(object, changes)
            {
                spec.remove("replicas");
            }
            let annotations = constant.pointer_mut("/spec/template/metadata/annotations");
            annotations.and_then(Json::as_object_mut).and_then(|all| all.remove(labels::SECRETS));
        }
        _ => {}
    }
    constant
}

/// The call of helm that leads forward.
fn forward(to: Option<u64>) -> String {
    to.map_or_else(|| "helm upgrade".to_owned(), |to| format!("helm rollback to revision {to}"))
}

impl Journal {
    /// What there is of its workloads now, one sentence each.
    pub fn left(&self, live: &Live) -> Vec<String> {
        self.changes.iter().map(|change| left(change, live)).collect()
    }

    /// The command that continues from here, and the one that goes back.
    pub fn way_on(&self, release: ReleaseName<'_>) -> String {
        let promote = |wish: &str| {
            format!("`kubectl aspire promote --{wish} --release {} -n {}`", release.name, release.namespace)
        };
        match (self.progress.direction, self.to) {
            (Direction::Back, _) => format!("{} continues the rollback to revision {}", promote("abort"), self.base),
            (Direction::Forward, Some(_)) => {
                format!("{} resumes it, {} rolls back to revision {}", promote("resume"), promote("abort"), self.base)
            }
            (Direction::Forward, None) => {
                format!("the same `deploy` resumes it, {} rolls back to revision {}", promote("abort"), self.base)
            }
        }
    }
}

fn left(change: &Change, live: &Live) -> String {
    let stands = |named: &Named| {
        let object = live.find(named)?;
        let now = object["spec"]["replicas"].as_u64().unwrap_or(1);
        Some(match &*named.kind {
            "Deployment" | "StatefulSet" if now < u64::from(named.replicas) => {
                format!("{named} has {now} of {} replicas", named.replicas)
            }
            "Deployment" | "StatefulSet" => format!("{named} has {now} replicas"),
            _ => format!("{named} exists"),
        })
    };
    let absent = |named: &Named| format!("{named} does not exist");
    if change.marks.is_some() {
        return stands(&change.new).unwrap_or_else(|| absent(&change.new));
    }
    match (stands(&change.old), stands(&change.new)) {
        (None, None) => format!("neither {} nor {} exists", change.old, change.new),
        (Some(old), None) => format!("{old}, {}", absent(&change.new)),
        (None, Some(new)) => format!("{}, {new}", absent(&change.old)),
        (Some(old), Some(new)) => format!("{old}, {new}"),
    }
}

/// What is being done, in a few words.
pub(crate) fn described(journal: &Journal, action: Action) -> String {
    let side = |index: usize, role: Role| {
        journal.changes.get(index).map_or_else(String::new, |change| match role {
            Role::Old => change.old.to_string(),
            Role::New => change.new.to_string(),
        })
    };
    let (leaving, coming) = journal.progress.direction.roles();
    let claim = |index: usize| journal.claims.get(index).map_or("", |claim| claim.name.as_str());
    match action {
        Action::Protect(index) => format!("keeping claim {} and its volume", claim(index)),
        Action::Grow(index) => format!("letting claim {} grow", claim(index)),
        Action::Retire(index) => format!("stopping the old pods of {}", side(index, coming)),
        Action::KeepClaims(index, role) => format!("letting {} keep its claims", side(index, role)),
        Action::Stop(index, role) => format!("stopping {}", side(index, role)),
        Action::Wait(Wait::Pods(index)) => format!("waiting for the pods of {} to terminate", side(index, leaving)),
        Action::Wait(Wait::Ended(index)) => format!("waiting for the pods of {} to terminate", side(index, coming)),
        Action::Delete(index, role) => {
            let why = match journal.changes.get(index).map(|change| change.how) {
                Some(How::Adopt) => "whose pods keep running",
                Some(How::Replace) => "which is deleted and recreated",
                _ => "which has no pods any more",
            };
            format!("deleting {}, {why}", side(index, role))
        }
        Action::Unlock => "marking the unfinished revision as failed".to_owned(),
        Action::Helm(Direction::Forward) => forward(journal.to),
        Action::Helm(Direction::Back) => format!("helm rollback to revision {}", journal.base),
        Action::Wait(Wait::Ready(index)) => format!("waiting for {} to become ready", side(index, coming)),
        Action::Start(index, role) => format!("starting {} again", side(index, role)),
        Action::Disown(index, role) => format!("returning {} to helm", side(index, role)),
        Action::Restore(index) => format!("restoring the reclaim policy of the volume of claim {}", claim(index)),
        Action::Finish(Phase::Committed) => "only the new workloads run".to_owned(),
        Action::Finish(_) => "only the previous workloads run".to_owned(),
        Action::Wait(_) | Action::MarkSplit | Action::TurnBack | Action::Halt(_) => String::new(),
    }
}

impl Stop {
    /// What happened, and what a user can do.
    pub fn diagnostic(self, journal: &Journal) -> Diagnostic {
        let change = |index: usize| {
            journal
                .changes
                .get(index)
                .map_or_else(Default::default, |change| (change.old.to_string(), change.new.to_string()))
        };
        let again = "then run `promote --resume`, or `promote --abort` to roll back";
        let (what, hint) = match self {
            Self::HelmMayRun => (
                "a helm process of an earlier run may still be active".to_owned(),
                "wait until it has ended; if you know that it is dead, pass --assume-helm-dead".to_owned(),
            ),
            Self::ReleaseMoved => (
                format!("another client wrote a revision after revision {}", journal.last),
                format!("check `helm history`; {again}"),
            ),
            Self::Stranger(index) => (
                format!("a pod of neither {} nor {} uses their claim", change(index).0, change(index).1),
                format!("stop that pod, {again}"),
            ),
            Self::Reappeared(index, role) => {
                let (old, new) = change(index);
                let name = if role == Role::Old { old } else { new };
                (
                    format!("unexpected object: {name} was created again by another client"),
                    format!("delete it, {again}"),
                )
            }
            Self::ClaimChanged(index) => (
                format!(
                    "the claim {} is not the one of the plan, or is being deleted",
                    journal.claims.get(index).map_or("", |claim| claim.name.as_str())
                ),
                "its volume is kept if you have permission to change it; restore the claim first".to_owned(),
            ),
            Self::ClaimOwned => (
                "a claim is still owned by its StatefulSet and would be deleted with it".to_owned(),
                "run the same command again: the controller has not removed the owner reference yet".to_owned(),
            ),
            Self::ForeignScaler(index) => (
                format!(
                    "{} or {} is started again by another client (E-FOREIGN-SCALER)",
                    change(index).0,
                    change(index).1
                ),
                format!("find out what scales it (an autoscaler, an operator), {again}"),
            ),
            Self::StillRunning(index) => (
                format!(
                    "the old pods of {} -> {} did not terminate in time; nothing was deleted",
                    change(index).0,
                    change(index).1
                ),
                format!("check what blocks them, never delete them by force; {again}"),
            ),
            Self::Split(index) => (
                format!(
                    "pods of {} and {} ran at once on the same claim; both are stopped",
                    change(index).0,
                    change(index).1
                ),
                format!("find out which data is good, {again}"),
            ),
            Self::NotReady(index) => (
                format!("{} exists again, but does not become ready", change(index).0),
                "check its pods; `promote --abort` continues".to_owned(),
            ),
            Self::RollbackFails => (
                format!("helm rollback to revision {} keeps failing", journal.base),
                format!("check the output of helm, {again}"),
            ),
        };
        Diagnostic::new(Code::MigrationBlocked, "", what).hint(hint)
    }
}

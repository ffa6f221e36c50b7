//! What a change of kinds writes down before it acts: only what cannot be read from the cluster again.
//!
//! It holds no manifests, values or secrets, and nothing that decides about an object outside of the namespace: the
//! policy of a volume is kept on the volume. Where it lies is no matter of this module, and whether it may be believed is
//! decided in `checked.rs`.

use super::machine::{Direction, Phase, Progress, Role};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

/// The version of the journal that this program writes.
pub const VERSION: u32 = 2;

/// The version before: its `target` was of the changing workloads alone, and it held the policies of volumes.
const FIRST: u32 = 1;

/// The journal of one release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Journal {
    /// The version of the journal itself.
    #[serde(rename = "v")]
    pub version: u32,
    /// Hash of the plan that was confirmed.
    pub plan: String,
    /// Digest of everything that helm is to apply, so that nobody goes on with another chart or other values.
    pub target: String,
    /// The part of the way that was begun last.
    pub phase: Phase,
    /// Direction and counts.
    pub progress: Progress,
    /// The revision that the way back leads to.
    pub base: u64,
    /// The revision that the way forward leads to; none when it leads to a chart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<u64>,
    /// The last revision that is known to be of this way, or from before it.
    pub last: u64,
    /// Whether helm was called, so that one more revision may be ours.
    pub calling: bool,
    /// The workloads.
    pub changes: Vec<Change>,
    /// Their claims, and those that leave the chart.
    pub claims: Vec<ClaimNote>,
    /// What a person agreed to.
    pub confirmed: Vec<Confirmation>,
}

/// What happens to the pods of the old one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum How {
    /// They end before the new one comes.
    #[default]
    Stop,
    /// They go on: only the object is deleted, and the new one takes them over or puts others in their place.
    Adopt,
    /// It has none, or they go with it.
    Replace,
}

/// What tells two objects of one kind and name apart: digests of the fields that no live object can change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Marks {
    /// Of the one that runs now.
    pub was: String,
    /// Of the one to come.
    pub becomes: String,
    /// The fields that differ.
    pub fields: Vec<String>,
}

/// An object by kind and name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Named {
    /// `Deployment` or `StatefulSet`, or `Job` or `Service` where it is made anew.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// The pods it is to have.
    pub replicas: u32,
}

impl std::fmt::Display for Named {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.kind, self.name)
    }
}

/// A workload that changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    /// What runs now.
    pub old: Named,
    /// What is to run.
    pub new: Named,
    /// The object that runs now; another one of that name is not meant.
    pub uid: String,
    /// Whether both are there already, because an earlier upgrade failed.
    pub stray: bool,
    /// Claims that either mounts.
    pub claims: Vec<String>,
    /// What happens to its pods.
    #[serde(default)]
    pub how: How,
    /// Where both have the same kind and name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub marks: Option<Marks>,
}

/// A claim as it was before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClaimNote {
    /// Its name.
    pub name: String,
    /// The object.
    pub uid: String,
    /// Its volume; empty when it had none.
    pub volume: String,
    /// Whether the volume outlives the claim by itself; none when we may not look, or when the claim is not of the release.
    pub retained: Option<bool>,
    /// Whether the new chart still has it, so that the volume is as before in the end.
    pub stays: bool,
    /// The size that it grows to, where helm would not do that: it was made from a template.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grows: Option<String>,
}

/// What a person must agree to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Confirmation {
    /// Nothing answers while the old pods end and the new ones start.
    Downtime,
    /// Data that lived as long as the pod goes with it.
    EmptydirLoss,
    /// Data stays in a claim that nothing mounts any more.
    AbandonData,
    /// Data stays in a folder of a node.
    Hostpath,
    /// One of two workloads on the same data is ended.
    StrayDelete,
    /// A Job that has not finished is ended.
    JobKill,
    /// A Service is made anew, and has another address.
    ServiceRecreate,
    /// A server starts on data of a version that it may not read.
    DatabaseVersion,
}

impl Confirmation {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Downtime,
        Self::EmptydirLoss,
        Self::AbandonData,
        Self::Hostpath,
        Self::StrayDelete,
        Self::JobKill,
        Self::ServiceRecreate,
        Self::DatabaseVersion,
    ];

    /// The word for it, as `--accept` takes it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Downtime => "downtime",
            Self::EmptydirLoss => "emptydir-loss",
            Self::AbandonData => "abandon-data",
            Self::Hostpath => "hostpath",
            Self::StrayDelete => "stray-delete",
            Self::JobKill => "job-kill",
            Self::ServiceRecreate => "service-recreate",
            Self::DatabaseVersion => "database-version",
        }
    }
}

impl Change {
    /// Whether a live object of the right kind and name is the old one, or the new one.
    pub fn is(&self, role: Role, object: &Json) -> bool {
        let Some(marks) = &self.marks else { return true };
        (super::fixed::digest(object) == marks.was) == (role == Role::Old)
    }

    /// What becomes of it, in a few words.
    pub fn described(&self) -> String {
        match &self.marks {
            Some(marks) => format!("{} is made anew ({})", self.old, marks.fields.join(", ")),
            None => format!("{} -> {}", self.old, self.new),
        }
    }
}

impl Journal {
    /// Whether a way was begun and not finished.
    pub fn is_open(&self) -> bool {
        !self.phase.is_end()
    }

    /// Reads a journal; none when it is of a version that this program does not know, or no journal. One of the first
    /// version keeps its number: it can be ended, but no chart can be compared with it.
    pub fn parse(text: &str) -> Option<Self> {
        let mut all: Json = serde_json::from_str(text).ok()?;
        if all["v"] == FIRST {
            for claim in all.get_mut("claims")?.as_array_mut()? {
                let claim = claim.as_object_mut()?;
                let reclaim = claim.remove("reclaim").unwrap_or_default();
                let retained = reclaim.as_str().map(|policy| policy == "Retain");
                claim.insert("retained".to_owned(), retained.into());
            }
        }
        let journal: Self = serde_json::from_value(all).ok()?;
        matches!(journal.version, FIRST | VERSION).then_some(journal)
    }

    /// Whether it says for which chart it was planned, as this program says it.
    pub fn knows_its_chart(&self) -> bool {
        self.version == VERSION
    }

    /// Whether it ends in the chart of a deploy, so that only that deploy can go on.
    pub fn needs_chart(&self) -> bool {
        self.progress.direction == Direction::Forward && self.to.is_none()
    }

    /// The text of it.
    pub fn text(&self) -> String {
        serde_json::json!(self).to_string()
    }

    /// Where it stands, in a sentence.
    pub fn described(&self) -> String {
        let names: Vec<String> = self.changes.iter().map(Change::described).collect();
        let way = match (self.phase, self.progress.direction) {
            (Phase::Committed, _) => "done".to_owned(),
            (Phase::RolledBack, _) => "taken back".to_owned(),
            (phase, Direction::Forward) => {
                let to = self.to.map(|to| format!(" to revision {to}")).unwrap_or_default();
                format!("on the way{to}, at {}", word(phase))
            }
            (phase, Direction::Back) => format!("on the way back to revision {}, at {}", self.base, word(phase)),
        };
        format!("{} (plan {}): {way}", names.join(", "), self.plan)
    }
}

/// The word for a phase, as the journal and the progress show it.
pub fn word(phase: Phase) -> &'static str {
    match phase {
        Phase::Protect => "protect",
        Phase::Quiesce => "quiesce",
        Phase::Drain => "drain",
        Phase::Fence => "fence",
        Phase::Apply => "apply",
        Phase::Verify => "verify",
        Phase::Commit => "commit",
        Phase::Committed => "committed",
        Phase::RolledBack => "rolled-back",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_journal_is_read_as_it_was_written_and_no_other() {
        let named = |kind: &str| Named { kind: kind.into(), name: "db".into(), replicas: 1 };
        let journal = Journal {
            version: VERSION,
            plan: "9c1f4e".into(),
            target: "t".into(),
            phase: Phase::Drain,
            progress: Progress::new(Direction::Back),
            base: 4,
            to: Some(3),
            last: 5,
            calling: true,
            changes: vec![Change {
                old: named("Deployment"),
                new: named("StatefulSet"),
                uid: "u".into(),
                stray: false,
                claims: vec!["db-data".into()],
                how: How::Adopt,
                marks: Some(Marks { was: "a".into(), becomes: "b".into(), fields: vec!["selector".into()] }),
            }],
            claims: Vec::new(),
            confirmed: Confirmation::ALL.to_vec(),
        };
        assert_eq!(Journal::parse(&journal.text()), Some(journal.clone()));
        assert_eq!(Journal::parse(&journal.text().replace("\"v\":2", "\"v\":3")), None);
        assert_eq!(Journal::parse("{"), None);
        assert!(journal.is_open());
        let said = "Deployment/db is made anew (selector) (plan 9c1f4e): on the way back to revision 4, at drain";
        assert_eq!(journal.described(), said);
        for confirmation in Confirmation::ALL {
            assert_eq!(serde_json::json!(confirmation), confirmation.word());
        }
    }
}

//! What a workload migration records before it acts: only what cannot be read from the cluster again.
//!
//! It holds no manifests, values or secrets, and nothing that decides about an object outside of the namespace: the
//! reclaim policy of a volume is stored on the volume. This module does not know where it is stored; `checked.rs`
//! decides whether it is trustworthy.

use super::change::{Change, ClaimNote, Confirmation};
use super::progress::{Direction, Phase, Progress};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

/// The version of the journal that this program writes.
pub(crate) const VERSION: u32 = 2;

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
    /// Digest of everything that helm is to apply, so that it is not continued with another chart or other values.
    pub target: String,
    /// The part of the way that was begun last.
    pub phase: Phase,
    /// Direction and counts.
    pub progress: Progress,
    /// The revision that the rollback leads to.
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
    /// What a user agreed to.
    pub confirmed: Vec<Confirmation>,
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

    /// Whether it ends in the chart of a deploy, so that only that deploy can continue.
    pub fn needs_chart(&self) -> bool {
        self.progress.direction == Direction::Forward && self.to.is_none()
    }

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
            (phase, Direction::Back) => format!("rolling back to revision {}, at {}", self.base, word(phase)),
        };
        format!("{} (plan {}): {way}", names.join(", "), self.plan)
    }
}

/// The word for a phase, as the journal and the progress show it.
pub(crate) fn word(phase: Phase) -> &'static str {
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
    use crate::migration::change::{How, Marks, Named};

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
        let said =
            "Deployment/db is deleted and recreated (selector) (plan 9c1f4e): rolling back to revision 4, at drain";
        assert_eq!(journal.described(), said);
        for confirmation in Confirmation::ALL {
            assert_eq!(serde_json::json!(confirmation), confirmation.word());
        }
    }
}

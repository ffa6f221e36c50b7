//! The revisions of a release, and which of them were fully deployed. Reads only.

use super::installation::Installation;
use crate::helm;
use crate::pipeline::release::host_names::HALF;
use crate::pipeline::{Error, Release};
use crate::support::diagnostic::{Code, Diagnostic};
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// How helm begins to describe a rollback, before the number of the revision.
const ROLLBACK: &str = "Rollback to ";

/// What the description of a revision says whose helm was killed.
pub(crate) const CUT_SHORT: &str = "set to failed by kubectl-aspire";

#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Revision {
    /// Its number.
    pub revision: u64,
    /// When it was written, as helm says it.
    pub updated: String,
    /// Helm's word for its state, such as `superseded`.
    pub status: String,
    /// Name and version of the chart.
    pub chart: String,
    /// Version of the application.
    pub app_version: String,
    /// What was said about it.
    pub description: String,
    /// Whether its objects are the ones in the cluster: the last one that was deployed as a whole.
    pub live: bool,
}

/// That a workload migration cannot begin or end, because helm remembers nothing to go back to.
pub(crate) fn gone(release: &Release) -> Diagnostic {
    let what = format!("{} no longer has a history", release.described());
    Diagnostic::new(Code::HistoryGone, "", what)
        .hint("restore its Secrets `sh.helm.release.v1...` from a backup; nothing was done")
}

/// The revisions that helm remembers, the oldest first; none when there is no release.
pub(crate) fn history(release: &Release) -> Result<Vec<Revision>, Error> {
    let (helm, target) = release.helm()?;
    Ok(told(helm.history(&target)?))
}

/// The revisions of a release, and from which one each rollback among them took its objects.
pub(crate) struct Past {
    revisions: Vec<helm::Revision>,
    /// By the number of the rollback.
    sources: BTreeMap<u64, u64>,
}

impl Past {
    /// Reads where rollbacks took their objects from. Helm says it of those that ended well or were killed. Of one that is not
    /// at its end, that is compared with its objects; of one that failed, only these tell it.
    pub(crate) fn read(on: &Installation, revisions: Vec<helm::Revision>) -> Result<Self, Error> {
        let mut sources = BTreeMap::new();
        for (place, revision) in revisions.iter().enumerate() {
            let objects = || on.objects(Some(revision.revision));
            let earlier = &revisions[..place];
            let source = match said_source(revision) {
                Some(source) if is_good(revision) => Some(source),
                Some(source) => {
                    let known = earlier.iter().any(|one| one.revision == source);
                    (known && on.objects(Some(source))? == objects()?).then_some(source)
                }
                None if is_failed_rollback(revision) => {
                    let wanted = objects()?;
                    let mut found = None;
                    for one in earlier.iter().rev().filter(|one| is_good(one)) {
                        if on.objects(Some(one.revision))? == wanted {
                            found = Some(one.revision);
                            break;
                        }
                    }
                    found
                }
                None => None,
            };
            sources.extend(source.map(|source| (revision.revision, source)));
        }
        Ok(Self { revisions, sources })
    }

    /// The revision to go back to: the wanted one, else the last good one before the current. Never one that failed, and none
    /// that was left by going back. A rollback that is not at its end, or whose run was killed (`again`), leads where it led.
    pub(crate) fn choose(&self, wanted: Option<u64>, again: bool) -> Result<u64, Diagnostic> {
        let Some(wanted) = wanted else { return self.last_good(again) };
        match self.revisions.iter().find(|revision| revision.revision == wanted) {
            None => {
                let all = numbers(self.revisions.iter());
                let what = format!("there is no revision {wanted}: helm's history has {all}");
                Err(Diagnostic::new(Code::NoGoodRevision, "", what).hint(self.choice()))
            }
            Some(revision) if !is_good(revision) => {
                let what = format!("revision {wanted} failed: it was never fully deployed");
                Err(Diagnostic::new(Code::NoGoodRevision, "", what).hint(self.choice()))
            }
            Some(_) => Ok(wanted),
        }
    }

    fn last_good(&self, again: bool) -> Result<u64, Diagnostic> {
        let none = || {
            Diagnostic::new(Code::NoGoodRevision, "", "there is no earlier revision that was fully deployed")
                .hint("deploy again instead")
        };
        let current = self.revisions.last().ok_or_else(none)?;
        let source = self.sources.get(&current.revision);
        if let Some(source) = source.filter(|_| again || !is_good(current)) {
            return self.choose(Some(*source), false);
        }
        let (position, left) = (self.root(current.revision), self.left());
        let good = self.good().filter(|revision| revision.revision < position && !left.contains(&revision.revision));
        let good: Vec<&helm::Revision> = good.collect();
        // A half deploy is not a target for a rollback, unless there is no other revision.
        let whole = good.iter().rfind(|revision| !revision.description.starts_with(HALF));
        if let Some(found) = whole.or(good.last()) {
            return Ok(found.revision);
        }
        if source.is_none() {
            return Err(none());
        }
        let what = format!(
            "revision {} is a rollback to revision {position}, and no revision before that was fully deployed",
            current.revision
        );
        Err(Diagnostic::new(Code::NoGoodRevision, "", what)
            .hint(format!("`rollback REVISION` rolls back to any other; {}", self.choice())))
    }

    /// The revisions that were in place as a whole before the current one.
    fn good(&self) -> impl Iterator<Item = &helm::Revision> {
        let current = self.revisions.last().map_or(0, |revision| revision.revision);
        self.revisions.iter().filter(move |revision| is_good(revision) && revision.revision < current)
    }

    fn choice(&self) -> String {
        match numbers(self.good()).as_str() {
            "" => "none of those before the current one was fully deployed; deploy again instead".to_owned(),
            good => format!("fully deployed revisions: {good}"),
        }
    }

    /// The revision whose objects a rollback brought again, through rollbacks to rollbacks.
    fn root(&self, revision: u64) -> u64 {
        // A source is always smaller.
        self.sources.get(&revision).map_or(revision, |source| self.root(*source))
    }

    /// The revisions that were rolled back from, and not selected again.
    fn left(&self) -> BTreeSet<u64> {
        let mut left = BTreeSet::new();
        for (rollback, source) in &self.sources {
            left.extend(source + 1..*rollback);
            left.remove(source);
        }
        left
    }
}

/// Whether a revision before the current one was good.
pub(crate) fn has_way_back(revisions: Vec<helm::Revision>) -> bool {
    Past { revisions, sources: BTreeMap::new() }.good().next().is_some()
}

fn numbers<'a>(revisions: impl Iterator<Item = &'a helm::Revision>) -> String {
    revisions.map(|revision| revision.revision.to_string()).collect::<Vec<_>>().join(", ")
}

/// The revision that a rollback says it leads to (helm `pkg/action/rollback.go`; a killed one is marked with the same words).
fn said_source(revision: &helm::Revision) -> Option<u64> {
    let rest = revision.description.strip_prefix(ROLLBACK)?;
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    rest[..digits].parse().ok().filter(|source| (1..revision.revision).contains(source))
}

fn is_failed_rollback(revision: &helm::Revision) -> bool {
    revision.description.starts_with("Rollback \"") && revision.description.contains("\" failed: ")
}

/// Whether a revision was in place as a whole. A rollback that fails marks the failed revision before it as superseded, so
/// the word alone proves nothing (helm `pkg/action/rollback.go`); what was said about it stays.
fn is_good(revision: &helm::Revision) -> bool {
    let failed = ["Upgrade \"", "Release \"", "Rollback \""]
        .iter()
        .any(|start| revision.description.starts_with(start) && revision.description.contains("\" failed: "));
    let cut_short = revision.description.contains(CUT_SHORT);
    matches!(revision.status.as_str(), "deployed" | "superseded") && !failed && !cut_short
}

fn told(revisions: Vec<helm::Revision>) -> Vec<Revision> {
    let live = revisions.iter().rfind(|revision| revision.status == "deployed").map(|revision| revision.revision);
    let revision = |revision: helm::Revision| Revision {
        live: live == Some(revision.revision),
        revision: revision.revision,
        updated: revision.updated,
        status: revision.status,
        chart: revision.chart,
        app_version: revision.app_version,
        description: revision.description,
    };
    revisions.into_iter().map(revision).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn revisions(all: &[(&str, &str)]) -> Vec<helm::Revision> {
        let revision = |(index, (status, description)): (usize, &(&str, &str))| helm::Revision {
            revision: u64::try_from(index).unwrap() + 3,
            status: (*status).to_owned(),
            chart: String::new(),
            app_version: String::new(),
            description: (*description).to_owned(),
            updated: String::new(),
        };
        all.iter().enumerate().map(revision).collect()
    }

    #[test]
    fn the_last_good_revision_is_never_a_failed_one() {
        let failed = ("failed", "Upgrade \"app\" failed: context deadline exceeded");
        let was = ("superseded", "Upgrade complete");
        // What a failed rollback makes of the failed revision before it.
        let lies = ("superseded", "Upgrade \"app\" failed: context deadline exceeded");
        let now = ("deployed", "Upgrade complete");
        let half = ("superseded", "Half of a deploy: no host yet for Ingress public");
        for (all, expected) in [
            (vec![was, now], Some(3)),
            (vec![was, was, now], Some(4)),
            (vec![was, now, failed], Some(4)),
            (vec![was, failed, now], Some(3)),
            (vec![now, lies, ("failed", "Rollback \"app\" failed: no")], Some(3)),
            (vec![was, half, now], Some(3)),
            (vec![half, now], Some(3)),
            (vec![now], None),
            (vec![("failed", "Release \"app\" failed: x")], None),
            (vec![failed, failed], None),
        ] {
            assert_eq!(past(&all).choose(None, false).ok(), expected, "{all:?}");
        }
        let all = past(&[was, failed, was, now]);
        assert_eq!(all.choose(Some(3), false).ok(), Some(3));
        let gone = all.choose(Some(1), false).unwrap_err().to_string();
        assert!(
            gone.contains("helm's history has 3, 4, 5, 6") && gone.contains("fully deployed revisions: 3, 5"),
            "{gone}"
        );
        assert!(all.choose(Some(4), false).unwrap_err().to_string().contains("revision 4 failed"));
        let told = told(all.revisions);
        assert_eq!(told.iter().map(|revision| revision.live).collect::<Vec<_>>(), [false, false, false, true]);
    }

    fn past(all: &[(&str, &str)]) -> Past {
        let revisions = revisions(all);
        let sources = revisions.iter().filter_map(|it| Some((it.revision, said_source(it)?))).collect();
        Past { revisions, sources }
    }

    #[test]
    fn a_rollback_leads_where_it_led_and_not_to_what_was_left() {
        let was = ("superseded", "Upgrade complete");
        let now = ("deployed", "Upgrade complete");
        let killed = ("failed", "Rollback to 3: pending-rollback was cut short; set to failed by kubectl-aspire");
        let lies = ("superseded", "Rollback to 3: pending-rollback was cut short; set to failed by kubectl-aspire");
        let to = |status, revision: &'static str| (status, revision);
        for (all, expected, again) in [
            // Killed while it went from 4 to 3, before it was marked, and after.
            (vec![was, now, to("pending-rollback", "Rollback to 3")], Some(3), Some(3)),
            (vec![was, now, killed], Some(3), Some(3)),
            // One that ended leads on back, but never to what was left; its run may have been killed at its end.
            (vec![was, was, to("deployed", "Rollback to 3")], None, Some(3)),
            (vec![was, was, was, to("deployed", "Rollback to 4")], Some(3), Some(4)),
            (vec![was, was, to("superseded", "Rollback to 3"), now], Some(5), Some(5)),
            (vec![was, was, lies, now], Some(3), Some(3)),
            (vec![was, was, to("superseded", "Rollback to 3"), was, to("deployed", "Rollback to 5")], None, Some(5)),
            // What was left and chosen again by its number is not left any more.
            (
                vec![was, was, to("superseded", "Rollback to 3"), to("superseded", "Rollback to 4"), now],
                Some(6),
                Some(6),
            ),
            // Words that lead nowhere.
            (vec![was, now, ("failed", "Rollback to 5")], Some(4), Some(4)),
            (vec![was, now, ("failed", "Rollback to x")], Some(4), Some(4)),
        ] {
            let past = past(&all);
            assert_eq!(past.choose(None, false).ok(), expected, "{all:?}");
            assert_eq!(past.choose(None, true).ok(), again, "{all:?}");
            assert_eq!(past.choose(Some(3), true).ok(), Some(3), "{all:?}");
        }
        let said = past(&[was, was, to("deployed", "Rollback to 3")]).choose(None, false).unwrap_err().to_string();
        assert!(
            said.contains("revision 5 is a rollback to revision 3") && said.contains("fully deployed revisions: 3, 4"),
            "{said}"
        );
    }
}

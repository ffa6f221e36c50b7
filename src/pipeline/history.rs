//! The revisions of a release, and which of them is good. Reads only.

use super::hosts::HALF;
use super::{Error, Release};
use crate::helm;
use crate::problem::Problem;
use serde::Serialize;

/// One revision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Revision {
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

/// The revisions that helm remembers, the oldest first; none when there is no release.
pub fn history(release: &Release) -> Result<Vec<Revision>, Error> {
    let (helm, target) = release.helm()?;
    Ok(told(helm.history(&target)?))
}

/// The revision to go back to: the wanted one, else the last good one before the current. Never one that failed.
pub fn choose(revisions: &[helm::Revision], wanted: Option<u64>) -> Result<u64, Problem> {
    let numbers = |revisions: &[&helm::Revision]| {
        revisions.iter().map(|revision| revision.revision.to_string()).collect::<Vec<_>>().join(", ")
    };
    let current = revisions.last().map_or(0, |revision| revision.revision);
    let good: Vec<&helm::Revision> =
        revisions.iter().filter(|revision| is_good(revision) && revision.revision < current).collect();
    let choice = || match good.as_slice() {
        [] => "none of those before the current one was good; deploy again instead".to_owned(),
        good => format!("good ones are {}", numbers(good)),
    };
    let Some(wanted) = wanted else {
        // Half of a deploy is not what anybody wants back, unless there is nothing else.
        let whole = good.iter().rfind(|revision| !revision.description.starts_with(HALF));
        let last = whole.or(good.last()).map(|revision| revision.revision);
        return last
            .ok_or_else(|| Problem::at("", "there is no earlier revision that was good").hint("deploy again instead"));
    };
    match revisions.iter().find(|revision| revision.revision == wanted) {
        None => {
            let all: Vec<&helm::Revision> = revisions.iter().collect();
            let what = format!("there is no revision {wanted} (any more): helm remembers {}", numbers(&all));
            Err(Problem::at("", what).hint(choice()))
        }
        Some(revision) if !is_good(revision) => {
            Err(Problem::at("", format!("revision {wanted} failed: it was never in place as a whole")).hint(choice()))
        }
        Some(_) => Ok(wanted),
    }
}

/// Whether a revision was in place as a whole. A rollback that fails marks the failed revision before it as superseded, so
/// the word alone proves nothing (helm `pkg/action/rollback.go`); what helm said about it stays.
fn is_good(revision: &helm::Revision) -> bool {
    let failed = ["Upgrade \"", "Release \"", "Rollback \""]
        .iter()
        .any(|start| revision.description.starts_with(start) && revision.description.contains("\" failed: "));
    matches!(revision.status.as_str(), "deployed" | "superseded") && !failed
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
            assert_eq!(choose(&revisions(&all), None).ok(), expected, "{all:?}");
        }
        let all = revisions(&[was, failed, was, now]);
        assert_eq!(choose(&all, Some(3)).ok(), Some(3));
        let gone = choose(&all, Some(1)).unwrap_err().to_string();
        assert!(gone.contains("helm remembers 3, 4, 5, 6") && gone.contains("good ones are 3, 5"), "{gone}");
        assert!(choose(&all, Some(4)).unwrap_err().to_string().contains("revision 4 failed"));
        assert_eq!(told(all).iter().map(|revision| revision.live).collect::<Vec<_>>(), [false, false, false, true]);
    }
}

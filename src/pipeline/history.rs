//! The revisions of a release, and which of them is good. Reads only.

use super::{Error, Release};
use crate::helm;
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

//! An unfinished workload migration, as shown by `status`. Reads only.

use crate::cluster::connect::client::Cluster;
use crate::k8s::error::ErrorKind;
use crate::k8s::ownership::Owner;
use crate::migration::Journal;
use crate::migration::word;
use crate::pipeline::release::migration::log::Log;
use crate::pipeline::release::migration::look::{live, others};
use crate::pipeline::{Error, Release};
use schemars::JsonSchema;
use serde::Serialize;

/// A migration that was begun and not finished.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Migration {
    /// The part of the way that was begun last; empty when its journal cannot be read.
    pub phase: String,
    /// What it changes, and where it stands.
    pub meaning: String,
    /// What there is of its workloads now.
    pub workloads: Vec<String>,
    /// The command that continues.
    pub next: String,
}

/// The migration of a release that is not finished; none in most cases. A journal that cannot be trusted is reported too.
pub(super) fn unfinished(cluster: &Cluster, release: &Release, application: &str) -> Result<Option<Migration>, Error> {
    let owner = Owner { release: &release.name, application };
    let journal = match Log::read(cluster, owner, &release.namespace) {
        Ok(log) => log.map(|log| log.journal).filter(Journal::is_open),
        Err(Error::Refused(diagnostics)) => {
            let meaning = diagnostics.to_string();
            let next = "`promote --status` shows what to do".to_owned();
            return Ok(Some(Migration { phase: String::new(), meaning, workloads: Vec::new(), next }));
        }
        Err(Error::Cluster(error)) if error.kind() == ErrorKind::Forbidden => None,
        Err(error) => return Err(error),
    };
    let Some(journal) = journal else { return Ok(None) };
    let seen = live(cluster, &release.namespace).and_then(|mut live| {
        let named = journal.changes.iter().map(|change| (&*change.old.kind, &*change.old.name));
        others(cluster, &release.namespace, &mut live, named)?;
        Ok(live)
    });
    let workloads = match seen {
        Ok(live) => journal.left(&live),
        // Who may not look at everything is told what the journal says.
        Err(Error::Cluster(error)) if error.kind() == ErrorKind::Forbidden => Vec::new(),
        Err(error) => return Err(error),
    };
    let name = release.helm_name();
    Ok(Some(Migration {
        phase: word(journal.phase).to_owned(),
        meaning: journal.described(),
        workloads,
        next: journal.way_on(name),
    }))
}

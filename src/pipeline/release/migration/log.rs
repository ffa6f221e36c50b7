//! The journal of a workload migration on the cluster.

use crate::cluster::connect::client::Cluster;
use crate::cluster::state::transition_record::TransitionRecord;
use crate::k8s::ownership::Owner;
use crate::migration::Journal;
use crate::pipeline::Error;
use crate::support::diagnostic::{Code, Diagnostic};

/// The journal with the object that it lies in.
pub(crate) struct Log {
    note: TransitionRecord,
    /// What it says.
    pub journal: Journal,
}

impl Log {
    /// The journal of a release; none when no workload migration was ever begun.
    pub(crate) fn read(cluster: &Cluster, owner: Owner<'_>, namespace: &str) -> Result<Option<Self>, Error> {
        let note = TransitionRecord::read(cluster, owner, namespace)?;
        let Some(text) = note.text() else { return Ok(None) };
        let name = TransitionRecord::name(owner.release);
        let Some(journal) = Journal::parse(text) else {
            let what =
                format!("the ConfigMap {name} in namespace {namespace} is not a journal that this version can read");
            return Err(Error::Refused(
                Diagnostic::new(Code::StoredStateInvalid, "", what).hint("use the version that wrote it").into(),
            ));
        };
        let wrong = journal.contradictions();
        if !wrong.is_empty() {
            let what = format!(
                "the ConfigMap {name} in namespace {namespace} is not a journal of a workload migration: {}",
                wrong.join("; ")
            );
            let hint = format!(
                "nothing was changed; this program did not write it: find out who did (`kubectl get configmap {name} \
                 -n {namespace} -o yaml --show-managed-fields`), check the workloads, then \
                 `kubectl delete configmap {name} -n {namespace}`"
            );
            return Err(Error::Refused(Diagnostic::new(Code::StoredStateInvalid, "", what).hint(hint).into()));
        }
        Ok(Some(Self { note, journal }))
    }

    /// A journal that begins, in the place of one that ended.
    pub(crate) fn begin(cluster: &Cluster, owner: Owner<'_>, namespace: &str, journal: Journal) -> Result<Self, Error> {
        let mut log = Self { note: TransitionRecord::read(cluster, owner, namespace)?, journal };
        log.write(cluster, owner, namespace)?;
        Ok(log)
    }

    pub(crate) fn write(&mut self, cluster: &Cluster, owner: Owner<'_>, namespace: &str) -> Result<(), Error> {
        Ok(self.note.write(cluster, owner, namespace, &self.journal.text())?)
    }
}

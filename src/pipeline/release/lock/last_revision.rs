//! The last revision of a release as first read by a run; the lock is taken for it.

use crate::cluster::Timestamp;
use crate::cluster::connect::client::Cluster;
use crate::cluster::state::record::Record;
use crate::helm::{self, Helm, Target};
use crate::pipeline::{Error, Release};
use crate::support::diagnostic::{Code, Diagnostic};

/// The last revision as it was read before the lock was taken.
#[derive(Debug, Default)]
pub(crate) struct LastRevision {
    pub(super) number: u64,
    /// None when there is no release, or when helm keeps its records elsewhere.
    pub(super) record: Option<Record>,
}

impl LastRevision {
    /// The number of the last revision, when it is in place.
    pub(crate) fn deployed(&self) -> Option<u64> {
        self.record.as_ref().filter(|record| record.status == "deployed").map(|record| record.revision)
    }

    /// What helm says of the release, and the record of its last revision, both of one moment.
    pub(crate) fn look(
        helm: &Helm,
        target: &Target,
        cluster: &Cluster,
        release: &Release,
    ) -> Result<(Option<helm::Release>, Self), Error> {
        for _ in 0..3 {
            let Some(last) = helm.status(target)? else { return Ok((None, Self::default())) };
            let record = Record::read(cluster, &release.namespace, &release.name, last.revision)?;
            if record.as_ref().is_none_or(|record| record.status == last.status) {
                let seen = Self { number: last.revision, record };
                return Ok((Some(last), seen));
            }
        }
        Err(changed(release))
    }

    /// Whether helm began its last revision after this moment.
    pub(crate) fn is_newer_than(&self, moment: Timestamp) -> bool {
        self.record.as_ref().and_then(|record| record.changed).is_some_and(|changed| changed > moment)
    }

    /// Whether a helm works on it, or was killed while it did.
    pub(crate) fn is_under_way(&self) -> bool {
        self.record.as_ref().is_some_and(Record::is_under_way)
    }

    /// An error when the release is another one now.
    pub(super) fn still(&self, cluster: &Cluster, release: &Release) -> Result<(), Error> {
        let read = |number| Record::read(cluster, &release.namespace, &release.name, number);
        let same = match &self.record {
            Some(record) => read(self.number)?.is_some_and(|live| live.state() == record.state()),
            None => true,
        };
        if same && read(self.number + 1)?.is_none() {
            return Ok(());
        }
        Err(changed(release))
    }
}

fn changed(release: &Release) -> Error {
    let what = format!("the {} was changed while this run was reading it", release.described());
    Error::Refused(Diagnostic::new(Code::ReleaseChanged, "", what).hint("run again").into())
}

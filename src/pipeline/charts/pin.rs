//! Finds the exact version and the digest of charts for the lock file, and which of them are installed. Writes nothing.

use crate::cluster::connect::environment::Environment;
use crate::external_charts::{Found, Locked, PlannedChart};
use crate::helm::Helm;
use crate::pipeline::engine::run::Limits;
use crate::pipeline::release::charts::fetch::{fetch, newest};
use crate::pipeline::release::charts::look::installed;
use crate::pipeline::release::charts::work::side_by_side;
use crate::pipeline::{Error, Release};
use std::time::Duration;

/// Longest time to find out whether a cluster answers at all.
const REACH: Duration = Duration::from_secs(5);

/// The newest version of each chart that fits what is asked for beside it, and the one that is fetched.
pub(crate) fn newest_of(
    charts: &[(PlannedChart, String)],
    environment: &Environment,
    limits: &Limits,
) -> Result<Vec<String>, Error> {
    let helm = Helm::find(environment)?;
    side_by_side(charts, |(chart, range)| newest(chart, range, &helm, limits))
}

/// Fetches each chart at the version beside it, and says its version and digest.
pub(crate) fn pin(
    charts: &[(PlannedChart, String)],
    environment: &Environment,
    limits: &Limits,
) -> Result<Vec<Locked>, Error> {
    let helm = Helm::find(environment)?;
    side_by_side(charts, |(chart, version)| {
        let exact = PlannedChart { version: Some(version.clone()), locked: None, ..chart.clone() };
        let ready = fetch(&exact, &helm, limits)?;
        Ok(Locked { version: ready.version, digest: format!("sha256:{}", ready.digest) })
    })
}

/// What of the charts is installed, each with whether it is ours. An error when the cluster cannot be asked.
pub(crate) fn installed_charts(
    charts: &[PlannedChart],
    release: &Release,
) -> Result<Vec<Option<(Found, bool)>>, Error> {
    let mut cluster = release.connect()?;
    cluster.set_timeout(REACH);
    cluster.server_version()?;
    let (helm, _) = release.helm()?;
    side_by_side(charts, |chart| {
        let beside = release.beside(&chart.release, &chart.namespace)?;
        let found = installed(&beside, &helm, &beside.target()?, &cluster, false)?;
        Ok(found.map(|found| {
            let ours = found.marks.as_ref().is_some_and(|marks| marks.is_for(&release.name, &release.namespace));
            (found, ours)
        }))
    })
}

//! What the work on charts needs, and what its parts share.

use crate::cluster::connect::client::Cluster;
use crate::external_charts::PlannedChart;
use crate::helm::Helm;
use crate::pipeline::engine::event::Report;
use crate::pipeline::engine::run::Limits;
use crate::pipeline::release::lock::AssumeHelmDead;
use crate::pipeline::{Error, Release};
use std::thread;

/// What the work on charts needs.
pub(crate) struct Work<'a> {
    /// The charts, what needs others after what it needs.
    pub charts: &'a [PlannedChart],
    /// The release that they are installed for.
    pub release: &'a Release,
    /// The application of that release.
    pub application: &'a str,
    pub cluster: &'a Cluster,
    /// The bounds.
    pub limits: &'a Limits<'a>,
    /// Where events go.
    pub report: &'a Report<'a>,
    /// What a user said about helms that cannot be seen from here.
    pub word: AssumeHelmDead,
}

/// Does the same for all, side by side; all errors are told.
pub(crate) fn side_by_side<T: Sync, R: Send>(
    items: &[T],
    act: impl Fn(&T) -> Result<R, Error> + Sync,
) -> Result<Vec<R>, Error> {
    let results: Vec<Result<R, Error>> = thread::scope(|scope| {
        let running: Vec<_> = items.iter().map(|item| scope.spawn(|| act(item))).collect();
        let ended = running.into_iter().map(thread::ScopedJoinHandle::join);
        ended.map(|result| result.unwrap_or_else(|_| Err(Error::Defect("a chart".to_owned())))).collect()
    });
    let (mut good, mut errors) = (Vec::new(), Vec::new());
    for result in results {
        match result {
            Ok(value) => good.push(value),
            Err(error) => errors.push(error),
        }
    }
    match (errors.len(), errors.pop()) {
        (0, _) | (_, None) => Ok(good),
        (1, Some(error)) => Err(error),
        (_, Some(last)) => {
            errors.push(last);
            Err(Error::Several(errors))
        }
    }
}

pub(crate) fn of_chart(work: &Work, chart: &PlannedChart) -> Result<(Release, Helm, crate::helm::Target), Error> {
    let release = work.release.beside(&chart.release, &chart.namespace)?;
    let (helm, target) = release.helm()?;
    Ok((release, helm, target))
}

//! The charts that come with the application, as steps: fetch all, compare with what is installed, then run helm for each.
//!
//! ```text
//! fetch-charts ─> check-charts ─> (preflight … prepare) ─> chart-<name>, phase before ─> helm-deploy ─> chart-<name>, after
//! ```
//! What is to be installed is said by [`PlannedChart`]s, whoever made them. Each is a release of its own with a lock of its
//! own; what was installed stays when a later step fails, and the same command goes on from there.

pub(crate) mod cluster_issuers;
pub(crate) mod fetch;
pub(crate) mod install;
pub(crate) mod look;
pub(crate) mod packed;
pub(crate) mod pin;
pub(crate) mod remove;
pub(crate) mod text;
pub(crate) mod trial;
pub(crate) mod values;
pub(crate) mod wait;

pub use fetch::{Ready, fetch};
pub use look::Decided;
pub use pin::{installed_charts, newest_of, pin};
pub use remove::{Going, Named, Removal, removal, remove};

use super::deploy::Deployment;
use super::{Error, Release, Slot};
use crate::cluster::connect::client::Cluster;
use crate::config::Phase;
use crate::external_charts::{Action, Brought, ISSUERS, PlannedChart};
use crate::helm::Helm;
use crate::k8s::kind::CLAIM;
use crate::k8s::labels;
use crate::k8s::object::{annotation, label};
use crate::pipeline::engine::event::Report;
use crate::pipeline::engine::graph::Step;
use crate::pipeline::engine::run::Limits;
use crate::pipeline::plan::saved::Key;
use crate::pipeline::release::lock::Word;
use serde_json::{Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};
use std::thread;

/// What the steps of the charts leave for each other, in the order of the charts.
#[derive(Default)]
pub struct Charts {
    ready: Slot<Vec<Ready>>,
    decided: Slot<Vec<Decided>>,
    /// The release of issuers that SOURCE names no longer.
    leaving: Slot<Option<Going>>,
}

/// What the work on charts needs.
pub struct Work<'a> {
    /// The charts, what needs others after what it needs.
    pub charts: &'a [PlannedChart],
    /// The release that they are installed for.
    pub release: &'a Release,
    /// The application of that release.
    pub application: &'a str,
    /// The cluster.
    pub cluster: &'a Cluster,
    /// The bounds.
    pub limits: &'a Limits<'a>,
    /// Where events go.
    pub report: &'a Report<'a>,
    /// What a person said about helms that nobody can see from here.
    pub word: Word,
}

/// The name of the step that fetches.
const FETCH: &str = "fetch-charts";
/// The name of the step that compares.
const CHECK: &str = "check-charts";

/// What a plan says of one chart.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ChartChange {
    /// Its name among the charts.
    pub name: String,
    /// Release name.
    pub release: String,
    /// Namespace.
    pub namespace: String,
    /// The version that is to be there.
    pub version: String,
    /// What would be done, in words.
    pub action: String,
    /// Whether that is a change.
    pub changes: bool,
}

/// The steps that only read, when there are charts.
pub fn reading<'a>(charts: &[PlannedChart]) -> Vec<Step<'a, Deployment<'a>>> {
    if charts.is_empty() {
        return Vec::new();
    }
    let needs = ["check-helm-prereqs-kubernetes"];
    vec![
        Step::new(FETCH, "fetch every chart and check it against the lock file", &needs, Deployment::fetch_charts),
        Step::new(
            CHECK,
            "compare the charts with what is installed",
            &["process-parameters"],
            Deployment::check_charts,
        ),
    ]
}

/// The step that fetches, when there are charts.
pub fn fetched(charts: &[PlannedChart]) -> Option<&'static str> {
    (!charts.is_empty()).then_some(FETCH)
}

/// What waits for the last of the steps that only read.
pub fn known<'n>(charts: &[PlannedChart]) -> Vec<&'n str> {
    if charts.is_empty() { vec!["process-parameters"] } else { vec!["process-parameters", CHECK] }
}

/// One step a chart of a phase: after `first`, and after the charts that it needs.
pub fn steps<'a>(charts: &[PlannedChart], phase: Phase, first: &str) -> Vec<Step<'a, Deployment<'a>>> {
    let of_phase = charts.iter().enumerate().filter(|(_, chart)| chart.phase == phase);
    let step = |(index, chart): (usize, &PlannedChart)| {
        let needs: Vec<String> =
            charts.iter().filter(|other| chart.needs.contains(&other.name)).map(PlannedChart::step).collect();
        let needs: Vec<&str> = std::iter::once(first).chain(needs.iter().map(String::as_str)).collect();
        let description = if chart.tried {
            "make the issuers of certificates, and wait until they are ready".to_owned()
        } else {
            format!("install chart {}", chart.described())
        };
        Step::new(chart.step(), description, &needs, move |deployment: &Deployment| deployment.install_chart(index))
    };
    of_phase.map(step).collect()
}

/// The name of the step that removes issuers.
const REMOVE_ISSUERS: &str = "remove-issuers-kubernetes";

/// The step that removes the issuers, where there are none any more, once the application takes them no longer.
pub fn removing<'a>(charts: &[PlannedChart]) -> Option<Step<'a, Deployment<'a>>> {
    let text = "uninstall the issuers of certificates, where aspire-k8s.yaml names none any more";
    let step = || Step::new(REMOVE_ISSUERS, text, &["helm-deploy-kubernetes"], Deployment::remove_leaving);
    charts.iter().all(|chart| chart.name != ISSUERS).then(step)
}

/// Names of the steps of a phase, for what waits for all of them.
pub fn names(charts: &[PlannedChart], phase: Phase) -> Vec<String> {
    charts.iter().filter(|chart| chart.phase == phase).map(PlannedChart::step).collect()
}

impl Deployment<'_> {
    fn work(&self) -> Result<Work<'_>, Error> {
        Ok(Work {
            charts: self.request.charts,
            release: self.release,
            application: &self.request.plan.application_id,
            cluster: self.cluster.get()?,
            limits: self.limits,
            report: self.report,
            word: self.hold.word,
        })
    }

    fn fetch_charts(&self) -> Result<(), Error> {
        let (helm, _) = self.helm.get()?;
        let ready = side_by_side(self.request.charts, |chart| fetch(chart, helm, self.limits))?;
        self.charts.ready.put(ready);
        Ok(())
    }

    fn check_charts(&self) -> Result<(), Error> {
        let (helm, _) = self.helm.get()?;
        let (work, ready) = (self.work()?, self.charts.ready.get()?);
        let known = self.known_values()?;
        let indexed: Vec<usize> = (0..work.charts.len()).collect();
        let decided = side_by_side(&indexed, |index| work.decide(*index, &ready[*index], helm, &known))?;
        work.check_served(&decided)?;
        self.charts.decided.put(decided);
        Ok(())
    }

    fn install_chart(&self, index: usize) -> Result<(), Error> {
        let (work, ready, decided) = (self.work()?, self.charts.ready.get()?, self.charts.decided.get()?);
        self.hold.check()?;
        work.install(index, &ready[index], &decided[index], &self.known_values()?)
    }

    /// Looks whether the issuers leave. A chart that was rendered before names none, and leaves them as they are.
    pub fn look_for_leaving(&self) -> Result<(), Error> {
        let request = self.request;
        let named = request.charts.iter().any(|chart| chart.name == ISSUERS);
        let leaving = if named || !request.names_charts {
            None
        } else {
            remove::leaving(self.release, &request.plan.application_id, self.cluster.get()?)?
        };
        self.charts.leaving.put(leaving);
        Ok(())
    }

    /// The release of the issuers that leave, with what helm deletes.
    pub fn issuers_that_leave(&self) -> Option<String> {
        self.charts.leaving.find()?.as_ref().map(remove::Going::line)
    }

    /// The application takes them no longer.
    pub fn remove_leaving(&self) -> Result<(), Error> {
        let Some(Some(going)) = self.charts.leaving.find() else { return Ok(()) };
        self.hold.check()?;
        self.work()?.uninstall(going)
    }

    /// Charts that have claims, as the Secret remembers charts: a value that their data was set up with must not change unseen.
    pub fn charts_with_data(&self) -> Result<BTreeSet<String>, Error> {
        let cluster = self.cluster.get()?;
        let mut found = BTreeSet::new();
        for chart in self.request.charts.iter().filter(|chart| !chart.values_from.is_empty()) {
            let claims = cluster.list(&CLAIM, &chart.namespace, "")?;
            let of_chart = |claim: &Json| {
                [label(claim, labels::INSTANCE), label(claim, "release"), annotation(claim, labels::RELEASE_NAME)]
                    .contains(&Some(&chart.release))
            };
            found.extend(
                Some(crate::pipeline::release::values::remembered(chart)).filter(|_| claims.iter().any(of_chart)),
            );
        }
        Ok(found)
    }

    /// The inputs that charts take, as far as they are known.
    fn known_values(&self) -> Result<values::Known<'_>, Error> {
        let (request, settled) = (self.request, self.settled.get()?);
        Ok(values::Known { app: request.app, plan: request.plan, settled, release: &self.release.name })
    }

    /// Definitions of kinds that the charts of phase before are about to bring.
    pub fn brought(&self) -> Vec<Brought> {
        let decided = self.charts.decided.find().into_iter().flatten();
        decided.flat_map(|decided| decided.brought.iter().cloned()).collect()
    }

    /// Whether a chart is about to bring a kind.
    pub fn is_brought(&self, version: &str, kind: &str) -> bool {
        self.brought().iter().any(|brought| brought.defines(version, kind))
    }

    /// What would be done about the charts.
    pub fn chart_changes(&self) -> Vec<ChartChange> {
        let decided = self.charts.decided.find().into_iter().flatten();
        let change = |(chart, decided): (&PlannedChart, &Decided)| ChartChange {
            name: chart.name.clone(),
            release: chart.release.clone(),
            namespace: chart.namespace.clone(),
            version: decided.version.clone(),
            action: decided.action.described(&decided.version),
            changes: decided.action.is_change(),
        };
        let leaving = self.charts.leaving.find().into_iter().flatten().map(|going| ChartChange {
            name: ISSUERS.to_owned(),
            release: going.name.clone(),
            namespace: going.namespace.clone(),
            version: String::new(),
            action: format!("uninstall with {}: aspire-k8s.yaml names no issuers any more", going.objects()),
            changes: true,
        });
        self.request.charts.iter().zip(decided).map(change).chain(leaving).collect()
    }

    /// What a saved plan remembers of the charts: bytes, state, and what stands in files of their values.
    pub fn chart_states(&self, key: &Key) -> BTreeMap<String, String> {
        let (ready, decided) = (self.charts.ready.find(), self.charts.decided.find());
        let both = ready.into_iter().flatten().zip(decided.into_iter().flatten());
        let state = |(chart, (ready, decided)): (&PlannedChart, (&Ready, &Decided))| {
            let is_foreign = matches!(decided.action, Action::LeftAlone | Action::Used);
            let action = if is_foreign { "left alone" } else { "ours" };
            let written = format!("{:?} {:?} {:?}", chart.values_files, json!(chart.values), chart.values_from);
            let (revision, values) = (decided.revision.unwrap_or_default(), key.digest(written.as_bytes()));
            (chart.name.clone(), format!("{} revision {revision} {action} {values}", ready.digest))
        };
        let leaving = self.charts.leaving.find().into_iter().flatten();
        let leaving = leaving.map(|going| (ISSUERS.to_owned(), format!("leaves with {}", going.objects())));
        self.request.charts.iter().zip(both).map(state).chain(leaving).collect()
    }
}

/// Does the same for all, side by side; all errors are told.
fn side_by_side<T: Sync, R: Send>(items: &[T], act: impl Fn(&T) -> Result<R, Error> + Sync) -> Result<Vec<R>, Error> {
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

/// A definition by its name, and objects of kinds that nobody looks up twice.
fn condition(object: &Json, wanted: &str) -> bool {
    let conditions = object["status"]["conditions"].as_array().into_iter().flatten();
    conditions.into_iter().any(|condition| condition["type"] == wanted && condition["status"] == "True")
}

/// The helm and the target of the release of a chart.
fn of_chart(work: &Work, chart: &PlannedChart) -> Result<(Release, Helm, crate::helm::Target), Error> {
    let release = work.release.beside(&chart.release, &chart.namespace)?;
    let (helm, target) = release.helm()?;
    Ok((release, helm, target))
}

//! The third-party charts of the application, as steps: download all, compare with what is installed, then run helm for
//! each.
//!
//! ```text
//! fetch-charts ─> check-charts ─> (preflight … prepare) ─> chart-<name>, phase before ─> helm-deploy ─> chart-<name>, after
//! ```
//! [`PlannedChart`]s define what is installed. Each is a release of its own with a lock of its own. If a later step
//! fails, installed charts stay, and the same command continues from there.

use super::change::ChartChange;
use super::decided::Decided;
use super::fetch::{Ready, fetch};
use super::work::{Work, side_by_side};
use super::{remove, values};
use crate::config::Phase;
use crate::external_charts::{Action, ISSUERS, PlannedChart, ProvidedCrd};
use crate::k8s::kind::CLAIM;
use crate::k8s::labels;
use crate::k8s::object::{annotation, label};
use crate::pipeline::Error;
use crate::pipeline::engine::graph::Step;
use crate::pipeline::release::deploy_run::DeployRun;
use crate::pipeline::release::saved_plan::Key;
use serde_json::{Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};

/// The name of the step that fetches.
const FETCH: &str = "fetch-charts";
/// The name of the step that compares.
const CHECK: &str = "check-charts";

/// The steps that only read, when there are charts.
pub(crate) fn reading<'a>(charts: &[PlannedChart]) -> Vec<Step<'a, DeployRun<'a>>> {
    if charts.is_empty() {
        return Vec::new();
    }
    let needs = ["check-helm-prereqs-kubernetes"];
    vec![
        Step::new(FETCH, "download every chart and compare it with the lock file", &needs, DeployRun::fetch_charts),
        Step::new(CHECK, "compare the charts with what is installed", &["process-parameters"], DeployRun::check_charts),
    ]
}

/// The step that fetches, when there are charts.
pub(crate) fn fetched(charts: &[PlannedChart]) -> Option<&'static str> {
    (!charts.is_empty()).then_some(FETCH)
}

/// What waits for the last of the steps that only read.
pub(crate) fn known<'n>(charts: &[PlannedChart]) -> Vec<&'n str> {
    if charts.is_empty() { vec!["process-parameters"] } else { vec!["process-parameters", CHECK] }
}

/// One step a chart of a phase: after `first`, and after the charts that it needs.
pub(crate) fn steps<'a>(charts: &[PlannedChart], phase: Phase, first: &str) -> Vec<Step<'a, DeployRun<'a>>> {
    let of_phase = charts.iter().enumerate().filter(|(_, chart)| chart.phase == phase);
    let step = |(index, chart): (usize, &PlannedChart)| {
        let needs: Vec<String> =
            charts.iter().filter(|other| chart.needs.contains(&other.name)).map(PlannedChart::step).collect();
        let needs: Vec<&str> = std::iter::once(first).chain(needs.iter().map(String::as_str)).collect();
        let description = if chart.tried {
            "create the issuers of certificates, and wait until they are ready".to_owned()
        } else {
            format!("install chart {}", chart.described())
        };
        Step::new(chart.step(), description, &needs, move |deployment: &DeployRun| deployment.install_chart(index))
    };
    of_phase.map(step).collect()
}

/// The name of the step that removes issuers.
const REMOVE_ISSUERS: &str = "remove-issuers-kubernetes";

/// The step that removes the issuers, where there are none any more, once the application takes them no longer.
pub(crate) fn removing<'a>(charts: &[PlannedChart]) -> Option<Step<'a, DeployRun<'a>>> {
    let text = "uninstall the issuers of certificates, if aspire-k8s.yaml no longer has any";
    let step = || Step::new(REMOVE_ISSUERS, text, &["helm-deploy-kubernetes"], DeployRun::remove_leaving);
    charts.iter().all(|chart| chart.name != ISSUERS).then(step)
}

/// Names of the steps of a phase, for what waits for all of them.
pub(crate) fn names(charts: &[PlannedChart], phase: Phase) -> Vec<String> {
    charts.iter().filter(|chart| chart.phase == phase).map(PlannedChart::step).collect()
}

impl DeployRun<'_> {
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
    pub(crate) fn look_for_leaving(&self) -> Result<(), Error> {
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
    pub(crate) fn issuers_that_leave(&self) -> Option<String> {
        self.charts.leaving.find()?.as_ref().map(remove::Going::line)
    }

    /// The application takes them no longer.
    pub(crate) fn remove_leaving(&self) -> Result<(), Error> {
        let Some(Some(going)) = self.charts.leaving.find() else { return Ok(()) };
        self.hold.check()?;
        self.work()?.uninstall(going)
    }

    /// Charts that have claims, as the Secret remembers charts: a value that their data was set up with must not change unseen.
    pub(crate) fn charts_with_data(&self) -> Result<BTreeSet<String>, Error> {
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
    pub(crate) fn provided_crds(&self) -> Vec<ProvidedCrd> {
        let decided = self.charts.decided.find().into_iter().flatten();
        decided.flat_map(|decided| decided.provided_crds.iter().cloned()).collect()
    }

    /// Whether a chart is about to bring a kind.
    pub(crate) fn is_provided(&self, version: &str, kind: &str) -> bool {
        self.provided_crds().iter().any(|crd| crd.defines(version, kind))
    }

    /// What would be done about the charts.
    pub(crate) fn chart_changes(&self) -> Vec<ChartChange> {
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
            action: format!("uninstall with {}: aspire-k8s.yaml no longer has issuers", going.objects()),
            changes: true,
        });
        self.request.charts.iter().zip(decided).map(change).chain(leaving).collect()
    }

    /// What a saved plan remembers of the charts: bytes, state, and what stands in files of their values.
    pub(crate) fn chart_states(&self, key: &Key) -> BTreeMap<String, String> {
        let (ready, decided) = (self.charts.ready.find(), self.charts.decided.find());
        let both = ready.into_iter().flatten().zip(decided.into_iter().flatten());
        let state = |(chart, (ready, decided)): (&PlannedChart, (&Ready, &Decided))| {
            let is_foreign = matches!(decided.action, Action::LeftAlone | Action::Used);
            let action = if is_foreign { "left alone" } else { "ours" };
            let written = json!([chart.values_files, chart.values, chart.values_from]).to_string();
            let (revision, values) = (decided.revision.unwrap_or_default(), key.digest(written.as_bytes()));
            (chart.name.clone(), format!("{} revision {revision} {action} {values}", ready.digest))
        };
        let leaving = self.charts.leaving.find().into_iter().flatten();
        let leaving = leaving.map(|going| (ISSUERS.to_owned(), format!("deleted with {}", going.objects())));
        self.request.charts.iter().zip(both).map(state).chain(leaving).collect()
    }
}

//! Deploy, step by step: settle the inputs, check the cluster, write the Secret, run helm.
//!
//! Here is which step waits for which, and what steps share; what each does is in the modules below.

pub(crate) mod act;
pub(crate) mod ending;
pub(crate) mod host_names;
pub(crate) mod hosts;
pub(crate) mod kinds;
pub(crate) mod look;
pub(crate) mod resolve_inputs;

use super::charts::{self, Charts};
use super::plan::Planned;
use super::{Error, Random, Release, Slot};
use crate::app::App;
use crate::cluster::connect::client::Cluster;
use crate::cluster::state::remembered::State;
use crate::cluster::state::secret::Change;
use crate::config::Phase;
use crate::diff::Object;
use crate::external_charts::PlannedChart;
use crate::helm::{Helm, Target};
use crate::inputs::{Given, Settled};
use crate::k8s::ownership::Owner;
use crate::pipeline::deploy::host_names::Hosts;
use crate::pipeline::deploy::resolve_inputs::{Ask, Rotation};
use crate::pipeline::engine::event::{Report, say, warn};
use crate::pipeline::engine::graph::{Graph, Step};
use crate::pipeline::engine::run::{Conduct, Limits, run};
use crate::pipeline::plan::saved::Saved;
use crate::pipeline::release::installation::Installation;
use crate::pipeline::release::lock::Hold;
use crate::pipeline::release::migration::consent::{Agreed, Consent};
use crate::pipeline::release::snapshot::Before;
use crate::support::diagnostic::Problem;
use crate::targets::kubernetes::Plan;
use crate::targets::kubernetes::chart::Chart;
use serde_json::Value as Json;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::time::Duration;
use tempfile::TempDir;

/// How long helm waits for the workloads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// Not at all.
    No,
    /// Until they are ready or time is up.
    UntilReady,
    /// Until they are ready or one shows what will not mend itself.
    UntilHopeless,
}

impl Wait {
    /// Whether helm waits at all.
    pub fn waits(self) -> bool {
        self != Self::No
    }
}

/// What to deploy.
pub struct Deploy<'a> {
    /// The application, with the values of the chosen environment.
    pub app: &'a App,
    /// Its plan.
    pub plan: &'a Plan,
    /// Its chart.
    pub chart: &'a Chart,
    /// Other people's charts that are installed with it, what needs others after what it needs.
    pub charts: &'a [PlannedChart],
    /// Whether SOURCE says which charts there are; one that was rendered before does not.
    pub names_charts: bool,
    /// The chosen environment and what it changes of the chart's values.
    pub environment: Option<(String, Json)>,
    /// Values that a person gave.
    pub given: Given,
    /// Secrets that are replaced.
    pub rotation: Rotation,
    /// How long to wait for the workloads.
    pub wait: Wait,
    /// The plan that was looked at: exactly that is deployed, or nothing.
    pub approved: Option<&'a Saved>,
    /// Whether to go back to the last good revision when helm fails.
    pub roll_back: bool,
    /// Whether a person knows that no other helm works on the release.
    pub assume_helm_dead: bool,
    /// Checks, of [`crate::doctor::MAY_BE_WRONG`], that a person knows better than.
    pub ignored: Vec<String>,
    /// Flags for `helm upgrade` that a person added; [`crate::helm::checked_arguments()`] let them through.
    pub helm_arguments: Vec<String>,
    /// What was agreed to, should a workload change its kind.
    pub consent: Consent,
}

/// What the steps of one deploy share.
pub struct Deployment<'a> {
    pub(super) request: &'a Deploy<'a>,
    pub(super) release: &'a Release,
    /// Whether it is a deploy, not only a look at what one would do.
    writes: bool,
    ask: &'a Ask<'a>,
    random: &'a Random<'a>,
    pub(super) report: &'a Report<'a>,
    pub(super) limits: &'a Limits<'a>,
    pub(super) helm: Slot<(Helm, Target)>,
    pub(super) cluster: Slot<Cluster>,
    pub(super) before: Slot<Before>,
    pub(super) chart: Slot<TempDir>,
    pub(super) settled: Slot<Settled>,
    pub(super) charts: Charts,
    /// The objects of the chart, as they were looked at before anything is confirmed.
    foreseen: Slot<Vec<Json>>,
    /// The objects that helm will delete.
    goes: Slot<Vec<Object>>,
    kube_version: Slot<Vec<String>>,
    pub(super) hold: Hold,
    /// A change of kinds that was agreed to.
    agreed: Mutex<Option<Agreed>>,
    /// A workload migration was begun, and is not at its end.
    migrates: AtomicBool,
    /// The number of the newest revision, as far as this run knows: helm's next one is the one after it.
    newest: AtomicU64,
    written: Mutex<Written>,
    /// Helm was started: from here on the release may have changed.
    tried: Slot<()>,
    deployed: Slot<()>,
    /// Hosts of routes, once they were looked for.
    found: Slot<Hosts>,
    pub(super) planned: Slot<Planned>,
    /// The time that the whole was given.
    time: Duration,
    rolled_back: Slot<Option<u64>>,
}

/// What was written before helm ran.
#[derive(Default)]
struct Written {
    state: Option<State>,
    change: Option<Change>,
}

/// The steps that only read: all that is known before anything is checked or written.
pub(super) fn reading<'a>(charts: &[PlannedChart]) -> Vec<Step<'a, Deployment<'a>>> {
    // Nothing else goes on, and nothing is said, while a person is asked.
    let before_asking: Vec<&str> = ["check-helm-prereqs-kubernetes", "check-cluster-kubernetes", "publish-kubernetes"]
        .into_iter()
        .chain(charts::fetched(charts))
        .collect();
    let mut steps = vec![
        Step::new("check-helm-prereqs-kubernetes", "find helm and check its version", &[], Deployment::find_helm),
        Step::new("check-cluster-kubernetes", "read what the cluster holds of the release", &[], Deployment::look),
        Step::new("publish-kubernetes", "write the chart for helm", &[], Deployment::publish),
        Step::new(
            "process-parameters",
            "settle the value of every input, and ask for what is missing",
            &before_asking,
            Deployment::settle,
        ),
    ];
    steps.extend(charts::reading(charts));
    steps
}

/// The steps of a deploy with these charts.
pub fn steps<'a>(charts: &[PlannedChart]) -> Result<Graph<'a, Deployment<'a>>, Problem> {
    let mut steps = reading(charts);
    let installed = charts::names(charts, Phase::Before);
    let prepared: Vec<&str> =
        std::iter::once("prepare-kubernetes").chain(installed.iter().map(String::as_str)).collect();
    let all = [charts::names(charts, Phase::Before), charts::names(charts, Phase::After)].concat();
    let removing = charts::removing(charts);
    let removed = removing.as_ref().map(|step| step.listed.name.clone());
    let done = ["find-hosts-kubernetes"].into_iter().chain(all.iter().chain(&removed).map(String::as_str));
    let done: Vec<&str> = done.collect();
    steps.extend([
        Step::new(
            "preflight-kubernetes",
            "check all that could stop helm, before anything is written",
            &charts::known(charts),
            Deployment::check,
        ),
        Step::new(
            "confirm-kubernetes",
            "show a change of kinds, where there is one, and have it confirmed",
            &["preflight-kubernetes"],
            Deployment::confirm,
        ),
        Step::new(
            "lock-kubernetes",
            "make the namespace, take the Lease of the release, free it from a helm that was killed",
            &["confirm-kubernetes"],
            Deployment::lock,
        )
        .at_end(|deployment, _| deployment.hold.release()),
        Step::new(
            "prepare-kubernetes",
            "write remembered values and Secret",
            &["lock-kubernetes"],
            Deployment::prepare,
        )
        .at_end(Deployment::keep_or_take_back),
        Step::new("helm-deploy-kubernetes", "run helm upgrade --install", &prepared, Deployment::upgrade),
        Step::new(
            "find-hosts-kubernetes",
            "find the hosts of routes that have none, and have helm write them",
            &["helm-deploy-kubernetes"],
            Deployment::find_hosts,
        ),
        Step::new("print-kubernetes-summary", "say where the application can be reached", &done, Deployment::summarise)
            .free(),
    ]);
    steps.extend(removing);
    steps.extend(charts::steps(charts, Phase::Before, "prepare-kubernetes"));
    steps.extend(charts::steps(charts, Phase::After, "helm-deploy-kubernetes"));
    Graph::new(steps)
}

/// Deploys the application.
pub fn deploy(request: &Deploy, release: &Release, ask: &Ask, random: &Random, conduct: &Conduct) -> Result<(), Error> {
    let (graph, report, limits) = (steps(request.charts)?.part(conduct.only)?, conduct.report, &conduct.limits);
    say(report, format!("deploying to {}", release.described()));
    let deployment = Deployment::new(request, release, true, ask, random, conduct);
    let ended = run(&graph, &deployment, report, limits);
    match (ended, deployment.rolled_back.find()) {
        (Err(error), Some(Some(revision))) => Err(Error::RolledBack { error: Box::new(error), revision: *revision }),
        (Err(error), Some(None)) => {
            warn(report, deployment.left_as_it_is());
            Err(error)
        }
        (ended, _) => ended,
    }
}

impl<'a> Deployment<'a> {
    pub(super) fn new(
        request: &'a Deploy<'a>,
        release: &'a Release,
        writes: bool,
        ask: &'a Ask<'a>,
        random: &'a Random<'a>,
        conduct: &'a Conduct<'a>,
    ) -> Self {
        Self {
            request,
            release,
            writes,
            ask,
            random,
            report: conduct.report,
            limits: &conduct.limits,
            helm: Slot::default(),
            cluster: Slot::default(),
            before: Slot::default(),
            chart: Slot::default(),
            settled: Slot::default(),
            charts: Charts::default(),
            foreseen: Slot::default(),
            goes: Slot::default(),
            kube_version: Slot::default(),
            hold: Hold::new(request.assume_helm_dead, &conduct.limits),
            agreed: Mutex::default(),
            migrates: AtomicBool::default(),
            newest: AtomicU64::default(),
            written: Mutex::default(),
            tried: Slot::default(),
            deployed: Slot::default(),
            found: Slot::default(),
            planned: Slot::default(),
            time: conduct.limits.left(),
            rolled_back: Slot::default(),
        }
    }
}

impl Deployment<'_> {
    fn owner(&self) -> Owner<'_> {
        Owner { release: &self.release.name, application: &self.request.plan.application_id }
    }

    pub(super) fn installation(&self) -> Result<Installation<'_>, Error> {
        let (helm, target) = self.helm.get()?;
        let (cluster, release, report) = (self.cluster.get()?, self.release, self.report);
        Ok(Installation { cluster, helm, target, release, owner: self.owner(), report })
    }

    fn say(&self, text: impl Into<String>) {
        say(self.report, text);
    }
}

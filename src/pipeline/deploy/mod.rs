//! Deploy, step by step: resolve the inputs, check the cluster, write the Secret, run helm.
//!
//! This file has the dependencies of the steps and what they share; the modules below have the steps.

pub(crate) mod act;
pub(crate) mod ending;
pub(crate) mod hosts;
pub(crate) mod migration;

use super::release::charts::steps as charts;
use super::release::deploy_request::{Ask, Deploy};
use super::release::deploy_run::DeployRun;
use super::release::reading::reading;
use super::{Error, Random, Release};
use crate::config::Phase;
use crate::external_charts::PlannedChart;
use crate::pipeline::engine::event::{say, warn};
use crate::pipeline::engine::graph::{Graph, Step};
use crate::pipeline::engine::run::{RunOptions, run};
use crate::support::diagnostic::{Code, Diagnostic};

/// The steps of a deploy with these charts.
pub(crate) fn steps<'a>(charts: &[PlannedChart]) -> Result<Graph<'a, DeployRun<'a>>, Diagnostic> {
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
            "run the preflight checks, before anything is written",
            &charts::known(charts),
            DeployRun::check,
        ),
        Step::new(
            "confirm-kubernetes",
            "show a workload migration, if there is one, and ask for confirmation",
            &["preflight-kubernetes"],
            DeployRun::confirm,
        ),
        Step::new(
            "lock-kubernetes",
            "create the namespace, take the Lease of the release, recover from a killed helm process",
            &["confirm-kubernetes"],
            DeployRun::lock,
        )
        .at_end(|deployment, _| deployment.hold.release()),
        Step::new(
            "prepare-kubernetes",
            "write the stored values and the Secret",
            &["lock-kubernetes"],
            DeployRun::prepare,
        )
        .at_end(DeployRun::keep_or_take_back),
        Step::new("helm-deploy-kubernetes", "run helm upgrade --install", &prepared, DeployRun::upgrade),
        Step::new(
            "find-hosts-kubernetes",
            "discover the hosts of routes that have none, and write them with helm",
            &["helm-deploy-kubernetes"],
            DeployRun::find_hosts,
        ),
        Step::new("print-kubernetes-summary", "print the endpoints of the application", &done, DeployRun::summarise)
            .free(),
    ]);
    steps.extend(removing);
    steps.extend(charts::steps(charts, Phase::Before, "prepare-kubernetes"));
    steps.extend(charts::steps(charts, Phase::After, "helm-deploy-kubernetes"));
    Graph::new(steps)
}

/// Deploys the application.
pub(crate) fn deploy(
    request: &Deploy,
    release: &Release,
    ask: &Ask,
    random: &Random,
    conduct: &RunOptions,
) -> Result<(), Error> {
    let (graph, report, limits) = (steps(request.charts)?.part(conduct.only)?, conduct.report, &conduct.limits);
    say(report, format!("deploying to {}", release.described()));
    let deployment = DeployRun::new(request, release, true, ask, random, conduct);
    let ended = run(&graph, &deployment, report, limits);
    match (ended, deployment.rolled_back.find()) {
        (Err(error), Some(Some(revision))) => Err(Error::RolledBack { error: Box::new(error), revision: *revision }),
        (Err(error), Some(None)) => {
            warn(report, Code::ReleaseUnchanged, deployment.left_as_it_is());
            Err(error)
        }
        (ended, _) => ended,
    }
}

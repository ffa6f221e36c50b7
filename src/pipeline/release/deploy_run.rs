//! What the steps of one deploy, or of its plan, share.

use super::compatibility::Number;
use super::deploy_request::{Ask, Deploy};
use super::host_names::Hosts;
use super::installation::Installation;
use super::lock::LockGuard;
use super::migration::consent::Agreed;
use super::planned::Planned;
use super::snapshot::ReleaseSnapshot;
use crate::cluster::connect::client::Cluster;
use crate::cluster::state::remembered::State;
use crate::cluster::state::secret::Change;
use crate::diff::Object;
use crate::helm::{Helm, Target};
use crate::inputs::Settled;
use crate::k8s::ownership::Owner;
use crate::pipeline::engine::event::{Report, say};
use crate::pipeline::engine::run::{Limits, RunOptions};
use crate::pipeline::release::charts::state::Charts;
use crate::pipeline::{Error, Random, Release, Slot};
use serde_json::Value as Json;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::time::Duration;
use tempfile::TempDir;

/// What the steps of one deploy share.
pub(crate) struct DeployRun<'a> {
    pub(in crate::pipeline) request: &'a Deploy<'a>,
    pub(in crate::pipeline) release: &'a Release,
    /// Whether it is a deploy, not only a look at what one would do.
    pub(in crate::pipeline) writes: bool,
    pub(in crate::pipeline) ask: &'a Ask<'a>,
    pub(in crate::pipeline) random: &'a Random<'a>,
    pub(in crate::pipeline) report: &'a Report<'a>,
    pub(in crate::pipeline) limits: &'a Limits<'a>,
    pub(in crate::pipeline) helm: Slot<(Helm, Target)>,
    pub(in crate::pipeline) cluster: Slot<Cluster>,
    pub(in crate::pipeline) before: Slot<ReleaseSnapshot>,
    pub(in crate::pipeline) defaults: Slot<Number>,
    pub(in crate::pipeline) chart: Slot<TempDir>,
    pub(in crate::pipeline) settled: Slot<Settled>,
    pub(in crate::pipeline) charts: Charts,
    /// The objects of the chart, as they were looked at before anything is confirmed.
    pub(in crate::pipeline) foreseen: Slot<Vec<Json>>,
    /// The objects that helm will delete.
    pub(in crate::pipeline) goes: Slot<Vec<Object>>,
    pub(in crate::pipeline) kube_version: Slot<Vec<String>>,
    pub(in crate::pipeline) hold: LockGuard,
    /// A workload migration that was agreed to.
    pub(in crate::pipeline) agreed: Mutex<Option<Agreed>>,
    /// A workload migration was begun, and is not at its end.
    pub(in crate::pipeline) migrates: AtomicBool,
    /// The number of the newest revision, as far as this run knows: helm's next one is the one after it.
    pub(in crate::pipeline) newest: AtomicU64,
    pub(in crate::pipeline) written: Mutex<Written>,
    /// Helm was started: from here on the release may have changed.
    pub(in crate::pipeline) tried: Slot<()>,
    pub(in crate::pipeline) deployed: Slot<()>,
    /// Hosts of routes, once they were looked for.
    pub(in crate::pipeline) found: Slot<Hosts>,
    pub(in crate::pipeline) planned: Slot<Planned>,
    /// The time that the whole was given.
    pub(in crate::pipeline) time: Duration,
    pub(in crate::pipeline) rolled_back: Slot<Option<u64>>,
}

/// What was written before helm ran.
#[derive(Default)]
pub(crate) struct Written {
    pub(in crate::pipeline) state: Option<State>,
    pub(in crate::pipeline) change: Option<Change>,
}

impl<'a> DeployRun<'a> {
    pub(in crate::pipeline) fn new(
        request: &'a Deploy<'a>,
        release: &'a Release,
        writes: bool,
        ask: &'a Ask<'a>,
        random: &'a Random<'a>,
        conduct: &'a RunOptions<'a>,
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
            defaults: Slot::default(),
            chart: Slot::default(),
            settled: Slot::default(),
            charts: Charts::default(),
            foreseen: Slot::default(),
            goes: Slot::default(),
            kube_version: Slot::default(),
            hold: LockGuard::new(request.assume_helm_dead, &conduct.limits),
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

impl DeployRun<'_> {
    pub(in crate::pipeline) fn owner(&self) -> Owner<'_> {
        Owner { release: &self.release.name, application: &self.request.plan.application_id }
    }

    pub(in crate::pipeline) fn installation(&self) -> Result<Installation<'_>, Error> {
        let (helm, target) = self.helm.get()?;
        let (cluster, release, report) = (self.cluster.get()?, self.release, self.report);
        Ok(Installation { cluster, helm, target, release, owner: self.owner(), report })
    }

    pub(in crate::pipeline) fn say(&self, text: impl Into<String>) {
        say(self.report, text);
    }
}

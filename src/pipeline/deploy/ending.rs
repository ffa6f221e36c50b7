//! How a deploy ends: its writes are kept or reverted, the release is rolled back, the result is reported.

use crate::cluster::api::objects::Objects;
use crate::cluster::connect::client::Cluster;
use crate::cluster::state::remembered::State;
use crate::helm::Options;
use crate::pipeline::engine::event::warn;
use crate::pipeline::engine::graph::Ended;
use crate::pipeline::release::deploy_run::{DeployRun, Written};
use crate::pipeline::release::endpoints::Endpoint;
use crate::pipeline::release::helm_rollback;
use crate::pipeline::release::jobs::Jobs;
use crate::pipeline::release::migration::consent::Agreed;
use crate::pipeline::release::migration::driver::Way;
use crate::pipeline::release::{chart_secret, external_secrets, jobs};
use crate::pipeline::release::{endpoints, renewed};
use crate::pipeline::{Error, Release};
use crate::support::diagnostic::Code;
use crate::targets::kubernetes::{ObjectName, Plan, PlannedWorkload};
use serde_json::Value as Json;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

impl DeployRun<'_> {
    /// The release is good, or secrets and values are those from before again. The state of a first install stays, because
    /// it says whose release it is. Where helm was not to run, what was written waits for the next deploy.
    pub(super) fn keep_or_take_back(&self, ended: Ended) -> Result<(), Error> {
        let Some(cluster) = self.cluster.find() else { return Ok(()) };
        self.hold.check()?;
        if self.deployed.find().is_some() {
            let Written { state, change } = self.take_written();
            if let Some(mut state) = state {
                state.foreign = external_secrets::used(self.request.plan, &self.release.name);
                self.remember_jobs(cluster, &mut state)?;
                state.write(cluster, self.owner(), &self.release.namespace)?;
            }
            if !self.request.wait.waits() {
                // Old pods may still run, and a container that restarts reads its secrets again.
                return Ok(change.map_or(Ok(()), |change| change.keep_leaving(cluster))?);
            }
            if let Some(change) = change {
                change.commit(cluster)?;
            }
            let settled = self.settled.get()?;
            chart_secret::keep_only(cluster, self.release, |name| settled.chart_secret.contains_key(name))?;
            external_secrets::remove(cluster, self.release, Some(self.request.plan))?;
        } else if ended == Ended::Badly && !self.migrates.load(Ordering::SeqCst) {
            // A workload migration that stopped half way is resumed, or rolled back with what was before.
            self.take_back(cluster)?;
            self.remember_jobs_of_failure(cluster)?;
            self.roll_back()?;
        }
        Ok(())
    }

    fn remember_jobs(&self, cluster: &Cluster, state: &mut State) -> Result<(), Error> {
        if jobs::has_jobs(self.request.plan) {
            Jobs::read(cluster, self.release, &[])?.remember(state);
        }
        Ok(())
    }

    /// A job that completed before the deploy failed has completed.
    fn remember_jobs_of_failure(&self, cluster: &Cluster) -> Result<(), Error> {
        if self.tried.find().is_none() {
            return Ok(());
        }
        let mut state = State::read(cluster, self.owner(), &self.release.namespace)?;
        self.remember_jobs(cluster, &mut state)?;
        if state.exists() {
            state.write(cluster, self.owner(), &self.release.namespace)?;
        }
        Ok(())
    }

    fn take_written(&self) -> Written {
        std::mem::take(&mut *self.written.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Secrets and values are those from before again.
    pub(super) fn take_back(&self, cluster: &Cluster) -> Result<(), Error> {
        let (Written { state, change }, before) = (self.take_written(), self.before.get()?);
        if let Some(change) = change {
            change.restore(cluster)?;
        }
        if let Some(mut state) = state.filter(|_| before.state.exists()) {
            state.values.clone_from(&before.state.values);
            state.write(cluster, self.owner(), &self.release.namespace)?;
        }
        Ok(())
    }

    /// With secrets and values from before, the release can go back too. Who stopped us wants to look, or to continue.
    fn roll_back(&self) -> Result<(), Error> {
        if !self.request.roll_back || self.tried.find().is_none() || (self.limits.stopped)() {
            return Ok(());
        }
        let on = self.installation()?;
        // The deploy may have used up its time; the rollback gets as much again.
        let options =
            Options { timeout: self.time, wait: self.request.wait.waits(), no_hooks: true, ..Options::default() };
        let (secrets, lock) = (self.secrets()?, self.hold.lock()?);
        let way = helm_rollback::HelmRollback { on, lock, options: &options, secrets: &secrets };
        let back = way.after_failure(|revision, wanted| {
            let objects: Vec<Json> = wanted.values().cloned().collect();
            let Some(change) = on.plan_change(&objects, Some(revision))? else {
                return way.go(revision, wanted);
            };
            let Some(journal) = change.agreed_beforehand(&self.request.consent)? else {
                return way.go(revision, wanted);
            };
            match self.drive(Agreed::Begin(journal), self.time, None)? {
                (Way::Forward, _) => Ok(()),
                (Way::Back(why), _) => Err(Error::MigrationRolledBack(why)),
            }
        })?;
        self.rolled_back.put(back);
        Ok(())
    }

    pub(super) fn left_as_it_is(&self) -> String {
        let (name, space) = (&self.release.name, &self.release.namespace);
        format!(
            "there is no earlier revision to roll back to, so the release is left as it is: \
             `kubectl aspire status --release {name} -n {space}` shows it, \
             `kubectl aspire destroy --release {name} -n {space}` removes it and keeps its PVCs"
        )
    }

    pub(super) fn summarise(&self) -> Result<(), Error> {
        self.deployed.get()?;
        self.say(format!("deployed {}", self.release.described()));
        for sentence in self.ways_in() {
            self.say(sentence);
        }
        // What was deployed is deployed; `status` says the same once it can be read.
        let objects = self.foreseen.find().map(Vec::as_slice).unwrap_or_default();
        for renewed in renewed::look(self.cluster.get()?, self.release, objects).unwrap_or_default() {
            warn(self.report, Code::SecretNotInSync, renewed.sentence());
        }
        Ok(())
    }
}

impl DeployRun<'_> {
    /// How the application is reached: by its routes, and by Services that are public themselves. What the AppHost marked as
    /// public and cannot be reached from outside is forwarded by kubectl.
    fn ways_in(&self) -> Vec<String> {
        let plan = self.request.plan;
        let unrouted: Vec<&str> =
            plan.unrouted().into_iter().map(|(workload, ..)| workload.view.name.as_str()).collect();
        let wanted = |object: &&ObjectName| match object.kind.as_str() {
            "Service" => unrouted.contains(&object.name.as_str()),
            kind => ROUTES.iter().any(|(_, routes)| routes.contains(&kind)),
        };
        let wanted: Vec<&ObjectName> = plan.objects.iter().filter(wanted).collect();
        let mut live = Vec::new();
        for object in wanted {
            match self.live(object) {
                Ok(found) => live.extend(found),
                // What was deployed is deployed; `status` says the same once it can be read.
                Err(_) => return endpoints(plan, self.release, &[]),
            }
        }
        let public: Vec<Endpoint> = endpoints::endpoints(&live.iter().collect::<Vec<_>>());
        let public: Vec<Endpoint> = public.into_iter().filter(|endpoint| endpoint.external).collect();
        endpoints(plan, self.release, &public)
    }

    fn live(&self, object: &ObjectName) -> Result<Option<Json>, Error> {
        let cluster = self.cluster.get()?;
        let version = ROUTES.iter().find(|(_, kinds)| kinds.contains(&object.kind.as_str()));
        let versions: &[&str] = version.map_or(&["v1"], |(versions, _)| versions);
        for version in versions {
            if let Some(kind) = cluster.kind(version, &object.kind)? {
                return Ok(cluster.get(&kind, &self.release.namespace, &object.name)?);
            }
        }
        Ok(None)
    }
}

/// Kinds of route, and the versions in which a cluster may know them.
const ROUTES: [(&[&str], &[&str]); 3] = [
    (&["networking.k8s.io/v1"], &["Ingress"]),
    (&["gateway.networking.k8s.io/v1"], &["Gateway", "HTTPRoute", "GRPCRoute"]),
    (&["gateway.networking.k8s.io/v1", "gateway.networking.k8s.io/v1alpha2"], &["TCPRoute"]),
];

/// A line for each way in.
fn endpoints(plan: &Plan, release: &Release, public: &[Endpoint]) -> Vec<String> {
    let mut lines: Vec<String> =
        public.iter().map(|endpoint| format!("  {} {}: {}", endpoint.kind, endpoint.name, endpoint.reach)).collect();
    let services: Vec<&str> =
        public.iter().filter(|it| it.kind != "Ingress").map(|endpoint| endpoint.name.as_str()).collect();
    let inside = plan.unrouted().into_iter().filter(|(workload, ..)| !services.contains(&workload.view.name.as_str()));
    let line = |(workload, port, scheme): (&PlannedWorkload, &str, &str)| {
        format!(
            "  {0} ({port}): kubectl port-forward -n {1} service/{0} 8080:{port}    then {scheme}://localhost:8080",
            workload.view.name, release.namespace
        )
    };
    lines.extend(inside.map(line));
    lines
}

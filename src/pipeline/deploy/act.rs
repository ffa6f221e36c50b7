//! The writing steps of a deploy, after all checks: take the lock, write what the release needs, run helm.

use crate::cluster::api::namespace;
use crate::cluster::state::secret::{Change, ReleaseSecret};
use crate::helm::{Options, Values};
use crate::pipeline::Error;
use crate::pipeline::engine::event::warn;
use crate::pipeline::release::deploy_request::Wait;
use crate::pipeline::release::deploy_run::DeployRun;
use crate::pipeline::release::jobs::Jobs;
use crate::pipeline::release::proof::Sent;
use crate::pipeline::release::records::{Operation, Verb};
use crate::pipeline::release::watch::Watching;
use crate::pipeline::release::{external_secrets, host_names, jobs, proof, scale, snapshot, values};
use crate::support::diagnostic::Code;
use crate::targets::kubernetes::chart_values::merge;
use serde_json::Value as Json;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

impl DeployRun<'_> {
    pub(super) fn lock(&self) -> Result<(), Error> {
        self.check_approved()?;
        let (cluster, space) = (self.cluster.get()?, &self.release.namespace);
        let is_new = namespace::ensure(cluster, space, &self.release.name)? == namespace::Found::Created;
        if is_new {
            self.say(format!("created namespace {space}"));
        }
        self.hold.take(&self.helm.get()?.0, self.release, self.owner(), "deploy")?;
        if !is_new {
            // Once more, when no other run writes any more.
            self.check_approved()?;
        }
        self.newest.store(self.hold.newest()?, Ordering::SeqCst);
        self.hold.recover(cluster, self.release, self.limits, self.report)
    }

    pub(super) fn prepare(&self) -> Result<(), Error> {
        let on = self.installation()?;
        let (before, settled) = (self.before.get()?, self.settled.get()?);
        self.hold.lock()?.check()?;
        snapshot::forget_finished_run(&on, &before.secret)?;
        if !settled.made.is_empty() {
            self.say(format!("generated values for {}", settled.made.join(", ")));
        }
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        let mut state = before.state.clone();
        state.values = values::kept(settled, &self.hosts()?);
        written.state = Some(state.write(on.cluster, on.owner, on.space())?);
        written.change = Some(Change::begin(on.cluster, on.owner, on.space(), &self.next_secret()?)?);
        Ok(())
    }

    /// What helm is given. Autoscaled workloads are looked at as late as possible: an autoscaler continues.
    pub(in crate::pipeline) fn values(&self, secret: &ReleaseSecret) -> Result<Json, Error> {
        let replicas = scale::numbers(self.cluster.get()?, self.release, self.request)?;
        let before = self.before.get()?;
        let mut given = values::values(self.request, self.settled.get()?, secret, before, &replicas, &self.hosts()?);
        if jobs::has_jobs(self.request.plan) {
            let jobs = Jobs::read(self.cluster.get()?, self.release, &before.state.jobs)?;
            merge(&mut given, &jobs.values(self.request.plan));
        }
        Ok(given)
    }

    pub(super) fn upgrade(&self) -> Result<(), Error> {
        let agreed = self.agreed.lock().unwrap_or_else(PoisonError::into_inner).take();
        match agreed {
            Some(agreed) => self.change_kinds(agreed)?,
            None => self.run_helm()?,
        }
        self.deployed.put(());
        Ok(())
    }

    pub(super) fn run_helm(&self) -> Result<(), Error> {
        let ((helm, target), chart) = (self.helm.get()?, self.chart.get()?.path().join("chart"));
        self.let_jobs_end()?;
        let values = {
            let written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
            let secret = written.change.as_ref().map(Change::now).cloned().unwrap_or_default();
            self.values(&secret)?
        };
        let files = values::files(self.request, &chart);
        self.tried.put(());
        let mut extra = self.request.helm_arguments.clone();
        if let Some(half) = host_names::half(self.request.plan, &self.hosts()?) {
            extra.push(format!("--description={half}"));
        }
        let objects = self.foreseen.get()?.clone();
        self.hold.lock()?.expects(Operation::ours(Verb::Upgrade(Some(objects))));
        let options = Options {
            timeout: self.limits.left(),
            wait: self.request.wait.waits(),
            wait_for_jobs: jobs::has_jobs(self.request.plan),
            extra,
            no_hooks: true,
            ..Options::default()
        };
        let upgrade = || {
            let values = Values { files: &files, over: &values };
            Ok(helm.upgrade_install(target, &chart, &values, &options, &mut |_| {})?)
        };
        let ran = if self.request.wait.waits() { self.watched(upgrade) } else { upgrade() };
        // What helm says is worth more than that its end could not be noted.
        let noted = self.hold.lock()?.helm_ended(self.cluster.get()?, self.release, ran.is_ok());
        if let Err(error) = ran {
            for sentence in external_secrets::late(self.cluster.get()?, self.release, self.request.plan) {
                warn(self.report, Code::SecretNotInSync, sentence);
            }
            return Err(error);
        }
        if let Err(error) = noted {
            warn(self.report, Code::RecordFailed, error.to_string());
        }
        let before = self.newest.fetch_add(1, Ordering::SeqCst);
        let sent = Sent { chart: self.request.chart, values: &values };
        proof::upgraded(&self.installation()?, before, &sent)
    }

    /// Waits for jobs that run, and stores those that have completed: helm deletes those that the chart no longer contains.
    fn let_jobs_end(&self) -> Result<(), Error> {
        if !jobs::has_jobs(self.request.plan) && self.goes.get()?.iter().all(|object| object.kind != "Job") {
            return Ok(());
        }
        let on = self.installation()?;
        let jobs = jobs::wait_for_end(on.cluster, self.release, self.limits, self.report)?;
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(mut state) = written.state.take() {
            jobs.remember(&mut state);
            written.state = Some(state.write(on.cluster, on.owner, on.space())?);
        }
        Ok(())
    }

    /// All that is not shown: the secrets of now and of before.
    pub(super) fn secrets(&self) -> Result<Vec<String>, Error> {
        let kept = &self.before.get()?.kept;
        let old = kept.secret.values().chain(kept.chart_secret.values()).filter(|value| !value.is_empty());
        Ok(values::secrets_of(self.settled.get()?).into_iter().chain(old.cloned()).collect())
    }

    /// Shows the workloads while helm waits for them; when it fails because of them, the error says what they showed.
    fn watched(&self, upgrade: impl FnOnce() -> Result<(), Error>) -> Result<(), Error> {
        let secrets = self.secrets()?;
        let give_up = (self.request.wait == Wait::UntilHopeless).then_some(crate::support::interrupt::stop as fn());
        let watching = Watching {
            what: "the application",
            release: self.release,
            secrets: &secrets,
            report: self.report,
            give_up,
            jobs: jobs::has_jobs(self.request.plan),
        };
        watching.during(upgrade)
    }
}

//! Rolling back to an earlier revision with `helm rollback`, and the values that the next deploy then starts from.

use super::history::Past;
use super::installation::{Installation, Manifest};
use super::lock::Lock;
use super::records::{Operation, Verb};
use super::watch::Watching;
use super::{autoscaling, claim_sizes, jobs, predict, proof, records, rollback_feasibility};
use crate::cluster::connect::client::Cluster;
use crate::cluster::state::remembered::State;
use crate::cluster::state::secret;
use crate::cluster::state::secret::Change;
use crate::helm::Options;
use crate::k8s::ownership::Owner;
use crate::pipeline::Error;
use crate::pipeline::engine::event::{say, warn};
use crate::pipeline::engine::run::Limits;
use crate::support::diagnostic::{Code, Diagnostics};
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::time::Instant;

/// The Secret from before a deploy that was killed: the revision that lives was good with it.
pub(crate) fn take_back_killed_run(cluster: &Cluster, owner: Owner, namespace: &str) -> Result<(), Error> {
    if secret::leftover(cluster, owner, namespace)?.is_some() {
        let now = secret::read(cluster, owner, namespace)?;
        Change::begin(cluster, owner, namespace, &now)?.restore(cluster)?;
    }
    Ok(())
}

/// The values that the next deploy starts from are those that a revision was given.
pub(crate) fn put_back_values(on: &Installation, revision: u64) -> Result<(), Error> {
    let values = on.helm.get_values(on.target, Some(revision))?;
    let mut state = State::read(on.cluster, on.owner, on.space())?;
    if let Some(kept) = values.as_ref().and_then(kept_values).filter(|_| state.exists()) {
        state.values = kept;
        state.write(on.cluster, on.owner, on.space())?;
    }
    Ok(())
}

/// The objects of a revision, if helm can bring the release from what lives to them with its data and its secrets.
pub(crate) fn check(on: &Installation, revision: u64) -> Result<Manifest, Error> {
    records::check(on.cluster, on.release, &Operation::ours(Verb::Rollback(revision)))?;
    let (last, mut wanted) = (on.objects(None)?, on.objects(Some(revision))?);
    let live = rollback_feasibility::live(on.cluster, &wanted)?;
    let mut diagnostics = Diagnostics::default();
    claim_sizes::keep(on, revision, &mut wanted, &live, &mut diagnostics)?;
    jobs::keep(on, &mut wanted, &live)?;
    rollback_feasibility::fields(revision, &last, &wanted, &live, &mut diagnostics);
    rollback_feasibility::secrets(on.cluster, on.release, revision, &wanted, &mut diagnostics)?;
    if diagnostics.0.is_empty() {
        diagnostics = predict::on_the_way_back(on, revision, &last, &wanted)?;
    }
    diagnostics.or(wanted).map_err(Error::Refused)
}

/// The means to go back.
pub(crate) struct HelmRollback<'a> {
    /// What goes back.
    pub on: Installation<'a>,
    /// The lock that is held.
    pub lock: &'a Lock,
    /// How long helm may take, and whether it waits.
    pub options: &'a Options,
    /// Texts that are not shown.
    pub secrets: &'a [String],
}

impl HelmRollback<'_> {
    /// Goes back to the last good revision after a deploy failed, with `change_kinds` where that changes kinds. None when there
    /// does not exist, or if helm wrote no revision that would have to go.
    pub(crate) fn after_failure(
        &self,
        change_kinds: impl FnOnce(u64, &Manifest) -> Result<(), Error>,
    ) -> Result<Option<u64>, Error> {
        let Installation { helm, target, report, .. } = self.on;
        let revisions = helm.history(target)?;
        if revisions.last().is_none_or(|last| last.status == "deployed") {
            return Ok(None);
        }
        let Ok(revision) = Past::read(&self.on, revisions)?.choose(None, false) else { return Ok(None) };
        let wanted = check(&self.on, revision)?;
        say(report, format!("rolling back to revision {revision}"));
        if self.on.is_more_than_helm(&wanted, &wanted.values().cloned().collect::<Vec<_>>())? {
            change_kinds(revision, &wanted)?;
        } else {
            self.go(revision, &wanted)?;
        }
        Ok(Some(revision))
    }

    /// Runs helm rollback, and shows how the workloads go while it waits.
    pub(crate) fn go(&self, revision: u64, wanted: &Manifest) -> Result<(), Error> {
        let Self { on: Installation { cluster, helm, target, release, report, .. }, secrets, .. } = *self;
        autoscaling::hold(cluster, release, revision, wanted)?;
        claim_sizes::hold(&self.on, revision)?;
        let limits = Limits { deadline: Instant::now() + self.options.timeout, stopped: &|| false };
        jobs::hold(&self.on, revision, &limits)?;
        let before = helm.status(target)?.map_or(0, |last| last.revision);
        self.lock.expects(Operation::ours(Verb::Rollback(revision)));
        let with_jobs = jobs::is_with_jobs(wanted);
        let options = Options { wait_for_jobs: with_jobs, ..self.options.clone() };
        let back = || Ok(helm.rollback(target, revision, &options, &mut |_| {})?);
        let waits = self.options.wait;
        let ran = if waits {
            Watching { what: "the application", release, secrets, report, jobs: with_jobs, give_up: None }.during(back)
        } else {
            back()
        };
        // What helm says is worth more than that its end could not be noted.
        let noted = self.lock.helm_ended(cluster, release, ran.is_ok());
        ran?;
        if let Err(error) = noted {
            warn(report, Code::RecordFailed, error.to_string());
        }
        proof::rolled_back(&self.on, before, revision)?;
        say(report, format!("rolled back to revision {revision}: {}", release.described()));
        Ok(())
    }
}

/// The plain values that the deploy of a revision kept for the next one; none when it was not a deploy of ours.
pub(crate) fn kept_values(values: &Json) -> Option<BTreeMap<String, String>> {
    let kept = values["global"]["aspire"]["kept"].as_object()?;
    Some(kept.iter().filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))).collect())
}

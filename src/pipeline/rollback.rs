//! Rollback, step by step: find the revision, check that it can be reached, restore the values that the next deploy
//! starts from, run helm rollback with its number.

use super::{Error, Release, Slot};
use crate::cluster::connect::client::Cluster;
use crate::cluster::state::remembered::State;
use crate::cluster::state::{lease, secret};
use crate::helm::{Helm, Options, Target};
use crate::k8s::ownership::Owner;
use crate::pipeline::engine::event::{Report, say};
use crate::pipeline::engine::graph::{Ended, Graph, Step};
use crate::pipeline::engine::run::{Limits, RunOptions, run};
use crate::pipeline::release::application;
use crate::pipeline::release::helm_rollback::{HelmRollback, check, kept_values, take_back_killed_run};
use crate::pipeline::release::history::Past;
use crate::pipeline::release::installation::{Installation, Manifest};
use crate::pipeline::release::lock::{LastRevision, LockGuard};
use crate::pipeline::release::migration::consent;
use crate::pipeline::release::migration::consent::{Agreed, Consent};
use crate::pipeline::release::migration::driver::{Driver, Terms, Way as KindsWay};
use crate::pipeline::release::migration::log::Log;
use crate::pipeline::release::{lock, proof, snapshot};
use crate::support::diagnostic::{Code, Diagnostic};
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// What the Lease says that we do.
const DOING: &str = "rollback";

/// What to roll back.
pub(crate) struct Rollback {
    /// The revision; none for the last good one before the current.
    pub revision: Option<u64>,
    /// Identity of the application, when it is known; another one's release is refused.
    pub application: Option<String>,
    /// Whether to wait until the workloads are ready.
    pub wait: bool,
    /// Whether a user knows that no other helm works on the release.
    pub assume_helm_dead: bool,
    /// What was agreed to, should a workload change its kind.
    pub consent: Consent,
}

/// What the steps of one rollback share.
pub(crate) struct RollbackRun<'a> {
    request: &'a Rollback,
    release: &'a Release,
    agree: &'a (dyn Fn() -> bool + Sync),
    report: &'a Report<'a>,
    limits: &'a Limits<'a>,
    helm: Slot<(Helm, Target)>,
    cluster: Slot<Cluster>,
    application: Slot<String>,
    hold: LockGuard,
    revision: Slot<u64>,
    wanted: Slot<Manifest>,
    /// A workload migration that was begun before.
    open: Mutex<Option<Log>>,
    /// A workload migration that was agreed to.
    agreed: Mutex<Option<Agreed>>,
    /// Plain values that the deploy of the revision was given; none when it was not ours.
    kept: Slot<Option<BTreeMap<String, String>>>,
    state: Mutex<Option<(State, BTreeMap<String, String>)>>,
    done: Slot<()>,
}

pub(crate) fn steps<'a>() -> Result<Graph<'a, RollbackRun<'a>>, Diagnostic> {
    Graph::new(vec![
        Step::new("check-helm-prereqs-kubernetes", "find helm and check its version", &[], RollbackRun::find_helm),
        Step::new("check-cluster-kubernetes", "read the release and its owner", &[], RollbackRun::look),
        Step::new(
            "choose-revision-kubernetes",
            "find the revision to roll back to",
            &["check-helm-prereqs-kubernetes", "check-cluster-kubernetes"],
            RollbackRun::choose,
        ),
        Step::new(
            "preflight-kubernetes",
            "check that the live objects allow a rollback to the revision",
            &["choose-revision-kubernetes"],
            RollbackRun::check,
        ),
        Step::new(
            "confirm-kubernetes",
            "show a workload migration, if there is one, and ask for confirmation",
            &["preflight-kubernetes"],
            RollbackRun::confirm,
        ),
        Step::new(
            "lock-kubernetes",
            "take the Lease of the release, recover from a killed helm process",
            &["confirm-kubernetes"],
            RollbackRun::lock,
        )
        .at_end(|rolling, _| rolling.hold.release()),
        Step::new(
            "prepare-kubernetes",
            "restore the values of the revision",
            &["lock-kubernetes"],
            RollbackRun::prepare,
        )
        .at_end(RollbackRun::keep_or_take_back),
        Step::new("helm-rollback-kubernetes", "run helm rollback", &["prepare-kubernetes"], RollbackRun::helm_rollback),
    ])
}

/// Rolls the release back. `agree` asks a user about what was just shown. The number of the revision that it came back to.
pub(crate) fn rollback(
    request: &Rollback,
    release: &Release,
    agree: &(dyn Fn() -> bool + Sync),
    conduct: &RunOptions,
) -> Result<u64, Error> {
    let (graph, report, limits) = (steps()?.part(conduct.only)?, conduct.report, &conduct.limits);
    say(report, format!("rolling back {}", release.described()));
    let rolling = RollbackRun {
        request,
        release,
        agree,
        report,
        limits,
        helm: Slot::default(),
        cluster: Slot::default(),
        application: Slot::default(),
        hold: LockGuard::new(request.assume_helm_dead, limits),
        revision: Slot::default(),
        wanted: Slot::default(),
        open: Mutex::default(),
        agreed: Mutex::default(),
        kept: Slot::default(),
        state: Mutex::default(),
        done: Slot::default(),
    };
    run(&graph, &rolling, report, limits)?;
    Ok(rolling.revision.find().copied().unwrap_or_default())
}

impl RollbackRun<'_> {
    fn owner(&self) -> Result<Owner<'_>, Error> {
        Ok(Owner { release: &self.release.name, application: self.application.get()? })
    }

    fn find_helm(&self) -> Result<(), Error> {
        self.helm.put(self.release.helm()?);
        Ok(())
    }

    fn look(&self) -> Result<(), Error> {
        let cluster = self.release.connect()?;
        let live = application::live_application(&cluster, self.release)?;
        application::check_application(live.as_deref(), self.request.application.as_deref(), self.release)?;
        if let Some(live) = live {
            self.application.put(live);
            lock::wait_for_helm(&cluster, self.release, self.owner()?, self.limits, self.report)?;
        }
        self.cluster.put(cluster);
        Ok(())
    }

    fn choose(&self) -> Result<(), Error> {
        let (helm, target) = self.helm.get()?;
        let revisions = helm.history(target)?;
        if revisions.is_empty() {
            return Err(Diagnostic::new(
                Code::ReleaseNotFound,
                "",
                format!("there is no {}", self.release.described()),
            )
            .into());
        }
        let cluster = self.cluster.get()?;
        let (live, seen) = LastRevision::look(helm, target, cluster, self.release)?;
        application::check_release(live.as_ref(), cluster, self.release, "rollback")?;
        lock::check(cluster, self.release, self.owner()?, &seen, self.hold.word)?;
        if let Some(live) = &live {
            snapshot::check_idle(live, &seen)?;
        }
        let again = self.was_killed_at_its_end(&seen)?;
        self.hold.keep(seen);
        let begun = self.begun()?;
        let past = Past::read(&self.installation()?, revisions)?;
        let revision = past
            .choose(self.request.revision.or(begun), again)
            .map_err(|diagnostic| Error::Refused(diagnostic.into()))?;
        say(self.report, format!("rolling back to revision {revision}"));
        self.revision.put(revision);
        Ok(())
    }

    /// Whether the newest revision is the work of a rollback whose run was killed when helm was done.
    fn was_killed_at_its_end(&self, seen: &LastRevision) -> Result<bool, Error> {
        let abandoned = lease::abandoned(self.cluster.get()?, self.owner()?, &self.release.namespace)?;
        Ok(abandoned.is_some_and(|(doing, since)| doing == DOING && seen.is_newer_than(since)))
    }

    /// The revision that a rollback of different kinds was begun to; an error when another workload migration is under way.
    fn begun(&self) -> Result<Option<u64>, Error> {
        let Some(log) = self.installation()?.change_under_way()? else { return Ok(None) };
        let to = log.journal.to;
        if to.is_none() || self.request.revision.is_some_and(|revision| Some(revision) != to) {
            consent::check_none_open(self.cluster.get()?, self.owner()?, self.release)?;
        }
        *self.open.lock().unwrap_or_else(PoisonError::into_inner) = Some(log);
        Ok(to)
    }

    fn installation(&self) -> Result<Installation<'_>, Error> {
        let (helm, target) = self.helm.get()?;
        let (cluster, release, report) = (self.cluster.get()?, self.release, self.report);
        Ok(Installation { cluster, helm, target, release, owner: self.owner()?, report })
    }

    fn confirm(&self) -> Result<(), Error> {
        let (on, wanted, to) = (self.installation()?, self.wanted.get()?, Some(*self.revision.get()?));
        let objects: Vec<Json> = wanted.values().cloned().collect();
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner).take();
        let agreed = match open {
            Some(log) => Some(on.go_on_with(log, &objects, to)?),
            None if on.is_more_than_helm(wanted, &objects)? => on
                .plan_change(&objects, to)?
                .map(|change| on.begin_change(change, &self.request.consent, self.agree))
                .transpose()?
                .flatten(),
            None => None,
        };
        *self.agreed.lock().unwrap_or_else(PoisonError::into_inner) = agreed;
        Ok(())
    }

    fn change_kinds(&self, agreed: Agreed) -> Result<(), Error> {
        let on = self.installation()?;
        let mut log = agreed.log(&on)?;
        let secrets: Vec<String> = secret::read(on.cluster, on.owner, on.space())?.texts().collect();
        let driver = Driver {
            on,
            lock: self.hold.lock()?,
            secrets: &secrets,
            terms: Terms::within(self.limits.left()),
            stopped: self.limits.stopped,
            take_back: &|| self.take_back(),
        };
        match driver.drive(&mut log, None)? {
            KindsWay::Forward => {
                let (on, revision) = (self.installation()?, *self.revision.get()?);
                proof::rolled_back(&on, log.journal.last.saturating_sub(1), revision)
            }
            KindsWay::Back(why) => {
                let error = Box::new(Error::MigrationRolledBack(why));
                Err(Error::RolledBack { error, revision: log.journal.base })
            }
        }
    }

    fn check(&self) -> Result<(), Error> {
        let (on, revision) = (self.installation()?, *self.revision.get()?);
        self.wanted.put(check(&on, revision)?);
        let values = on.helm.get_values(on.target, Some(revision))?;
        self.kept.put(values.as_ref().and_then(kept_values));
        Ok(())
    }

    fn lock(&self) -> Result<(), Error> {
        self.hold.take(&self.helm.get()?.0, self.release, self.owner()?, DOING)?;
        self.hold.recover(self.cluster.get()?, self.release, self.limits, self.report)
    }

    fn prepare(&self) -> Result<(), Error> {
        self.hold.lock()?.check()?;
        let (cluster, owner, space) = (self.cluster.get()?, self.owner()?, &self.release.namespace);
        take_back_killed_run(cluster, owner, space)?;
        let state = State::read(cluster, owner, space)?;
        if let Some(kept) = self.kept.get()? {
            let before = state.values.clone();
            let mut next = state;
            next.values.clone_from(kept);
            let written = next.write(cluster, owner, space)?;
            *self.state.lock().unwrap_or_else(PoisonError::into_inner) = Some((written, before));
        }
        Ok(())
    }

    fn helm_rollback(&self) -> Result<(), Error> {
        let agreed = self.agreed.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(agreed) = agreed {
            self.change_kinds(agreed)?;
            self.done.put(());
            return Ok(());
        }
        let (on, revision) = (self.installation()?, *self.revision.get()?);
        let options =
            Options { timeout: self.limits.left(), wait: self.request.wait, no_hooks: true, ..Options::default() };
        let secrets: Vec<String> = secret::read(on.cluster, on.owner, on.space())?.texts().collect();
        let way = HelmRollback { on, lock: self.hold.lock()?, options: &options, secrets: &secrets };
        way.go(revision, self.wanted.get()?)?;
        self.done.put(());
        Ok(())
    }

    /// A rollback that failed leaves the values that the next deploy starts from as they were.
    fn keep_or_take_back(&self, ended: Ended) -> Result<(), Error> {
        if ended == Ended::Badly && self.done.find().is_none() { self.take_back() } else { Ok(()) }
    }

    /// The values that the next deploy starts from are those from before again.
    fn take_back(&self) -> Result<(), Error> {
        let written = self.state.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some((mut state, before)) = written {
            state.values = before;
            state.write(self.cluster.get()?, self.owner()?, &self.release.namespace)?;
        }
        Ok(())
    }
}

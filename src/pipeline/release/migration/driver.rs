//! Drives a workload migration: reads the state, calls [`next()`], does the action that it returns, until it returns
//! that it is done.
//!
//! Nothing is decided here. Every action is in the journal before it is done.

use super::log::Log;
use super::look::{live, others, volumes};
use crate::cluster::state::transition_record::TransitionRecord;
use crate::helm::Options;
use crate::k8s::object::name_of;
use crate::k8s::ownership::ReleaseName;
use crate::migration::observe::observe;
use crate::migration::{
    Action, Change, ClaimNote, Direction, HelmRun, Journal, Live, Observed, Phase, Revision, Role, Status, Stop, Wait,
    described, fixed_digest, former_policy, next, word,
};
use crate::pipeline::Error;
use crate::pipeline::engine::event::{say, warn};
use crate::pipeline::release::helm_rollback;
use crate::pipeline::release::history::{self, Past};
use crate::pipeline::release::installation::Installation;
use crate::pipeline::release::lock::Lock;
use crate::pipeline::release::records;
use crate::pipeline::release::records::{Operation, Verb};
use crate::support::diagnostic::{Code, Diagnostic};
use serde_json::Value as Json;
use std::time::{Duration, Instant};

/// How long things may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Terms {
    /// Between two looks.
    pub poll: Duration,
    /// Until the pods that leave have ended.
    pub drain: Duration,
    /// Until the workloads that come are ready.
    pub ready: Duration,
}

impl Terms {
    /// Each part of the way may take this long.
    pub(crate) fn within(limit: Duration) -> Self {
        Self { poll: Duration::from_millis(300), drain: limit, ready: limit }
    }
}

/// How it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Way {
    /// The new kinds run.
    Forward,
    /// The old kinds run again, and why.
    Back(String),
}

/// Who drives, and with what.
pub(crate) struct Driver<'a> {
    /// What is driven.
    pub on: Installation<'a>,
    /// The lock that is held, so that no helm of an earlier run works any more.
    pub lock: &'a Lock,
    /// Texts that are not shown.
    pub secrets: &'a [String],
    /// Times.
    pub terms: Terms,
    /// Whether a user told us to halt.
    pub stopped: &'a (dyn Fn() -> bool + Sync),
    /// Puts secrets and values from before back, which comes before the workloads from before.
    pub take_back: &'a dyn Fn() -> Result<(), Error>,
}

/// Calls helm forward, from the last revision with this number.
pub(crate) type Upgrade<'a> = dyn Fn(u64) -> Result<(), Error> + 'a;

/// What was seen, with the objects to act on.
pub(crate) struct Observation {
    pub live: Live,
    pub revision: Revision,
    pub number: u64,
}

impl Driver<'_> {
    /// Drives to an end. `upgrade` calls helm forward, from the last revision with the given number; without it, only what
    /// needs no chart is done, which is all of a way to a revision. Who is stopped on the way is told what is left.
    pub(crate) fn drive(&self, log: &mut Log, upgrade: Option<&Upgrade>) -> Result<Way, Error> {
        check(&self.on, &log.journal, upgrade.is_some())?;
        check_records(&self.on, &log.journal, log.journal.progress.direction == Direction::Back)?;
        self.go(log, upgrade).map_err(|error| match error {
            refused @ Error::Refused(_) => refused,
            error => self.unfinished(log, error),
        })
    }

    /// What a run that ends on the way leaves, and the command that continues.
    fn unfinished(&self, log: &Log, error: Error) -> Error {
        let error = match error {
            halted @ (Error::Resumable(_) | Error::NeedsPerson(_)) => halted,
            other if other.is_interruption() => Error::Interrupted,
            other => other,
        };
        let stands = match live(self.on.cluster, self.space()) {
            Ok(live) => log.journal.left(&live).join("; "),
            Err(_) => log.journal.described(),
        };
        let what = format!("the workload migration is not finished (at {}): {stands}", word(log.journal.phase));
        let left = Diagnostic::new(Code::MigrationUnfinished, "", what).hint(log.journal.way_on(self.name()));
        Error::Unfinished { error: Box::new(error), left }
    }

    fn go(&self, log: &mut Log, upgrade: Option<&Upgrade>) -> Result<Way, Error> {
        let mut failure = "rollback was requested".to_owned();
        let mut waiting: Option<(Wait, Instant)> = None;
        let mut known = None;
        loop {
            if (self.stopped)() {
                return Err(Error::Interrupted);
            }
            self.lock.check()?;
            let seen = self.look(log, &mut known)?;
            let mut action = self.decide(log, &seen, false);
            if let Action::Wait(wait) = action {
                let since = waiting.filter(|(same, _)| *same == wait).map_or_else(Instant::now, |(_, since)| since);
                waiting = Some((wait, since));
                if since.elapsed() > self.limit(wait) {
                    action = self.decide(log, &seen, true);
                }
            } else {
                waiting = None;
            }
            self.enter(log, action)?;
            match action {
                Action::Wait(_) => std::thread::sleep(self.terms.poll),
                Action::Helm(direction) => {
                    let ran = self.call(log, &seen, direction, upgrade)?;
                    if let Err(error) = ran {
                        failure = error.to_string();
                        warn(self.on.report, Code::HelmFailed, format!("helm failed: {failure}"));
                    }
                }
                Action::TurnBack => {
                    if log.journal.progress.failures == 0 {
                        "the new workload did not become ready in time".clone_into(&mut failure);
                    }
                    warn(
                        self.on.report,
                        Code::MigrationFailed,
                        format!("rolling back to revision {}: {failure}", log.journal.base),
                    );
                    log.journal.progress = log.journal.progress.back();
                    self.write(log)?;
                }
                Action::MarkSplit => {
                    log.journal.progress.split = true;
                    self.write(log)?;
                }
                Action::Finish(Phase::Committed) => {
                    self.list_left(log, &seen);
                    return Ok(Way::Forward);
                }
                Action::Finish(_) => return Ok(Way::Back(failure)),
                Action::Halt(stop) => return Err(halted(log, stop)),
                other => self.act(log, &seen, other)?,
            }
        }
    }

    /// Claims are never deleted; a user may.
    fn list_left(&self, log: &Log, seen: &Observation) {
        let unknown = |note: &&ClaimNote| {
            let volume = seen.live.claim(&note.name).and_then(|claim| seen.live.volume(claim, self.name()));
            let kept = volume.filter(|volume| volume["spec"]["persistentVolumeReclaimPolicy"] == "Retain");
            note.stays && note.retained == Some(false) && kept.is_some_and(|volume| former_policy(volume).is_none())
        };
        for ClaimNote { name, volume, .. } in log.journal.claims.iter().filter(unknown) {
            let what = format!("the volume {volume} of PVC {name} keeps its reclaim policy Retain");
            say(self.on.report, format!("{what}: its previous policy is not recorded on it"));
        }
        for ClaimNote { name, volume, .. } in log.journal.claims.iter().filter(|claim| !claim.stays) {
            let command = format!("kubectl delete pvc {name} -n {}", self.space());
            let what = format!("the PVC {name} is kept, although it is not in the chart");
            say(self.on.report, format!("{what}: `{command}` removes it, and its volume {volume} stays"));
        }
    }

    pub(crate) fn space(&self) -> &str {
        self.on.space()
    }

    pub(crate) fn name(&self) -> ReleaseName<'_> {
        self.on.name()
    }

    pub(crate) fn write(&self, log: &mut Log) -> Result<(), Error> {
        log.write(self.on.cluster, self.on.owner, self.space())
    }

    fn limit(&self, wait: Wait) -> Duration {
        match wait {
            Wait::Ready(_) => self.terms.ready,
            Wait::Helm | Wait::Claims | Wait::Pods(_) | Wait::Ended(_) | Wait::Gone(_) => self.terms.drain,
        }
    }

    /// Looks at everything, and notes that our helm has ended.
    fn look(&self, log: &mut Log, known: &mut Option<(u64, Role)>) -> Result<Observation, Error> {
        let seen = look(&self.on, &log.journal, known)?;
        if log.journal.calling && seen.number == log.journal.last + 1 && seen.revision.status != Status::Pending {
            (log.journal.last, log.journal.calling) = (seen.number, false);
            self.write(log)?;
        }
        Ok(seen)
    }

    fn decide(&self, log: &Log, seen: &Observation, late: bool) -> Action {
        next(&log.journal.progress, &observed(&self.on, &log.journal, seen, late))
    }

    /// Writes down what is about to be done, where it is another part of the way.
    fn enter(&self, log: &mut Log, action: Action) -> Result<(), Error> {
        let Some(phase) = action.phase().filter(|phase| *phase != log.journal.phase) else { return Ok(()) };
        log.journal.phase = phase;
        self.write(log)?;
        say(self.on.report, format!("{}: {}", word(phase), described(&log.journal, action)));
        Ok(())
    }

    /// Calls helm. What the journal holds before is enough to know afterwards whose revision is the last one.
    fn call(
        &self,
        log: &mut Log,
        seen: &Observation,
        direction: Direction,
        upgrade: Option<&Upgrade>,
    ) -> Result<Result<(), Error>, Error> {
        let to = log.journal.to;
        if direction == Direction::Forward && upgrade.is_none() && to.is_none() {
            let what = format!("the migration needs the chart to continue: {}", log.journal.described());
            return Err(Error::Resumable(Diagnostic::new(Code::MigrationUnfinished, "", what)));
        }
        (log.journal.last, log.journal.calling) = (seen.number, true);
        self.write(log)?;
        let ran = match direction {
            Direction::Forward => match (upgrade, to) {
                (Some(upgrade), _) => upgrade(seen.number),
                (None, to) => self.roll_back(to.unwrap_or(log.journal.base)),
            },
            Direction::Back => {
                (self.take_back)()?;
                self.roll_back(log.journal.base)
            }
        };
        let (number, status) = last_revision(&self.on)?;
        if number > seen.number + 1 {
            return Ok(ran);
        }
        if ran.is_err() || status != Status::Deployed {
            log.journal.progress.failures += 1;
        }
        (log.journal.last, log.journal.calling) = (number, false);
        self.write(log)?;
        Ok(ran)
    }

    fn roll_back(&self, base: u64) -> Result<(), Error> {
        let Self { on, lock, secrets, .. } = *self;
        let options = Options { timeout: self.terms.ready, no_hooks: true, ..Options::default() };
        check_base(&on, base)?;
        let way = helm_rollback::HelmRollback { on, lock, options: &options, secrets };
        way.go(base, &on.objects(Some(base))?)
    }
}

/// Refuses, before anything is done, a journal that means objects of other owners, and one that cannot be ended without its chart.
pub(crate) fn check(on: &Installation, journal: &Journal, has_chart: bool) -> Result<(), Error> {
    let seen = look(on, journal, &mut None)?;
    let name = on.name();
    let others = journal.not_of(name, &seen.live);
    if !others.is_empty() {
        let what = format!(
            "the journal of a workload migration names objects that are not part of this release: {}",
            others.join(", ")
        );
        let hint = format!(
            "nothing was changed; this program did not write that: find out who did, then \
             `kubectl delete configmap {} -n {}`",
            TransitionRecord::name(name.name),
            name.namespace
        );
        return Err(Error::Refused(Diagnostic::new(Code::StoredStateInvalid, "", what).hint(hint).into()));
    }
    if has_chart || !journal.needs_chart() {
        return Ok(());
    }
    let observed = observed(on, journal, &seen, false);
    let recorded = observed.revision.status == Status::Deployed && observed.revision.brings == Role::New;
    let made = recorded && observed.pairs.iter().all(|pair| pair.new.workload.is_some());
    // Where a user must act first, that is said.
    if made || matches!(next(&journal.progress, &observed), Action::Halt(_)) {
        return Ok(());
    }
    let what = format!(
        "the workload migration needs its chart to continue, which is not available here: {}; {}",
        journal.described(),
        journal.left(&seen.live).join("; ")
    );
    Err(Error::Refused(Diagnostic::new(Code::MigrationUnfinished, "", what).hint(journal.way_on(name)).into()))
}

/// Refuses, before anything is done, records that helm must not be let to use on the way. Which revision a way without a chart
/// goes to is known; a way that may turn back on a failure is judged again then, right before helm starts.
pub(crate) fn check_records(on: &Installation, journal: &Journal, back: bool) -> Result<(), Error> {
    let revision = if back { Some(journal.base) } else { journal.to };
    let Some(revision) = revision else { return Ok(()) };
    records::check(on.cluster, on.release, &Operation::ours(Verb::Rollback(revision))).map(drop)
}

/// Refuses a rollback to a revision that was never good: the journal says where to, and anyone may have written it.
pub(crate) fn check_base(on: &Installation, base: u64) -> Result<(), Error> {
    let past = Past::read(on, on.helm.history(on.target)?)?;
    past.choose(Some(base), false).map(drop).map_err(|diagnostic| Error::Refused(diagnostic.into()))
}

/// Looks at everything that the journal is about. `known` is what the last revision that was seen brings: it does not change.
fn look(on: &Installation, journal: &Journal, known: &mut Option<(u64, Role)>) -> Result<Observation, Error> {
    let mut live = live(on.cluster, on.space())?;
    let named = journal.changes.iter().map(|change| (&*change.old.kind, &*change.old.name));
    others(on.cluster, on.space(), &mut live, named)?;
    volumes(on.cluster, &mut live, journal.claims.iter().map(|note| note.name.as_str()))?;
    let (number, status) = last_revision(on)?;
    let ours = journal.last + u64::from(journal.calling);
    let foreign = number < journal.last || number > ours;
    if let Some((_, brings)) = known.filter(|(of, _)| *of == number) {
        return Ok(Observation { live, revision: Revision { status, brings, foreign }, number });
    }
    let objects: Vec<Json> = on.objects(Some(number))?.into_values().collect();
    let is_new = |change: &Change, it: &Json| {
        let marks = change.marks.as_ref().is_none_or(|marks| fixed_digest(it) == marks.becomes);
        it["kind"] == *change.new.kind && name_of(it) == change.new.name && marks
    };
    let new = journal.changes.iter().all(|change| objects.iter().any(|it| is_new(change, it)));
    let brings = if new { Role::New } else { Role::Old };
    *known = Some((number, brings));
    Ok(Observation { live, revision: Revision { status, brings, foreign }, number })
}

/// Whoever holds the lock knows that no other helm works on the release; our own was waited for.
fn observed(on: &Installation, journal: &Journal, seen: &Observation, late: bool) -> Observed {
    observe(journal, on.name(), &seen.live, seen.revision, HelmRun::Gone, late)
}

fn last_revision(on: &Installation) -> Result<(u64, Status), Error> {
    let Some(release) = on.helm.status(on.target)? else {
        return Err(Error::NeedsPerson(history::gone(on.release)));
    };
    let status = if release.is_pending() {
        Status::Pending
    } else if release.is_deployed() {
        Status::Deployed
    } else {
        Status::Failed
    };
    Ok((release.revision, status))
}

fn halted(log: &Log, stop: Stop) -> Error {
    let diagnostic = stop.diagnostic(&log.journal);
    if stop.is_resumable() { Error::Resumable(diagnostic) } else { Error::NeedsPerson(diagnostic) }
}

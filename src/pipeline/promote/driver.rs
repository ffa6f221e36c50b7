//! Drives a change of kinds: looks, asks [`next()`], does the one thing it names, until it says that it is done.
//!
//! Nothing is decided here. What is about to be done is in the journal before it is done.

use super::log::Log;
use super::look::{live, others, volumes};
use crate::cluster::claims::ReleaseName;
use crate::cluster::name_of;
use crate::helm::Options;
use crate::pipeline::event::{say, warn};
use crate::pipeline::installation::Installation;
use crate::pipeline::lock::Lock;
use crate::pipeline::{Error, rollback};
use crate::problem::Problem;
use crate::promotion::{
    Action, Change, ClaimNote, Direction, HelmRun, Live, Phase, Revision, Role, Status, Stop, Wait, described,
    fixed_digest, next, observe, word,
};
use serde_json::Value as Json;
use std::time::{Duration, Instant};

/// How long things may take.
#[derive(Debug, Clone, Copy)]
pub struct Terms {
    /// Between two looks.
    pub poll: Duration,
    /// Until the pods that leave have ended.
    pub drain: Duration,
    /// Until the workloads that come are ready.
    pub ready: Duration,
}

impl Terms {
    /// Each part of the way may take this long.
    pub fn within(limit: Duration) -> Self {
        Self { poll: Duration::from_millis(300), drain: limit, ready: limit }
    }
}

/// How it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Way {
    /// The new kinds run.
    Forward,
    /// The old kinds run again, and why.
    Back(String),
}

/// Who drives, and with what.
pub struct Driver<'a> {
    /// What is driven.
    pub on: Installation<'a>,
    /// The lock that is held, so that no helm of an earlier run works any more.
    pub lock: &'a Lock,
    /// Texts that are not shown.
    pub secrets: &'a [String],
    /// Times.
    pub terms: Terms,
    /// Whether a person told us to halt.
    pub stopped: &'a (dyn Fn() -> bool + Sync),
    /// Puts secrets and values from before back, which comes before the workloads from before.
    pub take_back: &'a dyn Fn() -> Result<(), Error>,
}

/// What was seen, with the objects to act on.
pub struct Seen {
    pub live: Live,
    pub revision: Revision,
    pub number: u64,
}

impl Driver<'_> {
    /// Drives to an end. `upgrade` calls helm forward; without it, only what needs no chart is done, which is all of a way
    /// to a revision.
    pub fn drive(&self, log: &mut Log, upgrade: Option<&dyn Fn() -> Result<(), Error>>) -> Result<Way, Error> {
        let mut failure = "a person asked for the way back".to_owned();
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
                        warn(self.on.report, format!("helm failed: {failure}"));
                    }
                }
                Action::TurnBack => {
                    if log.journal.progress.failures == 0 {
                        "the new workload did not become ready in time".clone_into(&mut failure);
                    }
                    warn(self.on.report, format!("going back to revision {}: {failure}", log.journal.base));
                    log.journal.progress = log.journal.progress.back();
                    self.write(log)?;
                }
                Action::MarkSplit => {
                    log.journal.progress.split = true;
                    self.write(log)?;
                }
                Action::Finish(Phase::Committed) => {
                    self.list_left(log);
                    return Ok(Way::Forward);
                }
                Action::Finish(_) => return Ok(Way::Back(failure)),
                Action::Halt(stop) => return Err(halted(log, stop)),
                other => self.act(log, &seen, other)?,
            }
        }
    }

    /// Claims are never deleted; a person may.
    fn list_left(&self, log: &Log) {
        for ClaimNote { name, volume, .. } in log.journal.claims.iter().filter(|claim| !claim.stays) {
            let command = format!("kubectl delete pvc {name} -n {}", self.space());
            let what = format!("the claim {name} stays, though the chart does not have it");
            say(self.on.report, format!("{what}: `{command}` removes it, and its volume {volume} stays"));
        }
    }

    pub(super) fn space(&self) -> &str {
        self.on.space()
    }

    pub(super) fn write(&self, log: &mut Log) -> Result<(), Error> {
        log.write(self.on.cluster, self.on.owner, self.space())
    }

    fn limit(&self, wait: Wait) -> Duration {
        match wait {
            Wait::Ready(_) => self.terms.ready,
            Wait::Helm | Wait::Claims | Wait::Pods(_) | Wait::Ended(_) | Wait::Gone(_) => self.terms.drain,
        }
    }

    /// Looks at everything. `known` is what the last revision that was seen brings: it does not change.
    fn look(&self, log: &mut Log, known: &mut Option<(u64, Role)>) -> Result<Seen, Error> {
        let mut live = live(self.on.cluster, self.space())?;
        let named = log.journal.changes.iter().map(|change| (&*change.old.kind, &*change.old.name));
        others(self.on.cluster, self.space(), &mut live, named)?;
        volumes(self.on.cluster, &mut live, log.journal.claims.iter().map(|note| note.name.as_str()))?;
        let (number, status) = self.last_revision()?;
        if log.journal.calling && number == log.journal.last + 1 && status != Status::Pending {
            (log.journal.last, log.journal.calling) = (number, false);
            self.write(log)?;
        }
        let journal = &log.journal;
        let foreign = number < journal.last || number > journal.last + u64::from(journal.calling);
        if let Some((_, brings)) = known.filter(|(of, _)| *of == number) {
            return Ok(Seen { live, revision: Revision { status, brings, foreign }, number });
        }
        let objects: Vec<Json> = self.on.objects(Some(number))?.into_values().collect();
        let is_new = |change: &Change, it: &Json| {
            let marks = change.marks.as_ref().is_none_or(|marks| fixed_digest(it) == marks.becomes);
            it["kind"] == *change.new.kind && name_of(it) == change.new.name && marks
        };
        let new = journal.changes.iter().all(|change| objects.iter().any(|it| is_new(change, it)));
        let brings = if new { Role::New } else { Role::Old };
        *known = Some((number, brings));
        Ok(Seen { live, revision: Revision { status, brings, foreign }, number })
    }

    fn last_revision(&self) -> Result<(u64, Status), Error> {
        let Some(release) = self.on.helm.status(self.on.target)? else {
            let what = format!("{} has no history any more (E02)", self.on.release.described());
            let hint = "restore its Secrets `sh.helm.release.v1...` from a backup; nothing was done";
            return Err(Error::NeedsPerson(Problem::at("", what).hint(hint)));
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

    /// Whoever holds the lock knows that no other helm works on the release; our own was waited for.
    fn decide(&self, log: &Log, seen: &Seen, late: bool) -> Action {
        let name = ReleaseName { name: &self.on.release.name, namespace: self.space() };
        let observed = observe(&log.journal, name, &seen.live, seen.revision, HelmRun::Gone, late);
        next(&log.journal.progress, &observed)
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
        seen: &Seen,
        direction: Direction,
        upgrade: Option<&dyn Fn() -> Result<(), Error>>,
    ) -> Result<Result<(), Error>, Error> {
        let to = log.journal.to;
        if direction == Direction::Forward && upgrade.is_none() && to.is_none() {
            let what = format!("the way leads on with the chart: {}", log.journal.described());
            return Err(Error::Resumable(
                Problem::at("", what).hint("run the same deploy again, or `promote --abort`"),
            ));
        }
        (log.journal.last, log.journal.calling) = (seen.number, true);
        self.write(log)?;
        let ran = match direction {
            Direction::Forward => match (upgrade, to) {
                (Some(upgrade), _) => upgrade(),
                (None, to) => self.roll_back(to.unwrap_or(log.journal.base)),
            },
            Direction::Back => {
                (self.take_back)()?;
                self.roll_back(log.journal.base)
            }
        };
        let (number, status) = self.last_revision()?;
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
        let options = Options { timeout: self.terms.ready, ..Options::default() };
        let way = rollback::Way { on, lock, options: &options, secrets };
        way.go(base, &on.objects(Some(base))?)
    }
}

fn halted(log: &Log, stop: Stop) -> Error {
    let problem = stop.problem(&log.journal);
    if stop.is_resumable() { Error::Resumable(problem) } else { Error::NeedsPerson(problem) }
}

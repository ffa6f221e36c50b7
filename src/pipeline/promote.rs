//! Drives a change of kinds: looks, asks [`next()`], does the one thing it names, until it says that it is done.
//!
//! Nothing is decided here. What is about to be done is in the journal before it is done.

use super::event::{say, warn};
use super::installation::Installation;
use super::lock::{self, Hold, Lock};
use super::rollback;
use super::run::Conduct;
use super::{Error, Release};
use crate::cluster::claims::ReleaseName;
use crate::cluster::{
    CLAIM, Cluster, DEPLOYMENT, ErrorKind, Guard, JOB, Kind, NODE, Note, Objects as _, Owner, POD, Propagation,
    REPLICA_SET, Record, SERVICE, STATEFUL_SET, VOLUME, name_of,
};
use crate::helm::Options;
use crate::problem::Problem;
use crate::promotion::{
    Action, Change, ClaimNote, Direction, HelmRun, How, Journal, KEEP, Live, Named, Phase, Revision, Role, Status,
    Stop, Wait, described, entry_of_ours, fixed_digest, next, observe, pods_of, retired, word,
};
use serde_json::{Value as Json, json};
use std::collections::BTreeSet;
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

/// The journal with the object that it lies in.
pub struct Log {
    note: Note,
    /// What it says.
    pub journal: Journal,
}

impl Log {
    /// The journal of a release; none when no change of kinds was ever begun.
    pub fn read(cluster: &Cluster, owner: Owner<'_>, namespace: &str) -> Result<Option<Self>, Error> {
        let note = Note::read(cluster, owner, namespace)?;
        let Some(text) = note.text() else { return Ok(None) };
        let Some(journal) = Journal::parse(text) else {
            let name = Note::name(owner.release);
            let what =
                format!("the ConfigMap {name} in namespace {namespace} is no journal that this program can read");
            return Err(Error::Refused(Problem::at("", what).hint("use the version that wrote it").into()));
        };
        Ok(Some(Self { note, journal }))
    }

    /// A journal that begins, in the place of one that ended.
    pub fn begin(cluster: &Cluster, owner: Owner<'_>, namespace: &str, journal: Journal) -> Result<Self, Error> {
        let mut log = Self { note: Note::read(cluster, owner, namespace)?, journal };
        log.write(cluster, owner, namespace)?;
        Ok(log)
    }

    /// Writes it.
    pub fn write(&mut self, cluster: &Cluster, owner: Owner<'_>, namespace: &str) -> Result<(), Error> {
        Ok(self.note.write(cluster, owner, namespace, &self.journal.text())?)
    }
}

/// What was seen, with the objects to act on.
struct Seen {
    live: Live,
    revision: Revision,
    number: u64,
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

    fn space(&self) -> &str {
        self.on.space()
    }

    fn write(&self, log: &mut Log) -> Result<(), Error> {
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

    /// Does one thing. An object that somebody changed since the look is looked at again.
    fn act(&self, log: &mut Log, seen: &Seen, action: Action) -> Result<(), Error> {
        let changes = log.journal.changes.clone();
        let named = |index: usize, role: Role| {
            let change = &changes[index];
            if role == Role::Old { change.old.clone() } else { change.new.clone() }
        };
        let done = match action {
            Action::Unlock => self.unlock(seen),
            Action::Protect(index) => self.protect(log, seen, index),
            Action::Restore(index) => self.restore(&log.journal.claims[index], seen),
            Action::Stop(index, role) => {
                log.journal.progress.stops += 1;
                self.write(log)?;
                let named = named(index, role);
                self.patch(seen, &named.kind, &named.name, |_| json!({"spec": {"replicas": 0}}))
            }
            Action::Start(index, role) => {
                let named = named(index, role);
                self.patch(seen, &named.kind, &named.name, |_| json!({"spec": {"replicas": named.replicas}}))
            }
            Action::Disown(index, role) => {
                let named = named(index, role);
                self.patch(seen, &named.kind, &named.name, without_us)
            }
            Action::Grow(index) => self.grow(&log.journal.claims[index], seen),
            Action::Retire(index) => self.retire(&changes[index], seen),
            Action::KeepClaims(index, role) => {
                let named = named(index, role);
                let policy = json!({"whenDeleted": "Retain", "whenScaled": "Retain"});
                let patch = json!({"spec": {"persistentVolumeClaimRetentionPolicy": policy}});
                self.patch(seen, &named.kind, &named.name, |_| patch.clone())
            }
            Action::Delete(index, role) => {
                let named = named(index, role);
                let how = match changes[index].how {
                    How::Stop => Propagation::Background,
                    How::Adopt => Propagation::Orphan,
                    How::Replace => Propagation::Foreground,
                };
                match seen.live.find(&named) {
                    Some(object) => self
                        .on
                        .cluster
                        .delete(&kind(&named.kind), self.space(), &named.name, &Guard::of(object), how)
                        .map(|_| ())
                        .map_err(Error::from),
                    None => Ok(()),
                }
            }
            Action::Wait(_)
            | Action::Helm(_)
            | Action::MarkSplit
            | Action::TurnBack
            | Action::Finish(_)
            | Action::Halt(_) => Ok(()),
        };
        match done {
            Err(Error::Cluster(error)) if error.is_conflict() || error.kind() == ErrorKind::NotFound => Ok(()),
            other => other,
        }
    }

    fn patch(&self, seen: &Seen, kind_name: &str, name: &str, patch: impl Fn(&Json) -> Json) -> Result<(), Error> {
        let named = Named { kind: kind_name.to_owned(), name: name.to_owned(), replicas: 0 };
        let Some(object) = seen.live.find(&named) else { return Ok(()) };
        self.on.cluster.patch(&kind(kind_name), self.space(), name, &Guard::of(object), &patch(object))?;
        Ok(())
    }

    fn unlock(&self, seen: &Seen) -> Result<(), Error> {
        let record = Record::read(self.on.cluster, self.space(), &self.on.release.name, seen.number)?;
        if let Some(record) = record.filter(Record::is_under_way) {
            record.fail(self.on.cluster, self.space(), "helm was killed; marked by kubectl-aspire")?;
            warn(
                self.on.report,
                format!("revision {} was left half done by a helm that ended: marked as failed", seen.number),
            );
        }
        Ok(())
    }

    fn protect(&self, log: &mut Log, seen: &Seen, index: usize) -> Result<(), Error> {
        let note = log.journal.claims[index].clone();
        let Some(claim) = seen.live.claim(&note.name) else { return Ok(()) };
        if crate::cluster::annotation(claim, KEEP) != Some("keep") {
            let patch = json!({"metadata": {"annotations": {KEEP: "keep"}}});
            self.on.cluster.patch(&CLAIM, self.space(), &note.name, &Guard::of(claim), &patch)?;
            return Ok(());
        }
        match self.reclaim(seen, &note, "Retain") {
            Err(Error::Cluster(error)) if error.kind() == ErrorKind::Forbidden => {
                warn(self.on.report, format!("the volume of claim {} cannot be protected too: {error}", note.name));
                log.journal.claims[index].reclaim = None;
                self.write(log)
            }
            other => other,
        }
    }

    fn grow(&self, note: &ClaimNote, seen: &Seen) -> Result<(), Error> {
        let (Some(claim), Some(size)) = (seen.live.claim(&note.name), &note.grows) else { return Ok(()) };
        let patch = json!({"spec": {"resources": {"requests": {"storage": size}}}});
        self.on.cluster.patch(&CLAIM, self.space(), &note.name, &Guard::of(claim), &patch)?;
        Ok(())
    }

    /// The pods that went on end now that the new ones are ready.
    fn retire(&self, change: &Change, seen: &Seen) -> Result<(), Error> {
        let name = ReleaseName { name: &self.on.release.name, namespace: self.space() };
        for set in retired(change, name, &seen.live) {
            let guard = Guard::of(set);
            self.on.cluster.delete(&REPLICA_SET, self.space(), name_of(set), &guard, Propagation::Background)?;
        }
        Ok(())
    }

    fn restore(&self, note: &ClaimNote, seen: &Seen) -> Result<(), Error> {
        match &note.reclaim {
            Some(policy) => self.reclaim(seen, note, policy),
            None => Ok(()),
        }
    }

    fn reclaim(&self, seen: &Seen, note: &ClaimNote, policy: &str) -> Result<(), Error> {
        let Some(volume) = seen.live.claim(&note.name).and_then(|claim| seen.live.volume(claim)) else { return Ok(()) };
        let patch = json!({"spec": {"persistentVolumeReclaimPolicy": policy}});
        self.on.cluster.patch(&VOLUME, "", name_of(volume), &Guard::of(volume), &patch)?;
        Ok(())
    }
}

fn halted(log: &Log, stop: Stop) -> Error {
    let problem = stop.problem(&log.journal);
    if stop.is_resumable() { Error::Resumable(problem) } else { Error::NeedsPerson(problem) }
}

/// What lives in a namespace, without volumes. Workloads come before ReplicaSets and these before pods, as [`next()`] needs
/// it.
pub fn live(cluster: &Cluster, namespace: &str) -> Result<Live, Error> {
    let list = |kind: &Kind| cluster.list(kind, namespace, "");
    Ok(Live {
        deployments: list(&DEPLOYMENT)?,
        stateful_sets: list(&STATEFUL_SET)?,
        replica_sets: list(&REPLICA_SET)?,
        pods: list(&POD)?,
        claims: list(&CLAIM)?,
        others: Vec::new(),
        volumes: Vec::new(),
        nodes: Vec::new(),
    })
}

/// Adds the Services and Jobs of these kinds and names.
pub fn others<'a>(
    cluster: &Cluster,
    namespace: &str,
    live: &mut Live,
    named: impl Iterator<Item = (&'a str, &'a str)>,
) -> Result<(), Error> {
    let named = named.filter(|(of, _)| *of == "Service" || *of == "Job");
    let wanted: Vec<(Kind, String)> = named.map(|(of, name)| (kind(of), name.to_owned())).collect();
    for found in cluster.get_all(namespace, &wanted)? {
        live.others.extend(found?);
    }
    Ok(())
}

/// Adds the volumes of these claims, as far as we may look.
pub fn volumes<'a>(cluster: &Cluster, live: &mut Live, claims: impl Iterator<Item = &'a str>) -> Result<(), Error> {
    for claim in claims {
        let name = live.claim(claim).and_then(|claim| claim["spec"]["volumeName"].as_str().map(str::to_owned));
        let Some(name) = name else { continue };
        match cluster.get(&VOLUME, "", &name) {
            Ok(volume) => live.volumes.extend(volume),
            Err(error) if error.kind() == ErrorKind::Forbidden => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Adds the nodes of the pods that are to end, as far as we may look.
pub fn nodes(cluster: &Cluster, live: &mut Live, changes: &[Change]) -> Result<(), Error> {
    let pods = changes.iter().flat_map(|change| pods_of(&change.old, live));
    let names: BTreeSet<String> = pods.filter_map(|pod| pod["spec"]["nodeName"].as_str()).map(str::to_owned).collect();
    for name in names {
        match cluster.get(&NODE, "", &name) {
            Ok(node) => live.nodes.extend(node),
            Err(error) if error.kind() == ErrorKind::Forbidden => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// The kind of a workload, Service or Job.
pub fn kind(name: &str) -> Kind {
    match name {
        "Deployment" => DEPLOYMENT,
        "Service" => SERVICE,
        "Job" => JOB,
        _ => STATEFUL_SET,
    }
}

/// The managed fields without our entry, so that helm owns the number of pods alone.
fn without_us(object: &Json) -> Json {
    let mut entries = object["metadata"]["managedFields"].as_array().cloned().unwrap_or_default();
    if let Some(ours) = entry_of_ours(object) {
        entries.remove(ours);
    }
    json!({"metadata": {"managedFields": entries}})
}

/// What is wished of a change of kinds that was begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// To know where it stands.
    Status,
    /// To go on, as far as that needs no chart.
    Resume,
    /// To go back.
    Abort,
}

/// Says where a change of kinds stands, goes on with it or back.
pub fn promote(wish: Wish, release: &Release, assume_helm_dead: bool, conduct: &Conduct) -> Result<(), Error> {
    let cluster = release.connect()?;
    let nothing = || {
        let what = format!("no change of kinds is under way in the {}", release.described());
        Error::Refused(Problem::at("", what).into())
    };
    let application = super::destroy::live_application(&cluster, release)?.ok_or_else(nothing)?;
    let owner = Owner { release: &release.name, application: &application };
    let log = Log::read(&cluster, owner, &release.namespace)?.ok_or_else(nothing)?;
    say(conduct.report, log.journal.described());
    if wish == Wish::Status {
        return Ok(());
    }
    if !log.journal.is_open() {
        return Err(nothing());
    }
    let (helm, target) = release.helm()?;
    let (_, seen) = lock::Seen::look(&helm, &target, &cluster, release)?;
    let hold = Hold::new(assume_helm_dead, &conduct.limits);
    hold.keep(seen);
    hold.take(&helm, release, owner, "promote")?;
    let on = Installation { cluster: &cluster, helm: &helm, target: &target, release, owner, report: conduct.report };
    let ended = drive(wish, log, on, &hold, conduct);
    hold.release()?;
    ended
}

fn drive(wish: Wish, mut log: Log, on: Installation, hold: &Hold, conduct: &Conduct) -> Result<(), Error> {
    hold.recover(on.cluster, on.release, &conduct.limits, conduct.report)?;
    log.journal.progress = log.journal.progress.resumed();
    if wish == Wish::Abort {
        log.journal.progress = log.journal.progress.back();
    }
    log.write(on.cluster, on.owner, on.space())?;
    let base = log.journal.base;
    let secrets: Vec<String> = crate::cluster::secret::read(on.cluster, on.owner, on.space())?.texts().collect();
    let driver = Driver {
        on,
        lock: hold.lock()?,
        secrets: &secrets,
        terms: Terms::within(conduct.limits.left()),
        stopped: conduct.limits.stopped,
        take_back: &|| {
            rollback::take_back_killed_run(on.cluster, on.owner, on.space())?;
            rollback::put_back_values(&on, base)
        },
    };
    match driver.drive(&mut log, None)? {
        Way::Back(why) if wish == Wish::Resume => Err(Error::KindsUnchanged(why)),
        Way::Forward => {
            let to = log.journal.to;
            to.map_or(Ok(()), |to| rollback::put_back_values(&on, to))
        }
        Way::Back(_) => Ok(()),
    }
}

impl Terms {
    /// Each part of the way may take this long.
    pub fn within(limit: Duration) -> Self {
        Self { poll: Duration::from_millis(300), drain: limit, ready: limit }
    }
}

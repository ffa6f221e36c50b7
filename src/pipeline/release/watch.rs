//! Watches the workloads of a release while helm waits for them, from its own thread and connection.
//!
//! An error here never fails the run: what cannot be read is reported once, and the rest is watched. `rollout`
//! interprets the objects.

use crate::cluster::connect::client::Cluster;
use crate::k8s::error::ErrorKind;
use crate::k8s::kind::{CLAIM, DEPLOYMENT, EVENT, JOB, Kind, POD, REPLICA_SET, STATEFUL_SET};
use crate::k8s::labels;
use crate::pipeline::engine::event::{Event, Report, warn};
use crate::pipeline::error::WatchOutcome;
use crate::pipeline::{Error, Release};
use crate::rollout::{End, Finding, Log, Reported, Rollout, State};
use crate::support::diagnostic::Code;
use crate::support::redact::mask;
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

/// Time between two looks.
const EVERY: Duration = Duration::from_secs(1);

/// Longest time for one request: a slow answer is as good as none.
const REQUEST: Duration = Duration::from_secs(5);

/// How many looks in a row may fail before it is said.
const FAILURES: u32 = 5;

/// How many of the last lines of a container are shown, and how much of each.
const LOG_LINES: u32 = 10;
const LOG_WIDTH: usize = 300;

/// What is read, and whether only what carries the release's label: a claim may have another owner.
const READ: [(&Kind, bool, &str); 7] = [
    (&DEPLOYMENT, true, ""),
    (&STATEFUL_SET, true, ""),
    (&JOB, true, ""),
    (&REPLICA_SET, true, ""),
    (&POD, true, ""),
    (&CLAIM, false, ""),
    (&EVENT, false, "type!=Normal"),
];

/// What to watch, and for whom.
pub(crate) struct Watching<'a> {
    /// What the release is of: `the application`.
    pub what: &'a str,
    pub release: &'a Release,
    /// Texts that are not shown.
    pub secrets: &'a [String],
    /// Where progress and findings go.
    pub report: &'a Report<'a>,
    /// Whether it has jobs, which are watched, too.
    pub jobs: bool,
    /// Ends the change when a finding is final; none to let it wait.
    pub give_up: Option<fn()>,
}

impl Watching<'_> {
    /// Runs helm, and reports how the workloads go until it has ended. When it timed out waiting for them, the error says what
    /// they showed; when it failed for another reason, that reason is the error.
    pub(crate) fn during<T>(&self, change: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
        let (result, seen) = self.seen_during(change);
        let shows_why = !seen.findings.is_empty() || !seen.unready.is_empty();
        match result {
            Err(error) if shows_why && (seen.gave_up || error.is_of_waiting()) => {
                Err(Error::NotReady { what: self.what.to_owned(), helm: Box::new(error), seen })
            }
            other => other,
        }
    }

    /// After a failure there is one more look, so that the reason is told.
    fn seen_during<T>(&self, change: impl FnOnce() -> Result<T, Error>) -> (Result<T, Error>, WatchOutcome) {
        thread::scope(|scope| {
            let (ended, end) = channel();
            let watcher = scope.spawn(move || match Watch::begin(self) {
                Ok(watch) => watch.until(&end),
                Err(error) => {
                    warn(self.report, Code::NotWatched, format!("the workloads cannot be watched: {error}"));
                    WatchOutcome::default()
                }
            });
            let result = change();
            let in_vain = result.as_ref().is_err_and(Error::is_of_waiting);
            // The watcher may have ended by itself.
            let _ = ended.send(if in_vain { End::NotReady } else { End::Otherwise });
            (result, watcher.join().unwrap_or_default())
        })
    }
}

struct Watch<'a> {
    of: &'a Watching<'a>,
    cluster: Cluster,
    rollout: Rollout,
    start: Instant,
    objects: BTreeMap<&'static str, Vec<Json>>,
    forbidden: BTreeSet<&'static str>,
    failures: u32,
    findings: Vec<Finding>,
    gave_up: bool,
}

impl<'a> Watch<'a> {
    fn begin(of: &'a Watching<'a>) -> Result<Self, Error> {
        let mut cluster = of.release.connect()?;
        cluster.set_timeout(REQUEST);
        cluster.hide(of.secrets.iter().cloned());
        Ok(Self {
            of,
            cluster,
            rollout: Rollout::new(of.release.helm_name()),
            start: Instant::now(),
            objects: BTreeMap::new(),
            forbidden: BTreeSet::new(),
            failures: 0,
            findings: Vec::new(),
            gave_up: false,
        })
    }

    fn until(mut self, end: &Receiver<End>) -> WatchOutcome {
        loop {
            let objects = self.read();
            let told = self.rollout.observe(&objects, self.start.elapsed());
            self.tell(told);
            match end.recv_timeout(EVERY) {
                Err(RecvTimeoutError::Timeout) => {}
                Ok(end) => return self.finish(end),
                Err(RecvTimeoutError::Disconnected) => return WatchOutcome::default(),
            }
        }
    }

    fn finish(mut self, end: End) -> WatchOutcome {
        let objects = self.read();
        let end = if self.gave_up { End::NotReady } else { end };
        let told = self.rollout.finish(&objects, self.start.elapsed(), end);
        self.tell(told);
        let Self { rollout, mut findings, gave_up, .. } = self;
        findings.retain(|finding| rollout.still(finding));
        let unready = rollout.progress().filter(|it| it.state != State::Ready).cloned().collect();
        WatchOutcome { findings, unready, gave_up }
    }

    /// Everything that may be read. What fails for now is as it was.
    fn read(&mut self) -> Vec<Json> {
        let (mut newly, mut failure) = (Vec::new(), None);
        let label = format!("{}={}", labels::INSTANCE, self.of.release.name);
        for (kind, labelled, fields) in READ {
            let name: &'static str = match &kind.kind {
                std::borrow::Cow::Borrowed(name) => name,
                std::borrow::Cow::Owned(_) => continue,
            };
            if self.forbidden.contains(name) || (*kind == JOB && !self.of.jobs) {
                continue;
            }
            let labels = if labelled { label.as_str() } else { "" };
            match self.cluster.recent(kind, &self.of.release.namespace, labels, fields) {
                Ok(objects) => {
                    self.objects.insert(name, objects);
                }
                Err(error) if error.kind() == ErrorKind::Forbidden => {
                    self.forbidden.insert(name);
                    newly.push(kind.plural.as_ref());
                }
                Err(error) => {
                    failure = Some(error);
                    // The others would wait as long.
                    break;
                }
            }
        }
        if !newly.is_empty() {
            let (space, kinds) = (&self.of.release.namespace, newly.join(", "));
            warn(
                self.of.report,
                Code::NotWatched,
                format!("no permission to list {kinds} in namespace {space}: they are not part of the rollout status"),
            );
        }
        self.failures = if failure.is_some() { self.failures + 1 } else { 0 };
        if let Some(error) = failure.filter(|_| self.failures == FAILURES) {
            warn(self.of.report, Code::NotWatched, format!("the workloads cannot be watched for now: {error}"));
        }
        self.objects.values().flatten().cloned().collect()
    }

    fn tell(&mut self, told: Vec<Reported>) {
        for told in told {
            match told {
                Reported::Progress(progress) => (self.of.report)(&Event::Workload(progress)),
                Reported::Finding(finding, log) => {
                    let finding = self.complete(finding, log);
                    (self.of.report)(&Event::Finding(finding.clone()));
                    if let Some(give_up) = self.of.give_up.filter(|_| finding.is_final && !self.gave_up) {
                        self.gave_up = true;
                        give_up();
                    }
                    let same = |old: &Finding| {
                        (&old.kind, &old.name, old.reason, &old.container)
                            == (&finding.kind, &finding.name, finding.reason, &finding.container)
                    };
                    self.findings.retain(|old| !same(old));
                    self.findings.push(finding);
                }
            }
        }
    }

    /// With the log, and without secrets: a node may repeat a command that holds one.
    fn complete(&self, finding: Finding, log: Option<Log>) -> Finding {
        let text = mask(&finding.text, self.of.secrets);
        let Some(log) = log else { return Finding { text, ..finding } };
        let read = |previous| {
            let (space, pod, container) = (&self.of.release.namespace, &finding.pod, &finding.container);
            let lines = self.cluster.logs(space, pod, container, previous, LOG_LINES).unwrap_or_default();
            lines.into_iter().filter(|line| !line.trim().is_empty()).collect::<Vec<_>>()
        };
        // A new run of the container may have begun in this moment, with nothing written yet.
        let first = read(log == Log::Previous);
        let lines = if first.is_empty() { read(log != Log::Previous) } else { first };
        Finding { text, log: lines.iter().map(|line| line.chars().take(LOG_WIDTH).collect()).collect(), ..finding }
    }
}

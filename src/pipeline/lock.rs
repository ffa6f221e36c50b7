//! The lock of a release, taken before the first write and given back at the end, and what a killed helm left behind.
//!
//! [`judge()`] decides, purely, whether a release that looks as if a helm worked on it may be gone on with. A helm that may
//! still live is never overtaken, and no helm is ended here.

use super::event::{Report, say};
use super::run::Limits;
use super::{Error, Release};
use crate::cluster::holder::Holder;
use crate::cluster::lease::{self, Claim, Earlier, Held, HelmRun, Terms};
use crate::cluster::record::Brought;
use crate::cluster::{self, Cluster, Objects, Owner, Record, SECRET, Timestamp};
use crate::helm::{self, Helm, Target};
use crate::problem::Problem;
use std::time::Duration;

/// Variable for tests: how many seconds the Lease counts. It is renewed four times in that time.
const SECONDS: &str = "KUBECTL_ASPIRE_LEASE_SECONDS";

/// What a person said about helms that nobody can see from here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Word {
    /// `--assume-helm-dead`.
    pub assume_helm_dead: bool,
    /// How long a helm may take, if nothing else is known: `--timeout`.
    pub timeout: Duration,
}

/// The last revision as it was read before the lock was taken.
#[derive(Debug, Default)]
pub struct Seen {
    number: u64,
    /// None when there is no release, or when helm keeps its records elsewhere.
    record: Option<Record>,
}

/// What to do about the last revision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// Nothing: no helm works on it.
    GoOn,
    /// The helm that worked on it is dead.
    Recover,
}

/// A lock that is held.
pub struct Lock {
    held: Held<Cluster>,
}

impl Seen {
    /// What helm says of the release, and the record of its last revision, both of one moment.
    pub fn look(
        helm: &Helm,
        target: &Target,
        cluster: &Cluster,
        release: &Release,
    ) -> Result<(Option<helm::Release>, Self), Error> {
        for _ in 0..3 {
            let Some(last) = helm.status(target)? else { return Ok((None, Self::default())) };
            let record = Record::read(cluster, &release.namespace, &release.name, last.revision)?;
            if record.as_ref().is_none_or(|record| record.status == last.status) {
                let seen = Self { number: last.revision, record };
                return Ok((Some(last), seen));
            }
        }
        Err(changed(release))
    }

    /// Whether a helm works on it, or was killed while it did.
    pub fn is_under_way(&self) -> bool {
        self.record.as_ref().is_some_and(Record::is_under_way)
    }

    /// An error when the release is another one now.
    fn still(&self, cluster: &Cluster, release: &Release) -> Result<(), Error> {
        let read = |number| Record::read(cluster, &release.namespace, &release.name, number);
        let same = match &self.record {
            Some(record) => read(self.number)?.is_some_and(|live| live.state() == record.state()),
            None => true,
        };
        if same && read(self.number + 1)?.is_none() {
            return Ok(());
        }
        Err(changed(release))
    }
}

fn changed(release: &Release) -> Error {
    let what = format!("the {} was changed while this run looked at it", release.described());
    Error::Refused(Problem::at("", what).hint("run again").into())
}

/// Whether the lock could be had and the last revision be gone on with. Writes nothing.
pub fn check(cluster: &Cluster, release: &Release, owner: Owner, seen: &Seen, word: Word) -> Result<(), Error> {
    let earlier = lease::look(cluster, owner, &release.namespace)?;
    judge(&release.name, &release.namespace, seen.record.as_ref(), earlier.as_ref(), Timestamp::now(), word)
        .map(drop)
        .map_err(|problem| Error::Refused(problem.into()))
}

impl Lock {
    /// Takes the lock and looks again: the release must be the one that was seen, and no helm may work on it.
    pub fn take(release: &Release, owner: Owner, doing: &str, seen: &Seen, word: Word) -> Result<(Self, bool), Error> {
        let claim = Claim {
            owner,
            namespace: &release.namespace,
            doing,
            terms: terms(release),
            holder: Holder::this_process(),
        };
        let cluster = release.connect()?;
        let lock = Self { held: Held::acquire(release.connect()?, &claim)? };
        let judged = seen.still(&cluster, release).and_then(|()| {
            let (record, earlier) = (seen.record.as_ref(), lock.held.earlier());
            judge(&release.name, &release.namespace, record, earlier, Timestamp::now(), word)
                .map_err(|problem| Error::Refused(problem.into()))
        });
        match judged {
            Ok(verdict) => Ok((lock, verdict == Verdict::Recover)),
            Err(error) => {
                // The refusal says more than that the lock could not be given back.
                let _ = lock.held.release();
                Err(error)
            }
        }
    }

    /// An error when the lock is no longer surely ours.
    pub fn check(&self) -> Result<(), Error> {
        Ok(self.held.check()?)
    }

    /// Helm has ended, well or badly. A revision that it left under way is set to `failed`, because a dead helm works on
    /// nothing.
    pub fn helm_ended(&self, cluster: &Cluster, release: &Release, well: bool) -> Result<(), Error> {
        let settled = well || settle(cluster, release).unwrap_or(false);
        Ok(self.held.helm_ended(settled)?)
    }

    /// Gives the lock back.
    pub fn release(&self) -> Result<(), Error> {
        Ok(self.held.release()?)
    }
}

impl helm::Follow for Lock {
    fn mark(&self) -> (&'static str, String) {
        (lease::MARK, self.held.run().to_owned())
    }

    fn starts(&self, command: &str, timeout: Duration) -> cluster::Result<()> {
        self.held.check()?;
        self.held.helm_starts(command, timeout)
    }

    fn runs(&self, process: u32) {
        // Without the number it is known by its mark.
        let _ = self.held.helm_runs(process);
    }
}

/// Sets the last revision, whose helm is dead, to `failed`, so that helm goes on from it. A removal that was cut short is
/// waited for first: what is going must not be taken for what is there.
pub fn recover(
    cluster: &Cluster,
    release: &Release,
    seen: &Seen,
    limits: &Limits,
    report: &Report,
) -> Result<(), Error> {
    let Some(record) = &seen.record else { return Ok(()) };
    if record.status == "uninstalling" {
        wait_for_the_going(cluster, release, &record.brought(), limits, report)?;
    }
    let why = format!("{} was cut short; set to failed by kubectl-aspire", record.status);
    record.fail(cluster, &release.namespace, &why)?;
    say(
        report,
        format!(
            "revision {} was left {} by a helm that is gone; it counts as failed now",
            record.revision, record.status
        ),
    );
    Ok(())
}

fn wait_for_the_going(
    cluster: &Cluster,
    release: &Release,
    brought: &[Brought],
    limits: &Limits,
    report: &Report,
) -> Result<(), Error> {
    for object in brought {
        let Some(kind) = cluster.kind(&object.api_version, &object.kind)? else { continue };
        let namespace = object.namespace.as_deref().unwrap_or(&release.namespace);
        let going = || -> Result<bool, Error> {
            let live = cluster.get(&kind, namespace, &object.name)?;
            Ok(live.is_some_and(|live| live["metadata"]["deletionTimestamp"].is_string()))
        };
        if going()? {
            say(
                report,
                format!("waiting until the {kind} {} is gone, which an earlier run began to remove", object.name),
            );
        }
        while going()? {
            if limits.left().is_zero() || (limits.stopped)() {
                let what = format!("the {kind} {} in namespace {namespace} is still being deleted", object.name);
                let hint = "wait until it is gone, then run again; `kubectl get -o yaml` shows its finalizers";
                return Err(Error::Refused(Problem::at("", what).hint(hint).into()));
            }
            std::thread::sleep(Duration::from_millis(200));
        }
    }
    Ok(())
}

/// Sets what a dead helm of ours left pending to `failed`. False when something is left that only a later run can settle.
fn settle(cluster: &Cluster, release: &Release) -> Result<bool, Error> {
    let under_way = "status in (pending-install,pending-upgrade,pending-rollback,uninstalling)";
    let selector = format!("owner=helm,name={},{under_way}", release.name);
    let mut settled = true;
    for object in cluster.list(&SECRET, &release.namespace, &selector)? {
        let record = Record::of(object)?;
        if record.status.starts_with("pending-") {
            record.fail(cluster, &release.namespace, "helm ended before it was done")?;
        } else {
            settled = false;
        }
    }
    Ok(settled)
}

fn terms(release: &Release) -> Terms {
    let seconds = release.environment.text(SECONDS).and_then(|text| text.parse().ok()).filter(|seconds| *seconds > 0);
    seconds.map_or_else(Terms::default, |seconds| {
        let lasts = Duration::from_secs(seconds);
        Terms { lasts, renew: lasts / 4 }
    })
}

/// Whether the last revision may be gone on with. `earlier` is the helm of an earlier run whose end nobody heard of.
fn judge(
    release: &str,
    namespace: &str,
    record: Option<&Record>,
    earlier: Option<&Earlier>,
    now: Timestamp,
    word: Word,
) -> Result<Verdict, Problem> {
    let what = format!("the release {release} in namespace {namespace}");
    let under_way = record.filter(|record| record.is_under_way());
    match (under_way, earlier) {
        (None, None | Some(Earlier::Dead(_))) => Ok(Verdict::GoOn),
        // It may not have begun yet. Once its time has passed, it has ended or will never begin.
        (None, Some(Earlier::Unproven(left))) => match left.over_at() {
            Some(over) if now < over => {
                let problem = format!("{what} may still be worked on by {}", described(left));
                Err(Problem::at("", problem).hint(format!("wait until {}, then run again", shown(over))))
            }
            _ => Ok(Verdict::GoOn),
        },
        (Some(record), Some(Earlier::Dead(left))) if left.wrote(record.changed) => Ok(Verdict::Recover),
        (Some(record), earlier) => {
            let left = earlier.map(Earlier::helm).filter(|left| left.wrote(record.changed));
            let who = left.map_or_else(|| "another helm works on it, or was killed while it did".to_owned(), described);
            let problem = Problem::at("", format!("{what} is {}: {who}", record.status));
            match left.map_or_else(|| over(record, word.timeout), HelmRun::over_at) {
                Some(over) if now < over => Err(problem.hint(format!(
                    "wait until it has ended; when none runs any more, from {} on: the same command with --assume-helm-dead",
                    shown(over)
                ))),
                _ if word.assume_helm_dead => Ok(Verdict::Recover),
                _ => Err(problem
                    .hint("when you know that no helm works on it any more: the same command with --assume-helm-dead")),
            }
        }
    }
}

/// When a helm that nobody knows must have ended.
fn over(record: &Record, timeout: Duration) -> Option<Timestamp> {
    record.changed.and_then(|began| began.checked_add(timeout + Duration::from_secs(120)).ok())
}

fn described(left: &HelmRun) -> String {
    let host = Holder::parse(&left.holder).map_or_else(|| "another machine".to_owned(), |holder| holder.on.host);
    format!("helm {} on {host}, started at {}, whose end nobody here can see", left.command, left.started_at)
}

fn shown(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::record;
    use serde_json::json;

    const BEGAN: &str = "2026-01-01T10:00:00Z";

    fn left(started_at: &str) -> HelmRun {
        let holder = Holder::this_process().identity();
        let note = json!({"holder": holder, "command": "upgrade", "startedAt": started_at, "timeoutSeconds": 300});
        serde_json::from_value(note).unwrap()
    }

    fn judged(status: &str, earlier: Option<&Earlier>, now: &str, assume_helm_dead: bool) -> Result<Verdict, String> {
        let json = json!({"version": 2, "info": {"status": status, "last_deployed": BEGAN}}).to_string();
        let record = Record::of(record::secret("shop", 2, &json)).unwrap();
        let word = Word { assume_helm_dead, timeout: Duration::from_secs(300) };
        let verdict = judge("shop", "n", Some(&record), earlier, now.parse().unwrap(), word);
        verdict.map_err(|problem| format!("{} | {}", problem.what, problem.hint))
    }

    #[test]
    fn a_helm_is_dead_when_that_is_proven_or_its_time_is_over_and_a_person_says_so() {
        let own = left("2026-01-01T09:59:58Z");
        let (dead, unproven) = (Earlier::Dead(own.clone()), Earlier::Unproven(own));
        let long_ago = Earlier::Dead(left("2026-01-01T09:00:00Z"));
        let (soon, late) = ("2026-01-01T10:01:00Z", "2026-01-01T10:08:00Z");
        for (status, earlier, now, word, expected) in [
            ("deployed", None, soon, false, Some(Verdict::GoOn)),
            ("failed", Some(&dead), soon, false, Some(Verdict::GoOn)),
            ("pending-install", Some(&dead), soon, false, Some(Verdict::Recover)),
            ("uninstalling", Some(&dead), soon, false, Some(Verdict::Recover)),
            // A helm that was started long before did not begin this revision.
            ("pending-upgrade", Some(&long_ago), soon, true, None),
            ("pending-upgrade", Some(&long_ago), late, true, Some(Verdict::Recover)),
            ("pending-upgrade", Some(&unproven), soon, true, None),
            ("pending-upgrade", Some(&unproven), late, false, None),
            ("pending-upgrade", Some(&unproven), late, true, Some(Verdict::Recover)),
            ("pending-rollback", None, soon, true, None),
            ("pending-rollback", None, late, false, None),
            ("pending-rollback", None, late, true, Some(Verdict::Recover)),
            // It may not have begun its revision yet.
            ("deployed", Some(&unproven), soon, true, None),
            ("deployed", Some(&unproven), late, false, Some(Verdict::GoOn)),
        ] {
            let verdict = judged(status, earlier, now, word);
            assert_eq!(verdict.clone().ok(), expected, "{status} {now} {word}: {verdict:?}");
        }
        let word = Word { assume_helm_dead: false, timeout: Duration::from_secs(300) };
        assert!(judge("shop", "n", None, None, late.parse().unwrap(), word).is_ok());
    }

    #[test]
    fn a_refusal_names_the_helm_and_the_moment() {
        let unproven = Earlier::Unproven(left("2026-01-01T09:59:58Z"));
        let said = judged("pending-upgrade", Some(&unproven), "2026-01-01T10:01:00Z", false).unwrap_err();
        assert!(said.starts_with("the release shop in namespace n is pending-upgrade: helm upgrade on "), "{said}");
        assert!(said.contains("from 2026-01-01 10:06:58 UTC on: the same command with --assume-helm-dead"), "{said}");
        let said = judged("pending-upgrade", None, "2026-01-01T10:08:00Z", false).unwrap_err();
        assert!(said.contains("when you know that no helm works on it any more"), "{said}");
    }
}

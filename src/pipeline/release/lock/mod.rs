//! The lock of a release, taken before the first write and released at the end, and recovery after a killed helm.
//!
//! [`judge()`] decides, purely, whether a run may continue with a release that looks as if helm still worked on it. A
//! helm process that may be alive is never overtaken, and no helm process is killed here.

pub(crate) mod judge;
pub(crate) mod last_revision;
pub(crate) mod recover;

use super::records::{self, Operation};
use crate::cluster::Timestamp;
use crate::cluster::connect::client::Cluster;
use crate::cluster::state::holder::{self, Holder};
use crate::cluster::state::lease;
use crate::cluster::state::lease::{Claim, Held, Terms};
use crate::helm::{self, Helm};
use crate::k8s::ownership::Owner;
use crate::pipeline::engine::event::{Report, say};
use crate::pipeline::engine::run::Limits;
use crate::pipeline::{Error, Release, Slot};
use crate::support::diagnostic::{Code, Diagnostic};
use crate::support::digest::sha256;
pub(crate) use judge::AssumeHelmDead;
use judge::{Recovery, judge};
pub(crate) use last_revision::LastRevision;
pub(crate) use recover::cut_short;
use recover::{recover, settle};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Variable for tests: how many seconds the Lease counts. It is renewed four times in that time.
const SECONDS: &str = "KUBECTL_ASPIRE_LEASE_SECONDS";

/// A lock that is held.
pub(crate) struct Lock {
    held: Held<Cluster>,
    cluster: Cluster,
    release: Release,
    /// What the next helm is to do, said by whoever starts it.
    expected: Mutex<Option<Operation>>,
}

/// Waits until no helm of an earlier run, which is gone, works on the release any more, as long as this run may take. It
/// comes before the release is looked at, because that helm still changes it.
pub(crate) fn wait_for_helm(
    cluster: &Cluster,
    release: &Release,
    owner: Owner,
    limits: &Limits,
    report: &Report,
) -> Result<(), Error> {
    let mut told = false;
    while let Some(refusal) = lease::outlived(cluster, owner, &release.namespace) {
        if limits.left().is_zero() {
            return Err(refusal.into());
        }
        if (limits.stopped)() {
            return Ok(());
        }
        if !std::mem::replace(&mut told, true) {
            say(report, format!("waiting until it has ended: {}", refusal.sentence()));
        }
        std::thread::sleep(LOOK_AGAIN);
    }
    Ok(())
}

/// Time between two looks at a helm that is waited for.
const LOOK_AGAIN: Duration = Duration::from_millis(250);

/// Whether the lock could be had and the last revision be gone on with. Writes nothing.
pub(crate) fn check(
    cluster: &Cluster,
    release: &Release,
    owner: Owner,
    seen: &LastRevision,
    word: AssumeHelmDead,
) -> Result<(), Error> {
    let earlier = lease::look(cluster, owner, &release.namespace)?;
    check_alone(release)?;
    judge(&release.name, &release.namespace, seen.record.as_ref(), earlier.as_ref(), Timestamp::now(), word)
        .map(drop)
        .map_err(|diagnostic| Error::Refused(diagnostic.into()))
}

impl Lock {
    /// Takes the lock and looks again: the release must be the one that was seen, and no helm may work on it.
    fn take(
        release: &Release,
        owner: Owner,
        doing: &str,
        seen: &LastRevision,
        word: AssumeHelmDead,
    ) -> Result<(Self, Recovery), Error> {
        let claim = Claim {
            owner,
            namespace: &release.namespace,
            doing,
            terms: terms(release),
            holder: Holder::this_process(),
        };
        let cluster = release.connect()?;
        let held = Held::acquire(release.connect()?, &claim)?;
        let release = release.beside(&release.name, &release.namespace)?;
        let lock = Self { held, cluster, release, expected: Mutex::default() };
        let judged =
            check_alone(&lock.release).and_then(|()| seen.still(&lock.cluster, &lock.release)).and_then(|()| {
                let (record, earlier) = (seen.record.as_ref(), lock.held.earlier());
                judge(&lock.release.name, &lock.release.namespace, record, earlier, Timestamp::now(), word)
                    .map_err(|diagnostic| Error::Refused(diagnostic.into()))
            });
        match judged {
            Ok(verdict) => Ok((lock, verdict)),
            Err(error) => {
                // The refusal says more than that the lock could not be given back.
                let _ = lock.held.release();
                Err(error)
            }
        }
    }

    /// An error when the lock is no longer surely ours.
    pub(crate) fn check(&self) -> Result<(), Error> {
        Ok(self.held.check()?)
    }

    /// The namespace is deleted next, with the Lease in it. An error when the lock is no longer surely ours.
    pub(crate) fn ends_with_namespace(&self) -> Result<(), Error> {
        self.check()?;
        self.held.ends_with_namespace();
        Ok(())
    }

    /// Says what the next helm is to do. Without that none is let start.
    pub(crate) fn expects(&self, operation: Operation) {
        *self.expected.lock().unwrap_or_else(PoisonError::into_inner) = Some(operation);
    }

    /// The records as they are now, right before helm reads them, must let it do only what it may.
    fn check_records(&self, command: &str) -> crate::k8s::error::Result<()> {
        let expected = self.expected.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let operation = expected.filter(|operation| operation.verb.command() == command);
        let refused = |sentence: String| crate::k8s::error::Error::refused(sentence);
        let operation = operation.ok_or_else(|| {
            refused(format!("helm {command} was started without a declared purpose, which is a defect of the program"))
        })?;
        match records::check(&self.cluster, &self.release, &operation) {
            Ok(_) => Ok(()),
            Err(Error::Cluster(error)) => Err(error),
            Err(error) => Err(refused(error.to_string())),
        }
    }

    /// Helm has ended, well or badly. A revision that it left under way is set to `failed`, because a dead helm works on
    /// nothing.
    pub(crate) fn helm_ended(&self, cluster: &Cluster, release: &Release, well: bool) -> Result<(), Error> {
        let settled = well || settle(cluster, release).unwrap_or(false);
        Ok(self.held.helm_ended(settled)?)
    }

    /// Gives the lock back.
    pub(crate) fn release(&self) -> Result<(), Error> {
        Ok(self.held.release()?)
    }
}

/// The hold of one run on its release: the last revision as it was seen, and the lock once it is taken.
pub(crate) struct LockGuard {
    /// What a user said about helms.
    pub word: AssumeHelmDead,
    seen: Slot<LastRevision>,
    lock: Slot<(Arc<Lock>, Recovery)>,
}

impl LockGuard {
    /// Nothing was seen yet, and nothing taken. A helm of this run may take the time that is left.
    pub(crate) fn new(assume_helm_dead: bool, limits: &Limits) -> Self {
        let word = AssumeHelmDead { assume_helm_dead, timeout: limits.left() };
        Self { word, seen: Slot::default(), lock: Slot::default() }
    }

    /// Whether there was no release when it was looked at.
    pub(crate) fn sees_nothing(&self) -> bool {
        self.seen.find().is_none_or(|seen| seen.number == 0)
    }

    /// Keeps what was seen, which the lock will be taken for.
    pub(crate) fn keep(&self, seen: LastRevision) {
        self.seen.put(seen);
    }

    /// The number of the last revision as it was seen; 0 if the release does not exist.
    pub(crate) fn newest(&self) -> Result<u64, Error> {
        Ok(self.seen.get()?.number)
    }

    /// Takes the lock of the release as it was seen. From here on helm tells the lock what it does.
    pub(crate) fn take(&self, helm: &Helm, release: &Release, owner: Owner, doing: &str) -> Result<(), Error> {
        let (lock, verdict) = Lock::take(release, owner, doing, self.seen.get()?, self.word)?;
        let lock = Arc::new(lock);
        helm.follow(Arc::clone(&lock) as _);
        self.lock.put((lock, verdict));
        Ok(())
    }

    /// Frees the release from a helm that was killed, where one was.
    pub(crate) fn recover(
        &self,
        cluster: &Cluster,
        release: &Release,
        limits: &Limits,
        report: &Report,
    ) -> Result<(), Error> {
        match self.lock.get()? {
            (_, Recovery::Recover) => recover(cluster, release, self.seen.get()?, limits, report),
            (_, Recovery::GoOn) => Ok(()),
        }
    }

    /// The lock, if it was taken.
    pub(crate) fn find(&self) -> Option<&Lock> {
        self.lock.find().map(|(lock, _)| &**lock)
    }

    /// The lock, which an earlier step took.
    pub(crate) fn lock(&self) -> Result<&Lock, Error> {
        self.lock.get().map(|(lock, _)| &**lock)
    }

    /// An error when the lock was taken and is no longer surely ours.
    pub(crate) fn check(&self) -> Result<(), Error> {
        self.find().map_or(Ok(()), Lock::check)
    }

    /// Gives the lock back, if it was taken.
    pub(crate) fn release(&self) -> Result<(), Error> {
        self.find().map_or(Ok(()), Lock::release)
    }
}

impl helm::Follow for Lock {
    fn marks(&self) -> Vec<(&'static str, String)> {
        vec![(lease::MARK, self.held.run().to_owned()), (lease::WORKS_ON, works_on(&self.release))]
    }

    fn starts(&self, command: &str, timeout: Duration) -> crate::k8s::error::Result<()> {
        self.held.check()?;
        self.held.helm_starts(command, timeout)?;
        // Last, because the note tells whoever reads the Lease that helm is about to read the records.
        self.check_records(command).inspect_err(|_| {
            // A note that stays makes the next run look for a helm that never was, and no more.
            let _ = self.held.helm_ended(true);
        })
    }

    fn runs(&self, process: u32) {
        // Without the number it is known by its mark.
        let _ = self.held.helm_runs(process);
    }
}

/// No helm of ours that works on the release on this machine is overtaken, whatever others wrote into the Lease.
fn check_alone(release: &Release) -> Result<(), Error> {
    let line = format!("{}={}", lease::WORKS_ON, works_on(release));
    let Some(process) = holder::helm_of(&release.name, &line) else { return Ok(()) };
    let what = format!(
        "the {} is being worked on by helm on this machine, process {process}, which is not in its Lease",
        release.described()
    );
    let hint = format!("wait until it has ended, then run again; `kill {process}` stops it");
    Err(Error::Refused(Diagnostic::new(Code::ReleaseBusy, "", what).hint(hint).into()))
}

/// What names a release among those of all clusters, on this machine only.
fn works_on(release: &Release) -> String {
    sha256([release.location.url.as_str(), &release.namespace, &release.name].join("\n"))
}

fn terms(release: &Release) -> Terms {
    let seconds = release.environment.text(SECONDS).and_then(|text| text.parse().ok()).filter(|seconds| *seconds > 0);
    seconds.map_or_else(Terms::default, |seconds| {
        let lasts = Duration::from_secs(seconds);
        Terms { lasts, renew: lasts / 4 }
    })
}

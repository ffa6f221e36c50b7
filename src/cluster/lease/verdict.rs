//! Whether a Lease may be taken: who holds it, since when, and whether that holder and its helm still live.
//!
//! Values in, verdict out; what is asked of the system is whether processes of this machine live.

use k8s_openapi::jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{DOING, MARK};
use crate::cluster::error::Error;
use crate::cluster::holder::{Here, Holder, Life};
use crate::cluster::objects::annotation;

/// The longest time that a helm is believed to wait, in seconds.
const LONGEST: u64 = 86_400;
/// The longest time from the start of a helm to the record of its revision, in seconds.
const BEGINS: i64 = 420;

/// A helm that was started under a Lease.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HelmRun {
    /// Who started it ([`Holder::identity`]).
    pub holder: String,
    /// Its verb: `upgrade`, `rollback`, `uninstall`.
    pub command: String,
    /// When it was started.
    pub started_at: String,
    /// How long it was allowed to wait.
    pub timeout_seconds: u64,
    /// Its process; none when the run was stopped at the very moment of the start.
    pub process: Option<u32>,
    /// When the process started, in the system's own count.
    pub born: Option<String>,
    /// Whether its run saw it end, without the release being settled by that.
    #[serde(default)]
    pub ended: bool,
}

/// What is known of the helm of an earlier run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Earlier {
    /// It is proven to have ended.
    Dead(HelmRun),
    /// Nobody can tell from here.
    Unproven(HelmRun),
}

/// Whether a Lease may be taken.
#[derive(Debug, PartialEq)]
pub(super) enum Verdict {
    /// Yes.
    Free(Option<Earlier>),
    /// No.
    Held(Refusal),
    /// No: its holder is gone, and a helm that it started still works here.
    Outlived(Refusal),
    /// The time of its holder has passed, by our clock. If it is renewed all the same: no.
    Expired(Refusal, Option<Earlier>),
}

/// Why not, without the names.
#[derive(Debug, PartialEq)]
pub(super) struct Refusal {
    what: String,
    hint: String,
}

impl Refusal {
    /// The error for this release.
    pub fn of(self, release: &str, namespace: &str) -> Error {
        Error::refused(format!("the release {release} in namespace {namespace} {}", self.what)).hint(self.hint)
    }
}

/// A time as a Lease has it.
pub(super) fn instant(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%S%.6fZ").to_string()
}

/// A time for a person.
fn shown(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

fn time(text: &Value) -> Option<Timestamp> {
    text.as_str()?.parse().ok()
}

/// Judges a live Lease.
pub(super) fn of(live: &Value, helm: Option<HelmRun>, here: &Here, now: Timestamp) -> Verdict {
    let spec = &live["spec"];
    let identity = spec["holderIdentity"].as_str().unwrap_or_default();
    let holder = Holder::parse(identity);
    let known = match (&holder, identity) {
        (_, "") => Life::Dead,
        (Some(holder), _) => holder.life(here),
        (None, _) => Life::Unknown,
    };
    let (until, expired) = until(spec, now);
    let refusal = || {
        let who = holder.as_ref().map_or_else(|| identity.to_owned(), Holder::described);
        let doing = annotation(live, DOING).unwrap_or("a run");
        let since = time(&spec["acquireTime"]).map(|time| format!(" since {}", shown(time))).unwrap_or_default();
        let hint = match (&holder, known) {
            (Some(holder), Life::Alive) => {
                format!("wait until it has ended, then run again; `kill {}` stops it", holder.process)
            }
            _ => format!(
                "wait until it has ended, then run again; if it was killed, the way is free at {}",
                shown(until)
            ),
        };
        Refusal { what: format!("is being worked on: {doing} by {who}{since}"), hint }
    };
    if known == Life::Alive || (known == Life::Unknown && !expired) {
        return Verdict::Held(refusal());
    }
    match helm.map(|helm| (life_of(&helm, here), helm)) {
        Some((Life::Alive, helm)) => Verdict::Outlived(alive(&helm)),
        Some((end, helm)) => {
            let earlier = if end == Life::Dead { Earlier::Dead(helm) } else { Earlier::Unproven(helm) };
            free(known, refusal, Some(earlier))
        }
        None => free(known, refusal, None),
    }
}

fn free(holder: Life, refusal: impl Fn() -> Refusal, earlier: Option<Earlier>) -> Verdict {
    if holder == Life::Dead { Verdict::Free(earlier) } else { Verdict::Expired(refusal(), earlier) }
}

/// When the Lease ends, and whether that has passed. A time that no clock could have said yet has passed, too.
fn until(spec: &Value, now: Timestamp) -> (Timestamp, bool) {
    let lasts = SignedDuration::from_secs(spec["leaseDurationSeconds"].as_i64().unwrap_or(0).clamp(0, 86_400));
    let renewed = time(&spec["renewTime"]).unwrap_or(Timestamp::UNIX_EPOCH);
    let until = renewed.saturating_add(lasts).unwrap_or(renewed);
    (until, now >= until || renewed > now.saturating_add(lasts).unwrap_or(now))
}

fn life_of(helm: &HelmRun, here: &Here) -> Life {
    if helm.ended {
        return Life::Dead;
    }
    let Some(holder) = Holder::parse(&helm.holder) else { return Life::Unknown };
    match (helm.process, &helm.born) {
        (Some(process), Some(born)) => here.life(&holder.on, process, born),
        // The run was stopped before it could note the process. The helm has the run in its environment.
        _ => here.life_of_marked(&holder.on, MARK, &holder.run),
    }
}

fn alive(helm: &HelmRun) -> Refusal {
    let process = helm.process.map(|process| format!(" (process {process} on this machine)")).unwrap_or_default();
    let since = helm.started_at.parse().map(|time| format!(" since {}", shown(time))).unwrap_or_default();
    Refusal {
        what: format!(
            "is being worked on by helm {}{process}{since}, though the run that started it is gone",
            helm.command
        ),
        hint: match helm.process {
            Some(process) => format!("wait until it has ended, then run again; `kill {process}` stops it"),
            None => "wait until it has ended, then run again".to_owned(),
        },
    }
}

impl Earlier {
    /// The helm.
    pub fn helm(&self) -> &HelmRun {
        match self {
            Self::Dead(helm) | Self::Unproven(helm) => helm,
        }
    }
}

impl HelmRun {
    /// Whether a revision that was begun at this time can be its work. A helm begins its revision right after its start; one
    /// that was begun much later is somebody else's.
    pub fn wrote(&self, began: Option<Timestamp>) -> bool {
        let started = self.started_at.parse::<Timestamp>().ok();
        let after = |began: Timestamp| Some(began.duration_since(started?).as_secs());
        began.and_then(after).is_some_and(|seconds| (-5..=60).contains(&seconds))
    }

    /// When it must have ended, if it keeps its own limit: with two minutes for what helm does besides waiting.
    pub fn over_at(&self) -> Option<Timestamp> {
        let started: Timestamp = self.started_at.parse().ok()?;
        // Somebody may have written any number.
        let seconds = i64::try_from(self.timeout_seconds.min(LONGEST)).ok()?.checked_add(120)?;
        started.checked_add(SignedDuration::from_secs(seconds)).ok()
    }

    /// When it must have begun its revision, if it ever does: helm writes the record before it waits for anything but
    /// definitions of kinds. None for a start that no clock could have said yet.
    pub fn begun_by(&self, now: Timestamp) -> Option<Timestamp> {
        let started: Timestamp = self.started_at.parse().ok()?;
        let ahead = SignedDuration::from_secs(120);
        if started > now.saturating_add(ahead).ok()? {
            return None;
        }
        let begun = started.checked_add(SignedDuration::from_secs(BEGINS)).ok()?;
        Some(self.over_at()?.min(begun))
    }
}

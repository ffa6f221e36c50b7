//! Whether a Lease may be taken: who holds it, since when, and whether that holder and its helm process are still
//! alive.
//!
//! Values in, decision out; the only question to the system is whether processes of this machine are alive.

use crate::support::diagnostic::Code;
use std::time::Duration;

use k8s_openapi::jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::cluster::state::holder::{Here, Holder, Life};
use crate::k8s::error::Error;
use crate::k8s::labels;
use crate::k8s::object::annotation;

/// Variable in the environment of every helm that is started under a Lease: the run of its holder.
pub(crate) const MARK: &str = "KUBECTL_ASPIRE_RUN";

/// Variable in the environment of every helm that is started under a Lease: the release that it works on.
pub(crate) const WORKS_ON: &str = "KUBECTL_ASPIRE_WORKS_ON";

/// The longest time that a Lease is believed to last without being renewed, in seconds, and a note of a helm that anyone can
/// have written. Our Leases last one minute.
const LONGEST: u32 = 600;
/// What helm does besides waiting, in seconds.
const BESIDES: u64 = 120;
/// The longest time that helm waits before it writes the record of its revision.
const BEGINS: Duration = Duration::from_secs(300);

/// The name of the Lease of a release.
pub(crate) fn name(release: &str) -> String {
    format!("{release}-aspire")
}

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
    /// What names its process ([`Holder::child`]); none when the run was stopped at the very moment of the start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub child: Option<String>,
    /// What versions before wrote: its process and when that started.
    #[serde(flatten)]
    pub former: Former,
    /// What only this boot of the machine can have written beneath all of that ([`Here::seal`]).
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub seal: String,
}

/// A process as versions before noted it. Only read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Former {
    #[serde(default, skip_serializing)]
    process: Option<u32>,
    #[serde(default, skip_serializing)]
    born: Option<String>,
}

/// What is known of the helm of an earlier run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Earlier {
    /// It is proven to have ended.
    Dead(HelmRun),
    /// It is not known here.
    Unproven(HelmRun),
}

/// Whether a Lease may be taken.
#[derive(Debug, PartialEq)]
pub(crate) enum Verdict {
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
pub(crate) struct Refusal {
    what: String,
    hint: String,
    /// Whether a process of this machine proves it. Otherwise the Lease says so, which others may write.
    proven: bool,
}

impl Refusal {
    pub(crate) fn of(self, release: &str, namespace: &str) -> Error {
        let Self { what, hint, proven } = self;
        let hint = if proven {
            hint
        } else {
            let lease = name(release);
            format!("{hint}; if you know that no run works on it: `kubectl delete lease {lease} -n {namespace}`")
        };
        Error::refused(format!("the release {release} in namespace {namespace} {what}"))
            .code_of(Code::ReleaseLocked)
            .hint(hint)
    }
}

/// A time as a Lease has it.
pub(crate) fn instant(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%S%.6fZ").to_string()
}

/// A time for a user.
fn shown(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

fn time(text: &Value) -> Option<Timestamp> {
    text.as_str()?.parse().ok()
}

/// Judges a live Lease.
pub(crate) fn of(live: &Value, helm: Option<HelmRun>, here: &Here, now: Timestamp) -> Verdict {
    let spec = &live["spec"];
    let identity = spec["holderIdentity"].as_str().unwrap_or_default();
    let holder = Holder::parse(identity);
    let (until, expired) = until(spec, now);
    let known = match (&holder, identity) {
        (_, "") => Life::Dead,
        (Some(holder), _) => match holder.life(here) {
            // Anyone can write the number of a process that lives.
            Life::Alive(_) if expired && holder.is_former() => Life::Unknown,
            found => found,
        },
        (None, _) => Life::Unknown,
    };
    let refusal = || {
        let doing = annotation(live, labels::DOING).unwrap_or("a run");
        let place = place(holder.as_ref().is_some_and(|holder| here.is_of(holder)), known);
        let hint = match known {
            Life::Alive(process) => until_ended(process),
            Life::Dead | Life::Unknown => format!("{WAIT}; if it was killed, the lock expires at {}", shown(until)),
        };
        let what = format!("is being worked on: {doing} {place}{}", since(&spec["acquireTime"]));
        Refusal { what, hint, proven: matches!(known, Life::Alive(Some(_))) }
    };
    if matches!(known, Life::Alive(_)) || (known == Life::Unknown && !expired) {
        return Verdict::Held(refusal());
    }
    match helm.map(|helm| (helm.life(here, now), helm)) {
        Some((Life::Alive(process), helm)) => Verdict::Outlived(alive(&helm, process)),
        Some((end, helm)) => {
            let earlier = if end == Life::Dead { Earlier::Dead(helm) } else { Earlier::Unproven(helm) };
            free(known, refusal, Some(earlier))
        }
        None => free(known, refusal, None),
    }
}

/// What is said to whoever has to wait.
const WAIT: &str = "wait until it has ended, then run again";

/// Only a process that was found on this machine is named by its number.
fn until_ended(process: Option<u32>) -> String {
    process.map_or_else(|| WAIT.to_owned(), |process| format!("{WAIT}; `kill {process}` stops it"))
}

/// `on this machine, process 812`.
fn place(here: bool, known: Life) -> String {
    match known {
        Life::Alive(Some(process)) => format!("on this machine, process {process},"),
        _ if here => "on this machine".to_owned(),
        _ => "on another machine".to_owned(),
    }
}

/// Who holds a Lease, in words.
pub(crate) fn described(holder: Option<&Holder>, here: &Here) -> String {
    holder.map_or_else(
        || "another client".to_owned(),
        |holder| format!("a run {}", place(here.is_of(holder), Life::Unknown)),
    )
}

fn since(time: &Value) -> String {
    self::time(time).map(|time| format!(" since {}", shown(time))).unwrap_or_default()
}

fn free(holder: Life, refusal: impl Fn() -> Refusal, earlier: Option<Earlier>) -> Verdict {
    if holder == Life::Dead { Verdict::Free(earlier) } else { Verdict::Expired(refusal(), earlier) }
}

/// When the Lease ends, and whether that has passed. A time that no clock could have said yet has passed, too.
fn until(spec: &Value, now: Timestamp) -> (Timestamp, bool) {
    let lasts = SignedDuration::from_secs(spec["leaseDurationSeconds"].as_i64().unwrap_or(0).clamp(0, LONGEST.into()));
    let renewed = time(&spec["renewTime"]).unwrap_or(Timestamp::UNIX_EPOCH);
    let until = renewed.saturating_add(lasts).unwrap_or(renewed);
    (until, now >= until || renewed > now.saturating_add(lasts).unwrap_or(now))
}

fn alive(helm: &HelmRun, process: Option<u32>) -> Refusal {
    let place = place(true, Life::Alive(process));
    let since = since(&helm.started_at.as_str().into());
    let what =
        format!("is being worked on by helm {} {place}{since}, though the run that started it is gone", helm.command);
    Refusal { what, hint: until_ended(process), proven: process.is_some() }
}

impl Earlier {
    pub fn helm(&self) -> &HelmRun {
        match self {
            Self::Dead(helm) | Self::Unproven(helm) => helm,
        }
    }
}

impl HelmRun {
    /// The same, sealed by the machine that writes it.
    pub(crate) fn sealed(self, here: &Here) -> Self {
        Self { seal: here.seal(&self.unsealed()), ..self }
    }

    fn unsealed(&self) -> String {
        json!(Self { seal: String::new(), ..self.clone() }).to_string()
    }

    /// Whether it lives. Only what this machine wrote itself proves that it does not: whoever may write Leases can write the
    /// name of any process that has ended. What another client may have written is believed for a bounded time.
    fn life(&self, here: &Here, now: Timestamp) -> Life {
        let Some(holder) = Holder::parse(&self.holder) else { return Life::Unknown };
        let found = match (&self.child, self.former.process, &self.former.born) {
            (Some(child), ..) => here.life(&holder, child),
            (None, Some(process), Some(born)) => here.life_of_former(&holder, process, born),
            // The run was stopped before it could note the process. The helm has the run in its environment.
            _ => here.life_of_marked(&holder, MARK),
        };
        let is_own =
            self.former == Former::default() && !self.seal.is_empty() && self.seal == here.seal(&self.unsealed());
        let believed =
            || self.over_at(Duration::from_secs(u64::from(LONGEST) - BESIDES), now).is_some_and(|over| now < over);
        match found {
            _ if is_own => found,
            Life::Alive(_) if believed() => found,
            Life::Alive(_) | Life::Dead | Life::Unknown => Life::Unknown,
        }
    }

    /// Whether a revision that was begun at this time can be its work. A helm begins its revision right after its start; one
    /// that was begun much later is another owner's.
    pub fn wrote(&self, began: Option<Timestamp>) -> bool {
        let started = self.started_at.parse::<Timestamp>().ok();
        let after = |began: Timestamp| Some(began.duration_since(started?).as_secs());
        began.and_then(after).is_some_and(|seconds| (-5..=60).contains(&seconds))
    }

    /// When it must have ended, if it waits no longer than it was told, and no longer than a caller says who knows more than
    /// the note: that can hold any number.
    pub fn over_at(&self, at_most: Duration, now: Timestamp) -> Option<Timestamp> {
        over_at(self.started_at.parse().ok()?, Duration::from_secs(self.timeout_seconds).min(at_most), now)
    }

    /// When it must have begun its revision, if it ever does: helm writes the record before it waits for anything but
    /// definitions of kinds.
    pub fn begun_by(&self, now: Timestamp) -> Option<Timestamp> {
        self.over_at(BEGINS, now)
    }
}

/// When a helm must have ended that was started then. None for a start that no clock could have said yet.
pub(crate) fn over_at(started: Timestamp, timeout: Duration, now: Timestamp) -> Option<Timestamp> {
    let besides = Duration::from_secs(BESIDES);
    let latest = now.checked_add(besides).ok()?;
    (started <= latest).then(|| started.checked_add(timeout.checked_add(besides)?).ok()).flatten()
}

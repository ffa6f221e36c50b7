//! One writer at a time: a Lease per release, held while a run writes.
//!
//! The Lease also records the helm process that the run started, because helm may outlive a killed run. Taking over
//! needs proof: the holder is dead on this machine, or its Lease on another machine has expired. This module decides
//! nothing about releases.

pub(crate) mod verdict;

use crate::support::diagnostic::Code;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use k8s_openapi::jiff::Timestamp;
use serde_json::{Value, json};

pub(crate) use verdict::{Earlier, HelmRun, MARK, WORKS_ON, name, over_at};
use verdict::{Former, Verdict, described, instant};

use super::holder::{Here, Holder};
use crate::cluster::api::objects::{Guard, Objects, Propagation, check_ours};
use crate::k8s::error::{Error, ErrorKind, Result};
use crate::k8s::kind::LEASE;
use crate::k8s::labels;
use crate::k8s::object;
use crate::k8s::object::{annotation, set};
use crate::k8s::ownership::Owner;

/// The times of a Lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Terms {
    /// How long it counts without being renewed.
    pub lasts: Duration,
    /// How often it is renewed.
    pub renew: Duration,
}

impl Default for Terms {
    fn default() -> Self {
        Self { lasts: Duration::from_secs(60), renew: Duration::from_secs(15) }
    }
}

/// Who wants to hold which Lease, for what.
#[derive(Debug, Clone)]
pub(crate) struct Claim<'a> {
    /// The release and its application.
    pub owner: Owner<'a>,
    pub namespace: &'a str,
    /// The verb: `deploy`, `destroy`...
    pub doing: &'a str,
    /// The times.
    pub terms: Terms,
    /// This run.
    pub holder: Holder,
}

/// A Lease that is held. Dropping it ends the renewals and leaves the Lease as it is; [`Held::release`] gives it back.
pub(crate) struct Held<S> {
    shared: Arc<Shared<S>>,
    earlier: Option<Earlier>,
    renewals: Mutex<Option<(Sender<()>, JoinHandle<()>)>>,
}

struct Shared<S> {
    namespace: String,
    holder: Holder,
    terms: Terms,
    state: Mutex<State<S>>,
}

struct State<S> {
    store: S,
    live: Value,
    renewed: Timestamp,
    lost: Option<String>,
    /// The helm of this run, as it was noted.
    helm: Option<HelmRun>,
}

/// Whether the Lease of a release could be taken: the helm that an earlier run may have left, or a refusal. Writes nothing,
/// so that another run may be faster.
pub fn look(store: &impl Objects, owner: Owner<'_>, namespace: &str) -> Result<Option<Earlier>> {
    let Some(live) = store.get(&LEASE, namespace, &name(owner.release))? else { return Ok(None) };
    check_ours(&live, &LEASE, namespace, owner)?;
    match verdict::of(&live, noted(&live), &Here::look(), Timestamp::now()) {
        Verdict::Free(earlier) | Verdict::Expired(_, earlier) => Ok(earlier),
        Verdict::Held(refusal) | Verdict::Outlived(refusal) => Err(refusal.of(owner.release, namespace)),
    }
}

/// Why the Lease of a release cannot be taken yet, when it is a helm on this machine that outlived its run: it ends by
/// itself. What cannot be read is another's to tell.
pub fn outlived(store: &impl Objects, owner: Owner<'_>, namespace: &str) -> Option<Error> {
    let live = store.get(&LEASE, namespace, &name(owner.release)).ok()??;
    check_ours(&live, &LEASE, namespace, owner).ok()?;
    match verdict::of(&live, noted(&live), &Here::look(), Timestamp::now()) {
        Verdict::Outlived(refusal) => Some(refusal.of(owner.release, namespace)),
        _ => None,
    }
}

/// What an earlier run did that never gave its Lease back, as its verb, and since when it held it. Whether it still lives is
/// said by [`look()`].
pub fn abandoned(store: &impl Objects, owner: Owner<'_>, namespace: &str) -> Result<Option<(String, Timestamp)>> {
    let live = store.get(&LEASE, namespace, &name(owner.release))?;
    Ok(live.and_then(|live| {
        let since = live["spec"]["acquireTime"].as_str()?.parse().ok()?;
        Some((annotation(&live, labels::DOING)?.to_owned(), since))
    }))
}

impl<S: Objects + Send + 'static> Held<S> {
    /// Takes the Lease, or refuses with who holds it and what to do. `store` is a connection of its own. Renewals begin at
    /// once.
    pub(crate) fn acquire(store: S, claim: &Claim<'_>) -> Result<Self> {
        let (live, earlier, now) = take(&store, claim, &Here::look())?;
        let state = State { store, live, renewed: now, lost: None, helm: None };
        let shared = Shared {
            namespace: claim.namespace.to_owned(),
            holder: claim.holder.clone(),
            terms: claim.terms,
            state: Mutex::new(state),
        };
        let shared = Arc::new(shared);
        let renewals = Mutex::new(renewals(&shared));
        Ok(Self { shared, earlier, renewals })
    }

    /// The helm that an earlier run started, when its end is not recorded.
    pub(crate) fn earlier(&self) -> Option<&Earlier> {
        self.earlier.as_ref()
    }

    /// The run that holds it, for [`MARK`].
    pub(crate) fn run(&self) -> &str {
        &self.shared.holder.run
    }

    /// An error when the Lease is no longer surely ours: from then on nothing may be written.
    pub(crate) fn check(&self) -> Result<()> {
        let mut state = self.shared.lock();
        if self.shared.overdue(&state) {
            self.shared.renew(&mut state);
        }
        self.shared.lost(&state)
    }

    /// Notes that a helm is about to start. Must be in the cluster before it does.
    pub(crate) fn helm_starts(&self, command: &str, timeout: Duration) -> Result<()> {
        let note = HelmRun {
            holder: self.shared.holder.identity(),
            command: command.to_owned(),
            started_at: instant(Timestamp::now()),
            timeout_seconds: timeout.as_secs(),
            child: None,
            former: Former::default(),
            seal: String::new(),
        };
        self.note(note)
    }

    /// Notes the process that runs.
    pub(crate) fn helm_runs(&self, process: u32) -> Result<()> {
        let child = self.shared.holder.child(process);
        // Not what stands in the Lease, which others may have written.
        let noted = self.shared.lock().helm.clone();
        noted.map_or(Ok(()), |noted| self.note(HelmRun { child, ..noted }))
    }

    fn note(&self, note: HelmRun) -> Result<()> {
        let note = note.sealed(&Here::look());
        self.shared.change(|live| {
            set(live, &["metadata", "annotations", labels::RUNNING_HELM], json!(json!(note).to_string()));
        })?;
        self.shared.lock().helm = Some(note);
        Ok(())
    }

    /// Notes that the helm has ended. When that settled the release, it is forgotten; else the note stays, and the next run
    /// finds out that it is dead.
    pub(crate) fn helm_ended(&self, settled: bool) -> Result<()> {
        if settled { self.shared.change(forget) } else { Ok(()) }
    }

    /// Gives the Lease back. When a helm is still noted, that note stays in the cluster for the next run.
    pub(crate) fn release(&self) -> Result<()> {
        self.stop_renewals();
        let mut state = self.shared.lock();
        self.shared.lost(&state)?;
        if noted(&state.live).is_some() {
            return self.shared.write(&mut state, |live| {
                for key in ["holderIdentity", "acquireTime", "renewTime", "leaseDurationSeconds"] {
                    live["spec"].as_object_mut().map(|spec| spec.shift_remove(key));
                }
            });
        }
        let guard = Guard::of(&state.live);
        let name = object::name_of(&state.live);
        match state.store.delete(&LEASE, &self.shared.namespace, name, &guard, Propagation::Background) {
            // The renewal wrote it, or another client.
            Err(error) if error.is_conflict() => {
                self.shared.renew(&mut state);
                self.shared.lost(&state)?;
                let guard = Guard::of(&state.live);
                let name = object::name_of(&state.live);
                state.store.delete(&LEASE, &self.shared.namespace, name, &guard, Propagation::Background).map(drop)
            }
            other => other.map(drop),
        }
    }
}

impl<S> Held<S> {
    /// Renews no longer: the namespace is about to be deleted, and the Lease with it, which is no loss then.
    pub(crate) fn ends_with_namespace(&self) {
        self.stop_renewals();
    }

    fn stop_renewals(&self) {
        let renewals = self.renewals.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some((stop, thread)) = renewals {
            drop(stop);
            // It has nothing to say.
            let _ = thread.join();
        }
    }
}

impl<S> Drop for Held<S> {
    fn drop(&mut self) {
        self.stop_renewals();
    }
}

impl<S: Objects> Shared<S> {
    fn lock(&self) -> MutexGuard<'_, State<S>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn overdue(&self, state: &State<S>) -> bool {
        let since = Timestamp::now().duration_since(state.renewed);
        since.as_secs_f64() + self.terms.renew.as_secs_f64() / 2.0 > self.terms.lasts.as_secs_f64()
    }

    fn lost(&self, state: &State<S>) -> Result<()> {
        let Some(why) = &state.lost else { return Ok(()) };
        let name = object::name_of(&state.live);
        let sentence = format!("the Lease {name} in namespace {} is no longer held: {why}", self.namespace);
        Err(Error::new(ErrorKind::Conflict, sentence).hint("nothing more was written; run again"))
    }

    /// Renews once. What fails is tried again until the time has passed.
    fn renew(&self, state: &mut State<S>) {
        if state.lost.is_some() {
            return;
        }
        let now = Timestamp::now();
        let result = self.write(state, |live| live["spec"]["renewTime"] = json!(instant(now)));
        match result {
            Ok(()) => state.renewed = now,
            Err(error) if state.lost.is_none() && self.overdue(state) => {
                state.lost = Some(format!("it could not be renewed since {}: {error}", instant(state.renewed)));
            }
            Err(_) => {}
        }
    }

    fn change(&self, change: impl Fn(&mut Value)) -> Result<()> {
        let mut state = self.lock();
        self.lost(&state)?;
        self.write(&mut state, change)
    }

    /// Writes the Lease. When another client wrote it, but it is still ours, the change is made on what they wrote.
    fn write(&self, state: &mut State<S>, change: impl Fn(&mut Value)) -> Result<()> {
        for _ in 0..3 {
            let mut object = state.live.clone();
            change(&mut object);
            match state.store.replace(&LEASE, &self.namespace, &object, &Guard::of(&state.live)) {
                Ok(live) => {
                    state.live = live;
                    return Ok(());
                }
                Err(error) if error.is_conflict() || error.kind() == ErrorKind::NotFound => {
                    let name = object::name_of(&state.live).to_owned();
                    match state.store.get(&LEASE, &self.namespace, &name)? {
                        Some(live) if live["spec"]["holderIdentity"] == self.holder.identity() => state.live = live,
                        Some(live) => {
                            let by = live["spec"]["holderIdentity"].as_str().and_then(Holder::parse);
                            state.lost = Some(format!("{} took it over", described(by.as_ref(), &Here::look())));
                        }
                        None => state.lost = Some("another client deleted it".to_owned()),
                    }
                    self.lost(state)?;
                }
                Err(error) => return Err(error),
            }
        }
        Err(Error::new(ErrorKind::Conflict, format!("the Lease {} keeps changing", object::name_of(&state.live))))
    }
}

fn renewals<S: Objects + Send + 'static>(shared: &Arc<Shared<S>>) -> Option<(Sender<()>, JoinHandle<()>)> {
    let (stop, stopped) = channel();
    let shared = Arc::clone(shared);
    let renew = move || {
        while stopped.recv_timeout(shared.terms.renew) == Err(RecvTimeoutError::Timeout) {
            let mut state = shared.lock();
            shared.renew(&mut state);
            if state.lost.is_some() {
                return;
            }
        }
    };
    // Without a thread the checks renew it.
    let thread = std::thread::Builder::new().name("lease".into()).spawn(renew).ok()?;
    Some((stop, thread))
}

/// Writes the Lease as ours, if it is free or its holder is proven to be gone.
fn take(store: &impl Objects, claim: &Claim<'_>, here: &Here) -> Result<(Value, Option<Earlier>, Timestamp)> {
    let name = name(claim.owner.release);
    let mut seen: Option<Value> = None;
    for _ in 0..5 {
        let live = store.get(&LEASE, claim.namespace, &name)?;
        if let Some(live) = &live {
            check_ours(live, &LEASE, claim.namespace, claim.owner)?;
        }
        let now = Timestamp::now();
        let verdict = live.as_ref().map(|live| verdict::of(live, noted(live), here, now));
        let earlier = match verdict {
            None => None,
            Some(Verdict::Free(earlier)) => earlier,
            Some(Verdict::Held(error) | Verdict::Outlived(error)) => {
                return Err(error.of(claim.owner.release, claim.namespace));
            }
            Some(Verdict::Expired(error, earlier)) => {
                // Clocks differ: who still renews it is alive, whatever the time says.
                let version = live.as_ref().map(|live| live["metadata"]["resourceVersion"].clone());
                if seen.is_none() {
                    seen = version;
                    std::thread::sleep(claim.terms.renew + claim.terms.renew / 4);
                    continue;
                }
                if seen != version {
                    return Err(error.of(claim.owner.release, claim.namespace));
                }
                earlier
            }
        };
        let object = written(claim, &name, live.as_ref(), now);
        let result = match &live {
            Some(live) => store.replace(&LEASE, claim.namespace, &object, &Guard::of(live)),
            None => store.create(&LEASE, claim.namespace, &object),
        };
        match result {
            Ok(live) => return Ok((live, earlier, now)),
            // Another client was faster; the next read shows which.
            Err(error) if error.is_conflict() || error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Err(Error::refused(format!("the Lease {name} in namespace {} keeps changing", claim.namespace))
        .code_of(Code::WriteConflict)
        .hint(format!(
            "run again; `kubectl delete lease {name} -n {}` if no run works on the release",
            claim.namespace
        )))
}

fn written(claim: &Claim<'_>, name: &str, live: Option<&Value>, now: Timestamp) -> Value {
    let mut object = live.cloned().unwrap_or_else(|| json!({"metadata": {}, "spec": {}}));
    object["apiVersion"] = json!(LEASE.api_version);
    object["kind"] = json!(LEASE.kind);
    object["metadata"]["name"] = json!(name);
    claim.owner.write_into(&mut object);
    set(&mut object, &["metadata", "annotations", labels::DOING], json!(claim.doing));
    let transitions = object["spec"]["leaseTransitions"].as_u64().unwrap_or(0);
    object["spec"] = json!({
        "holderIdentity": claim.holder.identity(),
        "leaseDurationSeconds": claim.terms.lasts.as_secs().max(1),
        "acquireTime": instant(now),
        "renewTime": instant(now),
        "leaseTransitions": transitions + u64::from(live.is_some()),
    });
    object
}

fn noted(live: &Value) -> Option<HelmRun> {
    serde_json::from_str(annotation(live, labels::RUNNING_HELM)?).ok()
}

fn forget(live: &mut Value) {
    if let Some(annotations) = live["metadata"]["annotations"].as_object_mut() {
        annotations.shift_remove(labels::RUNNING_HELM);
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests;

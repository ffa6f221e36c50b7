//! One rollout over time: which symptom lasts long enough to be reported, and what was reported already.
//!
//! Time is passed as a number, so that a test can set it.

use super::causes::symptoms;
use super::objects::{Objects, Workload, at, number, text, uid};
use super::progress::progress;
use super::symptom::Symptom;
use super::{Finding, Log, Progress, Reason, State};
use crate::k8s::ownership::ReleaseName;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// How much longer a symptom may last that was there before anything was changed: the change may be what mends it.
const FROM_BEFORE: u64 = 10;

/// One thing to tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reported {
    /// A workload got further.
    Progress(Progress),
    /// A workload does not come, and the log that tells more of it.
    Finding(Finding, Option<Log>),
}

/// How the change ended that the workloads were watched during.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The workloads are not why: they are ready, or the change failed before the wait began.
    Otherwise,
    /// The wait for the workloads timed out.
    NotReady,
}

/// Which symptom: kind and name of the workload, cause, container, pod.
type Key = (String, String, Reason, String, String);

/// A rollout that is being watched.
#[derive(Debug, Default)]
pub struct Rollout {
    release: String,
    namespace: String,
    first: Option<First>,
    since: BTreeMap<Key, Duration>,
    told: BTreeMap<(String, String, Reason, String), bool>,
    lasting: BTreeSet<(String, String, Reason, String)>,
    progress: BTreeMap<(String, String), Progress>,
}

/// What was there before anything was changed.
#[derive(Debug, Default)]
struct First {
    generations: BTreeMap<String, u64>,
    events: BTreeSet<(String, String)>,
    symptoms: BTreeSet<Key>,
}

impl Rollout {
    /// A rollout of this release; nothing is known yet.
    pub fn new(release: ReleaseName<'_>) -> Self {
        Self { release: release.name.to_owned(), namespace: release.namespace.to_owned(), ..Self::default() }
    }

    fn release(&self) -> ReleaseName<'_> {
        ReleaseName { name: &self.release, namespace: &self.namespace }
    }

    /// What is new. The first call says what was there before; `elapsed` is the time since then. `objects` are the
    /// Deployments, `StatefulSets`, `ReplicaSets`, Pods, claims and warnings of the namespace, with their kinds.
    pub fn observe(&mut self, objects: &[Value], elapsed: Duration) -> Vec<Reported> {
        self.look(objects, elapsed, End::Otherwise)
    }

    /// What is left to tell at the end. A workload that did not become ready in time and shows nothing that lasts longer than a
    /// normal start is told with what it shows now; what ends by itself is never told as a cause.
    pub fn finish(&mut self, objects: &[Value], elapsed: Duration, end: End) -> Vec<Reported> {
        let mut told = self.look(objects, elapsed, end);
        let objects = self.without_old_events(objects);
        for workload in Workload::of_release(&Objects::of(&objects), self.release()) {
            let key = (workload.kind().to_owned(), workload.name().to_owned());
            self.progress.entry(key).or_insert_with(|| {
                let progress = progress(&workload, false);
                told.push(Reported::Progress(progress.clone()));
                progress
            });
        }
        told
    }

    /// The workloads as they were seen last.
    pub fn progress(&self) -> impl Iterator<Item = &Progress> {
        self.progress.values()
    }

    /// Whether a finding that was told was still so when the workloads were seen last.
    pub fn still(&self, finding: &Finding) -> bool {
        let (kind, name, reason, container, _) = key(finding);
        self.lasting.contains(&(kind, name, reason, container))
    }

    fn look(&mut self, objects: &[Value], elapsed: Duration, end: End) -> Vec<Reported> {
        let is_first = self.first.is_none();
        if is_first {
            self.first = Some(First::of(objects, self.release()));
        }
        let objects = self.without_old_events(objects);
        let mut told = Vec::new();
        let mut seen = BTreeSet::new();
        self.lasting.clear();
        for workload in Workload::of_release(&Objects::of(&objects), self.release()) {
            let (mut lasting, mut short) = (Vec::new(), Vec::new());
            for symptom in symptoms(&workload) {
                let key = key(&symptom.finding);
                if is_first && let Some(first) = &mut self.first {
                    first.symptoms.insert(key.clone());
                }
                let since = *self.since.entry(key.clone()).or_insert(elapsed);
                let lasted = elapsed.saturating_sub(since).as_secs();
                let extra = if self.is_from_before(&workload, &key) { FROM_BEFORE } else { 0 };
                let lasts = symptom.patience.is_some_and(|patience| lasted >= patience + extra);
                seen.insert(key);
                let is_final = symptom.final_after.is_some_and(|after| lasted >= after + extra);
                if lasts {
                    lasting.push((symptom, is_final));
                } else if symptom.finding.reason != Reason::StuckTerminating {
                    short.push((symptom, is_final));
                }
            }
            if end == End::NotReady && lasting.is_empty() {
                lasting = short;
            }
            let progress = progress(&workload, !lasting.is_empty());
            told.extend(self.step(&workload, progress));
            lasting.sort_by_key(|(symptom, _)| symptom.finding.reason);
            for (symptom, is_final) in lasting {
                told.extend(self.tell(symptom, is_final));
            }
        }
        self.since.retain(|key, _| seen.contains(key));
        told
    }

    /// A step of a workload, unless it is the one told last, or the state from before the change.
    fn step(&mut self, workload: &Workload, progress: Progress) -> Option<Reported> {
        let key = (progress.kind.clone(), progress.name.clone());
        let known = self.progress.get(&key);
        let is_news =
            known.map_or(progress.state != State::Ready || self.has_changed(workload), |known| *known != progress);
        is_news.then(|| {
            self.progress.insert(key, progress.clone());
            Reported::Progress(progress)
        })
    }

    fn tell(&mut self, symptom: Symptom, is_final: bool) -> Option<Reported> {
        let (kind, name, reason, container, _) = key(&symptom.finding);
        let key = (kind, name, reason, container);
        self.lasting.insert(key.clone());
        if self.told.get(&key).is_some_and(|was_final| *was_final || !is_final) {
            return None;
        }
        self.told.insert(key, is_final);
        Some(Reported::Finding(Finding { is_final, ..symptom.finding }, symptom.log))
    }

    fn has_changed(&self, workload: &Workload) -> bool {
        let before = self.first.as_ref().and_then(|first| first.generations.get(uid(workload.object)));
        before != Some(&number(workload.object, "/metadata/generation"))
    }

    fn is_from_before(&self, workload: &Workload, key: &Key) -> bool {
        !self.has_changed(workload) && self.first.as_ref().is_some_and(|first| first.symptoms.contains(key))
    }

    /// The objects without warnings from before: those of a pod that is still there stand for what it still is.
    fn without_old_events(&self, objects: &[Value]) -> Vec<Value> {
        let is_old = |object: &&Value| {
            let about_pod = text(object, "/involvedObject/kind") == "Pod";
            !about_pod && self.first.as_ref().is_some_and(|first| first.events.contains(&state_of(object)))
        };
        objects.iter().filter(|object| object["kind"] != "Event" || !is_old(object)).cloned().collect()
    }
}

impl First {
    fn of(objects: &[Value], release: ReleaseName<'_>) -> Self {
        let found = Objects::of(objects);
        let generations = Workload::of_release(&found, release)
            .into_iter()
            .map(|workload| (uid(workload.object).to_owned(), number(workload.object, "/metadata/generation")));
        let events = objects.iter().filter(|object| object["kind"] == "Event").map(state_of);
        Self { generations: generations.collect(), events: events.collect(), symptoms: BTreeSet::new() }
    }
}

fn state_of(object: &Value) -> (String, String) {
    (uid(object).to_owned(), at(object, "/metadata/resourceVersion").to_string())
}

fn key(finding: &Finding) -> Key {
    let Finding { kind, name, reason, container, pod, .. } = finding;
    (kind.clone(), name.clone(), *reason, container.clone(), pod.clone())
}

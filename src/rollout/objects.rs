//! Finds objects among live objects: the workloads of a release and the pods, claims and events of each.
//!
//! Objects are JSON as the API server returns it, with `kind`; missing fields read as empty.

use crate::k8s::ownership::ReleaseName;
use serde_json::Value;
use std::collections::{BTreeSet, HashMap};

/// A part of an object by its path (`/status/phase`).
pub(super) fn at<'a>(object: &'a Value, path: &str) -> &'a Value {
    object.pointer(path).unwrap_or(&Value::Null)
}

pub(super) fn text<'a>(object: &'a Value, path: &str) -> &'a str {
    at(object, path).as_str().unwrap_or_default()
}

/// A number of an object; zero when it is not there.
pub(super) fn number(object: &Value, path: &str) -> u64 {
    at(object, path).as_u64().unwrap_or_default()
}

/// The entries of a list of an object.
pub(super) fn list<'a>(object: &'a Value, path: &str) -> impl Iterator<Item = &'a Value> {
    at(object, path).as_array().into_iter().flatten()
}

pub(super) fn name(object: &Value) -> &str {
    text(object, "/metadata/name")
}

/// The unique id of an object.
pub(super) fn uid(object: &Value) -> &str {
    text(object, "/metadata/uid")
}

/// The condition of this type.
pub(super) fn condition<'a>(object: &'a Value, kind: &str) -> &'a Value {
    list(object, "/status/conditions").find(|condition| condition["type"] == kind).unwrap_or(&Value::Null)
}

/// Objects, found by what they belong to: what asks for each workload in turn must not look through all of them again.
/// What is found stands in the order in which it was given.
#[derive(Default)]
pub(super) struct Objects<'a> {
    deployments: Vec<&'a Value>,
    stateful_sets: Vec<&'a Value>,
    jobs: Vec<&'a Value>,
    pods: Vec<&'a Value>,
    claims: Vec<&'a Value>,
    /// By the uid of an owner.
    sets: HashMap<&'a Value, Vec<&'a Value>>,
    /// By each of their labels.
    labelled: HashMap<(&'a str, &'a str), Vec<&'a Value>>,
    /// Places among the claims, by name.
    named: HashMap<&'a str, Vec<usize>>,
    /// Warnings by the uid of what they are about, the latest last.
    events: HashMap<&'a str, Vec<&'a Value>>,
}

impl<'a> Objects<'a> {
    /// Of these objects.
    pub(super) fn of(all: &'a [Value]) -> Self {
        let mut found = Self::default();
        for object in all {
            match text(object, "/kind") {
                "Deployment" => found.deployments.push(object),
                "StatefulSet" => found.stateful_sets.push(object),
                "Job" => found.jobs.push(object),
                "ReplicaSet" => found.set(object),
                "Pod" => found.pod(object),
                "PersistentVolumeClaim" => found.claim(object),
                "Event" => found.events.entry(text(object, "/involvedObject/uid")).or_default().push(object),
                _ => {}
            }
        }
        found.events.remove("");
        found.events.values_mut().for_each(|events| events.sort_by_key(|event| (last_seen(event), name(event))));
        found
    }

    fn set(&mut self, set: &'a Value) {
        for reference in list(set, "/metadata/ownerReferences") {
            self.sets.entry(&reference["uid"]).or_default().push(set);
        }
    }

    fn pod(&mut self, pod: &'a Value) {
        self.pods.push(pod);
        let labels = at(pod, "/metadata/labels").as_object().into_iter().flatten();
        for (key, value) in labels.filter_map(|(key, value)| Some((key.as_str(), value.as_str()?))) {
            self.labelled.entry((key, value)).or_default().push(pod);
        }
    }

    fn claim(&mut self, claim: &'a Value) {
        self.named.entry(name(claim)).or_default().push(self.claims.len());
        self.claims.push(claim);
    }

    /// The `ReplicaSets` of an owner.
    fn sets_of(&self, owner: &Value) -> &[&'a Value] {
        self.sets.get(&owner["metadata"]["uid"]).map(Vec::as_slice).unwrap_or_default()
    }

    /// The pods that a workload selects: those with its rarest label are looked at.
    fn selected(&self, workload: &Value) -> impl Iterator<Item = &'a Value> {
        let wanted = at(workload, "/spec/selector/matchLabels").as_object().filter(|wanted| !wanted.is_empty());
        let labels = wanted.into_iter().flatten().filter_map(|(key, value)| Some((key.as_str(), value.as_str()?)));
        let with = labels.map(|label| self.labelled.get(&label).map(Vec::as_slice).unwrap_or_default());
        let rarest = with.min_by_key(|pods| pods.len());
        let has = move |pod: &&Value| {
            wanted.is_some_and(|all| all.iter().all(|(key, value)| pod["metadata"]["labels"][key] == *value))
        };
        let found: Vec<&Value> = rarest.unwrap_or(&self.pods).iter().copied().filter(has).collect();
        found.into_iter()
    }
}

/// A workload of the release with what belongs to it.
pub(super) struct Workload<'a> {
    /// The Deployment, StatefulSet or Job.
    pub object: &'a Value,
    /// The newest `ReplicaSet` of a Deployment.
    pub newest: Option<&'a Value>,
    /// The pods that it wants now.
    pub pods: Vec<&'a Value>,
    /// Its pods that are to go.
    pub leaving: Vec<&'a Value>,
    all: &'a Objects<'a>,
}

impl<'a> Workload<'a> {
    /// The workloads that helm made for this release, by kind and name.
    pub(super) fn of_release(objects: &'a Objects<'a>, release: ReleaseName<'_>) -> Vec<Self> {
        let all = objects.deployments.iter().chain(&objects.stateful_sets).chain(&objects.jobs);
        let mut found: Vec<Self> =
            all.filter(|object| release.owns(object)).map(|object| Self::new(object, objects)).collect();
        found.sort_by_key(|workload| (workload.kind(), workload.name()));
        found
    }

    fn new(object: &'a Value, all: &'a Objects<'a>) -> Self {
        let revision = |object: &'a Value| at(object, "/metadata/annotations/deployment.kubernetes.io~1revision");
        let newest = all.sets_of(object).iter().copied().find(|set| revision(set) == revision(object));
        let newest_hash = newest.map(|set| at(set, "/metadata/labels/pod-template-hash"));
        // Where the sets may not be read, every pod counts.
        let current =
            |pod: &&Value| newest_hash.is_none_or(|hash| at(pod, "/metadata/labels/pod-template-hash") == hash);
        let (leaving, staying): (Vec<&Value>, Vec<&Value>) =
            all.selected(object).partition(|pod| !at(pod, "/metadata/deletionTimestamp").is_null());
        Self { object, newest, pods: staying.into_iter().filter(current).collect(), leaving, all }
    }

    /// `Deployment`, `StatefulSet` or `Job`.
    pub(super) fn kind(&self) -> &'a str {
        text(self.object, "/kind")
    }

    pub(super) fn name(&self) -> &'a str {
        name(self.object)
    }

    /// Whether its controller has acted on what is wanted now.
    pub(super) fn is_observed(&self) -> bool {
        // A Job has no observedGeneration, and its pods cannot change.
        self.kind() == "Job"
            || number(self.object, "/status/observedGeneration") >= number(self.object, "/metadata/generation")
    }

    /// The claims that a pod mounts, where they are there.
    pub(super) fn claims_of(&self, pod: &Value) -> impl Iterator<Item = &'a Value> {
        let names = list(pod, "/spec/volumes").map(|volume| text(volume, "/persistentVolumeClaim/claimName"));
        let places: BTreeSet<usize> = names.filter_map(|name| self.all.named.get(name)).flatten().copied().collect();
        places.into_iter().map(|place| self.all.claims[place])
    }

    /// The warnings about an object, the latest last.
    pub(super) fn events_of(&self, object: &Value) -> &'a [&'a Value] {
        self.all.events.get(uid(object)).map(Vec::as_slice).unwrap_or_default()
    }
}

/// When an event was seen last, as text that sorts by time.
fn last_seen(event: &Value) -> &str {
    let times = ["/series/lastObservedTime", "/lastTimestamp", "/eventTime", "/metadata/creationTimestamp"];
    times.into_iter().map(|path| text(event, path)).find(|time| !time.is_empty()).unwrap_or_default()
}

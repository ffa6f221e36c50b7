//! Where things are in live objects: the workloads of a release and the pods, claims and events of each.
//!
//! Objects are JSON as the API server gives it, with `kind`; what is missing reads as empty.

use crate::cluster::api::claims::ReleaseName;
use serde_json::Value;

/// A part of an object by its path (`/status/phase`).
pub(super) fn at<'a>(object: &'a Value, path: &str) -> &'a Value {
    object.pointer(path).unwrap_or(&Value::Null)
}

/// A text of an object.
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

/// The name of an object.
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

fn of_kind<'a>(objects: &'a [Value], kind: &'static str) -> impl Iterator<Item = &'a Value> {
    objects.iter().filter(move |object| object["kind"] == kind)
}

/// A workload of the release with what belongs to it.
pub(super) struct Workload<'a> {
    /// The Deployment or StatefulSet.
    pub object: &'a Value,
    /// The newest `ReplicaSet` of a Deployment.
    pub newest: Option<&'a Value>,
    /// The pods that it wants now.
    pub pods: Vec<&'a Value>,
    /// Its pods that are to go.
    pub leaving: Vec<&'a Value>,
    all: &'a [Value],
}

impl<'a> Workload<'a> {
    /// The workloads that helm made for this release, by kind and name.
    pub fn of_release(objects: &'a [Value], release: ReleaseName<'_>) -> Vec<Self> {
        let kinds = ["Deployment", "StatefulSet"].into_iter().flat_map(|kind| of_kind(objects, kind));
        let mut found: Vec<Self> =
            kinds.filter(|object| release.owns(object)).map(|object| Self::new(object, objects)).collect();
        found.sort_by_key(|workload| (workload.kind(), workload.name()));
        found
    }

    fn new(object: &'a Value, all: &'a [Value]) -> Self {
        let revision = at(object, "/metadata/annotations/deployment.kubernetes.io~1revision");
        let newest = of_kind(all, "ReplicaSet").find(|set| {
            owned_by(set, object) && at(set, "/metadata/annotations/deployment.kubernetes.io~1revision") == revision
        });
        let newest_hash = newest.map(|set| at(set, "/metadata/labels/pod-template-hash"));
        let selected = |pod: &&Value| selects(object, pod);
        // Where the sets may not be read, every pod counts.
        let current =
            |pod: &&Value| newest_hash.is_none_or(|hash| at(pod, "/metadata/labels/pod-template-hash") == hash);
        let (leaving, staying): (Vec<&Value>, Vec<&Value>) =
            of_kind(all, "Pod").filter(selected).partition(|pod| !at(pod, "/metadata/deletionTimestamp").is_null());
        Self { object, newest, pods: staying.into_iter().filter(current).collect(), leaving, all }
    }

    /// `Deployment` or `StatefulSet`.
    pub fn kind(&self) -> &'a str {
        text(self.object, "/kind")
    }

    /// Its name.
    pub fn name(&self) -> &'a str {
        name(self.object)
    }

    /// Whether its controller has acted on what is wanted now.
    pub fn is_observed(&self) -> bool {
        number(self.object, "/status/observedGeneration") >= number(self.object, "/metadata/generation")
    }

    /// The claims that a pod mounts, where they are there.
    pub fn claims_of(&self, pod: &'a Value) -> impl Iterator<Item = &'a Value> {
        let names: Vec<&str> =
            list(pod, "/spec/volumes").map(|volume| text(volume, "/persistentVolumeClaim/claimName")).collect();
        of_kind(self.all, "PersistentVolumeClaim").filter(move |claim| names.contains(&name(claim)))
    }

    /// The warnings about an object, the latest last.
    pub fn events_of(&self, object: &Value) -> Vec<&'a Value> {
        let wanted = uid(object).to_owned();
        let about = |event: &&Value| !wanted.is_empty() && text(event, "/involvedObject/uid") == wanted;
        let mut found: Vec<&Value> = of_kind(self.all, "Event").filter(about).collect();
        found.sort_by_key(|event| (last_seen(event), name(event)));
        found
    }
}

/// When an event was seen last, as text that sorts by time.
fn last_seen(event: &Value) -> &str {
    let times = ["/series/lastObservedTime", "/lastTimestamp", "/eventTime", "/metadata/creationTimestamp"];
    times.into_iter().map(|path| text(event, path)).find(|time| !time.is_empty()).unwrap_or_default()
}

fn owned_by(object: &Value, owner: &Value) -> bool {
    list(object, "/metadata/ownerReferences").any(|reference| reference["uid"] == owner["metadata"]["uid"])
}

fn selects(workload: &Value, pod: &Value) -> bool {
    let Some(wanted) = at(workload, "/spec/selector/matchLabels").as_object() else { return false };
    !wanted.is_empty() && wanted.iter().all(|(key, value)| pod["metadata"]["labels"][key] == *value)
}

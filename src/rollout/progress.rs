//! The progress of one workload, from its own counts.

use super::job;
use super::objects::{Workload, number, text};
use super::{Progress, State};
use crate::k8s::object::has_condition;

/// The progress of a workload; `stuck` when there is a finding about it.
pub(super) fn progress(workload: &Workload, stuck: bool) -> Progress {
    let object = workload.object;
    if workload.kind() == "Job" {
        return job::progress(object, stuck);
    }
    let desired = object.pointer("/spec/replicas").and_then(serde_json::Value::as_u64).unwrap_or(1);
    let is_set = workload.kind() == "StatefulSet";
    // A StatefulSet without a change under way counts its pods as current ones, not as updated ones.
    let settled = is_set && text(object, "/status/currentRevision") == text(object, "/status/updateRevision");
    let all = number(object, "/status/replicas");
    let updated = if settled { all } else { number(object, "/status/updatedReplicas") };
    let ready_of_all = number(object, "/status/readyReplicas");
    let ready = match workload.newest {
        Some(newest) => number(newest, "/status/readyReplicas"),
        None if is_set && !settled => workload.pods.iter().filter(|pod| is_updated(workload, pod)).count() as u64,
        None => ready_of_all.min(updated),
    };
    let complete = updated >= desired && ready >= desired;
    let state = match () {
        () if !workload.is_observed() => State::Waiting,
        () if stuck => State::Stuck,
        () if complete && all > desired => State::Stopping,
        () if complete => State::Ready,
        () => State::Starting,
    };
    let (ready, updated) = if state == State::Waiting { (0, 0) } else { (ready, updated) };
    Progress { kind: workload.kind().to_owned(), name: workload.name().to_owned(), ready, updated, desired, state }
}

fn is_updated(workload: &Workload, pod: &serde_json::Value) -> bool {
    let hash = text(pod, "/metadata/labels/controller-revision-hash");
    has_condition(pod, "Ready") && hash == text(workload.object, "/status/updateRevision")
}

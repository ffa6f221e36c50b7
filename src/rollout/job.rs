//! The progress of a job, and why its pods failed.

use super::objects::{Workload, at, condition, list, name, number, text};
use super::symptom::{Log, Symptom};
use super::{Progress, Reason, State};
use crate::k8s::object::has_condition;
use crate::rollout::diagnostics;
use serde_json::Value;

/// Whether a job has completed.
pub(super) fn is_complete(job: &Value) -> bool {
    has_condition(job, "Complete")
}

/// The progress of a job: completed pods count as ready.
pub(super) fn progress(job: &Value, stuck: bool) -> Progress {
    let desired = at(job, "/spec/completions").as_u64().unwrap_or(1);
    let ready = number(job, "/status/succeeded").min(desired);
    let updated = (ready + number(job, "/status/active")).min(desired);
    let state = match () {
        () if is_complete(job) => State::Ready,
        () if stuck => State::Stuck,
        () => State::Starting,
    };
    Progress { kind: "Job".to_owned(), name: name(job).to_owned(), ready, updated, desired, state }
}

/// The last failure of the pods of a job; final if the job has failed.
pub(super) fn failure(workload: &Workload) -> Option<Symptom> {
    let job = workload.object;
    let gave_up = condition(job, "Failed");
    let is_final = gave_up["status"] == "True";
    let failed = workload.pods.iter().chain(&workload.leaving).filter(|pod| text(pod, "/status/phase") == "Failed");
    let last = failed.max_by_key(|pod| (text(pod, "/status/startTime"), name(pod)));
    if !is_final && last.is_none() {
        return None;
    }
    let ended = last.and_then(|pod| ended(pod));
    let mut sentence = match &ended {
        Some((container, code)) => {
            format!("its container {container} ended with exit code {code}{}", diagnostics::exit_code(*code))
        }
        None => format!("the Job has failed: {}", text(gave_up, "/message")),
    };
    let (count, limit) = (number(job, "/status/failed"), at(job, "/spec/backoffLimit").as_u64().unwrap_or(6) + 1);
    if ended.is_some() && is_final {
        sentence = format!("{sentence}, and the Job has failed: {}", text(gave_up, "/message"));
    } else if ended.is_some() {
        sentence = format!("{sentence}; {count} of {limit} pods have failed");
    }
    let hint = format!(
        "its last log lines show why; deploy a corrected image or configuration, or run `kubectl delete job {}` and deploy again",
        name(job)
    );
    let mut symptom = Symptom::of(workload, Reason::JobFailed, sentence, &hint).times(0, is_final.then_some(0));
    if let (Some(pod), Some((container, _))) = (last, &ended) {
        symptom = symptom.pod(pod).container(container);
        symptom.log = Some(Log::Current);
    }
    Some(symptom)
}

/// The container of a pod that failed, and its exit code.
fn ended(pod: &Value) -> Option<(&str, u64)> {
    let before = list(pod, "/status/initContainerStatuses");
    let mut all = before.chain(list(pod, "/status/containerStatuses"));
    all.find_map(|status| {
        let code = number(status, "/state/terminated/exitCode");
        (code != 0).then(|| (text(status, "/name"), code))
    })
}

//! All symptoms of a workload that may be errors, causes before their consequences.

use super::Reason;
use super::container;
use super::job;
use super::objects::{Workload, at, condition, list, name, number, text, uid};
use super::symptom::Symptom;
use crate::rollout::diagnostics;
use crate::rollout::diagnostics::scheduling;
use serde_json::Value;

/// Everything that a workload shows, the cause before its consequences.
pub(super) fn symptoms(workload: &Workload) -> Vec<Symptom> {
    if !workload.is_observed() {
        return Vec::new();
    }
    if workload.kind() == "Job" && job::is_complete(workload.object) {
        return Vec::new();
    }
    let mut found: Vec<Symptom> = refused(workload).into_iter().collect();
    if workload.kind() == "Job" {
        found.extend(job::failure(workload));
    }
    for pod in &workload.pods {
        found.extend(of_pod(workload, pod));
    }
    found.extend(workload.leaving.iter().filter_map(|pod| stuck(workload, pod)));
    found
}

/// The controller may not make pods: a condition of the newest `ReplicaSet`, or an event of the `StatefulSet`.
fn refused(workload: &Workload) -> Option<Symptom> {
    let failure = workload.newest.map(|set| condition(set, "ReplicaFailure")).filter(|it| it["status"] == "True");
    let event = || workload.events_of(workload.object).iter().rfind(|event| event["reason"] == "FailedCreate");
    let missing = (workload.pods.len() as u64) < at(workload.object, "/spec/replicas").as_u64().unwrap_or(1);
    let said = match failure {
        Some(condition) => text(condition, "/message"),
        None if missing => text(event()?, "/message"),
        None => return None,
    };
    let row = diagnostics::refusal(said);
    let text = format!("its pods are rejected: {}", row.words);
    Some(Symptom::of(workload, row.reason, text, row.hint).times(row.patience, row.final_after))
}

fn of_pod(workload: &Workload, pod: &Value) -> Vec<Symptom> {
    if text(pod, "/status/phase") == "Succeeded" {
        return Vec::new();
    }
    if text(pod, "/status/phase") == "Failed" {
        return thrown_out(workload, pod).into_iter().collect();
    }
    let claims: Vec<Symptom> = workload
        .claims_of(pod)
        .filter_map(|claim| unbound(workload, pod, claim))
        .map(|symptom| symptom.pod(pod))
        .collect();
    if !claims.is_empty() {
        return claims;
    }
    if let Some(symptom) = unscheduled(workload, pod) {
        return vec![symptom];
    }
    let containers = container::symptoms(workload, pod);
    if !containers.is_empty() {
        return containers;
    }
    from_events(workload, pod).or_else(|| not_begun(workload, pod)).into_iter().collect()
}

fn thrown_out(workload: &Workload, pod: &Value) -> Option<Symptom> {
    let reason = Some(text(pod, "/status/reason")).filter(|reason| !reason.is_empty())?;
    let sentence =
        format!("node {} evicted the pod ({reason}): {}", text(pod, "/spec/nodeName"), text(pod, "/status/message"));
    let hint = "check which resource the node lacks; requests in `resources.NAME.resources` reserve it";
    Some(Symptom::of(workload, Reason::Evicted, sentence, hint).pod(pod))
}

/// A claim without a volume. One whose class waits for a pod has no provisioner's name on it and is normal.
fn unbound(workload: &Workload, pod: &Value, claim: &Value) -> Option<Symptom> {
    match text(claim, "/status/phase") {
        "Lost" => {
            let sentence = format!("the PVC {} has lost its volume", name(claim));
            let hint = "restore the volume, or delete the PVC to start empty";
            return Some(Symptom::of(workload, Reason::ClaimUnbound, sentence, hint).times(0, 0));
        }
        "Pending" => {}
        _ => return None,
    }
    let class = at(claim, "/spec/storageClassName").as_str();
    let failed = workload.events_of(claim).iter().rfind(|event| event["reason"] == "ProvisioningFailed");
    let provisioner = text(claim, "/metadata/annotations/volume.kubernetes.io~1storage-provisioner");
    let row = match (class, failed) {
        (None, _) => diagnostics::NO_DEFAULT_CLASS.row(),
        (Some(""), _) => diagnostics::NO_CLASS.row(),
        (Some(_), Some(event)) => diagnostics::provisioning(text(event, "/message")),
        (Some(_), None) if !provisioner.is_empty() => diagnostics::slow_provisioner(provisioner),
        _ => return None,
    };
    let class = class.filter(|class| !class.is_empty()).map(|class| format!(" of class `{class}`")).unwrap_or_default();
    let sentence = format!("the PVC {}{class} has no volume: {}", name(claim), row.words);
    Some(Symptom::of(workload, row.reason, sentence, row.hint).pod(pod).times(row.patience, row.final_after))
}

fn unscheduled(workload: &Workload, pod: &Value) -> Option<Symptom> {
    let scheduled = condition(pod, "PodScheduled");
    let waits = scheduled["status"] == "False" && scheduled["reason"] == "Unschedulable";
    if !waits {
        return None;
    }
    let row = scheduling::scheduling(text(scheduled, "/message"));
    let waits_for_class = workload.claims_of(pod).any(|claim| text(claim, "/status/phase") == "Pending");
    // The scheduler may say so once before it learns of a claim that was made at the same time.
    let patience = if waits_for_class { row.patience.max(10) } else { row.patience };
    Some(Symptom::of(workload, row.reason, row.words, row.hint).pod(pod).times(patience, row.final_after))
}

/// What keeps a pod from having containers, from its latest warning of a known kind.
fn from_events(workload: &Workload, pod: &Value) -> Option<Symptom> {
    if text(pod, "/status/phase") != "Pending" {
        return None;
    }
    let events = workload.events_of(pod);
    let row = events
        .iter()
        .rev()
        .find_map(|event| diagnostics::before_start(text(event, "/reason"), text(event, "/message")))?;
    Some(Symptom::of(workload, row.reason, row.words, row.hint).pod(pod).times(row.patience, row.final_after))
}

/// A pod on a node that does nothing with it for long.
fn not_begun(workload: &Workload, pod: &Value) -> Option<Symptom> {
    let node = text(pod, "/spec/nodeName");
    if node.is_empty() || text(pod, "/status/phase") != "Pending" {
        return None;
    }
    let sentence = format!("node {node} has not started the pod and reports no reason");
    let hint = "check the node (kubectl get nodes), and whether it still pulls a large image";
    Some(Symptom::of(workload, Reason::NotStarted, sentence, hint).pod(pod).times(60, None))
}

/// A pod that is past its grace period and still there.
fn stuck(workload: &Workload, pod: &Value) -> Option<Symptom> {
    let grace = number(pod, "/metadata/deletionGracePeriodSeconds");
    let held: Vec<&str> = list(pod, "/metadata/finalizers").filter_map(Value::as_str).collect();
    let (why, hint) = if held.is_empty() {
        let node = text(pod, "/spec/nodeName");
        (
            format!("node {node} has not reported that it has terminated"),
            "check the node (kubectl get nodes); the pod is removed when its node responds again. Two pods on one \
            volume destroy data, so do not delete the pod by force while its container may still run",
        )
    } else {
        (format!("it has finalizers: {}", held.join(", ")), "check the controller that should remove the finalizer")
    };
    let sentence = format!("the old pod {} does not terminate: {why}", name(pod));
    // From the deletion on, not from its end; a slow node needs a moment more.
    let symptom = Symptom::of(workload, Reason::StuckTerminating, sentence, hint).pod(pod);
    (!uid(pod).is_empty()).then(|| symptom.times(grace + 10, None))
}

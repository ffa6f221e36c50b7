//! The rules for `sidecarOf:` that types cannot express: keys of the pod, which is that of the other resource.
//!
//! Must not know the manifest: whether the other resource runs is checked when the application is resolved.

use super::findings::Findings;
use super::path::Path;
use super::{EnvironmentResource, Resource};
use crate::support::diagnostic::Code;

/// What to do with a key of the pod.
const HINT: &str =
    "remove one of them: a sidecar has no pod of its own; set the key on the resource in whose pod it runs";

/// Reports keys that only a resource with a pod of its own has.
pub(super) fn check(resource: &Resource, findings: &mut Findings, at: &Path<'_>) {
    if resource.sidecar_of.is_none() {
        return;
    }
    let given = [
        ("workload", resource.workload.is_some()),
        ("replicas", resource.replicas.is_some()),
        ("autoscaling", resource.autoscaling.is_some()),
        ("podDisruptionBudget", resource.pod_disruption_budget.is_some()),
        ("strategy", resource.strategy.is_some()),
        ("nodePool", resource.node_pool.is_some()),
        ("spread", resource.spread.is_some()),
        ("runAs", resource.run_as.is_some()),
        ("certificate", resource.certificate.is_some()),
        ("labels", !resource.labels.is_empty()),
        ("annotations", !resource.annotations.is_empty()),
        ("podAnnotations", !resource.pod_annotations.is_empty()),
        ("nodeSelector", !resource.node_selector.is_empty()),
        ("tolerations", !resource.tolerations.is_empty()),
        ("affinity", resource.affinity.is_some()),
        ("topologySpreadConstraints", !resource.topology_spread_constraints.is_empty()),
        ("priorityClass", resource.priority_class.is_some()),
        ("serviceAccount", resource.service_account.is_some()),
        ("terminationGracePeriodSeconds", resource.termination_grace_period_seconds.is_some()),
        ("drainSeconds", resource.drain_seconds.is_some()),
        ("podSecurityContext", resource.pod_security_context.is_some()),
    ];
    excluded(&given, findings, at);
    for (name, _) in resource.volumes.iter().filter(|(_, volume)| volume.per_replica) {
        let what = "`sidecarOf` and `perReplica` exclude each other";
        let hint = "set `perReplica` on a volume of the resource in whose pod it runs, and mount it here with `of`";
        findings.add(Code::ConflictingKeys, &at.key("volumes").key(name).key("perReplica"), what, hint);
    }
}

/// The same for what an environment changes.
pub(super) fn check_environment(
    base: Option<&Resource>,
    change: &EnvironmentResource,
    findings: &mut Findings,
    at: &Path<'_>,
) {
    if base.is_none_or(|base| base.sidecar_of.is_none()) {
        return;
    }
    let given = [
        ("enabled", change.enabled.is_some()),
        ("replaceWith", change.replace_with.is_some()),
        ("replicas", change.replicas.is_some()),
        ("autoscaling", change.autoscaling.is_some()),
        ("podDisruptionBudget", change.pod_disruption_budget.is_some()),
        ("nodePool", change.node_pool.is_some()),
        ("spread", change.spread.is_some()),
        ("annotations", !change.annotations.is_empty()),
        ("podAnnotations", !change.pod_annotations.is_empty()),
        ("nodeSelector", !change.node_selector.is_empty()),
        ("tolerations", change.tolerations.is_some()),
    ];
    excluded(&given, findings, at);
}

fn excluded(given: &[(&str, bool)], findings: &mut Findings, at: &Path<'_>) {
    for (key, _) in given.iter().filter(|(_, given)| *given) {
        let what = format!("`sidecarOf` and `{key}` exclude each other");
        findings.add(Code::ConflictingKeys, &at.key(key), what, HINT);
    }
}

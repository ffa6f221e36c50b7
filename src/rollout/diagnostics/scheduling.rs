//! Why a pod is unschedulable, from the message of the scheduler.

use super::{Row, Rule, look_up, rule};
use crate::rollout::Reason;

/// Why no node fits, by the scheduler's clauses: what one means of `n` nodes.
const CLAUSES: &[(&str, &str, &str)] = &[
    ("Insufficient cpu", "too little CPU free", "request less in `resources.NAME.resources`, or add a node"),
    ("Insufficient memory", "too little memory free", "request less in `resources.NAME.resources`, or add a node"),
    (
        "Insufficient ",
        "too little of a requested resource free",
        "request less in `resources.NAME.resources`, or add a node",
    ),
    ("Too many pods", "no capacity for another pod", "add a node"),
    ("untolerated taint", "a taint that it does not tolerate", "add `tolerations`, or remove the taint"),
    (
        "node affinity/selector",
        "no label that its node selector or affinity requires",
        "fix `nodeSelector` or `affinity`, or label a node",
    ),
    (
        "volume node affinity conflict",
        "no access to its volume, which is in another place",
        "the pod must run on a node that can access the volume; check its zone",
    ),
    ("anti-affinity", "a pod that its anti-affinity excludes", "add a node, or set fewer replicas"),
    ("pod affinity", "no pod that its affinity requires", "fix `affinity`"),
    (
        "topology spread",
        "too many pods for its topology spread constraints",
        "fix `topologySpreadConstraints`, or add a node",
    ),
    ("free ports", "its requested host port in use", "add a node, or set fewer replicas"),
    ("were unschedulable", "been cordoned", "make one schedulable with kubectl uncordon"),
    (
        "available persistent volumes to bind",
        "no volume for its claim",
        "create a matching volume, or set another `storageClass`",
    ),
    ("exceed max volume count", "reached the limit of attached volumes", "add a node"),
];

/// Seconds after which no node will take the pod by waiting alone: enough for the scheduler to have looked several times.
/// Where nodes are added on demand, `--fail-fast` is not for the first pod.
const HOPELESS: Option<u64> = Some(30);

/// Sentences of the scheduler about no node in particular.
const UNPLACED: &[Rule] = &[
    rule(
        &["unbound immediate persistentvolumeclaims"],
        Reason::ClaimUnbound,
        "it waits for the volume of its PVC",
        "`kubectl describe pvc` shows what the PVC waits for",
        20,
        None,
    ),
    rule(
        &["persistentvolumeclaim", "not found"],
        Reason::ClaimUnbound,
        "{}",
        "create the PVC, or fix `existingClaim`",
        5,
        Some(60),
    ),
    rule(&["no nodes available"], Reason::Unschedulable, "the cluster has no node", "add a node", 5, HOPELESS),
    rule(
        &["gated"],
        Reason::Unschedulable,
        "{}",
        "the controller that set the scheduling gate must remove it",
        30,
        None,
    ),
];

/// Why no node takes a pod.
pub(crate) fn scheduling(said: &str) -> Row {
    let general = look_up(UNPLACED, said, said);
    if let Some(row) = general {
        return row;
    }
    let unknown = || Row {
        reason: Reason::Unschedulable,
        words: format!("no node is suitable for the pod: {said}"),
        hint: "this is the message of the scheduler",
        patience: 5,
        final_after: HOPELESS,
    };
    // `0/3 nodes are available: 1 Insufficient cpu, 2 node(s) had ... . preemption: ...`
    let Some((counts, rest)) = said.split_once(" nodes are available: ") else { return unknown() };
    let all = counts.rsplit('/').next().unwrap_or_default();
    let reasons = rest.split(" preemption: ").next().unwrap_or_default().trim_end_matches(['.', ' ']);
    let mut hint = None;
    let mut parts = Vec::new();
    for clause in reasons.split(", ") {
        let Some((count, what)) = clause.split_once(' ').filter(|(count, _)| count.parse::<u64>().is_ok()) else {
            continue;
        };
        let known = CLAUSES.iter().find(|(needle, ..)| what.contains(needle));
        let meaning = known.map_or(what, |(_, meaning, _)| meaning);
        // What is between braces, or the name of the resource, says which.
        let which = what.find('{').map(|start| format!(" {}", &what[start..]));
        let which =
            which.or_else(|| known?.0.ends_with(' ').then(|| format!(" ({})", what.replace("Insufficient ", ""))));
        parts.push(format!("{count} of {all} has {meaning}{}", which.unwrap_or_default()));
        hint = hint.or(known.map(|(.., hint)| *hint));
    }
    if parts.is_empty() {
        return unknown();
    }
    let words = format!("no node is suitable for the pod: {}", parts.join(", "));
    Row {
        reason: Reason::Unschedulable,
        words,
        hint: hint.unwrap_or("this is the message of the scheduler"),
        patience: 5,
        final_after: HOPELESS,
    }
}

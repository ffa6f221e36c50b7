//! Why no node takes a pod, in the scheduler's clauses.

use super::{Row, Rule, look_up, rule};
use crate::rollout::Reason;

/// Why no node fits, by the scheduler's clauses: what one means of `n` nodes.
const CLAUSES: &[(&str, &str, &str)] = &[
    ("Insufficient cpu", "too little CPU free", "ask for less in `resources.NAME.resources`, or add a node"),
    ("Insufficient memory", "too little memory free", "ask for less in `resources.NAME.resources`, or add a node"),
    (
        "Insufficient ",
        "too little free of a resource it asks for",
        "ask for less in `resources.NAME.resources`, or add a node",
    ),
    ("Too many pods", "no place for another pod", "add a node"),
    ("untolerated taint", "a taint that it does not tolerate", "add `tolerations`, or take the taint off"),
    (
        "node affinity/selector",
        "other labels than it asks for",
        "correct `nodeSelector` or `affinity`, or label a node",
    ),
    (
        "volume node affinity conflict",
        "no access to its volume, which is elsewhere",
        "a node where the volume is has to take it; see its zone",
    ),
    ("anti-affinity", "a pod that it must not run beside", "add a node, or ask for fewer replicas"),
    ("pod affinity", "no pod beside which it must run", "correct `affinity`"),
    ("topology spread", "too many pods of its kind already", "correct `topologySpreadConstraints`, or add a node"),
    ("free ports", "the port taken that it asks for", "add a node, or ask for fewer replicas"),
    ("were unschedulable", "been closed for new pods (cordoned)", "open one with kubectl uncordon"),
    (
        "available persistent volumes to bind",
        "no volume for its claim",
        "make a volume that fits, or name another `storageClass`",
    ),
    ("exceed max volume count", "as many volumes as they can", "add a node"),
];

/// Seconds after which no node will take the pod by waiting alone: enough for the scheduler to have looked several times.
/// Where nodes are added on demand, `--fail-fast` is not for the first pod.
const HOPELESS: Option<u64> = Some(30);

/// Sentences of the scheduler about no node in particular.
const UNPLACED: &[Rule] = &[
    rule(
        &["unbound immediate persistentvolumeclaims"],
        Reason::ClaimUnbound,
        "it waits for the volume of its claim",
        "kubectl describe pvc tells what the claim waits for",
        20,
        None,
    ),
    rule(
        &["persistentvolumeclaim", "not found"],
        Reason::ClaimUnbound,
        "{}",
        "make the claim, or correct `existingClaim`",
        5,
        Some(60),
    ),
    rule(&["no nodes available"], Reason::Unschedulable, "the cluster has no node", "add a node", 5, HOPELESS),
    rule(&["gated"], Reason::Unschedulable, "{}", "whoever set the scheduling gate has to take it away", 30, None),
];

/// Why no node takes a pod.
pub(crate) fn scheduling(said: &str) -> Row {
    let general = look_up(UNPLACED, said, said);
    if let Some(row) = general {
        return row;
    }
    let unknown = || Row {
        reason: Reason::Unschedulable,
        words: format!("no node takes the pod: {said}"),
        hint: "this is what the scheduler says",
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
    let words = format!("no node takes the pod: {}", parts.join(", "));
    Row {
        reason: Reason::Unschedulable,
        words,
        hint: hint.unwrap_or("this is what the scheduler says"),
        patience: 5,
        final_after: HOPELESS,
    }
}

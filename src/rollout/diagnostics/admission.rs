//! Why the API server lets no pods be made.

use super::{Row, Rule, look_up, rule};
use crate::rollout::Reason;

const ROOM: &str = "free some of it, ask for less in `resources.NAME.resources`, or have the quota raised";

/// Why a controller may not make pods. From the API server's admission.
const REFUSALS: &[Rule] = &[
    rule(&["exceeded quota"], Reason::QuotaExceeded, "{}", ROOM, 3, Some(60)),
    rule(
        &["failed quota", "must specify"],
        Reason::QuotaExceeded,
        "{}",
        "the quota counts what the pods do not name: set it in `defaults.resources`",
        1,
        Some(10),
    ),
    rule(
        &["usage per container"],
        Reason::QuotaExceeded,
        "a limit range of the namespace forbids it: {}",
        "change `resources.NAME.resources` to fit the limit range",
        1,
        Some(10),
    ),
    rule(
        &["usage per pod"],
        Reason::QuotaExceeded,
        "a limit range of the namespace forbids it: {}",
        "change `resources.NAME.resources` to fit the limit range",
        1,
        Some(10),
    ),
    rule(
        &["violates podsecurity"],
        Reason::AdmissionRefused,
        "{}",
        "set `security: restricted` for the resource (and run it as a user that is not root), or relax the namespace's Pod Security level",
        0,
        Some(0),
    ),
    rule(
        &["admission webhook", "denied the request"],
        Reason::AdmissionRefused,
        "{}",
        "this is a rule of the cluster: change what it names, or ask who runs the webhook",
        0,
        Some(0),
    ),
    rule(
        &["validatingadmissionpolicy"],
        Reason::AdmissionRefused,
        "{}",
        "this is a rule of the cluster: change what it names, or ask who wrote the policy",
        0,
        Some(0),
    ),
    rule(
        &["failed calling webhook"],
        Reason::AdmissionRefused,
        "a webhook of the cluster does not answer: {}",
        "see whether the webhook's own pods run",
        5,
        None,
    ),
    rule(
        &["serviceaccount", "not found"],
        Reason::AdmissionRefused,
        "{}",
        "make the ServiceAccount, or take `serviceAccount` out of aspire-k8s.yaml",
        5,
        Some(30),
    ),
    rule(
        &["priorityclass", "no "],
        Reason::AdmissionRefused,
        "{}",
        "make the PriorityClass, or take `priorityClass` out of aspire-k8s.yaml",
        1,
        Some(10),
    ),
    rule(&[], Reason::AdmissionRefused, "{}", "", 2, Some(30)),
];

/// Why pods are refused.
pub(crate) fn refusal(said: &str) -> Row {
    // `pods "api-5c" is forbidden: why`, before it for a StatefulSet `create Pod db-0 in StatefulSet db failed error: `
    let why = said.split_once(" failed error: ").map_or(said, |(_, why)| why);
    let why = why.split_once(" is forbidden: ").map_or(why, |(_, why)| why);
    look_up(REFUSALS, why, why).unwrap_or_else(|| REFUSALS[REFUSALS.len() - 1].with(why))
}

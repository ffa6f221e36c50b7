//! Why the API server rejects pods.

use super::{Row, Rule, look_up, rule};
use crate::rollout::Reason;

const ROOM: &str = "free some of it, request less in `resources.NAME.resources`, or ask for a larger quota";

/// Why a controller may not make pods. From the API server's admission.
const REFUSALS: &[Rule] = &[
    rule(&["exceeded quota"], Reason::QuotaExceeded, "{}", ROOM, 3, Some(60)),
    rule(
        &["failed quota", "must specify"],
        Reason::QuotaExceeded,
        "{}",
        "the quota requires requests or limits that the pods do not set: set them in `defaults.resources`",
        1,
        Some(10),
    ),
    rule(
        &["usage per container"],
        Reason::QuotaExceeded,
        "a LimitRange of the namespace rejects it: {}",
        "change `resources.NAME.resources` to comply with the LimitRange",
        1,
        Some(10),
    ),
    rule(
        &["usage per pod"],
        Reason::QuotaExceeded,
        "a LimitRange of the namespace rejects it: {}",
        "change `resources.NAME.resources` to comply with the LimitRange",
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
        "this is a rule of the cluster: change the field that it names, or ask the owner of the webhook",
        0,
        Some(0),
    ),
    rule(
        &["validatingadmissionpolicy"],
        Reason::AdmissionRefused,
        "{}",
        "this is a rule of the cluster: change the field that it names, or ask the owner of the policy",
        0,
        Some(0),
    ),
    rule(
        &["failed calling webhook"],
        Reason::AdmissionRefused,
        "an admission webhook of the cluster does not respond: {}",
        "check whether the pods of the webhook run",
        5,
        None,
    ),
    rule(
        &["serviceaccount", "not found"],
        Reason::AdmissionRefused,
        "{}",
        "create the ServiceAccount, or remove `serviceAccount` from aspire-k8s.yaml",
        5,
        Some(30),
    ),
    rule(
        &["priorityclass", "no "],
        Reason::AdmissionRefused,
        "{}",
        "create the PriorityClass, or remove `priorityClass` from aspire-k8s.yaml",
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

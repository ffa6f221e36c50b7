//! The rules for `runAs:` that types cannot express: keys that only long-running workloads have, schedules and time zones.

use crate::config::findings::Findings;
use crate::config::path::{Path, shown};
use crate::config::{CronJob, EnvironmentResource, Resource, RunAs};
use crate::support::diagnostic::Code;

/// Words for schedules.
const MACROS: [&str; 7] = ["@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"];

/// Reports keys that only long-running workloads have, and invalid schedules.
pub(super) fn check(resource: &Resource, findings: &mut Findings, at: &Path<'_>) {
    let Some(run_as) = &resource.run_as else { return };
    let given = [
        ("workload", resource.workload.is_some()),
        ("replicas", resource.replicas.is_some()),
        ("autoscaling", resource.autoscaling.is_some()),
        ("podDisruptionBudget", resource.pod_disruption_budget.is_some()),
        ("strategy", resource.strategy.is_some()),
        ("spread", resource.spread.is_some()),
        ("drainSeconds", resource.drain_seconds.is_some()),
    ];
    for (key, _) in given.into_iter().filter(|(_, given)| *given) {
        excluded(key, findings, at);
    }
    if let RunAs::CronJob(CronJob { schedule, time_zone, .. }) = run_as {
        let at = at.key("runAs");
        let at = at.key("cronJob");
        if !is_schedule(schedule) {
            let what = format!("{} is not a valid schedule", shown(schedule));
            let hint =
                "set five fields, such as \"0 3 * * *\" (every day at 3:00), or @hourly, @daily, @weekly or @monthly";
            findings.add(Code::InvalidValue, &at.key("schedule"), what, hint);
        }
        if let Some(zone) = time_zone.as_deref().filter(|zone| !is_zone(zone)) {
            let what = format!("{} is not a valid time zone", shown(zone));
            findings.add(
                Code::InvalidValue,
                &at.key("timeZone"),
                what,
                "set a name of the IANA time zone database, such as Europe/Oslo",
            );
        }
    }
}

/// Reports the same keys where an environment sets them for a job.
pub(super) fn check_environment(resource: &EnvironmentResource, findings: &mut Findings, at: &Path<'_>) {
    let given = [
        ("replicas", resource.replicas.is_some()),
        ("autoscaling", resource.autoscaling.is_some()),
        ("podDisruptionBudget", resource.pod_disruption_budget.is_some()),
        ("spread", resource.spread.is_some()),
    ];
    for (key, _) in given.into_iter().filter(|(_, given)| *given) {
        excluded(key, findings, at);
    }
}

/// A key that only long-running workloads have.
fn excluded(key: &str, findings: &mut Findings, at: &Path<'_>) {
    let what = format!("`runAs` and `{key}` exclude each other");
    findings.add(Code::ConflictingKeys, &at.key(key), what, "remove one of them: a job runs one pod to completion");
}

/// Five fields with the characters that a field may have; the API server checks the rest.
fn is_schedule(text: &str) -> bool {
    let is_field = |field: &str| field.bytes().all(|b| b.is_ascii_alphanumeric() || b"*/,-?".contains(&b));
    let fields: Vec<&str> = text.split(' ').filter(|field| !field.is_empty()).collect();
    MACROS.contains(&text) || (fields.len() == 5 && fields.into_iter().all(is_field))
}

/// Kubernetes refuses `Local`.
fn is_zone(text: &str) -> bool {
    let is_part =
        |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"_+-".contains(&b));
    !text.eq_ignore_ascii_case("local") && text.len() <= 64 && text.split('/').all(is_part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schedules_are_told_from_other_text() {
        for (text, legal) in [
            ("0 3 * * *", true),
            ("*/5 1-4,7 * JAN-MAR MON", true),
            ("@daily", true),
            ("@every 5m", false),
            ("0 3 * *", false),
            ("TZ=UTC 0 3 * * *", false),
            ("0 3 * * * *", false),
            ("", false),
        ] {
            assert_eq!(is_schedule(text), legal, "{text}");
        }
        for (text, legal) in
            [("Europe/Oslo", true), ("UTC", true), ("Local", false), ("a b", false), ("/", false), ("", false)]
        {
            assert_eq!(is_zone(text), legal, "{text}");
        }
    }
}

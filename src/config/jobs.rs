//! `runAs:` of a resource, as written: a workload that runs to completion, once or on a schedule. The keys are those of
//! Kubernetes.
//!
//! Must not know other resources: who waits for a job is checked when the application is resolved.

use super::Resource;
use super::findings::Findings;
use super::path::{Path, shown};
use crate::support::diagnostic::Code;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `runAs:` of a resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum RunAs {
    /// A Job: it runs to completion once for each image and configuration.
    Job(Job),
    /// A CronJob: it runs to completion on a schedule.
    CronJob(CronJob),
}

/// A Job. Every key has a default.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Job {
    /// Pods that may fail before the Job fails; 3 by default.
    #[schemars(range(max = 2_147_483_647))]
    pub backoff_limit: Option<u32>,
    /// Seconds that the Job may take, including its waits; no limit by default.
    #[schemars(range(min = 1, max = 2_147_483_647))]
    pub active_deadline_seconds: Option<u32>,
    /// Seconds after its end until the Job is deleted; kept by default. Not for a Job that others wait for.
    #[schemars(range(min = 3600, max = 2_147_483_647))]
    pub ttl_seconds_after_finished: Option<u32>,
}

/// A CronJob.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CronJob {
    /// When it starts: minute, hour, day of the month, month, day of the week; or a word such as `@daily`.
    pub schedule: String,
    /// Time zone of the schedule, such as `Europe/Oslo`; that of the control plane by default, usually UTC.
    #[serde(default)]
    pub time_zone: Option<String>,
    /// What happens if the previous run has not ended; `Forbid` by default.
    #[serde(default)]
    pub concurrency_policy: Option<ConcurrencyPolicy>,
    /// Seconds that a start may be late; no limit by default.
    #[serde(default)]
    #[schemars(range(min = 10, max = 2_147_483_647))]
    pub starting_deadline_seconds: Option<u32>,
    /// Pods that may fail before a run fails; 3 by default.
    #[serde(default)]
    #[schemars(range(max = 2_147_483_647))]
    pub backoff_limit: Option<u32>,
    /// Seconds that a run may take, including its waits; no limit by default.
    #[serde(default)]
    #[schemars(range(min = 1, max = 2_147_483_647))]
    pub active_deadline_seconds: Option<u32>,
    /// Seconds after its end until a run is deleted; by default, Kubernetes keeps the last three complete and the last failed.
    #[serde(default)]
    #[schemars(range(min = 1, max = 2_147_483_647))]
    pub ttl_seconds_after_finished: Option<u32>,
}

/// What happens if a run of a CronJob is due and the previous one has not ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ConcurrencyPolicy {
    /// Both run.
    Allow,
    /// The new one is skipped.
    Forbid,
    /// The new one replaces the previous one.
    Replace,
}

/// Words for schedules.
const MACROS: [&str; 7] = ["@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"];

/// Reports keys that only long-running workloads have, and invalid schedules.
pub(super) fn check(resource: &Resource, findings: &mut Findings, at: &Path<'_>) {
    let Some(run_as) = &resource.run_as else { return };
    let given = [
        ("workload", resource.workload.is_some()),
        ("replicas", resource.replicas.is_some()),
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

/// A key that only long-running workloads have.
pub(super) fn excluded(key: &str, findings: &mut Findings, at: &Path<'_>) {
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

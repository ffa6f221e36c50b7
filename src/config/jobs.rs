//! `runAs:` of a resource, as written: a workload that runs to completion, once or on a schedule. The keys are those of
//! Kubernetes.
//!
//! Must not know other resources: who waits for a job is checked when the application is resolved.

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

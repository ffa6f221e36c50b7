//! Workloads that run to completion: kind and values of a Job or CronJob, and which workloads cannot be one.
//!
//! Must not know what has run: that is stored in the cluster.

use super::claims::WorkloadStorage;
use crate::app::{App, Note};
use crate::config::{ConcurrencyPolicy, Config, CronJob, Job, RunAs, intent_place};
use crate::support::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::targets::migrations::probable_migrations;
use serde_json::{Value as Json, json};

/// Pods that may fail before a job fails.
const BACKOFF_LIMIT: u32 = 3;

/// The kind of a workload that runs to completion; none for others.
pub(crate) fn kind(config: &Config, resource: &str) -> Option<&'static str> {
    match config.resources.get(resource)?.run_as.as_ref()? {
        RunAs::Job(_) => Some("Job"),
        RunAs::CronJob(_) => Some("CronJob"),
    }
}

/// Its key in the values, and the values. 0 means no limit.
pub(crate) fn values(run_as: &RunAs) -> (&'static str, Json) {
    match run_as {
        RunAs::Job(Job { backoff_limit, active_deadline_seconds, ttl_seconds_after_finished }) => {
            let values = json!({
                "backoffLimit": backoff_limit.unwrap_or(BACKOFF_LIMIT),
                "activeDeadlineSeconds": active_deadline_seconds.unwrap_or(0),
                "ttlSecondsAfterFinished": ttl_seconds_after_finished.unwrap_or(0),
                "done": [],
            });
            ("job", values)
        }
        RunAs::CronJob(CronJob {
            schedule,
            time_zone,
            concurrency_policy,
            starting_deadline_seconds,
            backoff_limit,
            active_deadline_seconds,
            ttl_seconds_after_finished,
        }) => {
            let values = json!({
                "schedule": schedule,
                "timeZone": time_zone.as_deref().unwrap_or(""),
                "concurrencyPolicy": concurrency_policy.unwrap_or(ConcurrencyPolicy::Forbid),
                "suspend": false,
                "startingDeadlineSeconds": starting_deadline_seconds.unwrap_or(0),
                "backoffLimit": backoff_limit.unwrap_or(BACKOFF_LIMIT),
                "activeDeadlineSeconds": active_deadline_seconds.unwrap_or(0),
                "ttlSecondsAfterFinished": ttl_seconds_after_finished.unwrap_or(0),
            });
            ("cronJob", values)
        }
    }
}

/// A PVC of its own would outlive every run, and the pods of two jobs could mount it at once.
pub(crate) fn check(resource: &str, storage: &WorkloadStorage, diagnostics: &mut Diagnostics) {
    for claim in &storage.claims {
        let what = format!("`{resource}` runs as a job and has a PVC of its own for the volume `{}`", claim.key);
        let hint =
            format!("set `ephemeral: true`, `existingClaim` or `of` in `resources.{resource}.volumes.{}`", claim.key);
        let place = intent_place(format!("resources.{resource}.runAs"));
        diagnostics.push(Diagnostic::new(Code::ConflictingKeys, place, what).hint(hint));
    }
}

/// Notes about workloads that probably run to completion: a Deployment restarts them when they end.
pub(crate) fn suggestions<'a>(app: &'a App, config: &'a Config) -> impl Iterator<Item = Note> + 'a {
    probable_migrations(app, config).map(|workload| Note {
        code: Code::ChangedInCluster,
        resource: workload.name.clone(),
        text: format!(
            "it looks like a migration, and a Deployment restarts a program that ends: if it runs to completion, set `resources: \
             {{{0}: {{runAs: job}}}}`, and `waitForCompletion: [{0}]` on its consumers",
            workload.name
        ),
    })
}

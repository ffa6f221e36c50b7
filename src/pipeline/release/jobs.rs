//! Jobs of a release over its revisions: one that has completed never runs again, and none is deleted while it runs.
//!
//! The name of a job contains a digest of its pod template, so the release `ConfigMap` stores names. A stored name counts
//! only if a record of helm contains it too: whoever may write ConfigMaps alone cannot make a job count as completed. A
//! completed job that no longer exists (its TTL, an upgrade or a user deleted it) is created with `completions: 0`, which is
//! complete at once and starts no pod. `completions` is immutable, so an existing job keeps it.

use super::autoscaling::with_line;
use super::installation::{Installation, Manifest};
use super::records::stored;
use crate::cluster::connect::client::Cluster;
use crate::cluster::state::record::Record;
use crate::cluster::state::records;
use crate::cluster::state::remembered::State;
use crate::diff::Object;
use crate::k8s::kind::{JOB, POD};
use crate::k8s::labels;
use crate::k8s::object::{has_condition, name_of};
use crate::pipeline::engine::event::{Report, say};
use crate::pipeline::engine::run::Limits;
use crate::pipeline::{Error, Release};
use crate::support::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::targets::kubernetes::Plan;
use k8s_openapi::jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};
use std::thread;
use std::time::Duration;

/// The start of the line that says how many pods of a job must succeed.
const LINE: &str = "  completions: ";

/// Time between two reads of running jobs.
const EVERY: Duration = Duration::from_secs(1);

/// Seconds before the end of its TTL from which on a completed job is deleted by the deploy. While helm works, the TTL could
/// delete it, and helm would create it again.
const EXPIRING: i64 = 900;

/// The jobs of a release that exist, and those that have completed at any time.
#[derive(Debug, Default)]
pub(crate) struct Jobs {
    live: Vec<Json>,
    completed: BTreeSet<String>,
}

/// The part of the values of a revision that says which jobs had completed.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Given {
    workloads: BTreeMap<String, GivenWorkload>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct GivenWorkload {
    job: GivenJob,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct GivenJob {
    done: Vec<String>,
}

/// Whether a plan contains jobs.
pub(crate) fn has_jobs(plan: &Plan) -> bool {
    plan.workloads.iter().any(|workload| workload.view.kind == JOB.kind)
}

/// Whether a revision contains jobs.
pub(crate) fn is_with_jobs(wanted: &Manifest) -> bool {
    wanted.keys().any(is_job)
}

fn is_job(object: &Object) -> bool {
    object.kind == JOB.kind && object.group == "batch"
}

impl Jobs {
    /// Reads them. `stored` are the names that the release `ConfigMap` has.
    pub(crate) fn read(cluster: &Cluster, release: &Release, stored: &[String]) -> Result<Self, Error> {
        let recorded = recorded(cluster, release)?;
        if recorded.as_ref().is_some_and(BTreeSet::is_empty) {
            return Ok(Self::default());
        }
        let is_recorded = |name: &str| recorded.as_ref().is_none_or(|recorded| recorded.contains(name));
        let mut live = cluster.list(&JOB, &release.namespace, &selector(release))?;
        live.retain(|job| release.helm_name().owns(job) && is_recorded(name_of(job)));
        let complete = live.iter().filter(|job| has_condition(job, "Complete")).map(name_of);
        let completed = stored.iter().map(String::as_str).filter(|name| is_recorded(name)).chain(complete);
        Ok(Self { completed: completed.map(str::to_owned).collect(), live })
    }

    /// The values that tell a chart which of its jobs have completed and no longer exist.
    pub(crate) fn values(&self, plan: &Plan) -> Json {
        let now = Timestamp::now();
        let stays = |name: &String| {
            let exists = |job: &&Json| name_of(job) == name && completions(job) != Some(0) && !is_expiring(job, now);
            self.live.iter().any(|job| exists(&job))
        };
        let jobs = plan.workloads.iter().filter(|workload| workload.view.kind == JOB.kind);
        let workloads = jobs.map(|workload| &workload.view.name).filter_map(|workload| {
            let of_it = self.completed.iter().filter(|name| is_of(name, workload) && !stays(name));
            let names: Vec<&String> = of_it.collect();
            (!names.is_empty()).then(|| (workload.clone(), json!({"job": {"done": names}})))
        });
        let workloads: Map<String, Json> = workloads.collect();
        if workloads.is_empty() { json!({}) } else { json!({"workloads": workloads}) }
    }

    /// Stores the jobs that exist and have completed; what was stored before stays.
    pub(crate) fn remember(&self, state: &mut State) {
        state.remember_jobs(self.live.iter().filter(|job| has_condition(job, "Complete")).map(name_of));
    }

    /// The jobs with a running container. A job whose pods wait in an init container or cannot start is not running.
    fn running(&self, cluster: &Cluster, release: &Release) -> Result<Vec<String>, Error> {
        let mut unfinished =
            self.live.iter().filter(|job| !has_condition(job, "Complete") && !has_condition(job, "Failed")).peekable();
        if unfinished.peek().is_none() {
            return Ok(Vec::new());
        }
        let pods = cluster.list(&POD, &release.namespace, &selector(release))?;
        Ok(unfinished
            .filter(|job| pods.iter().any(|pod| runs_for(pod, job)))
            .map(|job| name_of(job).to_owned())
            .collect())
    }
}

fn selector(release: &Release) -> String {
    format!("{}={}", labels::INSTANCE, release.name)
}

/// The names of jobs in helm's records of a release, in manifests and values; none if helm keeps its records outside of the
/// cluster, where only helm can write.
fn recorded(cluster: &Cluster, release: &Release) -> Result<Option<BTreeSet<String>>, Error> {
    let driver = release.environment.text("HELM_DRIVER");
    let records = records::all(cluster, driver, &release.namespace, &release.name)?;
    Ok(records.map(|records| records.iter().flat_map(names).collect()))
}

fn names(record: &Record) -> Vec<String> {
    // Most releases have no jobs, and need not be parsed. One that helm could read differently is refused elsewhere.
    let manifest = if record.manifest.contains("Job") { &*record.manifest } else { "" };
    let objects = stored::read(manifest).unwrap_or_default();
    let jobs = objects.iter().filter(|object| object["kind"] == *JOB.kind && object["apiVersion"] == *JOB.api_version);
    let given = record.config::<Given>().unwrap_or_default();
    let done = given.workloads.into_values().flat_map(|workload| workload.job.done);
    jobs.map(|job| name_of(job).to_owned()).chain(done).collect()
}

/// Whether a job is named like one of this workload: `<workload>-<8 hexadecimal digits>`.
pub(crate) fn is_of(name: &str, workload: &str) -> bool {
    let digits = name.strip_prefix(workload).and_then(|rest| rest.strip_prefix('-')).unwrap_or_default();
    digits.len() == 8 && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn completions(job: &Json) -> Option<u64> {
    job["spec"]["completions"].as_u64()
}

fn is_expiring(job: &Json, now: Timestamp) -> bool {
    let end = job["status"]["completionTime"].as_str().and_then(|text| text.parse::<Timestamp>().ok());
    let ttl = job["spec"]["ttlSecondsAfterFinished"].as_i64();
    end.zip(ttl).is_some_and(|(end, ttl)| now.as_second() >= end.as_second() + ttl - EXPIRING)
}

fn runs_for(pod: &Json, job: &Json) -> bool {
    let owners = pod["metadata"]["ownerReferences"].as_array().into_iter().flatten();
    let containers = pod["status"]["containerStatuses"].as_array().into_iter().flatten();
    let uid = &job["metadata"]["uid"];
    uid.is_string()
        && owners.into_iter().any(|owner| owner["uid"] == *uid)
        // A pod that has succeeded is not counted yet: its job is about to be complete.
        && (pod["status"]["phase"] == "Succeeded"
            || containers.into_iter().any(|container| container["state"]["running"].is_object()))
}

/// Waits until no container of a job of this release runs: helm would delete it together with the job.
pub(crate) fn wait_for_end(
    cluster: &Cluster,
    release: &Release,
    limits: &Limits,
    report: &Report,
) -> Result<Jobs, Error> {
    let mut told: Vec<String> = Vec::new();
    loop {
        let jobs = Jobs::read(cluster, release, &[])?;
        let running = jobs.running(cluster, release)?;
        if running.is_empty() {
            return Ok(jobs);
        }
        if limits.left() < EVERY {
            return Err(Error::Refused(still_runs(&running, &release.namespace).into()));
        }
        if (limits.stopped)() {
            return Err(Error::Interrupted);
        }
        if told != running {
            say(report, format!("waiting until the job {} has ended", running.join(", ")));
            told = running;
        }
        thread::sleep(EVERY);
    }
}

fn still_runs(running: &[String], namespace: &str) -> Diagnostic {
    let what = format!("the job {} still runs, and this change could delete it", running.join(", "));
    let hint = format!(
        "run the same command again with a longer --timeout; to stop the job: \
         `kubectl delete job {} --namespace {namespace}`",
        running.join(" ")
    );
    Diagnostic::new(Code::JobRunning, "", what).hint(hint)
}

/// The jobs of a revision that need another number of completions, with that number: that of the live job, or 0 for one that
/// has completed and no longer exists.
fn held(wanted: &Manifest, live: &Manifest, completed: &BTreeSet<String>) -> Vec<(Object, u64)> {
    let jobs = wanted.iter().filter(|(object, _)| is_job(object));
    let held = jobs.filter_map(|(object, stored)| {
        let number = match live.get(object) {
            Some(job) => completions(job)?,
            None if completed.contains(&object.name) => 0,
            None => return None,
        };
        (completions(stored) != Some(number)).then(|| (object.clone(), number))
    });
    held.collect()
}

/// Sets the completions of the jobs of a revision to those that they will have after the rollback.
pub(crate) fn keep(on: &Installation, wanted: &mut Manifest, live: &Manifest) -> Result<(), Error> {
    if !is_with_jobs(wanted) {
        return Ok(());
    }
    let state = State::read(on.cluster, on.owner, on.space())?;
    let Jobs { completed, .. } = Jobs::read(on.cluster, on.release, &state.jobs)?;
    for (object, number) in held(wanted, live, &completed) {
        if let Some(job) = wanted.get_mut(&object) {
            job["spec"]["completions"] = json!(number);
        }
    }
    Ok(())
}

/// Before helm rolls back to a revision: waits for running jobs, stores those that have completed, and writes the
/// completions into helm's record of the revision, which is what helm applies.
pub(crate) fn hold(on: &Installation, revision: u64, limits: &Limits) -> Result<(), Error> {
    let ended = wait_for_end(on.cluster, on.release, limits, on.report)?;
    let mut state = State::read(on.cluster, on.owner, on.space())?;
    ended.remember(&mut state);
    if state.exists() {
        state = state.write(on.cluster, on.owner, on.space())?;
    }
    let Some(record) = Record::read(on.cluster, on.space(), &on.release.name, revision)? else { return Ok(()) };
    let wanted = crate::diff::objects(&record.manifest, on.space())?;
    let wanted: Manifest = wanted.into_iter().filter(|(object, _)| is_job(object)).collect();
    if wanted.is_empty() {
        return Ok(());
    }
    let live = super::rollback_feasibility::live(on.cluster, &wanted)?;
    let Jobs { completed, .. } = Jobs::read(on.cluster, on.release, &state.jobs)?;
    let mut manifest = record.manifest.clone();
    for (object, number) in held(&wanted, &live, &completed) {
        let is_number = |text: &str| text.trim_end().bytes().all(|byte| byte.is_ascii_digit());
        manifest = with_line(&manifest, &object, LINE, is_number, &number.to_string()).ok_or_else(|| {
            let what = format!("revision {revision} does not set the completions of {object} in the expected place");
            let diagnostic = Diagnostic::new(Code::RollbackNotPossible, "", what);
            Error::Refused(Diagnostics::from(diagnostic.hint("deploy the older source instead")))
        })?;
    }
    if manifest != record.manifest {
        record.with_manifest(on.cluster, on.space(), &manifest)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::targets::kubernetes::{PlannedWorkload, WorkloadView};

    fn plan(kind: &'static str) -> Plan {
        let view = WorkloadView { name: "seed".into(), kind, ..WorkloadView::default() };
        let workload = PlannedWorkload {
            resource: "seed".into(),
            view,
            claims: Vec::new(),
            claim_views: Vec::new(),
            external: Vec::new(),
            changed_by: Vec::new(),
        };
        Plan { workloads: vec![workload], ..Plan::default() }
    }

    fn job(completions: u64) -> Json {
        json!({"kind": "Job", "metadata": {"name": "seed-0123abcd"}, "spec": {"completions": completions}})
    }

    fn names(all: &[&str]) -> BTreeSet<String> {
        all.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn only_completed_jobs_that_no_longer_exist_are_created_without_a_pod() {
        let all = ["seed-0123abcd", "seed-other-0123abcd", "seed-xyz"];
        let told = json!({"workloads": {"seed": {"job": {"done": ["seed-0123abcd"]}}}});
        let values = |kind, completed: &[&str], live: &[Json]| {
            Jobs { live: live.to_vec(), completed: names(completed) }.values(&plan(kind))
        };
        assert_eq!(values("Job", &all, &[]), told);
        assert_eq!(values("Job", &all, &[job(0)]), told);
        assert_eq!(values("Job", &all, &[job(1)]), json!({}));
        assert_eq!(values("Job", &[], &[]), json!({}));
        assert_eq!(values("Deployment", &all, &[]), json!({}));
        // One that its TTL could delete while helm works is deleted by helm.
        let mut expiring = job(1);
        expiring["spec"]["ttlSecondsAfterFinished"] = json!(3600);
        expiring["status"] = json!({"completionTime": "2026-01-01T00:00:00Z"});
        assert_eq!(values("Job", &all, &[expiring.clone()]), told);
        expiring["status"] = json!({"completionTime": Timestamp::now().to_string()});
        assert_eq!(values("Job", &all, &[expiring]), json!({}));
    }

    #[test]
    fn a_job_of_a_revision_gets_the_completions_of_the_live_one() {
        let object =
            Object { group: "batch".into(), kind: "Job".into(), namespace: "n".into(), name: "seed-0123abcd".into() };
        let manifest = |completions| -> Manifest { [(object.clone(), job(completions))].into_iter().collect() };
        let (known, unknown) = (names(&["seed-0123abcd"]), names(&[]));
        for (stored, live, completed, expected) in [
            (1, Some(1), &known, None),
            (1, Some(0), &known, Some(0)),
            (0, Some(1), &unknown, Some(1)),
            (1, None, &known, Some(0)),
            (1, None, &unknown, None),
            (0, None, &known, None),
        ] {
            let live = live.map(manifest).unwrap_or_default();
            let held = held(&manifest(stored), &live, completed);
            assert_eq!(held.first().map(|(_, number)| *number), expected, "{stored} {live:?}");
        }
    }

    #[test]
    fn a_job_runs_while_a_container_of_a_pod_of_its_own_does() {
        let job = json!({"metadata": {"name": "seed", "uid": "u"}});
        let pod = |owner: &str, init: &Json, main: &Json| {
            json!({"metadata": {"ownerReferences": [{"uid": owner}]}, "status": {
                "initContainerStatuses": [{"state": init}], "containerStatuses": [{"state": main}]}})
        };
        let (runs, waits) = (json!({"running": {}}), json!({"waiting": {"reason": "PodInitializing"}}));
        assert!(runs_for(&pod("u", &json!({"terminated": {}}), &runs), &job));
        assert!(!runs_for(&pod("u", &runs, &waits), &job) && !runs_for(&pod("other", &waits, &runs), &job));
        assert!(!runs_for(&pod("u", &waits, &runs), &json!({"metadata": {"name": "seed"}})));
        let mut ended = pod("u", &waits, &json!({"terminated": {}}));
        assert!(!runs_for(&ended, &job));
        ended["status"]["phase"] = json!("Succeeded");
        assert!(runs_for(&ended, &job));
    }
}

//! Jobs on a real control plane: they run once for each image and configuration, whatever becomes of their objects.

use crate::bench::{Bench, CONFIG, Run, bench, text, wait_for};
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader};

/// The Helm versions that wait for jobs in different ways.
const HELMS: [&str; 2] = ["3.22.0", "4.2.4"];

const WAITS: &str = ", api: {waitForCompletion: [migration]}";

fn manifest(bench: &Bench, variable: &str) {
    let binding = json!({"scheme": "tcp", "protocol": "tcp", "transport": "tcp", "targetPort": 8080});
    let resources = json!({
        "migration": {"type": "container.v0", "image": "migration:1", "env": {"VERSION": variable}},
        "api": {"type": "container.v0", "image": "api:1", "bindings": {"http": binding}},
    });
    bench.write("app/aspire-manifest.json", &json!({"resources": resources}).to_string());
}

fn configure(bench: &Bench, job: &str, more: &str) {
    bench.configure(&format!("{CONFIG}resources: {{migration: {{runAs: {job}}}{more}}}\n"));
}

impl Bench {
    fn deploy_by(&self, helm: &str) -> Run {
        self.deploy(&[]).env("HELM_BIN", self.plane.helm(helm))
    }

    /// The jobs that exist, with the number of pods that each must have.
    fn jobs(&self) -> Vec<(String, u64)> {
        let all = self.list("jobs").into_iter();
        all.map(|job| (text(&job["metadata"]["name"]).to_owned(), job["spec"]["completions"].as_u64().unwrap()))
            .collect()
    }

    /// The one job that exists; it must have started that many pods.
    fn job(&self, pods: u64) -> String {
        let [(name, completions)] = &self.jobs()[..] else { panic!("{:?}", self.jobs()) };
        let job = self.get(&format!("job/{name}"));
        let (succeeded, failed) = (&job["status"]["succeeded"], &job["status"]["failed"]);
        assert_eq!(succeeded.as_u64().unwrap_or(0) + failed.as_u64().unwrap_or(0), pods, "{job}");
        assert_eq!(*completions, pods, "{job}");
        name.clone()
    }

    fn stored_jobs(&self) -> Vec<String> {
        let map = self.get("configmap/app-aspire");
        map["data"]["jobs"].as_str().map(|text| serde_json::from_str(text).unwrap()).unwrap_or_default()
    }

    fn delete_job(&self, name: &str) {
        self.plane.kubectl(&["delete", "job", name, "-n", &self.ns]).unwrap();
    }

    /// The name of the job that a deploy would create, as anybody can read it.
    fn next_job(&self) -> String {
        let plan = self.run(&["plan", "app", "-n", &self.ns]).exits(2);
        let new: Vec<String> = plan
            .out
            .split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '-')
            .filter(|word| word.starts_with("migration-") && word.len() == "migration-".len() + 8)
            .filter(|word| self.find(&format!("job/{word}")).is_none())
            .map(str::to_owned)
            .collect();
        new.first().unwrap_or_else(|| panic!("{plan}")).clone()
    }
}

#[test]
fn a_job_that_has_completed_never_runs_again() {
    for helm in HELMS {
        let Some(bench) = bench("jobs") else { return };
        let run = |arguments: &[&str]| {
            bench.run(&[arguments, &["-n", &bench.ns]].concat()).env("HELM_BIN", bench.plane.helm(helm))
        };
        manifest(&bench, "1");
        configure(&bench, "job", WAITS);
        bench.deploy_by(helm).ok();
        let first = bench.job(1);
        assert_eq!(bench.stored_jobs(), std::slice::from_ref(&first));
        let uid = bench.get(&format!("job/{first}"))["metadata"]["uid"].clone();
        // Nothing changed: it is the same job.
        run(&["plan", "app"]).exits(0);
        bench.deploy_by(helm).ok();
        assert_eq!(bench.get(&format!("job/{first}"))["metadata"]["uid"], uid, "helm {helm}");
        // It no longer exists: it is created and starts no pod.
        bench.delete_job(&first);
        bench.deploy_by(helm).ok();
        assert_eq!(bench.job(0), first, "helm {helm}");
        run(&["plan", "app"]).exits(0);
        // Another configuration is another job, and the pods that wait for it are other pods.
        manifest(&bench, "2");
        bench.deploy_by(helm).ok();
        let second = bench.job(1);
        assert_ne!(first, second);
        // The pods may read that job and nothing else.
        let role = bench.get("role/api-wait");
        let only = json!({"apiGroups": ["batch"], "resources": ["jobs"], "resourceNames": [second], "verbs": ["get"]});
        assert_eq!(role["rules"], json!([only]));
        let pod = &bench.get("deployment/api")["spec"]["template"]["spec"];
        assert_eq!(
            (&pod["serviceAccountName"], &pod["automountServiceAccountToken"]),
            (&json!("api-wait"), &json!(false))
        );
        let mounts = |list: &str| pod[list][0]["volumeMounts"].to_string().contains("wait-token");
        assert!(mounts("initContainers") && !mounts("containers"), "{pod}");
        // Back, and forth again: neither runs.
        run(&["rollback", "app", "3"]).ok();
        assert_eq!(bench.job(0), first, "helm {helm}");
        bench.deploy_by(helm).ok();
        assert_eq!(bench.job(0), second, "helm {helm}");
        assert_eq!(bench.stored_jobs(), [first.clone(), second.clone()]);
        // Without the wait, the permission goes; the rollback brings it again.
        configure(&bench, "job", "");
        bench.deploy_by(helm).ok();
        assert!(bench.find("role/api-wait").is_none() && bench.find("rolebinding/api-wait").is_none());
        run(&["rollback", "app"]).ok();
        assert_eq!(bench.get("role/api-wait")["rules"][0]["resourceNames"], json!([second]));
        assert_eq!(bench.get("rolebinding/api-wait")["subjects"][0]["name"], "api-wait");
    }
}

#[test]
fn a_job_that_its_ttl_deleted_is_left_out() {
    let Some(bench) = bench("ttl") else { return };
    manifest(&bench, "1");
    configure(&bench, "{job: {ttlSecondsAfterFinished: 3600}}", "");
    bench.deploy(&[]).ok();
    let job = bench.job(1);
    assert_eq!(bench.get(&format!("job/{job}"))["spec"]["ttlSecondsAfterFinished"], 3600);
    // As the controller does.
    bench.delete_job(&job);
    for _ in 0..2 {
        bench.deploy(&[]).ok();
        assert_eq!(bench.jobs(), []);
    }
    bench.run(&["plan", "app", "-n", &bench.ns]).exits(0);
}

#[test]
fn a_cron_job_and_a_job_with_every_limit_are_accepted() {
    let Some(bench) = bench("cron") else { return };
    manifest(&bench, "1");
    let cron = "{cronJob: {schedule: '0 3 * * *', timeZone: Europe/Oslo, concurrencyPolicy: Replace, startingDeadlineSeconds: 60, \
                backoffLimit: 0, activeDeadlineSeconds: 60, ttlSecondsAfterFinished: 60}}";
    configure(&bench, cron, "");
    bench.deploy(&[]).ok();
    let spec = &bench.get("cronjob/migration")["spec"];
    assert_eq!((text(&spec["timeZone"]), text(&spec["concurrencyPolicy"])), ("Europe/Oslo", "Replace"));
    let job = &spec["jobTemplate"]["spec"];
    assert_eq!((&job["backoffLimit"], &job["activeDeadlineSeconds"]), (&json!(0), &json!(60)));
    assert_eq!(
        (&job["ttlSecondsAfterFinished"], &job["template"]["spec"]["restartPolicy"]),
        (&json!(60), &json!("Never"))
    );
    bench.run(&["plan", "app", "-n", &bench.ns]).exits(0);
    configure(&bench, "{job: {backoffLimit: 0, activeDeadlineSeconds: 60, ttlSecondsAfterFinished: 3600}}", "");
    bench.deploy(&[]).ok();
    assert!(bench.find("cronjob/migration").is_none());
    let job: Value = bench.list("jobs").remove(0);
    assert_eq!((&job["spec"]["backoffLimit"], &job["spec"]["activeDeadlineSeconds"]), (&json!(0), &json!(60)));
    bench.run(&["plan", "app", "-n", &bench.ns]).exits(0);
}

#[test]
fn a_job_that_fails_is_reported_with_its_exit_code() {
    for helm in HELMS {
        let Some(bench) = bench("failing") else { return };
        manifest(&bench, "1");
        let fails = ", podAnnotations: {testbed.dev/behavior: job-fail}";
        bench.configure(&format!(
            "{CONFIG}resources: {{migration: {{runAs: {{job: {{backoffLimit: 0}}}}{fails}}}{WAITS}}}\n"
        ));
        let ran = bench.deploy(&["--timeout", "60s"]).env("HELM_BIN", bench.plane.helm(helm)).exits(1);
        ran.says(&["ended with exit code 1", "the Job has failed", "kubectl delete job migration-"]);
        assert_eq!(bench.stored_jobs(), [] as [String; 0], "helm {helm}");
        // A corrected one is another job.
        configure(&bench, "job", WAITS);
        bench.deploy_by(helm).ok();
        assert_eq!(bench.stored_jobs(), [bench.job(1)], "helm {helm}");
    }
}

#[test]
fn a_job_is_not_deleted_while_it_runs() {
    let Some(bench) = bench("running") else { return };
    manifest(&bench, "1");
    let slow = "podAnnotations: {testbed.dev/job-duration: 1h}";
    bench.configure(&format!("{CONFIG}resources: {{migration: {{runAs: job, {slow}}}}}\n"));
    bench.deploy(&["--no-wait"]).ok();
    let [(first, 1)] = &bench.jobs()[..] else { panic!("{:?}", bench.jobs()) };
    let pod = wait_for("the pod", || {
        let pods = bench.list("pods");
        let pod = pods.iter().find(|pod| text(&pod["metadata"]["name"]).starts_with(first.as_str()))?;
        let runs = pod["status"]["containerStatuses"][0]["state"]["running"].is_object();
        runs.then(|| text(&pod["metadata"]["name"]).to_owned())
    });
    manifest(&bench, "2");
    let ran = bench.deploy(&["--timeout", "15s"]).end().says(&["still runs", "a longer --timeout"]);
    assert!(ran.code.is_some_and(|code| code != 0), "{ran}");
    assert_eq!(bench.jobs()[0].0, *first);
    // The next one waits; the pod ends as a kubelet says it.
    let mut deploy = bench.deploy(&["--no-wait"]).piped();
    let mut said = BufReader::new(deploy.stderr.take().unwrap()).lines().map(Result::unwrap);
    said.find(|line| line.contains(&format!("waiting until the job {first} has ended"))).unwrap();
    let ended = json!({"status": {"phase": "Succeeded", "containerStatuses": [{"name": "migration", "image": "x", "imageID": "",
        "ready": false, "restartCount": 0, "state": {"terminated": {"exitCode": 0}}}]}});
    let patch =
        ["patch", "pod", &pod, "-n", &bench.ns, "--subresource=status", "--type=merge", "-p", &ended.to_string()];
    bench.plane.kubectl(&patch).unwrap();
    let rest: Vec<String> = said.collect();
    assert!(deploy.wait().unwrap().success(), "{rest:?}");
    let [(second, 1)] = &bench.jobs()[..] else { panic!("{:?}", bench.jobs()) };
    assert_ne!(first, second);
    // Its end was seen before helm deleted it.
    assert_eq!(bench.stored_jobs(), std::slice::from_ref(first));
}

#[test]
fn a_name_in_the_config_map_alone_skips_no_job() {
    let Some(bench) = bench("named") else { return };
    manifest(&bench, "1");
    configure(&bench, "job", WAITS);
    bench.deploy(&[]).ok();
    let first = bench.job(1);
    manifest(&bench, "2");
    let planted = bench.next_job();
    let patch = json!({"data": {"jobs": json!([first, planted]).to_string()}}).to_string();
    bench.plane.kubectl(&["patch", "configmap", "app-aspire", "-n", &bench.ns, "--type=merge", "-p", &patch]).unwrap();
    bench.deploy(&[]).ok();
    assert_eq!(bench.job(1), planted);
}

/// A job with all marks of the release that is complete at once, without a pod.
fn plant(bench: &Bench, name: &str, like: &str, pod: &Value) {
    let mut meta = bench.get(&format!("job/{like}"))["metadata"].take();
    let (labels, annotations) = (meta["labels"].take(), meta["annotations"].take());
    bench.apply(&json!({"apiVersion": "batch/v1", "kind": "Job",
        "metadata": {"name": name, "labels": labels, "annotations": annotations},
        "spec": {"completions": 0, "backoffLimit": 3, "template": pod}}));
    wait_for("the planted job", || {
        let job = bench.get(&format!("job/{name}"));
        job["status"]["conditions"].to_string().contains("\"Complete\"").then_some(())
    });
}

#[test]
fn a_planted_job_skips_nothing() {
    let (Some(bench), Some(twin)) = (bench("planted"), bench("twin")) else { return };
    manifest(&bench, "1");
    configure(&bench, "job", WAITS);
    bench.deploy(&[]).ok();
    let first = bench.job(1);
    manifest(&bench, "2");
    let second = bench.next_job();
    // One with another pod is deleted and runs.
    let other = json!({"spec": {"restartPolicy": "Never", "containers": [{"name": "x", "image": "x"}]}});
    plant(&bench, &second, &first, &other);
    bench.deploy(&[]).ok();
    assert_eq!(bench.job(1), second);
    // One with the same pod stops the deploy before it writes.
    manifest(&twin, "3");
    configure(&twin, "job", "");
    twin.deploy(&[]).ok();
    let third = twin.job(1);
    let mut same = twin.get(&format!("job/{third}"))["spec"]["template"].take();
    same["metadata"]["labels"].as_object_mut().unwrap().retain(|key, _| key.starts_with("app.kubernetes.io/"));
    manifest(&bench, "3");
    assert_eq!(bench.next_job(), third);
    plant(&bench, &third, &second, &same);
    let ran = bench.deploy(&[]).end();
    assert!(ran.code.is_some_and(|code| code != 0) && ran.err.contains(".spec.completions"), "{ran}");
    assert_eq!(bench.stored_jobs(), [first, second], "{ran}");
}

#[test]
fn role_edit_cannot_grant_the_permission_to_wait() {
    let Some(bench) = bench("editor") else { return };
    manifest(&bench, "1");
    configure(&bench, "job", WAITS);
    let subject = json!({"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": bench.ns});
    bench.apply(&json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": "editor"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "edit"}, "subjects": [subject]}));
    let leases = json!({"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["*"]});
    bench.apply(&json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "leases"}, "rules": [leases]}));
    let mut binding = bench.get("rolebinding/editor");
    binding["metadata"] = json!({"name": "leases"});
    binding["roleRef"] = json!({"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "leases"});
    bench.apply(&binding);
    let deploy = || bench.deploy(&["--as", &bench.ns]);
    bench.unchanged(|| deploy().exits(3).says(&["roles.rbac.authorization.k8s.io", "Role `edit` does not include it"]));
    bench.configure(&format!("{CONFIG}waits: none\nresources: {{migration: {{runAs: job}}{WAITS}}}\n"));
    deploy().ok();
    assert!(bench.get("deployment/api")["spec"]["template"]["spec"]["initContainers"].is_null());
}

//! Consecutive states of live objects, and what is reported for each.

use super::*;
use crate::k8s::ownership::ReleaseName;
use serde_json::{Value, json};
use std::time::Duration;

#[test]
fn a_program_reads_the_same_names_for_ever() {
    let finding = Finding {
        reason: Reason::ImageNotPulled,
        kind: "Deployment".into(),
        name: "api".into(),
        pod: "api-5".into(),
        container: "api".into(),
        text: "it does not exist".into(),
        hint: "push it".into(),
        log: vec!["last".into()],
        is_final: true,
    };
    let expected = json!({
        "reason": "imageNotPulled", "kind": "Deployment", "name": "api", "pod": "api-5", "container": "api",
        "text": "it does not exist", "hint": "push it", "log": ["last"], "final": true,
    });
    assert_eq!(serde_json::to_value(&finding).unwrap(), expected);
    assert_eq!(finding.to_string(), "Deployment api: it does not exist\n  | last\n  hint: push it");
    let progress = Progress {
        kind: "StatefulSet".into(),
        name: "db".into(),
        ready: 0,
        updated: 1,
        desired: 1,
        state: State::Starting,
    };
    let expected =
        json!({"kind": "StatefulSet", "name": "db", "ready": 0, "updated": 1, "desired": 1, "state": "starting"});
    assert_eq!(serde_json::to_value(&progress).unwrap(), expected);
}

const SHOP: ReleaseName<'_> = ReleaseName { name: "shop", namespace: "n" };

fn deployment(generation: u64, ready: u64) -> Value {
    json!({
        "kind": "Deployment",
        "metadata": {
            "name": "api", "uid": "d", "generation": generation,
            "labels": {"app.kubernetes.io/managed-by": "Helm"},
            "annotations": {
                "meta.helm.sh/release-name": "shop",
                "meta.helm.sh/release-namespace": "n",
                "deployment.kubernetes.io/revision": generation.to_string(),
            },
        },
        "spec": {"replicas": 1, "selector": {"matchLabels": {"c": "api"}}},
        "status": {"observedGeneration": generation, "replicas": 1, "updatedReplicas": 1, "readyReplicas": ready},
    })
}

fn set(generation: u64, ready: u64) -> Value {
    json!({
        "kind": "ReplicaSet",
        "metadata": {
            "name": format!("api-{generation}"), "uid": format!("r{generation}"),
            "annotations": {"deployment.kubernetes.io/revision": generation.to_string()},
            "labels": {"pod-template-hash": generation.to_string()},
            "ownerReferences": [{"uid": "d"}],
        },
        "status": {"readyReplicas": ready},
    })
}

/// A pod of the Deployment with this status of its one container.
fn pod(generation: u64, phase: &str, container: Value) -> Value {
    let mut container = container;
    container["name"] = json!("api");
    json!({
        "kind": "Pod",
        "metadata": {
            "name": format!("api-{generation}-x"), "uid": format!("p{generation}"),
            "labels": {"c": "api", "pod-template-hash": generation.to_string()},
        },
        "spec": {
            "nodeName": "n1",
            "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}],
            "containers": [{"name": "api", "image": "r.io/not-found/api:1", "resources": {"limits": {"memory": "64Mi"}}}],
        },
        "status": {"phase": phase, "containerStatuses": [container]},
    })
}

fn waiting(reason: &str, message: &str) -> Value {
    json!({"ready": false, "restartCount": 0, "state": {"waiting": {"reason": reason, "message": message}}})
}

fn crashed(restarts: u64, code: u64) -> Value {
    json!({
        "ready": false, "restartCount": restarts,
        "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off"}},
        "lastState": {"terminated": {"exitCode": code, "reason": if code == 137 { "OOMKilled" } else { "Error" }}},
    })
}

fn event(about: &str, kind: &str, reason: &str, message: &str) -> Value {
    json!({
        "kind": "Event",
        "metadata": {"name": format!("e-{reason}"), "uid": format!("e-{about}-{reason}"), "resourceVersion": "1"},
        "involvedObject": {"kind": kind, "uid": about, "fieldPath": "spec.containers{api}"},
        "reason": reason, "message": message, "lastTimestamp": "2026-01-01T00:00:00Z", "type": "Warning",
    })
}

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// The findings of a rollout whose objects look like this from its second second on.
fn findings(objects: &[Value], until: u64) -> Vec<Finding> {
    let mut rollout = Rollout::new(SHOP);
    rollout.observe(&[], seconds(0));
    let told = (1..=until).flat_map(|second| rollout.observe(objects, seconds(second)));
    let told: Vec<Reported> = told.collect();
    told.into_iter()
        .filter_map(|told| if let Reported::Finding(finding, _) = told { Some(finding) } else { None })
        .collect()
}

fn with_pod(pod: Value, more: &[Value]) -> Vec<Value> {
    [&[deployment(1, 0), set(1, 0), pod], more].concat()
}

fn unscheduled(message: &str) -> Value {
    let mut pod = pod(1, "Pending", json!({}));
    pod["spec"]["nodeName"] = Value::Null;
    pod["status"] = json!({"phase": "Pending", "conditions": [
        {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}]});
    pod
}

fn claim(class: &Value, provisioner: &str) -> Value {
    json!({
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "data", "uid": "c",
            "annotations": {"volume.kubernetes.io/storage-provisioner": provisioner}},
        "spec": {"storageClassName": class},
        "status": {"phase": "Pending"},
    })
}

fn refused(message: &str) -> Vec<Value> {
    let mut set = set(1, 0);
    set["status"]["conditions"] =
        json!([{"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": message}]);
    vec![deployment(1, 0), set]
}

/// What live objects look like, the seconds after which it is told (and before which it is not), and what is told.
#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn every_cause_is_told_in_words_and_not_too_early() {
    let manifest = "rpc error: code = NotFound desc = failed to resolve reference: not found";
    let pull = |said: &str| with_pod(pod(1, "Pending", waiting("ErrImagePull", said)), &[]);
    let mount = |said: &str| {
        let creating = pod(1, "Pending", waiting("ContainerCreating", ""));
        with_pod(creating, &[event("p1", "Pod", "FailedMount", said)])
    };
    let running = |more: &[Value]| {
        let mut pod =
            pod(1, "Running", json!({"ready": false, "started": true, "restartCount": 0, "state": {"running": {}}}));
        pod["status"]["phase"] = json!("Running");
        with_pod(pod, more)
    };
    let mut leaving = pod(1, "Running", json!({"ready": true}));
    leaving["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
    leaving["metadata"]["deletionGracePeriodSeconds"] = json!(30);
    let mut evicted = pod(1, "Failed", json!({}));
    evicted["status"]["reason"] = json!("Evicted");
    evicted["status"]["message"] = json!("The node was low on resource: memory.");
    let cases: Vec<(Vec<Value>, u64, Reason, &str)> = vec![
        (
            pull(manifest),
            0,
            Reason::ImageNotPulled,
            "image r.io/not-found/api:1 cannot be pulled: the registry has no such image or tag",
        ),
        (
            pull("dial tcp 10.0.0.1:443: connect: connection refused, r.io/not-found/api:1"),
            5,
            Reason::ImageNotPulled,
            "the registry does not respond",
        ),
        (
            pull("dial tcp: lookup r.io: no such host"),
            5,
            Reason::ImageNotPulled,
            "cannot resolve the host name of the registry",
        ),
        (
            pull("pull access denied, repository does not exist or may require authorization"),
            0,
            Reason::ImageNotPulled,
            "or requires a login",
        ),
        (
            with_pod(
                pod(1, "Pending", waiting("ImagePullBackOff", "Back-off pulling image")),
                &[event("p1", "Pod", "Failed", "Failed to pull image \"x\": manifest unknown")],
            ),
            0,
            Reason::ImageNotPulled,
            "no such image or tag",
        ),
        (
            with_pod(pod(1, "Pending", waiting("InvalidImageName", "couldn't parse")), &[]),
            0,
            Reason::ImageNotPulled,
            "couldn't parse",
        ),
        (
            with_pod(pod(1, "Pending", waiting("ErrImageNeverPull", "not present with pull policy of Never")), &[]),
            0,
            Reason::ImageNotPulled,
            "its pull policy is Never",
        ),
        (
            with_pod(
                pod(1, "Pending", waiting("CreateContainerConfigError", "couldn't find key wrong in Secret n/theirs")),
                &[],
            ),
            3,
            Reason::MissingConfiguration,
            "couldn't find key wrong in Secret n/theirs",
        ),
        (
            with_pod(pod(1, "Pending", waiting("CreateContainerConfigError", "secret \"theirs\" not found")), &[]),
            3,
            Reason::MissingConfiguration,
            "secret \"theirs\" not found",
        ),
        (
            with_pod(
                pod(
                    1,
                    "Pending",
                    waiting("CreateContainerConfigError", "container has runAsNonRoot and image will run as root"),
                ),
                &[],
            ),
            0,
            Reason::NotStarted,
            "runAsNonRoot",
        ),
        (
            with_pod(pod(1, "Running", crashed(2, 1)), &[]),
            0,
            Reason::Crashes,
            "it has ended 3 times, last with exit code 1",
        ),
        (
            with_pod(pod(1, "Running", crashed(1, 127)), &[]),
            0,
            Reason::Crashes,
            "exit code 127 (its command is not in the image)",
        ),
        (
            with_pod(pod(1, "Running", crashed(0, 137)), &[]),
            0,
            Reason::OutOfMemory,
            "more memory than its limit of 64Mi",
        ),
        (
            with_pod(
                pod(1, "Running", crashed(2, 143)),
                &[event("p1", "Pod", "Unhealthy", "Liveness probe failed: HTTP probe failed with statuscode: 404")],
            ),
            0,
            Reason::Crashes,
            "its liveness probe fails: Liveness probe failed",
        ),
        (
            running(&[event(
                "p1",
                "Pod",
                "Unhealthy",
                "Readiness probe failed: dial tcp 10.1.1.1:8080: connect: connection refused",
            )]),
            30,
            Reason::NotReady,
            "it runs but is not ready: Readiness probe failed",
        ),
        (running(&[]), 30, Reason::NotReady, "it runs but is not ready"),
        (
            with_pod(pod(1, "Pending", waiting("ContainerCreating", "")), &[]),
            60,
            Reason::NotStarted,
            "node n1 has not started the pod",
        ),
        (
            mount("MountVolume.SetUp failed for volume \"files\" : configmap \"extra\" not found"),
            5,
            Reason::MissingConfiguration,
            "configmap \"extra\" not found",
        ),
        (
            mount("MountVolume.MountDevice failed for volume \"pv\": timed out"),
            15,
            Reason::VolumeNotMounted,
            "timed out",
        ),
        (
            with_pod(
                unscheduled(
                    "0/3 nodes are available: 1 Insufficient memory, 2 node(s) had untolerated taint(s) {gpu: yes}. preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling.",
                ),
                &[],
            ),
            5,
            Reason::Unschedulable,
            "no node is suitable for the pod: 1 of 3 has too little memory free, 2 of 3 has a taint that it does not tolerate {gpu: yes}",
        ),
        (
            with_pod(unscheduled("0/1 nodes are available: 1 Insufficient nvidia.com/gpu."), &[]),
            5,
            Reason::Unschedulable,
            "1 of 1 has too little of a requested resource free (nvidia.com/gpu)",
        ),
        (
            with_pod(unscheduled("no nodes available to schedule pods"), &[]),
            5,
            Reason::Unschedulable,
            "the cluster has no node",
        ),
        (
            with_pod(unscheduled("something new"), &[]),
            5,
            Reason::Unschedulable,
            "no node is suitable for the pod: something new",
        ),
        (
            with_pod(
                unscheduled("pod has unbound immediate PersistentVolumeClaims"),
                &[
                    claim(&json!("gone"), ""),
                    event(
                        "c",
                        "PersistentVolumeClaim",
                        "ProvisioningFailed",
                        "storageclass.storage.k8s.io \"gone\" not found",
                    ),
                ],
            ),
            2,
            Reason::ClaimUnbound,
            "the PVC data of class `gone` has no volume: the storage class does not exist",
        ),
        (
            with_pod(unscheduled("pod has unbound immediate PersistentVolumeClaims"), &[claim(&Value::Null, "")]),
            3,
            Reason::ClaimUnbound,
            "the PVC data has no volume: it names no storage class, and the cluster has no default one",
        ),
        (
            with_pod(
                unscheduled("pod has unbound immediate PersistentVolumeClaims"),
                &[claim(&json!("fast"), "csi.example")],
            ),
            20,
            Reason::ClaimUnbound,
            "the provisioner csi.example has not created one yet",
        ),
        (
            refused(
                "pods \"api-1-x\" is forbidden: exceeded quota: small, requested: pods=1, used: pods=0, limited: pods=0",
            ),
            3,
            Reason::QuotaExceeded,
            "its pods are rejected: exceeded quota: small, requested: pods=1, used: pods=0, limited: pods=0",
        ),
        (
            refused("pods \"api-1-x\" is forbidden: violates PodSecurity \"restricted:latest\": runAsNonRoot != true"),
            0,
            Reason::AdmissionRefused,
            "violates PodSecurity",
        ),
        (
            refused("admission webhook \"no.example\" denied the request: not here"),
            0,
            Reason::AdmissionRefused,
            "not here",
        ),
        (
            vec![deployment(1, 0), leaving],
            40,
            Reason::StuckTerminating,
            "the old pod api-1-x does not terminate: node n1",
        ),
        (with_pod(evicted, &[]), 0, Reason::Evicted, "node n1 evicted the pod (Evicted): The node was low"),
    ];
    for (objects, after, reason, text) in cases {
        if after > 0 {
            assert_eq!(findings(&objects, after), [], "too early: {text}");
        }
        let found = findings(&objects, after + 1);
        assert_eq!(found.len(), 1, "{text}: {found:#?}");
        assert_eq!((found[0].reason, found[0].name.as_str()), (reason, "api"));
        assert!(found[0].text.contains(text), "`{}` holds no `{text}`", found[0].text);
    }
}

#[test]
fn a_normal_start_shows_nothing() {
    let mut started = crashed(1, 1);
    started["state"] = json!({"running": {}});
    for objects in [
        with_pod(pod(1, "Pending", waiting("ContainerCreating", "")), &[]),
        with_pod(pod(1, "Pending", waiting("PodInitializing", "")), &[]),
        with_pod(pod(1, "Running", crashed(1, 1)), &[]),
        with_pod(pod(1, "Running", started), &[]),
        // A class that waits for the first pod.
        with_pod(pod(1, "Pending", waiting("ContainerCreating", "")), &[claim(&json!("wffc"), "")]),
        with_pod(pod(1, "Running", json!({"ready": true, "restartCount": 9, "state": {"running": {}}})), &[]),
    ] {
        assert_eq!(findings(&objects, 29), []);
    }
}

#[test]
fn it_is_told_once_and_again_when_waiting_will_not_help() {
    let objects = with_pod(pod(1, "Pending", waiting("ErrImagePull", "manifest unknown")), &[]);
    let mut rollout = Rollout::new(SHOP);
    rollout.observe(&[], seconds(0));
    let mut told = Vec::new();
    for second in 1..60 {
        for news in rollout.observe(&objects, seconds(second)) {
            if let Reported::Finding(finding, _) = news {
                told.push((second, finding.is_final));
            }
        }
    }
    assert_eq!(told, [(1, false), (31, true)]);
}

#[test]
fn at_the_end_of_a_wait_in_vain_everything_is_told() {
    let objects = with_pod(pod(1, "Running", crashed(1, 1)), &[]);
    let mut rollout = Rollout::new(SHOP);
    rollout.observe(&objects, seconds(0));
    let told = rollout.finish(&objects, seconds(1), End::NotReady);
    let finding = told
        .iter()
        .find_map(|told| if let Reported::Finding(finding, log) = told { Some((finding, log)) } else { None });
    let (finding, log) = finding.unwrap();
    assert_eq!((finding.reason, *log), (Reason::Crashes, Some(Log::Current)));
    assert!(rollout.still(finding));
    assert_eq!(
        rollout.finish(&objects, seconds(2), End::Otherwise),
        [Reported::Progress(rollout.progress().next().unwrap().clone())]
    );
}

#[test]
fn what_ends_by_itself_is_never_told_as_a_cause() {
    let leaving = |grace: u64| {
        let mut leaving = pod(1, "Running", json!({"ready": true}));
        leaving["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
        leaving["metadata"]["deletionGracePeriodSeconds"] = json!(grace);
        leaving
    };
    let reasons = |objects: &[Value], at: u64, end: End| {
        let mut rollout = Rollout::new(SHOP);
        rollout.observe(objects, seconds(0));
        let told = rollout.finish(objects, seconds(at), end);
        let found =
            told.into_iter().filter_map(|it| if let Reported::Finding(it, _) = it { Some(it.reason) } else { None });
        found.collect::<Vec<_>>()
    };
    let old_pod = vec![deployment(1, 0), leaving(30)];
    // Within its grace period it is no cause, whatever ended; past it (and the ten seconds of what was there before) it is.
    assert_eq!(reasons(&old_pod, 20, End::NotReady), []);
    assert_eq!(reasons(&old_pod, 51, End::NotReady), [Reason::StuckTerminating]);
    // A container that ended once is the cause only of a wait that timed out.
    let crash = with_pod(pod(1, "Running", crashed(1, 1)), &[leaving(30)]);
    assert_eq!(reasons(&crash, 1, End::NotReady), [Reason::Crashes]);
    assert_eq!(reasons(&crash, 1, End::Otherwise), []);
}

#[test]
fn nobody_is_told_to_remove_a_pod_by_force() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/rollout");
    let files = [root.clone(), root.join("diagnostics")].map(|folder| std::fs::read_dir(folder).unwrap());
    let sources = files.into_iter().flatten().map(|entry| entry.unwrap().path());
    let sources: Vec<_> = sources.filter(|path| path.is_file() && !path.ends_with("tests.rs")).collect();
    assert!(sources.iter().any(|path| path.ends_with("causes.rs")), "{sources:?}");
    for source in sources {
        let text = std::fs::read_to_string(&source).unwrap();
        assert!(!text.contains("--force") && !text.contains("--grace-period"), "{}", source.display());
    }
}

#[test]
fn what_was_broken_before_is_not_the_fault_of_the_change() {
    let broken = with_pod(pod(1, "Running", crashed(9, 1)), &[]);
    let mut rollout = Rollout::new(SHOP);
    let told = (0..10).flat_map(|second| rollout.observe(&broken, seconds(second))).collect::<Vec<_>>();
    assert!(!told.iter().any(|told| matches!(told, Reported::Finding(..))), "{told:?}");
    // The change: the old pod still crashes, the new one comes.
    let ready = json!({"ready": true, "restartCount": 0, "state": {"running": {}}});
    let mended = [deployment(2, 1), set(1, 0), set(2, 1), broken[2].clone(), pod(2, "Running", ready)];
    let told = (10..60).flat_map(|second| rollout.observe(&mended, seconds(second))).collect::<Vec<_>>();
    assert!(!told.iter().any(|told| matches!(told, Reported::Finding(..))), "{told:?}");
    // Without a change it is told in the end: the same deploy again fails for the same reason.
    let mut again = Rollout::new(SHOP);
    let told = (0..12).flat_map(|second| again.observe(&broken, seconds(second))).collect::<Vec<_>>();
    assert!(told.iter().any(|told| matches!(told, Reported::Finding(..))), "{told:?}");
}

#[test]
fn old_warnings_about_a_set_do_not_count() {
    let set = json!({
        "kind": "StatefulSet",
        "metadata": {"name": "db", "uid": "s", "generation": 1, "labels": {"app.kubernetes.io/managed-by": "Helm"}, "annotations":
            {"meta.helm.sh/release-name": "shop", "meta.helm.sh/release-namespace": "n"}},
        "spec": {"replicas": 1, "selector": {"matchLabels": {"c": "db"}}},
        "status": {"observedGeneration": 1},
    });
    let warned = |version: &str| {
        let mut event = event(
            "s",
            "StatefulSet",
            "FailedCreate",
            "create Pod db-0 in StatefulSet db failed error: pods \"db-0\" is forbidden: exceeded quota: q",
        );
        event["metadata"]["resourceVersion"] = json!(version);
        event
    };
    let mut rollout = Rollout::new(SHOP);
    let count = |told: Vec<Reported>| told.iter().filter(|told| matches!(told, Reported::Finding(..))).count();
    assert_eq!(
        (0..60).map(|second| count(rollout.observe(&[set.clone(), warned("1")], seconds(second)))).sum::<usize>(),
        0
    );
    let told: Vec<Reported> =
        (60..65).flat_map(|second| rollout.observe(&[set.clone(), warned("2")], seconds(second))).collect();
    let text =
        told.iter().find_map(|told| if let Reported::Finding(finding, _) = told { Some(&*finding.text) } else { None });
    assert_eq!(text, Some("its pods are rejected: exceeded quota: q"));
}

#[test]
fn a_workload_is_followed_from_the_change_on() {
    let mut rollout = Rollout::new(SHOP);
    let mut states = Vec::new();
    let mut look = |objects: &[Value], second: u64| {
        for told in rollout.observe(objects, seconds(second)) {
            if let Reported::Progress(progress) = told {
                states.push((progress.ready, progress.updated, progress.state));
            }
        }
    };
    look(&[deployment(1, 1), set(1, 1)], 0);
    let mut unseen = deployment(1, 1);
    unseen["metadata"]["generation"] = json!(2);
    look(&[unseen, set(1, 1)], 1);
    let mut surging = deployment(2, 1);
    surging["status"]["replicas"] = json!(2);
    look(&[surging.clone(), set(1, 1), set(2, 0)], 2);
    look(&[surging, set(1, 1), set(2, 1)], 3);
    look(&[deployment(2, 1), set(1, 0), set(2, 1)], 4);
    look(&[deployment(2, 1), set(1, 0), set(2, 1)], 5);
    let expected = [(0, 0, State::Waiting), (0, 1, State::Starting), (1, 1, State::Stopping), (1, 1, State::Ready)];
    assert_eq!(states, expected);
    // What no change touched is told at the end only.
    let mut quiet = Rollout::new(SHOP);
    assert_eq!(quiet.observe(&[deployment(1, 1), set(1, 1)], seconds(0)), []);
    assert_eq!(quiet.finish(&[deployment(1, 1), set(1, 1)], seconds(1), End::Otherwise).len(), 1);
}

#[test]
fn other_releases_and_odd_objects_are_left_alone() {
    let ours = with_pod(pod(1, "Running", crashed(9, 1)), &[]);
    assert!(!findings(&ours, 30).is_empty());
    for (mark, value) in [("meta.helm.sh/release-name", "theirs"), ("meta.helm.sh/release-namespace", "elsewhere")] {
        let mut other = ours.clone();
        other[0]["metadata"]["annotations"][mark] = json!(value);
        assert_eq!(findings(&other, 30), [], "{mark}");
    }
    let odd = [
        json!(null),
        json!({"kind": "Pod"}),
        json!({"kind": "Deployment", "metadata": {"annotations": {"meta.helm.sh/release-name": "shop"}}}),
        json!({"kind": "Event", "involvedObject": 5}),
        json!([1]),
    ];
    assert_eq!(findings(&odd, 100), []);
}

/// A job with this status, and a pod of it that ended with this exit code.
fn job(status: Value, code: u64) -> [Value; 2] {
    let mut job = deployment(1, 0);
    job["kind"] = json!("Job");
    job["metadata"]["name"] = json!("seed-0123abcd");
    job["spec"] = json!({"completions": 1, "backoffLimit": 1, "selector": {"matchLabels": {"c": "api"}}});
    job["status"] = status;
    let phase = if code == 0 { "Succeeded" } else { "Failed" };
    [job, pod(1, phase, json!({"ready": false, "state": {"terminated": {"exitCode": code}}}))]
}

#[test]
fn a_job_that_fails_shows_its_exit_code_and_whether_it_tries_again() {
    let found = findings(&job(json!({"failed": 1, "active": 1}), 3), 1);
    let [finding] = &found[..] else { panic!("{found:?}") };
    assert_eq!((finding.reason, finding.is_final), (Reason::JobFailed, false));
    assert_eq!((finding.pod.as_str(), finding.container.as_str()), ("api-1-x", "api"));
    assert_eq!(finding.text, "its container api ended with exit code 3; 1 of 2 pods have failed");
    let condition = json!([{"type": "Failed", "status": "True", "message": "too many"}]);
    let found = findings(&job(json!({"failed": 2, "conditions": condition}), 3), 1);
    let [finding] = &found[..] else { panic!("{found:?}") };
    assert!(finding.is_final && finding.hint.contains("kubectl delete job seed-0123abcd"), "{finding}");
    assert_eq!(finding.text, "its container api ended with exit code 3, and the Job has failed: too many");
    // The pods of a job that ran out of time are gone.
    let [late, _] = job(json!({"conditions": condition}), 3);
    assert_eq!(findings(&[late], 1)[0].text, "the Job has failed: too many");
}

#[test]
fn a_completed_job_is_ready_whatever_its_first_pods_did() {
    let status = json!({"succeeded": 1, "failed": 1, "conditions": [{"type": "Complete", "status": "True"}]});
    let mut rollout = Rollout::new(SHOP);
    rollout.observe(&job(status.clone(), 1), seconds(0));
    let told = rollout.finish(&job(status, 1), seconds(9), End::NotReady);
    assert!(told.iter().all(|told| matches!(told, Reported::Progress(_))), "{told:?}");
    let progress = rollout.progress().next().unwrap();
    assert_eq!((progress.kind.as_str(), progress.ready, progress.state), ("Job", 1, State::Ready));
}

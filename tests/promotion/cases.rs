//! A database changes its kind on a live release: what the audit log and a watcher saw, and what is there in the end.
//!
//! `C..` are the numbers of the cases. Every case is watched: at no instant may pods of two kinds exist that mount the claim,
//! those that are ending included, and the claim stays the same object.

use crate::bench::{Bench, Run, bench, text, wait_for};
use serde_json::{Value, json};
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

const ACCEPT: [&str; 2] = ["--accept", "downtime"];

/// The intent with the database as this kind; `more` are lines below it.
fn configure(bench: &Bench, kind: &str, more: &str) {
    bench.configure(&format!(
        "apiVersion: aspire-k8s/v1\napplication: app\nresources:\n  db:\n    workload: {kind}\n    volumes: {{data: {{accessModes: [ReadWriteMany]}}}}\n{more}"
    ));
}

/// A release whose database has this kind. Its old pods need a while to end.
fn released(prefix: &str, kind: &str) -> Option<Bench> {
    let bench = bench(prefix)?;
    configure(&bench, kind, "    podAnnotations: {testbed.dev/terminate-delay: 3s}\n");
    bench.deploy(&[]).ok();
    wait_for("the database", || {
        let ready = bench.find(&format!("{}/db", kind.to_lowercase()))?["status"]["readyReplicas"] == 1;
        ready.then_some(())
    });
    Some(bench)
}

/// What the plan is called, as the refusal says it.
fn hash(bench: &Bench) -> String {
    let refused = bench.deploy(&[]).exits(3).says(&["would change its kind", "--accept downtime"]);
    let rest = refused.err.split("--confirm ").nth(1).unwrap().to_owned();
    rest.split_whitespace().next().unwrap().to_owned()
}

fn agreed(bench: &Bench, more: &[&str]) -> Run {
    let hash = hash(bench);
    bench.deploy(&[&["--confirm", &hash][..], &ACCEPT, more].concat())
}

/// Looks at pods and claim without pause.
struct Watch {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Vec<String>>,
    claim: String,
}

fn claim(bench: &Bench) -> String {
    let claim = bench.get("pvc/db-data");
    format!("{} {}", text(&claim["metadata"]["uid"]), text(&claim["spec"]["volumeName"]))
}

fn watch(bench: &Bench) -> Watch {
    let stop = Arc::new(AtomicBool::new(false));
    let (stopped, plane, ns) = (stop.clone(), bench.plane, bench.ns.clone());
    let thread = thread::spawn(move || {
        let mut seen = Vec::new();
        while !stopped.load(Ordering::Relaxed) {
            let pods = plane.kubectl(&["get", "pods", "-n", &ns, "-o", "json"]).unwrap();
            let pods: Value = serde_json::from_str(&pods).unwrap();
            let mut kinds: Vec<&str> =
                pods["items"].as_array().unwrap().iter().filter(|pod| mounts(pod)).map(owner).collect();
            kinds.sort_unstable();
            kinds.dedup();
            if kinds.len() > 1 {
                seen.push(kinds.join(" and "));
            }
        }
        seen
    });
    Watch { stop, thread, claim: claim(bench) }
}

fn mounts(pod: &Value) -> bool {
    let volumes = pod["spec"]["volumes"].as_array().into_iter().flatten();
    volumes.into_iter().any(|volume| volume["persistentVolumeClaim"]["claimName"] == "db-data")
}

fn owner(pod: &Value) -> &str {
    text(&pod["metadata"]["ownerReferences"][0]["kind"])
}

impl Watch {
    /// What was seen at once, for a control.
    fn overlaps(self) -> Vec<String> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }

    /// Never two kinds at once, and the claim is the same.
    #[track_caller]
    fn stays_clean(self, bench: &Bench) {
        let before = self.claim.clone();
        assert_eq!(self.overlaps(), [""; 0], "two kinds ran on one claim");
        assert_eq!(claim(bench), before);
        assert!(bench.get("pvc/db-data")["metadata"]["deletionTimestamp"].is_null());
    }
}

/// The database runs as this kind, and only as this one.
#[track_caller]
fn runs_as(bench: &Bench, kind: &str) {
    let (this, other) =
        if kind == "Deployment" { ("deployment/db", "statefulset/db") } else { ("statefulset/db", "deployment/db") };
    assert_eq!(bench.get(this)["status"]["readyReplicas"], 1);
    assert_eq!(bench.find(other), None);
    let owners: Vec<String> =
        bench.list("pods").iter().filter(|pod| mounts(pod)).map(|pod| owner(pod).to_owned()).collect();
    assert_eq!(owners, [if kind == "Deployment" { "ReplicaSet" } else { "StatefulSet" }]);
    let status = bench.helm(&["status", "app", "-o", "json"]).ok();
    let status: Value = serde_json::from_str(&status.out).unwrap();
    assert_eq!(status["info"]["status"], "deployed");
}

fn journal(bench: &Bench) -> Value {
    serde_json::from_str(text(&bench.get("configmap/aspire-transition-app")["data"]["journal"])).unwrap()
}

/// The successful writes in this namespace, in their order: who, what, and the body.
fn writes(bench: &Bench) -> Vec<(String, String, Value)> {
    let log = fs::read_to_string(bench.plane.audit_log()).unwrap();
    let event = |line: &str| -> Option<(String, String, Value)> {
        let event: Value = serde_json::from_str(line).ok()?;
        let object = &event["objectRef"];
        let good = event["responseStatus"]["code"].as_u64()? < 300 && object["namespace"] == *bench.ns;
        let what = format!("{} {}/{}", text(&event["verb"]), text(&object["resource"]), text(&object["name"]));
        (good && object["subresource"].is_null())
            .then(|| (text(&event["user"]["username"]).to_owned(), what, event["requestObject"].clone()))
    };
    log.lines().filter_map(event).collect()
}

/// Where in the log a write is, the first of them.
#[track_caller]
fn place(writes: &[(String, String, Value)], what: &str) -> usize {
    writes.iter().position(|(_, done, _)| done == what).unwrap_or_else(|| panic!("no {what} in {writes:#?}"))
}

#[test]
fn c01_plain_helm_runs_both_kinds_on_one_claim() {
    let Some(bench) = released("c01", "Deployment") else { return };
    configure(&bench, "StatefulSet", "");
    bench.run(&["render", "app", "-o", "chart"]).ok();
    let watch = watch(&bench);
    bench.helm(&["upgrade", "app", "./chart", "--reuse-values", "--set", "skipGuards=true", "--wait"]).ok();
    assert!(!watch.overlaps().is_empty(), "the watcher, or the problem, is gone");
}

#[test]
fn c02_c30_a_deployment_becomes_a_stateful_set_and_back() {
    let Some(bench) = released("c02", "Deployment") else { return };
    for (from, to) in [("Deployment", "StatefulSet"), ("StatefulSet", "Deployment")] {
        configure(&bench, to, "    podAnnotations: {testbed.dev/terminate-delay: 3s}\n");
        let uid = bench.get(&format!("{}/db", from.to_lowercase()))["metadata"]["uid"].clone();
        let start = writes(&bench).len();
        let watch = watch(&bench);
        let phases = ["quiesce: stopping", "drain: waiting", "fence: deleting", "apply: helm upgrade", "committed:"];
        agreed(&bench, &[]).ok().says(&phases);
        watch.stays_clean(&bench);
        runs_as(&bench, to);
        assert_eq!(journal(&bench)["phase"], "committed");
        let writes = &writes(&bench)[start..];
        let (old, new) = (format!("{}s/db", from.to_lowercase()), format!("{}s/db", to.to_lowercase()));
        let (delete, journalled) = (
            place(writes, &format!("delete {old}")),
            place(
                writes,
                if from == "Deployment" {
                    "create configmaps/aspire-transition-app"
                } else {
                    "update configmaps/aspire-transition-app"
                },
            ),
        );
        assert!(journalled < place(writes, &format!("patch {old}")));
        assert!(place(writes, &format!("patch {old}")) < delete);
        assert!(
            delete
                < writes
                    .iter()
                    .position(|(_, what, _)| what.ends_with(&new) || *what == format!("create {to}s/").to_lowercase())
                    .unwrap()
        );
        let conditions = &writes[delete].2["preconditions"];
        assert_eq!(conditions["uid"], uid);
        assert!(conditions["resourceVersion"].is_string());
    }
    // C55: nothing to do, and the journal is not touched.
    let before = bench.get("configmap/aspire-transition-app");
    bench.deploy(&[]).ok();
    assert_eq!(bench.get("configmap/aspire-transition-app"), before);
}

#[test]
fn c04_without_the_right_confirmation_nothing_is_written() {
    let Some(bench) = released("c04", "Deployment") else { return };
    configure(&bench, "StatefulSet", "");
    let hash = hash(&bench);
    bench.unchanged(|| {
        let said = bench.deploy(&[]).exits(3);
        said.says(&[
            "TRANSITION db: Deployment/db (1) -> StatefulSet/db (1)",
            "/data: claim db-data -> claim db-data: SAFE",
        ]);
        bench.deploy(&["--confirm", "0123", "--accept", "downtime"]).exits(3).says(&["is not the one", &hash]);
        bench.deploy(&["--confirm", &hash]).exits(3).says(&["needs to be told: downtime"]);
    });
    assert_eq!(self::hash(&bench), hash, "the same plan has the same hash");
}

#[test]
fn c06_pods_that_do_not_end_stop_the_way_and_it_can_be_left() {
    let Some(bench) = released("c06", "Deployment") else { return };
    let pod = bench.list("pods").into_iter().find(mounts).unwrap();
    let hold = |finalizers: Value| json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": pod["metadata"]["name"], "finalizers": finalizers}});
    bench.apply(&hold(json!(["testbed.dev/hold"])));
    configure(&bench, "StatefulSet", "");
    let watch = watch(&bench);
    agreed(&bench, &["--timeout", "8s"]).exits(6).says(&["did not end in time; nothing was deleted"]);
    assert_eq!(bench.get("deployment/db")["spec"]["replicas"], 0);
    assert_eq!(bench.find("statefulset/db"), None);
    bench.run(&["promote", "app", "-n", &bench.ns, "--status"]).ok().says(&["on the way, at drain"]);
    bench.apply(&hold(json!([])));
    bench.run(&["promote", "app", "-n", &bench.ns, "--abort"]).ok();
    watch.stays_clean(&bench);
    runs_as(&bench, "Deployment");
    assert_eq!(journal(&bench)["phase"], "rolled-back");
    // C29: helm owns the number of pods again.
    configure(&bench, "Deployment", "    replicas: 2\n");
    bench.deploy(&[]).ok();
    assert_eq!(bench.get("deployment/db")["spec"]["replicas"], 2);
}

#[test]
fn c11_a_stranger_on_the_claim_forbids_it() {
    let Some(bench) = released("c11", "Deployment") else { return };
    bench.apply(&json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "debug"}, "spec": {
        "containers": [{"name": "c", "image": "registry.invalid/c:1"}],
        "volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": "db-data"}}]}}));
    configure(&bench, "StatefulSet", "");
    bench.unchanged(|| {
        bench.deploy(&[]).exits(3).says(&["the pod debug without a controller uses the same claim (E05)"])
    });
}

#[test]
fn c15_somebody_who_scales_up_again_does_not_get_two_writers() {
    let Some(bench) = released("c15", "Deployment") else { return };
    configure(&bench, "StatefulSet", "");
    let watch = watch(&bench);
    let (plane, ns) = (bench.plane, bench.ns.clone());
    let hostile = thread::spawn(move || {
        // Once, as soon as it stands at zero.
        loop {
            let replicas = plane.kubectl(&["get", "deployment/db", "-n", &ns, "-o", "jsonpath={.spec.replicas}"]);
            match replicas.as_deref() {
                Ok("0") => break,
                Ok(_) => thread::sleep(Duration::from_millis(5)),
                Err(_) => return false,
            }
        }
        plane.kubectl(&["scale", "deployment/db", "-n", &ns, "--replicas=1"]).is_ok()
    });
    agreed(&bench, &[]).ok();
    assert!(hostile.join().unwrap(), "nobody was hostile");
    watch.stays_clean(&bench);
    runs_as(&bench, "StatefulSet");
    assert!(journal(&bench)["progress"]["stops"].as_u64() > Some(1));
}

#[test]
fn c22_a_workload_that_never_becomes_ready_is_taken_back() {
    let Some(bench) = released("c22", "Deployment") else { return };
    configure(&bench, "StatefulSet", "    podAnnotations: {testbed.dev/behavior: never-ready}\n");
    let watch = watch(&bench);
    agreed(&bench, &["--timeout", "20s"])
        .exits(4)
        .says(&["going back to revision 1", "was rolled back to revision 1, with its secrets"]);
    watch.stays_clean(&bench);
    runs_as(&bench, "Deployment");
    assert_eq!(journal(&bench)["phase"], "rolled-back");
}

/// Kills the program as soon as the journal says this.
fn killed_at(bench: &Bench, phase: &str) {
    // Helm is not to wait, so that the program itself does, where it can be killed.
    let mut child = agreed(bench, &["--no-wait"]).spawn();
    wait_for("the phase", || {
        let journal = bench.find("configmap/aspire-transition-app");
        let here = journal
            .is_some_and(|journal| text(&journal["data"]["journal"]).contains(&format!("\"phase\":\"{phase}\"")));
        (here || child.try_wait().unwrap().is_some()).then_some(())
    });
    // The program alone: helm may live on, as in life.
    let _ = child.kill();
    child.wait().unwrap();
}

const PHASES: [&str; 6] = ["protect", "quiesce", "drain", "fence", "apply", "verify"];

/// Whatever helm was started by a run that was killed has ended.
fn helm_has_ended(bench: &Bench) {
    wait_for("the end of helm", || {
        let still = fs::read_dir("/proc").unwrap().flatten().any(|entry| {
            let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
            let line = String::from_utf8_lossy(&line).into_owned();
            line.contains("upgrade\0--install") && line.contains(&*bench.ns)
        });
        (!still).then_some(())
    });
}

#[test]
fn c16_killed_in_any_phase_the_same_deploy_goes_on() {
    let Some(bench) = released("c16", "Deployment") else { return };
    let mut kind = "StatefulSet";
    for phase in PHASES {
        configure(&bench, kind, "    podAnnotations: {testbed.dev/terminate-delay: 1s, testbed.dev/ready-delay: 3s}\n");
        let watch = watch(&bench);
        killed_at(&bench, phase);
        helm_has_ended(&bench);
        if journal(&bench)["phase"] != "committed" {
            bench.deploy(&["--assume-helm-dead"]).ok().says(&["going on:"]);
        }
        watch.stays_clean(&bench);
        runs_as(&bench, kind);
        assert_eq!(journal(&bench)["phase"], "committed", "killed at {phase}");
        kind = if kind == "StatefulSet" { "Deployment" } else { "StatefulSet" };
    }
}

#[test]
fn c17_killed_in_any_phase_it_can_be_taken_back() {
    let Some(bench) = released("c17", "Deployment") else { return };
    for phase in PHASES {
        configure(&bench, "StatefulSet", "    podAnnotations: {testbed.dev/ready-delay: 3s}\n");
        let watch = watch(&bench);
        killed_at(&bench, phase);
        helm_has_ended(&bench);
        bench.run(&["promote", "app", "-n", &bench.ns, "--abort", "--assume-helm-dead"]).ok();
        watch.stays_clean(&bench);
        runs_as(&bench, "Deployment");
        assert_eq!(journal(&bench)["phase"], "rolled-back", "killed at {phase}");
    }
}

#[test]
fn c25_a_stray_of_a_failed_upgrade_is_found_and_one_is_left() {
    let Some(bench) = released("c25", "Deployment") else { return };
    let live = bench.get("deployment/db");
    let stray = json!({
        "apiVersion": "apps/v1", "kind": "StatefulSet",
        "metadata": {"name": "db", "labels": live["metadata"]["labels"], "annotations": {
            "meta.helm.sh/release-name": "app", "meta.helm.sh/release-namespace": bench.ns}},
        "spec": {"replicas": 1, "serviceName": "db-headless", "selector": live["spec"]["selector"], "template": live["spec"]["template"]},
    });
    bench.apply(&stray);
    wait_for("the stray", || (bench.get("statefulset/db")["status"]["readyReplicas"] == 1).then_some(()));
    let refused = bench.deploy(&[]).exits(3).says(&["both are there; StatefulSet/db is ended and Deployment/db stays"]);
    let hash = refused.err.split("--confirm ").nth(1).unwrap().split_whitespace().next().unwrap().to_owned();
    bench.deploy(&["--confirm", &hash, "--accept", "downtime,stray-delete"]).ok();
    runs_as(&bench, "Deployment");
}

//! A database changes its kind on a live release: the plain way, what is refused before it begins, and hostile actors.
//!
//! `c..` are the numbers of the cases. Every case is watched: see [`crate::watch`].

use crate::bench::{Bench, bench, text, wait_for};
use crate::stage::{
    agreed, configure, hash, hash_in, hold, journal, promote, released, runs_as, through, wait_until_ready,
};
use crate::watch::{self, End, Write};
use serde_json::json;
use std::sync::Arc;
use testbed::Faults;
use testbed::faults::{Fault, Request};

const SLOW: &str = "    podAnnotations: {testbed.dev/terminate-delay: 3s}\n";

/// Where in the log a write is, the first of them.
#[track_caller]
fn place(writes: &[Write], what: &str) -> usize {
    writes.iter().position(|write| write.what == what).unwrap_or_else(|| panic!("no {what}"))
}

// Nothing of ours: the watcher and the problem are there.
#[test]
fn c01_plain_helm_runs_both_kinds_on_one_claim() {
    let Some(bench) = released("c01", "Deployment") else { return };
    configure(&bench, "StatefulSet", "");
    bench.run(&["render", "app", "-o", "chart"]).ok();
    bench.helm(&["upgrade", "app", "./chart", "--reuse-values", "--set", "skipGuards=true", "--wait"]).ok();
    assert!(!watch::overlaps(&bench, 1).is_empty(), "the watcher, or the problem, is gone");
}

// Rule: journal, stop, drain, guarded delete, helm, in this order (`machine::next`).
#[test]
fn c02_c30_a_deployment_becomes_a_stateful_set_and_back() {
    let Some(bench) = released("c02", "Deployment") else { return };
    for (from, to) in [("Deployment", "StatefulSet"), ("StatefulSet", "Deployment")] {
        configure(&bench, to, SLOW);
        let uid = bench.get(&format!("{}/db", from.to_lowercase()))["metadata"]["uid"].clone();
        let start = watch::writes(&bench).len();
        let phases = ["quiesce: stopping", "drain: waiting", "fence: deleting", "apply: helm upgrade", "committed:"];
        agreed(&bench, &[]).ok().says(&phases);
        watch::holds(&bench, End::Committed);
        runs_as(&bench, to);
        let writes = &watch::writes(&bench)[start..];
        let (old, new) = (format!("{}s/db", from.to_lowercase()), format!("{}s/db", to.to_lowercase()));
        let delete = place(writes, &format!("delete {old}"));
        assert!(place(writes, &format!("patch {old}")) < delete);
        let made = writes.iter().position(|write| !write.is_ours() && write.what.ends_with(&new)).unwrap();
        assert!(delete < made);
        assert_eq!(writes[delete].sent["preconditions"]["uid"], uid);
    }
    // C55: nothing to do, and the journal is not touched.
    let before = bench.get("configmap/aspire-transition-app");
    bench.deploy(&[]).ok();
    assert_eq!(bench.get("configmap/aspire-transition-app"), before);
}

// Rule: nothing is written before the plan was agreed to (`kinds::confirmed`).
#[test]
fn c03_c04_without_the_right_confirmation_nothing_is_written() {
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
        bench.deploy(&["--confirm", &hash]).exits(3).says(&["confirmation is required: downtime"]);
        for _ in 0..2 {
            let planned = bench.run(&["plan", "app", "-n", &bench.ns]).exits(2);
            assert!(planned.out.contains(&format!("plan {hash}")), "{planned}");
        }
    });
    assert_eq!(self::hash(&bench), hash, "the same plan has the same hash");
    watch::holds(&bench, End::Untouched);
}

// Rule: only a Pod object that is gone is a process that ended (`observe::side`).
#[test]
fn c05_a_pod_that_is_still_ending_is_waited_for() {
    let Some(bench) = bench("c05") else { return };
    configure(&bench, "Deployment", "    podAnnotations: {testbed.dev/terminate-delay: 5s}\n");
    bench.deploy(&[]).ok();
    wait_until_ready(&bench, "Deployment");
    configure(&bench, "StatefulSet", "");
    let start = watch::writes(&bench).len();
    agreed(&bench, &[]).ok();
    watch::holds(&bench, End::Committed);
    let writes = &watch::writes(&bench)[start..];
    let gone = |write: &Write| {
        write.what.starts_with("delete pods/db-") && write.got["metadata"]["deletionGracePeriodSeconds"] == 0
    };
    let gone = writes.iter().position(gone).unwrap();
    assert!(gone < place(writes, "delete deployments/db"), "deleted while its pod still ended");
}

// Rule: what does not end is not deleted, and not forced (`machine::leave`); back only after its end (`machine::arrive`).
#[test]
fn c06_pods_that_do_not_end_stop_the_way_and_it_can_be_left() {
    let Some(bench) = released("c06", "Deployment") else { return };
    hold(&bench, &json!(["testbed.dev/hold"]));
    configure(&bench, "StatefulSet", "");
    agreed(&bench, &["--timeout", "15s"]).exits(6).says(&["did not terminate in time; nothing was deleted"]);
    assert_eq!(bench.get("deployment/db")["spec"]["replicas"], 0);
    assert_eq!(bench.find("statefulset/db"), None);
    watch::holds(&bench, End::At("drain"));
    promote(&bench, &["--status"]).ok().says(&["on the way, at drain"]);
    promote(&bench, &["--abort", "--timeout", "12s"]).exits(6).says(&["did not terminate in time"]);
    assert_eq!(bench.get("deployment/db")["spec"]["replicas"], 0, "not beside the pod that ends");
    // Nobody takes the ground away meanwhile.
    bench.unchanged(|| {
        bench.destroy(&["--yes"]).exits(3).says(&["a workload migration is in progress", "promote --abort"]);
    });
    hold(&bench, &json!([]));
    promote(&bench, &["--abort"]).ok();
    watch::holds(&bench, End::RolledBack);
    // C29: helm owns the number of pods again.
    configure(&bench, "Deployment", "    replicas: 2\n");
    bench.deploy(&[]).ok();
    assert_eq!(bench.get("deployment/db")["spec"]["replicas"], 2);
    bench.destroy(&["--yes"]).ok();
    assert_eq!(bench.find("configmap/aspire-transition-app"), None);
}

// Rule: a way that was planned for one chart is not gone on with another (`Question::go_on`).
#[test]
fn another_chart_does_not_take_over_a_change_that_is_under_way() {
    let Some(bench) = released("other", "Deployment") else { return };
    hold(&bench, &json!(["testbed.dev/hold"]));
    configure(&bench, "StatefulSet", "");
    agreed(&bench, &["--timeout", "15s"]).exits(6);
    configure(&bench, "StatefulSet", "    podAnnotations: {other: chart}\n");
    bench.unchanged(|| {
        bench
            .deploy(&[])
            .exits(3)
            .says(&["was planned for another chart or other values", "deploy the same chart and values again"]);
    });
    configure(&bench, "StatefulSet", "");
    hold(&bench, &json!([]));
    bench.deploy(&[]).ok().says(&["resuming:"]);
    watch::holds(&bench, End::Committed);
}

// Rule: a claim that is being deleted goes with its last pod, so nothing is stopped (`detect::claims`).
#[test]
fn c10_a_claim_that_is_being_deleted_forbids_it() {
    let Some(bench) = released("c10", "Deployment") else { return };
    bench.plane.kubectl(&["delete", "pvc/db-data", "-n", &bench.ns, "--wait=false"]).unwrap();
    configure(&bench, "StatefulSet", "");
    bench.unchanged(|| bench.deploy(&[]).exits(3).says(&["db-data is being deleted"]));
    assert_eq!(bench.get("deployment/db")["status"]["readyReplicas"], 1, "the victim runs");
}

// Rule: who uses the claim and is not in the plan forbids it (`observe::strangers`).
#[test]
fn c11_a_stranger_on_the_claim_forbids_it() {
    let Some(bench) = released("c11", "Deployment") else { return };
    let spec = json!({
        "restartPolicy": "Never",
        "containers": [{"name": "c", "image": "registry.invalid/c:1"}],
        "volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": "db-data"}}]});
    bench.apply(&json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "debug"}, "spec": spec}));
    let template = json!({"metadata": {"annotations": {"testbed.dev/job-duration": "600s"}}, "spec": spec});
    bench.apply(
        &json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "dump"}, "spec": {"template": template}}),
    );
    wait_for("the pod of the job", || (bench.list("pods").len() == 4).then_some(()));
    configure(&bench, "StatefulSet", "");
    bench.unchanged(|| {
        bench
            .deploy(&[])
            .exits(3)
            .says(&["the pod debug without a controller uses the same PVC", "of the Job dump uses the same PVC"]);
    });
}

/// Calls this as soon as the program has done such a write.
fn after(faults: &Faults, count: u32, method: &'static str, path: String, call: impl Fn() + Send + Sync + 'static) {
    let ours = move |request: &Request| {
        request.is_write() && !request.is_from_helm() && request.method == method && request.path.contains(&path)
    };
    faults.inject(Fault::CallAfter(Arc::new(move |_| call())), 1, count, ours);
}

fn scale_up(bench: &Bench) -> impl Fn() + Send + Sync + 'static {
    let (plane, ns) = (bench.plane, bench.ns.clone());
    move || {
        // It may be gone already.
        let _ = plane.kubectl(&["scale", "deployment/db", "-n", &ns, "--replicas=1"]);
    }
}

// Rule: who starts it again each time is not fought for ever (`machine::MOST_STOPS`).
#[test]
fn c14_somebody_who_starts_it_again_and_again_stops_the_way() {
    let Some(bench) = released("c14", "Deployment") else { return };
    configure(&bench, "StatefulSet", "");
    let faults = Faults::start(bench.plane).unwrap();
    // At every look, after the workload was read and before its ReplicaSets are.
    let (path, scale) = (format!("/namespaces/{}/replicasets", bench.ns), scale_up(&bench));
    let call = move |_: &Request| {
        scale();
        true
    };
    let looks = move |request: &Request| request.method == "GET" && request.path.contains(&path);
    faults.inject(Fault::Call(Arc::new(call)), 1, u32::MAX, looks);
    through(agreed(&bench, &[]), &faults).exits(5).says(&["is started again by another client (E-FOREIGN-SCALER)"]);
    assert_eq!(bench.find("statefulset/db"), None);
    // Of the old workload alone: who starts it beside a pod that ends is not us.
    let phase = text(&journal(&bench)["phase"]).to_owned();
    assert!(["quiesce", "drain"].contains(&phase.as_str()), "{phase}");
    watch::holds_with(&bench, End::At(&phase), 9);
    faults.heal();
    promote(&bench, &["--abort"]).ok();
    watch::holds_with(&bench, End::RolledBack, 9);
}

// Rule: the delete is guarded by what was seen without pods (`Guard::of` in `Driver::act`).
#[test]
fn c15_somebody_who_scales_up_before_the_delete_does_not_get_two_writers() {
    let Some(bench) = released("c15", "Deployment") else { return };
    configure(&bench, "StatefulSet", "");
    let faults = Faults::start(bench.plane).unwrap();
    let (path, scale) = (format!("/{}/deployments/db", bench.ns), scale_up(&bench));
    let delete = move |request: &Request| request.method == "DELETE" && request.path.contains(&path);
    let call = move |_: &Request| {
        scale();
        true
    };
    let rule = faults.inject(Fault::Call(Arc::new(call)), 1, 1, delete);
    through(agreed(&bench, &[]), &faults).ok();
    assert!(rule.seen() > 1, "the delete was not repeated");
    watch::holds(&bench, End::Committed);
    assert!(journal(&bench)["progress"]["stops"].as_u64() > Some(1));
}

// Rule: a workload that never becomes ready is taken back by itself (`machine::arrive`).
#[test]
fn c22_a_workload_that_never_becomes_ready_is_taken_back() {
    let Some(bench) = released("c22", "Deployment") else { return };
    configure(&bench, "StatefulSet", "    podAnnotations: {testbed.dev/behavior: never-ready}\n");
    agreed(&bench, &["--timeout", "15s"])
        .exits(4)
        .says(&["rolling back to revision 1", "was rolled back to revision 1, with its secrets"]);
    watch::holds(&bench, End::RolledBack);
}

// Rule: both kinds are there from the start, and one is left, as agreed (`Progress::stray`).
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
    let refused = bench.deploy(&[]).exits(3).says(&["both exist; StatefulSet/db is deleted and Deployment/db stays"]);
    bench.deploy(&["--confirm", &hash_in(&refused), "--accept", "downtime,stray-delete"]).ok();
    runs_as(&bench, "Deployment");
    assert_eq!(journal(&bench)["phase"], "committed");
}

// Rule: who would start it again must pause first (`detect::KEEPERS`).
#[test]
fn c47_what_another_program_keeps_is_not_touched() {
    let Some(bench) = released("c47", "Deployment") else { return };
    configure(&bench, "StatefulSet", "");
    for (verb, mark, keeper) in [
        ("annotate", "argocd.argoproj.io/tracking-id", "Argo CD"),
        ("label", "argocd.argoproj.io/instance", "Argo CD"),
        ("label", "helm.toolkit.fluxcd.io/name", "Flux"),
    ] {
        bench.plane.kubectl(&[verb, "deployment/db", "-n", &bench.ns, &format!("{mark}=x")]).unwrap();
        bench.unchanged(|| {
            bench.deploy(&[]).exits(3).says(&[&format!("{keeper} manages it"), "error[managed-elsewhere]"])
        });
        bench.plane.kubectl(&[verb, "deployment/db", "-n", &bench.ns, &format!("{mark}-")]).unwrap();
    }
    watch::holds(&bench, End::Untouched);
}

// Rule: the ReplicaSet's zero must be seen before pods are counted (`Workload::settled`).
#[test]
fn c52_an_eviction_at_the_moment_of_the_stop_hides_no_pod() {
    let Some(bench) = released("c52", "Deployment") else { return };
    configure(&bench, "StatefulSet", "");
    let faults = Faults::start(bench.plane).unwrap();
    let (plane, ns) = (bench.plane, bench.ns.clone());
    let pod = bench.list("pods").into_iter().find(|pod| watch::claims_of(pod).contains("db-data")).unwrap();
    let eviction = json!({"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod["metadata"]["name"], "namespace": ns}});
    let file = bench.write("eviction.json", &eviction.to_string()).display().to_string();
    let to = format!("/api/v1/namespaces/{ns}/pods/{}/eviction", text(&pod["metadata"]["name"]));
    after(&faults, 1, "PATCH", format!("/{ns}/deployments/db"), move || {
        plane.kubectl(&["create", "--raw", &to, "-f", &file]).unwrap();
    });
    through(agreed(&bench, &[]), &faults).ok();
    watch::holds(&bench, End::Committed);
    let evicted = |write: &Write| write.what.ends_with("/eviction");
    assert!(watch::writes(&bench).iter().any(evicted), "nothing was evicted");
}

// Rule: of two runs one has the Lease, and a journal that moved on is not overwritten (`Lock::take`, `Note::write`).
#[test]
fn c42_of_two_runs_at_once_one_does_it() {
    let Some(bench) = released("c42", "Deployment") else { return };
    configure(&bench, "StatefulSet", "");
    let hash = hash(&bench);
    let run = || bench.deploy(&["--confirm", &hash, "--accept", "downtime"]).spawn();
    let codes: Vec<Option<i32>> = [run(), run(), run()].into_iter().map(crate::stage::end_of).collect();
    // Who comes when it is all done finds nothing to do.
    assert!(codes.contains(&Some(0)) && codes.iter().all(|code| matches!(code, Some(0 | 3))), "{codes:?}");
    watch::holds(&bench, End::Committed);
}

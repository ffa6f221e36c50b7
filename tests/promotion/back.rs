//! Ways back: a rollback that changes kinds, a failure of helm, and releases of other helms.

use crate::bench::wait_for;
use crate::stage::{
    agreed, configure, hash_in, helms, journal, promote, released, rollback, runs_as, status, through, wait_until_ready,
};
use crate::watch::{self, End};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use testbed::Faults;
use testbed::faults::{Fault, Request};

// Rule: a rollback that changes kinds is guarded and agreed to like a deploy (`Return::confirm`).
#[test]
fn a_rollback_of_kinds_takes_the_guarded_way() {
    let Some(bench) = released("rollback", "Deployment") else { return };
    bench.deploy(&["--parameter", "currency=USD"]).ok();
    configure(&bench, "StatefulSet", "");
    agreed(&bench, &["--parameter", "currency=GBP"]).ok();
    watch::holds(&bench, End::Committed);
    let refused = bench.unchanged(|| {
        rollback(&bench, &["2", "--confirm", "0123", "--accept", "downtime"]).exits(3).says(&["is not the one"]);
        rollback(&bench, &["2"]).exits(3).says(&[
            "TRANSITION db: StatefulSet/db (1) -> Deployment/db (1), back to revision 3",
            "helm rollback to revision 2",
        ])
    });
    rollback(&bench, &["2", "--confirm", &hash_in(&refused), "--accept", "downtime"])
        .ok()
        .says(&["apply: helm rollback to revision 2", "committed:"]);
    watch::holds(&bench, End::Committed);
    runs_as(&bench, "Deployment");
    assert_eq!(bench.get("configmap/api-config")["data"]["CURRENCY"], "USD");
    // The next deploy starts from there.
    configure(&bench, "Deployment", "");
    bench.deploy(&[]).ok();
    assert_eq!(bench.get("configmap/api-config")["data"]["CURRENCY"], "USD");
    runs_as(&bench, "Deployment");
}

// Rule: who asked to go back on a failure has agreed to downtime, and to nothing else (`NewChange::agreed_beforehand`).
#[test]
fn a_deploy_that_fails_goes_back_over_kinds_on_request() {
    let Some(bench) = released("onfail", "Deployment") else { return };
    configure(&bench, "StatefulSet", "");
    bench.run(&["render", "app", "-o", "chart"]).ok();
    // Somebody else's upgrade failed half way, and its old workload was removed by hand.
    bench.plane.kubectl(&["delete", "deployment/db", "-n", &bench.ns]).unwrap();
    wait_for("the end of its pods", || {
        let pods = bench.list("pods");
        pods.iter().all(|pod| watch::claims_of(pod).is_empty()).then_some(())
    });
    let faults = Faults::start(bench.plane).unwrap();
    faults.inject(Fault::Answer(422, None), 1, u32::MAX, |request: &Request| {
        request.is_from_helm() && request.method == "PATCH" && request.path.contains("/deployments/api")
    });
    let arguments =
        ["upgrade", "app", "./chart", "--reuse-values", "--set", "skipGuards=true,workloads.api.replicas=1"];
    let _ = through(bench.helm(&arguments), &faults).end();
    faults.heal();
    wait_until_ready(&bench, "StatefulSet");
    configure(&bench, "StatefulSet", "  api:\n    podAnnotations: {testbed.dev/behavior: image-pull-backoff}\n");
    let ran = bench.deploy(&["--timeout", "15s", "--rollback-on-failure"]).exits(4);
    ran.says(&["quiesce: stopping StatefulSet/db", "rolled back to revision"]);
    watch::holds(&bench, End::Committed);
}

// Rule: before helm is called nobody is there who could stay (`machine::leave`); its failure leads back (`machine::turn`).
#[test]
fn c21_an_error_of_helm_at_another_object_leads_back() {
    let Some(bench) = released("c21", "Deployment") else { return };
    configure(&bench, "StatefulSet", "");
    let hash = crate::stage::hash(&bench);
    let faults = Faults::start(bench.plane).unwrap();
    faults.inject(Fault::Answer(422, None), 1, 1, helms(&bench, "configmaps"));
    let deploy = ["--parameter", "currency=USD", "--confirm", &hash, "--accept", "downtime"];
    through(bench.deploy(&deploy), &faults).exits(4).says(&["rolling back to revision 1", "fault proxy says no"]);
    watch::holds(&bench, End::RolledBack);
    assert_eq!(bench.get("configmap/api-config")["data"]["CURRENCY"], "EUR");
    // The control: with helm alone both stay.
    bench.run(&["render", "app", "-o", "chart"]).ok();
    faults.inject(Fault::Answer(422, None), 1, u32::MAX, helms(&bench, "configmaps"));
    let upgrade = ["upgrade", "app", "./chart", "--reuse-values", "--set", "skipGuards=true"];
    through(bench.helm(&upgrade), &faults).exits(1);
    assert!(bench.find("deployment/db").is_some() && bench.find("statefulset/db").is_some());
}

// Rule: flags of helm that undo the protection are refused (`helm::extra::REFUSED`).
#[test]
fn c24_flags_that_would_undo_the_protection_are_refused() {
    let Some(bench) = released("c24", "Deployment") else { return };
    configure(&bench, "StatefulSet", "");
    bench.unchanged(|| {
        for flag in ["--atomic", "--rollback-on-failure", "--cleanup-on-fail", "--force", "--force-replace"] {
            let ran = bench.deploy(&[&format!("--helm-arg={flag}")]).exits(1);
            ran.says(&[&format!("`{flag}` is refused")]);
        }
    });
    // The control: what it deletes though its policy says keep.
    bench.run(&["render", "app", "-o", "chart"]).ok();
    bench.write(
        "chart/templates/new.yaml",
        "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: fresh, annotations: {helm.sh/resource-policy: keep}}\nspec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}\n",
    );
    let faults = Faults::start(bench.plane).unwrap();
    faults.inject(Fault::Answer(422, None), 1, u32::MAX, helms(&bench, "deployments"));
    let upgrade = ["upgrade", "app", "./chart", "--reuse-values", "--set", "skipGuards=true", "--cleanup-on-fail"];
    through(bench.helm(&upgrade), &faults).exits(1);
    wait_for("the end of the claim", || bench.find("pvc/fresh").is_none().then_some(()));
    assert!(watch::writes(&bench).iter().any(|write| write.what == "delete persistentvolumeclaims/fresh"));
}

// Rule: without its history a release cannot be gone back to, and is not installed again (`Question::plan`).
#[test]
fn c26_a_release_without_history_is_not_installed_again() {
    let Some(bench) = released("c26", "Deployment") else { return };
    configure(&bench, "StatefulSet", "");
    bench.plane.kubectl(&["delete", "secret", "-l", "owner=helm", "-n", &bench.ns]).unwrap();
    bench.unchanged(|| bench.deploy(&[]).exits(3).says(&["error[release-history-gone]", "no longer has a history"]));
    watch::holds(&bench, End::Untouched);
}

// Rule: the way back leads to the last revision that was in place, not to the one before (`Question::plan`).
#[test]
fn c27_the_way_back_leads_past_a_revision_that_failed() {
    let Some(bench) = released("c27", "Deployment") else { return };
    bench.deploy(&["--parameter", "currency=USD"]).ok();
    configure(&bench, "Deployment", "  api:\n    podAnnotations: {testbed.dev/behavior: image-pull-backoff}\n");
    bench.deploy(&["--timeout", "12s"]).exits(1);
    assert_eq!((status(&bench, 2), status(&bench, 3)), ("deployed".to_owned(), "failed".to_owned()));
    configure(&bench, "StatefulSet", "");
    let faults = Faults::start(bench.plane).unwrap();
    faults.inject(Fault::Answer(422, None), 1, 1, helms(&bench, "statefulsets"));
    through(agreed(&bench, &[]), &faults).exits(4).says(&["rolling back to revision 2"]);
    watch::holds_with(&bench, End::RolledBack, 2);
    assert_eq!(journal(&bench)["base"], 2);
    assert_eq!(bench.get("configmap/api-config")["data"]["CURRENCY"], "USD");
}

// Rule: after every call of helm the claims are looked at again (`machine::protect`): helm 3 takes marks away.
#[test]
fn c28_a_release_of_helm_3_is_protected_and_goes_both_ways() {
    for version in ["3.14.4", "3.22.0"] {
        let Some(bench) = crate::bench::bench("c28") else { return };
        let helm = bench.plane.helm(version);
        configure(&bench, "Deployment", "");
        bench.deploy(&[]).env("HELM_BIN", &helm).ok();
        configure(&bench, "StatefulSet", "");
        let faults = Faults::start(bench.plane).unwrap();
        faults.inject(Fault::Answer(422, None), 1, 1, helms(&bench, "statefulsets"));
        through(agreed(&bench, &[]), &faults).env("HELM_BIN", &helm).exits(4);
        watch::holds(&bench, End::RolledBack);
        // The same release goes on with helm 4.
        agreed(&bench, &[]).ok();
        watch::holds(&bench, End::Committed);
        configure(&bench, "Deployment", "");
        agreed(&bench, &[]).env("HELM_BIN", &helm).ok();
        watch::holds(&bench, End::Committed);
    }
}

/// What somebody does with helm alone, from the chart of now.
fn foreign_upgrade(bench: &crate::bench::Bench) -> impl Fn() + Send + Sync + 'static {
    bench.run(&["render", "app", "-o", "older"]).ok();
    let (helm, chart, ns) = (bench.plane.helm("4.2.4"), bench.path("older"), bench.ns.clone());
    let home = bench.path("foreign");
    std::fs::create_dir_all(&home).unwrap();
    let env = bench.plane.env();
    move || {
        let mut command = std::process::Command::new(&helm);
        command.env_clear().envs(env.clone()).env("HOME", &home).arg("upgrade").arg("app").arg(&chart);
        command.args(["--reuse-values", "--set", "skipGuards=true", "-n", &ns]);
        assert!(command.output().unwrap().status.success());
    }
}

// Rule: a revision that somebody else wrote stops the way before helm is called (`machine::foreign`).
#[test]
fn c44_a_foreign_upgrade_after_the_fence_stops_the_way() {
    let Some(bench) = released("c44", "Deployment") else { return };
    let foreign = foreign_upgrade(&bench);
    configure(&bench, "StatefulSet", "");
    let faults = Faults::start(bench.plane).unwrap();
    // A delete is refused when the object changed in that moment; only one that was done is the fence.
    let (fenced, path) = (Arc::new(AtomicBool::new(false)), format!("/{}/deployments/db", bench.ns));
    let (is_fenced, plane, ns) = (Arc::clone(&fenced), bench.plane, bench.ns.clone());
    let delete = move |request: &Request| {
        request.method == "DELETE" && request.path.contains(&path) && !is_fenced.load(Ordering::SeqCst)
    };
    let after = move |_: &Request| {
        if plane.find("deployment/db", &ns).is_ok_and(|found| found.is_none()) {
            fenced.store(true, Ordering::SeqCst);
            foreign();
        }
    };
    faults.inject(Fault::CallAfter(Arc::new(after)), 1, u32::MAX, delete);
    through(agreed(&bench, &[]), &faults).exits(5).says(&["another client wrote a revision after revision 1"]);
    assert_eq!(bench.find("statefulset/db"), None);
    watch::holds(&bench, End::At("fence"));
    promote(&bench, &["--status"]).ok();
}

// Rule: what came between the last look and our helm is found by the guard in the chart, and not gone over (`machine::foreign`).
#[test]
fn c44_a_foreign_upgrade_in_the_last_moment_stops_the_way_too() {
    let Some(bench) = released("c44s", "Deployment") else { return };
    let foreign = foreign_upgrade(&bench);
    configure(&bench, "StatefulSet", "");
    let faults = Faults::start(bench.plane).unwrap();
    let ns = bench.ns.clone();
    let calls = move |request: &Request| {
        let body = String::from_utf8_lossy(&request.body);
        crate::stage::is_journal(request, &ns) && body.contains("\\\"calling\\\":true")
    };
    let call = move |_: &Request| {
        foreign();
        true
    };
    faults.inject(Fault::Call(Arc::new(call)), 1, 1, calls);
    through(agreed(&bench, &["--no-wait"]), &faults)
        .exits(5)
        .says(&["Deployment/db was created again by another client"]);
    assert_eq!(bench.find("statefulset/db"), None);
    watch::holds(&bench, End::At("apply"));
}

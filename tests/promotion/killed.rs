//! Runs that are killed in the middle of a workload migration, their helm with them or not: what the next one makes of it.

use crate::bench::{Bench, text, wait_for};
use crate::stage::{
    Helm, agreed, configure, helms, hold, is_journal, journal, kill, killed_at, promote, released, status, through,
    when_free,
};
use crate::watch::{self, End};
use rustix::process::Signal;
use serde_json::json;
use std::process::Child;
use testbed::Faults;
use testbed::faults::{Fault, Gate};

const KINDS: [&str; 2] = ["StatefulSet", "Deployment"];

/// Kills the run at every `number`-th write of the journal that is left, from `first` on in steps, and lets `goes_on` end it.
fn at_every_write(prefix: &str, first: u32, arrives: bool, goes_on: impl Fn(&Bench, &str, u32)) {
    let Some(bench) = released(prefix, "Deployment") else { return };
    let faults = Faults::start(bench.plane).unwrap();
    let helm = Helm::new(&bench, "4.2.4");
    let mut number = first;
    loop {
        let was = if bench.find("deployment/db").is_some() { "Deployment" } else { "StatefulSet" };
        let kind = KINDS.iter().find(|kind| **kind != was).unwrap();
        configure(&bench, kind, "    podAnnotations: {testbed.dev/terminate-delay: 300ms}\n");
        let ns = bench.ns.clone();
        let run = agreed(&bench, &["--no-wait"]);
        if !killed_at(run, &helm, &faults, number, arrives, move |request| is_journal(request, &ns)) {
            watch::holds(&bench, End::Committed);
            break;
        }
        goes_on(&bench, kind, number);
        number += 2;
    }
    assert!(number > 8, "only {number} writes were seen");
}

fn same_deploy(bench: &Bench, kind: &str, number: u32) {
    let mut ran = when_free(|| bench.deploy(&[]));
    if ran.code == Some(3) {
        // It was killed before it had begun.
        ran = agreed(bench, &[]).end();
    }
    assert_eq!(ran.code, Some(0), "write {number}: {ran}");
    assert!(bench.find(&format!("{}/db", kind.to_lowercase())).is_some());
    watch::holds(bench, End::Committed);
}

// Rule of both: what is about to be done is written before it is done, and every step can be repeated (`Driver::enter`).
#[test]
fn c16_killed_at_every_odd_write_of_the_journal_the_same_deploy_goes_on() {
    at_every_write("c16a", 1, false, same_deploy);
}

#[test]
fn c16_killed_after_every_even_write_of_the_journal_the_same_deploy_goes_on() {
    at_every_write("c16b", 2, true, same_deploy);
}

// Rule of both: from anywhere there is a way back (`Progress::back`).
fn abort(bench: &Bench, _: &str, number: u32) {
    // Before the first write nothing was begun, and after the last one it is done.
    if watch::journal(bench).is_none_or(|journal| ["committed", "rolled-back"].contains(&text(&journal["phase"]))) {
        return;
    }
    let ran = when_free(|| promote(bench, &["--abort"]));
    assert_eq!(ran.code, Some(0), "write {number}: {ran}");
    watch::holds(bench, End::RolledBack);
}

#[test]
fn c17_killed_after_every_odd_write_of_the_journal_it_can_be_taken_back() {
    at_every_write("c17a", 1, true, abort);
}

#[test]
fn c17_killed_at_every_even_write_of_the_journal_it_can_be_taken_back() {
    at_every_write("c17b", 2, false, abort);
}

// Rule: a revision whose helm is dead is marked as failed and never deleted (`lock::recover`).
#[test]
fn c18_helm_killed_before_it_made_anything_is_gone_on_from() {
    let Some(bench) = released("c18", "Deployment") else { return };
    let (faults, helm) = (Faults::start(bench.plane).unwrap(), Helm::new(&bench, "4.2.4"));
    configure(&bench, "StatefulSet", "");
    let run = agreed(&bench, &[]);
    assert!(killed_at(run, &helm, &faults, 1, false, helms(&bench, "statefulsets")));
    assert_eq!(status(&bench, 2), "pending-upgrade");
    assert_eq!(bench.find("statefulset/db"), None);
    bench.deploy(&[]).ok().says(&["revision 2 was left pending-upgrade by a helm process that has ended"]);
    assert_eq!(status(&bench, 2), "failed", "the record of the killed helm stays");
    watch::holds(&bench, End::Committed);
}

// Rule: what helm left half done is seen and led to one end (`machine::turn`).
#[test]
fn c19_helm_killed_after_it_made_the_new_workload_is_gone_on_from_or_taken_back() {
    for (prefix, goes_on) in [("c19on", true), ("c19back", false)] {
        let Some(bench) = released(prefix, "Deployment") else { return };
        let (faults, helm) = (Faults::start(bench.plane).unwrap(), Helm::new(&bench, "4.2.4"));
        configure(&bench, "StatefulSet", "");
        let run = agreed(&bench, &[]);
        assert!(killed_at(run, &helm, &faults, 1, true, helms(&bench, "statefulsets")));
        assert!(bench.find("statefulset/db").is_some());
        if goes_on {
            bench.deploy(&[]).ok();
            watch::holds(&bench, End::Committed);
        } else {
            promote(&bench, &["--abort"]).ok();
            watch::holds(&bench, End::RolledBack);
        }
    }
}

// Rule: a helm that may live is never overtaken (`lock::judge`).
#[test]
fn c20_a_helm_that_outlives_its_run_is_not_overtaken() {
    let Some(bench) = released("c20", "Deployment") else { return };
    let (faults, helm) = (Faults::start(bench.plane).unwrap(), Helm::new(&bench, "4.2.4"));
    configure(&bench, "StatefulSet", "");
    let gate = Gate::default();
    let rule = faults.inject(Fault::Stall(gate.clone()), 1, 1, helms(&bench, "statefulsets"));
    let mut child = through(agreed(&bench, &[]), &faults).env("HELM_BIN", &helm.path).spawn();
    wait_for("helm", || rule.happened().then_some(()));
    child.kill().unwrap();
    child.wait().unwrap();
    bench.unchanged(|| {
        bench.deploy(&["--assume-helm-dead", "--timeout", "6s"]).exits(3).says(&["is being worked on by helm upgrade"]);
        promote(&bench, &["--abort", "--timeout", "6s"]).exits(3).says(&["is being worked on by helm upgrade"]);
    });
    gate.open();
    assert_eq!(when_free(|| bench.deploy(&[])).code, Some(0));
    watch::holds(&bench, End::Committed);
}

// Rule: the way back can be repeated from everywhere too (`machine::next`, direction back).
#[test]
fn c23_killed_at_every_write_on_the_way_back_it_goes_on_back() {
    let Some(bench) = released("c23", "Deployment") else { return };
    let (faults, helm) = (Faults::start(bench.plane).unwrap(), Helm::new(&bench, "4.2.4"));
    configure(&bench, "StatefulSet", "");
    for number in 1.. {
        let hash = crate::stage::hash(&bench);
        faults.inject(Fault::Answer(422, None), 1, 1, helms(&bench, "statefulsets"));
        let ns = bench.ns.clone();
        let back = move |request: &testbed::faults::Request| {
            is_journal(request, &ns)
                && String::from_utf8_lossy(&request.body).contains("\\\"direction\\\":\\\"back\\\"")
        };
        let run = bench.deploy(&["--confirm", &hash, "--accept", "downtime"]);
        if !killed_at(run, &helm, &faults, number, number % 2 == 0, back) {
            break;
        }
        // Before the turn was written it may still lead on.
        let ran = when_free(|| promote(&bench, &["--abort"]));
        assert!(ran.code == Some(0), "write {number}: {ran}");
        watch::holds(&bench, End::RolledBack);
        assert!(number < 20);
    }
    watch::holds(&bench, End::RolledBack);
}

/// Makes it look as if the run had been on another machine.
fn move_to_another_machine(bench: &Bench) {
    let lease = bench.get("lease/app-aspire");
    let holder = text(&lease["spec"]["holderIdentity"]);
    let other = format!("ci-3/{}", holder.split_once('/').unwrap().1);
    let patch = json!({"spec": {"holderIdentity": other}}).to_string();
    bench.plane.kubectl(&["patch", "lease/app-aspire", "-n", &bench.ns, "--type=merge", "-p", &patch]).unwrap();
}

/// A run that was killed while it waits for pods that do not end.
fn killed_in_drain(bench: &Bench, seconds: &str) {
    hold(bench, &json!(["testbed.dev/hold"]));
    configure(bench, "StatefulSet", "");
    let mut child: Child = agreed(bench, &[]).env("KUBECTL_ASPIRE_LEASE_SECONDS", seconds).spawn();
    wait_for("the wait for pods", || {
        let journal = watch::journal(bench)?;
        (journal["phase"] == "drain").then_some(())
    });
    kill(child.id(), Signal::KILL);
    child.wait().unwrap();
}

// Rule: a holder elsewhere has the Lease until it runs out; then another goes on (`lease::Held::acquire`).
#[test]
fn c43_the_lease_of_a_killed_holder_is_taken_over() {
    let Some(bench) = released("c43", "Deployment") else { return };
    killed_in_drain(&bench, "6");
    move_to_another_machine(&bench);
    let deploy = || bench.deploy(&[]).env("KUBECTL_ASPIRE_LEASE_SECONDS", "6");
    deploy().exits(3).says(&["is being worked on"]);
    hold(&bench, &json!([]));
    let ran = wait_for("the end of the Lease", || {
        let ran = deploy().end();
        (ran.code != Some(3)).then_some(ran)
    });
    assert_eq!(ran.code, Some(0), "{ran}");
    watch::holds(&bench, End::Committed);
}

// Rule: without a journal nothing is guessed: the plan is made and agreed to once more (`Deployment::workload_migration`).
#[test]
fn c54_a_journal_that_is_gone_is_not_guessed() {
    let Some(bench) = released("c54", "Deployment") else { return };
    killed_in_drain(&bench, "15");
    bench.plane.kubectl(&["delete", "configmap/aspire-transition-app", "-n", &bench.ns]).unwrap();
    bench.unchanged(|| {
        promote(&bench, &["--resume"]).exits(3).says(&["no workload migration is in progress"]);
        promote(&bench, &["--abort"]).exits(3).says(&["no workload migration is in progress"]);
        bench.deploy(&[]).exits(3).says(&["Deployment/db (1) -> StatefulSet/db (1)", "--accept downtime"]);
    });
    hold(&bench, &json!([]));
    agreed(&bench, &[]).ok();
    watch::holds(&bench, End::Committed);
    assert_eq!(journal(&bench)["changes"][0]["old"]["replicas"], 1, "the number from the manifest");
}

// The same after the fence: nothing of the old kind lives, and helm alone makes the new one.
#[test]
fn c54_a_journal_that_is_gone_after_the_fence_leaves_a_plain_deploy() {
    let Some(bench) = released("c54f", "Deployment") else { return };
    let (faults, helm) = (Faults::start(bench.plane).unwrap(), Helm::new(&bench, "4.2.4"));
    configure(&bench, "StatefulSet", "");
    let run = agreed(&bench, &[]);
    assert!(killed_at(run, &helm, &faults, 1, false, helms(&bench, "secrets")));
    assert_eq!(bench.find("deployment/db"), None);
    bench.plane.kubectl(&["delete", "configmap/aspire-transition-app", "-n", &bench.ns]).unwrap();
    let ran = when_free(|| bench.deploy(&[]));
    assert_eq!(ran.code, Some(0), "{ran}");
    assert_eq!(bench.get("statefulset/db")["status"]["readyReplicas"], 1);
    watch::holds(&bench, End::Untouched);
}

// A rollback of kinds that was killed needs no chart: it leads to a revision (`Journal::to`).
#[test]
fn a_rollback_of_kinds_that_was_killed_goes_on_from_any_machine() {
    let Some(bench) = released("backkill", "Deployment") else { return };
    let (faults, helm) = (Faults::start(bench.plane).unwrap(), Helm::new(&bench, "4.2.4"));
    configure(&bench, "StatefulSet", "");
    agreed(&bench, &[]).ok();
    let refused = crate::stage::rollback(&bench, &["1"]).exits(3);
    let hash = crate::stage::hash_in(&refused);
    let run = crate::stage::rollback(&bench, &["1", "--confirm", &hash, "--accept", "downtime"]);
    assert!(killed_at(run, &helm, &faults, 1, false, helms(&bench, "deployments")));
    bench.deploy(&[]).exits(3).says(&["was planned for a rollback", "promote --resume"]);
    let ran = when_free(|| promote(&bench, &["--resume"]));
    assert_eq!(ran.code, Some(0), "{ran}");
    watch::holds(&bench, End::Committed);
    assert_eq!(bench.get("deployment/db")["status"]["readyReplicas"], 1);
}

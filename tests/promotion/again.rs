//! The same command again, after a run was killed or stopped: it ends in what was asked for, or says what is there.

use crate::bench::{Bench, Ran, bench, wait_for};
use crate::stage::{
    Helm, agreed, configure, end_of, hash_in, hold, is_journal, journal, kill, killed_at, promote, released, rollback,
    status, through, when_free,
};
use crate::watch::{self, End};
use rustix::process::Signal;
use serde_json::{Value, json};
use std::io::Read as _;
use std::process::Child;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use testbed::Faults;
use testbed::faults::{Fault, Request};

const HELMS: [&str; 2] = ["3.22.0", "4.2.4"];

fn currency(bench: &Bench) -> Value {
    bench.get("configmap/api-config")["data"]["CURRENCY"].clone()
}

/// A release with a good revision 1 and a revision 2 that is in place, and that nobody wants.
fn good_and_bad(prefix: &str, helm: &str) -> Option<Bench> {
    let bench = bench(prefix)?;
    for currency in ["currency=GOOD", "currency=BAD"] {
        bench.deploy(&["--parameter", currency]).env("HELM_BIN", bench.plane.helm(helm)).ok();
    }
    Some(bench)
}

// Rule: a rollback that is not at its end leads where it led (`Past::choose`), helm's word being compared with its objects.
#[test]
fn a_killed_rollback_run_again_goes_where_it_went() {
    for version in HELMS {
        // Killed when helm has written that it began, and while it writes objects; then once more when it has begun.
        for first in ["secrets", "configmaps"] {
            let Some(bench) = good_and_bad("againback", version) else { return };
            let (faults, helm) = (Faults::start(bench.plane).unwrap(), Helm::new(&bench, version));
            for (revision, resource) in [(3, first), (4, "secrets")] {
                let path = format!("/namespaces/{}/{resource}", bench.ns);
                let fits = move |request: &Request| {
                    request.is_from_helm() && request.is_write() && request.path.contains(&path)
                };
                let run = rollback(&bench, &["--non-interactive"]);
                let killed = killed_at(run, &helm, &faults, 1, true, fits);
                assert!(killed, "{version} {resource} {revision}");
                assert_eq!(status(&bench, revision), "pending-rollback", "{version}");
            }
            let ran = when_free(|| rollback(&bench, &["--non-interactive"]).env("HELM_BIN", &helm.path));
            assert_eq!(ran.code, Some(0), "{version}: {ran}");
            assert!(ran.err.contains("rolled back to revision 1:"), "{version}: {ran}");
            assert_eq!(currency(&bench), "GOOD", "{version}");
            // And not on to what was left.
            bench.unchanged(|| {
                rollback(&bench, &[]).exits(3).says(&["is a rollback to revision 1", "fully deployed revisions: 1, 2"]);
            });
            rollback(&bench, &["2"]).env("HELM_BIN", &helm.path).ok();
            assert_eq!(currency(&bench), "BAD", "a number says what is meant");
        }
    }
}

// Rule: a run that was killed when helm was done is known by its Lease (`Return::was_killed_at_its_end`).
#[test]
fn a_rollback_killed_at_its_end_run_again_stays_there() {
    for version in HELMS {
        let Some(bench) = good_and_bad("againend", version) else { return };
        bench.deploy(&["--parameter", "currency=WORSE"]).env("HELM_BIN", bench.plane.helm(version)).ok();
        let (faults, helm) = (Faults::start(bench.plane).unwrap(), Helm::new(&bench, version));
        let path = format!("/namespaces/{}/leases", bench.ns);
        let fits = move |request: &Request| request.method == "DELETE" && request.path.contains(&path);
        assert!(killed_at(rollback(&bench, &[]), &helm, &faults, 1, false, fits), "{version}");
        assert_eq!((status(&bench, 4).as_str(), currency(&bench)), ("deployed", "BAD".into()));
        let ran = when_free(|| rollback(&bench, &[]).env("HELM_BIN", &helm.path));
        assert!(ran.code == Some(0) && ran.err.contains("rolled back to revision 2:"), "{version}: {ran}");
        assert_eq!(currency(&bench), "BAD", "{version}");
        // Who asks once more, and was not killed, goes on back.
        rollback(&bench, &[]).env("HELM_BIN", &helm.path).ok().says(&["rolled back to revision 1:"]);
    }
}

// Rule: of a rollback that failed, only its objects tell where it led (`Past::read`).
#[test]
fn a_failed_rollback_run_again_goes_where_it_went() {
    for version in HELMS {
        let Some(bench) = good_and_bad("againfail", version) else { return };
        let faults = Faults::start(bench.plane).unwrap();
        let path = format!("/namespaces/{}/configmaps", bench.ns);
        let fits =
            move |request: &Request| request.is_from_helm() && request.is_write() && request.path.contains(&path);
        faults.inject(Fault::Answer(422, None), 1, 1, fits);
        let helm = bench.plane.helm(version);
        through(rollback(&bench, &[]), &faults).env("HELM_BIN", &helm).exits(1);
        assert_eq!(status(&bench, 3), "failed", "{version}");
        rollback(&bench, &[]).env("HELM_BIN", &helm).ok().says(&["rolled back to revision 1:"]);
        assert_eq!(currency(&bench), "GOOD", "{version}");
    }
}

/// Reads what a run said, and its exit code.
fn ended(mut child: Child) -> (Option<i32>, String) {
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    (end_of(child), said)
}

fn first_line(bench: &Bench) -> String {
    let ran: Ran = bench.run(&["status", "app", "-n", &bench.ns]).ok();
    ran.out.lines().next().unwrap_or_default().to_owned()
}

// Rule: who is stopped on the way says what is left and what goes on, `status` says it first, and nothing is begun that
// cannot be ended (`Driver::unfinished`, `driver::check`).
#[test]
fn a_migration_that_is_stopped_says_what_is_left_and_who_goes_on() {
    let Some(bench) = released("againint", "Deployment") else { return };
    hold(&bench, &json!(["testbed.dev/hold"]));
    configure(&bench, "StatefulSet", "");
    let child = agreed(&bench, &[]).piped();
    wait_for("the drain", || watch::journal(&bench).filter(|journal| journal["phase"] == "drain"));
    kill(child.id(), Signal::INT);
    let (code, said) = ended(child);
    let left = "Deployment/db has 0 of 1 replicas, StatefulSet/db does not exist";
    assert_eq!(code, Some(6), "{said}");
    for part in ["interrupted", "is not finished (at drain)", left, "the same `deploy` resumes it"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(!said.contains("was told to stop"), "{said}");
    assert!(first_line(&bench).starts_with("UNFINISHED   workload migration: "), "{}", first_line(&bench));
    let shown = bench.run(&["status", "app", "-n", &bench.ns]).ok().out;
    assert!(shown.contains(left) && !shown.contains("helm applied the whole revision"), "{shown}");
    let shown = bench.run(&["status", "app", "-n", &bench.ns, "-o", "json"]).ok().out;
    let shown: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(shown["migration"]["phase"], "drain");
    assert_eq!(shown["migration"]["workloads"], json!([left]));
    // Without the chart it cannot be ended, so it is not begun; and nobody says so.
    bench.unchanged(|| {
        promote(&bench, &["--resume"]).exits(3).says(&[
            "its chart to continue, which is not available here",
            left,
            "the same `deploy` resumes it",
        ]);
        let refused = bench.destroy(&["--yes"]).exits(3).says(&["is in progress", "promote --abort"]);
        assert!(!refused.err.contains("--resume"), "{refused}");
    });
    assert!(bench.find("deployment/db").is_some());
    hold(&bench, &json!([]));
    bench.deploy(&[]).ok();
    assert!(first_line(&bench).starts_with("release "), "{}", first_line(&bench));
    watch::holds(&bench, End::Committed);
}

// Rule: the same at every part of the way, whatever stops it.
#[test]
fn stopped_at_every_write_of_the_journal_the_same_deploy_goes_on() {
    let Some(bench) = released("againeach", "Deployment") else { return };
    let faults = Faults::start(bench.plane).unwrap();
    let kinds = ["StatefulSet", "Deployment"];
    let mut number = 0;
    loop {
        number += 1;
        let was = if bench.find("deployment/db").is_some() { "Deployment" } else { "StatefulSet" };
        let kind = kinds.iter().find(|kind| **kind != was).unwrap();
        configure(&bench, kind, "    podAnnotations: {testbed.dev/terminate-delay: 300ms}\n");
        let process = Arc::new(AtomicU32::new(0));
        let known = Arc::clone(&process);
        let signal = if number % 2 == 0 { Signal::INT } else { Signal::TERM };
        let stop = move |_: &Request| {
            while known.load(Ordering::SeqCst) == 0 {
                std::thread::yield_now();
            }
            kill(known.load(Ordering::SeqCst), signal);
            true
        };
        let ns = bench.ns.clone();
        let hash = hash_in(&bench.deploy(&[]).exits(3));
        let rule = faults.inject(Fault::Call(Arc::new(stop)), number, 1, move |request| is_journal(request, &ns));
        let run = bench.deploy(&["--confirm", &hash, "--accept", "downtime"]);
        let child = through(run, &faults).piped();
        process.store(child.id(), Ordering::SeqCst);
        let (code, said) = ended(child);
        faults.heal();
        if !rule.happened() {
            assert_eq!(code, Some(0), "{said}");
            break;
        }
        let open = !["committed", "rolled-back"].contains(&journal(&bench)["phase"].as_str().unwrap());
        assert!(code == Some(6) || (code == Some(0) && !open), "write {number}: {code:?} {said}");
        if open {
            for part in ["is not finished (at ", "Deployment/db", "the same `deploy` resumes it"] {
                assert!(said.contains(part), "write {number}, {part}: {said}");
            }
            assert!(first_line(&bench).starts_with("UNFINISHED"), "write {number}");
        }
        bench.deploy(&[]).ok();
        assert!(bench.find(&format!("{}/db", kind.to_lowercase())).is_some());
        watch::holds(&bench, End::Committed);
    }
    assert!(number > 6, "only {number} writes were seen");
}

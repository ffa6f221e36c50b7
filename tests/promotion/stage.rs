//! What the cases are played on: a release with a database, consent to its plan, faults and kills.

use crate::bench::{Bench, Ran, Run, bench, text, wait_for};
use crate::watch;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use std::fs;
use std::path::PathBuf;
use std::process::Child;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use testbed::Faults;
use testbed::faults::{Fault, Request, Rule};

/// The intent with the database as this kind; `more` are lines below it.
pub(crate) fn configure(bench: &Bench, kind: &str, more: &str) {
    configure_with(bench, kind, "{accessModes: [ReadWriteMany]}", more);
}

/// The same with this volume.
pub(crate) fn configure_with(bench: &Bench, kind: &str, volume: &str, more: &str) {
    bench.configure(&format!(
        "apiVersion: aspire-k8s/v1\napplication: app\nresources:\n  db:\n    workload: {kind}\n    volumes: {{data: {volume}}}\n{more}"
    ));
}

/// A release whose database has this kind. Its old pods need a moment to end.
pub(crate) fn released(prefix: &str, kind: &str) -> Option<Bench> {
    let bench = bench(prefix)?;
    configure(&bench, kind, "    podAnnotations: {testbed.dev/terminate-delay: 1s}\n");
    bench.deploy(&[]).ok();
    wait_until_ready(&bench, kind);
    Some(bench)
}

/// Waits until the database of this kind is ready.
pub(crate) fn wait_until_ready(bench: &Bench, kind: &str) {
    wait_for("the database", || {
        let live = bench.find(&format!("{}/db", kind.to_lowercase()))?;
        (live["status"]["readyReplicas"].is_u64() && live["status"]["readyReplicas"] == live["spec"]["replicas"])
            .then_some(())
    });
}

/// The hash in the hint of a refusal.
pub(crate) fn hash_in(refused: &Ran) -> String {
    let rest = refused.err.split("--confirm ").nth(1).unwrap_or_else(|| panic!("no hash: {refused}"));
    rest.split_whitespace().next().unwrap().to_owned()
}

/// What the plan is called, as the refusal says it.
pub(crate) fn hash(bench: &Bench) -> String {
    hash_in(&bench.deploy(&[]).exits(3).says(&["would change its kind", "--accept downtime"]))
}

/// A deploy that was agreed to.
pub(crate) fn agreed(bench: &Bench, more: &[&str]) -> Run {
    let hash = hash(bench);
    bench.deploy(&[&["--confirm", &hash, "--accept", "downtime"], more].concat())
}

pub(crate) fn promote(bench: &Bench, wish: &[&str]) -> Run {
    bench.run(&[&["promote", "app", "-n", &bench.ns], wish].concat())
}

pub(crate) fn rollback(bench: &Bench, more: &[&str]) -> Run {
    bench.run(&[&["rollback", "app", "-n", &bench.ns], more].concat())
}

/// A run whose requests pass the proxy.
pub(crate) fn through(run: Run, faults: &Faults) -> Run {
    run.env("KUBECONFIG", faults.kubeconfig())
}

/// The database runs as this kind, and only as this one.
#[track_caller]
pub(crate) fn runs_as(bench: &Bench, kind: &str) {
    let (this, other) =
        if kind == "Deployment" { ("deployment/db", "statefulset/db") } else { ("statefulset/db", "deployment/db") };
    assert_eq!(bench.get(this)["status"]["readyReplicas"], bench.get(this)["spec"]["replicas"]);
    assert_eq!(bench.find(other), None);
}

/// A part of the journal.
pub(crate) fn journal(bench: &Bench) -> Value {
    watch::journal(bench).unwrap()
}

/// Writes a pod's finalizers: with one it never goes.
pub(crate) fn hold(bench: &Bench, finalizers: &Value) {
    let pod = bench.list("pods").into_iter().find(|pod| watch::claims_of(pod).contains("db-data")).unwrap();
    bench.apply(&json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": pod["metadata"]["name"], "finalizers": finalizers}}));
}

/// Sends a signal; the process may have ended by itself.
pub(crate) fn kill(process: u32, signal: Signal) {
    let _ = kill_process(Pid::from_raw(process.cast_signed()).unwrap(), signal);
}

/// A helm that writes down the processes that it runs as.
pub(crate) struct Helm {
    file: PathBuf,
    /// The program.
    pub path: PathBuf,
}

impl Helm {
    /// A helm of this version.
    pub(crate) fn new(bench: &Bench, version: &str) -> Self {
        let file = bench.path("processes");
        let real = bench.plane.helm(version);
        let text = format!("#!/bin/sh\necho $$ >>{}\nexec {} \"$@\"\n", file.display(), real.display());
        Self { file, path: bench.script("marks/helm", &text) }
    }
}

fn last(file: &PathBuf) -> u32 {
    fs::read_to_string(file).unwrap().lines().last().unwrap().parse().unwrap()
}

/// Whether a request writes the journal.
pub(crate) fn is_journal(request: &Request, ns: &str) -> bool {
    request.is_write()
        && !request.is_from_helm()
        && request.path.contains(&format!("/namespaces/{ns}/configmaps"))
        && String::from_utf8_lossy(&request.body).contains("aspire-transition-")
}

/// A write of helm to objects of this kind; some helms make them with POST, others with PATCH.
pub(crate) fn helms(bench: &Bench, resource: &str) -> impl Fn(&Request) -> bool + Send + Sync + 'static {
    let path = format!("/namespaces/{}/{resource}", bench.ns);
    move |request| request.is_from_helm() && request.is_write() && request.path.contains(&path)
}

/// Kills the run at the `number`-th request that fits, and helm when it is helm's; the request arrives, or it does not.
/// Whether it came to that.
pub(crate) fn killed_at(
    run: Run,
    helm: &Helm,
    faults: &Faults,
    number: u32,
    arrives: bool,
    fits: impl Fn(&Request) -> bool + Send + Sync + 'static,
) -> bool {
    let process = Arc::new(AtomicU32::new(0));
    let (known, file) = (Arc::clone(&process), helm.file.clone());
    let end = move |request: &Request| {
        while known.load(Ordering::SeqCst) == 0 {
            std::thread::yield_now();
        }
        kill(known.load(Ordering::SeqCst), Signal::KILL);
        if request.is_from_helm() {
            kill(last(&file), Signal::KILL);
        }
    };
    let fault = if arrives {
        Fault::CallAfter(Arc::new(end))
    } else {
        Fault::Call(Arc::new(move |request| {
            end(request);
            false
        }))
    };
    let rule: Rule = faults.inject(fault, number, 1, fits);
    let child = through(run, faults).env("HELM_BIN", &helm.path).spawn();
    process.store(child.id(), Ordering::SeqCst);
    let code = end_of(child);
    faults.heal();
    assert!(rule.happened() == code.is_none(), "request {number}: {code:?}");
    rule.happened()
}

/// The exit code of a run, when it has ended.
pub(crate) fn end_of(mut child: Child) -> Option<i32> {
    wait_for("the end of the run", || child.try_wait().unwrap()).code()
}

/// Runs it again as long as a helm of a killed run is still at work.
pub(crate) fn when_free(mut run: impl FnMut() -> Run) -> Ran {
    wait_for("a run that is not refused", || {
        let ran = run().end();
        let busy = ran.code == Some(3) && ran.err.contains("is being worked on by helm");
        (!busy).then_some(ran)
    })
}

/// The status of a revision in helm's record.
pub(crate) fn status(bench: &Bench, revision: u32) -> String {
    let release = bench.find(&format!("secret/sh.helm.release.v1.app.v{revision}"));
    release.map(|object| text(&object["metadata"]["labels"]["status"]).to_owned()).unwrap_or_default()
}

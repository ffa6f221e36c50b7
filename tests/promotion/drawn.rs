//! Faults, kills and hostile actions drawn at random, against the program on the real control plane.
//!
//! They happen at the n-th request of a kind, so that they meet the program in its work and not beside it. A schedule is its
//! seed: `PROMOTION_SEED=7` plays that one alone, `PROMOTION_REAL_SCHEDULES=200` plays more.

use crate::bench::{Bench, Run, text, wait_for};
use crate::schedules::{Draw, seeds};
use crate::stage::{Helm, agreed, configure, kill, promote, released, through, wait_until_ready};
use crate::watch::{self, End};
use rustix::process::Signal;
use serde_json::json;
use std::fs;
use std::io::Read as _;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use testbed::faults::{Fault, Request};
use testbed::{ControlPlane, Faults};

/// Runs of the program, until nothing is done to it any more.
const HARMED: usize = 3;

/// Schedules at once.
const AT_ONCE: usize = 3;

/// What is done, at a request.
#[derive(Debug, Clone, Copy)]
enum Harm {
    /// The program and its helm are killed before the API server sees the request, or when it has done it.
    Kill { done: bool },
    /// The program alone is killed.
    KillAlone,
    /// The request is answered with this code.
    Answer(u16),
    /// The request is done, and the answer is lost.
    Lose,
    /// Somebody scales up whatever stands at zero.
    ScaleUp,
    /// The pods are asked to end.
    Evict,
    /// Somebody writes to the workloads.
    Touch,
}

const HARMS: [Harm; 11] = [
    Harm::Kill { done: false },
    Harm::Kill { done: true },
    Harm::KillAlone,
    Harm::Answer(409),
    Harm::Answer(422),
    Harm::Answer(500),
    Harm::Lose,
    Harm::ScaleUp,
    Harm::ScaleUp,
    Harm::Evict,
    Harm::Touch,
];

/// The database and the objects around it.
struct Place {
    plane: &'static ControlPlane,
    ns: String,
}

impl Place {
    fn kubectl(&self, arguments: &[&str]) -> String {
        // What is gone meanwhile is no matter.
        self.plane.kubectl(&[&["-n", &self.ns], arguments].concat()).unwrap_or_default()
    }

    fn scale_up(&self) {
        let workloads = self.plane.list("deployments,statefulsets", &self.ns).unwrap_or_default();
        for object in workloads.iter().filter(|object| object["spec"]["replicas"] == 0) {
            let name = format!("{}/{}", text(&object["kind"]), text(&object["metadata"]["name"]));
            self.kubectl(&["scale", &name, "--replicas=1"]);
        }
    }
}

/// A run, and who must be killed.
struct Victim {
    process: Arc<AtomicU32>,
    helms: std::path::PathBuf,
}

impl Victim {
    fn kill(&self, helm_too: bool) {
        while self.process.load(Ordering::SeqCst) == 0 {
            thread::yield_now();
        }
        kill(self.process.load(Ordering::SeqCst), Signal::KILL);
        let helms = fs::read_to_string(&self.helms).unwrap_or_default();
        if helm_too && let Some(helm) = helms.lines().last().and_then(|line| line.parse().ok()) {
            kill(helm, Signal::KILL);
        }
    }
}

fn fault(harm: Harm, bench: &Bench, process: &Arc<AtomicU32>) -> Fault {
    let place = Place { plane: bench.plane, ns: bench.ns.clone() };
    let victim = Victim { process: Arc::clone(process), helms: bench.path("processes") };
    let beside = |action: Box<dyn Fn() + Send + Sync>| {
        Fault::Call(Arc::new(move |_: &Request| {
            action();
            true
        }))
    };
    match harm {
        Harm::Kill { done: true } => Fault::CallAfter(Arc::new(move |_: &Request| victim.kill(true))),
        Harm::Kill { done: false } => Fault::Call(Arc::new(move |_: &Request| {
            victim.kill(true);
            false
        })),
        Harm::KillAlone => beside(Box::new(move || victim.kill(false))),
        Harm::Answer(code) => Fault::Answer(code, None),
        Harm::Lose => Fault::CutAfter,
        Harm::ScaleUp => beside(Box::new(move || place.scale_up())),
        Harm::Evict => beside(Box::new(move || {
            place.kubectl(&["delete", "pods", "-l", "app.kubernetes.io/component=db", "--wait=false"]);
        })),
        Harm::Touch => beside(Box::new(move || {
            place.kubectl(&["annotate", "deployments,statefulsets", "--all", "touched=yes", "--overwrite"]);
        })),
    }
}

/// Plays a run with harm done to it, to its end; its exit code, none when it was killed.
fn play(
    run: Run,
    bench: &Bench,
    faults: &Faults,
    helm: &Helm,
    draw: &mut Draw,
    harms: usize,
    told: &mut Vec<String>,
) -> Option<i32> {
    let process = Arc::new(AtomicU32::new(0));
    for _ in 0..harms {
        let harm = *draw.pick(&HARMS);
        let (reads, number) = (draw.once_in(3), u32::try_from(1 + draw.below(14)).unwrap());
        told.push(format!("{harm:?} at {} {number}", if reads { "look" } else { "write" }));
        let ns = bench.ns.clone();
        faults.inject(fault(harm, bench, &process), number, 1, move |request| {
            let here = request.path.contains(&format!("/namespaces/{ns}/"));
            let looks = request.path.contains("/pods") || request.path.contains("/replicasets");
            let counts = if reads { !request.is_write() && looks } else { request.is_write() };
            here && counts && !request.path.contains("/leases")
        });
    }
    let mut child = through(run, faults).env("HELM_BIN", &helm.path).piped();
    process.store(child.id(), Ordering::SeqCst);
    let code = wait_for("the end of the run", || child.try_wait().unwrap()).code();
    faults.heal();
    let mut said = String::new();
    // What was killed may have left half a letter.
    let _ = child.stderr.take().map(|mut pipe| pipe.read_to_string(&mut said));
    let error = said.lines().find(|line| line.starts_with("error[")).unwrap_or_default();
    told.push(format!("ended with {code:?} {error}"));
    code
}

/// One schedule; how it ended.
fn schedule(seed: u64, told: &mut Vec<String>) -> Option<String> {
    let mut draw = Draw::new(seed);
    let kinds = ["Deployment", "StatefulSet"];
    let from = draw.below(2);
    let (from, to) = (kinds[from], kinds[1 - from]);
    let bench = released(&format!("drawn{seed}"), from)?;
    let (faults, helm) = (Faults::start(bench.plane).unwrap(), Helm::new(&bench, "4.2.4"));
    // Longer than helm needs to make the other one.
    let ends = format!("testbed.dev/terminate-delay={}s", 2 + draw.below(3));
    let pods = ["annotate", "pods", "-n", &bench.ns, "-l", "app.kubernetes.io/component=db", "--overwrite", &ends];
    bench.plane.kubectl(&pods).unwrap();
    let never = draw.once_in(5);
    let behaviour = if never { "testbed.dev/behavior: never-ready" } else { "testbed.dev/ready-delay: 300ms" };
    told.push(format!("{from} -> {to}, {behaviour}"));
    configure(&bench, to, &format!("    podAnnotations: {{testbed.dev/terminate-delay: 500ms, {behaviour}}}\n"));
    let timeout = ["--timeout", if never { "8s" } else { "20s" }];
    let mut run = agreed(&bench, &timeout);
    for round in 0..10 {
        let harms = if round < HARMED { 1 + draw.below(2) } else { 0 };
        play(run, &bench, &faults, &helm, &mut draw, harms, told);
        let phase = watch::journal(&bench).map(|journal| text(&journal["phase"]).to_owned());
        told.push(format!("at {phase:?}"));
        let stays = match phase.as_deref() {
            Some("committed") => to,
            Some("rolled-back") => from,
            None => {
                run = agreed(&bench, &timeout);
                continue;
            }
            Some(_) => {
                let back = draw.once_in(3);
                told.push((if back { "promote --abort" } else { "deploy" }).to_owned());
                run = if back { promote(&bench, &["--abort", "--timeout", "20s"]) } else { bench.deploy(&timeout) };
                continue;
            }
        };
        wait_until_ready(&bench, stays);
        // A pod that was asked to end is replaced before it is gone.
        watch::holds_with(&bench, if stays == to { End::Committed } else { End::RolledBack }, 9);
        return phase;
    }
    panic!("it has no end: {:?}", watch::journal(&bench).unwrap_or(json!(null)));
}

// Rule: whatever happens at whatever request, every promise is kept, and it ends well (`machine::next`).
#[test]
fn every_drawn_schedule_ends_well_on_the_control_plane() {
    let seeds = seeds(20, "PROMOTION_REAL_SCHEDULES");
    let (next, ends) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..AT_ONCE.min(seeds.len()) {
            scope.spawn(|| {
                while let Some(seed) = seeds.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let mut told = Vec::new();
                    let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| schedule(*seed, &mut told)));
                    let good = ended.is_ok();
                    let line = format!("PROMOTION_SEED={seed}: {:?}: {}", ended.ok().flatten(), told.join("; "));
                    println!("{line}");
                    ends.lock().unwrap().push((good, line));
                }
            });
        }
    });
    let failed: Vec<String> =
        ends.into_inner().unwrap().into_iter().filter(|(good, _)| !good).map(|(_, line)| line).collect();
    assert_eq!(failed, [""; 0]);
}

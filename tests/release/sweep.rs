//! After every interruption at every point, one repeat of the same command ends in the state that was asked for, or says
//! truly what is there and what to do: the proof, for every verb that writes.
//!
//! A run is told to end, or killed, at its N-th request to the API server (before the server sees it, or once it has
//! answered) and when its helm starts; then the same command runs once more. What the namespace holds then must be what an
//! undisturbed run leaves. Every run has a proxy of its own, so that all requests there are its own and its helm's.
//!
//! `ASPIRE_SWEEP=full cargo test --test release sweep -- --nocapture` goes through all points with helm 3.22 and 4.3 and
//! prints its figures; `ASPIRE_SWEEP_MINUTES` bounds it, `ASPIRE_SWEEP_SEED` draws other points. Without it a sample is drawn.

use crate::bench::{Bench, CONFIG, Ran, Run, bench, text, wait_for};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use testbed::Faults;

const SIGNALS: [Signal; 4] = [Signal::KILL, Signal::INT, Signal::TERM, Signal::HUP];

/// Where a run is disturbed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// At this request, before the API server sees it or once it has answered.
    Request(u32, bool),
    /// When the helm that changes something starts.
    Helm,
}

/// One disturbance.
#[derive(Debug, Clone, Copy)]
struct Point {
    place: Place,
    signal: Signal,
    /// Whether a killed run takes its helm with it.
    with_helm: bool,
}

/// One verb in one situation.
struct Scenario {
    name: &'static str,
    /// Brings the namespace to where the verb begins.
    prepare: fn(&Stand, u32),
    /// The command; the number of the round says which of two states it is to bring.
    command: fn(&Stand, u32) -> Vec<String>,
    /// What a repeat may say instead of being done, because it was done already.
    settled: &'static [&'static str],
}

const SCENARIOS: [Scenario; 7] = [
    Scenario { name: "first deploy", prepare: |stand, _| stand.clear(), command: deploy, settled: &[] },
    Scenario { name: "upgrade", prepare: |stand, round| stand.deployed(round + 1), command: deploy, settled: &[] },
    Scenario {
        name: "workload migration",
        prepare: |stand, round| {
            stand.kind(round + 1);
            stand.migrated();
            stand.kind(round);
        },
        command: |stand, _| stand.agreed(),
        settled: &[],
    },
    Scenario {
        name: "rollback",
        prepare: |stand, round| {
            stand.deployed(round);
            stand.deployed(round + 1);
        },
        command: |stand, _| {
            let back = stand.revision() - 1;
            words(&["rollback", "app", "-n", &stand.bench.ns, &back.to_string(), "--no-wait"])
        },
        settled: &[],
    },
    Scenario {
        name: "destroy",
        prepare: |stand, round| stand.deployed(round),
        command: |stand, _| words(&["destroy", "app", "-n", &stand.bench.ns, "--yes"]),
        settled: &["nothing to destroy"],
    },
    Scenario {
        name: "destroy with data",
        prepare: |stand, round| stand.deployed(round),
        command: |stand, _| words(&["destroy", "app", "-n", &stand.bench.ns, "--yes", "--delete-data"]),
        settled: &["nothing to destroy"],
    },
    Scenario {
        name: "deploy with a chart of others",
        prepare: |stand, _| {
            stand.clear();
            stand.bench.configure(&format!(
                "{CONFIG}charts:\n  plain: {{chart: ../src/plain, namespace: {}, destroy: true}}\n",
                stand.bench.ns
            ));
        },
        command: deploy,
        settled: &[],
    },
];

fn words(all: &[&str]) -> Vec<String> {
    all.iter().map(|word| (*word).to_owned()).collect()
}

fn deploy(stand: &Stand, round: u32) -> Vec<String> {
    let (ns, token) = (&stand.bench.ns, format!("token=state-{}", round % 2));
    words(&[
        "deploy",
        "app",
        "-n",
        ns,
        "--non-interactive",
        "--no-wait",
        "--parameter",
        &token,
        "--parameter",
        PASSWORD,
    ])
}

/// Given, because one that is made differs from run to run.
const PASSWORD: &str = "db-password=given-once";

/// A namespace with a proxy and a helm of its own.
struct Stand {
    bench: Bench,
    faults: Faults,
    helm: std::path::PathBuf,
    /// Every process that a helm which changes something ran as.
    processes: std::path::PathBuf,
}

impl Stand {
    fn new(version: &str) -> Option<Self> {
        let bench = bench("sweep")?;
        bench.write("src/plain/Chart.yaml", "apiVersion: v2\nname: plain\nversion: 1.0.0\n");
        bench.write(
            "src/plain/templates/a.yaml",
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: plain}\ndata: {a: b}\n",
        );
        let processes = bench.write("processes", "");
        let real = bench.plane.helm(version);
        // At the start of a helm that changes something, the run that started it hears of it first.
        let script = format!(
            "#!/bin/sh\ncase \"$1 $*\" in *--dry-run*) ;; upgrade*|rollback*|uninstall*)\n  echo $$ >>{}\n  \
             [ -n \"$SWEEP_SIGNAL\" ] && kill -$SWEEP_SIGNAL $PPID && [ -n \"$SWEEP_BOTH\" ] && kill -9 $$\nesac\nexec {} \"$@\"\n",
            processes.display(),
            real.display()
        );
        let helm = bench.script("sweep/helm", &script);
        let faults = Faults::start(bench.plane).unwrap();
        Some(Self { bench, faults, helm, processes })
    }

    fn run(&self, arguments: &[String]) -> Run {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        self.bench.run(&arguments).env("HELM_BIN", &self.helm)
    }

    fn deployed(&self, round: u32) {
        self.bench.configure(CONFIG);
        self.run(&deploy(self, round)).ok();
    }

    fn clear(&self) {
        self.bench.configure(CONFIG);
        let done = self.run(&words(&["destroy", "app", "-n", &self.bench.ns, "--yes", "--delete-data"])).end();
        assert!(matches!(done.code, Some(0 | 1)), "{done}");
    }

    /// The database is this kind of workload.
    fn kind(&self, round: u32) {
        let kind = if round.is_multiple_of(2) { "StatefulSet" } else { "Deployment" };
        let db = format!("{{workload: {kind}, volumes: {{data: {{accessModes: [ReadWriteMany]}}}}}}");
        self.bench.configure(&format!("{CONFIG}resources: {{db: {db}}}\n"));
    }

    fn migrated(&self) {
        let command = self.agreed();
        self.run(&command).ok();
    }

    /// A deploy with all that it asks to be agreed to.
    fn agreed(&self) -> Vec<String> {
        let plain = deploy(self, 0);
        let asked = self.run(&plain).end();
        let hash = asked.err.split("--confirm ").nth(1).and_then(|rest| rest.split_whitespace().next());
        let more = hash.map_or_else(Vec::new, |hash| words(&["--confirm", hash, "--accept", "downtime"]));
        [plain, more].concat()
    }

    fn revision(&self) -> u64 {
        let records = self.bench.list("secrets").into_iter().filter(|secret| secret["type"] == "helm.sh/release.v1");
        let numbers = records.filter(|record| record["metadata"]["labels"]["name"] == "app");
        numbers.filter_map(|record| text(&record["metadata"]["labels"]["version"]).parse().ok()).max().unwrap_or(0)
    }

    /// What the namespace holds, without what differs from run to run.
    fn state(&self) -> BTreeMap<String, Value> {
        let kinds = "secrets,configmaps,persistentvolumeclaims,services,deployments,statefulsets,leases";
        let mut found = BTreeMap::new();
        let mut last: BTreeMap<String, (u64, String)> = BTreeMap::new();
        for mut object in self.bench.list(kinds) {
            let metadata = object["metadata"].take();
            let name = format!("{}/{}", text(&object["kind"]), text(&metadata["name"]));
            if object["type"] == "helm.sh/release.v1" {
                // Which revisions there are differs; what the last one is does not.
                let (labels, of) = (&metadata["labels"], text(&metadata["labels"]["name"]).to_owned());
                let number = text(&labels["version"]).parse().unwrap();
                let place = last.entry(of).or_default();
                if number > place.0 {
                    *place = (number, text(&labels["status"]).to_owned());
                }
                continue;
            }
            if name == "ConfigMap/kube-root-ca.crt" {
                continue;
            }
            let mut object = settled(object);
            object["labels"] = metadata["labels"].clone();
            object["annotations"] = settled(json!({"metadata": metadata["annotations"]}))["metadata"].take();
            object["going"] = json!(metadata["deletionTimestamp"].is_string());
            found.insert(name, object);
        }
        found.extend(last.into_iter().map(|(name, (_, status))| (format!("release {name}"), json!(status))));
        found
    }

    /// Runs the command disturbed. How it ended, or none where the point was never reached.
    fn disturbed(&self, command: &[String], point: Point) -> Option<Ran> {
        let process = Arc::new(AtomicU32::new(0));
        let (known, processes) = (Arc::clone(&process), self.processes.clone());
        let signal = move |_: &testbed::faults::Request| {
            while known.load(Ordering::SeqCst) == 0 {
                std::thread::yield_now();
            }
            kill(known.load(Ordering::SeqCst), point.signal);
            if point.signal == Signal::KILL && point.with_helm {
                let all = fs::read_to_string(&processes).unwrap();
                all.lines().last().and_then(|last| last.parse().ok()).into_iter().for_each(|it| kill(it, Signal::KILL));
            }
        };
        fs::write(&self.processes, "").unwrap();
        let mut run = self.run(command).env("KUBECONFIG", self.faults.kubeconfig());
        let rule = match point.place {
            Place::Request(number, answered) => Some(self.faults.signal_at(number, answered, |_| true, signal)),
            Place::Helm => {
                run = run.env("SWEEP_SIGNAL", name_of(point.signal));
                if point.signal == Signal::KILL && point.with_helm {
                    run = run.env("SWEEP_BOTH", "1");
                }
                None
            }
        };
        let ran = run.end_telling(&process);
        self.faults.heal();
        let reached = rule.map_or_else(|| !fs::read_to_string(&self.processes).unwrap().is_empty(), |it| it.happened());
        reached.then_some(ran)
    }

    /// Waits until no helm of a killed run lives any more; only where the verb itself does not.
    fn wait_for_helms(&self) {
        let all = fs::read_to_string(&self.processes).unwrap();
        for process in all.lines().filter_map(|line| line.parse().ok()) {
            wait_for("the end of helm", || {
                kubectl_aspire::internals::cluster::start_time(process).is_none().then_some(())
            });
        }
    }
}

/// An object without what the API server and controllers write, and without counters that only must agree.
fn settled(mut object: Value) -> Value {
    const OF_OTHERS: [&str; 4] = ["deployment.kubernetes.io/revision", "clusterIP", "clusterIPs", "volumeName"];
    match &mut object {
        Value::Object(fields) => {
            fields.retain(|name, _| name != "status" && !OF_OTHERS.contains(&name.as_str()));
            fields.retain(|name, _| !name.starts_with("pv.kubernetes.io/") && !name.starts_with("volume."));
            for (name, value) in fields.iter_mut() {
                let counts = ["aspire-k8s/secrets", "aspire-k8s/revision", "aspire-k8s/last-revision"];
                if counts.iter().any(|counter| name.starts_with(counter)) {
                    *value = json!("counted");
                }
                if name == "journal" {
                    // What it went through differs; that it is over does not.
                    let journal: Value = serde_json::from_str(text(value)).unwrap_or_default();
                    *value = journal["phase"].clone();
                }
                *value = settled(value.take());
            }
        }
        Value::Array(list) => list.iter_mut().for_each(|value| *value = settled(value.take())),
        _ => {}
    }
    object
}

fn kill(process: u32, signal: Signal) {
    // It may have ended by itself.
    let _ = kill_process(Pid::from_raw(process.cast_signed()).unwrap(), signal);
}

fn name_of(signal: Signal) -> &'static str {
    match signal {
        Signal::KILL => "KILL",
        Signal::INT => "INT",
        Signal::TERM => "TERM",
        _ => "HUP",
    }
}

/// How a case ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// The point was never reached: there are no more.
    Beyond,
    /// The first run was done all the same.
    Undisturbed,
    /// The repeat brought what was asked for.
    Repeated,
}

/// Plays one case: what it came to, or what is wrong.
fn play(
    stand: &Stand,
    scenario: &Scenario,
    point: Point,
    expected: &mut [Option<BTreeMap<String, Value>>; 2],
) -> Result<Outcome, String> {
    static ROUND: AtomicU32 = AtomicU32::new(0);
    let round = ROUND.fetch_add(1, Ordering::SeqCst);
    let side = (round % 2) as usize;
    if expected[side].is_none() {
        (scenario.prepare)(stand, round);
        let command = (scenario.command)(stand, round);
        stand.run(&command).ok();
        expected[side] = Some(stand.state());
    }
    (scenario.prepare)(stand, round);
    let command = (scenario.command)(stand, round);
    let Some(first) = stand.disturbed(&command, point) else { return Ok(Outcome::Beyond) };
    let mut said = first.to_string();
    let mut outcome = Outcome::Undisturbed;
    if first.code != Some(0) {
        let again = stand.run(&command).end();
        let is_settled = scenario.settled.iter().any(|words| again.err.contains(words));
        said = format!("{said}\n--- again\n{again}");
        if again.code != Some(0) && !is_settled {
            stand.wait_for_helms();
            return Err(said);
        }
        outcome = Outcome::Repeated;
    }
    stand.wait_for_helms();
    let (wanted, found) = (expected[side].as_ref().unwrap(), stand.state());
    if *wanted == found {
        return Ok(outcome);
    }
    let names: BTreeSet<&String> = wanted.keys().chain(found.keys()).collect();
    let differs = names.into_iter().filter(|name| wanted.get(*name) != found.get(*name));
    let shown = |side: Option<&Value>| side.map_or("nothing".to_owned(), Value::to_string);
    let lines: Vec<String> = differs
        .map(|name| format!("{name}\n  wanted {}\n  found  {}", shown(wanted.get(name)), shown(found.get(name))))
        .collect();
    Err(format!("{}\n{said}", lines.join("\n")))
}

/// Small, seeded numbers: the same seed draws the same points.
struct Draw(u64);

impl Draw {
    fn below(&mut self, bound: u32) -> u32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        u32::try_from((self.0 >> 33) % u64::from(bound)).unwrap()
    }
}

/// All that was played, and what went wrong.
#[derive(Default)]
struct Figures {
    cases: u32,
    repeated: u32,
    wrong: Vec<String>,
    lines: Vec<String>,
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

#[test]
fn sweep() {
    if bench("sweep").is_none() {
        return;
    }
    let full = std::env::var("ASPIRE_SWEEP").is_ok_and(|word| word == "full");
    let limit = number("ASPIRE_SWEEP_MINUTES").map_or(Duration::MAX, |minutes| Duration::from_secs(60 * minutes));
    let (start, seed) = (Instant::now(), number("ASPIRE_SWEEP_SEED").unwrap_or(12));
    let figures = Mutex::new(Figures::default());
    // A sample is drawn for three scenarios at a time: most of its time is spent waiting.
    let (versions, together) = if full { (&["3.22.0", "4.3.1"][..], SCENARIOS.len()) } else { (&["4.2.4"][..], 3) };
    std::thread::scope(|scope| {
        for (version, scenarios) in
            versions.iter().flat_map(|one| SCENARIOS.chunks(together).map(move |some| (one, some)))
        {
            let figures = &figures;
            scope.spawn(move || {
                for (index, scenario) in scenarios.iter().enumerate() {
                    if full {
                        all_points(version, scenario, seed, share(limit, start, index), figures);
                    } else {
                        sample(version, scenario, seed, figures);
                    }
                }
            });
        }
    });
    let figures = figures.into_inner().unwrap();
    println!("{}", figures.lines.join("\n"));
    println!("{} cases, {} of them repeated, {} wrong", figures.cases, figures.repeated, figures.wrong.len());
    assert!(figures.wrong.is_empty(), "{}", figures.wrong.join("\n=====\n"));
}

/// The time of one scenario: what is left is for those that come after, too.
fn share(limit: Duration, start: Instant, index: usize) -> Duration {
    let left = u32::try_from(SCENARIOS.len() - index).unwrap_or(1);
    if limit == Duration::MAX { limit } else { limit.saturating_sub(start.elapsed()) / left }
}

fn note(
    figures: &Mutex<Figures>,
    version: &str,
    scenario: &Scenario,
    point: Point,
    ended: Result<Outcome, String>,
) -> bool {
    let mut figures = figures.lock().unwrap();
    match ended {
        Ok(Outcome::Beyond) => return false,
        Ok(outcome) => figures.repeated += u32::from(outcome == Outcome::Repeated),
        Err(what) => {
            let what = format!("helm {version}, {}, {point:?}:\n{what}", scenario.name);
            println!("{what}\n=====");
            figures.wrong.push(what);
        }
    }
    figures.cases += 1;
    true
}

/// A few points of a scenario: helm's start, and requests, with every signal in turn.
fn sample(version: &str, scenario: &Scenario, seed: u64, figures: &Mutex<Figures>) {
    let Some(stand) = Stand::new(version) else { return };
    let (mut draw, mut expected) = (Draw(seed ^ scenario.name.len() as u64), [None, None]);
    let signals = draw.below(4) as usize;
    for turn in 0..2 {
        let place = if turn == 0 { Place::Helm } else { Place::Request(1 + draw.below(30), draw.below(2) == 1) };
        let point = Point { place, signal: SIGNALS[(signals + turn) % 4], with_helm: draw.below(2) == 1 };
        let ended = play(&stand, scenario, point, &mut expected);
        note(figures, version, scenario, point, ended);
    }
}

/// Every point of a scenario, in an order that looks everywhere early, until there are no more or time is up.
fn all_points(version: &str, scenario: &Scenario, seed: u64, limit: Duration, figures: &Mutex<Figures>) {
    let Some(mut stand) = Stand::new(version) else { return };
    let (start, mut expected, mut draw) = (Instant::now(), [None, None], Draw(seed));
    let (mut most, mut played) = (u32::MAX, 0);
    let mut requests: Vec<u32> = (1..=400).collect();
    for index in (1..requests.len()).rev() {
        requests.swap(index, draw.below(u32::try_from(index).unwrap() + 1) as usize);
    }
    let places = std::iter::once(None).chain(requests.into_iter().map(Some));
    for request in places {
        if request.is_some_and(|request| request >= most) {
            continue;
        }
        let of_place: &[Place] =
            &request.map_or(vec![Place::Helm], |it| vec![Place::Request(it, false), Place::Request(it, true)]);
        for (place, signal) in of_place.iter().flat_map(|place| SIGNALS.iter().map(move |signal| (*place, *signal))) {
            if start.elapsed() > limit {
                break;
            }
            let point = Point { place, signal, with_helm: draw.below(2) == 1 };
            let ended = play(&stand, scenario, point, &mut expected);
            let wrong = ended.is_err();
            if !note(figures, version, scenario, point, ended) {
                most = most.min(request.unwrap_or(most));
                break;
            }
            played += 1;
            if wrong {
                // What went wrong once must not spoil what comes after.
                let Some(fresh) = Stand::new(version) else { return };
                (stand, expected) = (fresh, [None, None]);
            }
        }
    }
    let requests = if most == u32::MAX { "not counted".to_owned() } else { format!("fewer than {most}") };
    let line = format!("helm {version}, {}: {played} cases, requests: {requests}", scenario.name);
    figures.lock().unwrap().lines.push(line);
}

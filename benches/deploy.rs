//! What `deploy` costs over the bare helm command it runs, side by side on a control plane with fake pods, and where the
//! time goes. Prints the table of the docs.

mod applications;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;
use testbed::{ControlPlane, Level, available};

/// Workloads besides the database and the cache.
const PROJECTS: usize = 8;

/// Runs of each kind; the table shows medians.
const RUNS: usize = 9;

fn main() {
    if let Err(reason) = available(Level::A) {
        println!("not measured: {reason}");
        return;
    }
    let plane = ControlPlane::shared();
    let folder = tempfile::tempdir().expect("a folder");
    let (manifest, chart) = (folder.path().join("aspire-manifest.json"), folder.path().join("chart"));
    fs::write(&manifest, applications::manifest(PROJECTS)).expect("it can be written");
    let program = env!("CARGO_BIN_EXE_kubectl-aspire");
    succeed(Command::new(program).args(["render", "--tag", "1", "-o"]).arg(&chart).arg(&manifest), plane);
    let values = folder.path().join("values.json");
    fs::write(&values, r#"{"parameters": {"postgres-password": "a", "cache-password": "b"}}"#).expect("written");
    let ours = |namespace: &str| {
        let mut command = Command::new(program);
        command.args(["deploy", "-o", "json", "--tag", "1", "--release", "bench", "-n", namespace]).arg(&manifest);
        succeed(&mut command, plane)
    };
    let bare = |namespace: &str| {
        let mut command = Command::new(plane.helm("4.2.4"));
        command.args(["upgrade", "--install", "bench", "--create-namespace", "--wait", "--timeout", "300s"]);
        command.args(["--reset-values", "-n", namespace, "-f"]).arg(&values).arg(&chart);
        succeed(&mut command, plane)
    };
    println!("| | plain helm | deploy | overhead | limit |");
    println!("|---|---|---|---|---|");
    let (mut first, mut again) = (Pair::default(), Pair::default());
    for run in 0..RUNS {
        let (a, b) = (format!("bench-ours-{run}"), format!("bench-bare-{run}"));
        first.add(ours(&a), bare(&b));
        again.add(ours(&a), bare(&b));
        for namespace in [a, b] {
            let _ = plane.kubectl(&["delete", "namespace", &namespace, "--wait=false"]);
        }
    }
    first.print("first deploy");
    again.print("the same again");
    println!("\n| step of the same again | seconds |\n|---|---|");
    for (name, mut seconds) in again.steps {
        println!("| {name} | {:.3} |", median(&mut seconds));
    }
}

/// Seconds of both, run by run.
#[derive(Default)]
struct Pair {
    ours: Vec<f64>,
    bare: Vec<f64>,
    steps: BTreeMap<String, Vec<f64>>,
}

impl Pair {
    fn add(&mut self, (ours, said): (f64, String), (bare, _): (f64, String)) {
        self.ours.push(ours);
        self.bare.push(bare);
        for event in said.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok()) {
            if let (Some(step), Some(seconds)) = (event["step"].as_str(), event["seconds"].as_f64()) {
                self.steps.entry(step.to_owned()).or_default().push(seconds);
            }
        }
    }

    fn print(&mut self, what: &str) {
        let (ours, bare) = (median(&mut self.ours), median(&mut self.bare));
        println!("| {what} | {bare:.2} s | {ours:.2} s | {:.2} s | {:.2} s |", ours - bare, 1.5 + 0.05 * bare);
    }
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

/// Seconds that it took, and what it said.
fn succeed(command: &mut Command, plane: &ControlPlane) -> (f64, String) {
    let home = Path::new(env!("CARGO_TARGET_TMPDIR"));
    command.env_clear().envs(plane.env()).env("HOME", home).stdin(Stdio::null());
    let start = Instant::now();
    let output = command.output().expect("it starts");
    let seconds = start.elapsed().as_secs_f64();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    (seconds, String::from_utf8_lossy(&output.stdout).into_owned())
}

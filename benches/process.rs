//! The whole program, as a person runs it: `render` as a process into a new folder, again, and with another number of
//! replicas, beside `cp -r` of what it wrote and `helm template` of the very chart. Prints the table of docs/speed.md.
//!
//! CPU time is user and system time of finished children as the kernel counts them, averaged over many runs. Peak memory is
//! the high-water mark that the kernel keeps, read until the process ends.

mod applications;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Wall and CPU time of one run, averaged.
struct Cost {
    wall: Duration,
    cpu: Duration,
}

fn children_cpu() -> Duration {
    // Fields 16 and 17 of /proc/self/stat, in ticks of 10 ms; the name in field 2 may hold blanks.
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let rest = stat.rsplit(") ").next().unwrap_or_default();
    let ticks: u64 = rest.split(' ').skip(13).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 10)
}

fn measured(runs: u32, mut run: impl FnMut()) -> Cost {
    run();
    let (cpu, start) = (children_cpu(), Instant::now());
    for _ in 0..runs {
        run();
    }
    Cost { wall: start.elapsed() / runs, cpu: (children_cpu().saturating_sub(cpu)) / runs }
}

fn succeed(command: &mut Command) {
    let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status().expect("it starts");
    assert!(status.success(), "{command:?}");
}

/// Number of files in a folder, and their bytes.
fn size(folder: &Path) -> (usize, u64) {
    let entries = fs::read_dir(folder).expect("the folder is there").map(|entry| entry.expect("it can be read"));
    entries.fold((0, 0), |(files, bytes), entry| {
        let metadata = entry.metadata().expect("it can be read");
        let (more, larger) = if metadata.is_dir() { size(&entry.path()) } else { (1, metadata.len()) };
        (files + more, bytes + larger)
    })
}

/// Most memory that a run of a command holds, in bytes.
fn peak(command: &mut Command) -> u64 {
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
    let status = format!("/proc/{}/status", child.id());
    let mut most = 0;
    while child.try_wait().expect("it can be asked").is_none() {
        let text = fs::read_to_string(&status).unwrap_or_default();
        let mark = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kilobytes = mark.and_then(|mark| mark.trim().trim_end_matches(" kB").parse::<u64>().ok());
        most = most.max(kilobytes.unwrap_or_default() << 10);
    }
    most
}

fn main() {
    let program = env!("CARGO_BIN_EXE_kubectl-aspire");
    let helm = std::env::var_os("HELM_BIN").map_or_else(|| PathBuf::from("helm"), PathBuf::from);
    let has_helm = Command::new(&helm).arg("version").stdout(Stdio::null()).status().is_ok();
    println!(
        "| workloads | files | size | new: CPU, wall | again | replicas changed | `cp -r` | peak memory | helm template |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    for (projects, runs) in [(7_usize, 200_u32), (100, 50), (1_000, 10), (10_000, 3)] {
        let folder = tempfile::tempdir().expect("a folder");
        let (manifest, config) = (folder.path().join("aspire-manifest.json"), folder.path().join("aspire-k8s.yaml"));
        fs::write(&manifest, applications::manifest(projects)).expect("it can be written");
        let (chart, copy) = (folder.path().join("chart"), folder.path().join("copy"));
        let replicas = |count: u32| {
            let text = format!("application: bench\nresources: {{service-0: {{replicas: {count}}}}}\n");
            fs::write(&config, text).expect("it can be written");
        };
        replicas(1);
        let mut render = Command::new(program);
        render.args(["render", "--tag", "1", "-o"]).arg(&chart).arg(&manifest);
        let most = peak(&mut render);
        let rendered = without(&chart, runs, || succeed(&mut render));
        let again = measured(runs, || succeed(&mut render));
        let mut count = 1;
        let changed = measured(runs, || {
            count = 3 - count;
            replicas(count);
            succeed(&mut render);
        });
        let mut copying = Command::new("cp");
        copying.arg("-r").args([&chart, &copy]);
        let copied = without(&copy, runs, || succeed(&mut copying));
        let template = if projects <= 1_000 && has_helm {
            let values = folder.path().join("values.json");
            let text = r#"{"parameters": {"postgres-password": "a", "cache-password": "b"}}"#;
            fs::write(&values, text).expect("it can be written");
            let mut template = Command::new(&helm);
            template.args(["template", "bench"]).arg(&chart).arg("-f").arg(&values);
            measured(3, || succeed(&mut template)).to_string()
        } else {
            "not measured".into()
        };
        let (files, bytes) = size(&chart);
        println!(
            "| {} | {files} | {} | {rendered} | {again} | {changed} | {copied} | {}, {:.1} times the size | {template} |",
            projects + 2,
            megabytes(bytes),
            megabytes(most),
            ratio(most, bytes)
        );
    }
}

/// What each run of something costs that begins without a folder; removing it is not counted.
fn without(folder: &Path, runs: u32, mut run: impl FnMut()) -> Cost {
    let mut total = Cost { wall: Duration::ZERO, cpu: Duration::ZERO };
    for _ in 0..runs {
        let _ = fs::remove_dir_all(folder);
        let (cpu, start) = (children_cpu(), Instant::now());
        run();
        total.wall += start.elapsed();
        total.cpu += children_cpu().saturating_sub(cpu);
    }
    Cost { wall: total.wall / runs, cpu: total.cpu / runs }
}

impl std::fmt::Display for Cost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:.1} ms, {:.1} ms", ms(self.cpu), ms(self.wall))
    }
}

#[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
fn ratio(part: u64, whole: u64) -> f64 {
    part as f64 / whole as f64
}

fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", ratio(bytes, 1_000_000))
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

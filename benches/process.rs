//! The whole program, as a person runs it: CPU time of `render` as a process, beside just writing the same files, and
//! beside `helm template` of the very chart. Prints the table of the README.
//!
//! CPU time is user and system time of finished children as the kernel counts them, averaged over many runs.

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

fn files(folder: &Path, found: &mut Vec<(PathBuf, Vec<u8>)>, root: &Path) {
    for entry in fs::read_dir(folder).expect("the folder is there") {
        let path = entry.expect("it can be read").path();
        if path.is_dir() {
            files(&path, found, root);
        } else {
            let bytes = fs::read(&path).expect("it can be read");
            found.push((path.strip_prefix(root).expect("it lies inside").to_owned(), bytes));
        }
    }
}

fn write_all(files: &[(PathBuf, Vec<u8>)], folder: &Path) {
    for (path, bytes) in files {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().expect("it has a folder")).expect("it can be made");
        fs::write(path, bytes).expect("it can be written");
    }
}

fn main() {
    let program = env!("CARGO_BIN_EXE_kubectl-aspire");
    let helm = std::env::var_os("HELM_BIN").map_or_else(|| PathBuf::from("helm"), PathBuf::from);
    println!("| workloads | files | render, CPU | render, wall | writing the files | helm template |");
    println!("|---|---|---|---|---|---|");
    for (projects, runs) in [(8_usize, 200_u32), (100, 50), (1_000, 10), (10_000, 3)] {
        let folder = tempfile::tempdir().expect("a folder");
        let manifest = folder.path().join("aspire-manifest.json");
        fs::write(&manifest, applications::manifest(projects)).expect("it can be written");
        let chart = folder.path().join("chart");
        let mut render = Command::new(program);
        render.args(["render", "--tag", "1", "-o"]).arg(&chart).arg(&manifest);
        let rendered = measured(runs, || {
            let _ = fs::remove_dir_all(&chart);
            succeed(&mut render);
        });
        let mut written = Vec::new();
        files(&chart, &mut written, &chart);
        let copy = folder.path().join("copy");
        let mut writing = Duration::ZERO;
        for _ in 0..runs.min(10) {
            let _ = fs::remove_dir_all(&copy);
            let start = Instant::now();
            write_all(&written, &copy);
            writing += start.elapsed() / runs.min(10);
        }
        let template = if projects <= 1_000 && Command::new(&helm).arg("version").stdout(Stdio::null()).status().is_ok()
        {
            let values = folder.path().join("values.json");
            fs::write(&values, r#"{"parameters": {"postgres-password": "a", "cache-password": "b"}}"#)
                .expect("it can be written");
            let mut template = Command::new(&helm);
            template.args(["template", "bench"]).arg(&chart).arg("-f").arg(&values);
            let cost = measured(3, || succeed(&mut template));
            format!("{:.0} ms ({:.0} times)", ms(cost.wall), ms(cost.wall) / ms(rendered.wall))
        } else {
            "not measured".into()
        };
        println!(
            "| {} | {} | {:.1} ms | {:.1} ms | {:.1} ms | {template} |",
            projects + 2,
            written.len(),
            ms(rendered.cpu),
            ms(rendered.wall),
            ms(writing)
        );
    }
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

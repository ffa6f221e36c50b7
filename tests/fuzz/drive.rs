//! Runs the cases of a target: each within its memory, its work and its time, and without a panic.

use crate::count::{Work, during};
use crate::mutate::{Random, Seed, input};
use crate::targets::Target;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// What a case may take whatever its length: templates, tables of a parser, a masker.
const BASE: u64 = 16 << 20;

/// What each byte may take more. A byte of `[0,0,0]` becomes half a node of a tree, which has 32 to 72 bytes, is kept in a
/// vector that doubles, and is copied a few times on its way.
const PER_BYTE: u64 = 600;

/// So many times the bytes that it holds at once may a case allocate and give back.
const AGAIN: u64 = 16;

/// A case that takes longer hangs. Most take some ten microseconds.
const PATIENCE: Duration = Duration::from_secs(20);

/// The stack of a thread of the program.
const STACK: usize = 2 << 20;

/// Runs a range of the cases of a target; why the first of them failed.
pub(crate) fn run(target: &'static Target, seed: u64, cases: std::ops::Range<u64>) -> Result<Work, String> {
    let case = Arc::new(AtomicU64::new(cases.start));
    let done = Arc::new((Mutex::new(false), Condvar::new()));
    let guard = watch(target.name, seed, Arc::clone(&case), Arc::clone(&done));
    let worker = thread::Builder::new().name(target.name.to_owned()).stack_size(STACK);
    let worker = worker.spawn(move || run_here(target, seed, cases, &case)).expect("a thread should start");
    let result = worker.join().unwrap_or_else(|_| Err("the driver itself panicked".to_owned()));
    *done.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
    done.1.notify_all();
    drop(guard.join());
    result
}

/// Ends the process when a case does not end.
fn watch(
    target: &'static str,
    seed: u64,
    case: Arc<AtomicU64>,
    done: Arc<(Mutex<bool>, Condvar)>,
) -> thread::JoinHandle<()> {
    thread::spawn(move || {
        let mut ended = done.0.lock().unwrap_or_else(PoisonError::into_inner);
        while !*ended {
            let before = case.load(Ordering::Relaxed);
            let waited = done.1.wait_timeout(ended, PATIENCE).unwrap_or_else(PoisonError::into_inner);
            ended = waited.0;
            if waited.1.timed_out() && case.load(Ordering::Relaxed) == before && !*ended {
                eprintln!("{target} hangs: {}", again(target, seed, before));
                std::process::abort();
            }
        }
    })
}

fn again(target: &str, seed: u64, case: u64) -> String {
    format!("ASPIRE_FUZZ_SEED={seed} ASPIRE_FUZZ_CASE={target}:{case} cargo test --test fuzz cases")
}

fn run_here(target: &Target, seed: u64, cases: std::ops::Range<u64>, now: &AtomicU64) -> Result<Work, String> {
    let seeds: Vec<Seed> = (target.seeds)().into_iter().map(Seed::new).collect();
    let mut most = Work::default();
    let trace = std::env::var_os("ASPIRE_FUZZ_TRACE").is_some();
    for case in cases {
        now.store(case, Ordering::Relaxed);
        let input = input(&mut Random::of(seed, target.name, case), &seeds, target.tree);
        if trace {
            // A stack overflow ends the process without a word from here.
            keep(target.name, case, &input);
        }
        let (result, work) = during(|| catch_unwind(AssertUnwindSafe(|| (target.run)(&input))));
        let wrong = match result {
            Err(_) => Some("panics (see above)".to_owned()),
            Ok(()) => exceeds(&work, input.len()),
        };
        if let Some(wrong) = wrong {
            let file = keep(target.name, case, &input);
            let again = again(target.name, seed, case);
            return Err(format!("{} {wrong} on {} bytes, kept in {file}\n  {again}", target.name, input.len()));
        }
        most.peak = most.peak.max(work.peak);
        most.bytes = most.bytes.max(work.bytes);
        most.calls = most.calls.max(work.calls);
    }
    Ok(most)
}

fn exceeds(work: &Work, length: usize) -> Option<String> {
    let cap = BASE + PER_BYTE * length as u64;
    if work.peak > cap.cast_signed() {
        return Some(format!("holds {} bytes, and {cap} are the most", work.peak));
    }
    (work.bytes > AGAIN * cap).then(|| format!("allocates {} bytes, and {} are the most", work.bytes, AGAIN * cap))
}

fn keep(target: &str, case: u64, input: &[u8]) -> String {
    let file = std::env::temp_dir().join(format!("kubectl-aspire-fuzz-{target}-{case}"));
    match fs::write(&file, input) {
        Ok(()) => file.display().to_string(),
        Err(error) => format!("no file ({error})"),
    }
}

//! Every parser of texts from outside against inputs that nobody would write: none panics, overflows the stack, hangs, or takes
//! more memory or work than its input pays for.
//!
//! `cargo test --test fuzz` runs 100,000 cases. More, or other ones:
//!
//! ```text
//! ASPIRE_FUZZ_CASES=10000000 cargo test --release --test fuzz -- --nocapture
//! ASPIRE_FUZZ_SEED=7                   other inputs
//! ASPIRE_FUZZ_ONLY=manifest            one target
//! ASPIRE_FUZZ_CASE=manifest:1234       one case, as a failure names it
//! ASPIRE_FUZZ_TRACE=1                  keeps each input before it is tried, to find what overflows the stack
//! ```

mod count;
mod drive;
mod growth;
mod mutate;
mod targets;

use std::sync::Mutex;
use std::time::Instant;
use targets::{TARGETS, Target};

/// Cases of all targets together.
const CASES: u64 = 100_000;

/// Of the inputs.
const SEED: u64 = 12;

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} is a number, not {text}")))
}

/// The cases of a target. Cheap targets get more, so that each takes about the same time.
fn share(target: &Target) -> u64 {
    let all: u64 = TARGETS.iter().map(|target| target.share).sum();
    (number("ASPIRE_FUZZ_CASES").unwrap_or(CASES) * target.share).div_ceil(all)
}

/// The targets and cases that are asked for.
fn asked() -> Vec<(&'static Target, std::ops::Range<u64>)> {
    let find = |name: &str| {
        TARGETS.iter().find(|target| target.name == name).unwrap_or_else(|| panic!("there is no target {name}"))
    };
    if let Ok(one) = std::env::var("ASPIRE_FUZZ_CASE") {
        let (name, case) = one.split_once(':').expect("it has the form TARGET:NUMBER");
        let case = case.parse().expect("a case has a number");
        return vec![(find(name), case..case + 1)];
    }
    match std::env::var("ASPIRE_FUZZ_ONLY") {
        Ok(name) => vec![(find(&name), 0..share(find(&name)))],
        Err(_) => TARGETS.iter().map(|target| (target, 0..share(target))).collect(),
    }
}

#[test]
fn cases_stay_within_their_caps() {
    let seed = number("ASPIRE_FUZZ_SEED").unwrap_or(SEED);
    let (queue, failed) = (Mutex::new(asked().into_iter()), Mutex::new(Vec::new()));
    let next = || queue.lock().expect("no thread panics while it holds it").next();
    let work = || {
        while let Some((target, cases)) = next() {
            let (began, count) = (Instant::now(), cases.end - cases.start);
            match drive::run(target, seed, cases) {
                Ok(most) => {
                    println!("{:>12} {count:>9} cases {:>7.1} s {most:?}", target.name, began.elapsed().as_secs_f64());
                }
                Err(wrong) => failed.lock().expect("no thread panics while it holds it").push(wrong),
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..number("ASPIRE_FUZZ_THREADS").unwrap_or(2) {
            scope.spawn(work);
        }
    });
    let failed = failed.into_inner().expect("no thread panics while it holds it");
    assert!(failed.is_empty(), "{} targets failed:\n{}", failed.len(), failed.join("\n"));
}

#[test]
fn twice_the_input_is_twice_the_work() {
    let wrong: Vec<String> = growth::KINDS.iter().filter_map(growth::wrong).collect();
    assert!(wrong.is_empty(), "{} kinds of input cost more than they should:\n{}", wrong.len(), wrong.join("\n"));
}

//! Runs the steps of a graph: independent steps in parallel, each as soon as its dependencies are done.
//!
//! A failed step skips the steps that depend on it, and no others. Cleanup of steps runs at the end, in reverse order.
//! This module knows no step.

use super::event::{Event, Report};
use super::graph::{Ended, Graph};
use crate::pipeline::Error;
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

/// What bounds a run.
pub(crate) struct Limits<'a> {
    /// When the whole must be over.
    pub deadline: Instant,
    /// Whether a user told us to halt.
    pub stopped: &'a (dyn Fn() -> bool + Sync),
}

impl Limits<'_> {
    /// The time that is left.
    pub(crate) fn left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }
}

/// How a run goes: which part of it, what bounds it, and who hears of it.
pub(crate) struct RunOptions<'a> {
    /// Only this step and what it needs; none for all.
    pub only: Option<&'a str>,
    /// Its bounds.
    pub limits: Limits<'a>,
    /// Where events go.
    pub report: &'a Report<'a>,
}

enum State {
    Waiting,
    Running,
    Done,
    Failed,
}

/// Runs the steps. The error is that of the step that failed, or of all of them.
pub(crate) fn run<C: Sync>(graph: &Graph<'_, C>, context: &C, report: &Report, limits: &Limits) -> Result<(), Error> {
    let mut states: Vec<State> = graph.steps.iter().map(|_| State::Waiting).collect();
    let mut begun = Vec::new();
    let mut errors: Vec<(usize, Error)> = Vec::new();
    let mut halt: Option<Error> = None;
    thread::scope(|scope| {
        let (sender, receiver) = channel();
        loop {
            if halt.is_none() {
                halt = reason_to_stop(limits);
            }
            let mut ready = ready(graph, &states);
            ready.retain(|index| halt.is_none() || graph.steps[*index].is_free);
            for index in ready {
                states[index] = State::Running;
                begun.push(index);
                let (sender, step) = (sender.clone(), &graph.steps[index]);
                report(&Event::Started { step: step.listed.name.clone() });
                let work = move || {
                    let start = Instant::now();
                    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| (step.act)(context)));
                    let result = result.unwrap_or_else(|_| Err(Error::Defect(step.listed.name.clone())));
                    // The receiver waits for every step that was begun.
                    let _ = sender.send((index, result, start.elapsed()));
                };
                scope.spawn(work);
            }
            if !states.iter().any(|state| matches!(state, State::Running)) {
                return;
            }
            let Ok((index, result, took)) = receiver.recv() else { return };
            let step = graph.steps[index].listed.name.clone();
            match result {
                Ok(()) => {
                    states[index] = State::Done;
                    report(&Event::Finished { step, seconds: took.as_secs_f64() });
                }
                Err(error) => {
                    states[index] = State::Failed;
                    report(&Event::Failed { step, reason: error.to_string(), diagnostics: error.diagnostics() });
                    errors.push((index, error));
                }
            }
        }
    });
    say_what_was_left(graph, &states, halt.as_ref(), report);
    errors.sort_by_key(|(index, _)| *index);
    let mut errors: Vec<Error> = errors.into_iter().map(|(_, error)| error).collect();
    // An error that is there already says better what a halt interrupted.
    if errors.is_empty() && states.iter().any(|state| matches!(state, State::Waiting)) {
        errors.extend(halt);
    }
    clear_up(graph, context, &begun, errors)
}

fn reason_to_stop(limits: &Limits) -> Option<Error> {
    if (limits.stopped)() {
        Some(Error::Interrupted)
    } else if limits.left().is_zero() {
        Some(Error::TimeIsUp)
    } else {
        None
    }
}

fn ready<C>(graph: &Graph<'_, C>, states: &[State]) -> Vec<usize> {
    let done = |name: &String| {
        graph.steps.iter().zip(states).any(|(step, state)| step.listed.name == *name && matches!(state, State::Done))
    };
    let waiting = (0..states.len()).filter(|index| matches!(states[*index], State::Waiting));
    waiting.filter(|index| graph.steps[*index].listed.depends_on.iter().all(done)).collect()
}

fn say_what_was_left<C>(graph: &Graph<'_, C>, states: &[State], halt: Option<&Error>, report: &Report) {
    // What a step needs stands before it, so that the reason is known when it is asked for.
    let mut bad: Vec<&str> = Vec::new();
    for (step, state) in graph.steps.iter().zip(states) {
        let step = &step.listed;
        if matches!(state, State::Failed) {
            bad.push(&step.name);
        } else if matches!(state, State::Waiting) {
            let cause = step.depends_on.iter().find(|name| bad.contains(&name.as_str()));
            let because = match (cause, halt) {
                (Some(cause), _) => format!("it depends on {cause}"),
                (None, Some(halt)) => halt.to_string(),
                (None, None) => continue,
            };
            report(&Event::Skipped { step: step.name.clone(), because });
            bad.push(&step.name);
        }
    }
}

fn clear_up<C>(graph: &Graph<'_, C>, context: &C, begun: &[usize], mut errors: Vec<Error>) -> Result<(), Error> {
    let ended = if errors.is_empty() { Ended::Well } else { Ended::Badly };
    let ends = begun.iter().rev().filter_map(|index| graph.steps[*index].end.as_ref());
    let failed: Vec<Error> = ends.filter_map(|end| end(context, ended).err()).collect();
    let error = if errors.len() > 1 { Some(Error::Several(errors)) } else { errors.pop() };
    match (error, failed.is_empty()) {
        (None, true) => Ok(()),
        (Some(error), true) => Err(error),
        (None, false) => Err(Error::Several(failed)),
        (Some(error), false) => Err(Error::NotClearedUp { error: Box::new(error), failed }),
    }
}

#[cfg(test)]
mod tests {
    use super::super::graph::Step;
    use super::*;
    use crate::support::diagnostic::{Code, Diagnostic};
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::{Barrier, Mutex};

    #[derive(Default)]
    struct Log(Mutex<Vec<String>>);

    impl Log {
        fn note(&self, text: &str) {
            self.0.lock().unwrap().push(text.to_owned());
        }
    }

    fn refused(text: &str) -> Error {
        Error::Refused(Diagnostic::new(Code::NotOwned, "", text).into())
    }

    fn step(name: &'static str, after: &[&str], good: bool) -> Step<'static, Log> {
        let act = move |log: &Log| {
            log.note(name);
            if good { Ok(()) } else { Err(refused(name)) }
        };
        Step::new(name, "", after, act).at_end(move |log, ended| {
            log.note(&format!("{ended:?} {name}"));
            Ok(())
        })
    }

    fn run_all(steps: Vec<Step<'_, Log>>, stopped: bool, seconds: u64) -> (String, Vec<String>, Vec<Event>) {
        let (log, events) = (Log::default(), Mutex::new(Vec::new()));
        let limits = Limits { deadline: Instant::now() + Duration::from_secs(seconds), stopped: &|| stopped };
        let result =
            run(&Graph::new(steps).unwrap(), &log, &|event| events.lock().unwrap().push(event.clone()), &limits);
        let said = result.map_or_else(|error| error.to_string(), |()| "done".into());
        (said, log.0.into_inner().unwrap(), events.into_inner().unwrap())
    }

    fn skipped(events: &[Event]) -> Vec<(&str, &str)> {
        let skipped = events.iter().filter_map(|event| match event {
            Event::Skipped { step, because } => Some((step.as_str(), because.as_str())),
            _ => None,
        });
        skipped.collect()
    }

    #[test]
    fn steps_run_in_order_and_are_cleared_up_backwards() {
        let (said, log, events) = run_all(vec![step("b", &["a"], true), step("a", &[], true)], false, 60);
        assert_eq!(said, "done");
        assert_eq!(log, ["a", "b", "Well b", "Well a"]);
        assert!(matches!(
            &events[..],
            [Event::Started { .. }, Event::Finished { .. }, Event::Started { .. }, Event::Finished { .. }]
        ));
    }

    #[test]
    fn a_failure_stops_what_waits_for_it_and_nothing_else() {
        let steps = vec![
            step("a", &[], false),
            step("b", &["a"], true),
            step("c", &["b"], true),
            step("x", &[], true),
            step("y", &["x"], true),
        ];
        let (said, log, events) = run_all(steps, false, 60);
        assert_eq!(said, "a");
        assert!(log.contains(&"y".into()) && !log.contains(&"b".into()), "{log:?}");
        assert_eq!(skipped(&events), [("b", "it depends on a"), ("c", "it depends on b")]);
        assert!(log.contains(&"Badly a".into()) && log.contains(&"Badly y".into()), "{log:?}");
    }

    #[test]
    fn all_errors_of_independent_steps_are_told() {
        let (said, ..) = run_all(vec![step("a", &[], false), step("b", &[], false)], false, 60);
        assert_eq!(said, "a\nb");
    }

    #[test]
    fn nothing_begins_when_we_were_stopped_or_time_is_up() {
        for (stopped, seconds, expected) in [(true, 60, "interrupted"), (false, 0, "timed out")] {
            let (said, log, events) = run_all(vec![step("a", &[], true)], stopped, seconds);
            assert!(said.contains(expected), "{said}");
            assert!(log.is_empty());
            assert_eq!(skipped(&events).len(), 1);
        }
    }

    #[test]
    fn what_is_done_is_told_even_when_time_is_up() {
        let late = AtomicBool::new(false);
        let act = |late: &&AtomicBool| {
            late.store(true, Ordering::SeqCst);
            Ok(())
        };
        let told = Mutex::new(false);
        let tell = |_: &&AtomicBool| {
            *told.lock().unwrap() = true;
            Ok(())
        };
        let graph = Graph::new(vec![Step::new("a", "", &[], act), Step::new("tell", "", &["a"], tell).free()]).unwrap();
        let stopped = || late.load(Ordering::SeqCst);
        let limits = Limits { deadline: Instant::now() + Duration::from_secs(60), stopped: &stopped };
        run(&graph, &&late, &|_| {}, &limits).unwrap();
        assert!(*told.lock().unwrap());
    }

    #[test]
    fn a_stop_lets_running_steps_finish_and_begins_no_more() {
        let told = AtomicBool::new(false);
        let act = |told: &&AtomicBool| {
            told.store(true, Ordering::SeqCst);
            Ok(())
        };
        let graph = Graph::new(vec![Step::new("a", "", &[], act), Step::new("b", "", &["a"], |_| Ok(()))]).unwrap();
        let stopped = || told.load(Ordering::SeqCst);
        let limits = Limits { deadline: Instant::now() + Duration::from_secs(60), stopped: &stopped };
        let events = Mutex::new(Vec::new());
        let result = run(&graph, &&told, &|event| events.lock().unwrap().push(event.clone()), &limits);
        assert!(matches!(result, Err(Error::Interrupted)));
        let events = events.into_inner().unwrap();
        assert!(events.iter().any(|event| matches!(event, Event::Finished { step, .. } if step == "a")));
        assert_eq!(skipped(&events).len(), 1);
    }

    #[test]
    fn steps_that_wait_for_nothing_run_side_by_side() {
        // Each waits for the other to have begun: one after the other they would never end.
        let meet = |barrier: &Barrier| {
            barrier.wait();
            Ok(())
        };
        let graph = Graph::new(vec![Step::new("a", "", &[], meet), Step::new("b", "", &[], meet)]).unwrap();
        let limits = Limits { deadline: Instant::now() + Duration::from_secs(60), stopped: &|| false };
        assert!(run(&graph, &Barrier::new(2), &|_| {}, &limits).is_ok());
    }

    #[test]
    fn what_cannot_be_cleared_up_is_told_with_what_failed() {
        let bad = Step::new("a", "", &[], |(): &()| Err(refused("first"))).at_end(|(), _| Err(refused("second")));
        let limits = Limits { deadline: Instant::now() + Duration::from_secs(60), stopped: &|| false };
        let said = run(&Graph::new(vec![bad]).unwrap(), &(), &|_| {}, &limits).unwrap_err().to_string();
        assert!(said.starts_with("first") && said.contains("second"), "{said}");
    }
}

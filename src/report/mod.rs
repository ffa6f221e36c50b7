//! How a run looks: events and lists of steps as lines for people and as JSON for programs.
//!
//! Results of a verb go to standard output elsewhere; what happens on the way goes to standard error here. Nothing here
//! decides what happens.

pub mod steps;

use crate::pipeline::Event;
use std::io::Write as _;

/// Prints an event as a line.
pub fn text(event: &Event) {
    if let Some(line) = line(event) {
        // Nobody is left to be told when standard error is closed.
        let _ = writeln!(std::io::stderr(), "{}", harmless(&line));
    }
}

/// Prints only what somebody should read: for verbs that are done in a moment.
pub fn quiet(event: &Event) {
    if matches!(event, Event::Warned { .. } | Event::Said { .. }) {
        text(event);
    }
}

fn line(event: &Event) -> Option<String> {
    match event {
        // The reason is the error that the run ends with.
        Event::Started { .. } | Event::Failed { .. } => None,
        Event::Finished { step, seconds } => Some(format!("[{step}] done in {seconds:.1} s")),
        Event::Skipped { step, because } => Some(format!("[{step}] not run: {because}")),
        Event::Said { text } => Some(text.clone()),
        Event::Warned { text } => Some(format!("warning: {text}")),
        Event::Workload(progress) => {
            Some(format!("  {} {}: {} of {} ready", progress.kind, progress.name, progress.ready, progress.desired))
        }
        Event::Finding(finding) => Some(finding.to_string()),
    }
}

/// A text for a terminal: what a manifest holds must not move the cursor or change colours.
pub fn harmless(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() && c != '\n' && c != '\t' {
            out.extend(c.escape_unicode());
        } else {
            out.push(c);
        }
    }
    out
}

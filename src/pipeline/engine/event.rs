//! What happens during a run, as values: the same events become the terminal's lines and the JSON.
//!
//! Texts in events hold no secrets. Other modules decide how an event is displayed.

use crate::rollout::{Finding, Progress};
use crate::support::diagnostic::{Code, Diagnostic};
use schemars::JsonSchema;
use serde::Serialize;

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(tag = "event", rename_all = "camelCase")]
pub(crate) enum Event {
    /// A step began.
    Started {
        /// Its name.
        step: String,
    },
    /// A step ended well.
    Finished {
        /// Its name.
        step: String,
        /// How long it took, in seconds.
        seconds: f64,
    },
    /// A step failed.
    Failed {
        /// Its name.
        step: String,
        /// Why, in sentences.
        reason: String,
        /// The same, each with its code and place.
        diagnostics: Vec<Diagnostic>,
    },
    /// A step was not begun.
    Skipped {
        /// Its name.
        step: String,
        /// Why not.
        because: String,
    },
    /// A sentence about what was found or done.
    Said {
        /// The sentence.
        text: String,
    },
    /// A sentence that a user should read, though the run continues.
    Warned {
        /// The kind of cause.
        code: Code,
        /// The sentence.
        text: String,
    },
    /// Why the run fails; one for each problem, at the end.
    Error {
        /// With its code and its place.
        problem: Diagnostic,
    },
    /// The program ends: output without this event is incomplete.
    #[serde(rename_all = "camelCase")]
    Exited {
        /// As the process returns it; 0 for success.
        exit_code: u8,
    },
    /// A workload came further.
    Workload(Progress),
    /// Why a workload does not come.
    Finding(Finding),
}

/// Where events go. Steps run side by side, so it is called from several threads.
pub(crate) type Report<'a> = dyn Fn(&Event) + Sync + 'a;

/// Reports a sentence.
pub(crate) fn say(report: &Report, text: impl Into<String>) {
    report(&Event::Said { text: text.into() });
}

/// Reports a warning.
pub(crate) fn warn(report: &Report, code: Code, text: impl Into<String>) {
    report(&Event::Warned { code, text: text.into() });
}

//! How a run is displayed: events and lists of steps as lines for users and as JSON for programs.
//!
//! ```text
//! Event ── lines: text that stands for itself ──> standard error, line by line
//!    │        └── live: the same above lines that change, on a terminal
//!    └──── JSON, one event a line ──> standard output
//! ```
//! Results of a verb go to standard output elsewhere; progress goes to standard error here. Nothing here decides what
//! happens.

mod lines;
mod live;
pub(crate) mod output;
mod screen;
pub(crate) mod steps;
mod style;

pub(crate) use style::{Colour, Terminal, harmless};

use crate::pipeline::Event;
use live::Live;
use std::collections::BTreeSet;
use std::io::Write as _;
use std::sync::{Mutex, PoisonError};

/// How events are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EventFormat {
    /// For people, on standard error.
    Text,
    /// For programs, one JSON object a line on standard output; sentences for people stay on standard error.
    Json,
}

/// Where events go during a run.
pub(crate) struct Display {
    form: EventFormat,
    terminal: Terminal,
    live: Option<Live>,
    /// What was found about workloads and shown to a user.
    found: Mutex<BTreeSet<String>>,
}

impl Display {
    /// A display of this form on the streams of this process.
    pub(crate) fn new(form: EventFormat) -> Self {
        let terminal = Terminal::of_process();
        let live = (terminal.live && form == EventFormat::Text).then(|| Live::new(terminal));
        Self { form, terminal, live, found: Mutex::default() }
    }

    /// Shows an event.
    pub(crate) fn event(&self, event: &Event) {
        if self.form == EventFormat::Json {
            json(event);
        }
        // That it is final now is news for programs only.
        if let Event::Finding(finding) = event
            && !self.found.lock().unwrap_or_else(PoisonError::into_inner).insert(finding.to_string())
        {
            return;
        }
        match &self.live {
            Some(live) => live.show(event),
            None => text(event, self.terminal),
        }
    }

    /// Lets something else have the terminal, such as a question.
    pub(crate) fn pause<T>(&self, during: impl FnOnce() -> T) -> T {
        match &self.live {
            Some(live) => live.pause(during),
            None => during(),
        }
    }
}

/// Prints an event for programs: a line of JSON on standard output.
pub(crate) fn json(event: &Event) {
    let text = serde_json::to_string(event).unwrap_or_default();
    output::print(&format!("{text}\n"));
}

/// Prints only what a user should read: for verbs that are done in a moment.
pub(crate) fn quiet(event: &Event) {
    if matches!(event, Event::Warned { .. } | Event::Said { .. }) {
        text(event, Terminal::of_process());
    }
}

fn text(event: &Event, terminal: Terminal) {
    if let Some(text) = lines::lines(event, terminal) {
        // A closed standard error cannot be reported.
        let _ = writeln!(std::io::stderr(), "{text}");
    }
}

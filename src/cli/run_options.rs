//! How a verb runs: its limits, where its events go, and whether it draws progress.

use super::args::{ListFormat, Render, StepFormat};
use super::{CliError, Exit, output};
use crate::pipeline::{self, Limits, RunOptions};
use crate::report;
use crate::support::diagnostic::{Code, Diagnostic};
use crate::support::duration;
use std::time::{Duration, Instant};

/// Where events go, in the form that was asked for.
pub(super) fn display(output: ListFormat) -> report::Display {
    report::Display::new(match output {
        ListFormat::Text => report::EventFormat::Text,
        ListFormat::Json => report::EventFormat::Json,
    })
}

/// Prints the steps.
pub(super) fn listed(steps: &[pipeline::StepName], format: StepFormat) -> Exit {
    let draw = match format {
        StepFormat::Text => report::steps::text,
        StepFormat::Json => report::steps::json,
        StepFormat::Dot => report::steps::dot,
        StepFormat::Mermaid => report::steps::mermaid,
        StepFormat::Svg => report::steps::svg,
    };
    output::text(&draw(steps));
    Exit::Done
}

/// Rendering waits for nothing, so it needs no time limit. A signal ends it once what it has begun is removed.
pub(super) fn conduct_of_render(options: &Render) -> RunOptions<'_> {
    let deadline = Instant::now() + Duration::from_secs(3600);
    crate::support::interrupt::hold();
    let limits = Limits { deadline, stopped: &crate::support::interrupt::stopped };
    RunOptions { only: options.steps.step.as_deref(), limits, report: &report::quiet }
}

/// The bounds of a run. From here on a signal asks it to end, and a second one ends it.
pub(super) fn limits(timeout: Duration) -> Result<Limits<'static>, CliError> {
    let deadline = Instant::now().checked_add(timeout);
    let deadline = deadline.ok_or_else(|| {
        CliError::Usage(Code::InvalidArgument, format!("--timeout of {} s is too long", timeout.as_secs()))
    })?;
    crate::support::interrupt::hold();
    Ok(Limits { deadline, stopped: &crate::support::interrupt::stopped })
}

/// Random bytes of the system.
pub(super) fn random(bytes: &mut [u8]) -> Result<(), Diagnostic> {
    getrandom::fill(bytes)
        .map_err(|error| Diagnostic::new(Code::NoRandom, "", format!("the system provides no random bytes: {error}")))
}

/// `90s`, `10m`, `1h30m`: durations as helm writes them.
pub fn duration(text: &str) -> Result<Duration, CliError> {
    duration_of("--timeout", text)
}

/// The same of another flag.
pub(super) fn duration_of(flag: &str, text: &str) -> Result<Duration, CliError> {
    let time = duration::parse(text).filter(|time| !time.is_zero());
    time.ok_or_else(|| {
        CliError::Usage(Code::InvalidArgument, format!("{flag} {text} is not a valid duration; use 90s, 10m or 1h30m"))
    })
}

//! `plan`: what a deploy would do, as lines or as JSON, and as a file for `deploy --plan`.

use super::args::{Common, ListFormat, Plan};
use super::deploy_request::requested;
use super::run_options::{duration, limits, listed, random};
use super::{CliError, Exit, output, prompt};
use crate::app::Note;
use crate::config::AppHostSetting;
use crate::diff::{Change, Mark, lines, summary};
use crate::pipeline::{self, Ask, ChartChange, Planned, Release, RunOptions, Saved};
use crate::report::{Colour, Terminal, harmless, quiet};
use crate::support::diagnostic::Code;
use crate::support::temporary;
use schemars::JsonSchema;
use serde::Serialize;
use std::io::Write as _;
use std::path::Path;

/// Shows what a deploy would do.
pub(super) fn plan(common: &Common, options: &Plan) -> Result<Exit, CliError> {
    if let Some(format) = options.deploy.steps.list_steps {
        return Ok(listed(
            &pipeline::plan_steps(&super::charts::steps_of_source(common, &options.deploy.source)?)
                .map_err(pipeline::Error::from)?
                .list(),
            format,
        ));
    }
    if options.deploy.steps.step.is_some() || options.deploy.plan.is_some() {
        return Err(CliError::Usage(
            Code::InvalidUsage,
            "plan does not support --step and --plan: it always covers the whole deploy".into(),
        ));
    }
    let limits = limits(duration(&options.deploy.on.timeout)?)?;
    let inputs = prompt::asker(common);
    let ask = Ask { inputs: &inputs, agree: &|| false };
    let note = |note: &Note| output::notes(std::slice::from_ref(note));
    requested(common, &options.deploy, &note, |request, release| {
        let conduct = RunOptions { only: None, limits, report: &quiet };
        let planned = pipeline::plan(request, release, &ask, &random, &conduct)?;
        match options.deploy.output {
            ListFormat::Text => text(&planned, &request.plan.from_app_host),
            ListFormat::Json => output::json(&Json::of(&planned, request, release)),
        }
        if let Some(file) = &options.save {
            save(&planned, file)?;
        }
        Ok(match (planned.errors.is_empty(), planned.has_changes()) {
            (false, _) => Exit::Error,
            (true, true) => Exit::Differs,
            (true, false) => Exit::Done,
        })
    })
}

/// A plan for a program.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Json<'a> {
    release: &'a str,
    namespace: &'a str,
    context: Option<&'a str>,
    server: &'a str,
    transition: &'a [String],
    charts: &'a [ChartChange],
    changes: &'a [Change],
    errors: &'a [String],
    not_checked: &'a [String],
    from_app_host: &'a [AppHostSetting],
    hash: Option<String>,
}

impl<'a> Json<'a> {
    fn of(planned: &'a Planned, request: &'a pipeline::Deploy, release: &'a Release) -> Self {
        Self {
            release: &release.name,
            namespace: &release.namespace,
            context: release.location.context.as_deref(),
            server: &release.location.url,
            transition: &planned.transition,
            charts: &planned.charts,
            changes: &planned.changes,
            errors: &planned.errors,
            not_checked: &planned.not_checked,
            from_app_host: &request.plan.from_app_host,
            hash: planned.saved.as_ref().map(Saved::hash),
        }
    }
}

fn text(planned: &Planned, from_app_host: &[AppHostSetting]) {
    let terminal = Terminal::of_output();
    let say = |mark: Mark, text: &str| {
        let colour = match mark {
            Mark::Added => Some(Colour::Green),
            Mark::Changed => Some(Colour::Yellow),
            Mark::Removed => Some(Colour::Red),
            Mark::Warned => Some(Colour::Magenta),
            Mark::Plain => None,
        };
        let text = harmless(text);
        output::line(&if let Some(colour) = colour { terminal.paint(colour, &text) } else { text });
    };
    for line in &planned.transition {
        say(Mark::Warned, line);
    }
    for chart in &planned.charts {
        let mark = if chart.changes { Mark::Changed } else { Mark::Plain };
        let place = format!("{} in namespace {}", chart.release, chart.namespace);
        say(mark, &format!("chart {} ({place}): {}", chart.name, chart.action));
    }
    for AppHostSetting { resource, key, value } in from_app_host {
        say(Mark::Plain, &format!("{resource}: {key}: {value} (AppHost)"));
    }
    for (mark, line) in lines(&planned.changes) {
        say(mark, &line);
    }
    for sentence in &planned.not_checked {
        say(Mark::Warned, &format!("not checked: {sentence}"));
    }
    for error in &planned.errors {
        say(Mark::Removed, &format!("deploy would fail: {error}"));
    }
    say(Mark::Plain, &format!("plan: {}", summary(&planned.changes)));
}

/// Writes the file whole, readable by the user only.
fn save(planned: &Planned, file: &Path) -> Result<(), CliError> {
    if !planned.errors.is_empty() {
        return Err(CliError::Usage(
            Code::PreflightFailed,
            format!("{} was not written: the deploy would fail", file.display()),
        ));
    }
    let Some(saved) = &planned.saved else {
        let why = "neither its namespace nor kube-system can be read, but the digests of a plan need the uid of one \
        of them";
        return Err(CliError::Usage(Code::InvalidUsage, format!("{} was not written: {why}", file.display())));
    };
    let failed = |error| output::unwritable(file, &error);
    // A temporary file is readable by its owner alone.
    let mut temporary = temporary::file_beside(file).map_err(failed)?;
    temporary.write_all(saved.to_text().as_bytes()).map_err(failed)?;
    temporary.persist(file).map_err(|error| failed(error.error))?;
    output::say(&format!("saved the plan to {0}; `deploy --plan {0}` applies exactly this plan", file.display()));
    Ok(())
}

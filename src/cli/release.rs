//! `deploy`, `promote`, `destroy` and `rollback`: flags to requests, and answers to their confirmations.

use super::args::{Common, Deploy, Destroy, Promote, Rollback, Source};
use super::deploy_request::{allowed, consent, requested};
use super::run_options::{display, duration, limits, listed, random};
use super::which_release::{meant, writing};
use super::{CliError, Exit, output, packed, prompt};
use crate::app::Note;
use crate::inputs::Outlook;
use crate::pipeline::{self, Ask, Destroyed, Event, PromoteAction, Release, RunOptions};
use crate::support::diagnostic::Code;
use std::path::PathBuf;

/// Installs or upgrades the application.
pub(super) fn deploy(common: &Common, options: &Deploy) -> Result<Exit, CliError> {
    if let Some(format) = options.steps.list_steps {
        return Ok(listed(
            &pipeline::deploy_steps(&super::charts::steps_of_source(common, &options.source)?)
                .map_err(pipeline::Error::from)?
                .list(),
            format,
        ));
    }
    let limits = limits(duration(&options.on.timeout)?)?;
    let step = options.steps.step.as_deref();
    // A chart that was rendered before is not read twice: its steps are checked when they run.
    if step.is_some() && !packed::is_chart(&options.source) {
        let charts = super::charts::steps_of_source(common, &options.source)?;
        pipeline::deploy_steps(&charts).and_then(|graph| graph.part(step)).map_err(pipeline::Error::from)?;
    }
    let display = display(options.output);
    let note = |note: &Note| {
        display.event(&Event::Warned { code: note.code, text: format!("{}: {}", note.resource, note.text) });
    };
    requested(common, options, &note, |request, release| {
        let conduct = RunOptions { only: step, limits, report: &|event| display.event(event) };
        let asker = prompt::asker(common);
        let ask = Ask {
            inputs: &|outlook: &Outlook| display.pause(|| asker(outlook)),
            agree: &|| display.pause(|| prompt::agrees(common)),
        };
        pipeline::deploy(request, release, &ask, &random, &conduct)?;
        Ok(Exit::Done)
    })
}

/// Resumes a workload migration, rolls it back, or shows where it stands.
pub(super) fn promote(common: &Common, options: &Promote) -> Result<Exit, CliError> {
    let timeout = duration(&options.on.timeout)?;
    let (name, config, _) = meant(common, options.on.named.release.as_deref(), &options.source)?;
    let release =
        writing(common, &name, options.on.named.release_namespace.as_deref(), &config)?.allowing(allowed(&options.on)?);
    let action = if options.status {
        PromoteAction::Status
    } else if options.abort {
        PromoteAction::Abort
    } else {
        PromoteAction::Resume
    };
    let display = display(options.output);
    let conduct = RunOptions { only: None, limits: limits(timeout)?, report: &|event| display.event(event) };
    pipeline::promote(action, &release, options.on.assume_helm_dead, &conduct)?;
    Ok(Exit::Done)
}

/// Uninstalls the application.
pub(super) fn destroy(common: &Common, options: &Destroy) -> Result<Exit, CliError> {
    if let Some(format) = options.steps.list_steps {
        return Ok(listed(&pipeline::destroy_steps().map_err(pipeline::Error::from)?.list(), format));
    }
    let timeout = duration(&options.on.timeout)?;
    let step = options.steps.step.as_deref();
    pipeline::destroy_steps().and_then(|graph| graph.part(step)).map_err(pipeline::Error::from)?;
    let (name, config, application) = meant(common, options.on.named.release.as_deref(), &options.source)?;
    let release =
        writing(common, &name, options.on.named.release_namespace.as_deref(), &config)?.allowing(allowed(&options.on)?);
    let charts = super::charts::to_remove(&config, &release.name, &release.namespace)?;
    let request = pipeline::Destroy {
        application,
        delete_data: options.delete_data,
        delete_namespace: options.delete_namespace,
        assume_helm_dead: options.on.assume_helm_dead,
        charts,
        remove_charts: places("--remove-chart", &options.remove_charts)?,
        allow_chart_hooks: places("--allow-chart-hooks", &options.allow_chart_hooks)?,
    };
    let limits = limits(timeout)?;
    let display = display(options.output);
    let conduct = RunOptions { only: step, limits, report: &|event| display.event(event) };
    let agree = || common.yes || display.pause(|| prompt::agrees(common));
    let done = pipeline::destroy(&request, &release, &agree, &conduct)?;
    drop(display);
    summarise(&done, &release);
    Ok(if done.found || step.is_some() { Exit::Done } else { Exit::Error })
}

/// Brings the release back to an earlier revision.
pub(super) fn rollback(common: &Common, options: &Rollback) -> Result<Exit, CliError> {
    if let Some(format) = options.steps.list_steps {
        return Ok(listed(&pipeline::rollback_steps().map_err(pipeline::Error::from)?.list(), format));
    }
    let timeout = duration(&options.on.timeout)?;
    let step = options.steps.step.as_deref();
    pipeline::rollback_steps().and_then(|graph| graph.part(step)).map_err(pipeline::Error::from)?;
    let (source, revision) = which(&options.which)?;
    let source = Source::named(source, &options.beside);
    let (name, config, application) = meant(common, options.on.named.release.as_deref(), &source)?;
    let release =
        writing(common, &name, options.on.named.release_namespace.as_deref(), &config)?.allowing(allowed(&options.on)?);
    let request = pipeline::Rollback {
        revision,
        application,
        wait: !options.no_wait,
        assume_helm_dead: options.on.assume_helm_dead,
        consent: consent(options.confirm.as_ref(), &options.accept),
    };
    let limits = limits(timeout)?;
    let display = display(options.output);
    let conduct = RunOptions { only: step, limits, report: &|event| display.event(event) };
    let agree = || display.pause(|| prompt::agrees(common));
    pipeline::rollback(&request, &release, &agree, &conduct)?;
    Ok(Exit::Done)
}

/// NAMESPACE/RELEASE, each.
fn places(flag: &str, texts: &[String]) -> Result<Vec<(String, String)>, CliError> {
    let place = |text: &String| match text.split_once('/') {
        Some((namespace, name)) if !namespace.is_empty() && !name.is_empty() && !name.contains('/') => {
            Ok((namespace.to_owned(), name.to_owned()))
        }
        _ => Err(CliError::Usage(Code::InvalidArgument, format!("{flag} {text}: use the form NAMESPACE/RELEASE"))),
    };
    texts.iter().map(place).collect()
}

/// SOURCE and REVISION, of which either may be left out: a number is a revision.
fn which(words: &[String]) -> Result<(Option<PathBuf>, Option<u64>), CliError> {
    match words {
        [] => Ok((None, None)),
        [one] => Ok(one.parse().map_or_else(|_| (Some(one.into()), None), |revision| (None, Some(revision)))),
        [source, revision, ..] => {
            let wrong = |_| {
                CliError::Usage(
                    Code::InvalidArgument,
                    format!("`{revision}` is not a revision number; `history` lists them"),
                )
            };
            Ok((Some(source.into()), Some(revision.parse().map_err(wrong)?)))
        }
    }
}

fn summarise(done: &Destroyed, release: &Release) {
    if !done.found {
        output::say(&format!("nothing to destroy: no {}", release.described()));
        return;
    }
    output::say(&format!("destroyed {}", release.described()));
    if !done.deleted.is_empty() {
        output::say(&format!("deleted with their data: {}", done.deleted.join(", ")));
    }
    for kept in &done.volumes_kept {
        output::say(&format!("deleted: {kept}"));
    }
    if !done.charts_removed.is_empty() {
        output::say(&format!("uninstalled with it: the charts {}", done.charts_removed.join(", ")));
    }
    for kept in &done.charts_kept {
        output::say(&format!("left in place: {kept}"));
    }
    if done.namespace {
        output::say(&format!("deleted namespace {}", release.namespace));
    }
    if !done.kept.is_empty() {
        output::say(&format!("kept, with their secrets: {}", done.kept.join(", ")));
        output::say("  --delete-data deletes them");
    }
}

//! An AppHost as SOURCE: flags to a request, progress to standard error.

use super::args::AppHost;
use super::described::MANIFEST;
use super::{CliError, model, output, run_options};
use crate::apphost::{self, Error, Program, Published, Request};
use crate::manifest::{self, Manifest};
use crate::model::Model;
use crate::support::diagnostic::{Code, Diagnostics};
use std::path::Path;
use std::time::Duration;

/// The default time limit for build and run together.
const LIMIT: Duration = Duration::from_secs(600);

/// Builds and runs it. Without a file to write, the manifest is in memory only.
pub(super) fn published(program: &Program, flags: &AppHost, output: Option<&Path>) -> Result<Published, CliError> {
    let limit = match &flags.apphost_timeout {
        Some(text) => run_options::duration_of("--apphost-timeout", text)?,
        None => LIMIT,
    };
    let request = Request {
        program,
        build: !flags.no_build,
        environment: flags.apphost_environment.as_deref(),
        limit,
        model: !flags.no_model,
        output,
        say: &output::say,
        log: if flags.verbose { Some(&output::say) } else { None },
    };
    let published = apphost::publish(&request).map_err(|error| match error {
        Error::Failed(diagnostic) => CliError::Input((*diagnostic).into()),
        Error::Interrupted(diagnostic) => CliError::Interrupted((*diagnostic).into()),
    })?;
    if published.lingered {
        let text = format!("{} did not end after its manifest was complete, and was stopped", program.shown.display());
        output::warn(Code::AppHostNotEnded, &text);
    }
    if let apphost::Model::Missing(why) = &published.model {
        let lost = "replicas, probes, waits and files that its manifest leaves out are not deployed";
        output::warn(
            Code::ModelNotRead,
            &format!("{}: its model was not read: {why}; {lost}", program.shown.display()),
        );
    }
    Ok(published)
}

/// Its manifest and model, with the paths that they would have in the folder of the AppHost.
pub(super) fn manifest(program: &Program, flags: &AppHost) -> Result<(Manifest, Option<Model>), CliError> {
    let published = published(program, flags, None)?;
    let mut manifest = parsed(program, &published)?;
    let mut model = model::of(program, &published, flags)?;
    let paths = manifest.paths().chain(model.iter_mut().flat_map(Model::paths));
    for path in paths {
        *path = apphost::published(path, &published.folder, program.folder());
    }
    Ok((manifest, model))
}

/// The parsed manifest. Errors name the AppHost as their file.
pub(super) fn parsed(program: &Program, published: &Published) -> Result<Manifest, CliError> {
    let wrong = |diagnostics: Diagnostics| CliError::input(&program.shown.display().to_string(), diagnostics);
    manifest::parse(&published.bytes).map_err(wrong)
}

/// Warns that flags for an AppHost have no effect on a manifest, and that the AppHost beside the manifest is newer.
pub(super) fn warn_beside_manifest(source: &Path, flags: &AppHost) {
    let given = [("--no-build", flags.no_build), ("--apphost-environment", flags.apphost_environment.is_some())];
    for (flag, _) in given.iter().filter(|(_, given)| *given) {
        output::warn(Code::NoEffect, &format!("{flag} is for an AppHost, but SOURCE is a manifest"));
    }
    if !source.is_dir() || !apphost::is_older(&source.join(MANIFEST), source) {
        return;
    }
    if let Some(program) = apphost::beside(source) {
        let text = format!(
            "{} is read as it was written; {} beside it was changed since: pass that to publish it again",
            source.join(MANIFEST).display(),
            program.display()
        );
        output::warn(Code::OlderManifest, &text);
    }
}

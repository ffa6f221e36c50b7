//! `render --target compose`: the Compose file with its `.env` files, into a folder or to standard output.

use super::args::{Common, Format, Part, Render};
use super::project::Project;
use super::run_options::conduct_of_render;
use super::{CliError, Exit, images, output};
use crate::app::Note;
use crate::pipeline;
use crate::report::harmless;
use crate::support::diagnostic::Code;
use crate::targets::built_images::BuiltImages;
use crate::targets::compose::{self, Files, write};
use std::path::{Path, PathBuf};

/// Where the files go without `-o`.
const FOLDER: &str = "compose";

/// An application as a Compose project.
struct Composed {
    project: String,
    /// How many services it has.
    services: usize,
    files: Files,
    /// What a user should know, of all environments.
    notes: Vec<Note>,
}

/// Renders the application for Compose.
pub(super) fn compose(common: &Common, options: &Render) -> Result<Exit, CliError> {
    refuse_contradictions(common, options)?;
    warn_of_values(common, options);
    let images = images::parse(&options.images)?;
    let composed = composed(&Project::load(&options.source)?, &images, options.project_name.as_deref())?;
    output::notes(&composed.notes);
    let folder = options.output.clone().unwrap_or_else(|| PathBuf::from(FOLDER));
    if options.check {
        let diff = write::check(&composed.files, &folder).map_err(CliError::Input)?;
        output::text(&harmless(&diff));
        return Ok(if diff.is_empty() { Exit::Done } else { Exit::Differs });
    }
    if folder == Path::new("-") {
        output::files(&composed.files);
        return Ok(Exit::Done);
    }
    pipeline::publish_compose(&composed.files, &folder, options.overwrite, &conduct_of_render(options))?;
    output::say(&summary(&composed, &folder));
    Ok(Exit::Done)
}

/// Resolves the application, and plans one Compose file for all environments. `name` is that of the project.
fn composed(project: &Project, images: &BuiltImages, name: Option<&str>) -> Result<Composed, CliError> {
    let plan = |environment: Option<&str>| {
        let config = project.config(environment)?;
        let app = project.app(&config, environment)?;
        let plan = compose::plan(&app, &config, images, name);
        plan.map_err(|diagnostics| project.placed(&config, environment, diagnostics))
    };
    let base = plan(None)?;
    let mut others = Vec::new();
    for environment in project.environments() {
        let plan = plan(Some(&environment))?;
        others.push((environment, plan));
    }
    let mut notes = base.notes.clone();
    for (name, other) in &others {
        let own = other.notes.iter().filter(|note| !base.notes.contains(note));
        notes.extend(
            own.map(|note| Note { text: format!("{} (in the environment {name})", note.text), ..note.clone() }),
        );
    }
    let merged = compose::merge(base, &others);
    let merged = merged.or_else(|diagnostics| Err(project.placed(&project.config(None)?, None, diagnostics)))?;
    let plan = &merged.plan;
    Ok(Composed { project: plan.project.clone(), services: plan.services(), files: compose::files_of(&merged), notes })
}

/// A flag that would have no effect is a misunderstanding, and silence would hide it.
fn refuse_contradictions(common: &Common, options: &Render) -> Result<(), CliError> {
    let what = if options.format == Format::Yaml {
        "--format yaml renders Kubernetes objects, so it does not support --target compose"
    } else if options.part == Part::Issuers {
        "--part issuers renders a chart, so it does not support --target compose"
    } else if options.release.is_some() || common.namespace.is_some() {
        "a Compose project has no release and no namespace; --project-name names it"
    } else if options.show_secrets {
        "a Compose file holds no secrets; --show-secrets is for --format yaml"
    } else if options.check && options.output.as_deref() == Some(Path::new("-")) {
        "--check compares with a folder, so it does not support `-o -`"
    } else {
        return Ok(());
    };
    Err(CliError::Usage(Code::InvalidUsage, what.into()))
}

/// Scripts give `render` the same flags for every target; what has no effect here is said, and no error.
fn warn_of_values(common: &Common, options: &Render) {
    let given = &options.parameters;
    if !given.assignments.is_empty() || !given.files.is_empty() || !given.sources.is_empty() {
        let what = "a Compose file does not contain values of inputs; set them in an env file of your own, and set defaults as \
            `parameters` in aspire-k8s.yaml";
        output::warn(Code::NoEffect, what);
    }
    if let Some(name) = &common.environment {
        let what = format!("one Compose file is for all environments: pass `--env-file .env.{name}` to docker compose");
        output::warn(Code::NoEffect, &what);
    }
}

fn summary(composed: &Composed, folder: &Path) -> String {
    let services = output::counted(composed.services, "service", "services");
    format!("Compose project {} written to {}: {services}", composed.project, folder.display())
}

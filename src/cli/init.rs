//! `init`: a first `aspire-k8s.yaml` beside the manifest, and its schema for editors.

use super::args::{Beside, Init, Source};
use super::described::{CONFIG, Described};
use super::project::Project;
use super::{CliError, Exit, output};
use crate::config;
use crate::init::{SCHEMA, first_config};
use crate::support::diagnostic::Code;
use crate::support::read_file;
use crate::targets::built_images::BuiltImages;
use std::path::{Path, PathBuf};

/// Writes both files. An existing file is never overwritten, except for a schema of an older version.
pub(super) fn init(options: &Init) -> Result<Exit, CliError> {
    let target = target(options)?;
    if target.symlink_metadata().is_ok() {
        return Err(CliError::Refused(
            Code::FileExists,
            format!("{} already exists; move it, or write another file with --config NAME", target.display()),
        ));
    }
    // The file does not exist yet, so it is not read.
    let beside = Beside { config: None, ..options.source.beside.clone() };
    let project = Project::load(&Source::named(options.source.source.clone(), &beside))?;
    let rendered = project.render(None, &BuiltImages::default())?;
    output::new_file(&target, &first_config(&rendered.app, project.manifest(), &rendered.config.from_app_host))?;
    let schema = target.with_file_name(SCHEMA);
    if is_ours_or_missing(&schema) {
        output::file(&schema, &format!("{:#}\n", config::schema()))?;
    }
    output::say(&format!("wrote {} and {}, the schema for editors", target.display(), schema.display()));
    Ok(Exit::Done)
}

/// The file that `--config` names, else the one beside the manifest or the AppHost.
fn target(options: &Init) -> Result<PathBuf, CliError> {
    match &options.source.beside.config {
        Some(path) => Ok(path.clone()),
        None => Ok(Described::at(options.source.path())?.path().with_file_name(CONFIG)),
    }
}

fn is_ours_or_missing(path: &Path) -> bool {
    let Ok(text) = read_file::text(path) else { return path.symlink_metadata().is_err() };
    let found: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
    found["$id"] == config::schema()["$id"]
}

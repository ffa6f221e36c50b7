//! `manifest`: writes the manifest and the model of an AppHost, for machines without .NET.

use super::args::Manifest;
use super::described::{MANIFEST, app_host};
use super::{CliError, Exit, app_host as publishing, model, output};
use crate::support::diagnostic::Code;
use crate::support::temporary;

/// Writes the manifest of an AppHost, and its model.
pub(super) fn manifest(options: &Manifest) -> Result<Exit, CliError> {
    let source = options.path();
    let program = app_host(source)?.ok_or_else(|| {
        CliError::Usage(Code::ManifestNotFound, format!("{} is not an AppHost, and contains none", source.display()))
    })?;
    let folder = &options.output;
    let failed = |error| output::unwritable(folder, &error);
    std::fs::create_dir_all(folder).map_err(failed)?;
    // In the folder itself, because the paths in a manifest start from the folder that Aspire writes it to.
    let file = temporary::file_in(folder, ".aspire-", ".json").map_err(failed)?;
    let published = publishing::published(&program, &options.app_host, Some(file.path()))?;
    let manifest = publishing::parsed(&program, &published)?;
    model::of(&program, &published, &options.app_host)?;
    let path = folder.join(MANIFEST);
    output::placed(file, &path)?;
    model::write(folder, &published)?;
    let resources = output::counted(manifest.resources.len(), "resource", "resources");
    output::say(&format!("manifest written to {}: {resources}", path.display()));
    Ok(Exit::Done)
}

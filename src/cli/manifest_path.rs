//! Finds the manifest that SOURCE refers to.

use super::CliError;
use crate::support::diagnostic::Code;
use std::path::{Path, PathBuf};

/// The name that Aspire gives a manifest.
const MANIFEST: &str = "aspire-manifest.json";

/// Whether a manifest of the usual name lies in the folder.
pub(super) fn has_manifest(folder: &Path) -> bool {
    folder.join(MANIFEST).is_file()
}

/// The manifest itself, or the one in the folder.
pub(super) fn manifest_path(source: &Path) -> Result<PathBuf, CliError> {
    let name = source.file_name().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default();
    let is_app_host = [".csproj", ".fsproj", ".sln", ".slnx"].iter().any(|ending| name.ends_with(ending))
        || matches!(name.as_str(), "apphost.cs" | "apphost.ts");
    if is_app_host {
        return Err(CliError::Usage(
            Code::ManifestNotFound,
            format!(
                "{} is an AppHost, but this version reads manifests only; run `aspire do publish-manifest \
                --output-path ./{MANIFEST}` and pass the file",
                source.display()
            ),
        ));
    }
    if !source.is_dir() {
        return Ok(source.to_owned());
    }
    let inside = source.join(MANIFEST);
    if inside.is_file() {
        return Ok(inside);
    }
    Err(CliError::Usage(
        Code::ManifestNotFound,
        format!(
            "{} contains no {MANIFEST}; pass the manifest itself, or write one with `aspire do publish-manifest \
            --output-path ./{MANIFEST}`",
            source.display()
        ),
    ))
}

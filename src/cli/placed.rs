//! Adds file and line to the errors of an application. It reads the two files again, so that valid files do not pay for
//! looking up places.

use crate::config::{self, FromAppHost};
use crate::manifest;
use crate::support::diagnostic::{Diagnostic, Diagnostics, affords_lines};
use crate::support::read_file;
use std::fmt::Write as _;
use std::path::Path;

/// The files that problems can be in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Files<'a> {
    /// The manifest, or the AppHost that wrote it.
    pub manifest: &'a Path,
    /// Whether that file is the text of a manifest, which has lines.
    pub has_lines: bool,
    /// `aspire-k8s.yaml`, which may not be there.
    pub intent: &'a Path,
    /// What is not in that file, although its place is.
    pub from_app_host: &'a FromAppHost,
}

/// Problems of the application. What one environment causes is said to be of it.
pub(super) fn in_files(mut diagnostics: Diagnostics, files: Files, environment: Option<&str>) -> Diagnostics {
    let written = files.has_lines.then(|| read_file::bytes(files.manifest).ok()).flatten();
    let manifest = written.unwrap_or_default();
    let intent = read_file::text(files.intent).unwrap_or_default();
    let count = diagnostics.0.len();
    for Diagnostic { place, what, .. } in &mut diagnostics.0 {
        if place.file == config::FILE && files.from_app_host.at(&place.path).is_some() {
            place.file = files.manifest.display().to_string();
        } else if place.file == config::FILE {
            let find =
                |path: &str| affords_lines(count, intent.len()).then(|| config::position(&intent, path)).flatten();
            let own = environment.and_then(|name| find(&format!("environments.{name}.{}", place.path)));
            place.position = own.or_else(|| find(&place.path));
            place.file = files.intent.display().to_string();
        } else if place.file.is_empty() {
            let found = affords_lines(count, manifest.len()).then(|| manifest::position(&manifest, &place.path));
            place.position = found.flatten();
            place.file = files.manifest.display().to_string();
        }
        if let Some(name) = environment {
            let _ = write!(what, " (in the environment {name})");
        }
    }
    diagnostics
}

/// Problems of the manifest alone, those with a line of their own left as they are.
pub(super) fn in_manifest(mut diagnostics: Diagnostics, manifest: &[u8]) -> Diagnostics {
    if affords_lines(diagnostics.0.len(), manifest.len()) {
        for diagnostic in diagnostics.0.iter_mut().filter(|diagnostic| diagnostic.place.position.is_none()) {
            diagnostic.place.position = manifest::position(manifest, &diagnostic.place.path);
        }
    }
    diagnostics
}

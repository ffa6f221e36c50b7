//! Gives the problems of an application the file and line that each is in. It reads the two files once more, because good
//! ones should not pay for places.

use crate::config;
use crate::manifest;
use crate::support::diagnostic::{Problem, Problems, affords_lines};
use crate::support::read_file;
use std::fmt::Write as _;
use std::path::Path;

/// The files that problems can be in.
#[derive(Debug, Clone, Copy)]
pub struct Files<'a> {
    /// The manifest.
    pub manifest: &'a Path,
    /// `aspire-k8s.yaml`, which may not be there.
    pub intent: &'a Path,
}

/// Problems of the application. What one environment causes is said to be of it.
pub fn in_files(mut problems: Problems, files: Files, environment: Option<&str>) -> Problems {
    let manifest = read_file::bytes(files.manifest).unwrap_or_default();
    let intent = read_file::text(files.intent).unwrap_or_default();
    let count = problems.0.len();
    for Problem { place, what, .. } in &mut problems.0 {
        if place.file == config::FILE {
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
    problems
}

/// Problems of the manifest alone, those with a line of their own left as they are.
pub fn in_manifest(mut problems: Problems, manifest: &[u8]) -> Problems {
    if affords_lines(problems.0.len(), manifest.len()) {
        for problem in problems.0.iter_mut().filter(|problem| problem.place.position.is_none()) {
            problem.place.position = manifest::position(manifest, &problem.place.path);
        }
    }
    problems
}

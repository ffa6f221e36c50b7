//! Names that completion offers: those of the application in the SOURCE of the line, or in the current folder.
//!
//! What cannot be read has no names; a shell that completes shows no errors.

use super::args::{Beside, Source};
use super::complete::Names;
use super::described::Described;
use super::project::Project;
use crate::inputs::list;
use crate::targets::built_images::BuiltImages;
use std::path::{Path, PathBuf};

/// The application, read when a name is asked for.
pub(super) struct Application {
    source: PathBuf,
}

impl Application {
    /// The SOURCE among words that were typed: the last one that names a folder or a manifest.
    pub(super) fn of(words: &[String]) -> Self {
        let is_source =
            |path: &Path| path.is_dir() || path.extension().is_some_and(|end| end == "json") && path.is_file();
        let typed = words.iter().rev().skip(1).map(PathBuf::from).find(|path| is_source(path));
        Self { source: typed.unwrap_or_else(|| ".".into()) }
    }

    fn project(&self) -> Option<Project> {
        // A shell that completes never builds or runs an AppHost.
        let Ok(Described::Manifest(path)) = Described::at(&self.source) else { return None };
        Project::load(&Source::named(Some(path), &Beside::default())).ok()
    }
}

impl Names for Application {
    fn environments(&self) -> Vec<String> {
        self.project().map(|project| project.environments()).unwrap_or_default()
    }

    fn inputs(&self, secrets: bool) -> Vec<String> {
        let rendered = self.project().and_then(|project| project.render(None, &BuiltImages::default()).ok());
        let listed = rendered.map(|rendered| list(&rendered.app, &rendered.plan)).unwrap_or_default();
        listed.into_iter().filter(|input| input.secret || !secrets).map(|input| input.name).collect()
    }

    fn resources(&self) -> Vec<String> {
        self.project().map(|project| project.resources()).unwrap_or_default()
    }
}

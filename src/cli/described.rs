//! What SOURCE refers to: a manifest, or an AppHost that writes one. It starts nothing.

use super::CliError;
use crate::apphost::{self, Program};
use crate::support::diagnostic::Code;
use std::path::{Path, PathBuf};

/// The name that Aspire gives a manifest.
pub(super) const MANIFEST: &str = "aspire-manifest.json";

/// The name of the configuration file.
pub(super) const CONFIG: &str = "aspire-k8s.yaml";

/// Where an application is described.
pub(super) enum Described {
    /// In a manifest that Aspire wrote.
    Manifest(PathBuf),
    /// In an AppHost, which writes a manifest when it runs.
    AppHost(Program),
}

impl Described {
    /// What SOURCE refers to: the file, the manifest in the folder, else the AppHost in it.
    pub(super) fn at(source: &Path) -> Result<Self, CliError> {
        let inside = source.join(MANIFEST);
        if inside.is_file() {
            return Ok(Self::Manifest(inside));
        }
        let name = source.file_name().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default();
        if [".sln", ".slnx"].iter().any(|ending| name.ends_with(ending)) {
            return Err(not_found(source, "is a solution; pass the project of its AppHost"));
        }
        if apphost::is_of_another_language(source) {
            let what = format!(
                "is not an AppHost for .NET, and only Aspire can run it; run `aspire do publish-manifest \
                --output-path ./{MANIFEST}` and pass the file"
            );
            return Err(not_found(source, &what));
        }
        match app_host(source)? {
            Some(program) => Ok(Self::AppHost(program)),
            None if source.is_dir() => {
                Err(not_found(source, &format!("contains no {MANIFEST} and no AppHost; pass one of them")))
            }
            None => Ok(Self::Manifest(source.to_owned())),
        }
    }

    /// The file itself.
    pub(super) fn path(&self) -> &Path {
        match self {
            Self::Manifest(path) => path,
            Self::AppHost(program) => &program.shown,
        }
    }

    /// The folder that its files lie in.
    pub(super) fn folder(&self) -> PathBuf {
        match self.path().parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
            _ => PathBuf::from("."),
        }
    }

    /// The folder of `aspire-k8s.yaml`: that of the manifest or AppHost, or SOURCE if only that has the file.
    pub(super) fn intent_folder(&self, source: &Path) -> PathBuf {
        let own = self.folder();
        let is_above = !own.join(CONFIG).is_file() && source.is_dir() && source.join(CONFIG).is_file();
        if is_above { source.to_owned() } else { own }
    }

    /// The default name of the application.
    pub(super) fn application(&self) -> String {
        let folder = || self.folder().canonicalize().ok()?.file_name().map(|name| name.to_string_lossy().into_owned());
        match self {
            Self::Manifest(_) => folder().unwrap_or_default(),
            Self::AppHost(program) => program.application(),
        }
    }
}

/// The AppHost that a path leads to.
pub(super) fn app_host(source: &Path) -> Result<Option<Program>, CliError> {
    apphost::find(source).map_err(|diagnostic| CliError::Input(diagnostic.into()))
}

/// Whether a manifest of the usual name lies in the folder.
pub(super) fn has_manifest(folder: &Path) -> bool {
    folder.join(MANIFEST).is_file()
}

/// Whether the folder has an application: a manifest, or at least one AppHost.
pub(super) fn has_application(folder: &Path) -> bool {
    has_manifest(folder) || !matches!(apphost::find(folder), Ok(None))
}

fn not_found(source: &Path, what: &str) -> CliError {
    CliError::Usage(Code::ManifestNotFound, format!("{} {what}", source.display()))
}

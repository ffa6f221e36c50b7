//! Why a chart was not written.

use crate::support::diagnostic::{Code, Diagnostic};
use crate::support::read_file::reason;
use std::io;
use std::path::{Path, PathBuf};

/// Name of the file that holds plain objects.
pub(super) const OBJECTS: &str = "objects.yaml";

/// Why a chart was not written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// A user told us to stop before the new chart was whole.
    #[error("interrupted; nothing was written")]
    Interrupted,
    /// The folder holds something that is not a chart of ours.
    #[error("{0} is not empty and contains no chart of kubectl aspire; choose another folder with -o, or empty it")]
    Foreign(PathBuf),
    /// The folder holds something else than plain objects.
    #[error("{0} contains more than {OBJECTS}; choose another folder with -o, or empty it")]
    NotObjects(PathBuf),
    /// A whole folder cannot be exchanged while the person stands in it.
    #[error(
        "{0} is the current folder or one of its parents, but a render replaces the whole folder; run the \
    command from another folder"
    )]
    Within(PathBuf),
    /// The path is a file.
    #[error("{0} is a file; -o needs a folder")]
    NotAFolder(PathBuf),
    /// The file system said no.
    #[error("cannot {action} {path}: {}", reason(source))]
    Io {
        /// What was tried.
        action: &'static str,
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl WriteError {
    /// The same as a problem.
    pub fn to_diagnostic(&self) -> Diagnostic {
        let code = if matches!(self, Self::Interrupted) { Code::Interrupted } else { Code::UnwritableFile };
        Diagnostic::new(code, "", self.to_string())
    }
}

/// An error of the file system, with what was tried on what.
pub(super) fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> WriteError {
    let path = path.to_owned();
    move |source| WriteError::Io { action, path, source }
}

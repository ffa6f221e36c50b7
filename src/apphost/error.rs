//! Why there is no manifest.

use crate::support::diagnostic::Diagnostic;

/// Why publishing failed.
#[derive(Debug)]
pub(crate) enum Error {
    /// Something is wrong.
    Failed(Box<Diagnostic>),
    /// A user stopped it.
    Interrupted(Box<Diagnostic>),
}

impl From<Diagnostic> for Error {
    fn from(diagnostic: Diagnostic) -> Self {
        Self::Failed(Box::new(diagnostic))
    }
}

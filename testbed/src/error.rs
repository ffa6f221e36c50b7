//! The one error of this crate: a sentence for the person who runs the tests. It must not carry codes to be matched on.

use std::fmt;

/// Why the test bed could not do something, as a sentence.
#[derive(Debug, Clone)]
pub struct Error(String);

impl Error {
    /// An error that says `sentence`.
    pub fn new(sentence: impl Into<String>) -> Self {
        Self(sentence.into())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Error {}

/// Says in front of a lower error what was being done.
pub(crate) trait Context<T> {
    /// Turns the error into `<what>: <error>`.
    fn context<S: fmt::Display>(self, what: impl FnOnce() -> S) -> Result<T, Error>;
}

impl<T, E: fmt::Display> Context<T> for Result<T, E> {
    fn context<S: fmt::Display>(self, what: impl FnOnce() -> S) -> Result<T, Error> {
        self.map_err(|e| Error(format!("{}: {e}", what())))
    }
}

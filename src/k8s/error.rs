//! What went wrong between us and the API server, as a sentence that names the object and the way out.
//!
//! The sentence is made where the request was made, so that it can say what was tried; the kind is for the program.

use std::fmt;

/// What the program can decide by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// The kubeconfig, or the choice of a context, cannot be used.
    Configuration,
    /// The API server could not be reached.
    Unreachable,
    /// The API server did not answer in time; a write may have happened.
    Timeout,
    /// The API server does not know who we are.
    Unauthorized,
    /// A permission is missing.
    Forbidden,
    /// There is no such object, or no such kind of object.
    NotFound,
    /// An object of that name is there already.
    AlreadyExists,
    /// Somebody else wrote the object since it was read.
    Conflict,
    /// The API server refused the object as it is written.
    Invalid,
    /// We refuse: the object belongs to another owner.
    Refused,
    /// Any other answer.
    Other,
}

/// An error of this module. Holds no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    kind: ErrorKind,
    sentence: String,
    hint: String,
}

impl Error {
    /// An error with its sentence (without the final period).
    pub fn new(kind: ErrorKind, sentence: impl Into<String>) -> Self {
        Self { kind, sentence: sentence.into(), hint: String::new() }
    }

    /// We will not touch what is not ours.
    pub fn refused(sentence: impl Into<String>) -> Self {
        Self::new(ErrorKind::Refused, sentence)
    }

    /// The same error with advice.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = hint.into();
        self
    }

    /// The sentence without the advice.
    pub fn sentence(&self) -> &str {
        &self.sentence
    }

    /// The advice; empty when there is none.
    pub fn advice(&self) -> &str {
        &self.hint
    }

    /// What kind of error it is.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Whether another client was faster: read again and decide again.
    pub fn is_conflict(&self) -> bool {
        matches!(self.kind, ErrorKind::Conflict | ErrorKind::AlreadyExists)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence)?;
        if self.hint.is_empty() { Ok(()) } else { write!(f, "\n  hint: {}", self.hint) }
    }
}

impl std::error::Error for Error {}

/// A result of this module.
pub type Result<T> = std::result::Result<T, Error>;

//! An error of the API server, as a message that names the object and the fix.
//!
//! The message is created where the request was sent, so that it can say what was tried; the kind is for the program.

use crate::support::diagnostic::{Code, Diagnostic, Place};
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
    /// Another client wrote the object since it was read.
    Conflict,
    /// The API server refused the object as it is written.
    Invalid,
    /// We refuse: the object belongs to another owner.
    Refused,
    /// Any other answer.
    Other,
}

/// Why the API server turned a request away, as far as only its words tell it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// A permission is missing; a quota or a policy is another matter.
    NoPermission,
    /// Server-side apply: another manager owns a field.
    FieldConflict,
    /// The object was deleted and created again since it was read.
    OtherUid,
    /// A webhook did not answer. One that says no is another matter.
    WebhookAway,
    /// A webhook or a policy said no.
    Denied,
    /// Pod Security forbids the pod.
    PodSecurity,
    /// A quota is used up.
    Quota,
    /// A quota demands requests or limits that are not set.
    QuotaUnset,
    /// A `LimitRange` does not allow what a container or pod asks for.
    Limits,
    /// There is no such service account.
    ServiceAccount,
    /// There is no such priority class.
    PriorityClass,
    /// The text is not an object of its kind. Helm may write it otherwise.
    Unread,
    /// A webhook cannot be asked in a dry run.
    NoDryRun,
}

/// What the API server writes, and what it means. The only place that reads its words.
const CAUSES: [(&str, Cause); 15] = [
    (" cannot ", Cause::NoPermission),
    ("Apply failed with ", Cause::FieldConflict),
    ("metadata.uid: Invalid value", Cause::OtherUid),
    ("failed calling webhook", Cause::WebhookAway),
    ("denied the request", Cause::Denied),
    ("denied request", Cause::Denied),
    ("violates PodSecurity", Cause::PodSecurity),
    ("exceeded quota", Cause::Quota),
    ("failed quota", Cause::QuotaUnset),
    ("per Container is", Cause::Limits),
    ("per Pod is", Cause::Limits),
    ("service account", Cause::ServiceAccount),
    ("PriorityClass", Cause::PriorityClass),
    ("cannot be handled as a", Cause::Unread),
    ("does not support dry run", Cause::NoDryRun),
];

/// The causes that an answer of the API server names, in the order of the table.
pub(crate) fn causes(said: &str) -> Vec<Cause> {
    CAUSES.iter().filter(|(words, _)| said.contains(words)).map(|(_, cause)| *cause).collect()
}

/// An error of this module. Holds no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    kind: ErrorKind,
    code: Option<Code>,
    said: String,
    sentence: String,
    hint: String,
}

impl Error {
    /// An error with its sentence (without the final period).
    pub fn new(kind: ErrorKind, sentence: impl Into<String>) -> Self {
        Self { kind, code: None, said: String::new(), sentence: sentence.into(), hint: String::new() }
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

    /// The same error, for which the API server gave this answer.
    #[must_use]
    pub fn answered(self, said: impl Into<String>) -> Self {
        Self { said: said.into(), ..self }
    }

    /// The same error with a code of its own, where its kind does not say it all.
    #[must_use]
    pub fn code_of(self, code: Code) -> Self {
        Self { code: Some(code), ..self }
    }

    /// What the API server answered; empty where it did not.
    pub fn said(&self) -> &str {
        &self.said
    }

    /// Whether the answer of the API server names this cause.
    pub fn is_for(&self, cause: Cause) -> bool {
        causes(&self.said).contains(&cause)
    }

    pub fn code(&self) -> Code {
        self.code.unwrap_or(match self.kind {
            _ if self.is_for(Cause::WebhookAway) => Code::WebhookUnavailable,
            ErrorKind::Invalid | ErrorKind::Other if self.is_for(Cause::Denied) => Code::RequestDenied,
            ErrorKind::Conflict if self.is_for(Cause::FieldConflict) => Code::FieldConflict,
            ErrorKind::Configuration => Code::InvalidKubeconfig,
            ErrorKind::Unreachable => Code::ServerUnreachable,
            ErrorKind::Timeout => Code::ServerTimeout,
            ErrorKind::Unauthorized => Code::NotAuthenticated,
            ErrorKind::Forbidden if self.said.is_empty() || self.is_for(Cause::NoPermission) => Code::MissingPermission,
            ErrorKind::NotFound => Code::ObjectNotFound,
            ErrorKind::AlreadyExists | ErrorKind::Conflict => Code::WriteConflict,
            ErrorKind::Invalid => Code::InvalidObject,
            ErrorKind::Refused => Code::NotOwned,
            ErrorKind::Forbidden => Code::RequestDenied,
            ErrorKind::Other => Code::UnexpectedResponse,
        })
    }

    /// The same as a problem.
    pub fn to_diagnostic(&self) -> Diagnostic {
        Diagnostic::new(self.code(), Place::default(), self.sentence.clone()).hint(self.hint.clone())
    }

    /// The sentence without the advice.
    pub fn sentence(&self) -> &str {
        &self.sentence
    }

    /// The advice; empty if there is nothing to advise.
    pub fn advice(&self) -> &str {
        &self.hint
    }

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

//! Errors of running helm, as messages.

use super::cause::{Cause, UnknownKind, causes};
use crate::support::diagnostic::{Code, Diagnostic};
use crate::support::ended::Ended;
use std::fmt;

/// A helm that ran and failed. Holds no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The program and its arguments, as one could type them.
    pub command: String,
    /// How it ended.
    pub ended: Ended,
    /// The last lines it wrote to its standard error, or to its standard output when it wrote no error.
    pub lines: Vec<String>,
    /// Why, as far as helm says it.
    pub causes: Vec<Cause>,
}

impl Failure {
    /// One that said these lines, which hold no secret.
    pub fn saying(command: &str, ended: Ended, lines: Vec<String>) -> Self {
        let causes = causes(&lines, ended);
        Self { command: command.to_owned(), ended, lines, causes }
    }
}

/// An error of this module.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// There is no helm.
    Missing(String),
    /// There is one, of a version we do not know.
    Unsupported {
        program: String,
        /// Its version as it says it.
        version: String,
        /// The way out.
        hint: &'static str,
    },
    /// It could not be started at all.
    NotStarted {
        program: String,
        /// What the system says.
        reason: String,
    },
    /// It ran and failed.
    Failed(Box<Failure>),
    /// We were told to stop while it ran. It was let finish.
    Interrupted {
        /// The program and its arguments.
        command: String,
        /// Whether it ended with success all the same.
        finished: bool,
    },
    /// It did not end in the time that it was given, and was ended.
    Late {
        /// The program and its arguments.
        command: String,
        /// The time.
        seconds: u64,
    },
    /// It was not started, because the lock of the release could not be kept.
    Lock(crate::k8s::error::Error),
    /// It answered something else than was asked for.
    Unreadable {
        /// The program and its arguments.
        command: String,
        expected: &'static str,
    },
    /// What was to be given to helm would mean something else there.
    Invalid(String),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_diagnostic().fmt(f)
    }
}

/// A result of this module.
pub(crate) type Result<T> = std::result::Result<T, Error>;

impl Error {
    pub fn code(&self) -> Code {
        match self {
            Self::Missing(_) | Self::NotStarted { .. } => Code::HelmMissing,
            Self::Unsupported { .. } => Code::HelmUnsupported,
            Self::Failed(_) => self.causes().iter().find_map(Cause::code).unwrap_or(Code::HelmFailed),
            Self::Interrupted { .. } => Code::Interrupted,
            Self::Late { .. } => Code::HelmTimeout,
            Self::Lock(error) => error.code(),
            Self::Unreadable { .. } => Code::HelmFailed,
            Self::Invalid(_) => Code::HelmArgumentRefused,
        }
    }

    /// The same as a problem.
    pub fn to_diagnostic(&self) -> Diagnostic {
        let hint = match self {
            Self::Lock(error) => return error.to_diagnostic(),
            Self::Missing(_) => "install helm 3.14 or later, or set $HELM_BIN to its path",
            Self::Unsupported { hint, .. } => hint,
            _ => "",
        };
        Diagnostic::new(self.code(), "", self.what()).hint(hint)
    }

    fn what(&self) -> String {
        match self {
            Self::Missing(why) => format!("helm was not found: {why}"),
            Self::Unsupported { program, version, .. } => {
                format!("{program} is helm {version}, but kubectl-aspire supports helm 3.14 to 4.x")
            }
            Self::NotStarted { program, reason } => format!("could not start {program}: {reason}"),
            Self::Failed(failure) => format!("`{}` {}{}", failure.command, failure.ended, indented(&failure.lines)),
            Self::Interrupted { command, finished } => {
                let end = if *finished { "had finished" } else { "stopped" };
                format!("interrupted; `{command}` was told to stop, and {end}")
            }
            Self::Late { command, seconds } => format!("`{command}` did not finish in {seconds} s"),
            Self::Lock(error) => error.sentence().to_owned(),
            Self::Unreadable { command, expected } => {
                format!("the output of `{command}` is not {expected}")
            }
            Self::Invalid(what) => what.clone(),
        }
    }

    /// Whether helm names this cause.
    pub fn is_for(&self, cause: &Cause) -> bool {
        self.causes().contains(cause)
    }

    /// Whether helm does not know the release, or the revision.
    pub fn is_not_found(&self) -> bool {
        self.is_for(&Cause::NoSuchRelease)
    }

    /// Whether another helm works on the release, or was killed while it did.
    pub fn is_in_progress(&self) -> bool {
        self.is_for(&Cause::InProgress)
    }

    /// Whether it applied everything and timed out waiting for it to become ready. What cannot be reached is another matter.
    pub fn is_not_ready(&self) -> bool {
        self.is_for(&Cause::NotReady)
    }

    /// Whether a webhook that the API server asks did not answer. One that says no is another matter.
    pub fn is_webhook_away(&self) -> bool {
        self.is_for(&Cause::WebhookAway)
    }

    /// Whether a repository or registry has no such chart, or no such version of it.
    pub fn is_no_such_chart(&self) -> bool {
        self.is_for(&Cause::NoSuchChart)
    }

    /// The kinds that the cluster does not know; none if that is not why it failed.
    pub fn unknown_kinds(&self) -> Vec<&UnknownKind> {
        self.causes().iter().filter_map(Cause::unknown_kind).collect()
    }

    fn causes(&self) -> &[Cause] {
        if let Self::Failed(failure) = self { &failure.causes } else { &[] }
    }
}

fn indented(lines: &[String]) -> String {
    if lines.is_empty() { String::new() } else { format!(":\n  {}", lines.join("\n  ")) }
}

//! What went wrong between us and helm, as sentences.

use std::fmt;

/// How a process ended without success.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// By itself, with this status.
    Status(i32),
    /// Killed by this signal.
    Signal(i32),
    /// In a way the system does not tell.
    Unknown,
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(code) => write!(f, "failed with exit status {code}"),
            Self::Signal(number) => write!(f, "was killed by signal {number}"),
            Self::Unknown => f.write_str("failed"),
        }
    }
}

/// A helm that ran and failed. Holds no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The program and its arguments, as one could type them.
    pub command: String,
    /// How it ended.
    pub ended: Ended,
    /// The last lines it wrote to its standard error, or to its standard output when it wrote no error.
    pub lines: Vec<String>,
    /// The same lines before secrets were hidden in them: only to tell failures apart by helm's own words.
    pub(super) unmasked: Unmasked,
}

/// Lines that may hold secrets. They are asked for words and never shown, not even by `Debug`.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Unmasked(pub(super) Vec<String>);

impl std::fmt::Debug for Unmasked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} lines", self.0.len())
    }
}

/// An error of this module.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// There is no helm.
    #[error("there is no helm: {0}\n  hint: install helm 3.14 or later, or name it with $HELM_BIN")]
    Missing(String),
    /// There is one, of a version we do not know.
    #[error("{program} is helm {version}, and kubectl-aspire works with helm 3.14 to 4.x\n  hint: {hint}")]
    Unsupported {
        /// The program.
        program: String,
        /// Its version as it says it.
        version: String,
        /// The way out.
        hint: &'static str,
    },
    /// It could not be started at all.
    #[error("could not start {program}: {reason}")]
    NotStarted {
        /// The program.
        program: String,
        /// What the system says.
        reason: String,
    },
    /// It ran and failed.
    #[error("`{}` {}{}", .0.command, .0.ended, indented(&.0.lines))]
    Failed(Box<Failure>),
    /// We were told to stop while it ran. It was let finish.
    #[error("interrupted; `{command}` was told to stop, and {}", if *.finished { "had finished" } else { "stopped" })]
    Interrupted {
        /// The program and its arguments.
        command: String,
        /// Whether it ended with success all the same.
        finished: bool,
    },
    /// It did not end in the time that it was given, and was ended.
    #[error("`{command}` did not end in {seconds} s")]
    Late {
        /// The program and its arguments.
        command: String,
        /// The time.
        seconds: u64,
    },
    /// It was not started, because the lock of the release could not be kept.
    #[error(transparent)]
    Lock(crate::cluster::Error),
    /// It answered something else than was asked for.
    #[error("`{command}` answered something that is not {expected}")]
    Unreadable {
        /// The program and its arguments.
        command: String,
        /// What was expected.
        expected: &'static str,
    },
    /// What was to be given to helm would mean something else there.
    #[error("{0}")]
    Invalid(String),
}

/// A result of this module.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// Whether helm does not know the release, or the revision.
    pub fn is_not_found(&self) -> bool {
        self.says("release: not found")
    }

    /// Whether another helm works on the release, or was killed while it did.
    pub fn is_in_progress(&self) -> bool {
        self.says("another operation (install/upgrade/rollback) is in progress")
    }

    /// Whether the cluster does not know the kind of an object: its definition is not installed.
    pub fn is_unknown_kind(&self) -> bool {
        self.says("no matches for kind")
    }

    /// Whether it applied everything and waited in vain for it to become ready. What cannot be reached is another matter.
    pub fn is_not_ready(&self) -> bool {
        const IN_VAIN: [&str; 4] =
            ["context deadline exceeded", "timed out waiting", "not ready. status", "progress deadline"];
        let ran = matches!(self, Self::Failed(failure) if matches!(failure.ended, Ended::Status(_)));
        ran && IN_VAIN.iter().any(|words| self.says(words)) && !self.says("cluster unreachable")
    }

    /// Whether a webhook that the API server asks did not answer. One that says no is another matter.
    pub fn is_webhook_away(&self) -> bool {
        self.says("failed calling webhook")
    }

    /// The kinds that the cluster does not know, as far as helm names them: group with version, and kind.
    pub fn unknown_kinds(&self) -> impl Iterator<Item = (&str, &str)> {
        let lines = if let Self::Failed(failure) = self { failure.lines.as_slice() } else { &[] };
        let parts = lines.iter().flat_map(|line| line.split("no matches for kind ").skip(1));
        parts.filter_map(|part| {
            let mut quoted = part.split('"').skip(1).step_by(2);
            let (kind, version) = (quoted.next()?, quoted.next()?);
            Some((version, kind))
        })
    }

    /// Whether a repository or registry has no such chart, or no such version of it.
    pub fn is_no_such_chart(&self) -> bool {
        let Self::Failed(failure) = self else { return false };
        failure.unmasked.0.iter().any(|line| {
            (line.contains("not found") || line.contains("could not find"))
                && !line.contains("repo ")
                && !line.contains("no such host")
        })
    }

    fn says(&self, words: &str) -> bool {
        matches!(self, Self::Failed(failure) if failure.unmasked.0.iter().any(|line| line.contains(words)))
    }
}

fn indented(lines: &[String]) -> String {
    if lines.is_empty() { String::new() } else { format!(":\n  {}", lines.join("\n  ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_in_vain_is_told_from_what_failed_before() {
        let failed = |ended, line: &str| {
            let lines = vec![line.to_owned()];
            let unmasked = Unmasked(lines.clone());
            Error::Failed(Box::new(Failure { command: "helm".into(), ended, lines, unmasked }))
        };
        for (line, expected) in [
            ("Error: UPGRADE FAILED: context deadline exceeded", true),
            ("Error: UPGRADE FAILED: timed out waiting for the condition", true),
            ("Error: resource Deployment/n/api not ready. status: InProgress, message: Available: 0/1", true),
            ("Error: UPGRADE FAILED: conflict occurred while applying object n/api apps/v1, Kind=Deployment", false),
            ("Error: Kubernetes cluster unreachable: Get \"https://x\": context deadline exceeded", false),
            ("Error: UPGRADE FAILED: Deployment.apps \"api\" is invalid: field is immutable", false),
        ] {
            assert_eq!(failed(Ended::Status(1), line).is_not_ready(), expected, "{line}");
            assert!(!failed(Ended::Signal(9), line).is_not_ready(), "{line}");
        }
    }
    #[test]
    fn a_failure_is_known_by_what_helm_said_and_shows_what_is_masked() {
        let said = "Error: release: not found";
        let failure = Failure {
            command: "helm".into(),
            ended: Ended::Status(1),
            lines: vec!["Error: release: *** found".into()],
            unmasked: Unmasked(vec![said.into()]),
        };
        let error = Error::Failed(Box::new(failure));
        assert!(error.says("not found"));
        assert!(!format!("{error} {error:?}").contains(said));
    }
}

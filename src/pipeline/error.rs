//! Why a run ended, and what that means for the caller.

use crate::k8s::error::ErrorKind;
use crate::rollout::{Finding, Progress};
use crate::support::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::targets::kubernetes::chart::WriteError;

/// What the workloads had come to when the watching ended.
#[derive(Debug, Default)]
pub struct WatchOutcome {
    /// Why workloads do not come.
    pub findings: Vec<Finding>,
    /// Workloads that are not ready.
    pub unready: Vec<Progress>,
    /// Whether the change was stopped because waiting would not help.
    pub gave_up: bool,
}

/// Why a run ended.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Helm(#[from] crate::helm::Error),
    /// The API server.
    #[error(transparent)]
    Cluster(#[from] crate::k8s::error::Error),
    /// The input: values that are missing or wrong.
    #[error("{0}")]
    Input(#[from] Diagnostics),
    /// What is on the cluster forbids it; nothing was changed.
    #[error("{0}")]
    Refused(Diagnostics),
    /// A workload migration failed, and the workloads from before run again.
    #[error("the workload migration failed: {0}")]
    MigrationRolledBack(String),
    /// A workload migration stopped where only a user can continue; what holds data is untouched.
    #[error("{0}")]
    NeedsPerson(Diagnostic),
    /// A workload migration stopped where the same command continues later.
    #[error("{0}")]
    Resumable(Diagnostic),
    /// A workload migration was cut short: what is left, and how to continue.
    #[error("{error}\n{left}")]
    Unfinished {
        /// What cut it short.
        error: Box<Error>,
        /// What is there now, and the command that continues.
        left: Diagnostic,
    },
    /// Helm said that it was done, and its record says otherwise.
    #[error("{0}")]
    NotApplied(Diagnostic),
    /// A temporary folder for helm could not be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// A temporary folder for helm could not be made.
    #[error("cannot make a temporary folder: {0}")]
    Temporary(#[source] std::io::Error),
    /// The workloads did not become ready, and show why.
    #[error("{what} did not become ready\n{}\n{}", stuck(.seen), ended(.seen, .helm))]
    NotReady {
        /// What did not: the application, or a chart that comes with it.
        what: String,
        /// What helm said.
        helm: Box<Error>,
        /// What the workloads showed in the end.
        seen: WatchOutcome,
    },
    /// Steps failed, and what they had begun could not be taken back.
    #[error("{error}\n{NOT_ROLLED_BACK}: {}", joined(.failed))]
    NotClearedUp {
        /// What failed.
        error: Box<Error>,
        /// Why it could not be taken back.
        failed: Vec<Error>,
    },
    /// Steps failed, and the release is what it was before.
    #[error("{error}\n{}", rolled_back_to(*.revision))]
    RolledBack {
        /// What failed.
        error: Box<Error>,
        revision: u64,
    },
    /// Steps that do not depend on each other failed.
    #[error("{}", joined(.0))]
    Several(Vec<Error>),
    /// A user told us to stop.
    #[error("interrupted; run the same command again to resume")]
    Interrupted,
    /// The time for the whole run has passed.
    #[error("{}", timed_out())]
    TimeIsUp,
    /// A step was begun before those that it needs, or panicked.
    #[error("a step of kubectl aspire is invalid, which is a defect of the program: {0}")]
    Defect(String),
}

/// What is said of what a failed run left.
const NOT_ROLLED_BACK: &str = "and the partial change could not be rolled back";

fn rolled_back_to(revision: u64) -> String {
    format!("the release was rolled back to revision {revision}, with its secrets and values")
}

fn timed_out() -> Diagnostic {
    Diagnostic::new(Code::TimedOut, "", "timed out").hint("raise --timeout")
}

fn stuck(seen: &WatchOutcome) -> String {
    let is_told = |workload: &&Progress| {
        seen.findings.iter().any(|finding| (&finding.kind, &finding.name) == (&workload.kind, &workload.name))
    };
    let findings = seen.findings.iter().map(|finding| format!("  {finding}").replace('\n', "\n  "));
    let others = seen.unready.iter().filter(|workload| !is_told(workload));
    let others = others.map(|it| format!("  {} {}: {} of {} ready", it.kind, it.name, it.ready, it.desired));
    findings.chain(others).collect::<Vec<_>>().join("\n")
}

fn ended(seen: &WatchOutcome, helm: &Error) -> String {
    if seen.gave_up { "waiting longer would not have helped (--fail-fast)".to_owned() } else { helm.to_string() }
}

fn joined(errors: &[Error]) -> String {
    errors.iter().map(Error::to_string).collect::<Vec<_>>().join("\n")
}

impl Error {
    /// The same as problems, each with its code. What a run did about it is [`Error::note`].
    pub fn diagnostics(&self) -> Vec<Diagnostic> {
        let one = |code| vec![Diagnostic::new(code, "", self.to_string())];
        match self {
            Self::Helm(error) => vec![error.to_diagnostic()],
            Self::Cluster(error) => vec![error.to_diagnostic()],
            Self::Input(Diagnostics(diagnostics)) | Self::Refused(Diagnostics(diagnostics)) => diagnostics.clone(),
            Self::MigrationRolledBack(_) => one(Code::MigrationFailed),
            Self::NeedsPerson(diagnostic) | Self::Resumable(diagnostic) | Self::NotApplied(diagnostic) => {
                vec![diagnostic.clone()]
            }
            Self::Unfinished { error, left } => [error.diagnostics(), vec![left.clone()]].concat(),
            Self::Write(error) => vec![error.to_diagnostic()],
            Self::Temporary(_) => one(Code::UnwritableFile),
            Self::NotReady { .. } => one(Code::NotReady),
            Self::NotClearedUp { error, failed } => {
                let failed = failed
                    .iter()
                    .map(|failed| Diagnostic::new(Code::RollbackFailed, "", format!("{NOT_ROLLED_BACK}: {failed}")));
                error.diagnostics().into_iter().chain(failed).collect()
            }
            Self::RolledBack { error, .. } => error.diagnostics(),
            Self::Several(errors) => errors.iter().flat_map(Self::diagnostics).collect(),
            Self::Interrupted => one(Code::Interrupted),
            Self::TimeIsUp => vec![timed_out()],
            Self::Defect(_) => one(Code::Defect),
        }
    }

    /// What the run did about it.
    pub fn note(&self) -> Option<String> {
        match self.first() {
            Self::RolledBack { revision, .. } => Some(rolled_back_to(*revision)),
            _ => None,
        }
    }

    /// Whether the run refused to act, as opposed to failing.
    pub fn is_refusal(&self) -> bool {
        match self {
            Self::Refused(_) => true,
            Self::Cluster(error) | Self::Helm(crate::helm::Error::Lock(error)) => error.kind() == ErrorKind::Refused,
            Self::Helm(error) => error.is_in_progress(),
            Self::Several(errors) => errors.iter().all(Self::is_refusal),
            _ => false,
        }
    }

    /// Whether the release is what it was before.
    pub fn is_rolled_back(&self) -> bool {
        matches!(self.first(), Self::RolledBack { .. } | Self::MigrationRolledBack(_))
    }

    /// Whether helm timed out waiting for the workloads, as opposed to having failed before.
    pub(in crate::pipeline) fn is_of_waiting(&self) -> bool {
        matches!(self, Self::Helm(error) if error.is_not_ready())
    }

    /// What decides the exit code: the error itself, without what came of it later.
    fn first(&self) -> &Self {
        match self {
            Self::NotClearedUp { error, .. } | Self::Unfinished { error, .. } => error.first(),
            other => other,
        }
    }

    /// Whether only a user can continue.
    pub fn needs_person(&self) -> bool {
        matches!(self.first(), Self::NeedsPerson(_))
    }

    /// Whether a user stopped the run, or something takes too long, so that it can continue.
    pub fn is_interruption(&self) -> bool {
        match self {
            Self::Interrupted | Self::Resumable(_) | Self::Helm(crate::helm::Error::Interrupted { .. }) => true,
            Self::NotClearedUp { error, .. } | Self::Unfinished { error, .. } => error.is_interruption(),
            Self::Several(errors) => errors.iter().any(Self::is_interruption),
            _ => false,
        }
    }
}

impl From<Diagnostic> for Error {
    fn from(diagnostic: Diagnostic) -> Self {
        Self::Input(diagnostic.into())
    }
}

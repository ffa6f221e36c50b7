//! Every error that ends a verb early, and its exit code.

use crate::pipeline;
use crate::support::diagnostic::{Code, Diagnostic, Diagnostics, Place};
use crate::support::read_file::reason;
use crate::targets::kubernetes::chart::{self, WriteError};
use std::process::{ExitCode, Termination};

/// Exit codes. They are part of the contract with scripts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    Done = 0,
    /// Input, usage, helm or cluster.
    Error = 1,
    /// Changes were found.
    Differs = 2,
    /// Refused: needs a confirmation, is blocked, or another run holds the lock.
    Refused = 3,
    /// It failed, and everything is as it was before.
    RolledBack = 4,
    /// Stopped where only a user can continue.
    NeedsPerson = 5,
    /// Stopped by a user; the same command continues.
    Interrupted = 6,
}

impl Termination for Exit {
    fn report(self) -> ExitCode {
        ExitCode::from(self as u8)
    }
}

/// Why a verb ended early.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// The command line asks for something impossible.
    #[error("{1}")]
    Usage(Code, String),
    /// A file or value of the person is wrong.
    #[error("{0}")]
    Input(Diagnostics),
    /// A file could not be read.
    #[error("cannot read {path}: {}", reason(source))]
    Read {
        /// The file.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The chart could not be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The chart could not be read.
    #[error(transparent)]
    ReadChart(#[from] chart::ReadError),
    /// A template of ours is wrong.
    #[error("a template of kubectl aspire is wrong, which is a defect of the program: {0:#}")]
    Template(#[from] minijinja::Error),
    /// The work on the cluster.
    #[error(transparent)]
    Pipeline(#[from] pipeline::Error),
    /// A user stopped it before anything was done.
    #[error("{0}")]
    Interrupted(Diagnostics),
    /// A refusal that leaves everything as it was.
    #[error("{1}")]
    Refused(Code, String),
}

impl CliError {
    /// Problems of a file.
    pub fn input(file: &str, diagnostics: impl Into<Diagnostics>) -> Self {
        Self::Input(diagnostics.into().in_file(file))
    }

    /// The same as problems, each with its code.
    pub fn diagnostics(&self) -> Vec<Diagnostic> {
        match self {
            Self::Usage(code, text) | Self::Refused(code, text) => vec![Diagnostic::new(*code, "", text)],
            Self::Input(Diagnostics(diagnostics)) | Self::Interrupted(Diagnostics(diagnostics)) => diagnostics.clone(),
            Self::Read { path, .. } => {
                let place = Place::in_file(path, "");
                vec![Diagnostic::new(Code::UnreadableFile, &place, self.to_string())]
            }
            Self::Write(error) => vec![error.to_diagnostic()],
            Self::ReadChart(error) => vec![error.to_diagnostic()],
            Self::Template(_) => vec![Diagnostic::new(Code::Defect, "", self.to_string())],
            Self::Pipeline(error) => error.diagnostics(),
        }
    }

    /// What was done about it.
    pub fn note(&self) -> Option<String> {
        if let Self::Pipeline(error) = self { error.note() } else { None }
    }

    /// The exit code.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Refused(..) => Exit::Refused,
            Self::Interrupted(_) => Exit::Interrupted,
            Self::Pipeline(error) if error.is_rolled_back() => Exit::RolledBack,
            Self::Pipeline(error) if error.needs_person() => Exit::NeedsPerson,
            Self::Pipeline(error) if error.is_interruption() => Exit::Interrupted,
            Self::Pipeline(error) if error.is_refusal() => Exit::Refused,
            _ => Exit::Error,
        }
    }
}

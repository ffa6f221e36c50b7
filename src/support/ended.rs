//! How a process ended.

use std::fmt;
use std::process::ExitStatus;

/// How a process ended without success.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// By itself, with this status.
    Status(i32),
    /// Killed by this signal.
    Signal(i32),
    /// Unknown: the system reports neither.
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

impl Ended {
    /// How a process with this exit status ended.
    #[cfg(unix)]
    pub(crate) fn of(status: ExitStatus) -> Self {
        use std::os::unix::process::ExitStatusExt;

        match (status.code(), status.signal()) {
            (Some(code), _) => Self::Status(code),
            (None, Some(signal)) => Self::Signal(signal),
            (None, None) => Self::Unknown,
        }
    }

    /// How a process with this exit status ended.
    #[cfg(not(unix))]
    pub(crate) fn of(status: ExitStatus) -> Self {
        status.code().map_or(Self::Unknown, Self::Status)
    }
}

//! Who is notified of every helm process that changes something.

use crate::k8s::error::Result;
use std::time::Duration;

/// Who wants to know of every helm that changes something.
pub(crate) trait Follow: Send + Sync {
    /// Variables for the environment of these helms, by which they can be found.
    fn marks(&self) -> Vec<(&'static str, String)>;
    /// One is about to start; an error keeps it from starting.
    fn starts(&self, command: &str, timeout: Duration) -> Result<()>;
    fn runs(&self, process: u32);
}

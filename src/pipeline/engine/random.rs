//! The source of random bytes for steps.

use crate::support::diagnostic::Diagnostic;

/// A source of random bytes for steps that may run side by side.
pub(crate) type Random<'a> = dyn Fn(&mut [u8]) -> Result<(), Diagnostic> + Sync + 'a;

//! Where steps take random bytes from.

use crate::support::diagnostic::Problem;

/// A source of random bytes for steps that may run side by side.
pub type Random<'a> = dyn Fn(&mut [u8]) -> Result<(), Problem> + Sync + 'a;

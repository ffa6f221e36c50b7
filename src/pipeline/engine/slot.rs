//! Results that steps pass on: each has its own slot, filled once.

use crate::pipeline::Error;
use std::sync::OnceLock;

/// What one step leaves for those that wait for it.
pub(crate) struct Slot<T>(OnceLock<T>);

impl<T> Default for Slot<T> {
    fn default() -> Self {
        Self(OnceLock::new())
    }
}

impl<T> Slot<T> {
    /// What an earlier step put here.
    pub(crate) fn get(&self) -> Result<&T, Error> {
        self.0.get().ok_or_else(|| Error::Defect(std::any::type_name::<T>().to_owned()))
    }

    /// What an earlier step put here, if it came that far.
    pub(crate) fn find(&self) -> Option<&T> {
        self.0.get()
    }

    /// What an earlier step put here, when all steps are over.
    pub(crate) fn into_inner(self) -> Option<T> {
        self.0.into_inner()
    }

    /// Puts the result of a step here, for the steps that wait for it.
    pub(crate) fn put(&self, value: T) {
        // A step runs once.
        let _ = self.0.set(value);
    }
}

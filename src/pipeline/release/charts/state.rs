//! Results that the steps of the charts pass on.

use super::decided::Decided;
use super::fetch::Ready;
use super::remove::Going;
use crate::pipeline::Slot;

/// What the steps of the charts leave for each other, in the order of the charts.
#[derive(Default)]
pub(crate) struct Charts {
    pub(super) ready: Slot<Vec<Ready>>,
    pub(super) decided: Slot<Vec<Decided>>,
    /// The release of issuers that SOURCE names no longer.
    pub(super) leaving: Slot<Option<Going>>,
}

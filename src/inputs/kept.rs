//! Values that earlier deploys stored in the cluster.

use std::collections::BTreeMap;

/// What earlier deploys left in the cluster.
#[derive(Default)]
pub(crate) struct Kept {
    /// Plain values.
    pub plain: BTreeMap<String, String>,
    /// Values of the Secret that `deploy` wrote.
    pub secret: BTreeMap<String, String>,
    /// Inputs that the chart's own Secret holds.
    pub chart_secret: BTreeMap<String, String>,
    /// Values of Secrets that are not ours and that the release uses.
    pub foreign: BTreeMap<String, String>,
}

//! What a deploy would do, as shown by a plan.

use super::charts::change::ChartChange;
use super::saved_plan::Saved;
use crate::diff::Change;

/// What a deploy would do.
pub(crate) struct Planned {
    /// How workloads change their kind, line by line; empty when none does.
    pub transition: Vec<String>,
    /// What happens to the charts that come with the application.
    pub charts: Vec<ChartChange>,
    /// What happens to each object.
    pub changes: Vec<Change>,
    /// Why the deploy would refuse or fail, as far as it can be known.
    pub errors: Vec<String>,
    /// What could not be found out.
    pub not_checked: Vec<String>,
    /// What the plan was made from; none if the cluster gives no key for its digests.
    pub saved: Option<Saved>,
}

impl Planned {
    /// Whether the deploy would change anything.
    pub(crate) fn has_changes(&self) -> bool {
        !self.transition.is_empty()
            || self.changes.iter().any(|change| change.action.is_change())
            || self.charts.iter().any(|chart| chart.changes)
    }
}

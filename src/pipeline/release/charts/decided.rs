//! The decision about one chart, and the place of its errors.

use crate::external_charts::{Action, Marks, PlannedChart, ProvidedCrd};
use crate::support::diagnostic::{Code, Diagnostic};

/// What is to be done about a chart.
pub(crate) struct Decided {
    pub action: Action,
    /// The version that will be there.
    pub version: String,
    /// The revision that is there.
    pub revision: Option<u64>,
    /// Our marks on it.
    pub marks: Marks,
    /// Definitions of kinds that it will bring before the application.
    pub provided_crds: Vec<ProvidedCrd>,
}

/// A problem of one chart.
pub(super) fn at(code: Code, chart: &PlannedChart, what: impl Into<String>) -> Diagnostic {
    Diagnostic::new(code, chart.place(), what)
}

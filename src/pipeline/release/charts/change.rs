//! How a plan describes the change of a chart.

use schemars::JsonSchema;
use serde::Serialize;

/// What a plan says of one chart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ChartChange {
    /// Its name among the charts.
    pub name: String,
    /// Release name.
    pub release: String,
    pub namespace: String,
    /// The version that is to be there.
    pub version: String,
    /// What would be done, in words.
    pub action: String,
    /// Whether that is a change.
    pub changes: bool,
}

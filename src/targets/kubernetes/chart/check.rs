//! The differences between a folder and a chart, as text. It writes nothing.

use super::Chart;
use super::error::WriteError;
use super::present::{Present, Thing};
use crate::support::file_diff::file_diff;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

/// How a folder differs from a chart.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Difference {
    /// A unified diff, from what lies there to what would be written; empty when nothing differs.
    pub diff: String,
}

/// Compares what lies in `folder` with the chart. Files that a user added do not count.
pub(crate) fn check(chart: &Chart, folder: &Path) -> Result<Difference, WriteError> {
    let present = Present::look(folder)?;
    let changes = present.changes(chart, &|| Ok(()))?;
    let mut diff = String::new();
    let paths: BTreeSet<&str> = changes.written.union(&changes.removed).copied().collect();
    for path in paths {
        let old = match present.files.get(path).map(|entry| entry.thing) {
            None => None,
            Some(Thing::File) => Some(present.read(path)?),
            // What it leads to does not belong to the chart, and is not shown.
            Some(other) => {
                let what = if let Thing::Special(what) = other { what } else { "a link" };
                let _ = writeln!(diff, "Only a file belongs there: a/{path} is {what}");
                continue;
            }
        };
        diff.push_str(&file_diff(path, old.as_deref(), chart.files.get(path).map(Vec::as_slice)));
    }
    Ok(Difference { diff })
}

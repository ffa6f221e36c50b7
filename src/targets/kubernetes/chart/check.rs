//! The differences between a folder and a chart, as text. It writes nothing.

use super::Chart;
use super::error::WriteError;
use super::present::{Present, Thing};
use similar::TextDiff;
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
        diff.push_str(&file_diff(path, old.as_ref(), chart.files.get(path)));
    }
    Ok(Difference { diff })
}

fn file_diff(path: &str, old: Option<&Vec<u8>>, new: Option<&Vec<u8>>) -> String {
    let header = |present: bool, side: &str| if present { format!("{side}/{path}") } else { "/dev/null".into() };
    let (old_header, new_header) = (header(old.is_some(), "a"), header(new.is_some(), "b"));
    let text = |bytes: Option<&Vec<u8>>| bytes.map_or(Ok(String::new()), |bytes| String::from_utf8(bytes.clone()));
    match (text(old), text(new)) {
        (Ok(old), Ok(new)) => TextDiff::from_lines(&old, &new)
            .unified_diff()
            .context_radius(3)
            .header(&old_header, &new_header)
            .to_string(),
        _ => format!("Binary files {old_header} and {new_header} differ\n"),
    }
}

//! Changes as lines of text. The printer decides about colours: each line has its category.

use super::change::{Action, Change};
use super::fields::Field;
use super::restart;
use serde_json::Value as Json;

/// Longest value that is shown as a whole.
const LONG: usize = 120;

/// What a line is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// Something comes.
    Added,
    /// Something changes.
    Changed,
    /// Something goes.
    Removed,
    /// A word of warning.
    Warned,
    /// Anything else.
    Plain,
}

/// The lines of these changes.
pub fn lines(changes: &[Change]) -> Vec<(Mark, String)> {
    let mut lines = Vec::new();
    for change in changes {
        let (mark, sign) = match change.action {
            Action::Add => (Mark::Added, "+"),
            Action::Change => (Mark::Changed, "~"),
            Action::Delete => (Mark::Removed, "-"),
            Action::Keep | Action::Drift => (Mark::Plain, "="),
        };
        let note = change.reason.as_ref().map_or(String::new(), |reason| format!("  ({reason})"));
        lines.push((mark, format!("{sign} {} {}{}{note}", change.kind, change.name, place(change))));
        // A digest tells a reader nothing; what it stands for is among the reasons of the restart.
        let digest = |field: &&Field| !change.restarts.is_empty() && restart::stands_for(&field.path);
        for field in change.fields.iter().filter(|field| !digest(field)) {
            let mark = match (&field.before, &field.after) {
                (None, _) => Mark::Added,
                (_, None) => Mark::Removed,
                _ => Mark::Changed,
            };
            lines.push((mark, format!("    {}", shown(field))));
        }
        for path in &change.immutable {
            lines.push((Mark::Warned, format!("    ! {path} cannot be changed on a live {}", change.kind)));
        }
        for field in &change.drift {
            let fate = fate(field, &change.fields);
            lines.push((Mark::Warned, format!("    ! changed since the last deploy, {fate}: {}", shown(field))));
        }
        if !change.restarts.is_empty() {
            lines.push((Mark::Changed, format!("    restarts: {}", change.restarts.join("; "))));
        }
    }
    lines
}

/// Of what goes, where: a name alone may be that of something else.
fn place(change: &Change) -> String {
    match (change.action, change.namespace.as_str()) {
        (Action::Delete, "") if change.kind == "Namespace" => " with everything in it".to_owned(),
        (Action::Delete, "") => " (cluster-scoped)".to_owned(),
        (Action::Delete, namespace) => format!(" in namespace {namespace}"),
        _ => String::new(),
    }
}

fn fate(drift: &Field, fields: &[Field]) -> &'static str {
    let touched = fields.iter().any(|field| field.path == drift.path || field.path.starts_with(&drift.path));
    if touched { "will be overwritten" } else { "stays" }
}

fn shown(field: &Field) -> String {
    match (&field.before, &field.after) {
        (Some(before), Some(after)) => format!("{}: {} -> {}", field.path, short(before), short(after)),
        (Some(before), None) => format!("{}: {} is removed", field.path, short(before)),
        (None, Some(after)) => format!("{}: {}", field.path, short(after)),
        (None, None) => field.path.clone(),
    }
}

fn short(value: &Json) -> String {
    let text = value.to_string();
    match text.char_indices().nth(LONG) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    }
}

/// `2 to add, 1 to change, 0 to delete; restarts api`.
pub(crate) fn summary(changes: &[Change]) -> String {
    let count = |action| changes.iter().filter(|change| change.action == action).count();
    let (add, change, delete) = (count(Action::Add), count(Action::Change), count(Action::Delete));
    if !changes.iter().any(|change| change.action.is_change()) {
        return "nothing would change".to_owned();
    }
    let restarted: Vec<&str> =
        changes.iter().filter(|change| !change.restarts.is_empty()).map(|change| change.name.as_str()).collect();
    let restarts =
        if restarted.is_empty() { "restarts nothing".to_owned() } else { format!("restarts {}", restarted.join(", ")) };
    format!("{add} to add, {change} to change, {delete} to delete; {restarts}")
}

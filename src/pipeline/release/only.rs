//! `--only`: which workloads a deploy may change. Pure.

use super::jobs;
use crate::diff::{Action, Change};
use crate::targets::kubernetes::Plan;

/// Kinds whose pods run the resources.
const WORKLOADS: [&str; 7] = ["Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Pod", "Job", "CronJob"];

/// Changes to workloads of resources other than `resources`, as text; none if `resources` is empty. A change of metadata only,
/// such as the chart version in a label, does not count.
pub(crate) fn others(changes: &[Change], resources: &[String], plan: &Plan) -> Vec<String> {
    if resources.is_empty() {
        return Vec::new();
    }
    let named = plan.workloads.iter().filter(|workload| resources.contains(&workload.resource));
    let named = named.map(|workload| plan.pods_of(workload));
    // A workload may change its kind.
    let allowed: Vec<(&str, &str)> =
        named.flat_map(|it| [it.view.kind, it.view.other_kind].map(|kind| (kind, it.view.name.as_str()))).collect();
    let is_named = |change: &Change, name: &str| match change.kind.as_str() {
        "Job" => jobs::is_of(&change.name, name),
        _ => change.name == name,
    };
    let is_other = |change: &&Change| {
        let own = allowed.iter().any(|(kind, name)| *kind == change.kind && is_named(change, name));
        WORKLOADS.contains(&change.kind.as_str()) && !own && changes_pods(change)
    };
    changes.iter().filter(is_other).map(told).collect()
}

fn changes_pods(change: &Change) -> bool {
    let outside = |path: &str| !path.starts_with("metadata.") && path != "metadata";
    match change.action {
        Action::Change => !change.restarts.is_empty() || change.fields.iter().any(|field| outside(&field.path)),
        other => other.is_change(),
    }
}

fn told(change: &Change) -> String {
    let verb = match change.action {
        Action::Add => "would be created",
        Action::Delete => "would be deleted",
        _ => "would change",
    };
    let why = if change.restarts.is_empty() { String::new() } else { format!(" ({})", change.restarts.join(", ")) };
    format!("{} {} {verb}{why}", change.kind, change.name)
}

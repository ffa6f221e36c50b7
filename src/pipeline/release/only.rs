//! `--only`: which workloads a deploy may change. Pure.

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
    // A workload may change its kind.
    let allowed: Vec<(&str, &str)> =
        named.flat_map(|it| [it.view.kind, it.view.other_kind].map(|kind| (kind, it.view.name.as_str()))).collect();
    let is_other = |change: &&Change| {
        let own = allowed.contains(&(change.kind.as_str(), change.name.as_str()));
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

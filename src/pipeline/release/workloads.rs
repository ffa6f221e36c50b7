//! The live workloads of a release, and their owners. Pure.

use crate::k8s::labels;
use crate::k8s::object::name_of;
use crate::k8s::ownership::ReleaseName;
use crate::targets::kubernetes::Plan;
use serde_json::Value as Json;
use std::collections::BTreeMap;

/// Live objects by kind.
pub(crate) type Live = BTreeMap<&'static str, Vec<Json>>;

/// Whether a chart of ours made a workload of this release.
pub(crate) fn has_workloads_of_ours(release: ReleaseName, live: &Live) -> bool {
    let workloads = ["Deployment", "StatefulSet"].into_iter().filter_map(|kind| live.get(kind)).flatten();
    workloads
        .filter(|object| release.owns(object))
        .any(|object| object["spec"]["template"]["metadata"]["annotations"][labels::CONFIG].is_string())
}

/// Whether Aspire's own tool made the release from this application: its workloads are called `<resource>-deployment` or
/// `<resource>-statefulset`.
pub(crate) fn is_made_by_aspire(plan: &Plan, release: ReleaseName, live: &Live) -> bool {
    let of = |kind: &'static str| live.get(kind).into_iter().flatten().map(move |object| (kind, object));
    let ours = of("Deployment").chain(of("StatefulSet")).filter(|(_, object)| release.owns(object));
    let resources: Vec<Option<&str>> =
        ours.map(|(kind, object)| name_of(object).strip_suffix(&kind.to_lowercase())?.strip_suffix('-')).collect();
    let known = |resource: &&str| plan.workloads.iter().any(|planned| planned.view.name == **resource);
    resources.iter().all(Option::is_some) && resources.iter().flatten().any(known)
}

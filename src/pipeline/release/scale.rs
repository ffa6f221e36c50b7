//! The numbers of pods that a deploy passes to helm, for workloads whose autoscaler decides about them.
//!
//! helm sets each number that it is given, and the API server fills one that helm once set and no longer sets with 1. So an
//! autoscaled workload always gets a number: the live one, or the fewest pods when it starts. Autoscalers are read as late as
//! possible: they continue.

use super::autoscaling::{Autoscaler, OWN, autoscalers};
use super::deploy_request::Deploy;
use super::values;
use crate::cluster::api::objects::Objects;
use crate::cluster::connect::client::Cluster;
use crate::k8s::kind::{DEPLOYMENT, STATEFUL_SET};
use crate::pipeline::{Error, Release};
use crate::targets::kubernetes::Plan;
use serde_json::{Map, Value as Json, json};

/// Who decides about the pods of a workload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Decides {
    /// `autoscaling` of the workload. `fewest` are the pods that it starts with.
    Chart { fewest: u64 },
    /// An autoscaler that the workload's values do not know.
    Other,
}

/// Values by workload: `autoscaling.replicas` for those with `autoscaling`, and `replicas` for those with another autoscaler.
pub(crate) fn numbers(cluster: &Cluster, release: &Release, request: &Deploy) -> Result<Map<String, Json>, Error> {
    let plan = request.plan;
    let scalers = autoscalers(cluster, release)?;
    let scales_itself = plan.objects.iter().any(|object| OWN.contains(&object.kind.as_str()));
    let mut numbers = Map::new();
    if scalers.is_empty() && !scales_itself {
        return Ok(numbers);
    }
    let given = if scales_itself { values::of_chart(request) } else { Json::Null };
    for view in plan.workloads.iter().map(|workload| &workload.view) {
        let Some(kind) = [DEPLOYMENT, STATEFUL_SET].into_iter().find(|kind| kind.kind == view.kind) else { continue };
        let settings = &given["workloads"][view.name.as_str()]["autoscaling"];
        let scaler = scalers.get(&(kind.kind.to_string(), view.name.clone()));
        let Some(decides) = decides(settings, scaler, &view.name, plan) else { continue };
        let live = cluster.get(&kind, &release.namespace, &view.name)?;
        let live = live.and_then(|object| object["spec"]["replicas"].as_u64());
        if let Some(values) = number(decides, live, settings["keda"] == true) {
            numbers.insert(view.name.clone(), values);
        }
    }
    Ok(numbers)
}

/// Who decides; none if helm does. An autoscaler of the release that the new chart lacks, or turns off, decides nothing any more.
fn decides(settings: &Json, scaler: Option<&Autoscaler>, workload: &str, plan: &Plan) -> Option<Decides> {
    if settings["enabled"] == true {
        let fewest = settings["minReplicas"].as_u64().unwrap_or(1);
        return Some(Decides::Chart { fewest });
    }
    let scaler = scaler?;
    let objects = || plan.objects.iter().map(|object| (object.kind.as_str(), object.name.as_str()));
    let goes = scaler.is_owned && !scaler.is_among(objects());
    let is_off = !settings.is_null() && scaler.is_of(workload);
    (!goes && !is_off).then_some(Decides::Other)
}

/// What helm is told. An autoscaler leaves a workload without pods alone: that number is a user's, and helm sets its own. Only
/// KEDA starts the first pod itself.
fn number(decides: Decides, live: Option<u64>, is_keda: bool) -> Option<Json> {
    let running = live.filter(|live| *live > 0);
    match decides {
        Decides::Chart { .. } if is_keda && live == Some(0) => None,
        Decides::Chart { fewest } => Some(json!({"autoscaling": {"replicas": running.unwrap_or(fewest)}})),
        Decides::Other => running.map(|running| json!({"replicas": running})),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::targets::kubernetes::ObjectName;

    #[test]
    fn a_workload_keeps_its_pods_and_a_new_one_starts_with_the_fewest() {
        let own = Decides::Chart { fewest: 2 };
        let of_chart = |number: u64| Some(json!({"autoscaling": {"replicas": number}}));
        for (decides, live, is_keda, expected) in [
            (own, Some(3), false, of_chart(3)),
            (own, None, false, of_chart(2)),
            (own, Some(0), false, of_chart(2)),
            (own, Some(0), true, None),
            (own, None, true, of_chart(2)),
            (Decides::Other, Some(4), false, Some(json!({"replicas": 4}))),
            (Decides::Other, Some(0), false, None),
            (Decides::Other, None, false, None),
        ] {
            assert_eq!(number(decides, live, is_keda), expected, "{decides:?} {live:?} {is_keda}");
        }
    }

    #[test]
    fn an_autoscaler_that_goes_decides_nothing() {
        let chart = |objects: &[(&str, &str)]| Plan {
            objects: objects
                .iter()
                .map(|(kind, name)| ObjectName { kind: (*kind).into(), name: (*name).into() })
                .collect(),
            ..Plan::default()
        };
        let scaler = |name: &str, is_owned| Autoscaler { name: name.into(), is_owned };
        let (on, off) = (json!({"enabled": true, "minReplicas": 2}), json!({"enabled": false}));
        let hpa = "HorizontalPodAutoscaler";
        let own = Some(Decides::Chart { fewest: 2 });
        for (settings, scaler, objects, expected) in [
            (&on, None, &[(hpa, "api")][..], own),
            (&on, Some(scaler("api", true)), &[(hpa, "api")], own),
            (&off, Some(scaler("api", true)), &[(hpa, "api")], None),
            (&off, Some(scaler("keda-hpa-api", true)), &[("ScaledObject", "api")], None),
            (&off, Some(scaler("theirs", false)), &[(hpa, "api")], Some(Decides::Other)),
            // The key went from the file.
            (&Json::Null, Some(scaler("api", true)), &[], None),
            // One that `extraObjects` adds.
            (&Json::Null, Some(scaler("api", true)), &[(hpa, "api")], Some(Decides::Other)),
            (&Json::Null, Some(scaler("theirs", false)), &[], Some(Decides::Other)),
            (&Json::Null, None, &[], None),
        ] {
            assert_eq!(decides(settings, scaler.as_ref(), "api", &chart(objects)), expected, "{settings} {scaler:?}");
        }
    }
}

//! LimitRanges: their defaults, and what they reject.

use super::pods::{self, pods};
use super::storage::claims;
use super::{Finding, Verdict, or_ok};
use crate::k8s::error::Error;
use crate::k8s::object::name_of;
use crate::k8s::quantity::Quantity;
use serde_json::{Value as Json, json};
use std::cmp::Ordering;

/// Findings about limit ranges.
pub fn limits(objects: &[Json], limits: &Result<Vec<Json>, Error>) -> Vec<Finding> {
    let limits = match limits {
        Ok(limits) => limits,
        Err(error) => return vec![Finding::unread("limits", "limit ranges", error)],
    };
    let mut findings = Vec::new();
    for pods in pods(objects) {
        let all: Vec<Json> =
            pods.containers().chain(pods.init_containers()).map(|container| filled(container, limits)).collect();
        for (range, item) in items(limits, "Container") {
            for container in &all {
                let what = format!("container {} of {}", text(container, "name"), pods.name());
                let bounds = Bounds { range, item, what, place: "resources" };
                bounds.check(&container["resources"], &mut findings);
            }
        }
        for (range, item) in items(limits, "Pod") {
            let what = format!("pod of {}", pods.name());
            Bounds { range, item, what, place: "resources" }.check(&total(&all), &mut findings);
        }
    }
    for claim in claims(objects) {
        for (range, item) in items(limits, "PersistentVolumeClaim") {
            let bounds = Bounds { range, item, what: format!("claim {}", claim.name), place: "size" };
            bounds.check(&json!({"requests": claim.spec["resources"]["requests"]}), &mut findings);
        }
    }
    or_ok(findings, "limits", "", format!("{} LimitRanges, and all pods and PVCs fit", limits.len()))
}

/// A container with what Kubernetes and the limit ranges fill in: a limit is also a request, defaults stand for what is
/// missing.
pub(super) fn filled(container: &Json, limits: &[Json]) -> Json {
    let mut container = container.clone();
    requests_from_limits(&mut container);
    for (_, item) in items(limits, "Container") {
        for (group, defaults) in [("limits", "default"), ("requests", "defaultRequest")] {
            for (key, value) in item[defaults].as_object().into_iter().flatten() {
                fill(&mut container, group, key, value);
            }
        }
    }
    requests_from_limits(&mut container);
    container
}

fn requests_from_limits(container: &mut Json) {
    for (key, value) in container["resources"]["limits"].as_object().cloned().unwrap_or_default() {
        fill(container, "requests", &key, &value);
    }
}

fn fill(container: &mut Json, group: &str, key: &str, value: &Json) {
    let resources = &mut container["resources"];
    if !resources[group].is_object() {
        resources[group] = json!({});
    }
    if resources[group][key].is_null() {
        resources[group][key] = value.clone();
    }
}

/// What these containers ask for together.
fn total(containers: &[Json]) -> Json {
    let mut total = json!({"requests": {}, "limits": {}});
    for container in containers {
        for group in ["requests", "limits"] {
            for (key, value) in container["resources"][group].as_object().into_iter().flatten() {
                let sum = amount(&total[group][key]).unwrap_or_else(Quantity::zero);
                let sum = amount(value).map_or(sum.clone(), |value| sum.plus(&value));
                total[group][key] = json!(sum.to_string());
            }
        }
    }
    total
}

fn items<'a>(limits: &'a [Json], kind: &str) -> Vec<(&'a str, &'a Json)> {
    let all = limits.iter().flat_map(|range| {
        range["spec"]["limits"].as_array().into_iter().flatten().map(move |item| (name_of(range), item))
    });
    all.filter(|(_, item)| item["type"] == kind).collect()
}

struct Bounds<'a> {
    range: &'a str,
    item: &'a Json,
    what: String,
    place: &'a str,
}

impl Bounds<'_> {
    fn check(&self, resources: &Json, findings: &mut Vec<Finding>) {
        // What must be said is what the bound is about; what may be said must keep to it too.
        for (bound, order, must, may, words) in [
            ("min", Ordering::Less, "requests", "limits", "at least"),
            ("max", Ordering::Greater, "limits", "requests", "at most"),
        ] {
            // A claim has requests only.
            let must = if self.place == "size" { "requests" } else { must };
            for (key, value) in self.item[bound].as_object().into_iter().flatten() {
                let Some(wanted) = amount(value) else { continue };
                let is_bad = |found: Option<Quantity>| found.is_some_and(|found| found.cmp(&wanted) == order);
                let reason = match amount(&resources[must][key]) {
                    None => format!("it has no {must}.{key}, and {bound} of {key} is {wanted}"),
                    found if is_bad(found.clone()) || is_bad(amount(&resources[may][key])) => {
                        format!("{key} must be {words} {wanted}, it is {}", found.unwrap_or_else(Quantity::zero))
                    }
                    Some(_) => continue,
                };
                findings.push(self.finding(&reason, key));
            }
        }
    }

    fn finding(&self, reason: &str, key: &str) -> Finding {
        let place =
            if self.place == "size" { "the `size` of the volume".to_owned() } else { format!("`resources` ({key})") };
        let reason = format!("{}: {reason}", self.what);
        Finding::new("limits", Verdict::Failed, format!("LimitRange {}", self.range), reason)
            .fix(format!("set {place} in aspire-k8s.yaml to a value in the range, or ask for another range"))
    }
}

/// An amount as it is written in an object, which may be a number.
pub(super) fn amount(value: &Json) -> Option<Quantity> {
    match value {
        Json::String(text) => Quantity::parse(text),
        Json::Number(number) => Quantity::parse(&number.to_string()),
        _ => None,
    }
}

fn text<'a>(value: &'a Json, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

/// What one pod asks for under a key of a quota (`requests.cpu`, `limits.memory`): its containers together, or the init
/// container that asks for more. Those that stay (`restartPolicy: Always`) count with the containers.
pub(super) fn pod_amount(pods: &pods::Pods<'_>, group: &str, key: &str, limits: &[Json]) -> Quantity {
    let of =
        |container: &Json| amount(&filled(container, limits)["resources"][group][key]).unwrap_or_else(Quantity::zero);
    let stays = |container: &&Json| container["restartPolicy"] == "Always";
    let together = pods.containers().chain(pods.init_containers().filter(stays));
    let sum = together.fold(Quantity::zero(), |sum, container| sum.plus(&of(container)));
    let first = pods.init_containers().filter(|container| !stays(container)).map(of).max();
    first.filter(|first| *first > sum).unwrap_or(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deployment(resources: &Json) -> Vec<Json> {
        let container = json!({"name": "api", "resources": resources});
        vec![
            json!({"kind": "Deployment", "metadata": {"name": "api"}, "spec": {"template": {"spec": {"containers": [container]}}}}),
        ]
    }

    fn range(item: &Json) -> Vec<Json> {
        vec![json!({"metadata": {"name": "r"}, "spec": {"limits": [item]}})]
    }

    #[test]
    fn containers_must_keep_to_the_range() {
        for (resources, item, words) in [
            (json!({"requests": {"cpu": "50m"}}), json!({"type": "Container", "min": {"cpu": "50m"}}), None),
            (
                json!({"requests": {"cpu": "50m"}}),
                json!({"type": "Container", "min": {"cpu": "100m"}}),
                Some("cpu must be at least 100m, it is 50m"),
            ),
            (
                json!({"requests": {"cpu": "50m"}}),
                json!({"type": "Container", "max": {"cpu": "1"}}),
                Some("it has no limits.cpu, and max of cpu is 1"),
            ),
            (
                json!({"requests": {"cpu": "50m"}}),
                json!({"type": "Container", "max": {"cpu": "1"}, "default": {"cpu": "1"}}),
                None,
            ),
            (
                json!({"limits": {"cpu": 2}}),
                json!({"type": "Container", "max": {"cpu": "1"}}),
                Some("cpu must be at most 1, it is 2"),
            ),
            (json!({"limits": {"cpu": "2"}}), json!({"type": "Container", "min": {"cpu": "1"}}), None),
            (
                json!({"requests": {"memory": "1Gi"}, "limits": {"memory": "2Gi"}}),
                json!({"type": "Pod", "max": {"memory": "1Gi"}}),
                Some("pod of api: memory must be at most 1Gi"),
            ),
            (json!({}), json!({"type": "Other", "max": {"memory": "1Gi"}}), None),
        ] {
            let found = limits(&deployment(&resources), &Ok(range(&item)));
            match words {
                None => assert_eq!(found[0].verdict, Verdict::Ok, "{resources} {item} {}", found[0]),
                Some(words) => assert!(found[0].to_string().contains(words), "{resources} {item} {}", found[0]),
            }
        }
    }

    #[test]
    fn claims_must_keep_to_the_range() {
        let claim = [
            json!({"kind": "PersistentVolumeClaim", "metadata": {"name": "d"}, "spec": {"resources": {"requests": {"storage": "1Gi"}}}}),
        ];
        for (item, verdict) in [
            (json!({"type": "PersistentVolumeClaim", "min": {"storage": "2Gi"}}), Verdict::Failed),
            (json!({"type": "PersistentVolumeClaim", "max": {"storage": "500Mi"}}), Verdict::Failed),
            (
                json!({"type": "PersistentVolumeClaim", "min": {"storage": "1Gi"}, "max": {"storage": "1Gi"}}),
                Verdict::Ok,
            ),
        ] {
            assert_eq!(limits(&claim, &Ok(range(&item)))[0].verdict, verdict, "{item}");
        }
    }
}

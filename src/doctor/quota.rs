//! ResourceQuotas: what the chart needs in addition to its live release, compared with the remaining quota.

use super::limits::{amount, filled, pod_amount};
use super::pods::{self, Pods, pods};
use super::storage::claims;
use super::{Finding, Verdict, or_ok};
use crate::k8s::error::Error;
use crate::k8s::kind::{Kind, KindName};
use crate::k8s::object::name_of;
use crate::k8s::quantity::Quantity;
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};

/// Resources that a quota can count for pods, and the request or limit that each is about.
const OF_PODS: [(&str, &str, &str); 9] = [
    ("cpu", "requests", "cpu"),
    ("memory", "requests", "memory"),
    ("ephemeral-storage", "requests", "ephemeral-storage"),
    ("requests.cpu", "requests", "cpu"),
    ("requests.memory", "requests", "memory"),
    ("requests.ephemeral-storage", "requests", "ephemeral-storage"),
    ("limits.cpu", "limits", "cpu"),
    ("limits.memory", "limits", "memory"),
    ("limits.ephemeral-storage", "limits", "ephemeral-storage"),
];

/// Those of them without which a pod is refused where a quota counts them.
const DEMANDED: [&str; 6] = ["cpu", "memory", "requests.cpu", "requests.memory", "limits.cpu", "limits.memory"];

/// Objects that we and helm write besides the chart's: the Secret, what is remembered, the record of the new revision.
const BESIDES: [(&str, u64); 4] = [("secrets", 2), ("count/secrets", 2), ("configmaps", 1), ("count/configmaps", 1)];

/// What quotas are held against.
pub struct Demand<'a> {
    /// Objects of the chart.
    pub objects: &'a [Json],
    /// Live objects of the release.
    pub live: &'a [Json],
    /// Names of kinds in counts.
    pub kinds: &'a BTreeMap<KindName, Result<Option<Kind>, Error>>,
    /// The storage class of claims that name none.
    pub default_class: Option<&'a str>,
    /// Limit ranges, as far as they can be read.
    pub limits: &'a [Json],
}

/// Findings about quotas.
pub fn quotas(demand: &Demand, quotas: &Result<Vec<Json>, Error>) -> Vec<Finding> {
    let quotas = match quotas {
        Ok(quotas) => quotas,
        Err(error) => return vec![Finding::unread("quota", "quotas", error)],
    };
    let mut findings = Vec::new();
    for quota in quotas {
        if !demand.objects.iter().filter_map(pods::of).all(|pods| counts(quota, &pods, demand.limits).is_some()) {
            let reason = "it has an unknown scope, so its capacity cannot be checked";
            findings.push(Finding::new("quota", Verdict::Skipped, subject(quota), reason));
            continue;
        }
        for (key, hard) in quota["spec"]["hard"].as_object().into_iter().flatten() {
            let Some(hard) = amount(hard) else { continue };
            findings.extend(demand.room(quota, key, &hard));
            findings.extend(demand.lacking(quota, key));
        }
    }
    or_ok(findings, "quota", "", format!("{} quotas, all with enough capacity", quotas.len()))
}

fn subject(quota: &Json) -> String {
    format!("ResourceQuota {}", name_of(quota))
}

impl Demand<'_> {
    /// Whether what is asked for fits, also while a new revision is rolled out.
    fn room(&self, quota: &Json, key: &str, hard: &Quantity) -> Option<Finding> {
        let planned = self.asked(quota, key, self.objects)?;
        // An object that is there already counts in `used`; only what it grows by is new.
        let wanted = names(self.objects);
        let replaced: Vec<Json> = self.live.iter().filter(|live| wanted.contains(&name(live))).cloned().collect();
        let before = self.asked(quota, key, &replaced)?;
        let used = amount(&quota["status"]["used"][key]).unwrap_or_else(Quantity::zero);
        let besides = BESIDES.iter().find(|(name, _)| *name == key && self.live.is_empty() && scopes(quota).is_empty());
        let planned = besides.map_or(planned.clone(), |(_, count)| planned.plus(&Quantity::count(*count)));
        let more = planned.minus(&before);
        let after = used.plus(&more);
        let reason = format!("{key}: {used} of {hard} are used, and this deploy needs {more} more");
        if after > *hard && more > Quantity::zero() {
            let fix = format!("request a larger quota, or request less ({})", lever(key));
            return Some(Finding::new("quota", Verdict::Failed, subject(quota), reason).fix(fix));
        }
        let there = names(self.live);
        let rolling = self.objects.iter().filter(|object| there.contains(&name(object))).filter_map(pods::of);
        let one_more = rolling.filter(|pods| pods.surge() > 0 && counts(quota, pods, self.limits) == Some(true));
        let surge = one_more.filter_map(|pods| of_pod(key, &pods, self.limits)).max()?;
        if surge == Quantity::zero() || after.plus(&surge) <= *hard {
            return None;
        }
        let reason = format!("{key}: {used} of {hard} are used, and a rolling update temporarily needs {surge} more");
        let fix = "leave capacity for one more pod, or new pods stay Pending when a pod template changes";
        Some(Finding::new("quota", Verdict::Warning, subject(quota), reason).fix(fix))
    }

    /// Containers that say nothing of what the quota counts: their pods are refused.
    fn lacking(&self, quota: &Json, key: &str) -> Option<Finding> {
        let (_, group, resource) = OF_PODS.iter().find(|(name, ..)| *name == key && DEMANDED.contains(name))?;
        let counted = pods(self.objects).into_iter().filter(|pods| counts(quota, pods, self.limits) == Some(true));
        let lacking: Vec<String> = counted
            .flat_map(|pods| {
                let containers = pods.containers().chain(pods.init_containers());
                let says =
                    |container: &&Json| amount(&filled(container, self.limits)["resources"][group][resource]).is_none();
                containers
                    .filter(says)
                    .map(|container| container["name"].as_str().unwrap_or_default().to_owned())
                    .collect::<Vec<_>>()
            })
            .collect();
        if lacking.is_empty() {
            return None;
        }
        let reason =
            format!("it limits {key}, so pods without `{group}.{resource}` are rejected: {}", lacking.join(", "));
        let fix = format!(
            "set `resources: {{{group}: {{{resource}: ...}}}}` for them, or `defaults.resources`, in aspire-k8s.yaml"
        );
        Some(Finding::new("quota", Verdict::Failed, subject(quota), reason).fix(fix))
    }

    /// What these objects count under a key; none if the key is about something else.
    fn asked(&self, quota: &Json, key: &str, objects: &[Json]) -> Option<Quantity> {
        if key == "pods" || key == "count/pods" || OF_PODS.iter().any(|(name, ..)| *name == key) {
            let counted = pods(objects).into_iter().filter(|pods| counts(quota, pods, self.limits) == Some(true));
            let of = |pods: Pods<'_>| of_pod(key, &pods, self.limits).map(|one| one.times(pods.count));
            return Some(counted.filter_map(of).fold(Quantity::zero(), |sum, one| sum.plus(&one)));
        }
        if !scopes(quota).is_empty() {
            return None;
        }
        if let Some((class, rest)) = key.split_once(".storageclass.storage.k8s.io/") {
            return of_claims(rest, objects, |spec| {
                spec["storageClassName"].as_str().or(self.default_class) == Some(class)
            });
        }
        if matches!(key, "requests.storage" | "persistentvolumeclaims" | "count/persistentvolumeclaims") {
            return of_claims(key, objects, |_| true);
        }
        let services = |kinds: &[&str]| {
            let is = |object: &&Json| {
                object["kind"] == "Service" && kinds.iter().any(|kind| object["spec"]["type"] == *kind)
            };
            Some(count(objects.iter().filter(is).count()))
        };
        match key {
            "services.loadbalancers" => services(&["LoadBalancer"]),
            "services.nodeports" => services(&["NodePort", "LoadBalancer"]),
            "services" | "configmaps" | "secrets" => Some(self.of_resource(key, objects)),
            _ => Some(self.of_resource(key.strip_prefix("count/")?, objects)),
        }
    }

    /// Objects of a resource by its name in permissions: `secrets`, `deployments.apps`.
    fn of_resource(&self, resource: &str, objects: &[Json]) -> Quantity {
        let is = |object: &&Json| {
            let kind = self.kinds.get(&super::chart::kind_name(object));
            matches!(kind, Some(Ok(Some(kind))) if kind.resource() == resource)
        };
        count(objects.iter().filter(is).count())
    }
}

fn count(number: usize) -> Quantity {
    Quantity::count(number as u64)
}

fn of_pod(key: &str, pods: &Pods<'_>, limits: &[Json]) -> Option<Quantity> {
    if key == "pods" || key == "count/pods" {
        return Some(Quantity::count(1));
    }
    let (_, group, resource) = OF_PODS.iter().find(|(name, ..)| *name == key)?;
    Some(pod_amount(pods, group, resource, limits))
}

fn of_claims(key: &str, objects: &[Json], wanted: impl Fn(&Json) -> bool) -> Option<Quantity> {
    let claims = claims(objects).into_iter().filter(|claim| wanted(claim.spec));
    let of = |claim: super::storage::Claim<'_>| match key {
        "requests.storage" => Some(amount(&claim.spec["resources"]["requests"]["storage"])?.times(claim.count)),
        "persistentvolumeclaims" | "count/persistentvolumeclaims" => Some(Quantity::count(claim.count)),
        _ => None,
    };
    claims.map(of).try_fold(Quantity::zero(), |sum, one| Some(sum.plus(&one?)))
}

fn name(object: &Json) -> (&str, &str) {
    (object["kind"].as_str().unwrap_or_default(), name_of(object))
}

fn names(objects: &[Json]) -> BTreeSet<(&str, &str)> {
    objects.iter().map(name).collect()
}

/// Scopes of a quota: (name, operator, values).
fn scopes(quota: &Json) -> Vec<(&str, &str, Vec<&str>)> {
    let spec = &quota["spec"];
    let plain = spec["scopes"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Json::as_str)
        .map(|name| (name, "Exists", Vec::new()));
    let chosen = spec["scopeSelector"]["matchExpressions"].as_array().into_iter().flatten().map(|rule| {
        let values = rule["values"].as_array().into_iter().flatten().filter_map(Json::as_str).collect();
        (rule["scopeName"].as_str().unwrap_or_default(), rule["operator"].as_str().unwrap_or_default(), values)
    });
    plain.chain(chosen).collect()
}

/// Whether a quota counts these pods; none when one of its scopes is not known here.
fn counts(quota: &Json, pods: &Pods<'_>, limits: &[Json]) -> Option<bool> {
    let mut all = true;
    for (scope, operator, values) in scopes(quota) {
        let spec = pods.spec();
        let is = |key: &str| {
            OF_PODS
                .iter()
                .filter(|(name, ..)| name.contains(key))
                .any(|(_, group, resource)| pod_amount(pods, group, resource, limits) > Quantity::zero())
        };
        let class = spec["priorityClassName"].as_str();
        all &= match (scope, operator) {
            ("Terminating", _) => spec["activeDeadlineSeconds"].is_number(),
            ("NotTerminating", _) => !spec["activeDeadlineSeconds"].is_number(),
            ("BestEffort", _) => !is("cpu") && !is("memory"),
            ("NotBestEffort", _) => is("cpu") || is("memory"),
            ("PriorityClass", "Exists") => class.is_some(),
            ("PriorityClass", "DoesNotExist") => class.is_none(),
            ("PriorityClass", "In") => class.is_some_and(|class| values.contains(&class)),
            ("PriorityClass", "NotIn") => !class.is_some_and(|class| values.contains(&class)),
            _ => return None,
        };
    }
    Some(all)
}

/// What a user can turn to need less.
fn lever(key: &str) -> &'static str {
    match key {
        "pods" | "count/pods" => "`replicas` in aspire-k8s.yaml",
        _ if key.contains("storage") && !key.contains("ephemeral") => "`size` of the volumes in aspire-k8s.yaml",
        _ if OF_PODS.iter().any(|(name, ..)| *name == key) => "`replicas` and `resources` in aspire-k8s.yaml",
        _ => "`exclude` resources in aspire-k8s.yaml",
    }
}

#[cfg(test)]
#[path = "quota_tests.rs"]
mod tests;

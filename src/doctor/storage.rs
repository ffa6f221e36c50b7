//! Storage classes: does each PersistentVolumeClaim have one, or an existing PersistentVolume?

use super::{Finding, Verdict, or_ok};
use crate::k8s::error::Error;
use crate::k8s::object::{annotation, name_of};
use serde_json::Value as Json;

const DEFAULT: &str = "storageclass.kubernetes.io/is-default-class";

/// A claim that objects ask for.
pub(super) struct Claim<'a> {
    /// Its name; of a claim template, `<template>-<workload>`.
    pub name: String,
    pub spec: &'a Json,
    /// How many there are of it.
    pub count: u64,
}

/// The claims of these objects, those from templates of a StatefulSet too.
pub(super) fn claims(objects: &[Json]) -> Vec<Claim<'_>> {
    let mut claims = Vec::new();
    for object in objects {
        let name = name_of(object);
        if object["kind"] == "PersistentVolumeClaim" {
            claims.push(Claim { name: name.to_owned(), spec: &object["spec"], count: 1 });
        }
        let templates = object["spec"]["volumeClaimTemplates"].as_array().into_iter().flatten();
        claims.extend(templates.map(|template| Claim {
            name: format!("{}-{name}", name_of(template)),
            spec: &template["spec"],
            count: object["spec"]["replicas"].as_u64().unwrap_or(1),
        }));
    }
    claims
}

/// The class of claims that name none.
pub(crate) fn default_class(classes: &[Json]) -> Option<&str> {
    classes.iter().find(|class| annotation(class, DEFAULT) == Some("true")).map(name_of)
}

/// Findings about storage classes. `live` are the claims that are there already: they have their volume.
pub(crate) fn classes(
    objects: &[Json],
    live: &[Json],
    classes: &Result<Vec<Json>, Error>,
    volumes: &Result<Vec<Json>, Error>,
) -> Vec<Finding> {
    let wanted: Vec<Claim<'_>> = claims(objects);
    let is_new = |claim: &&Claim<'_>| {
        let templated = format!("{}-0", claim.name);
        !live.iter().any(|live| name_of(live) == claim.name || name_of(live) == templated)
    };
    let new: Vec<&Claim<'_>> = wanted.iter().filter(is_new).collect();
    if new.is_empty() {
        return Vec::new();
    }
    let classes = match classes {
        Ok(classes) => classes,
        Err(error) => return vec![Finding::unread("storage", "storage classes", error)],
    };
    let names: Vec<&str> = classes.iter().map(name_of).collect();
    let there = if names.is_empty() { "it has none".to_owned() } else { format!("it has {}", names.join(", ")) };
    let has_default = default_class(classes).is_some();
    let waits = |class: &str| {
        // A volume that was made by hand needs no class to be there, only the same word.
        let free = |volume: &Json| {
            volume["status"]["phase"] == "Available"
                && volume["spec"]["storageClassName"].as_str().unwrap_or_default() == class
        };
        volumes.as_ref().is_ok_and(|volumes| volumes.iter().any(free))
    };
    let mut findings = Vec::new();
    for claim in new {
        let subject = format!("claim {}", claim.name);
        let (reason, fix) = match claim.spec["storageClassName"].as_str() {
            Some("") => continue,
            Some(class) if names.contains(&class) || waits(class) => continue,
            Some(class) => (
                format!("the cluster has no storage class `{class}` ({there})"),
                "set `storageClass` to an existing one",
            ),
            None if has_default || waits("") => continue,
            None => (
                format!("it names no storage class, and the cluster has no default one ({there})"),
                "set `storageClass` (or `defaults.storage.storageClass`) in aspire-k8s.yaml, or mark one class as the default",
            ),
        };
        findings.push(Finding::new("storage", Verdict::Failed, subject, reason).fix(fix));
    }
    or_ok(findings, "storage", "", format!("every PVC has a storage class ({there})"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::k8s::error::ErrorKind;
    use serde_json::json;

    fn claim(class: &Json) -> Vec<Json> {
        vec![
            json!({"kind": "PersistentVolumeClaim", "metadata": {"name": "db-data"}, "spec": {"storageClassName": class}}),
        ]
    }

    #[test]
    fn a_claim_needs_a_class_or_a_volume() {
        let fast = json!({"metadata": {"name": "fast"}});
        let default = json!({"metadata": {"name": "std", "annotations": {DEFAULT: "true"}}});
        let volume =
            |class: &str, phase: &str| json!({"spec": {"storageClassName": class}, "status": {"phase": phase}});
        for (class, there, volumes, verdict) in [
            (json!("fast"), vec![fast.clone()], vec![], Verdict::Ok),
            (json!("slow"), vec![fast.clone()], vec![], Verdict::Failed),
            (json!("slow"), vec![fast.clone()], vec![volume("slow", "Available")], Verdict::Ok),
            (json!("slow"), vec![fast.clone()], vec![volume("slow", "Bound")], Verdict::Failed),
            (Json::Null, vec![fast.clone()], vec![], Verdict::Failed),
            (Json::Null, vec![fast.clone()], vec![volume("", "Available")], Verdict::Ok),
            (Json::Null, vec![fast, default], vec![], Verdict::Ok),
            (json!(""), vec![], vec![], Verdict::Ok),
        ] {
            let found = classes(&claim(&class), &[], &Ok(there), &Ok(volumes));
            assert_eq!(found[0].verdict, verdict, "{class} {}", found[0]);
        }
    }

    #[test]
    fn a_claim_that_is_there_has_its_volume() {
        assert!(
            classes(&claim(&Json::Null), &[json!({"metadata": {"name": "db-data"}})], &Ok(vec![]), &Ok(vec![]))
                .is_empty()
        );
        let set = [
            json!({"kind": "StatefulSet", "metadata": {"name": "db"}, "spec": {"replicas": 2, "volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": {}}]}}),
        ];
        assert_eq!(classes(&set, &[], &Ok(vec![]), &Ok(vec![]))[0].verdict, Verdict::Failed);
        assert!(classes(&set, &[json!({"metadata": {"name": "data-db-0"}})], &Ok(vec![]), &Ok(vec![])).is_empty());
    }

    #[test]
    fn what_cannot_be_seen_is_skipped() {
        let forbidden = || Err(Error::new(ErrorKind::Forbidden, "no"));
        assert_eq!(classes(&claim(&json!("x")), &[], &forbidden(), &forbidden())[0].verdict, Verdict::Skipped);
        assert_eq!(classes(&claim(&json!("x")), &[], &Ok(vec![]), &forbidden())[0].verdict, Verdict::Failed);
    }
}

//! Objects of the chart that another owner already has.

use super::chart::kind_name;
use super::{Finding, Verdict, or_ok};
use crate::k8s::labels;
use crate::k8s::object::{label, name_of};
use crate::k8s::ownership::{ReleaseName, helm_release};
use serde_json::Value as Json;
use std::collections::BTreeMap;

/// Findings about names. `live` are the objects in the namespace. Claims have a check of their own.
pub fn names(objects: &[Json], live: &[Json], release: ReleaseName<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    // Of two that are called alike the first counts.
    let live: BTreeMap<_, &Json> = live.iter().rev().map(|live| ((kind_name(live), name_of(live)), live)).collect();
    for object in objects.iter().filter(|object| object["kind"] != "PersistentVolumeClaim") {
        let (version, kind) = kind_name(object);
        let Some(live) = live.get(&((version, kind.clone()), name_of(object))) else { continue };
        let reason = match (helm_release(live), label(live, labels::MANAGED_BY)) {
            (Some(owner), Some(labels::BY_HELM)) if owner == (release.name, release.namespace) => continue,
            (Some((name, namespace)), Some(labels::BY_HELM)) => {
                format!("belongs to the release {name} in namespace {namespace}")
            }
            _ => "was not created by helm".to_owned(),
        };
        let subject = format!("the {kind} {} in namespace {}", name_of(object), release.namespace);
        let fix = "choose another namespace, or rename the resource in the AppHost";
        findings.push(Finding::new("names", Verdict::Failed, subject, reason).fix(fix));
    }
    or_ok(findings, "names", "", "no object of the chart is owned by another release")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn object(kind: &str, owner: Option<&str>) -> Json {
        let annotations =
            owner.map(|name| json!({"meta.helm.sh/release-name": name, "meta.helm.sh/release-namespace": "n"}));
        let labels = json!({"app.kubernetes.io/managed-by": "Helm"});
        json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": "api", "annotations": annotations, "labels": labels}})
    }

    #[test]
    fn only_what_another_owner_has_is_named() {
        let release = ReleaseName { name: "shop", namespace: "n" };
        for (live, words) in [
            (object("Service", Some("shop")), None),
            (object("Service", Some("other")), Some("belongs to the release other in namespace n")),
            (object("Service", None), Some("was not created by helm")),
            (object("Secret", None), None),
        ] {
            let found = names(&[object("Service", None)], &[live], release);
            match words {
                None => assert_eq!(found[0].verdict, Verdict::Ok),
                Some(words) => assert!(found[0].to_string().contains(words), "{}", found[0]),
            }
        }
        assert_eq!(
            names(&[object("PersistentVolumeClaim", None)], &[object("PersistentVolumeClaim", None)], release)[0]
                .verdict,
            Verdict::Ok
        );
    }
}

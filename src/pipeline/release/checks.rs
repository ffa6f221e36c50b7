//! Compares the cluster with the chart: kinds and claims. Pure: live objects in, errors out.

use crate::cluster::api::claims::{Verdict, WantedClaim, compare_all};
use crate::k8s::labels;
use crate::k8s::object::{annotation, label, name_of};
use crate::k8s::ownership::{ReleaseName, helm_release};
use crate::k8s::quantity::Quantity;
use crate::migration;
use crate::pipeline::release::snapshot::ReleaseSnapshot;
use crate::support::diagnostic::Diagnostics;
use crate::targets::kubernetes::{Claim, NO_CLASS, Plan};
use serde_json::{Value as Json, json};

/// Whether the chart may change what helm cannot change safely: a cheap look at what was read anyhow. Jobs are not read, so any
/// Job may be such a change.
pub(crate) fn transition(release: ReleaseName, before: &ReleaseSnapshot, target: &[Json]) -> bool {
    let has_jobs =
        target.iter().any(|object| object["kind"] == "Job") && before.live.values().any(|all| !all.is_empty());
    has_jobs || needs_migration(release, before, target)
}

/// Whether the chart changes a workload, Service or claim that helm cannot change safely.
pub(crate) fn needs_migration(release: ReleaseName, before: &ReleaseSnapshot, target: &[Json]) -> bool {
    let of = |kind: &str| before.live.get(kind).cloned().unwrap_or_default();
    let live = migration::Live {
        deployments: of("Deployment"),
        stateful_sets: of("StatefulSet"),
        others: of("Service"),
        claims: before.claims.clone(),
        ..migration::Live::default()
    };
    migration::concerns(migration::Sides { release, base: 0, last: &[], target, live: &live })
}

/// The resource that a workload was made from: the name that aspire-k8s.yaml knows.
fn resource_of<'a>(plan: &'a Plan, workload: &'a str) -> &'a str {
    let found = plan.workloads.iter().find(|planned| planned.view.name == workload);
    found.map_or(workload, |planned| planned.resource.as_str())
}

/// Claims that are there already against those that the chart asks for. `values` are the chart's, with everything that
/// overrides them.
pub(crate) fn claims(
    plan: &Plan,
    values: &Json,
    release: ReleaseName,
    before: &ReleaseSnapshot,
    diagnostics: &mut Diagnostics,
) -> Vec<String> {
    let (live, classes) = (&before.claims, before.classes.as_deref());
    let names = |claim: &Claim| -> Vec<String> {
        if !claim.per_replica {
            return vec![claim.name.clone()];
        }
        let of_set = live.iter().map(name_of).filter(|name| claim.is_called(name));
        of_set.map(str::to_owned).collect()
    };
    let wanted: Vec<WantedClaim> = plan
        .claims()
        .flat_map(|claim| names(claim).into_iter().map(move |name| (claim, name)))
        .filter_map(|(claim, name)| {
            let template = template_of(claim, before);
            let settings = values.get("workloads")?.get(&claim.workload)?.get("volumes")?.get(&claim.key)?;
            let text = |key: &str| settings.get(key).and_then(Json::as_str).unwrap_or_default().to_owned();
            let modes = settings.get("accessModes").and_then(Json::as_array).into_iter().flatten();
            // What another client did to the claims of a template does not concern a deploy that leaves the template as it is.
            let same = template.is_some_and(|template| size(template) == Quantity::parse(&text("size")));
            if claim.per_replica && same {
                return None;
            }
            Some(WantedClaim {
                name,
                size: text("size"),
                storage_class: Some(text("storageClass")).filter(|class| !class.is_empty()).map(
                    |class| match &*class {
                        NO_CLASS => String::new(),
                        _ => class,
                    },
                ),
                volume: Some(text("volumeName")).filter(|volume| !volume.is_empty()),
                access_modes: modes.filter_map(Json::as_str).map(str::to_owned).collect(),
                of_template: claim.per_replica,
                place: format!("resources.{}.volumes.{}", resource_of(plan, &claim.workload), claim.key),
            })
        })
        .collect();
    let mut said = Vec::new();
    for (claim, verdict) in compare_all(&wanted, release, live, classes) {
        match verdict {
            Verdict::Create | Verdict::Adopt => {}
            Verdict::Expand { from } => said.push(format!("PVC {} grows from {from} to {}", claim.name, claim.size)),
            Verdict::Refuse(diagnostic) => diagnostics.push(diagnostic),
        }
    }
    said
}

/// The template of a claim as the live StatefulSet has it.
fn template_of<'a>(claim: &Claim, before: &'a ReleaseSnapshot) -> Option<&'a Json> {
    let sets = before.live.get("StatefulSet").into_iter().flatten();
    let set = sets.into_iter().find(|set| name_of(set) == claim.workload)?;
    set["spec"]["volumeClaimTemplates"].as_array()?.iter().find(|template| name_of(template) == claim.name)
}

fn size(claim: &Json) -> Option<Quantity> {
    Quantity::parse(claim["spec"]["resources"]["requests"]["storage"].as_str()?)
}

/// The folders that live claims are mounted with. They are followed ever after: another folder would hide the data.
pub(crate) fn mounted_folders(plan: &Plan, live: &[Json]) -> Json {
    let mut workloads = serde_json::Map::new();
    for claim in plan.claims().filter(|claim| !claim.per_replica) {
        let Some(object) = live.iter().find(|object| name_of(object) == claim.name) else { continue };
        // A claim without our annotation was made by another tool, which mounts the root.
        let folder = annotation(object, labels::SUB_PATH).unwrap_or_default();
        if folder != claim.sub_path {
            let workload = workloads.entry(&claim.workload).or_insert_with(|| json!({"volumes": {}}));
            workload["volumes"][&claim.key] = json!({"subPath": folder});
        }
    }
    Json::Object(workloads)
}

/// Whether a live claim belongs to the release: made by its chart, or from a claim template of it.
pub(crate) fn is_our_claim(claim: &Json, release: ReleaseName) -> bool {
    let by_chart = release.owns(claim);
    let by_template = helm_release(claim).is_none()
        && label(claim, labels::INSTANCE) == Some(release.name)
        && label(claim, labels::COMPONENT).is_some();
    annotation(claim, labels::SUB_PATH).is_some() && (by_chart || by_template)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_is_ours_by_its_folder_and_its_owner() {
        let release = ReleaseName { name: "shop", namespace: "n" };
        let claim =
            |labels: Json, annotations: Json| json!({"metadata": {"labels": labels, "annotations": annotations}});
        let helm = json!({"app.kubernetes.io/managed-by": "Helm"});
        let template = json!({"app.kubernetes.io/instance": "shop", "app.kubernetes.io/component": "db"});
        let (name, space, folder) =
            ("meta.helm.sh/release-name", "meta.helm.sh/release-namespace", "aspire-k8s/sub-path");
        for (labels, annotations, ours) in [
            (&helm, json!({name: "shop", space: "n", folder: "data"}), true),
            (&template, json!({folder: "data"}), true),
            // Without a folder another tool made it; with half of the marks its origin is unknown.
            (&helm, json!({name: "shop", space: "n"}), false),
            (&template, json!({}), false),
            (&helm, json!({folder: "data"}), false),
            (&json!({}), json!({name: "shop", space: "n", folder: "data"}), false),
            (&helm, json!({name: "shop", space: "other", folder: "data"}), false),
            (&template, json!({name: "other", space: "n", folder: "data"}), false),
        ] {
            assert_eq!(
                is_our_claim(&claim(labels.clone(), annotations.clone()), release),
                ours,
                "{labels} {annotations}"
            );
        }
    }
}

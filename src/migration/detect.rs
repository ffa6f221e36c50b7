//! Which workloads change in a way that helm cannot apply safely, what that means for their data, and what prevents a
//! migration. Pure: the new manifest and the live objects in; a plan, or all reasons against it, out.

use super::change::{Change, ClaimNote, Confirmation, How};
use super::data::{self, DataNote};
use super::fixed;
use super::handed_over::{goes_over, handed_over};
use super::journal::{Journal, VERSION};
use super::live::{Live, replicas};
use super::losses::{ImageNote, asks, images, losses};
use super::pairs::{Sides, named, pairs, workloads};
use super::pods::{has_ended, mounted, pods_of, root, strangers};
use super::progress::{Direction, Phase, Progress};
use crate::k8s::object::{has_condition, name_of};
use crate::support::diagnostic::{Code, Diagnostic, Diagnostics};
use serde::Serialize;
use serde_json::Value as Json;
use std::collections::BTreeSet;

/// Longest name of a StatefulSet whose pods can be made: the label with its revision has 63 characters.
const LONGEST: usize = 52;

/// Marks of programs that would start again what is stopped.
const KEEPERS: [(&str, &str, &str); 4] = [
    ("annotations", "argocd.argoproj.io/tracking-id", "Argo CD"),
    ("labels", "argocd.argoproj.io/instance", "Argo CD"),
    ("labels", "kustomize.toolkit.fluxcd.io/name", "Flux"),
    ("labels", "helm.toolkit.fluxcd.io/name", "Flux"),
];

/// Everything that is going to happen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Promotion {
    /// The revision that the rollback leads to.
    pub base: u64,
    /// The revision that it leads to; none when it leads to a chart.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<u64>,
    /// The workloads.
    pub changes: Vec<Change>,
    /// What happens to the data in every folder.
    pub data: Vec<DataNote>,
    /// Images that may not read the data that is there.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub images: Vec<ImageNote>,
    /// Claims that must stay.
    pub claims: Vec<ClaimNote>,
    /// The longest time the old pods may take to end, in seconds.
    pub grace: u64,
    /// What a user must agree to, sorted.
    pub needs: Vec<Confirmation>,
}

/// The workload migration that the chart asks for, if any. What forbids it is collected.
pub fn detect(sides: Sides<'_>) -> Result<Option<Promotion>, Diagnostics> {
    let mut diagnostics = Diagnostics::default();
    let mut changes = Vec::new();
    let mut data = Vec::new();
    let mut grace = 0;
    let mut needs = BTreeSet::new();
    let over = handed_over(sides);
    diagnostics.0.extend(over.iter().filter_map(|it| it.refusal(sides.live)));
    let is_over = |old: &Json, target: &Json| over.iter().any(|it| it.is_between(old, target));
    for (old, target) in pairs(sides).into_iter().filter(|(old, target)| !is_over(old, target)) {
        let mut change = change(sides, target, old);
        // Another workload mounts it from now on.
        change.claims.retain(|claim| !over.iter().any(|it| it.takes(claim, old)));
        kept_up(&change, old, &mut diagnostics);
        match change.how {
            How::Stop => {
                refusals(sides, &change, target, &mut diagnostics);
                let notes = data::compare(&change.new.name, old, target);
                data.extend(notes.into_iter().filter(|note| !goes_over(&over, note, old)));
                let pod = &old["spec"]["template"]["spec"];
                grace = grace.max(pod["terminationGracePeriodSeconds"].as_u64().unwrap_or(30));
                needs.insert(Confirmation::Downtime);
            }
            How::Adopt => data.extend(data::compare(&change.new.name, old, target)),
            How::Replace => needs.extend(replaced(&change, old, target, &mut diagnostics)),
        }
        if change.stray {
            needs.insert(Confirmation::StrayDelete);
        }
        changes.push(change);
    }
    data.extend(losses(sides));
    let images = images(sides);
    if changes.is_empty() && data.is_empty() && images.is_empty() {
        return diagnostics.or(None);
    }
    let claims = if changes.is_empty() { Vec::new() } else { claims(sides, &changes, &mut diagnostics) };
    needs.extend(data.iter().filter_map(|note| note.class.needs()));
    needs.extend(images.iter().filter_map(ImageNote::needs));
    let needs = needs.into_iter().collect();
    diagnostics.or(Some(Promotion { base: sides.base, to: None, changes, data, images, claims, grace, needs }))
}

impl Promotion {
    /// The journal of its way, before the first step. `hash` is that of the plan that was confirmed, `target` the digest of
    /// what helm is to apply, `last` the number of the last revision, in place or not.
    pub fn journal(&self, hash: String, target: String, last: u64) -> Journal {
        let stray = self.changes.iter().any(|change| change.stray);
        Journal {
            version: VERSION,
            plan: hash,
            target,
            phase: Phase::Protect,
            progress: Progress { stray, ..Progress::new(Direction::Forward) },
            base: self.base,
            to: self.to,
            last,
            calling: false,
            changes: self.changes.clone(),
            claims: self.claims.clone(),
            confirmed: self.needs.clone(),
        }
    }
}

/// Whether anything changes in a way that helm cannot make safely: a cheap look, before everything is read for [`detect()`].
pub fn concerns(sides: Sides<'_>) -> bool {
    !pairs(sides).is_empty() || asks(sides) || !handed_over(sides).is_empty()
}

fn change(sides: Sides<'_>, target: &Json, old: &Json) -> Change {
    let (mut old_named, new) = (named(old), named(target));
    // A user may have stopped it by hand: the rollback leads to what its revision says.
    let recorded =
        workloads(sides.last).find(|object| object["kind"] == old["kind"] && name_of(object) == name_of(old));
    if old_named.replicas == 0 {
        old_named.replicas = recorded.map_or(0, replicas);
    }
    let of_pods = pods_of(&old_named, sides.live);
    let mut claims: BTreeSet<String> = of_pods.flat_map(|pod| mounted(&pod["spec"])).map(str::to_owned).collect();
    claims.extend(data::claims_of(old).into_iter().chain(data::claims_of(target)).map(str::to_owned));
    let same = old["kind"] == target["kind"] && name_of(old) == name_of(target);
    let marks = if same { fixed::marks(old, target) } else { None };
    let overlap = marks.is_some() && overlaps(old, sides.live);
    let how = marks.as_ref().map_or(How::Stop, |marks| fixed::how(old, target, marks, !claims.is_empty(), overlap));
    let templates = sides.live.claims.iter().filter(|claim| fixed::template_of(old, name_of(claim)).is_some());
    claims.extend(templates.map(|claim| name_of(claim).to_owned()));
    Change {
        stray: !same && sides.live.find(&new).is_some(),
        how,
        marks,
        uid: old["metadata"]["uid"].as_str().unwrap_or_default().to_owned(),
        old: old_named,
        new,
        claims: claims.into_iter().collect(),
    }
}

/// Whether another Deployment would take the pods of this one when it is gone.
fn overlaps(old: &Json, live: &Live) -> bool {
    let labels = &old["spec"]["template"]["metadata"]["labels"];
    let others = live.deployments.iter().filter(|other| name_of(other) != name_of(old));
    others.into_iter().any(|other| fixed::selects(&other["spec"]["selector"], labels))
}

/// The StatefulSets to come whose templates may be larger than their claims, which helm does not know.
fn growing<'a>(sides: Sides<'a>, changes: &[Change]) -> Vec<&'a Json> {
    let is_of = |change: &Change, object: &Json| object["kind"] == "StatefulSet" && name_of(object) == change.new.name;
    let adopting = changes.iter().filter(|change| change.how == How::Adopt);
    adopting.filter_map(|change| sides.target.iter().find(|object| is_of(change, object))).collect()
}

/// Claims of the changes that live, and claims that leave the chart: none of them may go.
fn claims(sides: Sides<'_>, changes: &[Change], diagnostics: &mut Diagnostics) -> Vec<ClaimNote> {
    let of = |objects: &[Json]| -> BTreeSet<String> {
        let claims = objects.iter().filter(|object| object["kind"] == "PersistentVolumeClaim");
        claims.map(|claim| name_of(claim).to_owned()).collect()
    };
    let (last, target) = (of(sides.last), of(sides.target));
    let mut names: BTreeSet<&String> = changes.iter().flat_map(|change| &change.claims).collect();
    names.extend(last.difference(&target));
    let growing = growing(sides, changes);
    let mut notes = Vec::new();
    for name in names {
        let Some(claim) = sides.live.claim(name) else { continue };
        let text = |value: &Json| value.as_str().unwrap_or_default().to_owned();
        if !claim["metadata"]["deletionTimestamp"].is_null() {
            let what = format!("the PVC {name} is being deleted, and is removed when its last pod ends");
            let volume = &claim["spec"]["volumeName"].as_str().unwrap_or("its volume");
            diagnostics.push(Diagnostic::new(Code::PvcTerminating, "", what).hint(format!(
                "nothing was stopped. Protect the data first: `kubectl patch pv {volume} -p \
                '{{\"spec\":{{\"persistentVolumeReclaimPolicy\":\"Retain\"}}}}'`"
            )));
        }
        let volume = sides.live.volume(claim, sides.release);
        notes.push(ClaimNote {
            name: name.clone(),
            uid: text(&claim["metadata"]["uid"]),
            volume: text(&claim["spec"]["volumeName"]),
            retained: volume.map(|volume| volume["spec"]["persistentVolumeReclaimPolicy"] == "Retain"),
            stays: target.contains(name) || !last.contains(name),
            grows: growing.iter().find_map(|set| fixed::size(fixed::template_of(set, name)?)).map(str::to_owned),
        });
    }
    notes
}

/// Who would undo it.
fn kept_up(change: &Change, old: &Json, diagnostics: &mut Diagnostics) {
    let what = change.described();
    for (group, key, keeper) in KEEPERS {
        if old["metadata"][group][key].is_string() {
            diagnostics.push(
                Diagnostic::new(
                    Code::ManagedElsewhere,
                    "",
                    format!("{what}: {keeper} manages it and would start it again"),
                )
                .hint(format!("pause {keeper} for it first")),
            );
        }
    }
    if old["metadata"]["ownerReferences"].as_array().is_some_and(|owners| !owners.is_empty()) {
        diagnostics.push(
            Diagnostic::new(
                Code::ManagedElsewhere,
                "",
                format!("{what}: another object owns it and would recreate it"),
            )
            .hint("change that object instead"),
        );
    }
}

/// What a user must agree to before a Job or a Service is deleted and recreated, and what forbids it.
fn replaced(change: &Change, old: &Json, target: &Json, diagnostics: &mut Diagnostics) -> Option<Confirmation> {
    if old["kind"] == "Job" {
        let conditions = old["status"]["conditions"].as_array().into_iter().flatten();
        let mut ends = conditions.filter(|condition| condition["type"] == "Complete" || condition["type"] == "Failed");
        return (!ends.any(|condition| condition["status"] == "True")).then_some(Confirmation::JobKill);
    }
    let what = change.described();
    let ports = |service: &Json| service["spec"]["ports"].as_array().cloned().unwrap_or_default();
    let pinned = ports(target).iter().all(|port| !port["nodePort"].is_null());
    if old["spec"]["type"] == "LoadBalancer" {
        let text = format!("{what}: its load balancer would be released, and a new one has another address");
        diagnostics.push(
            Diagnostic::new(Code::ServiceNotReplaceable, "", text)
                .hint("rename the new Service, and move clients to it first"),
        );
    } else if old["spec"]["type"] == "NodePort" && target["spec"]["type"] == "NodePort" && !pinned {
        let text = format!("{what}: its node ports would change");
        diagnostics.push(
            Diagnostic::new(Code::ServiceNotReplaceable, "", text).hint("set `service.nodePorts` to the current ones"),
        );
    }
    Some(Confirmation::ServiceRecreate)
}

/// What forbids a change that stops pods.
fn refusals(sides: Sides<'_>, change: &Change, target: &Json, diagnostics: &mut Diagnostics) {
    let what = match &change.marks {
        Some(_) => change.described(),
        None => format!("{} cannot become {}", change.old, change.new),
    };
    for pod in strangers(change, sides.live) {
        let pod_name = name_of(pod);
        let owner = match root(pod) {
            Some((kind, name)) => format!("of the {kind} {name}"),
            None => "without a controller".to_owned(),
        };
        diagnostics.push(
            Diagnostic::new(Code::PvcInUse, "", format!("{what}: the pod {pod_name} {owner} uses the same PVC"))
                .hint(format!("stop it first: its owner, or `kubectl delete pod {pod_name}`")),
        );
    }
    if change.new.kind == "StatefulSet" && change.marks.is_none() && change.new.name.len() > LONGEST {
        diagnostics.push(
            Diagnostic::new(
                Code::NameTooLong,
                "",
                format!("{what}: its name is longer than {LONGEST} characters, so no pod could be created"),
            )
            .hint("rename the resource to a shorter name"),
        );
    }
    for claim in data::claims_of(target) {
        let Some(live) = sides.live.claim(claim) else { continue };
        let modes = live["spec"]["accessModes"].as_array().into_iter().flatten();
        let one_node = !modes.clone().any(|mode| mode == "ReadWriteMany" || mode == "ReadOnlyMany");
        if change.new.replicas > 1 && one_node {
            diagnostics.push(
                Diagnostic::new(
                    Code::PvcSharedByReplicas,
                    "",
                    format!("{what}: {} pods would share the PVC {claim}", change.new.replicas),
                )
                .hint("set `replicas: 1`, or use `perReplica: true`"),
            );
        }
        let wanted =
            sides.target.iter().find(|object| object["kind"] == "PersistentVolumeClaim" && name_of(object) == claim);
        if let Some(wanted) = wanted
            && wanted["spec"]["resources"]["requests"]["storage"] != live["spec"]["resources"]["requests"]["storage"]
        {
            diagnostics.push(
                Diagnostic::new(
                    Code::ResizeDuringMigration,
                    "",
                    format!("{what} while its PVC {claim} is resized: this could not be rolled back"),
                )
                .hint("deploy the new size first, then the new kind"),
            );
        }
    }
    let silent = |node: &&Json| !has_condition(node, "Ready");
    for pod in pods_of(&change.old, sides.live).filter(|pod| !has_ended(pod)) {
        let node = sides.live.nodes.iter().find(|node| pod["spec"]["nodeName"] == *name_of(node)).filter(silent);
        let Some(node) = node else { continue };
        let (node, pod) = (name_of(node), name_of(pod));
        diagnostics.push(
            Diagnostic::new(
                Code::NodeUnreachable,
                "",
                format!("{what}: the node {node} of its pod {pod} does not respond"),
            )
            .hint(
                "bring the node back, or make sure that it is off and add the taint node.kubernetes.io/out-of-service",
            ),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::k8s::ownership::ReleaseName;
    use serde_json::json;

    const RELEASE: ReleaseName<'_> = ReleaseName { name: "shop", namespace: "n" };

    fn workload(kind: &str, replicas: u32) -> Json {
        json!({
            "kind": kind,
            "metadata": {
                "name": "db", "uid": "u",
                "labels": {"app.kubernetes.io/component": "db", "app.kubernetes.io/managed-by": "Helm"},
                "annotations": {"meta.helm.sh/release-name": "shop", "meta.helm.sh/release-namespace": "n"},
            },
            "spec": {"replicas": replicas, "template": {"spec": {
                "terminationGracePeriodSeconds": 40,
                "containers": [{"volumeMounts": [{"name": "v", "mountPath": "/data"}]}],
                "volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": "data"}}],
            }}},
        })
    }

    fn claim(name: &str) -> Json {
        json!({
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": name, "uid": format!("uid-{name}")},
            "spec": {"volumeName": "pv", "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
        })
    }

    fn live() -> Live {
        Live {
            deployments: vec![workload("Deployment", 1)],
            claims: vec![claim("data"), claim("gone")],
            ..Live::default()
        }
    }

    fn found(last: &[Json], target: &[Json], live: &Live) -> Result<Option<Promotion>, Diagnostics> {
        detect(Sides { release: RELEASE, base: 4, last, target, live })
    }

    #[test]
    fn a_workload_of_another_kind_is_found_with_its_data_and_what_leaves() {
        let last = [workload("Deployment", 1), claim("data"), claim("gone")];
        let target = [workload("StatefulSet", 1), claim("data")];
        let promotion = found(&last, &target, &live()).unwrap().unwrap();
        let change = &promotion.changes[0];
        assert_eq!((change.old.to_string(), change.new.to_string()), ("Deployment/db".into(), "StatefulSet/db".into()));
        assert_eq!((change.uid.as_str(), change.stray, promotion.grace), ("u", false, 40));
        let claims: Vec<_> = promotion.claims.iter().map(|note| (note.name.as_str(), note.stays)).collect();
        assert_eq!(claims, [("data", true), ("gone", false)]);
        assert_eq!(promotion.needs, [Confirmation::Downtime]);
        let lines = promotion.lines("9c1f4e").join("\n");
        for part in [
            "Deployment/db (1) -> StatefulSet/db (1), back to revision 4",
            "claim gone leaves the chart: PROTECTED",
            "plan 9c1f4e",
        ] {
            assert!(lines.contains(part), "{lines}");
        }
        let hash = |promotion: &Promotion| promotion.hash("t");
        let mut other = live();
        other.deployments[0]["metadata"]["uid"] = json!("another");
        assert_eq!(hash(&promotion), hash(&found(&last, &target, &live()).unwrap().unwrap()));
        assert_ne!(hash(&promotion), hash(&found(&last, &target, &other).unwrap().unwrap()));
    }

    #[test]
    fn nothing_is_found_where_no_kind_changes() {
        assert_eq!(found(&[], &[workload("Deployment", 2)], &live()), Ok(None));
        let mut foreign = live();
        foreign.deployments[0]["metadata"]["annotations"] = json!({});
        assert_eq!(found(&[], &[workload("StatefulSet", 1)], &foreign), Ok(None));
    }

    #[test]
    fn what_loses_its_claim_and_stays_what_it_is_needs_a_word() {
        let mut elsewhere = workload("Deployment", 1);
        elsewhere["spec"]["template"]["spec"]["volumes"][0]["persistentVolumeClaim"]["claimName"] = json!("new");
        for target in [vec![], vec![elsewhere]] {
            let found = found(&[], &target, &live()).unwrap().unwrap();
            assert_eq!((found.changes.len(), &*found.needs), (0, &[Confirmation::AbandonData][..]));
            let lines = found.lines("9c1f4e").join("\n");
            assert!(lines.contains("DATA db: it starts without") && !lines.contains("downtime"), "{lines}");
        }
        // There is nothing left that could be lost.
        let gone = Live { claims: Vec::new(), ..live() };
        assert_eq!(found(&[], &[], &gone), Ok(None));
    }

    #[test]
    fn two_of_a_kind_on_one_claim_are_a_stray() {
        let mut live = live();
        live.stateful_sets = vec![workload("StatefulSet", 1)];
        let promotion = found(&[], &[workload("StatefulSet", 1)], &live).unwrap().unwrap();
        assert!(promotion.changes[0].stray);
        assert_eq!(promotion.needs, [Confirmation::Downtime, Confirmation::StrayDelete]);
        assert!(promotion.journal(String::new(), String::new(), 5).progress.stray);
    }

    #[test]
    fn what_forbids_it_is_said_with_its_code() {
        let target = |change: fn(&mut Json)| {
            let mut workload = workload("StatefulSet", 1);
            change(&mut workload);
            vec![workload, claim("data")]
        };
        let plain = || target(|_| {});
        let with = |change: fn(&mut Live)| {
            let mut live = live();
            change(&mut live);
            live
        };
        let pod = |owner: Json| {
            json!({
                "metadata": {"name": "p", "ownerReferences": owner},
                "spec": {"volumes": [{"persistentVolumeClaim": {"claimName": "data"}}]},
            })
        };
        let mut dump = live();
        dump.pods = vec![pod(json!([{"kind": "Job", "name": "dump", "controller": true}])), pod(json!([]))];
        let mut grown = claim("data");
        grown["spec"]["resources"]["requests"]["storage"] = json!("2Gi");
        for (code, live, target) in [
            (Code::PvcTerminating, with(|live| live.claims[0]["metadata"]["deletionTimestamp"] = json!("t")), plain()),
            (Code::PvcInUse, dump, plain()),
            (
                Code::ManagedElsewhere,
                with(|live| live.deployments[0]["metadata"]["labels"]["argocd.argoproj.io/instance"] = json!("x")),
                plain(),
            ),
            (
                Code::ManagedElsewhere,
                with(|live| live.deployments[0]["metadata"]["ownerReferences"] = json!([{"kind": "Db"}])),
                plain(),
            ),
            (Code::NameTooLong, live(), target(|workload| workload["metadata"]["name"] = json!("d".repeat(53)))),
            (Code::PvcSharedByReplicas, live(), target(|workload| workload["spec"]["replicas"] = json!(3))),
            (Code::ResizeDuringMigration, live(), vec![workload("StatefulSet", 1), grown]),
        ] {
            let diagnostics = found(&[], &target, &live).unwrap_err();
            assert!(diagnostics.0.iter().any(|diagnostic| diagnostic.code == code), "{code}: {diagnostics}");
        }
    }
}

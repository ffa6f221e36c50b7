//! From live objects to the facts that the state machine decides by. Pure.

use super::change::{Change, ClaimNote, How};
use super::fixed;
use super::journal::Journal;
use super::live::{Live, replicas};
use super::observed::{Claim, HelmRun, Observed, Pair, Revision, Side, Workload};
use super::pods::{belongs, controller, has_ended, root, strangers};
use super::progress::{Direction, Role};
use crate::k8s::labels;
use crate::k8s::object;
use crate::k8s::object::{annotation, name_of};
use crate::k8s::ownership::{ReleaseName, helm_release};
use crate::k8s::quantity::Quantity;
use serde_json::Value as Json;

/// The reclaim policies that there are.
pub(crate) const POLICIES: [&str; 3] = ["Retain", "Delete", "Recycle"];

/// What was seen, for the machine.
pub fn observe(
    journal: &Journal,
    release: ReleaseName<'_>,
    live: &Live,
    revision: Revision,
    helm: HelmRun,
    late: bool,
) -> Observed {
    let pair = |change: &Change| {
        let side = |role: Role| side(journal, change, role, release, live);
        let strangers = strangers(change, live).count();
        Pair { old: side(Role::Old), new: side(Role::New), strangers: count(strangers) }
    };
    Observed {
        revision,
        helm,
        pairs: journal.changes.iter().map(pair).collect(),
        claims: journal.claims.iter().map(|note| claim(note, release, live)).collect(),
        late,
    }
}

/// The reclaim policy of a volume before it was kept, where the volume says one that there is.
pub(crate) fn former_policy(volume: &Json) -> Option<&str> {
    annotation(volume, labels::RECLAIM_POLICY).filter(|policy| POLICIES.contains(policy))
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn side(journal: &Journal, change: &Change, role: Role, release: ReleaseName<'_>, live: &Live) -> Side {
    let named = match role {
        Role::Old => &change.old,
        Role::New => &change.new,
    };
    let owners = Owners::of(change, journal.progress.direction, live);
    let object = live.find(named).filter(|object| change.is(role, object));
    let of_role = |owner: &Json| change.marks.is_none() || owners.role(owner) == role;
    let stays = change.how != How::Stop;
    let is_pod = |pod: &&Json| {
        belongs(root(pod), named)
            && !has_ended(pod)
            && !stays
            && of_role(Owners::of_pod(pod, live).map_or(&Json::Null, |owner| &owner["uid"]))
    };
    let pods = live.pods.iter().filter(is_pod).count();
    let sets = |set: &&Json| {
        let owner = controller(set).filter(|owner| owner["kind"] == "Deployment");
        owner.is_some_and(|owner| owner["name"] == *named.name && named.kind == "Deployment" && of_role(&owner["uid"]))
    };
    let sets: Vec<&Json> = live.replica_sets.iter().filter(sets).collect();
    let left = if owners.leaving == role { retired(change, release, live).count() } else { 0 };
    let workload = object.map(|object| {
        let meant = object["metadata"]["uid"] == *change.uid;
        // Helm makes the new one, and during the rollback the old one again.
        let by_helm = role == Role::New || journal.progress.direction == Direction::Back;
        workload(object, &sets, (meant || by_helm) && release.owns(object))
    });
    let orphans = if workload.is_none() { sets.len() + left } else { 0 };
    Side { workload, orphans: count(orphans), pods: count(pods), wanted: named.replicas, stays }
}

/// Whose pods are whose, where both objects have one name: what does not belong to the object that is there is from the
/// one that leaves.
struct Owners<'a> {
    there: Option<(&'a Json, Role)>,
    leaving: Role,
}

impl<'a> Owners<'a> {
    fn of(change: &Change, direction: Direction, live: &'a Live) -> Self {
        let there = live.find(&change.old).map(|object| {
            let role = if change.is(Role::Old, object) { Role::Old } else { Role::New };
            (&object["metadata"]["uid"], role)
        });
        Self { there, leaving: direction.roles().0 }
    }

    fn role(&self, uid: &Json) -> Role {
        self.there.filter(|(there, _)| *there == uid).map_or(self.leaving, |(_, role)| role)
    }

    /// The reference to the workload of a pod; of a Deployment through its ReplicaSet.
    fn of_pod<'l>(pod: &'l Json, live: &'l Live) -> Option<&'l Json> {
        let owner = controller(pod)?;
        if owner["kind"] != "ReplicaSet" {
            return Some(owner);
        }
        let set = live.replica_sets.iter().find(|set| set["metadata"]["uid"] == owner["uid"]);
        set.and_then(controller)
    }
}

/// The ReplicaSets of a Deployment that was deleted without them, and that no other Deployment took over.
pub fn retired<'a>(change: &'a Change, release: ReleaseName<'a>, live: &'a Live) -> impl Iterator<Item = &'a Json> {
    live.replica_sets.iter().filter(move |set| {
        let hash = object::label(set, "pod-template-hash").unwrap_or_default();
        let of = name_of(set).strip_suffix(hash).and_then(|name| name.strip_suffix('-'));
        change.how == How::Adopt
            && change.old.kind == "Deployment"
            && !hash.is_empty()
            && of == Some(&change.old.name)
            && controller(set).is_none()
            // The controller copies the annotations of the Deployment; the label of helm is not on the template.
            && helm_release(set) == Some((release.name, release.namespace))
    })
}

fn workload(object: &Json, sets: &[&Json], ours: bool) -> Workload {
    let deleting = object["metadata"]["deletionTimestamp"].is_string();
    if object["kind"] != "Deployment" && object["kind"] != "StatefulSet" {
        // There is nothing to wait for.
        let (replicas, touched) = (0, false);
        return Workload { replicas, settled: true, ready: true, deleting, ours, touched, keeps_claims: true };
    }
    let (status, wanted) = (&object["status"], replicas(object));
    let number = |key: &str| status[key].as_u64().unwrap_or(0);
    let sets_seen = sets.iter().all(|set| replicas(set) == 0 && seen(set));
    let all = u64::from(wanted);
    let one_revision = object["kind"] == "Deployment" || status["currentRevision"] == status["updateRevision"];
    let policy = &object["spec"]["persistentVolumeClaimRetentionPolicy"];
    Workload {
        replicas: wanted,
        settled: seen(object) && (wanted > 0 || sets_seen),
        ready: seen(object)
            && one_revision
            && [number("replicas"), number("updatedReplicas"), number("readyReplicas")] == [all; 3],
        deleting,
        ours,
        touched: entry_of_ours(object).is_some(),
        keeps_claims: policy["whenScaled"] != "Delete" && policy["whenDeleted"] != "Delete",
    }
}

/// Whether the controller has seen what is asked for.
fn seen(object: &Json) -> bool {
    object["status"]["observedGeneration"].as_i64().unwrap_or(0)
        >= object["metadata"]["generation"].as_i64().unwrap_or(0)
}

/// The place in `managedFields` that says that we own the number of pods.
pub(crate) fn entry_of_ours(object: &Json) -> Option<usize> {
    let entries = object["metadata"]["managedFields"].as_array()?;
    entries
        .iter()
        .position(|entry| entry["manager"] == labels::US && !entry["fieldsV1"]["f:spec"]["f:replicas"].is_null())
}

fn claim(note: &ClaimNote, release: ReleaseName<'_>, live: &Live) -> Claim {
    let Some(object) = live.claim(&note.name) else {
        return Claim { intact: false, kept: true, retained: true, owned: false, to_restore: false, to_grow: false };
    };
    let metadata = &object["metadata"];
    let volume = object["spec"]["volumeName"].as_str().unwrap_or_default();
    let same_volume = note.volume.is_empty() || note.volume == volume;
    let own = live.volume(object, release);
    let reclaim = own.and_then(|volume| volume["spec"]["persistentVolumeReclaimPolicy"].as_str());
    let former = own.and_then(former_policy);
    let policy_owns = metadata["ownerReferences"].as_array().is_some_and(|owners| !owners.is_empty());
    Claim {
        intact: metadata["uid"] == *note.uid && metadata["deletionTimestamp"].is_null() && same_volume,
        kept: annotation(object, labels::RESOURCE_POLICY) == Some(labels::KEEP),
        retained: note.retained.is_none() || reclaim.is_none_or(|policy| policy == "Retain"),
        owned: policy_owns,
        to_restore: note.stays
            && note.retained == Some(false)
            && reclaim == Some("Retain")
            && former.is_some_and(|former| former != "Retain"),
        to_grow: note.grows.as_deref().is_some_and(|size| is_less(fixed::size(object), size)),
    }
}

fn is_less(size: Option<&str>, than: &str) -> bool {
    matches!((size.and_then(Quantity::parse), Quantity::parse(than)), (Some(size), Some(than)) if size < than)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::migration::change::Named;
    use crate::migration::observed::Status;
    use crate::migration::progress::{Phase, Progress};
    use serde_json::json;

    const RELEASE: ReleaseName<'_> = ReleaseName { name: "shop", namespace: "n" };

    fn journal(direction: Direction) -> Journal {
        let named = |kind: &str| Named { kind: kind.into(), name: "db".into(), replicas: 1 };
        Journal {
            version: 2,
            plan: String::new(),
            target: String::new(),
            phase: Phase::Protect,
            progress: Progress::new(direction),
            base: 1,
            to: None,
            last: 1,
            calling: false,
            changes: vec![Change {
                old: named("Deployment"),
                new: named("StatefulSet"),
                uid: "old".into(),
                stray: false,
                claims: vec!["data".into()],
                how: How::Stop,
                marks: None,
            }],
            claims: vec![ClaimNote {
                name: "data".into(),
                uid: "c".into(),
                volume: "pv".into(),
                retained: Some(false),
                stays: true,
                grows: None,
            }],
            confirmed: Vec::new(),
        }
    }

    fn deployment(uid: &str, replicas: u32) -> Json {
        json!({
            "kind": "Deployment",
            "metadata": {"name": "db", "uid": uid, "generation": 2, "labels": {"app.kubernetes.io/managed-by": "Helm"}, "annotations": {
                "meta.helm.sh/release-name": "shop", "meta.helm.sh/release-namespace": "n"}},
            "spec": {"replicas": replicas},
            "status": {"observedGeneration": 2},
        })
    }

    fn set(replicas: u32) -> Json {
        json!({
            "metadata": {"name": "db-5c7", "generation": 1, "ownerReferences": [{"kind": "Deployment", "name": "db", "controller": true}]},
            "spec": {"replicas": replicas},
            "status": {"observedGeneration": 1},
        })
    }

    fn pod(kind: &str, owner: &str) -> Json {
        json!({
            "metadata": {
                "name": "p",
                "labels": {"pod-template-hash": "5c7"},
                "ownerReferences": [{"kind": kind, "name": owner, "controller": true}],
            },
            "spec": {"volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": "data"}}]},
            "status": {"phase": "Running"},
        })
    }

    fn seen(direction: Direction, live: &Live) -> Observed {
        let revision = Revision { status: Status::Deployed, brings: Role::Old, foreign: false };
        observe(&journal(direction), RELEASE, live, revision, HelmRun::Gone, false)
    }

    #[test]
    fn replica_sets_of_an_adopted_deployment_are_found_by_what_they_inherit() {
        let mut change = journal(Direction::Forward).changes.remove(0);
        change.how = How::Adopt;
        let set = |release: &str| {
            json!({"kind": "ReplicaSet", "metadata": {"name": "db-abc", "uid": "s", "labels": {"pod-template-hash": "abc"},
                "annotations": {"meta.helm.sh/release-name": release, "meta.helm.sh/release-namespace": "n"}}})
        };
        let live = |release: &str| Live { replica_sets: vec![set(release)], ..Live::default() };
        assert_eq!(retired(&change, RELEASE, &live("shop")).count(), 1);
        assert_eq!(retired(&change, RELEASE, &live("other")).count(), 0);
    }

    #[test]
    fn a_workload_is_settled_when_its_last_replica_set_is() {
        let live = |replicas: u32| Live {
            deployments: vec![deployment("old", 0)],
            replica_sets: vec![set(replicas)],
            ..Live::default()
        };
        let settled = |live: &Live| seen(Direction::Forward, live).pairs[0].old.workload.unwrap().settled;
        assert!(settled(&live(0)));
        assert!(!settled(&live(1)));
        let mut late = live(0);
        late.deployments[0]["metadata"]["generation"] = json!(3);
        assert!(!settled(&late));
    }

    #[test]
    fn pods_belong_to_their_side_even_when_what_made_them_is_gone() {
        let pods = vec![
            pod("ReplicaSet", "db-5c7"),
            pod("StatefulSet", "db"),
            pod("Job", "dump"),
            json!({
                "metadata": {"name": "bare"}, "spec": {"volumes": [{"persistentVolumeClaim": {"claimName": "data"}}]},
            }),
        ];
        let pair = seen(Direction::Forward, &Live { pods, ..Live::default() }).pairs[0];
        assert_eq!((pair.old.pods, pair.new.pods, pair.strangers), (1, 1, 2));
        let mut ended = pod("Job", "dump");
        ended["status"]["phase"] = json!("Succeeded");
        let other = json!({"metadata": {"name": "o"}, "spec": {}});
        let pair = seen(Direction::Forward, &Live { pods: vec![ended, other], ..Live::default() }).pairs[0];
        assert_eq!(pair.strangers, 0);
    }

    #[test]
    fn replica_sets_without_their_deployment_can_still_make_pods() {
        let live = Live { replica_sets: vec![set(0)], ..Live::default() };
        assert_eq!(seen(Direction::Forward, &live).pairs[0].old.orphans, 1);
    }

    #[test]
    fn another_object_of_the_name_is_not_meant_until_helm_may_have_made_it() {
        let live = Live { deployments: vec![deployment("another", 1)], ..Live::default() };
        let ours = |direction| seen(direction, &live).pairs[0].old.workload.unwrap().ours;
        assert!(!ours(Direction::Forward));
        assert!(ours(Direction::Back));
        let mut foreign = live.clone();
        foreign.deployments[0]["metadata"]["annotations"] = json!({});
        assert!(!seen(Direction::Back, &foreign).pairs[0].old.workload.unwrap().ours);
    }

    #[test]
    fn a_claim_is_what_it_was_or_not() {
        let object = json!({
            "metadata": {"name": "data", "uid": "c", "labels": {"app.kubernetes.io/managed-by": "Helm"}, "annotations": {"helm.sh/resource-policy": "keep",
                "meta.helm.sh/release-name": "shop", "meta.helm.sh/release-namespace": "n"}},
            "spec": {"volumeName": "pv"},
        });
        let volume = |policy: &str| {
            json!({
                "metadata": {"name": "pv", "annotations": {"aspire-k8s/reclaim-policy": "Delete"}},
                "spec": {"persistentVolumeReclaimPolicy": policy, "claimRef": {"uid": "c"}},
            })
        };
        let live = |object: Json, policy: &str| Live {
            claims: vec![object],
            volumes: vec![volume(policy)],
            ..Live::default()
        };
        let found = |live: &Live| seen(Direction::Forward, live).claims[0];
        let good = Claim { intact: true, kept: true, retained: true, owned: false, to_restore: true, to_grow: false };
        assert_eq!(found(&live(object.clone(), "Retain")), good);
        assert_eq!(found(&live(object.clone(), "Delete")), Claim { retained: false, to_restore: false, ..good });
        for (pointer, value) in [("uid", json!("x")), ("deletionTimestamp", json!("t"))] {
            let mut other = object.clone();
            other["metadata"][pointer] = value;
            assert!(!found(&live(other, "Retain")).intact);
        }
        assert!(!found(&Live::default()).intact);
        // A volume is changed only when it names this claim of this release, and to what it says itself.
        let change = |pointer: &str, value: Json| {
            let mut all = live(object.clone(), "Retain");
            let part = if pointer.starts_with("/spec") { &mut all.volumes[0] } else { &mut all.claims[0] };
            *part.pointer_mut(pointer).unwrap() = value;
            found(&all)
        };
        let kept = Claim { to_restore: false, ..good };
        assert_eq!(change("/spec/claimRef/uid", json!("of another")), kept);
        assert_eq!(change("/spec/claimRef", Json::Null), kept);
        assert_eq!(change("/metadata/annotations/meta.helm.sh~1release-name", json!("other")), kept);
        for said in [Json::Null, json!("Retain"), json!("Other"), json!(7)] {
            let mut all = live(object.clone(), "Retain");
            all.volumes[0]["metadata"]["annotations"]["aspire-k8s/reclaim-policy"] = said.clone();
            assert_eq!(found(&all), kept, "{said}");
        }
    }

    #[test]
    fn our_own_mark_on_the_number_of_pods_is_found() {
        let mut object = deployment("old", 0);
        object["metadata"]["managedFields"] = json!([
            {"manager": "helm", "fieldsV1": {"f:spec": {"f:replicas": {}}}},
            {"manager": "kubectl-aspire", "fieldsV1": {"f:spec": {"f:replicas": {}}}},
        ]);
        assert_eq!(entry_of_ours(&object), Some(1));
        object["metadata"]["managedFields"] = json!([{"manager": "kubectl-aspire", "fieldsV1": {"f:metadata": {}}}]);
        assert_eq!(entry_of_ours(&object), None);
    }
}

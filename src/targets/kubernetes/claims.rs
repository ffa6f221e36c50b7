//! Volumes: which of them are claims, which workload owns each claim, and which workloads are StatefulSets because of
//! them.

use super::name::Name;
use super::view::{ClaimTemplate, ClaimView, VolumeView};
use crate::app::{App, Workload};
use crate::config::{self, AccessMode, Config, Storage, WorkloadKind, intent_place};
use crate::support::diagnostic::{Code, Diagnostic, Diagnostics, Place, names, suggestion};
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// A claim that the chart makes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Claim {
    /// Name of the claim; for claim templates the name of the template.
    pub name: String,
    pub workload: String,
    /// Key of the volume in the values.
    pub key: String,
    /// Size, class, access modes and annotations.
    pub storage: Storage,
    /// The volume that it takes; one that is made for it when none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub volume_name: Option<String>,
    /// Whether each replica has its own.
    pub per_replica: bool,
    /// Folder of the volume that is mounted.
    pub sub_path: String,
    /// Where it is mounted in the container, first of all.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub mount_path: String,
    /// Whether a user chose its name: then no other claim is taken for it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub pinned: bool,
}

impl Claim {
    /// Whether a claim of the cluster is this one, or was made from this template.
    pub fn is_called(&self, live: &str) -> bool {
        if !self.per_replica {
            return live == self.name;
        }
        let number = live.strip_prefix(&*format!("{}-{}-", self.name, self.workload)).unwrap_or_default();
        !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
    }
}

/// The value of a storage class that stands for no class: an empty one stands for the default of the cluster.
pub(crate) const NO_CLASS: &str = "-";

#[derive(Debug, Default)]
pub(crate) struct WorkloadStorage {
    /// Volumes that the pod mounts.
    pub volumes: Vec<VolumeView>,
    /// Claims that belong to the workload.
    pub claims: Vec<Claim>,
    pub templates: Vec<ClaimTemplate>,
    /// Values of volumes with an existing claim: key to (claim, folder).
    pub existing: IndexMap<String, (String, String)>,
    /// Keys of claims that admit only one pod.
    pub single_pod: Vec<String>,
    /// The same of its sidecars.
    pub single_pod_beside: Vec<String>,
    /// Whether it, or a sidecar of it, mounts any claim.
    pub has_claim: bool,
    /// Whether every claim it mounts can be shared by many pods.
    pub shareable: bool,
}

/// A volume of a workload as manifest and file together describe it.
struct Wanted {
    key: String,
    full_name: Option<String>,
    target: String,
    read_only: bool,
    intent: config::Volume,
    place: Place,
}

/// Decides the storage of all workloads.
pub(crate) fn storage(
    app: &App,
    config: &Config,
    names: &BTreeMap<String, Name>,
    diagnostics: &mut Diagnostics,
) -> BTreeMap<String, WorkloadStorage> {
    let wanted: BTreeMap<&String, Vec<Wanted>> =
        app.workloads.iter().map(|(name, workload)| (name, wanted(workload, config, diagnostics))).collect();
    let mut owners: BTreeMap<String, (String, String)> = BTreeMap::new();
    let mut result = BTreeMap::new();
    let default = &config.defaults.storage;
    let mut beside = Vec::new();
    for resource in app.workloads.keys() {
        let mut storage = WorkloadStorage { shareable: true, ..WorkloadStorage::default() };
        let Some(own) = names.get(resource) else { continue };
        let mut keys: BTreeMap<Name, &Wanted> = BTreeMap::new();
        for volume in wanted.get(resource).into_iter().flatten() {
            let first = keys.insert(Name::of_label(&volume.key), volume);
            if let Some((owner, owner_key)) = in_pod(app, volume, resource, &owners) {
                beside.push((resource, volume, owner, owner_key));
                continue;
            }
            if let Some(first) = first {
                if volume.full_name.is_some() && volume.full_name == first.full_name {
                    again(&mut storage, volume);
                    continue;
                }
                diagnostics.push(Diagnostic::new(
                    Code::NameCollision,
                    &volume.place,
                    format!("two volumes of `{resource}` have the name `{}`", Name::of_label(&volume.key)),
                ));
                continue;
            }
            let key = Name::of_label(&volume.key).to_string();
            let shared = shared_with(volume, resource, &owners, &wanted);
            if volume.full_name.is_some() && shared.is_none() {
                owners.insert(volume.full_name.clone().unwrap_or_default(), (resource.clone(), key.clone()));
            }
            let view = |claim: Option<String>, ephemeral: bool, owner: &Name, owner_key: &str| VolumeView {
                volume: Name::of_label(&format!("{key}-volume")).to_string(),
                target: volume.target.clone(),
                read_only: volume.read_only,
                claim,
                ephemeral,
                templated: false,
                again: false,
                owned: false,
                owner: owner.to_string(),
                key: owner_key.to_owned(),
            };
            if volume.intent.ephemeral || (volume.full_name.is_none() && is_anonymous(volume)) {
                storage.volumes.push(view(None, true, own, &key));
                continue;
            }
            storage.has_claim = true;
            if let Some(claim) = &volume.intent.existing_claim {
                let folder = volume.intent.sub_path.clone().unwrap_or_default();
                storage.existing.insert(key.clone(), (claim.clone(), folder));
                storage.volumes.push(view(None, false, own, &key));
                continue;
            }
            if let Some((owner, owner_key)) = shared {
                let (Some(owner_name), Some(modes)) =
                    (names.get(&owner), modes_of(&owner, &owner_key, &wanted, default))
                else {
                    diagnostics.push(unknown_owner(volume, &owner));
                    continue;
                };
                if !is_shareable(&modes) {
                    diagnostics.push(cannot_share(volume, resource, &owner, &owner_key));
                }
                let claim = claim_of(&owner, &owner_key, owner_name, &wanted);
                storage.volumes.push(view(Some(claim), false, owner_name, &owner_key));
                continue;
            }
            let claim = claim(volume, own, &key, default);
            let shareable = is_shareable(&claim.storage.access_modes);
            storage.shareable &= shareable && !claim.per_replica;
            if claim.per_replica {
                storage.templates.push(ClaimTemplate { volume: claim.name.clone(), key: key.clone() });
                storage.volumes.push(VolumeView {
                    volume: claim.name.clone(),
                    templated: true,
                    ..view(None, false, own, &key)
                });
            } else {
                if !shareable {
                    storage.single_pod.push(key.clone());
                }
                storage.volumes.push(view(Some(claim.name.clone()), false, own, &key));
            }
            storage.claims.push(claim);
        }
        result.insert(resource.clone(), storage);
    }
    for (resource, volume, owner, key) in beside {
        mount_beside(&mut result, (resource, volume), (&owner, &key), diagnostics);
    }
    result
}

/// The (resource, key) of the same pod whose volume this one is. The containers of a pod may share any volume.
fn in_pod(
    app: &App,
    volume: &Wanted,
    resource: &str,
    owners: &BTreeMap<String, (String, String)>,
) -> Option<(String, String)> {
    let pod = |name: &str| app.workloads.get(name).map(Workload::pod);
    let is_own = volume.intent.ephemeral || volume.intent.existing_claim.is_some();
    let by_name = || owners.get(volume.full_name.as_ref().filter(|_| !is_own)?).cloned();
    let said = volume.intent.of.as_ref().map(|of| (of.clone(), Name::of_label(&volume.key).to_string()));
    said.or_else(by_name).filter(|(owner, _)| owner != resource && pod(owner).is_some() && pod(owner) == pod(resource))
}

/// A volume that another workload of the pod has.
fn mount_beside(
    all: &mut BTreeMap<String, WorkloadStorage>,
    (resource, volume): (&str, &Wanted),
    (owner, key): (&str, &str),
    diagnostics: &mut Diagnostics,
) {
    let of_owner = all.get(owner).and_then(|storage| storage.volumes.iter().find(|view| view.key == key).cloned());
    match (of_owner, all.get_mut(resource)) {
        (Some(view), Some(storage)) => {
            storage.has_claim |= !view.ephemeral;
            let (target, read_only) = (volume.target.clone(), volume.read_only);
            storage.volumes.push(VolumeView { target, read_only, again: false, ..view });
        }
        _ => diagnostics.push(unknown_owner(volume, owner)),
    }
}

/// One volume at a further path of the container.
fn again(storage: &mut WorkloadStorage, volume: &Wanted) {
    let key = Name::of_label(&volume.key).to_string();
    let Some(first) = storage.volumes.iter().find(|view| view.key == key) else { return };
    let (target, read_only) = (volume.target.clone(), volume.read_only);
    let view = VolumeView { target, read_only, again: true, ..first.clone() };
    storage.volumes.push(view);
}

/// An anonymous volume of the manifest that the file says nothing about goes with the pod, as docker's does.
fn is_anonymous(volume: &Wanted) -> bool {
    volume.intent == config::Volume::default()
}

/// The volumes of a workload: the manifest's, with what the file says of them, then further ones of the file.
fn wanted(workload: &Workload, config: &Config, diagnostics: &mut Diagnostics) -> Vec<Wanted> {
    let none = IndexMap::new();
    let intents = config.resources.get(&workload.name).map_or(&none, |resource| &resource.volumes);
    let place = |key: &str| intent_place(format!("resources.{}.volumes.{key}", workload.name));
    let mut used: BTreeSet<&String> = BTreeSet::new();
    let mut wanted = Vec::new();
    for volume in &workload.volumes {
        let full = volume.full_name.as_deref().unwrap_or_default();
        let found = intents.get_key_value(&volume.name).or_else(|| intents.get_key_value(full));
        used.extend(found.map(|(key, _)| key));
        let intent = found.map(|(_, intent)| intent.clone()).unwrap_or_default();
        wanted.push(Wanted {
            key: volume.name.clone(),
            full_name: volume.full_name.clone(),
            target: intent.mount_path.clone().unwrap_or_else(|| volume.target.clone()),
            read_only: intent.read_only.unwrap_or(volume.read_only),
            place: found.map_or_else(|| format!("resources.{}.volumes", workload.name).into(), |(key, _)| place(key)),
            intent,
        });
    }
    for (key, intent) in intents.iter().filter(|(key, _)| !used.contains(key)) {
        let Some(target) = intent.mount_path.clone() else {
            let diagnostic = Diagnostic::new(
                Code::UnknownResource,
                place(key),
                format!("the manifest mounts no volume `{key}` on `{}`", workload.name),
            );
            let mounted = || workload.volumes.iter().map(|volume| volume.name.as_str());
            let otherwise = format!("it mounts: {}", names(mounted(), "no volumes"));
            let hint = suggestion(diagnostics.nearest(key, mounted()), otherwise + ".");
            diagnostics.push(diagnostic.hint(format!("{hint} A volume of your own needs `mountPath`")));
            continue;
        };
        wanted.push(Wanted {
            key: key.clone(),
            full_name: None,
            target,
            read_only: intent.read_only.unwrap_or(false),
            intent: intent.clone(),
            place: place(key),
        });
    }
    wanted
}

/// The (resource, key) whose claim this volume is, when it is not its own.
fn shared_with(
    volume: &Wanted,
    resource: &str,
    owners: &BTreeMap<String, (String, String)>,
    wanted: &BTreeMap<&String, Vec<Wanted>>,
) -> Option<(String, String)> {
    if let Some(of) = &volume.intent.of {
        return Some((of.clone(), Name::of_label(&volume.key).to_string()));
    }
    let (owner, key) = owners.get(volume.full_name.as_ref()?)?;
    // A volume that its first user has elsewhere (existing claim, ephemeral) cannot be shared.
    let first = wanted.get(owner)?.iter().find(|other| Name::of_label(&other.key).as_str() == key)?;
    let elsewhere = first.intent.existing_claim.is_some() || first.intent.ephemeral;
    (owner != resource && !elsewhere).then(|| (owner.clone(), key.clone()))
}

/// The name of a claim that another resource owns.
fn claim_of(owner: &str, key: &str, name: &Name, wanted: &BTreeMap<&String, Vec<Wanted>>) -> String {
    let of_owner = wanted.get(&owner.to_owned()).into_iter().flatten();
    let pinned = of_owner.into_iter().find(|volume| Name::of_label(&volume.key).as_str() == key);
    let pinned = pinned.and_then(|volume| volume.intent.claim_name.clone());
    pinned.unwrap_or_else(|| Name::of_claim(name, key).to_string())
}

fn modes_of(
    owner: &str,
    key: &str,
    wanted: &BTreeMap<&String, Vec<Wanted>>,
    default: &Storage,
) -> Option<Vec<AccessMode>> {
    let volume = wanted.get(&owner.to_owned())?.iter().find(|volume| Name::of_label(&volume.key).as_str() == key)?;
    let is_claim = volume.intent.existing_claim.is_none()
        && !volume.intent.ephemeral
        && !volume.intent.per_replica
        && volume.intent.of.is_none();
    is_claim.then(|| access_modes(&volume.intent, default))
}

fn access_modes(intent: &config::Volume, default: &Storage) -> Vec<AccessMode> {
    [&intent.access_modes, &default.access_modes]
        .into_iter()
        .find(|modes| !modes.is_empty())
        .cloned()
        .unwrap_or_else(|| vec![AccessMode::ReadWriteOnce])
}

/// `ReadWriteOnce` is per node: it does not keep two pods apart, and cannot serve pods on two nodes.
fn is_shareable(modes: &[AccessMode]) -> bool {
    modes.iter().any(|mode| matches!(mode, AccessMode::ReadWriteMany | AccessMode::ReadOnlyMany))
}

fn claim(volume: &Wanted, workload: &Name, key: &str, default: &Storage) -> Claim {
    let intent = &volume.intent;
    let mut annotations = default.annotations.clone();
    annotations.extend(intent.annotations.clone());
    Claim {
        name: match &intent.claim_name {
            _ if intent.per_replica => Name::of_label(key).to_string(),
            Some(pinned) => pinned.clone(),
            None => Name::of_claim(workload, key).to_string(),
        },
        workload: workload.to_string(),
        key: key.to_owned(),
        storage: Storage {
            size: Some(intent.size.clone().or_else(|| default.size.clone()).unwrap_or_else(|| "1Gi".into())),
            storage_class: intent.storage_class.clone().or_else(|| default.storage_class.clone()),
            access_modes: access_modes(intent, default),
            annotations,
        },
        per_replica: intent.per_replica,
        // The root of a fresh ext4 volume holds lost+found, which initdb refuses.
        sub_path: intent.sub_path.clone().unwrap_or_else(|| "data".into()),
        volume_name: intent.volume_name.clone(),
        mount_path: volume.target.clone(),
        pinned: intent.claim_name.is_some(),
    }
}

fn cannot_share(volume: &Wanted, resource: &str, owner: &str, key: &str) -> Diagnostic {
    Diagnostic::new(
        Code::VolumeNotShareable,
        &volume.place,
        format!("`{resource}` and `{owner}` share the volume `{key}`, but only one node at a time can mount its PVC"),
    )
    .hint(format!(
        "set resources.{owner}.volumes.{key}.accessModes to [ReadWriteMany], or define a separate volume for \
        `{resource}`"
    ))
}

fn unknown_owner(volume: &Wanted, owner: &str) -> Diagnostic {
    Diagnostic::new(
        Code::UnknownResource,
        &volume.place,
        format!("`{owner}` has no PVC `{}` that can be shared", volume.key),
    )
    .hint("`of` must name a resource whose volume of this name is a PVC of the chart")
}

/// The kind of a workload: a claim makes a StatefulSet, unless the file decides otherwise and it is safe.
pub(crate) fn kind(
    resource: &str,
    storage: &WorkloadStorage,
    config: &Config,
    diagnostics: &mut Diagnostics,
) -> WorkloadKind {
    let chosen = config.resources.get(resource).and_then(|resource| resource.workload);
    let natural = if storage.has_claim { WorkloadKind::StatefulSet } else { WorkloadKind::Deployment };
    let place = || intent_place(format!("resources.{resource}.workload"));
    match chosen {
        Some(WorkloadKind::Deployment) if !storage.templates.is_empty() => {
            diagnostics.push(
                Diagnostic::new(Code::ConflictingKeys, place(), "`perReplica` needs a StatefulSet")
                    .hint("remove `workload`"),
            );
            natural
        }
        Some(WorkloadKind::Deployment) if storage.has_claim && !storage.shareable => {
            diagnostics.push(
                Diagnostic::new(
                    Code::VolumeNotShareable,
                    place(),
                    format!("the PVC of `{resource}` is for one pod, and a Deployment may run two during an update"),
                )
                .hint("remove `workload`, or set the access mode ReadWriteMany"),
            );
            natural
        }
        Some(kind) => kind,
        None => natural,
    }
}

/// Views of the claims that are objects of their own.
pub(crate) fn claim_views(storage: &WorkloadStorage) -> Vec<ClaimView> {
    let own = storage.claims.iter().filter(|claim| !claim.per_replica);
    own.map(|claim| ClaimView {
        workload: claim.workload.clone(),
        name: claim.name.clone(),
        key: claim.key.clone(),
        mount_path: claim.mount_path.clone(),
    })
    .collect()
}

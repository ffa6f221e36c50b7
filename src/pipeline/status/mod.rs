//! The state of a release on the cluster, and its drift. Reads only; shows no secret.

pub(crate) mod drift;
pub(crate) mod migration;

pub(crate) use migration::Migration;

use super::{Error, Release};
use crate::cluster::api::objects::Objects;
use crate::cluster::connect::client::Cluster;
use crate::cluster::state::remembered::State;
use crate::cluster::state::secret::ReleaseSecret;
use crate::helm::{self, Helm, Target};
use crate::k8s::kind::{CLAIM, CONFIG_MAP, Kind, SECRET};
use crate::k8s::labels;
use crate::k8s::object::{annotation, label, long_running, name_of, owned, text};
use crate::pipeline::release::autoscaling::{Autoscalers, autoscalers};
use crate::pipeline::release::checks;
use crate::pipeline::release::endpoints::{Endpoint, endpoints};
use crate::pipeline::release::history;
use crate::pipeline::release::renewed::{Renewed, look as renewed};
use crate::pipeline::release::secrets_used::{Secret, used as secrets_used};
use crate::pipeline::status::drift::Drift;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

/// What was found under the name of a release.
#[derive(Debug)]
pub(crate) enum Standing {
    /// There is a release.
    Release(Box<Status>),
    /// It does not exist.
    Nothing {
        /// Claims of an earlier one that were kept.
        claims: Vec<String>,
        /// Secrets of an earlier one that were kept.
        secrets: Vec<String>,
    },
}

/// A release as it stands.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Status {
    /// Its name.
    pub release: String,
    pub namespace: String,
    /// The context of the kubeconfig, if one was used.
    pub context: Option<String>,
    /// Address of the API server.
    pub server: String,
    /// The application that it belongs to; null when it was not deployed by us.
    pub application: Option<String>,
    /// A workload migration that was begun and not finished.
    pub migration: Option<Migration>,
    /// Number of the last revision.
    pub revision: u64,
    /// Helm's word for its state, such as `deployed`.
    pub status: String,
    /// The same in words, with what to do where something is to be done.
    pub meaning: String,
    /// Name and version of the chart.
    pub chart: String,
    /// Version of the application.
    pub app_version: String,
    /// When the revision was written, as helm says it.
    pub updated: String,
    /// Where images come from when no flag and no file says it: registry, tag and images of single resources, in words.
    pub remembered: Vec<String>,
    /// What runs.
    pub workloads: Vec<Running>,
    /// How it is reached.
    pub endpoints: Vec<Endpoint>,
    /// Where its data is.
    pub claims: Vec<Claim>,
    /// Servers that began before their certificate was renewed.
    pub renewed: Vec<Renewed>,
    /// Secrets that it uses: names and keys.
    pub secrets: Vec<Secret>,
    /// What differs between the stored objects and the live ones.
    pub drift: Vec<Drift>,
}

/// A workload.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Running {
    pub name: String,
    /// `Deployment`, `StatefulSet` and so on.
    pub kind: String,
    /// Pods that are ready.
    pub ready: u64,
    /// Pods that there should be.
    pub desired: u64,
    /// Name of the autoscaler that decides how many pods there should be.
    pub autoscaler: Option<String>,
    /// Images of its containers.
    pub images: Vec<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Claim {
    pub name: String,
    /// `Bound`, `Pending` or `Lost`.
    pub phase: String,
    /// Its size, or what is asked for while it has none.
    pub size: String,
    pub storage_class: Option<String>,
    /// Whether it stays when the release is destroyed.
    pub kept: bool,
}

/// Looks at the release.
pub(crate) fn status(release: &Release) -> Result<Standing, Error> {
    let (helm, target) = release.helm()?;
    let cluster = release.connect()?;
    let Some(live) = helm.status(&target)? else { return nothing(&cluster, release) };
    let stored = drift::objects(&helm.get_manifest(&target, None)?.unwrap_or_default());
    let objects = live_objects(&cluster, release, &stored)?;
    let scalers = autoscalers(&cluster, release)?;
    let state = cluster.get(&CONFIG_MAP, &release.namespace, &State::name(&release.name))?;
    let application = state.as_ref().and_then(|state| annotation(state, labels::APPLICATION)).map(str::to_owned);
    let migration = match &application {
        Some(application) => migration::unfinished(&cluster, release, application)?,
        None => None,
    };
    let meaning = match &migration {
        Some(_) if live.is_deployed() => {
            "the last values passed to helm; a workload migration is not finished".to_owned()
        }
        _ => meaning(&live.status, can_go_back(&helm, &target, &live)?, release),
    };
    let mut drift = Vec::new();
    for (stored, live) in stored.iter().zip(&objects) {
        let scaled = scalers.contains_key(&key(stored));
        drift.extend(drift::compare(stored, live.as_ref(), if scaled { &["spec.replicas"] } else { &[] }));
    }
    let present: Vec<&Json> = objects.iter().flatten().collect();
    Ok(Standing::Release(Box::new(Status {
        release: release.name.clone(),
        namespace: release.namespace.clone(),
        context: release.location.context.clone(),
        server: release.location.url.clone(),
        application,
        remembered: remembered(state.as_ref()),
        revision: live.revision,
        meaning,
        migration,
        status: live.status,
        chart: live.chart,
        app_version: live.app_version,
        updated: live.updated,
        workloads: present.iter().filter_map(|object| running(object, &scalers)).collect(),
        endpoints: endpoints(&present),
        claims: claims(&cluster, release)?,
        renewed: renewed(&cluster, release, &stored)?,
        secrets: secrets_used(&cluster, release, &stored.iter().collect::<Vec<_>>())?,
        drift,
    })))
}

/// What the ConfigMap of the release remembers of images. Shown only: whether it is ours is asked where it counts.
fn remembered(state: Option<&Json>) -> Vec<String> {
    let values = state.and_then(|state| serde_json::from_str(state["data"]["values"].as_str()?).ok());
    values.map(|values| crate::inputs::remembered(&values)).unwrap_or_default()
}

fn nothing(cluster: &Cluster, release: &Release) -> Result<Standing, Error> {
    let claims = claims(cluster, release)?.into_iter().map(|claim| claim.name).collect();
    let name = ReleaseSecret::name(&release.name);
    let secret = cluster.get(&SECRET, &release.namespace, &name)?;
    Ok(Standing::Nothing { claims, secrets: secret.map(|_| name).into_iter().collect() })
}

/// Whether `rollback` would find a revision, where the last one failed.
pub(crate) fn can_go_back(helm: &Helm, target: &Target, live: &helm::Release) -> Result<bool, Error> {
    Ok(live.status != "failed" || history::has_way_back(helm.history(target)?))
}

/// Helm's word for a state, for a user.
pub(crate) fn meaning(status: &str, can_go_back: bool, release: &Release) -> String {
    let killed = "a helm process works on it now, or was killed while it did; run `deploy` to see how to continue";
    let sentence = match status {
        "deployed" => "helm applied the whole revision",
        "failed" if !can_go_back => {
            "it failed and may be partly deployed, and no earlier revision was fully deployed: `deploy` continues, \
            `destroy` removes it and keeps its PVCs"
        }
        "failed" => {
            "the last change failed and may be partly deployed; `history` shows the revisions, `rollback` rolls back"
        }
        "superseded" => "replaced by a later revision",
        "uninstalling" => "being uninstalled, or the uninstall was interrupted: `destroy` completes it",
        "uninstalled" => "uninstalled; its history was kept",
        "pending-install" | "pending-upgrade" | "pending-rollback" => killed,
        _ => return format!("`{status}`, a state of {} that this version does not know", release.name),
    };
    sentence.to_owned()
}

/// The live object to each stored one, in the same order.
fn live_objects(cluster: &Cluster, release: &Release, stored: &[Json]) -> Result<Vec<Option<Json>>, Error> {
    let mut kinds: BTreeMap<(&str, &str), Option<Kind>> = BTreeMap::new();
    let mut found = Vec::new();
    for object in stored {
        let (version, kind) = (text(&object["apiVersion"]), text(&object["kind"]));
        if let Entry::Vacant(place) = kinds.entry((version, kind)) {
            place.insert(cluster.kind(version, kind)?);
        }
        let namespace = object["metadata"]["namespace"].as_str().unwrap_or(&release.namespace);
        found.push(match &kinds[&(version, kind)] {
            Some(kind) => cluster.get(kind, namespace, name_of(object))?,
            None => None,
        });
    }
    Ok(found)
}

fn key(object: &Json) -> (String, String) {
    (text(&object["kind"]).to_owned(), name_of(object).to_owned())
}

fn running(object: &Json, scalers: &Autoscalers) -> Option<Running> {
    let (spec, status) = (&object["spec"], &object["status"]);
    let (desired, ready) = match text(&object["kind"]) {
        "Deployment" | "StatefulSet" | "ReplicaSet" => {
            (spec["replicas"].as_u64().unwrap_or(1), &status["readyReplicas"])
        }
        "DaemonSet" => (status["desiredNumberScheduled"].as_u64().unwrap_or(0), &status["numberReady"]),
        "Job" => (spec["completions"].as_u64().unwrap_or(1), &status["succeeded"]),
        _ => return None,
    };
    let containers = long_running(&spec["template"]["spec"]);
    Some(Running {
        name: name_of(object).to_owned(),
        kind: text(&object["kind"]).to_owned(),
        ready: ready.as_u64().unwrap_or(0),
        desired,
        autoscaler: scalers.get(&key(object)).map(|scaler| scaler.name.clone()),
        images: containers.filter_map(|container| owned(&container["image"])).collect(),
    })
}

fn claims(cluster: &Cluster, release: &Release) -> Result<Vec<Claim>, Error> {
    let name = release.helm_name();
    let selector = format!("{}={}", labels::INSTANCE, release.name);
    let live = cluster.list(&CLAIM, &release.namespace, &selector)?;
    let claim = |claim: &Json| Claim {
        name: name_of(claim).to_owned(),
        phase: text(&claim["status"]["phase"]).to_owned(),
        size: owned(&claim["status"]["capacity"]["storage"])
            .unwrap_or_else(|| text(&claim["spec"]["resources"]["requests"]["storage"]).to_owned()),
        storage_class: owned(&claim["spec"]["storageClassName"]),
        // Helm knows nothing of the claims that a StatefulSet made: they stay too.
        kept: annotation(claim, labels::RESOURCE_POLICY) == Some(labels::KEEP)
            || label(claim, labels::MANAGED_BY) != Some(labels::BY_HELM),
    };
    let mut found: Vec<Claim> = live.iter().filter(|claim| checks::is_our_claim(claim, name)).map(claim).collect();
    found.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}

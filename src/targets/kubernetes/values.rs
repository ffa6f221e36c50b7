//! The values of the chart: what users change per environment, in a readable order, with comments.

use super::account;
use super::certificate;
use super::claims::WorkloadStorage;
use super::image_sources::reference_values;
use super::jobs;
use super::name::Name;
use super::placement;
use super::scaling;
use super::secrets::SecretUse;
use super::security::Allowed;
use super::view::ScaleView;
use crate::app::{App, Image, Switch, Workload};
use crate::config::{self, AccessMode, Config, GRACE_PERIOD, Identity, SecretSource};
use crate::support::image;
use crate::targets::built_images::{BuiltImages, registry};
use indexmap::IndexMap;
use serde::Serialize;
use serde_json::{Map, Value as Json, json};
use std::collections::BTreeMap;

/// Seconds in which all nodes of a cluster hear that a pod stops.
const DRAIN: u32 = 5;

/// The comment above the values of a job.
const JOB_COMMENT: &str = "Settings of the Job or CronJob; 0 means no limit. `kubectl aspire deploy` sets `done`.";

/// The comment above the values of init containers.
const INIT_COMMENT: &str = "Init containers: their variables, and the image if it is not that of the workload.";

/// A tree of values with comments.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Tree(pub Vec<Entry>);

/// One key of a tree.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Lines above the key.
    pub comment: String,
    pub key: String,
    /// What it holds.
    pub value: Node,
}

/// What a key holds.
#[derive(Debug, Clone, PartialEq)]
pub enum Node {
    /// A tree with comments of its own.
    Tree(Tree),
    /// Plain data.
    Data(Json),
}

impl Tree {
    /// Adds plain data.
    pub fn data(&mut self, key: &str, comment: &str, value: impl Serialize) {
        // Plain data of this crate always has a JSON form.
        let value = serde_json::to_value(value).unwrap_or(Json::Null);
        self.0.push(Entry { comment: comment.into(), key: key.into(), value: Node::Data(value) });
    }

    /// Adds a tree.
    pub fn tree(&mut self, key: &str, comment: &str, tree: Tree) {
        self.0.push(Entry { comment: comment.into(), key: key.into(), value: Node::Tree(tree) });
    }

    /// Merges values into the tree; null removes a key. New keys come last.
    pub(crate) fn overlay(&mut self, over: &Map<String, Json>) {
        for (key, value) in over {
            match (self.0.iter_mut().find(|entry| entry.key == *key).map(|entry| &mut entry.value), value) {
                (Some(Node::Tree(tree)), Json::Object(over)) => tree.overlay(over),
                (Some(Node::Data(data)), over) => overlay(data, over),
                (_, Json::Null) => self.0.retain(|entry| entry.key != *key),
                (Some(node), over) => *node = Node::Data(over.clone()),
                (None, over) => self.data(key, "", over),
            }
        }
    }

    /// The tree without its comments.
    pub fn to_json(&self) -> Json {
        Json::Object(self.0.iter().map(Entry::to_json).collect())
    }
}

impl Entry {
    /// The key, and what it holds without comments.
    pub fn to_json(&self) -> (String, Json) {
        let value = match &self.value {
            Node::Tree(tree) => tree.to_json(),
            Node::Data(data) => data.clone(),
        };
        (self.key.clone(), value)
    }
}

/// What the values of one workload are made from.
pub(crate) struct WorkloadParts<'a> {
    pub workload: &'a Workload,
    /// Its name in the cluster.
    pub name: &'a Name,
    /// Literal variables.
    pub literals: &'a IndexMap<String, String>,
    /// Values of its init containers, by name.
    pub init_containers: Map<String, Json>,
    pub storage: &'a WorkloadStorage,
    pub probes: Json,
    /// Objects that scale it.
    pub scale: ScaleView,
    /// Requests and limits of its container.
    pub resources: Json,
    /// What its containers may do.
    pub allowed: &'a Allowed,
    /// Port names by binding.
    pub ports: &'a BTreeMap<(String, String), String>,
}

/// The key below `images` that holds the tag of built images.
pub(crate) const TAG: &str = "tag";

/// `images:`. `untagged` are the workloads that need a tag which is not known yet.
pub(crate) fn images(config: &Config, images: &BuiltImages, tag: Option<&String>, untagged: &[String]) -> Tree {
    let mut tree = Tree::default();
    let registry = registry(config, images);
    tree.data(
        "registry",
        "Registry (and path) before the name of every image built from this application.",
        registry.map_or("", String::as_str),
    );
    let missing = if untagged.is_empty() { String::new() } else { format!(" Required by {}.", untagged.join(", ")) };
    let comment = format!("Tag of every built image that has none of its own.{missing}");
    tree.data(TAG, &comment, tag.map_or("", String::as_str));
    tree.data(
        "pullPolicy",
        "When the kubelet pulls a built image.",
        config.defaults.image_pull_policy.unwrap_or(config::PullPolicy::IfNotPresent),
    );
    tree.data("pullSecrets", "Names of existing pull secrets for every pod.", &config.defaults.image_pull_secrets);
    tree
}

/// `parameters:`: defaults of inputs; an input without one is a comment, so that it is missing and not empty.
pub(crate) fn parameters(app: &App) -> Tree {
    let mut tree = Tree::default();
    for (name, input) in app.inputs.iter().filter(|(_, input)| !input.secret) {
        if let Some(default) = &input.default {
            tree.data(name, "", default);
        }
    }
    tree
}

/// `secrets:`: where the value of each secret parameter comes from.
pub(crate) fn secrets(uses: &IndexMap<String, SecretUse>) -> Tree {
    let mut tree = Tree::default();
    for (name, secret) in uses {
        let entry = match &secret.source {
            SecretSource::Deploy | SecretSource::Sops => json!({"from": "deploy", "revision": ""}),
            SecretSource::Chart => json!({"from": "chart"}),
            SecretSource::Sealed => {
                let sealed = secret.sealed.as_ref().map(|sealed| &sealed.sealed);
                let target =
                    sealed.map_or_else(String::new, |sealed| format!("{}-{}", Name::of_secret(name), sealed.id));
                json!({
                    "from": "sealed", "target": target,
                    "value": sealed.map_or("", |sealed| &sealed.value),
                    "uriValue": sealed.and_then(|sealed| sealed.uri.as_deref()).unwrap_or_default(),
                })
            }
            SecretSource::Existing(existing) => existing_key(&existing.name, &existing.key, existing.uri_key.as_ref()),
            SecretSource::Deferred(later) => existing_key(&later.secret, &later.key, later.uri_key.as_ref()),
            SecretSource::ExternalSecrets(external) => {
                let store = external.store.clone().unwrap_or_default();
                json!({
                    "from": "external-secrets", "target": Name::of_secret(name),
                    "store": {"name": store.name, "kind": store.kind.unwrap_or_default()},
                    "remoteKey": external.key, "property": external.property.clone().unwrap_or_default(),
                    "refreshInterval": external.refresh_interval,
                })
            }
        };
        tree.data(name, "", entry);
    }
    tree
}

fn existing_key(name: &str, key: &str, uri_key: Option<&String>) -> Json {
    json!({"from": "existing", "name": name, "key": key, "uriKey": uri_key.cloned().unwrap_or_default()})
}

/// `workloads.<name>:`.
pub(crate) fn workload(parts: &WorkloadParts, config: &Config, images: &BuiltImages) -> Tree {
    let intent = config.intent(&parts.workload.name);
    let intent = intent.as_ref();
    let defaults = &config.defaults;
    let mut tree = Tree::default();
    if let Some(Switch { enabled, host, .. }) = &parts.workload.switch {
        tree.data("enabled", "Whether its objects exist.", enabled);
        tree.data("host", "Host that others use instead of its Service.", host.as_deref().unwrap_or_default());
    }
    tree.data("image", "", image(parts, intent, images));
    let has_pod = parts.workload.sidecar_of.is_none();
    match &intent.run_as {
        _ if !has_pod => {}
        Some(run_as) => {
            let (key, values) = jobs::values(run_as);
            tree.data(key, JOB_COMMENT, values);
        }
        None => tree.data("replicas", "", intent.replicas.unwrap_or(1)),
    }
    for (key, comment, values) in scaling::values(intent, defaults, parts.scale) {
        tree.data(key, comment, values);
    }
    tree.data("env", "Environment variables as text; a name that is composed elsewhere is replaced.", parts.literals);
    if !parts.init_containers.is_empty() {
        tree.data("initContainers", INIT_COMMENT, &parts.init_containers);
    }
    tree.data("ports", "Ports of the Service, and the container ports behind them.", ports(parts));
    tree.data("service", "", service(parts, intent));
    if let Some(certificate) = certificate::of(config, &parts.workload.name) {
        let values = certificate::values(parts.name.as_str(), certificate, config);
        tree.data("certificate", "TLS certificate of its HTTPS endpoint, and the issuer.", values);
    }
    tree.data("resources", "", &parts.resources);
    tree.data("probes", "Probes as in a pod: readiness, liveness, startup.", &parts.probes);
    if !parts.storage.claims.is_empty() || !parts.storage.existing.is_empty() {
        tree.data("volumes", "Claims. They are kept when the release is uninstalled.", volumes(parts.storage));
    }
    if has_pod {
        pod_settings(&mut tree, parts, config, intent);
    }
    let Allowed { pod, container, .. } = parts.allowed;
    if has_pod {
        tree.data("podSecurityContext", "", over(pod.clone(), intent.pod_security_context.as_ref()));
    }
    tree.data("securityContext", "", over(container.clone(), intent.security_context.as_ref()));
    tree
}

/// Settings of the pods, which a sidecar does not have.
fn pod_settings(tree: &mut Tree, parts: &WorkloadParts, config: &Config, intent: &config::Resource) {
    let defaults = &config.defaults;
    let mut labels = merged(&defaults.labels, &intent.labels);
    let of_cloud = intent.identity.as_ref().and_then(Identity::label);
    labels.extend(of_cloud.map(|(key, value)| (key.to_owned(), value.to_owned())));
    tree.data("labels", "", labels);
    tree.data("annotations", "", merged(&defaults.annotations, &intent.annotations));
    tree.data("podAnnotations", "", &intent.pod_annotations);
    let placement = placement::of(intent, config);
    tree.data("nodeSelector", "", placement.node_selector);
    tree.data("tolerations", "", placement.tolerations);
    tree.data("affinity", "", placement.affinity);
    tree.data("topologySpreadConstraints", "", placement::spread(intent, defaults.spread, parts.name.as_str()));
    tree.data("priorityClassName", "", intent.priority_class.as_deref().unwrap_or(""));
    tree.data("serviceAccountName", "", account::with_token(config, &parts.workload.name, parts.name));
    if let Some(account) = account::values(config, &parts.workload.name) {
        tree.data("serviceAccount", "The service account that the chart makes.", account);
    }
    if !intent.image_pull_secrets.is_empty() {
        let comment = "Names of existing pull secrets, in addition to `images.pullSecrets`.";
        tree.data("imagePullSecrets", comment, &intent.image_pull_secrets);
    }
    tree.data("terminationGracePeriodSeconds", "", intent.termination_grace_period_seconds.unwrap_or(GRACE_PERIOD));
    if intent.run_as.is_none() {
        tree.data(
            "drainSeconds",
            "Seconds that a terminating pod behind a Service keeps serving, because nodes still send it requests; 0 for none.",
            intent.drain_seconds.unwrap_or(DRAIN),
        );
    }
}

fn image(parts: &WorkloadParts, intent: &config::Resource, images: &BuiltImages) -> Json {
    let policy = intent.image_pull_policy;
    let reference = match (&parts.workload.image, images.references.get(&parts.workload.name)) {
        (_, Some(reference)) | (Image::Reference(reference), None) => reference,
        (Image::Built, None) => {
            return json!({"built": true, "registry": "", "repository": image::repository_of(&parts.workload.name), "tag": "", "digest": "", "pullPolicy": policy_text(policy)});
        }
    };
    let mut values = reference_values(reference);
    values["pullPolicy"] = policy_text(policy);
    values
}

fn policy_text(policy: Option<config::PullPolicy>) -> Json {
    policy.and_then(|policy| serde_json::to_value(policy).ok()).unwrap_or_else(|| json!(""))
}

fn ports(parts: &WorkloadParts) -> Json {
    let entries = parts.workload.ports.iter().filter_map(|(binding, port)| {
        let name = parts.ports.get(&(parts.workload.name.clone(), binding.clone()))?;
        let other = parts.workload.switch.as_ref().and_then(|switch| switch.ports.get(binding));
        let (client, process) = other.map_or((port.client, port.process), |other| (*other, *other));
        Some((name.clone(), json!({"port": client, "targetPort": process})))
    });
    Json::Object(entries.collect())
}

fn service(parts: &WorkloadParts, intent: &config::Resource) -> Json {
    let service = &intent.service;
    let node_ports = service.node_ports.iter().map(|(binding, port)| {
        let name = parts.ports.get(&(parts.workload.name.clone(), binding.clone())).unwrap_or(binding);
        (name.clone(), json!(port))
    });
    json!({
        "type": service.service_type.unwrap_or_default(),
        "annotations": service.annotations,
        "nodePorts": node_ports.collect::<Map<_, _>>(),
        "loadBalancerClass": service.load_balancer_class.as_deref().unwrap_or(""),
        "externalTrafficPolicy": service.external_traffic_policy.and_then(|policy| serde_json::to_value(policy).ok()).unwrap_or_else(|| json!("")),
    })
}

fn volumes(storage: &WorkloadStorage) -> Json {
    let own = storage.claims.iter().map(|claim| {
        let modes: &[AccessMode] = &claim.storage.access_modes;
        let class = match claim.storage.storage_class.as_deref() {
            Some("") => super::claims::NO_CLASS,
            class => class.unwrap_or(""),
        };
        let mut values = json!({
            "size": claim.storage.size, "storageClass": class,
            "accessModes": modes, "annotations": claim.storage.annotations, "subPath": claim.sub_path,
        });
        if let Some(volume) = &claim.volume_name {
            values["volumeName"] = json!(volume);
        }
        (claim.key.clone(), values)
    });
    let existing = storage.existing.iter();
    let existing =
        existing.map(|(key, (claim, folder))| (key.clone(), json!({"existingClaim": claim, "subPath": folder})));
    Json::Object(own.chain(existing).collect())
}

fn merged(defaults: &IndexMap<String, String>, own: &IndexMap<String, String>) -> IndexMap<String, String> {
    let mut merged = defaults.clone();
    merged.extend(own.clone());
    merged
}

fn over(mut ours: Map<String, Json>, theirs: Option<&Map<String, Json>>) -> Map<String, Json> {
    for (key, value) in theirs.into_iter().flatten() {
        ours.insert(key.clone(), value.clone());
    }
    ours
}

/// Applies a merge patch.
fn overlay(data: &mut Json, over: &Json) {
    let Json::Object(over) = over else {
        *data = over.clone();
        return;
    };
    if !data.is_object() {
        *data = Json::Object(Map::new());
    }
    for (key, value) in over {
        match (data.as_object_mut(), value) {
            (Some(map), Json::Null) => drop(map.shift_remove(key)),
            (Some(map), value) => overlay(map.entry(key.clone()).or_insert(Json::Null), value),
            (None, _) => {}
        }
    }
}

/// What an environment changes: the keys whose values differ from the chart's own. A setting of a workload that the
/// environment does not have is null, which takes it away; inputs and secrets belong to the templates and stay.
pub(crate) fn environment_values(base: &Json, changed: &Json) -> Json {
    let mut values = difference(base, changed, false);
    let workloads = (base.get("workloads"), changed.get("workloads"));
    if let (Some(base), Some(changed)) = workloads
        && base != changed
        && let Json::Object(values) = &mut values
    {
        values.insert("workloads".into(), difference(base, changed, true));
    }
    values
}

fn difference(base: &Json, changed: &Json, removes: bool) -> Json {
    let (Json::Object(base), Json::Object(changed)) = (base, changed) else { return changed.clone() };
    let mut difference = Map::new();
    for (key, value) in changed.iter().filter(|(key, value)| base.get(*key) != Some(value)) {
        difference.insert(key.clone(), self::difference(base.get(key).unwrap_or(&Json::Null), value, removes));
    }
    for key in base.keys().filter(|key| removes && !changed.contains_key(*key)) {
        difference.insert(key.clone(), Json::Null);
    }
    Json::Object(difference)
}

//! `values.schema.json`: refuses a mistyped key before helm touches anything.
//!
//! Secrets get no `pattern` and no `enum`, because helm prints the value that fails. Keys of a pod are checked by the API
//! server, not here.

use super::routes::{GATEWAYS, INGRESSES};
use super::values::{Entry, Node, TAG, Tree};
use crate::config::CHART_KEYS;
use serde::ser::{Serialize, SerializeMap as _, Serializer};
use serde_json::{Map, Value as Json, json};

/// The schema of values. That of each workload is made when it is written: all together are larger than anything else here.
pub(crate) struct Schema<'a> {
    /// Properties before and after the workloads.
    parts: [Map<String, Json>; 2],
    workloads: &'a [Entry],
}

impl<'a> Schema<'a> {
    /// The schema for the given values. `inputs` are the names that `parameters` may hold.
    pub(crate) fn of(values: &'a Tree, inputs: &[String]) -> Self {
        let rest = Json::Object(values.0.iter().filter(|entry| entry.key != WORKLOADS).map(Entry::to_json).collect());
        let workloads = values.0.iter().find_map(|entry| match &entry.value {
            Node::Tree(tree) if entry.key == WORKLOADS => Some(tree.0.as_slice()),
            _ => None,
        });
        let mut before = properties(&rest, &["images", "skipGuards"]);
        if let Some(images) = before.get_mut("images") {
            // `--set` makes a number of `7`.
            set(images, TAG, json!({"type": ["string", "integer"]}));
        }
        let text = json!({"type": "string"});
        before.insert("parameters".into(), closed(inputs.iter().map(|name| (name.clone(), text.clone()))));
        before.insert("secrets".into(), closed(keys(&rest, "secrets").map(|name| (name, secret()))));
        Self { parts: [before, after_workloads(&rest)], workloads: workloads.unwrap_or_default() }
    }
}

/// The key of the values that holds the workloads.
const WORKLOADS: &str = "workloads";

fn after_workloads(values: &Json) -> Map<String, Json> {
    let mut properties = Map::new();
    for key in [INGRESSES, GATEWAYS] {
        if let Some(routes) = values.get(key).and_then(Json::as_object) {
            properties
                .insert(key.into(), closed(routes.iter().map(|(name, route)| (name.clone(), self::route(route)))));
        }
    }
    if let Some(components) = values.get("daprComponents").and_then(Json::as_object) {
        let component = json!({"type": "object", "additionalProperties": false, "properties": {
            "type": {"type": "string"}, "version": {"type": "string"}, "metadata": {"type": "array", "items": {"type": "object"}},
            "ignoreErrors": {"type": "boolean"}, "initTimeout": {"type": "string"}, "auth": {"type": "object"}}});
        let components = closed(components.keys().map(|name| (name.clone(), component.clone())));
        properties.insert("daprComponents".into(), components);
    }
    if let Some(objects) = values.get("daprObjects").and_then(Json::as_object) {
        let objects = closed(objects.keys().map(|name| (name.clone(), json!({"type": "object"}))));
        properties.insert("daprObjects".into(), objects);
    }
    if let Some(waits) = values.get("waits") {
        let mut schema = by_example(waits);
        for key in ["resources", "securityContext"] {
            set(&mut schema, key, json!({"type": "object"}));
        }
        properties.insert("waits".into(), schema);
    }
    if values.get("networkPolicy").is_some() {
        let external = json!({"type": "object", "additionalProperties": false, "properties": {
            "cidr": {"type": "string"}, "ports": {"type": "array", "items": {"type": "integer"}},
            "from": {"type": "array", "items": {"type": "string"}}}});
        let policies = json!({
            "enabled": {"type": "boolean"}, "egress": {"type": "boolean"},
            "controllerNamespaces": {"type": "array", "items": {"type": "string"}},
            "external": {"type": "array", "items": external}});
        let policies = policies.as_object().cloned().unwrap_or_default();
        properties.insert("networkPolicy".into(), closed(policies.into_iter()));
    }
    // Other keys of `values:` are for templates that a user added.
    let added = values.as_object().into_iter().flatten().filter(|(key, _)| !CHART_KEYS.contains(&key.as_str()));
    properties.extend(added.map(|(key, _)| (key.clone(), json!({}))));
    // Helm gives every chart that is a dependency of another these globals.
    properties.insert("global".into(), json!({"type": "object"}));
    properties
}

impl Serialize for Schema<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut root = serializer.serialize_map(None)?;
        root.serialize_entry("$schema", "http://json-schema.org/draft-07/schema#")?;
        serialize_closed(&mut root, &Properties(self))?;
        root.end()
    }
}

/// What `closed` makes, of properties that are made while they are written.
fn serialize_closed<M: serde::ser::SerializeMap>(map: &mut M, properties: &impl Serialize) -> Result<(), M::Error> {
    map.serialize_entry("type", "object")?;
    map.serialize_entry("additionalProperties", &false)?;
    map.serialize_entry("properties", properties)
}

/// All properties of the root.
struct Properties<'a>(&'a Schema<'a>);

impl Serialize for Properties<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let [before, after] = &self.0.parts;
        let mut properties = serializer.serialize_map(None)?;
        before.iter().try_for_each(|(key, schema)| properties.serialize_entry(key, schema))?;
        properties.serialize_entry(WORKLOADS, &Workloads(self.0.workloads))?;
        after.iter().try_for_each(|(key, schema)| properties.serialize_entry(key, schema))?;
        properties.end()
    }
}

/// The object that holds the workloads.
struct Workloads<'a>(&'a [Entry]);

impl Serialize for Workloads<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_map(None)?;
        serialize_closed(&mut object, &EachWorkload(self.0))?;
        object.end()
    }
}

struct EachWorkload<'a>(&'a [Entry]);

impl Serialize for EachWorkload<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|entry| {
            let (name, values) = entry.to_json();
            (name, workload(&values))
        }))
    }
}

fn set(schema: &mut Json, key: &str, value: Json) {
    if let Some(properties) = schema.get_mut("properties").and_then(Json::as_object_mut) {
        properties.insert(key.to_owned(), value);
    }
}

fn keys<'a>(values: &'a Json, key: &str) -> impl Iterator<Item = String> + 'a {
    values.get(key).and_then(Json::as_object).into_iter().flat_map(|object| object.keys().cloned())
}

fn closed(properties: impl Iterator<Item = (String, Json)>) -> Json {
    json!({"type": "object", "additionalProperties": false, "properties": properties.collect::<Map<_, _>>()})
}

/// Properties for the keys that are there now.
fn properties(values: &Json, described: &[&str]) -> Map<String, Json> {
    let properties = values.as_object().into_iter().flatten().filter(|(key, _)| described.contains(&key.as_str()));
    properties.map(|(key, value)| (key.clone(), by_example(value))).collect()
}

fn by_example(value: &Json) -> Json {
    match value {
        Json::Object(_) => {
            let properties = value.as_object().into_iter().flatten();
            closed(properties.map(|(key, value)| (key.clone(), by_example(value))))
        }
        Json::Array(_) => json!({"type": "array"}),
        Json::Bool(_) => json!({"type": "boolean"}),
        Json::Number(_) => integer(),
        _ => json!({"type": "string"}),
    }
}

/// `--set-string` gives a number as text; the templates convert it.
fn integer() -> Json {
    json!({"type": ["integer", "string"], "pattern": "^[0-9]+$"})
}

fn strings() -> Json {
    json!({"type": "object", "additionalProperties": {"type": "string"}})
}

fn secret() -> Json {
    let text = json!({"type": "string"});
    let texts = [
        "revision",
        "name",
        "key",
        "uriKey",
        "target",
        "remoteKey",
        "property",
        "refreshInterval",
        "value",
        "uriValue",
    ];
    let mut schema = closed(texts.map(|key| (key.to_owned(), text.clone())).into_iter());
    set(
        &mut schema,
        "from",
        json!({"type": "string", "enum": ["deploy", "chart", "existing", "external-secrets", "sealed"]}),
    );
    let kind = json!({"type": "string", "enum": ["SecretStore", "ClusterSecretStore"]});
    set(&mut schema, "store", closed([("name".to_owned(), text), ("kind".to_owned(), kind)].into_iter()));
    schema
}

fn route(values: &Json) -> Json {
    let mut schema = by_example(values);
    if values.get("annotations").is_some() {
        set(&mut schema, "annotations", strings());
    }
    set(&mut schema, "hosts", json!({"type": "array", "items": {"type": "string"}}));
    schema
}

fn workload(values: &Json) -> Json {
    let mut schema = by_example(values);
    // A sidecar has no settings of a pod.
    let has = |key: &&str| values.get(*key).is_some();
    for key in ["env", "labels", "annotations", "podAnnotations", "nodeSelector"].into_iter().filter(has) {
        set(&mut schema, key, strings());
    }
    for key in ["resources", "affinity", "podSecurityContext", "securityContext"].into_iter().filter(has) {
        set(&mut schema, key, json!({"type": "object"}));
    }
    let probe = json!({"type": "object"});
    set(
        &mut schema,
        "probes",
        closed(["readiness", "liveness", "startup"].map(|name| (name.to_owned(), probe.clone())).into_iter()),
    );
    let node_ports = keys(values, "ports").map(|name| (name, integer()));
    let node_ports = closed(node_ports);
    if let Some(service) = schema.pointer_mut("/properties/service") {
        set(service, "annotations", strings());
        set(service, "nodePorts", node_ports);
        set(service, "type", json!({"type": "string", "enum": ["ClusterIP", "NodePort", "LoadBalancer"]}));
    }
    if let Some(autoscaling) = schema.pointer_mut("/properties/autoscaling") {
        set(autoscaling, "behavior", json!({"type": "object"}));
    }
    if let Some(budget) = schema.pointer_mut("/properties/podDisruptionBudget") {
        let amount = json!({"type": ["integer", "string"], "pattern": "^([0-9]+%?)?$"});
        set(budget, "minAvailable", amount.clone());
        set(budget, "maxUnavailable", amount);
    }
    if values.get("strategy").is_some() {
        set(&mut schema, "strategy", json!({"type": "object"}));
    }
    if let Some(account) = schema.pointer_mut("/properties/serviceAccount") {
        set(account, "annotations", strings());
    }
    if let Some(job) = schema.pointer_mut("/properties/cronJob") {
        set(job, "concurrencyPolicy", json!({"type": "string", "enum": ["Allow", "Forbid", "Replace"]}));
    }
    let containers = schema.pointer_mut("/properties/initContainers/properties").and_then(Json::as_object_mut);
    containers.into_iter().flat_map(Map::values_mut).for_each(|container| set(container, "env", strings()));
    let volumes = schema.pointer_mut("/properties/volumes/properties").and_then(Json::as_object_mut);
    for volume in volumes.into_iter().flat_map(Map::values_mut) {
        if volume.pointer("/properties/annotations").is_some() {
            set(volume, "annotations", strings());
            // A deploy names the claim that is there; a volume can be named for each environment.
            for key in ["claimName", "volumeName"] {
                set(volume, key, json!({"type": "string"}));
            }
        }
    }
    schema
}

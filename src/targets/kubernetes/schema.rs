//! `values.schema.json`: refuses a mistyped key before helm touches anything.
//!
//! Secrets get no `pattern` and no `enum`, because helm prints the value that fails. Keys of a pod are checked by the API
//! server, not here.

use super::routes::{GATEWAYS, INGRESSES};
use serde_json::{Map, Value as Json, json};

/// The schema for the given values. `inputs` are the names that `parameters` may hold.
pub fn schema<'a>(values: &Json, inputs: impl Iterator<Item = &'a str>) -> Json {
    let mut root = object(values, &["images", "skipGuards"]);
    set(&mut root, "parameters", closed(inputs.map(|name| (name.to_owned(), json!({"type": "string"})))));
    let secrets = keys(values, "secrets").map(|name| (name, secret()));
    set(&mut root, "secrets", closed(secrets));
    let workloads = values.get("workloads").and_then(Json::as_object).into_iter().flatten();
    set(&mut root, "workloads", closed(workloads.map(|(name, workload)| (name.clone(), self::workload(workload)))));
    for key in [INGRESSES, GATEWAYS] {
        if let Some(routes) = values.get(key).and_then(Json::as_object) {
            set(&mut root, key, closed(routes.iter().map(|(name, route)| (name.clone(), self::route(route)))));
        }
    }
    if let Some(components) = values.get("daprComponents").and_then(Json::as_object) {
        let component = json!({"type": "object", "additionalProperties": false, "properties": {
            "type": {"type": "string"}, "version": {"type": "string"}, "metadata": {"type": "array", "items": {"type": "object"}},
            "ignoreErrors": {"type": "boolean"}, "initTimeout": {"type": "string"}, "auth": {"type": "object"}}});
        set(&mut root, "daprComponents", closed(components.keys().map(|name| (name.clone(), component.clone()))));
    }
    if let Some(objects) = values.get("daprObjects").and_then(Json::as_object) {
        set(&mut root, "daprObjects", closed(objects.keys().map(|name| (name.clone(), json!({"type": "object"})))));
    }
    // Helm gives every chart that is a dependency of another these globals.
    set(&mut root, "global", json!({"type": "object"}));
    let mut schema = json!({"$schema": "http://json-schema.org/draft-07/schema#"});
    if let (Some(schema), Json::Object(root)) = (schema.as_object_mut(), root) {
        schema.extend(root);
    }
    schema
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

/// An object that takes the keys that it has now.
fn object(values: &Json, described: &[&str]) -> Json {
    let properties = values.as_object().into_iter().flatten().filter(|(key, _)| described.contains(&key.as_str()));
    closed(properties.map(|(key, value)| (key.clone(), by_example(value))))
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
    for key in ["env", "labels", "annotations", "podAnnotations", "nodeSelector"] {
        set(&mut schema, key, strings());
    }
    for key in ["resources", "affinity", "podSecurityContext", "securityContext"] {
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

//! What the containers of Kubernetes objects would really get, worked out as the kubelet does.
//!
//! Takes objects as helm renders them, or as they live in a cluster. This module must not know of manifests, and must
//! not forgive: a reference to a key that is not there ends the test, because the container would not start.

use crate::workload::{Bytes, Workload, Workloads};
use k8s_openapi::ByteString;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Variables with this prefix only carry secrets into other variables.
const HELPER: &str = "ASPIRE_SECRET_";

pub(crate) fn rendered(objects: &[Value]) -> Workloads {
    let workloads = objects.iter().filter(|object| object["kind"] == "Deployment" || object["kind"] == "StatefulSet");
    workloads
        .map(|object| {
            let name = text(&object["metadata"]["name"]);
            let kind = text(&object["kind"]);
            (name.clone(), observe(objects, &name, kind, &object["spec"]["template"]["spec"]))
        })
        .collect()
}

/// The workloads of live pods.
pub(crate) fn live(objects: &[Value]) -> Workloads {
    let pods = objects.iter().filter(|object| object["kind"] == "Pod");
    pods.map(|pod| {
        let name = text(&pod["metadata"]["labels"]["app.kubernetes.io/component"]);
        let kind = text(&pod["metadata"]["ownerReferences"][0]["kind"]).replace("ReplicaSet", "Deployment");
        (name.clone(), observe(objects, &name, kind, &pod["spec"]))
    })
    .collect()
}

fn observe(objects: &[Value], name: &str, kind: String, pod: &Value) -> Workload {
    let [container] = items(&pod["containers"]) else { panic!("{name} does not have exactly one container") };
    assert_eq!(pod["enableServiceLinks"], false, "{name} gets variables of every Service in the namespace");
    let variables = environment(objects, container);
    let strings = |list| items(list).iter().map(|item| expand(&text(item), &variables)).collect();
    let volumes = Volumes { objects, pod, container };
    Workload {
        kind,
        image: text(&container["image"]),
        command: strings(&container["command"]),
        args: strings(&container["args"]),
        env: variables.into_iter().filter(|(name, _)| !name.starts_with(HELPER)).collect(),
        container_ports: items(&container["ports"])
            .iter()
            .map(|port| (number(port, "containerPort"), protocol(port)))
            .collect(),
        service_ports: service_ports(objects, name, container),
        claims: volumes.claims(),
        scratch: volumes.scratch(),
        files: volumes.files(),
    }
}

/// The variables of a container: those of `envFrom`, then `env` in order.
fn environment(objects: &[Value], container: &Value) -> BTreeMap<String, Bytes> {
    let mut variables = BTreeMap::new();
    for source in items(&container["envFrom"]) {
        let prefix = source["prefix"].as_str().unwrap_or_default();
        variables.extend(all_keys(objects, source).into_iter().map(|(key, value)| (format!("{prefix}{key}"), value)));
    }
    for entry in items(&container["env"]) {
        let value = match &entry["valueFrom"] {
            Value::Null => expand(entry["value"].as_str().unwrap_or_default(), &variables),
            source => one_key(objects, source),
        };
        variables.insert(text(&entry["name"]), value);
    }
    variables
}

fn all_keys(objects: &[Value], source: &Value) -> BTreeMap<String, Bytes> {
    match (&source["configMapRef"], &source["secretRef"]) {
        (config, Value::Null) => plain(&find(objects, "ConfigMap", &text(&config["name"]))["data"]),
        (_, secret) => secret_data(find(objects, "Secret", &text(&secret["name"]))),
    }
}

fn one_key(objects: &[Value], source: &Value) -> Bytes {
    let (mut data, reference) = match (&source["configMapKeyRef"], &source["secretKeyRef"]) {
        (config, Value::Null) => (plain(&find(objects, "ConfigMap", &text(&config["name"]))["data"]), config),
        (_, secret) => (secret_data(find(objects, "Secret", &text(&secret["name"]))), secret),
    };
    let key = text(&reference["key"]);
    data.remove(&key).unwrap_or_else(|| panic!("{reference} names a key that is not there"))
}

/// Replaces `$(NAME)` by what is known, in one pass; `$$` is one `$`.
///
/// After a `$` that begins nothing the kubelet writes the next byte as if it were a character of its own.
pub(crate) fn expand(input: &str, variables: &BTreeMap<String, Bytes>) -> Bytes {
    let input = input.as_bytes();
    let (mut output, mut at) = (Bytes::new(), 0);
    while at < input.len() {
        let rest = &input[at + 1..];
        match (input[at], rest.first()) {
            (b'$', Some(b'$')) => {
                output.push(b'$');
                at += 2;
            }
            (b'$', Some(b'(')) => at += variable(rest, variables, &mut output),
            (b'$', Some(&next)) => {
                output.push(b'$');
                output.extend(char::from(next).to_string().into_bytes());
                at += 2;
            }
            (byte, _) => {
                output.push(byte);
                at += 1;
            }
        }
    }
    output
}

/// Writes the variable that `rest`, what follows the `$`, begins with, and returns how far to go.
fn variable(rest: &[u8], variables: &BTreeMap<String, Bytes>, output: &mut Bytes) -> usize {
    let Some(close) = rest.iter().position(|byte| *byte == b')') else {
        output.extend(b"$(");
        return 2;
    };
    let name = String::from_utf8_lossy(&rest[1..close]);
    match variables.get(name.as_ref()) {
        Some(value) => output.extend(value),
        None => output.extend([b"$", &rest[..=close]].concat()),
    }
    close + 2
}

fn service_ports(objects: &[Value], name: &str, container: &Value) -> BTreeSet<(u64, u64, String)> {
    let Some(service) = objects.iter().find(|o| o["kind"] == "Service" && o["metadata"]["name"] == name) else {
        return BTreeSet::new();
    };
    let ports = items(&service["spec"]["ports"]).iter();
    ports.map(|port| (number(port, "port"), target(port, container), protocol(port))).collect()
}

/// The number behind the target port of a Service, which may be the name of a container port.
fn target(port: &Value, container: &Value) -> u64 {
    match &port["targetPort"] {
        Value::Null => number(port, "port"),
        Value::String(name) => {
            let named = items(&container["ports"]).iter().find(|port| port["name"] == name.as_str());
            number(named.unwrap_or_else(|| panic!("no container port is called {name}")), "containerPort")
        }
        other => other.as_u64().unwrap_or_else(|| panic!("{other} is no port")),
    }
}

/// The mounts of one container.
struct Volumes<'a> {
    objects: &'a [Value],
    pod: &'a Value,
    container: &'a Value,
}

impl<'a> Volumes<'a> {
    fn mounts(&self) -> impl Iterator<Item = (&'a Value, &'a Value)> {
        let mounts = items(&self.container["volumeMounts"]).iter();
        mounts.filter(|mount| !text(&mount["mountPath"]).starts_with("/var/run/secrets/")).map(|mount| {
            let volume = items(&self.pod["volumes"]).iter().find(|volume| volume["name"] == mount["name"]);
            (mount, volume.unwrap_or_else(|| panic!("{mount} is a mount of no volume")))
        })
    }

    fn claims(&self) -> BTreeSet<(String, String, bool)> {
        let claims = self.mounts().filter(|(_, volume)| volume["persistentVolumeClaim"].is_object());
        claims
            .map(|(mount, volume)| {
                let claim = text(&volume["persistentVolumeClaim"]["claimName"]);
                find(self.objects, "PersistentVolumeClaim", &claim);
                (claim, text(&mount["mountPath"]), mount["readOnly"] == true)
            })
            .collect()
    }

    fn scratch(&self) -> BTreeSet<String> {
        let scratch = self.mounts().filter(|(_, volume)| volume["emptyDir"].is_object());
        scratch.map(|(mount, _)| text(&mount["mountPath"])).collect()
    }

    fn files(&self) -> BTreeMap<String, Bytes> {
        let mut files = BTreeMap::new();
        for (mount, volume) in self.mounts().filter(|(_, volume)| volume["configMap"].is_object()) {
            let at = text(&mount["mountPath"]);
            let at = at.trim_end_matches('/');
            let below = mount["subPath"].as_str().unwrap_or_default();
            for (path, content) in self.projected(&volume["configMap"]) {
                if path == below {
                    files.insert(at.to_owned(), content);
                } else if let Some(rest) = path.strip_prefix(below).filter(|_| below.is_empty()) {
                    files.insert(format!("{at}/{rest}"), content);
                } else if let Some(rest) = path.strip_prefix(&format!("{below}/")) {
                    files.insert(format!("{at}/{rest}"), content);
                }
            }
        }
        files
    }

    /// The files of a ConfigMap volume by their path in it.
    fn projected(&self, source: &Value) -> BTreeMap<String, Bytes> {
        let object = find(self.objects, "ConfigMap", &text(&source["name"]));
        let mut data = plain(&object["data"]);
        data.extend(encoded(&object["binaryData"]));
        match items(&source["items"]) {
            [] => data,
            chosen => chosen
                .iter()
                .map(|item| {
                    let key = text(&item["key"]);
                    let content = data.get(&key).unwrap_or_else(|| panic!("no file {key} in {source}"));
                    (text(&item["path"]), content.clone())
                })
                .collect(),
        }
    }
}

fn secret_data(secret: &Value) -> BTreeMap<String, Bytes> {
    let mut data = encoded(&secret["data"]);
    data.extend(plain(&secret["stringData"]));
    data
}

fn plain(data: &Value) -> BTreeMap<String, Bytes> {
    data.as_object().into_iter().flatten().map(|(key, value)| (key.clone(), text(value).into_bytes())).collect()
}

fn encoded(data: &Value) -> BTreeMap<String, Bytes> {
    let decode = |value: &Value| serde_json::from_value::<ByteString>(value.clone()).map(|bytes| bytes.0);
    let entries = data.as_object().into_iter().flatten();
    entries.map(|(key, value)| (key.clone(), decode(value).expect("data should be base64"))).collect()
}

fn find<'a>(objects: &'a [Value], kind: &str, name: &str) -> &'a Value {
    let found = objects.iter().find(|object| object["kind"] == kind && object["metadata"]["name"] == name);
    found.unwrap_or_else(|| panic!("there is no {kind} {name}"))
}

fn items(list: &Value) -> &[Value] {
    list.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}

fn number(value: &Value, key: &str) -> u64 {
    value[key].as_u64().unwrap_or_else(|| panic!("{value} has no number {key}"))
}

fn protocol(port: &Value) -> String {
    port["protocol"].as_str().unwrap_or("TCP").to_owned()
}

#[test]
fn expansion_is_that_of_the_kubelet() {
    let known = BTreeMap::from([("A".to_owned(), b"$(B)".to_vec()), ("B".to_owned(), b"b".to_vec())]);
    let expanded = |text: &str| String::from_utf8_lossy(&expand(text, &known)).into_owned();
    for (text, wanted) in [
        ("$(A)$(B)", "$(B)b"),
        ("$$(B)", "$(B)"),
        ("$$$(B)", "$b"),
        ("$(C) $( $", "$(C) $( $"),
        ("$x$", "$x$"),
        ("$é", "$Ã\u{fffd}"),
        ("", ""),
    ] {
        assert_eq!(expanded(text), wanted, "{text}");
    }
}

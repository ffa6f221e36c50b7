//! Dapr sidecars as pod annotations (<https://docs.dapr.io/reference/arguments-annotations-overview/>); components and
//! other objects of Dapr as values of the chart. Must not read files.

use super::formula::Scalar;
use super::name::Name;
use super::text;
use super::values::Tree;
use super::view::{Annotation, DaprObjectView, DaprView, formula};
use crate::app::{App, Note, Workload};
use crate::support::diagnostic::Code;
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

/// Options of the manifest and the annotations that say the same.
const ANNOTATIONS: [(&str, &str); 29] = [
    ("appChannelAddress", "app-channel-address"),
    ("appHealthCheckPath", "app-health-check-path"),
    ("appHealthProbeInterval", "app-health-probe-interval"),
    ("appHealthProbeTimeout", "app-health-probe-timeout"),
    ("appHealthThreshold", "app-health-threshold"),
    ("appMaxConcurrency", "app-max-concurrency"),
    ("appPort", "app-port"),
    ("appProtocol", "app-protocol"),
    ("config", "config"),
    ("daprGrpcPort", "grpc-port"),
    ("daprHttpMaxRequestSize", "http-max-request-size"),
    ("daprHttpPort", "http-port"),
    ("daprHttpReadBufferSize", "http-read-buffer-size"),
    ("daprInternalGrpcPort", "internal-grpc-port"),
    ("daprListenAddresses", "sidecar-listen-addresses"),
    ("daprMaxBodySize", "max-body-size"),
    ("daprReadBufferSize", "read-buffer-size"),
    ("enableApiLogging", "enable-api-logging"),
    ("enableAppHealthCheck", "enable-app-health-check"),
    ("enableProfiling", "enable-profiling"),
    ("logLevel", "log-level"),
    ("metricsPort", "metrics-port"),
    ("placementHostAddress", "placement-host-address"),
    ("profilePort", "profile-port"),
    ("schedulerHostAddress", "scheduler-host-address"),
    ("unixDomainSocket", "unix-domain-socket-path"),
    ("sidecarCpuLimit", "sidecar-cpu-limit"),
    ("sidecarMemoryLimit", "sidecar-memory-limit"),
    ("enableMetrics", "enable-metrics"),
];

/// The annotations of a workload's pods; options that only matter on a developer's machine get a note.
pub(crate) fn annotations(
    workload: &Workload,
    name: &str,
    ports: &BTreeMap<(String, String), String>,
    notes: &mut Vec<Note>,
) -> Vec<Annotation> {
    let Some(dapr) = &workload.dapr else { return Vec::new() };
    let mut annotations = BTreeMap::from([
        ("dapr.io/enabled".to_owned(), Scalar::Text("true".into())),
        ("dapr.io/app-id".to_owned(), Scalar::Text(dapr.app_id.clone())),
    ]);
    for (option, value) in &dapr.options {
        match ANNOTATIONS.iter().find(|(known, _)| known == option) {
            Some((_, annotation)) => {
                annotations.insert(format!("dapr.io/{annotation}"), Scalar::Text(plain(value)));
            }
            None => notes.push(Note {
                code: Code::ChangedInCluster,
                resource: workload.name.clone(),
                text: format!("the Dapr option `{option}` has no meaning in a cluster and is left out"),
            }),
        }
    }
    // On a developer's machine Dapr learns the port when the application starts; in a cluster it must be told.
    if !annotations.contains_key("dapr.io/app-port")
        && let Some(binding) = application_binding(workload, notes)
        && let Some(port) = ports.get(&(workload.name.clone(), binding.to_owned()))
    {
        let port = formula(format!(
            "{{{{ int (index $.Values.workloads {} \"ports\" {} \"targetPort\") | quote }}}}",
            text::go(name),
            text::go(port)
        ));
        annotations.insert("dapr.io/app-port".into(), port);
    }
    annotations.into_iter().map(|(key, value)| Annotation { key, value }).collect()
}

/// The binding that Dapr talks to: the one that is named `http`, else the only one that speaks http.
fn application_binding<'a>(workload: &'a Workload, notes: &mut Vec<Note>) -> Option<&'a str> {
    if let Some((name, _)) = workload.ports.get_key_value("http") {
        return Some(name);
    }
    let http: Vec<&str> =
        workload.ports.iter().filter(|(_, port)| port.scheme == "http").map(|(name, _)| name.as_str()).collect();
    match http[..] {
        [] => None,
        [only] => Some(only),
        _ => {
            let text = format!(
                "Dapr has no application port: none of its endpoints ({}) is named `http`; set AppPort in the \
                AppHost, or \
                 `podAnnotations: {{dapr.io/app-port: PORT}}` in aspire-k8s.yaml",
                http.join(", ")
            );
            notes.push(Note { code: Code::ChangedInCluster, resource: workload.name.clone(), text });
            None
        }
    }
}

/// The components as the chart sees them, with their values.
pub(crate) fn components(app: &App, notes: &mut Vec<Note>) -> (Vec<DaprView>, Tree) {
    let mut tree = Tree::default();
    let mut views = Vec::new();
    for (written, component) in &app.dapr_components {
        let name = object_name(written, notes);
        let mut values =
            json!({"type": component.component_type, "version": component.version, "metadata": component.metadata});
        let more = [
            ("ignoreErrors", component.ignore_errors.map(Json::from)),
            ("initTimeout", component.init_timeout.clone().map(Json::from)),
            ("auth", component.auth.clone()),
        ];
        let mut has = Vec::new();
        for (key, value) in more {
            if let Some(value) = value {
                values[key] = value;
                has.push(key);
            }
        }
        tree.data(&name, "", values);
        views.push(DaprView { name, scopes: component.scopes.clone(), has });
    }
    (views, tree)
}

/// The other objects of Dapr in the same way.
pub(crate) fn objects(app: &App, notes: &mut Vec<Note>) -> (Vec<DaprObjectView>, Tree) {
    let mut tree = Tree::default();
    let mut views = Vec::new();
    for object in &app.dapr_objects {
        let name = object_name(&object.name, notes);
        let key = format!("{}-{name}", object.kind.to_lowercase());
        tree.data(&key, "", &object.body);
        views.push(DaprObjectView { key, name, kind: object.kind.clone(), api_version: object.api_version.clone() });
    }
    (views, tree)
}

/// The name of an object of Dapr. An application calls components by their names, so one that has to change is told.
fn object_name(written: &str, notes: &mut Vec<Note>) -> String {
    let is_label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    };
    if written.len() <= 63 && written.split('.').all(is_label) {
        return written.to_owned();
    }
    let name = Name::of_label(written).to_string();
    notes.push(Note {
        code: Code::ChangedInCluster,
        resource: written.to_owned(),
        text: format!(
            "its Dapr name in the cluster is `{name}`, because `{written}` is not a valid Kubernetes name: use a \
            name of lower-case letters, digits and `-` in the AppHost and in the code that uses it"
        ),
    });
    name
}

fn plain(value: &Json) -> String {
    match value {
        Json::String(text) => text.clone(),
        Json::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}

//! Dapr sidecars as pod annotations (<https://docs.dapr.io/reference/arguments-annotations-overview/>).

use super::formula::Scalar;
use super::text;
use super::view::{Annotation, formula};
use crate::app::{Note, Workload};
use serde_json::Value as Json;
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
pub fn annotations(
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
                resource: workload.name.clone(),
                text: format!("the Dapr option `{option}` has no meaning in a cluster and is left out"),
            }),
        }
    }
    // On a developer's machine Dapr learns the port when the application starts; in a cluster it must be told.
    let http = workload.ports.iter().find(|(_, port)| port.scheme == "http");
    if let Some((binding, _)) = http
        && !annotations.contains_key("dapr.io/app-port")
        && let Some(port) = ports.get(&(workload.name.clone(), binding.clone()))
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

fn plain(value: &Json) -> String {
    match value {
        Json::String(text) => text.clone(),
        Json::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}

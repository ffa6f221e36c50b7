//! Resources that run in the pod of another: whose pod it is, addresses within a pod, and who cannot share one.
//!
//! Must not know how a pod runs several containers: a target decides that.

use super::value::{Part, Side, Value};
use super::{Port, Workload, unknown};
use crate::config::{Config, Service, intent_place};
use crate::manifest::Manifest;
use crate::support::diagnostic::{Code, Diagnostic, Diagnostics, Place};
use indexmap::IndexMap;
use std::collections::BTreeMap;

/// Where the containers of one pod reach each other.
const LOCAL: &str = "localhost";

/// Gives each sidecar its host, and leads what the containers of a pod say of each other to the pod itself.
pub(super) fn add(
    manifest: &Manifest,
    config: &Config,
    workloads: &mut IndexMap<String, Workload>,
    diagnostics: &mut Diagnostics,
) {
    let mut hosts: BTreeMap<String, String> = BTreeMap::new();
    for (name, intent) in config.resources.iter().filter(|(_, intent)| !intent.exclude) {
        let Some(host) = &intent.sidecar_of else { continue };
        let place = intent_place(format!("resources.{name}.sidecarOf"));
        match check(name, host, manifest, config, workloads, &place, diagnostics) {
            Ok(()) => drop(hosts.insert(name.clone(), host.clone())),
            Err(diagnostic) => diagnostics.push(diagnostic),
        }
    }
    for (name, host) in &hosts {
        if let Some(workload) = workloads.get_mut(name) {
            workload.sidecar_of = Some(host.clone());
        }
    }
    check_ports(workloads, diagnostics);
    for workload in workloads.values_mut() {
        let (name, own) = (workload.name.clone(), workload.pod().to_owned());
        let in_pod = |other: &str| {
            let pod = hosts.get(other).map_or(other, String::as_str);
            // The address that a host has for others is the one that it knows of itself.
            pod == own && (other != name || hosts.contains_key(other))
        };
        workload.each_value(&mut |value| *value = within(value, &in_pod));
    }
}

/// Why a resource cannot run in the pod of `host`.
fn check(
    name: &str,
    host: &str,
    manifest: &Manifest,
    config: &Config,
    workloads: &IndexMap<String, Workload>,
    place: &Place,
    diagnostics: &Diagnostics,
) -> Result<(), Diagnostic> {
    let refused = |what: String| Diagnostic::new(Code::InvalidSidecar, place, what);
    if !manifest.resources.contains_key(host) {
        return Err(unknown::resource(manifest, host, place, diagnostics));
    }
    if name == host {
        return Err(refused(format!("`{name}` cannot be a sidecar of itself")).hint("name another resource"));
    }
    for (resource, hint) in [(name, "remove `sidecarOf`"), (host, "name a resource that runs")] {
        if manifest.resources.contains_key(resource) && !workloads.contains_key(resource) {
            return Err(refused(format!("`{resource}` does not run in this application")).hint(hint));
        }
    }
    if let Some(further) = config.resources.get(host).and_then(|intent| intent.sidecar_of.as_ref()) {
        let what = format!("`{host}` is itself a sidecar of `{further}`");
        return Err(refused(what).hint("name the resource in whose pod all of them run"));
    }
    Ok(())
}

/// The containers of a pod share its ports.
fn check_ports(workloads: &IndexMap<String, Workload>, diagnostics: &mut Diagnostics) {
    let mut taken: BTreeMap<(&str, u16, bool), &str> = BTreeMap::new();
    let hosts = workloads.values().filter(|workload| workload.sidecar_of.is_none());
    let sidecars = workloads.values().filter(|workload| workload.sidecar_of.is_some());
    for workload in hosts.chain(sidecars) {
        for Port { process, udp, .. } in workload.ports.values() {
            let other = taken.entry((workload.pod(), *process, *udp)).or_insert(&workload.name);
            if **other == *workload.name {
                continue;
            }
            let place = intent_place(format!("resources.{}.sidecarOf", workload.name));
            let protocol = if *udp { "UDP" } else { "TCP" };
            let what = format!(
                "`{other}` and `{}` both listen on the {protocol} port {process}, but would be in one pod",
                workload.name
            );
            let hint = "set another `targetPort` for one of them in the AppHost, and let the program listen there";
            let diagnostic = Diagnostic::new(Code::PortCollision, place, what).hint(hint);
            if !diagnostics.0.contains(&diagnostic) {
                diagnostics.push(diagnostic);
            }
        }
    }
}

/// A value in which hosts of the same pod are the pod itself, and their ports those on which the processes listen.
fn within(value: &Value, in_pod: &impl Fn(&str) -> bool) -> Value {
    let mut local = Value::default();
    for part in value.parts() {
        local.push(match part {
            Part::Host { workload, .. } if in_pod(workload) => Part::Text(LOCAL.to_owned()),
            Part::Port { workload, binding, side: Side::Client } if in_pod(workload) => {
                Part::Port { workload: workload.clone(), binding: binding.clone(), side: Side::Process }
            }
            other => other.clone(),
        });
    }
    local
}

/// Whether anything outside of its pod connects to a workload: by its values, waits, routes or further objects, or because
/// the AppHost or the file say that its Service is for others.
pub(crate) fn is_used_from_outside(app: &super::App, config: &Config, workload: &Workload) -> bool {
    let names = |value: &Value| {
        value.parts().iter().any(|part| match part {
            Part::Host { workload: name, .. } | Part::Port { workload: name, .. } => *name == workload.name,
            Part::Text(_) | Part::Input { .. } => false,
        })
    };
    let others = app.workloads.values().filter(|other| other.pod() != workload.pod());
    let by_others = others
        .into_iter()
        .any(|other| other.waits.iter().any(|wait| wait.on == workload.name) || other.values().any(names));
    let intent = config.resources.get(&workload.name);
    by_others
        || app.texts.values().any(names)
        || config.routes_to(&workload.name)
        || intent.is_some_and(|intent| intent.service != Service::default())
        || workload.ports.values().any(|port| port.external)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_within_a_pod_are_the_pod_itself() {
        let host = |name: &str| Part::Host { workload: name.into(), switched: false };
        let port = |name: &str, side| Part::Port { workload: name.into(), binding: "tcp".into(), side };
        let mut value = Value::text("tcp://");
        for part in [
            host("cache"),
            Part::Text(":".into()),
            port("cache", Side::Client),
            Part::Text(",".into()),
            host("db"),
            port("db", Side::Client),
        ] {
            value.push(part);
        }
        let local = within(&value, &|name: &str| name == "cache");
        let expected = [
            Part::Text("tcp://localhost:".into()),
            port("cache", Side::Process),
            Part::Text(",".into()),
            host("db"),
            port("db", Side::Client),
        ];
        assert_eq!(local.parts(), expected);
    }
}

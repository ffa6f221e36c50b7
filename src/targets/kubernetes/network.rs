//! Which connections the NetworkPolicies allow: those of the application's own references, waits, routes and Service types.
//!
//! Must not decide which addresses outside of the application may connect: those are values. Pure.

use super::formula::Names;
use super::planned::PlannedWorkload;
use super::routes::Routes;
use super::values::Tree;
use super::view::{NetworkView, PeerView, PortView};
use crate::app::{App, Part, Port, Value, WaitUntil, Workload, unknown_workload};
use crate::config::{Config, intent_place};
use crate::support::diagnostic::{Code, Diagnostic, Diagnostics};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

/// Ports that a workload connects to, by resource; all ports of it when empty.
type Targets = BTreeMap<String, BTreeSet<PortView>>;

/// The connections of all workloads, by resource name; empty if the chart has no NetworkPolicies.
pub(crate) fn views(
    app: &App,
    config: &Config,
    names: &Names,
    routes: &Routes,
    diagnostics: &mut Diagnostics,
) -> BTreeMap<String, NetworkView> {
    if !config.has_network_policies() {
        return BTreeMap::new();
    }
    check(app, config, diagnostics);
    let all: BTreeMap<&str, Targets> =
        app.workloads.values().map(|workload| (workload.name.as_str(), targets(app, workload, names))).collect();
    let connections = |workload: &Workload| {
        let name = |resource: &str| names.workloads.get(resource).map(ToString::to_string);
        let pods = |resource: &str| name(app.workloads.get(resource).map_or(resource, Workload::pod));
        let peer = |resource: &str, ports: &BTreeSet<PortView>| {
            let ports = ports.iter().cloned().collect();
            Some(PeerView { workload: name(resource)?, pods: pods(resource)?, ports })
        };
        let from = all.iter().filter_map(|(other, targets)| peer(other, targets.get(&workload.name)?)).collect();
        let to = all.get(workload.name.as_str()).into_iter().flatten();
        let to = to.filter_map(|(other, ports)| peer(other, ports)).collect();
        let service = name(&workload.name).unwrap_or_default();
        let public: Vec<PortView> = all_ports(workload, names).into_iter().collect();
        let is_routed = |port: &&PortView| routes.reached.contains(&(service.clone(), port.name.clone()));
        let reached = public.iter().filter(is_routed).cloned().collect();
        NetworkView { from, to, routed: reached, public, peers: false }
    };
    app.workloads.values().map(|workload| (workload.name.clone(), connections(workload))).collect()
}

/// Gives the workloads their connections. Pods of a StatefulSet may form a cluster.
pub(crate) fn add(workloads: &mut [PlannedWorkload], mut connections: BTreeMap<String, NetworkView>) {
    for PlannedWorkload { resource, view, .. } in workloads {
        let peers = view.kind == "StatefulSet";
        view.network = connections.remove(resource).map(|network| NetworkView { peers, ..network });
    }
}

/// `networkPolicy:`, when the chart has NetworkPolicies.
pub(crate) fn values(config: &Config, names: &Names) -> Option<Tree> {
    if !config.has_network_policies() {
        return None;
    }
    let policies = config.network_policies();
    let workloads = |resources: &[String]| {
        let found = resources.iter().filter_map(|resource| names.workloads.get(resource));
        found.map(ToString::to_string).collect::<Vec<_>>()
    };
    let external = policies.settings.external.iter();
    let external: Vec<_> =
        external.map(|it| json!({"cidr": it.cidr, "ports": it.ports, "from": workloads(&it.from)})).collect();
    let mut tree = Tree::default();
    tree.data("enabled", "", policies.enabled);
    tree.data("egress", "Whether connections from the pods are limited too.", policies.settings.egress);
    let namespaces = &policies.settings.controller_namespaces;
    tree.data(
        "controllerNamespaces",
        "Namespaces of the controllers behind routes; every address when empty.",
        namespaces,
    );
    tree.data("external", "Addresses outside of the application that pods may connect to.", external);
    Some(tree)
}

/// The ports that a workload connects to: those in its values, and those that it waits for.
fn targets(app: &App, workload: &Workload, names: &Names) -> Targets {
    let mut targets = Targets::new();
    let mut whole = BTreeSet::new();
    for value in workload.values() {
        refer(value, app, names, &mut targets, &mut whole);
    }
    // Who waits for a job connects to the API server.
    for wait in workload.waits.iter().filter(|wait| wait.until != WaitUntil::Completed) {
        let Some(on) = app.workloads.get(&wait.on) else { continue };
        let ports = all_ports(on, names).into_iter().filter(|port| port.protocol == "TCP");
        targets.entry(wait.on.clone()).or_default().extend(ports);
    }
    // A host without a port can mean any of them.
    for resource in whole {
        targets.insert(resource, BTreeSet::new());
    }
    // No policy stands between the containers of a pod.
    targets.retain(|resource, _| app.workloads.get(resource).is_none_or(|other| !shares_pod(workload, other)));
    targets
}

/// Whether two are in one pod. A host connects to itself as others do, through its Service.
fn shares_pod(workload: &Workload, other: &Workload) -> bool {
    workload.pod() == other.pod() && (workload.name != other.name || workload.sidecar_of.is_some())
}

fn refer(value: &Value, app: &App, names: &Names, targets: &mut Targets, whole: &mut BTreeSet<String>) {
    let ports: BTreeSet<&str> = value
        .parts()
        .iter()
        .filter_map(|part| if let Part::Port { workload, .. } = part { Some(workload.as_str()) } else { None })
        .collect();
    for part in value.parts() {
        match part {
            // A Service that leads out of the cluster has no pods.
            Part::Host { workload, .. } if app.external_names.contains_key(workload) => {}
            Part::Host { workload, .. } if !ports.contains(workload.as_str()) => {
                whole.insert(workload.clone());
            }
            Part::Port { workload, binding, .. } => {
                let found = app.workloads.get(workload).and_then(|it| Some((it, it.ports.get(binding)?)));
                let port = found.and_then(|(it, port)| view(it, binding, port, names));
                targets.entry(workload.clone()).or_default().extend(port);
            }
            Part::Host { .. } | Part::Text(_) | Part::Input { .. } => {}
        }
    }
}

fn all_ports(workload: &Workload, names: &Names) -> BTreeSet<PortView> {
    workload.ports.iter().filter_map(|(binding, port)| view(workload, binding, port, names)).collect()
}

fn view(workload: &Workload, binding: &str, port: &Port, names: &Names) -> Option<PortView> {
    let name = names.ports.get(&(workload.name.clone(), binding.to_owned()))?.clone();
    Some(PortView { name, protocol: if port.udp { "UDP" } else { "TCP" } })
}

/// Reports resources that do not exist, and what policies cannot express.
fn check(app: &App, config: &Config, diagnostics: &mut Diagnostics) {
    let settings = config.network_policies().settings;
    for (index, external) in settings.external.iter().enumerate() {
        for (position, resource) in external.from.iter().enumerate() {
            if app.workloads.contains_key(resource) {
                continue;
            }
            let place = intent_place(format!("networkPolicy.external[{index}].from[{position}]"));
            let running = app.workloads.keys().map(String::as_str);
            let unknown = unknown_workload(resource, place, running, diagnostics);
            diagnostics.push(unknown);
        }
    }
    let reads = |workload: &&Workload| workload.waits.iter().any(|wait| wait.until == WaitUntil::Completed);
    let cut_off = app.workloads.values().find(reads).filter(|_| settings.egress && settings.external.is_empty());
    if let Some(Workload { name, .. }) = cut_off {
        let what = format!("`{name}` waits for a Job, which it reads from the API server, and `egress` blocks that");
        let hint = "list the address of the API server under `external`, or set `egress: false`";
        diagnostics.push(Diagnostic::new(Code::CannotWait, intent_place("networkPolicy.egress"), what).hint(hint));
    }
    if let Some(workload) = app.workloads.values().find(|workload| workload.dapr.is_some()) {
        let what = format!("`{}` has a Dapr sidecar, whose connections the references do not show", workload.name);
        let hint = "remove `networkPolicy`, and write NetworkPolicies with `extraObjects`";
        diagnostics.push(Diagnostic::new(Code::InvalidValue, intent_place("networkPolicy"), what).hint(hint));
    }
}

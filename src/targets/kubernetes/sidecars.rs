//! Pods with several containers: what a host takes over from its sidecars, and what no sidecar can have.
//!
//! Must not decide who is whose sidecar: the application says that.

use super::claims::WorkloadStorage;
use super::name::Name;
use super::planned::PlannedWorkload;
use super::view::{VolumeView, WaitView, WorkloadView};
use crate::app::{App, WaitUntil, Workload};
use crate::config::{Config, EachProbe, intent_place};
use crate::support::diagnostic::{Code, Diagnostic, Diagnostics};
use serde_json::{Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};

/// The kind of a sidecar in a plan. No object has it.
pub(crate) const KIND: &str = "Sidecar";

/// Seconds between two tries of the default startup probe, and its failures: five minutes.
const STARTUP: (u32, u32) = (2, 150);

/// The sidecars of a workload, in their order.
fn of<'a>(app: &'a App, host: &'a str) -> impl Iterator<Item = &'a Workload> {
    app.workloads.values().filter(move |workload| workload.sidecar_of.as_deref() == Some(host))
}

/// Whether the pod of a workload waits for jobs.
pub(crate) fn reads_jobs(app: &App, workload: &Workload) -> bool {
    let waits = |workload: &Workload| workload.waits.iter().any(|wait| wait.until == WaitUntil::Completed);
    workload.sidecar_of.is_none() && (waits(workload) || of(app, &workload.name).any(waits))
}

/// Tells the storage of each host what its sidecars mount: it decides the kind of the workload and the number of pods.
pub(crate) fn share_storage(
    app: &App,
    config: &Config,
    storage: &mut BTreeMap<String, WorkloadStorage>,
    diagnostics: &mut Diagnostics,
) {
    for workload in app.workloads.values() {
        let Some(host) = &workload.sidecar_of else { continue };
        let Some(own) = storage.get(&workload.name) else { continue };
        let (has_claim, shareable, single_pod) = (own.has_claim, own.shareable, own.single_pod.clone());
        let is_job = config.resources.get(host).is_some_and(|intent| intent.run_as.is_some());
        if let Some(claim) = own.claims.first().filter(|_| is_job) {
            let what = format!(
                "`{}` has a PVC of its own for the volume `{}`, and `{host}`, in whose pod it runs, runs as a job",
                workload.name, claim.key
            );
            let hint = format!("set `ephemeral: true` or `existingClaim` in `resources.{}.volumes`", workload.name);
            diagnostics.push(refused(workload, "sidecarOf", what).hint(hint));
        }
        if let Some(of_host) = storage.get_mut(host) {
            of_host.has_claim |= has_claim;
            of_host.shareable &= shareable;
            of_host.single_pod_beside.extend(single_pod);
        }
    }
}

/// The startup probe of a sidecar: its host starts when it succeeds, so by default it asks what the default readiness asks.
/// `said` is what the file says, `probes` are those of the container.
pub(crate) fn start_first(said: Option<&EachProbe>, probes: &mut Json) {
    let says = said.is_some_and(|said| said.startup.is_some() || said.readiness.is_some());
    let asks = &probes["readiness"]["tcpSocket"];
    let has_one = probes["startup"].as_object().is_some_and(|startup| !startup.is_empty());
    if !says && !has_one && asks.is_object() {
        let (period, failures) = STARTUP;
        probes["startup"] = json!({"tcpSocket": asks, "periodSeconds": period, "failureThreshold": failures});
    }
}

/// Reports a startup probe that asks the host, which starts after it, and a Dapr sidecar, which belongs to a pod.
pub(crate) fn check(app: &App, workload: &Workload, probes: &Json, diagnostics: &mut Diagnostics) {
    let Some(host) = workload.sidecar_of.as_ref().and_then(|host| app.workloads.get(host)) else { return };
    if workload.dapr.is_some() {
        let what = format!("`{}` has a Dapr sidecar, which needs a pod of its own", workload.name);
        diagnostics
            .push(refused(workload, "sidecarOf", what).hint("remove `sidecarOf`, or the Dapr sidecar in the AppHost"));
    }
    let own: BTreeSet<u16> = workload.ports.values().map(|port| port.process).collect();
    let asked = host
        .ports
        .values()
        .map(|port| port.process)
        .find(|port| !own.contains(port) && asks(&probes["startup"], *port));
    if let Some(port) = asked {
        let what = format!("its startup probe asks port {port} of `{}`, which starts after it", host.name);
        let hint = "let the probe ask the sidecar itself, or set `startup: none`";
        diagnostics.push(refused(workload, "probes.startup", what).hint(hint));
    }
}

/// Whether a probe asks this port of the pod.
fn asks(probe: &Json, port: u16) -> bool {
    let numbers = ["httpGet", "tcpSocket", "grpc"].map(|ask| &probe[ask]["port"]);
    let local = ["localhost", "127.0.0.1"].map(|host| format!("{host}:{port}"));
    let mut words = probe["exec"]["command"].as_array().into_iter().flatten().filter_map(Json::as_str);
    let is_told = |word: &str| {
        local.iter().any(|address| {
            word.split(address.as_str()).skip(1).any(|rest| !rest.starts_with(|c: char| c.is_ascii_digit()))
        })
    };
    numbers.iter().any(|number| **number == port) || words.any(is_told)
}

fn refused(workload: &Workload, key: &str, what: String) -> Diagnostic {
    Diagnostic::new(Code::InvalidSidecar, intent_place(format!("resources.{}.{key}", workload.name)), what)
}

/// Gives each host the views of its sidecars, with names that are unique in the pod.
pub(crate) fn join(workloads: &mut [PlannedWorkload], diagnostics: &mut Diagnostics) {
    let mut views: BTreeMap<String, Vec<WorkloadView>> = BTreeMap::new();
    for planned in workloads.iter().filter(|planned| planned.view.kind == KIND) {
        views.entry(planned.view.pods.clone()).or_default().push(planned.view.clone());
    }
    for planned in workloads.iter_mut().filter(|planned| planned.view.kind != KIND) {
        let Some(sidecars) = views.remove(&planned.view.name) else { continue };
        join_pod(&mut planned.view, sidecars, diagnostics);
    }
}

fn join_pod(host: &mut WorkloadView, mut sidecars: Vec<WorkloadView>, diagnostics: &mut Diagnostics) {
    let mut volumes = PodVolumes::of(host);
    let mut containers = BTreeSet::from([host.name.clone()]);
    containers.extend(sidecars.iter().map(|sidecar| sidecar.name.clone()));
    let mut waits: Vec<WaitView> = Vec::new();
    for view in sidecars.iter_mut().chain([&mut *host]) {
        // Who starts later need not wait again.
        view.waits.retain(|wait| !waits.iter().any(|earlier| is_same(earlier, wait)));
        for wait in &mut view.waits {
            free(&mut wait.container, &mut containers);
        }
        waits.extend(view.waits.iter().cloned());
    }
    for view in sidecars.iter().chain([&*host]) {
        for container in &view.init_containers {
            if !containers.insert(container.name.clone()) {
                let what = format!("two containers of the pod of `{}` have the name `{}`", host.name, container.name);
                let place = intent_place(format!("resources.{}.initContainers", view.name));
                diagnostics.push(Diagnostic::new(Code::NameCollision, place, what).hint("set another name"));
            }
        }
    }
    for sidecar in &mut sidecars {
        volumes.join(sidecar);
    }
    let mut secrets: BTreeSet<String> = host.secrets.drain(..).collect();
    secrets.extend(sidecars.iter().flat_map(|sidecar| sidecar.secrets.iter().cloned()));
    host.secrets = secrets.into_iter().collect();
    let has_volumes = |sidecar: &WorkloadView| {
        !sidecar.files.is_empty()
            || !sidecar.writable.is_empty()
            || sidecar.volumes.iter().any(|volume| !volume.again && !volume.templated)
    };
    host.sidecar_volumes = sidecars.iter().any(has_volumes);
    host.sidecars = sidecars;
}

/// Whether two init containers wait for the same.
fn is_same(a: &WaitView, b: &WaitView) -> bool {
    (&a.workload, &a.host, a.job) == (&b.workload, &b.host, b.job)
}

/// The volumes that a pod has so far.
struct PodVolumes {
    names: BTreeSet<String>,
    /// Names by the workload whose values hold the volume, and its key there.
    known: BTreeMap<(String, String), String>,
}

impl PodVolumes {
    fn of(host: &WorkloadView) -> Self {
        let mut names: BTreeSet<String> = host.volumes.iter().map(|volume| volume.volume.clone()).collect();
        names.extend(host.files.iter().map(|mount| mount.volume.clone()));
        names.extend(host.writable.iter().map(|folder| folder.volume.clone()));
        names.extend(host.claim_templates.iter().map(|claim| claim.volume.clone()));
        names.extend(host.certificate.map(|_| "tls".to_owned()));
        names.extend(host.reads_jobs.then(|| "wait-token".to_owned()));
        let known = host.volumes.iter().map(|volume| (identity(volume), volume.volume.clone()));
        Self { names, known: known.collect() }
    }

    /// Names the volumes of a sidecar apart from all others, and those that the pod has like there.
    fn join(&mut self, sidecar: &mut WorkloadView) {
        for volume in &mut sidecar.volumes {
            if let Some(name) = self.known.get(&identity(volume)) {
                volume.volume.clone_from(name);
                volume.again = true;
            } else {
                free(&mut volume.volume, &mut self.names);
                self.known.insert(identity(volume), volume.volume.clone());
            }
        }
        for mount in sidecar.init_containers.iter_mut().flat_map(|container| &mut container.mounts) {
            if let Some(name) = self.known.get(&identity(mount)) {
                mount.volume.clone_from(name);
            }
        }
        for mount in &mut sidecar.files {
            free(&mut mount.volume, &mut self.names);
        }
        for folder in &mut sidecar.writable {
            free(&mut folder.volume, &mut self.names);
        }
    }
}

fn identity(volume: &VolumeView) -> (String, String) {
    (volume.owner.clone(), volume.key.clone())
}

/// Counts a name until no other has it.
fn free(name: &mut String, taken: &mut BTreeSet<String>) {
    let first = name.clone();
    let mut number = 2;
    while !taken.insert(name.clone()) {
        *name = Name::of_label(&format!("{first}-{number}")).to_string();
        number += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_probe_is_known_by_the_port_that_it_asks() {
        for (probe, expected) in [
            (json!({"httpGet": {"path": "/", "port": 8080}}), true),
            (json!({"httpGet": {"path": "/", "port": "http"}}), false),
            (json!({"grpc": {"port": 8080}}), true),
            (json!({"tcpSocket": {"port": 80}}), false),
            (json!({"exec": {"command": ["curl", "http://localhost:8080/alive"]}}), true),
            (json!({"exec": {"command": ["curl", "http://localhost:80801"]}}), false),
            (json!({}), false),
        ] {
            assert_eq!(asks(&probe, 8080), expected, "{probe}");
        }
    }

    #[test]
    fn a_sidecar_starts_its_host_when_it_listens() {
        let default = json!({"readiness": {"tcpSocket": {"port": "tcp"}, "periodSeconds": 5}, "startup": {}});
        let mut probes = default.clone();
        start_first(None, &mut probes);
        assert_eq!(probes["startup"]["tcpSocket"]["port"], "tcp");
        for (said, mut probes) in [
            (EachProbe::default(), json!({"readiness": {"exec": {"command": ["a"]}}, "startup": {}})),
            (
                EachProbe { startup: Some(crate::config::ProbeSetting::Text("none".into())), ..EachProbe::default() },
                default,
            ),
        ] {
            let before = probes.clone();
            start_first(Some(&said), &mut probes);
            assert_eq!(probes, before);
        }
    }

    #[test]
    fn names_are_unique_in_the_pod() {
        let mut taken = BTreeSet::from(["data".to_owned()]);
        let names = ["data", "logs", "data"].map(|name| {
            let mut name = name.to_owned();
            free(&mut name, &mut taken);
            name
        });
        assert_eq!(names, ["data-2", "logs", "data-3"]);
    }
}

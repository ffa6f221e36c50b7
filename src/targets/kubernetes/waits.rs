//! Init containers that wait for other workloads: a connection to their Service, which is refused while no pod is ready, and
//! for jobs, which they read from the API server.
//!
//! Only those that wait for jobs need a permission. Must not decide who waits for whom: the application says that.

use super::formula::Names;
use super::name::Name;
use super::values::Tree;
use super::view::WaitView;
use crate::app::{App, WaitUntil, Workload};
use crate::config::Config;
use serde_json::json;
use std::collections::BTreeSet;

/// The user and group that run them: `nobody`.
const USER: u32 = 65534;

/// The init containers of a workload, in the order in which it waits.
pub(crate) fn views(app: &App, workload: &Workload, name: &Name, names: &Names) -> Vec<WaitView> {
    let mut taken = BTreeSet::from([name.to_string()]);
    let waits = workload.waits.iter().filter_map(|wait| {
        let (target, on) = (names.workloads.get(&wait.on)?, app.workloads.get(&wait.on)?);
        let mut container = Name::of_label(&format!("wait-for-{target}"));
        if !taken.insert(container.to_string()) {
            container = Name::of_label(&format!("{container}-first"));
        }
        let (host, side) = match wait.until {
            WaitUntil::Ready => (target.to_string(), "port"),
            // The headless Service leads to pods that are not ready, too.
            WaitUntil::Started => (target.with("-headless"), "targetPort"),
            WaitUntil::Completed => (String::new(), ""),
        };
        let job = wait.until == WaitUntil::Completed;
        let ports = on.ports.iter().filter(|(_, port)| !port.udp);
        let ports = ports.filter_map(|(binding, _)| names.ports.get(&(wait.on.clone(), binding.clone())).cloned());
        Some(WaitView {
            container: container.to_string(),
            workload: target.to_string(),
            pods: on.sidecar_of.as_ref().and_then(|host| names.workloads.get(host)).map(ToString::to_string),
            host,
            side,
            job,
            ports: ports.collect(),
            switched: on.switch.is_some(),
        })
    });
    waits.collect()
}

/// Whether another workload waits until this one has started.
pub(crate) fn is_awaited_before_ready(app: &App, workload: &str) -> bool {
    let all = app.workloads.values().flat_map(|other| &other.waits);
    all.into_iter().any(|wait| wait.on == workload && wait.until == WaitUntil::Started)
}

fn reads_jobs(app: &App) -> bool {
    app.workloads.values().flat_map(|workload| &workload.waits).any(|wait| wait.until == WaitUntil::Completed)
}

/// `waits:`, when any workload waits.
pub(crate) fn values(app: &App, config: &Config) -> Option<Tree> {
    if app.workloads.values().all(|workload| workload.waits.is_empty()) {
        return None;
    }
    let mut tree = Tree::default();
    tree.data("enabled", "", config.pods_wait());
    tree.data("image", "An image with `sh` and the `nc` of busybox.", config.wait_image());
    if reads_jobs(app) {
        tree.data("jobImage", "An image with `sh`, `curl`, `grep` and `tr`.", config.wait_job_image());
    }
    tree.data("resources", "", json!({"requests": {"cpu": "10m", "memory": "16Mi"}, "limits": {"memory": "32Mi"}}));
    let security = json!({
        "allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}, "readOnlyRootFilesystem": true,
        "runAsNonRoot": true, "runAsUser": USER, "runAsGroup": USER, "seccompProfile": {"type": "RuntimeDefault"},
    });
    tree.data("securityContext", "", security);
    Some(tree)
}

//! Port-forwarding to the dashboard of a release: its pod, its token, and the local port. Writes nothing.

use super::{Error, Release};
use crate::cluster::api::objects::Objects;
use crate::cluster::connect::client::Cluster;
use crate::cluster::connect::forward::PodPort;
use crate::config::DASHBOARD_LABEL;
use crate::k8s::error::ErrorKind;
use crate::k8s::kind::{DEPLOYMENT, POD, SECRET};
use crate::k8s::labels;
use crate::k8s::object::name_of;
use crate::support::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::support::redact::unbase64;
use serde_json::Value as Json;

/// Where the dashboard's container takes its token from.
const TOKEN: &str = "DASHBOARD__FRONTEND__BROWSERTOKEN";

/// What a user wants of the way.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Forward {
    /// Port of this machine; 0 for a free one.
    pub local: u16,
    /// Whether the token is told.
    pub with_token: bool,
}

/// Opens the way and keeps it until a user stops us. `opened` gets the port and the token, `failed` what goes wrong on the
/// way with a single connection.
pub(crate) fn dashboard(
    release: &Release,
    wanted: Forward,
    opened: &dyn Fn(u16, Option<&str>),
    failed: &dyn Fn(&str),
) -> Result<(), Error> {
    let cluster = release.connect()?;
    let labels = format!("{}={},{DASHBOARD_LABEL}=true", labels::INSTANCE, release.name);
    let pods = cluster.list(&POD, &release.namespace, &labels)?;
    let pod = match chosen(&pods) {
        DashboardPod::Ready(pod) => pod,
        DashboardPod::NotReady { pod, why } => {
            let what = format!("the dashboard of {} is not ready: pod {pod}: {why}", release.described());
            return Err(diagnostic(what, "`kubectl aspire status` shows the release; retry when the pod is ready"));
        }
        DashboardPod::None => return Err(none(&cluster, release, &labels)?),
    };
    let token = if wanted.with_token { Some(token(&cluster, release, pod)?) } else { None };
    let to = PodPort { namespace: &release.namespace, pod: name_of(pod), port: port(pod) };
    cluster.forward(to, wanted.local, &|port| opened(port, token.as_deref()), &|error| failed(&error.to_string()))?;
    Ok(())
}

/// What there is of a dashboard.
#[derive(Debug, PartialEq)]
enum DashboardPod<'a> {
    None,
    NotReady { pod: &'a str, why: String },
    Ready(&'a Json),
}

/// The first pod that is ready and stays; else the first that stays, with what keeps it.
fn chosen(pods: &[Json]) -> DashboardPod<'_> {
    let condition = |pod: &Json| {
        let conditions = pod["status"]["conditions"].as_array().into_iter().flatten();
        conditions.clone().find(|condition| condition["type"] == "Ready").cloned().unwrap_or_default()
    };
    let mut staying = pods.iter().filter(|pod| pod["metadata"]["deletionTimestamp"].is_null());
    if let Some(ready) = staying.clone().find(|pod| condition(pod)["status"] == "True") {
        return DashboardPod::Ready(ready);
    }
    let Some(pod) = staying.next() else { return DashboardPod::None };
    let waiting = &pod["status"]["containerStatuses"][0]["state"]["waiting"]["reason"];
    let said = waiting.as_str().map(str::to_owned).or_else(|| condition(pod)["message"].as_str().map(str::to_owned));
    let phase = || pod["status"]["phase"].as_str().unwrap_or("not started").to_owned();
    DashboardPod::NotReady { pod: name_of(pod), why: said.unwrap_or_else(phase) }
}

fn none(cluster: &Cluster, release: &Release, labels: &str) -> Result<Error, Error> {
    let deployments = cluster.list(&DEPLOYMENT, &release.namespace, labels)?;
    let of = release.described();
    Ok(match deployments.first().map(|deployment| &deployment["spec"]["replicas"]) {
        None => {
            diagnostic(format!("there is no dashboard of {of}"), "add `dashboard: {}` to aspire-k8s.yaml and deploy")
        }
        Some(replicas) if *replicas == 0 => diagnostic(
            format!("the dashboard of {of} is disabled"),
            "deploy with `dashboard: {enabled: true}`, also in this environment",
        ),
        Some(_) => {
            diagnostic(format!("the dashboard of {of} has no pod yet"), "`kubectl aspire status` shows the release")
        }
    })
}

/// The token as the pod takes it, wherever its Secret comes from.
fn token(cluster: &Cluster, release: &Release, pod: &Json) -> Result<String, Error> {
    let mut variables = pod["spec"]["containers"][0]["env"].as_array().into_iter().flatten();
    let reference = variables.find(|variable| variable["name"] == TOKEN);
    let reference = reference.map_or(&Json::Null, |variable| &variable["valueFrom"]["secretKeyRef"]);
    let (Some(name), Some(key)) = (reference["name"].as_str(), reference["key"].as_str()) else {
        let what = format!("pod {} has no Secret with its login token", name_of(pod));
        return Err(diagnostic(what, "--no-token prints the link without it"));
    };
    let secret = cluster.get(&SECRET, &release.namespace, name).map_err(|error| match error.kind() {
        ErrorKind::Forbidden => {
            error.hint(format!("`get` on `secrets` in {}; --no-token does not need it", release.namespace))
        }
        _ => error,
    })?;
    let value = secret.as_ref().and_then(|secret| secret["data"][key].as_str()).and_then(unbase64);
    let token = value.and_then(|bytes| String::from_utf8(bytes).ok()).filter(|token| !token.is_empty());
    let Some(token) = token else {
        let what = format!("Secret {name} holds no login token under {key}");
        return Err(diagnostic(what, "deploy again, or pass --no-token"));
    };
    cluster.hide([token.clone()]);
    Ok(token)
}

/// The port for browsers.
fn port(pod: &Json) -> u16 {
    let mut ports = pod["spec"]["containers"][0]["ports"].as_array().into_iter().flatten();
    let port = ports.find(|port| port["name"] == "http").and_then(|port| port["containerPort"].as_u64());
    port.and_then(|port| u16::try_from(port).ok()).unwrap_or(18888)
}

fn diagnostic(what: String, hint: &str) -> Error {
    Error::Input(Diagnostics::from(Diagnostic::new(Code::DashboardUnavailable, "", what).hint(hint)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn pod(name: &str, ready: &str, going: bool) -> Json {
        let mut pod = json!({
            "metadata": {"name": name},
            "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": ready}]},
        });
        if going {
            pod["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
        }
        pod
    }

    #[test]
    fn a_pod_that_is_ready_and_stays_is_chosen() {
        assert_eq!(chosen(&[]), DashboardPod::None);
        assert_eq!(chosen(&[pod("a", "True", true)]), DashboardPod::None);
        let pods = [pod("a", "True", true), pod("b", "False", false), pod("c", "True", false)];
        assert_eq!(chosen(&pods), DashboardPod::Ready(&pods[2]));
    }

    #[test]
    fn a_pod_that_is_not_ready_says_why() {
        let mut pulled = pod("b", "False", false);
        assert_eq!(chosen(&[pulled.clone()]), DashboardPod::NotReady { pod: "b", why: "Running".into() });
        pulled["status"]["containerStatuses"] = json!([{"state": {"waiting": {"reason": "ImagePullBackOff"}}}]);
        assert_eq!(chosen(&[pulled]), DashboardPod::NotReady { pod: "b", why: "ImagePullBackOff".into() });
    }
}

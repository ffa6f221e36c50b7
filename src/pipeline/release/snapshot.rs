//! The state of the release on the cluster before anything changes, and whether this application may use the release.

use super::adopt::Adopted;
use super::chart_secret;
use super::installation::Installation;
use super::lock::LastRevision;
use super::workloads;
use crate::cluster::api::namespace;
use crate::cluster::connect::client::Cluster;
use crate::cluster::state::remembered::State;
use crate::cluster::state::secret;
use crate::cluster::state::secret::ReleaseSecret;
use crate::helm::{self, Target};
use crate::inputs::Kept;
use crate::k8s::error::ErrorKind;
use crate::k8s::kind::{CLAIM, CONFIG_MAP, DEPLOYMENT, Kind, SERVICE, STATEFUL_SET, STORAGE_CLASS};
use crate::k8s::ownership::{Owner, ReleaseName};
use crate::pipeline::release::external_secrets;
use crate::pipeline::release::workloads::Live;
use crate::pipeline::{Error, Release};
use crate::support::diagnostic::{Code, Diagnostic};
use crate::support::redact::unbase64;
use crate::targets::kubernetes::Plan;
use serde_json::Value as Json;
use std::collections::BTreeMap;

/// What the cluster holds of the release before anything changes.
#[derive(Default)]
pub(crate) struct ReleaseSnapshot {
    pub secret: ReleaseSecret,
    pub state: State,
    pub kept: Kept,
    /// Inputs whose value was in a Secret that is not ours, and where it is no longer: name and key.
    pub lost: BTreeMap<String, (String, String)>,
    pub live: Live,
    pub claims: Vec<Json>,
    /// None when we may not look.
    pub classes: Option<Vec<Json>>,
    /// Claims that continue under the names that they have.
    pub adopted: Option<Adopted>,
}

impl ReleaseSnapshot {
    /// Takes over the claims that are there for the volumes of the plan.
    #[must_use]
    fn adopting(mut self, plan: &Plan, release: &Release) -> Self {
        let name = release.helm_name();
        self.adopted = Adopted::find(plan, name, &self.live, &self.claims);
        self
    }

    /// The plan with the names of the claims that are there.
    pub(crate) fn plan<'a>(&'a self, plan: &'a Plan) -> &'a Plan {
        self.adopted.as_ref().map_or(plan, Adopted::plan)
    }
}

/// Reads it for a deploy of a plan.
pub(crate) fn look_for(
    cluster: &Cluster,
    release: &Release,
    owner: Owner,
    plan: &Plan,
) -> Result<ReleaseSnapshot, Error> {
    let before = look(cluster, release, owner, !plan.dapr_components.is_empty())?;
    Ok(before.with_former_registry(cluster, release, plan)?.adopting(plan, release))
}

/// Reads it.
pub(crate) fn look(cluster: &Cluster, release: &Release, owner: Owner, dapr: bool) -> Result<ReleaseSnapshot, Error> {
    let space = &release.namespace;
    if namespace::look(cluster, space)?.is_none() {
        return Ok(ReleaseSnapshot {
            secret: ReleaseSecret::default(),
            state: State::default(),
            kept: Kept::default(),
            lost: BTreeMap::new(),
            live: Live::new(),
            claims: Vec::new(),
            classes: classes(cluster)?,
            adopted: None,
        });
    }
    let secret = secret::read(cluster, owner, space)?;
    let state = State::read(cluster, owner, space)?;
    let chart_secret = chart_secret::live(cluster, release)?;
    let (foreign, lost) = external_secrets::values(cluster, space, &state.foreign)?;
    let kept = Kept {
        plain: state.values.clone(),
        secret: texts(secret.data.iter().map(|(key, value)| (key.clone(), value.clone()))),
        chart_secret: texts(decoded(chart_secret.as_ref())),
        foreign,
    };
    let mut live = Live::new();
    let kinds: [(&'static str, &Kind); 4] = [
        ("Deployment", &DEPLOYMENT),
        ("StatefulSet", &STATEFUL_SET),
        ("Service", &SERVICE),
        ("ConfigMap", &CONFIG_MAP),
    ];
    for (name, kind) in kinds {
        live.insert(name, cluster.list(kind, space, "")?);
    }
    if dapr && let Some(component) = cluster.kind("dapr.io/v1alpha1", "Component")? {
        live.insert("Component", cluster.list(&component, space, "")?);
    }
    let claims = cluster.list(&CLAIM, space, "")?;
    Ok(ReleaseSnapshot { secret, state, kept, lost, live, claims, classes: classes(cluster)?, adopted: None })
}

/// The storage classes. They belong to the whole cluster, and who deploys may have rights in one namespace only.
fn classes(cluster: &Cluster) -> Result<Option<Vec<Json>>, Error> {
    match cluster.list(&STORAGE_CLASS, "", "") {
        Ok(classes) => Ok(Some(classes)),
        Err(error) if error.kind() == ErrorKind::Forbidden => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn decoded(secret: Option<&Json>) -> impl Iterator<Item = (String, Vec<u8>)> {
    let data = secret.and_then(|secret| secret["data"].as_object()).into_iter().flatten();
    data.filter_map(|(key, value)| Some((key.clone(), unbase64(value.as_str()?)?)))
}

fn texts(data: impl Iterator<Item = (String, Vec<u8>)>) -> BTreeMap<String, String> {
    data.filter_map(|(key, value)| Some((key, String::from_utf8(value).ok()?))).collect()
}

/// A release of that name that is not this application's must not become it: helm would remove all its objects.
pub(crate) fn check_release(
    live: Option<&helm::Release>,
    target: &Target,
    seen: &LastRevision,
    before: &ReleaseSnapshot,
    plan: &Plan,
) -> Result<(), Error> {
    let Some(live) = live else { return Ok(()) };
    let what = format!("the release {} in namespace {}", live.name, live.namespace);
    let name = ReleaseName { name: target.release(), namespace: target.namespace() };
    let is_of_chart = is_version_of(&live.chart, &plan.chart);
    let ours = is_of_chart && workloads::has_workloads_of_ours(name, &before.live)
        // Aspire's own tool made it: what runs there is taken over step by step, and claims are kept.
        || workloads::is_made_by_aspire(plan, name, &before.live);
    let diagnostic = if !before.state.exists() && !ours {
        Diagnostic::new(
            Code::OtherApplication,
            "",
            format!("{what} was deployed from the chart {}, not from this application", live.chart),
        )
        .hint("choose another release name with --release, or another namespace")
    } else {
        return check_idle(live, seen);
    };
    Err(Error::Refused(diagnostic.into()))
}

/// A release that a helm works on, or was killed while it did, must be left alone.
pub(crate) fn check_idle(live: &helm::Release, seen: &LastRevision) -> Result<(), Error> {
    if seen.is_under_way() {
        // Whether the way can be freed is decided with the lock.
        return Ok(());
    }
    let what = format!("the release {} in namespace {}", live.name, live.namespace);
    let diagnostic = if live.is_pending() {
        Diagnostic::new(
            Code::ReleaseBusy,
            "",
            format!("{what} is {}: another helm process works on it, or was killed while it did", live.status),
        )
        .hint(way_out(&live.name, &live.namespace, live.status == "pending-install"))
    } else if live.status == "uninstalling" {
        Diagnostic::new(Code::ReleaseBusy, "", format!("{what} is being uninstalled, or helm was killed while it did"))
            .hint("wait until it is gone; if no process uninstalls it, run `destroy` again, then deploy")
    } else {
        return Ok(());
    };
    Err(Error::Refused(diagnostic.into()))
}

/// A run that was killed after helm had succeeded left a copy of the Secret that is older than the good state.
pub(crate) fn forget_finished_run(on: &Installation, live: &ReleaseSecret) -> Result<(), Error> {
    let is_good = || -> Result<bool, Error> {
        let deployed = on.helm.status(on.target)?.is_some_and(|release| release.is_deployed());
        let values = if deployed { on.helm.get_values(on.target, None)? } else { None };
        let given = values.as_ref().and_then(|values| values["secrets"].as_object());
        Ok(given.is_some_and(|given| {
            given.iter().all(|(name, secret)| secret["revision"].as_str() == live.marks.get(name).map(String::as_str))
        }))
    };
    if secret::leftover(on.cluster, on.owner, on.space())?.is_some() && is_good()? {
        secret::discard_leftover(on.cluster, on.owner, on.space())?;
    }
    Ok(())
}

fn way_out(release: &str, namespace: &str, first: bool) -> String {
    let (verb, stays) = if first { ("uninstall", "; PVCs and secrets are kept") } else { ("rollback", "") };
    format!(
        "wait until it has finished; if no helm process runs: `helm {verb} {release} --namespace {namespace}`{stays}"
    )
}

/// Whether helm's `<chart>-<version>` names this chart. Both parts may hold a `-`.
fn is_version_of(chart_and_version: &str, chart: &str) -> bool {
    let version = chart_and_version.strip_prefix(chart).and_then(|rest| rest.strip_prefix('-')).unwrap_or_default();
    let core = version.split(['-', '+']).next().unwrap_or_default();
    core.split('.').count() == 3
        && core.split('.').all(|number| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chart_is_told_from_one_whose_name_goes_on() {
        for (both, same) in [
            ("shop-1.2.3", true),
            ("shop-1.2.3-rc.1+x", true),
            ("shop-2-1.2.3", false),
            ("shop-api-1.2.3", false),
            ("shopping-1.2.3", false),
            ("shop-1.2", false),
            ("shop", false),
        ] {
            assert_eq!(is_version_of(both, "shop"), same, "{both}");
        }
    }
}

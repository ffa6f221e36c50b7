//! The Secret that the chart writes, `<release>-chart-secrets`. Helm keeps it even if the chart no longer contains it;
//! then deploy deletes it.

use crate::cluster::api::objects::{Guard, Objects, Propagation};
use crate::cluster::connect::client::Cluster;
use crate::k8s::error::Result;
use crate::k8s::kind::SECRET;
use crate::k8s::object;
use crate::pipeline::Release;
use serde_json::Value as Json;

/// The live Secret, if this release's chart wrote it.
pub(crate) fn live(cluster: &Cluster, release: &Release) -> Result<Option<Json>> {
    let object = cluster.get(&SECRET, &release.namespace, &format!("{}-chart-secrets", release.name))?;
    Ok(object.filter(|object| release.helm_name().owns(object)))
}

/// Takes values out of inputs that come from elsewhere now: left there, they would be taken for the ones in use.
pub(crate) fn keep_only(cluster: &Cluster, release: &Release, stays: impl Fn(&str) -> bool) -> Result<()> {
    let Some(mut object) = live(cluster, release)? else { return Ok(()) };
    let guard = Guard::of(&object);
    let Some(data) = object["data"].as_object_mut() else { return Ok(()) };
    let before = data.len();
    data.retain(|key, _| stays(key) || key.strip_suffix(".uri").is_some_and(&stays));
    if data.is_empty() {
        return delete(cluster, release, &object);
    }
    if data.len() < before {
        cluster.replace(&SECRET, &release.namespace, &object, &guard)?;
    }
    Ok(())
}

/// Deletes it as it was read.
pub(crate) fn delete(cluster: &Cluster, release: &Release, object: &Json) -> Result<()> {
    let guard = Guard::of(object).any_state();
    let name = object::name_of(object);
    cluster.delete(&SECRET, &release.namespace, name, &guard, Propagation::Background)?;
    Ok(())
}

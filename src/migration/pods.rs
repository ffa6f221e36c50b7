//! The owner of a pod, and the claims that it mounts, from its owner references and names. Pure.

use super::change::{Change, How, Named};
use super::live::Live;
use crate::k8s::object;
use crate::k8s::object::name_of;
use serde_json::Value as Json;

/// The workload that a pod belongs to, as kind and name; none without a controller. The name of a Deployment is read off
/// its ReplicaSet's, because the ReplicaSet may be gone before its pods.
pub(crate) fn root(pod: &Json) -> Option<(&str, &str)> {
    let owner = controller(pod)?;
    let (kind, name) = (owner["kind"].as_str()?, owner["name"].as_str()?);
    if kind != "ReplicaSet" {
        return Some((kind, name));
    }
    let hash = pod["metadata"]["labels"]["pod-template-hash"].as_str().unwrap_or_default();
    match name.strip_suffix(hash).and_then(|name| name.strip_suffix('-')).filter(|_| !hash.is_empty()) {
        Some(deployment) => Some(("Deployment", deployment)),
        None => Some((kind, name)),
    }
}

/// Whether the pod's containers ended for good.
pub(crate) fn has_ended(pod: &Json) -> bool {
    matches!(pod["status"]["phase"].as_str(), Some("Succeeded" | "Failed"))
}

/// The claims that a pod, or the pods of a template, mount.
pub(crate) fn mounted(pod_spec: &Json) -> impl Iterator<Item = &str> {
    let volumes = pod_spec["volumes"].as_array().into_iter().flatten();
    volumes.filter_map(|volume| volume["persistentVolumeClaim"]["claimName"].as_str())
}

/// Pods on the claims of a change that belong to neither side.
pub(crate) fn strangers<'a>(change: &'a Change, live: &'a Live) -> impl Iterator<Item = &'a Json> {
    live.pods.iter().filter(move |pod| {
        let uses = mounted(&pod["spec"]).any(|claim| change.claims.iter().any(|name| name == claim));
        let root = root(pod);
        let known = [&change.old, &change.new].iter().any(|named| belongs(root, named));
        uses && !known && !has_ended(pod) && !is_left_by(pod, change)
    })
}

/// Whether the StatefulSet left this pod for the one that comes.
fn is_left_by(pod: &Json, change: &Change) -> bool {
    let number = name_of(pod).strip_prefix(&*change.old.name).and_then(|rest| rest.strip_prefix('-'));
    change.how == How::Adopt
        && controller(pod).is_none()
        && object::label(pod, "statefulset.kubernetes.io/pod-name") == Some(name_of(pod))
        && number.is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Whether that is this workload.
pub(crate) fn belongs(root: Option<(&str, &str)>, named: &Named) -> bool {
    root.is_some_and(|(kind, name)| kind == named.kind && name == named.name)
}

/// The reference to the controller of an object.
pub(crate) fn controller(object: &Json) -> Option<&Json> {
    let owners = object["metadata"]["ownerReferences"].as_array()?;
    owners.iter().find(|owner| owner["controller"] == true)
}

/// The pods of a workload.
pub fn pods_of<'a>(named: &'a Named, live: &'a Live) -> impl Iterator<Item = &'a Json> {
    live.pods.iter().filter(|pod| belongs(root(pod), named))
}

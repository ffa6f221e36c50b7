//! Whether a namespace may be deleted with its release: the release created it, and it contains no objects of other
//! owners.
//!
//! Checked before anything is deleted, and again right before the namespace is deleted. An object is ignored because of
//! its owner only if that owner exists and may be deleted; a claim is never ignored.

use crate::cluster::api::namespace;
use crate::cluster::api::objects::{Guard, Objects, Propagation};
use crate::cluster::connect::client::Cluster;
use crate::k8s::kind::NAMESPACE;
use crate::k8s::labels;
use crate::k8s::object::{label, name_of};
use crate::k8s::ownership::ReleaseName;
use crate::pipeline::engine::run::Limits;
use crate::pipeline::release::checks::is_our_claim;
use crate::pipeline::{Error, Release};
use crate::support::diagnostic::{Code, Diagnostic, Diagnostics};
use serde_json::Value as Json;
use std::collections::BTreeSet;
use std::time::Duration;

/// What Kubernetes, and what is built upon it, puts into every namespace.
const EVERYWHERE: [(&str, &str); 4] = [
    ("ServiceAccount", "default"),
    ("ConfigMap", "kube-root-ca.crt"),
    ("ConfigMap", "openshift-service-ca.crt"),
    ("ConfigMap", "istio-ca-root-cert"),
];

/// Kinds that others make of what lives there.
const SHADOWS: [&str; 2] = ["Event", "PodMetrics"];

/// Uids of objects that may go with the namespace. What they own may go too, even when they are gone already.
#[derive(Debug, Default)]
pub(crate) struct Deletable(BTreeSet<String>);

/// Most names that a refusal lists.
const SHOWN: usize = 10;

/// Refuses to delete a namespace that is not ours, or that holds more than this release and the releases of charts that go
/// with it (`going`). `before` is what was found earlier.
pub(crate) fn check(
    cluster: &Cluster,
    release: &Release,
    delete_data: bool,
    going: &[String],
    before: &Deletable,
) -> Result<Deletable, Error> {
    let space = &release.namespace;
    let Some(live) = cluster.get(&NAMESPACE, "", space)? else { return Ok(Deletable::default()) };
    let mut diagnostics = Diagnostics::default();
    if !namespace::created_for(&live, &release.name) {
        let what = format!("the namespace {space} was not created by kubectl aspire for the release {}", release.name);
        diagnostics.push(
            Diagnostic::new(Code::NamespaceNotRemovable, "", what)
                .hint("omit --delete-namespace, and delete it yourself if it is no longer needed"),
        );
        return Err(Error::Refused(diagnostics));
    }
    let objects = cluster.inhabitants(space)?;
    let name = release.helm_name();
    let claims: Vec<&str> = objects.iter().filter(|object| is_our_claim(object, name)).map(name_of).collect();
    if !claims.is_empty() && !delete_data {
        let what = format!("the namespace {space} contains PVCs with data of the release: {}", claims.join(", "));
        diagnostics.push(Diagnostic::new(Code::NamespaceNotRemovable, "", what).hint("--delete-data deletes them too"));
    }
    let (foreign, deletable) = foreign(&objects, name, going, before);
    if !foreign.is_empty() {
        let more = if foreign.len() > SHOWN { format!(" and {} more", foreign.len() - SHOWN) } else { String::new() };
        let shown = foreign.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
        let what = format!(
            "the namespace {space} contains objects that are not part of the release {}: \
        {shown}{more}",
            release.name
        );
        diagnostics.push(
            Diagnostic::new(Code::NamespaceNotRemovable, "", what)
                .hint("omit --delete-namespace, or delete them first"),
        );
    }
    diagnostics.or(deletable).map_err(Error::Refused)
}

/// Objects that are neither of the release, nor of those that go with it, nor in every namespace, as `Kind name`, sorted; and the
/// others.
fn foreign(objects: &[Json], release: ReleaseName, going: &[String], before: &Deletable) -> (Vec<String>, Deletable) {
    let mut deletable: BTreeSet<String> = before.0.clone();
    let (mut left, mut found): (Vec<&Json>, usize) = (objects.iter().collect(), usize::MAX);
    // An owner may itself be owned: once more as long as that finds anything.
    while left.len() < found {
        found = left.len();
        let services: BTreeSet<&str> = objects
            .iter()
            .filter(|one| one["kind"] == "Service" && deletable.contains(uid(one)))
            .map(name_of)
            .collect();
        let (gone, rest): (Vec<&Json>, Vec<&Json>) =
            left.into_iter().partition(|object| may_go(object, release, going, &deletable, &services));
        deletable.extend(gone.into_iter().map(|object| uid(object).to_owned()));
        left = rest;
    }
    let mut names: Vec<String> = left
        .iter()
        .map(|object| format!("{} {}", object["kind"].as_str().unwrap_or_default(), name_of(object)))
        .collect();
    names.sort();
    names.dedup();
    (names, Deletable(deletable))
}

fn uid(object: &Json) -> &str {
    object["metadata"]["uid"].as_str().unwrap_or_default()
}

fn may_go(
    object: &Json,
    release: ReleaseName,
    going: &[String],
    deletable: &BTreeSet<String>,
    services: &BTreeSet<&str>,
) -> bool {
    let kind = object["kind"].as_str().unwrap_or_default();
    if kind == "PersistentVolumeClaim" {
        return is_our_claim(object, release);
    }
    let owners = object["metadata"]["ownerReferences"].as_array().map_or(&[][..], Vec::as_slice);
    let owned = !owners.is_empty()
        && owners
            .iter()
            .all(|owner| owner["uid"].as_str().is_some_and(|uid| !uid.is_empty() && deletable.contains(uid)));
    let service = match kind {
        "Endpoints" => Some(name_of(object)),
        "EndpointSlice" => label(object, "kubernetes.io/service-name"),
        _ => None,
    };
    owned
        || service.is_some_and(|service| services.contains(service))
        // It goes anyhow.
        || object["metadata"]["deletionTimestamp"].is_string()
        || EVERYWHERE.contains(&(kind, name_of(object)))
        || SHADOWS.contains(&kind)
        || is_of(object, release)
        || going.iter().any(|name| is_of(object, ReleaseName { name, ..release }))
}

/// Whether helm or we made the object for the release.
fn is_of(object: &Json, release: ReleaseName) -> bool {
    let by_us =
        label(object, labels::MANAGED_BY) == Some(labels::US) && label(object, labels::INSTANCE) == Some(release.name);
    let record = object["type"] == "helm.sh/release.v1" && label(object, "name") == Some(release.name);
    release.owns(object) || by_us || record
}

/// Deletes the namespace and waits until it is gone; an error that says what holds it when the timeout is reached.
pub(crate) fn clear(
    cluster: &Cluster,
    release: &Release,
    delete_data: bool,
    going: &[String],
    before: &Deletable,
    limits: &Limits,
) -> Result<bool, Error> {
    check(cluster, release, delete_data, going, before)?;
    let space = &release.namespace;
    let Some(live) = cluster.get(&NAMESPACE, "", space)? else { return Ok(false) };
    cluster.delete(&NAMESPACE, "", space, &Guard::of(&live).any_state(), Propagation::Background)?;
    let uid = &live["metadata"]["uid"];
    while let Some(now) = cluster.get(&NAMESPACE, "", space)?.filter(|now| now["metadata"]["uid"] == *uid) {
        if limits.left().is_zero() || (limits.stopped)() {
            let what = format!("the namespace {space} is still being deleted: {}", holds(&now));
            return Err(Diagnostic::new(Code::StillDeleting, "", what)
                .hint("it is deleted when that is gone; no further action is needed")
                .into());
        }
        std::thread::sleep(Duration::from_millis(200));
    }
    Ok(true)
}

/// What the API server says that holds a namespace that is going.
fn holds(namespace: &Json) -> String {
    let conditions = namespace["status"]["conditions"].as_array().into_iter().flatten();
    let said: Vec<&str> = conditions
        .filter(|condition| condition["status"] == "True")
        .filter_map(|condition| condition["message"].as_str())
        .collect();
    if said.is_empty() { "the cluster reports no reason".to_owned() } else { said.join("; ") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_of_the_release_or_everywhere_is_not_foreign() {
        let release = ReleaseName { name: "shop", namespace: "n" };
        let object = |kind: &str, name: &str, metadata: &Json| {
            let mut object = json!({"kind": kind, "metadata": {"name": name, "uid": format!("uid-{name}")}});
            for (key, value) in metadata.as_object().unwrap() {
                object["metadata"][key] = value.clone();
            }
            object
        };
        let helm = json!({"labels": {"app.kubernetes.io/managed-by": "Helm"}, "annotations": {"meta.helm.sh/release-name": "shop", "meta.helm.sh/release-namespace": "n"}});
        let other = json!({"labels": {"app.kubernetes.io/managed-by": "Helm"}, "annotations": {"meta.helm.sh/release-name": "other", "meta.helm.sh/release-namespace": "n"}});
        let ours =
            json!({"labels": {"app.kubernetes.io/managed-by": "kubectl-aspire", "app.kubernetes.io/instance": "shop"}});
        let record = |name: &str, release: &str| {
            let mut record = object("Secret", name, &json!({"labels": {"name": release, "owner": "helm"}}));
            record["type"] = json!("helm.sh/release.v1");
            record
        };
        let objects = [
            object("ServiceAccount", "default", &json!({})),
            object("ServiceAccount", "deployer", &json!({})),
            object("ConfigMap", "kube-root-ca.crt", &json!({})),
            object("Secret", "kube-root-ca.crt", &json!({})),
            object("Deployment", "api", &helm),
            object("Deployment", "theirs", &other),
            object("Secret", "shop-secrets", &ours),
            object("Pod", "api-1", &json!({"ownerReferences": [{"kind": "Deployment", "uid": "uid-api"}]})),
            object("Pod", "alone", &json!({})),
            object("Event", "x", &json!({})),
            record("mine", "shop"),
            record("of-theirs", "theirs"),
        ];
        let expected = [
            "Deployment theirs",
            "Pod alone",
            "Secret kube-root-ca.crt",
            "Secret of-theirs",
            "ServiceAccount deployer",
        ];
        let none = Deletable::default();
        assert_eq!(foreign(&objects, release, &[], &none).0, expected);
        assert_eq!(foreign(&objects, release, &["other".to_owned()], &none).0, expected[1..]);
    }

    #[test]
    fn an_owner_excuses_only_if_it_is_there_and_goes_too() {
        let release = ReleaseName { name: "shop", namespace: "n" };
        let helm = json!({"meta.helm.sh/release-name": "shop", "meta.helm.sh/release-namespace": "n"});
        let object = |kind: &str, name: &str, owner: &str| {
            let owners = if owner.is_empty() { json!([]) } else { json!([{"kind": "X", "name": "x", "uid": owner}]) };
            json!({"kind": kind, "metadata": {"name": name, "uid": name, "ownerReferences": owners}})
        };
        let mut ours = object("Deployment", "api", "");
        ours["metadata"]["annotations"] = helm.clone();
        ours["metadata"]["labels"] = json!({"app.kubernetes.io/managed-by": "Helm"});
        let mut claim = object("PersistentVolumeClaim", "marked", "");
        claim["metadata"]["annotations"] = helm.clone();
        let mut service = object("Service", "web", "");
        service["metadata"]["annotations"] = helm;
        service["metadata"]["labels"] = json!({"app.kubernetes.io/managed-by": "Helm"});
        let objects = [
            object("Pod", "pod", "set"),
            object("ReplicaSet", "set", "api"),
            ours,
            service,
            object("Endpoints", "web", ""),
            object("Endpoints", "alone", ""),
            object("Deployment", "theirs", ""),
            object("Pod", "of-theirs", "theirs"),
            object("ConfigMap", "of-a-volume", "victim-pv"),
            object("PersistentVolumeClaim", "of-ours", "api"),
            claim,
        ];
        let (names, deletable) = foreign(&objects, release, &[], &Deletable::default());
        let expected = [
            "ConfigMap of-a-volume",
            "Deployment theirs",
            "Endpoints alone",
            "PersistentVolumeClaim marked",
            "PersistentVolumeClaim of-ours",
            "Pod of-theirs",
        ];
        assert_eq!(names, expected);
        // Later the owner is gone, and its pods are still on their way.
        assert_eq!(foreign(&objects[..1], release, &[], &deletable).0, [""; 0]);
        assert_eq!(foreign(&objects[..1], release, &[], &Deletable::default()).0, ["Pod pod"]);
    }

    #[test]
    fn what_holds_a_namespace_is_what_the_server_says() {
        let going = json!({"status": {"conditions": [
            {"status": "False", "message": "no"}, {"status": "True", "message": "Some resources are remaining: widgets.x has 1 resource instances"}]}});
        assert_eq!(holds(&going), "Some resources are remaining: widgets.x has 1 resource instances");
        assert_eq!(holds(&json!({})), "the cluster reports no reason");
    }
}

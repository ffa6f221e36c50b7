//! Whether a namespace may go with its release: we made it for that release, and nothing of others lives in it.
//!
//! Asked before anything is removed, and again right before the namespace goes.

use super::checks::{is_our_claim, is_owned};
use super::run::Limits;
use super::{Error, Release};
use crate::charts::Marks;
use crate::cluster::claims::ReleaseName;
use crate::cluster::{Cluster, Guard, NAMESPACE, Objects, Propagation, label, marks, name_of, namespace};
use crate::problem::{Problem, Problems};
use serde_json::Value as Json;
use std::time::Duration;

/// What Kubernetes, and what is built upon it, puts into every namespace.
const EVERYWHERE: [(&str, &str); 4] = [
    ("ServiceAccount", "default"),
    ("ConfigMap", "kube-root-ca.crt"),
    ("ConfigMap", "openshift-service-ca.crt"),
    ("ConfigMap", "istio-ca-root-cert"),
];

/// Kinds that others make of what lives there.
const SHADOWS: [&str; 4] = ["Event", "Endpoints", "EndpointSlice", "PodMetrics"];

/// Most names that a refusal lists.
const SHOWN: usize = 10;

/// Refuses to delete a namespace that is not ours, or that holds more than this release.
pub fn check(cluster: &Cluster, release: &Release, delete_data: bool) -> Result<(), Error> {
    let space = &release.namespace;
    let Some(live) = cluster.get(&NAMESPACE, "", space)? else { return Ok(()) };
    let mut problems = Problems::default();
    if !namespace::created_for(&live, &release.name) {
        let what = format!("the namespace {space} was not made by kubectl aspire for the release {}", release.name);
        problems.push(
            Problem::at("", what).hint("leave --delete-namespace out, and delete it yourself if nobody needs it"),
        );
        return Err(Error::Refused(problems));
    }
    let objects = cluster.inhabitants(space)?;
    let name = ReleaseName { name: &release.name, namespace: space };
    let claims: Vec<&str> = objects.iter().filter(|object| is_our_claim(object, name)).map(name_of).collect();
    if !claims.is_empty() && !delete_data {
        let what = format!("the namespace {space} holds claims with data of the release: {}", claims.join(", "));
        problems.push(Problem::at("", what).hint("--delete-data deletes them too"));
    }
    let foreign = foreign(&objects, name, &going(&objects, name));
    if !foreign.is_empty() {
        let more = if foreign.len() > SHOWN { format!(" and {} more", foreign.len() - SHOWN) } else { String::new() };
        let shown = foreign.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
        let what = format!("the namespace {space} holds what is not of the release {}: {shown}{more}", release.name);
        problems.push(Problem::at("", what).hint("leave --delete-namespace out, or remove them first"));
    }
    problems.or(()).map_err(Error::Refused)
}

/// Releases of charts that came with the application and go with it.
fn going(objects: &[Json], release: ReleaseName) -> Vec<String> {
    let records = objects.iter().filter(|object| object["type"] == "helm.sh/release.v1");
    let ours = records.filter(|record| {
        let marks = Marks::read(&record["metadata"]["labels"]);
        marks.is_some_and(|marks| marks.destroy && marks.is_for(release.name, release.namespace))
    });
    ours.filter_map(|record| label(record, "name").map(str::to_owned)).collect()
}

/// Objects that are neither of the release, nor of those that go with it, nor in every namespace, as `Kind name`, sorted.
fn foreign(objects: &[Json], release: ReleaseName, going: &[String]) -> Vec<String> {
    let kind = |object: &Json| object["kind"].as_str().unwrap_or_default().to_owned();
    let mut found: Vec<String> = objects
        .iter()
        .filter(|object| {
            let kind = kind(object);
            let owned = object["metadata"]["ownerReferences"].as_array().is_some_and(|owners| !owners.is_empty());
            let everywhere = EVERYWHERE.contains(&(kind.as_str(), name_of(object)));
            !(owned
                || everywhere
                || SHADOWS.contains(&kind.as_str())
                || is_of(object, release)
                || going.iter().any(|name| is_of(object, ReleaseName { name, ..release })))
        })
        .map(|object| format!("{} {}", kind(object), name_of(object)))
        .collect();
    found.sort();
    found.dedup();
    found
}

/// Whether helm or we made the object for the release.
fn is_of(object: &Json, release: ReleaseName) -> bool {
    let by_us =
        label(object, marks::MANAGED_BY) == Some(marks::US) && label(object, marks::INSTANCE) == Some(release.name);
    let record = object["type"] == "helm.sh/release.v1" && label(object, "name") == Some(release.name);
    is_owned(object, release) || is_our_claim(object, release) || by_us || record
}

/// Deletes the namespace and waits until it is gone; an error that says what holds it when time is up.
pub fn clear(cluster: &Cluster, release: &Release, delete_data: bool, limits: &Limits) -> Result<bool, Error> {
    check(cluster, release, delete_data)?;
    let space = &release.namespace;
    let Some(live) = cluster.get(&NAMESPACE, "", space)? else { return Ok(false) };
    cluster.delete(&NAMESPACE, "", space, &Guard::of(&live).any_state(), Propagation::Background)?;
    let uid = &live["metadata"]["uid"];
    while let Some(now) = cluster.get(&NAMESPACE, "", space)?.filter(|now| now["metadata"]["uid"] == *uid) {
        if limits.left().is_zero() || (limits.stopped)() {
            let what = format!("the namespace {space} is still being deleted: {}", holds(&now));
            return Err(Problem::at("", what)
                .hint("it goes when that has gone; nothing more has to be done here")
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
    if said.is_empty() { "the cluster does not say why".to_owned() } else { said.join("; ") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_of_the_release_or_everywhere_is_not_foreign() {
        let release = ReleaseName { name: "shop", namespace: "n" };
        let object = |kind: &str, name: &str, metadata: &Json| {
            let mut object = json!({"kind": kind, "metadata": {"name": name}});
            for (key, value) in metadata.as_object().unwrap() {
                object["metadata"][key] = value.clone();
            }
            object
        };
        let helm = json!({"annotations": {"meta.helm.sh/release-name": "shop", "meta.helm.sh/release-namespace": "n"}});
        let other =
            json!({"annotations": {"meta.helm.sh/release-name": "other", "meta.helm.sh/release-namespace": "n"}});
        let ours =
            json!({"labels": {"app.kubernetes.io/managed-by": "kubectl-aspire", "app.kubernetes.io/instance": "shop"}});
        let objects = [
            object("ServiceAccount", "default", &json!({})),
            object("ServiceAccount", "deployer", &json!({})),
            object("ConfigMap", "kube-root-ca.crt", &json!({})),
            object("Secret", "kube-root-ca.crt", &json!({})),
            object("Deployment", "api", &helm),
            object("Deployment", "theirs", &other),
            object("Secret", "shop-secrets", &ours),
            object("Pod", "api-1", &json!({"ownerReferences": [{"kind": "ReplicaSet"}]})),
            object("Pod", "alone", &json!({})),
            object("Event", "x", &json!({})),
        ];
        let expected = ["Deployment theirs", "Pod alone", "Secret kube-root-ca.crt", "ServiceAccount deployer"];
        assert_eq!(foreign(&objects, release, &[]), expected);
        assert_eq!(foreign(&objects, release, &["other".to_owned()]), expected[1..]);
    }

    #[test]
    fn what_goes_with_the_release_is_told_by_its_marks() {
        let record = |name: &str, destroy: &str, of: &str| {
            json!({"type": "helm.sh/release.v1", "metadata": {"labels": {"name": name, "aspire-k8s/application": "a", "aspire-k8s/chart": name,
                "aspire-k8s/for-release": of, "aspire-k8s/for-namespace": "n", "aspire-k8s/destroy": destroy}}})
        };
        let objects =
            [record("goes", "true", "shop"), record("stays", "false", "shop"), record("theirs", "true", "other")];
        assert_eq!(going(&objects, ReleaseName { name: "shop", namespace: "n" }), ["goes"]);
    }

    #[test]
    fn what_holds_a_namespace_is_what_the_server_says() {
        let going = json!({"status": {"conditions": [
            {"status": "False", "message": "no"}, {"status": "True", "message": "Some resources are remaining: widgets.x has 1 resource instances"}]}});
        assert_eq!(holds(&going), "Some resources are remaining: widgets.x has 1 resource instances");
        assert_eq!(holds(&json!({})), "the cluster does not say why");
    }
}

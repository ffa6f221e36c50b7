//! ClusterIssuers that uninstalling a release leaves behind, because other namespaces may use them. One is deleted if
//! the release owns it, SOURCE or the user names it, and nothing in another namespace uses it; the others are kept,
//! each with the reason.

use crate::cluster::api::objects::{Guard, Objects as _, Propagation};
use crate::cluster::connect::client::Cluster;
use crate::diff::Object;
use crate::external_charts::CERT_MANAGER_API;
use crate::k8s::error::ErrorKind;
use crate::k8s::kind::Kind;
use crate::k8s::object::name_of;
use crate::k8s::ownership::ReleaseName;
use crate::pipeline::Error;
use crate::pipeline::engine::event::{Report, say};
use crate::pipeline::release::records::NamedObject;
use serde_json::Value as Json;
use std::collections::BTreeSet;

const KIND: &str = "ClusterIssuer";
/// Kinds whose objects have an issuer sign.
const USERS: [&str; 2] = ["Certificate", "CertificateRequest"];

/// What becomes of the cluster issuers of a release.
#[derive(Debug, Default)]
pub(crate) struct Issuers {
    /// Those that go.
    pub going: Vec<Json>,
    /// Those that stay, each with the reason.
    pub staying: Vec<String>,
}

/// What has issuers sign: all of it, as far as we may look.
type Signed = Option<Vec<Json>>;

impl Issuers {
    /// Looks at those that helm leaves when the release goes; it deletes `by_helm`. `made` are named by SOURCE, `allowed` by a
    /// person.
    pub(crate) fn look(
        cluster: &Cluster,
        owner: ReleaseName,
        by_helm: &[Object],
        made: &BTreeSet<&str>,
        allowed: &[NamedObject],
    ) -> Result<Self, Error> {
        let Some(kind) = cluster.kind(CERT_MANAGER_API, KIND)? else { return Ok(Self::default()) };
        let Some(live) = all(cluster, &kind)? else { return Ok(Self::default()) };
        let goes = |name: &str| by_helm.iter().any(|object| (&*object.kind, &*object.name) == (KIND, name));
        let left: Vec<Json> = live.into_iter().filter(|issuer| owner.owns(issuer) && !goes(name_of(issuer))).collect();
        if left.is_empty() {
            return Ok(Self::default());
        }
        let signed = signed(cluster)?;
        let is_named = |name: &str| made.contains(name) || allowed.iter().any(|one| one.is(KIND, name));
        let mut found = Self::default();
        for issuer in left {
            match why_it_stays(name_of(&issuer), owner.namespace, is_named(name_of(&issuer)), &signed) {
                None => found.going.push(issuer),
                Some(why) => found.staying.push(format!("{KIND} {}: {why}", name_of(&issuer))),
            }
        }
        Ok(found)
    }

    /// Removes those that go, unless one is used by now. What stays.
    pub(crate) fn remove(&self, cluster: &Cluster, namespace: &str, report: &Report) -> Result<Vec<String>, Error> {
        let mut kept = self.staying.clone();
        let Some(kind) = cluster.kind(CERT_MANAGER_API, KIND)?.filter(|_| !self.going.is_empty()) else {
            return Ok(kept);
        };
        let signed = signed(cluster)?;
        for issuer in &self.going {
            let name = name_of(issuer);
            if let Some(why) = why_it_stays(name, namespace, true, &signed) {
                kept.push(format!("{KIND} {name}: {why}"));
                continue;
            }
            say(report, format!("removing the {KIND} {name}"));
            cluster.delete(&kind, "", name, &Guard::of(issuer).any_state(), Propagation::Background)?;
        }
        Ok(kept)
    }
}

fn why_it_stays(issuer: &str, namespace: &str, is_named: bool, signed: &Signed) -> Option<String> {
    let Some(signed) = signed else { return Some("no permission to check what uses it".to_owned()) };
    let user = signed.iter().find(|object| uses(object, issuer, namespace));
    if let Some(user) = user {
        let text = |value: &Json| value.as_str().unwrap_or_default().to_owned();
        let (kind, space) = (text(&user["kind"]), text(&user["metadata"]["namespace"]));
        return Some(format!("the {kind} {} in namespace {space} uses it", name_of(user)));
    }
    (!is_named).then(|| format!("SOURCE does not name it; --allow-object {KIND}/{issuer} removes it"))
}

/// Whether an object of another namespace has the cluster issuer sign.
fn uses(object: &Json, issuer: &str, namespace: &str) -> bool {
    let named = &object["spec"]["issuerRef"];
    named["kind"] == KIND && named["name"] == issuer && object["metadata"]["namespace"] != namespace
}

fn signed(cluster: &Cluster) -> Result<Signed, Error> {
    let mut found = Vec::new();
    for kind in USERS {
        let Some(kind) = cluster.kind(CERT_MANAGER_API, kind)? else { continue };
        let Some(objects) = all(cluster, &kind)? else { return Ok(None) };
        found.extend(objects);
    }
    Ok(Some(found))
}

/// All objects of a kind; none if we may not look.
fn all(cluster: &Cluster, kind: &Kind) -> Result<Option<Vec<Json>>, Error> {
    match cluster.list(kind, "", "") {
        Err(error) if error.kind() == ErrorKind::Forbidden => Ok(None),
        listed => Ok(listed.map(Some)?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn user(kind: &str, namespace: &str, of: &str, issuer: &str) -> Json {
        json!({"kind": kind, "metadata": {"name": "c", "namespace": namespace},
            "spec": {"issuerRef": {"kind": of, "name": issuer}}})
    }

    #[test]
    fn only_what_another_namespace_has_signed_keeps_a_cluster_issuer() {
        let all = Some(vec![
            user("Certificate", "ours", KIND, "le"),
            user("Certificate", "other", "Issuer", "le"),
            user("Certificate", "other", KIND, "else"),
        ]);
        assert_eq!(why_it_stays("le", "ours", true, &all), None);
        for kind in USERS {
            let said = why_it_stays("le", "ours", true, &Some(vec![user(kind, "other", KIND, "le")]));
            assert_eq!(said.unwrap(), format!("the {kind} c in namespace other uses it"));
        }
        assert!(why_it_stays("le", "ours", true, &None).unwrap().contains("no permission to check"));
    }

    #[test]
    fn a_cluster_issuer_that_neither_source_nor_a_person_names_stays() {
        let said = why_it_stays("le", "ours", false, &Some(Vec::new())).unwrap();
        assert!(said.contains("--allow-object ClusterIssuer/le removes it"), "{said}");
    }
}

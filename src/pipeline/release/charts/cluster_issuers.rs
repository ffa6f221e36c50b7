//! Cluster issuers that a release leaves behind. Other namespaces may have them sign, so that uninstalling the release
//! keeps them: they go when no certificate of another namespace names them, else they stay and it is said.

use crate::cluster::api::objects::{Guard, Objects as _, Propagation};
use crate::cluster::connect::client::Cluster;
use crate::external_charts::CERT_MANAGER_API;
use crate::k8s::error::ErrorKind;
use crate::k8s::object::name_of;
use crate::k8s::ownership::helm_release;
use crate::pipeline::Error;
use crate::pipeline::engine::event::{Report, say};
use serde_json::Value as Json;

/// Removes those of a release that nothing else uses; returns the names of the others.
pub fn remove(cluster: &Cluster, release: &str, namespace: &str, report: &Report) -> Result<Vec<String>, Error> {
    let Some(kind) = cluster.kind(CERT_MANAGER_API, "ClusterIssuer")? else { return Ok(Vec::new()) };
    let Some(certificate) = cluster.kind(CERT_MANAGER_API, "Certificate")? else { return Ok(Vec::new()) };
    let all = |kind| match cluster.list(kind, "", "") {
        Err(error) if error.kind() == ErrorKind::Forbidden => Ok(None),
        listed => listed.map(Some),
    };
    let Some(issuers) = all(&kind)? else { return Ok(Vec::new()) };
    let ours = issuers.into_iter().filter(|issuer| helm_release(issuer) == Some((release, namespace)));
    let mut kept = Vec::new();
    for issuer in ours {
        let name = name_of(&issuer);
        let users = all(&certificate)?.map(|certificates| users(&certificates, name, namespace));
        match users.as_deref() {
            Some([]) => {
                say(report, format!("removing the ClusterIssuer {name}"));
                let guard = Guard::of(&issuer).any_state();
                cluster.delete(&kind, "", name, &guard, Propagation::Background)?;
            }
            Some([first, ..]) => {
                say(report, format!("the ClusterIssuer {name} stays: the certificate {first} uses it"));
                kept.push(format!("ClusterIssuer {name}"));
            }
            None => {
                say(report, format!("the ClusterIssuer {name} stays: we may not look who uses it"));
                kept.push(format!("ClusterIssuer {name}"));
            }
        }
    }
    Ok(kept)
}

/// Certificates of other namespaces that name a cluster issuer: `NAMESPACE/NAME`.
fn users(certificates: &[Json], issuer: &str, namespace: &str) -> Vec<String> {
    let is_user = |certificate: &&Json| {
        let named = &certificate["spec"]["issuerRef"];
        named["kind"] == "ClusterIssuer" && named["name"] == issuer && certificate["metadata"]["namespace"] != namespace
    };
    let place = |certificate: &Json| {
        format!("{}/{}", certificate["metadata"]["namespace"].as_str().unwrap_or_default(), name_of(certificate))
    };
    certificates.iter().filter(is_user).map(place).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_certificates_of_other_namespaces_keep_a_cluster_issuer() {
        let certificate = |namespace: &str, kind: &str, issuer: &str| json!({"metadata": {"name": "c", "namespace": namespace}, "spec": {"issuerRef": {"kind": kind, "name": issuer}}});
        let all = [
            certificate("ours", "ClusterIssuer", "le"),
            certificate("other", "Issuer", "le"),
            certificate("other", "ClusterIssuer", "else"),
        ];
        assert!(users(&all, "le", "ours").is_empty());
        assert_eq!(users(&[certificate("other", "ClusterIssuer", "le")], "le", "ours"), ["other/c"]);
    }
}

//! Servers that still use a certificate from before its renewal.
//!
//! The kubelet updates the files in a running container, and the server decides whether it reads them again. Kestrel
//! watches its files, but not the symlinks that the kubelet swaps, so it keeps the certificate that it read at startup.

use crate::cluster::Timestamp;
use crate::cluster::connect::client::Cluster;
use crate::external_charts::CERT_MANAGER_API;
use crate::k8s::error::ErrorKind;
use crate::k8s::kind::POD;
use crate::k8s::labels;
use crate::k8s::object::{label, name_of};
use crate::pipeline::{Error, Release};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value as Json;

/// Start of the variables by which Kestrel is given a certificate, in lower case: .NET takes them in any.
const KESTREL: &str = "kestrel__certificates__";

/// A workload whose pods began before their certificate was renewed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Renewed {
    /// `Deployment` or `StatefulSet`.
    pub kind: String,
    pub name: String,
    /// From when on the renewed certificate is valid.
    pub valid_from: String,
    /// When the oldest of the servers began.
    pub started: String,
    /// The command that makes them read it.
    pub command: String,
}

impl Renewed {
    /// One sentence, with what to do.
    pub(crate) fn sentence(&self) -> String {
        format!(
            "the certificate of {} was renewed at {}, after its pods started, and .NET reads it only at startup: `{}`",
            self.name, self.valid_from, self.command
        )
    }
}

/// Looks at the certificates of .NET servers among these objects of the chart. Where we may not look there are none to tell of.
pub(crate) fn look(cluster: &Cluster, release: &Release, objects: &[Json]) -> Result<Vec<Renewed>, Error> {
    let servers: Vec<(&Json, &str)> = objects.iter().filter_map(|object| server(object, objects)).collect();
    if servers.is_empty() {
        return Ok(Vec::new());
    }
    let listed = |kind, selector: &str| match cluster.list(kind, &release.namespace, selector) {
        Err(error) if error.kind() == ErrorKind::Forbidden => Ok(Vec::new()),
        listed => listed,
    };
    let Some(kind) = cluster.kind(CERT_MANAGER_API, "Certificate")? else { return Ok(Vec::new()) };
    let certificates = listed(&kind, "")?;
    let pods = listed(&POD, &format!("{}={}", labels::INSTANCE, release.name))?;
    Ok(servers.into_iter().filter_map(|server| renewed(server, &certificates, &pods, &release.namespace)).collect())
}

/// A workload that gives Kestrel a certificate, and the Secret that holds it.
fn server<'a>(object: &'a Json, objects: &'a [Json]) -> Option<(&'a Json, &'a str)> {
    let pod = &object["spec"]["template"]["spec"];
    let certificates = objects.iter().filter(|object| object["kind"] == "Certificate");
    let secrets: Vec<&str> = certificates.filter_map(|it| it["spec"]["secretName"].as_str()).collect();
    let mut mounted = pod["volumes"].as_array()?.iter().filter_map(|it| it["secret"]["secretName"].as_str());
    let secret = mounted.find(|secret| secrets.contains(secret))?;
    let containers = pod["containers"].as_array()?;
    let maps = containers.iter().flat_map(|it| it["envFrom"].as_array().into_iter().flatten());
    let maps: Vec<&str> = maps.filter_map(|it| it["configMapRef"]["name"].as_str()).collect();
    let variables = containers.iter().flat_map(|it| it["env"].as_array().into_iter().flatten());
    let variables = variables.filter_map(|it| it["name"].as_str());
    let of_maps = objects.iter().filter(|it| it["kind"] == "ConfigMap" && maps.contains(&name_of(it)));
    let of_maps = of_maps.flat_map(|it| it["data"].as_object().into_iter().flatten()).map(|(key, _)| key.as_str());
    let is_kestrel = variables.chain(of_maps).any(|name| name.to_lowercase().starts_with(KESTREL));
    is_kestrel.then_some((object, secret))
}

fn renewed(
    (workload, secret): (&Json, &str),
    certificates: &[Json],
    pods: &[Json],
    namespace: &str,
) -> Option<Renewed> {
    let certificate = certificates.iter().find(|it| it["spec"]["secretName"] == secret)?;
    // The first one is there before any pod is.
    certificate["status"]["revision"].as_u64().filter(|revision| *revision > 1)?;
    let renewed: Timestamp = certificate["status"]["notBefore"].as_str()?.parse().ok()?;
    let (kind, name) = (workload["kind"].as_str()?, name_of(workload));
    let of_workload = pods.iter().filter(|pod| label(pod, labels::COMPONENT) == Some(name));
    let containers = of_workload.flat_map(|pod| pod["status"]["containerStatuses"].as_array().into_iter().flatten());
    let servers = containers.filter(|it| it["name"] == name);
    let started: Timestamp =
        servers.filter_map(|it| it["state"]["running"]["startedAt"].as_str()?.parse().ok()).min()?;
    (started < renewed).then(|| Renewed {
        kind: kind.to_owned(),
        name: name.to_owned(),
        valid_from: renewed.to_string(),
        started: started.to_string(),
        command: format!("kubectl rollout restart {}/{name} --namespace {namespace}", kind.to_lowercase()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// The objects of a chart whose server is told of its certificate by this variable.
    fn objects(variable: &str) -> Vec<Json> {
        let pod = json!({"containers": [{"name": "api", "envFrom": [{"configMapRef": {"name": "api-config"}}]}],
            "volumes": [{"name": "tls", "secret": {"secretName": "api-tls"}}]});
        vec![
            json!({"kind": "Deployment", "metadata": {"name": "api"}, "spec": {"template": {"spec": pod}}}),
            json!({"kind": "ConfigMap", "metadata": {"name": "api-config"}, "data": {variable: "x"}}),
            json!({"kind": "Certificate", "metadata": {"name": "api"}, "spec": {"secretName": "api-tls"}}),
        ]
    }

    fn found(variable: &str, revision: u64, valid_from: &str, started: &[&str]) -> Option<Renewed> {
        let objects = objects(variable);
        let server = objects.iter().find_map(|object| server(object, &objects))?;
        let certificate = json!({"metadata": {"name": "api"}, "spec": {"secretName": "api-tls"},
            "status": {"revision": revision, "notBefore": valid_from}});
        let pods = started.iter().map(|at| {
            json!({"metadata": {"labels": {labels::COMPONENT: "api"}}, "status":
            {"containerStatuses": [{"name": "api", "state": {"running": {"startedAt": at}}},
                {"name": "sidecar", "state": {"running": {"startedAt": "2020-01-01T00:00:00Z"}}}]}})
        });
        renewed(server, &[certificate], &pods.collect::<Vec<_>>(), "shop")
    }

    #[test]
    fn a_server_that_began_before_its_certificate_was_renewed_is_told() {
        let kestrel = "Kestrel__Certificates__Default__Path";
        let (early, late, renewed) = ("2026-03-01T10:00:00Z", "2026-05-01T10:00:00Z", "2026-04-01T10:00:00Z");
        let told = found(kestrel, 2, renewed, &[late, early]).unwrap();
        assert_eq!((told.valid_from.as_str(), told.started.as_str()), (renewed, early));
        assert_eq!(told.command, "kubectl rollout restart deployment/api --namespace shop");
        assert!(told.sentence().contains("the certificate of api was renewed at 2026-04-01T10:00:00Z"));
        assert!(found(&kestrel.to_uppercase(), 2, renewed, &[early]).is_some());
        for nothing in [
            found(kestrel, 2, renewed, &[late]),
            found(kestrel, 1, renewed, &[early]),
            found(kestrel, 2, renewed, &[]),
            found(kestrel, 2, "soon", &[early]),
            // It is no .NET server, or has settings of its own.
            found("SSL_CERT", 2, renewed, &[early]),
        ] {
            assert_eq!(nothing, None);
        }
    }
}

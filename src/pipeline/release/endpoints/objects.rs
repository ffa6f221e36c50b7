//! The URLs of the Services and Ingresses of a release. Pure.

use crate::k8s::labels;
use crate::k8s::object::{name_of, owned, text};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value as Json;
use std::collections::BTreeSet;

/// A port of a Service, or a host of an Ingress.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Endpoint {
    /// Name of the Service or Ingress.
    pub name: String,
    /// `ClusterIP`, `NodePort`, `LoadBalancer`, `ExternalName`, `Ingress`, `Gateway`, or the kind of a route.
    pub kind: String,
    /// Whether it is reached from outside of the cluster.
    pub external: bool,
    /// Address inside the cluster, or outside where it is external; null when it has none yet.
    pub address: Option<String>,
    /// The port; null for an Ingress.
    pub port: Option<u64>,
    /// Name of the port; null where it has none.
    pub port_name: Option<String>,
    /// How to reach it from this machine.
    pub reach: String,
}

const HEADLESS: &str = "None";

/// The ways to reach what an object publishes.
pub(crate) fn of(object: &Json) -> Vec<Endpoint> {
    match text(&object["kind"]) {
        "Service" if object["spec"]["clusterIP"] != HEADLESS => service(object),
        // One of ours that keeps paths from the public leads nowhere.
        "Ingress" if object["metadata"]["annotations"][labels::CLOSED] == "true" => Vec::new(),
        "Ingress" => ingress(object),
        _ => Vec::new(),
    }
}

fn service(object: &Json) -> Vec<Endpoint> {
    let (name, namespace) = (name_of(object), text(&object["metadata"]["namespace"]));
    let spec = &object["spec"];
    let kind = spec["type"].as_str().unwrap_or("ClusterIP");
    let balancer = object["status"]["loadBalancer"]["ingress"].as_array().and_then(|all| all.first());
    let given = balancer.and_then(|first| first["ip"].as_str().or(first["hostname"].as_str()));
    let ports = spec["ports"].as_array().into_iter().flatten();
    let endpoint = |port: &Json| {
        let number = port["port"].as_u64().unwrap_or(0);
        let node_port = port["nodePort"].as_u64();
        let inside = format!("{name}.{namespace}.svc:{number}");
        let forward = format!("kubectl port-forward -n {namespace} service/{name} 8080:{number}");
        let (address, reach) = match (kind, given, node_port) {
            ("LoadBalancer", Some(host), _) => (Some(format!("{host}:{number}")), format!("{host}:{number}")),
            ("LoadBalancer", None, _) => (None, format!("no address yet; until then {forward}")),
            ("NodePort", _, Some(node)) => (Some(inside), format!("port {node} of any node")),
            ("ExternalName", ..) => (owned(&spec["externalName"]), text(&spec["externalName"]).to_owned()),
            _ => (Some(inside), forward),
        };
        Endpoint {
            name: name.to_owned(),
            kind: kind.to_owned(),
            external: matches!(kind, "LoadBalancer" | "NodePort"),
            address,
            port: Some(number),
            port_name: owned(&port["name"]),
            reach,
        }
    };
    ports.map(endpoint).collect()
}

fn ingress(object: &Json) -> Vec<Endpoint> {
    let secure: BTreeSet<&str> = object["spec"]["tls"]
        .as_array()
        .into_iter()
        .flatten()
        .flat_map(|tls| tls["hosts"].as_array().into_iter().flatten())
        .map(text)
        .collect();
    let first = &object["status"]["loadBalancer"]["ingress"][0];
    let given = first["ip"].as_str().or(first["hostname"].as_str());
    let rules = object["spec"]["rules"].as_array().into_iter().flatten().map(|rule| rule["host"].as_str());
    let default = object["spec"]["defaultBackend"].is_object().then_some(None);
    let mut hosts: Vec<Option<&str>> = rules.chain(default).collect();
    // The default backend answers for every host too; that is worth a line only where no rule has one.
    if hosts.iter().any(Option::is_some) {
        hosts.retain(Option::is_some);
    }
    hosts.dedup();
    let anywhere = object["spec"]["tls"].as_array().into_iter().flatten().any(|tls| !tls["hosts"].is_array());
    let endpoint = |host: Option<&str>| {
        let reached = host.or(given);
        let scheme = if anywhere || host.is_some_and(|host| secure.contains(host)) { "https" } else { "http" };
        Endpoint {
            name: name_of(object).to_owned(),
            kind: "Ingress".to_owned(),
            external: true,
            address: reached.map(str::to_owned),
            port: None,
            port_name: None,
            reach: reached.map_or_else(|| "no address yet".to_owned(), |host| format!("{scheme}://{host}")),
        }
    };
    hosts.into_iter().map(endpoint).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn endpoints_say_how_to_reach_them() {
        let service = |spec: Json, status: Json| json!({"kind": "Service", "metadata": {"name": "api", "namespace": "n"}, "spec": spec, "status": status});
        let port = json!([{"name": "http", "port": 80, "nodePort": 30080}]);
        let address = json!({"loadBalancer": {"ingress": [{"ip": "10.1.2.3"}]}});
        for (spec, status, external, reach) in [
            (
                json!({"type": "ClusterIP", "ports": port}),
                json!({}),
                false,
                "kubectl port-forward -n n service/api 8080:80",
            ),
            (json!({"type": "NodePort", "ports": port}), json!({}), true, "port 30080 of any node"),
            (json!({"type": "LoadBalancer", "ports": port}), address, true, "10.1.2.3:80"),
            (
                json!({"type": "LoadBalancer", "ports": port}),
                json!({}),
                true,
                "no address yet; until then kubectl port-forward -n n service/api 8080:80",
            ),
        ] {
            let found = of(&service(spec, status));
            assert_eq!((found[0].external, &*found[0].reach), (external, reach));
        }
        assert!(of(&service(json!({"clusterIP": "None", "ports": port}), json!({}))).is_empty());
        let ingress = json!({"kind": "Ingress", "metadata": {"name": "web"}, "spec": {
            "tls": [{"hosts": ["a.example"]}], "rules": [{"host": "a.example"}, {"host": "b.example"}]}});
        let reach: Vec<String> = of(&ingress).into_iter().map(|endpoint| endpoint.reach).collect();
        assert_eq!(reach, ["https://a.example", "http://b.example"]);
        let bare = |status: Json| {
            json!({"kind": "Ingress", "metadata": {"name": "web"}, "status": status,
            "spec": {"defaultBackend": {}, "rules": [{"http": {}}]}})
        };
        assert_eq!(of(&bare(json!({})))[0].reach, "no address yet");
        let found = of(&bare(json!({"loadBalancer": {"ingress": [{"ip": "10.0.0.7"}]}})));
        assert_eq!((found.len(), &*found[0].reach), (1, "http://10.0.0.7"));
    }
}

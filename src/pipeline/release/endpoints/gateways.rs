//! The URLs of Gateways and of the routes on them. Pure.

use super::objects::Endpoint;
use crate::k8s::object::{name_of, text};
use serde_json::Value as Json;
use std::collections::BTreeMap;

/// The ways in through the Gateways among these objects, and through those of other owners that routes among them attach to.
pub(crate) fn of(objects: &[&Json]) -> Vec<Endpoint> {
    let routes: Vec<&Json> =
        objects.iter().copied().filter(|object| text(&object["kind"]).ends_with("Route")).collect();
    let gateways: Vec<&Json> = objects.iter().copied().filter(|object| object["kind"] == "Gateway").collect();
    let mut found: Vec<Endpoint> = gateways.iter().flat_map(|gateway| own(gateway, &routes)).collect();
    let is_own = |parent: &Json| gateways.iter().any(|gateway| parent["name"] == name_of(gateway));
    for route in routes {
        let foreign = parents(route).find(|parent| !is_own(parent));
        found.extend(foreign.map(|parent| attached(route, parent)));
    }
    found
}

/// The listeners of a Gateway with the hosts that they answer for; of two for one host, the one with a certificate.
fn own(gateway: &Json, routes: &[&Json]) -> Vec<Endpoint> {
    let address = gateway["status"]["addresses"][0]["value"].as_str().filter(|text| !text.is_empty());
    let mut by_host: BTreeMap<String, (bool, Endpoint)> = BTreeMap::new();
    let listeners: Vec<&Json> = gateway["spec"]["listeners"].as_array().into_iter().flatten().collect();
    for listener in &listeners {
        let (protocol, port) = (text(&listener["protocol"]), listener["port"].as_u64().unwrap_or(0));
        let attached = routes.iter().filter(|route| {
            (protocol == "TCP") == (route["kind"] == "TCPRoute")
                && parents(route).any(|parent| {
                    let section = parent["sectionName"].as_str();
                    parent["name"] == name_of(gateway) && section.is_none_or(|name| listener["name"] == name)
                })
        });
        let mut hosts: Vec<Option<&str>> = match listener["hostname"].as_str() {
            Some(host) => vec![Some(host)],
            None => attached.flat_map(|route| hostnames(route)).collect(),
        };
        hosts.dedup();
        for host in hosts {
            let reached = host.or(address);
            let (scheme, usual) = match protocol {
                "HTTPS" => ("https", 443),
                "HTTP" => ("http", 80),
                _ => ("tcp", 0),
            };
            let port_text = if port == usual { String::new() } else { format!(":{port}") };
            let reach = reached.map_or_else(
                || "no address yet".to_owned(),
                |host| {
                    if scheme == "tcp" { format!("{host}{port_text}") } else { format!("{scheme}://{host}{port_text}") }
                },
            );
            let endpoint = Endpoint {
                name: name_of(gateway).to_owned(),
                kind: "Gateway".to_owned(),
                external: true,
                address: reached.map(str::to_owned),
                port: Some(port),
                port_name: listener["name"].as_str().map(str::to_owned),
                reach,
            };
            let secure = scheme == "https";
            let key = if scheme == "tcp" { format!("tcp {port}") } else { host.unwrap_or_default().to_owned() };
            if by_host.get(&key).is_none_or(|(known, _)| secure && !known) {
                by_host.insert(key, (secure, endpoint));
            }
        }
    }
    by_host.into_values().map(|(_, endpoint)| endpoint).collect()
}

/// A route on another owner's Gateway: what scheme and port lead to it, only that Gateway knows.
fn attached(route: &Json, parent: &Json) -> Endpoint {
    let host = hostnames(route).into_iter().flatten().next();
    let space = parent["namespace"].as_str().map(|space| format!(" of namespace {space}")).unwrap_or_default();
    let through = format!("through the Gateway {}{space}", text(&parent["name"]));
    Endpoint {
        name: name_of(route).to_owned(),
        kind: text(&route["kind"]).to_owned(),
        external: true,
        address: host.map(str::to_owned),
        port: None,
        port_name: None,
        reach: host.map_or_else(|| through.clone(), |host| format!("{host} {through}")),
    }
}

fn parents(route: &Json) -> impl Iterator<Item = &Json> {
    route["spec"]["parentRefs"].as_array().into_iter().flatten()
}

/// Hosts of a route; one without any answers for all.
fn hostnames(route: &Json) -> Vec<Option<&str>> {
    let all: Vec<Option<&str>> =
        route["spec"]["hostnames"].as_array().into_iter().flatten().map(|host| host.as_str()).collect();
    if all.is_empty() { vec![None] } else { all }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn gateways_say_their_urls() {
        let gateway = json!({"kind": "Gateway", "metadata": {"name": "edge"}, "status": {"addresses": [{"value": "10.0.0.7"}]},
            "spec": {"listeners": [
                {"name": "http", "port": 80, "protocol": "HTTP"},
                {"name": "https", "port": 8443, "protocol": "HTTPS", "hostname": "a.test"},
                {"name": "pg", "port": 5432, "protocol": "TCP"}]}});
        let route = |kind: &str, hosts: Json, section: Json| {
            json!({"kind": kind, "metadata": {"name": "r"},
            "spec": {"hostnames": hosts, "parentRefs": [{"name": "edge", "sectionName": section}]}})
        };
        let http = route("HTTPRoute", json!(["a.test", "b.test"]), json!(null));
        let tcp = route("TCPRoute", json!([]), json!("pg"));
        let all = route("HTTPRoute", json!([]), json!(null));
        let foreign = json!({"kind": "HTTPRoute", "metadata": {"name": "s"},
            "spec": {"hostnames": ["s.test"], "parentRefs": [{"name": "main", "namespace": "infra"}]}});
        let reach = |objects: &[&Json]| of(objects).into_iter().map(|it| it.reach).collect::<Vec<_>>();
        assert_eq!(
            reach(&[&gateway, &http, &tcp, &foreign]),
            [
                "https://a.test:8443",
                "http://b.test",
                "10.0.0.7:5432",
                "s.test through the Gateway main of namespace infra"
            ]
        );
        assert_eq!(reach(&[&gateway, &all]), ["http://10.0.0.7", "https://a.test:8443"]);
        let mut pending = gateway.clone();
        pending["status"] = json!({});
        assert_eq!(reach(&[&pending, &all])[0], "no address yet");
    }
}

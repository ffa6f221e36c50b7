//! Host names of routes that come from the cluster: the name for an address, and the routes that still have none. Pure.
//!
//! The rules and certificates of an Ingress are lists that one owner writes as a whole, so a discovered name is not
//! patched in: it becomes a value, and helm writes another revision.

use crate::config::is_host;
use crate::targets::kubernetes::{Discovering, Plan};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

/// How the description of a revision begins that a deploy wrote before it knew every host.
pub(crate) const HALF: &str = "Half of a deploy: ";

/// Hosts by the name under which they are remembered between deploys.
pub(crate) type Hosts = BTreeMap<String, String>;

/// What the cluster says of a route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum HostState {
    Host(String),
    /// No host yet, and why.
    Waiting(String),
    /// An address that no host can be made of, and what to do.
    Unusable(String),
}

/// The hosts that were found before, of the routes that still look for theirs.
pub(crate) fn remembered(plan: &Plan, kept: &Hosts) -> Hosts {
    let keys = plan.routes.discoveries.iter().map(Discovering::key);
    keys.filter_map(|key| kept.get_key_value(&key)).map(|(key, host)| (key.clone(), host.clone())).collect()
}

/// The same as values of the chart.
pub(crate) fn values(plan: &Plan, hosts: &Hosts) -> Json {
    let mut values = json!({});
    for route in &plan.routes.discoveries {
        if let Some(host) = hosts.get(&route.key()) {
            values[route.values_key()][&route.name] = json!({"discovered": host});
        }
    }
    values
}

/// What a revision is said to be that is written while hosts are missing; none when it is whole.
pub(crate) fn half(plan: &Plan, hosts: &Hosts) -> Option<String> {
    let missing: Vec<String> = plan
        .routes
        .discoveries
        .iter()
        .filter(|route| !hosts.contains_key(&route.key()))
        .map(|route| format!("{} {}", route.kind, route.name))
        .collect();
    (!missing.is_empty()).then(|| format!("{HALF}no host yet for {}", missing.join(", ")))
}

/// The host that the live object shows.
pub(crate) fn found(route: &Discovering, object: Option<&Json>) -> HostState {
    let Some(object) = object else { return HostState::Waiting("it is not there".into()) };
    if let Some(key) = &route.annotation {
        return match object["metadata"]["annotations"][key].as_str().filter(|text| !text.is_empty()) {
            Some(host) => usable(host),
            None => HostState::Waiting(format!("the annotation {key} is not set yet")),
        };
    }
    let (ip, hostname) = address(route, object);
    if ip.is_none() && hostname.is_none() {
        return HostState::Waiting("its controller has not set an address yet".into());
    }
    let template = route.template.as_deref().unwrap_or("{hostname}");
    let mut host = template.to_owned();
    for (mark, value) in [("{ip}", ip.map(|ip| ip.replace(':', "-"))), ("{hostname}", hostname.map(str::to_owned))] {
        match value {
            Some(value) => host = host.replace(mark, &value),
            None if template.contains(mark) => {
                let has = ip.or(hostname).unwrap_or_default();
                return HostState::Unusable(format!(
                    "its address is {has}, and `{template}` needs {}; `discovery: {{template: ...}}` sets the host \
                    name for it, such as `{{ip}}.sslip.io`",
                    if mark == "{ip}" { "an IP address" } else { "a name" }
                ));
            }
            None => {}
        }
    }
    usable(&host)
}

/// The first IP and the first name among the addresses of an Ingress or a Gateway. Controllers list them in any order, and
/// write entries that hold neither yet.
fn address<'a>(route: &Discovering, object: &'a Json) -> (Option<&'a str>, Option<&'a str>) {
    let text = |value: &'a Json| value.as_str().filter(|text| !text.is_empty());
    if route.kind == "Ingress" {
        let all = object["status"]["loadBalancer"]["ingress"].as_array().map_or(&[][..], Vec::as_slice);
        let first = |key: &str| all.iter().find_map(|entry| text(&entry[key]));
        return (first("ip"), first("hostname"));
    }
    let all = object["status"]["addresses"].as_array().map_or(&[][..], Vec::as_slice);
    // IPAddress is the default of the type; others are of the controller's own making.
    let first = |wanted: &str| {
        let is_wanted = |entry: &&Json| entry["type"].as_str().unwrap_or("IPAddress") == wanted;
        all.iter().filter(is_wanted).find_map(|entry| text(&entry["value"]))
    };
    (first("IPAddress"), first("Hostname"))
}

/// What the cluster says may be anything; only a host name continues.
fn usable(text: &str) -> HostState {
    let host = text.trim_end_matches('.').to_ascii_lowercase();
    if is_host(&host) {
        return HostState::Host(host);
    }
    let shown: String = text.chars().filter(|c| !c.is_control()).take(80).collect();
    HostState::Unusable(format!("`{shown}` is not a valid host name"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(kind: &str, annotation: Option<&str>, template: Option<&str>) -> Discovering {
        Discovering {
            kind: kind.into(),
            name: "public".into(),
            annotation: annotation.map(str::to_owned),
            template: template.map(str::to_owned),
            seconds: 5,
        }
    }

    fn ingress(first: &Json) -> Json {
        json!({"metadata": {"annotations": {"a/host": "Shop.Example.com."}}, "status": {"loadBalancer": {"ingress": [first]}}})
    }

    #[test]
    fn a_host_comes_from_status_annotation_or_template() {
        let (ip, name) = (ingress(&json!({"ip": "10.0.0.7"})), ingress(&json!({"hostname": "lb.cloud.test"})));
        let gateway = json!({"status": {"addresses": [{"type": "IPAddress", "value": "fd00::7"}]}});
        let named = json!({"status": {"addresses": [{"type": "Hostname", "value": "gw.cloud.test"}]}});
        for (route, object, host) in [
            (route("Ingress", None, None), &name, "lb.cloud.test"),
            (route("Ingress", None, Some("{ip}.sslip.io")), &ip, "10.0.0.7.sslip.io"),
            (route("Ingress", Some("a/host"), None), &ip, "shop.example.com"),
            (route("Gateway", None, Some("{ip}.sslip.io")), &gateway, "fd00--7.sslip.io"),
            (route("Gateway", None, Some("shop.{hostname}")), &named, "shop.gw.cloud.test"),
        ] {
            assert_eq!(found(&route, Some(object)), HostState::Host(host.into()));
        }
    }

    #[test]
    fn every_address_is_looked_at() {
        let all =
            json!({"status": {"loadBalancer": {"ingress": [{}, {"hostname": "lb.cloud.test"}, {"ip": "10.0.0.7"}]}}});
        let gateway = json!({"status": {"addresses": [
            {"type": "example.com/vip", "value": "vip-1"},
            {"type": "Hostname", "value": "gw.cloud.test"},
            {"value": "10.0.0.8"},
        ]}});
        for (kind, object, template, host) in [
            ("Ingress", &all, None, "lb.cloud.test"),
            ("Ingress", &all, Some("{ip}.sslip.io"), "10.0.0.7.sslip.io"),
            ("Gateway", &gateway, None, "gw.cloud.test"),
            ("Gateway", &gateway, Some("{ip}.sslip.io"), "10.0.0.8.sslip.io"),
        ] {
            assert_eq!(found(&route(kind, None, template), Some(object)), HostState::Host(host.into()));
        }
    }

    #[test]
    fn nothing_yet_and_nothing_usable_are_told_apart() {
        let route = route("Ingress", None, None);
        assert!(matches!(found(&route, None), HostState::Waiting(_)));
        assert!(matches!(found(&route, Some(&ingress(&json!({})))), HostState::Waiting(_)));
        let HostState::Unusable(why) = found(&route, Some(&ingress(&json!({"ip": "10.0.0.7"})))) else {
            panic!("usable")
        };
        assert!(why.contains("10.0.0.7") && why.contains("sslip.io"), "{why}");
        let hostile = ingress(&json!({"hostname": "a\u{1b}[31m b"}));
        assert!(matches!(found(&route, Some(&hostile)), HostState::Unusable(_)));
    }

    #[test]
    fn a_revision_is_half_while_a_host_is_missing() {
        let mut plan = Plan::default();
        plan.routes.discoveries = vec![route("Ingress", None, None)];
        assert_eq!(half(&plan, &Hosts::new()).as_deref(), Some("Half of a deploy: no host yet for Ingress public"));
        let kept = Hosts::from([
            ("ingresses.public.discovered".to_owned(), "a.test".to_owned()),
            ("greeting".to_owned(), "hi".to_owned()),
        ]);
        let hosts = remembered(&plan, &kept);
        assert_eq!((hosts.len(), half(&plan, &hosts)), (1, None));
        assert_eq!(values(&plan, &hosts), json!({"ingresses": {"public": {"discovered": "a.test"}}}));
    }
}

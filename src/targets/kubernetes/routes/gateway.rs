//! One Gateway with its routes.

use super::backend::{self, Carries, Wanted};
use super::shared::{Discovering, Routes, Surroundings, covers_health, must_discover, note_health, tls_values};
use super::views::{GatewayView, ListenerView, RouteView, RuleView};
use crate::app::Note;
use crate::config::{CertManager, Gateway, MatchType, RouteKind, intent_place};
use crate::support::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::targets::kubernetes::name::Name;
use crate::targets::kubernetes::values::Tree;
use indexmap::IndexMap;
use serde_json::{Map, Value as Json, json};

pub(crate) fn plan(
    name: &str,
    gateway: &Gateway,
    around: &Surroundings,
    routes: &mut Routes,
    notes: &mut Vec<Note>,
    diagnostics: &mut Diagnostics,
) {
    let mut view = GatewayView {
        name: name.to_owned(),
        gateway: gateway.existing.as_ref().map_or_else(|| name.to_owned(), |existing| existing.name.clone()),
        namespace: gateway.existing.as_ref().and_then(|existing| existing.namespace.clone()),
        own: gateway.existing.is_none(),
        listeners: listeners(gateway),
        tls: gateway.tls.is_some(),
        redirect: gateway.redirect,
        ..GatewayView::default()
    };
    let mut groups: IndexMap<(RouteKind, String, String), Vec<RuleView>> = IndexMap::new();
    for (index, route) in gateway.routes.iter().enumerate() {
        let place = format!("gateways.{name}.routes[{index}]");
        let kind = route.kind.unwrap_or_default();
        let carries = if kind == RouteKind::Tcp { Carries::Tcp } else { Carries::Http };
        let (binding, internal) = (route.binding.as_deref(), route.internal);
        let wanted = Wanted { place: &place, to: &route.to, binding, internal, carries };
        let Some(found) = backend::find(&wanted, around, diagnostics) else { continue };
        if found.secure && carries == Carries::Http {
            let text = format!(
                "gateway `{name}` connects to it over plain http, but its binding uses https; create a \
                BackendTLSPolicy with the certificate to trust"
            );
            notes.push(Note { code: Code::ChangedInCluster, resource: route.to.clone(), text });
        }
        let host = route.host.clone().unwrap_or_default();
        if !host.is_empty() && !view.hosts.contains(&host) && kind != RouteKind::Tcp {
            view.hosts.push(host.clone());
        }
        let shared = gateway.existing.as_ref().and_then(|existing| existing.listener.clone());
        let listener = route.listener.clone().or(shared).unwrap_or_default();
        routes.reached.insert((found.service.clone(), found.port.clone()));
        groups.entry((kind, host, listener)).or_default().push(RuleView {
            path: route.path.clone().unwrap_or_default(),
            match_type: route.match_type.unwrap_or_default(),
            service: route.service.clone().unwrap_or_default(),
            method: route.method.clone().unwrap_or_default(),
            backend: found.service,
            port: found.port,
        });
    }
    check_groups(name, &groups, diagnostics);
    for ((kind, host, listener), rules) in groups {
        let words = [word(kind), host.as_str(), listener.as_str()];
        let words: Vec<&str> = words.into_iter().filter(|word| !word.is_empty()).collect();
        let qualifier = words.join("-").replace("*.", "wildcard-");
        let text = if words.is_empty() { name.to_owned() } else { format!("{name}-{qualifier}") };
        let file = if words.is_empty() { String::new() } else { Name::of_label(&qualifier).to_string() };
        let closed = if kind == RouteKind::Http { gateway.closed_paths.clone() } else { Vec::new() };
        let name = Name::of_label(&text).to_string();
        view.routes.push(RouteView { qualifier: file, name, kind, host, listener, rules, closed });
    }
    let open = gateway.routes.iter().filter(|route| {
        let is_prefix = route.match_type.unwrap_or_default() != MatchType::Exact;
        route.path.as_deref().is_some_and(|path| covers_health(path, is_prefix))
    });
    note_health("Gateway", name, open.map(|route| route.to.clone()), &gateway.closed_paths, around, notes);
    let has_host = !gateway.hosts.is_empty() || !view.hosts.is_empty();
    if view.own && must_discover(gateway.tls.as_ref(), gateway.discovery.as_ref(), has_host) {
        routes.discoveries.push(Discovering::new("Gateway", name, gateway.discovery.as_ref()));
    }
    routes.gateways.push(view);
}

fn listeners(gateway: &Gateway) -> Vec<ListenerView> {
    let others = gateway.listeners.iter().filter_map(|(name, listener)| {
        let host = listener.host.clone().unwrap_or_default();
        Some(ListenerView { name: name.clone(), protocol: listener.protocol?, host })
    });
    others.collect()
}

/// A host on one listener belongs to http or to grpc routes: a Gateway refuses one of two that share it
/// (<https://gateway-api.sigs.k8s.io/reference/spec/#grpcroutespec>). A listener of tcp has one route.
fn check_groups(
    name: &str,
    groups: &IndexMap<(RouteKind, String, String), Vec<RuleView>>,
    diagnostics: &mut Diagnostics,
) {
    let place = || intent_place(format!("gateways.{name}.routes"));
    for ((kind, host, listener), rules) in groups {
        let other = (RouteKind::Http, host.clone(), listener.clone());
        if *kind == RouteKind::Grpc && groups.contains_key(&other) {
            let diagnostic = Diagnostic::new(
                Code::ConflictingKeys,
                place(),
                "http and grpc routes share a host, which the Gateway API does not allow",
            );
            diagnostics.push(diagnostic.hint("set a separate `host` for the grpc routes"));
        }
        if *kind == RouteKind::Tcp && rules.len() > 1 {
            let what = format!("the listener `{listener}` has {} tcp routes, but supports only one", rules.len());
            diagnostics.push(Diagnostic::new(Code::ConflictingKeys, place(), what).hint("define a listener for each"));
        }
    }
}

/// What stands in the name of a route besides the Gateway.
fn word(kind: RouteKind) -> &'static str {
    match kind {
        RouteKind::Http => "",
        RouteKind::Grpc => "grpc",
        RouteKind::Tcp => "tcp",
    }
}

pub(crate) fn values(name: &str, gateway: &Gateway, issuers: &CertManager) -> Tree {
    let mut tree = Tree::default();
    if gateway.existing.is_none() {
        tree.data("class", "", gateway.class.as_deref().unwrap_or(""));
    }
    tree.data("hosts", "Public host names; without any, the routes answer for all.", &gateway.hosts);
    if gateway.existing.is_none() {
        tree.data("discovered", "Host name that `kubectl aspire deploy` found; counts when there are no hosts.", "");
        tree.data("ports", "Ports of the listeners.", ports(gateway));
        if let Some(tls) = &gateway.tls {
            tree.data("tls", "", tls_values(name, tls, issuers));
        }
        tree.data("annotations", "", &gateway.annotations);
    }
    tree
}

fn ports(gateway: &Gateway) -> Json {
    let mut ports = Map::new();
    let own: &[(&str, u16)] = if gateway.tls.is_some() { &[("http", 80), ("https", 443)] } else { &[("http", 80)] };
    for (name, port) in own {
        ports.insert((*name).to_owned(), json!(port));
    }
    for (name, listener) in &gateway.listeners {
        ports.insert(name.clone(), json!(listener.port));
    }
    Json::Object(ports)
}

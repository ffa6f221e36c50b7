//! The backend of a route: a resource and a binding become a Service and its port.

use super::shared::Surroundings;
use crate::app::{Port, unknown_workload};
use crate::config::intent_place;
use crate::support::diagnostic::{Code, Diagnostic, Diagnostics};

/// What a route says about who answers.
pub(crate) struct Wanted<'a> {
    /// The place in the file.
    pub place: &'a str,
    /// The resource.
    pub to: &'a str,
    pub binding: Option<&'a str>,
    /// Whether a binding that is not external may be published.
    pub internal: bool,
    /// What the route can carry.
    pub carries: Carries,
}

/// What a route can carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Carries {
    /// Http in all its versions.
    Http,
    /// Any connection.
    Tcp,
}

/// A Service and the name of its port, which is also its key in the values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Backend {
    /// Name of the Service.
    pub service: String,
    /// Name of the port.
    pub port: String,
    /// Whether the port speaks http over TLS.
    pub secure: bool,
}

/// How to publish what does not speak http.
const OTHERWISE: &str = "a tcp binding needs a tcp route of a Gateway, or `service: {type: LoadBalancer}`";

/// Finds it, or says what is wrong.
pub(crate) fn find(wanted: &Wanted, around: &Surroundings, diagnostics: &mut Diagnostics) -> Option<Backend> {
    let place = intent_place(wanted.place);
    let resource = wanted.to;
    let Some(workload) = around.app.workloads.get(resource) else {
        let running = around.app.workloads.keys().map(String::as_str);
        let unknown = unknown_workload(resource, place, running, diagnostics);
        diagnostics.push(unknown);
        return None;
    };
    let fits = |port: &Port| !port.udp && (wanted.carries == Carries::Tcp || is_web(port));
    let found = match wanted.binding {
        Some(binding) => workload.ports.get_key_value(binding),
        // Several may fit: one that is public, and of those the one in clear, which needs no trusted certificate.
        None => workload.ports.iter().filter(|(_, port)| fits(port)).min_by_key(|(_, port)| {
            (!port.external, wanted.carries == Carries::Tcp && is_web(port), port.scheme == "https")
        }),
    };
    let Some((binding, port)) = found else {
        let known: Vec<&str> = workload.ports.keys().map(String::as_str).collect();
        let what = match wanted.binding {
            Some(binding) => format!("`{resource}` has no binding `{binding}`"),
            None => format!("`{resource}` has no binding that this route supports"),
        };
        diagnostics.push(Diagnostic::new(Code::UnknownEndpoint, place, what).hint(match known.as_slice() {
            [] => "it has no bindings at all".to_owned(),
            known if wanted.binding.is_none() => format!("there are: {}; {OTHERWISE}", known.join(", ")),
            known => format!("there are: {}", known.join(", ")),
        }));
        return None;
    };
    if !fits(port) {
        let what =
            format!("binding `{binding}` of `{resource}` uses {}, which this route does not support", spoken(port));
        diagnostics.push(Diagnostic::new(Code::UnknownEndpoint, place, what).hint(OTHERWISE));
        return None;
    }
    if !port.external && !wanted.internal {
        let what = format!("binding `{binding}` of `{resource}` is not marked as external in the AppHost");
        diagnostics.push(Diagnostic::new(Code::NotExternal, place, what).hint(
            "call WithExternalHttpEndpoints() there and publish the manifest again, or set `internal: true` here to \
            expose it anyway",
        ));
        return None;
    }
    let service = around.names.get(resource)?.to_string();
    // Bindings of one number share a port of the Service, under the name of the first.
    let own = around.ports.get(&(resource.to_owned(), binding.clone()))?;
    let twin = || {
        let same = workload.ports.iter().filter(|(_, other)| (other.client, other.udp) == (port.client, port.udp));
        let names = same.filter_map(|(name, _)| around.ports.get(&(resource.to_owned(), name.clone())));
        let served = around.services.get(resource).copied().unwrap_or_default();
        names.into_iter().find(|name| served.iter().any(|port| port.name == **name)).cloned()
    };
    Some(Backend { service, port: twin().unwrap_or_else(|| own.clone()), secure: port.scheme == "https" })
}

fn is_web(port: &Port) -> bool {
    port.scheme.eq_ignore_ascii_case("http") || port.scheme.eq_ignore_ascii_case("https")
}

fn spoken(port: &Port) -> &str {
    if port.udp { "udp" } else { &port.scheme }
}

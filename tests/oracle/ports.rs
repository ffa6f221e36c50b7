//! Which ports the bindings of a resource become.
//!
//! This module must not know of expressions; it reads one resource of a manifest and nothing else.

use serde_json::{Map, Value};

/// What the references to one binding say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Port {
    pub scheme: String,
    pub protocol: String,
    pub transport: String,
    pub external: bool,
    pub service: u64,
    /// Port of the container.
    pub target: u64,
}

impl Port {
    /// As Kubernetes spells the protocol.
    pub(super) fn kubernetes_protocol(&self) -> String {
        if self.protocol == "udp" { "UDP" } else { "TCP" }.to_owned()
    }
}

/// The ports that a resource really has, in the order of its bindings.
pub(super) fn of(resource: &Value) -> Vec<Port> {
    let Some(bindings) = resource["bindings"].as_object() else { return Vec::new() };
    let answering = answering(resource);
    let own =
        bindings.values().filter(|binding| !is_clear(resource, binding) || answering.is_some_and(|it| it == *binding));
    own.map(|binding| port(resource, binding)).collect()
}

/// The port that references to the binding `name` mean.
pub(super) fn find(resource: &Value, name: &str) -> Option<Port> {
    let bindings = resource["bindings"].as_object()?;
    let binding = by_name(bindings, name)?;
    let binding = if is_clear(resource, binding) { answering(resource)? } else { binding };
    Some(port(resource, binding))
}

/// Whether `name` is an https binding of a .NET server: without a certificate nobody speaks https there.
pub(super) fn is_clear_named(resource: &Value, name: &str) -> bool {
    let bindings = resource["bindings"].as_object();
    bindings.and_then(|bindings| by_name(bindings, name)).is_some_and(|binding| is_clear(resource, binding))
}

/// Whether a resource has an https binding and no http one.
pub(super) fn is_https_alone(resource: &Value) -> bool {
    let bindings = resource["bindings"].as_object();
    first_http(resource).is_none()
        && bindings.is_some_and(|bindings| bindings.values().any(|binding| is_clear(resource, binding)))
}

/// The binding that answers for the https ones: the first http one, else the first of them.
fn answering(resource: &Value) -> Option<&Value> {
    let first_https = || resource["bindings"].as_object()?.values().find(|binding| binding["scheme"] == "https");
    first_http(resource).or_else(first_https)
}

fn by_name<'a>(bindings: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    let other_case = || bindings.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, binding)| binding);
    bindings.get(name).or_else(other_case)
}

fn is_project(resource: &Value) -> bool {
    resource["type"].as_str().is_some_and(|kind| kind.starts_with("project."))
}

/// A project, or one that was published as a Dockerfile, which its variables tell.
pub(super) fn is_dotnet(resource: &Value) -> bool {
    let tells = |name: &String| {
        ["HTTP_PORTS", "HTTPS_PORTS"].contains(&name.as_str())
            || ["ASPNETCORE_", "OTEL_DOTNET_", "Kestrel__"].iter().any(|start| name.starts_with(start))
    };
    let is_built = resource["build"].is_object() || resource["type"] == "dockerfile.v0";
    is_project(resource) || is_built && resource["env"].as_object().is_some_and(|env| env.keys().any(tells))
}

fn is_clear(resource: &Value, binding: &Value) -> bool {
    binding["scheme"] == "https" && is_dotnet(resource)
}

fn first_http(resource: &Value) -> Option<&Value> {
    resource["bindings"].as_object()?.values().find(|binding| binding["scheme"] == "http")
}

fn port(resource: &Value, binding: &Value) -> Port {
    let text = |key: &str| binding[key].as_str().map(str::to_owned);
    let protocol = text("protocol").unwrap_or_else(|| "tcp".to_owned());
    let written = text("scheme").unwrap_or_else(|| protocol.clone());
    let written = if is_clear(resource, binding) { "http".to_owned() } else { written };
    let (scheme, service, target) = numbers(resource, binding, &written);
    let web = scheme == "http" || scheme == "https";
    let transport = text("transport").unwrap_or_else(|| if web { "http".to_owned() } else { protocol.clone() });
    Port { scheme, protocol, transport, external: binding["external"] == true, service, target }
}

/// Scheme, port of the Service and port of the container.
fn numbers(resource: &Value, binding: &Value, scheme: &str) -> (String, u64, u64) {
    let number = |key: &str| binding[key].as_u64().filter(|number| *number != 0);
    let target = number("targetPort").or_else(|| number("containerPort"));
    let port = number("port");
    match (is_project(resource), target) {
        (_, Some(target)) => (scheme.to_owned(), port.unwrap_or(target), target),
        (true, None) => (scheme.to_owned(), port.unwrap_or(80), 8080),
        (false, None) => {
            let target = port.unwrap_or_else(|| default_port(resource));
            (scheme.to_owned(), target, target)
        }
    }
}

fn default_port(resource: &Value) -> u64 {
    match resource["type"].as_str() {
        Some("container.v0" | "dockerfile.v0") => 80,
        _ => 8080,
    }
}

//! Endpoints: which numbers a binding has, and which bindings are only another name for one.
//!
//! The rules are those of Aspire's publisher and of azd, so that a manifest means the same here.

use super::Port;
use crate::manifest::{Binding, Kind, Resource};
use indexmap::IndexMap;

/// The endpoints of a workload, and the bindings that stand for another one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Endpoints {
    /// Endpoints of its own, by binding name.
    pub ports: IndexMap<String, Port>,
    /// An https binding that nothing listens on, and the http binding that answers in its place.
    pub twins: IndexMap<String, String>,
}

impl Endpoints {
    /// The endpoint that a reference to `binding` means, its name, and whether it is the http twin of an https binding.
    ///
    /// The AppHost may have asked for an endpoint in other letters before it existed, so case is the second choice.
    pub fn find(&self, binding: &str) -> Option<(&str, &Port, bool)> {
        self.find_exact(binding).or_else(|| {
            let names = self.ports.keys().chain(self.twins.keys());
            let name = names.into_iter().find(|name| name.eq_ignore_ascii_case(binding))?;
            self.find_exact(name)
        })
    }

    fn find_exact(&self, binding: &str) -> Option<(&str, &Port, bool)> {
        if let Some(twin) = self.twins.get(binding) {
            return self.ports.get(twin).map(|port| (twin.as_str(), port, true));
        }
        self.ports.get_key_value(binding).map(|(name, port)| (name.as_str(), port, false))
    }
}

/// The endpoints of a resource, which may have a certificate of its own.
pub fn endpoints(resource: &Resource, has_certificate: bool) -> Endpoints {
    match &resource.kind {
        Kind::Project { .. } => project(&resource.bindings, has_certificate),
        Kind::Container(_) => container(&resource.bindings, default_container_port(resource)),
        _ => container(&resource.bindings, 8080),
    }
}

/// `container.v1` is what a project or Dockerfile of today becomes (8080); older containers mean port 80, as in azd.
fn default_container_port(resource: &Resource) -> u16 {
    let newer =
        resource.type_name.split_once('.').is_some_and(|(kind, version)| kind == "container" && version != "v0");
    if newer { 8080 } else { 80 }
}

fn container(bindings: &IndexMap<String, Binding>, default: u16) -> Endpoints {
    let ports = bindings.iter().map(|(name, binding)| {
        let process = binding.target_port.or(binding.port).unwrap_or(default);
        (name.clone(), port(binding, binding.port.unwrap_or(process), process))
    });
    Endpoints { ports: ports.collect(), twins: IndexMap::new() }
}

/// The endpoints of a .NET project.
///
/// Its first http binding without a port listens on 8080, the default of .NET images, and is reached on 80 so that
/// `http://api` works as it stands. Nothing terminates TLS inside a container without a certificate, so an https binding
/// is another name for the http one wherever there is one. With a certificate it is an endpoint of its own.
fn project(bindings: &IndexMap<String, Binding>, has_certificate: bool) -> Endpoints {
    let mut endpoints = Endpoints::default();
    let http = bindings.iter().find(|(_, binding)| is_scheme(binding, "http")).map(|(name, _)| name.clone());
    for (name, binding) in bindings {
        match &http {
            _ if has_certificate && is_scheme(binding, "https") => {
                endpoints.ports.insert(name.clone(), secure_port(binding));
            }
            Some(http) if is_scheme(binding, "https") => {
                endpoints.twins.insert(name.clone(), http.clone());
            }
            _ => {
                endpoints.ports.insert(name.clone(), project_port(binding));
            }
        }
    }
    if let Some(http) = &http
        && endpoints.twins.keys().any(|name| bindings[name].external)
        && let Some(port) = endpoints.ports.get_mut(http)
    {
        // What the AppHost exposes as https is exposed through the http port behind whatever terminates TLS.
        port.external = true;
    }
    endpoints
}

/// Schemes of URIs are the same in any case (RFC 3986).
fn is_scheme(binding: &Binding, scheme: &str) -> bool {
    binding.scheme.eq_ignore_ascii_case(scheme)
}

/// An https endpoint with a certificate: 8443 unless the AppHost says otherwise, reached on 443 so that `https://api`
/// works as it stands.
fn secure_port(binding: &Binding) -> Port {
    let client = binding.port.or(binding.target_port).unwrap_or(443);
    port(binding, client, binding.target_port.unwrap_or(8443))
}

fn project_port(binding: &Binding) -> Port {
    let web = is_scheme(binding, "http") || is_scheme(binding, "https");
    match (binding.target_port, binding.port) {
        (Some(process), client) => port(binding, client.unwrap_or(process), process),
        (None, client) if web => {
            let mut port = port(binding, client.unwrap_or(80), 8080);
            if client.is_none() {
                "http".clone_into(&mut port.scheme);
            }
            port
        }
        (None, client) => port(binding, client.unwrap_or(8080), client.unwrap_or(8080)),
    }
}

fn port(binding: &Binding, client: u16, process: u16) -> Port {
    Port {
        scheme: binding.scheme.clone(),
        transport: binding.transport.clone(),
        udp: binding.protocol == "udp",
        client,
        process,
        external: binding.external,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::Source;

    fn binding(scheme: &str, port: Option<u16>, target_port: Option<u16>) -> Binding {
        Binding {
            scheme: scheme.into(),
            protocol: "tcp".into(),
            transport: "http".into(),
            port,
            target_port,
            external: false,
        }
    }

    fn shown(type_name: &str, kind: Kind, bindings: &[(&str, Binding)]) -> Vec<String> {
        shown_with(false, type_name, kind, bindings)
    }

    fn shown_with(certificate: bool, type_name: &str, kind: Kind, bindings: &[(&str, Binding)]) -> Vec<String> {
        let resource = Resource {
            type_name: type_name.into(),
            kind,
            bindings: bindings.iter().map(|(name, binding)| ((*name).to_owned(), binding.clone())).collect(),
            ..Resource::default()
        };
        let endpoints = endpoints(&resource, certificate);
        let ports =
            endpoints.ports.iter().map(|(name, p)| format!("{name} {}://{}->{}", p.scheme, p.client, p.process));
        ports.chain(endpoints.twins.iter().map(|(name, twin)| format!("{name} is {twin}"))).collect()
    }

    #[test]
    fn numbers_of_a_project() {
        let project = || Kind::Project { path: String::new() };
        let show = |bindings: &[(&str, Binding)]| shown("project.v0", project(), bindings);
        assert_eq!(
            show(&[("http", binding("http", None, None)), ("https", binding("https", None, None))]),
            ["http http://80->8080", "https is http"]
        );
        assert_eq!(show(&[("http", binding("http", Some(12345), None))]), ["http http://12345->8080"]);
        assert_eq!(show(&[("http", binding("http", Some(5181), Some(8000)))]), ["http http://5181->8000"]);
        assert_eq!(show(&[("http", binding("http", None, Some(8000)))]), ["http http://8000->8000"]);
        assert_eq!(show(&[("https", binding("https", None, None))]), ["https http://80->8080"]);
        assert_eq!(show(&[("https", binding("https", Some(443), Some(8443)))]), ["https https://443->8443"]);
        assert_eq!(show(&[("silo", binding("tcp", None, Some(8000)))]), ["silo tcp://8000->8000"]);
    }

    #[test]
    fn https_with_a_certificate_is_an_endpoint_of_its_own() {
        let show = |https: Binding| {
            let project = Kind::Project { path: String::new() };
            shown_with(true, "project.v1", project, &[("http", binding("http", None, None)), ("https", https)])
        };
        let own = |https: &str| ["http http://80->8080".to_owned(), https.to_owned()];
        assert_eq!(show(binding("https", None, None)), own("https https://443->8443"));
        assert_eq!(show(binding("HTTPS", Some(7001), None)), own("https HTTPS://7001->8443"));
        assert_eq!(show(binding("https", None, Some(5001))), own("https https://5001->5001"));
        assert_eq!(show(binding("https", Some(7001), Some(5001))), own("https https://7001->5001"));
    }

    #[test]
    fn only_a_twin_makes_its_http_endpoint_public() {
        let bindings = [
            ("http", binding("http", None, None)),
            ("https", Binding { external: true, ..binding("https", None, None) }),
        ];
        let bindings: IndexMap<_, _> = bindings.map(|(name, binding)| (name.to_owned(), binding)).into();
        let public = |certificate| {
            let found = project(&bindings, certificate).ports;
            found.into_iter().filter(|(_, port)| port.external).map(|(name, _)| name).collect::<Vec<_>>()
        };
        assert_eq!((public(false), public(true)), (vec!["http".to_owned()], vec!["https".to_owned()]));
    }

    #[test]
    fn numbers_of_a_container() {
        let image = || Kind::Container(Source::Image("x".into()));
        assert_eq!(
            shown("container.v0", image(), &[("tcp", binding("tcp", None, Some(5432)))]),
            ["tcp tcp://5432->5432"]
        );
        assert_eq!(
            shown("container.v0", image(), &[("tcp", binding("tcp", Some(9999), Some(6379)))]),
            ["tcp tcp://9999->6379"]
        );
        assert_eq!(
            shown("container.v0", image(), &[("http", binding("http", Some(5000), None))]),
            ["http http://5000->5000"]
        );
        assert_eq!(shown("container.v0", image(), &[("http", binding("http", None, None))]), ["http http://80->80"]);
        assert_eq!(
            shown("container.v1", image(), &[("http", binding("http", None, None))]),
            ["http http://8080->8080"]
        );
    }
}

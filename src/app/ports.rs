//! Endpoints: the port numbers of a binding, and the bindings that are only an alias of another one.
//!
//! The rules are those of Aspire's publisher and of azd, so that a manifest means the same here.

use super::Port;
use super::endpoints::Endpoints;
use super::listening::{self, Said};
use super::serve;
use crate::config;
use crate::manifest::{Binding, Kind, Resource, Source};
use indexmap::IndexMap;

/// The endpoints of a resource, with what aspire-k8s.yaml says of it.
pub(super) fn endpoints(name: &str, resource: &Resource, intent: Option<&config::Resource>) -> Endpoints {
    let mut endpoints = as_it_listens(name, resource, intent);
    for (endpoint, number) in intent.into_iter().flat_map(|intent| &intent.service.ports) {
        if let Some(port) = endpoints.ports.get_mut(endpoint) {
            port.client = *number;
        }
    }
    endpoints
}

/// An endpoint of a resource that does not run here, as the manifest writes it, and its name. Case is the second choice.
pub(super) fn written<'a>(resource: &'a Resource, endpoint: &str) -> Option<(&'a str, Port)> {
    let bindings = || resource.bindings.iter();
    let exact = bindings().find(|(name, _)| *name == endpoint);
    let (name, binding) = exact.or_else(|| bindings().find(|(name, _)| name.eq_ignore_ascii_case(endpoint)))?;
    Some((name.as_str(), numbers(resource)(binding)))
}

/// How the port numbers of a resource's bindings are found.
fn numbers(resource: &Resource) -> Box<dyn Fn(&Binding) -> Port> {
    match &resource.kind {
        Kind::Project { .. } => Box::new(project_port),
        Kind::Container(_) => {
            let default = default_container_port(resource);
            Box::new(move |binding| container_port(binding, default))
        }
        _ => {
            let default = default_port(resource, 8080);
            Box::new(move |binding| container_port(binding, default))
        }
    }
}

/// The endpoints of a resource where the file says nothing of its Service.
fn as_it_listens(name: &str, resource: &Resource, intent: Option<&config::Resource>) -> Endpoints {
    let has_certificate = intent.is_some_and(|intent| intent.certificate.is_some());
    let numbers = numbers(resource);
    let numbers = numbers.as_ref();
    let is_project = matches!(resource.kind, Kind::Project { .. });
    if !is_dotnet(resource) {
        let mut found = as_written(&resource.bindings, numbers);
        found.serving.notes.extend(other_port(resource, &found));
        found.serving.notes.extend(https_of_others(&found).filter(|_| !has_certificate));
        return found;
    }
    let said = said(resource, intent);
    let secure = has_certificate || serve::has_own_certificate(name, resource, &said);
    let mut found = match secure {
        true if is_project => with_certificate(&resource.bindings),
        true => as_written(&resource.bindings, numbers),
        false => in_clear(&resource.bindings, numbers),
    };
    if !secure {
        serve::without_certificate(name, resource, &said, &mut found);
    }
    serve::lead(name, resource, &said, &mut found);
    found
}

/// Whether a resource is a program of .NET.
pub(super) fn is_dotnet(resource: &Resource) -> bool {
    match &resource.kind {
        Kind::Project { .. } => true,
        Kind::Container(Source::Build { .. }) => has_dotnet(resource),
        _ => false,
    }
}

/// A project that was published as a Dockerfile is known by its variables.
fn has_dotnet(resource: &Resource) -> bool {
    resource.env.keys().any(|variable| listening::is_dotnet(variable))
}

/// What its variables say of listening: the file wins over the manifest.
fn said(resource: &Resource, intent: Option<&config::Resource>) -> Vec<Said> {
    let overrides = intent.map(|intent| &intent.env);
    let written =
        resource.env.iter().filter(|(name, _)| overrides.is_none_or(|overrides| !overrides.contains_key(*name)));
    let written = written.filter_map(|(name, text)| Said::new(name, text, false));
    let ours = overrides.into_iter().flatten().filter_map(|(name, text)| Said::new(name, text.as_deref()?, true));
    let args = intent.and_then(|intent| intent.args.as_ref()).unwrap_or(&resource.args);
    written.chain(ours).chain(Said::of_arguments(args)).collect()
}

/// The image may contain a certificate: that is unknown here.
fn https_of_others(found: &Endpoints) -> Option<String> {
    let secure = found.ports.iter().filter(|(_, port)| port.scheme.eq_ignore_ascii_case("https"));
    let names: Vec<&str> = secure.map(|(name, _)| name.as_str()).collect();
    (!names.is_empty()).then(|| {
        format!(
            "its endpoint `{}` is https: its addresses use https, and its image must contain the certificate, \
            because the cluster provides none",
            names.join("`, `")
        )
    })
}

/// `PORT` is how most servers of other languages are told where to listen.
fn other_port(resource: &Resource, found: &Endpoints) -> Option<String> {
    let written: u16 = resource.env.get("PORT")?.parse().ok()?;
    let heard = found.ports.values().any(|port| port.process == written);
    let mut web = found.ports.iter().filter(|(_, port)| port.scheme == "http");
    match (heard, web.next(), web.next()) {
        (false, Some((name, port)), None) => Some(format!(
            "the variable PORT is {written}, but its endpoint `{name}` targets port {} of the container",
            port.process
        )),
        _ => None,
    }
}

/// `container.v1` is what a project or Dockerfile of today becomes (8080); older containers mean port 80, as in azd.
fn default_container_port(resource: &Resource) -> u16 {
    let newer =
        resource.type_name.split_once('.').is_some_and(|(kind, version)| kind == "container" && version != "v0");
    default_port(resource, if newer { 8080 } else { 80 })
}

/// Where nothing says it, the variable `PORT` does.
fn default_port(resource: &Resource, otherwise: u16) -> u16 {
    resource.env.get("PORT").and_then(|text| text.parse().ok()).filter(|port| *port != 0).unwrap_or(otherwise)
}

fn container_port(binding: &Binding, default: u16) -> Port {
    let process = binding.target_port.or(binding.port).unwrap_or(default);
    port(binding, binding.port.unwrap_or(process), process)
}

fn as_written(bindings: &IndexMap<String, Binding>, numbers: &dyn Fn(&Binding) -> Port) -> Endpoints {
    let ports = bindings.iter().map(|(name, binding)| (name.clone(), numbers(binding)));
    Endpoints { ports: ports.collect(), ..Endpoints::default() }
}

/// The endpoints of a .NET server without a certificate.
///
/// Its first http binding without a port listens on 8080, the default of .NET images, and is reached on 80 so that
/// `http://api` works as it stands. Nothing terminates TLS inside a container without a certificate, so an https binding
/// is another name for the http one. Without one, it is the first https binding.
fn in_clear(bindings: &IndexMap<String, Binding>, numbers: &dyn Fn(&Binding) -> Port) -> Endpoints {
    let mut endpoints = Endpoints::default();
    let first = |scheme: &str| bindings.iter().find(|(_, binding)| is_scheme(binding, scheme)).map(|(name, _)| name);
    let (http, https) = (first("http"), first("https"));
    let answers = http.or_else(|| https.map(|name| if is_free_https(name, bindings) { &HTTP } else { name }));
    for (name, binding) in bindings {
        let is_secure = is_scheme(binding, "https");
        match answers {
            Some(answers) if is_secure => {
                endpoints.twins.insert(name.clone(), answers.clone());
                if http.is_none() && https == Some(name) {
                    let clear = Binding { scheme: "http".into(), ..binding.clone() };
                    endpoints.ports.insert(answers.clone(), numbers(&clear));
                }
            }
            _ => {
                endpoints.ports.insert(name.clone(), numbers(binding));
            }
        }
    }
    if let Some(answers) = answers
        && endpoints.twins.keys().any(|name| bindings[name].external)
        && let Some(port) = endpoints.ports.get_mut(answers)
    {
        // What the AppHost exposes as https is exposed through the http port behind whatever terminates TLS.
        port.external = true;
    }
    endpoints
}

/// What the endpoint of a project with https alone is called.
static HTTP: std::sync::LazyLock<String> = std::sync::LazyLock::new(|| "http".to_owned());

fn is_free_https(name: &str, bindings: &IndexMap<String, Binding>) -> bool {
    name.eq_ignore_ascii_case("https") && !bindings.keys().any(|other| other.eq_ignore_ascii_case(&HTTP))
}

/// The endpoints of a project with a certificate: https listens on a port that no other binding has.
fn with_certificate(bindings: &IndexMap<String, Binding>) -> Endpoints {
    let (secure, others): (Vec<_>, Vec<_>) = bindings.iter().partition(|(_, binding)| is_scheme(binding, "https"));
    let taken: Vec<u16> = others.iter().map(|(_, binding)| project_port(binding).process).collect();
    let ports = bindings.iter().map(|(name, binding)| {
        let shares = binding.target_port.is_some_and(|port| taken.contains(&port));
        let own = Binding { target_port: binding.target_port.filter(|_| !shares), ..binding.clone() };
        let is_secure = secure.iter().any(|(other, _)| *other == name);
        (name.clone(), if is_secure { secure_port(&own) } else { project_port(binding) })
    });
    Endpoints { ports: ports.collect(), ..Endpoints::default() }
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
        (None, client) if web => port(binding, client.unwrap_or(80), 8080),
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
        let certificate = certificate.then(|| config::Certificate { issuer: "own".into(), ..Default::default() });
        let intent = config::Resource { certificate, ..Default::default() };
        let endpoints = endpoints("api", &resource, Some(&intent));
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
        assert_eq!(show(&[("https", binding("https", None, None))]), ["http http://80->8080", "https is http"]);
        assert_eq!(
            show(&[("https", binding("https", Some(443), Some(8443)))]),
            ["http http://443->8443", "https is http"]
        );
        let two = [("secure", binding("https", None, None)), ("admin", binding("https", None, Some(8001)))];
        assert_eq!(show(&two), ["secure http://80->8080", "secure is secure", "admin is secure"]);
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
        assert_eq!(show(binding("https", None, Some(8080))), own("https https://443->8443"));
    }

    #[test]
    fn only_a_twin_makes_its_http_endpoint_public() {
        let bindings = [
            ("http", binding("http", None, None)),
            ("https", Binding { external: true, ..binding("https", None, None) }),
        ];
        let bindings: IndexMap<_, _> = bindings.map(|(name, binding)| (name.to_owned(), binding)).into();
        let public = |certificate| {
            let found =
                if certificate { with_certificate(&bindings) } else { in_clear(&bindings, &project_port) }.ports;
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

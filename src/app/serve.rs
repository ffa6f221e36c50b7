//! Changes the variables that set where a .NET server listens, and the ports of its bindings.
//!
//! Without a certificate no variable may refer to https, and every endpoint must have a port that the server listens
//! on. Values from aspire-k8s.yaml stay unchanged. This module must not resolve references.

use super::endpoints::Endpoints;
use super::listening::{At, Meaning, Said, Url, endpoints, parts, port_of, strongest};
use crate::manifest::Resource;
use std::collections::BTreeSet;

/// Whether the variables bring a certificate, and https is listened on with it.
pub(super) fn has_own_certificate(resource: &str, bindings: &Resource, said: &[Said]) -> bool {
    let server = Server { name: resource, resource: bindings, said };
    let certified = |name: &str| {
        said.iter().any(|said| match &said.meaning {
            Meaning::Endpoint { name: of, setting } => of == name && setting.starts_with("CERTIFICATE__"),
            _ => false,
        })
    };
    let default = said.iter().any(|said| said.meaning == Meaning::Certificate);
    let mut found =
        endpoints(said).into_iter().filter(|name| server.endpoint(name).is_some_and(|(_, url)| is_secure(&url)));
    found.any(|name| default || certified(name))
        || default
            && (strongest(said, &Meaning::HttpsPorts).is_some()
                || strongest(said, &Meaning::Urls)
                    .is_some_and(|said| parts(&said.text).any(|part| is_secure(&server.url(part)))))
}

/// Takes https away from a server that has no certificate.
pub(super) fn without_certificate(name: &str, resource: &Resource, said: &[Said], found: &mut Endpoints) {
    let server = Server { name, resource, said };
    server.kestrel(found);
    for said in said.iter().filter(|said| !said.fixed) {
        let text = match said.meaning {
            Meaning::Urls => Some(server.urls(&said.text, found)),
            Meaning::HttpsPorts => None,
            Meaning::RedirectPort if server.is_https_port(&said.text) => None,
            _ => continue,
        };
        if text.as_ref() != Some(&said.text) {
            found.serving.changes.insert(said.variable.clone(), text);
        }
    }
    let listens = said.iter().any(|said| match said.meaning {
        Meaning::HttpPorts | Meaning::Urls => !said.text.is_empty(),
        _ => said.endpoint_url().is_some(),
    });
    let has_http = resource.bindings.values().any(|binding| binding.scheme.eq_ignore_ascii_case("http"));
    if !listens && !has_http && !found.twins.is_empty() {
        let web = found.ports.iter().filter(|(_, port)| port.scheme == "http" && !port.udp);
        let ports: Vec<String> = web.map(|(binding, _)| target_port(name, binding)).collect();
        found.serving.changes.insert("HTTP_PORTS".into(), Some(ports.join(";")));
    }
    let serving = &mut found.serving;
    serving.in_clear =
        serving.changes.iter().filter(|(_, text)| text.is_some()).map(|(name, _)| name.clone()).collect();
}

/// Leads the endpoints of a server to the ports that it listens on, as far as its variables say them all.
pub(super) fn lead(name: &str, resource: &Resource, said: &[Said], found: &mut Endpoints) {
    let said: Vec<Said> = said.iter().cloned().filter_map(|said| now(said, found)).collect();
    let server = Server { name, resource, said: &said };
    server.part_endpoints(found);
    server.part_ports(found);
    let (who, urls) = server.listeners();
    for url in urls.iter().filter(|url| url.is_loopback() && url.at != At::Nowhere) {
        let text = format!("{who} makes it listen on {}, which is not reachable from outside of its pod", url.host);
        found.serving.notes.push(text);
    }
    if urls.is_empty() || urls.iter().any(|url| url.at == At::Unknown) {
        return;
    }
    let listened: BTreeSet<u16> = urls.iter().filter_map(|url| number(&url.at, found)).collect();
    let web = found.ports.iter().filter(|(_, port)| is_web(&port.scheme) && !port.udp);
    let unheard: Vec<String> =
        web.filter(|(_, port)| !listened.contains(&port.process)).map(|(name, _)| name.clone()).collect();
    let unled: Vec<u16> =
        listened.iter().copied().filter(|port| found.ports.values().all(|other| other.process != *port)).collect();
    match (unheard.as_slice(), unled.as_slice()) {
        ([binding], [port]) => {
            if let Some(endpoint) = found.ports.get_mut(binding) {
                endpoint.process = *port;
            }
            let text = format!("{who} makes it listen on {port}, so its endpoint `{binding}` targets this port");
            found.serving.notes.push(text);
        }
        ([], _) => {}
        (unheard, _) if !unled.is_empty() || server.is_overridden(&who) => {
            let ports: Vec<String> = listened.iter().map(ToString::to_string).collect();
            let text = format!(
                "{who} makes it listen on {} only, so nothing listens at its endpoint `{}`",
                ports.join(", "),
                unheard.join("`, `")
            );
            found.serving.notes.push(text);
        }
        _ => {}
    }
}

/// A variable as it will be.
fn now(said: Said, found: &Endpoints) -> Option<Said> {
    match found.serving.changes.get(&said.variable) {
        Some(text) => text.clone().map(|text| Said { text, ..said }),
        None => Some(said),
    }
}

/// A server, with what its variables say.
struct Server<'a> {
    name: &'a str,
    resource: &'a Resource,
    said: &'a [Said],
}

impl Server<'_> {
    fn url(&self, text: &str) -> Url {
        Url::read(text, self.name, |binding| {
            let named = self.resource.bindings.iter().find(|(name, _)| name.eq_ignore_ascii_case(binding));
            named.is_some_and(|(_, binding)| binding.scheme.eq_ignore_ascii_case("https"))
        })
    }

    fn endpoint(&self, name: &str) -> Option<(&Said, Url)> {
        let meaning = Meaning::Endpoint { name: name.to_owned(), setting: "URL".into() };
        strongest(self.said, &meaning).map(|said| (said, self.url(&said.text)))
    }

    /// An endpoint of Kestrel cannot be left out: the settings inside of the image may have it too, and Kestrel does not
    /// start on one without a URL. So it listens in clear, on a port of its own.
    fn kestrel(&self, found: &mut Endpoints) {
        let names = endpoints(self.said);
        let all: Vec<(&str, &Said, Url)> =
            names.into_iter().filter_map(|name| self.endpoint(name).map(|(said, url)| (name, said, url))).collect();
        let mut taken: BTreeSet<u16> = found.ports.values().map(|port| port.process).collect();
        let clear = all.iter().filter(|(_, _, url)| url.secure == Some(false));
        taken.extend(clear.filter_map(|(_, _, url)| number(&url.at, found)));
        let mut answers = all.iter().any(|(_, _, url)| url.secure == Some(false));
        for (name, said, url) in all.iter().filter(|(_, said, url)| is_secure(url) && !said.fixed) {
            let own = match &url.at {
                At::Number(port) => Some(*port),
                At::Binding(binding) => self.resource.bindings.get(binding).and_then(|binding| binding.target_port),
                _ => None,
            };
            let text = match &url.at {
                At::Binding(binding) if !answers => target_port(self.name, binding),
                _ => {
                    let port = own.filter(|port| !answers || !taken.contains(port)).unwrap_or_else(|| free(&taken));
                    taken.insert(port);
                    port.to_string()
                }
            };
            answers = true;
            found.serving.changes.insert(said.variable.clone(), Some(url.in_clear(&text)));
            for other in self.said {
                if let Meaning::Endpoint { name: of, setting } = &other.meaning
                    && of == name
                    && ["SSLPROTOCOLS", "CLIENTCERTIFICATEMODE", "SNI"].iter().any(|only| setting.starts_with(only))
                {
                    found.serving.changes.insert(other.variable.clone(), None);
                }
            }
        }
    }

    /// URLs without the https ones; where there are no others, those in clear.
    fn urls(&self, text: &str, found: &Endpoints) -> String {
        let all: Vec<(&str, Url)> = parts(text).map(|part| (part, self.url(part))).collect();
        let has_others = all.iter().any(|(_, url)| !is_secure(url));
        let mut seen = BTreeSet::new();
        let kept = all.iter().filter(|(_, url)| !has_others || !is_secure(url)).filter_map(|(part, url)| {
            let is_new = number(&url.at, found).is_none_or(|port| seen.insert(port));
            is_new.then(|| match &url.at {
                At::Binding(binding) => url.in_clear(&target_port(self.name, binding)),
                At::Number(port) if is_secure(url) => url.in_clear(&port.to_string()),
                At::Nowhere => url.in_clear(""),
                _ => (*part).to_owned(),
            })
        });
        let kept: Vec<String> = kept.collect();
        if kept.iter().map(String::as_str).eq(parts(text)) { text.to_owned() } else { kept.join(";") }
    }

    /// Whether a port is that of an https binding.
    fn is_https_port(&self, text: &str) -> bool {
        let mut secure =
            self.resource.bindings.iter().filter(|(_, binding)| binding.scheme.eq_ignore_ascii_case("https"));
        match port_of(text, self.name) {
            At::Binding(name) => secure.any(|(binding, _)| binding.eq_ignore_ascii_case(&name)),
            At::Number(port) => {
                port != 443 && secure.any(|(_, it)| it.target_port == Some(port) || it.port == Some(port))
            }
            At::Nowhere | At::Unknown => false,
        }
    }

    /// Two endpoints of Kestrel never share a port: the later binding gets another one.
    fn part_endpoints(&self, found: &mut Endpoints) {
        let mut taken = BTreeSet::new();
        for name in endpoints(self.said) {
            let Some((said, url)) = self.endpoint(name) else { continue };
            let Some(port) = number(&url.at, found) else { continue };
            if taken.insert(port) {
                continue;
            }
            let own = match &url.at {
                At::Binding(binding) => found.ports.get_mut(binding),
                _ => None,
            };
            if let Some(own) = own {
                let mut all: BTreeSet<u16> = taken.clone();
                all.extend(self.resource.bindings.values().filter_map(|binding| binding.target_port));
                own.process = free(&all);
                taken.insert(own.process);
            } else {
                let text = format!("{} makes it listen on {port} twice, so Kestrel does not start", said.variable);
                found.serving.notes.push(text);
            }
        }
    }

    /// A list of ports names none twice.
    fn part_ports(&self, found: &mut Endpoints) {
        for said in self.said.iter().filter(|said| said.meaning == Meaning::HttpPorts && !said.fixed) {
            let mut seen = BTreeSet::new();
            let all: Vec<&str> = parts(&said.text).collect();
            let is_new = |part: &&&str| number(&port_of(part, self.name), found).is_none_or(|port| seen.insert(port));
            let kept: Vec<&str> = all.iter().filter(is_new).copied().collect();
            if kept.len() < all.len() {
                found.serving.changes.insert(said.variable.clone(), Some(kept.join(";")));
            }
        }
    }

    /// What it listens on, and the variable that says so.
    fn listeners(&self) -> (String, Vec<Url>) {
        let kestrel: Vec<(&Said, Url)> =
            endpoints(self.said).into_iter().filter_map(|name| self.endpoint(name)).collect();
        if let Some((said, _)) = kestrel.first() {
            return (said.variable.clone(), kestrel.into_iter().map(|(_, url)| url).collect());
        }
        if let Some(said) = strongest(self.said, &Meaning::Urls) {
            return (said.variable.clone(), parts(&said.text).map(|part| self.url(part)).collect());
        }
        let ports = [(Meaning::HttpPorts, false), (Meaning::HttpsPorts, true)];
        let said = ports.iter().filter_map(|(meaning, secure)| Some((strongest(self.said, meaning)?, *secure)));
        let said: Vec<(&Said, bool)> = said.collect();
        let who = said.first().map(|(said, _)| said.variable.clone()).unwrap_or_default();
        let urls = said.iter().flat_map(|(said, secure)| {
            parts(&said.text).map(|part| Url { secure: Some(*secure), host: "*".into(), at: port_of(part, self.name) })
        });
        (who, urls.collect())
    }

    /// Whether something else says what to listen on, which does not count beside `who`.
    fn is_overridden(&self, who: &str) -> bool {
        let says = |said: &Said| matches!(said.meaning, Meaning::Urls | Meaning::HttpPorts | Meaning::HttpsPorts);
        self.said.iter().any(|said| says(said) && said.variable != who && !said.text.is_empty())
            && !["HTTP_PORTS", "HTTPS_PORTS"].iter().any(|ports| who.ends_with(ports))
    }
}

fn is_secure(url: &Url) -> bool {
    url.secure == Some(true)
}

fn is_web(scheme: &str) -> bool {
    scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https")
}

/// The port that a place is, when the resource has it.
fn number(at: &At, found: &Endpoints) -> Option<u16> {
    match at {
        At::Number(port) => Some(*port),
        At::Binding(binding) => found.find(binding).map(|(_, port, _)| port.process),
        At::Nowhere | At::Unknown => None,
    }
}

/// The first port from 8081 that is not taken.
fn free(taken: &BTreeSet<u16>) -> u16 {
    (8081..=u16::MAX).find(|port| !taken.contains(port)).unwrap_or(8081)
}

fn target_port(resource: &str, binding: &str) -> String {
    format!("{{{resource}.bindings.{binding}.targetPort}}")
}

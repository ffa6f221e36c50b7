//! Where a .NET server listens, according to its variables.
//!
//! Kestrel uses the first of these that is set: its endpoints (`Kestrel__Endpoints__*__Url`), URLs (`URLS`), ports
//! (`HTTP_PORTS`, `HTTPS_PORTS`). It exits at startup if it would listen on https without a certificate, or twice on
//! one port. This module reads and writes strings of the manifest; it must not resolve references.

use super::expression::{Property, Token, tokens};
use std::collections::BTreeSet;

/// A variable that says what to listen on, or with which certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Said {
    /// The variable, as written.
    pub variable: String,
    pub text: String,
    /// What it says.
    pub meaning: Meaning,
    /// Which of two variables of one meaning holds: the higher one.
    pub rank: u8,
    /// Whether a user wrote it into aspire-k8s.yaml, or it is an argument: then it is not ours to change.
    pub fixed: bool,
}

/// What a variable says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Meaning {
    /// The certificate of every endpoint that has none of its own.
    Certificate,
    /// A setting of an endpoint in Kestrel's configuration.
    Endpoint {
        /// The endpoint, in capitals.
        name: String,
        /// The setting, in capitals.
        setting: String,
    },
    /// URLs, separated by semicolons.
    Urls,
    HttpPorts,
    HttpsPorts,
    /// Where a redirect to https leads.
    RedirectPort,
}

impl Said {
    /// What a variable says; .NET takes names in any case, and `:` for `__`.
    pub(super) fn new(variable: &str, text: &str, fixed: bool) -> Option<Self> {
        let upper = variable.to_ascii_uppercase().replace(':', "__");
        let (bare, rank) = match (upper.strip_prefix("ASPNETCORE_"), upper.strip_prefix("DOTNET_")) {
            (Some(bare), _) => (bare, 0),
            (None, Some(bare)) => (bare, 1),
            (None, None) => (upper.as_str(), 2),
        };
        let meaning = match bare {
            "URLS" => Meaning::Urls,
            "HTTP_PORTS" => Meaning::HttpPorts,
            "HTTPS_PORTS" => Meaning::HttpsPorts,
            "HTTPS_PORT" => Meaning::RedirectPort,
            _ if bare.starts_with("KESTREL__CERTIFICATES__DEFAULT__") => Meaning::Certificate,
            _ => {
                let (name, setting) = bare.strip_prefix("KESTREL__ENDPOINTS__")?.split_once("__")?;
                Meaning::Endpoint { name: name.to_owned(), setting: setting.to_owned() }
            }
        };
        Some(Self { variable: variable.to_owned(), text: text.to_owned(), meaning, rank, fixed })
    }

    /// URLs among the arguments, which win over every variable.
    pub(super) fn of_arguments(args: &[String]) -> Option<Self> {
        let text = args.iter().enumerate().find_map(|(index, arg)| match arg.split_once('=') {
            Some(("--urls", urls)) => Some(urls.to_owned()),
            None if arg == "--urls" => args.get(index + 1).cloned(),
            _ => None,
        })?;
        Some(Self { variable: "--urls".into(), text, meaning: Meaning::Urls, rank: 3, fixed: true })
    }

    /// The endpoint of Kestrel whose URL it is.
    pub(super) fn endpoint_url(&self) -> Option<&str> {
        match &self.meaning {
            Meaning::Endpoint { name, setting } if setting == "URL" => Some(name),
            _ => None,
        }
    }
}

/// Whether a variable is one that only .NET servers have.
pub(super) fn is_dotnet(variable: &str) -> bool {
    let prefixes = ["ASPNETCORE_", "OTEL_DOTNET_", "KESTREL__", "KESTREL:"];
    let upper = variable.to_ascii_uppercase();
    matches!(upper.as_str(), "HTTP_PORTS" | "HTTPS_PORTS") || prefixes.iter().any(|prefix| upper.starts_with(prefix))
}

/// The one of several that holds.
pub(super) fn strongest<'a>(said: &'a [Said], meaning: &Meaning) -> Option<&'a Said> {
    said.iter().filter(|said| said.meaning == *meaning && !said.text.is_empty()).max_by_key(|said| said.rank)
}

/// Names of Kestrel's endpoints, in the order of the file.
pub(super) fn endpoints(said: &[Said]) -> Vec<&str> {
    let mut seen = BTreeSet::new();
    said.iter().filter_map(Said::endpoint_url).filter(|name| seen.insert(*name)).collect()
}

/// Where a server listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum At {
    /// At the port of a binding.
    Binding(String),
    /// At a port.
    Number(u16),
    /// At no port: a socket, a pipe.
    Nowhere,
    /// An input or another resource says it.
    Unknown,
}

/// An address to listen on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Url {
    /// Whether it is https; none if an input says it.
    pub secure: Option<bool>,
    /// The host, as written.
    pub host: String,
    /// The port.
    pub at: At,
}

impl Url {
    /// Reads the address that `resource` listens on; `is_secure` tells https bindings.
    pub(super) fn read(text: &str, resource: &str, is_secure: impl Fn(&str) -> bool) -> Self {
        let text = text.trim();
        let unknown = Self { secure: None, host: String::new(), at: At::Unknown };
        let pieces = tokens(text);
        let (secure, rest) = match pieces.first() {
            Some(Token::Text(first)) => match first.split_once("://") {
                Some((scheme, _)) if scheme.eq_ignore_ascii_case("http") => (false, &text[7..]),
                Some((scheme, _)) if scheme.eq_ignore_ascii_case("https") => (true, &text[8..]),
                _ => return unknown,
            },
            Some(Token::Reference(reference)) => match (&reference.property, text.split_once("}://")) {
                (Property::Binding(binding, "url"), _) if reference.resource == resource => {
                    let at = if pieces.len() == 1 { At::Binding((*binding).to_owned()) } else { At::Unknown };
                    return Self { secure: Some(is_secure(binding)), host: "*".into(), at };
                }
                (Property::Binding(binding, "scheme"), Some((_, rest))) if reference.resource == resource => {
                    (is_secure(binding), rest)
                }
                _ => return unknown,
            },
            None => return unknown,
        };
        let rest = rest.trim_end_matches('/');
        if rest.starts_with("unix:") || rest.starts_with("pipe:") {
            return Self { secure: Some(secure), host: rest.to_owned(), at: At::Nowhere };
        }
        let (host, port) = match rest.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, port),
            _ => (rest, if secure { "443" } else { "80" }),
        };
        Self { secure: Some(secure), host: host.to_owned(), at: port_of(port, resource) }
    }

    /// The address without TLS, at a port.
    pub(super) fn in_clear(&self, port: &str) -> String {
        if self.at == At::Nowhere { format!("http://{}", self.host) } else { format!("http://{}:{port}", self.host) }
    }

    /// Whether it is not reachable from outside of the pod.
    pub(super) fn is_loopback(&self) -> bool {
        self.host.eq_ignore_ascii_case("localhost") || self.host.starts_with("127.") || self.host == "[::1]"
    }
}

/// What the text of a port means.
pub(super) fn port_of(text: &str, resource: &str) -> At {
    let text = text.trim();
    match tokens(text).as_slice() {
        [Token::Text(number)] => number.parse().map_or(At::Unknown, At::Number),
        [Token::Reference(reference)] if reference.resource == resource => match &reference.property {
            Property::Binding(binding, "port" | "targetPort") => At::Binding((*binding).to_owned()),
            _ => At::Unknown,
        },
        _ => At::Unknown,
    }
}

/// The parts of a list that is separated by semicolons.
pub(super) fn parts(text: &str) -> impl Iterator<Item = &str> {
    text.split(';').map(str::trim).filter(|part| !part.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_in_every_form() {
        let shown = |text: &str| {
            let url = Url::read(text, "api", |binding| binding == "https");
            format!("{:?} {} {:?}", url.secure, url.host, url.at)
        };
        for (text, wanted) in [
            ("http://+:5000", "Some(false) + Number(5000)"),
            ("HTTPS://*:{api.bindings.https.targetPort}/", "Some(true) * Binding(\"https\")"),
            ("https://[::]:8443", "Some(true) [::] Number(8443)"),
            ("http://[::]", "Some(false) [::] Number(80)"),
            ("https://0.0.0.0", "Some(true) 0.0.0.0 Number(443)"),
            ("{api.bindings.https.url}", "Some(true) * Binding(\"https\")"),
            ("{api.bindings.http.url}", "Some(false) * Binding(\"http\")"),
            (
                "{api.bindings.https.scheme}://{api.bindings.https.host}:{api.bindings.https.port}",
                "Some(true) {api.bindings.https.host} Binding(\"https\")",
            ),
            ("http://unix:/tmp/k.sock", "Some(false) unix:/tmp/k.sock Nowhere"),
            ("http://*:{port.value}", "Some(false) * Unknown"),
            ("{urls.value}", "None  Unknown"),
            ("", "None  Unknown"),
            ("+:5000", "None  Unknown"),
        ] {
            assert_eq!(shown(text), wanted, "{text}");
        }
    }

    #[test]
    fn of_two_variables_the_one_without_prefix_holds() {
        let said: Vec<Said> = ["ASPNETCORE_URLS", "urls", "DOTNET_URLS", "OTHER"]
            .iter()
            .filter_map(|name| Said::new(name, name, false))
            .collect();
        assert_eq!(said.len(), 3);
        assert_eq!(strongest(&said, &Meaning::Urls).unwrap().variable, "urls");
        assert_eq!(strongest(&said[..1], &Meaning::Urls).unwrap().variable, "ASPNETCORE_URLS");
        let args = ["run", "--urls", "http://+:1"].map(str::to_owned);
        assert_eq!(Said::of_arguments(&args).unwrap().text, "http://+:1");
    }
}

//! `replaceWith:` of a resource, as written: a server outside of the application that takes the place of the resource.
//!
//! Must not know the manifest: whether the resource has the endpoints that it names is checked when the application is
//! resolved.

use super::{Config, ExistingSecret, SecretSource};
use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// How the input is called that stands for the connection string of a resource.
const CONNECTION_STRING: &str = ".connectionString";

/// `replaceWith:` of a resource.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ReplaceWith {
    /// Connection string instead of the manifest's. Expressions allowed.
    pub connection_string: Option<String>,
    /// A Secret of yours that contains the connection string.
    pub existing_secret: Option<ExistingSecret>,
    /// Host instead of the Service's, as `name` or `name:port`: one for all endpoints, or one for each.
    pub host: Option<ReplacedHost>,
    /// DNS name to which the Service of the resource leads (a Service of the type `ExternalName`).
    pub external_name: Option<String>,
}

/// `replaceWith:` of a resource in an environment: what is a value of the chart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EnvironmentReplaceWith {
    /// Host instead of the Service's, as `name` or `name:port`. Endpoints may differ in the port.
    pub host: ReplacedHost,
}

/// Whether a resource runs, where environments differ in it, and what takes its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Switch {
    pub enabled: bool,
    pub host: Option<ReplacedHost>,
}

/// `host:` of `replaceWith:`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum ReplacedHost {
    /// The host of all endpoints.
    One(String),
    /// Hosts by the name of the endpoint.
    Each(IndexMap<String, String>),
}

impl ReplacedHost {
    /// The host of an endpoint, with the port if the file says one. Endpoints are found in any case, as references are.
    pub(crate) fn of(&self, endpoint: &str) -> Option<Address<'_>> {
        let written = match self {
            Self::One(host) => Some(host),
            Self::Each(hosts) => hosts
                .get(endpoint)
                .or_else(|| hosts.iter().find(|(name, _)| name.eq_ignore_ascii_case(endpoint)).map(|(_, host)| host)),
        };
        written.and_then(|host| Address::read(host))
    }
}

/// A host, and a port if it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Address<'a> {
    pub host: &'a str,
    pub port: Option<u16>,
}

impl<'a> Address<'a> {
    /// `name` or `name:port`; none for a port that is no port.
    pub(crate) fn read(written: &'a str) -> Option<Self> {
        let Some((host, port)) = written.split_once(':') else { return Some(Self { host: written, port: None }) };
        let is_number = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
        let port = port.parse().ok().filter(|port| *port != 0 && is_number)?;
        Some(Self { host, port: Some(port) })
    }
}

impl Config {
    /// What takes the place of a resource.
    pub(crate) fn replacement(&self, resource: &str) -> Option<&ReplaceWith> {
        self.resources.get(resource)?.replace_with.as_ref()
    }

    /// The path of the source that the file gives this parameter alone.
    pub(crate) fn place_of_source(&self, parameter: &str) -> Option<String> {
        if self.parameters.get(parameter).is_some_and(|parameter| parameter.from.is_some()) {
            return Some(format!("parameters.{parameter}.from"));
        }
        self.replacing_source(parameter)?;
        Some(format!("resources.{}.replaceWith.existingSecret", parameter.trim_end_matches(CONNECTION_STRING)))
    }

    /// The source of an input that stands for the connection string of a replaced resource.
    pub(super) fn replacing_source(&self, input: &str) -> Option<Cow<'_, SecretSource>> {
        let resource = input.strip_suffix(CONNECTION_STRING)?;
        let secret = self.replacement(resource)?.existing_secret.clone()?;
        Some(Cow::Owned(SecretSource::Existing(secret)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_read_with_and_without_a_port() {
        for (written, read) in [
            ("pg.example.com", Some(("pg.example.com", None))),
            ("pg:5433", Some(("pg", Some(5433)))),
            ("pg:", None),
            ("pg:0", None),
            ("pg:+1", None),
            ("pg:65536", None),
            ("a:b:1", None),
        ] {
            assert_eq!(Address::read(written), read.map(|(host, port)| Address { host, port }), "{written}");
        }
        let each = ReplacedHost::Each([("tcp".to_owned(), "pg:1".to_owned())].into_iter().collect());
        assert_eq!(each.of("TCP"), Some(Address { host: "pg", port: Some(1) }));
        assert_eq!(each.of("http"), None);
    }
}

//! What planning Ingresses and Gateways has in common.

use super::views::{GatewayView, IngressView};
use crate::app::Workload;
use crate::app::{App, Note};
use crate::config::{CertManager, Discovery, RouteTls};
use crate::support::diagnostic::Code;
use crate::support::duration;
use crate::targets::kubernetes::name::Name;
use crate::targets::kubernetes::values::Tree;
use crate::targets::kubernetes::view::ServicePort;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};

/// How long an address is waited for when the file does not say it, in seconds.
const DISCOVERY: u64 = 300;

/// What planning routes needs to know of the rest.
pub(crate) struct Surroundings<'a> {
    /// The application.
    pub app: &'a App,
    /// Names in the cluster by resource.
    pub names: &'a BTreeMap<String, Name>,
    /// Port names by (resource, binding).
    pub ports: &'a BTreeMap<(String, String), String>,
    /// Ports of Services by resource.
    pub services: BTreeMap<&'a str, &'a [ServicePort]>,
}

/// The routes of a chart.
#[derive(Debug, Clone, Default)]
pub struct Routes {
    pub ingresses: Vec<IngressView>,
    /// Gateways of the chart and existing ones, with what attaches to them.
    pub gateways: Vec<GatewayView>,
    /// Values of both.
    pub values: [(&'static str, Tree); 2],
    /// Hosts that a deploy finds.
    pub discoveries: Vec<Discovering>,
    /// (Workload, port name) of all that is reached through them.
    pub reached: BTreeSet<(String, String)>,
}

/// A route whose host name is found once it has an address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Discovering {
    /// `Ingress` or `Gateway`.
    pub kind: String,
    /// Name of the object, also its key in the values.
    pub name: String,
    /// The annotation that holds the host, instead of the status.
    pub annotation: Option<String>,
    /// What to make of an address.
    pub template: Option<String>,
    /// How long to wait for it, in seconds.
    pub seconds: u64,
}

impl Discovering {
    pub(super) fn new(kind: &str, name: &str, discovery: Option<&Discovery>) -> Self {
        let none = Discovery::default();
        let Discovery { annotation, template, timeout } = discovery.unwrap_or(&none);
        Self {
            kind: kind.to_owned(),
            name: name.to_owned(),
            annotation: annotation.clone(),
            template: template.clone(),
            seconds: timeout.as_deref().and_then(duration::parse).map_or(DISCOVERY, |time| time.as_secs()),
        }
    }

    /// The name under which its host is remembered. It has a dot, as no parameter of a manifest has.
    pub fn key(&self) -> String {
        format!("{}.{}.discovered", self.values_key(), self.name)
    }

    /// The key of the values that holds its entry.
    pub fn values_key(&self) -> &'static str {
        if self.kind == "Ingress" { INGRESSES } else { GATEWAYS }
    }
}

/// Keys of the values.
pub(crate) const INGRESSES: &str = "ingresses";
/// Keys of the values.
pub(crate) const GATEWAYS: &str = "gateways";

/// Whether the host has to be found: a certificate is to be signed, and no host is set.
pub(super) fn must_discover(tls: Option<&RouteTls>, discovery: Option<&Discovery>, has_host: bool) -> bool {
    !has_host && (discovery.is_some() || tls.is_some_and(|tls| tls.issuer.is_some()))
}

/// `tls:` of the values: names of the Secret and of the object that signs.
pub(super) fn tls_values(name: &str, tls: &RouteTls, issuers: &CertManager) -> Json {
    let issuer = tls.issuer.as_ref().and_then(|issuer| issuers.issuers.get_key_value(issuer));
    let default = if tls.issuer.is_some() { format!("{name}-tls") } else { String::new() };
    json!({
        "secret": tls.secret.clone().unwrap_or(default),
        "issuer": issuer.map_or("", |(name, _)| name.as_str()),
        "issuerKind": issuer.map_or(json!(""), |(_, issuer)| json!(issuer.kind.unwrap_or_default())),
    })
}

/// Paths that .NET's service defaults answer with the state of the application.
const HEALTH: [&str; 2] = ["/health", "/alive"];

/// Says when health checks can be asked from outside.
pub(super) fn note_health(
    kind: &str,
    name: &str,
    open: impl Iterator<Item = String>,
    closed: &[String],
    around: &Surroundings,
    notes: &mut Vec<Note>,
) {
    let is_closed = |path: &&str| closed.iter().any(|closed| closed == path || closed == "/");
    let left: Vec<&str> = HEALTH.into_iter().filter(|path| !is_closed(path)).collect();
    if left.is_empty() {
        return;
    }
    // Only what is built from the application's own source has the paths of the service defaults.
    let built = |resource: &String| around.app.workloads.get(resource).is_some_and(Workload::is_built);
    let resources: BTreeSet<String> = open.filter(built).collect();
    for resource in resources {
        let text = format!(
            "{} can be reached from outside through {kind} `{name}`, if the application serves it; `closedPaths: \
            [{}]` blocks public access",
            left.join(" and "),
            left.join(", ")
        );
        notes.push(Note { code: Code::ChangedInCluster, resource, text });
    }
}

/// Whether a prefix or an exact path leads to one of the health checks.
pub(super) fn covers_health(path: &str, is_prefix: bool) -> bool {
    let path = path.trim_end_matches('/');
    HEALTH.iter().any(|health| *health == path || is_prefix && path.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn health_is_open_where_a_path_leads_to_it() {
        assert!(covers_health("/", true) && covers_health("/health", false) && covers_health("/alive/", true));
        assert!(!covers_health("/", false) && !covers_health("/api", true));
    }
}

//! The views of Ingresses, Gateways and their routes for templates.

use crate::config::{ListenerProtocol, MatchType, PathType, RouteKind};
use serde::Serialize;

/// A Gateway and all that attaches to it, as the templates see them.
#[derive(Debug, Clone, Default, Serialize)]
pub struct GatewayView {
    /// Key in the values, and its name when it is ours.
    pub name: String,
    /// Name of the Gateway that the routes attach to.
    pub gateway: String,
    /// Its namespace; none for that of the release.
    pub namespace: Option<String>,
    /// Whether it is made by the chart.
    pub own: bool,
    /// Hosts of single routes, as written, in their order: they get listeners too.
    pub hosts: Vec<String>,
    /// Listeners beyond `http` and `https`.
    pub listeners: Vec<ListenerView>,
    /// Whether it has certificates.
    pub tls: bool,
    /// Whether http is redirected.
    pub redirect: bool,
    pub routes: Vec<RouteView>,
}

/// A listener beyond `http` and `https`.
#[derive(Debug, Clone, Serialize)]
pub struct ListenerView {
    /// Its name, also the key of its port in the values.
    pub name: String,
    /// What it speaks.
    pub protocol: ListenerProtocol,
    /// Its host, as written; empty for all.
    pub host: String,
}

/// One route object.
#[derive(Debug, Clone, Default, Serialize)]
pub struct RouteView {
    /// What tells its file from those of other routes.
    pub qualifier: String,
    /// Name of the object.
    pub name: String,
    pub kind: RouteKind,
    /// Its own host as written; empty for the hosts of the values.
    pub host: String,
    /// The listener that it attaches to; empty for all.
    pub listener: String,
    pub rules: Vec<RuleView>,
    /// Paths that lead nowhere.
    pub closed: Vec<String>,
}

/// One rule of a route.
#[derive(Debug, Clone, Serialize)]
pub struct RuleView {
    /// The path; empty for none.
    pub path: String,
    /// How it is compared.
    #[serde(rename = "type")]
    pub match_type: MatchType,
    /// The service of a grpc route; empty for all.
    pub service: String,
    /// The method of a grpc route; empty for all.
    pub method: String,
    /// The Service that answers.
    pub backend: String,
    /// Name of its port, a key in the values.
    pub port: String,
}

/// An Ingress, as its templates see it.
#[derive(Debug, Clone, Default, Serialize)]
pub struct IngressView {
    /// Its name, also its key in the values.
    pub name: String,
    pub paths: Vec<PathView>,
    /// What answers everything else: (Service, port).
    pub default_backend: Option<(String, String)>,
    /// Whether it has certificates.
    pub tls: bool,
    /// Paths that are closed, each with the Service and port behind it, for every host that it is reached by.
    pub closed: Vec<PathView>,
    /// Whether http is redirected.
    pub redirect: bool,
}

/// A path of an Ingress.
#[derive(Debug, Clone, Serialize)]
pub struct PathView {
    /// Its own host as written; empty for the hosts of the values.
    pub host: String,
    pub path: String,
    /// How it is compared.
    #[serde(rename = "type")]
    pub path_type: PathType,
    pub service: String,
    /// Name of its port, a key in the values.
    pub port: String,
}

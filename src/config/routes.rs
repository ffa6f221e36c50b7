//! `ingresses:` and `gateways:` as written: how the application is exposed.
//!
//! A string here may contain references to parameters, such as `{web-host.value}`. Whether the named resources,
//! bindings and issuers exist is checked later.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One entry of `ingresses:`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Ingress {
    /// Ingress class; the cluster's default when absent. References to parameters allowed.
    pub class: Option<String>,
    /// The controller that serves the class, if the class name does not identify it.
    pub controller: Option<Controller>,
    /// Public host names of every path that names none. References to parameters allowed.
    pub hosts: Vec<String>,
    /// Which path leads to which resource.
    pub paths: Vec<IngressPath>,
    /// The backend for requests that match no path.
    pub default_backend: Option<Backend>,
    /// Certificates.
    pub tls: Option<RouteTls>,
    /// How the host name is found if `hosts` has no name.
    pub discovery: Option<Discovery>,
    /// Whether http is redirected to https.
    pub redirect: bool,
    /// Paths (with all below them) that are blocked for the public, such as those of health checks.
    pub closed_paths: Vec<String>,
    /// Annotations. References to parameters allowed in their values.
    pub annotations: IndexMap<String, String>,
}

/// Ingress controllers whose annotations are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Controller {
    /// ingress-nginx, also as Azure's web application routing.
    Nginx,
    /// Traefik.
    Traefik,
    /// The controller of `HAProxy` Technologies.
    Haproxy,
    /// The community's `HAProxy` Ingress.
    HaproxyIngress,
    /// Contour.
    Contour,
    /// AWS Load Balancer Controller.
    Alb,
    /// Azure Application Gateway.
    AzureApplicationGateway,
    /// Kong.
    Kong,
    /// Google's load balancer.
    Gce,
}

/// One path of an Ingress.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct IngressPath {
    /// Host of this path alone, instead of `hosts`. References to parameters allowed.
    #[serde(default)]
    pub host: Option<String>,
    /// The path; starts with `/`.
    pub path: String,
    /// How it is matched; `Prefix` when absent.
    #[serde(default, rename = "type")]
    pub path_type: Option<PathType>,
    /// The resource that serves it.
    pub to: String,
    /// Its binding; its public http binding when absent.
    #[serde(default)]
    pub binding: Option<String>,
    /// Whether a binding that the AppHost did not mark as external may be published.
    #[serde(default)]
    pub internal: bool,
}

/// How a path of an Ingress is matched.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum PathType {
    /// A prefix of whole path elements.
    #[default]
    Prefix,
    /// The exact path.
    Exact,
    /// Depends on the controller.
    ImplementationSpecific,
}

/// A resource that serves requests.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Backend {
    /// The resource.
    pub to: String,
    /// Its binding; its public http binding when absent.
    #[serde(default)]
    pub binding: Option<String>,
    /// Whether a binding that the AppHost did not mark as external may be published.
    #[serde(default)]
    pub internal: bool,
}

/// `tls:` of an Ingress or a Gateway. Empty: the controller's own certificate.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct RouteTls {
    /// Name of the Secret with the certificate; with an issuer, of the one that will hold it. References to parameters
    /// allowed.
    pub secret: Option<String>,
    /// The entry of `certManager.issuers` that signs it.
    pub issuer: Option<String>,
}

/// `discovery:`: derives the host name from the address that the cluster assigns.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Discovery {
    /// An annotation that holds the name, instead of the status.
    pub annotation: Option<String>,
    /// Template of the host name, such as `{ip}.sslip.io` or `{hostname}`.
    pub template: Option<String>,
    /// How long to wait for an address, such as `5m`; five minutes when absent.
    pub timeout: Option<String>,
}

/// One entry of `gateways:`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Gateway {
    /// Gateway class; required unless `existing` is set. References to parameters allowed.
    pub class: Option<String>,
    /// A Gateway of another owner that the routes attach to.
    pub existing: Option<ExistingGateway>,
    /// Public host names of every route that names none. References to parameters allowed.
    pub hosts: Vec<String>,
    /// Listeners by name: `http` and `https` exist by default and can get other ports; others are added.
    pub listeners: IndexMap<String, Listener>,
    /// Routes to resources.
    pub routes: Vec<Route>,
    /// Certificates.
    pub tls: Option<RouteTls>,
    /// How the host name is found if `hosts` has no name.
    pub discovery: Option<Discovery>,
    /// Whether http is redirected to https.
    pub redirect: bool,
    /// Paths (with all below them) that are blocked for the public, such as those of health checks.
    pub closed_paths: Vec<String>,
    /// Annotations of the Gateway. References to parameters allowed in their values.
    pub annotations: IndexMap<String, String>,
}

/// A Gateway that exists already.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ExistingGateway {
    /// Its name.
    pub name: String,
    /// Its namespace; that of the release when absent.
    #[serde(default)]
    pub namespace: Option<String>,
    /// The listener to attach to; all when absent.
    #[serde(default)]
    pub listener: Option<String>,
}

/// One listener of a Gateway.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Listener {
    /// Port on which it listens.
    pub port: u16,
    /// Its protocol; required for listeners other than `http` and `https`.
    #[serde(default)]
    pub protocol: Option<ListenerProtocol>,
    /// The host name that it answers for. References to parameters allowed.
    #[serde(default)]
    pub host: Option<String>,
}

/// Protocols of a listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ListenerProtocol {
    /// Cleartext http.
    #[serde(rename = "HTTP")]
    Http,
    /// Http over TLS, terminated by the Gateway.
    #[serde(rename = "HTTPS")]
    Https,
    /// Plain TCP.
    #[serde(rename = "TCP")]
    Tcp,
}

/// One route of a Gateway.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Route {
    /// What is routed; `http` when absent.
    #[serde(default)]
    pub kind: Option<RouteKind>,
    /// Host of this route alone, instead of `hosts`. References to parameters allowed.
    #[serde(default)]
    pub host: Option<String>,
    /// The path of an http route; starts with `/`.
    #[serde(default)]
    pub path: Option<String>,
    /// How the path is matched; `PathPrefix` when absent.
    #[serde(default, rename = "type")]
    pub match_type: Option<MatchType>,
    /// The service of a grpc route, such as `shop.Catalog`; all when absent.
    #[serde(default)]
    pub service: Option<String>,
    /// The method of a grpc route; all when absent.
    #[serde(default)]
    pub method: Option<String>,
    /// The listener that it attaches to: required for tcp; when absent, all listeners with HTTP or HTTPS.
    #[serde(default)]
    pub listener: Option<String>,
    /// The resource that serves it.
    pub to: String,
    /// Its binding; its public binding when absent.
    #[serde(default)]
    pub binding: Option<String>,
    /// Whether a binding that the AppHost did not mark as external may be published.
    #[serde(default)]
    pub internal: bool,
}

/// Kinds of route.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum RouteKind {
    /// An `HTTPRoute`.
    #[default]
    Http,
    /// A `GRPCRoute`.
    Grpc,
    /// A `TCPRoute`.
    Tcp,
}

/// How the path of an http route is matched.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum MatchType {
    /// A prefix of whole path elements.
    #[default]
    PathPrefix,
    /// The exact path.
    Exact,
    /// A regular expression, as the controller understands it.
    RegularExpression,
}

/// One Ingress of an environment: its values.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct EnvironmentIngress {
    /// Ingress class.
    pub class: Option<String>,
    /// The controller that serves the class.
    pub controller: Option<Controller>,
    /// Public host names; they replace the others.
    pub hosts: Option<Vec<String>>,
    /// Certificates, where the Ingress has any.
    pub tls: RouteTls,
    /// Annotations.
    pub annotations: IndexMap<String, String>,
}

/// One Gateway of an environment: its values.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct EnvironmentGateway {
    /// Gateway class.
    pub class: Option<String>,
    /// Public host names; they replace the others.
    pub hosts: Option<Vec<String>>,
    /// Certificates, where the Gateway has any.
    pub tls: RouteTls,
    /// Annotations.
    pub annotations: IndexMap<String, String>,
}

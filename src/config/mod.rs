//! `aspire-k8s.yaml`: the deployment settings that a manifest cannot express, exactly as written, and its JSON schema.
//!
//! [`parse()`] refuses unknown keys, suggests the nearest one, and reports all errors together. It knows no manifest:
//! whether a resource or parameter exists is checked when the application is resolved.

mod accounts;
mod app_host;
mod certificates;
mod chart_keys;
mod charts;
mod check;
pub(crate) mod compatibility;
mod dashboard;
mod databases;
mod environment;
mod environments;
mod findings;
mod init_containers;
mod jobs;
mod key;
mod locate;
mod network;
mod objects;
mod parse;
mod path;
mod placement;
mod probes;
mod replace;
mod resource;
mod routes;
mod rules;
mod scale;
mod scaled;
mod schema;
mod sealed;
mod secrets;
mod security;
mod sidecars;
mod switches;
#[cfg(test)]
mod tests;
mod tree;
mod waits;
mod walk;

pub(crate) use accounts::{Account, DefaultAccount, Identity, ServiceAccount, split_role};
pub(crate) use app_host::{AppHostSetting, FromAppHost};
pub(crate) use certificates::{
    Acme, CertManager, Credential, Dns01, EnvironmentCertManager, EnvironmentIssuer, Http01, Issuer, IssuerKind,
    SecretKey, Solver, Vault, VaultAuth, parameters_in,
};
pub(crate) use chart_keys::CHART_KEYS;
pub(crate) use charts::{EnvironmentChart, ExternalChart, Kind as ChartKind, Phase, WaitFor, WaitObject, path_keys};
pub(crate) use dashboard::{DASHBOARD_LABEL, Dashboard, EnvironmentDashboard};
pub(crate) use databases::{AskedBy, Databases, DatabasesWord, WantedDatabases, is_database_name};
pub(crate) use environments::{Environment, EnvironmentDefaults, EnvironmentParameter, EnvironmentResource};
pub(crate) use init_containers::{EnvironmentInitContainer, InitContainer};
pub(crate) use jobs::{ConcurrencyPolicy, CronJob, Job, RunAs};
pub use locate::position;
pub(crate) use network::{ExternalAddress, NetworkPolicy, NetworkPolicySettings};
pub use parse::parse;
pub(crate) use parse::{FILE, intent_place, parse_values};
pub(crate) use placement::{NodePool, Size, Spread, Spreading};
pub(crate) use probes::{EachProbe, HttpProbe, HttpScheme, Probe, ProbePort, ProbeSetting, Probes, ProbesWord};
pub(crate) use replace::{EnvironmentReplaceWith, ReplaceWith, ReplacedHost};
pub(crate) use resource::{Certificate, GRACE_PERIOD, Resource, Service, Volume, WorkloadKind};
pub(crate) use routes::{
    Controller, Discovery, EnvironmentGateway, EnvironmentIngress, Gateway, Ingress, ListenerProtocol, MatchType,
    PathType, Route, RouteKind, RouteTls,
};
pub use rules::is_exact_version;
pub(crate) use rules::{field_in_other_case, is_control, is_host, is_reserved_annotation};
pub(crate) use scale::{
    Amount, Autoscaling, AutoscalingSettings, PodDisruptionBudget, PodDisruptionBudgetSettings, RollingUpdate,
    StrategyWord, UpdateStrategy,
};
pub(crate) use scaled::Scaled;
pub(crate) use schema::schema;
pub use sealed::Sealed;
pub(crate) use sealed::{SEALED_FILE, SealedFor, SealedValue};
pub(crate) use secrets::{
    DeferredSecret, ExistingSecret, ExternalDefaults, ExternalSecret, SecretSource, SecretStore, Secrets, SopsFile,
};
pub(crate) use security::{ImageSecurity, ResourceSecurity, Security};
pub(crate) use waits::{WaitSettings, WaitTargets, WaitWord, Waits};

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// The whole file.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Config {
    /// Always `aspire-k8s/v1`.
    pub api_version: Option<String>,
    /// Name of the application; chart and release are named after it. Without it, the name of the manifest's folder.
    pub application: Option<String>,
    /// Identity of the application on a cluster, fixed once written. Without it, the application's name.
    pub application_id: Option<String>,
    /// Number of the defaults that pods get. Without it, a live release keeps its number and a new one gets the newest.
    #[schemars(range(min = 1, max = 3))]
    pub compatibility: Option<u32>,
    /// The chart's own fields.
    pub chart: Chart,
    /// Name and namespace of the Helm release.
    pub release: Release,
    /// Defaults of every resource.
    pub defaults: Defaults,
    /// Default source of secret parameters.
    pub secrets: Secrets,
    /// Parameters (and other inputs) by name.
    pub parameters: IndexMap<String, Parameter>,
    /// Resources of the manifest by name.
    pub resources: IndexMap<String, Resource>,
    /// Groups of nodes by name, for `nodePool` of resources.
    pub node_pools: IndexMap<String, NodePool>,
    /// Third-party charts that are installed with the application, by name.
    pub charts: IndexMap<String, ExternalChart>,
    /// Ingresses by name, which expose the application.
    pub ingresses: IndexMap<String, Ingress>,
    /// Gateways (of the Gateway API) by name, with their routes.
    pub gateways: IndexMap<String, Gateway>,
    /// Who signs certificates.
    pub cert_manager: CertManager,
    /// The Aspire dashboard, which is deployed with the application if this key is set.
    pub dashboard: Option<Dashboard>,
    /// Folder, relative to this file, whose files bind mounts may use; the manifest's own folder when absent.
    pub source_root: Option<String>,
    /// Whether and with what pods wait for others: `none`, or the image.
    pub waits: Option<Waits>,
    /// NetworkPolicies that allow the connections of the application: `fromReferences`, or settings.
    pub network_policy: Option<NetworkPolicy>,
    /// Merge patches for generated objects, by `Kind/name`: null removes a key, lists are merged by the names of their items.
    pub patch: IndexMap<String, serde_json::Map<String, serde_json::Value>>,
    /// Additional objects of the chart, as Kubernetes manifests. References to resources and parameters, `{release.name}` and
    /// `{release.namespace}` are replaced.
    pub extra_objects: Vec<serde_json::Map<String, serde_json::Value>>,
    /// Chart values; they override the values that the rest of this file produces. Other keys are for your own templates.
    pub values: serde_json::Map<String, serde_json::Value>,
    /// Values that differ in an environment, chosen with `-e NAME`. They change values, never structure.
    pub environments: IndexMap<String, Environment>,
    /// What the file of sealed values holds. It is read from there, and no key of this file.
    #[serde(skip)]
    #[schemars(skip)]
    pub sealed: Sealed,
    /// The environment whose values are merged in, and no key of this file.
    #[serde(skip)]
    #[schemars(skip)]
    pub environment: Option<String>,
    /// What the whole file says of autoscalers and budgets, once an environment is merged in, and no key of this file.
    #[serde(skip)]
    #[schemars(skip)]
    pub(crate) scaled_of_file: Option<Scaled>,
    /// Keys that the AppHost sets because the file lacks them, and no key of this file.
    #[serde(skip)]
    #[schemars(skip)]
    pub from_app_host: FromAppHost,
    /// Resources whose pods exist or wait because of a number of the pod defaults, with that number, and no key of this file.
    #[serde(skip)]
    #[schemars(skip)]
    pub by_number: BTreeMap<String, u32>,
}

/// Whether `application` can have this value.
pub(crate) fn is_application_name(name: &str) -> bool {
    (rules::APPLICATION.legal)(name)
}

impl Config {
    /// Whether the file leaves a resource out.
    pub fn excludes(&self, resource: &str) -> bool {
        self.resources.get(resource).is_some_and(|resource| resource.exclude)
    }

    /// Whether an Ingress or a Gateway leads to a resource.
    pub(crate) fn routes_to(&self, resource: &str) -> bool {
        let ingresses = self.ingresses.values().flat_map(|ingress| {
            let paths = ingress.paths.iter().map(|path| &path.to);
            paths.chain(ingress.default_backend.as_ref().map(|backend| &backend.to))
        });
        let gateways = self.gateways.values().flat_map(|gateway| gateway.routes.iter().map(|route| &route.to));
        ingresses.chain(gateways).any(|to| to == resource)
    }

    /// Whether a resource does not run because the file says so.
    pub(crate) fn leaves_out(&self, resource: &str) -> bool {
        self.excludes(resource) || self.replacement(resource).is_some()
    }

    /// Where a secret parameter comes from, as far as the file says it.
    pub fn source(&self, parameter: &str) -> Option<Cow<'_, SecretSource>> {
        let own = self.parameters.get(parameter).and_then(|parameter| parameter.from.as_ref());
        let own = own.map(Cow::Borrowed).or_else(|| self.replacing_source(parameter));
        own.or(self.secrets.from.as_ref().map(Cow::Borrowed))
    }

    /// Where it comes from in each environment.
    pub fn environment_sources(&self, parameter: &str) -> impl Iterator<Item = Option<Cow<'_, SecretSource>>> {
        let base = self.parameters.get(parameter).and_then(|parameter| parameter.from.as_ref());
        let base = base.map(Cow::Borrowed).or_else(|| self.replacing_source(parameter));
        self.environments.values().map(move |environment| {
            let own = environment.parameters.get(parameter).and_then(|parameter| parameter.from.as_ref());
            let otherwise = environment.secrets.from.as_ref().or(self.secrets.from.as_ref());
            own.map(Cow::Borrowed).or_else(|| base.clone()).or(otherwise.map(Cow::Borrowed))
        })
    }
}

/// `chart:`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Chart {
    /// Chart name (a DNS label); the application's name when absent.
    pub name: Option<String>,
    /// Chart version (`SemVer`); 0.1.0 when absent.
    pub version: Option<String>,
    /// `appVersion`; `defaults.tag` when absent, or else the chart's version.
    pub app_version: Option<String>,
    /// One sentence about the application.
    pub description: Option<String>,
}

/// `release:`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Release {
    /// Release name (at most 53 characters); the application's name when absent.
    pub name: Option<String>,
    /// Namespace of the release.
    pub namespace: Option<String>,
}

/// `defaults:`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Defaults {
    /// Registry (and path) put before the name of every built image.
    pub registry: Option<String>,
    /// Tag of every built image.
    pub tag: Option<String>,
    /// Names of existing pull secrets for every pod.
    pub image_pull_secrets: Vec<String>,
    /// Pull policy of built images.
    pub image_pull_policy: Option<PullPolicy>,
    /// Whether each resource has a service account of its own.
    pub service_account: Option<DefaultAccount>,
    /// What every container may do; nothing is set for images that are not built when absent.
    pub security: Option<Security>,
    /// Resource requests and limits of every container, as in a pod.
    pub resources: Option<serde_json::Map<String, serde_json::Value>>,
    /// Requests of every container, and memory limits of known images; `resources` wins.
    pub size: Option<Size>,
    /// PodDisruptionBudget of every Deployment and StatefulSet with two or more pods.
    pub pod_disruption_budget: Option<PodDisruptionBudget>,
    /// Over what the pods of every Deployment and StatefulSet are distributed.
    pub spread: Option<Spread>,
    /// The entry of `nodePools` on whose nodes every pod runs.
    pub node_pool: Option<String>,
    /// What every resource waits for that says nothing: `references` are those that its values refer to.
    pub wait_for: Option<WaitWord>,
    /// Which databases are created on servers that do not say it: `connectionStrings` are those that connection strings name.
    pub databases: Option<DatabasesWord>,
    /// Storage of every claim.
    pub storage: Storage,
    /// Labels of every workload and pod.
    pub labels: IndexMap<String, String>,
    /// Annotations of every workload.
    pub annotations: IndexMap<String, String>,
    /// Node labels that every pod requires.
    pub node_selector: IndexMap<String, String>,
    /// Tolerations of every pod, as in a pod.
    pub tolerations: Vec<serde_json::Map<String, serde_json::Value>>,
}

/// Storage of claims; also the shared part of a volume.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Storage {
    /// Requested size; 1Gi when absent.
    pub size: Option<String>,
    /// Storage class; the cluster's default when absent.
    pub storage_class: Option<String>,
    /// Access modes; `ReadWriteOnce` when absent.
    pub access_modes: Vec<AccessMode>,
    /// Annotations of the claim.
    pub annotations: IndexMap<String, String>,
}

/// Access modes of a claim.
#[expect(clippy::enum_variant_names, reason = "they are the names of Kubernetes")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum AccessMode {
    /// One node reads and writes.
    ReadWriteOnce,
    /// Many nodes read.
    ReadOnlyMany,
    /// Many nodes read and write.
    ReadWriteMany,
    /// One pod reads and writes.
    ReadWriteOncePod,
}

/// When the kubelet pulls an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum PullPolicy {
    /// At every start.
    Always,
    /// When the node lacks it.
    IfNotPresent,
    /// Never.
    Never,
}

/// One entry of `parameters:`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Parameter {
    /// Value of a parameter that is not secret.
    pub value: Option<String>,
    /// Where a secret parameter's value comes from.
    pub from: Option<SecretSource>,
}

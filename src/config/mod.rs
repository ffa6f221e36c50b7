//! `aspire-k8s.yaml`: the deployment settings that a manifest cannot express, exactly as written, and its JSON schema.
//!
//! [`parse()`] refuses unknown keys, suggests the nearest one, and reports all errors together. It knows no manifest:
//! whether a resource or parameter exists is checked when the application is resolved.

mod certificates;
mod chart_keys;
mod charts;
mod check;
pub(crate) mod compatibility;
mod dashboard;
mod environment;
mod findings;
mod jobs;
mod key;
mod locate;
mod network;
mod objects;
mod parse;
mod path;
mod probes;
mod routes;
mod rules;
mod schema;
mod sealed;
mod secrets;
#[cfg(test)]
mod tests;
mod tree;
mod waits;
mod walk;

pub(crate) use certificates::{
    Acme, CertManager, Credential, Dns01, EnvironmentCertManager, EnvironmentIssuer, Http01, Issuer, IssuerKind,
    SecretKey, Solver, Vault, VaultAuth, parameters_in,
};
pub(crate) use chart_keys::CHART_KEYS;
pub(crate) use charts::{EnvironmentChart, ExternalChart, Kind as ChartKind, Phase, WaitFor, WaitObject, path_keys};
pub(crate) use dashboard::{DASHBOARD_LABEL, Dashboard, EnvironmentDashboard};
pub(crate) use jobs::{ConcurrencyPolicy, CronJob, Job, RunAs};
pub use locate::position;
pub use parse::parse;
pub(crate) use parse::{FILE, intent_place, parse_values};
pub(crate) use probes::{EachProbe, HttpScheme, Probe, ProbePort, ProbeSetting, Probes, ProbesWord};
pub(crate) use routes::{
    Controller, Discovery, EnvironmentGateway, EnvironmentIngress, Gateway, Ingress, ListenerProtocol, MatchType,
    PathType, Route, RouteKind, RouteTls,
};
pub use rules::is_exact_version;
pub(crate) use rules::is_reserved_annotation;
pub(crate) use rules::{is_control, is_host};
pub(crate) use schema::schema;
pub use sealed::Sealed;
pub(crate) use sealed::{SEALED_FILE, SealedFor, SealedValue};
pub(crate) use secrets::{
    DeferredSecret, ExistingSecret, ExternalDefaults, ExternalSecret, SecretSource, SecretStore, Secrets, SopsFile,
};

pub(crate) use network::{ExternalAddress, NetworkPolicy, NetworkPolicySettings};
pub(crate) use waits::{WaitSettings, WaitTargets, WaitWord, Waits};

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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
    #[schemars(range(min = 1, max = 2))]
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

    /// Where a secret parameter comes from, as far as the file says it.
    pub fn source(&self, parameter: &str) -> Option<&SecretSource> {
        let own = self.parameters.get(parameter).and_then(|parameter| parameter.from.as_ref());
        own.or(self.secrets.from.as_ref())
    }

    /// Where it comes from in each environment.
    pub fn environment_sources(&self, parameter: &str) -> impl Iterator<Item = Option<&SecretSource>> {
        let base = self.parameters.get(parameter).and_then(|parameter| parameter.from.as_ref());
        self.environments.values().map(move |environment| {
            let own = environment.parameters.get(parameter).and_then(|parameter| parameter.from.as_ref());
            own.or(base).or(environment.secrets.from.as_ref()).or(self.secrets.from.as_ref())
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
    /// Security profile of built images.
    pub security: Option<Security>,
    /// Resource requests and limits of every container, as in a pod.
    pub resources: Option<serde_json::Map<String, serde_json::Value>>,
    /// What every resource waits for that says nothing: `references` are those that its values refer to.
    pub wait_for: Option<WaitWord>,
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

/// Security profiles of built images.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Security {
    /// No privilege escalation, the runtime's default seccomp profile.
    #[default]
    Baseline,
    /// What Pod Security "restricted" admits: also not root and without capabilities.
    Restricted,
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

/// Seconds that a pod has to stop by default, as in Kubernetes.
pub(crate) const GRACE_PERIOD: u32 = 30;

/// One entry of `resources:`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Resource {
    /// Leave this resource out; what refers to it becomes an input.
    pub exclude: bool,
    /// Workload kind, if the default (a StatefulSet for a resource with a claim, else a Deployment) does not fit.
    pub workload: Option<WorkloadKind>,
    /// Image instead of the manifest's (for an executable: the image that runs it).
    pub image: Option<String>,
    /// Pull policy of the image.
    pub image_pull_policy: Option<PullPolicy>,
    /// Number of pods; 1 when absent.
    pub replicas: Option<u32>,
    /// Environment variables, added to the manifest's and overriding them; null removes one. Expressions allowed.
    pub env: IndexMap<String, Option<String>>,
    /// Command instead of the manifest's entrypoint. Expressions allowed.
    pub command: Option<Vec<String>>,
    /// Arguments instead of the manifest's. Expressions allowed.
    pub args: Option<Vec<String>>,
    /// Resource requests and limits, as in a pod.
    pub resources: Option<serde_json::Map<String, serde_json::Value>>,
    /// Files and folders that the manifest mounts, by their path in the container.
    pub files: IndexMap<String, MountedFiles>,
    /// Startup, liveness and readiness probes.
    pub probes: Option<Probes>,
    /// Resources that are ready before its pods start: their names, or `references`.
    pub wait_for: Option<WaitTargets>,
    /// Resources that take connections, ready or not, before its pods start.
    pub wait_for_start: Vec<String>,
    /// Resources with `runAs: job` that are complete before its pods start.
    pub wait_for_completion: Vec<String>,
    /// `job`, or the settings of a Job or CronJob, for a program that runs to completion.
    pub run_as: Option<RunAs>,
    /// The Service.
    pub service: Service,
    /// The certificate with which it serves HTTPS itself.
    pub certificate: Option<Certificate>,
    /// Volumes by their name in the manifest (short or long), and additional ones.
    pub volumes: IndexMap<String, Volume>,
    /// Labels of the workload and its pods.
    pub labels: IndexMap<String, String>,
    /// Annotations of the workload.
    pub annotations: IndexMap<String, String>,
    /// Annotations of the pods.
    pub pod_annotations: IndexMap<String, String>,
    /// Node labels that the pods require.
    pub node_selector: IndexMap<String, String>,
    /// Tolerations, as in a pod.
    pub tolerations: Vec<serde_json::Map<String, serde_json::Value>>,
    /// Affinity, as in a pod.
    pub affinity: Option<serde_json::Map<String, serde_json::Value>>,
    /// Topology spread constraints, as in a pod.
    pub topology_spread_constraints: Vec<serde_json::Map<String, serde_json::Value>>,
    /// Priority class.
    pub priority_class: Option<String>,
    /// Service account that exists already.
    pub service_account: Option<String>,
    /// Seconds that a pod has to stop.
    pub termination_grace_period_seconds: Option<u32>,
    /// Seconds that a terminating pod of a Deployment behind a Service keeps serving, because nodes still send it requests; 5 when absent.
    pub drain_seconds: Option<u32>,
    /// Security profile of a built image.
    pub security: Option<Security>,
    /// Pod security context, as in a pod; its keys override ours.
    pub pod_security_context: Option<serde_json::Map<String, serde_json::Value>>,
    /// Container security context, as in a pod; its keys override ours.
    pub security_context: Option<serde_json::Map<String, serde_json::Value>>,
}

/// Kinds of long-running workload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum WorkloadKind {
    /// Interchangeable pods.
    Deployment,
    /// Pods with identity and storage.
    StatefulSet,
}

/// `service:` of a resource.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Service {
    /// Type; `ClusterIP` when absent.
    #[serde(rename = "type")]
    pub service_type: Option<ServiceType>,
    /// Annotations of the Service.
    pub annotations: IndexMap<String, String>,
    /// Ports of the Service by binding name, instead of the manifest's; references follow.
    pub ports: IndexMap<String, u16>,
    /// Node ports by binding name.
    pub node_ports: IndexMap<String, u16>,
    /// Class of the load balancer.
    pub load_balancer_class: Option<String>,
    /// Whether traffic from outside stays on its node.
    pub external_traffic_policy: Option<TrafficPolicy>,
}

/// `certificate:` of a resource, for the names of its Service.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Certificate {
    /// The entry of `certManager.issuers` that signs it.
    pub issuer: String,
    /// The Secret that cert-manager writes; `NAME-tls` of the Service when absent.
    #[serde(default)]
    pub secret: Option<String>,
    /// More names that it is for.
    #[serde(default)]
    pub hosts: Vec<String>,
}

/// Types of Service.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ServiceType {
    /// Reachable inside the cluster.
    #[default]
    #[serde(rename = "ClusterIP")]
    ClusterIp,
    /// Also on a port of every node.
    NodePort,
    /// Also through the cloud's load balancer.
    LoadBalancer,
}

/// External traffic policies of a Service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum TrafficPolicy {
    /// Any node may answer.
    Cluster,
    /// Only nodes with a pod answer; the client's address is kept.
    Local,
}

/// One entry of `volumes:` of a resource.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Volume {
    /// Requested size.
    pub size: Option<String>,
    /// Storage class; empty disables provisioning: the claim binds to an existing PersistentVolume.
    pub storage_class: Option<String>,
    /// The existing PersistentVolume to which the claim binds.
    pub volume_name: Option<String>,
    /// Name of the claim, instead of `<resource>-<volume>`. The claim stays part of the chart.
    pub claim_name: Option<String>,
    /// Access modes.
    pub access_modes: Vec<AccessMode>,
    /// Annotations of the claim.
    pub annotations: IndexMap<String, String>,
    /// No claim: the data is lost with the pod.
    pub ephemeral: bool,
    /// An existing claim, instead of one of the chart.
    pub existing_claim: Option<String>,
    /// One claim for each replica (claim templates of the StatefulSet).
    pub per_replica: bool,
    /// The resource whose volume of this name is mounted here too.
    pub of: Option<String>,
    /// Path in the container; required for a volume that the manifest does not mount on this resource.
    pub mount_path: Option<String>,
    /// Mounted read-only.
    pub read_only: Option<bool>,
    /// Folder of the volume that is mounted; `data` for claims of the chart, the root for existing claims.
    pub sub_path: Option<String>,
}

/// One entry of `files:` of a resource.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct MountedFiles {
    /// Kept in a Secret instead of a ConfigMap; true for private keys when absent.
    pub secret: Option<bool>,
}

/// One entry of `environments:`: the same keys as above, if they are values.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Environment {
    /// Name and namespace of the Helm release.
    pub release: Release,
    /// Defaults.
    pub defaults: EnvironmentDefaults,
    /// Where secrets come from.
    pub secrets: Secrets,
    /// Values of parameters that are not secret, and where secret ones come from.
    pub parameters: IndexMap<String, EnvironmentParameter>,
    /// Resources.
    pub resources: IndexMap<String, EnvironmentResource>,
    /// Third-party charts.
    pub charts: IndexMap<String, EnvironmentChart>,
    /// Ingresses.
    pub ingresses: IndexMap<String, EnvironmentIngress>,
    /// Gateways.
    pub gateways: IndexMap<String, EnvironmentGateway>,
    /// The Aspire dashboard.
    pub dashboard: Option<EnvironmentDashboard>,
    /// Who signs certificates.
    pub cert_manager: EnvironmentCertManager,
    /// Whether and with what pods wait for others.
    pub waits: Option<Waits>,
    /// NetworkPolicies that allow the connections of the application; `none` for none.
    pub network_policy: Option<NetworkPolicy>,
    /// Chart values.
    pub values: serde_json::Map<String, serde_json::Value>,
}

/// `defaults:` of an environment.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct EnvironmentDefaults {
    /// Registry of built images.
    pub registry: Option<String>,
    /// Tag of built images.
    pub tag: Option<String>,
    /// Names of existing pull secrets.
    pub image_pull_secrets: Option<Vec<String>>,
}

/// One parameter of an environment.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct EnvironmentParameter {
    /// Value of a parameter that is not secret.
    pub value: Option<String>,
    /// Where a secret parameter's value comes from.
    pub from: Option<SecretSource>,
}

/// One resource of an environment.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct EnvironmentResource {
    /// Image instead of the manifest's.
    pub image: Option<String>,
    /// Number of pods.
    pub replicas: Option<u32>,
    /// Environment variables: plain text, no expressions; null removes one that has a literal text.
    pub env: IndexMap<String, Option<String>>,
    /// Resource requests and limits.
    pub resources: Option<serde_json::Map<String, serde_json::Value>>,
    /// Startup, liveness and readiness probes.
    pub probes: Option<Probes>,
    /// The Service.
    pub service: Service,
    /// Size and class of volumes by name.
    pub volumes: IndexMap<String, Storage>,
    /// Annotations of the workload.
    pub annotations: IndexMap<String, String>,
    /// Annotations of the pods.
    pub pod_annotations: IndexMap<String, String>,
    /// Node labels that the pods require.
    pub node_selector: IndexMap<String, String>,
    /// Tolerations.
    pub tolerations: Option<Vec<serde_json::Map<String, serde_json::Value>>>,
}

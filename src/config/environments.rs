//! `environments:` of `aspire-k8s.yaml` as written: the keys that an environment can change, which are values.
//!
//! Must not merge anything: that is `environment`.

use super::{
    Autoscaling, EnvironmentCertManager, EnvironmentChart, EnvironmentDashboard, EnvironmentGateway,
    EnvironmentIngress, EnvironmentInitContainer, EnvironmentReplaceWith, NetworkPolicy, NodePool, PodDisruptionBudget,
    Probes, Release, SecretSource, Secrets, Service, Size, Spread, Storage, Waits,
};
use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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
    /// Groups of nodes by name, instead of those of the same name.
    pub node_pools: IndexMap<String, NodePool>,
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
    /// Requests of every container, and memory limits of known images.
    pub size: Option<Size>,
    /// PodDisruptionBudget of every Deployment and StatefulSet with two or more pods; `none` for none.
    pub pod_disruption_budget: Option<PodDisruptionBudget>,
    /// Over what the pods of every Deployment and StatefulSet are distributed.
    pub spread: Option<Spread>,
    /// The entry of `nodePools` on whose nodes every pod runs.
    pub node_pool: Option<String>,
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
    /// Whether it runs in this environment; true by default.
    pub enabled: Option<bool>,
    /// What takes its place in this environment: a server outside of the application. It does not run then.
    pub replace_with: Option<EnvironmentReplaceWith>,
    /// Image instead of the manifest's.
    pub image: Option<String>,
    /// Number of pods.
    pub replicas: Option<u32>,
    /// An autoscaler, instead of `replicas`; `none` for none.
    pub autoscaling: Option<Autoscaling>,
    /// How many of its pods stay while nodes are drained; `none` for no PodDisruptionBudget.
    pub pod_disruption_budget: Option<PodDisruptionBudget>,
    /// Environment variables: plain text, no expressions; null removes one that has a literal text.
    pub env: IndexMap<String, Option<String>>,
    /// Images and variables of init containers, by name.
    pub init_containers: Vec<EnvironmentInitContainer>,
    /// Resource requests and limits.
    pub resources: Option<serde_json::Map<String, serde_json::Value>>,
    /// Requests, and the memory limit of a known image.
    pub size: Option<Size>,
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
    /// The entry of `nodePools` on whose nodes the pods run.
    pub node_pool: Option<String>,
    /// Over what the pods are distributed.
    pub spread: Option<Spread>,
}

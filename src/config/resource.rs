//! `resources:` of `aspire-k8s.yaml` as written: what one resource can set, with its Service, certificate and volumes.
//!
//! Must not know the manifest: whether a resource, endpoint or volume exists is checked when the application is resolved.

use super::replace::Switch;
use super::{
    AccessMode, Autoscaling, Databases, Identity, InitContainer, PodDisruptionBudget, Probes, PullPolicy, ReplaceWith,
    ResourceSecurity, RunAs, ServiceAccount, Size, Spread, UpdateStrategy, WaitTargets,
};
use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Seconds that a pod has to stop by default, as in Kubernetes.
pub(crate) const GRACE_PERIOD: u32 = 30;

/// One entry of `resources:`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Resource {
    /// Leave this resource out; what refers to it becomes an input.
    pub exclude: bool,
    /// What takes the place of this resource, which does not run: a server outside of the application.
    pub replace_with: Option<ReplaceWith>,
    /// Whether it runs in the chosen environment, and no key of this file.
    #[serde(skip)]
    #[schemars(skip)]
    pub(crate) switch: Option<Switch>,
    /// Workload kind, if the default (a StatefulSet for a resource with a claim, else a Deployment) does not fit.
    pub workload: Option<WorkloadKind>,
    /// Image instead of the manifest's (for an executable: the image that runs it).
    pub image: Option<String>,
    /// Pull policy of the image.
    pub image_pull_policy: Option<PullPolicy>,
    /// Number of pods; 1 when absent.
    pub replicas: Option<u32>,
    /// An autoscaler, instead of `replicas`.
    pub autoscaling: Option<Autoscaling>,
    /// How many of its pods stay while nodes are drained.
    pub pod_disruption_budget: Option<PodDisruptionBudget>,
    /// How a Deployment replaces its pods; one new pod at a time, before an old one stops, when absent.
    pub strategy: Option<UpdateStrategy>,
    /// Environment variables, added to the manifest's and overriding them; null removes one. Expressions allowed.
    pub env: IndexMap<String, Option<String>>,
    /// Command instead of the manifest's entrypoint. Expressions allowed.
    pub command: Option<Vec<String>>,
    /// Arguments instead of the manifest's. Expressions allowed.
    pub args: Option<Vec<String>>,
    /// Containers that run to their end, one after another, before its container starts.
    pub init_containers: Vec<InitContainer>,
    /// Resource requests and limits, as in a pod.
    pub resources: Option<serde_json::Map<String, serde_json::Value>>,
    /// Requests, and the memory limit of a known image; `resources` wins.
    pub size: Option<Size>,
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
    /// The resource in whose pod it runs, as a native sidecar.
    pub sidecar_of: Option<String>,
    /// `job`, or the settings of a Job or CronJob, for a program that runs to completion.
    pub run_as: Option<RunAs>,
    /// Databases that a Job creates on this server: `connectionStrings` (those that connection strings name), `none`, or names.
    pub databases: Option<Databases>,
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
    /// The entry of `nodePools` on whose nodes the pods run.
    pub node_pool: Option<String>,
    /// Over what the pods are distributed.
    pub spread: Option<Spread>,
    /// Topology spread constraints, as in a pod.
    pub topology_spread_constraints: Vec<serde_json::Map<String, serde_json::Value>>,
    /// Priority class.
    pub priority_class: Option<String>,
    /// Service account of the pods: the name of one that exists, or settings of one that the chart makes.
    pub service_account: Option<ServiceAccount>,
    /// Who the pods are at a cloud; the chart makes a service account for it.
    pub identity: Option<Identity>,
    /// Names of existing pull secrets, in addition to those of `defaults`.
    pub image_pull_secrets: Vec<String>,
    /// Seconds that a pod has to stop.
    pub termination_grace_period_seconds: Option<u32>,
    /// Seconds that a terminating pod of a Deployment behind a Service keeps serving, because nodes still send it requests; 5 when absent.
    pub drain_seconds: Option<u32>,
    /// What its containers may do: a word, or the user and the writable folders of its image.
    pub security: Option<ResourceSecurity>,
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

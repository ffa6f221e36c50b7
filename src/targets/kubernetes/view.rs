//! The data for the templates. Every decision was made before.

use super::account::AccountView;
use super::formula::{Formula, Scalar};
use serde::Serialize;

/// A workload, as the templates of all its objects see it.
#[derive(Debug, Clone, Default, Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "each turns a part of a template on")]
pub struct WorkloadView {
    /// Name of the chart, which prefixes the names of template definitions.
    pub chart: String,
    /// Name of the workload and its Service.
    pub name: String,
    /// The workload whose pods run it: itself, or the host of a sidecar.
    pub pods: String,
    /// `Deployment`, `StatefulSet`, `Job` or `CronJob`; `Sidecar` if it runs in the pods of another.
    pub kind: &'static str,
    /// The other of the first two.
    pub other_kind: &'static str,
    /// The program.
    pub command: Vec<Scalar>,
    /// Its arguments.
    pub args: Vec<Scalar>,
    /// Variables that hold secrets for others to use.
    pub secret_variables: Vec<SecretVariable>,
    /// Variables that only a pod can hold (composed with secrets, or with a name that no ConfigMap takes).
    pub pod_variables: Vec<PodVariable>,
    /// Composed variables without secrets, for the ConfigMap.
    pub config_variables: Vec<ConfigVariable>,
    /// Secret inputs that it uses, sorted.
    pub secrets: Vec<String>,
    pub container_ports: Vec<ContainerPort>,
    pub service_ports: Vec<ServicePort>,
    /// Claims and other volumes that the pod mounts.
    pub volumes: Vec<VolumeView>,
    /// Folders of the image that stay writable.
    pub writable: Vec<WritableView>,
    /// Claims made from templates of the StatefulSet: keys of the values.
    pub claim_templates: Vec<ClaimTemplate>,
    /// Keys of claims in the values that only one pod may mount, with the claim's name.
    pub single_pod_claims: Vec<String>,
    /// Mounted files.
    pub files: Vec<FilesView>,
    /// Files in the chart that go to the ConfigMap of files.
    pub file_entries: Vec<FileEntry>,
    /// Annotations of the pod that Dapr's injector reads.
    pub dapr: Vec<Annotation>,
    /// Where the container finds a certificate of its own.
    pub certificate: Option<&'static str>,
    /// Init containers that wait for other workloads.
    pub waits: Vec<WaitView>,
    /// Init containers that aspire-k8s.yaml adds, after those that wait.
    pub init_containers: Vec<InitContainerView>,
    /// Workloads that run in its pods, before its own container.
    pub sidecars: Vec<WorkloadView>,
    /// Whether the pod has volumes because of them.
    pub sidecar_volumes: bool,
    /// Connections that its NetworkPolicy allows; none if the chart has no NetworkPolicies.
    pub network: Option<NetworkView>,
    /// Objects that scale it or protect its pods.
    pub scale: ScaleView,
    /// Whether its values say how it replaces its pods.
    pub strategy: bool,
    /// The service account that the chart makes for it.
    pub account: Option<AccountView>,
    /// Whether it has pull secrets of its own.
    pub pull_secrets: bool,
    /// Whether it waits for jobs, which need a permission to be read.
    pub reads_jobs: bool,
    /// Whether a value says that its objects exist.
    pub switched: bool,
    /// Whether there is a headless Service, which leads to pods that are not ready, too.
    pub headless: bool,
}

/// Objects that scale a workload or protect its pods. Values turn each of them on or off.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct ScaleView {
    /// A HorizontalPodAutoscaler.
    pub autoscaler: bool,
    /// A ScaledObject of KEDA, instead of the former.
    pub scaled_object: bool,
    /// A PodDisruptionBudget.
    pub budget: bool,
}

/// The connections that a NetworkPolicy allows.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct NetworkView {
    /// Connections from other workloads, by the workload.
    pub from: Vec<PeerView>,
    /// Connections to other workloads, by the workload.
    pub to: Vec<PeerView>,
    /// Ports that a route leads to.
    pub routed: Vec<PortView>,
    /// Ports of its Service, for Services that are reached from outside of the cluster.
    pub public: Vec<PortView>,
    /// Whether its pods may connect to each other.
    pub peers: bool,
}

/// A workload, and ports.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PeerView {
    /// Name of the workload.
    pub workload: String,
    /// The workload whose pods run it.
    pub pods: String,
    /// Container ports of the workload that accepts the connections; all when empty.
    pub ports: Vec<PortView>,
}

/// A container port.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct PortView {
    /// Key of the port in the values.
    pub name: String,
    /// `TCP` or `UDP`.
    pub protocol: &'static str,
}

/// An init container that waits for another workload.
#[derive(Debug, Clone, Serialize)]
pub struct WaitView {
    /// Its name.
    pub container: String,
    /// The workload that it waits for, as a key of the values.
    pub workload: String,
    /// The workload whose pods run that one, if it is a sidecar.
    pub pods: Option<String>,
    /// Whether it waits for a job, and not for a connection.
    pub job: bool,
    /// The host that it connects to.
    pub host: String,
    /// `port` or `targetPort`: which number of a port in the values.
    pub side: &'static str,
    /// Names of the ports, of which one must answer.
    pub ports: Vec<String>,
    /// Whether a value says that the workload exists.
    pub switched: bool,
}

/// An init container that aspire-k8s.yaml adds.
#[derive(Debug, Clone, Serialize)]
pub struct InitContainerView {
    /// Its name, and its key in the values.
    pub name: String,
    /// Whether it has an image of its own, and not that of the workload.
    pub has_image: bool,
    /// The program.
    pub command: Vec<Scalar>,
    /// Its arguments.
    pub args: Vec<Scalar>,
    /// Variables that hold secrets for others to use.
    pub secret_variables: Vec<SecretVariable>,
    /// Composed variables; those with literal values are in the values.
    pub pod_variables: Vec<PodVariable>,
    /// Volumes of the workload that it mounts.
    pub mounts: Vec<VolumeView>,
}

/// A variable that holds a secret.
#[derive(Debug, Clone, Serialize)]
pub struct SecretVariable {
    /// Name of the variable.
    pub variable: String,
    pub input: String,
    /// Whether it holds the URI-escaped form.
    pub uri: bool,
    /// When it is there, as a Helm condition; always when none.
    pub when: Option<Formula>,
}

#[derive(Debug, Clone, Serialize)]
pub struct PodVariable {
    /// Name of the variable.
    pub name: String,
    /// Its value, unless it is a secret as such.
    pub value: Option<Scalar>,
    /// The secret input that it is.
    pub input: Option<String>,
    /// Whether it is the URI-escaped form.
    pub uri: bool,
    /// When it is there, as a Helm condition; always when none.
    pub when: Option<Formula>,
}

/// A variable in the ConfigMap.
#[derive(Debug, Clone, Serialize)]
pub struct ConfigVariable {
    /// Name of the variable.
    pub name: String,
    pub value: Scalar,
    /// When it is there, as a Helm condition; always when none.
    pub when: Option<Formula>,
}

#[derive(Debug, Clone, Serialize)]
pub struct ContainerPort {
    pub name: String,
    /// `TCP` or `UDP`.
    pub protocol: &'static str,
}

#[derive(Debug, Clone, Serialize)]
pub struct ServicePort {
    /// Its name, also its key in the values.
    pub name: String,
    /// Name of the container port behind it.
    pub target: String,
    /// `TCP` or `UDP`.
    pub protocol: &'static str,
    /// `kubernetes.io/h2c` for cleartext HTTP/2.
    pub app_protocol: Option<&'static str>,
}

/// A volume of the pod and where it is mounted.
#[expect(clippy::struct_excessive_bools, reason = "each is a question of the templates")]
#[derive(Debug, Clone, Serialize)]
pub struct VolumeView {
    /// Name of the volume in the pod.
    pub volume: String,
    /// Path in the container.
    pub target: String,
    /// Whether it is mounted read-only.
    pub read_only: bool,
    /// Name of the claim; none for an ephemeral volume or one of the claim templates.
    pub claim: Option<String>,
    /// Whether the data goes with the pod.
    pub ephemeral: bool,
    /// Whether the claim comes from a claim template.
    pub templated: bool,
    /// Whether the pod has the volume already, for another path.
    pub again: bool,
    /// Whether the user of the container must own the mounted folder.
    pub owned: bool,
    /// Workload whose values hold the volume's settings, and its key there.
    pub owner: String,
    /// Key of the volume in the values.
    pub key: String,
}

/// A folder of the image that stays writable, as an emptyDir.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WritableView {
    /// Name of the volume in the pod.
    pub volume: String,
    /// Path in the container.
    pub target: String,
}

/// A claim template of a StatefulSet.
#[derive(Debug, Clone, Serialize)]
pub struct ClaimTemplate {
    /// Name of the template, and of the pod's volume.
    pub volume: String,
    /// Key of the volume in the values.
    pub key: String,
}

/// A claim of its own, as its template sees it.
#[derive(Debug, Clone, Serialize)]
pub struct ClaimView {
    /// Name of the workload that owns it.
    pub workload: String,
    /// Name of the claim.
    pub name: String,
    /// Key of the volume in the values.
    pub key: String,
    /// Where it is mounted in the container, first of all.
    pub mount_path: String,
}

/// One mount of files.
#[derive(Debug, Clone, Serialize)]
pub struct FilesView {
    /// Name of the volume in the pod.
    pub volume: String,
    /// Name of the ConfigMap: a literal, or the value of an input.
    pub config_map: Scalar,
    /// Whether the ConfigMap is another owner's.
    pub foreign: bool,
    /// Whether it is a Secret.
    pub secret: bool,
    /// Path in the container.
    pub target: String,
    /// Whether the folder holds no file, so that there is no ConfigMap either.
    pub empty: bool,
    /// For a single file, its path in the volume.
    pub sub_path: Option<String>,
    /// Keys of the ConfigMap and their paths in the volume.
    pub items: Vec<FileItem>,
}

/// A key of a ConfigMap and its path in the volume.
#[derive(Debug, Clone, Serialize)]
pub struct FileItem {
    /// Key of the ConfigMap.
    pub key: String,
    /// Path in the volume.
    pub path: String,
}

/// A file of the chart in the ConfigMap or Secret of files.
#[derive(Debug, Clone, Serialize)]
pub struct FileEntry {
    /// Key of the ConfigMap.
    pub key: String,
    /// Path in the chart.
    pub path: String,
    /// Whether it is in the Secret.
    pub secret: bool,
    /// Whether it is no text.
    pub binary: bool,
    /// Whether the chart's file begins with a line break that is not part of it.
    pub padded: bool,
}

#[derive(Debug, Clone, Serialize)]
pub struct Annotation {
    pub key: String,
    pub value: Scalar,
}

/// A Dapr component, as its template sees it.
#[derive(Debug, Clone, Serialize)]
pub struct DaprView {
    /// Name of the object, and its key in the values.
    pub name: String,
    /// Ids of the applications that may use it.
    pub scopes: Vec<String>,
    /// Which of `ignoreErrors`, `initTimeout` and `auth` it has.
    pub has: Vec<&'static str>,
}

/// Another object of Dapr, as its template sees it.
#[derive(Debug, Clone, Serialize)]
pub struct DaprObjectView {
    /// Its key in the values.
    pub key: String,
    /// Name of the object.
    pub name: String,
    pub kind: String,
    /// Group and version.
    pub api_version: String,
}

/// An `ExternalSecret` or `SealedSecret`, as its template sees it.
#[derive(Debug, Clone, Serialize)]
pub struct ExternalView {
    /// What tells its file from those of other owners.
    pub file: String,
    /// The secret input; also the key of the Secret.
    pub input: String,
    /// Whether the URI-escaped form is needed too.
    pub uri: bool,
    /// Key of the URI-escaped form.
    pub uri_key: String,
    /// What the operator's own template engine makes it from.
    pub uri_template: String,
}

/// An expression of a Helm template.
pub(crate) fn formula(text: impl Into<String>) -> Scalar {
    Scalar::Formula(Formula(text.into()))
}

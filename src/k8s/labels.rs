//! Labels and annotations: our own, and those of Kubernetes and helm that we read. Each is spelled only here.

/// Label: who manages an object.
pub(crate) const MANAGED_BY: &str = "app.kubernetes.io/managed-by";
/// Label: the release an object belongs to.
pub(crate) const INSTANCE: &str = "app.kubernetes.io/instance";
/// Label: the workload that an object of a chart belongs to.
pub(crate) const COMPONENT: &str = "app.kubernetes.io/component";
/// The value of [`MANAGED_BY`] on our objects, and our name as a field manager.
pub(crate) const US: &str = "kubectl-aspire";
/// Annotation: the application an object belongs to.
pub(crate) const APPLICATION: &str = "aspire-k8s/application";
/// Label: what an object is for, where its name does not say it.
pub(crate) const ROLE: &str = "aspire-k8s/role";
/// Annotation of a pod template: the marks of the secrets that its pods take.
pub(crate) const SECRETS: &str = "aspire-k8s/secrets";
/// Label of a claim: the volume that it is for.
pub(crate) const VOLUME: &str = "aspire-k8s/volume";
/// Annotation of a claim: where it is mounted.
pub(crate) const MOUNT_PATH: &str = "aspire-k8s/mount-path";
/// Annotation of a volume: its reclaim policy before a workload migration kept it.
pub(crate) const RECLAIM_POLICY: &str = "aspire-k8s/reclaim-policy";
/// Label: the release a namespace was created for.
pub(crate) const CREATED_FOR: &str = "aspire-k8s/created-for";
/// Annotation of our Secret: the mark of each key.
pub(crate) const REVISIONS: &str = "aspire-k8s/revisions";
/// Annotation of our Secret: which claims belong to which key.
pub(crate) const CLAIMS: &str = "aspire-k8s/claims";
/// Annotation of our Secret: the last mark that was given.
pub(crate) const LAST_REVISION: &str = "aspire-k8s/last-revision";
/// Annotation of the Lease: what its holder does.
pub(crate) const DOING: &str = "aspire-k8s/doing";
/// Annotation of the Lease: the helm that runs under it.
pub(crate) const RUNNING_HELM: &str = "aspire-k8s/helm";
/// Annotation of a claim: the folder in it that is mounted.
pub(crate) const SUB_PATH: &str = "aspire-k8s/sub-path";
/// Annotation of a pod template: a digest of the configuration that its pods take.
pub(crate) const CONFIG: &str = "aspire-k8s/config";
/// Annotation of a pod template: a digest of the files that its pods take.
pub(crate) const FILES: &str = "aspire-k8s/files";
/// Annotation of a chart: the number of the defaults that its pods get.
pub(crate) const COMPATIBILITY: &str = "aspire-k8s/compatibility";
/// Annotation of an Ingress that is not public yet.
pub(crate) const CLOSED: &str = "aspire-k8s/closed";

/// Annotation: the release that helm made an object for.
pub(crate) const RELEASE_NAME: &str = "meta.helm.sh/release-name";
/// Annotation: the namespace of [`RELEASE_NAME`].
pub(crate) const RELEASE_NAMESPACE: &str = "meta.helm.sh/release-namespace";
/// The value of [`MANAGED_BY`] on what helm made.
pub(crate) const BY_HELM: &str = "Helm";
/// Annotation: what helm does with an object that a release no longer has.
pub const RESOURCE_POLICY: &str = "helm.sh/resource-policy";
/// The value of [`RESOURCE_POLICY`] that leaves the object where it is.
pub const KEEP: &str = "keep";

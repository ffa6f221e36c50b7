//! The kinds of objects that the program uses.
//!
//! The table saves a discovery request for the usual kinds; every other kind is looked up in the API server.

use std::borrow::Cow;
use std::fmt;

use serde_json::Value;

/// Group and version, and kind, as written in objects.
pub(crate) type KindName = (String, String);

/// A kind of object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kind {
    /// Group and version, as written in objects.
    pub api_version: Cow<'static, str>,
    /// Kind, as written in objects.
    pub kind: Cow<'static, str>,
    /// The word in addresses and permissions.
    pub plural: Cow<'static, str>,
    /// Whether its objects live in a namespace.
    pub namespaced: bool,
}

pub(crate) const NAMESPACE: Kind = row("v1", "Namespace", "namespaces", false);
pub const SECRET: Kind = row("v1", "Secret", "secrets", true);
pub(crate) const CONFIG_MAP: Kind = row("v1", "ConfigMap", "configmaps", true);
pub(crate) const CLAIM: Kind = row("v1", "PersistentVolumeClaim", "persistentvolumeclaims", true);
pub(crate) const STORAGE_CLASS: Kind = row("storage.k8s.io/v1", "StorageClass", "storageclasses", false);
pub(crate) const DEPLOYMENT: Kind = row("apps/v1", "Deployment", "deployments", true);
pub(crate) const JOB: Kind = row("batch/v1", "Job", "jobs", true);
pub(crate) const STATEFUL_SET: Kind = row("apps/v1", "StatefulSet", "statefulsets", true);
pub(crate) const REPLICA_SET: Kind = row("apps/v1", "ReplicaSet", "replicasets", true);
pub(crate) const EVENT: Kind = row("v1", "Event", "events", true);
pub(crate) const SERVICE: Kind = row("v1", "Service", "services", true);
pub(crate) const POD: Kind = row("v1", "Pod", "pods", true);
pub(crate) const LEASE: Kind = row("coordination.k8s.io/v1", "Lease", "leases", true);
pub(crate) const VOLUME: Kind = row("v1", "PersistentVolume", "persistentvolumes", false);
pub(crate) const NODE: Kind = row("v1", "Node", "nodes", false);
/// `SelfSubjectAccessReview`.
pub(crate) const ACCESS_REVIEW: Kind =
    row("authorization.k8s.io/v1", "SelfSubjectAccessReview", "selfsubjectaccessreviews", false);

const TABLE: [&Kind; 13] = [
    &NAMESPACE,
    &SECRET,
    &CONFIG_MAP,
    &CLAIM,
    &STORAGE_CLASS,
    &DEPLOYMENT,
    &STATEFUL_SET,
    &JOB,
    &REPLICA_SET,
    &EVENT,
    &SERVICE,
    &POD,
    &LEASE,
];

pub(crate) const fn row(api_version: &'static str, kind: &'static str, plural: &'static str, namespaced: bool) -> Kind {
    Kind {
        api_version: Cow::Borrowed(api_version),
        kind: Cow::Borrowed(kind),
        plural: Cow::Borrowed(plural),
        namespaced,
    }
}

impl Kind {
    /// The row of the table, for the kinds that are in it.
    pub fn known(api_version: &str, kind: &str) -> Option<Self> {
        TABLE.iter().find(|row| row.api_version == api_version && row.kind == kind).map(|row| (*row).clone())
    }

    /// The API group; empty for the core group.
    pub fn group(&self) -> &str {
        self.api_version.split_once('/').map_or("", |(group, _)| group)
    }

    /// The version within the group.
    pub fn version(&self) -> &str {
        self.api_version.split_once('/').map_or(&*self.api_version, |(_, version)| version)
    }

    /// The word in permissions: `secrets`, `deployments.apps`.
    pub fn resource(&self) -> String {
        if self.group().is_empty() { self.plural.to_string() } else { format!("{}.{}", self.plural, self.group()) }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.kind)
    }
}

/// The kind named in a list of a version's resources, as the API server answers it.
pub(crate) fn in_resource_list(list: &Value, api_version: &str, kind: &str) -> Option<Kind> {
    let rows = list["resources"].as_array()?.iter();
    let is_main = |row: &&Value| row["kind"] == kind && row["name"].as_str().is_some_and(|name| !name.contains('/'));
    let row = rows.into_iter().find(is_main)?;
    Some(Kind {
        api_version: Cow::Owned(api_version.to_owned()),
        kind: Cow::Owned(kind.to_owned()),
        plural: Cow::Owned(row["name"].as_str()?.to_owned()),
        namespaced: row["namespaced"].as_bool().unwrap_or(true),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn words_of_permissions() {
        assert_eq!(SECRET.resource(), "secrets");
        assert_eq!(STATEFUL_SET.resource(), "statefulsets.apps");
        assert_eq!(Kind::known("apps/v1", "StatefulSet"), Some(STATEFUL_SET));
        assert_eq!(Kind::known("apps/v1", "Secret"), None);
    }

    #[test]
    fn a_kind_is_found_in_the_servers_list() {
        let list = json!({"resources": [
            {"name": "ingresses/status", "kind": "Ingress", "namespaced": true},
            {"name": "ingresses", "kind": "Ingress", "namespaced": true},
            {"name": "ingressclasses", "kind": "IngressClass", "namespaced": false},
        ]});
        let found = in_resource_list(&list, "networking.k8s.io/v1", "IngressClass").unwrap();
        assert_eq!((&*found.plural, found.namespaced), ("ingressclasses", false));
        assert_eq!(in_resource_list(&list, "networking.k8s.io/v1", "Ingress").unwrap().plural, "ingresses");
        assert_eq!(in_resource_list(&list, "networking.k8s.io/v1", "Route"), None);
    }
}

//! The live objects of one namespace.

use super::change::Named;
use crate::k8s::labels;
use crate::k8s::object;
use crate::k8s::object::{annotation, name_of};
use crate::k8s::ownership::ReleaseName;
use serde_json::Value as Json;

/// Objects of one namespace. Workloads must have been read before ReplicaSets, and these before pods.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Live {
    pub deployments: Vec<Json>,
    pub stateful_sets: Vec<Json>,
    pub replica_sets: Vec<Json>,
    pub pods: Vec<Json>,
    pub claims: Vec<Json>,
    /// Services and Jobs.
    pub others: Vec<Json>,
    /// Volumes of the claims that matter, as far as we may look.
    pub volumes: Vec<Json>,
    /// Nodes of the pods that matter, as far as we may look.
    pub nodes: Vec<Json>,
}

impl Live {
    /// The objects of a kind.
    fn of_kind(&self, kind: &str) -> &[Json] {
        match kind {
            "Deployment" => &self.deployments,
            "StatefulSet" => &self.stateful_sets,
            _ => &self.others,
        }
    }

    /// A workload, Service or Job by kind and name.
    pub fn find(&self, named: &Named) -> Option<&Json> {
        self.of_kind(&named.kind).iter().find(|object| object["kind"] == *named.kind && name_of(object) == named.name)
    }

    pub fn claim(&self, name: &str) -> Option<&Json> {
        self.claims.iter().find(|object| name_of(object) == name)
    }

    /// The volume of a claim of this release. Anyone may write the name of a volume into a claim; the volume itself, which
    /// only the cluster writes, says by its uid whose it is.
    pub fn volume(&self, claim: &Json, release: ReleaseName<'_>) -> Option<&Json> {
        let name = claim["spec"]["volumeName"].as_str().filter(|_| is_claim_of(claim, release))?;
        let uid = claim["metadata"]["uid"].as_str()?;
        self.volumes.iter().find(|object| name_of(object) == name && object["spec"]["claimRef"]["uid"] == uid)
    }
}

/// The pods it is to have; Kubernetes takes one when nothing is said.
pub(crate) fn replicas(workload: &Json) -> u32 {
    let said = workload["spec"]["replicas"].as_u64().unwrap_or(1);
    u32::try_from(said).unwrap_or(u32::MAX)
}

/// Whether a claim is of this release: made by helm for it, or by a StatefulSet of it, which only labels tell.
fn is_claim_of(claim: &Json, release: ReleaseName<'_>) -> bool {
    let label = |key| object::label(claim, key);
    let by_helm = annotation(claim, labels::RELEASE_NAME).is_some();
    let by_set = label(labels::INSTANCE) == Some(release.name) && label(labels::COMPONENT).is_some();
    release.owns(claim) || (!by_helm && by_set)
}

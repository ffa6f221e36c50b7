//! `nodePools:`, `spread:` and `size:`: where pods run and how much they need, as written.
//!
//! Must not know images: the numbers behind a size belong to the target.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// One entry of `nodePools:`: nodes that resources name with `nodePool`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct NodePool {
    /// Labels of its nodes.
    pub node_selector: IndexMap<String, String>,
    /// Tolerations for the taints of its nodes, as in a pod.
    pub tolerations: Vec<Map<String, Value>>,
    /// Affinity, as in a pod.
    pub affinity: Option<Map<String, Value>>,
}

/// `spread:` of a resource, or of all: over what its pods are distributed evenly.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Spread {
    /// Over zones (`topology.kubernetes.io/zone`).
    pub zone: Option<Spreading>,
    /// Over nodes (`kubernetes.io/hostname`).
    pub hostname: Option<Spreading>,
}

/// How strictly pods are distributed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Spreading {
    /// A pod that cannot be placed evenly runs anyway.
    Preferred,
    /// A pod that cannot be placed evenly stays Pending.
    Required,
    /// Not distributed.
    None,
}

/// `size:` of a resource, or of all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Size {
    /// For tests and light use.
    Small,
    /// For usual production.
    Medium,
    /// For heavy use.
    Large,
}

impl Spread {
    /// With the keys of another one in place of its own.
    pub(crate) fn with(self, own: Self) -> Self {
        Self { zone: own.zone.or(self.zone), hostname: own.hostname.or(self.hostname) }
    }

    /// What an environment makes of it.
    pub(super) fn merged(base: Option<Self>, own: Option<Self>) -> Option<Self> {
        match (base, own) {
            (Some(base), Some(own)) => Some(base.with(own)),
            (base, own) => own.or(base),
        }
    }
}

//! `certManager:`: who signs certificates, as written.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `certManager:`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct CertManager {
    /// Issuers by name.
    pub issuers: IndexMap<String, Issuer>,
}

/// One entry of `certManager.issuers`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Issuer {
    /// Kind of the object; `Issuer` when absent.
    pub kind: Option<IssuerKind>,
    /// Whether it is on the cluster already, and only used here.
    pub existing: bool,
}

/// Kinds of issuer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum IssuerKind {
    /// In the namespace of the release.
    #[default]
    Issuer,
    /// For the whole cluster.
    ClusterIssuer,
}

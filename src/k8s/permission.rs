//! What a user may do, in terms of RBAC.

use super::kind::Kind;

/// A permission: a verb on the objects of a kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Permission {
    /// `get`, `list`, `create`, `patch`...
    pub verb: &'static str,
    pub kind: Kind,
    /// The namespace; empty for the whole cluster.
    pub namespace: String,
    /// The one object; empty for any.
    pub name: String,
}

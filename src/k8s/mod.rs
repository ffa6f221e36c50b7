//! The vocabulary of Kubernetes, pure: objects as JSON, kinds, labels and annotations, who owns an object, quantities.
//!
//! Every other module may use it; it must not know a cluster, a chart or an application.

pub(crate) mod error;
pub(crate) mod kind;
pub(crate) mod labels;
pub(crate) mod object;
pub(crate) mod ownership;
pub(crate) mod permission;
pub(crate) mod quantity;

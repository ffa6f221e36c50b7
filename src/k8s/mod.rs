//! The vocabulary of Kubernetes, pure: objects as JSON, kinds, labels and annotations, who owns an object, quantities.
//!
//! Every other module may use it; it must not know a cluster, a chart or an application.

pub mod error;
pub mod kind;
pub mod labels;
pub mod object;
pub mod ownership;
pub mod permission;
pub mod quantity;

//! Which cluster, as whom, and through what: kubeconfig, proxies, the client.

pub mod access;
pub mod client;
pub mod environment;
pub mod forward;
pub mod kubeconfig;
pub mod proxy;

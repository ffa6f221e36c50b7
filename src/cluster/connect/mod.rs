//! Which cluster, as which user, and through which proxy: kubeconfig, proxies, the client.

pub(crate) mod access;
pub(crate) mod client;
pub(crate) mod environment;
pub(crate) mod forward;
pub(crate) mod kubeconfig;
pub(crate) mod proxy;

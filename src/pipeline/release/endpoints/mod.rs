//! How an application is reachable from outside, read from live objects.

pub(crate) mod all;
pub(crate) mod gateways;
pub(crate) mod objects;

pub(crate) use all::endpoints;
pub(crate) use objects::Endpoint;

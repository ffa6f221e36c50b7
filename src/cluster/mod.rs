//! The API server: the only code that talks to it.

mod access;
mod client;
mod environment;
mod error;
mod explain;
mod kind;
mod kubeconfig;
mod mask;
mod objects;
mod proxy;

pub use access::{Access, Token};
pub use client::Cluster;
pub use environment::Environment;
pub use error::{Error, ErrorKind, Result};
pub use kind::{
    CLAIM, CONFIG_MAP, DEPLOYMENT, Kind, NAMESPACE, POD, SECRET, SERVICE, STATEFUL_SET, STORAGE_CLASS,
};
pub use kubeconfig::{Location, locate};
pub use mask::{MASK, base64, mask, unbase64};
pub use objects::{Guard, Objects, Owner, Propagation, annotation, label, marks, name_of};

//! The API server: the only code that talks to it.

mod access;
mod environment;
mod error;
mod kubeconfig;
mod mask;
mod proxy;

pub use access::{Access, Token};
pub use environment::Environment;
pub use error::{Error, ErrorKind, Result};
pub use kubeconfig::{Location, locate};
pub use mask::{MASK, base64, mask, unbase64};

//! The verbs for third-party charts: what is installed, what is the newest version, and downloading them.

pub(crate) mod packed;
pub(crate) mod pin;

pub(crate) use pin::pin;

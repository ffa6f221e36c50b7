//! Requests to the API server: one engine that sends, retries and explains; discovery, dry runs and facts on top of it.

pub(crate) mod address;
pub mod claims;
pub mod explain;
pub mod facts;
#[cfg(test)]
pub(crate) mod fake;
pub mod namespace;
pub mod namespace_contents;
pub mod objects;
pub mod probe;
pub mod retry;
pub mod send;

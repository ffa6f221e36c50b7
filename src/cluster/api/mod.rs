//! Requests to the API server: one engine that sends, retries and explains; discovery, dry runs and facts on top of it.

pub(crate) mod address;
pub(crate) mod claims;
pub(crate) mod explain;
pub(crate) mod facts;
#[cfg(test)]
pub(crate) mod fake;
pub(crate) mod namespace;
pub(crate) mod namespace_contents;
pub(crate) mod objects;
pub(crate) mod probe;
pub(crate) mod retry;
pub(crate) mod send;

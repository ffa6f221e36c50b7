//! Charts of others on their own: which are installed, which are newest, and fetching them.

pub(crate) mod packed;
pub(crate) mod pin;

pub(crate) use pin::pin;

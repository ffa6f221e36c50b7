//! Hashes that a user may have to type.

use crate::support::digest::sha256;

/// Characters of a hash that a user has to type.
pub(crate) const SHORT: usize = 12;

pub(crate) fn short_hash(text: &str) -> String {
    let mut hash = sha256(text);
    hash.truncate(SHORT);
    hash
}

//! Host names from any text: labels of DNS (RFC 1035), as Services of Kubernetes and services of Compose have them.

use super::digest::sha256;

/// Lower-case letters, digits and dashes; starts with a letter, ends with neither a dash.
pub(crate) fn legal(text: &str) -> String {
    let lower = text.to_ascii_lowercase();
    let mapped: String = lower.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let trimmed = mapped.trim_matches('-');
    if trimmed.starts_with(|c: char| c.is_ascii_alphabetic()) {
        trimmed.to_owned()
    } else {
        format!("x-{trimmed}").trim_end_matches('-').to_owned()
    }
}

/// Cut to `most` characters with a hash of the original, so that long names that differ stay different.
pub(crate) fn shortened(legal: &str, original: &str, most: usize) -> String {
    shortened_by(legal, original, most, 8)
}

/// The same with this many digits of the hash.
pub(crate) fn shortened_by(legal: &str, original: &str, most: usize, digits: usize) -> String {
    if legal.len() <= most {
        return legal.to_owned();
    }
    let hash = sha256(original);
    format!("{}-{}", legal[..most - digits - 1].trim_end_matches('-'), &hash[..digits])
}

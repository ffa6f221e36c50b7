//! Names that Kubernetes accepts, made from names that Aspire accepts.

use crate::support::digest::sha256;
use crate::support::label::{legal, shortened, shortened_by};
use serde::Serialize;
use std::collections::BTreeSet;
use std::fmt;

/// Longest name of a workload. A StatefulSet adds `-` and a ten-digit hash to its pods' `controller-revision-hash`
/// label (63 at most), and a Deployment must keep its name when it becomes one.
pub(crate) const WORKLOAD: usize = 52;

/// Longest name of a port (`IANA_SVC_NAME`).
const PORT: usize = 15;

/// A name of lower-case letters, digits and dashes that starts with a letter (RFC 1035, which Services need).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub(crate) struct Name(String);

impl Name {
    /// The name of the workload that a resource becomes, and of everything that carries the resource's name.
    pub(crate) fn of_workload(resource: &str) -> Self {
        Self(shortened(&legal(resource), resource, WORKLOAD))
    }

    /// A name of at most 63 characters.
    pub(crate) fn of_label(text: &str) -> Self {
        Self(shortened(&legal(text), text, 63))
    }

    pub(crate) fn of_claim(workload: &Name, volume: &str) -> Self {
        let text = format!("{workload}-{volume}");
        Self(shortened(&legal(&text), &text, 63))
    }

    /// The part of an object's name that tells the secret inputs of a release apart. Those that are written alike get a
    /// hash, so that none becomes the object of another.
    pub(crate) fn of_secret(input: &str) -> Self {
        let legal = legal(input);
        if legal == input && legal.len() <= 63 {
            return Self(legal);
        }
        let hash = sha256(input);
        Self(format!("{}-{}", legal[..legal.len().min(54)].trim_end_matches('-'), &hash[..8]))
    }

    /// The name with an ending, such as `-headless`.
    pub(crate) fn with(&self, ending: &str) -> String {
        format!("{}{ending}", self.0)
    }

    /// The text.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A port name that is not among `taken`: lower-case letters, digits and single dashes, at least one letter.
pub(crate) fn port_name(binding: &str, taken: &BTreeSet<String>) -> String {
    let mut base = legal(binding);
    while base.contains("--") {
        base = base.replace("--", "-");
    }
    let first = shortened_by(&base, binding, PORT, 4);
    if !taken.contains(&first) {
        return first;
    }
    let mut number = 2_u32;
    loop {
        let ending = format!("-{number}");
        let room = PORT - ending.len();
        let name = format!("{}{ending}", base[..base.len().min(room)].trim_end_matches('-'));
        if !taken.contains(&name) {
            return name;
        }
        number += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_are_what_a_person_expects() {
        for (resource, name) in
            [("api", "api"), ("OrderProcessor", "orderprocessor"), ("my_db", "my-db"), ("1st", "x-1st"), ("a.b", "a-b")]
        {
            assert_eq!(Name::of_workload(resource).as_str(), name);
        }
        let long = "A".repeat(64);
        assert_eq!(Name::of_workload(&long).as_str(), format!("{}-{}", "a".repeat(43), "d53eda7a"));
    }

    #[test]
    fn ports_are_short_and_distinct() {
        let first = port_name("ORLEANS-SILO-DASHBOARD", &BTreeSet::new());
        assert_eq!(first.len(), 15);
        assert_ne!(port_name("orleans-silo-dashboard", &BTreeSet::new()), first);
        assert_eq!(port_name("http", &BTreeSet::from(["http".to_owned()])), "http-2");
    }

    proptest! {
        #[test]
        fn every_name_is_legal(text in ".{0,80}") {
            for (name, most) in [(Name::of_workload(&text).0, WORKLOAD), (Name::of_label(&text).0, 63), (port_name(&text, &BTreeSet::new()), PORT)] {
                prop_assert!(!name.is_empty() && name.len() <= most);
                prop_assert!(name.starts_with(|c: char| c.is_ascii_lowercase()) && !name.ends_with('-'));
                prop_assert!(name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'));
            }
        }
    }
}

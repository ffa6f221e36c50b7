//! The numbers of the pod defaults: a newer version of this program must not restart pods unexpectedly.
//!
//! A number never changes its meaning. New pod defaults get a new number.

use super::Config;

/// Pods have a TCP readiness probe and no other. Charts of this number do not carry it.
pub(crate) const OLDEST: u32 = 1;

/// Known servers are asked whether they are ready.
pub(crate) const SERVER_PROBES: u32 = 2;

/// `security` is about every container, and `restricted` makes the root file system read-only. Before, it was about built
/// images.
pub(crate) const EVERY_CONTAINER: u32 = 3;

/// A Job creates the databases that connection strings name.
pub(crate) const DATABASES: u32 = 3;

/// What a new release takes.
pub(crate) const NEWEST: u32 = DATABASES;

/// The number that a text says, when there is such a number. No text says the oldest.
pub(crate) fn read(text: &str) -> Option<u32> {
    if text.is_empty() {
        return Some(OLDEST);
    }
    text.parse().ok().filter(|number| (OLDEST..=NEWEST).contains(number))
}

impl Config {
    /// The number whose defaults pods get.
    pub fn defaults_of_pods(&self) -> u32 {
        self.compatibility.unwrap_or(NEWEST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::schema;

    #[test]
    fn only_numbers_that_exist_are_read() {
        for (text, number) in
            [("", Some(1)), ("1", Some(1)), ("2", Some(2)), ("3", Some(3)), ("4", None), ("0", None), ("-1", None)]
        {
            assert_eq!(read(text), number, "{text}");
        }
        assert_eq!(read("2; rm -rf /"), None);
    }

    #[test]
    fn the_schema_knows_the_same_numbers() {
        let key = &schema()["properties"]["compatibility"];
        assert_eq!((key["minimum"].as_u64(), key["maximum"].as_u64()), (Some(OLDEST.into()), Some(NEWEST.into())));
    }
}

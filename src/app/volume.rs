//! Names of volumes.

use std::collections::{BTreeMap, BTreeSet};

/// The name that stays when the AppHost moves: without Aspire's `<apphost>-<10 hex digits>-` prefix.
///
/// `VolumeNameGenerator` writes `{application}-{first 10 hex digits of the AppHost's hash}-{resource}-{suffix}`.
pub(crate) fn short_name(full: &str) -> &str {
    let bytes = full.as_bytes();
    for (index, _) in full.match_indices('-').filter(|(index, _)| *index > 0) {
        let hash = bytes.get(index + 1..index + 11);
        let is_hash = hash.is_some_and(|hash| hash.iter().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(b)));
        if is_hash && bytes.get(index + 11) == Some(&b'-') && full.len() > index + 12 {
            return &full[index + 12..];
        }
    }
    full
}

/// A name for an anonymous volume, from its path, that no other volume of the workload has.
///
/// `numbers` remembers how far a name was counted.
pub(super) fn anonymous_name(target: &str, taken: &BTreeSet<String>, numbers: &mut BTreeMap<String, usize>) -> String {
    let words: Vec<&str> = target.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let base = if words.is_empty() { "volume".to_owned() } else { words.join("-").to_lowercase() };
    let mut name = base.clone();
    let number = numbers.entry(base.clone()).or_insert(2);
    while taken.contains(&name) {
        name = format!("{base}-{number}");
        *number += 1;
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_volumes_of_one_path_get_names_in_one_pass() {
        let (mut taken, mut numbers) = (BTreeSet::from(["data-3".to_owned()]), BTreeMap::new());
        let names: Vec<String> = (0..20_000)
            .map(|_| {
                let name = anonymous_name("/data", &taken, &mut numbers);
                taken.insert(name.clone());
                name
            })
            .collect();
        assert_eq!(names[..3], ["data", "data-2", "data-4"]);
        assert_eq!(taken.len(), 20_001);
    }

    #[test]
    fn the_prefix_goes_and_nothing_else() {
        for (full, short) in [
            ("testshop.apphost-48e1ce2b9b-postgres-data", "postgres-data"),
            ("My-App.Host-0123456789-a-b", "a-b"),
            ("basketcache-data", "basketcache-data"),
            ("TestShop.AppHost-redis-data", "TestShop.AppHost-redis-data"),
            ("a-0123456789-", "a-0123456789-"),
            ("-0123456789-x", "-0123456789-x"),
            ("a-012345678g-x", "a-012345678g-x"),
            ("é-0123456789-é", "é"),
        ] {
            assert_eq!(short_name(full), short);
        }
    }
}

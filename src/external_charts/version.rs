//! Versions of charts and their ranges, ordered as semantic versions.

use semver::{BuildMetadata, Prerelease};

/// A version, ready to be compared. Charts say less than three numbers, and zeros before them, which the library refuses.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(semver::Version);

impl Version {
    /// Reads `4.10.0`, `v1.20.2-rc.1+build`, `4.10`; what is left out is 0, and the build says nothing.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.strip_prefix('v').unwrap_or(text);
        let text = text.split('+').next().unwrap_or_default();
        let (core, pre) = text.split_once('-').map_or((text, ""), |(core, pre)| (core, pre));
        let mut numbers = [0; 3];
        let parts: Vec<&str> = core.split('.').collect();
        if parts.len() > 3 {
            return None;
        }
        for (number, part) in numbers.iter_mut().zip(&parts) {
            *number = part.parse().ok()?;
        }
        let [major, minor, patch] = numbers;
        let pre = Prerelease::new(pre).ok()?;
        Some(Self(semver::Version { major, minor, patch, pre, build: BuildMetadata::EMPTY }))
    }

    fn numbers(&self) -> [u64; 3] {
        [self.0.major, self.0.minor, self.0.patch]
    }
}

/// Whether a version is what is asked for: the same one, or inside the range.
pub fn fits(version: &str, asked: &str) -> bool {
    let Some(found) = Version::parse(version) else { return version == asked };
    let (caret, rest) = match asked.chars().next() {
        Some('^') => (true, &asked[1..]),
        Some('~') => (false, &asked[1..]),
        // A `v` more or less is the same version to helm too.
        _ => return Version::parse(asked).as_ref() == Some(&found) && build(version) == build(asked),
    };
    let Some(least) = Version::parse(rest) else { return false };
    let core = rest.split(['-', '+']).next().unwrap_or_default();
    let given = core.split('.').count();
    // What is fixed: for `~` the minor number where it is said, for `^` the first number that is not 0.
    let fixed = match (caret, given) {
        (false, 1) => 1,
        (false, _) => 2,
        (true, given) => {
            least.numbers().iter().take(given).position(|number| *number > 0).map_or(given, |index| index + 1)
        }
    };
    found >= least
        && found.numbers()[..fixed] == least.numbers()[..fixed]
        && (found.0.pre.is_empty() || !least.0.pre.is_empty() && found.numbers() == least.numbers())
}

fn build(version: &str) -> &str {
    version.split_once('+').map_or("", |(_, build)| build)
}

/// The default range that a version moves within: the same major version.
pub fn newest(asked: &str) -> String {
    if asked.starts_with(['^', '~']) {
        asked.to_owned()
    } else {
        format!("^{}", asked.strip_prefix('v').unwrap_or(asked))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_in_their_order() {
        let ordered =
            ["0.9.0", "1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-beta.2", "1.0.0-beta.11", "1.0.0", "1.0.10", "v1.2.0"];
        for pair in ordered.windows(2) {
            assert!(Version::parse(pair[0]) < Version::parse(pair[1]), "{pair:?}");
        }
        assert_eq!(Version::parse("1.x"), None);
        assert_eq!(Version::parse("1.2.3.4"), None);
        assert_eq!(Version::parse("2026.01.5"), Version::parse("v2026.1.5+build"));
    }

    #[test]
    fn what_is_inside_of_a_range() {
        for (version, asked, inside) in [
            ("4.10.0", "4.10.0", true),
            ("v1.20.2", "1.20.2", true),
            ("4.10.1", "4.10.0", false),
            ("4.10.1", "^4.10", true),
            ("4.9.9", "^4.10", false),
            ("5.0.0", "^4.10", false),
            ("4.11.0", "~4.10", false),
            ("4.10.9", "~4.10.3", true),
            ("4.10.2", "~4.10.3", false),
            ("4.99.0", "~4", true),
            ("0.2.9", "^0.2.3", true),
            ("0.3.0", "^0.2.3", false),
            ("0.0.4", "^0.0.3", false),
            ("4.11.0-rc.1", "^4.10", false),
            ("4.10.0-rc.2", "^4.10.0-rc.1", true),
            ("4.10.0+a", "4.10.0+b", false),
        ] {
            assert_eq!(fits(version, asked), inside, "{version} {asked}");
        }
        assert_eq!((&*newest("v1.2.3"), &*newest("~1.2")), ("^1.2.3", "~1.2"));
    }
}

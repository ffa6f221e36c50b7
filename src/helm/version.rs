//! The version of helm, and flags whose names differ between versions.

use std::fmt;

/// A version of helm; what stands behind the third number does not matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    pub major: u32,
    /// The second number.
    pub minor: u32,
    /// The third; 0 when it is not said.
    pub patch: u32,
}

impl Version {
    const OLDEST: Self = Self { major: 3, minor: 14, patch: 0 };

    /// The first text like `v3.14.4` or `v4.0+unreleased` in what helm says.
    pub fn parse(text: &str) -> Option<Self> {
        text.split_whitespace().find_map(|word| {
            let mut numbers = word.trim_start_matches(['"', 'v']).split('.');
            let major = numbers.next()?.parse().ok()?;
            let minor = leading_number(numbers.next()?)?;
            Some(Self { major, minor, patch: numbers.next().and_then(leading_number).unwrap_or(0) })
        })
    }

    /// Whether we know this version; the way out otherwise.
    pub fn check(self) -> Result<(), &'static str> {
        if self < Self::OLDEST {
            Err("install helm 3.14 or later")
        } else if self.major > 4 {
            Err("install helm 4, or a newer kubectl-aspire")
        } else {
            Ok(())
        }
    }

    /// The flag that makes a failed upgrade go back by itself.
    pub fn roll_back_flag(self) -> &'static str {
        if self.major >= 4 { "--rollback-on-failure" } else { "--atomic" }
    }

    /// The flag that lists releases in every state; helm 4 does so by default and has no flag for it.
    pub fn list_all_flag(self) -> Option<&'static str> {
        (self.major < 4).then_some("--all")
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

fn leading_number(text: &str) -> Option<u32> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text[..end].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_as_they_come() {
        for (text, expected) in [
            ("v3.14.4", Some("3.14.4")),
            ("v3.14.4+g81c902a\n", Some("3.14.4")),
            ("v4.0+unreleased", Some("4.0.0")),
            ("v4.2", Some("4.2.0")),
            ("4.1.0-rc.1", Some("4.1.0")),
            ("WARNING: odd\nv3.18.6", Some("3.18.6")),
            ("\"v3.20.0\"", Some("3.20.0")),
            ("", None),
            ("helm", None),
        ] {
            assert_eq!(Version::parse(text).map(|version| version.to_string()).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn old_and_unknown_ones_are_refused() {
        for (text, fits) in [
            ("v2.17.0", false),
            ("v3.13.3", false),
            ("v3.14.0", true),
            ("v3.22.0", true),
            ("v4.3.1", true),
            ("v5.0.0", false),
        ] {
            assert_eq!(Version::parse(text).unwrap().check().is_ok(), fits, "{text}");
        }
    }
}

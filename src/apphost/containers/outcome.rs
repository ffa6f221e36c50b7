//! What became of each project: its digest, or why it has none. Pure.

use super::facts::SEPARATOR;
use crate::apphost::lines::build_error;
use std::collections::{BTreeMap, BTreeSet};

/// Most errors of one project that are shown: the first ones, because the others follow from them.
const MOST: usize = 10;

/// Most errors of other projects that are kept.
const MOST_OF_OTHERS: usize = 20;

/// An image that is in its registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Made {
    /// By the digest of its manifest.
    Digest(String),
    /// One image for each of several platforms: the SDK does not say the digest of their index.
    Index,
}

/// The errors of a run, by project.
#[derive(Debug, Default)]
pub(super) struct Errors {
    of: BTreeMap<String, Vec<String>>,
    of_others: Vec<String>,
}

impl Errors {
    /// Takes a line of the output. MSBuild ends one with the project: `... [/a/A.csproj]`, with what it was built for behind
    /// two colons.
    pub(super) fn take<'a>(&mut self, line: &str, mut projects: impl Iterator<Item = &'a str>) {
        let Some(error) = build_error(line) else { return };
        let is_of = |project: &&str| {
            let inner = error.rsplit_once('[').and_then(|(_, rest)| rest.strip_suffix(']')).unwrap_or_default();
            inner.split("::").next() == Some(*project) || error.starts_with(&format!("{project} : "))
        };
        let (list, most) = match projects.find(is_of) {
            Some(project) => (self.of.entry(project.to_owned()).or_default(), MOST),
            None => (&mut self.of_others, MOST_OF_OTHERS),
        };
        if list.len() < most && !list.contains(&error) {
            list.push(error);
        }
    }

    /// The first errors of a project; if it has none, those of projects that it may refer to.
    pub(super) fn of(&self, project: &str) -> &[String] {
        self.of.get(project).unwrap_or(&self.of_others)
    }

    /// Whether there are none at all.
    pub(super) fn is_empty(&self) -> bool {
        self.of.is_empty() && self.of_others.is_empty()
    }

    /// Whether there are errors of this very project.
    pub(super) fn has(&self, project: &str) -> bool {
        self.of.contains_key(project)
    }
}

/// The numbers in a file of the run: what was built.
pub(super) fn numbers(text: &str) -> BTreeSet<usize> {
    text.lines().filter_map(|line| line.trim().parse().ok()).collect()
}

/// The images by the number of their project, from lines `<number>|<digest>`.
pub(super) fn images(text: &str) -> BTreeMap<usize, Made> {
    let mut digests: BTreeMap<usize, BTreeSet<&str>> = BTreeMap::new();
    for (number, digest) in text.lines().filter_map(|line| line.trim().split_once(SEPARATOR)) {
        if let Ok(number) = number.parse()
            && is_digest(digest)
        {
            digests.entry(number).or_default().insert(digest);
        }
    }
    let made = |digests: BTreeSet<&str>| match digests.into_iter().collect::<Vec<_>>()[..] {
        [one] => Made::Digest(one.to_owned()),
        _ => Made::Index,
    };
    digests.into_iter().map(|(number, digests)| (number, made(digests))).collect()
}

fn is_digest(text: &str) -> bool {
    let is_hex = |hex: &str| hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    text.strip_prefix("sha256:").is_some_and(is_hex)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_belongs_to_the_project_at_its_end() {
        let mut errors = Errors::default();
        for line in [
            "/a/Api/Program.cs(1,5): error CS1002: ; expected [/a/Api/Api.csproj]",
            "/a/Api/Program.cs(1,5): error CS1002: ; expected [/a/Api/Api.csproj]",
            "/a/Api/X.cs(2,1): error CS0103: no 'x' [/a/Api/Api.csproj::TargetFramework=net10.0]",
            "/a/Web/Web.csproj : error NU1101: Unable to find package X. [/tmp/images.proj]",
            "/a/Shared/S.cs(1,1): error CS0246: no 'T' [/a/Shared/Shared.csproj]",
            "/a/Api/Program.cs(9,9): warning CS0168: unused [/a/Api/Api.csproj]",
        ] {
            errors.take(line, ["/a/Api/Api.csproj", "/a/Web/Web.csproj", "/a/Job/Job.csproj"].into_iter());
        }
        assert_eq!(errors.of("/a/Api/Api.csproj").len(), 2);
        assert!(errors.of("/a/Web/Web.csproj")[0].contains("NU1101"));
        assert!(errors.of("/a/Job/Job.csproj")[0].contains("CS0246"));
        assert!(errors.has("/a/Web/Web.csproj") && !errors.has("/a/Job/Job.csproj"));
        for number in 0..100 {
            errors.take(&format!("/a/A.cs({number},1): error CS1: x [/a/A.csproj]"), ["/a/A.csproj"].into_iter());
        }
        assert_eq!(errors.of("/a/A.csproj").len(), MOST);
        assert!(errors.of("/a/A.csproj")[0].contains("(0,1)"));
    }

    #[test]
    fn digests_are_read_by_number() {
        let (one, two) = (format!("sha256:{}", "1".repeat(64)), format!("sha256:{}", "2".repeat(64)));
        let text = format!("0|\n0|{one}\r\n0|{one}\n2|{one}\n2|{two}\n3|sha256:no\nx|{one}\n");
        let found = images(&text);
        let expected = [(0, Made::Digest(one)), (2, Made::Index)];
        assert_eq!(found.into_iter().collect::<Vec<_>>(), expected);
        assert_eq!(numbers("0\n2\r\nx\n").into_iter().collect::<Vec<_>>(), [0, 2]);
    }
}

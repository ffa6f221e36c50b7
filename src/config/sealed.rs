//! The file of sealed values: ciphertexts that `kubectl aspire seal` wrote and that are committed with the source.
//!
//! Sealing is randomized, so a ciphertext is never regenerated automatically: the chart gets the one in the file.

use crate::support::diagnostic::{Code, Diagnostic};
use crate::support::yaml;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Its name when aspire-k8s.yaml names none.
pub(crate) const SEALED_FILE: &str = "aspire-k8s.sealed.yaml";

const API_VERSION: &str = "aspire-k8s.sealed/v1";

const HEAD: &str = "# Written by `kubectl aspire seal`; keep it with the source. A value opens only in the cluster, namespace and release\n# that it was sealed for.\n";

/// Sealed values by namespace, release and parameter.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Sealed {
    api_version: String,
    #[serde(default)]
    namespaces: BTreeMap<String, BTreeMap<String, BTreeMap<String, SealedValue>>>,
}

/// A sealed value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SealedValue {
    /// Eight hexadecimal digits in the name of its Secret: another value is another Secret, so that no pod starts with the
    /// one from before.
    pub id: String,
    /// The value, as base64.
    pub value: String,
    /// Its URI-escaped form, where the application needs it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uri: Option<String>,
}

/// A sealed value and what it was sealed for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedFor {
    /// Namespace of the release.
    pub namespace: String,
    /// The release.
    pub release: String,
    /// The value.
    pub sealed: SealedValue,
}

impl Sealed {
    /// Reads the file.
    pub fn parse(text: &str) -> Result<Self, Diagnostic> {
        let wrong = |what: String| {
            Diagnostic::new(Code::SealingFailed, "", what)
                .hint("restore it from version control, or seal the values again")
        };
        // The reader's own words repeat what it found, and the file can be any: one that holds a token.
        yaml::affordable(text).map_err(|costly| wrong(costly.to_string()))?;
        let read: Self = serde_yaml::from_str(text).map_err(|error| {
            let at =
                error.location().map_or(String::new(), |at| format!(" (line {} column {})", at.line(), at.column()));
            wrong(format!("it is not a valid file of sealed values{at}"))
        })?;
        if read.api_version != API_VERSION {
            return Err(wrong(format!("it does not have `apiVersion: {API_VERSION}`")));
        }
        let values = read.namespaces.values().flat_map(BTreeMap::values).flatten();
        for (parameter, value) in values {
            if value.id.len() != 8 || !value.id.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
                return Err(wrong(format!("the id of `{parameter}` is not eight hexadecimal digits")));
            }
        }
        Ok(read)
    }

    /// The text of the file: the same values are the same bytes.
    pub fn to_text(&self) -> String {
        let read = Self { api_version: API_VERSION.to_owned(), ..self.clone() };
        // Plain data of this crate always has a YAML form.
        format!("{HEAD}{}", serde_yaml::to_string(&read).unwrap_or_default())
    }

    /// The value of a parameter for a release. Without a namespace, it must be sealed for one only.
    pub fn find(&self, namespace: Option<&str>, release: &str, parameter: &str) -> Option<SealedFor> {
        let fits = |(space, _): &(&String, _)| namespace.is_none_or(|namespace| namespace == space.as_str());
        let mut found = self.namespaces.iter().filter(fits).filter_map(|(space, releases)| {
            let sealed = releases.get(release)?.get(parameter)?.clone();
            Some(SealedFor { namespace: space.clone(), release: release.to_owned(), sealed })
        });
        let first = found.next()?;
        found.next().is_none().then_some(first)
    }

    /// Takes in what another file holds; a value of the same release and parameter stays.
    pub fn add(&mut self, other: Self) {
        for (namespace, releases) in other.namespaces {
            for (release, values) in releases {
                let own = self.namespaces.entry(namespace.clone()).or_default().entry(release).or_default();
                for (parameter, value) in values {
                    own.entry(parameter).or_insert(value);
                }
            }
        }
    }

    /// Puts a value in the place of what was there.
    pub fn put(&mut self, namespace: &str, release: &str, parameter: &str, value: SealedValue) {
        let releases = self.namespaces.entry(namespace.to_owned()).or_default();
        releases.entry(release.to_owned()).or_default().insert(parameter.to_owned(), value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(id: &str) -> SealedValue {
        SealedValue { id: id.to_owned(), value: "AgB+/=".to_owned(), uri: None }
    }

    #[test]
    fn what_is_put_is_found_and_survives_the_file() {
        let mut sealed = Sealed::default();
        sealed.put("shop", "shop", "token", value("00ff00ff"));
        sealed.put("other", "shop", "token", value("11111111"));
        sealed.put("shop", "shop", "db", SealedValue { uri: Some("x".into()), ..value("22222222") });
        let read = Sealed::parse(&sealed.to_text()).unwrap();
        assert_eq!(read.to_text(), sealed.to_text());
        assert_eq!(read.find(Some("shop"), "shop", "token").unwrap().sealed.id, "00ff00ff");
        assert_eq!(read.find(None, "shop", "token"), None, "sealed for two namespaces");
        assert_eq!(read.find(None, "shop", "db").unwrap().namespace, "shop");
        assert_eq!(read.find(Some("shop"), "else", "db"), None);
    }

    #[test]
    fn what_is_not_the_file_is_said() {
        for (text, part) in [
            ("", "it is not a valid file of sealed values"),
            ("hunter2", "it is not a valid file of sealed values (line 1 column 1)"),
            ("apiVersion: v1\n", "does not have `apiVersion: aspire-k8s.sealed/v1`"),
            ("apiVersion: aspire-k8s.sealed/v1\nnamespaces: {a: {b: {c: {id: ../x, value: y}}}}\n", "the id of `c`"),
            ("apiVersion: aspire-k8s.sealed/v1\nhunter2: {}\n", "it is not a valid file of sealed values (line 2"),
        ] {
            let diagnostic = Sealed::parse(text).unwrap_err().to_string();
            assert!(diagnostic.contains(part) && !diagnostic.contains("hunter2"), "{diagnostic}");
        }
    }
}

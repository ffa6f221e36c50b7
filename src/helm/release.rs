//! Helm's output about a release, parsed leniently: the JSON may follow other lines, and numbers may be strings.

use crate::support::yaml;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// The last revision of a release.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Release {
    pub name: String,
    pub namespace: String,
    /// The number of the revision.
    #[serde(deserialize_with = "number")]
    pub revision: u64,
    /// `deployed`, `failed`, `pending-upgrade`...
    pub status: String,
    /// Name and version of the chart.
    #[serde(default)]
    pub chart: String,
    /// Version of the application.
    #[serde(default)]
    pub app_version: String,
    /// When it was written.
    #[serde(default)]
    pub updated: String,
}

impl Release {
    /// Whether a helm works on it, or was killed while it did.
    pub fn is_pending(&self) -> bool {
        self.status.starts_with("pending-")
    }

    /// Whether it is in place as a whole.
    pub fn is_deployed(&self) -> bool {
        self.status == "deployed"
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Revision {
    /// Its number.
    #[serde(deserialize_with = "number")]
    pub revision: u64,
    /// `deployed`, `superseded`, `failed`...
    pub status: String,
    /// Name and version of the chart.
    #[serde(default)]
    pub chart: String,
    /// Version of the application.
    #[serde(default)]
    pub app_version: String,
    /// What was said about it.
    #[serde(default)]
    pub description: String,
    /// When it was written.
    #[serde(default)]
    pub updated: String,
}

/// What helm would apply.
#[derive(Clone, PartialEq, Eq, Deserialize)]
pub struct Intended {
    /// The objects as YAML, without those of hooks. Secrets of the chart are in it.
    #[serde(default)]
    pub manifest: String,
    #[serde(default)]
    pub hooks: Vec<Hook>,
    #[serde(default)]
    apply_method: String,
}

/// An object that helm makes at a moment of its own.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Hook {
    pub name: String,
    pub kind: String,
}

impl Intended {
    /// Whether the API server merges the objects (`ssa`, helm 4), not helm.
    pub fn by_server(&self) -> bool {
        self.apply_method == "ssa"
    }
}

/// The first JSON value in what helm wrote. Lines before it (helm 4 reports what it pulled) do not matter. A value that ends
/// in a mistake does not count, and what stands inside of it is not looked at: so each line is read twice at most.
pub fn json<T: serde::de::DeserializeOwned>(output: &str) -> Option<T> {
    let (mut start, mut read_up_to) = (0, 0);
    for (number, line) in output.split_inclusive('\n').enumerate() {
        let begins = line.trim_start().starts_with(['{', '[']) || line.trim() == "null";
        if begins && number >= read_up_to {
            let mut values = serde_json::Deserializer::from_str(&output[start..]).into_iter::<Value>();
            match values.next()? {
                Ok(value) => return serde_json::from_value(value).ok(),
                Err(error) => read_up_to = number + error.line().saturating_sub(1),
            }
        }
        start += line.len();
    }
    None
}

/// A `Chart.yaml` in what helm wrote. Helm may say first what it pulled, and anyone may have written the chart.
pub fn chart_yaml(output: &str) -> Option<Value> {
    let start = output.find("apiVersion:").or_else(|| output.find("annotations:")).unwrap_or_default();
    let text = &output[start..];
    yaml::affordable(text).ok()?;
    serde_yaml::from_str(text).ok()
}

fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let value = Value::deserialize(deserializer)?;
    let number = value.as_u64().or_else(|| value.as_str().and_then(|text| text.parse().ok()));
    number.ok_or_else(|| serde::de::Error::custom("no revision number"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn json_is_found_behind_other_lines() {
        for (text, expected) in [
            ("[]", Some(json!([]))),
            ("Pulled: oci://x\nDigest: sha256:1\n{\"a\": 1}\n", Some(json!({"a": 1}))),
            ("[warning] odd\n  {\n  \"a\": 1}\nrest", Some(json!({"a": 1}))),
            ("null\n", Some(Value::Null)),
            ("[0,\n{\"a\": 1}\nrest", None),
            ("[0\n{\"a\": 1}\nrest", Some(json!({"a": 1}))),
            ("nothing", None),
            ("", None),
            ("{\"a\": ", None),
        ] {
            assert_eq!(json::<Value>(text), expected, "{text}");
        }
    }

    #[test]
    fn the_number_of_a_revision_may_be_a_text() {
        for revision in [json!(3), json!("3")] {
            let text = json!([{"name": "a", "namespace": "n", "revision": revision, "status": "deployed"}]).to_string();
            let found: Vec<Release> = json(&text).unwrap();
            assert_eq!((found[0].revision, found[0].is_deployed(), found[0].is_pending()), (3, true, false));
        }
    }
}

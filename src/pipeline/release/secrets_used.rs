//! The Secrets that a release needs: names and keys, never values.

use crate::cluster::api::objects::Objects;
use crate::cluster::connect::client::Cluster;
use crate::cluster::state::secret::ReleaseSecret;
use crate::k8s::error::ErrorKind;
use crate::k8s::kind::SECRET;
use crate::pipeline::{Error, Release};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Secret {
    pub name: String,
    /// Whether it exists; null when we may not look.
    pub exists: Option<bool>,
    /// Its keys, sorted.
    pub keys: Vec<String>,
    /// Keys that workloads ask for and it does not have, sorted.
    pub missing: Vec<String>,
}

/// The Secrets that workloads take keys from, and the one that deploy wrote.
pub(crate) fn used(cluster: &Cluster, release: &Release, stored: &[&Json]) -> Result<Vec<Secret>, Error> {
    let mut wanted: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for object in stored {
        references(&object["spec"]["template"]["spec"], &mut wanted);
    }
    let own = ReleaseSecret::name(&release.name);
    let is_used = wanted.contains_key(&own);
    wanted.entry(own.clone()).or_default();
    let mut found = Vec::new();
    for (name, asked) in wanted {
        let live = match cluster.get(&SECRET, &release.namespace, &name) {
            Err(error) if error.kind() == ErrorKind::Forbidden => {
                found.push(Secret { name, exists: None, keys: Vec::new(), missing: Vec::new() });
                continue;
            }
            other => other?,
        };
        if live.is_none() && name == own && !is_used {
            continue;
        }
        let data = live.as_ref().and_then(|live| live["data"].as_object());
        let keys: BTreeSet<String> = data.into_iter().flatten().map(|(key, _)| key.clone()).collect();
        let missing = asked.difference(&keys).cloned().collect();
        found.push(Secret { name, exists: Some(live.is_some()), missing, keys: keys.into_iter().collect() });
    }
    Ok(found)
}

/// Secrets and keys that a pod cannot start without.
fn references(value: &Json, wanted: &mut BTreeMap<String, BTreeSet<String>>) {
    match value {
        Json::Object(entries) => {
            let reference = &entries.get("secretKeyRef").unwrap_or(&Json::Null);
            if let (Some(name), Some(key)) = (reference["name"].as_str(), reference["key"].as_str()) {
                let keys = wanted.entry(name.to_owned()).or_default();
                if reference["optional"] != true {
                    keys.insert(key.to_owned());
                }
            }
            for (key, value) in entries {
                let name = match key.as_str() {
                    "secretRef" => value["name"].as_str(),
                    "secret" => value["secretName"].as_str(),
                    _ => None,
                };
                if let Some(name) = name {
                    wanted.entry(name.to_owned()).or_default();
                }
                references(value, wanted);
            }
        }
        Json::Array(items) => items.iter().for_each(|item| references(item, wanted)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn secrets_that_pods_need() {
        let pod = json!({
            "containers": [{
                "env": [
                    {"name": "A", "valueFrom": {"secretKeyRef": {"name": "s", "key": "a"}}},
                    {"name": "B", "valueFrom": {"secretKeyRef": {"name": "s", "key": "b", "optional": true}}},
                ],
                "envFrom": [{"secretRef": {"name": "t"}}],
            }],
            "volumes": [{"name": "v", "secret": {"secretName": "u"}}],
        });
        let mut found = BTreeMap::new();
        references(&pod, &mut found);
        let expected = [("s", vec!["a"]), ("t", vec![]), ("u", vec![])];
        let expected: BTreeMap<String, BTreeSet<String>> = expected
            .into_iter()
            .map(|(name, keys)| (name.into(), keys.into_iter().map(String::from).collect()))
            .collect();
        assert_eq!(found, expected);
    }
}

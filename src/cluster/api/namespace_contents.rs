//! All objects in a namespace, of every kind that the cluster has: shows whether deleting it would delete objects of
//! other owners. Reads only; decides nothing.

use serde_json::Value;

use super::explain::Attempt;
use crate::cluster::api::address::version_path;
use crate::cluster::connect::client::{Cluster, absent, complete};
use crate::k8s::error::{ErrorKind, Result};
use crate::k8s::kind::{Kind, NAMESPACE};

/// Groups whose objects are readings, stored nowhere.
const READINGS: [&str; 3] = ["metrics.k8s.io", "custom.metrics.k8s.io", "external.metrics.k8s.io"];

impl Cluster {
    /// All objects of the namespace. An error where a kind cannot be listed: then nothing is proved.
    pub(crate) fn inhabitants(&self, namespace: &str) -> Result<Vec<Value>> {
        let kinds = self.listed_kinds()?;
        let mut asked = Vec::new();
        for kind in &kinds {
            asked.push(self.asks_list(Attempt { verb: "list", kind, namespace, name: "" })?);
        }
        let mut found = Vec::new();
        for (answer, kind) in self.send_all(asked).into_iter().zip(&kinds) {
            let mut list = match answer {
                // It was there a moment ago.
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                other => other?,
            };
            if let Some(Value::Array(items)) = list.get_mut("items").map(Value::take) {
                found.extend(items.into_iter().map(|item| complete(item, kind)));
            }
        }
        Ok(found)
    }

    /// Every kind with objects in namespaces that can be listed, each in the version that the API server prefers.
    fn listed_kinds(&self) -> Result<Vec<Kind>> {
        let about = Kind { kind: "API group".into(), namespaced: false, ..NAMESPACE };
        let attempt = Attempt { verb: "list", kind: &about, namespace: "", name: "" };
        let groups = self.send_all(vec![self.asks_get(attempt, "", "apis")?]).remove(0)?;
        let mut versions = vec!["v1".to_owned()];
        let is_stored = |group: &&Value| group["name"].as_str().is_some_and(|name| !READINGS.contains(&name));
        let groups = groups["groups"].as_array().into_iter().flatten().filter(is_stored);
        versions
            .extend(groups.filter_map(|group| Some(group["preferredVersion"]["groupVersion"].as_str()?.to_owned())));
        let mut asked = Vec::new();
        for version in &versions {
            let path = version_path(version)?;
            let (base, last) = path.rsplit_once('/').unwrap_or(("", &path));
            asked.push(self.asks_get(attempt, base, last)?);
        }
        let mut kinds = Vec::new();
        for (answer, version) in self.send_all(asked).into_iter().zip(&versions) {
            let list = absent(answer)?.unwrap_or_default();
            kinds.extend(list["resources"].as_array().into_iter().flatten().filter_map(|row| listed(row, version)));
        }
        Ok(kinds)
    }
}

/// The kind of a row of the API server's list, if its objects live in namespaces and can be listed.
fn listed(row: &Value, version: &str) -> Option<Kind> {
    let name = row["name"].as_str().filter(|name| !name.contains('/'))?;
    let can_list = row["verbs"].as_array()?.iter().any(|verb| verb == "list");
    (row["namespaced"] == true && can_list).then(|| Kind {
        api_version: version.to_owned().into(),
        kind: row["kind"].as_str().unwrap_or_default().to_owned().into(),
        plural: name.to_owned().into(),
        namespaced: true,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_kinds_that_can_be_listed_in_a_namespace_count() {
        let row = |name: &str, namespaced: bool, verb: &str| json!({"name": name, "kind": "X", "namespaced": namespaced, "verbs": [verb]});
        let found = listed(&row("xs", true, "list"), "a/v1").unwrap();
        assert_eq!((&*found.plural, &*found.api_version), ("xs", "a/v1"));
        for other in [row("xs/status", true, "list"), row("xs", false, "list"), row("xs", true, "create")] {
            assert_eq!(listed(&other, "a/v1"), None);
        }
    }
}

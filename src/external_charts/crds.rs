//! The kinds that a chart installs: CustomResourceDefinitions among its objects.

use crate::support::yaml;
use serde_json::Value;

/// A kind that comes with a chart.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ProvidedCrd {
    /// `PLURAL.GROUP`.
    pub name: String,
    pub group: String,
    /// Kind; empty where only the name is known.
    pub kind: String,
}

impl ProvidedCrd {
    /// What the name of a definition tells.
    pub fn named(name: &str) -> Self {
        let group = name.split_once('.').map_or("", |(_, group)| group);
        Self { name: name.to_owned(), group: group.to_owned(), kind: String::new() }
    }

    /// Whether it defines a kind of this group and version.
    pub fn defines(&self, api_version: &str, kind: &str) -> bool {
        let group = api_version.split_once('/').map_or("", |(group, _)| group);
        let singular = self.name.split('.').next().unwrap_or_default();
        // The plural of a kind begins like the kind, but for `y`, which becomes `ies`.
        let stem: String = kind.to_lowercase().trim_end_matches('y').to_owned();
        group == self.group && (self.kind == kind || self.kind.is_empty() && singular.starts_with(&stem))
    }
}

/// The definitions in a manifest of several documents. What is no YAML holds none.
pub fn provided_crds(manifest: &str) -> Vec<ProvidedCrd> {
    if yaml::affordable(manifest).is_err() {
        return Vec::new();
    }
    let objects = yaml::documents(manifest).map_while(Result::ok);
    let definitions = objects.filter(|object| object["kind"] == "CustomResourceDefinition");
    let mut found: Vec<ProvidedCrd> = definitions
        .map(|object| {
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            ProvidedCrd {
                name: text(&object["metadata"]["name"]),
                group: text(&object["spec"]["group"]),
                kind: text(&object["spec"]["names"]["kind"]),
            }
        })
        .collect();
    found.sort();
    found.dedup();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn definitions_are_found_among_others() {
        let manifest = "kind: Service\n---\n# none\n---\napiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: policies.x.example}\nspec: {group: x.example, names: {kind: Policy}}\n";
        let found = provided_crds(manifest);
        assert_eq!(found.len(), 1);
        assert!(found[0].defines("x.example/v1", "Policy") && !found[0].defines("x.example/v1", "Other"));
        assert!(!found[0].defines("y.example/v1", "Policy"));
        let named = ProvidedCrd::named("policies.x.example");
        assert!(named.defines("x.example/v1", "Policy") && !named.defines("x.example/v1", "Widget"));
        assert!(
            ProvidedCrd::named("gateways.gateway.networking.k8s.io").defines("gateway.networking.k8s.io/v1", "Gateway")
        );
        assert!(provided_crds(": no yaml\n\t").is_empty());
    }
}

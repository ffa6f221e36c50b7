//! The keys by which elements of a list are identified: the merge keys of Kubernetes' own types.

use serde_json::Value as Json;
use std::collections::{BTreeSet, HashMap};

/// One part of a key, with what the API server sets where it is left out.
type Part = (&'static str, Option<&'static str>);

/// Lists that are merged element by element, by the name of their field (`patchMergeKey` and `listMapKey` of
/// `k8s.io/api`). Where two lists have the same name, the first row whose first part every element has is meant.
const MERGED: [(&str, &[Part]); 17] = [
    ("containers", &[("name", None)]),
    ("initContainers", &[("name", None)]),
    ("ephemeralContainers", &[("name", None)]),
    ("env", &[("name", None)]),
    ("volumes", &[("name", None)]),
    ("volumeMounts", &[("mountPath", None)]),
    ("volumeDevices", &[("devicePath", None)]),
    ("ports", &[("containerPort", None), ("protocol", Some("TCP"))]),
    ("ports", &[("port", None), ("protocol", Some("TCP"))]),
    ("imagePullSecrets", &[("name", None)]),
    ("secrets", &[("name", None)]),
    ("hostAliases", &[("ip", None)]),
    ("topologySpreadConstraints", &[("topologyKey", None), ("whenUnsatisfiable", None)]),
    ("schedulingGates", &[("name", None)]),
    ("resourceClaims", &[("name", None)]),
    ("conditions", &[("type", None)]),
    ("webhooks", &[("name", None)]),
];

/// Parts that tell elements apart for a reader, where the list is replaced as a whole.
const SHOWN: [&[Part]; 4] = [&[("name", None)], &[("key", None)], &[("host", None)], &[("path", None)]];

/// The key of each element, when the list is merged by it and no two have the same.
pub(super) fn merged(field: &str, lists: &[&[Json]]) -> Option<Vec<Vec<String>>> {
    MERGED.iter().filter(|(name, _)| *name == field).find_map(|(_, parts)| all(parts, lists))
}

/// The key of each element, for a reader.
pub(super) fn shown(field: &str, lists: &[&[Json]]) -> Option<Vec<Vec<String>>> {
    merged(field, lists).or_else(|| SHOWN.iter().find_map(|parts| all(parts, lists)))
}

/// A list whose entries the API server tells apart by two fields, and helm by the first alone, with an entry in any of these
/// lists that helm takes for another: the field, and its value that is there more than once.
pub(super) fn ambiguous(field: &str, lists: &[&[Json]]) -> Option<(&'static str, String)> {
    MERGED.iter().filter(|(name, parts)| *name == field && parts.len() > 1).find_map(|(_, parts)| {
        all(parts, lists)?;
        let first = parts[0].0;
        lists.iter().find_map(|list| {
            let mut seen = BTreeSet::new();
            let twice = list.iter().map(|entry| &entry[first]).find(|value| !seen.insert(value.to_string()));
            twice.map(|value| (first, value.as_str().map_or_else(|| value.to_string(), str::to_owned)))
        })
    })
}

/// Where the element with each key is.
pub(super) fn places(keys: &[String]) -> HashMap<&str, usize> {
    keys.iter().enumerate().map(|(index, key)| (key.as_str(), index)).collect()
}

fn all(parts: &[Part], lists: &[&[Json]]) -> Option<Vec<Vec<String>>> {
    lists.iter().map(|list| unique(parts, list)).collect()
}

fn unique(parts: &[Part], list: &[Json]) -> Option<Vec<String>> {
    let keys: Vec<String> = list.iter().map(|element| key(parts, element)).collect::<Option<_>>()?;
    let mut sorted: Vec<&String> = keys.iter().collect();
    sorted.sort();
    sorted.windows(2).all(|pair| pair[0] != pair[1]).then_some(keys)
}

/// `name=api`; a part with its usual value is left out.
fn key(parts: &[Part], element: &Json) -> Option<String> {
    let mut text = Vec::new();
    for (name, usual) in parts {
        let value = match element.get(name) {
            Some(Json::String(value)) => value.clone(),
            Some(Json::Number(value)) => value.to_string(),
            None => (*usual)?.to_owned(),
            Some(_) => return None,
        };
        if *usual != Some(value.as_str()) {
            text.push(format!("{name}={value}"));
        }
    }
    Some(text.join(","))
}

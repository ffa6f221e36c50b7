//! Predicts an object: the three-way merge of helm and the API server, without calling either.
//!
//! Fields that only the cluster sets (defaults, values of controllers) stay, so that comparing the result with the live
//! object shows exactly what changes.

use super::keys;
use crate::k8s::quantity::Quantity;
use serde_json::{Map, Value as Json};
use std::collections::BTreeSet;

/// Maps whose keys are free: an empty value there is a value. Everywhere else the API server drops it.
const FREE: [&str; 9] = [
    "labels",
    "annotations",
    "matchLabels",
    "nodeSelector",
    "selector",
    "data",
    "binaryData",
    "stringData",
    "parameters",
];

/// Maps of amounts: `500m` and `0.5` are the same there.
const AMOUNTS: [&str; 6] = ["requests", "limits", "capacity", "hard", "min", "max"];

/// Where the surroundings of a value decide how it is merged.
#[derive(Clone, Copy)]
struct At<'a> {
    /// The field's own name.
    name: &'a str,
    /// The name of the field that holds it.
    parent: &'a str,
    /// Whether lists are merged by keys: only in Kubernetes' own types, helm knows no others.
    by_key: bool,
}

/// The object after an apply of `wanted`, where `last` was applied before and `live` is there now.
pub fn predict(last: &Json, wanted: &Json, live: &Json) -> Json {
    let group =
        wanted["apiVersion"].as_str().and_then(|version| version.split_once('/')).map_or("", |(group, _)| group);
    let by_key = !group.contains('.') || group.ends_with(".k8s.io");
    merge(At { name: "", parent: "", by_key }, Some(last), wanted, Some(live))
}

fn merge(at: At, last: Option<&Json>, wanted: &Json, live: Option<&Json>) -> Json {
    match (wanted, live) {
        (Json::Object(wanted), Some(Json::Object(live))) => {
            Json::Object(objects(at, last.and_then(Json::as_object), wanted, live))
        }
        (Json::Array(wanted), Some(Json::Array(live))) => {
            Json::Array(lists(at, last.and_then(Json::as_array), wanted, live))
        }
        (wanted, Some(live)) if same(at, wanted, live) => live.clone(),
        (wanted, _) => wanted.clone(),
    }
}

fn objects(
    at: At,
    last: Option<&Map<String, Json>>,
    wanted: &Map<String, Json>,
    live: &Map<String, Json>,
) -> Map<String, Json> {
    let mut result = live.clone();
    let gone = last.into_iter().flat_map(Map::keys).filter(|key| !wanted.contains_key(*key));
    let gone: BTreeSet<&String> = gone.collect();
    result.retain(|key, _| !gone.contains(key));
    if is_other_choice(at, wanted, live) {
        result.retain(|key, _| wanted.contains_key(key));
    }
    for (key, value) in wanted {
        let below = At { name: key, parent: at.name, ..at };
        match live.get(key) {
            _ if value.is_null() => {
                result.shift_remove(key);
            }
            None if is_nothing(value) && !FREE.contains(&at.name) => {}
            live => {
                result.insert(key.clone(), merge(below, last.and_then(|last| last.get(key)), value, live));
            }
        }
    }
    result
}

/// Where one of several fields is given (`retainKeys`), the others must go: the volume's source, the strategy's settings.
fn is_other_choice(at: At, wanted: &Map<String, Json>, live: &Map<String, Json>) -> bool {
    match (at.parent, at.name) {
        ("volumes", "") => wanted.keys().any(|key| !live.contains_key(key)),
        (_, "strategy" | "updateStrategy") => wanted.get("type").is_some_and(|kind| live.get("type") != Some(kind)),
        _ => false,
    }
}

fn lists(at: At, last: Option<&Vec<Json>>, wanted: &[Json], live: &[Json]) -> Vec<Json> {
    let before = last.map(Vec::as_slice).unwrap_or_default();
    let all_keys = if at.by_key { keys::merged(at.name, &[before, wanted, live]) } else { None };
    let Some([before_keys, wanted_keys, live_keys]) = all_keys.as_deref() else {
        return whole(at, before, wanted, live);
    };
    let inside = At { name: "", parent: at.name, ..at };
    let [of_before, of_wanted, of_live] = [before_keys, wanted_keys, live_keys].map(|keys| keys::places(keys));
    let result = |index: usize| {
        let key = wanted_keys[index].as_str();
        let (last, live) = (of_before.get(key).map(|at| &before[*at]), of_live.get(key).map(|at| &live[*at]));
        merge(inside, last, &wanted[index], live)
    };
    let place = |key: &String| of_wanted.get(key.as_str()).copied();
    let foreign = |key: &&String| place(key).is_none() && !of_before.contains_key(key.as_str());
    let staying: Vec<&String> = live_keys.iter().filter(|key| place(key).is_some()).collect();
    if staying.len() == wanted_keys.len() && staying.iter().zip(wanted_keys).all(|(a, b)| *a == b) {
        // Nothing new and nothing moved: the places stay, also those of elements that others added.
        let kept = live_keys.iter().zip(live).filter(|(key, _)| place(key).is_some() || foreign(key));
        return kept.map(|(key, object)| place(key).map_or_else(|| object.clone(), result)).collect();
    }
    let others = live_keys.iter().zip(live).filter(|(key, _)| foreign(key)).map(|(_, object)| object.clone());
    (0..wanted.len()).map(result).chain(others).collect()
}

/// A list that is replaced as a whole. Elements are compared by their place: what the API server added to one stays.
fn whole(at: At, before: &[Json], wanted: &[Json], live: &[Json]) -> Vec<Json> {
    let inside = At { name: "", parent: at.name, ..at };
    if wanted.len() != live.len() {
        return wanted.to_vec();
    }
    let both = wanted.iter().zip(live);
    let unchanged: Vec<Json> = both.map(|(wanted, live)| merge(inside, Some(wanted), wanted, Some(live))).collect();
    if unchanged == live {
        return live.to_vec();
    }
    if wanted.len() != before.len() || !wanted.iter().all(Json::is_object) {
        return wanted.to_vec();
    }
    // Lists inside lists would be merged twice at each level.
    if before == wanted {
        return unchanged;
    }
    let all = wanted.iter().zip(live).zip(before);
    all.map(|((wanted, live), before)| merge(inside, Some(before), wanted, Some(live))).collect()
}

/// Whether two scalars mean the same.
fn same(at: At, wanted: &Json, live: &Json) -> bool {
    if wanted == live {
        return true;
    }
    let is_amount = AMOUNTS.contains(&at.parent) || at.name == "sizeLimit";
    match (wanted, live) {
        (Json::Number(wanted), Json::Number(live)) => wanted.as_f64() == live.as_f64(),
        _ if is_amount => match (amount(wanted), amount(live)) {
            (Some(wanted), Some(live)) => wanted == live,
            _ => false,
        },
        _ => false,
    }
}

fn amount(value: &Json) -> Option<Quantity> {
    match value {
        Json::String(text) => Quantity::parse(text),
        Json::Number(number) => Quantity::parse(&number.to_string()),
        _ => None,
    }
}

/// What the API server takes for not said.
fn is_nothing(value: &Json) -> bool {
    match value {
        Json::Null | Json::Bool(false) => true,
        Json::String(text) => text.is_empty(),
        Json::Array(list) => list.is_empty(),
        Json::Object(fields) => fields.values().all(is_nothing),
        _ => false,
    }
}

/// The JSON merge patch (RFC 7386) that makes `to` of `from`; empty when they are the same.
pub fn merge_patch(from: &Json, to: &Json) -> Map<String, Json> {
    let (Some(from), Some(to)) = (from.as_object(), to.as_object()) else { return Map::new() };
    let mut patch: Map<String, Json> =
        from.keys().filter(|key| !to.contains_key(*key)).map(|key| (key.clone(), Json::Null)).collect();
    for (key, value) in to.iter().filter(|(key, value)| from.get(*key) != Some(value)) {
        let change = match (from.get(key), value) {
            (Some(old @ Json::Object(_)), Json::Object(_)) => Json::Object(merge_patch(old, value)),
            _ => value.clone(),
        };
        patch.insert(key.clone(), change);
    }
    patch
}

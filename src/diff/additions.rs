//! What another client added to an object of the chart, if it affects the application: keys of a ConfigMap or Secret,
//! and additions to a pod template.
//!
//! Such additions survive an upgrade, so a merge does not show them. Pure: objects in, objects out. Defaults of the API
//! server are not listed here.

use serde_json::{Map, Value as Json, json};

/// Maps of data, by the kind that holds them.
const DATA: [&str; 2] = ["data", "binaryData"];

/// Lists of a pod, and of a container, that hold nothing but what a client wrote; by what their entries are told apart, where
/// anything does.
const OF_POD: [(&str, Option<&str>); 3] =
    [("initContainers", Some("name")), ("containers", Some("name")), ("volumes", Some("name"))];
const OF_CONTAINER: [(&str, Option<&str>); 5] =
    [("env", Some("name")), ("volumeMounts", Some("mountPath")), ("envFrom", None), ("args", None), ("command", None)];

/// The live object without what was added by hand to what `last` says.
pub(super) fn without_additions(last: &Json, live: &Json) -> Json {
    let mut live = live.clone();
    if holds_data(last) {
        for name in DATA {
            let known = |key: &String| last[name].get(key).is_some() || last["stringData"].get(key).is_some();
            if let Some(data) = live.get_mut(name).and_then(Json::as_object_mut) {
                data.retain(|key, _| known(key));
                if data.is_empty() && !last[name].is_object() {
                    live.as_object_mut().map(|object| object.shift_remove(name));
                }
            }
        }
    }
    if let Some(pod) = live.pointer_mut("/spec/template/spec").and_then(Json::as_object_mut) {
        part(&last["spec"]["template"]["spec"], pod, &OF_POD);
    }
    live
}

/// The stored object with an empty place wherever the live one has an addition and the stored one nothing at all, so that a
/// comparison of what is stored comes by.
pub fn with_places(stored: &Json, live: &Json) -> Json {
    let mut stored = stored.clone();
    if holds_data(&stored) {
        for name in DATA {
            if live[name].is_object() && stored[name].is_null() {
                stored[name] = json!({});
            }
        }
    }
    let of_live = &live["spec"]["template"]["spec"];
    if let Some(pod) = stored.pointer_mut("/spec/template/spec").and_then(Json::as_object_mut) {
        places(pod, of_live, &OF_POD);
        for name in ["initContainers", "containers"] {
            for container in pod.get_mut(name).and_then(Json::as_array_mut).into_iter().flatten() {
                let same = find(&of_live[name], "name", &container["name"]).cloned().unwrap_or_default();
                if let Some(container) = container.as_object_mut() {
                    places(container, &same, &OF_CONTAINER);
                }
            }
        }
    }
    stored
}

/// Whether every key of its data counts, because containers may read them all.
pub fn holds_data(object: &Json) -> bool {
    object["apiVersion"].as_str().is_none_or(|version| version == "v1")
        && matches!(object["kind"].as_str(), Some("ConfigMap" | "Secret"))
}

fn part(last: &Json, live: &mut Map<String, Json>, lists: &[(&str, Option<&str>)]) {
    for (name, key) in lists {
        if last[*name].as_array().is_none_or(Vec::is_empty) {
            live.shift_remove(*name);
            continue;
        }
        let (Some(key), Some(entries)) = (key, live.get_mut(*name).and_then(Json::as_array_mut)) else { continue };
        entries.retain(|entry| find(&last[*name], key, &entry[*key]).is_some());
        for entry in entries.iter_mut().filter(|_| matches!(*name, "initContainers" | "containers")) {
            let same = find(&last[*name], key, &entry[*key]).unwrap_or(&Json::Null);
            if let Some(entry) = entry.as_object_mut() {
                part(same, entry, &OF_CONTAINER);
            }
        }
    }
}

fn places(stored: &mut Map<String, Json>, live: &Json, lists: &[(&str, Option<&str>)]) {
    for (name, _) in lists.iter().filter(|(name, _)| live[*name].is_array()) {
        stored.entry(*name).or_insert_with(|| json!([]));
    }
}

fn find<'a>(list: &'a Json, key: &str, value: &Json) -> Option<&'a Json> {
    list.as_array()?.iter().find(|entry| entry[key] == *value && !value.is_null())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deployment(containers: &Json, volumes: &Json) -> Json {
        let pod = json!({"containers": containers, "volumes": volumes, "dnsPolicy": "ClusterFirst"});
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "spec": {"template": {"spec": pod}}})
    }

    #[test]
    fn additions_are_taken_out_and_all_else_stays() {
        let last = deployment(&json!([{"name": "a", "env": [{"name": "X"}]}, {"name": "b"}]), &json!([{"name": "v"}]));
        let live = deployment(
            &json!([
                {"name": "a", "env": [{"name": "X", "value": "1"}, {"name": "NEW"}], "envFrom": [{}], "tty": true},
                {"name": "b", "env": [{"name": "NEW"}], "args": ["x"]},
                {"name": "c"},
            ]),
            &json!([{"name": "v", "emptyDir": {}}, {"name": "w"}]),
        );
        let expected = deployment(
            &json!([{"name": "a", "env": [{"name": "X", "value": "1"}], "tty": true}, {"name": "b"}]),
            &json!([{"name": "v", "emptyDir": {}}]),
        );
        assert_eq!(without_additions(&last, &live), expected);
        let same = without_additions(&live, &live);
        assert_eq!(same, live, "what the chart has is no addition");
    }

    #[test]
    fn keys_of_data_count_and_those_of_others_do_not() {
        let map =
            |kind: &str, data: Json| json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": "m"}, "data": data});
        let (last, live) = (json!({"A": "1"}), json!({"A": "2", "B": "3"}));
        for kind in ["ConfigMap", "Secret"] {
            let found = without_additions(&map(kind, last.clone()), &map(kind, live.clone()));
            assert_eq!(found["data"], json!({"A": "2"}));
        }
        let other = map("Other", live.clone());
        assert_eq!(without_additions(&map("Other", last), &other), other);
        let empty = json!({"apiVersion": "v1", "kind": "ConfigMap"});
        assert_eq!(without_additions(&empty, &map("ConfigMap", live.clone()))["data"], Json::Null);
        assert_eq!(with_places(&empty, &map("ConfigMap", live))["data"], json!({}));
    }

    #[test]
    fn nothing_that_is_read_panics() {
        for odd in [json!(null), json!([]), json!("x"), json!({"kind": "ConfigMap", "data": []}), json!({"spec": 1})] {
            let full = deployment(&json!([{"name": "a"}]), &json!([]));
            for (last, live) in [(&odd, &full), (&full, &odd), (&odd, &odd)] {
                without_additions(last, live);
                with_places(last, live);
            }
        }
    }
}

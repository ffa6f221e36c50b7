//! Drift: the differences between the objects that helm stored and the live ones. Pure: objects in, text out.
//!
//! It compares what the chart sets, and additions that affect the application ([`crate::diff::with_places`]). Additions
//! of the API server, controllers and other tools are not drift. Must not show what may be secret: keys of Secrets and
//! names of variables are shown, never their values.

use crate::k8s::object::name_of;
use crate::k8s::quantity::Quantity;
use crate::support::yaml;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value as Json;

/// One difference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Drift {
    /// Kind of the object.
    pub kind: String,
    pub name: String,
    /// Where in the object, such as `spec.replicas` or `spec.template.spec.containers[api].image`; empty when the whole
    /// object is missing.
    pub path: String,
    /// What the chart says; null when it says nothing, or what it says is not shown.
    pub chart: Option<String>,
    /// What lives; null when it is missing, or not shown.
    pub live: Option<String>,
    /// The difference in words, without values.
    pub what: &'static str,
}

/// The objects in a manifest as helm stores it. What is no object is left out.
pub fn objects(manifest: &str) -> Vec<Json> {
    if yaml::affordable(manifest).is_err() {
        return Vec::new();
    }
    let values = yaml::documents(manifest).filter_map(Result::ok);
    values.filter(|value| value["kind"].is_string() && value["metadata"]["name"].is_string()).collect()
}

/// What differs between one object of the manifest and the live one. `ignored` are paths that another client may set.
pub fn compare(stored: &Json, live: Option<&Json>, ignored: &[&str]) -> Vec<Drift> {
    let mut found = Comparison { stored, ignored, drift: Vec::new() };
    match live {
        None => found.push("", None, None, "missing"),
        Some(live) if !live["metadata"]["deletionTimestamp"].is_null() => found.push("", None, None, "being deleted"),
        Some(live) => {
            let stored = crate::diff::with_places(stored, live);
            for (key, value) in stored.as_object().into_iter().flatten() {
                if !matches!(key.as_str(), "apiVersion" | "kind" | "status") {
                    found.value(key, value, &live[key.as_str()]);
                }
            }
        }
    }
    found.drift
}

/// Keys of which one names an entry of a list.
const LIST_KEYS: [&str; 4] = ["mountPath", "name", "containerPort", "port"];

/// Longest value that is shown.
const SHOWN: usize = 120;

struct Comparison<'a> {
    stored: &'a Json,
    ignored: &'a [&'a str],
    drift: Vec<Drift>,
}

impl Comparison<'_> {
    fn push(&mut self, path: &str, chart: Option<&Json>, live: Option<&Json>, what: &'static str) {
        let shown = |value: Option<&Json>| {
            let value = value.filter(|value| !value.is_null() && !self.is_hidden(path))?;
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            Some(text.chars().take(SHOWN).collect())
        };
        self.drift.push(Drift {
            kind: self.stored["kind"].as_str().unwrap_or_default().to_owned(),
            name: name_of(self.stored).to_owned(),
            path: path.to_owned(),
            chart: shown(chart),
            live: shown(live),
            what,
        });
    }

    fn is_hidden(&self, path: &str) -> bool {
        let secret = self.stored["kind"] == "Secret";
        (secret && (path.starts_with("data") || path.starts_with("stringData"))) || path.contains(".env[")
    }

    fn value(&mut self, path: &str, stored: &Json, live: &Json) {
        if self.ignored.contains(&path) || (is_nothing(stored) && is_nothing(live)) {
            return;
        }
        match (stored, live) {
            (Json::Object(entries), Json::Object(added)) => {
                for (key, value) in entries {
                    self.value(&format!("{path}.{key}"), value, &live[key.as_str()]);
                }
                if matches!(path, "data" | "binaryData") && crate::diff::holds_data(self.stored) {
                    let more = added.iter().filter(|(key, _)| self.stored["stringData"].get(key.as_str()).is_none());
                    let more = more.filter(|(key, _)| !entries.contains_key(*key));
                    for (key, value) in more {
                        self.push(&format!("{path}.{key}"), None, Some(value), "added");
                    }
                }
            }
            (Json::Array(stored), Json::Array(live)) => self.list(path, stored, live),
            _ if is_same(path, stored, live) => {}
            (_, Json::Null) => self.push(path, Some(stored), None, "removed"),
            _ => self.push(path, Some(stored), Some(live), "changed"),
        }
    }

    fn list(&mut self, path: &str, stored: &[Json], live: &[Json]) {
        let by = LIST_KEYS.into_iter().find(|key| {
            let has = |items: &[Json]| items.iter().all(|item| item[*key].is_string() || item[*key].is_number());
            has(stored) && has(live)
        });
        let Some(by) = by.filter(|_| !stored.is_empty() || !live.is_empty()) else {
            let same = stored.len() == live.len() && stored.iter().zip(live).all(|(a, b)| is_same(path, a, b));
            if !same && stored.iter().chain(live).any(Json::is_object) && stored.len() == live.len() {
                for (index, (stored, live)) in stored.iter().zip(live).enumerate() {
                    self.value(&format!("{path}[{index}]"), stored, live);
                }
            } else if !same {
                let (stored, live) = (Json::from(stored), Json::from(live));
                self.push(path, Some(&stored), Some(&live), "changed");
            }
            return;
        };
        let text = |item: &Json| item[by].as_str().map_or_else(|| item[by].to_string(), str::to_owned);
        for item in stored {
            let place = format!("{path}[{}]", text(item));
            match live.iter().find(|other| other[by] == item[by]) {
                Some(other) => self.entry(&place, item, other),
                None => self.push(&place, Some(item), None, "removed"),
            }
        }
        for item in live.iter().filter(|item| stored.iter().all(|other| other[by] != item[by])) {
            self.push(&format!("{path}[{}]", text(item)), None, Some(item), "added");
        }
    }

    /// A variable that takes its value from elsewhere now has changed as a whole.
    fn entry(&mut self, place: &str, stored: &Json, live: &Json) {
        let other_source = self.is_hidden(place) && is_nothing(&stored["value"]) != is_nothing(&live["value"]);
        if other_source {
            self.push(place, Some(stored), Some(live), "changed");
        } else {
            self.value(place, stored, live);
        }
    }
}

/// The API server drops what is empty, and what equals the zero of its type.
fn is_nothing(value: &Json) -> bool {
    match value {
        Json::Null => true,
        Json::Bool(value) => !value,
        Json::Number(number) => number.as_f64() == Some(0.0),
        Json::String(text) => text.is_empty(),
        Json::Array(items) => items.is_empty(),
        Json::Object(entries) => entries.is_empty() || entries.values().all(is_nothing),
    }
}

fn is_same(path: &str, stored: &Json, live: &Json) -> bool {
    if stored == live {
        return true;
    }
    let text = |value: &Json| match value {
        Json::String(text) => Some(text.clone()),
        Json::Number(number) => Some(number.to_string()),
        _ => None,
    };
    let (Some(stored), Some(live)) = (text(stored), text(live)) else { return false };
    // Helm reads `0555` as octal; this reader, of a later YAML, as text.
    let octal = stored.strip_prefix('0').and_then(|digits| i64::from_str_radix(digits, 8).ok());
    if octal.is_some_and(|number| number.to_string() == live) {
        return true;
    }
    let is_amount = ["resources.", "sizeLimit"].iter().any(|part| path.contains(part));
    match (Quantity::parse(&stored), Quantity::parse(&live)) {
        (Some(stored), Some(live)) if is_amount => stored == live,
        _ => stored == live,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn deployment(change: impl FnOnce(&mut Json)) -> Json {
        let mut object = json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "api", "labels": {"a": "b"}},
            "spec": {"replicas": 2, "template": {"spec": {"volumes": [], "containers": [{
                "name": "api", "image": "api:1", "args": ["--x"],
                "env": [{"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "s", "key": "token"}}}, {"name": "A", "value": "b"}],
                "resources": {"limits": {"cpu": "1000m", "memory": "1024Mi"}},
            }]}}},
        });
        change(&mut object);
        object
    }

    /// Path and word of each difference.
    fn found(stored: &Json, live: &Json, ignored: &[&str]) -> Vec<String> {
        compare(stored, Some(live), ignored).iter().map(|drift| format!("{} {}", drift.path, drift.what)).collect()
    }

    #[test]
    fn what_the_server_and_others_add_is_no_drift() {
        let live = deployment(|live| {
            live["metadata"]["labels"]["more"] = json!("x");
            live["metadata"]["annotations"] = json!({"deployment.kubernetes.io/revision": "3"});
            live["spec"]["strategy"] = json!({"type": "RollingUpdate"});
            live["status"] = json!({"replicas": 2});
            let container = &mut live["spec"]["template"]["spec"]["containers"][0];
            container["terminationMessagePath"] = json!("/dev/termination-log");
            container["resources"]["limits"] = json!({"cpu": "1", "memory": "1Gi"});
            live["spec"]["template"]["spec"].as_object_mut().unwrap().remove("volumes");
        });
        assert_eq!(found(&deployment(|_| {}), &live, &[]), [""; 0]);
    }

    #[test]
    fn changes_by_hand_are_found_where_they_are() {
        type Change = fn(&mut Json);
        let container = "spec.template.spec.containers[api]";
        let cases: [(Change, String); 8] = [
            (|live| live["spec"]["replicas"] = json!(5), "spec.replicas changed".into()),
            (|live| live["spec"]["replicas"] = json!(0), "spec.replicas changed".into()),
            (|live| live["metadata"]["labels"] = json!({"a": "c"}), "metadata.labels.a changed".into()),
            (|live| container_of(live)["image"] = json!("api:2"), format!("{container}.image changed")),
            (|live| container_of(live)["args"] = json!(["--x", "--y"]), format!("{container}.args changed")),
            (|live| container_of(live)["env"][1]["value"] = json!("c"), format!("{container}.env[A].value changed")),
            (
                |live| container_of(live)["env"][0] = json!({"name": "TOKEN", "value": "typed"}),
                format!("{container}.env[TOKEN] changed"),
            ),
            (
                |live| container_of(live)["env"].as_array_mut().unwrap().push(json!({"name": "NEW", "value": "x"})),
                format!("{container}.env[NEW] added"),
            ),
        ];
        for (change, expected) in cases {
            assert_eq!(found(&deployment(|_| {}), &deployment(change), &[]), [expected]);
        }
    }

    fn container_of(object: &mut Json) -> &mut Json {
        &mut object["spec"]["template"]["spec"]["containers"][0]
    }

    #[test]
    fn additions_are_found_where_the_chart_says_nothing() {
        let bare = || deployment(|object| drop(container_of(object).as_object_mut().unwrap().remove("env")));
        let live = deployment(|live| {
            container_of(live)["env"] = json!([{"name": "NEW", "value": "hush"}]);
            container_of(live)["envFrom"] = json!([{"configMapRef": {"name": "other"}}]);
        });
        let container = "spec.template.spec.containers[api]";
        assert_eq!(
            found(&bare(), &live, &[]),
            [format!("{container}.env[NEW] added"), format!("{container}.envFrom changed")]
        );
        let map =
            |data: Json| json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "m"}, "data": data});
        let live = map(json!({"A": "1", "B": "2"}));
        assert_eq!(found(&map(json!({"A": "1"})), &live, &[]), ["data.B added"]);
        assert_eq!(found(&map(Json::Null), &live, &[]), ["data.A added", "data.B added"]);
    }

    #[test]
    fn values_that_may_be_secret_are_not_shown() {
        let live = deployment(|live| {
            container_of(live)["env"] = json!([{"name": "TOKEN", "value": "hush"}, {"name": "A", "value": "hush"}, {"name": "N", "value": "hush"}]);
        });
        let secret = |value: &str| json!({"kind": "Secret", "metadata": {"name": "s"}, "data": {"k": value}});
        let mut all = compare(&deployment(|_| {}), Some(&live), &[]);
        all.extend(compare(&secret("aHVzaA=="), Some(&secret("aHVzaGh1c2g=")), &[]));
        assert_eq!(all.len(), 4);
        let text = serde_json::to_string(&all).unwrap();
        assert!(!text.contains("hush") && !text.contains("aHVza"), "{text}");
    }

    #[test]
    fn missing_objects_and_what_others_may_set() {
        assert_eq!(compare(&deployment(|_| {}), None, &[])[0].what, "missing");
        let going = deployment(|live| live["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z"));
        assert_eq!(compare(&deployment(|_| {}), Some(&going), &[])[0].what, "being deleted");
        let scaled = deployment(|live| live["spec"]["replicas"] = json!(7));
        assert_eq!(found(&deployment(|_| {}), &scaled, &["spec.replicas"]), [""; 0]);
    }

    #[test]
    fn objects_of_a_manifest() {
        let text = "---\n# Source: a\nkind: A\nmetadata: {name: a}\n---\n# nothing\n---\nkind: B\nmetadata: {name: b}\nmode: 0555\n";
        let found = objects(text);
        assert_eq!(found.iter().map(name_of).collect::<Vec<_>>(), ["a", "b"]);
        assert!(is_same("mode", &found[1]["mode"], &json!(365)), "{}", found[1]["mode"]);
    }
}

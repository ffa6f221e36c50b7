//! The Secret of a release, `<release>-secrets`: its content, and the next content.
//!
//! Values in, values out; `change` writes it. Three rules: an unchanged value keeps its revision number, so that
//! nothing restarts; a number is never used twice, so that a failed attempt and the next one differ; a credential lives
//! as long as the claims that were set up with it.

pub(crate) mod change;

pub(crate) use change::{Change, discard_leftover, leftover, read, retire, retiring};

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use crate::cluster::api::objects::Guard;
use crate::k8s::kind::SECRET;
use crate::k8s::labels;
use crate::k8s::object;
use crate::k8s::ownership::Owner;
use crate::support::redact::{base64, unbase64};

/// The Secret of a release. Its debug form shows no value.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ReleaseSecret {
    /// The values by key.
    pub data: BTreeMap<String, Vec<u8>>,
    /// One mark per key, for the pod annotations: the number of the write that last changed the value.
    pub marks: BTreeMap<String, String>,
    /// Claims that were set up with a value, by key.
    pub claims: BTreeMap<String, Vec<String>>,
    /// The highest mark that was ever given.
    pub last: u64,
    /// The live object; `None` if it does not exist yet.
    pub uid: Option<String>,
    /// Its state as it was read.
    pub resource_version: Option<String>,
}

impl std::fmt::Debug for ReleaseSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ReleaseSecret")
            .field("keys", &self.data.keys())
            .field("marks", &self.marks)
            .field("claims", &self.claims)
            .field("last", &self.last)
            .field("uid", &self.uid)
            .field("resource_version", &self.resource_version)
            .finish()
    }
}

impl ReleaseSecret {
    /// The name of the object.
    pub fn name(release: &str) -> String {
        format!("{release}-secrets")
    }

    /// Reads the object. A key without a mark (added by another client) has the mark `0`.
    pub fn from_object(object: &Value) -> Self {
        let entries = object["data"].as_object().into_iter().flatten();
        let decode = |(key, value): (&String, &Value)| Some((key.clone(), unbase64(value.as_str()?)?));
        let data: BTreeMap<String, Vec<u8>> = entries.filter_map(decode).collect();
        let given: BTreeMap<String, String> = annotation(object, labels::REVISIONS);
        let mark = |key: &String| given.get(key).cloned().unwrap_or_else(|| "0".to_owned());
        let marks: BTreeMap<String, String> = data.keys().map(|key| (key.clone(), mark(key))).collect();
        let highest = given.values().filter_map(|mark| mark.parse().ok()).max().unwrap_or(0);
        let last = object::annotation(object, labels::LAST_REVISION).and_then(|text| text.parse().ok()).unwrap_or(0);
        let guard = Guard::of(object);
        Self {
            data,
            marks,
            claims: annotation(object, labels::CLAIMS),
            last: highest.max(last),
            uid: guard.uid,
            resource_version: guard.resource_version,
        }
    }

    /// The object to write, made from the live one so that what others added to its metadata stays.
    pub fn to_object(&self, owner: Owner<'_>, name: &str, live: Option<&Value>) -> Value {
        let mut object = live.cloned().unwrap_or_else(|| json!({"metadata": {}, "type": "Opaque"}));
        object["apiVersion"] = json!(SECRET.api_version);
        object["kind"] = json!(SECRET.kind);
        object["metadata"]["name"] = json!(name);
        owner.write_into(&mut object);
        let marks = json!(self.marks).to_string();
        let claims = json!(self.claims).to_string();
        for (key, value) in
            [(labels::REVISIONS, marks), (labels::CLAIMS, claims), (labels::LAST_REVISION, self.last.to_string())]
        {
            object::set(&mut object, &["metadata", "annotations", key], value.into());
        }
        let data: Map<String, Value> =
            self.data.iter().map(|(key, value)| (key.clone(), json!(base64(value)))).collect();
        object["data"] = Value::Object(data);
        object
    }

    /// The Secret with these values: what stays the same keeps its mark, what is new or changed gets the next one, what
    /// is no longer wanted goes unless a claim was set up with it.
    #[must_use]
    pub fn update(&self, wanted: BTreeMap<String, Vec<u8>>) -> Self {
        let mut next = Self { data: wanted, marks: BTreeMap::new(), claims: BTreeMap::new(), ..self.clone() };
        let fresh = self.last + 1;
        for (key, value) in &next.data {
            let same = self.data.get(key) == Some(value);
            let mark = if same { self.marks.get(key).cloned() } else { None };
            if mark.is_none() {
                next.last = fresh;
            }
            next.marks.insert(key.clone(), mark.unwrap_or_else(|| fresh.to_string()));
        }
        for (key, claims) in self.claims.iter().filter(|(_, claims)| !claims.is_empty()) {
            if let (false, Some(value)) = (next.data.contains_key(key), self.data.get(key)) {
                next.data.insert(key.clone(), value.clone());
                next.marks.insert(key.clone(), self.marks.get(key).cloned().unwrap_or_default());
            }
            if next.data.contains_key(key) {
                next.claims.insert(key.clone(), claims.clone());
            }
        }
        next
    }

    /// The same, with what is in `before` and no longer wanted: pods that run still take it.
    #[must_use]
    pub(crate) fn and_still(&self, before: &Self) -> Self {
        let mut both = self.clone();
        for (key, value) in before.data.iter().filter(|(key, _)| !self.data.contains_key(*key)) {
            both.data.insert(key.clone(), value.clone());
            both.marks.insert(key.clone(), before.marks.get(key).cloned().unwrap_or_default());
        }
        both
    }

    /// The same, knowing that these claims are set up with these keys, besides those known before.
    #[must_use]
    pub fn with_claims(mut self, claims: &BTreeMap<String, Vec<String>>) -> Self {
        for (key, names) in claims.iter().filter(|(key, _)| self.data.contains_key(*key)) {
            let known = self.claims.entry(key.clone()).or_default();
            let all: BTreeSet<String> = known.drain(..).chain(names.iter().cloned()).collect();
            known.extend(all);
        }
        self
    }

    /// The keys that a claim was set up with, and nothing else: what is left of a destroyed release.
    #[must_use]
    pub fn only_claimed(&self) -> Self {
        self.update(BTreeMap::new())
    }

    /// The values as texts, for whoever hides them.
    pub fn texts(&self) -> impl Iterator<Item = String> {
        self.data.values().filter_map(|value| String::from_utf8(value.clone()).ok())
    }

    /// What to go back to after a failed run: the values from before, and of the new ones those that a claim may have
    /// been set up with. No mark is given twice.
    #[must_use]
    fn restored(&self, before: &Self) -> Self {
        let mut back =
            Self { uid: self.uid.clone(), resource_version: self.resource_version.clone(), ..before.clone() };
        back.last = self.last.max(before.last);
        for (key, claims) in self.claims.iter().filter(|(_, claims)| !claims.is_empty()) {
            let Some(value) = self.data.get(key).filter(|_| !before.data.contains_key(key)) else { continue };
            back.data.insert(key.clone(), value.clone());
            back.marks.insert(key.clone(), self.marks.get(key).cloned().unwrap_or_default());
            back.claims.insert(key.clone(), claims.clone());
        }
        back
    }

    fn says_the_same(&self, other: &Self) -> bool {
        (&self.data, &self.marks, &self.claims) == (&other.data, &other.marks, &other.claims)
    }
}

fn annotation<T: serde::de::DeserializeOwned + Default>(object: &Value, key: &str) -> T {
    object::annotation(object, key).and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;

//! What deploy writes beside helm, as changes: the namespace, the Secret and the remembered values. Keys, never values.

use super::Release;
use super::before::Before;
use crate::cluster::{MASK, ReleaseSecret, State};
use crate::diff::{Action, Change, Field, below};
use crate::inputs::Settled;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

/// The changes, in the order in which deploy makes them.
pub fn changes(
    release: &Release,
    has_namespace: bool,
    before: &Before,
    settled: &Settled,
    secret: &ReleaseSecret,
) -> Vec<Change> {
    let mut found = Vec::new();
    if !has_namespace {
        found.push(change(Action::Add, "Namespace", "", &release.namespace, Vec::new()));
    }
    let space = &release.namespace;
    let (state, next) = (&before.state.values, &settled.plain);
    let name = State::name(&release.name);
    if !before.state.exists() {
        found.push(change(Action::Add, "ConfigMap", space, &name, keys("data.values", &BTreeMap::new(), next)));
    } else if state != next {
        found.push(change(Action::Change, "ConfigMap", space, &name, keys("data.values", state, next)));
    }
    let name = ReleaseSecret::name(&release.name);
    let mut fields = keys("data", &before.secret.data, &secret.data);
    if before.secret.claims != secret.claims && before.secret.uid.is_some() {
        let path = below("metadata.annotations", "aspire-k8s/claims");
        fields.push(Field { path, before: Some(json!(before.secret.claims)), after: Some(json!(secret.claims)) });
    }
    match (&before.secret.uid, fields.is_empty()) {
        (None, false) => found.push(change(Action::Add, "Secret", space, &name, fields)),
        (Some(_), false) => found.push(change(Action::Change, "Secret", space, &name, fields)),
        (_, true) => {}
    }
    found
}

fn change(action: Action, kind: &str, namespace: &str, name: &str, fields: Vec<Field>) -> Change {
    Change {
        action,
        kind: kind.to_owned(),
        name: name.to_owned(),
        namespace: namespace.to_owned(),
        fields,
        drift: Vec::new(),
        restarts: Vec::new(),
        immutable: Vec::new(),
        reason: Some("written by deploy itself".to_owned()),
    }
}

fn keys<T: PartialEq>(path: &str, before: &BTreeMap<String, T>, after: &BTreeMap<String, T>) -> Vec<Field> {
    let all: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let changed = all.into_iter().filter(|key| before.get(*key) != after.get(*key));
    let side = |map: &BTreeMap<String, T>, key: &String| map.contains_key(key).then(|| json!(MASK));
    changed.map(|key| Field { path: below(path, key), before: side(before, key), after: side(after, key) }).collect()
}

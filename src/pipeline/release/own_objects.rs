//! What deploy writes itself, without helm, as changes: the namespace, the Secret and the stored values. Keys, never
//! values.

use crate::cluster::state::remembered::State;
use crate::cluster::state::secret::ReleaseSecret;
use crate::diff::{Action, Change, Field, below};
use crate::inputs::Settled;
use crate::k8s::kind::Kind;
use crate::k8s::labels;
use crate::k8s::object::name_of;
use crate::pipeline::Release;
use crate::pipeline::release::snapshot::ReleaseSnapshot;
use crate::pipeline::release::{external_secrets, host_names, values};
use crate::support::redact::MASK;
use crate::targets::kubernetes::Plan;
use serde_json::{Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};

/// The changes, in the order in which deploy makes them.
pub(crate) fn changes(
    plan: &Plan,
    release: &Release,
    has_namespace: bool,
    before: &ReleaseSnapshot,
    settled: &Settled,
    secret: &ReleaseSecret,
) -> Vec<Change> {
    let mut found = Vec::new();
    if !has_namespace {
        found.push(change(Action::Add, "Namespace", "", &release.namespace, Vec::new()));
    }
    let space = &release.namespace;
    let none = State::default();
    let (state, action) = if before.state.exists() { (&before.state, Action::Change) } else { (&none, Action::Add) };
    let kept = values::kept(settled, &host_names::remembered(plan, &state.values));
    let mut fields = keys("data.values", &state.values, &kept);
    fields.extend(keys("data.foreign", &state.foreign, &external_secrets::used(plan, &release.name)));
    if action == Action::Add || !fields.is_empty() {
        found.push(change(action, "ConfigMap", space, &State::name(&release.name), fields));
    }
    let name = ReleaseSecret::name(&release.name);
    let mut fields = keys("data", &before.secret.data, &secret.data);
    if before.secret.claims != secret.claims && before.secret.uid.is_some() {
        let path = below("metadata.annotations", labels::CLAIMS);
        fields.push(Field { path, before: Some(json!(before.secret.claims)), after: Some(json!(secret.claims)) });
    }
    match (&before.secret.uid, fields.is_empty()) {
        (None, false) => found.push(change(Action::Add, "Secret", space, &name, fields)),
        (Some(_), false) => found.push(change(Action::Change, "Secret", space, &name, fields)),
        (_, true) => {}
    }
    found
}

/// What deploy takes away when all is well: values in the Secret of the chart that come from elsewhere now, and what makes Secrets
/// that nothing takes any more (`leaving`), which helm keeps.
pub(crate) fn clear_up(
    release: &Release,
    before: &ReleaseSnapshot,
    settled: &Settled,
    leaving: &[(Kind, Json)],
    changes: &mut Vec<Change>,
) {
    for (kind, object) in leaving {
        changes.retain(|change| (&*change.kind, &*change.name) != (kind.kind.as_ref(), name_of(object)));
        let mut change = change(Action::Delete, &kind.kind, &release.namespace, name_of(object), Vec::new());
        change.reason = Some("cleared up by deploy: nothing takes its Secret any more".to_owned());
        changes.push(change);
    }
    clear_up_chart_secret(release, before, settled, changes);
}

fn clear_up_chart_secret(release: &Release, before: &ReleaseSnapshot, settled: &Settled, changes: &mut Vec<Change>) {
    let stays = |name: &str| settled.chart_secret.contains_key(name);
    let all = &before.kept.chart_secret;
    let goes = |key: &&String| !stays(key) && !key.strip_suffix(".uri").is_some_and(stays);
    let going: BTreeSet<&String> = all.keys().filter(goes).collect();
    if going.is_empty() {
        return;
    }
    let name = format!("{}-chart-secrets", release.name);
    let (action, fields) = if going.len() == all.len() {
        (Action::Delete, Vec::new())
    } else {
        let after: BTreeMap<String, String> = all.iter().filter(|(key, _)| !going.contains(key)).map(owned).collect();
        (Action::Change, keys("data", all, &after))
    };
    changes.retain(|change| action == Action::Change || change.kind != "Secret" || change.name != name);
    let mut change = change(action, "Secret", &release.namespace, &name, fields);
    change.reason = Some("cleared up by deploy: the values come from elsewhere now".to_owned());
    changes.push(change);
}

fn owned((key, value): (&String, &String)) -> (String, String) {
    (key.clone(), value.clone())
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

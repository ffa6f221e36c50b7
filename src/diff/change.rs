//! One object: its action, the fields that change, why, and the errors.

use super::additions::without_additions;
use super::fields::{Field, below, fields, stripped};
use super::manifest::Object;
use super::predict::predict;
use super::{immutable, restart};
use crate::k8s::labels;
use crate::k8s::object::annotation;
use crate::support::redact::{MASK, Mask};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

/// What happens to an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// It is created.
    Add,
    /// It is changed.
    Change,
    /// It is deleted.
    Delete,
    /// The chart no longer has it, and it stays all the same.
    Keep,
    /// Another client changed it to what this deploy wants: it stays as it is.
    Drift,
}

impl Action {
    /// Whether the object does not stay as it is.
    pub fn is_change(self) -> bool {
        matches!(self, Self::Add | Self::Change | Self::Delete)
    }
}

/// What is to be said of one object. No value of a Secret is in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    /// What happens to it.
    pub action: Action,
    pub kind: String,
    pub name: String,
    pub namespace: String,
    /// What changes in it: live before, live after. Empty for an object that comes or goes as a whole.
    pub fields: Vec<Field>,
    /// What another client changed since the last deploy: as deployed, as it is now.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub drift: Vec<Field>,
    /// Why its pods are replaced; empty when they are not.
    pub restarts: Vec<String>,
    /// Paths among the fields that cannot be changed on a live object: the deploy would fail.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub immutable: Vec<String>,
    /// Why, where it is not plain.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// The states of one object. A side is missing where the object is.
#[derive(Debug, Clone, Copy, Default)]
pub struct Sides<'a> {
    /// As the last deploy wanted it.
    pub last: Option<&'a Json>,
    /// As this deploy wants it.
    pub wanted: Option<&'a Json>,
    pub live: Option<&'a Json>,
    /// As the API server says that it would be.
    pub answer: Option<&'a Json>,
}

/// What happens to the object; none when it stays as it is. `mask` hides what must not be shown.
pub fn change(object: &Object, sides: Sides, mask: &Mask) -> Option<Change> {
    let plain = |action, reason: Option<&str>| Change {
        action,
        kind: object.kind.clone(),
        name: object.name.clone(),
        namespace: object.namespace.clone(),
        fields: Vec::new(),
        drift: Vec::new(),
        restarts: Vec::new(),
        immutable: Vec::new(),
        reason: reason.map(str::to_owned),
    };
    match (sides.wanted, sides.live) {
        (None, None) => None,
        (None, Some(live)) => {
            let change = match annotation(live, labels::RESOURCE_POLICY) {
                Some(labels::KEEP) => {
                    plain(Action::Keep, Some("no longer in the chart; helm.sh/resource-policy: keep"))
                }
                _ => plain(Action::Delete, None),
            };
            // A manifest does not say which kinds belong to the whole cluster.
            let namespace = live["metadata"]["namespace"].as_str().unwrap_or_default().to_owned();
            Some(Change { namespace, ..change })
        }
        (Some(_), None) => Some(plain(Action::Add, sides.last.map(|_| "another client deleted it"))),
        (Some(wanted), Some(live)) => {
            let mut change = plain(Action::Change, None);
            compare(&mut change, wanted, live, sides);
            veil_by_hand(&mut change);
            let all = change.fields.iter_mut().chain(&mut change.drift);
            all.for_each(|field| veil(&object.kind, field, mask));
            change.restarts.iter_mut().for_each(|reason| *reason = mask.text(reason));
            if change.fields.is_empty() {
                change.action = Action::Drift;
                return (!change.drift.is_empty()).then_some(change);
            }
            Some(change)
        }
    }
}

fn compare(change: &mut Change, wanted: &Json, live: &Json, sides: Sides) {
    let predicted;
    let next = if let Some(answer) = sides.answer {
        answer
    } else {
        predicted = predict(sides.last.unwrap_or(wanted), wanted, live);
        &predicted
    };
    let (before, after) = (stripped(live), stripped(next));
    change.fields = fields(&before, &after);
    change.restarts = restart::reasons(&change.kind, &before, &after);
    change.immutable = immutable::paths(&change.kind, &before, &change.fields);
    if let Some(last) = sides.last {
        // What the last manifest would change in the live object is what another client changed since.
        change.drift = fields(&stripped(&predict(last, last, &without_additions(last, live))), &before);
    } else {
        change.reason = Some("it exists already and is adopted".to_owned());
    }
}

/// What another client put into a variable may be a secret that is not known here.
fn veil_by_hand(change: &mut Change) {
    // One variable, or all of a container that the chart gives none.
    let of_variable = |field: &&mut Field| {
        field.path.contains(".env[") || field.path.rsplit('.').next().is_some_and(|last| last == "env")
    };
    for drift in change.drift.iter_mut().filter(of_variable) {
        if let Some(live) = &mut drift.after {
            hide(live, true, &Mask::default());
        }
        let same = change.fields.iter_mut().filter(|field| field.path == drift.path);
        for live in same.filter_map(|field| field.before.as_mut()) {
            hide(live, true, &Mask::default());
        }
    }
}

/// Takes secrets out of a field.
fn veil(kind: &str, field: &mut Field, mask: &Mask) {
    let root = field.path.split(['.', '[']).next().unwrap_or_default();
    let of_secret = kind == "Secret" && ["data", "stringData"].contains(&root);
    let of_marks = field.path.ends_with(&below("", restart::MARKS));
    if of_marks {
        let names = restart::secrets(field).into_iter().collect::<Vec<_>>().join(", ");
        field.before = field.before.is_some().then(|| json!(MASK));
        field.after = Some(json!(format!("other: {names}")));
        return;
    }
    field.path = mask.text(&field.path);
    for side in [&mut field.before, &mut field.after].into_iter().flatten() {
        hide(side, of_secret, mask);
    }
}

fn hide(value: &mut Json, all: bool, mask: &Mask) {
    match value {
        Json::String(text) => *text = if all { MASK.to_owned() } else { mask.text(text) },
        Json::Array(list) => list.iter_mut().for_each(|value| hide(value, all, mask)),
        Json::Object(fields) => {
            for (name, value) in fields.iter_mut() {
                hide(value, all || name == restart::MARKS, mask);
            }
        }
        _ => {}
    }
}

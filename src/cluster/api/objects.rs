//! Reading and writing objects, without saying how: what the parts above the client need, and what a test can stand in
//! for.

use serde_json::{Value, json};

use super::error::{Error, ErrorKind, Result};
use crate::k8s::kind::Kind;

/// Labels and annotations of ours.
pub(crate) mod marks {
    /// Label: who manages an object.
    pub const MANAGED_BY: &str = "app.kubernetes.io/managed-by";
    /// Label: the release an object belongs to.
    pub const INSTANCE: &str = "app.kubernetes.io/instance";
    /// Label: the workload that an object of a chart belongs to.
    pub const COMPONENT: &str = "app.kubernetes.io/component";
    /// The value of [`MANAGED_BY`] on our objects, and our name as a field manager.
    pub const US: &str = "kubectl-aspire";
    /// Annotation: the application an object belongs to.
    pub const APPLICATION: &str = "aspire-k8s/application";
    /// Label: what an object is for, where its name does not say it.
    pub const ROLE: &str = "aspire-k8s/role";
    /// Annotation of a pod template: the marks of the secrets that its pods take.
    pub const SECRETS: &str = "aspire-k8s/secrets";
    /// Label of a claim: the volume that it is for.
    pub const VOLUME: &str = "aspire-k8s/volume";
    /// Annotation of a claim: where it is mounted.
    pub const MOUNT_PATH: &str = "aspire-k8s/mount-path";
    /// Annotation of a volume: its reclaim policy before a workload migration kept it.
    pub const RECLAIM_POLICY: &str = "aspire-k8s/reclaim-policy";
    /// Label: the release a namespace was created for.
    pub const CREATED_FOR: &str = "aspire-k8s/created-for";
}

/// The release that an object says helm made it for: name and namespace. Whoever may write the object may say so.
pub fn helm_release(object: &Value) -> Option<(&str, &str)> {
    Some((annotation(object, "meta.helm.sh/release-name")?, annotation(object, "meta.helm.sh/release-namespace")?))
}

/// The exact object, and the exact state of it, that a write is meant for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Guard {
    /// The object; another one of the same name is not meant.
    pub uid: Option<String>,
    /// The state; a newer one is not meant. May be left open for a deletion.
    pub resource_version: Option<String>,
}

impl Guard {
    /// The state of this object as it was read.
    pub fn of(object: &Value) -> Self {
        let text = |key: &str| object["metadata"][key].as_str().map(str::to_owned);
        Self { uid: text("uid"), resource_version: text("resourceVersion") }
    }

    /// The object, in whatever state.
    #[must_use]
    pub fn any_state(self) -> Self {
        Self { resource_version: None, ..self }
    }

    /// Writes the guard into an object or a merge patch, where the API server checks it.
    pub(crate) fn write_into(&self, body: &mut Value) -> Result<()> {
        let (Some(uid), Some(version)) = (&self.uid, &self.resource_version) else {
            let sentence = "a write without uid and resourceVersion was stopped: it could hit another object";
            return Err(Error::new(ErrorKind::Invalid, sentence));
        };
        set(body, &["metadata", "uid"], json!(uid));
        set(body, &["metadata", "resourceVersion"], json!(version));
        Ok(())
    }
}

/// What happens to the objects that belong to a deleted one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Propagation {
    /// They are deleted later.
    Background,
    /// They are deleted first.
    Foreground,
    /// They stay.
    Orphan,
}

/// A store of objects with optimistic locking. The namespace of a kind that has none is ignored.
pub trait Objects {
    /// The object, if there is one.
    fn get(&self, kind: &Kind, namespace: &str, name: &str) -> Result<Option<Value>>;
    /// Writes a new object; one of that name is an error ([`ErrorKind::AlreadyExists`]).
    fn create(&self, kind: &Kind, namespace: &str, object: &Value) -> Result<Value>;
    /// Writes the whole object in place of the state that `guard` names ([`ErrorKind::Conflict`] otherwise).
    fn replace(&self, kind: &Kind, namespace: &str, object: &Value, guard: &Guard) -> Result<Value>;
    /// Deletes the object that `guard` names. False when there was none.
    fn delete(&self, kind: &Kind, namespace: &str, name: &str, guard: &Guard, how: Propagation) -> Result<bool>;
}

/// The name of an object; empty when it has none.
pub fn name_of(object: &Value) -> &str {
    object["metadata"]["name"].as_str().unwrap_or_default()
}

/// A label of an object.
pub fn label<'a>(object: &'a Value, key: &str) -> Option<&'a str> {
    object["metadata"]["labels"][key].as_str()
}

/// An annotation of an object.
pub fn annotation<'a>(object: &'a Value, key: &str) -> Option<&'a str> {
    object["metadata"]["annotations"][key].as_str()
}

/// Refuses an object that is not ours, or that belongs to another release or application.
pub(crate) fn check_ours(object: &Value, kind: &Kind, namespace: &str, owner: Owner<'_>) -> Result<()> {
    let what = format!("the {kind} {} in namespace {namespace}", name_of(object));
    let ours = label(object, marks::MANAGED_BY) == Some(marks::US);
    if !ours || label(object, marks::INSTANCE) != Some(owner.release) {
        let sentence = format!("{what} was not written by kubectl-aspire for the release {}", owner.release);
        return Err(Error::refused(sentence).hint("rename or delete it, or choose another release name"));
    }
    let application = annotation(object, marks::APPLICATION).unwrap_or_default();
    if application != owner.application {
        let sentence = format!("{what} belongs to the application `{application}`, not to `{}`", owner.application);
        let hint = "choose another release name or namespace, or set `application:` to the one it belongs to";
        return Err(Error::refused(sentence).hint(hint));
    }
    Ok(())
}

/// Whose object it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owner<'a> {
    /// The release.
    pub release: &'a str,
    /// The application id.
    pub application: &'a str,
}

impl Owner<'_> {
    /// Writes our labels and annotations into an object, beside those of others.
    pub(crate) fn write_into(self, object: &mut Value) {
        for (group, key, value) in [
            ("labels", marks::MANAGED_BY, marks::US),
            ("labels", marks::INSTANCE, self.release),
            ("annotations", marks::APPLICATION, self.application),
        ] {
            set(object, &["metadata", group, key], json!(value));
        }
    }
}

/// Sets a value at a path of keys. What stands on the way and is no object gives way to one, so that nothing that
/// somebody else wrote can stop it.
pub fn set(object: &mut Value, path: &[&str], value: Value) {
    let mut place = object;
    for key in path {
        if !place.is_object() {
            *place = json!({});
        }
        place = &mut place[key];
    }
    *place = value;
}

/// What is wrong with an answer that cannot be an object or a list of objects: what the program sets and reads by name
/// must be where names are.
pub fn oddity(answer: &Value) -> Option<String> {
    const MAPS: [&[&str]; 7] = [
        &["metadata"],
        &["metadata", "labels"],
        &["metadata", "annotations"],
        &["spec"],
        &["status"],
        &["data"],
        &["stringData"],
    ];
    let is = |value: &Value| match value {
        Value::Null => "null",
        Value::Bool(_) => "a truth value",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    };
    if !answer.is_object() {
        return Some(format!("it is {}", is(answer)));
    }
    // The answer to a delete is no object but a word on how it went, under `status`.
    let is_word = answer["kind"] == "Status";
    for path in MAPS.iter().filter(|path| !(is_word && **path == ["status"])) {
        let found = path.iter().try_fold(answer, |value, key| value.get(key));
        if let Some(found) = found.filter(|found| !found.is_object() && !found.is_null()) {
            return Some(format!("`{}` is {}", path.join("."), is(found)));
        }
    }
    match answer.get("items") {
        Some(Value::Array(items)) => {
            let odd = items.iter().enumerate().find_map(|(index, item)| Some((index, oddity(item)?)));
            odd.map(|(index, what)| format!("in item {index}, {what}"))
        }
        None | Some(Value::Null) => None,
        Some(other) => Some(format!("`items` is {}", is(other))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::k8s::kind::SECRET;

    const OWNER: Owner<'_> = Owner { release: "shop", application: "app" };

    #[test]
    fn only_our_own_objects_are_touched() {
        let with = |labels: Value, id: &str| json!({"metadata": {"name": "x", "labels": labels, "annotations": {"aspire-k8s/application": id}}});
        let ours = |release: &str| json!({"app.kubernetes.io/managed-by": "kubectl-aspire", "app.kubernetes.io/instance": release});
        for (object, expected) in [
            (with(ours("shop"), "app"), None),
            (with(ours("other"), "app"), Some("was not written by kubectl-aspire for the release shop")),
            (with(ours("shop"), "else"), Some("belongs to the application `else`, not to `app`")),
            (with(json!({"app.kubernetes.io/managed-by": "Helm"}), "app"), Some("was not written by")),
            (json!({"metadata": {"name": "x"}}), Some("the Secret x in namespace n was not written by")),
        ] {
            let result = check_ours(&object, &SECRET, "n", OWNER);
            match expected {
                None => assert_eq!(result, Ok(())),
                Some(part) => {
                    let error = result.unwrap_err();
                    assert_eq!(error.kind(), ErrorKind::Refused);
                    assert!(error.to_string().contains(part), "{error}");
                }
            }
        }
    }

    #[test]
    fn a_write_without_a_guard_is_stopped() {
        let mut body = json!({});
        assert!(Guard::default().write_into(&mut body).is_err());
        let object = json!({"metadata": {"uid": "u", "resourceVersion": "7"}});
        Guard::of(&object).write_into(&mut body).unwrap();
        assert_eq!(body, object);
        assert!(Guard::of(&object).any_state().write_into(&mut body).is_err());
    }

    #[test]
    fn our_marks_stand_beside_those_of_others() {
        let mut object = json!({"metadata": {"labels": {"a": "b"}}});
        OWNER.write_into(&mut object);
        assert_eq!(label(&object, "a"), Some("b"));
        assert!(check_ours(&object, &SECRET, "n", OWNER).is_ok());
    }

    #[test]
    fn nothing_on_the_way_stops_a_value() {
        for odd in [
            json!(null),
            json!(1),
            json!("x"),
            json!([]),
            json!({"metadata": [1]}),
            json!({"metadata": {"labels": "x"}}),
        ] {
            let mut object = odd;
            set(&mut object, &["metadata", "labels", "a"], json!("b"));
            assert_eq!(object["metadata"]["labels"]["a"], "b");
        }
    }

    #[test]
    fn an_answer_that_is_no_object_is_named() {
        for (answer, what) in [
            (json!([]), "it is a list"),
            (json!(null), "it is null"),
            (json!({"metadata": "x"}), "`metadata` is a text"),
            (json!({"metadata": {"labels": []}}), "`metadata.labels` is a list"),
            (json!({"spec": 1}), "`spec` is a number"),
            (json!({"items": {}}), "`items` is an object"),
            (json!({"items": [{}, true]}), "in item 1, it is a truth value"),
            (json!({"items": [{"data": "x"}]}), "in item 0, `data` is a text"),
        ] {
            assert_eq!(oddity(&answer).as_deref(), Some(what));
        }
        assert_eq!(oddity(&json!({"metadata": null, "items": [{"spec": {}}]})), None);
        assert_eq!(
            oddity(&json!({"kind": "Status", "status": "Success", "metadata": {}})),
            None,
            "the answer to a delete"
        );
    }
}

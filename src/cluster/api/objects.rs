//! Reading and writing objects: the interface that the layers above the client use, and that tests replace.

use serde_json::{Value, json};

use crate::k8s::error::{Error, ErrorKind, Result};
use crate::k8s::kind::{Kind, LEASE};
use crate::k8s::object::{name_of, set};
use crate::k8s::ownership::{NotOurs, Owner};

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
            let sentence = "a write without uid and resourceVersion was refused: it could change another object";
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

/// Refuses an object that is not ours, or that belongs to another release or application.
pub(crate) fn check_ours(object: &Value, kind: &Kind, namespace: &str, owner: Owner<'_>) -> Result<()> {
    let what = || format!("the {kind} {} in namespace {namespace}", name_of(object));
    // It holds no data, and whoever may write Leases can have written it to be in the way.
    let delete = if *kind == LEASE {
        format!("; if no run works on it: `kubectl delete lease {} -n {namespace}`", name_of(object))
    } else {
        String::new()
    };
    match owner.check(object) {
        Ok(()) => Ok(()),
        Err(NotOurs::OtherRelease) => {
            let sentence = format!("{} was not written by kubectl-aspire for the release {}", what(), owner.release);
            Err(Error::refused(sentence).hint(format!("rename or delete it, or choose another release name{delete}")))
        }
        Err(NotOurs::OtherApplication(other)) => {
            let sentence = format!("{} belongs to the application `{other}`, not to `{}`", what(), owner.application);
            let hint = "choose another release name or namespace, or set `application:` to the one it belongs to";
            Err(Error::refused(sentence).hint(format!("{hint}{delete}")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::k8s::kind::SECRET;
    use crate::k8s::object::label;

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
}

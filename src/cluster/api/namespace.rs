//! The namespace of a release: created if it is missing, never changed if it exists.

use crate::support::diagnostic::Code;
use serde_json::{Value, json};

use super::objects::Objects;
use crate::k8s::error::{Error, ErrorKind, Result};
use crate::k8s::kind::NAMESPACE;
use crate::k8s::labels;
use crate::k8s::object::label;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    /// It is there.
    Existing,
    /// It was missing, and is there now.
    Created,
    /// We may not look; whether it is there will show.
    Unseen,
}

/// Creates the namespace if it is missing.
pub(crate) fn ensure(store: &impl Objects, name: &str, release: &str) -> Result<Found> {
    if let Some(found) = look(store, name)? {
        return Ok(found);
    }
    let object = json!({
        "apiVersion": NAMESPACE.api_version,
        "kind": NAMESPACE.kind,
        "metadata": {"name": name, "labels": {labels::MANAGED_BY: labels::US, labels::CREATED_FOR: release}},
    });
    match store.create(&NAMESPACE, "", &object) {
        Ok(_) => Ok(Found::Created),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(Found::Existing),
        Err(error) => Err(error),
    }
}

/// Whether the namespace is there; none when it is not.
pub(crate) fn look(store: &impl Objects, name: &str) -> Result<Option<Found>> {
    match store.get(&NAMESPACE, "", name) {
        Ok(Some(live)) if !live["metadata"]["deletionTimestamp"].is_null() => {
            Err(Error::refused(format!("the namespace {name} is being deleted"))
                .code_of(Code::NamespaceTerminating)
                .hint("wait until it is gone, then run again"))
        }
        Ok(Some(_)) => Ok(Some(Found::Existing)),
        Ok(None) => Ok(None),
        Err(error) if error.kind() == ErrorKind::Forbidden => Ok(Some(Found::Unseen)),
        Err(error) => Err(error),
    }
}

/// Whether this namespace was created by us for this release, so that destroying it may be offered.
pub(crate) fn created_for(namespace: &Value, release: &str) -> bool {
    label(namespace, labels::MANAGED_BY) == Some(labels::US) && label(namespace, labels::CREATED_FOR) == Some(release)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::api::fake::Fake;

    #[test]
    fn a_missing_namespace_is_created_once() {
        let store = Fake::default();
        assert_eq!(look(&store, "n"), Ok(None));
        assert_eq!(ensure(&store, "n", "shop"), Ok(Found::Created));
        assert_eq!(ensure(&store, "n", "shop"), Ok(Found::Existing));
        assert_eq!(*store.log.borrow(), ["create n"]);
        let live = store.peek(&NAMESPACE, "", "n").unwrap();
        assert!(created_for(&live, "shop") && !created_for(&live, "other"));
    }

    #[test]
    fn one_that_is_there_is_not_touched() {
        let store = Fake::default();
        store.put(&NAMESPACE, "", json!({"metadata": {"name": "n"}}));
        assert_eq!(ensure(&store, "n", "shop"), Ok(Found::Existing));
        store.forbidden.borrow_mut().push("Namespace".into());
        assert_eq!(ensure(&store, "n", "shop"), Ok(Found::Unseen));
        assert!(store.log.borrow().is_empty());
    }

    #[test]
    fn one_that_is_going_is_refused() {
        let store = Fake::default();
        store.put(&NAMESPACE, "", json!({"metadata": {"name": "n", "deletionTimestamp": "2026-01-01T00:00:00Z"}}));
        assert_eq!(ensure(&store, "n", "shop").unwrap_err().kind(), ErrorKind::Refused);
    }
}

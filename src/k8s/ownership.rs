//! Who owns an object: a helm release, or this program. Anyone who can write an object can set this on it.

use serde_json::{Value, json};

use super::labels;
use super::object::{annotation, label, set};

/// The release that an object says helm made it for: name and namespace. Whoever may write the object may say so.
pub fn helm_release(object: &Value) -> Option<(&str, &str)> {
    Some((annotation(object, labels::RELEASE_NAME)?, annotation(object, labels::RELEASE_NAMESPACE)?))
}

/// A release as helm names it on objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReleaseName<'a> {
    pub name: &'a str,
    pub namespace: &'a str,
}

impl ReleaseName<'_> {
    /// Whether an object is owned by this release: by all three marks that helm writes on what it makes and asks for before it
    /// takes over what is there. Whoever may write the object may write them, and nobody else.
    pub fn owns(self, object: &Value) -> bool {
        label(object, labels::MANAGED_BY) == Some(labels::BY_HELM)
            && helm_release(object) == Some((self.name, self.namespace))
    }
}

/// Why an object is not ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotOurs {
    /// We did not write it, or not for this release.
    OtherRelease,
    /// It belongs to this application; empty where none is named.
    OtherApplication(String),
}

/// Whose object it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owner<'a> {
    pub release: &'a str,
    /// The application id.
    pub application: &'a str,
}

impl Owner<'_> {
    /// Whether we wrote an object for this release and application.
    pub fn check(self, object: &Value) -> Result<(), NotOurs> {
        let ours = label(object, labels::MANAGED_BY) == Some(labels::US);
        if !ours || label(object, labels::INSTANCE) != Some(self.release) {
            return Err(NotOurs::OtherRelease);
        }
        let application = annotation(object, labels::APPLICATION).unwrap_or_default();
        if application != self.application {
            return Err(NotOurs::OtherApplication(application.to_owned()));
        }
        Ok(())
    }

    /// Writes our labels and annotations into an object, beside those of other owners.
    pub(crate) fn write_into(self, object: &mut Value) {
        for (group, key, value) in [
            ("labels", labels::MANAGED_BY, labels::US),
            ("labels", labels::INSTANCE, self.release),
            ("annotations", labels::APPLICATION, self.application),
        ] {
            set(object, &["metadata", group, key], json!(value));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_owns_what_bears_all_three_marks() {
        let release = ReleaseName { name: "shop", namespace: "n" };
        let good = json!({"metadata": {"labels": {"app.kubernetes.io/managed-by": "Helm"},
            "annotations": {"meta.helm.sh/release-name": "shop", "meta.helm.sh/release-namespace": "n"}}});
        assert!(release.owns(&good));
        for mark in [
            "/metadata/labels/app.kubernetes.io~1managed-by",
            "/metadata/annotations/meta.helm.sh~1release-name",
            "/metadata/annotations/meta.helm.sh~1release-namespace",
        ] {
            for other in [json!("other"), Value::Null] {
                let mut object = good.clone();
                object.pointer_mut(mark).map(|value| *value = other).unwrap();
                assert!(!release.owns(&object), "{object}");
            }
        }
    }
}

//! Whose object it is: of a release of helm, or one that we wrote ourselves. Whoever may write an object may say so of it.

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
    /// Its name.
    pub name: &'a str,
    /// Its namespace.
    pub namespace: &'a str,
}

impl ReleaseName<'_> {
    /// Whether an object says that helm made it for this release.
    pub fn owns(self, object: &Value) -> bool {
        helm_release(object) == Some((self.name, self.namespace))
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
    /// The release.
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

    /// Writes our labels and annotations into an object, beside those of others.
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

//! URL paths of the API server: of a kind, of a version, of one object.

use crate::k8s::error::{Error, ErrorKind, Result};
use crate::k8s::kind::Kind;

impl Kind {
    /// The address of all objects of this kind in a namespace; with an empty namespace, everywhere.
    pub(crate) fn path(&self, namespace: &str) -> Result<String> {
        let base = version_path(&self.api_version)?;
        let plural = segment(&self.plural)?;
        if !self.namespaced || namespace.is_empty() {
            return Ok(format!("{base}/{plural}"));
        }
        Ok(format!("{base}/namespaces/{}/{plural}", segment(namespace)?))
    }
}

/// The address of a group and version.
pub(crate) fn version_path(api_version: &str) -> Result<String> {
    match api_version.split_once('/') {
        Some((group, version)) => Ok(format!("/apis/{}/{}", segment(group)?, segment(version)?)),
        None => Ok(format!("/api/{}", segment(api_version)?)),
    }
}

/// A text as one part of an address; what would make it two parts, or a query, is refused.
pub(crate) fn segment(text: &str) -> Result<&str> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | ':');
    if text.is_empty() || text == "." || text == ".." || !text.chars().all(fits) {
        return Err(Error::new(ErrorKind::Invalid, format!("{text:?} is not a valid name of a Kubernetes object")));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::k8s::kind::{DEPLOYMENT, NAMESPACE, SECRET};

    #[test]
    fn addresses() {
        assert_eq!(SECRET.path("shop").unwrap(), "/api/v1/namespaces/shop/secrets");
        assert_eq!(SECRET.path("").unwrap(), "/api/v1/secrets");
        assert_eq!(NAMESPACE.path("shop").unwrap(), "/api/v1/namespaces");
        assert_eq!(DEPLOYMENT.path("shop").unwrap(), "/apis/apps/v1/namespaces/shop/deployments");
        for bad in ["a/b", "..", "a?x", "a b", "%2e", "ä"] {
            assert_eq!(SECRET.path(bad).unwrap_err().kind(), ErrorKind::Invalid, "{bad}");
        }
    }
}

//! Dapr's own files: components, configurations and other Dapr objects, from a multi-document file or a folder. Must
//! not know which sidecar asks for a file.

use super::sources::Found;
use super::{DaprComponent, DaprObject};
use crate::support::yaml;
use serde_json::{Map, Value as Json};

/// Kinds of Dapr beside components.
pub(super) const KINDS: [&str; 4] = ["Subscription", "Resiliency", "HTTPEndpoint", "Configuration"];

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Document {
    pub kind: String,
    pub name: String,
    /// Version of the kind.
    pub api_version: String,
    /// All but kind, version and metadata.
    pub body: Map<String, Json>,
}

/// Whether Dapr reads a file of this name.
pub(super) fn is_yaml(path: &str) -> bool {
    [".yaml", ".yml"].iter().any(|ending| path.ends_with(ending))
}

/// The documents of what was found at a path; else why there are none.
pub(super) fn documents(path: &str, found: Option<&Found>) -> Result<Vec<Document>, String> {
    let documents = match found {
        Some(Found::File(bytes)) => of_file(path, bytes)?,
        Some(Found::Folder(files)) => {
            // Dapr reads the files of a folder, not those of folders in it.
            let is_read = |name: &str| !name.contains('/') && is_yaml(name);
            let mut documents = Vec::new();
            for (name, bytes) in files.iter().filter(|(name, _)| is_read(name)) {
                documents.extend(of_file(&format!("{}/{name}", path.trim_end_matches('/')), bytes)?);
            }
            documents
        }
        Some(Found::Refused(why)) => return Err(why.clone()),
        Some(Found::Outside) => {
            return Err(format!(
                "`{path}` is outside of the manifest's folder (--source-root DIR or `sourceRoot` in aspire-k8s.yaml \
                allows it)"
            ));
        }
        Some(Found::Missing | Found::Socket) | None => return Err(format!("`{path}` does not exist")),
    };
    if documents.is_empty() { Err(format!("`{path}` contains no Dapr object")) } else { Ok(documents) }
}

/// The documents of one file that have a kind and a name.
fn of_file(path: &str, bytes: &[u8]) -> Result<Vec<Document>, String> {
    let mut documents = Vec::new();
    // The reader would take UTF-16 as well, whose cost is not known.
    let text = str::from_utf8(bytes).map_err(|_| format!("`{path}` is not read: it is not UTF-8 text"))?;
    yaml::affordable(text).map_err(|costly| format!("`{path}` is not read: {costly}"))?;
    for document in yaml::documents(text) {
        let value = document.map_err(|_| format!("`{path}` is not valid YAML"))?;
        let text = |value: &Json| value.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
        let (Some(kind), Some(name)) = (text(&value["kind"]), text(&value["metadata"]["name"])) else { continue };
        let api_version = text(&value["apiVersion"]).unwrap_or_default();
        let Json::Object(mut body) = value else { continue };
        for key in ["apiVersion", "kind", "metadata"] {
            body.remove(key);
        }
        documents.push(Document { kind, name, api_version, body });
    }
    Ok(documents)
}

impl Document {
    /// Whether it is of Dapr.
    pub(super) fn is_of_dapr(&self) -> bool {
        self.api_version.starts_with("dapr.io/")
    }

    /// Ids of the applications that may use it, as far as the file says so.
    pub(super) fn scopes(&self) -> Vec<String> {
        let scopes = self.body.get("scopes").and_then(Json::as_array).into_iter().flatten();
        scopes.filter_map(Json::as_str).map(str::to_owned).collect()
    }

    /// It as a component; none when it names no type.
    pub(super) fn component(&self) -> Option<DaprComponent> {
        let spec = self.body.get("spec")?;
        Some(DaprComponent {
            component_type: spec["type"].as_str()?.to_owned(),
            version: spec["version"].as_str().unwrap_or("v1").to_owned(),
            metadata: spec["metadata"].as_array().cloned().unwrap_or_default(),
            scopes: self.scopes(),
            ignore_errors: spec["ignoreErrors"].as_bool(),
            init_timeout: spec["initTimeout"].as_str().map(str::to_owned),
            auth: self.body.get("auth").filter(|auth| auth.is_object()).cloned(),
        })
    }

    /// It as an object that stays as it is written. `users` may use it when the file does not say who may.
    pub(super) fn object(&self, users: &[String]) -> DaprObject {
        let mut body = self.body.clone();
        // A Configuration belongs to who names it.
        if self.scopes().is_empty() && !users.is_empty() && self.kind != "Configuration" {
            body.insert("scopes".into(), users.into());
        }
        DaprObject { api_version: self.api_version.clone(), kind: self.kind.clone(), name: self.name.clone(), body }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_utf8_is_not_read() {
        let text = "kind: Component\nmetadata: {name: a}\n";
        assert_eq!(of_file("a.yaml", text.as_bytes()).map(|found| found.len()), Ok(1));
        let utf16: Vec<u8> = [0xfeff].into_iter().chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect();
        assert!(of_file("a.yaml", &utf16).unwrap_err().contains("UTF-8"));
    }
}

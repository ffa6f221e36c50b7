//! Reads `aspire-model.json`: facts, as the reader in the AppHost wrote them. What has another form is passed over and told
//! by its name.

use super::annotations::{self, Annotation, Item, text};
use crate::support::diagnostic::{Code, Diagnostic};
use crate::support::digest::sha256;
use indexmap::IndexMap;
use serde_json::{Map, Value};

/// The key of the file that says which manifest it belongs to.
const DIGEST: &str = "manifestSha256";

/// The file.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Model {
    /// The resources by name.
    pub resources: IndexMap<String, Resource>,
    /// Values of secrets in the texts of the AppHost.
    pub secrets: Vec<FoundSecret>,
}

/// A resource of the AppHost.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Resource {
    pub annotations: Vec<Annotation>,
    /// Names of annotations that this program does not know, or that have another form.
    pub unknown: Vec<String>,
}

/// Where a text holds the value of a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FoundSecret {
    pub resource: String,
    pub field: String,
    /// The parameter whose value it is.
    pub parameter: String,
}

impl Model {
    /// Every path that starts from the folder of the manifest.
    pub(crate) fn paths(&mut self) -> Vec<&mut String> {
        let annotations = self.resources.values_mut().flat_map(|resource| &mut resource.annotations);
        let mut left: Vec<&mut Item> = Vec::new();
        for annotation in annotations {
            if let Annotation::Files(files) = annotation {
                left.extend(&mut files.items);
            }
        }
        let mut paths = Vec::new();
        while let Some(item) = left.pop() {
            paths.extend(item.source.as_mut());
            left.extend(item.entries.iter_mut().flatten());
        }
        paths
    }
}

/// The JSON of the reader with the digest of its manifest.
pub(crate) fn with_digest(model: &[u8], manifest: &[u8]) -> Option<String> {
    let mut fields: Map<String, Value> = serde_json::from_slice(model).ok()?;
    fields.shift_insert(0, DIGEST.to_owned(), sha256(manifest).into());
    serde_json::to_string_pretty(&fields).ok().map(|text| text + "\n")
}

/// Parses the file. With `manifest`, the file says which manifest it belongs to, and must belong to that one.
pub(crate) fn parse(bytes: &[u8], manifest: Option<&[u8]>) -> Result<Model, Diagnostic> {
    let malformed = |what: String| {
        Diagnostic::new(Code::ModelMalformed, "", what)
            .hint("write it again with `kubectl aspire manifest`, or pass --no-model")
    };
    let file: Value =
        serde_json::from_slice(bytes).map_err(|error| malformed(format!("it is not valid JSON: {error}")))?;
    if let Some(manifest) = manifest {
        check_digest(&file, manifest)?;
    }
    let resources = file["resources"].as_object().ok_or_else(|| malformed("it has no `resources`".to_owned()))?;
    let resources = resources.iter().map(|(name, value)| (name.clone(), resource(value))).collect();
    let secrets = file["secretsFound"].as_array().into_iter().flatten().map(found_secret).collect();
    Ok(Model { resources, secrets })
}

fn check_digest(file: &Value, manifest: &[u8]) -> Result<(), Diagnostic> {
    let belongs = file[DIGEST].as_str().unwrap_or_default();
    if belongs == sha256(manifest) {
        return Ok(());
    }
    let what = if belongs.is_empty() {
        "it does not say which manifest it belongs to".to_owned()
    } else {
        format!("it belongs to another manifest, with the digest {}", belongs.chars().take(12).collect::<String>())
    };
    let hint = "write both again with `kubectl aspire manifest`, remove it, or pass --no-model";
    Err(Diagnostic::new(Code::ModelOfOtherManifest, "", what).hint(hint))
}

fn found_secret(value: &Value) -> FoundSecret {
    let [resource, field, parameter] = ["resource", "field", "parameter"].map(|key| text(value, key));
    FoundSecret { resource, field, parameter }
}

fn resource(value: &Value) -> Resource {
    let mut resource = Resource::default();
    for written in value["annotations"].as_array().into_iter().flatten() {
        match annotations::read(written) {
            Ok(Some(annotation)) => resource.annotations.push(annotation),
            Ok(None) => {}
            Err(name) => resource.unknown.push(name),
        }
    }
    resource
}

//! Dapr resources: sidecars become options of their application's workload, components keep their own entry.

use super::files::{Found, Sources};
use super::{App, DaprComponent, DaprSidecar, Note};
use crate::config::Config;
use crate::manifest::{Kind, Manifest};
use indexmap::IndexMap;
use serde_json::Value as Json;

/// The components, with the scopes that the sidecars give them.
pub fn components(
    manifest: &Manifest,
    config: &Config,
    sources: &Sources,
    notes: &mut Vec<Note>,
) -> IndexMap<String, DaprComponent> {
    let mut components = IndexMap::new();
    for (name, resource) in manifest.resources.iter().filter(|(name, _)| !config.excludes(name)) {
        let Kind::DaprComponent { component_type, local_path } = &resource.kind else { continue };
        let local = local_path.as_ref().and_then(|path| match sources.get(path) {
            Some(Found::File(bytes)) => from_file(bytes),
            _ => None,
        });
        if let Some(path) = local_path
            && local.is_none()
        {
            notes.push(Note {
                resource: name.clone(),
                text: format!("`{path}` holds no Dapr component beside the manifest"),
            });
        }
        match local.or_else(|| generic(name, component_type, notes)) {
            Some(mut component) => {
                component.scopes = scopes(manifest, name);
                components.insert(name.clone(), component);
            }
            None => notes.push(Note {
                resource: name.clone(),
                text: format!(
                    "left out: the Dapr type `{component_type}` names no implementation; give the component a localPath"
                ),
            }),
        }
    }
    components
}

/// What Dapr uses on a developer's machine when only the kind of building block is known.
fn generic(name: &str, component_type: &str, notes: &mut Vec<Note>) -> Option<DaprComponent> {
    let implementation = match component_type {
        "state" | "pubsub" => {
            notes.push(Note {
                resource: name.to_owned(),
                text: format!("Dapr component of type `{component_type}` uses `{component_type}.in-memory`, as on your machine; set daprComponents.{name} in the values for a real one"),
            });
            format!("{component_type}.in-memory")
        }
        other if other.contains('.') => other.to_owned(),
        _ => return None,
    };
    Some(DaprComponent { component_type: implementation, version: "v1".into(), ..DaprComponent::default() })
}

/// A component file as Dapr's own tools write it.
fn from_file(bytes: &[u8]) -> Option<DaprComponent> {
    let file: Json = serde_yaml::from_slice(bytes).ok()?;
    let spec = file.get("spec")?;
    Some(DaprComponent {
        component_type: spec.get("type")?.as_str()?.to_owned(),
        version: spec.get("version").and_then(Json::as_str).unwrap_or("v1").to_owned(),
        metadata: spec.get("metadata").and_then(Json::as_array).cloned().unwrap_or_default(),
        scopes: Vec::new(),
    })
}

fn scopes(manifest: &Manifest, component: &str) -> Vec<String> {
    let mut scopes: Vec<String> = manifest
        .resources
        .values()
        .filter_map(|resource| match &resource.kind {
            Kind::Dapr(dapr) if dapr.components.iter().any(|name| name == component) => {
                Some(dapr.app_id.clone().unwrap_or_else(|| dapr.application.clone()))
            }
            _ => None,
        })
        .collect();
    scopes.sort();
    scopes.dedup();
    scopes
}

/// Gives each sidecar to the workload of its application.
pub fn attach(manifest: &Manifest, config: &Config, app: &mut App, notes: &mut Vec<Note>) {
    for (name, resource) in manifest.resources.iter().filter(|(name, _)| !config.excludes(name)) {
        let Kind::Dapr(dapr) = &resource.kind else { continue };
        match app.workloads.get_mut(&dapr.application) {
            Some(workload) => {
                workload.dapr = Some(DaprSidecar {
                    app_id: dapr.app_id.clone().unwrap_or_else(|| dapr.application.clone()),
                    options: dapr.options.clone(),
                });
            }
            None => notes.push(Note {
                resource: name.clone(),
                text: format!("left out: its application `{}` does not run in the cluster", dapr.application),
            }),
        }
    }
}

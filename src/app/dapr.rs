//! Dapr resources: sidecars become options of their application's workload; components and other objects in their files
//! stay entries of their own.

use super::dapr_files::{Document, KINDS, documents, is_yaml};
use super::sources::Sources;
use super::{App, DaprComponent, DaprObject, DaprSidecar, Note};
use crate::config::Config;
use crate::manifest::{Dapr, Kind, Manifest};
use crate::support::diagnostic::Code;
use serde_json::Value as Json;

/// Options that name folders of resources.
pub(super) const FOLDERS: [&str; 3] = ["resourcesPath", "resourcesPaths", "componentsPath"];

/// Gives the application its components, and each sidecar to the workload of its application.
pub(super) fn add(manifest: &Manifest, config: &Config, sources: &Sources, app: &mut App, notes: &mut Vec<Note>) {
    let mut found = Found { app, notes, resource: "" };
    let kept = || manifest.resources.iter().filter(|(name, _)| !config.excludes(name));
    for (name, resource) in kept() {
        let Kind::DaprComponent { component_type, local_path } = &resource.kind else { continue };
        found.resource = name;
        found.component(component_type, local_path.as_deref(), sources, &users(manifest, name));
    }
    for (name, resource) in kept() {
        let Kind::Dapr(dapr) = &resource.kind else { continue };
        found.resource = name;
        found.sidecar(dapr, sources);
    }
}

/// Paths, relative to the manifest, that a sidecar names.
pub(super) fn paths(dapr: &Dapr) -> impl Iterator<Item = &str> {
    let folders = FOLDERS.iter().filter_map(|option| dapr.options.get(*option)).flat_map(texts);
    dapr.options.get("config").and_then(Json::as_str).into_iter().chain(folders)
}

/// A text, or the texts of a list.
fn texts(value: &Json) -> impl Iterator<Item = &str> {
    value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice).iter().filter_map(Json::as_str)
}

/// The ids of the sidecars that name a component.
fn users(manifest: &Manifest, component: &str) -> Vec<String> {
    let sidecars = manifest.resources.values().filter_map(|resource| match &resource.kind {
        Kind::Dapr(dapr) if dapr.components.iter().any(|name| name == component) => Some(id(dapr)),
        _ => None,
    });
    let mut users: Vec<String> = sidecars.collect();
    users.sort();
    users.dedup();
    users
}

fn id(dapr: &Dapr) -> String {
    dapr.app_id.clone().unwrap_or_else(|| dapr.application.clone())
}

/// What was found so far.
struct Found<'a> {
    app: &'a mut App,
    notes: &'a mut Vec<Note>,
    /// The resource that is looked at.
    resource: &'a str,
}

impl Found<'_> {
    fn note(&mut self, text: String) {
        self.notes.push(Note { code: Code::ChangedInCluster, resource: self.resource.to_owned(), text });
    }

    fn component(&mut self, component_type: &str, path: Option<&str>, sources: &Sources, users: &[String]) {
        let Some(path) = path else { return self.generic(component_type, users) };
        let documents = match documents(path, sources.get(path)) {
            Ok(documents) => documents,
            Err(why) => {
                self.note(format!("{why}, so its Dapr component has no settings from there"));
                return self.generic(component_type, users);
            }
        };
        let components =
            documents.iter().filter(|it| it.is_of_dapr() && it.component().is_some() && it.kind == "Component");
        let names: Vec<String> = components.map(|document| document.name.clone()).collect();
        for document in documents {
            self.document(path, &document, users);
        }
        match names.as_slice() {
            [] => {
                self.note(format!("`{path}` holds no Dapr component with a type"));
                self.generic(component_type, users);
            }
            names if names.iter().any(|name| name == self.resource) => {}
            names => {
                let names = names.join("`, `");
                self.note(format!("its Dapr component is named `{names}`, as in `{path}`, not like the resource"));
            }
        }
    }

    /// What Dapr uses on a developer's machine when only the kind of building block is known.
    fn generic(&mut self, component_type: &str, users: &[String]) {
        const FILE: &str = "write a component file and name it in the AppHost \
                            (`new DaprComponentOptions { LocalPath = ... }`), or set";
        let name = self.resource;
        let implementation = match component_type {
            "state" | "pubsub" => {
                self.note(format!(
                    "Dapr component of type `{component_type}` uses `{component_type}.in-memory`, as on your machine; \
                     for a real one {FILE} daprComponents in the values of the chart"
                ));
                format!("{component_type}.in-memory")
            }
            other if other.contains('.') => {
                if !other.ends_with(".in-memory") {
                    self.note(format!(
                        "its Dapr component `{other}` is empty: it has no metadata, such as an address; \
                         {FILE} `metadata` of daprComponents in the values of the chart"
                    ));
                }
                other.to_owned()
            }
            other => {
                return self.note(format!(
                    "left out: the Dapr type `{other}` has no implementation; write a component file and name it in \
                     the AppHost (`new DaprComponentOptions {{ LocalPath = ... }}`)"
                ));
            }
        };
        let component = DaprComponent {
            component_type: implementation,
            version: "v1".into(),
            scopes: users.to_vec(),
            ..DaprComponent::default()
        };
        self.app.dapr_components.insert(name.to_owned(), component);
    }

    fn document(&mut self, path: &str, document: &Document, users: &[String]) {
        let (kind, name) = (&document.kind, &document.name);
        if !document.is_of_dapr() || kind != "Component" && !KINDS.contains(&kind.as_str()) {
            return self
                .note(format!("`{path}` also holds the {kind} `{name}`, which is left out: Dapr does not read it"));
        }
        if kind != "Component" {
            return self.object(path, document.object(users));
        }
        let Some(mut component) = document.component() else {
            return self.note(format!("the component `{name}` of `{path}` is left out: it has no type"));
        };
        let written = !component.scopes.is_empty();
        if written {
            for user in users.iter().filter(|user| !component.scopes.contains(user)) {
                self.note(format!(
                    "the scopes of the component `{name}` in `{path}` do not include `{user}`, which uses it"
                ));
            }
        } else {
            component.scopes = users.to_vec();
        }
        match self.app.dapr_components.get_mut(name) {
            None => drop(self.app.dapr_components.insert(name.clone(), component)),
            Some(first) => {
                let same = DaprComponent { scopes: Vec::new(), ..first.clone() }
                    == DaprComponent { scopes: Vec::new(), ..component.clone() };
                if !same {
                    return self.note(format!("`{path}` holds another component `{name}`; the first one is used"));
                }
                if !written {
                    join(&mut first.scopes, &component.scopes);
                }
            }
        }
    }

    fn object(&mut self, path: &str, object: DaprObject) {
        let is_same = |it: &&mut DaprObject| it.kind == object.kind && it.name == object.name;
        let Some(first) = self.app.dapr_objects.iter_mut().find(is_same) else {
            return self.app.dapr_objects.push(object);
        };
        let scopes = |object: &DaprObject| {
            let scopes = object.body.get("scopes").into_iter().flat_map(texts);
            scopes.map(str::to_owned).collect::<Vec<_>>()
        };
        let (mut all, more) = (scopes(first), scopes(&object));
        if first.body.get("spec") != object.body.get("spec") {
            let (kind, name) = (&object.kind, &object.name);
            return self.note(format!("`{path}` holds another {kind} `{name}`; the first one is used"));
        }
        join(&mut all, &more);
        if !all.is_empty() {
            first.body.insert("scopes".into(), all.into());
        }
    }

    fn sidecar(&mut self, dapr: &Dapr, sources: &Sources) {
        if !self.app.workloads.contains_key(&dapr.application) {
            return self.note(format!("left out: its application `{}` does not run in the cluster", dapr.application));
        }
        let mut options = dapr.options.clone();
        if let Some(name) = self.configuration(dapr, sources) {
            options.insert("config".into(), name.into());
        } else {
            options.shift_remove("config");
        }
        for folder in FOLDERS.iter().filter_map(|option| options.shift_remove(*option)).collect::<Vec<_>>() {
            for path in texts(&folder) {
                match documents(path, sources.get(path)) {
                    Ok(documents) => {
                        for document in &documents {
                            self.document(path, document, &[id(dapr)]);
                        }
                    }
                    Err(why) => self.note(format!("{why}, so it is not deployed")),
                }
            }
        }
        if let Some(workload) = self.app.workloads.get_mut(&dapr.application) {
            workload.dapr = Some(DaprSidecar { app_id: id(dapr), options });
        }
    }

    /// The name of the Configuration that a sidecar names by its file, or by its name.
    fn configuration(&mut self, dapr: &Dapr, sources: &Sources) -> Option<String> {
        let path = dapr.options.get("config")?.as_str().filter(|path| !path.is_empty())?;
        let documents = match documents(path, sources.get(path)) {
            Ok(documents) => documents,
            Err(_) if !path.contains('/') && !is_yaml(path) => {
                return Some(path.to_owned());
            }
            Err(why) => {
                self.note(format!(
                    "{why}, so the sidecar has no configuration; put the file there, or name a Configuration of the \
                     cluster with `resources.{}.podAnnotations: {{dapr.io/config: NAME}}` in aspire-k8s.yaml",
                    dapr.application
                ));
                return None;
            }
        };
        let name = documents.iter().find(|it| it.is_of_dapr() && it.kind == "Configuration").map(|it| it.name.clone());
        if name.is_none() {
            self.note(format!("`{path}` holds no Configuration of Dapr, so the sidecar has none"));
        }
        for document in &documents {
            self.document(path, document, &[id(dapr)]);
        }
        name
    }
}

fn join(scopes: &mut Vec<String>, more: &[String]) {
    // No scopes are all applications.
    if scopes.is_empty() || more.is_empty() {
        scopes.clear();
        return;
    }
    scopes.extend(more.iter().cloned());
    scopes.sort();
    scopes.dedup();
}

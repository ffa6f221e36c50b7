//! The images that are built from the application's source, and how: what the workloads run, and the images that only
//! supply files to those.
//!
//! Resolving them is apart from [`super::resolve()`], because an input that only a build needs is not an input of the chart.

use super::resolve::running;
use super::value::Value;
use super::values::Values;
use super::{App, Input};
use crate::config::Config;
use crate::manifest::{self, BuildSecret, ContainerFiles, Kind, Manifest, Resource, Source};
use crate::support::diagnostic::Diagnostics;
use indexmap::{IndexMap, IndexSet};

/// An image to build.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Build {
    pub resource: String,
    pub kind: BuildKind,
    /// Whether it only supplies files to other images: nothing runs it, and no registry needs it.
    pub only: bool,
    /// Files that it takes from the images of other resources.
    pub files: IndexMap<String, ContainerFiles>,
    /// Names of the variables that its container gets.
    pub variables: Vec<String>,
}

/// What an image is built from. Paths start from the folder of the manifest.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum BuildKind {
    /// A .NET project, by its SDK.
    Project { path: String },
    Dockerfile {
        /// The folder whose files it can copy; that of the Dockerfile if the manifest does not say it.
        context: String,
        /// The file.
        dockerfile: String,
        /// The last stage that is built.
        stage: Option<String>,
        arguments: Vec<Argument>,
        secrets: Vec<Secret>,
    },
}

/// A build argument.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Argument {
    pub name: String,
    /// None for the variable of this name of whoever builds.
    pub value: Option<Value>,
}

/// A secret that only the build sees.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Secret {
    pub id: String,
    /// Where whoever builds takes it from.
    pub origin: Origin,
}

/// Where a build secret comes from.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Origin {
    /// A variable of whoever builds, with the value that it must have if the manifest says it.
    Variable(Option<Value>),
    /// A file, from the folder of the manifest.
    File(String),
}

/// The images of an application that was resolved from the same manifest and configuration, in the order of the manifest;
/// and every input that they need.
pub(crate) fn builds(
    manifest: &Manifest,
    config: &Config,
    app: &App,
) -> Result<(Vec<Build>, IndexMap<String, Input>), Diagnostics> {
    let running = running(manifest, config, &mut Vec::new());
    let mut values = Values::new(manifest, config, &running);
    let needed = needed(manifest, app);
    let resources = manifest.resources.iter().filter(|(name, _)| needed.contains(name.as_str()));
    let builds = resources.filter_map(|(name, resource)| build(name, resource, &mut values)).collect();
    let (mut inputs, _, diagnostics) = values.finish();
    // What aspire-k8s.yaml says of parameters is in those of the application.
    for (name, input) in &app.inputs {
        inputs.insert(name.clone(), input.clone());
    }
    diagnostics.or((builds, inputs))
}

/// The resources whose image is built: workloads, and what their images take files from.
fn needed<'a>(manifest: &'a Manifest, app: &'a App) -> IndexSet<&'a str> {
    let built = app.workloads.values().filter(|workload| workload.is_built());
    let mut needed: IndexSet<&str> = built.map(|workload| workload.name.as_str()).collect();
    let mut next = 0;
    while let Some(resource) = needed.get_index(next).and_then(|name| manifest.resources.get(*name)) {
        let others = resource.container_files.keys().map(String::as_str);
        needed.extend(others.filter(|other| manifest.resources.get(*other).is_some_and(is_only_built)));
        next += 1;
    }
    needed
}

fn is_only_built(resource: &Resource) -> bool {
    matches!(resource.kind, Kind::Container(Source::Build { only: true }))
}

fn build(name: &str, resource: &Resource, values: &mut Values) -> Option<Build> {
    let kind = match &resource.kind {
        Kind::Project { path } => BuildKind::Project { path: path.clone() },
        Kind::Container(Source::Build { .. }) => dockerfile(name, &resource.build, values),
        _ => return None,
    };
    Some(Build {
        resource: name.to_owned(),
        kind,
        only: is_only_built(resource),
        files: resource.container_files.clone(),
        variables: resource.env.keys().cloned().collect(),
    })
}

fn dockerfile(name: &str, build: &manifest::Build, values: &mut Values) -> BuildKind {
    let mut value = |part: &str, key: &str, text: &String| {
        values.used(name, &format!("resources.{name}.build.{part}.{key}").into(), text)
    };
    let arguments = build
        .args
        .iter()
        .map(|(key, text)| Argument { name: key.clone(), value: text.as_ref().map(|text| value("args", key, text)) });
    let arguments = arguments.collect();
    let secrets = build.secrets.iter().map(|(id, secret)| Secret {
        id: id.clone(),
        origin: match secret {
            BuildSecret::Variable(text) => Origin::Variable(text.as_ref().map(|text| value("secrets", id, text))),
            BuildSecret::File(path) => Origin::File(path.clone()),
        },
    });
    let secrets = secrets.collect();
    let folder = |path: &str| path.rsplit_once('/').map_or(".", |(folder, _)| folder).to_owned();
    let context = build.context.clone().or_else(|| build.dockerfile.as_deref().map(folder));
    let context = context.unwrap_or_else(|| ".".to_owned());
    let dockerfile = build.dockerfile.clone().unwrap_or_else(|| format!("{context}/Dockerfile"));
    BuildKind::Dockerfile { context, dockerfile, stage: build.stage.clone(), arguments, secrets }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::{Sources, resolve};
    use serde_json::json;

    fn found(manifest: &serde_json::Value, config: &str) -> (Vec<Build>, IndexMap<String, Input>) {
        let manifest = manifest::parse(manifest.to_string().as_bytes()).unwrap();
        let config = crate::config::parse(config).unwrap();
        let app = resolve(&manifest, &config, "shop", &Sources::default()).unwrap();
        let before = app.clone();
        let found = builds(&manifest, &config, &app).unwrap();
        assert_eq!(app, before);
        found
    }

    fn shop() -> serde_json::Value {
        json!({ "resources": {
            "api": { "type": "project.v0", "path": "../Api/Api.csproj", "env": { "A": "1" },
                "containerFiles": { "ui": { "destination": "./wwwroot", "sources": ["/app/dist"] } } },
            "ui": { "type": "container.v1", "build": { "context": "ui", "dockerfile": "ui/Dockerfile", "buildOnly": true } },
            "unused": { "type": "container.v1", "build": { "context": "x", "dockerfile": "x/Dockerfile", "buildOnly": true } },
            "web": { "type": "container.v1", "build": { "context": "web", "dockerfile": "web.Dockerfile", "stage": "final",
                "args": { "REGION": "{region.value}", "NONE": null }, "secrets": { "K": { "type": "env", "value": "{k.value}" } } } },
            "old": { "type": "dockerfile.v0", "path": "o/d/Dockerfile" },
            "cache": { "type": "container.v0", "image": "redis:8" },
            "region": { "type": "parameter.v0", "value": "{region.inputs.value}", "inputs": { "value": { "type": "string" } } },
            "k": { "type": "parameter.v0", "value": "{k.inputs.value}", "inputs": { "value": { "type": "string", "secret": true } } }
        } })
    }

    #[test]
    fn what_runs_or_supplies_files_is_built() {
        let (builds, inputs) = found(&shop(), "parameters: {region: {value: eu}}\n");
        let names: Vec<_> = builds.iter().map(|build| (build.resource.as_str(), build.only)).collect();
        assert_eq!(names, [("api", false), ("ui", true), ("web", false), ("old", false)]);
        assert_eq!(inputs["region"].default.as_deref(), Some("eu"));
        assert!(inputs["k"].secret);
        let BuildKind::Dockerfile { context, dockerfile, .. } = &builds[3].kind else { panic!("not a Dockerfile") };
        assert_eq!((context.as_str(), dockerfile.as_str()), ("o/d", "o/d/Dockerfile"));
    }

    #[test]
    fn another_image_takes_the_place_of_a_build() {
        let (builds, _) = found(&shop(), "resources: {api: {image: 'x/y:1'}, web: {exclude: true}}\n");
        let names: Vec<_> = builds.iter().map(|build| build.resource.as_str()).collect();
        assert_eq!(names, ["old"]);
    }
}

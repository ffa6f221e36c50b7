//! What `images` lists, as `-o json` prints it.

use crate::support::diagnostic::Code;
use schemars::JsonSchema;
use serde::Serialize;

/// The images of an application.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct Listed {
    /// Images that must be built from the application's source, in the order of the manifest.
    pub built: Vec<BuiltImage>,
    /// Images of others, which a cluster pulls as they are.
    pub pulled: Vec<PulledImage>,
    pub warnings: Vec<Warning>,
}

/// An image to build.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BuiltImage {
    pub resource: String,
    pub kind: Kind,
    /// The project file, from the current folder; null for a Dockerfile.
    pub project: Option<String>,
    /// The folder whose files the Dockerfile can copy, from the current folder; null for a project.
    pub context: Option<String>,
    /// The Dockerfile, from the current folder; null for a project.
    pub dockerfile: Option<String>,
    /// The last stage that is built; null for the last one of the file.
    pub stage: Option<String>,
    /// Build arguments.
    pub arguments: Vec<Argument>,
    /// Build secrets, without their values.
    pub secrets: Vec<Secret>,
    /// Files of other images that it must hold.
    pub container_files: Vec<Files>,
    /// Platforms that were asked for; empty for that of the machine that builds.
    pub platforms: Vec<&'static str>,
    /// Whether it only supplies files to other images: no cluster needs it.
    pub build_only: bool,
    /// The name with its registry, without tag.
    pub repository: String,
    /// The tag; null if it is not known yet.
    pub tag: Option<String>,
    /// The reference that the chart uses; null while the tag is not known, and for an image that nothing runs.
    pub reference: Option<String>,
    /// Commands for a POSIX shell that build it and push it, to be run in the current folder in this order. They read
    /// the variable `TAG` if the tag is not known.
    pub commands: Vec<String>,
}

/// What an image is built from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Kind {
    /// A .NET project, by its SDK.
    Project,
    Dockerfile,
}

/// A build argument.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Argument {
    pub name: String,
    /// Its value; null if it is taken from the variable of the same name of whoever builds.
    pub value: Option<String>,
    /// What that variable must hold, with inputs in braces; null if the manifest does not say it.
    pub expression: Option<String>,
    /// The inputs in it that have no value, or a secret one.
    pub inputs: Vec<String>,
}

/// A secret that only the build sees.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Secret {
    pub id: String,
    /// The variable of whoever builds that holds it; null if it is a file.
    pub variable: Option<String>,
    /// The file, from the current folder; null if it is a variable.
    pub file: Option<String>,
    /// The inputs that it is made of.
    pub inputs: Vec<String>,
}

/// Files that an image takes from that of another resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Files {
    /// The other resource.
    pub from: String,
    /// Where they are in its image.
    pub sources: Vec<String>,
    /// Where they must be.
    pub destination: String,
}

/// An image that is not built.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PulledImage {
    pub reference: String,
    /// Resources that run it; empty for the init containers of workloads that wait.
    pub used_by: Vec<String>,
}

/// Something that will not work as it seems to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct Warning {
    pub code: Code,
    /// The resource; empty for all of them.
    pub resource: String,
    /// The sentence, without its final period.
    pub text: String,
}

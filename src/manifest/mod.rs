//! The Aspire manifest, exactly as written.
//!
//! [`parse`] reads the JSON of every Aspire version (8.0 previews to 13.x) into one shape and reports everything that is
//! malformed, with its JSON path or line. It resolves nothing: expressions stay text, unknown types keep their name.

mod build;
mod locate;
mod node;
mod parts;
mod place;
mod read;
mod syntax;
mod tree;

pub use locate::position;
pub use read::parse;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

/// A manifest: resources in the order of the file (the order carries meaning: the first http binding is the default).
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Manifest {
    /// The resources by their exact name. `components` of October 2023 is read as `resources`.
    pub resources: IndexMap<String, Resource>,
}

impl Manifest {
    /// Every path that starts from the folder of the manifest.
    pub fn paths(&mut self) -> impl Iterator<Item = &mut String> {
        self.resources.values_mut().flat_map(|resource| {
            let own = match &mut resource.kind {
                Kind::Project { path } => Some(path),
                Kind::DaprComponent { local_path, .. } => local_path.as_mut(),
                _ => None,
            };
            let mounts = resource.bind_mounts.iter_mut().map(|mount| &mut mount.source);
            own.into_iter().chain(mounts).chain(resource.build.paths())
        })
    }
}

/// One resource. Fields that several types share are read for every type; what a type lacks is empty.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Resource {
    /// The `type` as written (`container.v1`); empty for an entry without one (`{"error": ...}`).
    pub type_name: String,
    pub kind: Kind,
    /// `connectionString`, an expression.
    pub connection_string: Option<String>,
    /// `value`, an expression (parameters, `annotated.string`; also accepted on `value.v0`).
    pub value: Option<String>,
    /// `inputs` (parameters; in previews also containers and others).
    pub inputs: IndexMap<String, Input>,
    /// `env`: name to expression, in the order of the file.
    pub env: IndexMap<String, String>,
    /// `args`: expressions. A JSON null is an empty string, as docker passes it.
    pub args: Vec<String>,
    /// `entrypoint` of a container.
    pub entrypoint: Option<String>,
    /// `bindings` in the order of the file.
    pub bindings: IndexMap<String, Binding>,
    pub volumes: Vec<Volume>,
    pub bind_mounts: Vec<BindMount>,
    /// `containerFiles`: files of other resources' images that its image must hold, by resource.
    pub container_files: IndexMap<String, ContainerFiles>,
    /// How its image is built from a Dockerfile; empty for a resource that is not.
    pub build: Build,
}

/// `build` of a container, or the same keys of a `dockerfile.v0`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Build {
    /// `context`: the folder whose files the Dockerfile can copy, manifest-relative, slashes forward.
    pub context: Option<String>,
    /// `dockerfile`, or `path` of a `dockerfile.v0`: manifest-relative, slashes forward. It may lie outside the context.
    pub dockerfile: Option<String>,
    /// `stage`: the last stage that is built.
    pub stage: Option<String>,
    /// `args`, or `buildArgs` of a `dockerfile.v0`: expressions. None (null) is a variable of whoever builds.
    pub args: IndexMap<String, Option<String>>,
    /// `secrets` by their id.
    pub secrets: IndexMap<String, BuildSecret>,
}

impl Build {
    fn paths(&mut self) -> impl Iterator<Item = &mut String> {
        let files = self.secrets.values_mut().filter_map(|secret| match secret {
            BuildSecret::File(path) => Some(path),
            BuildSecret::Variable(_) => None,
        });
        self.context.iter_mut().chain(self.dockerfile.as_mut()).chain(files)
    }
}

/// A secret that only the build of an image sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BuildSecret {
    /// `{"type": "env", "value": ...}`: an expression. None (null) is a variable of whoever builds.
    Variable(Option<String>),
    /// `{"type": "file", "source": ...}`: manifest-relative, slashes forward.
    File(String),
}

/// Files that the image of one resource takes from that of another.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ContainerFiles {
    /// `destination`: where they must be.
    pub destination: String,
    /// `sources`: where they are in the other image.
    pub sources: Vec<String>,
}

/// The kinds of resource, whatever their version suffix.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Kind {
    /// `project.v0`, `project.v1`.
    Project {
        /// Path of the project file, slashes forward.
        path: String,
    },
    /// `container.v0`, `container.v1`, `dockerfile.v0`.
    Container(Source),
    /// `executable.v0`.
    Executable {
        /// The program.
        command: String,
    },
    /// `parameter.v0`.
    Parameter,
    /// `value.v0`.
    Value,
    AnnotatedString {
        /// The filter's name, such as `uri`.
        filter: String,
    },
    /// `dapr.v0`.
    Dapr(Dapr),
    /// `dapr.component.v0`.
    DaprComponent {
        /// `daprComponent.type`, such as `state` or `pubsub`.
        component_type: String,
        /// `daprComponent.localPath`, manifest-relative, slashes forward.
        local_path: Option<String>,
    },
    /// Everything else: Azure, AWS, product types of the previews, `error` entries, invented types.
    #[default]
    Foreign,
}

/// Where a container's image comes from.
#[derive(Debug, Clone, PartialEq)]
pub enum Source {
    /// `image`: a reference to an existing image.
    Image(String),
    /// `build` or `dockerfile.v0`: built from a Dockerfile.
    Build {
        /// `build.buildOnly`: the image is only a source of files, nothing runs.
        only: bool,
    },
    /// Neither was written (seen in the wild).
    Missing,
}

/// One input of a parameter.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Input {
    pub secret: bool,
    pub default: Option<InputDefault>,
}

/// The default of an input: exactly one of the two forms.
#[derive(Debug, Clone, PartialEq)]
pub enum InputDefault {
    /// `{"value": "text"}`.
    Value(String),
    Generate(Generate),
}

/// The rules of a generated value; the defaults are Aspire's.
#[expect(clippy::struct_excessive_bools, reason = "the manifest has four switches")]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Generate {
    /// `minLength`; 0 when absent.
    pub min_length: u32,
    /// `lower`; true when absent.
    pub lower: bool,
    /// `upper`; true when absent.
    pub upper: bool,
    /// `numeric`; true when absent.
    pub numeric: bool,
    /// `special`; true when absent.
    pub special: bool,
    pub min_lower: u32,
    pub min_upper: u32,
    pub min_numeric: u32,
    pub min_special: u32,
}

/// An endpoint.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Binding {
    /// `scheme`; `protocol` when absent, `tcp` when both are.
    pub scheme: String,
    /// `protocol`: `tcp` or `udp` (`http`, seen in test data, is read as `tcp`).
    pub protocol: String,
    /// `transport`; `http` when absent and the scheme is http or https, else the protocol.
    pub transport: String,
    /// `port`; 0 is read as absent.
    pub port: Option<u16>,
    /// `targetPort`, or `containerPort` of the previews; 0 is read as absent.
    pub target_port: Option<u16>,
    pub external: bool,
}

/// A volume of a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Volume {
    /// `name`; none for an anonymous volume.
    pub name: Option<String>,
    /// `target`: the path in the container.
    pub target: String,
    pub read_only: bool,
}

/// A bind mount of a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BindMount {
    /// `source`: a file or folder, manifest-relative, slashes forward.
    pub source: String,
    /// `target`: the path in the container.
    pub target: String,
    pub read_only: bool,
}

/// A Dapr sidecar.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Dapr {
    /// `application`: the resource that the sidecar belongs to.
    pub application: String,
    pub app_id: Option<String>,
    /// `components`: names of `dapr.component.v0` resources.
    pub components: Vec<String>,
    /// All other keys as written (strings, numbers, bools, arrays of strings).
    pub options: IndexMap<String, serde_json::Value>,
}

#[cfg(test)]
mod tests;

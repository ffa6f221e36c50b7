//! The resolved application: its workloads, their values, and the inputs that they need.
//!
//! [`resolve()`] turns a manifest and the configuration `aspire-k8s.yaml` into an [`App`] and reports all errors
//! together. Nothing here knows Kubernetes or Helm: hosts and ports stay references, because only a target knows the
//! name of a workload.

mod addresses;
mod builds;
mod certificate;
mod dapr;
mod dapr_files;
mod dashboard;
mod databases;
mod endpoints;
mod environment;
mod expression;
mod extra_objects;
mod files;
mod image_inputs;
mod init_containers;
mod listening;
mod ports;
mod removed;
mod replaced;
#[cfg(test)]
mod replaced_tests;
mod resolve;
mod routes;
mod serve;
#[cfg(test)]
mod served_tests;
mod sidecars;
mod sources;
mod switched;
mod telemetry;
mod unknown;
mod value;
mod values;
mod volume;
mod waits;

pub(crate) use builds::{Argument, Build, BuildKind, Origin, Secret, builds};
pub(crate) use certificate::FOLDER as CERTIFICATE_FOLDER;

pub(crate) use databases::with_databases;
pub(crate) use extra_objects::is_extra_object;
pub(crate) use files::wanted_sources;
pub(crate) use image_inputs::{REGISTRY_INPUT, TAG_INPUT, reference_input};
pub use resolve::resolve;
pub(crate) use routes::{check_route_secrets, is_route};
pub(crate) use sidecars::is_used_from_outside;
pub use sources::{Found, Sources};
pub(crate) use telemetry::OTLP_ENDPOINT;
pub(crate) use unknown::unknown_workload;
pub use value::escape_uri_data;
pub(crate) use value::{Form, Part, Side, Value};

use crate::manifest::Generate;
use crate::support::diagnostic::Code;
use indexmap::{IndexMap, IndexSet};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// An application with every reference resolved.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct App {
    /// What the application is called: from `aspire-k8s.yaml`, else the folder of the manifest.
    pub name: String,
    /// Its identity on a cluster; the name unless the file fixed another.
    pub id: String,
    /// What runs, by resource name, in the order of the manifest.
    pub workloads: IndexMap<String, Workload>,
    /// What must be known before it can run, by name, in the order of the manifest.
    pub inputs: IndexMap<String, Input>,
    /// Dapr building blocks by the name that the application calls them.
    pub dapr_components: IndexMap<String, DaprComponent>,
    /// What else the files of Dapr hold.
    pub dapr_objects: Vec<DaprObject>,
    /// What a user should know: left out, rewritten, guessed.
    pub notes: Vec<Note>,
    /// DNS names to which the Services of replaced resources lead, by resource.
    pub external_names: IndexMap<String, String>,
    /// Values of the strings with references in `extraObjects`.
    pub texts: BTreeMap<String, Value>,
}

/// A sentence about a resource that is no error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// The kind of cause.
    pub code: Code,
    pub resource: String,
    /// The sentence, without its final period.
    pub text: String,
}

/// Something that runs.
#[derive(Debug, Clone, PartialEq)]
pub struct Workload {
    /// Resource name, as written.
    pub name: String,
    /// What it runs.
    pub image: Image,
    /// Whether it is a program of .NET.
    pub is_dotnet: bool,
    /// The program instead of the image's own.
    pub command: Vec<Value>,
    /// Its arguments.
    pub args: Vec<Value>,
    /// Its environment, in the order of the manifest.
    pub env: IndexMap<String, Value>,
    /// Its endpoints by binding name.
    pub ports: IndexMap<String, Port>,
    pub volumes: Vec<Volume>,
    /// Files of the AppHost's folder that it sees.
    pub files: Vec<FileMount>,
    pub dapr: Option<DaprSidecar>,
    /// Where its telemetry goes.
    pub telemetry: Option<Telemetry>,
    /// What its pods wait for before they start, in this order.
    pub waits: Vec<Wait>,
    /// What runs to its end before it, in this order.
    pub init_containers: Vec<InitContainer>,
    /// The workload in whose pod it runs, as a sidecar.
    pub sidecar_of: Option<String>,
    /// Whether it runs, where environments differ; none if it always does.
    pub switch: Option<Switch>,
}

impl Workload {
    /// One that runs an image and has nothing else.
    pub(crate) fn new(name: &str, image: Image) -> Self {
        Self {
            name: name.to_owned(),
            image,
            is_dotnet: false,
            command: Vec::new(),
            args: Vec::new(),
            env: IndexMap::new(),
            ports: IndexMap::new(),
            volumes: Vec::new(),
            files: Vec::new(),
            dapr: None,
            telemetry: None,
            waits: Vec::new(),
            init_containers: Vec::new(),
            sidecar_of: None,
            switch: None,
        }
    }

    /// The workload in whose pod it runs: itself, unless it is a sidecar.
    pub fn pod(&self) -> &str {
        self.sidecar_of.as_deref().unwrap_or(&self.name)
    }

    /// All values that its containers get.
    pub fn values(&self) -> impl Iterator<Item = &Value> {
        let own = self.env.values().chain(&self.command).chain(&self.args);
        own.chain(self.init_containers.iter().flat_map(InitContainer::values))
    }

    /// Lets all values that its containers get be changed.
    fn each_value(&mut self, change: &mut dyn FnMut(&mut Value)) {
        let Self { env, command, args, init_containers, .. } = self;
        env.values_mut().chain(command).chain(args).for_each(&mut *change);
        for InitContainer { env, command, args, .. } in init_containers {
            env.values_mut().chain(command).chain(args).for_each(&mut *change);
        }
    }

    /// Whether its image is built from the application's source.
    pub fn is_built(&self) -> bool {
        self.image == Image::Built
    }
}

/// A container that runs to its end before the container of its workload starts.
#[derive(Debug, Clone, PartialEq)]
pub struct InitContainer {
    /// Its name, as written.
    pub name: String,
    /// Its image; that of the workload when none.
    pub image: Option<String>,
    /// The program instead of the image's own.
    pub command: Vec<Value>,
    /// Its arguments.
    pub args: Vec<Value>,
    /// Its environment.
    pub env: IndexMap<String, Value>,
    /// Names of the workload's volumes that it mounts.
    pub volumes: Vec<String>,
}

impl InitContainer {
    /// All values that it gets.
    pub fn values(&self) -> impl Iterator<Item = &Value> {
        self.env.values().chain(&self.command).chain(&self.args)
    }

    /// It as a workload of the same name without endpoints, for what treats the values of both alike.
    pub fn as_workload(&self, of: &Workload) -> Workload {
        let image = self.image.clone().map_or_else(|| of.image.clone(), Image::Reference);
        Workload {
            command: self.command.clone(),
            args: self.args.clone(),
            env: self.env.clone(),
            ..Workload::new(&of.name, image)
        }
    }
}

/// Whether a workload runs, and what takes its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Switch {
    /// Whether its objects exist.
    pub enabled: bool,
    /// The host that others use instead of its Service.
    pub host: Option<String>,
    /// Ports of that host, by binding name.
    pub ports: BTreeMap<String, u16>,
}

/// A workload that another one waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wait {
    /// The workload, which has a TCP port or is a job.
    pub on: String,
    /// How far it must be.
    pub until: WaitUntil,
}

/// How far the other workload must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WaitUntil {
    /// A pod is ready.
    Ready,
    /// A container listens, ready or not.
    Started,
    /// It has run to its end: it is a job.
    Completed,
}

/// Where the telemetry of a workload goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Telemetry {
    /// The workload that takes it.
    pub receiver: String,
    /// The variables that say so: they hold only while the receiver has pods and the values name no other.
    pub variables: Vec<&'static str>,
}

/// What a workload runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Image {
    /// An image built from the application's own source; registry and tag are chosen when it is deployed.
    Built,
    /// Another owner's image, left alone.
    Reference(String),
}

/// An endpoint of a workload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Port {
    /// URI scheme of its addresses.
    pub scheme: String,
    /// `http2` and the like.
    pub transport: String,
    /// Whether it is UDP (else TCP).
    pub udp: bool,
    /// The port that clients use.
    pub client: u16,
    /// The port that the process listens on.
    pub process: u16,
    /// Whether the AppHost marked it as public.
    pub external: bool,
}

/// A volume of a workload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Volume {
    /// Name as the manifest writes it; none for an anonymous one.
    pub full_name: Option<String>,
    /// Name without Aspire's `<apphost>-<hash>-` prefix: the part that stays when the AppHost moves.
    pub name: String,
    /// Path in the container.
    pub target: String,
    /// Whether it is mounted read-only.
    pub read_only: bool,
}

/// Files of the AppHost's folder, mounted into a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileMount {
    /// The path as the manifest writes it.
    pub source: String,
    /// Path in the container.
    pub target: String,
    /// Whether it is mounted read-only.
    pub read_only: bool,
    /// Whether only some may read it: a private key is in it, or a user says so.
    pub secret: bool,
    /// What is mounted.
    pub content: FileContent,
}

/// What a bind mount holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileContent {
    File(Vec<u8>),
    /// A folder: relative path (slashes) to bytes.
    Folder(BTreeMap<String, Vec<u8>>),
    /// It is not there; an input of this name tells what to mount instead.
    Missing {
        /// Name of the input.
        input: String,
    },
}

/// Something that must be known before the application can run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Input {
    /// Whether it must be kept secret.
    pub secret: bool,
    /// Default value.
    pub default: Option<String>,
    /// How to generate a value where none is set.
    pub generate: Option<Generate>,
    /// Workloads that need it.
    pub used_by: IndexSet<String>,
    /// Whether its URI-escaped form is needed too.
    pub uri: bool,
    /// Why it is an input although the manifest has no parameter for it.
    pub reason: Option<String>,
}

impl Input {
    /// Whether it must be given: something uses it and nothing supplies it.
    pub fn required(&self) -> bool {
        !self.used_by.is_empty() && self.default.is_none() && self.generate.is_none()
    }
}

/// A Dapr sidecar of a workload.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DaprSidecar {
    /// Application id.
    pub app_id: String,
    /// All other options as written in the manifest.
    pub options: IndexMap<String, serde_json::Value>,
}

/// A Dapr building block.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DaprComponent {
    /// Type with implementation, such as `state.redis`.
    pub component_type: String,
    /// Version of the implementation.
    pub version: String,
    /// Metadata entries as Dapr wants them.
    pub metadata: Vec<serde_json::Value>,
    /// Ids of the applications that may use it; empty for all.
    pub scopes: Vec<String>,
    /// Whether a sidecar starts although it cannot be set up.
    pub ignore_errors: Option<bool>,
    /// How long a sidecar tries to set it up.
    pub init_timeout: Option<String>,
    /// Where its secrets are looked up.
    pub auth: Option<serde_json::Value>,
}

/// Another object of Dapr, such as a Subscription, as its file writes it.
#[derive(Debug, Clone, PartialEq)]
pub struct DaprObject {
    /// Group and version.
    pub api_version: String,
    pub kind: String,
    /// Name, as written.
    pub name: String,
    /// All but version, kind and metadata.
    pub body: serde_json::Map<String, serde_json::Value>,
}

//! Flags that several verbs take.

use clap::{Args, ValueEnum};
use std::path::{Path, PathBuf};

/// Where the application is described.
#[derive(Debug, Args)]
#[expect(clippy::struct_field_names, reason = "SOURCE is what a person types")]
pub struct Source {
    /// An aspire-manifest.json, or a folder that holds one; deploy, plan and status also take a chart that was rendered
    /// before: its folder, a .tgz, or an oci:// reference
    /// [default: .]
    #[arg(value_name = "SOURCE")]
    pub source: Option<PathBuf>,
    /// What is read beside it.
    #[command(flatten)]
    pub beside: Beside,
    /// Version of the chart at an oci:// SOURCE
    #[arg(long, value_name = "VERSION")]
    pub version: Option<String>,
    /// Speak plain HTTP to the registry of an oci:// SOURCE
    #[arg(long)]
    pub plain_http: bool,
}

/// What is read beside the manifest, by every verb that reads SOURCE.
#[derive(Debug, Clone, Default, Args)]
pub struct Beside {
    /// Deployment intent; aspire-k8s.yaml beside the manifest when it is there
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Folder that bind mounts may take files from; the manifest's own folder when it is not given
    #[arg(long, value_name = "DIR")]
    pub source_root: Option<PathBuf>,
}

impl Source {
    /// A SOURCE that another flag or word names. It is no reference into a registry.
    pub fn named(source: Option<PathBuf>, beside: &Beside) -> Self {
        Self { source, beside: beside.clone(), version: None, plain_http: false }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.source.as_deref().unwrap_or(Path::new("."))
    }
}

/// Where built images are.
#[derive(Debug, Args)]
pub struct Images {
    /// Registry (and path) of built images; remembered until another is given, `-` forgets it
    #[arg(long, value_name = "HOST/PATH")]
    pub registry: Option<String>,
    /// Tag of built images; remembered in the same way
    #[arg(long)]
    pub tag: Option<String>,
    /// Image of one resource, with tag or digest; may be repeated, remembered in the same way
    #[arg(long = "image", value_name = "RESOURCE=REFERENCE")]
    pub references: Vec<String>,
}

/// Values of inputs.
#[derive(Debug, Args)]
pub struct Parameters {
    /// Value of an input; may be repeated. Others on this machine can read it: prefer a file for secrets
    #[arg(long = "parameter", value_name = "NAME=VALUE")]
    pub assignments: Vec<String>,
    /// File with values of inputs, YAML, JSON or .env; `-` is standard input; may be repeated
    #[arg(long = "parameter-file", value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// File whose bytes are the value of an input; may be repeated
    #[arg(long = "parameter-from", value_name = "NAME=FILE")]
    pub sources: Vec<String>,
}

/// Which steps.
#[derive(Debug, Args)]
pub struct Steps {
    /// List the steps and what each waits for, and run none: text, json, dot, mermaid or svg
    #[arg(long, value_enum, value_name = "FORMAT", num_args = 0..=1, require_equals = true, default_missing_value = "text")]
    pub list_steps: Option<StepFormat>,
    /// Run only this step and what it needs
    #[arg(long, value_name = "NAME")]
    pub step: Option<String>,
}

/// Forms of the list of steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum StepFormat {
    /// A table
    Text,
    /// JSON
    Json,
    /// A graph for Graphviz
    Dot,
    /// A Mermaid diagram
    Mermaid,
    /// A picture
    Svg,
}

/// Which release is meant.
#[derive(Debug, Args)]
pub struct Named {
    /// Release name; without it, the one of aspire-k8s.yaml or of the application
    #[arg(long, value_name = "NAME")]
    pub release: Option<String>,
    /// Namespace of the release, where helm hides whether -n was given
    #[arg(long, value_name = "NAME")]
    pub release_namespace: Option<String>,
}

/// Which release is changed.
#[derive(Debug, Args)]
pub struct On {
    /// The release.
    #[command(flatten)]
    pub named: Named,
    /// How long the whole may take, such as 90s or 10m
    #[arg(long, default_value = "5m")]
    pub timeout: String,
    /// Go on though a helm that nobody can see from here may have been at work: you know that it is dead
    #[arg(long)]
    pub assume_helm_dead: bool,
    /// Let helm delete or change this object beyond the namespace, which only its record names: KIND/NAME, or
    /// KIND/NAMESPACE/NAME; it must be owned by the release. May be repeated
    #[arg(long = "allow-object", value_name = "OBJECT")]
    pub allow_objects: Vec<String>,
}

/// Losses that a person has to accept by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Accept {
    /// Data in a claim may be left with the old value of a secret that changes
    StaleCredentials,
    /// Nothing answers while a workload is stopped to come in another form
    Downtime,
    /// What lies in a pod goes with it, where a claim is mounted now
    EmptydirLoss,
    /// A claim stays that nothing mounts any more, or at another path
    AbandonData,
    /// Data stays in a folder of a node
    Hostpath,
    /// Of a workload that is there in both kinds, one is ended
    StrayDelete,
    /// A Job that has not finished is ended and starts again
    JobKill,
    /// A Service is made anew, with another address
    ServiceRecreate,
    /// A database starts on data of a version that it may not read
    DatabaseVersion,
}

/// Forms of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ListFormat {
    /// A table
    Text,
    /// JSON
    Json,
}

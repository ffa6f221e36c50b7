//! Flags that several verbs share.

use clap::{Args, ValueEnum};
use std::path::{Path, PathBuf};

/// Where the application is described.
#[derive(Debug, Args)]
#[expect(clippy::struct_field_names, reason = "SOURCE is what a person types")]
pub(crate) struct Source {
    /// Path to aspire-manifest.json or its folder, or to an AppHost: its project, its apphost.cs, its .dll or its
    /// folder. All commands except render, inputs, images, build, seal and charts also accept a rendered chart: a
    /// folder, a .tgz archive or an oci:// reference
    /// [default: .]
    #[arg(value_name = "SOURCE")]
    pub source: Option<PathBuf>,
    /// What is read beside it.
    #[command(flatten)]
    pub beside: Beside,
    /// Version of the chart at an oci:// SOURCE
    #[arg(long, value_name = "VERSION")]
    pub version: Option<String>,
    /// Use plain HTTP for the registry of an oci:// SOURCE
    #[arg(long)]
    pub plain_http: bool,
}

/// What is read beside the manifest, by every verb that reads SOURCE.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Beside {
    /// Deployment configuration file [default: aspire-k8s.yaml next to the manifest, if it exists]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Root folder for files of bind mounts [default: the folder of the manifest]
    #[arg(long, value_name = "DIR")]
    pub source_root: Option<PathBuf>,
    /// How an AppHost is run.
    #[command(flatten)]
    pub app_host: AppHost,
}

/// How an AppHost as SOURCE is built and run.
#[derive(Debug, Clone, Default, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub(crate) struct AppHost {
    /// Do not build the AppHost; run what was built before
    #[arg(help_heading = "AppHost", long)]
    pub no_build: bool,
    /// Environment of the AppHost [default: the variable `DOTNET_ENVIRONMENT`, or Production]
    #[arg(help_heading = "AppHost", long, value_name = "NAME")]
    pub apphost_environment: Option<String>,
    /// Time limit for building and running the AppHost, such as 90s or 10m [default: 10m]
    #[arg(help_heading = "AppHost", long, value_name = "TIME")]
    pub apphost_timeout: Option<String>,
    /// Do not read the model of the AppHost: replicas, probes, waits and files that its manifest leaves out
    #[arg(help_heading = "AppHost", long)]
    pub no_model: bool,
    /// Accept that texts of the AppHost hold values of secrets: they are in the chart then
    #[arg(help_heading = "AppHost", long)]
    pub allow_secret_text: bool,
    /// Print the whole output of the build and of the AppHost
    #[arg(help_heading = "AppHost", short, long)]
    pub verbose: bool,
}

impl Source {
    /// A SOURCE that another flag or word names. It is no reference into a registry.
    pub(crate) fn named(source: Option<PathBuf>, beside: &Beside) -> Self {
        Self { source, beside: beside.clone(), version: None, plain_http: false }
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        self.source.as_deref().unwrap_or(Path::new("."))
    }
}

/// Where built images are.
#[derive(Debug, Default, Args)]
pub(crate) struct Images {
    /// Registry and path of built images. Stored with the release and reused by later deploys; `-` clears the stored
    /// value
    #[arg(help_heading = "Images", long, value_name = "HOST/PATH")]
    pub registry: Option<String>,
    /// Tag of built images; stored and cleared like --registry
    #[arg(help_heading = "Images", long)]
    pub tag: Option<String>,
    /// Image reference of one resource, with tag or digest; stored and cleared like --registry; repeatable
    #[arg(help_heading = "Images", long = "image", value_name = "RESOURCE=REFERENCE")]
    pub references: Vec<String>,
    /// Image references of resources from a file that `build --save` wrote; stored like --image, which overrides it
    #[arg(help_heading = "Images", long, value_name = "FILE")]
    pub images_file: Option<PathBuf>,
}

/// Values of inputs.
#[derive(Debug, Args)]
pub(crate) struct Parameters {
    /// Value of an input; repeatable. Other users of this machine can see it in the process list: use a file for
    /// secrets
    #[arg(help_heading = "Inputs", long = "parameter", value_name = "NAME=VALUE")]
    pub assignments: Vec<String>,
    /// File with input values (YAML, JSON or .env); `-` reads standard input; repeatable
    #[arg(help_heading = "Inputs", long = "parameter-file", value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Read the value of an input from a file, byte for byte; repeatable
    #[arg(help_heading = "Inputs", long = "parameter-from", value_name = "NAME=FILE")]
    pub sources: Vec<String>,
}

/// Values of the chart for one run.
#[derive(Debug, Args)]
pub(crate) struct ChartValues {
    /// YAML file with chart values; overrides aspire-k8s.yaml and the environment; repeatable. Not stored: pass it to later
    /// deploys too
    #[arg(short = 'f', long = "values", value_name = "FILE")]
    pub values: Vec<PathBuf>,
    /// Chart value, such as workloads.api.replicas=2; repeatable. Not stored: pass it to later deploys too. Other users of
    /// this machine can see it in the process list
    #[arg(long, value_name = "PATH=VALUE")]
    pub set: Vec<String>,
    /// Remove the chart values of earlier deploys that used --values or --set
    #[arg(long)]
    pub reset_values: bool,
}

/// Which steps.
#[derive(Debug, Args)]
pub(crate) struct Steps {
    /// List the steps and their dependencies without running them
    #[arg(help_heading = "Steps", long, value_enum, value_name = "FORMAT", num_args = 0..=1, require_equals = true, default_missing_value = "text")]
    pub list_steps: Option<StepFormat>,
    /// Run only this step and its dependencies
    #[arg(help_heading = "Steps", long, value_name = "NAME")]
    pub step: Option<String>,
}

/// Forms of the list of steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum StepFormat {
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
pub(crate) struct Named {
    /// Release name [default: from aspire-k8s.yaml, or the application name]
    #[arg(help_heading = "Release", long, value_name = "NAME")]
    pub release: Option<String>,
    /// Namespace of the release; use instead of -n with `helm aspire`, where helm always sets a namespace
    #[arg(help_heading = "Release", long, value_name = "NAME")]
    pub release_namespace: Option<String>,
}

/// Which release is changed.
#[derive(Debug, Args)]
pub(crate) struct On {
    /// The release.
    #[command(flatten)]
    pub named: Named,
    /// Time limit for the whole command, such as 90s or 10m
    #[arg(help_heading = "Release", long, default_value = "5m")]
    pub timeout: String,
    /// Treat a helm process of an earlier run as dead. Use only if you know that no helm process works on this release,
    /// on any machine
    #[arg(help_heading = "Release", long)]
    pub assume_helm_dead: bool,
    /// Allow helm to change or delete this object outside the release namespace, or of a kind that generated charts do
    /// not contain: KIND/NAME or KIND/NAMESPACE/NAME. The release must own the object. Repeatable
    #[arg(help_heading = "Release", long = "allow-object", value_name = "OBJECT")]
    pub allow_objects: Vec<String>,
}

/// Losses that the user must accept by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Accept {
    /// Change a secret although the data on a PVC was created with the old value
    StaleCredentials,
    /// The workload is unavailable while it is stopped and recreated
    Downtime,
    /// Data in an emptyDir or container file system is lost because a PVC is mounted there now
    EmptydirLoss,
    /// A PVC with data is kept but no longer mounted, or mounted at another path
    AbandonData,
    /// Data in a hostPath folder stays on the node
    Hostpath,
    /// A workload exists as both Deployment and StatefulSet: the one that is not in the chart is deleted
    StrayDelete,
    /// An unfinished Job is deleted and restarted
    JobKill,
    /// A Service is deleted and recreated with a new address
    ServiceRecreate,
    /// A database starts on data of a version that it may not be able to read
    DatabaseVersion,
}

/// Forms of what a verb that only looks has found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ReportFormat {
    /// Text for people
    Text,
    /// JSON
    Json,
    /// The same as YAML
    Yaml,
}

/// Forms for programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DataFormat {
    /// JSON.
    Json,
    /// YAML.
    Yaml,
}

impl ReportFormat {
    /// The form for programs; none for people.
    pub(crate) fn data(self) -> Option<DataFormat> {
        match self {
            Self::Text => None,
            Self::Json => Some(DataFormat::Json),
            Self::Yaml => Some(DataFormat::Yaml),
        }
    }
}

/// Forms of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ListFormat {
    /// A table
    Text,
    /// JSON
    Json,
}

/// Where an application can run; the last ones come later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Target {
    /// Any Kubernetes cluster
    Kubernetes,
    /// Docker Compose
    #[value(alias = "docker-compose")]
    Compose,
    /// Azure Kubernetes Service, cluster included
    #[value(hide = true)]
    Aks,
    /// Azure Container Apps
    #[value(hide = true)]
    ContainerApps,
    /// Azure App Service
    #[value(hide = true)]
    AppService,
}

//! What can be typed: flags and verbs, nothing else.

use crate::doctor::MAY_BE_WRONG;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::{Path, PathBuf};

/// Render and deploy .NET Aspire applications as Helm charts.
#[derive(Debug, Parser)]
#[command(name = "aspire", version, max_term_width = 110, disable_help_subcommand = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
    /// Flags that every verb takes.
    #[command(flatten)]
    pub common: Common,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Write the application as a Helm chart
    Render(Render),
    /// Install or upgrade the application on a cluster
    Deploy(Deploy),
    /// Show what deploy would do, without a write: exit 2 when something would change
    #[command(alias = "diff")]
    Plan(Plan),
    /// Go on with a change of kinds that was interrupted, or back
    Promote(Promote),
    /// Uninstall the application; its data stays unless told otherwise
    Destroy(Destroy),
    /// Show the release: state, workloads, endpoints, claims, secrets, changes by hand
    Status(Status),
    /// Show the revisions of the release
    History(History),
    /// Bring the release back to an earlier revision
    Rollback(Rollback),
    /// Find what would stop a deploy: helm, the cluster, rights, room, policies
    Doctor(Doctor),
    /// List what the application needs to be told
    Inputs(Inputs),
    /// Encrypt secrets for the sealed-secrets controller, into a file to keep with the source
    Seal(Seal),
    /// Print the JSON schema of aspire-k8s.yaml
    Schema,
    /// Print a completion script for a shell
    Completion {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Print the version
    Version,
}

/// Flags that every verb takes. Helm takes some of them away before it starts a plugin, and lets others of its own through.
#[derive(Debug, Args)]
#[command(next_help_heading = "For every verb")]
pub struct Common {
    /// Environment of aspire-k8s.yaml whose values to use
    #[arg(short, long, global = true, value_name = "NAME")]
    pub environment: Option<String>,
    /// Namespace of the release
    #[arg(short, long, global = true)]
    pub namespace: Option<String>,
    /// Context of the kubeconfig
    #[arg(long, alias = "kube-context", global = true)]
    pub context: Option<String>,
    /// Kubeconfig file
    #[arg(long, global = true, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,
    /// Whom to act as
    #[arg(long = "as", alias = "kube-as-user", global = true, value_name = "USER")]
    pub as_user: Option<String>,
    /// Group to act as a member of; may be repeated
    #[arg(long = "as-group", alias = "kube-as-group", global = true, value_name = "GROUP")]
    pub as_groups: Vec<String>,
    /// Answer yes to plain questions
    #[arg(short, long, global = true)]
    pub yes: bool,
    /// Ask nothing, also on a terminal
    #[arg(long, global = true)]
    pub non_interactive: bool,
    /// Where to deploy
    #[arg(long, global = true, value_enum, default_value_t = Target::Kubernetes)]
    pub target: Target,
    /// Accepted for helm, without effect
    #[arg(long, global = true, hide = true, num_args = 0..=1, default_missing_value = "true", require_equals = true)]
    pub debug: Option<String>,
    /// Accepted for helm, without effect
    #[arg(long, global = true, hide = true)]
    pub qps: Option<String>,
    /// Accepted for helm, without effect
    #[arg(long, global = true, hide = true)]
    pub burst_limit: Option<String>,
    /// Accepted for helm, without effect
    #[arg(long, global = true, hide = true)]
    pub content_cache: Option<String>,
    /// Accepted for helm, without effect
    #[arg(long, global = true, hide = true, aliases = ["colour"], require_equals = true)]
    pub color: Option<String>,
}

/// Targets; all but the first come later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Target {
    /// Any Kubernetes cluster
    Kubernetes,
    /// Docker Compose
    #[value(hide = true)]
    DockerCompose,
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

/// Where the application is described.
#[derive(Debug, Args)]
#[expect(clippy::struct_field_names, reason = "SOURCE is what a person types")]
pub struct Source {
    /// An aspire-manifest.json, or a folder that holds one; deploy, plan and status also take a chart that was rendered
    /// before: its folder, a .tgz, or an oci:// reference
    /// [default: .]
    #[arg(value_name = "SOURCE")]
    pub source: Option<PathBuf>,
    /// Deployment intent; aspire-k8s.yaml beside the manifest when it is there
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Version of the chart at an oci:// SOURCE
    #[arg(long, value_name = "VERSION")]
    pub version: Option<String>,
    /// Speak plain HTTP to the registry of an oci:// SOURCE
    #[arg(long)]
    pub plain_http: bool,
}

impl Source {
    /// Where it is.
    pub fn path(&self) -> &Path {
        self.source.as_deref().unwrap_or(Path::new("."))
    }
}

/// Where built images are.
#[derive(Debug, Args)]
pub struct Images {
    /// Registry (and path) of built images
    #[arg(long, value_name = "HOST/PATH")]
    pub registry: Option<String>,
    /// Tag of built images
    #[arg(long)]
    pub tag: Option<String>,
    /// Image of one resource, with tag or digest; may be repeated
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

/// `render`.
#[derive(Debug, Args)]
pub struct Render {
    /// The application.
    #[command(flatten)]
    pub source: Source,
    /// Steps.
    #[command(flatten)]
    pub steps: Steps,
    /// Folder to write to, `-` for standard output [default: a folder named like the chart]
    #[arg(short, long, value_name = "DIR")]
    pub output: Option<PathBuf>,
    /// A chart, or plain objects with the values filled in
    #[arg(long, value_enum, default_value_t = Format::Chart)]
    pub format: Format,
    /// Compare with what lies in the folder; exit 2 and print a diff when it differs
    #[arg(long)]
    pub check: bool,
    /// Print the values of secrets with --format yaml
    #[arg(long)]
    pub show_secrets: bool,
    /// Release name for --format yaml
    #[arg(long, value_name = "NAME")]
    pub release: Option<String>,
    /// Images.
    #[command(flatten)]
    pub images: Images,
    /// Inputs.
    #[command(flatten)]
    pub parameters: Parameters,
}

/// Forms of a rendered application.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// A Helm chart
    Chart,
    /// Plain Kubernetes objects
    Yaml,
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
    /// Release name; without it, the one of aspire-k8s.yaml or of the application
    #[arg(long, value_name = "NAME")]
    pub release: Option<String>,
    /// Namespace of the release, where helm hides whether -n was given
    #[arg(long, value_name = "NAME")]
    pub release_namespace: Option<String>,
    /// How long the whole may take, such as 90s or 10m
    #[arg(long, default_value = "5m")]
    pub timeout: String,
    /// Go on though a helm that nobody can see from here may have been at work: you know that it is dead
    #[arg(long)]
    pub assume_helm_dead: bool,
}

/// `deploy`.
#[derive(Debug, Args)]
pub struct Deploy {
    /// The application.
    #[command(flatten)]
    pub source: Source,
    /// Steps.
    #[command(flatten)]
    pub steps: Steps,
    /// The release.
    #[command(flatten)]
    pub on: On,
    /// Do not wait until the workloads are ready
    #[arg(long)]
    pub no_wait: bool,
    /// Deploy exactly what `plan --save` wrote into this file, or refuse because something moved on since
    #[arg(long, value_name = "FILE")]
    pub plan: Option<PathBuf>,
    /// Go back to the last good revision when helm fails; exit 4 when that worked
    #[arg(long)]
    pub rollback_on_failure: bool,
    /// Stop waiting as soon as a workload shows what will not mend itself, such as an image that is not there
    #[arg(long, conflicts_with = "no_wait")]
    pub fail_fast: bool,
    /// Go on though this check of `doctor` fails; may be repeated
    #[arg(long, value_name = "CHECK", value_parser = clap::builder::PossibleValuesParser::new(MAY_BE_WRONG))]
    pub ignore: Vec<String>,
    /// Agree to the plan with this hash, should a workload change its kind
    #[arg(long, value_name = "HASH")]
    pub confirm: Option<String>,
    /// Flag for helm upgrade, such as --helm-arg=--history-max=5; may be repeated
    #[arg(long = "helm-arg", value_name = "FLAG", allow_hyphen_values = true)]
    pub helm_arguments: Vec<String>,
    /// Form of what is shown: text, or json, which for a run is one event a line
    #[arg(short, long, value_enum, default_value_t = ListFormat::Text)]
    pub output: ListFormat,
    /// Images.
    #[command(flatten)]
    pub images: Images,
    /// Inputs.
    #[command(flatten)]
    pub parameters: Parameters,
    /// Replace a secret that was generated or asked for, and restart what uses it; may be repeated
    #[arg(long, value_name = "NAME")]
    pub rotate: Vec<String>,
    /// Go on although something is lost by it
    #[arg(long, value_enum, value_name = "WHAT", value_delimiter = ',')]
    pub accept: Vec<Accept>,
}

/// `doctor`.
#[derive(Debug, Args)]
pub struct Doctor {
    /// The application; where there is none, only helm and the cluster are looked at.
    #[command(flatten)]
    pub source: Source,
    /// The release.
    #[command(flatten)]
    pub on: Named,
    /// Form of the report
    #[arg(short, long, value_enum, default_value_t = ListFormat::Text)]
    pub output: ListFormat,
    /// Images.
    #[command(flatten)]
    pub images: Images,
    /// Inputs.
    #[command(flatten)]
    pub parameters: Parameters,
}

/// Losses that a person has to accept by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Accept {
    /// Data in a claim may be left with the old value of a secret that changes
    StaleCredentials,
    /// Nothing answers while a workload is stopped to come in another form
    Downtime,
    /// What lies in a pod that changes its kind goes with it
    EmptydirLoss,
    /// A claim stays that nothing mounts any more
    AbandonData,
    /// Data stays in a folder of a node
    Hostpath,
    /// Of a workload that is there in both kinds, one is ended
    StrayDelete,
    /// A Job that has not finished is ended and starts again
    JobKill,
    /// A Service is made anew, with another address
    ServiceRecreate,
}

/// `plan`.
#[derive(Debug, Args)]
pub struct Plan {
    /// The deploy that is looked at.
    #[command(flatten)]
    pub deploy: Deploy,
    /// Write the plan into this file, for `deploy --plan`; no secret is in it
    #[arg(long, value_name = "FILE")]
    pub save: Option<PathBuf>,
}

/// `promote`.
#[derive(Debug, Args)]
#[group(id = "wish", required = true, multiple = false, args = ["resume", "abort", "status"])]
pub struct Promote {
    /// The application.
    #[command(flatten)]
    pub source: Source,
    /// The release; when it is named, SOURCE is not read.
    #[command(flatten)]
    pub on: On,
    /// Go on, as far as that needs no chart; deploy does the rest
    #[arg(long)]
    pub resume: bool,
    /// Go back to the workloads from before
    #[arg(long)]
    pub abort: bool,
    /// Say where it stands
    #[arg(long)]
    pub status: bool,
    /// Form of what is shown: text, or json, which for a run is one event a line
    #[arg(short, long, value_enum, default_value_t = ListFormat::Text)]
    pub output: ListFormat,
}

/// `destroy`.
#[derive(Debug, Args)]
pub struct Destroy {
    /// The application.
    #[command(flatten)]
    pub source: Source,
    /// Steps.
    #[command(flatten)]
    pub steps: Steps,
    /// The release; when it is named, SOURCE is read only if it is given.
    #[command(flatten)]
    pub on: On,
    /// Delete the claims of the release and all its secrets too
    #[arg(long)]
    pub delete_data: bool,
    /// Delete the namespace too, if a deploy of this release made it and nothing of others lives in it
    #[arg(long)]
    pub delete_namespace: bool,
    /// Form of what is shown: text, or json, which for a run is one event a line
    #[arg(short, long, value_enum, default_value_t = ListFormat::Text)]
    pub output: ListFormat,
}

/// `status`.
#[derive(Debug, Args)]
pub struct Status {
    /// The application.
    #[command(flatten)]
    pub source: Source,
    /// The release; when it is named, SOURCE is read only if it is given.
    #[command(flatten)]
    pub on: Named,
    /// Form of the answer
    #[arg(short, long, value_enum, default_value_t = ListFormat::Text)]
    pub output: ListFormat,
}

/// `history`.
#[derive(Debug, Args)]
pub struct History {
    /// The application.
    #[command(flatten)]
    pub source: Source,
    /// The release; when it is named, SOURCE is read only if it is given.
    #[command(flatten)]
    pub on: Named,
    /// Form of the answer
    #[arg(short, long, value_enum, default_value_t = ListFormat::Text)]
    pub output: ListFormat,
}

/// `rollback`.
#[derive(Debug, Args)]
pub struct Rollback {
    /// The application, and the number of the revision [default: the last one that was good before the current]
    #[arg(value_name = "SOURCE] [REVISION", num_args = 0..=2)]
    pub which: Vec<String>,
    /// Deployment intent; aspire-k8s.yaml beside the manifest when it is there
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The steps.
    #[command(flatten)]
    pub steps: Steps,
    /// The release; when it is named, SOURCE is read only if it is given.
    #[command(flatten)]
    pub on: On,
    /// Do not wait until the workloads are ready
    #[arg(long)]
    pub no_wait: bool,
    /// Agree to the plan with this hash, should a workload change its kind
    #[arg(long, value_name = "HASH")]
    pub confirm: Option<String>,
    /// Go on although something is lost by it
    #[arg(long, value_enum, value_name = "WHAT", value_delimiter = ',')]
    pub accept: Vec<Accept>,
    /// Form of what is shown: text, or json, which for a run is one event a line
    #[arg(short, long, value_enum, default_value_t = ListFormat::Text)]
    pub output: ListFormat,
}

/// `seal`.
#[derive(Debug, Args)]
pub struct Seal {
    /// The application.
    #[command(flatten)]
    pub source: Source,
    /// The release that the values are sealed for.
    #[command(flatten)]
    pub on: Named,
    /// Secret to seal, also when it is sealed already; may be repeated [default: all from `sealed` that are not yet]
    #[arg(long = "name", value_name = "NAME")]
    pub names: Vec<String>,
    /// Certificate of the controller, as `kubeseal --fetch-cert` prints it
    #[arg(long, value_name = "FILE")]
    pub cert: PathBuf,
    /// Inputs.
    #[command(flatten)]
    pub parameters: Parameters,
}

/// `inputs`.
#[derive(Debug, Args)]
pub struct Inputs {
    /// The application.
    #[command(flatten)]
    pub source: Source,
    /// A list, or a file to fill in for --parameter-file
    #[arg(short, long, value_enum, default_value_t = InputFormat::Text)]
    pub output: InputFormat,
    /// Images.
    #[command(flatten)]
    pub images: Images,
}

/// Forms of the list of inputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum InputFormat {
    /// A table
    Text,
    /// JSON, each with a `value` to fill in
    Json,
    /// A YAML file to fill in
    Yaml,
    /// A file of variables to fill in
    Env,
}

/// Forms of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ListFormat {
    /// A table
    Text,
    /// JSON
    Json,
}

//! The command line arguments: flags and verbs, nothing else.

mod parts;
mod verbs;

pub(super) use parts::{
    Accept, AppHost, Beside, ChartValues, DataFormat, Images, ListFormat, Named, On, Parameters, ReportFormat, Source,
    StepFormat, Target,
};
pub(super) use verbs::{
    Build, Charts, ChartsList, ChartsLock, Dashboard, Demo, Deploy, Destroy, Doctor, Explain, Format, ImageList, Init,
    InputFormat, Inputs, Look, Manifest, Part, Plan, Promote, Render, Rollback, Schema, SchemaOf, Seal,
};

use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;

/// Render and deploy .NET Aspire applications as Helm charts.
#[derive(Debug, Parser)]
#[command(name = "aspire", version, max_term_width = 110)]
pub(super) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
    /// Flags that every verb takes.
    #[command(flatten)]
    pub common: Common,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Create a first aspire-k8s.yaml for a manifest, with commented suggestions
    Init(Init),
    /// Render the application as a Helm chart, or as a Compose file
    Render(Render),
    /// Install or upgrade the application on a cluster
    Deploy(Deploy),
    /// Show what deploy would change, without writing anything; exit code 2 if there are changes
    #[command(alias = "diff")]
    Plan(Plan),
    /// Resume, abort or inspect an interrupted workload migration (Deployment to StatefulSet or back)
    Promote(Promote),
    /// Uninstall the release; keep its PVCs unless you pass --delete-data
    Destroy(Destroy),
    /// Show the release: status, workloads, endpoints, PVCs, secrets and drift
    Status(Look),
    /// Port-forward to the Aspire dashboard of the release and print the login link
    Dashboard(Dashboard),
    /// Show the revisions of the release
    History(Look),
    /// Roll the release back to an earlier revision
    Rollback(Rollback),
    /// Run preflight checks: helm, cluster, RBAC permissions, quotas, storage, policies
    Doctor(Doctor),
    /// Publish manifest and model of an AppHost into a folder, for machines without .NET
    Manifest(Manifest),
    /// Deploy an example with public images to the current cluster, or remove it
    Demo(Demo),
    /// List the inputs of the application: parameters, image tag, missing values
    Inputs(Inputs),
    /// List the images that you must build, with the commands that build and push them, and those that are pulled
    Images(ImageList),
    /// Build the images of .NET projects and push them to the registry, without a container engine
    Build(Build),
    /// Encrypt secrets for the sealed-secrets controller into a file that you commit
    Seal(Seal),
    /// List, lock and update the third-party charts of the application
    #[command(subcommand)]
    Charts(Charts),
    /// Explain the code of an error or warning: its cause and its fix
    Explain(Explain),
    /// Print the JSON schema of aspire-k8s.yaml, or of what a verb prints with -o json
    Schema(Schema),
    /// Print a completion script for a shell
    Completion {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Print the version
    Version,
}

/// Flags that every verb takes. Helm takes some of them away before it starts a plugin, and lets others of its own
/// through.
#[derive(Debug, Args)]
#[command(next_help_heading = "Global options")]
pub(super) struct Common {
    /// Environment in aspire-k8s.yaml whose overrides apply
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
    /// User to impersonate
    #[arg(long = "as", alias = "kube-as-user", global = true, value_name = "USER")]
    pub as_user: Option<String>,
    /// Group to impersonate; repeatable
    #[arg(long = "as-group", alias = "kube-as-group", global = true, value_name = "GROUP")]
    pub as_groups: Vec<String>,
    /// Confirm simple prompts automatically; does not confirm data loss (see --accept) or a migration plan (see
    /// --confirm)
    #[arg(short, long, global = true)]
    pub yes: bool,
    /// Never prompt, even on a terminal
    #[arg(long, global = true)]
    pub non_interactive: bool,
    /// Deployment target; `render` has the same flag and shows it
    #[arg(long, global = true, hide = true, value_enum, default_value_t = Target::Kubernetes)]
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

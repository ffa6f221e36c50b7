//! The flags of each verb.

use super::parts::{Accept, Beside, Images, ListFormat, Named, On, Parameters, Source, Steps};
use crate::doctor::MAY_BE_WRONG;
use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

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
    /// The application, or the chart of the issuers of its certificates (`certManager.issuers`)
    #[arg(long, value_enum, default_value_t = Part::App)]
    pub part: Part,
    /// A chart, or plain objects with the values filled in
    #[arg(long, value_enum, default_value_t = Format::Chart)]
    pub format: Format,
    /// Compare with what lies in the folder; exit 2 and print a diff when it differs
    #[arg(long)]
    pub check: bool,
    /// Print the values of secrets with --format yaml
    #[arg(long)]
    pub show_secrets: bool,
    /// Release name, for --format yaml and --part issuers
    #[arg(long, value_name = "NAME")]
    pub release: Option<String>,
    /// Images.
    #[command(flatten)]
    pub images: Images,
    /// Inputs.
    #[command(flatten)]
    pub parameters: Parameters,
}

/// What is rendered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Part {
    /// The application
    App,
    /// The issuers of its certificates, for a release of their own
    Issuers,
}

/// Forms of a rendered application.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// A Helm chart
    Chart,
    /// Plain Kubernetes objects
    Yaml,
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

/// `rollback`.
#[derive(Debug, Args)]
pub struct Rollback {
    /// The application, and the number of the revision [default: the last one that was good before the current]
    #[arg(value_name = "SOURCE] [REVISION", num_args = 0..=2)]
    pub which: Vec<String>,
    /// What is read beside SOURCE.
    #[command(flatten)]
    pub beside: Beside,
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
    /// Remove this release of a chart that came with the application too, NAMESPACE/RELEASE; may be repeated
    #[arg(long = "remove-chart", value_name = "PLACE")]
    pub remove_charts: Vec<String>,
    /// Let the hooks run that helm's record of this release of a chart holds, NAMESPACE/RELEASE, when the chart is removed; without it
    /// they are skipped, because whoever may write Secrets in that namespace may have written them. May be repeated
    #[arg(long = "allow-chart-hooks", value_name = "PLACE")]
    pub allow_chart_hooks: Vec<String>,
    /// Delete the namespace too, if a deploy of this release made it and nothing of others lives in it
    #[arg(long)]
    pub delete_namespace: bool,
    /// Form of what is shown: text, or json, which for a run is one event a line
    #[arg(short, long, value_enum, default_value_t = ListFormat::Text)]
    pub output: ListFormat,
}

/// `status` and `history`.
#[derive(Debug, Args)]
pub struct Look {
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

/// `dashboard`.
#[derive(Debug, Args)]
pub struct Dashboard {
    /// The application.
    #[command(flatten)]
    pub source: Source,
    /// The release; when it is named, SOURCE is read only if it is given.
    #[command(flatten)]
    pub on: Named,
    /// Port of this machine; without it a free one
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u16).range(1..))]
    pub port: Option<u16>,
    /// Print the link without the login token, and read no Secret
    #[arg(long)]
    pub no_token: bool,
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

/// `charts`.
#[derive(Debug, Subcommand)]
pub enum Charts {
    /// Show each chart, its version, what is locked, and what is installed where the cluster can be reached
    List(ChartsList),
    /// Write the exact version and the digest of each chart into aspire-k8s.lock.yaml; what is locked and still fits stays
    Lock(ChartsLock),
    /// The same with the newest version that fits what aspire-k8s.yaml asks for
    Update(ChartsUpdate),
}

/// `charts list`.
#[derive(Debug, Args)]
pub struct ChartsList {
    /// The application.
    #[command(flatten)]
    pub source: Source,
    /// The release that the charts come with.
    #[command(flatten)]
    pub named: Named,
    /// Form of the answer
    #[arg(short, long, value_enum, default_value_t = ListFormat::Text)]
    pub output: ListFormat,
}

/// `charts lock`.
#[derive(Debug, Args)]
pub struct ChartsLock {
    /// Charts of aspire-k8s.yaml [default: all]
    #[arg(value_name = "NAME")]
    pub names: Vec<String>,
    /// Folder of the application, or its manifest [default: .]
    #[arg(long, value_name = "SOURCE")]
    pub source: Option<PathBuf>,
    /// What is read beside SOURCE.
    #[command(flatten)]
    pub beside: Beside,
    /// How long the whole may take, such as 90s or 10m
    #[arg(long, default_value = "5m")]
    pub timeout: String,
}

/// `charts update`.
#[derive(Debug, Args)]
pub struct ChartsUpdate {
    /// What `charts lock` takes.
    #[command(flatten)]
    pub lock: ChartsLock,
    /// This version, which must fit what aspire-k8s.yaml asks for; with one NAME
    #[arg(long, value_name = "VERSION")]
    pub to: Option<String>,
}

//! The flags of each verb.

use super::parts::{
    Accept, AppHost, Beside, ChartValues, Images, ListFormat, Named, On, Parameters, ReportFormat, Source, Steps,
    Target,
};
use crate::doctor::MAY_BE_WRONG;
use crate::images::PLATFORMS;
use crate::support::diagnostic::Code;
use clap::builder::{PossibleValue, PossibleValuesParser, StringValueParser, TypedValueParser};
use clap::{Arg, Args, Command, Subcommand, ValueEnum};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// `init`.
#[derive(Debug, Args)]
pub(crate) struct Init {
    /// The application.
    #[command(flatten)]
    pub source: Source,
}

/// `render`.
#[derive(Debug, Args)]
pub(crate) struct Render {
    /// The application.
    #[command(flatten)]
    pub source: Source,
    /// Steps.
    #[command(flatten)]
    pub steps: Steps,
    /// Output folder, or `-` for standard output [default: a folder named after the chart, or `compose`]
    #[arg(short, long, value_name = "DIR")]
    pub output: Option<PathBuf>,
    /// Where the application will run: on Kubernetes, or on a Docker engine from a Compose file
    #[arg(long, value_enum, default_value_t = Target::Kubernetes)]
    pub target: Target,
    /// Name of the Compose project [default: the application id]
    #[arg(long, value_name = "NAME")]
    pub project_name: Option<String>,
    /// Which chart to render: the application, or its cert-manager issuers (`certManager.issuers`)
    #[arg(long, value_enum, default_value_t = Part::App)]
    pub part: Part,
    /// Output format: a Helm chart, or plain Kubernetes manifests
    #[arg(long, value_enum, default_value_t = Format::Chart)]
    pub format: Format,
    /// Compare with the output folder without writing; print a diff and exit with code 2 if they differ
    #[arg(long)]
    pub check: bool,
    /// Overwrite generated files that were edited by hand
    #[arg(long)]
    pub overwrite: bool,
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
pub(crate) enum Part {
    /// The application
    App,
    /// The issuers of its certificates, for a release of their own
    Issuers,
}

/// Forms of a rendered application.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// A Helm chart
    Chart,
    /// Plain Kubernetes objects
    Yaml,
}

/// `plan`.
#[derive(Debug, Args)]
pub(crate) struct Plan {
    /// The deploy that is looked at.
    #[command(flatten)]
    pub deploy: Deploy,
    /// Save the plan to this file for `deploy --plan`; the file contains no secrets
    #[arg(long, value_name = "FILE")]
    pub save: Option<PathBuf>,
}

/// `deploy`.
#[derive(Debug, Args)]
pub(crate) struct Deploy {
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
    /// Apply exactly the plan that `plan --save` wrote to this file; exit code 3 if anything has changed since
    #[arg(long, value_name = "FILE")]
    pub plan: Option<PathBuf>,
    /// Roll back to the last good revision if helm fails; exit code 4 if the rollback succeeds
    #[arg(long)]
    pub rollback_on_failure: bool,
    /// Stop waiting as soon as a workload fails in a way that waiting cannot fix, such as a missing image
    #[arg(long, conflicts_with = "no_wait")]
    pub fail_fast: bool,
    /// Downgrade a failure of this `doctor` check to a warning; repeatable
    #[arg(long, value_name = "CHECK", value_parser = PossibleValuesParser::new(MAY_BE_WRONG))]
    pub ignore: Vec<String>,
    /// Confirm the workload migration plan with this hash
    #[arg(long, value_name = "HASH")]
    pub confirm: Option<String>,
    /// Pass this flag to helm upgrade, such as --helm-arg=--history-max=5; repeatable
    #[arg(long = "helm-arg", value_name = "FLAG", allow_hyphen_values = true)]
    pub helm_arguments: Vec<String>,
    /// Output format; json prints one event per line during a run
    #[arg(short, long, value_enum, default_value_t = ListFormat::Text)]
    pub output: ListFormat,
    /// Images.
    #[command(flatten)]
    pub images: Images,
    /// Inputs.
    #[command(flatten)]
    pub parameters: Parameters,
    /// Values of the chart.
    #[command(flatten)]
    pub chart_values: ChartValues,
    /// Fail if the deploy would change a workload of any other resource; repeatable. The whole chart is applied
    #[arg(long, value_name = "RESOURCE")]
    pub only: Vec<String>,
    /// Replace a generated or prompted secret and restart the workloads that use it; repeatable
    #[arg(long, value_name = "NAME")]
    pub rotate: Vec<String>,
    /// Accept this loss or downtime; comma-separated or repeated
    #[arg(long, value_enum, value_name = "WHAT", value_delimiter = ',')]
    pub accept: Vec<Accept>,
}

/// `promote`.
#[derive(Debug, Args)]
#[group(id = "wish", required = true, multiple = false, args = ["resume", "abort", "status"])]
pub(crate) struct Promote {
    /// The application.
    #[command(flatten)]
    pub source: Source,
    /// The release; when it is named, SOURCE is not read.
    #[command(flatten)]
    pub on: On,
    /// Resume the migration without a chart; if a step needs the chart, run deploy instead
    #[arg(long)]
    pub resume: bool,
    /// Abort the migration and restore the previous workloads
    #[arg(long)]
    pub abort: bool,
    /// Show the status of the migration
    #[arg(long)]
    pub status: bool,
    /// Output format; json prints one event per line during a run
    #[arg(short, long, value_enum, default_value_t = ListFormat::Text)]
    pub output: ListFormat,
}

/// `rollback`.
#[derive(Debug, Args)]
pub(crate) struct Rollback {
    /// The application and the revision number [default: the last successful revision before the current one]
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
    /// Confirm the workload migration plan with this hash
    #[arg(long, value_name = "HASH")]
    pub confirm: Option<String>,
    /// Accept this loss or downtime; comma-separated or repeated
    #[arg(long, value_enum, value_name = "WHAT", value_delimiter = ',')]
    pub accept: Vec<Accept>,
    /// Output format; json prints one event per line during a run
    #[arg(short, long, value_enum, default_value_t = ListFormat::Text)]
    pub output: ListFormat,
}

/// `destroy`.
#[derive(Debug, Args)]
pub(crate) struct Destroy {
    /// The application.
    #[command(flatten)]
    pub source: Source,
    /// Steps.
    #[command(flatten)]
    pub steps: Steps,
    /// The release; when it is named, SOURCE is read only if it is given.
    #[command(flatten)]
    pub on: On,
    /// Also delete the PVCs of the release, with their data, and all its Secrets
    #[arg(long)]
    pub delete_data: bool,
    /// Also uninstall this third-party chart release, NAMESPACE/RELEASE; repeatable
    #[arg(long = "remove-chart", value_name = "PLACE")]
    pub remove_charts: Vec<String>,
    /// Run the delete hooks of this chart release, NAMESPACE/RELEASE. By default they are skipped, because anyone who
    /// can write Secrets in that namespace can change them. Repeatable
    #[arg(long = "allow-chart-hooks", value_name = "PLACE")]
    pub allow_chart_hooks: Vec<String>,
    /// Also delete the namespace, if a deploy of this release created it and it contains no other objects
    #[arg(long)]
    pub delete_namespace: bool,
    /// Output format; json prints one event per line during a run
    #[arg(short, long, value_enum, default_value_t = ListFormat::Text)]
    pub output: ListFormat,
}

/// `status` and `history`.
#[derive(Debug, Args)]
pub(crate) struct Look {
    /// The application.
    #[command(flatten)]
    pub source: Source,
    /// The release; when it is named, SOURCE is read only if it is given.
    #[command(flatten)]
    pub on: Named,
    /// Output format
    #[arg(short, long, value_enum, default_value_t = ReportFormat::Text)]
    pub output: ReportFormat,
}

/// `dashboard`.
#[derive(Debug, Args)]
pub(crate) struct Dashboard {
    /// The application.
    #[command(flatten)]
    pub source: Source,
    /// The release; when it is named, SOURCE is read only if it is given.
    #[command(flatten)]
    pub on: Named,
    /// Local port [default: a free port]
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u16).range(1..))]
    pub port: Option<u16>,
    /// Print the link without the login token; needs no access to the Secret
    #[arg(long)]
    pub no_token: bool,
}

/// `demo`.
#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// Remove the example with its data, and the namespace unless you name one
    #[arg(long)]
    pub remove: bool,
    /// Namespace of the example; use instead of -n with `helm aspire` [default: aspire-demo]
    #[arg(long, value_name = "NAME")]
    pub release_namespace: Option<String>,
}

/// `schema`.
#[derive(Debug, Args)]
pub(crate) struct Schema {
    /// What it describes
    #[arg(value_name = "FORMAT", value_enum, default_value_t = SchemaOf::Config)]
    pub of: SchemaOf,
}

/// Formats that have a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SchemaOf {
    /// aspire-k8s.yaml
    Config,
    /// One line of deploy, promote, rollback and destroy
    Events,
    /// plan
    Plan,
    /// status
    Status,
    /// history
    History,
    /// doctor
    Doctor,
    /// inputs
    Inputs,
    /// images
    Images,
    /// charts list
    Charts,
}

/// `doctor`.
#[derive(Debug, Args)]
pub(crate) struct Doctor {
    /// The application; without it, only helm and the cluster are checked.
    #[command(flatten)]
    pub source: Source,
    /// The release.
    #[command(flatten)]
    pub on: Named,
    /// Output format
    #[arg(short, long, value_enum, default_value_t = ReportFormat::Text)]
    pub output: ReportFormat,
    /// Images.
    #[command(flatten)]
    pub images: Images,
    /// Inputs.
    #[command(flatten)]
    pub parameters: Parameters,
}

/// `images`.
#[derive(Debug, Args)]
pub(crate) struct ImageList {
    /// The application.
    #[command(flatten)]
    pub source: Source,
    /// Output format
    #[arg(short, long, value_enum, default_value_t = ReportFormat::Text)]
    pub output: ReportFormat,
    /// Platform of the nodes, such as linux/amd64; comma-separated or repeated [default: that of the machine that builds]
    #[arg(help_heading = "Images", long = "platform", value_name = "PLATFORM", value_delimiter = ',', value_parser = PossibleValuesParser::new(PLATFORMS.map(|platform| platform.name)))]
    pub platforms: Vec<String>,
    /// Images.
    #[command(flatten)]
    pub images: Images,
    /// Inputs.
    #[command(flatten)]
    pub parameters: Parameters,
}

/// `build`.
#[derive(Debug, Args)]
pub(crate) struct Build {
    /// The application.
    #[command(flatten)]
    pub source: Source,
    /// Write the references of the images, with their digests, to this file for --images-file
    #[arg(long, value_name = "FILE")]
    pub save: Option<PathBuf>,
    /// Images.
    #[command(flatten)]
    pub images: Images,
}

/// `inputs`.
#[derive(Debug, Args)]
pub(crate) struct Inputs {
    /// The application.
    #[command(flatten)]
    pub source: Source,
    /// Output format: a list, or a template for --parameter-file
    #[arg(short, long, value_enum, default_value_t = InputFormat::Text)]
    pub output: InputFormat,
    /// Images.
    #[command(flatten)]
    pub images: Images,
}

/// Forms of the list of inputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum InputFormat {
    /// A table
    Text,
    /// JSON, each with a `value` to fill in
    Json,
    /// A YAML file to fill in
    Yaml,
    /// A .env file to fill in
    Env,
}

/// `seal`.
#[derive(Debug, Args)]
pub(crate) struct Seal {
    /// The application.
    #[command(flatten)]
    pub source: Source,
    /// The release that the values are sealed for.
    #[command(flatten)]
    pub on: Named,
    /// Secret parameter to seal, or to seal again; repeatable [default: all `from: sealed` parameters that are not
    /// sealed yet]
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
pub(crate) enum Charts {
    /// Show the requested, locked and, if the cluster is reachable, installed version of each chart
    List(ChartsList),
    /// Write the version and digest of each chart to aspire-k8s.lock.yaml; keep locked versions that still match
    Lock(ChartsLock),
    /// Update the lock file to the newest versions that match aspire-k8s.yaml
    Update(ChartsUpdate),
}

/// `charts list`.
#[derive(Debug, Args)]
pub(crate) struct ChartsList {
    /// The application.
    #[command(flatten)]
    pub source: Source,
    /// The release that the charts come with.
    #[command(flatten)]
    pub named: Named,
    /// Output format
    #[arg(short, long, value_enum, default_value_t = ReportFormat::Text)]
    pub output: ReportFormat,
}

/// `manifest`.
#[derive(Debug, Args)]
pub(crate) struct Manifest {
    /// AppHost: its project, its apphost.cs, its .dll or its folder [default: .]
    #[arg(value_name = "SOURCE")]
    pub source: Option<PathBuf>,
    /// Output folder; aspire-manifest.json and aspire-model.json are written there
    #[arg(short, long, value_name = "DIR")]
    pub output: PathBuf,
    /// How it is run.
    #[command(flatten)]
    pub app_host: AppHost,
}

impl Manifest {
    /// Where the AppHost is.
    pub(crate) fn path(&self) -> &Path {
        self.source.as_deref().unwrap_or(Path::new("."))
    }
}

/// `charts lock`.
#[derive(Debug, Args)]
pub(crate) struct ChartsLock {
    /// Folder of the application, or its manifest [default: .]
    #[arg(value_name = "SOURCE")]
    pub source: Option<PathBuf>,
    /// Only this chart of aspire-k8s.yaml; repeatable
    #[arg(long = "chart", value_name = "NAME")]
    pub names: Vec<String>,
    /// What is read beside SOURCE.
    #[command(flatten)]
    pub beside: Beside,
    /// Time limit for the whole command, such as 90s or 10m
    #[arg(long, default_value = "5m")]
    pub timeout: String,
}

/// `charts update`.
#[derive(Debug, Args)]
pub(crate) struct ChartsUpdate {
    /// What `charts lock` takes.
    #[command(flatten)]
    pub lock: ChartsLock,
    /// Update to this version; requires exactly one --chart, and must match the version in aspire-k8s.yaml
    #[arg(long, value_name = "VERSION")]
    pub to: Option<String>,
}

/// `explain`.
#[derive(Debug, Args)]
pub(crate) struct Explain {
    /// The code, such as `unknown-key`; all codes are listed without it
    #[arg(value_parser = CodeName, hide_possible_values = true)]
    pub code: Option<String>,
}

/// Any text; the names of all codes are for completion only, because a mistyped one gets a suggestion of our own.
#[derive(Debug, Clone, Copy)]
struct CodeName;

impl TypedValueParser for CodeName {
    type Value = String;

    fn parse_ref(&self, command: &Command, arg: Option<&Arg>, value: &OsStr) -> Result<String, clap::Error> {
        StringValueParser::new().parse_ref(command, arg, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        let of = |code: &Code| PossibleValue::new(code.name()).help(code.entry().title);
        Some(Box::new(Code::ALL.iter().map(of)))
    }
}

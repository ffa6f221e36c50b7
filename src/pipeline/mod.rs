//! Deploy and destroy as graphs of steps: look, check everything, then act.
//!
//! ```text
//! graph: names and order, pure ── run: side by side, in order, cleared up at the end ──> Event, for the report
//! deploy, destroy: the steps    before, checks, values: what they look at and decide
//! ```
//! Nothing is written before every check passed. What happens is told as an [`Event`], never printed. A change of the
//! Secret is taken back when helm fails.

pub(crate) mod charts;
pub(crate) mod dashboard;
pub(crate) mod deploy;
pub(crate) mod destroy;
pub(crate) mod engine;
pub(crate) mod former;
pub(crate) mod migrate;
pub mod plan;
pub mod release;
pub(crate) mod render;
pub(crate) mod rollback;
pub mod status;

pub use crate::pipeline::charts::packed::{Fetched, fetch};
pub use crate::pipeline::deploy::resolve_inputs::{Ask, Rotation};
pub use crate::pipeline::engine::event::{Event, Report};
pub use crate::pipeline::engine::graph::StepName;
pub use crate::pipeline::engine::run::{Conduct, Limits};
pub use crate::pipeline::migrate::{Wish, promote};
pub use crate::pipeline::plan::saved::Saved;
pub use crate::pipeline::release::external_secrets::values_in_use;
pub use crate::pipeline::release::history::{Revision, history};
pub use crate::pipeline::release::migration::consent::Consent;
pub use crate::pipeline::release::preflight::doctor;
pub use crate::pipeline::release::records::{NamedObject, read_stored};
pub use crate::pipeline::render::{Template, chart_steps, publish, template, template_steps};
pub use crate::pipeline::status::drift::{Drift, compare as drifted, objects as objects_of};
pub use charts::{ChartChange, installed_charts, newest_of as newest_charts, pin as pin_charts};
pub use dashboard::{Forward, dashboard};
pub use deploy::{Deploy, Wait, deploy, steps as deploy_steps};
pub use destroy::{Destroy, Destroyed, destroy, steps as destroy_steps};
pub use plan::{Planned, plan, steps as plan_steps};
pub use rollback::{Rollback, rollback, steps as rollback_steps};
pub use status::{Claim, Endpoint, Migration, Running, Secret, Standing, Status, status};

use crate::cluster::connect::access::Access;
use crate::cluster::connect::client::Cluster;
use crate::cluster::connect::environment::Environment;
use crate::cluster::connect::kubeconfig::Location;
use crate::helm::{Helm, Target};
use crate::k8s::ownership::ReleaseName;
use crate::support::diagnostic::{Problem, Problems};
use std::sync::OnceLock;
use std::time::Duration;

/// A source of random bytes for steps that may run side by side.
pub type Random<'a> = dyn Fn(&mut [u8]) -> Result<(), Problem> + Sync + 'a;

/// What one step leaves for those that wait for it.
struct Slot<T>(OnceLock<T>);

impl<T> Default for Slot<T> {
    fn default() -> Self {
        Self(OnceLock::new())
    }
}

/// Longest time for one request to the API server.
const REQUEST: Duration = Duration::from_secs(30);

/// Why a run ended.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Helm.
    #[error(transparent)]
    Helm(#[from] crate::helm::Error),
    /// The API server.
    #[error(transparent)]
    Cluster(#[from] crate::k8s::error::Error),
    /// The input: values that are missing or wrong.
    #[error("{0}")]
    Input(#[from] Problems),
    /// What is on the cluster forbids it; nothing was changed.
    #[error("{0}")]
    Refused(Problems),
    /// A change of kinds failed, and the workloads from before run again.
    #[error("the change of kinds failed: {0}")]
    KindsUnchanged(String),
    /// A change of kinds stopped where only a person can go on; what holds data is untouched.
    #[error("{0}")]
    NeedsPerson(Problem),
    /// A change of kinds stopped where the same command goes on later.
    #[error("{0}")]
    Resumable(Problem),
    /// A workload migration was cut short: what is left, and how to go on.
    #[error("{error}\n{left}")]
    Unfinished {
        /// What cut it short.
        error: Box<Error>,
        /// What is there now, and the command that goes on.
        left: Problem,
    },
    /// Helm said that it was done, and its record says otherwise.
    #[error("{0}")]
    NotApplied(Problem),
    /// A temporary folder for helm could not be written.
    #[error(transparent)]
    Write(#[from] crate::targets::kubernetes::chart::WriteError),
    /// A temporary folder for helm could not be made.
    #[error("cannot make a temporary folder: {0}")]
    Temporary(#[source] std::io::Error),
    /// The workloads did not become ready, and show why.
    #[error("{what} did not become ready\n{}\n{}", stuck(.seen), ended(.seen, .helm))]
    NotReady {
        /// What did not: the application, or a chart that comes with it.
        what: String,
        /// What helm said.
        helm: Box<Error>,
        /// What the workloads showed in the end.
        seen: crate::pipeline::release::watch::Seen,
    },
    /// Steps failed, and what they had begun could not be taken back.
    #[error("{error}\nand what was begun could not be taken back: {}", joined(.failed))]
    NotClearedUp {
        /// What failed.
        error: Box<Error>,
        /// Why it could not be taken back.
        failed: Vec<Error>,
    },
    /// Steps failed, and the release is what it was before.
    #[error("{error}\nthe release was rolled back to revision {revision}, with its secrets and values")]
    RolledBack {
        /// What failed.
        error: Box<Error>,
        /// The revision.
        revision: u64,
    },
    /// Steps that do not depend on each other failed.
    #[error("{}", joined(.0))]
    Several(Vec<Error>),
    /// A person told us to stop.
    #[error("interrupted; the same command goes on from here")]
    Interrupted,
    /// The time for the whole run has passed.
    #[error("time is up\n  hint: --timeout gives more")]
    TimeIsUp,
    /// A step was begun before those that it needs, or panicked.
    #[error("a step of kubectl aspire is wrong, which is a defect of the program: {0}")]
    Defect(String),
}

fn stuck(seen: &crate::pipeline::release::watch::Seen) -> String {
    let is_told = |workload: &&crate::rollout::Progress| {
        seen.findings.iter().any(|finding| (&finding.kind, &finding.name) == (&workload.kind, &workload.name))
    };
    let findings = seen.findings.iter().map(|finding| format!("  {finding}").replace('\n', "\n  "));
    let others = seen.unready.iter().filter(|workload| !is_told(workload));
    let others = others.map(|it| format!("  {} {}: {} of {} ready", it.kind, it.name, it.ready, it.desired));
    findings.chain(others).collect::<Vec<_>>().join("\n")
}

fn ended(seen: &crate::pipeline::release::watch::Seen, helm: &Error) -> String {
    if seen.gave_up { "waiting longer would not have helped (--fail-fast)".to_owned() } else { helm.to_string() }
}

fn joined(errors: &[Error]) -> String {
    errors.iter().map(Error::to_string).collect::<Vec<_>>().join("\n")
}

impl Error {
    /// Whether the run refused to act, as opposed to failing.
    pub fn is_refusal(&self) -> bool {
        match self {
            Self::Refused(_) => true,
            Self::Cluster(error) | Self::Helm(crate::helm::Error::Lock(error)) => {
                error.kind() == crate::k8s::error::ErrorKind::Refused
            }
            Self::Helm(error) => error.is_in_progress(),
            Self::Several(errors) => errors.iter().all(Self::is_refusal),
            _ => false,
        }
    }

    /// Whether the release is what it was before.
    pub fn is_rolled_back(&self) -> bool {
        matches!(self.first(), Self::RolledBack { .. } | Self::KindsUnchanged(_))
    }

    /// Whether helm waited for the workloads in vain, as opposed to having failed before.
    fn is_of_waiting(&self) -> bool {
        matches!(self, Self::Helm(error) if error.is_not_ready())
    }

    /// What decides the exit code: the error itself, without what came of it later.
    fn first(&self) -> &Self {
        match self {
            Self::NotClearedUp { error, .. } | Self::Unfinished { error, .. } => error.first(),
            other => other,
        }
    }

    /// Whether only a person can go on.
    pub fn needs_person(&self) -> bool {
        matches!(self.first(), Self::NeedsPerson(_))
    }

    /// Whether a person stopped the run, or something takes too long, so that it can go on.
    pub fn is_interruption(&self) -> bool {
        match self {
            Self::Interrupted | Self::Resumable(_) | Self::Helm(crate::helm::Error::Interrupted { .. }) => true,
            Self::NotClearedUp { error, .. } | Self::Unfinished { error, .. } => error.is_interruption(),
            Self::Several(errors) => errors.iter().any(Self::is_interruption),
            _ => false,
        }
    }
}

impl From<Problem> for Error {
    fn from(problem: Problem) -> Self {
        Self::Input(problem.into())
    }
}

/// A release on a cluster, and the means to reach both.
pub struct Release {
    /// Its name.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// Where the cluster is.
    pub location: Location,
    /// Objects beyond the namespace that a person named (`--allow-object`).
    pub allowed: Vec<NamedObject>,
    access: Access,
    environment: Environment,
}

impl Release {
    /// Names a release; connects to nothing.
    pub fn new(name: &str, namespace: &str, access: Access, environment: Environment) -> Result<Self, Error> {
        let location = crate::cluster::connect::kubeconfig::locate(&access, &environment)?;
        Ok(Self {
            name: name.to_owned(),
            namespace: namespace.to_owned(),
            location,
            allowed: Vec::new(),
            access,
            environment,
        })
    }

    /// The same with objects beyond the namespace that a person named.
    #[must_use]
    pub fn allowing(self, allowed: Vec<NamedObject>) -> Self {
        Self { allowed, ..self }
    }

    /// `release shop in namespace shop of context kind (https://127.0.0.1:6443)`.
    pub fn described(&self) -> String {
        let context =
            self.location.context.as_ref().map_or("this cluster".to_owned(), |context| format!("context {context}"));
        format!("release {} in namespace {} of {context} ({})", self.name, self.namespace, self.location.url)
    }

    /// The release as helm writes it onto its objects.
    pub fn helm_name(&self) -> ReleaseName<'_> {
        ReleaseName { name: &self.name, namespace: &self.namespace }
    }

    /// Another release on the same cluster.
    fn beside(&self, name: &str, namespace: &str) -> Result<Self, Error> {
        let access = Access { namespace: Some(namespace.to_owned()), ..self.access.clone() };
        Ok(Self::new(name, namespace, access, self.environment.clone())?.allowing(self.allowed.clone()))
    }

    fn target(&self) -> Result<Target, Error> {
        Ok(Target::new(&self.name, &self.namespace, self.access.clone())?)
    }

    fn connect(&self) -> Result<Cluster, Error> {
        Ok(Cluster::connect(&self.access, &self.environment, REQUEST)?)
    }

    fn helm(&self) -> Result<(Helm, Target), Error> {
        let helm = Helm::find(&self.environment)?;
        helm.version()?;
        Ok((helm, self.target()?))
    }
}

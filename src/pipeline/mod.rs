//! The order of deploy and destroy: look, check everything, then act.
//!
//! Nothing is written before every check passed. What happens is told through [`Say`], never printed. A change of the
//! Secret is taken back when helm fails.

mod chart_secret;
mod checks;
mod deploy;
mod destroy;
mod drift;
mod history;
mod status;
mod template;

pub use deploy::{Ask, Deploy, deploy};
pub use destroy::{Destroy, Destroyed, destroy};
pub use drift::Drift;
pub use history::{Revision, history};
pub use status::{Claim, Endpoint, Running, Secret, Standing, Status, status};
pub use template::{Template, template};

use crate::cluster::{Access, Cluster, Environment, Location};
use crate::helm::{Helm, Target};
use crate::problem::{Problem, Problems};
use std::time::Duration;

/// Where sentences about the progress go.
pub type Say<'a> = dyn FnMut(&str) + 'a;

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
    Cluster(#[from] crate::cluster::Error),
    /// The input: values that are missing or wrong.
    #[error("{0}")]
    Input(#[from] Problems),
    /// What is on the cluster forbids it; nothing was changed.
    #[error("{0}")]
    Refused(Problems),
    /// A temporary folder for helm could not be written.
    #[error(transparent)]
    Write(#[from] crate::chart::WriteError),
    /// A temporary folder for helm could not be made.
    #[error("cannot make a temporary folder: {0}")]
    Temporary(#[source] std::io::Error),
    /// Helm failed, and taking the Secret back failed too.
    #[error("{helm}\nand the secrets from before could not be put back: {restore}")]
    NotRestored {
        /// What helm said.
        helm: Box<Error>,
        /// What the API server said.
        restore: crate::cluster::Error,
    },
}

impl Error {
    /// Whether the run refused to act, as opposed to failing.
    pub fn is_refusal(&self) -> bool {
        match self {
            Self::Refused(_) => true,
            Self::Helm(error) => error.is_in_progress(),
            Self::Cluster(error) => error.kind() == crate::cluster::ErrorKind::Refused,
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
    access: Access,
    environment: Environment,
}

impl Release {
    /// Names a release; connects to nothing.
    pub fn new(name: &str, namespace: &str, access: Access, environment: Environment) -> Result<Self, Error> {
        let location = crate::cluster::locate(&access, &environment)?;
        Ok(Self { name: name.to_owned(), namespace: namespace.to_owned(), location, access, environment })
    }

    /// `release shop in namespace shop of context kind (https://127.0.0.1:6443)`.
    pub fn described(&self) -> String {
        let context =
            self.location.context.as_ref().map_or("this cluster".to_owned(), |context| format!("context {context}"));
        format!("release {} in namespace {} of {context} ({})", self.name, self.namespace, self.location.url)
    }

    fn connect(&self) -> Result<Cluster, Error> {
        Ok(Cluster::connect(&self.access, &self.environment, REQUEST)?)
    }

    fn helm(&self) -> Result<(Helm, Target), Error> {
        let helm = Helm::find(&self.environment)?;
        helm.version()?;
        Ok((helm, Target::new(&self.name, &self.namespace, self.access.clone())?))
    }
}

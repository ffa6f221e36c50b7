//! Third-party charts beside the application's own: which ones, in which order, at which version. Pure.
//!
//! A [`PlannedChart`] is a plain value that any module can build; [`plan()`] builds those of `charts:` in
//! `aspire-k8s.yaml`. Nothing here downloads, installs or reads a cluster.

pub(crate) mod certificates;
pub(crate) mod crds;
pub(crate) mod decide;
pub(crate) mod labels;
pub(crate) mod lock;
pub(crate) mod plan;
pub(crate) mod version;

pub(crate) use crate::external_charts::crds::ProvidedCrd;
pub use crate::external_charts::crds::provided_crds;
pub use crate::external_charts::labels::Marks;
pub(crate) use certificates::{API as CERT_MANAGER_API, CERT_MANAGER, ISSUERS, issuers, issuers_of, makes};
pub(crate) use decide::{Action, Found, Wanted};
pub use lock::Lock;
pub(crate) use lock::{LOCK_FILE, Locked};
pub use plan::with_texts;
pub(crate) use plan::{ordered, plan};
pub use version::{Version, fits, newest};

pub(crate) use crate::config::{Phase, WaitFor};

use crate::config::intent_place;
use crate::support::diagnostic::Place;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// A chart that is installed with the application, as a release of its own.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[expect(clippy::struct_excessive_bools, reason = "they are what a person may say of a chart")]
pub struct PlannedChart {
    /// What it is called among the charts of the application; its step is `chart-<name>`.
    pub name: String,
    /// Where it comes from.
    pub source: Source,
    /// The version that is asked for, exact or a range; none for what lies on disk.
    pub version: Option<String>,
    /// What the lock file says of it.
    pub locked: Option<Locked>,
    /// Release name.
    pub release: String,
    /// Namespace, made when it is missing.
    pub namespace: String,
    /// Files of values by name, as text, the later over the earlier.
    pub values_files: Vec<(String, String)>,
    /// Values over those of the files.
    pub values: Map<String, Value>,
    /// Values that are inputs of the application, over all others: path in the values to input.
    pub values_from: IndexMap<String, String>,
    /// Before or after the application.
    pub phase: Phase,
    /// Names of the charts that come first.
    pub needs: Vec<String>,
    /// What must be there before what comes next begins.
    pub wait_for: WaitFor,
    /// Whether `destroy` of the application removes it.
    pub destroy: bool,
    /// Whether fields that others set are taken over.
    pub force_conflicts: bool,
    /// Whether a release of another owner is taken over.
    pub adopt: bool,
    /// A definition that says, when another client brought it, that nothing is to be installed.
    pub unless: Option<String>,
    /// Whether the API server must take its objects in a dry run before helm starts: who is asked about them may have
    /// been installed a moment ago. What it waits for is waited for a limited time, because nothing else mends it.
    pub tried: bool,
}

/// Where a chart comes from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Source {
    /// A name in a repository at an address.
    Repository {
        /// The name.
        chart: String,
        /// The address.
        url: String,
    },
    /// REPOSITORY/NAME, as helm on this machine knows it.
    Known(String),
    Oci {
        reference: String,
        /// Whether the registry speaks plain HTTP.
        plain_http: bool,
    },
    /// A folder or a packed chart, from the folder of `aspire-k8s.yaml`.
    File(String),
    /// Files that we made: path in the chart to text.
    Generated(BTreeMap<String, String>),
}

impl Default for Source {
    fn default() -> Self {
        Self::Generated(BTreeMap::new())
    }
}

impl Source {
    /// The reference as it was written; empty for what we made.
    pub fn reference(&self) -> &str {
        match self {
            Self::Repository { chart, .. } => chart,
            Self::Known(reference) | Self::Oci { reference, .. } | Self::File(reference) => reference,
            Self::Generated(_) => "",
        }
    }

    /// The address of the repository, where it is said.
    pub fn repository(&self) -> Option<&str> {
        match self {
            Self::Repository { url, .. } => Some(url),
            _ => None,
        }
    }

    /// Whether it is fetched from somewhere, so that it has a version and may be locked.
    pub fn is_remote(&self) -> bool {
        matches!(self, Self::Repository { .. } | Self::Known(_) | Self::Oci { .. })
    }
}

impl PlannedChart {
    /// The name of its step.
    pub fn step(&self) -> String {
        if self.tried { format!("{}-kubernetes", self.name) } else { format!("chart-{}", self.name) }
    }

    /// Its key in `aspire-k8s.yaml`.
    pub fn place(&self) -> Place {
        intent_place(match (self.name.as_str(), &self.unless) {
            (CERT_MANAGER, Some(_)) => "certManager".to_owned(),
            (ISSUERS, None) if self.tried => "certManager.issuers".to_owned(),
            (name, _) => format!("charts.{name}"),
        })
    }

    /// What its chart calls itself, as far as the source says it: repositories and registries find charts by that name.
    pub fn chart_name(&self) -> Option<&str> {
        match &self.source {
            Source::Repository { chart, .. } => Some(chart),
            Source::Known(reference) => reference.rsplit('/').next(),
            Source::Oci { reference, .. } => {
                let last = reference.rsplit('/').next()?;
                last.split(['@', ':']).next()
            }
            Source::File(_) | Source::Generated(_) => None,
        }
    }

    /// The exact version to fetch, when it is known: that of the lock file, else the one that is asked for.
    pub fn exact(&self) -> Option<&str> {
        let asked = self.version.as_deref().filter(|version| crate::config::is_exact_version(version));
        self.locked.as_ref().map(|locked| locked.version.as_str()).or(asked)
    }

    /// `ingress-nginx 4.10.0 into ingress-nginx`.
    pub fn described(&self) -> String {
        match self.exact().or(self.version.as_deref()) {
            Some(version) => format!("{} {version} into {}", self.name, self.namespace),
            None => format!("{} into {}", self.name, self.namespace),
        }
    }
}

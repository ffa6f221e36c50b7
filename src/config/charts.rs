//! `charts:` as written: third-party charts that are installed with the application. Includes the rules that types
//! cannot express.

mod check;
mod rules;

pub(super) use check::check;
pub(super) use rules::{REFERENCE, VERSION};

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// One entry of `charts:`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "they are keys of a file")]
pub struct ExternalChart {
    /// Name in the `repository`, or REPOSITORY/NAME from `helm repo list`, or `oci://HOST/PATH`, or a folder (`./...`)
    /// or packed chart (`./....tgz`) from the folder of aspire-k8s.yaml.
    pub chart: String,
    /// Address of the chart repository.
    #[serde(default)]
    pub repository: Option<String>,
    /// Version of the chart, or a range (`^4.10`, `~4.10.1`) that `charts lock` makes exact. Required but for folders and packed charts.
    #[serde(default)]
    pub version: Option<String>,
    /// Namespace; the entry's name when absent. It is created if it does not exist.
    #[serde(default)]
    pub namespace: Option<String>,
    /// Release name (at most 53 characters); the entry's name when absent.
    #[serde(default)]
    pub release: Option<String>,
    /// Values of the chart; they override files.
    #[serde(default)]
    pub values: Map<String, Value>,
    /// Files of values, the later over the earlier, from the folder of aspire-k8s.yaml.
    #[serde(default)]
    pub values_files: Vec<String>,
    /// Values that are parameters of the application: path in the values (`auth.password`) to parameter. They override
    /// all others.
    #[serde(default)]
    pub values_from: IndexMap<String, String>,
    /// When it is installed; `before` the application when absent.
    #[serde(default)]
    pub phase: Option<Phase>,
    /// Other entries of `charts` that come first.
    #[serde(default)]
    pub needs: Vec<String>,
    /// What must be ready before the next step starts, in addition to what helm waits for.
    #[serde(default)]
    pub wait_for: WaitFor,
    /// Whether `destroy` of the application removes it.
    #[serde(default)]
    pub destroy: bool,
    /// Whether fields that other clients own are taken over (helm 4; helm 3 always does).
    #[serde(default)]
    pub force_conflicts: bool,
    /// Whether a release of this name that another client installed is adopted.
    #[serde(default)]
    pub adopt: bool,
    /// Whether the registry of an oci:// chart uses plain HTTP.
    #[serde(default)]
    pub plain_http: bool,
}

/// When a chart is installed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Phase {
    /// Before the application.
    #[default]
    Before,
    /// After it.
    After,
}

/// `waitFor:` of a chart.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct WaitFor {
    /// Custom resource definitions that must be established: `gateways.gateway.networking.k8s.io`.
    pub crds: Vec<String>,
    /// Objects that must have a condition.
    pub objects: Vec<WaitObject>,
}

/// An object that is waited for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WaitObject {
    /// Group and version; needed for kinds that are not Kubernetes' own.
    #[serde(default)]
    pub api_version: Option<String>,
    /// Kind.
    pub kind: String,
    /// Name.
    pub name: String,
    /// Namespace; that of the chart when absent.
    #[serde(default)]
    pub namespace: Option<String>,
    /// Condition of its status that must be true; without one it is enough that the object is there.
    #[serde(default)]
    pub condition: Option<String>,
}

/// One entry of `charts:` of an environment.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct EnvironmentChart {
    /// Address of the chart repository.
    pub repository: Option<String>,
    /// Version of the chart.
    pub version: Option<String>,
    /// Values of the chart, over those of the entry.
    pub values: Map<String, Value>,
    /// Further files of values, over those of the entry.
    pub values_files: Vec<String>,
}

/// Where a chart comes from, as its reference says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// An address of a registry.
    Oci,
    /// A name, in a repository that is named beside it or that helm knows.
    Name,
    /// A folder or packed chart.
    File,
}

impl ExternalChart {
    /// Where it comes from.
    pub fn kind(&self) -> Kind {
        if self.chart.starts_with("oci://") {
            Kind::Oci
        } else if is_local(&self.chart) {
            Kind::File
        } else {
            Kind::Name
        }
    }

    /// When it is installed.
    pub fn phase(&self) -> Phase {
        self.phase.unwrap_or_default()
    }

    /// Its release and namespace.
    pub fn target<'a>(&'a self, name: &'a str) -> (&'a str, &'a str) {
        (self.release.as_deref().unwrap_or(name), self.namespace.as_deref().unwrap_or(name))
    }
}

/// Whether a reference names something on disk.
pub(super) fn is_local(reference: &str) -> bool {
    ["./", "../", "/", "~"].iter().any(|start| reference.starts_with(start))
        || reference == "."
        || reference.strip_suffix(".tgz").is_some_and(|rest| !rest.contains("://"))
}

/// The keys of a path in values: `a.b\.c` is `a` and `b.c`.
pub(crate) fn path_keys(path: &str) -> Vec<String> {
    let mut keys = vec![String::new()];
    let mut characters = path.chars().peekable();
    while let Some(c) = characters.next() {
        match c {
            '\\' if characters.peek() == Some(&'.') => {
                characters.next();
                keys.last_mut().into_iter().for_each(|key| key.push('.'));
            }
            '.' => keys.push(String::new()),
            c => keys.last_mut().into_iter().for_each(|key| key.push(c)),
        }
    }
    keys
}

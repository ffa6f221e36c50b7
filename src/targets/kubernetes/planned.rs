//! What the chart will contain: the result of planning, from which templates, values and a deploy are made.

use super::claims::Claim;
use super::external_names::ExternalNameView;
use super::files::ChartFile;
use super::image_sources::ImageSources;
use super::name::Name;
use super::routes::Routes;
use super::secrets::SecretUse;
use super::values::Tree;
use super::view::{ClaimView, DaprObjectView, DaprView, ExternalView, WorkloadView};
use crate::app::Note;
use crate::config::AppHostSetting;
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

/// What the chart will hold.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// Chart name.
    pub chart: String,
    /// Chart version.
    pub version: String,
    /// Version of the application.
    pub app_version: String,
    /// One sentence about the application.
    pub description: String,
    /// Identity of the application on a cluster.
    pub application_id: String,
    /// Number of the defaults that pods get.
    pub compatibility: u32,
    /// Workloads with all their objects.
    pub workloads: Vec<PlannedWorkload>,
    /// Services that lead out of the cluster.
    pub external_names: Vec<ExternalNameView>,
    /// How the public reaches them.
    pub routes: Routes,
    pub dapr_components: Vec<DaprView>,
    /// Other objects of Dapr.
    pub dapr_objects: Vec<DaprObjectView>,
    /// Secret inputs in use.
    pub secrets: IndexMap<String, SecretUse>,
    /// Secrets that the External Secrets operator writes, in any environment.
    pub externals: Vec<ExternalView>,
    /// Secrets that the sealed-secrets controller writes, in any environment.
    pub sealed: Vec<ExternalView>,
    /// Inputs that helm must be given, with the workloads that need them.
    pub required: IndexMap<String, Vec<String>>,
    /// Where its images come from.
    pub images: ImageSources,
    pub values: Tree,
    /// Names that `parameters` in the values may hold.
    pub parameters: Vec<String>,
    /// Objects whose names are the same in every release.
    pub objects: Vec<ObjectName>,
    /// Merge patches for its objects, by `Kind/name`.
    pub patches: IndexMap<String, Map<String, Json>>,
    /// Objects that a user adds.
    pub extra: Vec<ExtraObject>,
    /// Files for ConfigMaps.
    pub files: Vec<ChartFile>,
    /// What a user should know.
    pub notes: Vec<Note>,
    /// Settings that come from the AppHost itself, neither from its manifest nor from aspire-k8s.yaml.
    pub from_app_host: Vec<AppHostSetting>,
}

#[derive(Debug, Clone)]
pub struct PlannedWorkload {
    /// The resource, as the manifest and aspire-k8s.yaml name it.
    pub resource: String,
    /// What its templates see.
    pub view: WorkloadView,
    /// Claims that belong to it.
    pub claims: Vec<Claim>,
    /// The claims that are objects of their own.
    pub claim_views: Vec<ClaimView>,
    /// Public endpoints: (port name, scheme).
    pub external: Vec<(String, String)>,
    /// Numbers of defaults that change its pods.
    pub changed_by: Vec<u32>,
}

impl Plan {
    /// All claims that the chart makes.
    pub fn claims(&self) -> impl Iterator<Item = &Claim> {
        self.workloads.iter().flat_map(|workload| &workload.claims)
    }

    /// The workload whose pods run a workload: itself, or the host of a sidecar.
    pub fn pods_of<'a>(&'a self, workload: &'a PlannedWorkload) -> &'a PlannedWorkload {
        self.workloads.iter().find(|host| host.view.name == workload.view.pods).unwrap_or(workload)
    }

    /// Endpoints that the AppHost marked as public and no route leads to: workload, port name, scheme.
    pub fn unrouted(&self) -> Vec<(&PlannedWorkload, &str, &str)> {
        let all = self.workloads.iter().flat_map(|it| it.external.iter().map(move |port| (it, port)));
        let unrouted = all
            .filter(|(workload, (port, _))| !self.routes.reached.contains(&(workload.view.name.clone(), port.clone())));
        unrouted.map(|(workload, (port, scheme))| (workload, port.as_str(), scheme.as_str())).collect()
    }
}

/// Kind and name of an object whose name is the same in every release.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ObjectName {
    pub kind: String,
    pub name: String,
}

/// An object that a user adds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExtraObject {
    pub kind: String,
    pub name: String,
    pub template: String,
}

/// The file of such an object in the chart. A name can be longer than the name of a file.
pub(crate) fn extra_object_path(kind: &str, name: &str) -> String {
    format!("templates/extra-{}-{}.yaml", kind.to_lowercase(), Name::of_label(name))
}

impl ExtraObject {
    /// Its file in the chart.
    pub(crate) fn path(&self) -> String {
        extra_object_path(&self.kind, &self.name)
    }
}

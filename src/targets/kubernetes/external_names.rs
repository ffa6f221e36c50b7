//! Services that lead to a DNS name outside of the cluster, in the place of a replaced resource.
//!
//! They have no pods and no ports: a client connects to the port that it is told.

use super::name::Name;
use super::values::Tree;
use crate::app::App;
use serde::Serialize;
use std::collections::BTreeMap;

/// Such a Service, as its template sees it.
#[derive(Debug, Clone, Serialize)]
pub struct ExternalNameView {
    /// Its name, and its key in the values.
    pub name: String,
}

/// The Services of an application.
pub(crate) fn views(app: &App, names: &BTreeMap<String, Name>) -> Vec<ExternalNameView> {
    let found = app.external_names.keys().filter_map(|resource| names.get(resource));
    found.map(|name| ExternalNameView { name: name.to_string() }).collect()
}

/// `workloads.NAME.externalName` for each of them: an environment or `--set` can lead it elsewhere.
pub(crate) fn values(app: &App, names: &BTreeMap<String, Name>) -> Tree {
    let mut tree = Tree::default();
    for (resource, leads_to) in &app.external_names {
        let Some(name) = names.get(resource) else { continue };
        let mut values = Tree::default();
        values.data("externalName", "DNS name to which the Service leads.", leads_to);
        tree.tree(name.as_str(), "", values);
    }
    tree
}

//! One installed release with everything that is needed to work on it, so that functions take one argument.

use crate::cluster::connect::client::Cluster;
use crate::diff::Object;
use crate::helm::{Helm, Target};
use crate::k8s::ownership::{Owner, ReleaseName};
use crate::pipeline::engine::event::Report;
use crate::pipeline::{Error, Release};
use serde_json::Value as Json;
use std::collections::BTreeMap;

pub(crate) type Manifest = BTreeMap<Object, Json>;

/// A release on its cluster, and the means to reach both.
#[derive(Clone, Copy)]
pub(crate) struct Installation<'a> {
    /// The API server.
    pub cluster: &'a Cluster,
    pub helm: &'a Helm,
    /// The release, for helm.
    pub target: &'a Target,
    pub release: &'a Release,
    pub owner: Owner<'a>,
    /// Who hears of what is done to it.
    pub report: &'a Report<'a>,
}

impl<'a> Installation<'a> {
    /// The namespace of the release.
    pub(crate) fn space(&self) -> &'a str {
        &self.release.namespace
    }

    /// The release as helm writes it onto its objects.
    pub(crate) fn name(&self) -> ReleaseName<'a> {
        self.release.helm_name()
    }

    /// The objects that a revision brought, or the last one; none if helm knows no such revision.
    pub(crate) fn objects(&self, revision: Option<u64>) -> Result<Manifest, Error> {
        let text = self.helm.get_manifest(self.target, revision)?.unwrap_or_default();
        Ok(crate::diff::objects(&text, self.space())?)
    }
}

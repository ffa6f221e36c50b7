//! A release on a cluster, and the connections to both.

use crate::cluster::connect::access::Access;
use crate::cluster::connect::client::Cluster;
use crate::cluster::connect::environment::Environment;
use crate::cluster::connect::kubeconfig;
use crate::cluster::connect::kubeconfig::Location;
use crate::cluster::state::record::Record;
use crate::cluster::state::records;
use crate::helm::{Helm, Target};
use crate::k8s::ownership::ReleaseName;
use crate::pipeline::Error;
use crate::pipeline::release::records::NamedObject;
use std::time::Duration;

/// Longest time for one request to the API server.
const REQUEST: Duration = Duration::from_secs(30);

/// A release on a cluster, and the means to reach both.
pub(crate) struct Release {
    pub name: String,
    pub namespace: String,
    /// Where the cluster is.
    pub location: Location,
    /// Objects beyond the namespace that a user named (`--allow-object`).
    pub allowed: Vec<NamedObject>,
    pub(in crate::pipeline) access: Access,
    pub(in crate::pipeline) environment: Environment,
}

impl Release {
    /// Names a release; connects to nothing.
    pub(crate) fn new(name: &str, namespace: &str, access: Access, environment: Environment) -> Result<Self, Error> {
        let location = kubeconfig::locate(&access, &environment)?;
        Ok(Self {
            name: name.to_owned(),
            namespace: namespace.to_owned(),
            location,
            allowed: Vec::new(),
            access,
            environment,
        })
    }

    /// Helm's records of the release, oldest first; none if helm stores them outside of the cluster.
    pub(crate) fn records(&self, cluster: &Cluster) -> Result<Vec<Record>, Error> {
        let driver = self.environment.text("HELM_DRIVER");
        Ok(records::all(cluster, driver, &self.namespace, &self.name)?.unwrap_or_default())
    }

    /// The same with objects beyond the namespace that a user named.
    #[must_use]
    pub(crate) fn allowing(self, allowed: Vec<NamedObject>) -> Self {
        Self { allowed, ..self }
    }

    /// `release shop in namespace shop of context kind (https://127.0.0.1:6443)`.
    pub(crate) fn described(&self) -> String {
        let context =
            self.location.context.as_ref().map_or("this cluster".to_owned(), |context| format!("context {context}"));
        format!("release {} in namespace {} of {context} ({})", self.name, self.namespace, self.location.url)
    }

    /// The release as helm writes it onto its objects.
    pub(crate) fn helm_name(&self) -> ReleaseName<'_> {
        ReleaseName { name: &self.name, namespace: &self.namespace }
    }

    /// Another release on the same cluster.
    pub(in crate::pipeline) fn beside(&self, name: &str, namespace: &str) -> Result<Self, Error> {
        let access = Access { namespace: Some(namespace.to_owned()), ..self.access.clone() };
        Ok(Self::new(name, namespace, access, self.environment.clone())?.allowing(self.allowed.clone()))
    }

    pub(in crate::pipeline) fn target(&self) -> Result<Target, Error> {
        Ok(Target::new(&self.name, &self.namespace, self.access.clone())?)
    }

    pub(in crate::pipeline) fn connect(&self) -> Result<Cluster, Error> {
        Ok(Cluster::connect(&self.access, &self.environment, REQUEST)?)
    }

    pub(in crate::pipeline) fn helm(&self) -> Result<(Helm, Target), Error> {
        let helm = Helm::find(&self.environment)?;
        helm.version()?;
        Ok((helm, self.target()?))
    }
}

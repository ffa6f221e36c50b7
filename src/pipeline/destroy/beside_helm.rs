//! The objects in the namespace of the release that destroy deletes itself, without helm. They are listed before the
//! confirmation: only what was shown is deleted, nothing that was created later.

use crate::cluster::connect::client::Cluster;
use crate::cluster::state::remembered::State;
use crate::cluster::state::secret;
use crate::cluster::state::transition_record::TransitionRecord;
use crate::k8s::error::Result;
use crate::k8s::kind::Kind;
use crate::k8s::object::name_of;
use crate::k8s::ownership::Owner;
use crate::pipeline::Release;
use crate::pipeline::release::{chart_secret, external_secrets};
use serde_json::Value as Json;

/// What stays of a destroyed release.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Staying {
    /// Whether claims do.
    pub claims: bool,
    /// Whether charts or issuers that came with it do.
    pub charts: bool,
}

/// What goes.
#[derive(Debug, Default)]
pub(crate) struct BesideHelm {
    /// What makes Secrets, which helm keeps.
    makers: Vec<(Kind, Json)>,
    /// The Secret of the chart, which helm keeps.
    chart_secret: Option<Json>,
    /// What we wrote ourselves, in words.
    own: Vec<String>,
}

impl BesideHelm {
    /// Looks. Without an owner nothing is ours.
    pub(crate) fn look(cluster: &Cluster, release: &Release, owner: Option<Owner>, staying: Staying) -> Result<Self> {
        let space = &release.namespace;
        let mut own = Vec::new();
        if let Some(owner) = owner {
            own.extend(secret::retiring(cluster, owner, space, !staying.claims && !staying.charts)?);
            for (exists, name) in [
                (State::read(cluster, owner, space)?.exists(), State::name(&release.name)),
                (TransitionRecord::read(cluster, owner, space)?.exists(), TransitionRecord::name(&release.name)),
            ] {
                own.extend(exists.then(|| format!("ConfigMap {name}")));
            }
        }
        Ok(Self {
            makers: external_secrets::leaving(cluster, release, None)?,
            // It outlives helm for the sake of claims; without any it has no reason to stay.
            chart_secret: if staying.claims { None } else { chart_secret::live(cluster, release)? },
            own,
        })
    }

    /// What goes, each in words.
    pub(crate) fn lines(&self) -> Vec<String> {
        let makers = self.makers.iter().map(|(kind, object)| format!("{kind} {}", name_of(object)));
        let secret = self.chart_secret.iter().map(|object| format!("Secret {}", name_of(object)));
        makers.chain(secret).chain(self.own.iter().cloned()).collect()
    }

    /// Removes what helm keeps; the Secret of the chart only if no claim stays after all.
    pub(crate) fn remove(&self, cluster: &Cluster, release: &Release, claims_stay: bool) -> Result<()> {
        external_secrets::delete(cluster, release, &self.makers)?;
        match &self.chart_secret {
            Some(object) if !claims_stay => chart_secret::delete(cluster, release, object),
            _ => Ok(()),
        }
    }
}

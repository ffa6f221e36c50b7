//! The state of the charts on the cluster, and the action for each. Reads only.

use super::decided::Decided;
use super::fetch::Ready;
use super::trial;
use super::values::{self, Known};
use super::work::{Work, of_chart};
use crate::cluster::api::namespace;
use crate::cluster::api::objects::Objects as _;
use crate::cluster::connect::client::Cluster;
use crate::cluster::state::record::Record;
use crate::config::{Phase, SecretSource};
use crate::external_charts::decide::decide;
use crate::external_charts::{Action, Found, Marks, PlannedChart, ProvidedCrd, Wanted, provided_crds};
use crate::helm::{Helm, Target};
use crate::k8s::kind::{CONFIG_MAP, SECRET};
use crate::k8s::ownership::Owner;
use crate::pipeline::release::lock::LastRevision;
use crate::pipeline::release::records::{Operation, Origin, Verb};
use crate::pipeline::release::{lock, records};
use crate::pipeline::{Error, Release};
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};

/// Least depth of charts of phase after.
const AFTER: usize = 1000;

/// The release of a chart as it is on the cluster.
pub(crate) fn installed(
    release: &Release,
    helm: &Helm,
    target: &Target,
    cluster: &Cluster,
    with_values: bool,
) -> Result<Option<Found>, Error> {
    let Some(live) = helm.status(target)? else { return Ok(None) };
    let kind = match release.environment.text("HELM_DRIVER") {
        Some("configmap" | "configmaps") => &CONFIG_MAP,
        _ => &SECRET,
    };
    let record = cluster.get(kind, target.namespace(), &Record::name(target.release(), live.revision))?;
    let marks = record.as_ref().and_then(|record| Marks::read(&record["metadata"]["labels"]));
    let values =
        if with_values && marks.is_some() { helm.get_values(target, None)?.or(Some(Json::Null)) } else { None };
    Ok(Some(Found { chart: live.chart, status: live.status, revision: live.revision, marks, values }))
}

impl Work<'_> {
    /// Decides about one chart.
    pub(super) fn decide(&self, index: usize, ready: &Ready, helm: &Helm, known: &Known) -> Result<Decided, Error> {
        let chart = &self.charts[index];
        let release = self.release.beside(&chart.release, &chart.namespace)?;
        let target = release.target()?;
        let found = installed(&release, helm, &target, self.cluster, true)?;
        let given = match values::given(chart, known, self.cluster, &self.release.namespace)? {
            Ok(given) => {
                helm.hide(given.secrets.clone());
                Some(given)
            }
            // What comes later may make it.
            Err(missing) if chart.phase == Phase::After || self.is_made_by_needed(chart, &missing.inputs, known) => {
                None
            }
            Err(missing) => return Err(Error::Refused(missing.diagnostics)),
        };
        let owner = (self.application, self.release.name.as_str(), self.release.namespace.as_str());
        let marks = Marks::new(chart, owner, self.depth(chart), &ready.digest);
        let values = match (&found, &given) {
            (Some(found), Some(given)) if found.values.is_some() => Some(values::merged(helm, &target, given)?),
            _ => None,
        };
        let wanted =
            Wanted { chart: ready.chart.clone(), version: ready.version.clone(), marks: marks.clone(), values };
        let action = if self.is_brought_by_others(chart, &marks, found.as_ref())? {
            Action::Used
        } else {
            decide(chart, &wanted, found.as_ref()).map_err(|diagnostic| Error::Refused(diagnostic.into()))?
        };
        if let Some(given) = given.as_ref().filter(|_| chart.tried && action.is_change()) {
            self.check_owner(chart, &trial::objects(chart, ready, helm, &target, given)?)?;
        }
        if action.is_change() {
            self.check_idle(chart)?;
        }
        let provided_crds = if chart.phase == Phase::Before && action.is_change() {
            self.brings(chart, ready, helm, &target, given.as_ref())
        } else {
            Vec::new()
        };
        Ok(Decided {
            action,
            version: ready.version.clone(),
            revision: found.map(|found| found.revision),
            marks,
            provided_crds,
        })
    }

    /// How many charts stand below one, one upon the other. What comes after the application is removed first.
    fn depth(&self, chart: &PlannedChart) -> usize {
        let mut depths: BTreeMap<&str, usize> = BTreeMap::new();
        // What is needed stands before what needs it.
        for other in self.charts {
            let below = other.needs.iter().filter_map(|name| depths.get(name.as_str()));
            let depth = below.map(|depth| depth + 1).max().unwrap_or_default();
            depths.insert(&other.name, if other.phase == Phase::After { depth.max(AFTER) } else { depth });
        }
        depths.get(chart.name.as_str()).copied().unwrap_or_default()
    }

    /// Whether every value that is not there comes from a chart that this one needs.
    fn is_made_by_needed(&self, chart: &PlannedChart, missing: &[String], known: &Known) -> bool {
        let (mut needed, mut left) = (BTreeSet::new(), vec![chart]);
        while let Some(next) = left.pop() {
            left.extend(
                self.charts.iter().filter(|other| next.needs.contains(&other.name) && needed.insert(&other.name)),
            );
        }
        missing.iter().all(|input| {
            let source = known.plan.secrets.get(input).map(|used| &used.source);
            matches!(source, Some(SecretSource::Deferred(deferred)) if needed.contains(&deferred.produced_by))
        })
    }

    /// A helm that may still work on the release is found out before anything is written.
    fn check_idle(&self, chart: &PlannedChart) -> Result<(), Error> {
        if namespace::look(self.cluster, &chart.namespace)?.is_none() {
            return Ok(());
        }
        let (release, helm, target) = of_chart(self, chart)?;
        let (_, seen) = LastRevision::look(&helm, &target, self.cluster, &release)?;
        let owner = Owner { release: &chart.release, application: self.application };
        lock::check(self.cluster, &release, owner, &seen, self.word)?;
        let origin = if chart.tried { Origin::Ours } else { Origin::Others(None) };
        records::check(self.cluster, &release, &Operation { verb: Verb::Upgrade(None), origin, shown: None }).map(drop)
    }

    /// The kinds that a chart will define. A chart that does not say it without a cluster is asked for its folder `crds`.
    fn brings(
        &self,
        chart: &PlannedChart,
        ready: &Ready,
        helm: &Helm,
        target: &Target,
        given: Option<&values::Given>,
    ) -> Vec<ProvidedCrd> {
        let mut flags = vec!["--include-crds".to_owned()];
        flags.extend(
            self.cluster.server_version().into_iter().flat_map(|version| ["--kube-version".to_owned(), version]),
        );
        let rendered = given.map(|given| helm.template(target, &ready.path, &given.values(), &flags));
        let manifest = match rendered {
            Some(Ok(manifest)) => manifest,
            _ => helm.show_crds(&ready.path).unwrap_or_default(),
        };
        let named = chart.wait_for.crds.iter().map(|name| ProvidedCrd::named(name));
        provided_crds(&manifest).into_iter().chain(named).collect()
    }
}

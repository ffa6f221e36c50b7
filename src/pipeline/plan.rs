//! Plan: what a deploy would do, without writing anything. The read-only steps of deploy, then a comparison.
//!
//! Helm renders what it would apply, and the API server what would become of it. What neither can tell is reported as
//! text.

use super::release::charts::steps::known;
use super::release::deploy_request::{Ask, Deploy};
use super::release::deploy_run::DeployRun;
use super::release::planned::Planned;
use super::release::reading::reading;
use super::{Error, Random, Release};
use crate::cluster::api::objects::Objects as _;
use crate::cluster::connect::client::Cluster;
use crate::cluster::state::remembered::State;
use crate::cluster::state::secret::ReleaseSecret;
use crate::external_charts::PlannedChart;
use crate::helm::{Intended, Options, Revision, UnknownKind, Values};
use crate::k8s::kind::NAMESPACE;
use crate::pipeline::engine::event::say;
use crate::pipeline::engine::graph::{Graph, Step};
use crate::pipeline::engine::run::{RunOptions, run};
use crate::pipeline::release::comparison::Comparison;
use crate::pipeline::release::live;
use crate::pipeline::release::migration::consent::Intent;
use crate::pipeline::release::own_objects;
use crate::pipeline::release::predict::{Foreseen, recreated};
use crate::pipeline::release::saved_plan::{Basis, Key, Saved};
use crate::pipeline::release::{compatibility, external_secrets, only, values};
use crate::support::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::support::redact::Mask;
use serde_json::json;
use std::collections::BTreeSet;

/// The name of the step.
const STEP: &str = "plan-kubernetes";

/// The steps: those of a deploy that only read, and the comparison.
pub(crate) fn steps<'a>(charts: &[PlannedChart]) -> Result<Graph<'a, DeployRun<'a>>, Diagnostic> {
    let mut steps = reading(charts);
    steps.push(Step::new(
        STEP,
        "compare the live objects with the result of a deploy",
        &known(charts),
        DeployRun::plan,
    ));
    Graph::new(steps)
}

/// Finds out what a deploy would do.
pub(crate) fn plan(
    request: &Deploy,
    release: &Release,
    ask: &Ask,
    random: &Random,
    conduct: &RunOptions,
) -> Result<Planned, Error> {
    say(conduct.report, format!("planning {}", release.described()));
    let deployment = DeployRun::new(request, release, false, ask, random, conduct);
    run(&steps(request.charts)?, &deployment, conduct.report, &conduct.limits)?;
    deployment.planned.into_inner().ok_or_else(|| Error::Defect(STEP.to_owned()))
}

impl DeployRun<'_> {
    fn plan(&self) -> Result<(), Error> {
        let (mut errors, refused, intent) = match self.check_owners().and_then(|()| self.workload_migration()) {
            Ok(intent) => (Vec::new(), None, intent),
            Err(Error::Refused(diagnostics)) => (vec![diagnostics.to_string()], Some(diagnostics), None),
            Err(error) => return Err(error),
        };
        self.look_for_leaving()?;
        let ((helm, target), cluster) = (self.helm.get()?, self.cluster.get()?);
        let (before, settled) = (self.before.get()?, self.settled.get()?);
        let space = &self.release.namespace;
        let secret = self.next_secret()?;
        let (manifest, hooks, by_server) = match self.intended(&secret, refused.is_some() || intent.is_some()) {
            Ok(intended) => {
                let by_server = intended.by_server();
                (intended.manifest, intended.hooks, Some(by_server))
            }
            Err(Error::Helm(error)) if !error.unknown_kinds().is_empty() => {
                let is_provided = |kind: &UnknownKind| self.is_provided(&kind.api_version, &kind.kind);
                if refused.is_none() && !error.unknown_kinds().into_iter().all(is_provided) {
                    errors.push(error.to_string());
                }
                // Without the cluster a chart may lack what it looks up there; then helm's first word stands.
                let manifest = self.rendered(&secret).map_err(|_| Error::Helm(error))?;
                (manifest, Vec::new(), None)
            }
            // What helm trips over is what we refused.
            Err(_) if let Some(diagnostics) = refused => return Err(Error::Refused(diagnostics)),
            Err(error) => return Err(error),
        };
        let history = helm.history(target)?;
        let (last, wanted) = (self.marked(&self.applied(&history)?.manifest)?, self.marked(&manifest)?);
        let replaced = match &intent {
            Some(Intent::New(change)) => recreated(&change.promotion.changes),
            Some(Intent::UnderWay(log, _)) => recreated(&log.journal.changes),
            None => BTreeSet::new(),
        };
        let question =
            Comparison { last: &last, wanted: &wanted, by_server, replaced: &replaced, force: self.forces() };
        let foreseen = Foreseen::look(cluster, self.release, &question)?;
        let mask = Mask::new(&self.hidden(&secret));
        let of_chart = foreseen.changes(&question, &mask);
        let Foreseen { standing, asked, has_namespace } = foreseen;
        let mut changes =
            own_objects::changes(self.request.plan, self.release, has_namespace, before, settled, &secret);
        changes.extend(of_chart);
        for change in changes.iter_mut().filter(|change| replaced.contains(&(change.kind.clone(), change.name.clone())))
        {
            change.immutable.clear();
            change.reason = Some("deleted and recreated by the workload migration".to_owned());
        }
        compatibility::explain(self.defaults.get()?, self.request.plan, &mut changes);
        errors.extend(only::others(&changes, &self.request.only, self.request.plan));
        if self.request.wait.waits() {
            let leaving = external_secrets::leaving(cluster, self.release, Some(self.request.plan))?;
            own_objects::clear_up(self.release, before, settled, &leaving, &mut changes);
        }
        errors.extend(asked.errors.iter().map(|error| mask.text(&error.to_string())));
        let mut not_checked = [standing.unknown.clone(), asked.not_checked].concat();
        not_checked
            .extend(hooks.iter().map(|hook| format!("{} {}: created by a hook of the chart", hook.kind, hook.name)));
        let mut names = standing.names;
        names.push(format!("v1/Namespace//{space}"));
        names.push(format!("v1/Secret/{space}/{}", ReleaseSecret::name(&self.release.name)));
        names.push(format!("v1/ConfigMap/{space}/{}", State::name(&self.release.name)));
        let basis = self.basis(names.iter().map(String::as_str), None, history.last())?;
        let saved = basis.map(|basis| Saved::new(basis, &changes));
        let transition = match intent {
            Some(Intent::New(change)) => change.promotion.lines(&change.hash),
            Some(Intent::UnderWay(log, objects)) => {
                let elsewhere = self.installation()?.leads_elsewhere(&log.journal, &objects, None);
                errors.extend(elsewhere.map(|diagnostic| diagnostic.to_string()));
                vec![format!("TRANSITION in progress: {}", log.journal.described())]
            }
            None => Vec::new(),
        };
        self.planned.put(Planned { transition, charts: self.chart_changes(), changes, errors, not_checked, saved });
        Ok(())
    }

    /// The Secret that this deploy would write.
    pub(in crate::pipeline) fn next_secret(&self) -> Result<ReleaseSecret, Error> {
        let wanted = values::secret_data(self.request.plan, self.settled.get()?);
        let before = self.before.get()?;
        let claims = values::claims_by_key(before.plan(self.request.plan), self.request.charts);
        Ok(before.secret.update(wanted).with_claims(&claims))
    }

    /// What helm would apply.
    fn intended(&self, secret: &ReleaseSecret, unguarded: bool) -> Result<Intended, Error> {
        let ((helm, target), chart) = (self.helm.get()?, self.chart.get()?.path().join("chart"));
        let mut over = self.values(secret)?;
        if unguarded {
            // The chart's own guards would stop helm at what was found already.
            over["skipGuards"] = json!(true);
        }
        let files = values::files(self.request, &chart);
        let extra = self.request.helm_arguments.clone();
        let options = Options { timeout: self.limits.left(), extra, ..Options::default() };
        Ok(helm.dry_run(target, &chart, &Values { files: &files, over: &over }, &options)?)
    }

    /// The objects of the chart where helm says no more about them.
    fn rendered(&self, secret: &ReleaseSecret) -> Result<String, Error> {
        let ((helm, target), chart) = (self.helm.get()?, self.chart.get()?.path().join("chart"));
        let over = self.values(secret)?;
        let values = Values { files: &values::files(self.request, &chart), over: &over };
        Ok(helm.template(target, &chart, &values, &[])?)
    }

    /// Texts that must not be shown: what the Secrets hold now and would hold.
    fn hidden(&self, next: &ReleaseSecret) -> Vec<String> {
        let known = self.before.find().into_iter().flat_map(|before| {
            let kept = before.kept.chart_secret.values().chain(before.kept.foreign.values());
            before.secret.texts().chain(kept.cloned()).collect::<Vec<_>>()
        });
        let settled = self.settled.find().into_iter().flat_map(|settled| settled.chart_secret.values().cloned());
        known.chain(settled).chain(next.texts()).filter(|text| !text.is_empty()).collect()
    }

    /// What a plan of this deploy depends on, with the state of these objects. `key_of` is the namespace that gives the
    /// key for digests; none for the first that can be read, and none comes back where none can.
    fn basis<'o>(
        &self,
        objects: impl Iterator<Item = &'o str>,
        key_of: Option<&str>,
        last: Option<&Revision>,
    ) -> Result<Option<Basis>, Error> {
        let ((helm, _), cluster) = (self.helm.get()?, self.cluster.get()?);
        let (before, settled, release) = (self.before.get()?, self.settled.get()?, self.release);
        let places = key_of.map_or_else(|| vec!["kube-system", &release.namespace], |namespace| vec![namespace]);
        let mut uids = places.into_iter().filter_map(|namespace| Some((namespace, uid(cluster, namespace)?)));
        let Some((key_of, uid)) = uids.next() else { return Ok(None) };
        let key = Key(&uid);
        let live = live::states(cluster, objects)?;
        let lives =
            |(name, value): (&String, &String)| (name.clone(), before.kept.chart_secret.get(name) == Some(value));
        Ok(Some(Basis {
            release: release.name.clone(),
            namespace: release.namespace.clone(),
            server: release.location.url.clone(),
            key_of: key_of.to_owned(),
            application: self.request.plan.application_id.clone(),
            environment: self.request.environment.as_ref().map(|(name, _)| name.clone()),
            helm: helm.version()?.to_string(),
            chart: key.chart(self.request.chart),
            values: key.values(settled).into_iter().chain(key.passed(&self.request.passed.values)).collect(),
            secrets: self.next_secret()?.marks,
            chart_secrets: settled.chart_secret.iter().map(lives).collect(),
            revision: last.map(|last| format!("revision {} ({})", last.revision, last.status)),
            objects: live,
            charts: self.chart_states(&key),
        }))
    }

    /// Refuses a deploy that is not the one that was planned.
    pub(in crate::pipeline) fn check_approved(&self) -> Result<(), Error> {
        let Some(saved) = self.request.approved else { return Ok(()) };
        let (helm, target) = self.helm.get()?;
        let history = helm.history(target)?;
        let moved = if let Some(now) = self.basis(saved.objects(), Some(saved.key_of()), history.last())? {
            saved.moved(&now)
        } else {
            let what = format!("the namespace {} cannot be read, so the plan cannot be compared", saved.key_of());
            Diagnostic::new(Code::PlanOutdated, "", what).into()
        };
        let with_hint = |diagnostic: Diagnostic| diagnostic.hint("plan again, and check what is new");
        let diagnostics = Diagnostics(moved.0.into_iter().map(with_hint).collect());
        diagnostics.or(()).map_err(Error::Refused)
    }
}

/// The uid of a namespace, when we may see it.
fn uid(cluster: &Cluster, namespace: &str) -> Option<String> {
    let found = cluster.get(&NAMESPACE, "", namespace).ok()??;
    found["metadata"]["uid"].as_str().map(str::to_owned)
}

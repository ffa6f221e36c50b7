//! Charts whose objects an admission webhook must accept: whether its CRDs are served, whether it responds, and who
//! owns the objects.
//!
//! A webhook that was just installed refuses every connection, or has no certificate yet. If the API server accepts
//! these objects in a dry run, the webhook responds and accepts them.

use super::decided::{Decided, at};
use super::fetch::Ready;
use super::values::Given;
use super::work::Work;
use crate::cluster::api::objects::Objects as _;
use crate::cluster::api::probe::{Probe, Question};
use crate::external_charts::{CERT_MANAGER_API, Found, Marks, PlannedChart};
use crate::helm::{Helm, Target};
use crate::k8s::error::{Cause, Error as ClusterError, ErrorKind};
use crate::k8s::object::name_of;
use crate::k8s::ownership::ReleaseName;
use crate::pipeline::Error;
use crate::pipeline::engine::run::Limits;
use crate::support::diagnostic::{Code, Diagnostic};
use serde_json::Value as Json;
use std::time::{Duration, Instant};

/// Longest time for a webhook to begin to answer, and for objects to have their condition.
const LONGEST: Duration = Duration::from_secs(120);

/// Time between two looks.
const PAUSE: Duration = Duration::from_millis(250);

const DEFINITIONS: &str = "apiextensions.k8s.io/v1";

/// Since when something is waited for.
pub(crate) struct Patience(Instant);

impl Patience {
    /// Begins now.
    pub(crate) fn new() -> Self {
        Self(Instant::now())
    }

    /// Whether it was long enough.
    pub(crate) fn is_over(&self, limits: &Limits) -> bool {
        self.0.elapsed() >= LONGEST || limits.left().is_zero()
    }
}

/// The objects of a chart.
pub(crate) fn objects(
    chart: &PlannedChart,
    ready: &Ready,
    helm: &Helm,
    target: &Target,
    given: &Given,
) -> Result<Vec<Json>, Error> {
    let manifest = helm.template(target, &ready.path, &given.values(), &[])?;
    Ok(crate::diff::objects(&manifest, &chart.namespace)?.into_values().collect())
}

impl Work<'_> {
    /// Whether the definition that makes a chart needless is there, and not from that chart.
    pub(super) fn is_brought_by_others(
        &self,
        chart: &PlannedChart,
        marks: &Marks,
        found: Option<&Found>,
    ) -> Result<bool, Error> {
        let Some(definition) = &chart.unless else { return Ok(false) };
        let is_ours = |found: &Found| {
            let of = |marks: &Marks| (marks.application.clone(), marks.release.clone(), marks.namespace.clone());
            found.marks.as_ref().map(of) == Some(of(marks))
        };
        let live = found.filter(|found| found.status != "uninstalled");
        if live.is_some_and(is_ours) {
            return Ok(false);
        }
        let Some(kind) = self.cluster.kind(DEFINITIONS, "CustomResourceDefinition")? else { return Ok(false) };
        let definition = self.cluster.get(&kind, "", definition)?;
        // What an uninstalled release of this name left behind is taken up again.
        Ok(definition.is_some_and(|definition| live.is_some() || !is_of(&definition, chart)))
    }

    /// Refuses objects that are there and belong to another owner.
    pub(super) fn check_owner(&self, chart: &PlannedChart, objects: &[Json]) -> Result<(), Error> {
        for object in objects {
            let Some(kind) = self.cluster.kind(text(object, "apiVersion"), text(object, "kind"))? else { continue };
            let live = self.cluster.get(&kind, place(object, chart), name_of(object))?;
            if live.is_some_and(|live| !is_of(&live, chart)) {
                let what = format!(
                    "the {} {} already exists on the cluster, and the release {} in namespace {} does not own it",
                    text(object, "kind"),
                    name_of(object),
                    chart.release,
                    chart.namespace
                );
                let hint = "set `existing: true` to use it, or choose another name";
                return Err(Error::Refused(at(Code::NotOwned, chart, what).hint(hint).into()));
            }
        }
        Ok(())
    }

    /// Refuses a run whose objects would be unknown.
    pub(super) fn check_served(&self, decided: &[Decided]) -> Result<(), Error> {
        let is_tried = |(chart, decided): &(&PlannedChart, &Decided)| chart.tried && decided.action.is_change();
        let Some((chart, _)) = self.charts.iter().zip(decided).find(is_tried) else { return Ok(()) };
        let is_provided =
            decided.iter().flat_map(|decided| &decided.provided_crds).any(|it| it.defines(CERT_MANAGER_API, "Issuer"));
        if is_provided || self.cluster.kind(CERT_MANAGER_API, "Issuer")?.is_some() {
            return Ok(());
        }
        let diagnostic =
            at(Code::UnknownKind, chart, "the cluster has no cert-manager, and no chart of this file installs it");
        Err(Error::Refused(diagnostic.hint("`certManager: {install: true}` installs it").into()))
    }

    /// Waits until the API server takes the objects in a dry run. What is refused with a reason is not waited for.
    pub(super) fn wait_for_trial(&self, chart: &PlannedChart, objects: &[Json]) -> Result<(), Error> {
        let patience = Patience::new();
        loop {
            let Some(error) = self.trial(chart, objects)? else { return Ok(()) };
            if (self.limits.stopped)() {
                return Err(Error::Interrupted);
            }
            if patience.is_over(self.limits) {
                let what = format!("the admission webhook for its objects does not respond: {error}");
                let hint = "check cert-manager with `kubectl get pods` in its namespace; the application was not \
                changed";
                return Err(at(Code::ChartNotReady, chart, what).hint(hint).into());
            }
            std::thread::sleep(PAUSE);
        }
    }

    /// Why the objects are not taken yet; an error when they never will be.
    fn trial(&self, chart: &PlannedChart, objects: &[Json]) -> Result<Option<String>, Error> {
        for object in objects {
            let (version, name) = (text(object, "apiVersion"), text(object, "kind"));
            let Some(kind) = self.cluster.kind(version, name)? else {
                return Ok(Some(format!("the kind {name} of {version} is not served")));
            };
            let question =
                Question { kind: &kind, namespace: place(object, chart), probe: Probe::Apply(object, false) };
            for answer in self.cluster.ask(&[question]) {
                match answer {
                    // Helm says what it makes of fields that another client set.
                    Ok(_) => {}
                    Err(error) if error.is_conflict() => {}
                    Err(error) if is_final(&error) => {
                        return Err(Error::Refused(refused(chart, &error).into()));
                    }
                    Err(error) => return Ok(Some(error.sentence().to_owned())),
                }
            }
        }
        Ok(None)
    }
}

fn refused(chart: &PlannedChart, error: &ClusterError) -> Diagnostic {
    at(Code::ChartRejected, chart, error.sentence()).hint("the application was not changed")
}

/// Whether the answer will be the same a moment later.
fn is_final(error: &ClusterError) -> bool {
    match error.kind() {
        ErrorKind::Invalid | ErrorKind::Forbidden | ErrorKind::Unauthorized | ErrorKind::Refused => {
            !error.is_for(Cause::WebhookAway)
        }
        _ => error.is_for(Cause::Denied),
    }
}

/// Whether helm made an object for the release of a chart.
fn is_of(object: &Json, chart: &PlannedChart) -> bool {
    ReleaseName { name: &chart.release, namespace: &chart.namespace }.owns(object)
}

fn text<'o>(object: &'o Json, key: &str) -> &'o str {
    object[key].as_str().unwrap_or_default()
}

fn place<'o>(object: &'o Json, chart: &'o PlannedChart) -> &'o str {
    object["metadata"]["namespace"].as_str().unwrap_or(&chart.namespace)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_webhook_that_is_not_up_is_waited_for_and_a_refusal_is_not() {
        for (kind, sentence, expected) in [
            (ErrorKind::Other, "failed calling webhook \"webhook.cert-manager.io\": x509", false),
            (ErrorKind::Invalid, "failed calling webhook: connection refused", false),
            (ErrorKind::Unreachable, "no answer", false),
            (ErrorKind::Invalid, "spec.acme.email: Invalid value", true),
            (ErrorKind::Other, "admission webhook \"webhook.cert-manager.io\" denied the request: no", true),
            (ErrorKind::Forbidden, "may not patch issuers", true),
        ] {
            let error = ClusterError::new(kind, "could not create it").answered(sentence);
            assert_eq!(is_final(&error), expected, "{sentence}");
        }
    }
}

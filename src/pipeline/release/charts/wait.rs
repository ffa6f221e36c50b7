//! Waits until CRDs are established and objects have their condition, and reports what is missing at the timeout.

use super::trial::Patience;
use super::work::Work;
use crate::cluster::api::objects::Objects as _;
use crate::cluster::connect::client::Cluster;
use crate::config::WaitObject;
use crate::external_charts::PlannedChart;
use crate::k8s::kind::Kind;
use crate::k8s::object::has_condition;
use crate::pipeline::Error;
use crate::support::diagnostic::{Code, Diagnostic, Diagnostics};
use serde_json::Value as Json;
use std::time::Duration;

const DEFINITIONS: &str = "apiextensions.k8s.io/v1";

/// What to do about an object of ours that its controller does not like.
const NOT_READY: &str =
    "the application was not changed; fix the cause and deploy again (`kubectl describe` shows more)";

/// Time between two looks.
const PAUSE: Duration = Duration::from_millis(250);

impl Work<'_> {
    /// Waits for what a chart names.
    pub(super) fn wait_for(&self, chart: &PlannedChart) -> Result<(), Error> {
        let patience = Patience::new();
        loop {
            let missing = self.missing(chart)?;
            let Some(first) = missing.first() else { return Ok(()) };
            if (self.limits.stopped)() {
                return Err(Error::Interrupted);
            }
            if chart.tried && patience.is_over(self.limits) {
                let diagnostics = missing
                    .into_iter()
                    .map(|what| Diagnostic::new(Code::ChartNotReady, chart.place(), what).hint(NOT_READY));
                return Err(Error::Input(Diagnostics(diagnostics.collect())));
            }
            if self.limits.left().is_zero() {
                let what =
                    format!("the chart is installed, but its `waitFor` objects are not ready: {}", missing.join("; "));
                let hint = format!("`kubectl get` shows why; raise --timeout to wait longer (waiting for {first})");
                return Err(Error::Resumable(
                    Diagnostic::new(Code::ChartNotReady, chart.place().key("waitFor"), what).hint(hint),
                ));
            }
            std::thread::sleep(PAUSE.min(self.limits.left()));
        }
    }

    fn missing(&self, chart: &PlannedChart) -> Result<Vec<String>, Error> {
        let mut missing = Vec::new();
        for name in &chart.wait_for.crds {
            let Some(kind) = self.cluster.kind(DEFINITIONS, "CustomResourceDefinition")? else { continue };
            let live = self.cluster.get(&kind, "", name)?;
            missing.extend(lack(live.as_ref(), Some("Established")).map(|why| format!("the CRD {name} {why}")));
        }
        for object in &chart.wait_for.objects {
            let namespace = object.namespace.as_deref().unwrap_or(&chart.namespace);
            let live = match kind_of(self.cluster, object)? {
                Some(kind) => self.cluster.get(&kind, namespace, &object.name)?,
                None => None,
            };
            missing.extend(
                lack(live.as_ref(), object.condition.as_deref())
                    .map(|why| format!("{} {} in namespace {namespace} {why}", object.kind, object.name)),
            );
        }
        Ok(missing)
    }
}

/// What an object lacks; nothing when it is there and has the condition, told of its present state.
fn lack(live: Option<&Json>, wanted: Option<&str>) -> Option<String> {
    let Some(live) = live else { return Some("does not exist".to_owned()) };
    let wanted = wanted?;
    let seen = live["status"]["observedGeneration"].as_u64();
    if seen.is_some() && seen < live["metadata"]["generation"].as_u64() {
        return Some("has not been processed by its controller yet".to_owned());
    }
    if has_condition(live, wanted) {
        return None;
    }
    let conditions = live["status"]["conditions"].as_array().into_iter().flatten();
    let own = conditions.into_iter().find(|condition| condition["type"] == wanted);
    let why = own.and_then(|own| own["message"].as_str().or(own["reason"].as_str())).filter(|why| !why.is_empty());
    Some(why.map_or_else(|| format!("is not {wanted}"), |why| format!("is not {wanted}: {why}")))
}

fn kind_of(cluster: &Cluster, object: &WaitObject) -> Result<Option<Kind>, Error> {
    if let Some(version) = &object.api_version {
        return Ok(cluster.kind(version, &object.kind)?);
    }
    for version in ["v1", "apps/v1", "batch/v1", "networking.k8s.io/v1", "rbac.authorization.k8s.io/v1", DEFINITIONS] {
        if let Some(kind) = cluster.kind(version, &object.kind)? {
            return Ok(Some(kind));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_object_lacks_what_its_status_does_not_say() {
        let with = |status: &str| {
            json!({"metadata": {"generation": 2}, "status": {"observedGeneration": 2,
            "conditions": [{"type": "Ready", "status": status, "message": "no pods"}]}})
        };
        assert_eq!(lack(Some(&with("True")), Some("Ready")), None);
        assert_eq!(lack(Some(&with("False")), Some("Ready")).unwrap(), "is not Ready: no pods");
        assert_eq!(lack(Some(&with("True")), Some("Other")).unwrap(), "is not Other");
        assert_eq!(lack(Some(&json!({})), None), None);
        assert_eq!(lack(None, None).unwrap(), "does not exist");
        let mut old = with("True");
        old["status"]["observedGeneration"] = json!(1);
        assert!(lack(Some(&old), Some("Ready")).unwrap().contains("not been processed"));
    }
}

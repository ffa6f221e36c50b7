//! The number of the pod defaults of a live release, from the chart in helm's record.
//!
//! Anyone who can write Secrets in the namespace can write a record. So only a number that exists is used, and it
//! decides about defaults only.

use crate::cluster::state::record::Record;
use crate::cluster::state::records;
use crate::config::compatibility;
use crate::diff::Change;
use crate::pipeline::{Error, Release};
use crate::support::diagnostic::{Code, Diagnostic};
use crate::targets::kubernetes::Plan;

/// The number of a live release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Number {
    /// There is no release, or helm keeps its records where they are not looked for.
    None,
    Known(u32),
    /// None that this version knows.
    Unknown(String),
}

/// Who says the number of a chart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PodDefaults {
    /// A user, or a chart that was rendered before.
    Chosen,
    /// The live release, which keeps its own.
    Kept,
}

impl Number {
    /// The number that a chart takes which does not say one itself.
    pub(crate) fn of_chart(&self) -> u32 {
        match self {
            Self::Known(number) => *number,
            Self::None | Self::Unknown(_) => compatibility::NEWEST,
        }
    }
}

/// The number in helm's records; none if there are none.
pub(crate) fn live(records: &[Record]) -> Number {
    let Some(record) = records::in_force(records) else { return Number::None };
    match compatibility::read(&record.compatibility) {
        Some(number) => Number::Known(number),
        None => Number::Unknown(record.compatibility.clone()),
    }
}

/// The number for a chart that does not say one, by what the cluster holds now; the newest where it cannot be told. That a
/// cluster cannot be reached is told by the steps that need it.
pub(crate) fn to_keep(release: &Release) -> u32 {
    let records = release.connect().and_then(|cluster| release.records(&cluster));
    live(&records.unwrap_or_default()).of_chart()
}

/// Refuses a chart that was made for another number than the release has by now; a number that a user chose is accepted.
pub(crate) fn check(live: &Number, plan: &Plan, said: PodDefaults) -> Result<(), Error> {
    let (has, takes) = (live.of_chart(), plan.compatibility);
    if said == PodDefaults::Chosen || has == takes {
        return Ok(());
    }
    let what = format!("the release has the compatibility number {has}, but its chart was rendered for {takes}");
    let hint = "the release changed after this run started, or could not be read at that time: run the command again";
    Err(Error::Refused(Diagnostic::new(Code::ReleaseChanged, "", what).hint(hint).into()))
}

/// What a user should know of the numbers; none if both are the same.
pub(crate) fn told(live: &Number, plan: &Plan) -> Option<String> {
    let takes = plan.compatibility;
    match live {
        Number::Unknown(_) => Some(format!(
            "a newer version of kubectl aspire deployed the release, with a compatibility number that this version \
            does not know; it uses {takes}, which can restart pods. Update kubectl aspire, or set `compatibility` \
            in aspire-k8s.yaml"
        )),
        Number::Known(has) if *has != takes => {
            let workloads = changed(plan, *has);
            let restarts = match &workloads[..] {
                [] => "the defaults of no pod change".to_owned(),
                names => format!("the defaults of the pods of {} change", names.join(", ")),
            };
            Some(format!("compatibility {has} -> {takes}: {restarts}"))
        }
        Number::Known(_) | Number::None => None,
    }
}

/// Names the changed number where it is why pods are replaced.
pub(crate) fn explain(live: &Number, plan: &Plan, changes: &mut [Change]) {
    let Number::Known(has) = live else { return };
    let (workloads, takes) = (changed(plan, *has), plan.compatibility);
    let is_workload = |change: &&mut Change| ["Deployment", "StatefulSet"].contains(&change.kind.as_str());
    let restarted = changes.iter_mut().filter(is_workload).filter(|change| !change.restarts.is_empty());
    for change in restarted.filter(|change| workloads.contains(&change.name.as_str())) {
        change.restarts.push(format!("compatibility {has} -> {takes}"));
    }
}

/// The workloads that get other defaults than with another number.
fn changed(plan: &Plan, has: u32) -> Vec<&str> {
    let (low, high) = (has.min(plan.compatibility), has.max(plan.compatibility));
    let between = |by: &u32| (low + 1..=high).contains(by);
    let workloads = plan.workloads.iter().filter(|workload| workload.changed_by.iter().any(between));
    workloads.map(|workload| workload.view.name.as_str()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::state::record;
    use crate::diff::Action;
    use crate::targets::kubernetes::{PlannedWorkload, WorkloadView};
    use serde_json::json;

    fn record(revision: u64, status: &str, annotations: &serde_json::Value) -> Record {
        let json = json!({
            "name": "shop", "namespace": "n", "version": revision, "manifest": "", "info": {"status": status},
            "chart": {"metadata": {"name": "shop", "annotations": annotations}},
        });
        Record::of(record::secret("shop", revision, &json.to_string())).unwrap()
    }

    fn of(number: &str) -> serde_json::Value {
        json!({"aspire-k8s/compatibility": number})
    }

    #[test]
    fn the_revision_in_place_says_the_number() {
        let old = json!({"aspire-k8s/generated-by": "kubectl-aspire"});
        for (records, number) in [
            (vec![], Number::None),
            (vec![record(1, "deployed", &old)], Number::Known(1)),
            (vec![record(1, "deployed", &of("2"))], Number::Known(2)),
            (
                vec![record(1, "superseded", &of("2")), record(2, "deployed", &old), record(3, "failed", &of("2"))],
                Number::Known(1),
            ),
            (vec![record(1, "failed", &of("2"))], Number::Known(2)),
            (vec![record(1, "uninstalled", &of("1"))], Number::None),
            (vec![record(1, "deployed", &of("9"))], Number::Unknown("9".into())),
            (vec![record(1, "deployed", &of("2 "))], Number::Unknown("2 ".into())),
            (vec![record(1, "deployed", &json!([]))], Number::Known(1)),
        ] {
            assert_eq!(live(&records), number, "{records:?}");
        }
        assert_eq!((Number::None.of_chart(), Number::Unknown("9".into()).of_chart()), (3, 3));
    }

    fn plan() -> Plan {
        let workload = |name: &str, changed_by| PlannedWorkload {
            resource: name.into(),
            view: WorkloadView { name: name.into(), ..WorkloadView::default() },
            claims: Vec::new(),
            claim_views: Vec::new(),
            external: Vec::new(),
            changed_by,
        };
        Plan {
            compatibility: 2,
            workloads: vec![workload("cache", vec![2]), workload("api", vec![])],
            ..Plan::default()
        }
    }

    #[test]
    fn a_changed_number_names_what_it_restarts() {
        let change = |name: &str, restarts: &[&str]| Change {
            action: Action::Change,
            kind: "Deployment".into(),
            name: name.into(),
            namespace: "n".into(),
            fields: Vec::new(),
            drift: Vec::new(),
            restarts: restarts.iter().map(|&reason| reason.to_owned()).collect(),
            immutable: Vec::new(),
            reason: None,
        };
        let mut changes = [change("cache", &["probes"]), change("api", &["image"]), change("cache", &[])];
        explain(&Number::Known(1), &plan(), &mut changes);
        assert_eq!(changes[0].restarts, ["probes", "compatibility 1 -> 2"]);
        assert_eq!((&changes[1].restarts[..], changes[2].restarts.len()), (&["image".to_owned()][..], 0));
        explain(&Number::Known(2), &plan(), &mut changes);
        assert_eq!(changes[0].restarts.len(), 2);
        let told = |live| told(&live, &plan());
        assert_eq!(told(Number::Known(1)).unwrap(), "compatibility 1 -> 2: the defaults of the pods of cache change");
        assert_eq!((told(Number::Known(2)), told(Number::None)), (None, None));
        assert!(told(Number::Unknown("9".into())).unwrap().contains("newer version"));
    }

    #[test]
    fn a_number_that_moved_meanwhile_is_refused() {
        let refused = |live, said| check(&live, &plan(), said).is_err();
        assert!(refused(Number::Known(1), PodDefaults::Kept) && !refused(Number::Known(1), PodDefaults::Chosen));
        assert!(!refused(Number::Known(2), PodDefaults::Kept) && refused(Number::None, PodDefaults::Kept));
        let newest = Plan { compatibility: compatibility::NEWEST, ..plan() };
        assert!(check(&Number::None, &newest, PodDefaults::Kept).is_ok());
    }
}

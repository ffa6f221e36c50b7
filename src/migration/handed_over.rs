//! Claims that go from one workload of the release to another that is there already, or that comes while the first stays: what
//! becomes a sidecar, and what stops being one. Pure.
//!
//! Helm would start the pod that takes the claim before the one that has it ends, so the first must be stopped by hand. A
//! workload that takes the place of one that leaves is a migration instead.

use super::data::{self, DataNote, Place};
use super::live::{Live, replicas};
use super::pairs::{Sides, named, workloads};
use super::pods::{has_ended, mounted, pods_of};
use crate::k8s::object::name_of;
use crate::support::diagnostic::{Code, Diagnostic};
use serde_json::Value as Json;

/// A claim that another workload takes.
#[derive(Debug)]
pub(crate) struct HandedOver<'a> {
    pub(crate) claim: &'a str,
    /// The live workload that has it.
    pub(crate) from: &'a Json,
    /// The workload of the chart that takes it.
    pub(crate) to: &'a Json,
    /// Whether the first leaves the chart.
    pub(crate) leaves: bool,
}

/// All of them.
pub(crate) fn handed_over(sides: Sides<'_>) -> Vec<HandedOver<'_>> {
    let live = || sides.live.deployments.iter().chain(&sides.live.stateful_sets).filter(|it| sides.release.owns(it));
    let mut found = Vec::new();
    for from in live() {
        let stays = workloads(sides.target).find(|target| name_of(target) == name_of(from));
        for claim in data::claims_of(from) {
            let has = |workload: &Json| data::claims_of(workload).contains(claim);
            if stays.is_some_and(has) {
                continue;
            }
            for to in workloads(sides.target).filter(|to| name_of(to) != name_of(from) && has(to)) {
                let before = live().find(|other| name_of(other) == name_of(to));
                let replaces = stays.is_none() && before.is_none();
                if !replaces && !before.is_some_and(has) {
                    found.push(HandedOver { claim, from, to, leaves: stays.is_none() });
                }
            }
        }
    }
    found
}

/// Whether a note is about a claim that goes over, and so is not abandoned.
pub(crate) fn goes_over(over: &[HandedOver<'_>], note: &DataNote, from: &Json) -> bool {
    matches!(&note.was, Place::Claim(claim, _) if over.iter().any(|it| it.takes(claim, from)))
}

impl HandedOver<'_> {
    /// Whether it takes this claim from this live workload.
    pub(crate) fn takes(&self, claim: &str, from: &Json) -> bool {
        self.claim == claim && std::ptr::eq(self.from, from)
    }

    /// Whether it is about these two objects.
    pub(crate) fn is_between(&self, from: &Json, to: &Json) -> bool {
        std::ptr::eq(self.from, from) && std::ptr::eq(self.to, to)
    }

    /// Why the claim cannot go over yet; none when nothing runs that has it.
    pub(crate) fn refusal(&self, live: &Live) -> Option<Diagnostic> {
        let old = named(self.from);
        let is_mounted = |pod: &&Json| mounted(&pod["spec"]).any(|claim| claim == self.claim) && !has_ended(pod);
        let runs = replicas(self.from) > 0 || pods_of(&old, live).any(|pod| is_mounted(&pod));
        if !runs && !self.leaves {
            return None;
        }
        let what = format!(
            "the PVC {} goes from {old} to {}, whose pod would mount it while that of {old} still runs",
            self.claim,
            named(self.to)
        );
        let hint = if self.leaves {
            format!(
                "stop it first: `kubectl delete {old}`, which keeps its PVC; wait until its pods have ended, and deploy again"
            )
        } else {
            format!(
                "stop it first: `kubectl scale {old} --replicas=0`; wait until its pods have ended, and deploy again"
            )
        };
        Some(Diagnostic::new(Code::PvcInUse, "", what).hint(hint))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::k8s::ownership::ReleaseName;
    use serde_json::json;

    fn set(name: &str, claims: &[&str], replicas: u32) -> Json {
        let volumes: Vec<Json> = claims.iter().map(|it| json!({"persistentVolumeClaim": {"claimName": it}})).collect();
        json!({
            "kind": "StatefulSet",
            "metadata": {"name": name, "labels": {"app.kubernetes.io/managed-by": "Helm"}, "annotations": {
                "meta.helm.sh/release-name": "shop", "meta.helm.sh/release-namespace": "n"}},
            "spec": {"replicas": replicas, "template": {"spec": {"volumes": volumes}}},
        })
    }

    fn found(live: Vec<Json>, target: &[Json]) -> Vec<(String, bool)> {
        let live = Live { stateful_sets: live, ..Live::default() };
        let release = ReleaseName { name: "shop", namespace: "n" };
        let sides = Sides { release, base: 1, last: &[], target, live: &live };
        let all = handed_over(sides);
        all.iter().map(|it| (format!("{} {}", it.claim, named(it.to)), it.refusal(&live).is_some())).collect()
    }

    #[test]
    fn a_claim_goes_over_when_nothing_runs_that_has_it() {
        let api = |claims: &[&str]| set("api", claims, 1);
        let cache = |replicas| set("cache", &["data"], replicas);
        let over = |refused| vec![("data StatefulSet/api".to_owned(), refused)];
        // It becomes a sidecar.
        assert_eq!(found(vec![api(&[]), cache(1)], &[api(&["data"])]), over(true));
        assert_eq!(found(vec![api(&[]), cache(0)], &[api(&["data"])]), over(true));
        assert_eq!(found(vec![api(&[])], &[api(&["data"])]), []);
        // It stops being one.
        let back = [api(&[]), cache(1)];
        assert_eq!(found(vec![api(&["data"])], &back), [("data StatefulSet/cache".to_owned(), true)]);
        assert_eq!(found(vec![set("api", &["data"], 0)], &back), [("data StatefulSet/cache".to_owned(), false)]);
        // One takes the place of another, and both share it.
        assert_eq!(found(vec![cache(1)], &[api(&["data"])]), []);
        assert_eq!(found(vec![api(&["data"]), cache(1)], &[api(&["data"])]), []);
        assert_eq!(found(vec![cache(1)], &[api(&["data"]), cache(1)]), []);
    }
}

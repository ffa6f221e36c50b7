//! Which live objects are replaced by which new ones. Pure.

use super::change::Named;
use super::data;
use super::fixed::{self, KINDS};
use super::live::{Live, replicas};
use crate::k8s::labels;
use crate::k8s::object::{label, name_of};
use crate::k8s::ownership::ReleaseName;
use serde_json::Value as Json;
use std::collections::{BTreeSet, HashMap, HashSet};

/// A release before and after.
#[derive(Debug, Clone, Copy)]
pub struct Sides<'a> {
    pub release: ReleaseName<'a>,
    /// The last revision in place, which the rollback leads to.
    pub base: u64,
    /// Objects of that revision.
    pub last: &'a [Json],
    /// Objects of the chart to come.
    pub target: &'a [Json],
    pub live: &'a Live,
}

/// The live objects that make room, each with what comes in its place.
pub(super) fn pairs(sides: Sides<'_>) -> Vec<(&Json, &Json)> {
    let leaving = Leaving::of(sides);
    let of_another =
        workloads(sides.target).flat_map(|target| leaving.counterparts(target).map(move |old| (old, target)));
    let by_itself = sides.target.iter().filter_map(move |target| {
        KINDS.iter().find(|kind| target["kind"] == **kind)?;
        let old = sides.live.find(&named(target)).filter(|old| sides.release.owns(old))?;
        fixed::marks(old, target).map(|_| (old, target))
    });
    of_another.chain(by_itself).collect()
}

/// The Deployments and StatefulSets among objects.
pub(crate) fn workloads(objects: &[Json]) -> impl Iterator<Item = &Json> {
    objects.iter().filter(|object| object["kind"] == "Deployment" || object["kind"] == "StatefulSet")
}

/// Kind and name of a workload with its number of pods.
pub(super) fn named(workload: &Json) -> Named {
    let kind = workload["kind"].as_str().unwrap_or_default().to_owned();
    Named { kind, name: name_of(workload).to_owned(), replicas: replicas(workload) }
}

/// The live workloads of the release that leave the chart, and their places by what the target that takes the place of one
/// has in common with it: the component, the pods that it selects, or a claim that it mounts.
#[derive(Default)]
struct Leaving<'a> {
    all: Vec<&'a Json>,
    components: HashMap<&'a str, Vec<usize>>,
    selectors: HashMap<&'a Json, Vec<usize>>,
    claims: HashMap<&'a str, Vec<usize>>,
}

impl<'a> Leaving<'a> {
    fn of(sides: Sides<'a>) -> Self {
        let key = |object: &'a Json| (object["kind"].as_str(), name_of(object));
        let staying: HashSet<_> = workloads(sides.target).map(key).collect();
        let live = sides.live.deployments.iter().chain(&sides.live.stateful_sets);
        let mut found = Self::default();
        live.filter(|object| sides.release.owns(object) && !staying.contains(&key(object)))
            .for_each(|object| found.push(object));
        found
    }

    fn push(&mut self, object: &'a Json) {
        let place = self.all.len();
        self.all.push(object);
        if let Some(component) = label(object, labels::COMPONENT) {
            self.components.entry(component).or_default().push(place);
        }
        if selector(object).is_object() {
            self.selectors.entry(selector(object)).or_default().push(place);
        }
        for claim in data::claims_of(object) {
            self.claims.entry(claim).or_default().push(place);
        }
    }

    /// Those that the target takes the place of, in their order.
    fn counterparts(&self, target: &Json) -> impl Iterator<Item = &'a Json> {
        let same_component = label(target, labels::COMPONENT).and_then(|component| self.components.get(component));
        let same_pods = self.selectors.get(selector(target));
        let claims = data::claims_of(target);
        let same_claim = claims.iter().filter_map(|claim| self.claims.get(claim));
        let places: BTreeSet<usize> =
            same_component.into_iter().chain(same_pods).chain(same_claim).flatten().copied().collect();
        let found: Vec<&Json> = places.into_iter().map(|place| self.all[place]).collect();
        found.into_iter()
    }
}

fn selector(workload: &Json) -> &Json {
    &workload["spec"]["selector"]["matchLabels"]
}

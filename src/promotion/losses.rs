//! What a deploy means for data where no kind changes: workloads that start without it, and images that may not read it.
//! Pure.

use super::data::{self, Class, DataNote, Place};
use super::detect::{Sides, pairs, workloads};
use super::fixed;
use super::journal::Confirmation;
use super::observe::{Live, is_of};
use super::servers::{Judgement, judge};
use crate::cluster::name_of;
use crate::problem::Problem;
use serde::Serialize;
use serde_json::Value as Json;

/// Another image on the data of the one that runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ImageNote {
    /// The workload to come.
    pub workload: String,
    /// The image that runs.
    pub was: String,
    /// The image to come.
    pub becomes: String,
    /// What is known of the two.
    pub says: String,
    /// What to do instead, where the data would not be read; none where nobody knows.
    pub way: Option<String>,
}

impl ImageNote {
    /// What a person must agree to.
    pub fn needs(&self) -> Option<Confirmation> {
        self.way.as_ref().map(|_| Confirmation::DatabaseVersion)
    }

    /// Why it is refused until somebody agrees.
    pub fn refusal(&self) -> Option<Problem> {
        let way = self.way.as_ref()?;
        let Self { workload, was, says, .. } = self;
        let what = format!("database-version: `{workload}` would run {says}");
        Some(Problem::at("", what).hint(format!("{way}; or keep the version: `resources.{workload}.image: {was}`")))
    }
}

/// Whether helm alone would go past something that a person must know.
pub fn asks(sides: Sides<'_>) -> bool {
    !losses(sides).is_empty() || !images(sides).is_empty()
}

/// What workloads lose that stay what they are, or leave the chart and nothing comes in their place.
pub fn losses(sides: Sides<'_>) -> Vec<DataNote> {
    let live = sides.live.deployments.iter().chain(&sides.live.stateful_sets);
    let makes_room = |old: &Json| pairs(sides).any(|(other, _)| std::ptr::eq(old, other));
    let mut notes = Vec::new();
    for old in live.filter(|object| is_of(object, sides.release) && !makes_room(object)) {
        let same = |target: &&Json| target["kind"] == old["kind"] && name_of(target) == name_of(old);
        let of_old = match workloads(sides.target).find(same) {
            Some(target) => data::compare(name_of(old), old, target),
            None => data::left_behind(old),
        };
        notes.extend(
            of_old.into_iter().filter(|note| note.class != Class::Safe && is_there(&note.was, old, sides.live)),
        );
    }
    notes
}

/// Whether there is anything that can be lost: a claim may be gone already.
fn is_there(place: &Place, workload: &Json, live: &Live) -> bool {
    match place {
        Place::Claim(name, _) => live.claim(name).is_some(),
        Place::Template(name, _) => {
            let is_of = |claim: &&Json| {
                fixed::template_of(workload, name_of(claim)).is_some_and(|template| name_of(template) == name)
            };
            live.claims.iter().any(|claim| is_of(&claim))
        }
        Place::Pod | Place::Container | Place::Node(_) => true,
    }
}

/// Images that come on the data of others, as far as it matters or is not known to be harmless.
pub fn images(sides: Sides<'_>) -> Vec<ImageNote> {
    let live = sides.live.deployments.iter().chain(&sides.live.stateful_sets);
    let in_place = live.filter(|object| is_of(object, sides.release)).filter_map(|old| {
        let same = |target: &&Json| target["kind"] == old["kind"] && name_of(target) == name_of(old);
        Some((old, workloads(sides.target).find(same)?))
    });
    let other = pairs(sides).filter(|(old, new)| old["kind"] != new["kind"] || name_of(old) != name_of(new));
    in_place.chain(other).flat_map(|(old, new)| of_pair(old, new, sides.live)).collect()
}

fn of_pair(old: &Json, new: &Json, live: &Live) -> Vec<ImageNote> {
    let ready = old["status"]["readyReplicas"].as_u64().is_some_and(|number| number > 0);
    let (before, after) = (containers(old), containers(new));
    let mut notes = Vec::new();
    for container in &before {
        let has_data = data::claimed(old, container).iter().any(|(_, place)| is_there(place, old, live));
        let same = after.iter().find(|other| other["name"] == container["name"]);
        let only = || (before.len() == 1 && after.len() == 1).then(|| &after[0]);
        let Some(next) = same.or_else(only).filter(|_| has_data) else { continue };
        let image = |container: &Json| container["image"].as_str().unwrap_or_default().to_owned();
        let (was, becomes, workload) = (image(container), image(next), name_of(new).to_owned());
        let folders: Vec<String> = data::claimed(new, next).into_iter().map(|(folder, _)| folder).collect();
        let (says, way) = match judge(&was, &becomes, ready, &folders) {
            Judgement::Fine => continue,
            Judgement::Unknown(says) => (says, None),
            Judgement::Unsafe(says, way) => (says, Some(way)),
        };
        notes.push(ImageNote { workload, was, becomes, says, way });
    }
    notes
}

fn containers(workload: &Json) -> Vec<Json> {
    workload["spec"]["template"]["spec"]["containers"].as_array().cloned().unwrap_or_default()
}

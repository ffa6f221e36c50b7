//! What a deploy means for data if no workload kind changes: workloads that start without their data, and images that
//! may not be able to read it. Pure.

use super::change::Confirmation;
use super::data::{self, Class, DataNote, Place};
use super::fixed;
use super::handed_over::{goes_over, handed_over};
use super::live::Live;
use super::pairs::{Sides, pairs, workloads};
use super::servers::{Judgement, judge};
use crate::k8s::labels;
use crate::k8s::object::{label, long_running, name_of};
use crate::support::diagnostic::{Code, Diagnostic};
use serde::Serialize;
use serde_json::Value as Json;
use std::collections::{BTreeSet, HashSet};

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
    /// What to do instead, where the data would not be read; none if it is unknown.
    pub way: Option<String>,
}

impl ImageNote {
    /// What a user must agree to.
    pub fn needs(&self) -> Option<Confirmation> {
        self.way.as_ref().map(|_| Confirmation::DatabaseVersion)
    }

    /// Why it is refused until a user agrees.
    pub fn refusal(&self) -> Option<Diagnostic> {
        let way = self.way.as_ref()?;
        let Self { workload, was, says, .. } = self;
        let what = format!("database-version: `{workload}` would run {says}");
        Some(
            Diagnostic::new(Code::DataAtRisk, "", what)
                .hint(format!("{way}; or keep the current version: `resources.{workload}.image: {was}`")),
        )
    }
}

/// Whether helm alone would go past something that a user must know.
pub fn asks(sides: Sides<'_>) -> bool {
    !losses(sides).is_empty() || !images(sides).is_empty()
}

/// What workloads lose that stay what they are, or leave the chart and nothing comes in their place.
pub(crate) fn losses(sides: Sides<'_>) -> Vec<DataNote> {
    let live = || sides.live.deployments.iter().chain(&sides.live.stateful_sets);
    let pairs: HashSet<*const Json> = pairs(sides).into_iter().map(|(old, _)| std::ptr::from_ref(old)).collect();
    let makes_room = |old: &Json| pairs.contains(&std::ptr::from_ref(old));
    let over = handed_over(sides);
    let mut notes = Vec::new();
    for old in live().filter(|object| sides.release.owns(object) && !makes_room(object)) {
        let same = |target: &&Json| target["kind"] == old["kind"] && name_of(target) == name_of(old);
        let of_old = match workloads(sides.target).find(same) {
            Some(target) => data::compare(name_of(old), old, target),
            None => data::left_behind(old),
        };
        notes.extend(
            of_old
                .into_iter()
                .filter(|note| note.class != Class::Safe && is_there(&note.was, old, sides.live))
                .filter(|note| !goes_over(&over, note, old)),
        );
    }
    let used = live().chain(workloads(sides.target)).flat_map(data::claims_of).collect();
    notes.extend(workloads(sides.target).flat_map(|target| forgotten(sides, &used, target)));
    notes
}

/// What an uninstall kept for a workload that comes again, where the chart makes new claims beside it. `used` are the claims
/// that a workload mounts.
fn forgotten(sides: Sides<'_>, used: &BTreeSet<&str>, target: &Json) -> Vec<DataNote> {
    let mut live = sides.live.deployments.iter().chain(&sides.live.stateful_sets);
    let Some(component) = label(target, labels::COMPONENT) else { return Vec::new() };
    let is_it = |object: &Json| label(object, labels::COMPONENT) == Some(component);
    let containers = containers(target);
    let claimed = containers.iter().flat_map(|container| data::claimed(target, container));
    let new: Vec<(String, Place)> = claimed.filter(|(_, place)| !is_there(place, target, sides.live)).collect();
    if new.is_empty() || live.any(|object| sides.release.owns(object) && is_it(object)) {
        return Vec::new();
    }
    let is_left = |claim: &&Json| {
        let metadata = &claim["metadata"];
        sides.release.owns(claim) && is_it(claim) && metadata["deletionTimestamp"].is_null()
    };
    let left = sides.live.claims.iter().filter(is_left).filter(|claim| !used.contains(name_of(claim)));
    // Which of several held what is unknown: each is reported once.
    let places = new.iter().chain(std::iter::repeat(&new[new.len() - 1]));
    let note = |(claim, (folder, becomes)): (&Json, &(String, Place))| DataNote {
        workload: name_of(target).to_owned(),
        folder: folder.clone(),
        was: Place::Claim(name_of(claim).to_owned(), String::new()),
        becomes: Some(becomes.clone()),
        moved: None,
        class: Class::Abandoned,
    };
    left.zip(places).map(note).collect()
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

/// Images that come on the data of other owners, as far as it matters or is not known to be harmless.
pub(crate) fn images(sides: Sides<'_>) -> Vec<ImageNote> {
    let live = sides.live.deployments.iter().chain(&sides.live.stateful_sets);
    let in_place = live.filter(|object| sides.release.owns(object)).filter_map(|old| {
        let same = |target: &&Json| target["kind"] == old["kind"] && name_of(target) == name_of(old);
        Some((old, workloads(sides.target).find(same)?))
    });
    let pairs = pairs(sides).into_iter();
    let other = pairs.filter(|(old, new)| old["kind"] != new["kind"] || name_of(old) != name_of(new));
    let over = handed_over(sides);
    let over = over.iter().filter(|it| !it.leaves).map(|it| (it.from, it.to));
    in_place.chain(other).chain(over).flat_map(|(old, new)| of_pair(old, new, sides.live)).collect()
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
    long_running(&workload["spec"]["template"]["spec"]).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::k8s::ownership::ReleaseName;
    use serde_json::json;

    /// An object of the release `shop` and a component.
    fn ours(kind: &str, name: &str, component: &str) -> Json {
        json!({"kind": kind, "metadata": {
            "name": name,
            "labels": {labels::COMPONENT: component, labels::MANAGED_BY: "Helm"},
            "annotations": {"meta.helm.sh/release-name": "shop", "meta.helm.sh/release-namespace": "n"},
        }})
    }

    /// A StatefulSet with one container, which mounts the claims at these paths.
    fn set(name: &str, image: &str, claims: &[(&str, &str)]) -> Json {
        let volume = |(claim, _): &(&str, &str)| json!({"name": claim, "persistentVolumeClaim": {"claimName": claim}});
        let volumes: Vec<Json> = claims.iter().map(volume).collect();
        let mounts: Vec<Json> = claims.iter().map(|(claim, path)| json!({"name": claim, "mountPath": path})).collect();
        let mut set = ours("StatefulSet", name, name);
        let containers = json!([{"name": name, "image": image, "volumeMounts": mounts}]);
        set["spec"] = json!({"template": {"spec": {"volumes": volumes, "containers": containers}}});
        set["status"] = json!({"readyReplicas": 1});
        set
    }

    fn sides<'a>(target: &'a [Json], live: &'a Live) -> Sides<'a> {
        let release = ReleaseName { name: "shop", namespace: "n" };
        Sides { release, base: 1, last: &[], target, live }
    }

    #[test]
    fn a_workload_that_loses_its_claim_is_asked_for() {
        let live = Live {
            stateful_sets: vec![set("db", "db:1", &[("a", "/data")])],
            claims: vec![ours("PersistentVolumeClaim", "a", "db")],
            ..Live::default()
        };
        for (target, expected) in [
            (vec![set("db", "db:1", &[("a", "/data")])], 0),
            (vec![set("db", "db:1", &[("b", "/data")])], 1),
            (vec![set("db", "db:1", &[])], 1),
            (vec![], 1),
        ] {
            let sides = sides(&target, &live);
            assert_eq!((losses(sides).len(), asks(sides)), (expected, expected > 0), "{target:?}");
        }
    }

    #[test]
    fn a_workload_that_comes_again_does_not_forget_its_data_without_a_word() {
        let claim = |name: &str| ours("PersistentVolumeClaim", name, "db");
        let (mut foreign, mut going, other) = (claim("a"), claim("a"), ours("PersistentVolumeClaim", "a", "cache"));
        foreign["metadata"]["annotations"]["meta.helm.sh/release-name"] = json!("other");
        going["metadata"]["deletionTimestamp"] = json!("now");
        let db = || set("db", "db:1", &[("new", "/data")]);
        let user = || set("backup", "b:1", &[("a", "/data")]);
        for (what, sets, claims, target, expected) in [
            ("left", vec![], vec![claim("a")], vec![db()], vec!["a"]),
            ("two are left", vec![], vec![claim("a"), claim("b")], vec![db()], vec!["a", "b"]),
            ("nothing is left", vec![], vec![], vec![db()], vec![]),
            ("its claim is there", vec![], vec![claim("a"), claim("new")], vec![db()], vec![]),
            ("of another release", vec![], vec![foreign], vec![db()], vec![]),
            ("of another component", vec![], vec![other], vec![db()], vec![]),
            ("being deleted", vec![], vec![going], vec![db()], vec![]),
            ("it lives", vec![set("db", "db:1", &[])], vec![claim("a")], vec![db()], vec![]),
            ("another one will mount it", vec![], vec![claim("a")], vec![db(), user()], vec![]),
            ("it needs no claim", vec![], vec![claim("a")], vec![set("db", "db:1", &[])], vec![]),
        ] {
            let live = Live { stateful_sets: sets, claims, ..Live::default() };
            let notes = losses(sides(&target, &live));
            let told = notes.iter().filter(|note| note.class == Class::Abandoned).map(|note| match &note.was {
                Place::Claim(name, _) => name.as_str(),
                other => panic!("{what}: {other}"),
            });
            assert_eq!(told.collect::<Vec<_>>(), expected, "{what}");
        }
    }

    #[test]
    fn an_image_that_may_not_read_the_data_is_asked_for() {
        let (claim, target) = (ours("PersistentVolumeClaim", "a", "db"), [set("db", "postgres:18", &[("a", "/data")])]);
        for (was, claims, refused) in [
            ("postgres:17", vec![claim.clone()], true),
            ("postgres:18", vec![claim], false),
            // There is no data.
            ("postgres:17", vec![], false),
        ] {
            let stateful_sets = vec![set("db", was, &[("a", "/data")])];
            let live = Live { stateful_sets, claims, ..Live::default() };
            let sides = sides(&target, &live);
            let found: Vec<ImageNote> = images(sides);
            assert_eq!(found.iter().any(|note| note.needs().is_some()), refused, "{was}");
            assert_eq!(asks(sides), refused, "{was}");
        }
    }
}

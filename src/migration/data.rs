//! What happens to the data in each folder when a workload changes. Pure.

use super::change::Confirmation;
use crate::k8s::object::{is_sidecar, name_of};
use serde::Serialize;
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};

/// Where the data of a folder lies.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Place {
    /// In a claim, or in this folder of it.
    Claim(String, String),
    /// In a claim per pod, from a template of this name, or in this folder of it.
    Template(String, String),
    Pod,
    /// In the file system of the container: nothing is mounted there.
    Container,
    /// In a folder of the node.
    Node(String),
}

/// What becomes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// It is the same claim.
    Safe,
    /// It goes with the pod.
    PodLoss,
    /// Its claim stays and nothing mounts it.
    Abandoned,
    /// It stays on the node.
    LeftOnNode,
}

impl Class {
    /// What a user must agree to.
    pub fn needs(self) -> Option<Confirmation> {
        match self {
            Self::Safe => None,
            Self::PodLoss => Some(Confirmation::EmptydirLoss),
            Self::Abandoned => Some(Confirmation::AbandonData),
            Self::LeftOnNode => Some(Confirmation::Hostpath),
        }
    }
}

/// One folder of a workload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DataNote {
    /// The workload to come.
    pub workload: String,
    /// The folder in the container.
    pub folder: String,
    /// Where its data lies now.
    pub was: Place,
    /// Where it is looked for afterwards; none when nothing is mounted there.
    pub becomes: Option<Place>,
    /// Another folder where its claim is mounted from now on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub moved: Option<String>,
    /// What that means.
    pub class: Class,
}

impl Place {
    fn is_claim(&self) -> bool {
        matches!(self, Self::Claim(..) | Self::Template(..))
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Claim(name, _) => write!(f, "claim {name}")?,
            Self::Template(name, _) => write!(f, "a claim {name} per pod")?,
            Self::Pod => f.write_str("the pod itself")?,
            Self::Container => f.write_str("the container's own file system")?,
            Self::Node(path) => write!(f, "{path} on the node")?,
        }
        match self {
            // The folder of every claim of ours.
            Self::Claim(_, folder) | Self::Template(_, folder) if !folder.is_empty() && folder != "data" => {
                write!(f, " (folder {folder})")
            }
            _ => Ok(()),
        }
    }
}

/// The claims that the pods of a workload mount by name.
pub(crate) fn claims_of(workload: &Json) -> BTreeSet<&str> {
    super::pods::mounted(&workload["spec"]["template"]["spec"]).collect()
}

/// A folder of a native sidecar, or, without a name, of the other containers of a pod.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Folder {
    container: String,
    path: String,
}

impl std::fmt::Display for Folder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.path)?;
        if self.container.is_empty() { Ok(()) } else { write!(f, " of {}", self.container) }
    }
}

/// The folders whose data is at stake, in the order of their names.
pub(crate) fn compare(name: &str, old: &Json, new: &Json) -> Vec<DataNote> {
    // The claims of a template are called after their StatefulSet.
    let same_set = old["kind"] == new["kind"] && name_of(old) == name_of(new);
    let (before, after) = (mounts(old), mounts(new));
    let kept: BTreeSet<&Place> = before.values().flatten().filter(|place| place.is_claim()).collect();
    let mut notes = Vec::new();
    for (folder, was) in before.iter().filter_map(|(folder, place)| Some((folder, place.as_ref()?))) {
        let becomes = after.get(folder).cloned().flatten();
        if let Some(class) = class(was, becomes.as_ref(), same_set) {
            let is_new = |(path, place): &(&Folder, &Option<Place>)| {
                place.as_ref() == Some(was) && before.get(*path) != Some(*place)
            };
            let moved = (class == Class::Abandoned).then(|| after.iter().find(is_new)).flatten();
            let (moved, was) = (moved.map(|(path, _)| path.to_string()), was.clone());
            notes.push(DataNote { workload: name.to_owned(), folder: folder.to_string(), was, becomes, moved, class });
        }
    }
    let claimed = after.iter().filter_map(|(folder, place)| Some((folder, place.as_ref()?)));
    let claimed = claimed.filter(|(folder, place)| place.is_claim() && !before.contains_key(*folder));
    // What a sidecar kept that was not there is nothing.
    for (folder, becomes) in claimed.filter(|(folder, _)| has_container(old, &folder.container)) {
        // A claim that was mounted elsewhere was told of where it was; files of other owners around the folder are no data.
        let Some(was) = around(&before, folder).filter(|_| !kept.contains(becomes)) else { continue };
        let runs = super::live::replicas(old) > 0;
        let class = class(&was, Some(becomes), same_set).filter(|class| runs || *class != Class::PodLoss);
        if let Some(class) = class {
            let (workload, folder, becomes) = (name.to_owned(), folder.to_string(), Some(becomes.clone()));
            notes.push(DataNote { workload, folder, was, becomes, moved: None, class });
        }
    }
    notes.sort_by(|a, b| a.folder.cmp(&b.folder));
    notes
}

/// Whether a pod has this sidecar; without a name, whether it has containers.
fn has_container(workload: &Json, sidecar: &str) -> bool {
    let containers = list(&workload["spec"]["template"]["spec"]["initContainers"]);
    sidecar.is_empty() || containers.iter().any(|container| container["name"] == sidecar)
}

/// The claims of a workload that leaves the chart: each with what it was mounted for.
pub(crate) fn left_behind(old: &Json) -> Vec<DataNote> {
    let places = mounts(old).into_iter().filter_map(|(folder, place)| Some((folder, place?)));
    let claims = places.filter(|(_, place)| place.is_claim());
    let note = |(folder, was): (Folder, Place)| DataNote {
        workload: name_of(old).to_owned(),
        folder: folder.to_string(),
        was,
        becomes: None,
        moved: None,
        class: Class::Abandoned,
    };
    claims.map(note).collect()
}

fn class(was: &Place, becomes: Option<&Place>, same_set: bool) -> Option<Class> {
    match (was, becomes) {
        // What is in the pod goes with every pod; it matters where the chart now keeps it.
        (Place::Pod | Place::Container, Some(Place::Claim(..) | Place::Template(..))) => Some(Class::PodLoss),
        (Place::Pod | Place::Container, _) => None,
        (Place::Claim(..), Some(new @ Place::Claim(..))) if was == new => Some(Class::Safe),
        (Place::Template(..), Some(new @ Place::Template(..))) if was == new && same_set => Some(Class::Safe),
        (Place::Claim(..) | Place::Template(..), _) => Some(Class::Abandoned),
        (Place::Node(a), Some(Place::Node(b))) if a == b => None,
        (Place::Node(_), _) => Some(Class::LeftOnNode),
    }
}

/// Where the data of a folder lies that has no mount of its own; none if it is a folder of files.
fn around(mounts: &BTreeMap<Folder, Option<Place>>, folder: &Folder) -> Option<Place> {
    let holds = |outer: &Folder| {
        let rest = folder.path.strip_prefix(outer.path.trim_end_matches('/'));
        outer.container == folder.container && rest.is_some_and(|rest| rest.starts_with('/'))
    };
    let outer = mounts.iter().filter(|(outer, _)| holds(outer)).max_by_key(|(outer, _)| outer.path.len());
    outer.map_or(Some(Place::Container), |(_, place)| place.clone())
}

/// What every container mounts, by folder. Files of ConfigMaps and the like hold no data. An init container that ends only looks
/// at a volume that others use: what it calls the folder tells nothing of the data.
fn mounts(workload: &Json) -> BTreeMap<Folder, Option<Place>> {
    let pod = &workload["spec"]["template"]["spec"];
    let volumes = volumes(workload);
    let (stays, ends): (Vec<&Json>, Vec<&Json>) =
        list(&pod["initContainers"]).iter().partition(|container| is_sidecar(container));
    let running: Vec<&Json> = list(&pod["containers"]).iter().chain(stays).collect();
    let used = running.iter().flat_map(|container| list(&container["volumeMounts"]));
    let used: BTreeSet<&str> = used.filter_map(|mount| mount["name"].as_str()).collect();
    let is_used = |mount: &Json| mount["name"].as_str().is_some_and(|name| used.contains(name));
    let of_container = |container: &Json, with_used: bool| {
        let name = if is_sidecar(container) { text(&container["name"]) } else { String::new() };
        let mounts = list(&container["volumeMounts"]).iter().filter(|mount| with_used || !is_used(mount));
        let mounts = mounts.filter_map(|it| mount(it, &volumes));
        mounts.map(|(path, place)| (Folder { container: name.clone(), path }, place)).collect::<Vec<_>>()
    };
    let running = running.iter().flat_map(|container| of_container(container, true));
    running.chain(ends.iter().flat_map(|container| of_container(container, false))).collect()
}

/// The folders of one container that are claims.
pub(crate) fn claimed(workload: &Json, container: &Json) -> Vec<(String, Place)> {
    let volumes = volumes(workload);
    let mounts = list(&container["volumeMounts"]).iter().filter_map(|it| mount(it, &volumes));
    mounts.filter_map(|(folder, place)| Some((folder, place.filter(Place::is_claim)?))).collect()
}

/// A folder and what is mounted there.
fn mount(mount: &Json, volumes: &BTreeMap<String, Option<Place>>) -> Option<(String, Option<Place>)> {
    let mut place = volumes.get(mount["name"].as_str()?)?.clone();
    if let Some(Place::Claim(_, folder) | Place::Template(_, folder)) = &mut place {
        text(&mount["subPath"]).trim_end_matches('/').clone_into(folder);
    }
    let path = text(&mount["mountPath"]);
    let folder = path.trim_end_matches('/');
    Some((if folder.is_empty() { path.clone() } else { folder.to_owned() }, place))
}

/// The volumes of the pods, by their names.
fn volumes(workload: &Json) -> BTreeMap<String, Option<Place>> {
    let mut volumes: BTreeMap<String, Option<Place>> = BTreeMap::new();
    for volume in list(&workload["spec"]["template"]["spec"]["volumes"]) {
        let place = if volume["persistentVolumeClaim"].is_object() {
            Some(Place::Claim(text(&volume["persistentVolumeClaim"]["claimName"]), String::new()))
        } else if volume["emptyDir"].is_object() {
            Some(Place::Pod)
        } else if volume["hostPath"].is_object() {
            Some(Place::Node(text(&volume["hostPath"]["path"])))
        } else {
            None
        };
        volumes.insert(text(&volume["name"]), place);
    }
    for template in list(&workload["spec"]["volumeClaimTemplates"]) {
        let name = text(&template["metadata"]["name"]);
        volumes.insert(name.clone(), Some(Place::Template(name, String::new())));
    }
    volumes
}

fn list(value: &Json) -> &[Json] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Json) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn workload(volumes: &Json, templates: &[&str]) -> Json {
        let mounts = json!([{"name": "v", "mountPath": "/data"}, {"name": "files", "mountPath": "/etc/app"}]);
        let templates: Vec<Json> = templates.iter().map(|name| json!({"metadata": {"name": name}})).collect();
        json!({"spec": {
            "volumeClaimTemplates": templates,
            "template": {"spec": {"volumes": volumes, "containers": [{"volumeMounts": mounts}]}},
        }})
    }

    #[test]
    fn every_move_of_data_has_its_class() {
        let claim = |name: &str| json!([{"name": "v", "persistentVolumeClaim": {"claimName": name}}, {"name": "files", "configMap": {}}]);
        let (pod, none) = (json!([{"name": "v", "emptyDir": {}}]), json!([]));
        let host = json!([{"name": "v", "hostPath": {"path": "/srv"}}]);
        for (was, becomes, class) in [
            (workload(&claim("a"), &[]), workload(&claim("a"), &[]), Some(Class::Safe)),
            (workload(&claim("a"), &[]), workload(&claim("b"), &[]), Some(Class::Abandoned)),
            (workload(&claim("a"), &[]), workload(&pod, &[]), Some(Class::Abandoned)),
            (workload(&claim("a"), &[]), workload(&none, &["v"]), Some(Class::Abandoned)),
            (workload(&none, &["v"]), workload(&claim("a"), &[]), Some(Class::Abandoned)),
            (workload(&pod, &[]), workload(&claim("a"), &[]), Some(Class::PodLoss)),
            (workload(&pod, &[]), workload(&pod, &[]), None),
            (workload(&host, &[]), workload(&claim("a"), &[]), Some(Class::LeftOnNode)),
            (workload(&none, &[]), workload(&claim("a"), &[]), Some(Class::PodLoss)),
            (workload(&json!([{"name": "v", "configMap": {}}]), &[]), workload(&claim("a"), &[]), None),
            (workload(&none, &["v"]), workload(&none, &["v"]), Some(Class::Safe)),
        ] {
            let found: Vec<Class> = compare("db", &was, &becomes).into_iter().map(|note| note.class).collect();
            assert_eq!(found, class.into_iter().collect::<Vec<_>>());
        }
    }

    /// A StatefulSet that mounts claims: claim, folder in the container, folder of the claim.
    fn set(mounts: &[(&str, &str, &str)]) -> Json {
        let volume = |(index, (claim, ..)): (usize, &(&str, &str, &str))| json!({"name": index.to_string(), "persistentVolumeClaim": {"claimName": claim}});
        let mount = |(index, (_, path, folder)): (usize, &(&str, &str, &str))| json!({"name": index.to_string(), "mountPath": path, "subPath": folder});
        let (volumes, mounts): (Vec<Json>, Vec<Json>) =
            (mounts.iter().enumerate().map(volume).collect(), mounts.iter().enumerate().map(mount).collect());
        json!({"kind": "StatefulSet", "metadata": {"name": "db"}, "spec": {"template": {"spec": {
            "volumes": volumes, "containers": [{"volumeMounts": mounts}]}}}})
    }

    #[test]
    fn an_init_container_that_looks_at_a_claim_moves_nothing() {
        let old = set(&[("a", "/var/lib/db/data", "data")]);
        let look = json!({"name": "own-data", "volumeMounts": [{"name": "0", "mountPath": "/volumes/data"}]});
        let mut new = old.clone();
        new["spec"]["template"]["spec"]["initContainers"] = json!([look]);
        for (was, becomes) in [(&old, &new), (&new, &old), (&new, &new)] {
            let said: Vec<Class> = compare("db", was, becomes).into_iter().map(|note| note.class).collect();
            assert_eq!(said, [Class::Safe]);
        }
        // It stays beside the others, or is the only one that uses the claim.
        let mut beside = new.clone();
        beside["spec"]["template"]["spec"]["initContainers"][0]["restartPolicy"] = json!("Always");
        assert_eq!(compare("db", &beside, &old).len(), 2);
        let mut alone = new.clone();
        alone["spec"]["template"]["spec"]["containers"][0]["volumeMounts"] = json!([]);
        assert_eq!(compare("db", &alone, &set(&[]))[0].class, Class::Abandoned);
    }

    #[test]
    fn a_claim_that_moves_is_told_of_once() {
        let said = |old: &Json, new: &Json| -> Vec<(String, Class)> {
            compare("db", old, new).into_iter().map(|note| (note.folder, note.class)).collect()
        };
        let old = set(&[("a", "/var/lib/db/data", "data")]);
        for (new, expected) in [
            (set(&[("a", "/var/lib/db/data/", "data")]), ("/var/lib/db/data", Class::Safe)),
            (set(&[("a", "/var/lib/db", "data")]), ("/var/lib/db/data", Class::Abandoned)),
            (set(&[("a", "/var/lib/db/data", "other")]), ("/var/lib/db/data", Class::Abandoned)),
            (set(&[]), ("/var/lib/db/data", Class::Abandoned)),
        ] {
            assert_eq!(said(&old, &new), [(expected.0.to_owned(), expected.1)]);
        }
        // What lies in a folder of a claim is hidden by another one there.
        let inner = set(&[("a", "/var/lib/db/data", "data"), ("b", "/var/lib/db/data/logs", "data")]);
        assert_eq!(
            said(&old, &inner),
            [("/var/lib/db/data".to_owned(), Class::Safe), ("/var/lib/db/data/logs".to_owned(), Class::Abandoned)]
        );
        // Nothing runs, so nothing is lost with it.
        let mut stopped = set(&[]);
        assert_eq!(said(&stopped, &old), [("/var/lib/db/data".to_owned(), Class::PodLoss)]);
        stopped["spec"]["replicas"] = json!(0);
        assert_eq!(said(&stopped, &old), []);
        assert_eq!(left_behind(&old)[0].was, Place::Claim("a".into(), "data".into()));
    }

    #[test]
    fn a_claim_that_moves_says_where_to() {
        let moved = |old: &[(&str, &str, &str)], new: &[(&str, &str, &str)]| {
            compare("db", &set(old), &set(new)).into_iter().next().unwrap().moved
        };
        let old = [("a", "/data", "data")];
        for (new, expected) in [
            (vec![("a", "/elsewhere", "data")], Some("/elsewhere")),
            (vec![("b", "/data", "data"), ("a", "/old", "data")], Some("/old")),
            (vec![("a", "/elsewhere", "other")], None),
            (vec![("b", "/elsewhere", "data")], None),
        ] {
            assert_eq!(moved(&old, &new).as_deref(), expected, "{new:?}");
        }
        // It was there before, too.
        let twice = [("a", "/data", "data"), ("a", "/more", "data")];
        assert_eq!(moved(&twice, &[("a", "/more", "data")]), None);
    }

    #[test]
    fn folders_of_a_sidecar_are_its_own() {
        let pod = |sidecar: Option<(&str, &str)>| {
            let mount = |claim: &str| json!([{"name": claim, "mountPath": "/data"}]);
            let volume = |claim: &str| json!({"name": claim, "persistentVolumeClaim": {"claimName": claim}});
            let mut spec =
                json!({"volumes": [volume("a")], "containers": [{"name": "api", "volumeMounts": mount("a")}]});
            if let Some((name, claim)) = sidecar {
                spec["volumes"] = json!([volume("a"), volume(claim)]);
                spec["initContainers"] =
                    json!([{"name": name, "restartPolicy": "Always", "volumeMounts": mount(claim)}]);
            }
            json!({"kind": "StatefulSet", "metadata": {"name": "api"}, "spec": {"template": {"spec": spec}}})
        };
        let said = |old: Option<(&str, &str)>, new: Option<(&str, &str)>| -> Vec<(String, Class)> {
            compare("api", &pod(old), &pod(new)).into_iter().map(|note| (note.folder, note.class)).collect()
        };
        let safe = ("/data".to_owned(), Class::Safe);
        assert_eq!(said(None, Some(("db", "b"))), std::slice::from_ref(&safe));
        assert_eq!(said(Some(("db", "b")), None), [safe.clone(), ("/data of db".to_owned(), Class::Abandoned)]);
        assert_eq!(said(Some(("db", "b")), Some(("db", "b"))), [safe, ("/data of db".to_owned(), Class::Safe)]);
    }
}

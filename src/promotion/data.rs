//! What happens to the data in each folder when a workload changes its kind. Pure.

use super::journal::Confirmation;
use crate::cluster::name_of;
use serde::Serialize;
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};

/// Where the data of a folder lies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Place {
    /// In a claim.
    Claim(String),
    /// In a claim per pod, from a template of this name.
    Template(String),
    /// In the pod.
    Pod,
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
    /// What a person must agree to.
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
    /// What that means.
    pub class: Class,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Claim(name) => write!(f, "claim {name}"),
            Self::Template(name) => write!(f, "a claim {name} per pod"),
            Self::Pod => f.write_str("the pod itself"),
            Self::Node(path) => write!(f, "{path} on the node"),
        }
    }
}

/// The claims that the pods of a workload mount by name.
pub fn claims_of(workload: &Json) -> BTreeSet<&str> {
    super::observe::mounted(&workload["spec"]["template"]["spec"]).collect()
}

/// The folders whose data is at stake, in the order of their names.
pub fn compare(name: &str, old: &Json, new: &Json) -> Vec<DataNote> {
    // The claims of a template are called after their StatefulSet.
    let same_set = old["kind"] == new["kind"] && name_of(old) == name_of(new);
    let (was, mut becomes) = (places(old), places(new));
    let note = |(folder, was): (String, Place)| {
        let becomes = becomes.remove(&folder);
        let class = class(&was, becomes.as_ref(), same_set)?;
        Some(DataNote { workload: name.to_owned(), folder, was, becomes, class })
    };
    was.into_iter().filter_map(note).collect()
}

fn class(was: &Place, becomes: Option<&Place>, same_set: bool) -> Option<Class> {
    match (was, becomes) {
        // What is in the pod goes with every pod; it matters where somebody now wants to keep it.
        (Place::Pod, Some(Place::Claim(_) | Place::Template(_))) => Some(Class::PodLoss),
        (Place::Pod, _) => None,
        (Place::Claim(a), Some(Place::Claim(b))) if a == b => Some(Class::Safe),
        (Place::Template(a), Some(Place::Template(b))) if a == b && same_set => Some(Class::Safe),
        (Place::Claim(_) | Place::Template(_), _) => Some(Class::Abandoned),
        (Place::Node(a), Some(Place::Node(b))) if a == b => None,
        (Place::Node(_), _) => Some(Class::LeftOnNode),
    }
}

/// Folders of all containers and where their data lies. Files of ConfigMaps and the like hold no data.
fn places(workload: &Json) -> BTreeMap<String, Place> {
    let pod = &workload["spec"]["template"]["spec"];
    let list = |value: &'_ Json| value.as_array().cloned().unwrap_or_default();
    let text = |value: &Json| value.as_str().unwrap_or_default().to_owned();
    let mut volumes = BTreeMap::new();
    for volume in list(&pod["volumes"]) {
        let place = if volume["persistentVolumeClaim"].is_object() {
            Place::Claim(text(&volume["persistentVolumeClaim"]["claimName"]))
        } else if volume["emptyDir"].is_object() {
            Place::Pod
        } else if volume["hostPath"].is_object() {
            Place::Node(text(&volume["hostPath"]["path"]))
        } else {
            continue;
        };
        volumes.insert(text(&volume["name"]), place);
    }
    for template in list(&workload["spec"]["volumeClaimTemplates"]) {
        let name = text(&template["metadata"]["name"]);
        volumes.insert(name.clone(), Place::Template(name));
    }
    let containers = list(&pod["containers"]).into_iter().chain(list(&pod["initContainers"]));
    let mounts = containers.flat_map(|container| list(&container["volumeMounts"]));
    mounts
        .filter_map(|mount| Some((text(&mount["mountPath"]), volumes.get(mount["name"].as_str()?)?.clone())))
        .collect()
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
            (workload(&none, &[]), workload(&claim("a"), &[]), None),
            (workload(&none, &["v"]), workload(&none, &["v"]), Some(Class::Safe)),
        ] {
            let found: Vec<Class> = compare("db", &was, &becomes).into_iter().map(|note| note.class).collect();
            assert_eq!(found, class.into_iter().collect::<Vec<_>>());
        }
    }
}

//! The pods that objects create: how many, from which template. One row per kind.

use crate::k8s::object::name_of;
use serde_json::Value as Json;

/// Pods of one template.
#[derive(Debug, Clone, Copy)]
pub struct Pods<'a> {
    /// The object that makes them.
    pub owner: &'a Json,
    /// How many.
    pub count: u64,
    /// Metadata and spec of each.
    pub template: &'a Json,
}

/// Kind, and where its template and its number of pods are; without a number it is one.
const MAKERS: [(&str, &str, &str); 7] = [
    ("Deployment", "/spec/template", "/spec/replicas"),
    ("StatefulSet", "/spec/template", "/spec/replicas"),
    ("ReplicaSet", "/spec/template", "/spec/replicas"),
    ("DaemonSet", "/spec/template", ""),
    ("Job", "/spec/template", "/spec/parallelism"),
    ("CronJob", "/spec/jobTemplate/spec/template", "/spec/jobTemplate/spec/parallelism"),
    ("Pod", "", ""),
];

impl<'a> Pods<'a> {
    /// The spec of each.
    pub fn spec(&self) -> &'a Json {
        &self.template["spec"]
    }

    /// The name of what makes them, which is the name of the workload.
    pub fn name(&self) -> &'a str {
        name_of(self.owner)
    }

    /// Containers that run together, each with its name.
    pub fn containers(&self) -> impl Iterator<Item = &'a Json> {
        list(&self.spec()["containers"])
    }

    /// Containers that run before, or beside the others.
    pub fn init_containers(&self) -> impl Iterator<Item = &'a Json> {
        list(&self.spec()["initContainers"])
    }

    /// Pods more than there are while a new revision is rolled out.
    pub fn surge(&self) -> u64 {
        if self.owner["kind"] != "Deployment" || self.owner["spec"]["strategy"]["type"] == "Recreate" {
            return 0;
        }
        let surge = &self.owner["spec"]["strategy"]["rollingUpdate"]["maxSurge"];
        let percent = |text: &str| text.strip_suffix('%')?.parse::<u64>().ok();
        match surge.as_str().map_or(Some(25), percent) {
            _ if surge.is_u64() => surge.as_u64().unwrap_or_default(),
            Some(percent) => (self.count * percent).div_ceil(100),
            None => 0,
        }
    }
}

/// All pods of these objects.
pub fn pods(objects: &[Json]) -> Vec<Pods<'_>> {
    objects.iter().filter_map(of).collect()
}

/// The pods of one object.
pub(super) fn of(owner: &Json) -> Option<Pods<'_>> {
    let (_, template, count) = MAKERS.iter().find(|(kind, ..)| owner["kind"] == **kind)?;
    let count = if count.is_empty() { None } else { owner.pointer(count).and_then(Json::as_u64) };
    Some(Pods { owner, count: count.unwrap_or(1), template: owner.pointer(template)? })
}

fn list(value: &Json) -> impl Iterator<Item = &Json> {
    value.as_array().into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn pods_are_found_in_what_makes_them() {
        let template = json!({"spec": {"containers": [{"name": "c"}]}});
        let job = json!({"kind": "CronJob", "spec": {"jobTemplate": {"spec": {"template": template}}}});
        let objects = [
            json!({"kind": "Deployment", "spec": {"replicas": 3, "template": template}}),
            json!({"kind": "Service"}),
            job,
        ];
        let found: Vec<(u64, usize)> =
            pods(&objects).iter().map(|pods| (pods.count, pods.containers().count())).collect();
        assert_eq!(found, [(3, 1), (1, 1)]);
    }

    #[test]
    fn a_rollout_needs_room_for_more() {
        for (surge, count, expected) in
            [(json!(1), 3, 1), (json!("25%"), 5, 2), (json!("0%"), 5, 0), (Json::Null, 4, 1)]
        {
            let spec = json!({"replicas": count, "template": {}, "strategy": {"rollingUpdate": {"maxSurge": surge}}});
            let object = json!({"kind": "Deployment", "spec": spec});
            assert_eq!(of(&object).unwrap().surge(), expected, "{object}");
        }
        assert_eq!(of(&json!({"kind": "StatefulSet", "spec": {"replicas": 3, "template": {}}})).unwrap().surge(), 0);
    }
}

//! Immutable fields: an object must be deleted and recreated to change them, and how that is done. Pure.
//!
//! One function compares a live object, a new manifest and a previous manifest; it ignores the defaults of the API
//! server in all of them.

use super::change::{Change, How, Marks};
use super::hash::short_hash;
use super::progress::Role;
use crate::k8s::object;
use crate::k8s::quantity::Quantity;
use serde_json::{Map, Value as Json, json};

/// Kinds that are deleted and recreated.
pub(crate) const KINDS: [&str; 4] = ["Deployment", "StatefulSet", "Service", "Job"];

/// What the API server writes into the template of a Job where nothing was said.
const DEFAULTS: [(&str, &str); 8] = [
    ("terminationMessagePath", "/dev/termination-log"),
    ("terminationMessagePolicy", "File"),
    ("dnsPolicy", "ClusterFirst"),
    ("schedulerName", "default-scheduler"),
    ("protocol", "TCP"),
    ("apiVersion", "v1"),
    ("volumeMode", "Filesystem"),
    ("terminationGracePeriodSeconds", "30"),
];

/// What it always writes there, in one form or another.
const FILLED_IN: [&str; 6] = [
    "imagePullPolicy",
    "serviceAccount",
    "batch.kubernetes.io/controller-uid",
    "batch.kubernetes.io/job-name",
    "controller-uid",
    "job-name",
];

/// The fields of an object that stay as they are for as long as it lives, by their names.
pub(crate) fn fixed(object: &Json) -> Map<String, Json> {
    let spec = &object["spec"];
    let mut fields = Map::new();
    match object["kind"].as_str() {
        Some("Deployment") => {
            fields.insert("selector".into(), spec["selector"].clone());
        }
        Some("StatefulSet") => {
            fields.insert("selector".into(), spec["selector"].clone());
            fields.insert("serviceName".into(), spec["serviceName"].as_str().unwrap_or_default().into());
            let policy = spec["podManagementPolicy"].as_str().unwrap_or("OrderedReady");
            fields.insert("podManagementPolicy".into(), policy.into());
            let templates: Vec<Json> = templates(object).map(template).collect();
            fields.insert("volumeClaimTemplates".into(), templates.into());
        }
        // An address of its own, or none: which one is up to the cluster.
        Some("Service") if spec["type"] != "ExternalName" => {
            fields.insert("clusterIP".into(), (spec["clusterIP"] == "None").into());
        }
        Some("Job") => {
            fields.insert("template".into(), plain(&spec["template"]).unwrap_or_default());
        }
        _ => {}
    }
    fields
}

/// The digest of them, by which the old and the new object of one name are told apart.
pub(crate) fn digest(object: &Json) -> String {
    short_hash(&Json::Object(fixed(object)).to_string())
}

/// What must be deleted and recreated to get from the live object to the one to come; none if nothing must.
pub(crate) fn marks(live: &Json, target: &Json) -> Option<Marks> {
    let (now, next) = (fixed(live), fixed(target));
    let fields: Vec<String> =
        next.iter().filter(|(name, to)| now.get(*name) != Some(to)).map(|(n, _)| n.clone()).collect();
    (!fields.is_empty()).then(|| Marks { was: digest(live), becomes: digest(target), fields })
}

impl Change {
    /// Whether a live object of the right kind and name is the old one, or the new one.
    pub fn is(&self, role: Role, object: &Json) -> bool {
        let Some(marks) = &self.marks else { return true };
        (digest(object) == marks.was) == (role == Role::Old)
    }
}

/// What happens to the pods. Of a StatefulSet they can stay where they belong to the new one as well as to the old; of a
/// Deployment where nobody else takes them and no two of them may write.
pub(crate) fn how(live: &Json, target: &Json, marks: &Marks, has_claims: bool, others_overlap: bool) -> How {
    match live["kind"].as_str() {
        Some("Service" | "Job") => How::Replace,
        Some("Deployment") if !has_claims && !others_overlap => How::Adopt,
        Some("StatefulSet") => {
            let harmless = |field: &String| match field.as_str() {
                "podManagementPolicy" => true,
                "volumeClaimTemplates" => same_volumes(live, target),
                _ => false,
            };
            if marks.fields.iter().all(harmless) { How::Adopt } else { How::Stop }
        }
        _ => How::Stop,
    }
}

/// Whether a selector takes the pods with these labels. One with expressions is taken to.
pub(crate) fn selects(selector: &Json, labels: &Json) -> bool {
    if selector["matchExpressions"].as_array().is_some_and(|all| !all.is_empty()) {
        return true;
    }
    let wanted = selector["matchLabels"].as_object();
    wanted.is_some_and(|wanted| wanted.iter().all(|(key, value)| labels[key] == *value))
}

/// The claim templates of a StatefulSet.
pub(crate) fn templates(set: &Json) -> impl Iterator<Item = &Json> {
    set["spec"]["volumeClaimTemplates"].as_array().into_iter().flatten()
}

/// The template that a claim of a StatefulSet was made from: `<template>-<set>-<number>`.
pub(crate) fn template_of<'a>(set: &'a Json, claim: &str) -> Option<&'a Json> {
    templates(set).find(|template| {
        let (template, set) = (object::name_of(template), object::name_of(set));
        let number = claim.strip_prefix(template).and_then(|rest| rest.strip_prefix('-')).and_then(|rest| {
            let rest = rest.strip_prefix(set)?;
            rest.strip_prefix('-')
        });
        number.is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
    })
}

/// The size that a claim or a template asks for.
pub(crate) fn size(claim: &Json) -> Option<&str> {
    claim["spec"]["resources"]["requests"]["storage"].as_str()
}

/// Whether both make the same claims, but for their size and marks.
fn same_volumes(live: &Json, target: &Json) -> bool {
    let volumes = |set: &Json| -> Vec<Json> {
        let of = |claim: &Json| {
            let mut claim = template(claim);
            claim["size"] = Json::Null;
            claim["labels"] = Json::Null;
            claim["annotations"] = Json::Null;
            claim
        };
        templates(set).map(of).collect()
    };
    volumes(live) == volumes(target)
}

fn template(claim: &Json) -> Json {
    let (metadata, spec) = (&claim["metadata"], &claim["spec"]);
    let map = |value: &Json| value.as_object().cloned().unwrap_or_default();
    let amount =
        size(claim).map(|text| Quantity::parse(text).map_or_else(|| text.to_owned(), |size| size.times(1).to_string()));
    json!({
        "name": metadata["name"],
        "labels": map(&metadata["labels"]),
        "annotations": map(&metadata["annotations"]),
        "modes": spec["accessModes"],
        "class": spec["storageClassName"],
        "mode": spec["volumeMode"].as_str().unwrap_or("Filesystem"),
        "size": amount,
    })
}

/// The value without what the API server fills in.
fn plain(value: &Json) -> Option<Json> {
    match value {
        Json::Null => None,
        Json::Object(fields) => {
            let said = |(key, value): (&String, &Json)| {
                let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                let by_itself = FILLED_IN.contains(&key.as_str()) || DEFAULTS.contains(&(key, text.as_str()));
                if by_itself { None } else { Some((key.clone(), plain(value)?)) }
            };
            let fields: Map<String, Json> = fields.iter().filter_map(said).collect();
            (!fields.is_empty()).then_some(Json::Object(fields))
        }
        Json::Array(items) => {
            let items: Vec<Json> = items.iter().map(|item| plain(item).unwrap_or_default()).collect();
            (!items.is_empty()).then_some(Json::Array(items))
        }
        other => Some(other.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(change: fn(&mut Json)) -> Json {
        let mut set = json!({
            "kind": "StatefulSet",
            "metadata": {"name": "db"},
            "spec": {
                "serviceName": "db-headless",
                "podManagementPolicy": "Parallel",
                "selector": {"matchLabels": {"c": "db"}},
                "volumeClaimTemplates": [{
                    "metadata": {"name": "data", "labels": {"c": "db"}},
                    "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
                }],
            },
        });
        change(&mut set);
        set
    }

    #[test]
    fn what_the_server_fills_in_is_no_change() {
        let live = set(|set| {
            let template = &mut set["spec"]["volumeClaimTemplates"][0];
            (template["kind"], template["status"]) = (json!("PersistentVolumeClaim"), json!({"phase": "Pending"}));
            template["spec"]["volumeMode"] = json!("Filesystem");
            template["spec"]["resources"]["requests"]["storage"] = json!("1024Mi");
        });
        assert_eq!(marks(&live, &set(|_| {})), None);
        let job = |pod: Json| json!({"kind": "Job", "spec": {"template": pod}});
        let given = job(json!({"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "i:1"}]}}));
        let live = job(json!({
            "metadata": {"creationTimestamp": null, "labels": {"job-name": "j", "controller-uid": "u"}},
            "spec": {
                "restartPolicy": "Never", "dnsPolicy": "ClusterFirst", "schedulerName": "default-scheduler",
                "securityContext": {}, "terminationGracePeriodSeconds": 30,
                "containers": [{"name": "c", "image": "i:1", "imagePullPolicy": "IfNotPresent", "resources": {},
                    "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File"}],
            },
        }));
        assert_eq!(marks(&live, &given), None);
        let mut other = given.clone();
        other["spec"]["template"]["spec"]["containers"][0]["image"] = json!("i:2");
        assert_eq!(marks(&live, &other).unwrap().fields, ["template"]);
        let service = |address: Json| json!({"kind": "Service", "spec": {"clusterIP": address}});
        assert_eq!(marks(&service(json!("10.0.0.1")), &service(json!(null))), None);
        assert_eq!(marks(&service(json!("10.0.0.1")), &service(json!("None"))).unwrap().fields, ["clusterIP"]);
    }

    #[test]
    fn pods_stay_where_both_own_them() {
        type Change = fn(&mut Json);
        let cases: [(Change, &str, How); 7] = [
            (|set| set["spec"]["podManagementPolicy"] = json!(null), "podManagementPolicy", How::Adopt),
            (
                |set| set["spec"]["volumeClaimTemplates"][0]["spec"]["resources"]["requests"]["storage"] = json!("2Gi"),
                "volumeClaimTemplates",
                How::Adopt,
            ),
            (
                |set| set["spec"]["volumeClaimTemplates"][0]["metadata"]["labels"] = json!({}),
                "volumeClaimTemplates",
                How::Adopt,
            ),
            (
                |set| set["spec"]["volumeClaimTemplates"][0]["metadata"]["name"] = json!("other"),
                "volumeClaimTemplates",
                How::Stop,
            ),
            (
                |set| set["spec"]["volumeClaimTemplates"][0]["spec"]["accessModes"] = json!(["ReadWriteMany"]),
                "volumeClaimTemplates",
                How::Stop,
            ),
            (|set| set["spec"]["serviceName"] = json!("db"), "serviceName", How::Stop),
            (|set| set["spec"]["selector"] = json!({}), "selector", How::Stop),
        ];
        for (change, field, expected) in cases {
            let (live, target) = (set(|_| {}), set(change));
            let marks = marks(&live, &target).unwrap();
            assert_eq!(marks.fields, [field]);
            assert_eq!((marks.was, marks.becomes), (digest(&live), digest(&target)));
            let marks = super::marks(&live, &target).unwrap();
            assert_eq!(how(&live, &target, &marks, true, false), expected, "{field}");
        }
    }

    #[test]
    fn a_claim_knows_its_template() {
        let set = set(|_| {});
        assert!(template_of(&set, "data-db-0").is_some());
        for other in ["data-db", "data-db-", "data-db-x", "data-db2-0", "more-db-0"] {
            assert!(template_of(&set, other).is_none(), "{other}");
        }
    }
}

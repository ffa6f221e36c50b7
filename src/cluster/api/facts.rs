//! What a cluster allows and requires, read before anything is written: many requests, few round trips.
//!
//! Requests run in parallel over a few connections. Each result is independent: a missing permission is an error of
//! that result and does not affect the others. Nothing here decides anything; nothing is stored on the cluster.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::address::{segment, version_path};
use super::explain::Attempt;
use crate::cluster::connect::client::{Cluster, absent, complete};
use crate::k8s::error::Result;
use crate::k8s::kind;
use crate::k8s::kind::{ACCESS_REVIEW, Kind, KindName, NAMESPACE, POD, STORAGE_CLASS, row};
use crate::k8s::object::name_of;
use crate::k8s::permission::Permission;

const QUOTA: Kind = row("v1", "ResourceQuota", "resourcequotas", true);
const LIMIT_RANGE: Kind = row("v1", "LimitRange", "limitranges", true);
const VOLUME: Kind = row("v1", "PersistentVolume", "persistentvolumes", false);

/// What a cluster says of itself and of one namespace.
#[derive(Debug, Clone)]
pub(crate) struct ClusterFacts {
    /// The version of the API server, like `v1.36.3`.
    pub version: Result<String>,
    /// The namespace; none when it is missing.
    pub namespace: Result<Option<Value>>,
    /// The quotas of the namespace.
    pub quotas: Result<Vec<Value>>,
    /// The limit ranges of the namespace.
    pub limits: Result<Vec<Value>>,
    /// The storage classes.
    pub classes: Result<Vec<Value>>,
    /// Volumes that were created beforehand.
    pub volumes: Result<Vec<Value>>,
}

impl Cluster {
    /// Asks for all of it at once.
    pub(crate) fn survey(&self, namespace: &str) -> Result<ClusterFacts> {
        let server = Kind { kind: "version".into(), namespaced: false, ..NAMESPACE };
        let lists = [(QUOTA, namespace), (LIMIT_RANGE, namespace), (STORAGE_CLASS, ""), (VOLUME, "")];
        let attempt = Attempt { verb: "get", kind: &server, namespace: "", name: "of the API server" };
        let mut asked = vec![self.asks_get(attempt, "", "version")?];
        let attempt = Attempt { verb: "get", kind: &NAMESPACE, namespace: "", name: namespace };
        asked.push(self.asks_get(attempt, &NAMESPACE.path("")?, segment(namespace)?)?);
        for (kind, namespace) in &lists {
            asked.push(self.asks_list(Attempt { verb: "list", kind, namespace, name: "" })?);
        }
        let mut answers = self.send_all(asked).into_iter();
        let mut next = || answers.next().unwrap_or_else(|| Ok(Value::Null));
        let version = next().map(|answer| answer["gitVersion"].as_str().unwrap_or_default().to_owned());
        let namespace = absent(next());
        let [quotas, limits, classes, volumes] = lists.map(|(kind, _)| next().map(|list| items(list, &kind)));
        Ok(ClusterFacts { version, namespace, quotas, limits, classes, volumes })
    }

    /// These kinds; none for those that the cluster does not have. The usual ones cost no question.
    pub(crate) fn kinds(
        &self,
        names: impl IntoIterator<Item = KindName>,
    ) -> Result<BTreeMap<KindName, Result<Option<Kind>>>> {
        let mut found = BTreeMap::new();
        let mut versions: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (version, kind) in names {
            match Kind::known(&version, &kind) {
                Some(known) => drop(found.insert((version, kind), Ok(Some(known)))),
                None => versions.entry(version).or_default().push(kind),
            }
        }
        // Stand for what is looked up, for the message.
        let stand_in = |(version, kinds): (&String, &Vec<String>)| Kind {
            api_version: version.clone().into(),
            kind: kinds.join(", ").into(),
            ..NAMESPACE
        };
        let wanted: Vec<Kind> = versions.iter().map(stand_in).collect();
        let mut asked = Vec::new();
        for kind in &wanted {
            let path = version_path(&kind.api_version)?;
            let (base, last) = path.rsplit_once('/').unwrap_or(("", &path));
            asked.push(self.asks_get(Attempt { verb: "get", kind, namespace: "", name: "" }, base, last)?);
        }
        for ((version, kinds), answer) in versions.into_iter().zip(self.send_all(asked)) {
            let list = absent(answer);
            for name in kinds {
                let read = |list: Option<Value>| list.and_then(|list| kind::in_resource_list(&list, &version, &name));
                found.insert((version.clone(), name.clone()), list.clone().map(read));
            }
        }
        Ok(found)
    }

    /// The objects of these names, as far as there are any, in the order of the names.
    pub(crate) fn get_all(&self, namespace: &str, names: &[(Kind, String)]) -> Result<Vec<Result<Option<Value>>>> {
        let mut asked = Vec::new();
        for (kind, name) in names {
            let attempt = Attempt { verb: "get", kind, namespace, name };
            asked.push(self.asks_get(attempt, &kind.path(namespace)?, segment(name)?)?);
        }
        Ok(self.send_all(asked).into_iter().map(absent).collect())
    }

    /// Whether we have each of these rights.
    pub(crate) fn rights(&self, rights: &[Permission]) -> Result<Vec<Result<bool>>> {
        let (mut asked, kind) = (Vec::new(), ACCESS_REVIEW);
        for right in rights {
            let attempt = Attempt { verb: "create", kind: &kind, namespace: "", name: "" };
            let review = json!({
                "apiVersion": kind.api_version,
                "kind": kind.kind,
                "spec": {"resourceAttributes": {
                    "verb": right.verb, "group": right.kind.group(), "version": right.kind.version(),
                    "resource": right.kind.plural, "namespace": right.namespace, "name": right.name,
                }},
            });
            asked.push(self.asks_create(attempt, &review, false)?);
        }
        let answers = self.send_all(asked);
        Ok(answers.into_iter().map(|answer| Ok(answer?["status"]["allowed"] == true)).collect())
    }

    /// What the API server would say to each of these pods; none is made.
    pub(crate) fn try_pods(&self, namespace: &str, pods: &[Value]) -> Result<Vec<Result<Value>>> {
        let (mut asked, kind) = (Vec::new(), POD);
        for pod in pods {
            let attempt = Attempt { verb: "create", kind: &kind, namespace, name: name_of(pod) };
            asked.push(self.asks_create(attempt, pod, true)?);
        }
        Ok(self.send_all(asked))
    }
}

fn items(mut list: Value, kind: &Kind) -> Vec<Value> {
    match list.get_mut("items").map(Value::take) {
        Some(Value::Array(items)) => items.into_iter().map(|item| complete(item, kind)).collect(),
        _ => Vec::new(),
    }
}

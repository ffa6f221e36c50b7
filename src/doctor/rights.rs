//! The RBAC permissions that a deploy needs: a table, compared with the access reviews of the API server.
//!
//! The rows are the requests that helm 3.14 to 4.3 and this program were observed to send (from the audit log of an API
//! server, not from documentation).

use super::chart::kind_name;
use super::{Finding, Verdict, or_ok};
use crate::helm::Version;
use crate::k8s::error::Error;
use crate::k8s::kind::{
    CLAIM, CONFIG_MAP, DEPLOYMENT, JOB, Kind, KindName, LEASE, NAMESPACE, POD, SECRET, SERVICE, STATEFUL_SET,
};
use crate::k8s::permission::Permission;
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};

/// `ReplicaSet`, which helm reads while it waits for a Deployment.
const REPLICA_SETS: (&str, &str) = ("apps/v1", "ReplicaSet");

/// What the rights depend on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asks<'a> {
    /// Namespace of the release.
    pub namespace: &'a str,
    pub helm: Version,
    /// Whether helm waits until the workloads are ready.
    pub wait: bool,
    /// Whether the namespace is missing.
    pub makes_namespace: bool,
    /// Where helm keeps its records (`$HELM_DRIVER`): `secret` by default.
    pub driver: Option<&'a str>,
}

/// A right, and what becomes impossible without it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Need {
    pub right: Permission,
    /// Whether a deploy fails without it, or only something later.
    pub verdict: Verdict,
    /// For whom it is.
    pub why: &'static str,
}

/// Verbs that helm needs for every object of a chart.
const FOR_OBJECTS: [&str; 3] = ["get", "create", "patch"];
/// Verbs that helm 4 needs besides while it waits.
const TO_WAIT: [&str; 2] = ["list", "watch"];
/// Kinds that we list to find existing objects.
const LOOKED_AT: [Kind; 5] = [DEPLOYMENT, STATEFUL_SET, SERVICE, CONFIG_MAP, CLAIM];
/// What we do with objects that are in no chart: our Secret, what we remember of a release, the lock of a run.
const OF_OURS: [(Kind, &[&str], &str); 3] = [
    (SECRET, &["get", "create", "update", "delete"], "for the secrets of the release"),
    (CONFIG_MAP, &["get", "create", "update"], "for the stored values of the release"),
    (LEASE, &["get", "create", "update", "delete"], "for the lock against a second run"),
];
/// What helm does with its records of a release.
const RECORDS: [&str; 5] = ["get", "list", "create", "update", "delete"];

/// Why helm needs a kind. Role `edit` may not write Roles, which let pods wait for jobs.
fn why(kind: &Kind) -> &'static str {
    if kind.group() == "rbac.authorization.k8s.io" {
        "for helm, so that pods may wait for jobs, and for `roles` of service accounts: Role `edit` does not include it; ask an \
         administrator of the namespace, or set `waits: none` and remove `roles` in aspire-k8s.yaml"
    } else {
        "for helm, to apply the chart"
    }
}

/// All rights that a deploy of these objects needs, each once. Kinds that the cluster does not have need none.
pub(crate) fn needed(
    objects: &[Json],
    kinds: &BTreeMap<KindName, Result<Option<Kind>, Error>>,
    asks: &Asks,
) -> Vec<Need> {
    let mut needs = Needs { asks, list: Vec::new() };
    if asks.makes_namespace {
        needs.add(&NAMESPACE, "create", Verdict::Failed, "to create the namespace");
    }
    let mut found: Vec<&Kind> = Vec::new();
    for name in objects.iter().map(kind_name).collect::<BTreeSet<_>>() {
        if let Some(Ok(Some(kind))) = kinds.get(&name) {
            found.push(kind);
        }
    }
    for kind in &found {
        for verb in FOR_OBJECTS {
            needs.add(kind, verb, Verdict::Failed, why(kind));
        }
        for verb in TO_WAIT.iter().filter(|_| asks.wait && asks.helm.major >= 4) {
            needs.add(kind, verb, Verdict::Failed, "for helm, to wait for the workloads");
        }
        needs.add(
            kind,
            "delete",
            Verdict::Warning,
            "for helm, to delete objects that a later chart no longer contains, and for `destroy`",
        );
    }
    if asks.wait && found.iter().any(|kind| **kind == DEPLOYMENT) {
        let replica_sets = Kind {
            api_version: REPLICA_SETS.0.into(),
            kind: REPLICA_SETS.1.into(),
            plural: "replicasets".into(),
            namespaced: true,
        };
        needs.add(&replica_sets, "list", Verdict::Failed, "for helm, to wait for the workloads");
    }
    if asks.wait && asks.helm.major >= 4 && found.iter().any(|kind| [DEPLOYMENT, STATEFUL_SET].contains(kind)) {
        needs.add(&POD, "list", Verdict::Failed, "for helm, to wait for the workloads");
    }
    if found.iter().any(|kind| **kind == JOB) {
        needs.add(&JOB, "list", Verdict::Failed, "to find jobs that have completed");
        needs.add(&POD, "list", Verdict::Failed, "to find jobs that run");
    }
    for kind in &LOOKED_AT {
        needs.add(kind, "list", Verdict::Failed, "to find existing objects");
    }
    let records = match asks.driver {
        None | Some("" | "secret" | "secrets") => Some(&SECRET),
        Some("configmap" | "configmaps") => Some(&CONFIG_MAP),
        Some(_) => None,
    };
    for (kind, verb) in records.iter().flat_map(|kind| RECORDS.map(|verb| (kind, verb))) {
        needs.add(kind, verb, Verdict::Failed, "for helm's records of the release");
    }
    for (kind, verbs, why) in &OF_OURS {
        for verb in *verbs {
            needs.add(kind, verb, Verdict::Failed, why);
        }
    }
    needs.list
}

struct Needs<'a> {
    asks: &'a Asks<'a>,
    list: Vec<Need>,
}

impl Needs<'_> {
    fn add(&mut self, kind: &Kind, verb: &'static str, verdict: Verdict, why: &'static str) {
        let namespace = if kind.namespaced { self.asks.namespace.to_owned() } else { String::new() };
        let right = Permission { verb, kind: kind.clone(), namespace, name: String::new() };
        match self.list.iter_mut().find(|need| need.right == right) {
            Some(known) if known.verdict < verdict => *known = Need { right, verdict, why },
            Some(_) => {}
            None => self.list.push(Need { right, verdict, why }),
        }
    }
}

/// Rights that are missing for one kind.
#[derive(Default)]
struct Missing {
    verbs: Vec<&'static str>,
    reasons: Vec<&'static str>,
}

/// Findings about rights. `held` are the answers, in the order of the needs. One line a kind.
pub(crate) fn rights(needs: &[Need], held: &[Result<bool, Error>]) -> Vec<Finding> {
    let mut missing: BTreeMap<(String, String, Verdict), Missing> = BTreeMap::new();
    let mut findings = Vec::new();
    for (need, held) in needs.iter().zip(held) {
        let resource = need.right.kind.resource();
        match held {
            Ok(false) => {
                let namespace = &need.right.namespace;
                let place =
                    if namespace.is_empty() { "the whole cluster".into() } else { format!("namespace {namespace}") };
                let missing = missing.entry((resource, place, need.verdict)).or_default();
                missing.verbs.push(need.right.verb);
                if !missing.reasons.contains(&need.why) {
                    missing.reasons.push(need.why);
                }
            }
            Err(error) if findings.is_empty() => {
                let what =
                    format!("cannot check the permission to {} {resource}: {}", need.right.verb, error.sentence());
                findings.push(Finding::new("rights", Verdict::Skipped, "", what));
            }
            Ok(true) | Err(_) => {}
        }
    }
    for ((resource, place, verdict), Missing { verbs, reasons }) in missing {
        let verbs = verbs.join(", ");
        let reason = format!("missing permission: {verbs} (needed {})", reasons.join("; "));
        let fix = format!("ask for a Role with the verbs {verbs} on {resource}, bound in {place}");
        findings.push(Finding::new("rights", verdict, format!("{resource} in {place}"), reason).fix(fix));
    }
    or_ok(findings, "rights", "", format!("all {} permissions that a deploy needs are granted", needs.len()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::k8s::error::ErrorKind;
    use serde_json::json;

    fn asks(helm: &str) -> Asks<'static> {
        Asks { namespace: "n", helm: Version::parse(helm).unwrap(), wait: true, makes_namespace: false, driver: None }
    }

    fn kinds(objects: &[Json]) -> BTreeMap<KindName, Result<Option<Kind>, Error>> {
        objects
            .iter()
            .map(|object| (kind_name(object), Ok(Kind::known(&kind_name(object).0, &kind_name(object).1))))
            .collect()
    }

    fn words(needs: &[Need]) -> Vec<String> {
        needs.iter().map(|need| format!("{} {}", need.right.verb, need.right.kind.resource())).collect()
    }

    #[test]
    fn only_what_the_chart_holds_is_asked_for() {
        let objects = [json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a"}})];
        let three = words(&needed(&objects, &kinds(&objects), &asks("v3.14.4")));
        let four = words(&needed(&objects, &kinds(&objects), &asks("v4.2.4")));
        for (right, in_three, in_four) in [
            ("patch deployments.apps", true, true),
            ("create deployments.apps", true, true),
            ("list replicasets.apps", true, true),
            ("watch deployments.apps", false, true),
            ("list pods", false, true),
            ("create services", false, false),
            ("create statefulsets.apps", false, false),
            ("list statefulsets.apps", true, true),
            ("update secrets", true, true),
            ("create namespaces", false, false),
        ] {
            let found = (three.contains(&right.to_owned()), four.contains(&right.to_owned()));
            assert_eq!(found, (in_three, in_four), "{right}");
        }
        let quick = Asks { wait: false, makes_namespace: true, ..asks("v4.2.4") };
        let quick = words(&needed(&objects, &kinds(&objects), &quick));
        assert!(!quick.contains(&"watch deployments.apps".into()) && quick.contains(&"create namespaces".into()));
        let elsewhere =
            |driver| words(&needed(&objects, &kinds(&objects), &Asks { driver: Some(driver), ..asks("v4.2.4") }));
        for (driver, secrets, maps) in [("secret", true, false), ("configmap", false, true), ("sql", false, false)] {
            let found = elsewhere(driver);
            assert_eq!(found.contains(&"list secrets".into()), secrets, "{driver}");
            assert_eq!(found.contains(&"delete configmaps".into()), maps, "{driver}");
        }
        let distinct: BTreeSet<&String> = four.iter().collect();
        assert_eq!(distinct.len(), four.len(), "each right is asked for once");
    }

    #[test]
    fn what_is_missing_is_one_line_a_kind_with_the_way_out() {
        let objects = [json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a"}})];
        let needs = needed(&objects, &kinds(&objects), &asks("v3.14.4"));
        let held: Vec<Result<bool, Error>> =
            needs.iter().map(|need| Ok(need.right.kind != SERVICE || need.right.verb == "get")).collect();
        let found: Vec<(Verdict, String)> =
            rights(&needs, &held).into_iter().map(|finding| (finding.verdict, finding.to_string())).collect();
        let texts: Vec<&str> = found.iter().map(|(_, text)| text.as_str()).collect();
        assert_eq!(texts.len(), 2, "{texts:?}");
        assert!(
            texts.iter().any(|text| text.contains("services in namespace n: missing permission: create, patch, list")
                && text
                    .contains("ask for a Role with the verbs create, patch, list on services, bound in namespace n")),
            "{texts:?}"
        );
        assert!(found.iter().any(|(verdict, text)| *verdict == Verdict::Warning && text.contains("delete")));
        let all: Vec<Result<bool, Error>> = needs.iter().map(|_| Ok(true)).collect();
        assert_eq!(rights(&needs, &all)[0].verdict, Verdict::Ok);
        let unknown: Vec<Result<bool, Error>> =
            needs.iter().map(|_| Err(Error::new(ErrorKind::Forbidden, "no"))).collect();
        let unknown = rights(&needs, &unknown);
        assert_eq!((unknown.len(), unknown[0].verdict), (1, Verdict::Skipped));
    }
}

//! What helm may change outside of the namespace of a release, and beyond the kinds of generated charts. Pure.
//!
//! Anyone who can write Secrets in the namespace can write helm's records too. So a record alone decides only about
//! kinds of generated charts in its namespace. Any other object is changed only if the live object itself is owned by
//! the release. Objects in other namespaces, and kinds that Role `edit` may not write, need in addition that the chart
//! or the user names them.

use crate::diff::{Object, mark, same};
use crate::external_charts;
use crate::k8s::labels;
use crate::k8s::object::annotation;
use crate::k8s::ownership::ReleaseName;
use crate::support::diagnostic::{Code, Diagnostic};
use crate::targets::kubernetes;
use serde_json::Value as Json;
use std::fmt;

/// What helm would do to an object of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Change it to what the chart says.
    Changed,
    /// Delete it.
    Deleted,
    /// Create it, or change it to what the record says.
    Restored,
}

/// Where an object lies, and what decides about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    /// In the namespace of the release, of a kind that our charts make and Role `edit` may write: the record.
    Inside,
    /// There too, of another kind that our charts make: the record, unless the live object belongs to another owner.
    Made,
    /// There too, of a kind that our charts do not make and Role `edit` may write: the live object.
    Editable,
    /// In the whole cluster, in another namespace, or of any other kind: the live object, and the chart or a user.
    Beyond,
    /// The cluster does not know its kind.
    Unknown,
}

/// An object that helm would touch.
#[derive(Debug, Clone)]
pub(crate) struct Touched {
    pub object: Object,
    /// What happens to it.
    pub fate: Fate,
    /// Where it lies.
    pub scope: Scope,
    /// As it is stored in the record.
    pub stored: Json,
    /// As it lives; none when it does not, or when it does not matter.
    pub live: Option<Json>,
}

/// An object that a user named: `KIND/NAME`, or `KIND/NAMESPACE/NAME` in another namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedObject {
    kind: String,
    namespace: String,
    name: String,
}

/// API groups whose kinds Role `edit` may write in a namespace, those of the core group aside.
const EDITED_GROUPS: [&str; 5] = ["apps", "autoscaling", "batch", "networking.k8s.io", "policy"];

/// The API group of Roles. Generated charts contain two kinds of it; a record decides only about those that [`lets_wait`]
/// accepts.
const RBAC: &str = "rbac.authorization.k8s.io";

/// Kinds of the core group that Role `edit` may write.
const EDITED_KINDS: [&str; 7] =
    ["ConfigMap", "PersistentVolumeClaim", "Pod", "ReplicationController", "Secret", "Service", "ServiceAccount"];

impl NamedObject {
    /// Reads what a user wrote.
    pub fn parse(text: &str) -> Option<Self> {
        let parts: Vec<&str> = text.split('/').collect();
        if parts.iter().any(|part| part.is_empty()) {
            return None;
        }
        let (kind, namespace, name) = match parts[..] {
            [kind, name] => (kind, "", name),
            [kind, namespace, name] => (kind, namespace, name),
            _ => return None,
        };
        Some(Self { kind: kind.to_owned(), namespace: namespace.to_owned(), name: name.to_owned() })
    }

    /// Whether it is that object of the whole cluster.
    pub fn is(&self, kind: &str, name: &str) -> bool {
        self.kind.eq_ignore_ascii_case(kind) && self.namespace.is_empty() && self.name == name
    }

    fn names(&self, object: &Object) -> bool {
        self.kind.eq_ignore_ascii_case(&object.kind)
            && self.name == object.name
            && (self.namespace == object.namespace || (self.namespace.is_empty() && object.namespace.is_empty()))
    }
}

impl fmt::Display for NamedObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, namespace, name } = self;
        if namespace.is_empty() { write!(f, "{kind}/{name}") } else { write!(f, "{kind}/{namespace}/{name}") }
    }
}

/// Where an object lies. The namespace of an object of the whole cluster is empty.
pub(crate) fn scope(object: &Object, space: &str) -> Scope {
    let (group, kind) = (&*object.group, &*object.kind);
    let is_edited = EDITED_GROUPS.contains(&group) || (group.is_empty() && EDITED_KINDS.contains(&kind));
    let is_made = kubernetes::makes(group, kind) || external_charts::makes(group, kind);
    match (object.namespace == space, is_made && group != RBAC, is_edited) {
        (true, true, true) => Scope::Inside,
        (true, true, false) => Scope::Made,
        (true, false, true) => Scope::Editable,
        (true, false, false) | (false, ..) => Scope::Beyond,
    }
}

/// Whether an object only lets pods wait for jobs: a Role that allows `get` on jobs by their names and nothing else, or a
/// RoleBinding of ServiceAccounts of its namespace to such a Role of its own name among the objects `beside` it.
pub(crate) fn lets_wait<'a>(
    object: &Object,
    stored: &Json,
    mut beside: impl Iterator<Item = (&'a Object, &'a Json)>,
) -> bool {
    match (&*object.group, &*object.kind) {
        (RBAC, "Role") => reads_named_jobs(stored),
        (RBAC, "RoleBinding") => {
            let role = Object { kind: "Role".to_owned(), ..object.clone() };
            let is_role = |other: &(&Object, &Json)| *other.0 == role;
            binds_accounts(object, stored)
                && beside.find(is_role).is_some_and(|(_, first)| reads_named_jobs(first))
                && beside.filter(is_role).all(|(_, other)| reads_named_jobs(other))
        }
        _ => false,
    }
}

fn reads_named_jobs(role: &Json) -> bool {
    let is_one = |rule: &Json| {
        let only = [("apiGroups", "batch"), ("resources", "jobs"), ("verbs", "get")];
        rule.as_object().is_some_and(|rule| rule.len() == only.len() + 1)
            && rule["resourceNames"].as_array().is_some_and(|names| !names.is_empty())
            && only.iter().all(|(key, word)| rule[key].as_array().is_some_and(|all| all.len() == 1 && all[0] == *word))
    };
    role["rules"].as_array().is_some_and(|rules| !rules.is_empty() && rules.iter().all(is_one))
}

/// Whether a RoleBinding refers to the Role of its own name, and its subjects are ServiceAccounts of its namespace.
fn binds_accounts(object: &Object, binding: &Json) -> bool {
    let role = &binding["roleRef"];
    let is_account = |subject: &Json| subject["kind"] == "ServiceAccount" && subject["namespace"] == *object.namespace;
    role["kind"] == "Role"
        && role["apiGroup"] == RBAC
        && role["name"] == *object.name
        && binding["subjects"].as_array().is_some_and(|subjects| subjects.iter().all(is_account))
}

/// Why helm may not do that to an object; none when it may. `release` is its owner; `any` says that a user named the
/// chart whose record it is, which may bring whatever it needs.
pub(crate) fn judge(touched: &Touched, release: ReleaseName, allowed: &[NamedObject], any: bool) -> Option<Diagnostic> {
    let Touched { object, fate, scope, stored, live } = touched;
    let named = any || allowed.iter().any(|one| one.names(object));
    let owned = live.as_ref().map(|live| release.owns(live));
    match (scope, owned, fate) {
        (Scope::Inside, ..) => None,
        // The chart itself has it, and a kind may be about to come.
        (Scope::Unknown, _, Fate::Changed) if !any => None,
        (Scope::Unknown, ..) => Some(
            Diagnostic::new(
                Code::RecordSuspect,
                "",
                format!("{}: the cluster does not know its kind, so its scope is unknown", shown(object)),
            )
            .hint("install the CRD again, so that helm can delete its objects"),
        ),
        (_, Some(false), _) => Some(
            Diagnostic::new(
                Code::RecordSuspect,
                "",
                format!("{}: the live object is not owned by this release", shown(object)),
            )
            .hint("helm's record was changed by another client; no flag can allow this"),
        ),
        // Nothing is there, the chart has it, or its own marks and the record agree.
        (_, None, Fate::Changed | Fate::Deleted)
        | (_, Some(true), Fate::Changed)
        | (Scope::Made, ..)
        | (Scope::Editable, Some(true), _) => None,
        (_, _, Fate::Deleted | Fate::Restored) if named => None,
        // It stays as it is.
        (_, Some(true), Fate::Restored) if live.as_ref().is_some_and(|live| is_same(live, stored, release)) => None,
        // Helm asks the record when it uninstalls, and the live object when it upgrades or rolls back.
        (_, Some(true), Fate::Deleted) if is_kept(stored) && live.as_ref().is_some_and(is_kept) => None,
        (_, _, fate) => {
            let would = if *fate == Fate::Deleted { "delete" } else { "create or change" };
            Some(
                Diagnostic::new(
                    Code::RecordSuspect,
                    "",
                    format!("{}: only helm's record names it, and helm would {would} it", shown(object)),
                )
                .hint(format!("to allow it: --allow-object {}", flag(object))),
            )
        }
    }
}

/// Whether helm changes nothing by writing what it stored over what lives.
fn is_same(live: &Json, stored: &Json, release: ReleaseName) -> bool {
    let mut wanted = stored.clone();
    mark(&mut wanted, release.name, release.namespace);
    wanted["metadata"]["namespace"] = live["metadata"]["namespace"].clone();
    same(live, &wanted)
}

/// Whether helm leaves it where it is.
pub(crate) fn is_kept(object: &Json) -> bool {
    annotation(object, labels::RESOURCE_POLICY).is_some_and(|policy| policy.trim().eq_ignore_ascii_case(labels::KEEP))
}

/// `ConfigMap precious in namespace other-team`, `ClusterRole x`.
pub(crate) fn shown(object: &Object) -> String {
    if object.namespace.is_empty() { object.to_string() } else { format!("{object} in namespace {}", object.namespace) }
}

fn flag(object: &Object) -> NamedObject {
    NamedObject { kind: object.kind.clone(), namespace: object.namespace.clone(), name: object.name.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn object(group: &str, kind: &str, namespace: &str) -> Object {
        Object { group: group.into(), kind: kind.into(), namespace: namespace.into(), name: "x".into() }
    }

    const RELEASE: ReleaseName<'_> = ReleaseName { name: "shop", namespace: "n" };

    fn owned(name: &str) -> Json {
        json!({"metadata": {"labels": {"app.kubernetes.io/managed-by": "Helm"},
            "annotations": {"meta.helm.sh/release-name": name, "meta.helm.sh/release-namespace": "n"}}})
    }

    fn judged(fate: Fate, object: &Object, live: Option<Json>, allowed: &[&str], any: bool) -> Option<String> {
        let allowed: Vec<NamedObject> = allowed.iter().map(|text| NamedObject::parse(text).unwrap()).collect();
        let stored = json!({"metadata": {"name": "x"}, "spec": {"of": "the record"}});
        let touched = Touched { object: object.clone(), fate, scope: scope(object, "n"), stored, live };
        judge(&touched, RELEASE, &allowed, any).map(|diagnostic| diagnostic.to_string())
    }

    #[test]
    fn in_the_namespace_the_record_decides_about_kinds_of_our_charts() {
        for fate in [Fate::Changed, Fate::Deleted, Fate::Restored] {
            for (group, kind) in
                [("apps", "Deployment"), ("", "Service"), ("policy", "PodDisruptionBudget"), ("batch", "Job")]
            {
                assert_eq!(judged(fate, &object(group, kind, "n"), None, &[], false), None);
                assert_eq!(scope(&object(group, kind, "n"), "n"), Scope::Inside);
            }
            for (group, kind) in [
                ("external-secrets.io", "ExternalSecret"),
                ("gateway.networking.k8s.io", "HTTPRoute"),
                ("dapr.io", "Component"),
                ("keda.sh", "ScaledObject"),
                ("cert-manager.io", "Issuer"),
            ] {
                let object = object(group, kind, "n");
                for live in [None, Some(owned("shop"))] {
                    assert_eq!(judged(fate, &object, live, &[], false), None, "{kind}");
                }
                // Who may write built-in kinds only cannot have written it.
                for other in [owned("else"), json!({})] {
                    let said = judged(fate, &object, Some(other), &["ExternalSecret/n/x"], true).unwrap();
                    assert!(said.contains("not owned by this release"), "{said}");
                }
            }
        }
    }

    #[test]
    fn every_other_kind_in_the_namespace_needs_the_word_of_its_live_object_or_of_a_person() {
        use Fate::{Deleted, Restored};
        let flag = ["daemonset/n/x", "role/n/x", "widget/n/x", "secret/n/x"];
        for (group, kind, edited) in [
            ("apps", "ReplicaSet", true),
            ("autoscaling", "Scale", true),
            ("", "ReplicationController", true),
            ("apps", "DaemonSet", true),
            ("rbac.authorization.k8s.io", "Role", false),
            ("", "ResourceQuota", false),
            ("widgets.example", "Widget", false),
            // A name that another group uses for a kind of its own.
            ("widgets.example", "Secret", false),
            ("", "NobodyKnows", false),
        ] {
            let object = object(group, kind, "n");
            for fate in [Deleted, Restored] {
                assert!(judged(fate, &object, Some(json!({})), &flag, true).is_some(), "{kind} of another owner");
                let said = judged(fate, &object, Some(owned("shop")), &[], false);
                assert_eq!(said.is_none(), edited, "{kind} of the release: {said:?}");
            }
            assert!(judged(Restored, &object, None, &[], false).is_some(), "a planted {kind}");
            assert_eq!(judged(Deleted, &object, None, &[], false), None);
        }
        let widget = object("widgets.example", "Widget", "n");
        assert_eq!(judged(Restored, &widget, None, &flag, false), None);
        assert_eq!(judged(Deleted, &widget, Some(owned("shop")), &flag, false), None);
    }

    #[test]
    fn elsewhere_the_live_object_and_the_chart_or_a_person_decide() {
        use Fate::{Changed, Deleted, Restored};
        let (ours, other) = (Some(owned("shop")), Some(owned("else")));
        for (kind, namespace, flag) in
            [("ConfigMap", "other", "configmap/other/x"), ("ClusterRole", "", "ClusterRole/x")]
        {
            let object = object("", kind, namespace);
            for (fate, live, allowed, any, good) in [
                (Changed, &None, false, false, true),
                (Changed, &ours, false, false, true),
                (Changed, &other, true, true, false),
                (Deleted, &None, false, false, true),
                (Deleted, &ours, false, false, false),
                (Deleted, &ours, true, false, true),
                (Deleted, &ours, false, true, true),
                (Deleted, &other, true, true, false),
                (Restored, &None, false, false, false),
                (Restored, &None, true, false, true),
                (Restored, &ours, false, false, false),
                (Restored, &ours, true, false, true),
                (Restored, &other, true, true, false),
            ] {
                let flags: &[&str] = if allowed { &[flag] } else { &[] };
                let said = judged(fate, &object, live.clone(), flags, any);
                assert_eq!(said.is_none(), good, "{kind} {fate:?} {live:?} {allowed} {any}: {said:?}");
            }
            let said = judged(Deleted, &object, ours.clone(), &[], false).unwrap();
            assert!(said.to_lowercase().contains(&format!("--allow-object {}", flag.to_lowercase())), "{said}");
        }
        // The same name in another namespace is another object.
        assert!(
            judged(Deleted, &object("", "ConfigMap", "other"), ours, &["ConfigMap/x", "ConfigMap/third/x"], false)
                .is_some()
        );
    }

    #[test]
    fn what_the_cluster_does_not_know_is_not_absent() {
        for (fate, any) in [(Fate::Deleted, true), (Fate::Changed, true), (Fate::Restored, false)] {
            let object = object("", "ConfigMap", "n");
            let touched = Touched { object, fate, scope: Scope::Unknown, stored: Json::Null, live: None };
            assert!(judge(&touched, RELEASE, &[], any).is_some(), "{touched:?}");
        }
    }

    #[test]
    fn what_helm_keeps_needs_no_word() {
        let mut kept = owned("shop");
        kept["metadata"]["annotations"]["helm.sh/resource-policy"] = json!("keep");
        let object = object("", "ClusterIssuer", "");
        // Helm asks the record when it uninstalls, and the live object when it upgrades or rolls back.
        for (stored, live, good) in
            [(&kept, &kept, true), (&kept, &owned("shop"), false), (&owned("shop"), &kept, false)]
        {
            let (object, stored, live) = (object.clone(), stored.clone(), Some(live.clone()));
            let touched = Touched { object, fate: Fate::Deleted, scope: Scope::Beyond, stored, live };
            assert_eq!(judge(&touched, RELEASE, &[], false).is_none(), good, "{touched:?}");
        }
    }

    #[test]
    fn rights_and_limits_of_the_namespace_are_not_decided_by_a_record() {
        let role = object("rbac.authorization.k8s.io", "RoleBinding", "n");
        assert_eq!(judged(Fate::Changed, &role, Some(owned("shop")), &[], false), None, "the chart has it");
        assert!(judged(Fate::Deleted, &role, Some(owned("shop")), &[], false).unwrap().contains("RoleBinding/n/x"));
        assert!(judged(Fate::Deleted, &role, Some(json!({})), &[], false).is_some());
        assert!(judged(Fate::Restored, &role, None, &[], false).is_some());
        assert!(judged(Fate::Deleted, &object("", "ResourceQuota", "n"), Some(json!({})), &[], true).is_some());
    }

    #[test]
    fn a_record_decides_about_a_role_that_only_reads_named_jobs() {
        let only =
            json!({"apiGroups": ["batch"], "resources": ["jobs"], "resourceNames": ["seed-0"], "verbs": ["get"]});
        let role = (object(RBAC, "Role", "n"), json!({"rules": [only]}));
        let subject = json!({"kind": "ServiceAccount", "name": "a", "namespace": "n"});
        let role_ref = json!({"apiGroup": RBAC, "kind": "Role", "name": "x"});
        let binding = (object(RBAC, "RoleBinding", "n"), json!({"roleRef": role_ref, "subjects": [subject]}));
        let lets = |one: &(Object, Json), beside: &[&(Object, Json)]| {
            lets_wait(&one.0, &one.1, beside.iter().map(|(object, stored)| (object, stored)))
        };
        assert!(lets(&role, &[]) && lets(&binding, &[&role]) && lets(&binding, &[&role, &role]));
        assert!(!lets(&binding, &[]) && !lets(&binding, &[&binding]));
        let wrong = |path: &str, value: Json| {
            let mut other = role.clone();
            *other.1.pointer_mut(path).unwrap() = value;
            other
        };
        for other in [
            wrong("/rules", json!([])),
            wrong("/rules/0/verbs", json!(["get", "create"])),
            wrong("/rules/0/verbs", json!(["*"])),
            wrong("/rules/0/resources", json!(["secrets"])),
            wrong("/rules/0/resources", json!(["jobs", "secrets"])),
            wrong("/rules/0/apiGroups", json!(["*"])),
            wrong("/rules/0/resourceNames", json!([])),
            wrong("/rules/0", json!({"apiGroups": ["batch"], "resources": ["jobs"], "verbs": ["get"]})),
            wrong("/rules", json!([only, {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]}])),
        ] {
            assert!(!lets(&other, &[]) && !lets(&binding, &[&other]) && !lets(&binding, &[&role, &other]), "{other:?}");
        }
        // Another kind of that name proves nothing about the Role that the binding leads to.
        for place in [object("contoso.com", "Role", "n"), object(RBAC, "Role", "m"), object(RBAC, "ClusterRole", "n")] {
            assert!(!lets(&binding, &[&(place, role.1.clone())]));
        }
        for (path, value) in [
            ("/roleRef/kind", json!("ClusterRole")),
            ("/roleRef/name", json!("admin")),
            ("/roleRef/apiGroup", json!("")),
            ("/subjects/0/kind", json!("User")),
            ("/subjects/0/namespace", json!("m")),
            ("/subjects", Json::Null),
        ] {
            let mut other = binding.clone();
            *other.1.pointer_mut(path).unwrap() = value;
            assert!(!lets(&other, &[&role]), "{other:?}");
        }
    }

    #[test]
    fn what_is_restored_as_it_lives_needs_no_word() {
        let stored =
            json!({"metadata": {"name": "x", "labels": {"a": "b"}}, "subjects": [{"kind": "User", "name": "a"}]});
        let mut live = stored.clone();
        mark(&mut live, "shop", "n");
        live["metadata"]["namespace"] = json!("n");
        live["metadata"]["uid"] = json!("u");
        let object = object("rbac.authorization.k8s.io", "RoleBinding", "n");
        let judged = |stored: &Json| {
            let (object, stored, live) = (object.clone(), stored.clone(), Some(live.clone()));
            judge(&Touched { object, fate: Fate::Restored, scope: Scope::Beyond, stored, live }, RELEASE, &[], false)
        };
        assert!(judged(&stored).is_none());
        for (path, value) in [
            ("/subjects/0/name", json!("tenant")),
            ("/subjects", json!([])),
            ("/metadata/labels/a", json!("c")),
            ("/metadata/labels", json!({})),
        ] {
            let mut other = stored.clone();
            *other.pointer_mut(path).unwrap() = value;
            assert!(judged(&other).is_some(), "{path}");
        }
        let mut more = stored;
        more["metadata"]["ownerReferences"] = json!([{"uid": "y"}]);
        assert!(judged(&more).is_some());
    }

    #[test]
    fn a_named_object_is_read() {
        for (text, good) in
            [("a/b", true), ("a/b/c", true), ("a", false), ("a/", false), ("/b", false), ("a/b/c/d", false)]
        {
            assert_eq!(NamedObject::parse(text).is_some(), good, "{text}");
        }
    }
}

//! What helm may touch beyond the namespace of a release. Pure.
//!
//! Whoever may write Secrets in the namespace may write helm's records too. So a record decides only about what lies in
//! its namespace. What lies elsewhere, and what limits or grants rights in the namespace, is touched only if the live object
//! itself says that it belongs to the release, and the chart or a person names it.

use crate::diff::Object;
use crate::k8s::labels;
use crate::k8s::object::{annotation, label};
use crate::k8s::ownership::helm_release;
use crate::support::diagnostic::Problem;
use serde_json::Value as Json;
use std::fmt;

/// What helm would do to an object of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// Change it to what the chart says.
    Changed,
    /// Delete it.
    Deleted,
    /// Create it, or change it to what the record says.
    Restored,
}

/// Where an object lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// In the namespace of the release.
    Inside,
    /// There too, but of a kind that grants rights or sets limits, which Role `edit` may not write.
    Guarded,
    /// In the whole cluster or in another namespace.
    Outside,
    /// The cluster does not know its kind.
    Unknown,
}

/// An object that helm would touch.
#[derive(Debug, Clone)]
pub struct Touched {
    /// Which.
    pub object: Object,
    /// What happens to it.
    pub fate: Fate,
    /// Where it lies.
    pub scope: Scope,
    /// As it is stored in the record.
    pub stored: Json,
    /// As it lives; none when it does not, or when nobody needs to know.
    pub live: Option<Json>,
}

/// An object that a person named: `KIND/NAME`, or `KIND/NAMESPACE/NAME` in another namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedObject {
    kind: String,
    namespace: String,
    name: String,
}

/// Kinds of the namespace that Role `edit` may not write.
const GUARDED: [(&str, &str); 4] = [
    ("rbac.authorization.k8s.io", "Role"),
    ("rbac.authorization.k8s.io", "RoleBinding"),
    ("", "ResourceQuota"),
    ("", "LimitRange"),
];

/// The parts of a guarded object that matter.
const GRANTS: [&str; 4] = ["rules", "roleRef", "subjects", "spec"];

impl NamedObject {
    /// Reads what a person wrote.
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

/// Where an object lies, by its kind. The namespace of an object of the whole cluster is empty.
pub fn scope(object: &Object, space: &str) -> Scope {
    if object.namespace != space {
        Scope::Outside
    } else if GUARDED.contains(&(&*object.group, &*object.kind)) {
        Scope::Guarded
    } else {
        Scope::Inside
    }
}

/// Why helm may not do that to an object; none when it may. `release` is name and namespace; `any` says that a person named
/// the chart whose record it is, which may bring whatever it needs.
pub fn judge(touched: &Touched, release: (&str, &str), allowed: &[NamedObject], any: bool) -> Option<Problem> {
    let Touched { object, fate, scope, stored, live } = touched;
    let named = any || allowed.iter().any(|one| one.names(object));
    let owned = live.as_ref().map(|live| is_owned(live, release));
    match (scope, owned, fate) {
        (Scope::Inside, ..)
        | (Scope::Outside | Scope::Guarded, None, Fate::Changed | Fate::Deleted)
        | (Scope::Outside | Scope::Guarded, Some(true), Fate::Changed)
        | (Scope::Guarded, Some(true), Fate::Deleted) => None,
        // The chart itself has it, and a kind may be about to come.
        (Scope::Unknown, _, Fate::Changed) if !any => None,
        (Scope::Unknown, ..) => Some(
            Problem::at(
                "",
                format!("{}: the cluster does not know its kind, so that nobody can tell where it lies", shown(object)),
            )
            .hint("define the kind again, so that helm can remove its objects"),
        ),
        (_, Some(false), _) => Some(
            Problem::at("", format!("{}: the live object is not owned by this release", shown(object)))
                .hint("helm's record was changed by another client; no flag can allow this"),
        ),
        (Scope::Guarded, Some(true), Fate::Restored)
            if live.as_ref().is_some_and(|live| grants_the_same(live, stored)) =>
        {
            None
        }
        (Scope::Outside | Scope::Guarded, _, Fate::Deleted | Fate::Restored) if named => None,
        (Scope::Outside, Some(true), Fate::Deleted)
            // Helm asks the record when it uninstalls, and the live object when it upgrades or rolls back.
            if is_kept(stored) && live.as_ref().is_some_and(is_kept) =>
        {
            None
        }
        (_, _, fate) => {
            let would = if *fate == Fate::Deleted { "delete" } else { "create or change" };
            Some(
                Problem::at("", format!("{}: only helm's record says that helm is to {would} it", shown(object)))
                    .hint(format!("if you want that: --allow-object {}", flag(object))),
            )
        }
    }
}

/// Whether the live object says that it belongs to the release, by marks that only those may write who may write the object.
fn is_owned(live: &Json, release: (&str, &str)) -> bool {
    label(live, labels::MANAGED_BY) == Some(labels::BY_HELM) && helm_release(live) == Some(release)
}

/// Whether helm leaves it where it is.
pub fn is_kept(object: &Json) -> bool {
    annotation(object, labels::RESOURCE_POLICY).is_some_and(|policy| policy.trim().eq_ignore_ascii_case(labels::KEEP))
}

fn grants_the_same(live: &Json, stored: &Json) -> bool {
    GRANTS.iter().all(|part| live[part] == stored[part])
}

/// `ConfigMap precious in namespace other-team`, `ClusterRole x`.
pub fn shown(object: &Object) -> String {
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

    fn owned(name: &str) -> Json {
        json!({"metadata": {"labels": {"app.kubernetes.io/managed-by": "Helm"},
            "annotations": {"meta.helm.sh/release-name": name, "meta.helm.sh/release-namespace": "n"}}})
    }

    fn judged(fate: Fate, object: &Object, live: Option<Json>, allowed: &[&str], any: bool) -> Option<String> {
        let allowed: Vec<NamedObject> = allowed.iter().map(|text| NamedObject::parse(text).unwrap()).collect();
        let touched = Touched { object: object.clone(), fate, scope: scope(object, "n"), stored: Json::Null, live };
        judge(&touched, ("shop", "n"), &allowed, any).map(|problem| problem.to_string())
    }

    #[test]
    fn in_the_namespace_the_record_decides() {
        for fate in [Fate::Changed, Fate::Deleted, Fate::Restored] {
            assert_eq!(judged(fate, &object("apps", "Deployment", "n"), None, &[], false), None);
        }
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
            assert!(judge(&touched, ("shop", "n"), &[], any).is_some(), "{touched:?}");
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
            let touched = Touched { object, fate: Fate::Deleted, scope: Scope::Outside, stored, live };
            assert_eq!(judge(&touched, ("shop", "n"), &[], false).is_none(), good, "{touched:?}");
        }
    }

    #[test]
    fn rights_and_limits_of_the_namespace_are_not_decided_by_a_record() {
        let role = object("rbac.authorization.k8s.io", "RoleBinding", "n");
        assert_eq!(judged(Fate::Deleted, &role, Some(owned("shop")), &[], false), None);
        assert!(judged(Fate::Deleted, &role, Some(json!({})), &[], false).is_some());
        assert!(judged(Fate::Restored, &role, None, &[], false).is_some());
        assert_eq!(judged(Fate::Restored, &role, Some(owned("shop")), &[], false), None, "it grants what it granted");
        let mut other = owned("shop");
        other["subjects"] = json!([{"kind": "User", "name": "tenant"}]);
        assert!(judged(Fate::Restored, &role, Some(other), &[], false).is_some());
        assert!(judged(Fate::Deleted, &object("", "ResourceQuota", "n"), Some(json!({})), &[], true).is_some());
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

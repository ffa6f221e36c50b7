//! Compares the PersistentVolumeClaims of a chart with the live ones: reused, or refused with a hint, before helm
//! changes anything.
//!
//! A claim outlives its release (`helm.sh/resource-policy: keep`), so a deploy may find one with another size, class or
//! owner. Values in, decision out.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::k8s::labels;
use crate::k8s::object::{label, name_of};
use crate::k8s::ownership::{ReleaseName, helm_release};
use crate::k8s::quantity::Quantity;
use crate::support::diagnostic::{Code, Diagnostic};

/// A claim as the chart will ask for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WantedClaim {
    /// Name of the object.
    pub name: String,
    /// Storage that is asked for.
    pub size: String,
    /// Storage class; none for the default of the cluster, empty for no class at all.
    pub storage_class: Option<String>,
    /// The volume that it takes; none for any.
    pub volume: Option<String>,
    /// Access modes, in any order.
    pub access_modes: Vec<String>,
    /// Where it is configured, for the message: `resources.postgres.volumes.data`.
    pub place: String,
    /// Whether a StatefulSet makes it from a template, so that it bears no mark of helm.
    pub of_template: bool,
}

/// What to do about a claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It does not exist: it will be created.
    Create,
    /// It is ours and fits: it is taken over with its data.
    Adopt,
    /// It is ours and will grow.
    Expand {
        /// Its size now.
        from: String,
    },
    /// It cannot be used as configured.
    Refuse(Diagnostic),
}

/// Compares one claim. `classes` are the storage classes of the cluster; none when we may not look, then the API server
/// decides whether a claim can grow.
pub(crate) fn compare(
    wanted: &WantedClaim,
    release: ReleaseName<'_>,
    live: Option<&Value>,
    classes: Option<&[Value]>,
) -> Verdict {
    let Some(live) = live else { return Verdict::Create };
    let checks = [
        gone(wanted, live),
        owner(wanted, release, live),
        class(wanted, live),
        volume(wanted, live),
        modes(wanted, live),
    ];
    if let Some(diagnostic) = checks.into_iter().flatten().next() {
        return Verdict::Refuse(diagnostic);
    }
    size(wanted, live, classes)
}

/// All problems of these claims, with what to do about the others.
pub(crate) fn compare_all<'a>(
    wanted: &'a [WantedClaim],
    release: ReleaseName<'_>,
    live: &[Value],
    classes: Option<&[Value]>,
) -> Vec<(&'a WantedClaim, Verdict)> {
    let find = |claim: &WantedClaim| live.iter().find(|object| name_of(object) == claim.name);
    wanted.iter().map(|claim| (claim, compare(claim, release, find(claim), classes))).collect()
}

fn diagnostic(wanted: &WantedClaim, what: &str) -> Diagnostic {
    Diagnostic::new(Code::PvcImmutable, &wanted.place, format!("the PVC {} {what}", wanted.name))
}

fn gone(wanted: &WantedClaim, live: &Value) -> Option<Diagnostic> {
    if !live["metadata"]["deletionTimestamp"].is_null() {
        let hint = "wait until it is gone (when the last pod that uses it has terminated), then run again";
        return Some(diagnostic(wanted, "is being deleted, and its data with it").hint(hint));
    }
    let lost = live["status"]["phase"] == "Lost";
    lost.then(|| diagnostic(wanted, "has lost its volume").hint("restore the volume, or delete the PVC to start empty"))
}

fn owner(wanted: &WantedClaim, release: ReleaseName<'_>, live: &Value) -> Option<Diagnostic> {
    let existing = format!("set `existingClaim: {}` to use it as it is, or choose another name", wanted.name);
    if wanted.of_template {
        return None;
    }
    let (Some((name, namespace)), Some(labels::BY_HELM)) = (helm_release(live), label(live, labels::MANAGED_BY)) else {
        return Some(diagnostic(wanted, "exists already and was not created by helm").hint(existing));
    };
    if release.owns(live) {
        return None;
    }
    let what = format!("belongs to the release {name} in namespace {namespace}");
    Some(diagnostic(wanted, &what).hint(existing))
}

fn class(wanted: &WantedClaim, live: &Value) -> Option<Diagnostic> {
    let wanted_class = wanted.storage_class.as_deref()?;
    let live_class = class_of(live);
    if wanted_class == live_class {
        return None;
    }
    let what = format!("has the storage class `{live_class}`, not `{wanted_class}`, and a class cannot be changed");
    let hint = format!("set `storageClass: {}`, or move the data to a PVC with another name", quoted(live_class));
    Some(diagnostic(wanted, &what).hint(hint))
}

fn volume(wanted: &WantedClaim, live: &Value) -> Option<Diagnostic> {
    let wanted_volume = wanted.volume.as_deref()?;
    let live_volume = live["spec"]["volumeName"].as_str().unwrap_or_default();
    if wanted_volume == live_volume {
        return None;
    }
    let has = if live_volume.is_empty() { "no volume yet".to_owned() } else { format!("the volume `{live_volume}`") };
    let what = format!("has {has}, not `{wanted_volume}`, and that cannot be changed");
    let hint = match live_volume {
        "" => "delete the PVC: it is empty".to_owned(),
        live => format!("set `volumeName: {live}` or leave it out, or move the data to a PVC with another name"),
    };
    Some(diagnostic(wanted, &what).hint(hint))
}

fn modes(wanted: &WantedClaim, live: &Value) -> Option<Diagnostic> {
    let live_modes: BTreeSet<&str> =
        live["spec"]["accessModes"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let wanted_modes: BTreeSet<&str> = wanted.access_modes.iter().map(String::as_str).collect();
    if wanted_modes == live_modes {
        return None;
    }
    let list = |modes: BTreeSet<&str>| modes.into_iter().collect::<Vec<_>>().join(", ");
    let (live_modes, wanted_modes) = (list(live_modes), list(wanted_modes));
    let what = format!("has the access modes {live_modes}, not {wanted_modes}, and they cannot be changed");
    let hint = format!("set `accessModes: [{live_modes}]`, or move the data to a PVC with another name");
    Some(diagnostic(wanted, &what).hint(hint))
}

fn size(wanted: &WantedClaim, live: &Value, classes: Option<&[Value]>) -> Verdict {
    let live_size = live["spec"]["resources"]["requests"]["storage"].as_str().unwrap_or_default();
    let Some(wanted_amount) = Quantity::parse(&wanted.size) else {
        let what = format!("has the requested size `{}`, which is not a valid quantity", wanted.size);
        return Verdict::Refuse(diagnostic(wanted, &what).hint("write it like `10Gi`"));
    };
    let Some(live_amount) = Quantity::parse(live_size) else { return Verdict::Adopt };
    let keep = format!("set `size: {live_size}`");
    if wanted_amount == live_amount {
        return Verdict::Adopt;
    }
    if wanted_amount < live_amount {
        let what = format!("has {live_size}, more than the requested {}, and a PVC cannot shrink", wanted.size);
        return Verdict::Refuse(diagnostic(wanted, &what).hint(keep));
    }
    if live["status"]["phase"] != "Bound" {
        let what = format!("has no volume yet, so it cannot grow from {live_size} to {}", wanted.size);
        return Verdict::Refuse(diagnostic(wanted, &what).hint(format!("{keep}, or delete the PVC: it is empty")));
    }
    let class = class_of(live);
    let allows = |found: &Value| name_of(found) == class && found["allowVolumeExpansion"] == true;
    if classes.is_some_and(|classes| !classes.iter().any(allows)) {
        let what = format!("cannot grow from {live_size} to {}: the class `{class}` does not allow it", wanted.size);
        return Verdict::Refuse(diagnostic(wanted, &what).hint(keep));
    }
    Verdict::Expand { from: live_size.to_owned() }
}

fn class_of(live: &Value) -> &str {
    live["spec"]["storageClassName"].as_str().unwrap_or_default()
}

fn quoted(class: &str) -> &str {
    if class.is_empty() { "\"\"" } else { class }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const RELEASE: ReleaseName<'_> = ReleaseName { name: "shop", namespace: "n" };

    fn wanted() -> WantedClaim {
        WantedClaim {
            name: "pg-data".into(),
            size: "10Gi".into(),
            storage_class: None,
            volume: None,
            access_modes: vec!["ReadWriteOnce".into()],
            place: "resources.pg.volumes.data".into(),
            of_template: false,
        }
    }

    fn live() -> Value {
        json!({
            "metadata": {
                "name": "pg-data",
                "labels": {"app.kubernetes.io/managed-by": "Helm"},
                "annotations": {"meta.helm.sh/release-name": "shop", "meta.helm.sh/release-namespace": "n"},
            },
            "spec": {
                "accessModes": ["ReadWriteOnce"],
                "storageClassName": "fast",
                "resources": {"requests": {"storage": "10Gi"}},
            },
            "status": {"phase": "Bound"},
        })
    }

    fn classes() -> Vec<Value> {
        vec![
            json!({"metadata": {"name": "fast"}, "allowVolumeExpansion": true}),
            json!({"metadata": {"name": "fixed"}}),
        ]
    }

    fn changed(pointer: &str, value: Value) -> Value {
        let mut object = live();
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        object.pointer_mut(parent).unwrap()[key] = value;
        object
    }

    #[test]
    fn what_fits_is_taken_over() {
        for (claim, object, expected) in [
            (wanted(), None, Verdict::Create),
            (wanted(), Some(live()), Verdict::Adopt),
            (WantedClaim { size: "10240Mi".into(), ..wanted() }, Some(live()), Verdict::Adopt),
            (WantedClaim { storage_class: Some("fast".into()), ..wanted() }, Some(live()), Verdict::Adopt),
            (
                WantedClaim { storage_class: Some(String::new()), volume: Some("pv1".into()), ..wanted() },
                Some(json!({"metadata": live()["metadata"], "status": live()["status"], "spec": {
                    "accessModes": ["ReadWriteOnce"], "storageClassName": "", "volumeName": "pv1",
                    "resources": {"requests": {"storage": "10Gi"}}}})),
                Verdict::Adopt,
            ),
            (wanted(), Some(changed("/status/phase", json!("Pending"))), Verdict::Adopt),
            (WantedClaim { size: "11G".into(), ..wanted() }, Some(live()), Verdict::Expand { from: "10Gi".into() }),
        ] {
            assert_eq!(compare(&claim, RELEASE, object.as_ref(), Some(&classes())), expected);
        }
        let of_template = WantedClaim { of_template: true, ..wanted() };
        let bare = changed("/metadata/labels", json!({}));
        assert_eq!(compare(&of_template, RELEASE, Some(&bare), Some(&classes())), Verdict::Adopt);
    }

    #[test]
    fn what_does_not_fit_is_refused_with_the_way_out() {
        let small = WantedClaim { size: "9.9Gi".into(), ..wanted() };
        let large = WantedClaim { size: "1Ti".into(), ..wanted() };
        let slow = WantedClaim { storage_class: Some("slow".into()), ..wanted() };
        let many = WantedClaim { access_modes: vec!["ReadWriteMany".into()], ..wanted() };
        let word = WantedClaim { size: "big".into(), ..wanted() };
        let bound = WantedClaim { volume: Some("pv1".into()), ..wanted() };
        for (claim, object, what, hint) in [
            (&small, live(), "has 10Gi, more than the requested 9.9Gi", "set `size: 10Gi`"),
            (
                &large,
                changed("/spec/storageClassName", json!("fixed")),
                "the class `fixed` does not allow it",
                "set `size: 10Gi`",
            ),
            (&large, changed("/status/phase", json!("Pending")), "has no volume yet", "it is empty"),
            (&slow, live(), "has the storage class `fast`, not `slow`", "set `storageClass: fast`"),
            (
                &slow,
                changed("/spec/storageClassName", json!("")),
                "has the storage class ``",
                "set `storageClass: \"\"`",
            ),
            (
                &many,
                live(),
                "has the access modes ReadWriteOnce, not ReadWriteMany",
                "set `accessModes: [ReadWriteOnce]`",
            ),
            (&bound, changed("/spec/volumeName", json!("pv2")), "has the volume `pv2`, not `pv1`", "`volumeName: pv2`"),
            (&bound, live(), "has no volume yet, not `pv1`", "it is empty"),
            (&word, live(), "`big`, which is not a valid quantity", "10Gi"),
            (
                &wanted(),
                changed("/metadata/deletionTimestamp", json!("x")),
                "is being deleted",
                "wait until it is gone",
            ),
            (&wanted(), changed("/status/phase", json!("Lost")), "has lost its volume", "delete the PVC"),
            (
                &wanted(),
                changed(
                    "/metadata/annotations",
                    json!({"meta.helm.sh/release-name": "b", "meta.helm.sh/release-namespace": "n"}),
                ),
                "belongs to the release b in namespace n",
                "existingClaim: pg-data",
            ),
            (
                &wanted(),
                changed("/metadata/annotations", json!({})),
                "was not created by helm",
                "existingClaim: pg-data",
            ),
            (&wanted(), changed("/metadata/labels", json!({})), "was not created by helm", "existingClaim: pg-data"),
        ] {
            let Verdict::Refuse(diagnostic) = compare(claim, RELEASE, Some(&object), Some(&classes())) else {
                panic!("{what}: not refused");
            };
            assert_eq!(diagnostic.place.path, "resources.pg.volumes.data");
            assert!(diagnostic.what.starts_with("the PVC pg-data ") && diagnostic.what.contains(what), "{diagnostic}");
            assert!(diagnostic.hint.contains(hint), "{diagnostic}");
        }
    }

    #[test]
    fn without_a_look_at_the_classes_the_api_server_decides() {
        let large = WantedClaim { size: "1Ti".into(), ..wanted() };
        let live = changed("/spec/storageClassName", json!("fixed"));
        assert_eq!(compare(&large, RELEASE, Some(&live), None), Verdict::Expand { from: "10Gi".into() });
    }

    #[test]
    fn all_are_compared_at_once() {
        let two = [wanted(), WantedClaim { name: "other".into(), ..wanted() }];
        let verdicts: Vec<Verdict> =
            compare_all(&two, RELEASE, &[live()], Some(&[])).into_iter().map(|(_, v)| v).collect();
        assert_eq!(verdicts, [Verdict::Adopt, Verdict::Create]);
    }
}

//! Whether a release can be rolled back to a revision: immutable fields, keys of Secrets; and whether workload kinds
//! change.
//!
//! helm checks none of this before it writes. Nothing is written here either.

use super::installation::Manifest;
use super::secrets_used;
use crate::cluster::api::objects::Objects;
use crate::cluster::connect::client::Cluster;
use crate::diff::{Sides, change};
use crate::k8s::kind::{DEPLOYMENT, STATEFUL_SET};
use crate::pipeline::{Error, Release};
use crate::support::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::support::redact::Mask;
use serde_json::Value as Json;

/// The live object to each of a manifest; those that are not there are left out.
pub(crate) fn live(cluster: &Cluster, wanted: &Manifest) -> Result<Manifest, Error> {
    let mut found = Manifest::new();
    for (object, stored) in wanted {
        let Some(kind) = cluster.kind(stored["apiVersion"].as_str().unwrap_or_default(), &object.kind)? else {
            continue;
        };
        if let Some(live) = cluster.get(&kind, &object.namespace, &object.name)? {
            found.insert(object.clone(), live);
        }
    }
    Ok(found)
}

/// Whether a workload runs as the other kind: helm alone would run the pods of both on the same data.
pub(crate) fn changes_kind(cluster: &Cluster, release: &Release, wanted: &Manifest) -> Result<bool, Error> {
    for object in wanted.keys() {
        let other = match object.kind.as_str() {
            "Deployment" => STATEFUL_SET,
            "StatefulSet" => DEPLOYMENT,
            _ => continue,
        };
        let live = cluster.get(&other, &object.namespace, &object.name)?;
        let name = release.helm_name();
        if live.is_some_and(|live| name.owns(&live)) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Fields that cannot be changed on a live object.
pub(crate) fn fields(
    revision: u64,
    last: &Manifest,
    wanted: &Manifest,
    live: &Manifest,
    diagnostics: &mut Diagnostics,
) {
    for (object, stored) in wanted {
        let Some(now) = live.get(object) else { continue };
        let sides = Sides { last: last.get(object), wanted: Some(stored), live: Some(now), answer: None };
        let fixed = change(object, sides, &Mask::default()).map(|change| change.immutable).unwrap_or_default();
        if !fixed.is_empty() {
            let what = format!(
                "{} of the {object} cannot be changed back to the value in revision {revision}",
                fixed.join(", ")
            );
            diagnostics.push(
                Diagnostic::new(Code::RollbackNotPossible, "", what)
                    .hint("deploy the older source with the current value of the object"),
            );
        }
    }
}

/// Keys that the pods of the revision need and no Secret has any more.
pub(crate) fn secrets(
    cluster: &Cluster,
    release: &Release,
    revision: u64,
    wanted: &Manifest,
    diagnostics: &mut Diagnostics,
) -> Result<(), Error> {
    let own: Vec<&str> = wanted.keys().filter(|object| object.kind == "Secret").map(|object| &*object.name).collect();
    let stored: Vec<&Json> = wanted.values().collect();
    for secret in secrets_used::used(cluster, release, &stored)? {
        if secret.missing.is_empty() || own.contains(&secret.name.as_str()) {
            continue;
        }
        let what = format!(
            "revision {revision} needs {} of the Secret {}, which no longer exists",
            secret.missing.join(", "),
            secret.name
        );
        diagnostics.push(
            Diagnostic::new(Code::RollbackNotPossible, "", what)
                .hint("deploy the older source instead: it resolves its inputs again"),
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diff::Object;
    use serde_json::json;

    fn manifest(kind: &str, spec: &Json) -> Manifest {
        let object = Object { group: String::new(), kind: kind.into(), namespace: "n".into(), name: "x".into() };
        let json = json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": "x", "namespace": "n"}, "spec": spec});
        [(object, json)].into_iter().collect()
    }

    #[test]
    fn fixed_fields_stay() {
        let set = |service: &str| manifest("StatefulSet", &json!({"serviceName": service}));
        let mut diagnostics = Diagnostics::default();
        fields(3, &set("b"), &set("a"), &set("b"), &mut diagnostics);
        assert!(diagnostics.to_string().contains("spec.serviceName of the StatefulSet x"), "{diagnostics}");
    }
}

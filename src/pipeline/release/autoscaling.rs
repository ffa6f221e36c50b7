//! The autoscaler owns the replica count of its workload: deploy and rollback do not change it.
//!
//! A deploy passes the live replica count as a value. helm's rollback takes no values and would restore the count of
//! the revision, so the live count is written into helm's record of that revision first.

use crate::cluster::api::objects::Objects;
use crate::cluster::connect::client::Cluster;
use crate::cluster::state::record::Record;
use crate::diff::Object;
use crate::k8s::error::ErrorKind;
use crate::k8s::kind::{DEPLOYMENT, STATEFUL_SET};
use crate::k8s::object::name_of;
use crate::pipeline::release::installation::Manifest;
use crate::pipeline::release::rollback_feasibility;
use crate::pipeline::{Error, Release};
use crate::support::diagnostic::{Code, Diagnostic};
use crate::support::yaml;
use serde::Deserialize as _;
use serde_json::Value as Json;
use std::collections::BTreeMap;

/// Autoscalers by the kind and name of what they scale.
pub(crate) type Autoscalers = BTreeMap<(String, String), String>;

/// The autoscalers of the namespace. Where they cannot be listed there are none to us.
pub(crate) fn autoscalers(cluster: &Cluster, release: &Release) -> Result<Autoscalers, Error> {
    let Some(kind) = cluster.kind("autoscaling/v2", "HorizontalPodAutoscaler")? else { return Ok(Autoscalers::new()) };
    let objects = match cluster.list(&kind, &release.namespace, "") {
        Err(error) if error.kind() == ErrorKind::Forbidden => Vec::new(),
        other => other?,
    };
    let target = |scaler: &Json| {
        let target = &scaler["spec"]["scaleTargetRef"];
        let text = |key: &str| target[key].as_str().unwrap_or_default().to_owned();
        ((text("kind"), text("name")), name_of(scaler).to_owned())
    };
    Ok(objects.iter().map(target).collect())
}

/// The live number of pods of each of these workloads (kind and name) that an autoscaler decides about. One that scales the
/// other kind decides nothing about the kind that comes.
pub(crate) fn live<'a>(
    cluster: &Cluster,
    release: &Release,
    workloads: impl Iterator<Item = (&'a str, &'a str)>,
) -> Result<BTreeMap<String, u64>, Error> {
    let scalers = autoscalers(cluster, release)?;
    let mut found = BTreeMap::new();
    if scalers.is_empty() {
        return Ok(found);
    }
    for (meant, name) in workloads {
        for kind in [&DEPLOYMENT, &STATEFUL_SET].into_iter().filter(|kind| kind.kind == meant) {
            if !scalers.contains_key(&(kind.kind.to_string(), name.to_owned())) {
                continue;
            }
            let object = cluster.get(kind, &release.namespace, name)?;
            // An autoscaler leaves a workload without pods alone: that number is a user's.
            if let Some(replicas) = object.and_then(|object| object["spec"]["replicas"].as_u64()).filter(|n| *n > 0) {
                found.insert(name.to_owned(), replicas);
            }
        }
    }
    Ok(found)
}

/// Writes the live numbers into helm's record of a revision, where they differ from what it was stored with.
pub(crate) fn hold(cluster: &Cluster, release: &Release, revision: u64, wanted: &Manifest) -> Result<(), Error> {
    let scalers = autoscalers(cluster, release)?;
    if scalers.is_empty() {
        return Ok(());
    }
    let scaled = scaled(wanted, &rollback_feasibility::live(cluster, wanted)?, &scalers);
    if scaled.is_empty() {
        return Ok(());
    }
    let Some(record) = Record::read(cluster, &release.namespace, &release.name, revision)? else {
        let what = format!(
            "{} is autoscaled, and helm's record of revision {revision} is not a Secret, so its replica count cannot \
            be kept",
            scaled[0].0
        );
        return Err(Error::Refused(
            Diagnostic::new(Code::RollbackNotPossible, "", what).hint("deploy the older source instead").into(),
        ));
    };
    let mut manifest = record.manifest.clone();
    for (object, _, now) in &scaled {
        manifest = with_replicas(&manifest, object, *now).ok_or_else(|| {
            let what = format!("revision {revision} does not set the replica count of {object} in the expected place");
            Error::Refused(
                Diagnostic::new(Code::RollbackNotPossible, "", what).hint("deploy the older source instead").into(),
            )
        })?;
    }
    record.with_manifest(cluster, &release.namespace, &manifest)?;
    Ok(())
}

/// Autoscaled workloads that have another number of pods now than in the manifest: (workload, in the manifest, now).
fn scaled(wanted: &Manifest, live: &Manifest, scalers: &Autoscalers) -> Vec<(Object, u64, u64)> {
    let workloads =
        wanted.iter().filter(|(object, _)| scalers.contains_key(&(object.kind.clone(), object.name.clone())));
    workloads
        .filter_map(|(object, stored)| {
            let stored = stored["spec"]["replicas"].as_u64()?;
            let now = live.get(object)?["spec"]["replicas"].as_u64().filter(|now| *now > 0)?;
            (stored != now).then(|| (object.clone(), stored, now))
        })
        .collect()
}

/// The manifest with another number in the one line that says it; everything else as it is written. None where that line is
/// not to be found.
fn with_replicas(manifest: &str, wanted: &Object, replicas: u64) -> Option<String> {
    let is_number = |text: &str| text.trim_end().bytes().all(|byte| byte.is_ascii_digit());
    with_line(manifest, wanted, "  replicas: ", is_number, &replicas.to_string())
}

/// The manifest with another value in the one line of an object that begins so; everything else as it is written. None where
/// that line is not to be found.
pub(crate) fn with_line(
    manifest: &str,
    wanted: &Object,
    start: &str,
    is_value: impl Fn(&str) -> bool,
    value: &str,
) -> Option<String> {
    yaml::affordable(manifest).ok()?;
    let mut documents: Vec<String> = manifest.split("\n---").map(str::to_owned).collect();
    let is_wanted = |text: &str| {
        // Most need not be read.
        if !text.contains(&wanted.name) {
            return false;
        }
        let object = Json::deserialize(serde_yaml::Deserializer::from_str(text)).unwrap_or_default();
        object["kind"] == *wanted.kind && name_of(&object) == wanted.name
    };
    let document = documents.iter_mut().find(|text| is_wanted(text.trim_start_matches("---")))?;
    let mut found = 0;
    let lines: Vec<String> = document
        .split('\n')
        .map(|line| match line.strip_prefix(start) {
            Some(stored) if is_value(stored) => {
                found += 1;
                format!("{start}{value}")
            }
            _ => line.to_owned(),
        })
        .collect();
    *document = lines.join("\n");
    (found == 1).then(|| documents.join("\n---"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn object(kind: &str) -> Object {
        Object { group: "apps".into(), kind: kind.into(), namespace: "n".into(), name: "api".into() }
    }

    #[test]
    fn one_number_changes_and_nothing_else() {
        let text = "---\n# Source: a\nkind: StatefulSet\nmetadata:\n  name: api\nspec:\n  replicas: 1\n---\n# Source: b\nkind: Deployment\nmetadata:\n  name: api\nspec:\n  replicas: 2\n  template:\n    x: \"  replicas: 2\"\n";
        let changed = with_replicas(text, &object("Deployment"), 7).unwrap();
        assert_eq!(changed, text.replace("spec:\n  replicas: 2", "spec:\n  replicas: 7"));
        assert_eq!(with_replicas(text, &object("Job"), 7), None);
        let odd = text.replace("  replicas: 2\n", "    replicas: 2\n");
        assert_eq!(with_replicas(&odd, &object("Deployment"), 7), None);
    }

    #[test]
    fn only_autoscaled_workloads_count() {
        let manifest = |replicas: u64| -> Manifest {
            [(object("Deployment"), json!({"spec": {"replicas": replicas}}))].into_iter().collect()
        };
        assert!(scaled(&manifest(2), &manifest(7), &Autoscalers::new()).is_empty());
        let scalers = [(("Deployment".to_owned(), "api".to_owned()), "s".to_owned())].into_iter().collect();
        let numbers = |now: u64| -> Vec<(u64, u64)> {
            scaled(&manifest(2), &manifest(now), &scalers).iter().map(|(_, then, now)| (*then, *now)).collect()
        };
        assert_eq!((numbers(7), numbers(2), numbers(0)), (vec![(2, 7)], vec![], vec![]));
    }
}

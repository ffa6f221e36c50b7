//! The autoscaler owns the replica count of its workload: deploy and rollback do not change it.
//!
//! A deploy passes the live replica count as a value (`scale`). helm's rollback takes no values and would restore the count
//! of the revision, so the live count is written into helm's record of that revision first.

use crate::cluster::connect::client::Cluster;
use crate::cluster::state::record::Record;
use crate::diff::Object;
use crate::k8s::error::ErrorKind;
use crate::k8s::object::name_of;
use crate::pipeline::release::installation::Manifest;
use crate::pipeline::release::rollback_feasibility;
use crate::pipeline::{Error, Release};
use crate::support::diagnostic::{Code, Diagnostic};
use crate::support::yaml;
use serde::Deserialize as _;
use serde_json::Value as Json;
use std::collections::BTreeMap;

/// An autoscaler of the namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Autoscaler {
    pub name: String,
    /// Whether it belongs to the release.
    pub is_owned: bool,
}

/// Autoscalers by the kind and name of what they scale.
pub(crate) type Autoscalers = BTreeMap<(String, String), Autoscaler>;

/// Kinds of objects by which a chart scales its own workloads.
pub(crate) const OWN: [&str; 2] = ["HorizontalPodAutoscaler", "ScaledObject"];

/// What KEDA puts before the name of a ScaledObject, for the autoscaler that it makes of it. It copies labels and annotations,
/// so the autoscaler has the marks of the release too.
const OF_KEDA: &str = "keda-hpa-";

impl Autoscaler {
    /// Whether it is among objects of a chart, each by kind and name, or made for one of them.
    pub(crate) fn is_among<'a>(&self, mut objects: impl Iterator<Item = (&'a str, &'a str)>) -> bool {
        let of_keda = self.name.strip_prefix(OF_KEDA);
        objects.any(|(kind, name)| match kind {
            "HorizontalPodAutoscaler" => name == self.name,
            "ScaledObject" => Some(name) == of_keda,
            _ => false,
        })
    }

    /// Whether it scales a workload of this name by the workload's own `autoscaling`.
    pub(crate) fn is_of(&self, workload: &str) -> bool {
        self.is_owned && (self.name == workload || self.name.strip_prefix(OF_KEDA) == Some(workload))
    }
}

/// The autoscalers of the namespace. Where they cannot be listed there are none to us.
pub(crate) fn autoscalers(cluster: &Cluster, release: &Release) -> Result<Autoscalers, Error> {
    let Some(kind) = cluster.kind("autoscaling/v2", "HorizontalPodAutoscaler")? else { return Ok(Autoscalers::new()) };
    let objects = match cluster.list(&kind, &release.namespace, "") {
        Err(error) if error.kind() == ErrorKind::Forbidden => Vec::new(),
        other => other?,
    };
    let scaler = |object: &Json| {
        let is_owned = release.helm_name().owns(object);
        (target(object), Autoscaler { name: name_of(object).to_owned(), is_owned })
    };
    Ok(objects.iter().map(scaler).collect())
}

/// Those that exist before or after a rollback to these objects.
pub(crate) fn around_rollback(cluster: &Cluster, release: &Release, wanted: &Manifest) -> Result<Autoscalers, Error> {
    let mut scalers = autoscalers(cluster, release)?;
    for (object, body) in wanted.iter().filter(|(object, _)| OWN.contains(&object.kind.as_str())) {
        let scaler = Autoscaler { name: object.name.clone(), is_owned: true };
        scalers.entry(target(body)).or_insert(scaler);
    }
    Ok(scalers)
}

/// Kind and name of what an autoscaler or a ScaledObject scales.
fn target(scaler: &Json) -> (String, String) {
    let target = &scaler["spec"]["scaleTargetRef"];
    let text = |key: &str| target[key].as_str().unwrap_or_default().to_owned();
    (text("kind"), text("name"))
}

/// Writes the live numbers into helm's record of a revision, where they differ from what it was stored with: of what is
/// autoscaled now, or is again with that revision.
pub(crate) fn hold(cluster: &Cluster, release: &Release, revision: u64, wanted: &Manifest) -> Result<(), Error> {
    let scalers = around_rollback(cluster, release, wanted)?;
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
        let scaler = Autoscaler { name: "s".to_owned(), is_owned: false };
        let scalers = [(("Deployment".to_owned(), "api".to_owned()), scaler)].into_iter().collect();
        let numbers = |now: u64| -> Vec<(u64, u64)> {
            scaled(&manifest(2), &manifest(now), &scalers).iter().map(|(_, then, now)| (*then, *now)).collect()
        };
        assert_eq!((numbers(7), numbers(2), numbers(0)), (vec![(2, 7)], vec![], vec![]));
    }

    #[test]
    fn an_autoscaler_of_keda_has_the_name_of_its_scaled_object() {
        let scaler = |name: &str, is_owned| Autoscaler { name: name.to_owned(), is_owned };
        for (scaler, kind, expected) in [
            (scaler("api", true), "HorizontalPodAutoscaler", true),
            (scaler("api", true), "Deployment", false),
            (scaler("other", true), "HorizontalPodAutoscaler", false),
            (scaler("keda-hpa-api", true), "ScaledObject", true),
            (scaler("keda-hpa-api", true), "HorizontalPodAutoscaler", false),
        ] {
            assert_eq!(scaler.is_among([(kind, "api")].into_iter()), expected, "{scaler:?} {kind}");
        }
        assert!(scaler("keda-hpa-api", true).is_of("api") && scaler("api", true).is_of("api"));
        assert!(!scaler("api", false).is_of("api") && !scaler("ap", true).is_of("api"));
    }
}

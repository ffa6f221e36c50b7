//! The watcher: what every case must hold, read off the audit log of the API server, which misses nothing, and off what is
//! there in the end.
//!
//! | | holds when |
//! |---|---|
//! | I1 | at no instant pods of two workloads exist that mount one claim, nor more of one than it may have; ending ones count |
//! | I2 | no claim that was ever made is deleted, and each has the volume it got first |
//! | I3 | the journal says committed or rolled back and the wanted pods are ready, or it stopped in a named phase |
//! | I4 | the release is deployed, and the live workloads are those of its manifest |
//! | I5 | we stop only after writing `quiesce`, delete only after writing `fence`, with uid and resourceVersion |
//! | I6 | what only looks writes nothing: `Bench::unchanged` |
//! | I7 | claims are kept, their volumes have the policy from before, or `Retain` when nothing has the claim any more |

use crate::bench::{Bench, text};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;

/// How a case is to end.
#[derive(Clone, Copy)]
pub(crate) enum End<'a> {
    /// The new kinds run.
    Committed,
    /// The old kinds run.
    RolledBack,
    /// The journal stands in this phase.
    At(&'a str),
    /// Nothing was ever begun.
    Untouched,
}

/// One successful write in the namespace.
pub(crate) struct Write {
    /// `delete pods/db-0`; a subresource comes last: `patch pods/db-0/status`.
    pub what: String,
    /// What the client calls itself.
    pub agent: String,
    pub sent: Value,
    /// The object that came back.
    pub got: Value,
}

impl Write {
    /// Whether this program sent it; helm, kubectl and the parts of the cluster name themselves.
    pub(crate) fn is_ours(&self) -> bool {
        self.agent.is_empty() || self.agent.starts_with("kubectl-aspire")
    }

    fn is(&self, verb: &str, resource: &str) -> bool {
        let mut words = self.what.split([' ', '/']);
        words.next() == Some(verb) && words.next() == Some(resource) && words.nth(1).is_none()
    }
}

/// The successful writes in the namespace of this test, in their order.
pub(crate) fn writes(bench: &Bench) -> Vec<Write> {
    let log = fs::read_to_string(bench.plane.audit_log()).unwrap();
    let here = format!("\"namespace\":\"{}\"", bench.ns);
    let write = |line: &str| -> Option<Write> {
        let event: Value = serde_json::from_str(line).ok()?;
        let object = &event["objectRef"];
        let good = event["responseStatus"]["code"].as_u64()? < 300 && object["namespace"] == *bench.ns;
        let dry = text(&event["requestURI"]).contains("dryRun=");
        let verb = text(&event["verb"]);
        let is_write = ["create", "update", "patch", "delete"].contains(&verb);
        // What is made has no name yet where a controller lets the server choose it.
        let name = [&object["name"], &event["responseObject"]["metadata"]["name"]];
        let name = name.into_iter().map(text).find(|name| !name.is_empty()).unwrap_or_default();
        let mut what = format!("{verb} {}/{name}", text(&object["resource"]));
        if let Some(part) = object["subresource"].as_str() {
            what = format!("{what}/{part}");
        }
        (good && is_write && !dry).then(|| Write {
            what,
            agent: text(&event["userAgent"]).to_owned(),
            sent: event["requestObject"].clone(),
            got: event["responseObject"].clone(),
        })
    };
    log.lines().filter(|line| line.contains(&here)).filter_map(write).collect()
}

pub(crate) fn journal(bench: &Bench) -> Option<Value> {
    let object = bench.find("configmap/aspire-transition-app")?;
    Some(serde_json::from_str(text(&object["data"]["journal"])).unwrap())
}

/// The claims that a pod mounts.
pub(crate) fn claims_of(pod: &Value) -> BTreeSet<&str> {
    let volumes = pod["spec"]["volumes"].as_array().into_iter().flatten();
    volumes.filter_map(|volume| volume["persistentVolumeClaim"]["claimName"].as_str()).collect()
}

/// The workload that made a pod.
pub(crate) fn root(pod: &Value) -> String {
    let owner = &pod["metadata"]["ownerReferences"][0];
    let (kind, name) = (text(&owner["kind"]), text(&owner["name"]));
    match (kind, name.rsplit_once('-')) {
        ("ReplicaSet", Some((deployment, _))) => format!("Deployment/{deployment}"),
        _ => format!("{kind}/{name}"),
    }
}

/// I1, for controls: every instant at which pods of several workloads, or more than `most` of one, had a claim.
pub(crate) fn overlaps(bench: &Bench, most: usize) -> Vec<String> {
    let mut pods: BTreeMap<String, Value> = BTreeMap::new();
    let mut found = Vec::new();
    for write in writes(bench) {
        let Some(name) = write.what.split(' ').nth(1).and_then(|rest| rest.strip_prefix("pods/")) else { continue };
        let name = name.split('/').next().unwrap();
        if write.got["kind"] == "Pod" && !is_gone(&write) {
            pods.insert(name.to_owned(), write.got);
        } else if is_gone(&write) {
            pods.remove(name);
        }
        let mut users: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        let running = pods.values().filter(|pod| !["Succeeded", "Failed"].contains(&text(&pod["status"]["phase"])));
        for pod in running {
            for claim in claims_of(pod) {
                users.entry(claim).or_default().push(root(pod));
            }
        }
        for (claim, mut users) in users {
            let number = users.len();
            users.sort_unstable();
            users.dedup();
            if users.len() > 1 || number > most {
                found.push(format!("{claim}: {number} pods of {}", users.join(" and ")));
            }
        }
    }
    found.dedup();
    found
}

/// Whether no such pod exists after this write. A first delete only asks it to end; the last one has no time to give.
fn is_gone(write: &Write) -> bool {
    let metadata = &write.got["metadata"];
    let ends = metadata["deletionTimestamp"].is_string();
    let held = metadata["finalizers"].as_array().is_some_and(|finalizers| !finalizers.is_empty());
    let no_time = metadata["deletionGracePeriodSeconds"] == 0;
    if write.is("delete", "pods") { !held && (!ends || no_time) } else { ends && no_time && !held }
}

/// The case has ended like this, and every promise was kept all the way.
#[track_caller]
pub(crate) fn holds(bench: &Bench, end: End<'_>) {
    holds_with(bench, end, 1);
}

/// The same for workloads that may have more than one pod.
#[track_caller]
pub(crate) fn holds_with(bench: &Bench, end: End<'_>, most: usize) {
    assert_eq!(overlaps(bench, most), [""; 0], "I1: two writers on a claim");
    let writes = writes(bench);
    claims_stay(bench, &writes);
    journal_comes_first(&writes);
    let journal = journal(bench);
    let phase = journal.as_ref().map(|journal| text(&journal["phase"]).to_owned()).unwrap_or_default();
    match end {
        End::Untouched => return assert_eq!(journal, None, "I3: something was begun"),
        End::At(expected) => return assert_eq!(phase, expected, "I3: {journal:?}"),
        End::Committed => assert_eq!(phase, "committed", "I3: {journal:?}"),
        End::RolledBack => assert_eq!(phase, "rolled-back", "I3: {journal:?}"),
    }
    let journal = journal.unwrap();
    for change in journal["changes"].as_array().unwrap() {
        let (stays, left) = if phase == "committed" { ("new", "old") } else { ("old", "new") };
        assert_eq!(bench.find(&object(&change[left])), None, "I4: {phase}");
        let live = bench.get(&object(&change[stays]));
        assert_eq!(live["status"]["readyReplicas"], change[stays]["replicas"], "I3: {phase}");
    }
    release_is_what_lives(bench);
    for note in journal["claims"].as_array().unwrap() {
        let claim = bench.get(&format!("pvc/{}", text(&note["name"])));
        assert_eq!(claim["metadata"]["annotations"]["helm.sh/resource-policy"], "keep", "I7");
        let Some(volume) = claim["spec"]["volumeName"].as_str() else { continue };
        let volume: Value =
            serde_json::from_str(&bench.plane.kubectl(&["get", "pv", volume, "-o", "json"]).unwrap()).unwrap();
        assert_eq!(note["reclaim"], Value::Null, "the policy of a volume is kept on the volume");
        if let Some(retained) = note["retained"].as_bool() {
            // The class of the test bed deletes volumes.
            let kept = retained || note["stays"] == false;
            let expected = if kept { "Retain" } else { "Delete" };
            assert_eq!(volume["spec"]["persistentVolumeReclaimPolicy"], expected, "I7: {note}");
            // One that was kept by hand before may still say what it was.
            let former = if kept { json!("Delete") } else { Value::Null };
            let said = &volume["metadata"]["annotations"]["aspire-k8s/reclaim-policy"];
            assert!(retained || *said == former, "I7: {note} {said}");
        }
    }
}

fn object(named: &Value) -> String {
    format!("{}/{}", text(&named["kind"]).to_lowercase(), text(&named["name"]))
}

#[track_caller]
fn claims_stay(bench: &Bench, writes: &[Write]) {
    let mut volumes: BTreeMap<String, String> = BTreeMap::new();
    for write in writes {
        let claim = &write.got;
        if claim["kind"] == "PersistentVolumeClaim" {
            let uid = text(&claim["metadata"]["uid"]).to_owned();
            if let Some(volume) = claim["spec"]["volumeName"].as_str() {
                assert_eq!(volumes.entry(uid).or_insert_with(|| volume.to_owned()), volume, "I2");
            }
        }
        assert!(!write.is("delete", "persistentvolumeclaims"), "I2: {} by {}", write.what, write.agent);
    }
    let live = bench.list("pvc");
    for (uid, volume) in volumes {
        let claim = live.iter().find(|claim| claim["metadata"]["uid"] == uid);
        let claim = claim.unwrap_or_else(|| panic!("I2: the claim of volume {volume} is gone"));
        assert!(claim["metadata"]["deletionTimestamp"].is_null(), "I2: {claim}");
        let volume = bench.plane.kubectl(&["get", "pv", &volume, "-o", "json"]).unwrap();
        let volume: Value = serde_json::from_str(&volume).unwrap();
        assert_eq!(volume["spec"]["claimRef"]["uid"], uid, "I2");
        assert!(volume["metadata"]["deletionTimestamp"].is_null(), "I2: {volume}");
    }
}

#[track_caller]
fn journal_comes_first(writes: &[Write]) {
    let mut phase = String::new();
    for write in writes {
        if write.what.contains(" configmaps/aspire-transition-") {
            let journal: Value = serde_json::from_str(text(&write.sent["data"]["journal"])).unwrap_or_default();
            text(&journal["phase"]).clone_into(&mut phase);
        }
        let is_workload = |verb| write.is(verb, "deployments") || write.is(verb, "statefulsets");
        if !write.is_ours() {
            continue;
        }
        if is_workload("patch") && write.sent["spec"]["replicas"] == 0 {
            assert_eq!(phase, "quiesce", "I5: {}", write.what);
        }
        if is_workload("delete") {
            assert_eq!(phase, "fence", "I5: {}", write.what);
            let conditions = &write.sent["preconditions"];
            assert!(conditions["uid"].is_string() && conditions["resourceVersion"].is_string(), "I5: {}", write.sent);
        }
    }
}

#[track_caller]
fn release_is_what_lives(bench: &Bench) {
    let status = bench.helm(&["status", "app", "-o", "json"]).ok();
    let status: Value = serde_json::from_str(&status.out).unwrap();
    assert_eq!(status["info"]["status"], "deployed", "I4");
    let objects = kubectl_aspire::internals::diff::objects(text(&status["manifest"]), &bench.ns).unwrap();
    let name = |object: &Value| format!("{}/{}", text(&object["kind"]), text(&object["metadata"]["name"]));
    let is_workload = |object: &&Value| object["kind"] == "Deployment" || object["kind"] == "StatefulSet";
    let wanted: BTreeSet<String> = objects.values().filter(is_workload).map(name).collect();
    let live: BTreeSet<String> = bench.list("deployments,statefulsets").iter().map(name).collect();
    assert_eq!(live, wanted, "I4: the workloads are those of the manifest");
}

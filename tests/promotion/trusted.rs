//! What a journal may lead to: anybody who may write ConfigMaps in the namespace can write one. And what a deploy says that
//! it did is what is there.

use crate::bench::{Bench, text};
use crate::stage::{
    Helm, agreed, configure, is_journal, journal, killed_at, promote, released, rollback, status, through,
    wait_until_ready,
};
use crate::watch::{self, End};
use serde_json::{Value, json};
use std::path::PathBuf;
use testbed::Faults;
use testbed::faults::Fault;

/// A migration to a StatefulSet that was killed when helm was done, before its end.
fn killed_past_helm(prefix: &str) -> Option<Bench> {
    let bench = released(prefix, "Deployment")?;
    let (faults, helm) = (Faults::start(bench.plane).unwrap(), Helm::new(&bench, "4.2.4"));
    configure(&bench, "StatefulSet", "");
    let run = agreed(&bench, &["--no-wait"]);
    let ns = bench.ns.clone();
    let at_commit = move |request: &testbed::faults::Request| {
        is_journal(request, &ns) && String::from_utf8_lossy(&request.body).contains("\\\"phase\\\":\\\"commit\\\"")
    };
    assert!(killed_at(run, &helm, &faults, 1, true, at_commit));
    assert_eq!(journal(&bench)["phase"], "commit");
    wait_until_ready(&bench, "StatefulSet");
    Some(bench)
}

/// A change that makes a journal wrong.
type Wrong = fn(&mut Value);

/// The digest of no objects.
const OF_NOTHING: &str = "e3b0c44298fc";

/// Replaces the journal.
fn plant(bench: &Bench, journal: &Value) {
    let mut map = bench.get("configmap/aspire-transition-app");
    map["data"]["journal"] = journal.to_string().into();
    map["metadata"]["resourceVersion"] = Value::Null;
    map["metadata"]["managedFields"] = Value::Null;
    let file = bench.write("planted.json", &map.to_string()).display().to_string();
    bench.plane.kubectl(&["replace", "-n", &bench.ns, "-f", &file]).unwrap();
}

fn marks(bench: &Bench) -> String {
    text(&bench.get("deployment/api")["spec"]["template"]["metadata"]["annotations"]["aspire-k8s/secrets"]).to_owned()
}

// Rule: helm runs unless this very run has called it (`Deployment::change_kinds`).
#[test]
fn a_deploy_that_ends_an_interrupted_migration_applies_its_secrets() {
    let Some(bench) = killed_past_helm("trsecret") else { return };
    let before = marks(&bench);
    bench.deploy(&["--parameter", "token=rotated-meanwhile"]).ok().says(&["resuming:", "deployed release app"]);
    assert_eq!(bench.secret("app-secrets")["token"], "rotated-meanwhile");
    assert_ne!(marks(&bench), before, "the pods that use the secret were told of it");
    assert_eq!(status(&bench, 3), "deployed", "helm ran");
    watch::holds(&bench, End::Committed);
}

// Rule: the digest covers all that helm would apply (`promotion::digest`), and a plan says so too.
#[test]
fn a_deploy_of_other_values_does_not_take_over_what_was_begun() {
    let Some(bench) = killed_past_helm("trvalues") else { return };
    let other = ["--parameter", "currency=GBP"];
    let way = "was planned for another chart or other values";
    bench.unchanged(|| {
        bench.deploy(&other).exits(3).says(&[way, "complete it first with `kubectl aspire promote --resume"]);
        let planned = bench.run(&[&["plan", "app", "-n", &bench.ns], &other[..]].concat()).exits(1);
        assert!(planned.out.contains(way), "{planned}");
        bench.run(&["plan", "app", "-n", &bench.ns]).exits(2);
    });
    promote(&bench, &["--resume"]).ok();
    bench.deploy(&other).ok();
    assert_eq!(bench.get("configmap/api-config")["data"]["CURRENCY"], "GBP");
    watch::holds(&bench, End::Committed);
}

// Rule: the records that helm is to use are judged before the first step, too (`driver::check_records`).
#[test]
fn a_way_back_over_a_changed_record_is_refused_before_anything_is_done() {
    let Some(bench) = killed_past_helm("trrecord") else { return };
    let label = |status: &str| {
        let record = "secret/sh.helm.release.v1.app.v1";
        bench.plane.kubectl(&["label", record, &format!("status={status}"), "--overwrite", "-n", &bench.ns]).unwrap();
    };
    label("failed");
    bench.unchanged(|| promote(&bench, &["--abort"]).exits(3).says(&["its name or labels differ"]));
    label("superseded");
    promote(&bench, &["--abort"]).ok();
    watch::holds(&bench, End::RolledBack);
}

// Rule: a journal that contradicts itself is not believed (`Journal::contradictions`).
#[test]
fn a_planted_journal_stops_a_deploy_with_a_way_out() {
    let Some(bench) = killed_past_helm("trplanted") else { return };
    let good = journal(&bench);
    let plants: [(Wrong, &str); 5] = [
        (|it| (it["changes"], it["target"]) = (json!([]), OF_NOTHING.into()), "it changes nothing"),
        (
            |it| it["claims"] = json!([{"name": "x", "uid": "u", "volume": "v", "retained": false, "reclaim": "Delete", "stays": true}]),
            "none of its workloads mounts the claim x",
        ),
        (|it| it["changes"][0]["old"]["name"] = "../../../nodes/n".into(), "is not an object that can be migrated"),
        (|it| (it["phase"], it["calling"]) = ("committed".into(), true.into()), "both complete and in progress"),
        (|it| it["v"] = 7.into(), "is not a journal that this version can read"),
    ];
    for (change, expected) in plants {
        let mut planted = good.clone();
        change(&mut planted);
        plant(&bench, &planted);
        bench.unchanged(|| {
            bench.deploy(&[]).exits(3).says(&["aspire-transition-app", expected]);
            promote(&bench, &["--resume"]).exits(3).says(&[expected]);
            bench.destroy(&["--yes"]).exits(3).says(&[expected]);
            let shown = bench.run(&["status", "app", "-n", &bench.ns]).ok();
            assert!(shown.out.starts_with("UNFINISHED"), "{shown}");
        });
    }
    // One that means the workload of somebody else in the namespace.
    let mut other = bench.get("statefulset/db");
    for key in ["uid", "resourceVersion", "managedFields", "creationTimestamp"] {
        other["metadata"][key] = Value::Null;
    }
    other["metadata"]["name"] = "other".into();
    other["metadata"]["annotations"] =
        json!({"meta.helm.sh/release-name": "other", "meta.helm.sh/release-namespace": bench.ns});
    other["metadata"]["labels"] = json!({});
    other["spec"]["replicas"] = 0.into();
    bench.apply(&other);
    let mut planted = good.clone();
    planted["changes"][0]["old"] = json!({"kind": "StatefulSet", "name": "other", "replicas": 0});
    planted["changes"][0]["new"] = json!({"kind": "Deployment", "name": "other", "replicas": 0});
    planted["changes"][0]["uid"] = bench.get("statefulset/other")["metadata"]["uid"].clone();
    plant(&bench, &planted);
    bench.unchanged(|| {
        promote(&bench, &["--resume"])
            .exits(3)
            .says(&["names objects that are not part of this release: StatefulSet/other"]);
        promote(&bench, &["--abort"])
            .exits(3)
            .says(&["names objects that are not part of this release: StatefulSet/other"]);
    });
    bench.plane.kubectl(&["delete", "statefulset/other", "-n", &bench.ns]).unwrap();
    plant(&bench, &good);
    bench.deploy(&[]).ok();
    watch::holds(&bench, End::Committed);
}

// Rule: a volume is changed only when it names a claim of this release, and to what it says itself (`Live::volume`).
#[test]
fn a_planted_claim_changes_no_volume_of_another_namespace() {
    let Some(bench) = killed_past_helm("trvolume") else { return };
    let victim = format!("victim-{}", bench.ns);
    let volume = json!({
        "apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": victim},
        "spec": {
            "capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"], "persistentVolumeReclaimPolicy": "Retain",
            "storageClassName": "by-hand", "hostPath": {"path": "/nowhere"},
            "claimRef": {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "namespace": "other-team", "name": "data", "uid": "0000"},
        },
    });
    bench.plane.apply(&volume.to_string()).unwrap();
    let policy = || bench.get(&format!("pv/{victim}"))["spec"]["persistentVolumeReclaimPolicy"].clone();
    for (name, metadata) in [
        ("foreign", json!({"name": "foreign"})),
        (
            "marked",
            json!({"name": "marked", "labels": bench.get("pvc/db-data")["metadata"]["labels"],
            "annotations": {"meta.helm.sh/release-name": "app", "meta.helm.sh/release-namespace": bench.ns}}),
        ),
    ] {
        bench.apply(&json!({
            "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": metadata,
            "spec": {"accessModes": ["ReadWriteOnce"], "storageClassName": "by-hand", "volumeName": victim,
                "resources": {"requests": {"storage": "1Gi"}}},
        }));
        let uid = bench.get(&format!("pvc/{name}"))["metadata"]["uid"].clone();
        let mut planted = journal(&bench);
        planted["phase"] = "commit".into();
        planted["changes"][0]["claims"].as_array_mut().unwrap().push(name.into());
        let note =
            json!({"name": name, "uid": uid, "volume": victim, "reclaim": "Delete", "retained": false, "stays": true});
        planted["claims"].as_array_mut().unwrap().push(note);
        plant(&bench, &planted);
        promote(&bench, &["--resume"]).ok();
        assert_eq!(policy(), "Retain", "{name}");
        assert_eq!(
            bench.get(&format!("pv/{victim}"))["metadata"]["annotations"]["aspire-k8s/reclaim-policy"],
            Value::Null
        );
    }
    let own = bench.get("pvc/db-data")["spec"]["volumeName"].clone();
    let own = bench.get(&format!("pv/{}", text(&own)));
    assert_eq!(own["spec"]["persistentVolumeReclaimPolicy"], "Delete", "its own is as it was");
    bench.plane.kubectl(&["delete", "pv", &victim, "--wait=false"]).unwrap();
}

/// A helm that says that it did what it did not do, as long as the file `skip` is there.
fn idle_helm(bench: &Bench, version: &str, verb: &str) -> PathBuf {
    let (real, skip) = (bench.plane.helm(version), bench.path("skip"));
    let text = format!(
        "#!/bin/sh\ncase \"$*\" in *--dry-run*) ;; {verb}*) [ -e {} ] && exit 0 ;; esac\nexec {} \"$@\"\n",
        skip.display(),
        real.display()
    );
    bench.script(&format!("idle-{version}-{verb}/helm"), &text)
}

// Rule: what is said to be deployed or rolled back is what helm's newest record holds (`pipeline::proof`).
#[test]
fn nothing_is_called_done_that_helm_did_not_do() {
    let Some(bench) = released("trproof", "Deployment") else { return };
    for version in ["3.22.0", "4.2.4"] {
        let last = history(&bench);
        let (upgrade, back) = (idle_helm(&bench, version, "upgrade"), idle_helm(&bench, version, "rollback"));
        let other = format!("currency=X{last}");
        bench.write("skip", "");
        let said = bench.deploy(&["--parameter", &other]).env("HELM_BIN", &upgrade).exits(1);
        let newest =
            format!("its newest revision is {last} (deployed), but revision {} was expected to be deployed", last + 1);
        said.says(&["helm upgrade succeeded, but the release app", &newest]);
        std::fs::remove_file(bench.path("skip")).unwrap();
        bench.deploy(&["--parameter", &other]).env("HELM_BIN", &upgrade).ok();
        bench.write("skip", "");
        rollback(&bench, &[]).env("HELM_BIN", &back).exits(1).says(&["helm rollback succeeded, but the release app"]);
        std::fs::remove_file(bench.path("skip")).unwrap();
        rollback(&bench, &[]).env("HELM_BIN", &back).ok().says(&[&format!("rolled back to revision {last}")]);
    }
    // Somebody else upgrades in the moment in which our helm ends.
    let real = bench.plane.helm("4.2.4");
    let text = format!(
        "#!/bin/sh\n{0} \"$@\" || exit\ncase \"$*\" in *--dry-run*) ;; upgrade*) {0} rollback app 1 -n {1} >/dev/null ;; esac\n",
        real.display(),
        bench.ns
    );
    let helm = bench.script("second/helm", &text);
    bench.deploy(&["--parameter", "currency=CHF"]).env("HELM_BIN", &helm).exits(1).says(&["its newest revision is"]);
}

/// The number of the newest revision.
fn history(bench: &Bench) -> u64 {
    let ran = bench.run(&["history", "app", "-n", &bench.ns, "-o", "json"]).ok();
    let revisions: Value = serde_json::from_str(&ran.out).unwrap();
    revisions.as_array().unwrap().iter().filter_map(|one| one["revision"].as_u64()).max().unwrap()
}

// Rule: a journal of the version before is ended, and no chart is taken for its own (`Journal::knows_its_chart`).
#[test]
fn a_journal_of_the_version_before_can_be_ended() {
    for wish in ["--resume", "--abort"] {
        let Some(bench) = killed_past_helm("trold") else { return };
        let mut old = journal(&bench);
        old["v"] = 1.into();
        for claim in old["claims"].as_array_mut().unwrap() {
            claim["reclaim"] = "Delete".into();
            claim.as_object_mut().unwrap().remove("retained");
        }
        plant(&bench, &old);
        bench.unchanged(|| {
            bench.deploy(&[]).exits(3).says(&["was planned by an earlier version of this program", "promote --resume"]);
        });
        promote(&bench, &[wish]).ok();
        let (here, gone) =
            if wish == "--resume" { ("statefulset/db", "deployment/db") } else { ("deployment/db", "statefulset/db") };
        assert_eq!((bench.get(here)["spec"]["replicas"].as_u64(), bench.find(gone)), (Some(1), None), "{wish}");
        bench.deploy(&["--confirm", "none"]).end();
    }
}

// Rule: the way back leads to a revision that was good, whatever the journal says (`Driver::roll_back`).
#[test]
fn the_way_back_leads_to_a_revision_that_was_good() {
    let Some(bench) = released("trbase", "Deployment") else { return };
    let faults = Faults::start(bench.plane).unwrap();
    let path = format!("/namespaces/{}/services", bench.ns);
    let writes = move |request: &testbed::faults::Request| {
        request.is_from_helm() && request.is_write() && request.path.contains(&path)
    };
    faults.inject(Fault::Answer(422, None), 1, u32::MAX, writes);
    through(bench.deploy(&["--parameter", "currency=BAD"]), &faults).exits(1);
    faults.heal();
    assert_eq!(status(&bench, 2), "failed");
    configure(&bench, "StatefulSet", "");
    let helm = Helm::new(&bench, "4.2.4");
    let ns = bench.ns.clone();
    let at_drain = move |request: &testbed::faults::Request| {
        is_journal(request, &ns) && String::from_utf8_lossy(&request.body).contains("\\\"phase\\\":\\\"drain\\\"")
    };
    assert!(killed_at(agreed(&bench, &[]), &helm, &faults, 1, true, at_drain));
    let mut planted = journal(&bench);
    assert_eq!(planted["base"], 1);
    planted["base"] = 2.into();
    plant(&bench, &planted);
    promote(&bench, &["--abort"]).exits(3).says(&["revision 2 failed: it was never fully deployed"]);
    planted["base"] = 1.into();
    plant(&bench, &planted);
    promote(&bench, &["--abort"]).ok();
    watch::holds(&bench, End::RolledBack);
}

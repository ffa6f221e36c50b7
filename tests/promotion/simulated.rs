//! A cluster in memory for one release: objects, controllers that act on what they read a while ago, a kubelet, and helm.
//!
//! Every function here is one step that nothing can interrupt; who steps when is drawn by the schedule. It must not know
//! the machine.

use kubectl_aspire::internals::k8s::labels;
use kubectl_aspire::internals::migration::{Live, Status};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

pub(crate) const RELEASE: &str = "app";
pub(crate) const NAMESPACE: &str = "n";

/// What a revision brings: one database of a kind per name, each with a claim, and claims that nothing mounts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Chart {
    pub kind: &'static str,
    pub names: Vec<&'static str>,
    pub spare: Option<&'static str>,
}

impl Chart {
    /// The objects in the order in which helm makes them.
    pub(crate) fn objects(&self) -> Vec<Value> {
        let claim = |name: String| {
            json!({
                "kind": "PersistentVolumeClaim", "metadata": metadata(&name),
                "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
            })
        };
        let workload = |name: &&str| {
            json!({
                "kind": self.kind, "metadata": metadata(name),
                "spec": {"replicas": 1, "template": {"spec": {
                    "containers": [{"volumeMounts": [{"name": "v", "mountPath": "/data"}]}],
                    "volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": claim_of(name)}}],
                }}},
            })
        };
        let claims = self.names.iter().map(|name| claim_of(name)).chain(self.spare.map(str::to_owned)).map(claim);
        claims.chain(self.names.iter().map(workload)).collect()
    }
}

pub(crate) fn claim_of(name: &str) -> String {
    format!("{name}-data")
}

fn metadata(name: &str) -> Value {
    json!({
        "name": name,
        "labels": {"app.kubernetes.io/component": name, "app.kubernetes.io/managed-by": "Helm"},
        "annotations": {"meta.helm.sh/release-name": RELEASE, "meta.helm.sh/release-namespace": NAMESPACE},
    })
}

/// A revision of the release.
#[derive(Debug, Clone)]
pub(crate) struct Recorded {
    pub status: Status,
    pub chart: Chart,
}

/// A helm at work.
#[derive(Debug, Clone)]
pub(crate) struct Helm {
    /// Its revision.
    pub number: usize,
    /// What is left to do; the next one is the last.
    writes: Vec<Write>,
    target: Chart,
}

#[derive(Debug, Clone)]
enum Write {
    Bring(Value),
    Remove(Value),
}

#[derive(Default)]
pub(crate) struct Cluster {
    pub live: Live,
    /// The first is revision 1.
    pub revisions: Vec<Recorded>,
    /// Those at work. More than one is nobody's wish.
    pub helms: Vec<Helm>,
    /// Whether pods of this kind never become ready.
    pub broken: Option<&'static str>,
    /// Pods that somebody holds.
    pub held: BTreeSet<String>,
    /// What each controller has read and not acted on yet, by the uid of its object.
    read: BTreeMap<String, Value>,
    counter: u64,
}

pub(crate) fn uid(object: &Value) -> &str {
    object["metadata"]["uid"].as_str().unwrap_or_default()
}

pub(crate) fn name(object: &Value) -> &str {
    object["metadata"]["name"].as_str().unwrap_or_default()
}

/// The uid of the controller of an object.
fn owner(object: &Value) -> &str {
    object["metadata"]["ownerReferences"][0]["uid"].as_str().unwrap_or_default()
}

pub(crate) fn is_ending(object: &Value) -> bool {
    !object["metadata"]["deletionTimestamp"].is_null()
}

fn replicas(object: &Value) -> u64 {
    object["spec"]["replicas"].as_u64().unwrap_or(1)
}

impl Cluster {
    fn next(&mut self) -> u64 {
        self.counter += 1;
        self.counter
    }

    /// Puts an object in place, or changes it.
    pub(crate) fn change(&mut self, kind: &str, name_of: &str, change: impl FnOnce(&mut Value)) {
        let version = self.next();
        let Some(object) = self.of(kind).iter_mut().find(|object| name(object) == name_of) else { return };
        let before = object["spec"].clone();
        change(object);
        if object["spec"] != before {
            object["metadata"]["generation"] = (object["metadata"]["generation"].as_u64().unwrap_or(0) + 1).into();
        }
        object["metadata"]["resourceVersion"] = version.to_string().into();
    }

    fn create(&mut self, mut object: Value) {
        let (id, version) = (self.next(), self.next());
        object["metadata"]["uid"] = format!("uid-{id}").into();
        object["metadata"]["resourceVersion"] = version.to_string().into();
        object["metadata"]["generation"] = 1.into();
        let kind = object["kind"].as_str().unwrap().to_owned();
        if kind == "PersistentVolumeClaim" {
            let volume = format!("pv-{id}");
            object["spec"]["volumeName"] = volume.clone().into();
            self.live.volumes.push(json!({"kind": "PersistentVolume", "metadata": {"name": volume, "uid": format!("uid-{volume}"), "resourceVersion": version.to_string()}, "spec": {"persistentVolumeReclaimPolicy": "Delete", "claimRef": {"uid": object["metadata"]["uid"]}}}));
        }
        self.of(&kind).push(object);
    }

    pub(crate) fn of(&mut self, kind: &str) -> &mut Vec<Value> {
        match kind {
            "Deployment" => &mut self.live.deployments,
            "StatefulSet" => &mut self.live.stateful_sets,
            "ReplicaSet" => &mut self.live.replica_sets,
            "Pod" => &mut self.live.pods,
            "PersistentVolumeClaim" => &mut self.live.claims,
            _ => &mut self.live.volumes,
        }
    }

    pub(crate) fn find(&self, kind: &str, wanted: &str) -> Option<&Value> {
        let objects = match kind {
            "Deployment" => &self.live.deployments,
            "StatefulSet" => &self.live.stateful_sets,
            "PersistentVolumeClaim" => &self.live.claims,
            _ => &self.live.volumes,
        };
        objects.iter().find(|object| name(object) == wanted)
    }

    /// Deletes an object in the background. A claim that goes, and its volume, are gone for good.
    pub(crate) fn delete(&mut self, kind: &str, name_of: &str) {
        if kind == "PersistentVolumeClaim" {
            self.change(kind, name_of, |claim| claim["metadata"]["deletionTimestamp"] = "now".into());
        } else {
            self.of(kind).retain(|object| name(object) != name_of);
        }
    }

    /// Pods of a workload that may write, those that are ending included.
    pub(crate) fn pods_of(&self, kind: &str, workload: &str) -> usize {
        let prefix = if kind == "Deployment" { format!("{workload}-h-") } else { format!("{workload}-0") };
        self.live.pods.iter().filter(|pod| name(pod).starts_with(&prefix)).count()
    }

    /// The controllers that have something to do: kind and name of their object.
    pub(crate) fn controllers(&self) -> Vec<(&'static str, String)> {
        let kinds = [
            ("Deployment", &self.live.deployments),
            ("ReplicaSet", &self.live.replica_sets),
            ("StatefulSet", &self.live.stateful_sets),
        ];
        kinds.iter().flat_map(|(kind, objects)| objects.iter().map(|object| (*kind, name(object).to_owned()))).collect()
    }

    /// One step of a controller: it reads its object, or acts on what it read before. Whether anything was to be done.
    pub(crate) fn control(&mut self, kind: &str, name_of: &str) -> bool {
        let Some(object) = self.of(kind).iter().find(|object| name(object) == name_of).cloned() else { return false };
        let Some(read) = self.read.remove(uid(&object)) else {
            self.read.insert(uid(&object).to_owned(), object.clone());
            return false;
        };
        let before = self.counter;
        match kind {
            "Deployment" => self.control_deployment(&read),
            _ => self.control_pods(kind, &read),
        }
        self.counter != before
    }

    fn control_deployment(&mut self, read: &Value) {
        let wanted = replicas(read);
        let set = self.live.replica_sets.iter().find(|set| owner(set) == uid(read)).cloned();
        match &set {
            None => self.create(json!({
                "kind": "ReplicaSet",
                "metadata": {"name": format!("{}-h", name(read)), "ownerReferences": [{"kind": "Deployment", "name": name(read), "uid": uid(read), "controller": true}]},
                "spec": {"replicas": wanted},
            })),
            Some(set) if replicas(set) != wanted => {
                self.change("ReplicaSet", name(set), |set| set["spec"]["replicas"] = wanted.into());
            }
            Some(_) => {}
        }
        let status = set.map_or_else(|| json!({}), |set| set["status"].clone());
        self.report("Deployment", read, status);
    }

    fn control_pods(&mut self, kind: &str, read: &Value) {
        let wanted = replicas(read);
        let own: Vec<Value> = self.live.pods.iter().filter(|pod| owner(pod) == uid(read)).cloned().collect();
        let lives: Vec<&Value> = own.iter().filter(|pod| !is_ending(pod)).collect();
        // The pod of a StatefulSet has one name, which is free when the one before is gone.
        let free = kind == "ReplicaSet" || self.live.pods.iter().all(|pod| name(pod) != format!("{}-0", name(read)));
        if lives.is_empty() && wanted > 0 && free {
            let number = self.next();
            let pod =
                if kind == "ReplicaSet" { format!("{}-{number}", name(read)) } else { format!("{}-0", name(read)) };
            let workload = name(read).strip_suffix("-h").filter(|_| kind == "ReplicaSet").unwrap_or(name(read));
            let volumes = json!([{"name": "v", "persistentVolumeClaim": {"claimName": claim_of(workload)}}]);
            self.create(json!({
                "kind": "Pod",
                "metadata": {"name": pod, "labels": {"pod-template-hash": "h"}, "ownerReferences": [{"kind": kind, "name": name(read), "uid": uid(read), "controller": true}]},
                "spec": {"volumes": volumes}, "status": {"phase": "Pending"},
            }));
        }
        if wanted == 0
            && let Some(pod) = lives.first()
        {
            self.evict(name(pod));
        }
        if kind == "StatefulSet" {
            self.control_claims(read);
        }
        let ready = lives.iter().filter(|pod| pod["status"]["phase"] == "Running").count();
        let status = json!({"replicas": lives.len(), "updatedReplicas": lives.len(), "readyReplicas": ready});
        self.report(kind, read, status);
    }

    /// A policy may own the claims: then they go with the pods.
    fn control_claims(&mut self, read: &Value) {
        let owns = read["spec"]["persistentVolumeClaimRetentionPolicy"]["whenScaled"] == "Delete";
        let claim = claim_of(name(read));
        let owned = self.live.claim(&claim).is_some_and(|claim| owner(claim) == uid(read));
        if !owns && owned {
            self.change("PersistentVolumeClaim", &claim, |claim| claim["metadata"]["ownerReferences"] = json!([]));
        }
        if owns && owned && replicas(read) == 0 {
            self.delete("PersistentVolumeClaim", &claim);
        }
    }

    fn report(&mut self, kind: &str, read: &Value, mut status: Value) {
        status["observedGeneration"] = read["metadata"]["generation"].clone();
        let same = |object: &Value| uid(object) == uid(read) && object["status"] == status;
        if !self.of(kind).iter().any(same) {
            let id = uid(read).to_owned();
            self.change(kind, name(read), |object| {
                if uid(object) == id {
                    object["status"] = status;
                }
            });
        }
    }

    /// Asks a pod to end.
    pub(crate) fn evict(&mut self, pod: &str) {
        self.change("Pod", pod, |pod| pod["metadata"]["deletionTimestamp"] = "now".into());
    }

    /// One step of the kubelet with a pod: it starts, or its object goes. Whether anything was to be done.
    pub(crate) fn run(&mut self, pod: &str) -> bool {
        let Some(object) = self.live.pods.iter().find(|object| name(object) == pod).cloned() else { return false };
        if is_ending(&object) {
            if self.held.contains(pod) {
                return false;
            }
            self.delete("Pod", pod);
            return true;
        }
        let kind =
            if object["metadata"]["ownerReferences"][0]["kind"] == "ReplicaSet" { "Deployment" } else { "StatefulSet" };
        if object["status"]["phase"] == "Running" || self.broken == Some(kind) {
            return false;
        }
        self.change("Pod", pod, |pod| pod["status"]["phase"] = "Running".into());
        true
    }

    /// What belongs to nobody any more goes, one object at a time. Whether anything was to be done.
    pub(crate) fn collect(&mut self) -> bool {
        let known = |objects: &[Value], id: &str| objects.iter().any(|object| uid(object) == id);
        let orphan = self.live.replica_sets.iter().find(|set| !known(&self.live.deployments, owner(set)));
        if let Some(set) = orphan.map(|set| name(set).to_owned()) {
            self.delete("ReplicaSet", &set);
            return true;
        }
        let (sets, stateful) = (&self.live.replica_sets, &self.live.stateful_sets);
        let lost = |claim: &&Value| !is_ending(claim) && !owner(claim).is_empty() && !known(stateful, owner(claim));
        if let Some(claim) = self.live.claims.iter().find(lost).map(|claim| name(claim).to_owned()) {
            self.delete("PersistentVolumeClaim", &claim);
            return true;
        }
        let orphan = |pod: &&Value| !is_ending(pod) && !known(sets, owner(pod)) && !known(stateful, owner(pod));
        let Some(pod) = self.live.pods.iter().find(orphan).map(|pod| name(pod).to_owned()) else { return false };
        self.evict(&pod);
        true
    }

    /// Starts a helm, unless it refuses. A rollback does not look whether another one works on the release.
    pub(crate) fn start_helm(&mut self, target: &Chart, rollback: bool) {
        let Some(last) = self.revisions.last() else { return };
        if !rollback && last.status == Status::Pending {
            return;
        }
        let deployed = self.revisions.iter().rev().find(|revision| revision.status == Status::Deployed);
        let base = if rollback { Some(last) } else { deployed };
        let before = base.map_or_else(Vec::new, |revision| revision.chart.objects());
        let objects = target.objects();
        let stays = |object: &Value| objects.iter().any(|it| it["kind"] == object["kind"] && name(it) == name(object));
        let leaves = before.into_iter().filter(|object| !stays(object)).map(Write::Remove);
        let mut writes: Vec<Write> = objects.iter().cloned().map(Write::Bring).chain(leaves).collect();
        writes.reverse();
        self.revisions.push(Recorded { status: Status::Pending, chart: target.clone() });
        self.helms.push(Helm { number: self.revisions.len(), writes, target: target.clone() });
    }

    /// One write of a helm, or the record of its end.
    pub(crate) fn step_helm(&mut self, index: usize) {
        let Some(write) = self.helms[index].writes.pop() else {
            let target = &self.helms[index].target;
            let ready =
                |name: &&str| self.find(target.kind, name).is_none_or(|live| live["status"]["readyReplicas"] == 1);
            if target.names.iter().all(ready) {
                self.end_helm(index, Status::Deployed);
            }
            return;
        };
        match write {
            Write::Bring(object) => {
                let (kind, wanted) = (object["kind"].as_str().unwrap().to_owned(), name(&object).to_owned());
                let live = self.of(&kind).iter().find(|live| name(live) == wanted).cloned();
                match live {
                    None => self.create(object),
                    // Helm stumbles over a field that somebody else owns with another value.
                    Some(live)
                        if !live["metadata"]["managedFields"].is_null() && replicas(&live) != replicas(&object) =>
                    {
                        self.end_helm(index, Status::Failed);
                    }
                    Some(_) if kind == "PersistentVolumeClaim" => {}
                    Some(_) => self
                        .change(&kind, &wanted, |live| live["spec"]["replicas"] = object["spec"]["replicas"].clone()),
                }
            }
            Write::Remove(object) => {
                let (kind, wanted) = (object["kind"].as_str().unwrap().to_owned(), name(&object).to_owned());
                let live = self.of(&kind).iter().find(|live| name(live) == wanted);
                if live.is_some_and(|live| live["metadata"]["annotations"][labels::RESOURCE_POLICY] != labels::KEEP) {
                    self.delete(&kind, &wanted);
                }
            }
        }
    }

    /// A helm ends, and writes down how.
    pub(crate) fn end_helm(&mut self, index: usize, status: Status) {
        let helm = self.helms.remove(index);
        self.revisions[helm.number - 1].status = status;
    }

    /// Installs the first revision, with everything running.
    pub(crate) fn install(&mut self, chart: &Chart) {
        for object in chart.objects() {
            self.create(object);
        }
        self.revisions.push(Recorded { status: Status::Deployed, chart: chart.clone() });
        self.settle();
    }

    /// Lets everybody but helm work until nothing is left to do.
    pub(crate) fn settle(&mut self) {
        loop {
            let before = self.counter;
            let mut moved = self.collect();
            for (kind, name) in self.controllers() {
                self.control(kind, &name);
                self.control(kind, &name);
            }
            let pods: Vec<String> = self.live.pods.iter().map(|pod| name(pod).to_owned()).collect();
            for pod in pods {
                moved |= self.run(&pod);
            }
            if !moved && self.counter == before {
                return;
            }
        }
    }
}

//! What lies in a cluster, where others may write.

use super::{packed, text};
use kubectl_aspire::internals::cluster::api::{Guard, Objects, Propagation};
use kubectl_aspire::internals::cluster::state::Record;
use kubectl_aspire::internals::cluster::state::ReleaseSecret;
use kubectl_aspire::internals::cluster::state::State;
use kubectl_aspire::internals::cluster::state::lease;
use kubectl_aspire::internals::k8s::Kind;
use kubectl_aspire::internals::k8s::Result as ClusterResult;
use kubectl_aspire::internals::k8s::{Owner, ReleaseName};
use kubectl_aspire::internals::support::redact::{Mask, base64};
use kubectl_aspire::internals::{diff, doctor, external_charts, migration, rollout};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::hint::black_box;
use std::time::Duration;

const RECORD: &str = concat!(
    r#"{"name":"shop","info":{"last_deployed":"2026-01-02T03:04:06Z","deleted":"","status":"deployed"},"#,
    r#""chart":{"metadata":{"name":"shop"},"values":{"big":12345678901234567890123,"small":1.10}},"#,
    r#""hooks":[{"name":"t","kind":"Pod","events":["test"]}],"#,
    r#""manifest":"---\napiVersion: v1\nkind: Service\nmetadata:\n  name: api\n","version":3,"namespace":"n"}"#
);

pub(super) fn records() -> Vec<Vec<u8>> {
    vec![RECORD.into()]
}

pub(super) fn packed_records() -> Vec<Vec<u8>> {
    vec![base64(&packed(RECORD.as_bytes())).into(), base64(RECORD.as_bytes()).into(), RECORD.into()]
}

/// The JSON of a record, packed as helm does.
pub(super) fn record(bytes: &[u8]) {
    packed_record(&base64(&packed(bytes)));
}

pub(super) fn packed_record(payload: &str) {
    for (kind, payload) in [("Secret", base64(payload.as_bytes())), ("ConfigMap", payload.to_owned())] {
        let object = json!({"kind": kind, "type": "helm.sh/release.v1", "metadata": {"name": "sh.helm.release.v1.shop.v3"},
            "data": {"release": payload}});
        if let Ok(record) = Record::of(object) {
            black_box((record.is_in_place("shop", "n"), record.by_server(), record.whole(), record.objects()));
        }
    }
}

/// The documents of a manifest as helm prints them.
const MANIFEST: &str = "---\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: api-config\ndata:\n  A: \"b\"\n---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: api, labels: {app.kubernetes.io/instance: shop}}\nspec:\n  replicas: 1\n  selector: {matchLabels: {app: api}}\n  template:\n    metadata: {labels: {app: api}}\n    spec:\n      containers:\n      - {name: api, image: 'x:1', env: [{name: A, value: b}], ports: [{containerPort: 80}], resources: {limits: {cpu: 100m, memory: 1Gi}}}\n      volumes: [{name: v, persistentVolumeClaim: {claimName: d}}]\n";

pub(super) fn objects() -> Vec<Vec<u8>> {
    let list = json!({"apiVersion": "v1", "kind": "List", "items": [
        {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "d"},
            "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}},
        {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": {"name": "i"},
            "spec": {"ingressClassName": "nginx", "rules": [{"host": "a.example", "http": {"paths": []}}]}}]});
    vec![MANIFEST.into(), list.to_string().into(), b"a: &a [1]\nb: *a\nc: {<<: *a}\n---\n- |\n x\n- \"y\"\n".to_vec()]
}

pub(super) fn stored(bytes: &[u8]) {
    let text = text(bytes);
    let _ = black_box(kubectl_aspire::internals::pipeline::read_record(&text));
    black_box((external_charts::provided_crds(&text), diff::objects(&text, "n").is_ok()));
    for object in kubectl_aspire::internals::pipeline::drift::objects(&text) {
        black_box(kubectl_aspire::internals::pipeline::drift::compare(&object, None, &[]));
    }
}

/// Each object against the next one as last deploy, next deploy and live state, in every order.
pub(super) fn differences(bytes: &[u8]) {
    let objects = doctor::objects_of(&text(bytes)).unwrap_or_default();
    let mask = Mask::new(&["hunter2-secret".to_owned()]);
    let object =
        diff::Object { group: "apps".into(), kind: "Deployment".into(), namespace: "n".into(), name: "api".into() };
    for pair in objects.windows(2).take(3) {
        let [one, other] = pair else { continue };
        for (last, wanted, live) in [(one, one, other), (one, other, one), (other, one, one)] {
            let sides = diff::Sides { last: Some(last), wanted: Some(wanted), live: Some(live), answer: None };
            let change = diff::change(&object, sides, &mask);
            black_box(diff::lines(change.as_slice()));
            black_box((
                diff::lost(last, wanted, live),
                diff::predict(last, wanted, live),
                diff::merge_patch(last, live),
            ));
            black_box(kubectl_aspire::internals::pipeline::drift::compare(last, Some(live), &["spec.replicas"]));
        }
        black_box((diff::fields(one, other), diff::holds_data(one), diff::with_places(one, other)));
    }
}

pub(super) fn checks(bytes: &[u8]) {
    let objects = doctor::objects_of(&text(bytes)).unwrap_or_default();
    let namespace = json!({"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "restricted"}}});
    black_box(doctor::pod_security(&objects, &Ok(Some(namespace))));
    black_box((doctor::limits(&objects, &Ok(objects.clone())), doctor::kind_names(&objects)));
    let kinds = BTreeMap::new();
    let demand =
        doctor::Demand { objects: &objects, live: &objects, kinds: &kinds, default_class: None, limits: &objects };
    black_box(doctor::quotas(&demand, &Ok(objects.clone())));
    black_box((
        doctor::names(&objects, &objects, RELEASE),
        doctor::route_classes(&objects),
        doctor::trial_pods(&objects),
    ));
    black_box(doctor::pods(&objects).iter().map(|pods| (pods.containers().count(), pods.surge())).collect::<Vec<_>>());
}

const RELEASE: ReleaseName<'static> = ReleaseName { name: "shop", namespace: "n" };

/// Live objects as the API server lists them.
pub(super) fn live() -> Vec<Vec<u8>> {
    let labels = json!({"app.kubernetes.io/instance": "shop", "app.kubernetes.io/managed-by": "Helm", "app.kubernetes.io/component": "api", "pod-template-hash": "1"});
    let meta = |name: &str, owner: &str| {
        json!({"name": name, "namespace": "n", "uid": name, "labels": labels, "generation": 2,
            "annotations": {"meta.helm.sh/release-name": "shop", "meta.helm.sh/release-namespace": "n"},
            "ownerReferences": [{"kind": owner, "name": "api-1", "uid": "api-1", "controller": true}]})
    };
    let waiting = json!({"reason": "CrashLoopBackOff", "message": "back-off 10s"});
    let container = json!({"name": "api", "restartCount": 3, "state": {"waiting": waiting},
        "lastState": {"terminated": {"exitCode": 1, "reason": "Error"}}});
    let pod_spec = json!({"containers": [{"name": "api", "image": "postgres:17"}],
        "volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": "d"}}]});
    let objects = json!([
        {"kind": "Deployment", "apiVersion": "apps/v1", "metadata": meta("api", "x"), "spec": {"replicas": 1,
            "selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": pod_spec}},
            "status": {"observedGeneration": 2, "replicas": 1, "conditions": [{"type": "Progressing", "status": "False"}]}},
        {"kind": "ReplicaSet", "apiVersion": "apps/v1", "metadata": meta("api-1", "Deployment"), "spec": {"replicas": 1}},
        {"kind": "Pod", "apiVersion": "v1", "metadata": meta("api-1-x", "ReplicaSet"), "spec": pod_spec,
            "status": {"phase": "Pending", "containerStatuses": [container],
                "conditions": [{"type": "PodScheduled", "status": "False", "message": "0/3 nodes are available: 1 x, 2 y."}]}},
        {"kind": "Event", "apiVersion": "v1", "type": "Warning", "reason": "Failed", "message": "Failed to pull image",
            "metadata": {"name": "e"}, "involvedObject": {"kind": "Pod", "name": "api-1-x", "uid": "api-1-x"}},
        {"kind": "PersistentVolumeClaim", "apiVersion": "v1", "metadata": meta("d", "x"), "spec": {"volumeName": "pv"},
            "status": {"phase": "Bound"}},
        {"kind": "PersistentVolume", "apiVersion": "v1", "metadata": {"name": "pv"}, "spec": {"claimRef": {"uid": "d"}}},
    ]);
    let mut stateful = objects.clone();
    stateful[0]["kind"] = json!("StatefulSet");
    vec![objects.to_string().into(), stateful.to_string().into()]
}

fn values(bytes: &[u8]) -> Vec<Value> {
    match serde_json::from_slice(bytes) {
        Ok(Value::Array(items)) => items,
        Ok(value) => vec![value],
        Err(_) => Vec::new(),
    }
}

pub(super) fn watched(bytes: &[u8]) {
    let objects = values(bytes);
    let mut rollout = rollout::Rollout::new(RELEASE);
    for (step, seconds) in [(objects.len() / 2, 0), (objects.len(), 30), (objects.len(), 600)] {
        black_box(rollout.observe(&objects[..step], Duration::from_secs(seconds)));
    }
    black_box(rollout.finish(&objects, Duration::from_secs(900), rollout::End::NotReady));
}

pub(super) fn journals() -> Vec<Vec<u8>> {
    let named = |kind: &str| json!({"kind": kind, "name": "api", "replicas": 1});
    let change = json!({"old": named("Deployment"), "new": named("StatefulSet"), "uid": "api", "stray": false,
        "claims": ["d"], "how": "stop"});
    let claim = json!({"name": "d", "uid": "d", "volume": "pv", "retained": false});
    let progress = json!({"direction": "forward", "failures": 0, "stops": 0});
    vec![
        json!({"v": 2, "plan": "9c", "target": "t", "phase": "drain", "progress": progress, "base": 4, "last": 5,
        "calling": true, "changes": [change], "claims": [claim], "confirmed": ["downtime"]})
        .to_string()
        .into(),
    ]
}

/// The objects as they are listed, by their kinds.
fn living(objects: &[Value]) -> migration::Live {
    let of = |kinds: &[&str]| {
        let is = |object: &&Value| kinds.iter().any(|kind| object["kind"] == *kind);
        objects.iter().filter(is).cloned().collect::<Vec<_>>()
    };
    migration::Live {
        deployments: of(&["Deployment"]),
        stateful_sets: of(&["StatefulSet"]),
        replica_sets: of(&["ReplicaSet"]),
        pods: of(&["Pod"]),
        claims: of(&["PersistentVolumeClaim"]),
        others: of(&["Service", "Job"]),
        volumes: of(&["PersistentVolume"]),
        nodes: Vec::new(),
    }
}

pub(super) fn migration(bytes: &[u8]) {
    let objects = values(bytes);
    let live = living(&objects);
    let mut target = objects.clone();
    for object in &mut target {
        if object["kind"] == "Deployment" {
            object["kind"] = json!("StatefulSet");
        }
    }
    let sides = migration::Sides { release: RELEASE, base: 1, last: &objects, target: &target, live: &live };
    black_box((migration::concerns(sides), migration::asks(sides)));
    if let Ok(Some(found)) = kubectl_aspire::internals::migration::detect(sides) {
        let journal = found.journal("h".into(), "t".into(), 1);
        black_box((journal.text(), journal.described()));
    }
}

pub(super) fn owned() -> Vec<Vec<u8>> {
    let metadata = json!({"name": "x", "uid": "u", "resourceVersion": "1",
        "labels": {"app.kubernetes.io/managed-by": "kubectl-aspire", "app.kubernetes.io/instance": "shop"},
        "annotations": {"aspire-k8s/application": "shop", "aspire-k8s/revisions": "{\"a\":\"1\"}", "aspire-k8s/claims": "{\"a\":[\"d\"]}",
            "aspire-k8s/doing": "deploy", "aspire-k8s/helm": "{\"process\":1}"}});
    let map = json!({"metadata": metadata, "data": {"values": "{\"a\":\"b\"}", "foreign": "{}", "journal": "{}", "a": "aHVudGVy"},
        "spec": {"holderIdentity": "host/boot/1/2/3", "acquireTime": "2026-01-02T03:04:05.000000Z",
            "renewTime": "2026-01-02T03:04:05.000000Z", "leaseDurationSeconds": 60, "leaseTransitions": 1}});
    vec![map.to_string().into()]
}

/// A cluster in which every object is this one.
struct Everywhere(Value);

impl Objects for Everywhere {
    fn get(&self, _: &Kind, _: &str, _: &str) -> ClusterResult<Option<Value>> {
        Ok(Some(self.0.clone()))
    }

    fn create(&self, _: &Kind, _: &str, object: &Value) -> ClusterResult<Value> {
        Ok(object.clone())
    }

    fn replace(&self, _: &Kind, _: &str, object: &Value, _: &Guard) -> ClusterResult<Value> {
        Ok(object.clone())
    }

    fn delete(&self, _: &Kind, _: &str, _: &str, _: &Guard, _: Propagation) -> ClusterResult<bool> {
        Ok(true)
    }
}

/// What we keep in a cluster: values, the Secret, the journal, the Lease, marks of charts.
pub(super) fn owned_objects(bytes: &[u8]) {
    let Ok(object) = serde_json::from_slice::<Value>(bytes) else { return };
    // The client lets no other answer through.
    if kubectl_aspire::internals::k8s::oddity(&object).is_some() {
        return;
    }
    let owner = Owner { release: "shop", application: "shop" };
    let secret = ReleaseSecret::from_object(&object);
    black_box(secret.update(BTreeMap::from([("a".to_owned(), b"x".to_vec())])).to_object(owner, "x", Some(&object)));
    black_box((secret.only_claimed(), secret.texts().count()));
    black_box((
        external_charts::Marks::read(&object["metadata"]["labels"]),
        kubectl_aspire::internals::k8s::helm_release(&object),
    ));
    let store = Everywhere(object);
    black_box((
        State::read(&store, owner, "n").is_ok(),
        kubectl_aspire::internals::cluster::state::TransitionRecord::read(&store, owner, "n").is_ok(),
    ));
    black_box((lease::look(&store, owner, "n").is_ok(), lease::outlived(&store, owner, "n").is_some()));
    black_box(lease::abandoned(&store, owner, "n").is_ok());
}

/// A journal, and the objects that it is about.
pub(super) fn observable() -> Vec<Vec<u8>> {
    let journals: Vec<Value> = journals().iter().filter_map(|bytes| serde_json::from_slice(bytes).ok()).collect();
    let objects: Vec<Value> = live().iter().filter_map(|bytes| serde_json::from_slice(bytes).ok()).collect();
    let both = |objects: &Value| {
        let mut journal = journals[0].clone();
        journal["changes"][0]["how"] = json!(if objects[0]["kind"] == "Deployment" { "stop" } else { "adopt" });
        json!({"journal": journal, "objects": objects}).to_string().into()
    };
    objects.iter().map(both).collect()
}

/// What the machine would do next, in each way that helm may have ended.
pub(super) fn observed(bytes: &[u8]) {
    let Ok(both) = serde_json::from_slice::<Value>(bytes) else { return };
    let Some(journal) = migration::Journal::parse(&both["journal"].to_string()) else { return };
    let live = living(both["objects"].as_array().map(Vec::as_slice).unwrap_or_default());
    for status in [migration::Status::Pending, migration::Status::Failed, migration::Status::Deployed] {
        for brings in [migration::Role::Old, migration::Role::New] {
            let revision = migration::Revision { status, brings, foreign: false };
            let seen = migration::observe(&journal, RELEASE, &live, revision, migration::HelmRun::Gone, false);
            black_box(migration::next(&journal.progress, &seen));
        }
    }
    for change in &journal.changes {
        black_box((migration::retired(change, RELEASE, &live).count(), migration::pods_of(&change.old, &live).count()));
    }
}

//! Pods with several containers: what `sidecarOf` makes of an application.

use crate::aspire;
use crate::helm::{documents, helm};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// Objects by `Kind/name`.
type Objects = BTreeMap<String, Value>;

/// The objects of a manifest with an intent.
fn objects(helm: &Path, manifest: &Path, intent: &str) -> Objects {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("aspire-k8s.yaml");
    fs::write(&config, intent).unwrap();
    let ran = aspire(["render", "--format", "yaml", "--tag", "1", "--config"]).args([&config]).args([manifest]);
    let found = documents(&ran.env("HELM_BIN", helm).run().ok());
    let name = |object: &Value| {
        format!("{}/{}", object["kind"].as_str().unwrap(), object["metadata"]["name"].as_str().unwrap())
    };
    found.into_iter().map(|object| (name(&object), object)).collect()
}

fn pod(objects: &Objects, workload: &str) -> Value {
    objects[workload].pointer("/spec/template/spec").unwrap().clone()
}

fn names(list: &Value) -> Vec<&str> {
    list.as_array().into_iter().flatten().filter_map(|item| item["name"].as_str()).collect()
}

/// An application of three: `proxy` and `api` refer to each other, and `web` to nothing.
fn write(folder: &Path, more: &Value) -> std::path::PathBuf {
    let container = |image: &str, port: u16, env: Value| {
        let binding = json!({"scheme": "http", "protocol": "tcp", "transport": "http", "port": 80, "targetPort": port});
        json!({"type": "container.v0", "image": image, "env": env, "bindings": {"http": binding}})
    };
    let mut resources = json!({
        "proxy": container("proxy:1", 9000, json!({"API": "{api.bindings.http.url}", "SELF": "{proxy.bindings.http.url}"})),
        "api": container("api:1", 8080, json!({"PROXY": "{proxy.bindings.http.url}", "SELF": "{api.bindings.http.url}"})),
        "web": container("web:1", 8080, json!({})),
    });
    resources["proxy"]["volumes"] = json!([{"name": "logs", "target": "/logs", "readOnly": false}]);
    for (name, change) in more.as_object().unwrap() {
        for (key, value) in change.as_object().unwrap() {
            resources[name][key] = value.clone();
        }
    }
    let file = folder.join("aspire-manifest.json");
    fs::write(&file, json!({"resources": resources}).to_string()).unwrap();
    file
}

const SIDECAR: &str = "application: shop\nresources: {proxy: {sidecarOf: api, volumes: {logs: {ephemeral: true}}}}";

#[test]
fn a_sidecar_runs_in_the_pod_of_its_host() {
    let Some(helm) = helm() else { return };
    let folder = tempfile::tempdir().unwrap();
    let found = objects(&helm, &write(folder.path(), &json!({})), SIDECAR);
    let kinds: Vec<&str> = found.keys().map(String::as_str).filter(|name| !name.starts_with("ConfigMap")).collect();
    assert_eq!(kinds, ["Deployment/api", "Deployment/web", "Service/api", "Service/web"]);
    let pod = pod(&found, "Deployment/api");
    let sidecar = &pod["initContainers"][0];
    assert_eq!((names(&pod["initContainers"]), names(&pod["containers"])), (vec!["proxy"], vec!["api"]));
    assert_eq!((&sidecar["restartPolicy"], &sidecar["image"]), (&json!("Always"), &json!("proxy:1")));
    assert_eq!(sidecar["startupProbe"]["tcpSocket"]["port"], "http");
    assert_eq!(sidecar["envFrom"][0]["configMapRef"]["name"], "proxy-config");
    // Each reaches the other where it listens; the host knows itself as others do.
    assert_eq!(
        found["ConfigMap/proxy-config"]["data"],
        json!({"API": "http://localhost:8080", "SELF": "http://localhost:9000"})
    );
    assert_eq!(
        found["ConfigMap/api-config"]["data"],
        json!({"PROXY": "http://localhost:9000", "SELF": "http://api:80"})
    );
    assert_eq!(names(&pod["volumes"]), names(&sidecar["volumeMounts"]));
}

#[test]
fn its_service_is_there_while_somebody_else_uses_it() {
    let Some(helm) = helm() else { return };
    let folder = tempfile::tempdir().unwrap();
    let user = json!({"web": {"env": {"PROXY": "{proxy.bindings.http.url}"}}});
    let manifest = write(folder.path(), &user);
    let found = objects(&helm, &manifest, &format!("{SIDECAR}\nnetworkPolicy: fromReferences\nextraObjects: []"));
    let service = &found["Service/proxy"]["spec"];
    assert_eq!(service["selector"]["app.kubernetes.io/component"], "api");
    assert_eq!((&service["ports"][0]["port"], &service["ports"][0]["targetPort"]), (&json!(80), &json!(9000)));
    assert_eq!(found["ConfigMap/web-config"]["data"]["PROXY"], "http://proxy:80");
    // Who may connect to it may connect to the pod that runs it.
    let policy = &found["NetworkPolicy/proxy"]["spec"];
    assert_eq!(policy["podSelector"]["matchLabels"]["app.kubernetes.io/component"], "api");
    let from = policy.pointer("/ingress/0/from/0/podSelector/matchLabels/app.kubernetes.io~1component").unwrap();
    assert_eq!((from, policy["ingress"].as_array().unwrap().len()), (&json!("web"), 1));
    for intent in [
        "resources: {proxy: {sidecarOf: api, service: {annotations: {a/b: c}}}}",
        "resources: {proxy: {sidecarOf: api}, web: {waitForStart: [proxy]}}",
        "resources: {proxy: {sidecarOf: api}}\ningresses: {a: {hosts: [a.test], paths: [{path: /, to: proxy, internal: true}]}}",
    ] {
        let found = objects(&helm, &write(folder.path(), &json!({})), &format!("application: shop\n{intent}"));
        assert!(found.contains_key("Service/proxy"), "{intent}");
    }
}

#[test]
fn its_waits_come_first_and_those_of_its_host_last() {
    let Some(helm) = helm() else { return };
    let folder = tempfile::tempdir().unwrap();
    let more = json!({"db": {"type": "container.v0", "image": "db:1",
        "bindings": {"tcp": {"scheme": "tcp", "protocol": "tcp", "transport": "tcp", "targetPort": 5432}}}});
    let intent = "application: shop
resources:
  proxy: {sidecarOf: api, waitFor: [web], initContainers: [{name: prepare}]}
  api: {waitFor: [proxy, web, db], initContainers: [{name: migrate, volumes: []}]}
  db: {waitForStart: [proxy]}
";
    // `db` waits for the pod of `api`, which waits for `db`.
    let manifest = write(folder.path(), &more);
    let config = folder.path().join("circle.yaml");
    fs::write(&config, intent).unwrap();
    let ran = aspire(["render", "-o", "-", "--config"]).args([&config]).args([&manifest]).run();
    assert!(ran.code == 1 && ran.err.contains("api -> db -> api"), "{}", ran.err);
    let found =
        objects(&helm, &manifest, &intent.replace("  db: {waitForStart: [proxy]}\n", "  web: {waitForStart: []}\n"));
    let pod = pod(&found, "StatefulSet/api");
    assert_eq!(names(&pod["initContainers"]), ["wait-for-web", "prepare", "proxy", "wait-for-db", "migrate"]);
}

#[test]
fn a_wait_for_a_sidecar_follows_the_pods_of_its_host() {
    let Some(helm) = helm() else { return };
    let folder = tempfile::tempdir().unwrap();
    let manifest = write(folder.path(), &json!({}));
    let intent = |replicas: u8| {
        format!(
            "application: shop\nresources: {{proxy: {{sidecarOf: api}}, api: {{replicas: {replicas}}}, web: {{waitFor: [proxy]}}}}"
        )
    };
    let waits = |replicas| {
        let pod = pod(&objects(&helm, &manifest, &intent(replicas)), "Deployment/web");
        pod["initContainers"][0]["command"].as_array().cloned().unwrap_or_default()
    };
    assert_eq!(waits(1)[4..], [json!("proxy"), json!("80")]);
    assert!(waits(0).is_empty());
}

#[test]
fn its_claims_are_in_the_pod_of_its_host() {
    let Some(helm) = helm() else { return };
    let folder = tempfile::tempdir().unwrap();
    let manifest =
        write(folder.path(), &json!({"api": {"volumes": [{"name": "logs", "target": "/var/log", "readOnly": true}]}}));
    let found = objects(&helm, &manifest, "application: shop\nresources: {proxy: {sidecarOf: api}}");
    let pod = pod(&found, "StatefulSet/api");
    // One volume of the manifest is one volume of the pod, which the first resource owns.
    assert_eq!(pod["volumes"], json!([{"name": "logs-volume", "persistentVolumeClaim": {"claimName": "proxy-logs"}}]));
    let mounts = |container: &Value| container["volumeMounts"].clone();
    let mount = |path: &str| json!([{"name": "logs-volume", "mountPath": path, "subPath": "data"}]);
    assert_eq!(mounts(&pod["initContainers"][0]), mount("/logs"));
    assert_eq!(mounts(&pod["containers"][0])[0]["mountPath"], "/var/log");
    assert_eq!(pod["securityContext"]["fsGroup"], 2000);
    let labels = &found["PersistentVolumeClaim/proxy-logs"]["metadata"]["labels"];
    assert_eq!(labels["app.kubernetes.io/component"], "proxy");
    // A volume that is nowhere else may be shared, too.
    let shared = "application: shop
resources:
  proxy: {sidecarOf: api, volumes: {logs: {ephemeral: true}, tmp: {of: api, mountPath: /work}}}
  api: {volumes: {logs: {ephemeral: true}, tmp: {ephemeral: true, mountPath: /tmp}}}
";
    let pod = self::pod(&objects(&helm, &manifest, shared), "Deployment/api");
    assert_eq!(names(&pod["volumes"]), ["logs-volume", "tmp-volume", "logs-volume-2"]);
    assert_eq!(names(&pod["initContainers"][0]["volumeMounts"]), ["logs-volume-2", "tmp-volume"]);
}

#[test]
fn two_of_a_pod_cannot_have_one_port() {
    let folder = tempfile::tempdir().unwrap();
    let manifest = write(folder.path(), &json!({}));
    let config = folder.path().join("aspire-k8s.yaml");
    fs::write(&config, "resources: {web: {sidecarOf: api}}").unwrap();
    let ran = aspire(["render", "-o", "-", "--config"]).args([&config]).args([&manifest]).run();
    let expected = "`api` and `web` both listen on the TCP port 8080, but would be in one pod";
    assert!(ran.code == 1 && ran.err.contains(expected), "{}", ran.err);
}

//! Files of Dapr reach the cluster whole, and what cannot is told; so are files of other images and inputs of what is excluded.

use crate::aspire::{Ran, aspire};
use crate::helm::{helm, template};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use tempfile::TempDir;

const VAULTED: &str = "apiVersion: dapr.io/v1alpha1
kind: Component
metadata: {name: vaulted}
spec:
  type: state.redis
  version: v2
  ignoreErrors: true
  initTimeout: 30s
  metadata: [{name: redisHost, value: 'cache:6379 {{ .Values.x }}'}, {name: pw, secretKeyRef: {name: redis, key: pw}}]
auth: {secretStore: vault}
scopes: [other, shop-api]
";

const SEVERAL: &str = "apiVersion: dapr.io/v1alpha1
kind: Component
metadata: {name: order-bus}
spec: {type: pubsub.rabbitmq, version: v1, metadata: [{name: host, value: amqp}]}
---
apiVersion: dapr.io/v2alpha1
kind: Subscription
metadata: {name: orders}
spec: {topic: orders, routes: {default: /orders}, pubsubname: order-bus}
---
apiVersion: v1
kind: Secret
metadata: {name: redis}
stringData: {pw: hush}
";

const CONFIGURATION: &str = "apiVersion: dapr.io/v1alpha1
kind: Configuration
metadata: {name: traced}
spec: {tracing: {samplingRate: '1'}}
";

const RESILIENCY: &str =
    "apiVersion: dapr.io/v1alpha1\nkind: Resiliency\nmetadata: {name: retries}\nspec: {policies: {}}\n";

fn folder(resources: &Value, files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let manifest = json!({ "resources": resources }).to_string();
    for (path, text) in [&[("aspire-manifest.json", manifest.as_str())], files].concat() {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

fn render(folder: &Path) -> Ran {
    aspire(["render", "--tag", "1", "-o"]).args([folder.join("chart")]).args([folder]).run()
}

fn project(bindings: &Value) -> Value {
    json!({"type": "project.v0", "path": "a/a.csproj", "bindings": bindings})
}

fn http(port: u16) -> Value {
    json!({"scheme": "http", "protocol": "tcp", "transport": "http", "targetPort": port})
}

fn component(path: Option<&str>, of: &str) -> Value {
    json!({"type": "dapr.component.v0", "daprComponent": {"type": of, "localPath": path}})
}

#[test]
fn whole_files_of_dapr_reach_the_cluster() {
    let Some(helm) = helm() else { return };
    let folder = folder(
        &json!({
            "vaulted": component(Some("dapr/vaulted.yaml"), "state.redis"),
            "bus": component(Some("dapr/bus"), "pubsub"),
            "StateStore": component(None, "state.redis"),
            "api": project(&json!({"metrics": http(9100), "http": http(8080)})),
            "api-dapr": {"type": "dapr.v0", "dapr": {
                "application": "api", "appId": "shop-api", "components": ["vaulted", "bus", "StateStore"],
                "config": "dapr/config.yaml", "resourcesPath": ["dapr/more"], "appProtocol": "grpc", "command": ["x"],
            }},
        }),
        &[
            ("dapr/vaulted.yaml", VAULTED),
            ("dapr/bus/bus.yaml", SEVERAL),
            ("dapr/config.yaml", CONFIGURATION),
            ("dapr/more/retries.yml", RESILIENCY),
        ],
    );
    let ran = render(folder.path());
    assert_eq!(ran.code, 0, "{}", ran.err);
    for told in [
        "bus: its Dapr component is named `order-bus`, as in `dapr/bus`",
        "the Secret `redis`, which is left out",
        "StateStore: its Dapr component `state.redis` is empty",
        "StateStore: its Dapr name in the cluster is `statestore`",
        "the Dapr option `command` has no meaning",
    ] {
        assert!(ran.err.contains(told), "{told}: {}", ran.err);
    }
    assert!(!ran.err.contains("resourcesPath") && !ran.err.contains("hush"), "{}", ran.err);
    let objects = template(&helm, &folder.path().join("chart"), &[]).unwrap();
    let object = |kind: &str, name: &str| -> Value {
        let found = objects.iter().find(|it| it["kind"] == kind && it["metadata"]["name"] == name);
        found.unwrap_or_else(|| panic!("no {kind} {name}")).clone()
    };
    let vaulted = object("Component", "vaulted");
    assert_eq!(
        vaulted["spec"],
        json!({"type": "state.redis", "version": "v2", "ignoreErrors": true, "initTimeout": "30s", "metadata": [
            {"name": "redisHost", "value": "cache:6379 {{ .Values.x }}"},
            {"name": "pw", "secretKeyRef": {"name": "redis", "key": "pw"}}]})
    );
    assert_eq!(
        (&vaulted["auth"], &vaulted["scopes"]),
        (&json!({"secretStore": "vault"}), &json!(["other", "shop-api"]))
    );
    assert_eq!(object("Component", "order-bus")["scopes"], json!(["shop-api"]));
    assert_eq!(object("Component", "statestore")["spec"]["type"], "state.redis");
    let orders = object("Subscription", "orders");
    assert_eq!((&orders["apiVersion"], &orders["scopes"]), (&json!("dapr.io/v2alpha1"), &json!(["shop-api"])));
    assert_eq!(orders["spec"]["routes"], json!({"default": "/orders"}));
    assert_eq!(object("Configuration", "traced")["spec"], json!({"tracing": {"samplingRate": "1"}}));
    assert_eq!(object("Resiliency", "retries")["spec"], json!({"policies": {}}));
    assert!(objects.iter().all(|it| it["kind"] != "Secret"), "only what is of Dapr");
    let pod = &object("Deployment", "api")["spec"]["template"]["metadata"]["annotations"];
    for (annotation, value) in
        [("config", "traced"), ("app-port", "8080"), ("app-protocol", "grpc"), ("app-id", "shop-api")]
    {
        assert_eq!(pod[format!("dapr.io/{annotation}")], value);
    }
}

#[test]
fn files_of_dapr_that_say_nothing_are_told() {
    let sidecar = |config: &str| json!({"type": "dapr.v0", "dapr": {"application": "api", "components": ["bus", "lock"], "config": config}});
    let api = project(&json!({"one": http(1000), "two": http(2000)}));
    let with = |path: &str, config: &str, files: &[(&str, &str)]| {
        let resources = json!({
            "bus": component(Some(path), "pubsub.rabbitmq"), "lock": component(None, "lock"), "api": api, "api-dapr": sidecar(config),
        });
        let folder = folder(&resources, files);
        let ran = render(folder.path());
        assert_eq!(ran.code, 0, "{}", ran.err);
        let pod = fs::read_to_string(folder.path().join("chart/templates/api/deployment.yaml")).unwrap();
        (ran.err, pod)
    };
    let (told, pod) = with("gone.yaml", "gone-too.yaml", &[]);
    for part in [
        "bus: `gone.yaml` does not exist",
        "bus: its Dapr component `pubsub.rabbitmq` is empty",
        "lock: left out: the Dapr type `lock` has no implementation",
        "api-dapr: `gone-too.yaml` does not exist, so the sidecar has no configuration",
        "none of its endpoints (one, two) is named `http`",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
    assert!(!pod.contains("dapr.io/config") && !pod.contains("dapr.io/app-port"), "{pod}");
    let (told, pod) = with("bad.yaml", "tracing", &[("bad.yaml", "a: [")]);
    assert!(told.contains("`bad.yaml` is not valid YAML"), "{told}");
    assert!(pod.contains("\"dapr.io/config\": \"tracing\""), "a name stays one: {pod}");
    let (told, _) = with("other.yaml", "other.yaml", &[("other.yaml", RESILIENCY)]);
    assert!(told.contains("holds no Dapr component with a type") && told.contains("holds no Configuration"), "{told}");
}

#[test]
fn files_of_other_images_are_told() {
    let mut api = project(&json!({}));
    api["containerFiles"] = json!({"front": {"destination": "./wwwroot", "sources": ["/app/dist", "/app/x"]}});
    let front =
        json!({"type": "container.v1", "build": {"context": "f", "dockerfile": "f/Dockerfile", "buildOnly": true}});
    let folder = folder(&json!({"front": front, "api": api}), &[]);
    let ran = render(folder.path());
    assert!(
        ran.err.contains("api: its image must contain `/app/dist`, `/app/x` of the image of `front` at `./wwwroot`"),
        "{}",
        ran.err
    );
    fs::write(folder.path().join("aspire-k8s.yaml"), "resources: {api: {image: 'r.example/api:1'}}\n").unwrap();
    assert!(!render(folder.path()).err.contains("must contain"));
}

#[test]
fn inputs_of_excluded_resources_are_not_asked_for() {
    let parameter = |name: &str, secret: bool| json!({"type": "parameter.v0", "value": format!("{{{name}.inputs.value}}"), "inputs": {"value": {"type": "string", "secret": secret}}});
    let folder = folder(
        &json!({
            "cache": {"type": "container.v0", "image": "redis:8", "env": {"P": "{cache-pw.value}", "L": "{text.connectionString}", "B": "{both.value}"}},
            "text": {"type": "value.v0", "connectionString": "x={deep.value}"},
            "cache-pw": parameter("cache-pw", true), "deep": parameter("deep", false), "both": parameter("both", true),
            "api": {"type": "container.v0", "image": "api:1", "env": {"B": "{both.value}"}},
        }),
        &[],
    );
    let names = || {
        let listed: Value =
            serde_json::from_str(&aspire(["inputs", "-o", "json"]).args([folder.path()]).run().ok()).unwrap();
        let names = listed.as_array().unwrap().iter().map(|it| it["name"].as_str().unwrap().to_owned());
        names.collect::<Vec<_>>()
    };
    assert_eq!(names(), ["cache-pw", "deep", "both"]);
    assert!(render(folder.path()).err.contains("3 inputs to supply"), "secrets count");
    fs::write(folder.path().join("aspire-k8s.yaml"), "resources: {cache: {exclude: true}}\n").unwrap();
    assert_eq!(names(), ["both"]);
    assert!(render(folder.path()).err.contains("1 input to supply"));
}

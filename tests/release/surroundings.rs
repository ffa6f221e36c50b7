//! What a cluster may demand, which cluster it is, and what an environment changes.

use crate::bench::{CONFIG, bench, text};
use serde_json::json;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

#[test]
fn built_images_run_where_pod_security_is_restricted() {
    let Some(bench) = bench("restricted") else { return };
    bench.plane.kubectl(&["label", "namespace", &bench.ns, "pod-security.kubernetes.io/enforce=restricted"]).unwrap();
    let project = json!({"type": "project.v0", "path": "Api/Api.csproj",
        "env": {"HTTP_PORTS": "{api.bindings.http.targetPort}"},
        "bindings": {"http": {"scheme": "http", "protocol": "tcp", "transport": "http"}}});
    let built = json!({"type": "container.v1", "build": {"context": ".", "dockerfile": "Dockerfile"},
        "volumes": [{"name": "app.apphost-0a1b2c3d4e-data", "target": "/data", "readOnly": false}]});
    bench.write("app/aspire-manifest.json", &json!({"resources": {"api": project, "store": built}}).to_string());
    let store = "resources: {store: {security: {user: 1000, writable: [/tmp]}}}\n";
    let security = |profile: &str, more: &str| {
        bench.configure(&format!("{CONFIG}defaults: {{tag: '1', security: {profile}}}\n{more}"));
    };
    security("baseline", "");
    bench.unchanged(|| bench.deploy(&[]).exits(3).says(&["pods of store", "security: restricted"]));
    security("restricted", "");
    bench.unchanged(|| bench.deploy(&[]).exits(1).says(&["unknown-image-user", "resources.store.security"]));
    security("restricted", store);
    bench.deploy(&[]).ok();
    assert_eq!(bench.get("deployment/api")["status"]["readyReplicas"], 1);
    assert_eq!(bench.get("statefulset/store")["status"]["readyReplicas"], 1);
}

#[test]
fn the_context_chooses_the_cluster_and_the_kubeconfig_stays_as_it_is() {
    let Some(bench) = bench("context") else { return };
    // The current context leads nowhere, the other one to the cluster.
    let config = bench.plane.kubectl(&["config", "view", "--raw", "-o", "json"]).unwrap();
    let mut config: serde_json::Value = serde_json::from_str(&config).unwrap();
    config["clusters"]
        .as_array_mut()
        .unwrap()
        .push(json!({"name": "dead", "cluster": {"server": "https://127.0.0.1:9"}}));
    let user = config["contexts"][0]["context"]["user"].clone();
    config["contexts"]
        .as_array_mut()
        .unwrap()
        .push(json!({"name": "dead", "context": {"cluster": "dead", "user": user}}));
    config["contexts"][0]["context"]["namespace"] = json!(bench.ns);
    config["current-context"] = json!("dead");
    let text = config.to_string();
    let file = bench.write("kubeconfig", &text);
    let run = |arguments: &[&str]| bench.run(arguments).env("KUBECONFIG", &file);
    run(&["deploy", "app"]).exits(1).says(&["https://127.0.0.1:9"]);
    let said = format!("release app in namespace {} of context testbed", bench.ns);
    run(&["deploy", "app", "--context", "testbed"]).ok().says(&[&said]);
    let file = file.display().to_string();
    bench
        .run(&["destroy", "app", "--yes", "--context", "testbed", "--kubeconfig", &file])
        .env("KUBECONFIG", "/nowhere")
        .ok()
        .says(&[&said]);
    assert_eq!(fs::read_to_string(file).unwrap(), text);
}

fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            found.extend(files(&path).into_iter().map(|(inner, bytes)| (format!("{name}/{inner}"), bytes)));
        } else {
            found.insert(name, fs::read(&path).unwrap());
        }
    }
    found
}

#[test]
fn an_environment_changes_live_values_and_no_template() {
    let Some(bench) = bench("environment") else { return };
    let production = "environments:\n  production:\n    parameters: {currency: {value: USD}}\n    resources:\n      api: {replicas: 3, env: {EXTRA: 'yes'}, podAnnotations: {team: blue}, service: {type: NodePort}}\n      db: {volumes: {data: {size: 7Gi, storageClass: retain}}}\n";
    bench.configure(&format!("{CONFIG}{production}"));
    for (folder, more) in [("plain", &[][..]), ("chosen", &["-e", "production"])] {
        bench.run(&[&["render", "app", "-o", folder], more].concat()).ok();
    }
    assert_eq!(files(&bench.path("plain/templates")), files(&bench.path("chosen/templates")));
    bench.deploy(&["-e", "production"]).ok();
    let api = bench.get("deployment/api");
    assert_eq!(api["status"]["readyReplicas"], 3);
    assert_eq!(api["spec"]["template"]["metadata"]["annotations"]["team"], "blue");
    let config = bench.get("configmap/api-config");
    assert_eq!((text(&config["data"]["CURRENCY"]), text(&config["data"]["EXTRA"])), ("USD", "yes"));
    assert_eq!(bench.get("service/api")["spec"]["type"], "NodePort");
    let claim = bench.get("pvc/db-data");
    assert_eq!(claim["spec"]["resources"]["requests"]["storage"], "7Gi");
    assert_eq!(claim["spec"]["storageClassName"], "retain");
    // The values of the folder are those of the environment for plain helm too.
    let running = bench.running();
    let plain = [
        "upgrade",
        "app",
        "./plain",
        "--reuse-values",
        "-f",
        "plain/values-production.yaml",
        "--wait",
        "--timeout",
        "60s",
    ];
    bench.helm(&plain).ok();
    assert_eq!(bench.running(), running);
    bench.deploy(&["-e", "prod"]).exits(1).says(&["production"]);
}

#[test]
fn rights_in_the_namespace_alone_are_enough() {
    let Some(bench) = bench("rights") else { return };
    bench
        .plane
        .kubectl(&["create", "rolebinding", "dev", "--clusterrole=admin", "--user=dev", "-n", &bench.ns])
        .unwrap();
    let run = |arguments: &[&str]| {
        bench.run(arguments).env("HELM_KUBEASUSER", "dev").env("HELM_KUBEASGROUPS", "system:authenticated")
    };
    run(&["deploy", "app", "-n", &bench.ns]).ok();
    // Growing needs to know the class; the API server has the last word where we may not look.
    bench.configure(&format!("{CONFIG}resources: {{db: {{volumes: {{data: {{size: 2Gi}}}}}}}}\n"));
    run(&["deploy", "app", "-n", &bench.ns]).ok();
    assert_eq!(bench.get("pvc/db-data")["spec"]["resources"]["requests"]["storage"], "2Gi");
    run(&["destroy", "app", "-n", &bench.ns, "--delete-data", "--yes"]).ok();
    assert_eq!(bench.find("secret/app-secrets"), None);
    let other = bench.plane.namespace("rights-other");
    run(&["deploy", "app", "-n", &other]).exits(3).says(&[&other, "ask for a Role with the verbs"]);
}

//! Init containers that wait, on a real API server.

use crate::bench::{Bench, CONFIG, bench, text};
use serde_json::{Value, json};

fn container(image: &str, more: &Value) -> Value {
    let binding = json!({"scheme": "tcp", "protocol": "tcp", "transport": "tcp", "targetPort": 8080});
    let mut container = json!({"type": "container.v0", "image": image, "bindings": {"tcp": binding}});
    container.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    container
}

/// `web` refers to `api`, and `api` to a database of `db`.
fn manifest(bench: &Bench) {
    let resources = json!({
        "web": container("web:1", &json!({"env": {"API": "{api.bindings.tcp.url}"}})),
        "api": container("api:1", &json!({"env": {"DB": "{catalog.connectionString}"}})),
        "catalog": {"type": "value.v0", "connectionString": "{db.connectionString};Database=catalog"},
        "db": container("db:1", &json!({"connectionString": "Host={db.bindings.tcp.host}"})),
    });
    bench.write("app/aspire-manifest.json", &json!({"resources": resources}).to_string());
}

/// Init containers of a Deployment and the host that each connects to.
fn waits(bench: &Bench, workload: &str) -> Vec<(String, String)> {
    let pod = &bench.get(&format!("deployment/{workload}"))["spec"]["template"]["spec"];
    let all = pod["initContainers"].as_array().into_iter().flatten();
    all.map(|container| (text(&container["name"]).to_owned(), text(&container["command"][4]).to_owned())).collect()
}

fn pair(container: &str, host: &str) -> (String, String) {
    (container.to_owned(), host.to_owned())
}

#[test]
fn an_api_server_takes_pods_that_wait() {
    let Some(bench) = bench("order") else { return };
    manifest(&bench);
    bench
        .configure(&format!("{CONFIG}defaults: {{waitFor: references}}\nresources: {{web: {{waitForStart: [db]}}}}\n"));
    bench.deploy(&["--no-wait"]).ok();
    assert_eq!(waits(&bench, "api"), [pair("wait-for-db", "db")]);
    assert_eq!(waits(&bench, "web"), [pair("wait-for-api", "api"), pair("wait-for-db", "db-headless")]);
    assert_eq!(waits(&bench, "db"), []);
    let headless = bench.get("service/db-headless");
    assert_eq!(
        (&headless["spec"]["clusterIP"], &headless["spec"]["publishNotReadyAddresses"]),
        (&json!("None"), &json!(true))
    );
    assert!(bench.find("service/api-headless").is_none());
    // What the API server adds to the containers is no change.
    bench.run(&["plan", "app", "-n", &bench.ns]).exits(0);
}

#[test]
fn waits_that_are_left_out_go_with_one_restart() {
    let Some(bench) = bench("unordered") else { return };
    manifest(&bench);
    bench.configure(&format!(
        "{CONFIG}resources: {{api: {{waitFor: [catalog]}}}}\nenvironments: {{dev: {{waits: none}}}}\n"
    ));
    bench.deploy(&[]).ok();
    assert_eq!(waits(&bench, "api"), [pair("wait-for-db", "db")]);
    let others = bench.running();
    bench.deploy(&["-e", "dev"]).ok();
    assert_eq!(waits(&bench, "api"), []);
    let after = bench.running();
    let changed: Vec<_> = others.keys().filter(|name| !after.contains_key(*name)).collect();
    assert!(changed.iter().all(|name| name.contains("api")) && changed.len() == 1, "{changed:?}");
}

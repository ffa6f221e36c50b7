//! `networkPolicy:`: which connections the chart of an application allows.

use crate::helm::{helm, template};
use crate::own::{GIVEN, all_refused, chart};
use serde_json::{Value, json};
use std::path::Path;

const ROUTED: &str = "ingresses: {public: {class: traefik, hosts: [a.test], paths: [{path: /, to: api}]}}\n";

/// The specs of the policies, by name.
fn policies(helm: &Path, intent: &str, more: &[&str]) -> Value {
    let (_folder, chart) = chart(intent);
    let environment = chart.join("values-dev.yaml").display().to_string();
    let more: Vec<&str> = more.iter().map(|word| if *word == "DEV" { &*environment } else { *word }).collect();
    let objects = template(helm, &chart, &[&GIVEN, &more[..]].concat()).unwrap();
    let policies = objects.into_iter().filter(|object| object["kind"] == "NetworkPolicy");
    let named = policies.map(|it| (it["metadata"]["name"].as_str().unwrap().to_owned(), it["spec"].clone()));
    Value::Object(named.collect())
}

fn pods(component: &str) -> Value {
    json!([{"podSelector": {"matchLabels": {"app.kubernetes.io/instance": "shop", "app.kubernetes.io/component": component}}}])
}

fn tcp(port: u16) -> Value {
    json!([{"port": port, "protocol": "TCP"}])
}

#[test]
fn pods_accept_what_references_routes_and_services_need() {
    let Some(helm) = helm() else { return };
    let found = policies(&helm, &format!("networkPolicy: fromReferences\n{ROUTED}"), &[]);
    let api = json!([{"ports": tcp(8080)}]);
    assert_eq!(found["api"]["ingress"], api, "only the route leads to it");
    assert_eq!(found["api"]["podSelector"]["matchLabels"], pods("api")[0]["podSelector"]["matchLabels"]);
    assert_eq!(found["api"]["policyTypes"], json!(["Ingress"]));
    let db = json!([{"from": pods("api"), "ports": tcp(5432)}, {"from": pods("db")}]);
    assert_eq!(found["db"]["ingress"], db, "who refers to it, and its own pods");
    let worker = json!([{"from": pods("api"), "ports": tcp(9000)}, {"from": pods("worker")}]);
    assert_eq!(found["worker"]["ingress"], worker);
    assert_eq!(found.as_object().unwrap().len(), 3);
    let own = policies(
        &helm,
        "networkPolicy: fromReferences\nresources: {api: {env: {OWN: '{api.bindings.http.url}'}}}\n",
        &[],
    );
    assert_eq!(own["api"]["ingress"], json!([{"from": pods("api"), "ports": tcp(8080)}]), "it refers to itself");
    // A wait is a connection too.
    let waits = policies(&helm, "networkPolicy: fromReferences\nresources: {worker: {waitFor: [db]}}\n", &[]);
    assert!(waits["db"]["ingress"].as_array().unwrap().contains(&json!({"from": pods("worker"), "ports": tcp(5432)})));
    assert_eq!(waits["api"]["ingress"], json!(null), "nothing leads to it");
    // A Service that leads out of the cluster, by a value.
    let balanced = policies(
        &helm,
        "networkPolicy: fromReferences\n",
        &["--set", "workloads.api.service.type=LoadBalancer,workloads.api.ports.http.targetPort=9999"],
    );
    assert_eq!(balanced["api"]["ingress"], json!([{"ports": tcp(9999)}]));
}

#[test]
fn settings_are_values_and_environments_change_them() {
    let Some(helm) = helm() else { return };
    let intent = format!(
        "{ROUTED}networkPolicy: {{controllerNamespaces: [traefik], egress: true, external: [{{cidr: 10.0.0.0/8, ports: [443], from: [api]}}]}}\n\
         environments: {{dev: {{networkPolicy: none}}}}\n"
    );
    let found = policies(&helm, &intent, &[]);
    let traefik = json!([{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "traefik"}}}]);
    assert_eq!(found["api"]["ingress"], json!([{"ports": tcp(8080), "from": traefik}]));
    let dns = json!({"ports": [{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}]});
    let out = json!([
        dns,
        {"to": pods("db"), "ports": tcp(5432)},
        {"to": pods("worker"), "ports": tcp(9000)},
        {"to": [{"ipBlock": {"cidr": "10.0.0.0/8"}}], "ports": tcp(443)},
    ]);
    assert_eq!(found["api"]["egress"], out);
    assert_eq!(found["db"]["egress"], json!([dns, {"to": pods("db")}]), "the address is for api alone");
    assert_eq!(found["db"]["policyTypes"], json!(["Ingress", "Egress"]));
    assert_eq!(policies(&helm, &intent, &["-f", "DEV"]), json!({}), "the environment has none");
    let only = "environments: {dev: {networkPolicy: fromReferences}}\n";
    assert_eq!(policies(&helm, only, &[]), json!({}));
    assert_eq!(policies(&helm, only, &["-f", "DEV"]).as_object().unwrap().len(), 3);
}

#[test]
fn what_policies_cannot_express_is_an_error() {
    all_refused(&[
        ("networkPolicy: {egress: true, external: [{cidr: 10.0.0.0/8, from: [apu]}]}", &["did you mean `api`?"]),
        ("networkPolicy: {external: [{cidr: 10.0.0.0/8}]}", &["set `egress: true`"]),
        ("networkPolicy: {egress: true, external: [{cidr: 10.0.0.0}]}", &["an IP range"]),
        ("networkPolicy: references", &["fromReferences"]),
        (
            "{networkPolicy: {egress: true}, resources: {worker: {runAs: job, volumes: {work: {ephemeral: true}}}, api: {waitForCompletion: [worker]}}}",
            &["list the address of the API server"],
        ),
    ]);
}

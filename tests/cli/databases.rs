//! The objects of a job that creates databases, and what an environment changes of them.

use crate::aspire;
use crate::helm::{documents, helm};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

fn manifest(folder: &Path) {
    let resources = json!({
        "pg": {
            "type": "container.v0", "image": "docker.io/library/postgres:17.6",
            "connectionString": "Host={pg.bindings.tcp.host};Port={pg.bindings.tcp.port};Username={user.value};Password={pw.value}",
            "env": {"POSTGRES_USER": "{user.value}", "POSTGRES_PASSWORD": "{pw.value}", "OTHER": "x"},
            "bindings": {"tcp": {"scheme": "tcp", "protocol": "tcp", "transport": "tcp", "port": 15432, "targetPort": 5432}},
        },
        "orders": {"type": "value.v0", "connectionString": "{pg.connectionString};Database=orders-db"},
        "ugly": {"type": "value.v0", "connectionString": "{pg.connectionString};Database='a\"$(c)''d'"},
        "user": {"type": "parameter.v0", "value": "{user.inputs.value}", "inputs": {"value": {"type": "string", "default": {"value": "admin"}}}},
        "pw": {"type": "parameter.v0", "value": "{pw.inputs.value}", "inputs": {"value": {"type": "string", "secret": true, "default": {"generate": {"minLength": 22}}}}},
    });
    fs::write(folder.join("aspire-manifest.json"), json!({"resources": resources}).to_string()).unwrap();
}

/// The objects of the job with an intent.
fn of_job(helm: &Path, folder: &Path, intent: &str, more: &[&str]) -> Vec<Value> {
    fs::write(folder.join("aspire-k8s.yaml"), format!("application: shop\n{intent}")).unwrap();
    let ran = aspire(["render", "--format", "yaml"]).args([folder]).args(more).env("HELM_BIN", helm).run().ok();
    let mut found = documents(&ran);
    found.retain(|object| object["metadata"]["name"].as_str().unwrap().starts_with("pg-databases"));
    found
}

#[test]
fn the_job_as_it_is_applied() {
    let Some(helm) = helm() else { return };
    let folder = tempfile::tempdir().unwrap();
    manifest(folder.path());
    let found = of_job(&helm, folder.path(), "", &[]);
    let text: Vec<String> = found.iter().map(|object| serde_yaml::to_string(object).unwrap()).collect();
    insta::assert_snapshot!(text.join("---\n"));
    for intent in ["compatibility: 2", "defaults: {databases: none}", "resources: {pg: {databases: none}}"] {
        assert_eq!(of_job(&helm, folder.path(), intent, &[]), Vec::<Value>::new(), "{intent}");
    }
}

#[test]
fn an_environment_changes_the_image_of_server_and_job() {
    let Some(helm) = helm() else { return };
    let folder = tempfile::tempdir().unwrap();
    manifest(folder.path());
    let intent = "environments: {test: {resources: {pg: {image: 'mirror/postgres:16'}}}}";
    let found = of_job(&helm, folder.path(), intent, &["-e", "test"]);
    let job = found.iter().find(|object| object["kind"] == "Job").unwrap();
    assert_eq!(job["spec"]["template"]["spec"]["containers"][0]["image"], "mirror/postgres:16");
}

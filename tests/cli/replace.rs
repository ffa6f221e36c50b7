//! `replaceWith:`: a server outside of the application in the place of a resource.

use crate::helm::{helm, template};
use crate::own::{GIVEN, all_refused, application, chart, render};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

fn of(objects: &[Value], kind: &str, name: &str) -> Option<Value> {
    objects.iter().find(|it| it["kind"] == kind && it["metadata"]["name"] == name).cloned()
}

/// A variable of `api`, as its pod gets it before the kubelet puts secrets in.
fn variable(objects: &[Value], name: &str) -> Value {
    let pod = of(objects, "Deployment", "api").unwrap()["spec"]["template"]["spec"]["containers"][0]["env"].clone();
    pod.as_array().unwrap().iter().find(|it| it["name"] == name).cloned().unwrap_or_default()
}

fn of_db(objects: &[Value]) -> Vec<String> {
    let own = objects.iter().filter(|it| it["metadata"]["labels"]["app.kubernetes.io/component"] == "db");
    own.map(|it| format!("{}/{}", it["kind"].as_str().unwrap(), it["metadata"]["name"].as_str().unwrap())).collect()
}

#[test]
fn the_connection_string_leads_to_the_host_and_nothing_of_the_resource_is_left() {
    let Some(helm) = helm() else { return };
    let (_folder, chart) = chart("resources: {db: {replaceWith: {host: 'pg.example.com:6432'}}}\n");
    let objects = template(&helm, &chart, &GIVEN).unwrap();
    assert_eq!(
        variable(&objects, "ConnectionStrings__db")["value"],
        "Host=pg.example.com;Port=6432;Password=$(ASPIRE_SECRET_DB_PASSWORD)"
    );
    assert_eq!(of_db(&objects), [""; 0]);
    let none = template(&helm, &chart, &[]).unwrap_err();
    assert!(none.contains("db-password"), "the password of another server is not generated: {none}");
}

/// What a person would write into the manifest by hand is the second opinion.
#[test]
fn the_objects_of_others_are_those_of_a_manifest_that_says_the_address() {
    let replaced =
        application(Some("application: shop\nresources: {db: {replaceWith: {host: 'pg.example.com:6432'}}}\n"));
    let by_hand = application(Some("application: shop\nresources: {db: {exclude: true}}\n"));
    let manifest = by_hand.path().join("aspire-manifest.json");
    let text = fs::read_to_string(&manifest).unwrap();
    let said = "Host=pg.example.com;Port=6432;Password={db-password.value}";
    fs::write(&manifest, text.replace("\"{db.connectionString}\"", &format!("\"{said}\""))).unwrap();
    let files = |folder: &Path| {
        render(folder, &[]).ok();
        let templates = folder.join("chart/templates/api");
        let mut files: Vec<_> = fs::read_dir(templates).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        files.iter().map(|file| fs::read_to_string(file).unwrap()).collect::<Vec<_>>()
    };
    let (replaced, by_hand) = (files(replaced.path()), files(by_hand.path()));
    assert!(replaced.len() > 2 && replaced.concat().contains("pg.example.com"));
    assert_eq!(replaced, by_hand);
}

#[test]
fn a_secret_of_ones_own_holds_the_connection_string() {
    let Some(helm) = helm() else { return };
    let (_folder, chart) = chart("resources: {db: {replaceWith: {existingSecret: {name: managed, key: cs}}}}\n");
    let objects = template(&helm, &chart, &[]).unwrap();
    let from = variable(&objects, "ConnectionStrings__db")["valueFrom"]["secretKeyRef"].clone();
    assert_eq!((&from["name"], &from["key"]), (&json!("managed"), &json!("cs")));
    let (_folder, chart) = self::chart("resources: {db: {replaceWith: {connectionString: 'Host=a;Pool=5'}}}\n");
    let objects = template(&helm, &chart, &[]).unwrap();
    let data = of(&objects, "ConfigMap", "api-config").unwrap()["data"].clone();
    assert_eq!(data["ConnectionStrings__db"], "Host=a;Pool=5");
}

#[test]
fn the_service_leads_to_a_name_that_is_a_value() {
    let Some(helm) = helm() else { return };
    let (_folder, chart) =
        chart("networkPolicy: {egress: true}\nresources: {db: {replaceWith: {externalName: pg.example.com}}}\n");
    let objects = template(&helm, &chart, &GIVEN).unwrap();
    assert_eq!(
        variable(&objects, "ConnectionStrings__db")["value"],
        "Host=db;Port=5432;Password=$(ASPIRE_SECRET_DB_PASSWORD)"
    );
    assert_eq!(of_db(&objects), ["Service/db"]);
    let spec = of(&objects, "Service", "db").unwrap()["spec"].clone();
    assert_eq!(spec, json!({"type": "ExternalName", "externalName": "pg.example.com"}));
    let policy = of(&objects, "NetworkPolicy", "api").unwrap().to_string();
    assert!(!policy.contains("\"db\""), "it has no pods: {policy}");
    let set = [&GIVEN[..], &["--set", "workloads.db.externalName=other.example.com"]].concat();
    let spec = of(&template(&helm, &chart, &set).unwrap(), "Service", "db").unwrap()["spec"].clone();
    assert_eq!(spec["externalName"], "other.example.com");
}

#[test]
fn a_render_tells_what_is_replaced() {
    let folder = application(Some("resources: {db: {replaceWith: {host: pg.example.com}}}\n"));
    let ran = render(folder.path(), &[]);
    let told = "replaced, so it does not run: its host is `pg.example.com`; `db-password` must have the value that this server knows";
    assert!(ran.code == 0 && ran.err.contains(told), "{}", ran.err);
}

#[test]
fn wrong_uses_are_errors() {
    all_refused(&[
        (
            "resources: {db: {replaceWith: {host: a}, replicas: 2}}\n",
            &["error[conflicting-keys]", "`replaceWith` and `replicas` exclude each other"],
        ),
        ("resources: {db: {replaceWith: {host: {http: a}}}}\n", &["error[unknown-endpoint]", "it has: tcp"]),
        ("resources: {db: {replaceWith: {host: 'tcp://a'}}}\n", &["error[invalid-value]", "without a scheme"]),
        (
            "resources: {db: {replaceWith: {connectionString: 'Host=a;Password=x'}}}\n",
            &["error[secret-in-file]", "`Password` holds a secret"],
        ),
        (
            "resources: {db: {replaceWith: {host: a}}}\ningresses: {i: {hosts: [a.test], paths: [{path: /, to: db}]}}\n",
            &["error[unknown-resource]", "`db`"],
        ),
    ]);
}

/// Files of a chart by path, without the values of environments.
fn templates(chart: &std::path::Path) -> std::collections::BTreeMap<String, String> {
    let mut found = std::collections::BTreeMap::new();
    let mut left = vec![chart.join("templates")];
    while let Some(folder) = left.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                left.push(path);
            } else {
                found.insert(path.display().to_string(), std::fs::read_to_string(&path).unwrap());
            }
        }
    }
    found
}

#[test]
fn one_chart_runs_a_database_in_one_environment_and_uses_another_in_the_other() {
    let Some(helm) = helm() else { return };
    let (_folder, chart) = chart(
        "networkPolicy: fromReferences\n\
         resources: {api: {waitFor: [db]}, worker: {waitFor: [db], probes: none}}\n\
         patch: {StatefulSet/db: {metadata: {annotations: {contoso.com/a: b}}}}\n\
         environments:\n  staging: {resources: {api: {replicas: 2}}}\n  \
         production: {resources: {db: {replaceWith: {host: 'pg.example.com:6432'}}, worker: {enabled: true}}}\n",
    );
    let file = |name: &str| chart.join(format!("values-{name}.yaml")).display().to_string();
    let (staging, production) = (file("staging"), file("production"));
    let of_environment = |file: &str| template(&helm, &chart, &[&GIVEN[..], &["-f", file]].concat()).unwrap();
    let (there, here) = (of_environment(&staging), of_environment(&production));
    let connection =
        |objects: &[Value]| variable(objects, "ConnectionStrings__db")["value"].as_str().unwrap().to_owned();
    assert_eq!(connection(&there), "Host=db;Port=5432;Password=$(ASPIRE_SECRET_DB_PASSWORD)");
    assert_eq!(connection(&here), "Host=pg.example.com;Port=6432;Password=$(ASPIRE_SECRET_DB_PASSWORD)");
    for object in [
        "StatefulSet/db",
        "Service/db",
        "Service/db-headless",
        "ConfigMap/db-config",
        "NetworkPolicy/db",
        "PersistentVolumeClaim/db-db-data",
    ] {
        let (kind, name) = object.split_once('/').unwrap();
        assert!(of(&there, kind, name).is_some(), "{object}");
        assert!(of(&here, kind, name).is_none(), "{object}");
    }
    assert_eq!(of_db(&here), [""; 0]);
    assert_eq!(of(&there, "StatefulSet", "db").unwrap()["metadata"]["annotations"]["contoso.com/a"], "b");
    let waits = |objects: &[Value]| {
        of(objects, "Deployment", "api").unwrap()["spec"]["template"]["spec"]["initContainers"].clone()
    };
    assert_eq!((waits(&there)[0]["name"].as_str(), waits(&here)), (Some("wait-for-db"), Value::Null));
    let values = std::fs::read_to_string(&production).unwrap();
    assert!(values.contains("enabled: false") && values.contains("host: \"pg.example.com\""), "{values}");
    // Without environments that differ in it, the templates know nothing of it.
    let (_other, plain) = self::chart("networkPolicy: fromReferences\n");
    assert!(templates(&plain).values().all(|text| !text.contains(").enabled")));
    assert!(
        templates(&chart).iter().filter(|(path, _)| path.contains("/db/")).all(|(_, text)| text.contains(").enabled"))
    );
}

#[test]
fn an_environment_that_leaves_references_open_is_an_error() {
    all_refused(&[
        (
            "environments: {dev: {resources: {db: {enabled: false}}}}\n",
            &["environments.dev.resources.db", "`api` refers to `db`, which does not run in this environment"],
        ),
        (
            "environments: {dev: {resources: {db: {replaceWith: {connectionString: x}}}}}\n",
            &["an environment changes values, not structure"],
        ),
    ]);
}

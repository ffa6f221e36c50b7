//! A server outside of the application in the place of a resource, on a real API server.

use crate::bench::{Bench, CONFIG, bench, text};
use serde_json::{Value, json};

/// A variable of `api`, as the API server stores it.
fn variable(bench: &Bench, name: &str) -> Value {
    let pod = bench.get("deployment/api")["spec"]["template"]["spec"]["containers"][0]["env"].clone();
    pod.as_array().unwrap().iter().find(|it| it["name"] == name).cloned().unwrap_or_default()
}

fn replace(bench: &Bench, with: &str) {
    bench.configure(&format!("{CONFIG}resources: {{db: {{replaceWith: {with}}}}}\n"));
}

#[test]
fn pods_get_the_address_of_the_other_server_and_nothing_restarts() {
    let Some(bench) = bench("replaced") else { return };
    replace(&bench, "{host: 'pg.example.com:6432'}");
    bench.deploy(&[]).exits(1).says(&["db-password", "`db` is replaced, and its server has a value of its own"]);
    bench.deploy(&["--parameter", "db-password=of the server"]).ok();
    let composed = text(&variable(&bench, "ConnectionStrings__db")["value"]).to_owned();
    assert_eq!(composed, "Host=pg.example.com;Port=6432;Password=$(ASPIRE_SECRET_DB_PASSWORD)");
    assert_eq!(bench.secret("app-secrets")["db-password"], "of the server");
    for object in ["statefulset/db", "service/db", "pvc/db-data"] {
        assert_eq!(bench.find(object), None, "{object}");
    }
    let running = bench.running();
    bench.deploy(&[]).ok();
    assert_eq!(bench.running(), running);
    bench.run(&["plan", "app", "-n", &bench.ns]).exits(0);
}

#[test]
fn a_secret_of_ones_own_is_read_by_the_pods() {
    let Some(bench) = bench("replaced-secret") else { return };
    replace(&bench, "{existingSecret: {name: managed, key: cs}, host: pg.example.com}");
    bench.apply(&json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "managed"},
        "stringData": {"cs": "Host=pg.example.com;Password=hush"}}));
    bench.deploy(&[]).ok();
    let from = variable(&bench, "ConnectionStrings__db")["valueFrom"]["secretKeyRef"].clone();
    assert_eq!((&from["name"], &from["key"]), (&json!("managed"), &json!("cs")));
    let running = bench.running();
    bench.deploy(&[]).ok();
    assert_eq!(bench.running(), running);
}

/// The claim and the password outlive the switch, which a user agrees to, and both are used again on the way back.
#[test]
fn a_live_database_is_replaced_with_a_word_and_comes_back_with_its_data() {
    let Some(bench) = bench("replaced-live") else { return };
    bench.deploy(&[]).ok();
    let (secret, claim) = (bench.secret("app-secrets"), bench.get("pvc/db-data"));
    replace(&bench, "{externalName: pg.example.com}");
    bench.deploy(&[]).exits(3).says(&["abandon-data", "db-data"]);
    assert!(bench.find("statefulset/db").is_some(), "nothing was changed");
    bench.deploy_accepting("abandon-data").ok();
    assert_eq!(bench.find("statefulset/db"), None);
    let service = bench.get("service/db")["spec"].clone();
    assert_eq!((&service["type"], &service["externalName"]), (&json!("ExternalName"), &json!("pg.example.com")));
    assert_eq!((&service["clusterIP"], &service["selector"]), (&Value::Null, &Value::Null));
    assert_eq!(bench.secret("app-secrets"), secret);
    assert_eq!(bench.get("pvc/db-data")["metadata"]["uid"], claim["metadata"]["uid"]);
    bench.configure(CONFIG);
    bench.deploy_accepting("service-recreate").ok();
    assert_eq!(bench.get("pvc/db-data")["metadata"]["uid"], claim["metadata"]["uid"]);
    assert_eq!(bench.secret("app-secrets"), secret);
    assert_eq!(bench.get("service/db")["spec"]["type"], "ClusterIP");
}

/// One file and one chart: with its own database in one environment, and with another server in the other.
#[test]
fn an_environment_replaces_a_live_database_with_a_word_and_another_runs_it_again() {
    let Some(bench) = bench("switched") else { return };
    bench.configure(&format!(
        "{CONFIG}resources: {{api: {{waitFor: [db]}}}}\nenvironments: {{staging: {{}}, production: {{resources: {{db: \
         {{replaceWith: {{host: 'pg.example.com:6432'}}}}}}}}}}\n"
    ));
    bench.deploy(&["-e", "staging"]).ok();
    let (secret, claim) = (bench.secret("app-secrets"), bench.get("pvc/db-data"));
    let running = bench.running();
    bench.deploy(&["-e", "staging"]).ok();
    assert_eq!(bench.running(), running);
    let refused = bench.deploy(&["-e", "production"]).exits(3);
    let refused = refused.says(&["abandon-data", "db-data"]);
    assert_eq!(bench.running(), running);
    let hash =
        refused.err.split("--confirm ").nth(1).and_then(|rest| rest.split_whitespace().next()).unwrap().to_owned();
    bench.deploy(&["-e", "production", "--confirm", &hash, "--accept", "abandon-data"]).ok();
    for object in ["statefulset/db", "service/db", "service/db-headless", "configmap/db-config"] {
        assert_eq!(bench.find(object), None, "{object}");
    }
    let composed = text(&variable(&bench, "ConnectionStrings__db")["value"]).to_owned();
    assert_eq!(composed, "Host=pg.example.com;Port=6432;Password=$(ASPIRE_SECRET_DB_PASSWORD)");
    assert_eq!(bench.get("pvc/db-data")["metadata"]["uid"], claim["metadata"]["uid"]);
    assert_eq!(bench.secret("app-secrets"), secret);
    let running = bench.running();
    bench.deploy(&["-e", "production"]).ok();
    assert_eq!(bench.running(), running);
    bench.deploy(&["-e", "staging"]).ok();
    assert_eq!(bench.get("pvc/db-data")["metadata"]["uid"], claim["metadata"]["uid"]);
    assert_eq!(bench.get("statefulset/db")["status"]["readyReplicas"], 1);
    assert_eq!(bench.secret("app-secrets"), secret);
}

/// A new release of an environment without the database asks for the password of the other server.
#[test]
fn an_environment_without_the_database_never_has_it() {
    let Some(bench) = bench("switched-new") else { return };
    bench.configure(&format!(
        "{CONFIG}environments: {{production: {{resources: {{db: {{replaceWith: {{host: pg.example.com}}}}}}}}}}\n"
    ));
    bench.deploy(&["-e", "production"]).exits(1).says(&["db-password"]);
    bench.deploy(&["-e", "production", "--parameter", "db-password=of the server"]).ok();
    for object in ["statefulset/db", "service/db", "pvc/db-data"] {
        assert_eq!(bench.find(object), None, "{object}");
    }
    bench.run(&["plan", "app", "-n", &bench.ns, "-e", "production"]).exits(0);
}

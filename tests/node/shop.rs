//! The example application: its stores take the passwords that deploy made, and rows live as long as they should.

use crate::bench::{Bench, PROBE, Ran, bench};
use serde_json::Value;
use std::path::Path;

/// A pod with the clients of both stores.
const CLIENTS: &str = r#"
apiVersion: v1
kind: Pod
metadata: {name: clients, namespace: @NS@}
spec:
  terminationGracePeriodSeconds: 0
  containers:
  - {name: psql, image: "docker.io/library/postgres:15-testbed", command: [sleep, "1000000"]}
  - {name: redis, image: "docker.io/library/redis:7-testbed", command: [sleep, "1000000"]}
"#;

/// A bench with the clients on it.
fn shop(prefix: &str) -> Option<Bench> {
    let bench = bench(prefix)?;
    bench.apply(CLIENTS);
    deploy(&bench).ok();
    bench.ready("pod/clients");
    Some(bench)
}

fn on_shop(bench: &Bench, verb: &str, more: &[&str]) -> Ran {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/shop");
    bench.run(&[&[verb, example.to_str().unwrap(), "-n", &bench.ns], more].concat())
}

fn deploy(bench: &Bench) -> Ran {
    let images = ["api", "worker", "frontend"].map(|resource| format!("--image={resource}={PROBE}"));
    on_shop(bench, "deploy", &images.each_ref().map(String::as_str))
}

/// Asks Postgres from another pod, over its Service.
fn try_sql(bench: &Bench, password: &str, text: &str) -> Result<String, testbed::Error> {
    let password = format!("PGPASSWORD={password}");
    let psql = ["env", &password, "psql", "-h", "postgres", "-U", "postgres", "-v", "ON_ERROR_STOP=1", "-Atc", text];
    let exec = ["exec", "clients", "-c", "psql", "--"];
    bench.try_kubectl(&[&exec[..], &psql].concat()).map(|out| out.trim().to_owned())
}

fn sql(bench: &Bench, password: &str, text: &str) -> String {
    try_sql(bench, password, text).unwrap_or_else(|error| panic!("{error}"))
}

fn redis(bench: &Bench, arguments: &[&str]) -> String {
    let exec = ["exec", "clients", "-c", "redis", "--", "redis-cli", "-h", "cache"];
    bench.kubectl(&[&exec[..], arguments].concat()).trim().to_owned()
}

#[test]
fn everybody_reaches_whom_it_knows() {
    let Some(bench) = shop("reach") else { return };
    let password = bench.secret("shop", "postgres-password");
    assert_eq!(password.len(), 22);
    assert_eq!(sql(&bench, &password, "select 1"), "1");
    let refused = try_sql(&bench, "wrong", "select 1").unwrap_err().to_string();
    assert!(refused.contains("password authentication failed"), "{refused}");
    // The escaped form, as the api has it.
    let api = bench.seen("deployment/api", &[]);
    let uri = String::from_utf8(api.env["ORDERS_URI"].0.clone()).unwrap().replace("/orders", "/postgres");
    let exec = ["exec", "clients", "-c", "psql", "--", "psql", &uri, "-Atc", "select current_user"];
    assert_eq!(bench.kubectl(&exec).trim(), "postgres");

    let password = bench.secret("shop", "cache-password");
    assert!(redis(&bench, &["ping"]).contains("NOAUTH"));
    assert_eq!(redis(&bench, &["--no-auth-warning", "-a", &password, "ping"]), "PONG");

    for (workload, known) in [
        ("api", &["ConnectionStrings__orders", "ConnectionStrings__cache", "ORDERS_URI"][..]),
        ("worker", &["ConnectionStrings__orders", "ConnectionStrings__cache"]),
        ("frontend", &["services__api__http__0"]),
    ] {
        let checks: Value =
            serde_json::from_str(&bench.exec(&format!("deployment/{workload}"), &["/probe", "check"])).unwrap();
        for name in known {
            let check = checks.as_array().unwrap().iter().find(|check| check["name"] == **name);
            assert_eq!(check.map(|check| &check["ok"]), Some(&Value::Bool(true)), "{workload} {name}: {checks}");
        }
    }
    let checks = bench.exec("deployment/frontend", &["/probe", "check"]);
    assert!(checks.contains(r#""address":"api:80","ok":true,"status":200"#), "{checks}");
}

#[test]
fn rows_and_password_live_as_long_as_the_claim() {
    let Some(bench) = shop("rows") else { return };
    let password = bench.secret("shop", "postgres-password");
    let sql = |text: &str| sql(&bench, &password, text);
    let count = || sql("select count(*) from kept");
    sql("create table kept as select generate_series(1, 1000) as n");
    data_lies_in_its_folder(&bench);

    bench.kubectl(&["delete", "pod/postgres-0"]);
    let ready = || bench.kubectl(&["rollout", "status", "statefulset/postgres", "--timeout=90s"]);
    ready();
    assert_eq!(count(), "1000", "after the pod was replaced");

    let pods = || ["postgres", "cache", "api", "worker", "frontend"].map(|workload| bench.pods(workload));
    let before = pods();
    deploy(&bench).ok();
    assert_eq!(pods(), before, "a second deploy changes nothing");
    assert_eq!(count(), "1000");

    on_shop(&bench, "destroy", &["--yes"]).ok();
    deploy(&bench).ok();
    assert_eq!(bench.secret("shop", "postgres-password"), password);
    assert_eq!(count(), "1000", "after destroy and deploy");

    on_shop(&bench, "destroy", &["--delete-data", "--yes"]).ok();
    deploy(&bench).ok();
    let fresh = bench.secret("shop", "postgres-password");
    assert_ne!(fresh, password);
    assert!(try_sql(&bench, &password, "select 1").is_err(), "the old password is worth nothing");
    let error = try_sql(&bench, &fresh, "select count(*) from kept").unwrap_err().to_string();
    assert!(error.contains("\"kept\" does not exist"), "{error}");
}

/// The root of a volume may hold `lost+found`; everything of Postgres is in `data`.
fn data_lies_in_its_folder(bench: &Bench) {
    let volume = bench.get("pvc/postgres-orders")["spec"]["volumeName"].as_str().unwrap().to_owned();
    let volume = bench.get(&format!("pv/{volume}"));
    let folder = ["/spec/hostPath/path", "/spec/local/path"].iter().find_map(|path| volume.pointer(path)).unwrap();
    let mut list = bench.node.command(Path::new("/bin/ls"));
    let list = list.arg("-A").arg(folder.as_str().unwrap()).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&list.stdout), "data\n");
    let version = bench.exec("postgres-0", &["cat", "/var/lib/postgresql/data/PG_VERSION"]);
    assert_eq!(version.trim(), "15");
}

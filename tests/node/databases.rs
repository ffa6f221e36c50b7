//! A real Postgres, on new and on old volumes: databases exist after a deploy, whatever they are called, and an application
//! that waits for one finds it.

use crate::bench::{Bench, bench};
use serde_json::{Value, json};

const MANIFEST: &str = include_str!("../inputs/node/postgres.json");

const CONFIG: &str = "
application: app
waits: {image: 'docker.io/library/busybox:testbed', jobImage: 'docker.io/curlimages/curl:testbed'}
";

/// A name that ends every kind of quotes, and has what a shell and psql act on.
const UGLY: &str = r#"a'b"c`d\' $(touch /tmp/x) :x; \! touch /tmp/x é"#;

/// The server with these databases; `api` takes the first once.
fn manifest(bench: &Bench, databases: &[&str]) {
    let mut manifest: Value = serde_json::from_str(MANIFEST).unwrap();
    for (index, database) in databases.iter().enumerate() {
        let quoted = format!("\"{}\"", database.replace('"', "\"\""));
        let text = format!("{{db.connectionString}};Database={quoted}");
        manifest["resources"][format!("database{index}")] = json!({"type": "value.v0", "connectionString": text});
    }
    let script = "psql -wAtc 'select 1' && exec sleep 1000000";
    manifest["resources"]["api"] = json!({
        "type": "container.v0", "image": "docker.io/library/postgres:15-testbed", "entrypoint": "/bin/sh", "args": ["-c", script],
        "env": {
            "PGHOST": "{db.bindings.tcp.host}", "PGUSER": "postgres", "PGPASSWORD": "{password.value}", "PGDATABASE": databases[0],
        },
    });
    bench.write("app/aspire-manifest.json", manifest.to_string());
}

impl Bench {
    fn sql(&self, text: &str) -> String {
        self.exec("statefulset/db", &["psql", "-U", "postgres", "-Atc", text]).trim().to_owned()
    }

    fn databases(&self) -> Vec<String> {
        let names =
            self.sql("select datname from pg_database where not datistemplate and datname <> 'postgres' order by 1");
        names.lines().map(str::to_owned).collect()
    }

    /// Name and uid of the jobs, and how many of their pods succeeded.
    fn database_jobs(&self) -> Vec<(String, String, u64)> {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let jobs = self.node.list("jobs", &self.ns).unwrap();
        let one = |job: &Value| {
            let succeeded = job["status"]["succeeded"].as_u64().unwrap_or(0);
            (text(&job["metadata"]["name"]), text(&job["metadata"]["uid"]), succeeded)
        };
        jobs.iter().map(one).collect()
    }
}

#[test]
fn databases_exist_on_new_and_on_old_volumes() {
    let Some(bench) = bench("databases") else { return };
    // Without the key, as a chart of the former number: nobody creates it.
    manifest(&bench, &["orders"]);
    bench.write(
        "app/aspire-k8s.yaml",
        format!("{CONFIG}defaults: {{databases: none}}\nresources: {{api: {{replicas: 0}}}}"),
    );
    bench.deploy(&[]).ok();
    assert!(bench.databases().is_empty());
    // On the old volume, before the application starts: it would fail, and start again, without the database.
    bench.write("app/aspire-k8s.yaml", format!("{CONFIG}resources: {{api: {{waitFor: [database0]}}}}"));
    bench.deploy(&["--timeout", "110s"]).ok();
    assert_eq!(bench.databases(), ["orders"]);
    bench.pods("api");
    let jobs = bench.database_jobs();
    let [(job, _, 1)] = &jobs[..] else { panic!("{jobs:?}") };
    let log = bench.kubectl(&["logs", &format!("job/{job}")]);
    assert!(log.contains("the database orders is created"), "{log}");
    // Nothing runs again, and what is in it stays.
    bench.sql("create table kept as select 1 as n");
    bench.deploy(&[]).ok();
    assert_eq!(bench.database_jobs(), jobs);
    // Another one, with a name that would do much if it were not quoted.
    bench.write("app/aspire-k8s.yaml", format!("{CONFIG}resources: {{api: {{replicas: 0}}}}"));
    manifest(&bench, &["orders", UGLY]);
    bench.deploy(&["--timeout", "110s"]).ok();
    let mut expected = ["orders", UGLY];
    expected.sort_unstable();
    let mut found = bench.databases();
    found.sort_unstable();
    assert_eq!(found, expected);
    let new = bench.database_jobs();
    let [(job, uid, 1)] = &new[..] else { panic!("{new:?}") };
    assert_ne!(*uid, jobs[0].1);
    let log = bench.kubectl(&["logs", &format!("job/{job}")]);
    assert!(
        log.contains("the database orders exists") && log.contains(&format!("the database {UGLY} is created")),
        "{log}"
    );
    assert_eq!(bench.exec("statefulset/db", &["sh", "-c", "ls /tmp/x 2>/dev/null || echo none"]).trim(), "none");
}

#[test]
fn a_database_exists_on_a_new_volume_before_who_waits_for_it_starts() {
    let Some(bench) = bench("databases") else { return };
    manifest(&bench, &["orders"]);
    bench.write("app/aspire-k8s.yaml", format!("{CONFIG}resources: {{api: {{waitFor: [database0]}}}}"));
    bench.deploy(&["--timeout", "110s"]).ok();
    assert_eq!(bench.databases(), ["orders"]);
    // It has never failed.
    bench.pods("api");
    assert_eq!(bench.database_jobs().len(), 1);
}

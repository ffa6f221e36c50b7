//! Pod Security.

use crate::bench::{PROBE, bench};
use serde_json::{Value, json};

const MANIFEST: &str = include_str!("../inputs/node/roll.json");

#[test]
fn built_images_start_in_a_restricted_namespace() {
    let Some(bench) = bench("secure") else { return };
    bench.kubectl(&["label", "namespace", &bench.ns, "pod-security.kubernetes.io/enforce=restricted"]);
    bench.write("app/aspire-manifest.json", MANIFEST);
    bench.write("app/aspire-k8s.yaml", "apiVersion: aspire-k8s/v1\ndefaults: {security: restricted}\n");
    let images = ["--image", &format!("web={PROBE}"), "--image", &format!("other={PROBE}")];
    bench.deploy(&images).ok();
    for workload in ["web", "other"] {
        bench.pods(workload);
        assert_eq!(bench.seen(&format!("deployment/{workload}"), &[]).uid, 1654);
    }
    // The namespace really is restricted.
    let refused = bench.try_kubectl(&["run", "root", &format!("--image={PROBE}")]).unwrap_err().to_string();
    assert!(refused.contains("violates PodSecurity"), "{refused}");
}

/// The stores of the example as root first, as a release of a former number has them, and then as the users of their images.
#[test]
fn stores_run_restricted_on_the_data_that_they_have() {
    let Some(bench) = bench("stores") else { return };
    let store = |image: &str, folder: &str, port: u16| {
        json!({"type": "container.v0", "image": image,
            "env": {"POSTGRES_PASSWORD": "{password.value}"},
            "volumes": [{"name": format!("app.apphost-0f1e2d3c4b-d{port}"), "target": folder, "readOnly": false}],
            "bindings": {"tcp": {"scheme": "tcp", "protocol": "tcp", "transport": "tcp", "targetPort": port}}})
    };
    let password = json!({"type": "parameter.v0", "value": "{password.inputs.value}",
        "inputs": {"value": {"type": "string", "secret": true, "default": {"generate": {"minLength": 22}}}}});
    let manifest = |stores: Value| {
        let mut resources = stores;
        resources["password"] = password.clone();
        bench.write("app/aspire-manifest.json", json!({"resources": resources}).to_string());
    };
    let db = store("docker.io/library/postgres:15-testbed", "/var/lib/postgresql/data", 5432);
    let cache = store("docker.io/library/redis:7-testbed", "/data", 6379);
    let configure = |line: &str| {
        let text =
            format!("apiVersion: aspire-k8s/v1\napplication: stores\n{line}defaults: {{security: restricted}}\n");
        bench.write("app/aspire-k8s.yaml", text);
    };
    let sql = |text: &str| bench.exec("db-0", &["psql", "-U", "postgres", "-Atc", text]).trim().to_owned();
    let keep = "create table kept as select generate_series(1, 1000) as n";

    manifest(json!({"db": db, "cache": cache}));
    configure("compatibility: 2\n");
    bench.deploy(&[]).ok();
    sql(keep);
    assert_eq!(bench.exec("cache-0", &["redis-cli", "set", "a", "b"]).trim(), "OK");
    assert_eq!(bench.exec("cache-0", &["redis-cli", "save"]).trim(), "OK");

    bench.kubectl(&["label", "namespace", &bench.ns, "pod-security.kubernetes.io/enforce=restricted"]);
    configure("compatibility: 3\n");
    let refused = bench.deploy(&[]).exits(3);
    assert!(refused.contains("pods of db: its PVC holds data") && refused.contains("--ignore identity"), "{refused}");
    bench.deploy(&["--ignore", "identity"]).ok();
    for pod in ["db-0", "cache-0"] {
        assert_eq!(bench.exec(pod, &["id", "-u"]).trim(), "999", "{pod}");
        let refused = bench.node.exec(&bench.ns, pod, &["touch", "/usr/x"]).unwrap_err().to_string();
        assert!(refused.contains("Read-only file system"), "{pod}: {refused}");
    }
    assert_eq!(sql("select count(*) from kept"), "1000");
    assert_eq!(bench.exec("cache-0", &["redis-cli", "get", "a"]).trim(), "b");
    assert_eq!(bench.exec("cache-0", &["redis-cli", "save"]).trim(), "OK");

    // New data, and stores without a volume.
    bench.run(&["destroy", "app", "-n", &bench.ns, "--delete-data", "--yes"]).ok();
    bench.deploy(&[]).ok();
    sql(keep);
    bench.kubectl(&["delete", "pod/db-0"]);
    bench.kubectl(&["rollout", "status", "statefulset/db", "--timeout=90s"]);
    assert_eq!(sql("select count(*) from kept"), "1000");
    let bare = |mut store: Value| {
        store["volumes"] = json!([]);
        store
    };
    manifest(json!({"bare": bare(db), "bare-cache": bare(cache)}));
    bench.run(&["destroy", "app", "-n", &bench.ns, "--delete-data", "--yes"]).ok();
    bench.deploy(&[]).ok();
    assert_eq!(bench.exec("deployment/bare", &["id", "-u"]).trim(), "999");
}

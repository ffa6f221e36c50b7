//! `security` on a real control plane: which pods a namespace admits, and what an upgrade changes of a live release.

use crate::bench::{Bench, CONFIG, bench};
use serde_json::{Value, json};

fn store(image: &str, port: u16, folder: &str) -> Value {
    json!({
        "type": "container.v0", "image": image,
        "bindings": {"tcp": {"scheme": "tcp", "protocol": "tcp", "transport": "tcp", "targetPort": port}},
        "volumes": [{"name": format!("app.apphost-0a1b2c3d4e-d{port}"), "target": folder, "readOnly": false}],
    })
}

fn project(env: &Value) -> Value {
    json!({"type": "project.v0", "path": "Api/Api.csproj", "env": env,
        "bindings": {"http": {"scheme": "http", "protocol": "tcp", "transport": "http"}}})
}

fn manifest(bench: &Bench) {
    let uses =
        json!({"DB": "{db.bindings.tcp.host}", "CACHE": "{cache.bindings.tcp.host}", "MQ": "{mq.bindings.tcp.host}"});
    let resources = json!({
        "db": store("docker.io/library/postgres:17.6", 5432, "/var/lib/postgresql/data"),
        "cache": store("docker.io/library/redis:8.6", 6379, "/data"),
        "mq": store("docker.io/library/rabbitmq:4.2-management", 5672, "/var/lib/rabbitmq"),
        "api": project(&uses),
        "migration": project(&uses),
    });
    bench.write("app/aspire-manifest.json", &json!({"resources": resources}).to_string());
}

fn context(bench: &Bench, object: &str) -> Value {
    bench.get(object)["spec"]["template"]["spec"]["containers"][0]["securityContext"].clone()
}

#[test]
fn a_restricted_namespace_admits_every_container() {
    let Some(bench) = bench("allrestricted") else { return };
    bench.plane.kubectl(&["label", "namespace", &bench.ns, "pod-security.kubernetes.io/enforce=restricted"]).unwrap();
    manifest(&bench);
    let configure = |security: &str| {
        let jobs = "resources: {migration: {runAs: job}, api: {waitForCompletion: [migration]}}\n";
        let rest =
            format!("defaults: {{tag: '1', waitFor: references, security: {security}}}\ndashboard: {{}}\n{jobs}");
        bench.configure(&format!("{CONFIG}{rest}"));
    };
    configure("baseline");
    bench.unchanged(|| bench.deploy(&["--no-wait"]).exits(3).says(&["pods of db", "violates PodSecurity"]));
    configure("restricted");
    bench.deploy(&["--no-wait"]).ok();
    // Admission judges pods, not what makes them: every workload has one.
    let owners =
        ["statefulset/db", "statefulset/cache", "statefulset/mq", "deployment/api", "deployment/aspire-dashboard"];
    for owner in owners {
        bench
            .plane
            .kubectl(&["-n", &bench.ns, "wait", owner, "--for=jsonpath={.status.replicas}=1", "--timeout=60s"])
            .unwrap();
    }
    for (owner, user) in owners.iter().zip([999, 999, 999, 1654, 1654]) {
        let context = context(&bench, owner);
        assert_eq!(
            (&context["runAsUser"], &context["readOnlyRootFilesystem"]),
            (&json!(user), &json!(true)),
            "{owner}"
        );
    }
    let refused = bench.plane.kubectl(&["-n", &bench.ns, "run", "root", "--image=redis"]).unwrap_err().to_string();
    assert!(refused.contains("violates PodSecurity"), "{refused}");
}

#[test]
fn an_upgrade_changes_no_user_of_live_data() {
    let Some(bench) = bench("identity") else { return };
    manifest(&bench);
    let configure =
        |line: &str| bench.configure(&format!("{CONFIG}{line}\ndefaults: {{tag: '1', security: restricted}}\n"));
    let plan = |code: i32| bench.run(&["plan", "app", "-n", &bench.ns]).exits(code);
    configure("compatibility: 2");
    bench.deploy(&[]).ok();
    let before = bench.running();
    assert_eq!(context(&bench, "statefulset/db"), Value::Null);
    // This version without a word: the release keeps its number and its pods.
    configure("");
    plan(0);
    bench.deploy(&[]).ok();
    assert_eq!(bench.running(), before);
    // A word changes the number: who reads the data is named and nothing is written, until a person says so.
    configure("compatibility: 3");
    let change = "pods of db: its PVC holds data, and these change: user as in the image -> 999";
    let planned = plan(2);
    assert!(
        planned.err.contains("compatibility 2 -> 3: the defaults of the pods of db, cache, mq, api, migration change"),
        "{planned}"
    );
    bench.unchanged(|| bench.deploy(&[]).exits(3).says(&[change, "--ignore identity"]));
    bench.deploy(&["--ignore", "identity"]).ok();
    assert_eq!(context(&bench, "statefulset/db")["runAsUser"], 999);
    // It is as it was decided now.
    plan(0);
    bench.deploy(&[]).ok();
}

//! Databases on a real control plane: their job runs once for each set of databases, comes to a live release only when a
//! person says so, and those who wait for a database wait for it.

use crate::bench::{Bench, CONFIG, bench, text};
use serde_json::{Value, json};

/// A server with these databases, and an application that takes the first.
fn manifest(bench: &Bench, databases: &[&str]) {
    let binding =
        |port: u16| json!({"tcp": {"scheme": "tcp", "protocol": "tcp", "transport": "tcp", "targetPort": port}});
    let mut resources = json!({
        "pg": {
            "type": "container.v0", "image": "postgres:17", "bindings": binding(5432),
            "connectionString": "Host={pg.bindings.tcp.host};Password={pw.value}",
            "env": {"POSTGRES_PASSWORD": "{pw.value}"},
        },
        "pw": {
            "type": "parameter.v0", "value": "{pw.inputs.value}",
            "inputs": {"value": {"type": "string", "secret": true, "default": {"generate": {"minLength": 22}}}},
        },
        "api": {"type": "container.v0", "image": "api:1", "bindings": binding(8080)},
    });
    for database in databases {
        let text = format!("{{pg.connectionString}};Database={database}");
        resources[*database] = json!({"type": "value.v0", "connectionString": text});
    }
    bench.write("app/aspire-manifest.json", &json!({"resources": resources}).to_string());
}

impl Bench {
    fn database_jobs(&self) -> Vec<Value> {
        self.list("jobs")
    }

    /// The one job of the databases.
    fn database_job(&self) -> Value {
        let [job] = &self.database_jobs()[..] else { panic!("{:?}", self.database_jobs()) };
        job.clone()
    }
}

#[test]
fn the_job_runs_once_for_each_set_of_databases() {
    let Some(bench) = bench("databases") else { return };
    manifest(&bench, &["orders"]);
    bench.configure(CONFIG);
    bench.deploy(&[]).ok();
    let first = bench.database_job();
    let name = text(&first["metadata"]["name"]).to_owned();
    assert!(name.starts_with("pg-databases-") && name.len() == "pg-databases-".len() + 8, "{name}");
    assert_eq!(first["spec"]["completions"], 1);
    let pod = &first["spec"]["template"]["spec"];
    let container = &pod["containers"][0];
    // The image of the server, its password from the Secret, and nothing that Pod Security "restricted" refuses.
    let server = bench.get("deployment/pg")["spec"]["template"]["spec"]["containers"][0]["image"].clone();
    assert_eq!(container["image"], server);
    let variables = container["env"].as_array().unwrap();
    let password = variables.iter().find(|variable| variable["name"] == "PGPASSWORD").unwrap();
    assert_eq!(password["valueFrom"]["secretKeyRef"]["key"], "pw");
    assert_eq!((&pod["initContainers"], &pod["automountServiceAccountToken"]), (&Value::Null, &json!(false)));
    let expected = json!({
        "allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}, "runAsNonRoot": true,
        "runAsUser": 65534, "runAsGroup": 65534, "seccompProfile": {"type": "RuntimeDefault"},
    });
    assert_eq!(container["securityContext"], expected);
    let admits = |name: &str, spec: &Value| {
        let mut spec = spec.clone();
        spec["restartPolicy"] = json!("Never");
        let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec});
        let path = bench.write(&format!("{name}.json"), &pod.to_string());
        let file = path.display().to_string();
        bench.plane.kubectl(&["create", "--dry-run=server", "-n", &bench.ns, "-f", &file]).is_ok()
    };
    let label = |label: &str| bench.plane.kubectl(&["label", "namespace", &bench.ns, label]).unwrap();
    label("pod-security.kubernetes.io/enforce=restricted");
    assert!(admits("client", pod) && !admits("server", &bench.get("deployment/pg")["spec"]["template"]["spec"]));
    label("pod-security.kubernetes.io/enforce-");
    // Unchanged: the same job. Deleted: it is created and starts no pod.
    bench.run(&["plan", "app", "-n", &bench.ns]).exits(0);
    bench.deploy(&[]).ok();
    assert_eq!(bench.database_job()["metadata"]["uid"], first["metadata"]["uid"]);
    bench.plane.kubectl(&["delete", "job", &name, "-n", &bench.ns]).unwrap();
    bench.deploy(&[]).ok();
    let again = bench.database_job();
    assert_eq!((text(&again["metadata"]["name"]), &again["spec"]["completions"]), (name.as_str(), &json!(0)));
    // Another database is another job; back to the first, and nothing runs.
    manifest(&bench, &["orders", "stock"]);
    bench.deploy(&[]).ok();
    let second = bench.database_job();
    assert_ne!(second["metadata"]["name"], again["metadata"]["name"]);
    assert_eq!(second["spec"]["completions"], 1);
    manifest(&bench, &["orders"]);
    bench.deploy(&[]).ok();
    assert_eq!(bench.database_job()["spec"]["completions"], 0);
    // Switched off, it goes.
    bench.configure(&format!("{CONFIG}defaults: {{databases: none}}\n"));
    bench.deploy(&[]).ok();
    assert!(bench.database_jobs().is_empty());
}

#[test]
fn no_job_comes_to_a_live_release_by_itself() {
    let Some(bench) = bench("databases") else { return };
    manifest(&bench, &["orders"]);
    let configure = |more: &str| bench.configure(&format!("{CONFIG}resources: {{api: {{waitFor: [orders]}}}}\n{more}"));
    configure("compatibility: 2\n");
    bench.deploy(&[]).ok();
    let before = bench.running();
    configure("");
    bench.run(&["plan", "app", "-n", &bench.ns]).exits(0);
    bench.deploy(&[]).ok();
    assert!(bench.database_jobs().is_empty());
    assert_eq!(bench.running(), before);
    // Who says the number is told what it brings.
    configure("compatibility: 3\n");
    let plan = bench.run(&["plan", "app", "-n", &bench.ns]).exits(2);
    let told = "compatibility 2 -> 3: the defaults of the pods of api, pg-databases change";
    assert!(plan.to_string().contains(told), "{plan}");
    bench.deploy(&[]).ok();
    let job = text(&bench.database_job()["metadata"]["name"]).to_owned();
    assert_eq!(bench.get("role/api-wait")["rules"][0]["resourceNames"], json!([job]));
    // On request, whatever the number is.
    configure("compatibility: 2\ndefaults: {databases: connectionStrings}\n");
    bench.deploy(&[]).ok();
    assert_eq!(text(&bench.database_job()["metadata"]["name"]), job);
}

//! What a real kubelet and real Services make of waits.

use crate::bench::{Bench, bench, wait_for};
use serde_json::{Value, json};

const BUSYBOX: &str = "docker.io/library/busybox:testbed";

/// `db` listens from the start and is ready when it has a file; the others sleep.
fn manifest() -> String {
    let listens = "while true; do nc -l -p 8080 -e true; done";
    let sleeps = "trap 'exit 0' TERM; while true; do sleep 1; done";
    let container = |script: &str| json!({"type": "container.v0", "image": BUSYBOX, "entrypoint": "/bin/sh", "args": ["-c", script]});
    let mut db = container(listens);
    db["bindings"] = json!({"tcp": {"scheme": "tcp", "protocol": "tcp", "transport": "tcp", "targetPort": 8080}});
    json!({"resources": {"db": db, "api": container(sleeps), "early": container(sleeps)}}).to_string()
}

const CONFIG: &str = "
application: app
waits: {image: 'docker.io/library/busybox:testbed'}
resources:
  db: {probes: {readiness: {exec: {command: [test, -e, /tmp/ready]}, periodSeconds: 1}}}
  api: {waitFor: [db]}
  early: {waitForStart: [db]}
";

impl Bench {
    /// The time at which the container of a workload that waits began to run; none while it has not.
    fn began(&self, workload: &str) -> Option<String> {
        let pods = self.node.list("pods", &self.ns).unwrap();
        let pod = pods.iter().find(|pod| pod["metadata"]["labels"]["app.kubernetes.io/component"] == *workload)?;
        let running = &pod["status"]["containerStatuses"][0]["state"]["running"]["startedAt"];
        running.as_str().map(str::to_owned)
    }

    fn condition_time(&self, workload: &str, kind: &str) -> String {
        let pods = self.node.list("pods", &self.ns).unwrap();
        let pod =
            pods.iter().find(|pod| pod["metadata"]["labels"]["app.kubernetes.io/component"] == *workload).unwrap();
        let all = pod["status"]["conditions"].as_array().unwrap();
        let condition: &Value = all.iter().find(|condition| condition["type"] == *kind).unwrap();
        condition["lastTransitionTime"].as_str().unwrap().to_owned()
    }
}

#[test]
fn a_pod_starts_when_what_it_waits_for_is_ready() {
    let Some(bench) = bench("order") else { return };
    bench.kubectl(&["label", "namespace", &bench.ns, "pod-security.kubernetes.io/warn=restricted"]);
    bench.write("app/aspire-manifest.json", manifest());
    bench.write("app/aspire-k8s.yaml", CONFIG);
    bench.deploy(&["--no-wait"]).ok();
    // One that waits for the start only has started although nothing is ready.
    wait_for("the early pod", || bench.began("early"));
    let log = wait_for("the wait", || {
        let log = bench.try_kubectl(&["logs", "deployment/api", "-c", "wait-for-db"]).ok()?;
        (!log.is_empty()).then_some(log)
    });
    assert_eq!(log.trim(), "waiting for db, port 8080");
    assert_eq!(bench.began("api"), None);
    // A deploy that waits in vain says what for.
    let said = bench.deploy(&["--timeout", "40s"]).exits(1);
    assert!(said.contains("wait-for-db"), "{said}");
    assert_eq!(bench.began("api"), None);
    bench.exec("deployment/db", &["touch", "/tmp/ready"]);
    let began = wait_for("the pod that waited", || bench.began("api"));
    assert!(bench.condition_time("db", "Ready") <= began, "{began}");
    assert!(bench.began("early") < Some(began));
}

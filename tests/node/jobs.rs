//! What a real kubelet and the API server make of a job, of pods that wait for it, and of one that fails.

use crate::bench::{Bench, bench, wait_for};
use serde_json::json;

const BUSYBOX: &str = "docker.io/library/busybox:testbed";

/// `store` keeps what it is sent, `migration` runs a script, and `api` sleeps.
fn manifest(migration: &str) -> String {
    let container = |script: &str| json!({"type": "container.v0", "image": BUSYBOX, "entrypoint": "/bin/sh", "args": ["-c", script]});
    let mut store = container("touch /tmp/lines; while true; do nc -l -p 8080 >>/tmp/lines; done");
    store["bindings"] = json!({"tcp": {"scheme": "tcp", "protocol": "tcp", "transport": "tcp", "targetPort": 8080}});
    let sleeps = "trap 'exit 0' TERM; while true; do sleep 1; done";
    json!({"resources": {"store": store, "migration": container(migration), "api": container(sleeps)}}).to_string()
}

const WRITES: &str = "until echo migrated | nc -w 5 store 8080; do sleep 1; done; echo wrote one line";

const CONFIG: &str = "
application: app
waits: {image: 'docker.io/library/busybox:testbed', jobImage: 'docker.io/curlimages/curl:testbed'}
resources:
  migration: {runAs: {job: {backoffLimit: 0}}}
  api: {waitForCompletion: [migration]}
";

impl Bench {
    fn lines(&self) -> String {
        self.exec("deployment/store", &["cat", "/tmp/lines"])
    }

    /// When the container of `api` began, and when the job ended.
    fn times(&self) -> (String, String) {
        let pods = self.node.list("pods", &self.ns).unwrap();
        let pod = pods.iter().find(|pod| pod["metadata"]["labels"]["app.kubernetes.io/component"] == "api").unwrap();
        let began = pod["status"]["containerStatuses"][0]["state"]["running"]["startedAt"].as_str().unwrap();
        let job = &self.node.list("jobs", &self.ns).unwrap()[0];
        (began.to_owned(), job["status"]["completionTime"].as_str().unwrap().to_owned())
    }
}

#[test]
fn a_pod_starts_when_the_job_that_it_waits_for_has_completed() {
    let Some(bench) = bench("jobs") else { return };
    bench.kubectl(&["label", "namespace", &bench.ns, "pod-security.kubernetes.io/warn=restricted"]);
    // It fails until `store` listens, and each attempt is a pod of its own.
    bench.write("app/aspire-manifest.json", manifest(&format!("nc -w 2 store 8080 -e true && {WRITES}")));
    bench.write("app/aspire-k8s.yaml", CONFIG.replace("backoffLimit: 0", "backoffLimit: 6"));
    bench.deploy(&["--timeout", "110s"]).ok();
    let (began, completed) = bench.times();
    assert!(completed <= began, "{completed} {began}");
    wait_for("the line", || bench.lines().contains("migrated").then_some(()));
    let log = bench.kubectl(&["logs", "deployment/api", "-c", "wait-for-migration"]);
    assert!(log.contains("waiting for the job migration-"), "{log}");
    // The token is in the init container only, and it reads that job and nothing else.
    assert!(bench.node.exec(&bench.ns, "deployment/api", &["ls", "/var/run/secrets/kubernetes.io"]).is_err());
    let account = format!("system:serviceaccount:{}:api-wait", bench.ns);
    let job = bench.node.list("jobs", &bench.ns).unwrap()[0]["metadata"]["name"].as_str().unwrap().to_owned();
    let may = |verb: &str, object: &str| bench.try_kubectl(&["auth", "can-i", verb, object, "--as", &account]).is_ok();
    assert!(may("get", &format!("job/{job}")));
    assert!(!may("get", "job/other") && !may("delete", &format!("job/{job}")) && !may("get", "secrets"));
    // The same again, and again after somebody deleted the job: it writes nothing more.
    let lines = bench.lines();
    bench.deploy(&[]).ok();
    bench.kubectl(&["delete", "job", &job]);
    bench.deploy(&[]).ok();
    assert_eq!(bench.lines(), lines);
    // A new pod finds it completed.
    bench.kubectl(&["delete", "pod", "-l", "app.kubernetes.io/component=api"]);
    bench.kubectl(&["rollout", "status", "deployment/api", "--timeout=60s"]);
    // Another one that fails: its last lines and its exit code are in the error, and the pods of before still run.
    let pods = bench.pods("api");
    bench.write("app/aspire-manifest.json", manifest("echo no such table: orders; exit 7"));
    bench.write("app/aspire-k8s.yaml", CONFIG);
    let said = bench.deploy(&["--timeout", "60s"]).exits(1);
    for part in ["container migration ended with exit code 7", "no such table: orders", "kubectl delete job migration-"]
    {
        assert!(said.contains(part), "it does not say `{part}`: {said}");
    }
    assert!(pods.keys().all(|pod| bench.pods("api").contains_key(pod)));
}

//! The number of pods of an autoscaled workload is the autoscaler's: no deploy and no rollback moves it, not for a moment.

use crate::bench::{Bench, CONFIG, bench, wait_for};
use serde_json::json;
use std::fs;
use std::process::{Child, Command, Stdio};

/// An autoscaler of somebody else.
fn autoscaler(bench: &Bench) {
    bench.apply(&json!({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "scaler"}, "spec": {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "api"}, "minReplicas": 1, "maxReplicas": 9,
        "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}}}]}}));
}

fn scale(bench: &Bench, replicas: u64) {
    bench.plane.kubectl(&["scale", "deployment/api", &format!("--replicas={replicas}"), "-n", &bench.ns]).unwrap();
}

/// Somebody who sees every state of a workload.
struct Watcher {
    child: Child,
    file: std::path::PathBuf,
}

impl Watcher {
    fn start(bench: &Bench, name: &str) -> Self {
        let file = bench.path(name);
        let columns = "custom-columns=GENERATION:.metadata.generation,REPLICAS:.spec.replicas";
        let child = Command::new("kubectl")
            .args(["get", "deployment", "api", "-n", &bench.ns, "--watch", "--no-headers", "-o", columns])
            .envs(bench.plane.env())
            .stdin(Stdio::null())
            .stdout(fs::File::create(&file).unwrap())
            .spawn()
            .unwrap();
        let watcher = Self { child, file };
        wait_for("the first state", || (!watcher.states().is_empty()).then_some(()));
        watcher
    }

    /// Generation and number of pods.
    fn states(&self) -> Vec<(u64, String)> {
        let text = fs::read_to_string(&self.file).unwrap();
        let whole = text.lines().filter_map(|line| line.split_once(char::is_whitespace));
        whole
            .filter_map(|(generation, replicas)| Some((generation.parse().ok()?, replicas.trim().to_owned())))
            .collect()
    }

    /// The numbers of pods that were seen up to the state that is there now.
    fn end(mut self, bench: &Bench) -> Vec<String> {
        let now = bench.get("deployment/api")["metadata"]["generation"].as_u64().unwrap();
        wait_for("the last state", || self.states().iter().any(|(generation, _)| *generation >= now).then_some(()));
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        let mut seen: Vec<String> = self.states().into_iter().map(|(_, replicas)| replicas).collect();
        seen.dedup();
        seen
    }
}

#[test]
fn autoscaled_replicas_stay_through_deploy_and_rollback() {
    let Some(bench) = bench("scaled") else { return };
    for helm in ["3.14.4", "3.22.0", "4.0.5", "4.3.1"] {
        let program = bench.plane.helm(helm);
        bench.deploy(&["--parameter", "currency=USD"]).env("HELM_BIN", &program).ok();
        scale(&bench, 5);
        autoscaler(&bench);
        let watcher = Watcher::start(&bench, &format!("{helm}-deploy"));
        bench.deploy(&["--parameter", "currency=GBP"]).env("HELM_BIN", &program).ok();
        assert_eq!(watcher.end(&bench), ["5"], "{helm}: deploy, when autoscaling was just switched on");

        scale(&bench, 4);
        let watcher = Watcher::start(&bench, &format!("{helm}-again"));
        bench.deploy(&["--parameter", "currency=CHF"]).env("HELM_BIN", &program).ok();
        assert_eq!(watcher.end(&bench), ["4"], "{helm}: deploy again");

        scale(&bench, 3);
        let watcher = Watcher::start(&bench, &format!("{helm}-back"));
        bench.run(&["rollback", "app", "1", "-n", &bench.ns]).env("HELM_BIN", &program).ok();
        assert_eq!(watcher.end(&bench), ["3"], "{helm}: rollback to a revision with one pod");
        assert_eq!(bench.get("configmap/api-config")["data"]["CURRENCY"], "USD");

        scale(&bench, 2);
        let watcher = Watcher::start(&bench, &format!("{helm}-failure"));
        let broken = "resources: {api: {podAnnotations: {testbed.dev/behavior: image-pull-backoff}}}\n";
        bench.configure(&format!("{CONFIG}{broken}"));
        bench.deploy(&["--timeout", "12s", "--rollback-on-failure"]).env("HELM_BIN", &program).exits(4);
        bench.configure(CONFIG);
        assert_eq!(watcher.end(&bench), ["2"], "{helm}: back after a failure");

        // Without the autoscaler the chart decides again.
        bench.plane.kubectl(&["delete", "hpa/scaler", "-n", &bench.ns]).unwrap();
        if helm.starts_with('3') {
            bench.deploy(&[]).env("HELM_BIN", &program).ok();
            assert_eq!(bench.get("deployment/api")["spec"]["replicas"], 1, "{helm}");
        }
        bench.destroy(&["--delete-data", "--yes"]).env("HELM_BIN", &program).ok();
    }
}

//! The number of pods of an autoscaled workload is the autoscaler's: no deploy and no rollback moves it, not for a moment.
//! The autoscaler is somebody else's, or `autoscaling` of the resource.

use crate::bench::{Bench, CONFIG, bench, wait_for};
use serde_json::json;
use std::fs;
use std::path::Path;
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

/// The configuration with these words for the resource `api`.
fn with_api(words: &str) -> String {
    format!("{CONFIG}resources: {{api: {{{words}}}}}\n")
}

/// Autoscaling that changes nothing by itself: nothing measures the pods, and all numbers are within its bounds.
const SCALED: &str = "autoscaling: {minReplicas: 2, maxReplicas: 9, cpu: 70}, podDisruptionBudget: {maxUnavailable: 1}";

#[test]
fn autoscaling_is_switched_on_and_off_without_a_moment_of_one_pod() {
    let Some(bench) = bench("autoscaled") else { return };
    for helm in ["3.14.4", "3.22.0", "4.0.5", "4.3.1"] {
        let program = bench.plane.helm(helm);
        let deploy = |arguments: &[&str]| bench.deploy(arguments).env("HELM_BIN", &program);
        bench.configure(&with_api("replicas: 3"));
        deploy(&["--parameter", "currency=USD"]).ok();

        let watcher = Watcher::start(&bench, &format!("{helm}-on"));
        bench.configure(&with_api(SCALED));
        let planned = bench.run(&["plan", "app", "-n", &bench.ns]).env("HELM_BIN", &program).exits(2);
        assert!(planned.out.contains("HorizontalPodAutoscaler") && !planned.out.contains("spec.replicas"), "{planned}");
        deploy(&[]).ok();
        assert_eq!(watcher.end(&bench), ["3"], "{helm}: switched on");
        let scaler = bench.get("horizontalpodautoscaler/api")["spec"].clone();
        assert_eq!((&scaler["minReplicas"], &scaler["scaleTargetRef"]["kind"]), (&json!(2), &json!("Deployment")));
        assert_eq!(bench.get("poddisruptionbudget/api")["spec"]["maxUnavailable"], 1);
        assert!(bench.run(&["status", "app", "-n", &bench.ns]).ok().out.contains("(by autoscaler api)"));

        scale(&bench, 5);
        let watcher = Watcher::start(&bench, &format!("{helm}-change"));
        deploy(&["--parameter", "currency=GBP"]).ok();
        assert_eq!(watcher.end(&bench), ["5"], "{helm}: another deploy");

        // A rollback brings back everything but the number.
        let watcher = Watcher::start(&bench, &format!("{helm}-back"));
        bench.run(&["rollback", "app", "1", "-n", &bench.ns]).env("HELM_BIN", &program).ok();
        assert_eq!(watcher.end(&bench), ["5"], "{helm}: rollback to the revision without it");
        assert!(bench.list("horizontalpodautoscalers").is_empty() && bench.list("poddisruptionbudgets").is_empty());
        let watcher = Watcher::start(&bench, &format!("{helm}-forth"));
        bench.run(&["rollback", "app", "2", "-n", &bench.ns]).env("HELM_BIN", &program).ok();
        assert_eq!(watcher.end(&bench), ["5"], "{helm}: rollback to the revision with it");
        assert_eq!(bench.list("horizontalpodautoscalers").len(), 1);

        scale(&bench, 6);
        let watcher = Watcher::start(&bench, &format!("{helm}-off"));
        bench.configure(&with_api("replicas: 4"));
        if helm.starts_with('3') {
            deploy(&[]).ok();
        } else {
            // The API server knows whose number it is.
            deploy(&[]).exits(3).says(&["--force-conflicts"]);
            deploy(&["--helm-arg=--force-conflicts"]).ok();
        }
        assert_eq!(watcher.end(&bench), ["6", "4"], "{helm}: switched off");
        assert!(bench.list("horizontalpodautoscalers").is_empty());
        bench.destroy(&["--delete-data", "--yes"]).env("HELM_BIN", &program).ok();

        // A new release starts with the fewest pods.
        bench.configure(&with_api(SCALED));
        deploy(&[]).ok();
        assert_eq!(bench.get("deployment/api")["metadata"]["generation"], 1, "{helm}");
        assert_eq!(bench.get("deployment/api")["spec"]["replicas"], 2, "{helm}");
        bench.destroy(&["--delete-data", "--yes"]).env("HELM_BIN", &program).ok();
        assert!(bench.list("horizontalpodautoscalers").is_empty() && bench.list("poddisruptionbudgets").is_empty());
    }
}

#[test]
fn plain_helm_keeps_the_pods_too() {
    let Some(bench) = bench("plainscaled") else { return };
    let render = |words: &str| {
        bench.configure(&with_api(words));
        bench.run(&["render", "app", "-o", "chart"]).ok();
    };
    let given = ["--set", "parameters.db-password=hunter2hunter2,parameters.token=hunter2hunter2"];
    for helm in ["3.14.4", "4.3.1"] {
        let program = bench.plane.helm(helm);
        let run = |arguments: &[&str]| {
            bench.program(Path::new(&program), &[arguments, &["--namespace", &bench.ns]].concat()).ok();
        };
        render("replicas: 3");
        run(&[&["install", "app", "chart"], &given[..]].concat());
        let watcher = Watcher::start(&bench, &format!("{helm}-plain"));
        render(SCALED);
        run(&[&["upgrade", "app", "chart"], &given[..]].concat());
        run(&[&["upgrade", "app", "chart", "--set", "workloads.api.autoscaling.maxReplicas=8"], &given[..]].concat());
        assert_eq!(watcher.end(&bench), ["3"], "{helm}");
        assert_eq!(bench.get("horizontalpodautoscaler/api")["spec"]["maxReplicas"], 8, "{helm}");
        run(&["uninstall", "app"]);
    }
}

/// Fields that only the API server judges: placement, strategy and sizes of every form.
#[test]
fn the_api_server_accepts_placement_strategies_and_sizes() {
    let Some(bench) = bench("placed") else { return };
    bench.configure(&format!(
        "{CONFIG}nodePools: {{general: {{tolerations: [{{key: pool, operator: Exists}}]}}}}
defaults: {{spread: {{zone: preferred, hostname: preferred}}, nodePool: general, size: small, podDisruptionBudget: {{maxUnavailable: 50%}}}}
resources: {{api: {{replicas: 2, strategy: {{maxSurge: 0, maxUnavailable: 1}}}}, db: {{size: medium, resources: {{limits: {{memory: 1Gi}}}}}}}}
"
    ));
    bench.deploy(&[]).ok();
    let api = bench.get("deployment/api")["spec"].clone();
    assert_eq!(api["strategy"]["rollingUpdate"], json!({"maxSurge": 0, "maxUnavailable": 1}));
    assert_eq!(api["template"]["spec"]["topologySpreadConstraints"].as_array().unwrap().len(), 2);
    assert_eq!(bench.get("poddisruptionbudget/api")["spec"]["maxUnavailable"], "50%");
    assert_eq!(bench.list("poddisruptionbudgets").len(), 1, "the database has one pod");
    let db = bench.get("statefulset/db")["spec"]["template"]["spec"]["containers"][0]["resources"].clone();
    assert_eq!(db, json!({"requests": {"cpu": "250m", "memory": "1Gi"}, "limits": {"memory": "1Gi"}}));
    bench.run(&["plan", "app", "-n", &bench.ns]).exits(0);
    bench.configure(&with_api("strategy: Recreate"));
    bench.deploy(&[]).ok();
    assert_eq!(bench.get("deployment/api")["spec"]["strategy"], json!({"type": "Recreate"}));
}

/// The preflight counts the pods of an autoscaler and the numbers of a size.
#[test]
fn a_quota_that_is_too_small_is_seen_before_the_deploy() {
    let Some(bench) = bench("sized") else { return };
    let hard = json!({"requests.memory": "3Gi", "pods": "20"});
    bench.apply(
        &json!({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "small"}, "spec": {"hard": hard}}),
    );
    bench.configure(&with_api("size: large, autoscaling: {minReplicas: 2, maxReplicas: 5}"));
    bench.deploy(&[]).exits(3).says(&["ResourceQuota small: requests.memory", "4224Mi more"]);
    bench.configure(&with_api("size: medium, autoscaling: {minReplicas: 2, maxReplicas: 5}"));
    bench.deploy(&[]).ok();
    assert_eq!(bench.get("deployment/api")["spec"]["replicas"], 2);
}

/// KEDA is not installed: the chart has what was asked for, and the deploy says what is missing.
#[test]
fn a_scaled_object_needs_keda() {
    let Some(bench) = bench("keda") else { return };
    bench.configure(&with_api("autoscaling: {maxReplicas: 5, keda: true, triggers: [{type: cron}]}"));
    bench.deploy(&[]).exits(3).says(&["ScaledObject", "install KEDA"]);
}

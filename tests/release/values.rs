//! Values that a person passes: they reach the pods and nothing else, nobody remembers them, and none goes away unnoticed.

use crate::bench::{Bench, CONFIG, bench, text};
use serde_json::json;

fn replicas(bench: &Bench) -> u64 {
    bench.get("deployment/api")["spec"]["replicas"].as_u64().unwrap()
}

fn colour(bench: &Bench) -> Option<String> {
    bench.get("configmap/api-config")["data"]["COLOUR"].as_str().map(str::to_owned)
}

#[test]
fn what_was_passed_is_passed_again_or_dropped_on_purpose() {
    let Some(bench) = bench("passed") else { return };
    let file = bench.write("mine.yaml", "workloads: {api: {env: {COLOUR: blue}, replicas: 3}}\n").display().to_string();
    let passed = ["-f", &*file, "--set", "workloads.api.replicas=2"];
    bench.deploy(&passed).ok();
    assert_eq!((replicas(&bench), colour(&bench).as_deref()), (2, Some("blue")), "--set wins over --values");
    // Without them nothing happens, and `plan` says the same.
    let names = ["workloads.api.env.COLOUR, workloads.api.replicas", "passed-values-missing", "--reset-values"];
    bench.unchanged(|| {
        bench.deploy(&[]).exits(3).says(&names);
        bench.run(&["plan", "app", "-n", &bench.ns]).exits(3).says(&names[..1]);
        let other = bench.deploy(&["--set", "workloads.api.replicas=5"]).exits(3);
        assert!(other.err.contains("does not set: workloads.api.env.COLOUR\n"), "{other}");
    });
    // The same again changes nothing.
    let before = bench.running();
    bench.deploy(&passed).ok();
    assert_eq!(bench.running(), before);
    // Only helm holds the values; the ConfigMap of the release does not even hold the keys.
    assert!(!bench.get("configmap/app-aspire")["data"].to_string().contains("COLOUR"));
    // What moved to the file is not missing.
    bench.configure(&format!("{CONFIG}values: {{workloads: {{api: {{env: {{COLOUR: blue}}}}}}}}\n"));
    let half = bench.deploy(&[]).exits(3);
    assert!(half.err.contains("does not set: workloads.api.replicas\n"), "{half}");
    bench.deploy(&["--reset-values"]).ok();
    assert_eq!((replicas(&bench), colour(&bench).as_deref()), (1, Some("blue")));
    bench.deploy(&[]).ok();
    // A rollback brings back what was passed, with what the next deploy must say.
    bench.run(&["rollback", "app", "2", "-n", &bench.ns]).ok();
    assert_eq!(replicas(&bench), 2);
    bench.deploy(&[]).exits(3).says(&["does not set: workloads.api.replicas\n"]);
}

#[test]
fn what_others_give_is_refused_before_anything_is_asked() {
    let Some(bench) = bench("passed-refused") else { return };
    let file = "parameters: {token: c4n4ryhidden}\nsecrets: {token: {from: chart}}\nworkloads: {aip: {replicas: c4n4ryhidden}}\n";
    let file = bench.write("bad.yaml", file).display().to_string();
    bench.unchanged(|| {
        let ran = bench.deploy(&["-f", &file]).exits(1);
        let ran =
            ran.says(&["error[chart-value-owned]", "`parameters`", "`secrets`", "bad.yaml:1:1", "did you mean `api`?"]);
        assert!(!ran.err.contains("c4n4ry"), "{ran}");
        let ran = bench.deploy(&["--set", "parameters.token=c4n4ryhidden"]).exits(1).says(&["--set parameters"]);
        assert!(!ran.err.contains("c4n4ry"), "{ran}");
    });
}

/// Helm gets the values through its standard input.
#[test]
fn no_argument_of_helm_holds_a_value() {
    let Some(bench) = bench("passed-quiet") else { return };
    let helm = bench.plane.helm("4.2.4").display().to_string();
    let log = bench.path("argv").display().to_string();
    let script = format!("#!/bin/sh\nprintf '%s\\n' \"$@\" >> {log}\nexec {helm} \"$@\"\n");
    let script = bench.script("helm", &script);
    let file = bench.write("mine.yaml", "workloads: {api: {env: {COLOUR: c4n4ryhidden}}}\n").display().to_string();
    let ran = bench.deploy(&["-f", &file]).env("HELM_BIN", &script).ok();
    let seen = std::fs::read_to_string(bench.path("argv")).unwrap();
    assert!(seen.contains("upgrade") && !seen.contains("c4n4ry"), "{seen}");
    assert!(!ran.err.contains("c4n4ry") && !ran.out.contains("c4n4ry"), "{ran}");
    assert_eq!(colour(&bench).as_deref(), Some("c4n4ryhidden"));
}

/// A plan that was saved holds for the values that it was made with.
#[test]
fn a_saved_plan_is_of_the_values_that_were_passed() {
    let Some(bench) = bench("passed-saved") else { return };
    let plan = bench.path("plan.json").display().to_string();
    let two = ["--set", "workloads.api.replicas=2"];
    bench.run(&[&["plan", "app", "-n", &bench.ns, "--save", &plan], &two[..]].concat()).exits(2);
    let ran = bench.deploy(&["--plan", &plan, "--set", "workloads.api.replicas=3"]).exits(3);
    ran.says(&["other values: --set workloads.api.replicas"]);
    bench.deploy(&[&["--plan", &*plan], &two[..]].concat()).ok();
    assert_eq!(replicas(&bench), 2);
}

#[test]
fn only_the_named_resource_may_change() {
    let Some(bench) = bench("only") else { return };
    bench.deploy(&[]).ok();
    bench.configure(&format!("{CONFIG}resources: {{api: {{env: {{A: b}}}}, db: {{podAnnotations: {{a: b}}}}}}\n"));
    bench.unchanged(|| {
        bench.deploy(&["--only", "apu"]).exits(1).says(&["did you mean `api`?"]);
        let ran =
            bench.deploy(&["--only", "api"]).exits(3).says(&["other-workload-changes", "StatefulSet db would change"]);
        assert!(!ran.err.contains("Deployment api would"), "{ran}");
        bench.run(&["plan", "app", "-n", &bench.ns, "--only", "api"]).exits(1);
    });
    let before = bench.get("statefulset/db")["metadata"]["generation"].clone();
    bench.configure(&format!("{CONFIG}chart: {{version: 0.2.0}}\nresources: {{api: {{env: {{A: b}}}}}}\n"));
    bench.deploy(&["--only", "api"]).ok();
    assert_eq!(bench.get("configmap/api-config")["data"]["A"], "b");
    // Another version of the chart is a label of the StatefulSet, which is no reason to stop.
    assert_eq!(bench.get("statefulset/db")["metadata"]["generation"], before);
}

/// A patch and an added object on a real API server, with the helm that renders them and the oldest one.
#[test]
fn patches_and_added_objects_are_applied() {
    let Some(bench) = bench("patched") else { return };
    bench.deploy(&[]).ok();
    let uid = text(&bench.get("statefulset/db")["metadata"]["uid"]).to_owned();
    bench.configure(&format!(
        "{CONFIG}patch:
  Deployment/api:
    spec: {{template: {{spec: {{hostAliases: [{{ip: 10.0.0.1, hostnames: [a.example]}}], containers: [{{name: api, tty: true}}, {{name: log, image: 'registry.invalid/log:1'}}]}}}}}}
  StatefulSet/db: {{metadata: {{annotations: {{contoso.com/owner: shop}}}}}}
extraObjects:
  - apiVersion: policy/v1
    kind: PodDisruptionBudget
    metadata: {{name: api, labels: {{release: '{{release.name}}'}}}}
    spec: {{maxUnavailable: 1, selector: {{matchLabels: {{app.kubernetes.io/component: api, app.kubernetes.io/instance: '{{release.name}}'}}}}}}
"
    ));
    for helm in ["3.14.4", "4.2.4"] {
        bench.deploy(&[]).env("HELM_BIN", bench.plane.helm(helm)).ok();
        let pod = bench.get("deployment/api")["spec"]["template"]["spec"].clone();
        assert_eq!(pod["hostAliases"], json!([{"ip": "10.0.0.1", "hostnames": ["a.example"]}]), "{helm}");
        let containers: Vec<_> = pod["containers"].as_array().unwrap().iter().map(|it| text(&it["name"])).collect();
        assert_eq!((containers, &pod["containers"][0]["tty"]), (vec!["api", "log"], &json!(true)), "{helm}");
        assert_eq!(bench.get("statefulset/db")["metadata"]["annotations"]["contoso.com/owner"], "shop");
        assert_eq!(bench.get("statefulset/db")["metadata"]["uid"], *uid);
        let budget = bench.list("poddisruptionbudgets").remove(0);
        assert_eq!(budget["metadata"]["labels"]["release"], "app");
        assert_eq!(budget["spec"]["selector"]["matchLabels"]["app.kubernetes.io/instance"], "app");
    }
    bench.run(&["plan", "app", "-n", &bench.ns]).exits(0);
    // What goes from the file goes from the cluster.
    bench.configure(CONFIG);
    bench.deploy(&[]).ok();
    assert!(bench.list("poddisruptionbudgets").is_empty());
    assert!(bench.get("deployment/api")["spec"]["template"]["spec"]["hostAliases"].is_null());
}

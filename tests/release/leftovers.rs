//! States that a killed helm, another helm or a smaller application leave behind.

use crate::bench::{Bench, CONFIG, bench, text, wait_for};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use std::fs;

const NEVER_READY: &str = "resources: {api: {podAnnotations: {testbed.dev/behavior: image-pull-backoff}}}\n";

fn is_of(pod: &Value, workload: &str) -> bool {
    pod["metadata"]["labels"]["app.kubernetes.io/component"] == *workload
}

fn status(bench: &Bench) -> String {
    let release = bench.find("secret/sh.helm.release.v1.app.v1");
    release.map(|object| text(&object["metadata"]["labels"]["status"]).to_owned()).unwrap_or_default()
}

#[test]
fn a_deploy_beside_another_is_refused_and_changes_nothing() {
    let Some(bench) = bench("beside") else { return };
    bench.configure(&format!("{CONFIG}{NEVER_READY}"));
    let mut first = bench.deploy(&["--timeout", "100s"]).spawn();
    // The workloads are the last that helm makes before it waits, and their pods are made after it.
    wait_for("the pods", || {
        let pods = bench.list("pods");
        ["db", "api"].iter().all(|name| pods.iter().any(|pod| is_of(pod, name))).then_some(())
    });
    bench.unchanged(|| {
        let second = bench.deploy(&["--parameter", "token=two"]).exits(3);
        second.says(&["is being worked on: deploy on this machine, process", "wait until it has ended"]);
    });
    kill_process(Pid::from_child(&first), Signal::TERM).unwrap();
    wait_for("the end", || first.try_wait().unwrap());
    let secret = bench.secret("app-secrets");
    bench.configure(CONFIG);
    bench.deploy(&[]).ok();
    assert_eq!(bench.secret("app-secrets"), secret);
}

/// Lets the objects of a deleted Service stay, or go.
fn hold(bench: &Bench, service: &str, finalizers: &str) {
    let patch = format!("{{\"metadata\": {{\"finalizers\": {finalizers}}}}}");
    bench.plane.kubectl(&["patch", service, "-n", &bench.ns, "--type=merge", "-p", &patch]).unwrap();
}

#[test]
fn a_destroy_that_was_killed_can_be_repeated() {
    let Some(bench) = bench("killeddestroy") else { return };
    bench.deploy(&[]).ok();
    let password = bench.secret("app-secrets")["db-password"].clone();
    hold(&bench, "service/api", "[\"testbed.dev/hold\"]");
    let mark = bench.path("process");
    let helm = bench.plane.helm("4.2.4");
    let text = format!("#!/bin/bash\necho $$ >{}\nexec {} \"$@\"\n", mark.display(), helm.display());
    let helm = bench.script("marks/helm", &text);
    let mut first = bench.destroy(&["--timeout", "100s"]).env("HELM_BIN", &helm).spawn();
    wait_for("the removal", || {
        let leaving = bench.get("service/api")["metadata"]["deletionTimestamp"].is_string();
        (leaving && status(&bench) == "uninstalling").then_some(())
    });
    let process: i32 = fs::read_to_string(&mark).unwrap().trim().parse().unwrap();
    for process in [Pid::from_child(&first), Pid::from_raw(process).unwrap()] {
        kill_process(process, Signal::KILL).unwrap();
    }
    first.wait().unwrap();
    bench.deploy(&["--timeout", "12s"]).exits(3).says(&["the Service api in namespace", "is still being deleted"]);
    assert_eq!(status(&bench), "uninstalling");
    hold(&bench, "service/api", "[]");
    bench.destroy(&[]).ok().says(&["kept, with their secrets: db-data"]);
    assert_eq!(bench.find("configmap/app-aspire"), None);
    bench.deploy(&[]).ok();
    assert_eq!(bench.secret("app-secrets")["db-password"], password);
}

#[test]
fn a_release_uninstalled_by_helm_itself_can_be_deployed_again() {
    let Some(bench) = bench("byhelm") else { return };
    bench.deploy(&["--parameter", "currency=USD"]).ok();
    let secret = bench.secret("app-secrets");
    for more in [&[][..], &["--keep-history"]] {
        bench.helm(&[&["uninstall", "app", "--wait"], more].concat()).ok();
        assert_eq!(bench.secret("app-secrets"), secret);
        bench.deploy(&[]).ok();
        assert_eq!(bench.secret("app-secrets"), secret);
        assert_eq!(bench.get("configmap/api-config")["data"]["CURRENCY"], "USD");
    }
    bench.helm(&["uninstall", "app", "--wait", "--keep-history"]).ok();
    bench.destroy(&["--delete-data", "--yes"]).ok();
    assert_eq!(bench.find("secret/app-secrets"), None);
    bench.destroy(&[]).exits(1).says(&["nothing to destroy"]);
}

#[test]
fn what_a_removed_workload_leaves_is_taken_up_when_it_comes_back() {
    let Some(bench) = bench("comesback") else { return };
    bench.deploy(&[]).ok();
    let (secret, claim) = (bench.secret("app-secrets"), bench.get("pvc/db-data"));
    let whole = fs::read_to_string(bench.path("app/aspire-manifest.json")).unwrap();
    let mut smaller: Value = serde_json::from_str(&whole).unwrap();
    let resources = smaller["resources"].as_object_mut().unwrap();
    for name in ["db", "db-password", "db-password-uri"] {
        resources.shift_remove(name);
    }
    resources["api"]["env"] = json!({"TOKEN": "{token.value}", "CURRENCY": "{currency.value}"});
    bench.write("app/aspire-manifest.json", &smaller.to_string());
    bench.deploy_accepting("abandon-data").ok();
    assert_eq!(bench.find("statefulset/db"), None);
    assert_eq!(bench.get("pvc/db-data")["metadata"]["uid"], claim["metadata"]["uid"]);
    assert_eq!(bench.secret("app-secrets"), secret);
    bench.write("app/aspire-manifest.json", &whole);
    bench.deploy(&[]).ok();
    assert_eq!(bench.secret("app-secrets"), secret);
    assert_eq!(bench.get("pvc/db-data")["metadata"]["uid"], claim["metadata"]["uid"]);
    assert_eq!(bench.get("statefulset/db")["status"]["readyReplicas"], 1);
}

#[test]
fn without_waiting_a_deploy_does_not_look_at_the_pods() {
    let Some(bench) = bench("nowait") else { return };
    bench.configure(&format!("{CONFIG}{NEVER_READY}"));
    bench.deploy(&["--no-wait"]).ok();
    assert_eq!(bench.find("secret/app-secrets-before"), None);
}

#[test]
fn a_dapr_component_of_another_owner_is_not_taken() {
    let Some(bench) = bench("dapr") else { return };
    let dapr = json!({"type": "dapr.component.v0", "daprComponent": {"type": "state"}});
    let mut manifest: Value = serde_json::from_str(crate::bench::MANIFEST).unwrap();
    manifest["resources"]["store"] = dapr;
    bench.write("app/aspire-manifest.json", &manifest.to_string());
    bench.apply(&json!({"apiVersion": "dapr.io/v1alpha1", "kind": "Component", "metadata": {"name": "store"},
        "spec": {"type": "state.in-memory", "version": "v1", "metadata": []}}));
    bench.unchanged(|| {
        bench.deploy(&[]).exits(3).says(&["the Component store in namespace", "was not created by helm"])
    });
    bench.plane.kubectl(&["delete", "components.dapr.io/store", "-n", &bench.ns]).unwrap();
    bench.deploy(&[]).ok();
    assert!(bench.find("components.dapr.io/store").is_some());
}

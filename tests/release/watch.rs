//! What a deploy shows while helm waits: how far each workload is, and why one does not come, long before the time-out.

use crate::bench::{Bench, CONFIG, Run, bench, text};
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader, Read as _};
use std::process::Command;
use std::time::{Duration, Instant};

/// Longer than any test waits: what is told is told before helm gives up.
const TIMEOUT: &str = "100s";

/// The events of a run until one fits; then the run is stopped as by Ctrl-C. Also what it wrote for people.
fn events_until(run: Run, fits: impl Fn(&Value) -> bool) -> (Vec<Value>, String) {
    let mut child = run.piped();
    let mut events = Vec::new();
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let event: Value = serde_json::from_str(&line.unwrap()).unwrap();
        let found = fits(&event);
        events.push(event);
        if found {
            assert!(child.try_wait().unwrap().is_none(), "helm had given up: {events:#?}");
            let stopped = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
            assert!(stopped.success());
            break;
        }
    }
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    child.wait().unwrap();
    (events, said)
}

fn of<'a>(events: &'a [Value], kind: &str) -> Vec<&'a Value> {
    events.iter().filter(|event| event["event"] == kind).collect()
}

/// A deploy tells this reason in these words, as an event and as text, while helm still waits.
fn tells(bench: &Bench, reason: &str, workload: &str, words: &[&str]) -> Value {
    let start = Instant::now();
    let run = bench.deploy(&[
        "--output",
        "json",
        "--timeout",
        TIMEOUT,
        "--ignore=quota",
        "--ignore=storage",
        "--ignore=pod-security",
    ]);
    let (events, said) = events_until(run, |event| event["event"] == "finding");
    assert!(start.elapsed() < Duration::from_secs(60), "{:?}", start.elapsed());
    let finding = events.last().unwrap();
    assert_eq!((text(&finding["reason"]), text(&finding["name"])), (reason, workload), "{finding:#}\n{said}");
    for word in words {
        assert!(text(&finding["text"]).contains(word), "`{word}` is not in {finding:#}");
        assert!(said.contains(word), "`{word}` is not in {said}");
    }
    assert!(said.contains(text(&finding["hint"])), "{said}");
    finding.clone()
}

fn with_api(bench: &Bench, more: &str) {
    bench.configure(&format!("{CONFIG}resources: {{api: {{{more}}}}}\n"));
}

fn behaving(bench: &Bench, behaviour: &str) {
    with_api(bench, &format!("podAnnotations: {{testbed.dev/behavior: {behaviour}}}"));
}

#[test]
fn a_normal_deploy_shows_every_workload_and_no_fault() {
    let Some(bench) = bench("seen") else { return };
    // The claim and the pod take a moment, as everywhere.
    bench.configure(&format!("{CONFIG}resources: {{api: {{podAnnotations: {{testbed.dev/ready-delay: 3s}}}}, db: {{volumes: {{data: {{annotations: {{testbed.dev/provision-delay: 2s}}}}}}}}}}\n"));
    let ran = bench.deploy(&["--output", "json"]).ok();
    let events: Vec<Value> = ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(of(&events, "finding").is_empty() && of(&events, "warned").is_empty(), "{ran}");
    let workloads = of(&events, "workload");
    for name in ["api", "db"] {
        let steps: Vec<&&Value> = workloads.iter().filter(|event| event["name"] == name).collect();
        assert!(steps.len() > 1, "{name} was not seen on its way: {ran}");
        let last = steps.last().unwrap();
        assert_eq!((&last["ready"], &last["desired"], text(&last["state"])), (&json!(1), &json!(1), "ready"), "{ran}");
    }
    assert!(of(&events, "finished").iter().any(|event| event["step"] == "helm-deploy-kubernetes"), "{ran}");
    assert!(ran.err.contains("Deployment api: 1 of 1 ready"), "{ran}");
    // Without a change nothing is on its way, and all is told once.
    let again = bench.deploy(&["--output", "json"]).ok();
    let events: Vec<Value> = again.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let states: Vec<&str> = of(&events, "workload").into_iter().map(|event| text(&event["state"])).collect();
    assert_eq!(states, ["ready", "ready"], "{again}");
}

#[test]
fn an_image_that_cannot_be_pulled() {
    let Some(bench) = bench("pull") else { return };
    behaving(&bench, "image-pull-backoff");
    tells(&bench, "imageNotPulled", "api", &["image registry.invalid/api:1 cannot be pulled"]);
}

#[test]
fn a_crash_is_told_with_the_last_lines() {
    let Some(bench) = bench("crash") else { return };
    behaving(&bench, "crash-loop");
    let finding = tells(&bench, "crashes", "api", &["it has ended 5 times, last with exit code 1"]);
    assert_eq!(finding["final"], true);
    assert!(!finding["log"].as_array().unwrap().is_empty(), "{finding:#}");
}

#[test]
fn a_pod_that_no_node_takes() {
    let Some(bench) = bench("room") else { return };
    with_api(&bench, "resources: {requests: {memory: 4Ti}}");
    tells(&bench, "unschedulable", "api", &["no node is suitable for the pod", "too little memory free"]);
    with_api(&bench, "nodeSelector: {kubernetes.io/os: none}");
    tells(
        &bench,
        "unschedulable",
        "api",
        &["no node is suitable for the pod", "no label that its node selector or affinity requires"],
    );
}

#[test]
fn a_claim_without_a_class() {
    let Some(bench) = bench("class") else { return };
    let volume =
        |more: &str| bench.configure(&format!("{CONFIG}resources: {{db: {{volumes: {{data: {{{more}}}}}}}}}\n"));
    volume("storageClass: gone");
    tells(
        &bench,
        "claimUnbound",
        "db",
        &["the PVC db-data of class `gone` has no volume", "the storage class does not exist"],
    );
}

#[test]
fn a_provisioner_that_does_nothing() {
    let Some(bench) = bench("volume") else { return };
    bench.configure(&format!(
        "{CONFIG}resources: {{db: {{volumes: {{data: {{annotations: {{testbed.dev/provision: never}}}}}}}}}}\n"
    ));
    tells(&bench, "claimUnbound", "db", &["the PVC db-data of class `standard` has no volume", "kwok.x-k8s.io/volume"]);
}

#[test]
fn a_quota_without_room() {
    let Some(bench) = bench("quota") else { return };
    let quota = json!({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "small"}, "spec": {"hard": {"pods": "0"}}});
    bench.apply(&quota);
    let run = bench.deploy(&[
        "--output",
        "json",
        "--timeout",
        TIMEOUT,
        "--ignore=quota",
        "--ignore=storage",
        "--ignore=pod-security",
    ]);
    let seen = std::cell::Cell::new(0);
    // Both controllers say it in their own way.
    let (events, said) = events_until(run, |event| {
        seen.set(seen.get() + u32::from(event["event"] == "finding"));
        seen.get() == 2
    });
    let found = of(&events, "finding");
    assert!(found.iter().all(|finding| finding["reason"] == "quotaExceeded"), "{found:#?}");
    let mut names: Vec<&str> = found.iter().map(|finding| text(&finding["name"])).collect();
    names.sort_unstable();
    assert_eq!(names, ["api", "db"], "{said}");
    assert!(said.contains("its pods are rejected: exceeded quota: small"), "{said}");
}

#[test]
fn pods_that_a_rule_of_the_cluster_refuses() {
    let Some(bench) = bench("rules") else { return };
    bench.plane.kubectl(&["label", "namespace", &bench.ns, "pod-security.kubernetes.io/enforce=restricted"]).unwrap();
    with_api(&bench, "security: baseline");
    let run = bench.deploy(&[
        "--output",
        "json",
        "--timeout",
        TIMEOUT,
        "--ignore=quota",
        "--ignore=storage",
        "--ignore=pod-security",
    ]);
    let fits = |event: &Value| event["event"] == "finding" && event["name"] == "api";
    let (events, said) = events_until(run, fits);
    let finding = events.last().unwrap();
    assert_eq!((text(&finding["reason"]), &finding["final"]), ("admissionRefused", &json!(true)), "{said}");
    assert!(said.contains("violates PodSecurity \"restricted:latest\""), "{said}");
}

#[test]
fn a_failed_deploy_ends_with_the_reason() {
    let Some(bench) = bench("ends") else { return };
    // Not ready, and not yet for long: told because it is what the deploy failed of.
    behaving(&bench, "never-ready");
    let ran = bench.deploy(&["--timeout", "12s"]).exits(1);
    let error = ran.err.find("error[").unwrap();
    let reason = ran.err.rfind("Deployment api: it runs but is not ready").unwrap();
    assert!(reason > error, "{ran}");
    assert!(!ran.err.contains("StatefulSet db: it"), "{ran}");
}

/// A helm that does everything but upgrade, where it ends at once.
fn failing_helm(bench: &Bench, ends: &str) -> std::path::PathBuf {
    let real = bench.plane.helm("4.2.4");
    let text = format!("#!/bin/sh\n[ \"$1\" = upgrade ] && {{ {ends}; }}\nexec {} \"$@\"\n", real.display());
    bench.script("failing/helm", &text)
}

#[test]
fn a_helm_that_fails_at_once_is_not_blamed_on_an_old_pod() {
    let Some(bench) = bench("atonce") else { return };
    bench.deploy(&[]).ok();
    // An old pod that needs its time to end.
    let pod = bench.list("pods").into_iter().find(|pod| text(&pod["metadata"]["name"]).starts_with("api-")).unwrap();
    let name = text(&pod["metadata"]["name"]).to_owned();
    let held = r#"{"metadata": {"finalizers": ["testbed.dev/slow"]}}"#;
    bench.plane.kubectl(&["patch", "pod", &name, "-n", &bench.ns, "--type=merge", "-p", held]).unwrap();
    bench.plane.kubectl(&["delete", "pod", &name, "-n", &bench.ns, "--wait=false"]).unwrap();
    for (ends, reason) in [
        ("echo 'Error: UPGRADE FAILED: conflict with kubectl' >&2; exit 1", "UPGRADE FAILED: conflict with kubectl"),
        ("kill -9 $$", "was killed by signal 9"),
    ] {
        let ran = bench.deploy(&["--parameter", "token=other"]).env("HELM_BIN", failing_helm(&bench, ends)).exits(1);
        let error = ran.err.split_once("error[").and_then(|(_, error)| error.split_once("]: ")).unwrap().1;
        assert!(error.starts_with("`helm upgrade") && error.contains(reason), "{ran}");
        for words in ["does not go", "--force", "did not become ready"] {
            assert!(!ran.err.contains(words), "{ran}");
        }
    }
    let free = r#"{"metadata": {"finalizers": null}}"#;
    bench.plane.kubectl(&["patch", "pod", &name, "-n", &bench.ns, "--type=merge", "-p", free]).unwrap();
}

//! `--list-steps`: what each verb would do, in every form, without a cluster, a helm or a manifest.

use crate::aspire;
use serde_json::Value;
use std::collections::BTreeSet;

const VERBS: [&str; 5] = ["render", "deploy", "plan", "rollback", "destroy"];

#[test]
fn steps_of_every_verb() {
    let mut text = String::new();
    for verb in VERBS {
        text.extend(["== ", verb, "\n", &aspire([verb, "--list-steps"]).run().ok(), "\n"]);
    }
    insta::assert_snapshot!(text);
}

/// Programs get the same graph: every step once, after all that it waits for.
#[test]
fn the_json_is_in_order() {
    for verb in VERBS {
        let listed: Value = serde_json::from_str(&aspire([verb, "--list-steps=json"]).run().ok()).unwrap();
        let mut seen = BTreeSet::new();
        for step in listed["steps"].as_array().unwrap() {
            let name = step["name"].as_str().unwrap();
            assert!(!step["description"].as_str().unwrap().is_empty(), "{verb}: {name}");
            for other in step["dependsOn"].as_array().unwrap() {
                assert!(seen.contains(other.as_str().unwrap()), "{verb}: {name} comes before {other}");
            }
            assert!(seen.insert(name), "{verb}: {name} is there twice");
        }
        assert!(!seen.is_empty());
        // The same steps and arrows in each drawing.
        let arrows = listed["steps"].as_array().unwrap().iter().map(|step| step["dependsOn"].as_array().unwrap().len());
        let arrows: usize = arrows.sum();
        for (form, arrow) in [("dot", " -> "), ("mermaid", " --> ")] {
            let drawn = aspire([verb, &format!("--list-steps={form}")]).run().ok();
            assert_eq!(drawn.matches(arrow).count(), arrows, "{drawn}");
            assert!(seen.iter().all(|name| drawn.contains(&format!("\"{name}\""))), "{drawn}");
        }
    }
}

/// The picture in the docs is what the program draws.
#[test]
fn the_picture_of_a_deploy() {
    let drawn = aspire(["deploy", "--list-steps=svg"]).run().ok();
    let shown = include_str!("../../docs/deploy-steps.svg");
    assert!(
        drawn == shown,
        "docs/deploy-steps.svg is old: kubectl aspire deploy --list-steps=svg > docs/deploy-steps.svg"
    );
}

/// The charts of an intent are steps, known without a cluster and without a chart.
#[test]
fn charts_are_steps() {
    let folder = tempfile::tempdir().unwrap();
    let config = "charts:\n  late: {chart: ./late, phase: after, needs: [b]}\n  a: {chart: repo/a, version: ^1.2, needs: [b]}\n  b: {chart: 'oci://h/b', version: 2.0.0, namespace: web}\nenvironments: {prod: {charts: {b: {version: 2.1.0}}}}\n";
    std::fs::write(folder.path().join("aspire-k8s.yaml"), config).unwrap();
    let lock = "apiVersion: aspire-k8s-lock/v1\ncharts:\n- name: a\n  chart: repo/a\n  requested: ^1.2\n  version: 1.4.0\n  digest: sha256:0000000000000000000000000000000000000000000000000000000000000000\n";
    std::fs::write(folder.path().join("aspire-k8s.lock.yaml"), lock).unwrap();
    let mut text = String::new();
    for arguments in [&["deploy"][..], &["deploy", "-e", "prod"], &["plan"]] {
        let ran = aspire(arguments).args([folder.path().as_os_str()]).args(["--list-steps"]).run().ok();
        text.extend(["== ", &arguments.join(" "), "\n", &ran, "\n"]);
    }
    insta::assert_snapshot!(text);
}

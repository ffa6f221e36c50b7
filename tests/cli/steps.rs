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

//! The commands that the docs give to a person for whom nothing else works.

use crate::stage::{agreed, configure, hold, journal, promote, released, runs_as};
use crate::watch::{self, End};
use serde_json::json;

const PAGE: &str = include_str!("../../docs/promotion.md");

/// The commands below the heading, in their order.
fn commands() -> Vec<Vec<&'static str>> {
    let section = PAGE.split("### Manual recovery").nth(1).unwrap().split("\n## ").next().unwrap();
    let blocks = section.split("```\n").skip(1).step_by(2);
    blocks.flat_map(str::lines).map(|line| line.split(' ').collect()).collect()
}

// Rule: they leave the database as it was, with its claim, and the next deploy and the next workload migration work.
#[test]
fn a_person_can_go_back_by_hand() {
    let Some(bench) = released("byhand", "Deployment") else { return };
    let claim = bench.get("pvc/db-data");
    let volume = claim["spec"]["volumeName"].as_str().unwrap();
    hold(&bench, &json!(["testbed.dev/hold"]));
    configure(&bench, "StatefulSet", "");
    agreed(&bench, &["--timeout", "12s"]).exits(6);
    assert_eq!(journal(&bench)["phase"], "drain");
    hold(&bench, &json!([]));
    let commands = commands();
    assert_eq!(commands.len(), 9);
    for command in commands {
        let fill = |word: &str| match word {
            "NAMESPACE" => bench.ns.clone(),
            "RELEASE" => "app".to_owned(),
            "REVISION" => "1".to_owned(),
            "VOLUME" => volume.to_owned(),
            word => word.replace("WORKLOAD", "db").replace("CLAIM", "db-data").replace("RELEASE", "app"),
        };
        let words: Vec<String> = command[1..].iter().map(|word| fill(word)).collect();
        let arguments: Vec<&str> = words.iter().map(String::as_str).collect();
        if command[0] == "helm" {
            bench.program(&bench.plane.helm("4.2.4"), &arguments).ok();
        } else {
            let said = bench.plane.kubectl(&arguments);
            // What is not there cannot be scaled.
            assert!(said.is_ok() || arguments.contains(&"statefulset/db"), "{arguments:?}: {said:?}");
        }
    }
    runs_as(&bench, "Deployment");
    assert_eq!(bench.get("pvc/db-data")["metadata"]["uid"], claim["metadata"]["uid"]);
    promote(&bench, &["--status"]).exits(3).says(&["no workload migration is in progress"]);
    configure(&bench, "Deployment", "    podAnnotations: {testbed.dev/terminate-delay: 1s}\n");
    bench.deploy(&[]).ok();
    configure(&bench, "StatefulSet", "");
    agreed(&bench, &[]).ok();
    watch::holds(&bench, End::Committed);
}

//! Data that a workload would start without: shown, asked for by a word, and kept where it can be kept.

use crate::bench::Bench;
use crate::stage::{configure_with, hash_in, wait_until_ready};
use crate::watch::{self, End};
use serde_json::{Value, json};

/// A manifest whose database has these volumes.
fn with_volumes(bench: &Bench, volumes: &Value) {
    let mut manifest: Value = serde_json::from_str(crate::bench::MANIFEST).unwrap();
    manifest["resources"]["db"]["volumes"] = volumes.clone();
    bench.write("app/aspire-manifest.json", &manifest.to_string());
}

/// A deploy that is refused until the word is given: what it said has all of these, in a plan too.
fn needs(bench: &Bench, word: &str, says: &[&str]) {
    let refused = bench.unchanged(|| {
        let planned = bench.run(&["plan", "app", "-n", &bench.ns]).exits(2);
        for part in says {
            assert!(planned.out.contains(part), "it does not say `{part}`: {planned}");
        }
        bench.deploy(&["--non-interactive"]).exits(3).says(says).says(&[&format!("--accept {word}")])
    });
    let hash = hash_in(&refused);
    bench.unchanged(|| bench.deploy(&["--confirm", &hash]).exits(3).says(&["confirmation is required"]));
    bench.deploy(&["--confirm", &hash, "--accept", word]).ok();
    // The same again asks nothing.
    bench.deploy(&["--non-interactive"]).ok();
}

// Rule: a folder of the container's own file system that becomes a claim is a loss (`data::compare`).
#[test]
fn a_folder_of_the_container_that_becomes_a_claim_is_lost_only_when_that_was_agreed_to() {
    let Some(bench) = crate::bench::bench("bare") else { return };
    with_volumes(&bench, &json!([]));
    bench.deploy(&[]).ok();
    wait_until_ready(&bench, "Deployment");
    bench.write("app/aspire-manifest.json", crate::bench::MANIFEST);
    needs(
        &bench,
        "downtime,emptydir-loss",
        &["/data: the container's own file system -> claim db-data: LOST with the pod"],
    );
    watch::holds(&bench, End::Committed);
}

// Rule: a StatefulSet that stays one can lose its claim too (`detect::losses`).
#[test]
fn whatever_takes_a_claim_from_a_workload_needs_a_word() {
    let Some(bench) = crate::bench::bench("lost") else { return };
    bench.deploy(&[]).ok();
    wait_until_ready(&bench, "StatefulSet");
    bench.apply(&json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "mine"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}}));
    let kept = "KEPT, but not mounted any more";
    configure_with(&bench, "StatefulSet", "{existingClaim: mine}", "");
    needs(&bench, "abandon-data", &["DATA db:", &format!("/data: claim db-data -> claim mine: {kept}")]);
    configure_with(&bench, "StatefulSet", "{mountPath: /elsewhere}", "");
    needs(&bench, "emptydir-loss,abandon-data", &[&format!("/data: claim mine -> nothing: {kept}")]);
    configure_with(&bench, "StatefulSet", "{mountPath: /elsewhere, ephemeral: true}", "");
    needs(&bench, "abandon-data", &[&format!("/elsewhere: claim db-data -> the pod itself: {kept}")]);
    assert!(bench.find("pvc/db-data").is_some());
}

// Rule: a workload that leaves leaves its data (`detect::losses`).
#[test]
fn a_workload_with_a_claim_leaves_the_chart_only_when_that_was_agreed_to() {
    let Some(bench) = crate::bench::bench("left") else { return };
    bench.deploy(&[]).ok();
    wait_until_ready(&bench, "StatefulSet");
    let mut manifest: Value = serde_json::from_str(crate::bench::MANIFEST).unwrap();
    let resources = manifest["resources"].as_object_mut().unwrap();
    resources.retain(|name, _| !name.starts_with("db"));
    let env = resources["api"]["env"].as_object_mut().unwrap();
    env.retain(|_, value| !value.as_str().unwrap().contains("{db"));
    bench.write("app/aspire-manifest.json", &manifest.to_string());
    needs(&bench, "abandon-data", &["/data: claim db-data -> nothing: KEPT, but not mounted any more"]);
    assert!(bench.find("pvc/db-data").is_some());
}

// Rule: what `destroy` kept is not forgotten for a volume that has nothing in common with it (`losses::forgotten`).
#[test]
fn a_workload_that_comes_again_starts_empty_only_when_that_was_agreed_to() {
    let Some(bench) = crate::bench::bench("again") else { return };
    bench.deploy(&[]).ok();
    bench.destroy(&[]).ok();
    with_volumes(&bench, &json!([{"name": "files", "target": "/srv", "readOnly": false}]));
    needs(
        &bench,
        "abandon-data",
        &["DATA db:", "/srv: claim db-data -> claim db-files: KEPT, but not mounted any more"],
    );
    assert!(bench.find("pvc/db-data").is_some() && bench.find("pvc/db-files").is_some());
    // The new claim is found by its labels, so nothing is asked the next time.
    bench.destroy(&[]).ok();
    bench.deploy(&["--non-interactive"]).ok();
}

// Rule: going back asks the same (`Return::confirm`), and a deploy that failed goes back with what it was told.
#[test]
fn going_back_to_another_claim_is_asked_for_too() {
    let Some(bench) = crate::bench::bench("back") else { return };
    bench.deploy(&[]).ok();
    configure_with(&bench, "StatefulSet", "{mountPath: /elsewhere}", "");
    needs(&bench, "abandon-data", &["/data: claim db-data -> nothing: KEPT, but mounted at /elsewhere from now on"]);
    let refused = bench.unchanged(|| {
        let rollback = ["rollback", "app", "-n", &bench.ns, "--non-interactive", "1"];
        bench.run(&rollback).exits(3).says(&["/elsewhere: claim db-data -> nothing"])
    });
    let hash = hash_in(&refused);
    bench.run(&["rollback", "app", "-n", &bench.ns, "1", "--confirm", &hash, "--accept", "abandon-data"]).ok();
}

// Rule: a server does not start on data that it may not read (`servers::judge`), on the way back neither.
#[test]
fn a_database_of_another_version_comes_only_when_that_was_agreed_to() {
    let Some(bench) = crate::bench::bench("version") else { return };
    let image = |tag: &str, path: &str| {
        let mut manifest: Value = serde_json::from_str(crate::bench::MANIFEST).unwrap();
        let db = &mut manifest["resources"]["db"];
        db["image"] = json!(format!("docker.io/library/postgres{tag}"));
        db["volumes"][0]["target"] = json!(path);
        bench.write("app/aspire-manifest.json", &manifest.to_string());
    };
    let (before, after) = ("/var/lib/postgresql/data", "/var/lib/postgresql");
    image(":17.5", before);
    bench.deploy(&[]).ok();
    image(":17.6", before);
    let ran = bench.deploy(&["--non-interactive"]).ok();
    assert!(!ran.err.contains("IMAGE"), "{ran}");
    image(":latest", before);
    bench.deploy(&["--non-interactive"]).ok().says(&["IMAGE db:", "the tag contains no version of PostgreSQL"]);
    image(":17.6", before);
    bench.deploy(&["--non-interactive"]).ok();
    wait_until_ready(&bench, "StatefulSet");
    image(":18.3", after);
    bench.deploy(&["--non-interactive"]).exits(3).says(&[
        "error[data-at-risk]: database-version: `db` would run PostgreSQL 18 on data of PostgreSQL 17: it does not start",
        "pg_upgrade",
        "or keep the current version: `resources.db.image: docker.io/library/postgres:17.6`",
    ]);
    needs(
        &bench,
        "abandon-data,database-version",
        &[
            "IMAGE db: docker.io/library/postgres:17.6 -> docker.io/library/postgres:18.3",
            "database-version: PostgreSQL 18",
        ],
    );
    wait_until_ready(&bench, "StatefulSet");
    bench.unchanged(|| {
        let rollback = ["rollback", "app", "-n", &bench.ns, "--non-interactive", "4"];
        bench
            .run(&rollback)
            .exits(3)
            .says(&["PostgreSQL 17 on data of PostgreSQL 18: it does not read data of a newer"]);
    });
}

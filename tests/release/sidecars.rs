//! A database that becomes a sidecar, and a workload of its own again, on a release with data.

use crate::bench::{Bench, CONFIG, bench, wait_for};
use serde_json::json;

/// The uid of the claim of the database, which must stay the same.
fn claim(bench: &Bench) -> String {
    bench.get("pvc/db-data")["metadata"]["uid"].as_str().unwrap().to_owned()
}

fn kubectl(bench: &Bench, arguments: &[&str]) {
    bench.plane.kubectl(&[&["-n", &bench.ns], arguments].concat()).unwrap();
}

/// Waits until no pod of a component is there.
fn gone(bench: &Bench, component: &str) {
    wait_for("the end of the pods", || {
        let pods = bench.list("pods");
        let label = "app.kubernetes.io/component";
        let left = pods.iter().any(|pod| pod["metadata"]["labels"][label] == component);
        (!left).then_some(())
    });
}

#[test]
fn a_claim_goes_to_another_pod_only_when_nobody_writes_to_it() {
    let Some(bench) = bench("sidecar") else { return };
    bench.deploy(&[]).ok();
    let uid = claim(&bench);
    bench.configure(&format!("{CONFIG}resources: {{db: {{sidecarOf: api}}}}\n"));
    bench.unchanged(|| {
        bench.deploy(&["--non-interactive"]).end().says(&[
            "the PVC db-data goes from StatefulSet/db to StatefulSet/api",
            "`kubectl delete StatefulSet/db`, which keeps its PVC",
        ])
    });
    kubectl(&bench, &["delete", "statefulset/db"]);
    gone(&bench, "db");
    bench.deploy_accepting("downtime").ok();
    let pod = &bench.get("statefulset/api")["spec"]["template"]["spec"];
    assert_eq!(pod["initContainers"][0]["name"], "db");
    assert_eq!(pod["volumes"][0]["persistentVolumeClaim"]["claimName"], "db-data");
    assert!(bench.find("service/db").is_none() && bench.find("statefulset/db").is_none());
    assert_eq!(claim(&bench), uid);
    // What the API server adds to the containers is no change, and `--only` knows whose pod it is.
    bench.run(&["plan", "app", "-n", &bench.ns]).exits(0);
    bench.deploy(&["--only", "db", "--non-interactive"]).ok();
    let status = bench.run(&["status", "app", "-n", &bench.ns]).end();
    assert!(status.out.contains("registry.invalid/db:1"), "{status}");
    // And back.
    bench.configure(CONFIG);
    bench.unchanged(|| {
        bench.deploy(&["--non-interactive"]).end().says(&[
            "the PVC db-data goes from StatefulSet/api to StatefulSet/db",
            "`kubectl scale StatefulSet/api --replicas=0`",
        ])
    });
    kubectl(&bench, &["scale", "statefulset/api", "--replicas=0"]);
    gone(&bench, "api");
    bench.deploy_accepting("downtime").ok();
    let pod = &bench.get("statefulset/db")["spec"]["template"]["spec"];
    assert_eq!(pod["volumes"][0]["persistentVolumeClaim"], json!({"claimName": "db-data"}));
    assert_eq!(claim(&bench), uid);
}

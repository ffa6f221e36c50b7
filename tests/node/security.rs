//! Pod Security.

use crate::bench::{PROBE, bench};

const MANIFEST: &str = include_str!("../inputs/node/roll.json");

#[test]
fn built_images_start_in_a_restricted_namespace() {
    let Some(bench) = bench("secure") else { return };
    bench.kubectl(&["label", "namespace", &bench.ns, "pod-security.kubernetes.io/enforce=restricted"]);
    bench.write("app/aspire-manifest.json", MANIFEST);
    bench.write("app/aspire-k8s.yaml", "apiVersion: aspire-k8s/v1\ndefaults: {security: restricted}\n");
    let images = ["--image", &format!("web={PROBE}"), "--image", &format!("other={PROBE}")];
    bench.deploy(&images).ok();
    for workload in ["web", "other"] {
        bench.pods(workload);
        assert_eq!(bench.seen(&format!("deployment/{workload}"), &[]).uid, 1654);
    }
    // The namespace really is restricted.
    let refused = bench.try_kubectl(&["run", "root", &format!("--image={PROBE}")]).unwrap_err().to_string();
    assert!(refused.contains("violates PodSecurity"), "{refused}");
}

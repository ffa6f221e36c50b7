//! `demo` says what it will do, installs its example, and removes all of it.

use crate::bench::bench;

#[test]
fn the_example_comes_and_goes() {
    let Some(bench) = bench("demo") else { return };
    let run = |words: &[&str]| bench.run(&[&["demo", "--release-namespace", &bench.ns], words].concat());
    run(&[]).exits(3).says(&[
        "This installs release aspire-demo in namespace",
        "  cache    docker.io/library/redis:",
        "nothing was done",
    ]);
    assert!(bench.list("deployments").is_empty());

    run(&["--yes"]).ok().says(&["generated values for cache-password", "deployed release aspire-demo"]);
    assert_eq!(bench.get("deployment/web")["status"]["readyReplicas"], 1);
    assert_eq!(bench.list("persistentvolumeclaims").len(), 1);

    run(&["--remove", "--yes"]).ok().says(&["destroyed release aspire-demo"]);
    assert_eq!(bench.list("deployments,statefulsets,services,persistentvolumeclaims,secrets").len(), 0);
}

//! Pods that do not become ready: deploy says so in time, and a corrected deploy mends it.

use crate::bench::{PROBE, Text, bench};
use std::time::{Duration, Instant};

const MANIFEST: &str = r#"{
  "resources": {
    "web": {
      "type": "project.v0",
      "path": "Web/Web.csproj",
      "args": ["serve"],
      "env": { "TOKEN": "{token.value}" },
      "bindings": { "http": { "scheme": "http", "protocol": "tcp", "transport": "http" } }
    },
    "token": {
      "type": "parameter.v0",
      "value": "{token.inputs.value}",
      "inputs": { "value": { "type": "string", "secret": true } }
    }
  }
}"#;

#[test]
fn a_missing_key_fails_in_time_and_can_be_mended() {
    let Some(bench) = bench("key") else { return };
    bench
        .apply("{apiVersion: v1, kind: Secret, metadata: {name: theirs, namespace: @NS@}, stringData: {right: value}}");
    bench.write("app/aspire-manifest.json", MANIFEST);
    let from = |from: &str| {
        let from = format!("parameters: {{token: {{from: {{{from}}}}}}}");
        bench.write("app/aspire-k8s.yaml", format!("apiVersion: aspire-k8s/v1\n{from}\n"));
    };
    let image = format!("web={PROBE}");
    // What should be there is missed before anything is written, what is made later only by the pod.
    from("existing: {name: theirs, key: wrong}");
    let said = bench.deploy(&["--image", &image]).exits(3);
    assert!(said.contains("has no key wrong"), "{said}");
    from("deferred: {secret: theirs, key: wrong, producedBy: somebody}");
    let start = Instant::now();
    let said = bench.deploy(&["--image", &image, "--timeout", "15s"]).exits(1);
    assert!(start.elapsed() < Duration::from_secs(45), "{:?}", start.elapsed());
    assert!(said.contains("web") && said.contains("couldn't find key wrong in Secret"), "{said}");
    from("existing: {name: theirs, key: right}");
    bench.deploy(&["--image", &image]).ok();
    assert_eq!(bench.seen("deployment/web", &[]).env["TOKEN"], Text::from("value"));
}

#[test]
fn a_crash_fails_in_time_leaves_the_old_pod_and_can_be_mended() {
    let Some(bench) = bench("crash") else { return };
    let deploy = |command: &str, token: &str, timeout: &str| {
        bench.write("app/aspire-manifest.json", MANIFEST.replace("\"serve\"", command));
        let token = format!("token={token}");
        bench.deploy(&["--image", &format!("web={PROBE}"), "--parameter", &token, "--timeout", timeout])
    };
    deploy("\"serve\"", "first", "2m").ok();
    let pods = bench.pods("web");
    let said = deploy("\"no-such-command\"", "second", "15s").exits(1);
    assert!(said.contains("web") && said.contains("not ready"), "{said}");
    // The old pod goes on with what it had; the Secret is back, so that it would start again.
    let seen = bench.seen(&format!("pod/{}", pods.keys().next().unwrap()), &[]);
    assert_eq!(seen.env["TOKEN"], Text::from("first"));
    assert_eq!(bench.secret("app", "token"), "first");
    deploy("\"serve\"", "three", "2m").ok();
    assert_eq!(bench.seen("deployment/web", &[]).env["TOKEN"], Text::from("three"));
    assert!(bench.pods("web").keys().all(|pod| !pods.contains_key(pod)));
}

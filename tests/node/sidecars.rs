//! What a real kubelet makes of a sidecar: it is there before its host, which reaches it on the pod itself.

use crate::bench::{PROBE, bench, wait_for};
use serde_json::{Value, json};

const BUSYBOX: &str = "docker.io/library/busybox:testbed";

/// `cache` takes a moment until it listens, and `api` connects once, when it starts. `web` uses `cache` if that is said.
fn manifest(web_uses_cache: bool) -> String {
    let sleeps = "trap 'exit 0' TERM; while true; do sleep 1; done";
    let once = format!("nc -w 2 \"$HOST\" \"$PORT\" -e true && cp /shared/made /tmp/reached; {sleeps}");
    let shell = |script: &str, env: Value| json!({"type": "container.v0", "image": BUSYBOX, "entrypoint": "/bin/sh", "args": ["-c", script], "env": env});
    let binding = json!({"scheme": "http", "protocol": "tcp", "transport": "http", "port": 80, "targetPort": 9000});
    let cache = json!({"type": "container.v0", "image": PROBE, "args": ["serve"], "env": {"PORT": "9000"}, "bindings": {"http": binding}});
    let address = json!({"HOST": "{cache.bindings.http.host}", "PORT": "{cache.bindings.http.port}"});
    let web = if web_uses_cache { address.clone() } else { json!({}) };
    json!({"resources": {"cache": cache, "api": shell(&once, address), "web": shell(sleeps, web)}}).to_string()
}

const CONFIG: &str = "
application: app
waits: {image: 'docker.io/library/busybox:testbed'}
resources:
  cache:
    sidecarOf: api
    volumes: {shared: {of: api, mountPath: /shared}}
    initContainers:
      - name: make
        image: docker.io/library/busybox:testbed
        command: [sh, -c, 'sleep 2; echo $WORD >/shared/made']
        env: {WORD: 'made-before'}
        volumes: [shared]
  api: {volumes: {shared: {ephemeral: true, mountPath: /shared}}}
";

#[test]
fn a_host_reaches_its_sidecar_on_the_pod_itself() {
    let Some(bench) = bench("sidecar") else { return };
    bench.write("app/aspire-manifest.json", manifest(false));
    bench.write("app/aspire-k8s.yaml", CONFIG);
    bench.deploy(&["--timeout", "110s"]).ok();
    let in_api = |command: &[&str]| bench.kubectl(&[&["exec", "deployment/api", "-c", "api", "--"], command].concat());
    // It connected with its only try, and found what the init container had written.
    assert_eq!(
        wait_for("the file", || Some(in_api(&["cat", "/tmp/reached"])).filter(|text| !text.is_empty())).trim(),
        "made-before"
    );
    assert_eq!(in_api(&["sh", "-c", "echo $HOST $PORT"]).trim(), "localhost 9000");
    assert!(bench.node.find("service/cache", &bench.ns).unwrap().is_none());
    assert!(bench.node.find("deployment/cache", &bench.ns).unwrap().is_none());
    let said = bench.run(&["status", "app", "-n", &bench.ns]).ok();
    assert!(said.contains(PROBE), "{said}");
    // Somebody else uses it: its Service leads to the pods of its host.
    bench.write("app/aspire-manifest.json", manifest(true));
    bench.deploy(&["--timeout", "110s"]).ok();
    let connect = "nc -w 2 \"$HOST\" \"$PORT\" -e true && echo \"$HOST $PORT\"";
    let reached =
        wait_for("the Service", || bench.try_kubectl(&["exec", "deployment/web", "--", "sh", "-c", connect]).ok());
    assert_eq!(reached.trim(), "cache 80");
    // Nothing changes any more.
    bench.run(&["plan", "app", "-n", &bench.ns]).ok();
}

//! What a real kubelet makes of the probes that known servers get.

use crate::bench::{Bench, bench, wait_for};
use serde_json::Value;

/// Redis as Aspire writes it, with a password in a variable.
const MANIFEST: &str = r#"{
  "resources": {
    "cache": {
      "type": "container.v0",
      "image": "docker.io/library/redis:7-testbed",
      "entrypoint": "/bin/sh",
      "args": ["-c", "exec redis-server --requirepass $REDIS_PASSWORD --protected-mode no"],
      "env": { "REDIS_PASSWORD": "{password.value}" },
      "bindings": { "tcp": { "scheme": "tcp", "protocol": "tcp", "transport": "tcp", "targetPort": 6379 } }
    },
    "password": {
      "type": "parameter.v0",
      "value": "{password.inputs.value}",
      "inputs": { "value": { "type": "string", "secret": true } }
    }
  }
}"#;

const CACHE: &str = "deployment/cache";

impl Bench {
    fn redis(&self, password: &str, command: &str) -> String {
        self.exec(CACHE, &["sh", "-c", &format!("REDISCLI_AUTH={password} redis-cli {command}")]).trim().to_owned()
    }

    /// Waits until the only endpoint of the Service is ready, or is not.
    fn serves(&self, ready: bool) {
        wait_for("the state of the endpoint", || {
            let slices = self.node.list("endpointslices.discovery.k8s.io", &self.ns).unwrap();
            let all: Vec<&Value> = slices.iter().filter_map(|slice| slice["endpoints"].as_array()).flatten().collect();
            (all.len() == 1 && all[0]["conditions"]["ready"] == ready).then_some(())
        });
    }
}

#[test]
fn a_server_that_cannot_be_used_is_not_ready_though_its_port_is_open() {
    let Some(bench) = bench("probes") else { return };
    bench.write("app/aspire-manifest.json", MANIFEST);
    bench.write("app/aspire-k8s.yaml", "application: app\n");
    bench.deploy(&["--parameter", "password=right"]).ok();
    let pods = bench.pods("cache");
    bench.serves(true);
    // The password is nowhere but in the Secret.
    assert!(!bench.get(CACHE).to_string().contains("right"));
    assert_eq!(bench.redis("right", "config set requirepass other"), "OK");
    bench.serves(false);
    assert_eq!(bench.redis("other", "ping"), "PONG");
    assert_eq!(bench.redis("other", "config set requirepass right"), "OK");
    bench.serves(true);
    // Nothing restarted: readiness is all that there is by default.
    assert_eq!(bench.pods("cache"), pods);
    // The probe itself, in the states that the kubelet cannot be brought into.
    let probe = &bench.get(CACHE)["spec"]["template"]["spec"]["containers"][0]["readinessProbe"]["exec"]["command"];
    let row = probe[2].as_str().unwrap();
    let asked = |environment: &[&str]| {
        let command = [&["exec", CACHE, "--", "env"], environment, &["sh", "-c", row]].concat();
        bench.try_kubectl(&command).is_ok()
    };
    assert!(asked(&[]) && asked(&["-u", "REDIS_PASSWORD"]));
    assert!(!asked(&["REDIS_PASSWORD=wrong"]));
    let closed = row.replace("6379", "6378");
    assert!(bench.try_kubectl(&["exec", CACHE, "--", "sh", "-c", &closed]).is_err());
}

//! What a network plugin makes of `networkPolicy`: real connections between real pods.

use crate::bench::{Bench, PROBE, bench, wait_for};
use serde_json::{Value, json};

/// `api` refers to `db`; `other` refers to nothing. All of them listen.
fn manifest() -> String {
    let server = |env: Value| {
        json!({"type": "container.v0", "image": PROBE, "args": ["serve"], "env": env, "bindings": {"http":
            {"scheme": "http", "protocol": "tcp", "transport": "http", "targetPort": 8080}}})
    };
    let port = json!({"PORT": "8080"});
    json!({"resources": {
        "db": server(port.clone()),
        "api": server(json!({"PORT": "8080", "DB": "{db.bindings.http.url}"})),
        "other": server(port),
    }})
    .to_string()
}

impl Bench {
    /// Whether a pod of a workload can connect to another one through its Service.
    fn connects(&self, from: &str, to: &str) -> bool {
        let target = format!("{to}:8080");
        let pod = format!("deployment/{from}");
        self.try_kubectl(&["exec", &pod, "--", "/probe", "tcp", &target]).is_ok()
    }

    /// Waits until connections are as expected: rules follow the policies within a second.
    fn expect(&self, from: &str, to: &str, connects: bool) {
        wait_for(&format!("{from} -> {to}: {connects}"), || (self.connects(from, to) == connects).then_some(()));
    }
}

#[test]
fn pods_reach_what_they_refer_to_and_nothing_else() {
    let Some(bench) = bench("network") else { return };
    bench.write("app/aspire-manifest.json", manifest());
    bench.write("app/aspire-k8s.yaml", "application: app\n");
    bench.deploy(&[]).ok();
    // Without policies everything connects, so that a refusal later on comes from them.
    for (from, to) in [("api", "db"), ("other", "db"), ("db", "api"), ("db", "other")] {
        bench.expect(from, to, true);
    }
    bench.write("app/aspire-k8s.yaml", "application: app\nnetworkPolicy: fromReferences\n");
    bench.deploy(&[]).ok();
    bench.expect("other", "db", false);
    bench.expect("db", "api", false);
    bench.expect("db", "other", false);
    bench.expect("api", "db", true);
    // The kubelet still asks the probes.
    bench.kubectl(&["wait", "--for=condition=Available", "deployment", "--all", "--timeout=60s"]);
    // A route leads to it: every address may connect.
    let routed =
        "ingresses: {public: {class: traefik, hosts: [a.test], paths: [{path: /, to: api, internal: true}]}}\n";
    bench.write(
        "app/aspire-k8s.yaml",
        format!("application: app\nnetworkPolicy: {{egress: true}}\n{routed}").as_bytes(),
    );
    bench.deploy(&[]).ok();
    bench.expect("api", "db", true);
    // Nothing may leave `other` but questions to DNS servers, so that even what accepts everybody is out of reach.
    bench.expect("other", "api", false);
    bench.write("app/aspire-k8s.yaml", format!("application: app\nnetworkPolicy: {{}}\n{routed}").as_bytes());
    bench.deploy(&[]).ok();
    bench.expect("other", "api", true);
    bench.expect("other", "db", false);
    // Off again.
    bench.write("app/aspire-k8s.yaml", "application: app\nnetworkPolicy: none\n");
    bench.deploy(&[]).ok();
    bench.expect("other", "db", true);
}

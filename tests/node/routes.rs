//! Requests from outside, led by Traefik to the process of a real pod.

use crate::bench::{PROBE, bench, wait_for};
use testbed::{Channel, Traefik};

const MANIFEST: &str = r#"{
  "resources": {
    "web": {
      "type": "project.v0",
      "path": "Web/Web.csproj",
      "args": ["serve"],
      "bindings": { "http": { "scheme": "http", "protocol": "tcp", "transport": "http", "external": true } }
    }
  }
}"#;

const CONFIG: &str = "
apiVersion: aspire-k8s/v1
application: app
ingresses:
  public: {class: traefik, hosts: [ingress.HOST], paths: [{path: /, to: web}], closedPaths: [/health]}
gateways:
  door:
    class: traefik
    hosts: [gate.HOST]
    listeners: {raw: {port: 6000, protocol: TCP}}
    routes: [{path: /, to: web}, {kind: tcp, to: web, listener: raw}]
    closedPaths: [/health]
";

#[test]
fn an_ingress_and_a_gateway_lead_to_a_real_pod() {
    let Some(bench) = bench("served") else { return };
    bench.node.gateway_api(Channel::Experimental).unwrap();
    let traefik = Traefik::start(bench.node, &[6000]).unwrap();
    let domain = format!("{}.test", bench.ns);
    bench.write("app/aspire-manifest.json", MANIFEST);
    bench.write("app/aspire-k8s.yaml", CONFIG.replace("HOST", &domain));
    bench.deploy(&["--image", &format!("web={PROBE}")]).ok();
    for (host, closed) in [("ingress", 403), ("gate", 500)] {
        let host = format!("{host}.{domain}");
        let body = wait_for(&host, || traefik.get(&host, "/").ok().filter(|reply| reply.status == 200)).body;
        assert!(body.contains("\"args\""), "no answer of the probe: {body}");
        wait_for("the closed path", || traefik.get(&host, "/health/x").ok().filter(|reply| reply.status == closed));
        // The process itself is asked: what it makes of the path is its own.
        let open = traefik.get(&host, "/healthz").unwrap();
        assert_ne!(open.status, closed, "{}", open.body);
    }
    assert_eq!(traefik.get(&format!("nobody.{domain}"), "/").unwrap().status, 404);
    let accepted = "jsonpath={.status.parents[*].conditions[?(@.type=='Accepted')].status}";
    for route in bench.kubectl(&["get", "httproutes,tcproutes", "-o", "name"]).lines() {
        assert_eq!(bench.kubectl(&["get", route, "-o", accepted]), "True", "{route}");
    }
    bench.run(&["destroy", "app", "-n", &bench.ns, "--yes"]).ok();
    let gone = format!("ingress.{domain}");
    wait_for("the end of the route", || traefik.get(&gone, "/").ok().filter(|reply| reply.status == 404));
}

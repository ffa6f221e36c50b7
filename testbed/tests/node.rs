//! Level B: real containers run, what reaches them is what was asked for, and volumes keep what was written.
#![cfg(target_os = "linux")]

use base64::Engine as _;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};
use testbed::{CertManager, Channel, Level, Node, Traefik, available, skip_or_fail};

fn node() -> Option<&'static Node> {
    match available(Level::B) {
        Ok(()) => Some(Node::shared()),
        Err(reason) => {
            skip_or_fail(&reason);
            None
        }
    }
}

/// Asks a node port until it answers.
fn get(node: &Node, port: u16, path: &str) -> String {
    let start = Instant::now();
    loop {
        let answer = TcpStream::connect((node.address(), port)).and_then(|mut stream| {
            stream.write_all(format!("GET {path} HTTP/1.0\r\nHost: probe\r\n\r\n").as_bytes())?;
            let mut text = String::new();
            stream.read_to_string(&mut text)?;
            Ok(text)
        });
        match answer {
            Ok(text) if text.starts_with("HTTP/1.0 200") => {
                return text.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default();
            }
            other => assert!(start.elapsed() < Duration::from_secs(10), "no answer: {other:?}"),
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_real_pod_answers_with_the_bytes_that_reached_it() {
    let Some(node) = node() else { return };
    let ns = node.namespace("probe");
    node.apply(&format!(
        r#"
apiVersion: v1
kind: ConfigMap
metadata: {{name: odd, namespace: {ns}}}
binaryData: {{bytes: AAEC/w==}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: probe, namespace: {ns}}}
spec:
  selector: {{matchLabels: {{app: probe}}}}
  template:
    metadata: {{labels: {{app: probe}}}}
    spec:
      containers:
      - name: probe
        image: testbed/probe:1
        args: ["serve", "two words"]
        env:
        - {{name: ODD, value: "a\nb \"c\" $(X) ü"}}
        - {{name: SELF, value: "http://probe:80/"}}
        readinessProbe: {{httpGet: {{path: /alive, port: 8080}}, periodSeconds: 1}}
        volumeMounts: [{{name: odd, mountPath: /odd}}]
      volumes: [{{name: odd, configMap: {{name: odd}}}}]
---
apiVersion: v1
kind: Service
metadata: {{name: probe, namespace: {ns}}}
spec: {{type: NodePort, selector: {{app: probe}}, ports: [{{port: 80, targetPort: 8080}}]}}
"#
    ))
    .unwrap();
    node.kubectl(&["rollout", "status", "deployment/probe", "-n", &ns, "--timeout=60s"]).unwrap();
    let port = node.kubectl(&["get", "svc/probe", "-n", &ns, "-o", "jsonpath={.spec.ports[0].nodePort}"]).unwrap();
    let facts: serde_json::Value =
        serde_json::from_str(&get(node, port.parse().unwrap(), "/?file=/odd/bytes")).unwrap();
    let bytes = |v: &serde_json::Value| base64::engine::general_purpose::STANDARD.decode(v.as_str().unwrap()).unwrap();
    assert_eq!(bytes(&facts["env"]["ODD"]), "a\nb \"c\" $(X) ü".as_bytes());
    assert_eq!(bytes(&facts["args"][2]), b"two words");
    assert_eq!(bytes(&facts["files"]["/odd/bytes"]), [0, 1, 2, 255]);
    // By its name, through the cluster's DNS and a cluster address.
    let checks = node.exec(&ns, "deployment/probe", &["/probe", "check"]).unwrap();
    assert!(checks.contains(r#""name":"SELF","address":"probe:80","ok":true,"status":200"#), "{checks}");
}

#[test]
fn traefik_leads_requests_to_a_real_pod() {
    let Some(node) = node() else { return };
    node.gateway_api(Channel::Experimental).unwrap();
    let traefik = Traefik::start(node, &[6000]).unwrap();
    let _cert_manager = CertManager::start(node).unwrap();
    let ns = node.namespace("routes");
    let yaml = r#"
apiVersion: v1
kind: Pod
metadata: {name: probe, namespace: NS, labels: {app: probe}}
spec: {containers: [{name: probe, image: "testbed/probe:1", args: [serve]}]}
---
apiVersion: v1
kind: Service
metadata: {name: probe, namespace: NS}
spec: {selector: {app: probe}, ports: [{port: 80, targetPort: 8080}]}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: probe, namespace: NS, annotations: {cert-manager.io/issuer: ca}}
spec:
  ingressClassName: traefik
  tls: [{hosts: [ingress.example], secretName: probe-tls}]
  rules: [{host: ingress.example, http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: probe, port: {number: 80}}}}]}}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: door, namespace: NS}
spec:
  gatewayClassName: traefik
  listeners:
  - {name: http, port: 80, protocol: HTTP}
  - {name: tcp, port: 6000, protocol: TCP}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: probe, namespace: NS}
spec:
  parentRefs: [{name: door, sectionName: http}]
  hostnames: [gateway.example]
  rules: [{backendRefs: [{name: probe, port: 80}]}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: TCPRoute
metadata: {name: probe, namespace: NS}
spec:
  parentRefs: [{name: door, sectionName: tcp}]
  rules: [{backendRefs: [{name: probe, port: 80}]}]
---
apiVersion: cert-manager.io/v1
kind: Issuer
metadata: {name: self-signed, namespace: NS}
spec: {selfSigned: {}}
---
apiVersion: cert-manager.io/v1
kind: Certificate
metadata: {name: authority, namespace: NS}
spec: {isCA: true, commonName: authority, secretName: authority, issuerRef: {name: self-signed}}
---
apiVersion: cert-manager.io/v1
kind: Issuer
metadata: {name: ca, namespace: NS}
spec: {ca: {secretName: authority}}
"#;
    node.apply(&yaml.replace("NS", &ns)).unwrap();
    let start = Instant::now();
    for host in ["ingress.example", "gateway.example"] {
        while !traefik.get(host, "/").is_ok_and(|reply| reply.status == 200 && reply.body.contains("\"args\"")) {
            assert!(start.elapsed() < Duration::from_secs(60), "{host}: {:?}", traefik.get(host, "/"));
            std::thread::sleep(Duration::from_millis(100));
        }
    }
    assert_eq!(traefik.get("other.example", "/").unwrap().status, 404);
    assert!(get(node, 6000, "/").contains("\"args\""), "by TCP");
    let wait = ["wait", "--for=create", "secret/probe-tls", "-n", &ns, "--timeout=60s"];
    node.kubectl(&wait).unwrap();
    let authority = ["get", "secret/authority", "-n", &ns, "-o", "jsonpath={.data.tls\\.crt}"];
    let authority = base64::engine::general_purpose::STANDARD.decode(node.kubectl(&authority).unwrap()).unwrap();
    let authority = String::from_utf8(authority).unwrap();
    while !traefik.get_https("ingress.example", "/", &authority).is_ok_and(|body| body.contains("\"args\"")) {
        assert!(
            start.elapsed() < Duration::from_secs(90),
            "{:?}",
            traefik.get_https("ingress.example", "/", &authority)
        );
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn nothing_outside_can_be_reached() {
    let Some(node) = node() else { return };
    let ns = node.namespace("outside");
    node.kubectl(&["run", "pod", "-n", &ns, "--image=testbed/probe:1"]).unwrap();
    node.kubectl(&["wait", "--for=condition=Ready", "pod/pod", "-n", &ns, "--timeout=60s"]).unwrap();
    // An address for documentation, which no machine has.
    let error = node.exec(&ns, "pod", &["/probe", "tcp", "192.0.2.1:80"]).unwrap_err();
    assert!(error.to_string().contains("unreachable"), "{error}");
}

#[test]
fn postgres_keeps_its_rows_when_its_pod_is_replaced() {
    let Some(node) = node() else { return };
    let ns = node.namespace("pg");
    node.apply(&format!(
        r#"
apiVersion: apps/v1
kind: StatefulSet
metadata: {{name: pg, namespace: {ns}}}
spec:
  serviceName: pg
  selector: {{matchLabels: {{app: pg}}}}
  template:
    metadata: {{labels: {{app: pg}}}}
    spec:
      containers:
      - name: pg
        image: docker.io/library/postgres:15-testbed
        env:
        - {{name: POSTGRES_USER, value: owner}}
        - {{name: POSTGRES_PASSWORD, value: "it's secret"}}
        readinessProbe: {{exec: {{command: [pg_isready, -h, 127.0.0.1]}}, periodSeconds: 1}}
        volumeMounts: [{{name: data, mountPath: /var/lib/postgresql/data}}]
  volumeClaimTemplates:
  - metadata: {{name: data}}
    spec: {{accessModes: [ReadWriteOnce], resources: {{requests: {{storage: 1Gi}}}}}}
"#
    ))
    .unwrap();
    let ready = || node.kubectl(&["rollout", "status", "statefulset/pg", "-n", &ns, "--timeout=90s"]).unwrap();
    let sql = |text: &str| {
        let url = "postgresql://owner:it%27s%20secret@127.0.0.1/owner";
        node.exec(&ns, "pg-0", &["psql", url, "-Atc", text]).unwrap().trim().to_owned()
    };
    ready();
    sql("create table t as select generate_series(1, 1000) as n");
    node.kubectl(&["delete", "pod/pg-0", "-n", &ns, "--grace-period=10"]).unwrap();
    ready();
    assert_eq!(sql("select count(*) from t"), "1000");
}

#[test]
fn redis_asks_for_its_password() {
    let Some(node) = node() else { return };
    let ns = node.namespace("redis");
    node.apply(&format!(
        r#"
apiVersion: v1
kind: Pod
metadata: {{name: redis, namespace: {ns}}}
spec:
  containers:
  - name: redis
    image: docker.io/library/redis:7-testbed
    command: [/bin/sh]
    args: [-c, "redis-server --requirepass $REDIS_PASSWORD"]
    env: [{{name: REDIS_PASSWORD, value: secret}}]
    readinessProbe: {{tcpSocket: {{port: 6379}}, periodSeconds: 1}}
"#
    ))
    .unwrap();
    node.kubectl(&["wait", "--for=condition=Ready", "pod/redis", "-n", &ns, "--timeout=60s"]).unwrap();
    assert!(node.exec(&ns, "redis", &["redis-cli", "ping"]).unwrap().contains("NOAUTH"));
    assert_eq!(node.exec(&ns, "redis", &["redis-cli", "-a", "secret", "ping"]).unwrap().trim(), "PONG");
}

#[test]
fn a_node_of_its_own_leaves_nothing_behind() {
    if let Err(reason) = available(Level::B) {
        return skip_or_fail(&reason);
    }
    let before = machine();
    let start = Instant::now();
    let node = Node::start().unwrap();
    let up = start.elapsed();
    assert!(node.images().unwrap().contains(&"docker.io/library/postgres:15-testbed".to_owned()));
    let dir = node.dir().to_owned();
    let start = Instant::now();
    let link = std::fs::read_to_string(dir.join("link")).unwrap();
    assert!(std::path::Path::new("/sys/class/net").join(&link).exists());
    drop(node);
    assert!(!std::path::Path::new("/sys/class/net").join(&link).exists());
    eprintln!("node up in {:.2} s, down in {:.2} s", up.as_secs_f32(), start.elapsed().as_secs_f32());
    assert!(!dir.exists());
    let name = dir.file_name().unwrap().to_string_lossy().into_owned();
    for line in machine() {
        assert!(before.contains(&line) || !line.contains(&name), "{line}");
    }
}

/// Mounts, control groups and processes of the machine.
fn machine() -> Vec<String> {
    let mut all: Vec<String> = std::fs::read_to_string("/proc/self/mounts")
        .into_iter()
        .flat_map(|m| m.lines().map(str::to_owned).collect::<Vec<_>>())
        .collect();
    for group in std::fs::read_dir("/sys/fs/cgroup").into_iter().flatten().flatten() {
        let inner = std::fs::read_dir(group.path()).into_iter().flatten().flatten();
        all.extend(inner.map(|entry| entry.path().display().to_string()));
    }
    for process in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let line = std::fs::read(process.path().join("cmdline")).unwrap_or_default();
        all.push(String::from_utf8_lossy(&line).into_owned());
    }
    all
}

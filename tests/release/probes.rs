//! Probes on a real API server: admission takes those of every known server, and the number of the defaults stays with the
//! release until a person changes it.

use crate::bench::{Bench, CONFIG, bench, text};
use serde_json::{Value, json};

/// Images of known servers, with a port that their probe needs.
const SERVERS: [(&str, u16); 20] = [
    ("postgres:17", 5432),
    ("mysql:9", 3306),
    ("mariadb:11", 3306),
    ("mcr.microsoft.com/mssql/server:2022-latest", 1433),
    ("mongo:8", 27017),
    ("redis:8", 6379),
    ("valkey/valkey:8", 6379),
    ("rabbitmq:4", 5672),
    ("confluentinc/confluent-local:7.9.0", 9092),
    ("elasticsearch:8.17.3", 9200),
    ("opensearchproject/opensearch:2.19.0", 9200),
    ("quay.io/keycloak/keycloak:26.0", 9000),
    ("nats:2", 8222),
    ("minio/minio:latest", 9000),
    ("datalust/seq:2025.1", 80),
    ("qdrant/qdrant:v1.15.0", 6333),
    ("milvusdb/milvus:v2.5.0", 19530),
    ("getmeili/meilisearch:v1.11", 7700),
    ("clickhouse/clickhouse-server:25.1", 8123),
    ("couchdb:3", 5984),
];

fn container(image: &str, port: u16) -> Value {
    let binding = json!({"scheme": "tcp", "protocol": "tcp", "transport": "tcp", "targetPort": port});
    json!({"type": "container.v0", "image": image, "bindings": {"tcp": binding}})
}

fn manifest(bench: &Bench, resources: &Value) {
    bench.write("app/aspire-manifest.json", &json!({"resources": resources}).to_string());
}

fn container_of(bench: &Bench, workload: &str) -> Value {
    bench.get(&format!("deployment/{workload}"))["spec"]["template"]["spec"]["containers"][0].clone()
}

#[test]
fn admission_takes_the_probes_of_every_known_server() {
    let Some(bench) = bench("probes") else { return };
    let name = |index: usize| format!("s{index}");
    let resources = SERVERS.iter().enumerate().map(|(index, (image, port))| (name(index), container(image, *port)));
    manifest(&bench, &Value::Object(resources.collect()));
    // And those that a person says, with every key.
    let said = "resources:
  s0:
    probes:
      startup: {exec: {command: [pg_isready]}, initialDelaySeconds: 1, terminationGracePeriodSeconds: 5}
      liveness: {grpc: {port: tcp, service: s}, timeoutSeconds: 2, periodSeconds: 3, failureThreshold: 4, successThreshold: 1}
      readiness: {http: {path: /h?a=b, port: 8080, scheme: HTTPS, headers: {X-A: b}}, successThreshold: 2}
  s1: {probes: {liveness: {tcp: {}}}}
  s2: {probes: serviceDefaults}
";
    bench.configure(&format!("{CONFIG}{said}"));
    bench.deploy(&["--no-wait"]).ok();
    for (index, (image, _)) in SERVERS.iter().enumerate().skip(3) {
        let container = container_of(&bench, &name(index));
        for probe in ["startupProbe", "readinessProbe"] {
            assert!(container[probe].is_object(), "{image}: {container}");
        }
        assert!(container["livenessProbe"].is_null(), "{image}: {container}");
    }
    let grpc = &container_of(&bench, "s0")["livenessProbe"]["grpc"];
    assert_eq!(*grpc, json!({"port": 5432, "service": "s"}));
    assert_eq!(container_of(&bench, "s2")["livenessProbe"]["httpGet"]["path"], "/alive");
    // What the API server adds to a probe is no change.
    bench.run(&["plan", "app", "-n", &bench.ns]).ok();
}

#[test]
fn a_live_release_keeps_the_number_of_its_defaults() {
    let Some(bench) = bench("numbers") else { return };
    manifest(&bench, &json!({"cache": container("redis:8", 6379), "web": container("web:1", 8080)}));
    let configure = |line: &str| bench.configure(&format!("{CONFIG}{line}"));
    let plan = |code: i32| bench.run(&["plan", "app", "-n", &bench.ns]).exits(code);
    configure("compatibility: 1\n");
    bench.deploy(&[]).ok();
    let before = bench.running();
    assert!(container_of(&bench, "cache")["readinessProbe"]["tcpSocket"].is_object());
    // Nobody says a number: the release keeps its own, and nothing restarts.
    configure("");
    plan(0);
    bench.deploy(&[]).ok();
    assert_eq!(bench.running(), before);
    // A person says another one: the plan names what restarts, and why.
    configure("compatibility: 2\n");
    let planned = plan(2);
    assert!(planned.err.contains("compatibility 1 -> 2: the defaults of the pods of cache change"), "{planned}");
    let json = bench.run(&["plan", "app", "-n", &bench.ns, "-o", "json"]).exits(2).out;
    let json: Value = serde_json::from_str(&json).unwrap();
    let of = |name: &str| {
        let changes = json["changes"].as_array().unwrap().iter();
        let mut found = changes.filter(|change| change["kind"] == "Deployment" && change["name"] == name);
        found.next().map(|change| change["restarts"].to_string()).unwrap_or_default()
    };
    assert!(of("cache").contains("compatibility 1 -> 2"), "{json:#}");
    assert_eq!(of("web"), "");
    bench.deploy(&[]).ok();
    assert_eq!(container_of(&bench, "cache")["readinessProbe"]["exec"]["command"][0], "sh");
    // It stays when nobody says it any more, and after a rollback the number is the one of that revision.
    configure("");
    plan(0);
    bench.run(&["rollback", "app", "1", "-n", &bench.ns]).ok();
    plan(0);
    assert!(container_of(&bench, "cache")["readinessProbe"]["tcpSocket"].is_object());
}

#[test]
fn a_new_release_takes_the_newest_number() {
    let Some(bench) = bench("newest") else { return };
    manifest(&bench, &json!({"cache": container("redis:8", 6379)}));
    bench.deploy(&[]).ok();
    assert_eq!(container_of(&bench, "cache")["readinessProbe"]["exec"]["command"][0], "sh");
}

/// Who may write Secrets may write helm's record; a number that does not exist is not taken from it.
#[test]
fn a_number_that_does_not_exist_is_told_and_not_taken() {
    let Some(bench) = bench("forged") else { return };
    manifest(&bench, &json!({"cache": container("redis:8", 6379)}));
    bench.deploy(&[]).ok();
    bench.forge_number("99");
    let planned = bench.run(&["plan", "app", "-n", &bench.ns]).exits(0);
    assert!(planned.err.contains("a newer version of kubectl aspire deployed the release"), "{planned}");
    assert!(!planned.err.contains("99"), "{planned}");
}

impl Bench {
    /// Writes another number into the record of the first revision.
    fn forge_number(&self, number: &str) {
        let name = "secret/sh.helm.release.v1.app.v1";
        let stored = text(&self.get(name)["data"]["release"]).to_owned();
        let script = format!(
            "base64 -d | base64 -d | gunzip | sed 's/\"aspire-k8s\\/compatibility\":\"[0-9]*\"/\"aspire-k8s\\/compatibility\":\"{number}\"/' | gzip | base64 -w0 | base64 -w0"
        );
        let forged =
            self.program("/bin/sh".as_ref(), &["-c", &script]).env("PATH", "/usr/bin:/bin").stdin(&stored).ok().out;
        let patch = json!({"data": {"release": forged.trim()}}).to_string();
        self.plane.kubectl(&["patch", name, "-n", &self.ns, "--type=merge", "-p", &patch]).unwrap();
    }
}

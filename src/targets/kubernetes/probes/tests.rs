//! Probes of whole manifests: configured ones, those of known servers, and errors.

use crate::app::{self, Sources};
use crate::config;
use crate::manifest;
use crate::targets::built_images::BuiltImages;
use crate::targets::kubernetes::plan::plan;
use serde_json::{Value as Json, json};

/// What is planned of the resource `a` with this image and these endpoints, and the intent: its probes, notes, and the
/// numbers that change it; else the problems.
fn planned(image: &str, bindings: &Json, intent: &str) -> Result<(Json, Vec<String>, Vec<u32>), String> {
    let a = json!({"type": "container.v0", "image": image, "bindings": bindings});
    let manifest = json!({"resources": {"a": a}}).to_string();
    let manifest = manifest::parse(manifest.as_bytes()).map_err(|diagnostics| diagnostics.to_string())?;
    let config = config::parse(intent).map_err(|diagnostics| diagnostics.to_string())?;
    let app =
        app::resolve(&manifest, &config, "shop", &Sources::default()).map_err(|diagnostics| diagnostics.to_string())?;
    let plan = plan(&app, &config, &BuiltImages::default()).map_err(|diagnostics| diagnostics.to_string())?;
    let notes = plan.notes.iter().map(|note| note.text.clone()).collect();
    let changed_by = plan.workloads[0].changed_by.clone();
    Ok((plan.values.to_json()["workloads"]["a"]["probes"].clone(), notes, changed_by))
}

fn tcp(port: u16) -> Json {
    json!({"tcp": {"scheme": "tcp", "protocol": "tcp", "transport": "tcp", "targetPort": port}})
}

fn web() -> Json {
    json!({
        "tcp": {"scheme": "tcp", "protocol": "tcp", "transport": "tcp", "targetPort": 7000},
        "http": {"scheme": "http", "protocol": "tcp", "transport": "http", "targetPort": 8080},
        "grpc": {"scheme": "http", "protocol": "tcp", "transport": "http2", "targetPort": 8081},
        "tls": {"scheme": "https", "protocol": "tcp", "transport": "http", "targetPort": 8443},
        "voice": {"scheme": "udp", "protocol": "udp", "transport": "udp", "targetPort": 9000},
    })
}

fn said(probes: &str) -> Json {
    let intent = format!("resources: {{a: {{probes: {probes}}}}}");
    planned("web:1", &web(), &intent).unwrap_or_else(|diagnostics| panic!("{diagnostics}")).0
}

fn on_port(port: &Json) -> Json {
    json!({"tcpSocket": {"port": port}, "periodSeconds": 5, "failureThreshold": 3})
}

#[test]
fn every_known_server_is_asked() {
    let mut report = String::new();
    for (image, port) in [
        ("docker.io/library/postgres:17.6", 5432),
        ("mysql:9", 3306),
        ("mariadb:11", 3306),
        ("mcr.microsoft.com/mssql/server:2022-latest", 1433),
        ("mongo:8", 27017),
        ("redis:8", 6379),
        ("valkey/valkey:8", 6379),
        ("rabbitmq:4-management", 5672),
        ("confluentinc/confluent-local:7.9", 9092),
        ("elasticsearch:8.17.3", 9200),
        ("opensearchproject/opensearch:2", 9200),
        ("quay.io/keycloak/keycloak:26.0", 9000),
        ("nats:2", 8222),
        ("minio/minio", 9000),
        ("datalust/seq:2025.1", 80),
        ("qdrant/qdrant:v1.15", 6333),
        ("milvusdb/milvus:v2.5", 19530),
        ("getmeili/meilisearch:v1.11", 7700),
        ("clickhouse/clickhouse-server", 8123),
        ("couchdb:3", 5984),
    ] {
        let (probes, _, changed_by) = planned(image, &tcp(port), "").unwrap();
        assert_eq!(probes["liveness"], json!({}), "{image}");
        assert_eq!(changed_by, [2], "{image}");
        let mut startup = probes["startup"].clone();
        startup["failureThreshold"] = probes["readiness"]["failureThreshold"].clone();
        assert_eq!(startup, probes["readiness"], "{image}");
        if probes["readiness"].get("exec").is_some() {
            assert!(probes["readiness"]["timeoutSeconds"].as_u64() >= Some(5), "{image}");
        }
        assert!(probes["readiness"]["periodSeconds"].as_u64() >= Some(10), "{image}");
        let lines = serde_json::to_string(&probes["readiness"]).unwrap();
        report.extend([image, "\n  ", &lines, "\n"]);
        let (probes, _, changed_by) = planned(image, &tcp(port), "compatibility: 1").unwrap();
        let expected = json!({"readiness": on_port(&json!("tcp")), "liveness": {}, "startup": {}});
        assert_eq!((probes, changed_by), (expected, vec![2]), "{image}");
    }
    insta::with_settings!({ omit_expression => true }, { insta::assert_snapshot!(report) });
}

#[test]
fn what_cannot_be_asked_is_tried_by_its_port() {
    let none = json!({});
    for (image, bindings, expected) in [
        ("web:1", tcp(5432), on_port(&json!("tcp"))),
        // Health, monitoring and management have a port of their own, and here it is closed.
        ("nats:2", tcp(4222), on_port(&json!("tcp"))),
        ("keycloak:26", tcp(8080), on_port(&json!("tcp"))),
        (
            "redis:8",
            json!({"tcp": {"scheme": "rediss", "protocol": "tcp", "targetPort": 6379}}),
            on_port(&json!("tcp")),
        ),
        ("garnet:1", tcp(6379), on_port(&json!("tcp"))),
        ("redis:8", json!({}), none.clone()),
        ("milvus:2", json!({}), none.clone()),
        ("web:1", json!({"u": {"scheme": "udp", "protocol": "udp", "targetPort": 53}}), none),
    ] {
        let (probes, _, changed_by) = planned(image, &bindings, "").unwrap();
        assert_eq!(probes, json!({"readiness": expected, "liveness": {}, "startup": {}}), "{image}");
        assert!(changed_by.is_empty(), "{image}");
    }
}

#[test]
fn a_server_that_listens_elsewhere_is_asked_there() {
    let (probes, ..) = planned("postgres:17", &tcp(5555), "").unwrap();
    assert!(probes["readiness"]["exec"]["command"][2].as_str().unwrap().contains("-p 5555 "), "{probes}");
}

#[test]
fn what_a_person_says_is_what_the_pod_gets() {
    let default = on_port(&json!("tcp"));
    for (probes, expected) in [
        ("none", json!({"readiness": {}, "liveness": {}, "startup": {}})),
        ("{}", json!({"readiness": default, "liveness": {}, "startup": {}})),
        ("{readiness: none}", json!({"readiness": {}, "liveness": {}, "startup": {}})),
        (
            "{liveness: /alive}",
            json!({"readiness": default, "liveness": {"httpGet": {"path": "/alive", "port": "http"}}, "startup": {}}),
        ),
        (
            "{readiness: {periodSeconds: 7, successThreshold: 2, initialDelaySeconds: 0}}",
            json!({"readiness": {
                "tcpSocket": {"port": "tcp"}, "periodSeconds": 7, "failureThreshold": 3, "initialDelaySeconds": 0,
                "successThreshold": 2}, "liveness": {}, "startup": {}}),
        ),
    ] {
        assert_eq!(said(probes), expected, "{probes}");
    }
    for (probe, expected) in [
        ("{http: {path: /h, port: grpc}}", json!({"httpGet": {"path": "/h", "port": "grpc"}})),
        ("{http: {path: /h, port: tls}}", json!({"httpGet": {"path": "/h", "port": "tls", "scheme": "HTTPS"}})),
        ("{http: {path: /h, port: 8443}}", json!({"httpGet": {"path": "/h", "port": 8443, "scheme": "HTTPS"}})),
        (
            "{http: {path: /h, scheme: HTTP, headers: {Host: a.b}}}",
            json!({"httpGet": {"path": "/h", "port": "http", "scheme": "HTTP", "httpHeaders": [{"name": "Host", "value": "a.b"}]}}),
        ),
        ("{tcp: {}}", json!({"tcpSocket": {"port": "tcp"}})),
        ("{tcp: {port: 1}}", json!({"tcpSocket": {"port": 1}})),
        ("{grpc: {}}", json!({"grpc": {"port": 8081}})),
        ("{grpc: {port: http, service: s}}", json!({"grpc": {"port": 8080, "service": "s"}})),
        ("{exec: {command: [cat, '{{ x }}']}}", json!({"exec": {"command": ["cat", "{{ x }}"]}})),
        (
            "{tcp: {}, terminationGracePeriodSeconds: 4}",
            json!({"tcpSocket": {"port": "tcp"}, "terminationGracePeriodSeconds": 4}),
        ),
    ] {
        assert_eq!(said(&format!("{{liveness: {probe}}}"))["liveness"], expected, "{probe}");
    }
}

#[test]
fn what_no_pod_can_have_is_refused_at_its_place() {
    for (bindings, probes, part) in [
        (web(), "{startup: {periodSeconds: 5}}", "resources.a.probes.startup: a startup probe has no default here"),
        (
            web(),
            "{readiness: {http: {path: /, port: htpp}}}",
            "probes.readiness.http.port: `a` has no endpoint `htpp`\n  hint: did you mean `http`?",
        ),
        (web(), "{readiness: {tcp: {port: nothing-like-it}}}", "there are: tcp, http, grpc, tls, voice"),
        (web(), "{liveness: {tcp: {port: voice}}}", "probes.liveness.tcp.port: the endpoint `voice` is UDP"),
        (json!({}), "{liveness: /alive}", "probes.liveness.http.port: `a` has no endpoint"),
        (json!({}), "{liveness: {tcp: {port: 80}}}", "`a` has no endpoint"),
        (json!({}), "serviceDefaults", "probes.readiness.http.port: `a` has no endpoint"),
        (
            json!({"u": {"scheme": "udp", "protocol": "udp", "targetPort": 53}}),
            "{liveness: {grpc: {}}}",
            "no TCP endpoint",
        ),
    ] {
        let refused = planned("web:1", &bindings, &format!("resources: {{a: {{probes: {probes}}}}}")).unwrap_err();
        assert!(refused.contains(part), "{probes}: {refused}");
        assert!(refused.matches("has no default").count() <= 1, "{refused}");
    }
    let exec = planned("web:1", &json!({}), "resources: {a: {probes: {liveness: {exec: {command: [x]}}}}}").unwrap();
    assert_eq!(exec.0["liveness"], json!({"exec": {"command": ["x"]}}));
}

#[test]
fn service_defaults_and_doubtful_probes_are_told() {
    let notes = |probes: &str| {
        let intent = format!("resources: {{a: {{probes: {probes}}}}}");
        planned("web:1", &web(), &intent).unwrap().1.join("\n")
    };
    assert!(notes("serviceDefaults").contains("map only if the environment"));
    let same = "is the same as its readiness probe";
    assert!(!notes("serviceDefaults").contains(same));
    assert!(notes("{liveness: {tcp: {}, periodSeconds: 60}}").contains(same));
    assert!(notes("{liveness: /h, readiness: /h}").contains(same));
    assert!(!notes("{liveness: /alive, readiness: /h}").contains(same));
    assert!(!notes("none").contains(same));
    let probes = said("serviceDefaults");
    assert_eq!(probes["startup"]["httpGet"], json!({"path": "/alive", "port": "http"}));
    assert_eq!(probes["liveness"]["httpGet"], probes["startup"]["httpGet"]);
    assert_eq!(probes["readiness"]["httpGet"], json!({"path": "/health", "port": "http"}));
}

#[test]
fn said_probes_do_not_change_with_the_number() {
    for probes in ["none", "{startup: none, readiness: {tcp: {}}}"] {
        let intent = format!("resources: {{a: {{probes: {probes}}}}}");
        assert_eq!(planned("redis:8", &tcp(6379), &intent).unwrap().2, Vec::<u32>::new(), "{probes}");
    }
}

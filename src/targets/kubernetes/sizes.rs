//! `size:`: requests of a container, and the memory limit of a known server.
//!
//! A server whose memory is limited to what it requests is not evicted in favour of others. No container gets a CPU limit,
//! which only makes it slower, and an unknown image no memory limit, which could end it at any time.

use crate::config::{Defaults, Resource, Size};
use crate::support::servers;
use serde_json::{Map, Value as Json, json};

/// Requests of a container if nothing is said.
const DEFAULT: (&str, &str) = ("50m", "128Mi");

/// Requests for CPU, by size.
const CPU: [&str; 3] = ["100m", "250m", "1"];

/// Requests for memory of an unknown image, by size.
const MEMORY: [&str; 3] = ["128Mi", "512Mi", "2Gi"];

/// Memory of known servers, by size: what their defaults need (heaps, caches) with room for connections. A server that takes
/// the memory of the node for its own, whatever the limit, has no row.
const SERVERS: [(&str, [&str; 3]); 22] = [
    ("PostgreSQL", ["256Mi", "1Gi", "4Gi"]),
    ("MySQL", ["768Mi", "2Gi", "8Gi"]),
    ("MariaDB", ["512Mi", "1Gi", "4Gi"]),
    ("MongoDB", ["512Mi", "2Gi", "8Gi"]),
    ("SQL Server", ["2Gi", "4Gi", "16Gi"]),
    ("Azure SQL Edge", ["2Gi", "4Gi", "8Gi"]),
    ("Elasticsearch", ["2Gi", "4Gi", "16Gi"]),
    ("OpenSearch", ["2Gi", "4Gi", "16Gi"]),
    ("RabbitMQ", ["512Mi", "1Gi", "4Gi"]),
    ("Redis", ["128Mi", "1Gi", "4Gi"]),
    ("Valkey", ["128Mi", "1Gi", "4Gi"]),
    ("Garnet", ["512Mi", "2Gi", "8Gi"]),
    ("Kafka", ["1536Mi", "2Gi", "4Gi"]),
    ("Keycloak", ["1Gi", "2Gi", "4Gi"]),
    ("ClickHouse", ["2Gi", "8Gi", "32Gi"]),
    ("InfluxDB", ["512Mi", "2Gi", "8Gi"]),
    ("Neo4j", ["2Gi", "4Gi", "16Gi"]),
    ("Qdrant", ["512Mi", "2Gi", "8Gi"]),
    ("NATS", ["128Mi", "512Mi", "2Gi"]),
    ("MinIO", ["512Mi", "2Gi", "8Gi"]),
    ("Oracle", ["3Gi", "4Gi", "8Gi"]),
    ("CouchDB", ["512Mi", "1Gi", "4Gi"]),
];

/// Requests and limits of a container: what the file says, over its size. `image` is its reference; none for one that is built.
pub(crate) fn resources(intent: &Resource, defaults: &Defaults, image: Option<&str>) -> Json {
    let own = intent.resources.as_ref();
    let with_default = own.or(defaults.resources.as_ref());
    let (size, numbers) = match (intent.size, defaults.size) {
        (Some(size), _) => (Some(size), own),
        (None, size) => (size, with_default),
    };
    match (size, numbers) {
        (None, None) => json!({"requests": {"cpu": DEFAULT.0, "memory": DEFAULT.1}}),
        (None, Some(numbers)) => Json::Object(numbers.clone()),
        (Some(size), None) => of(size, image),
        (Some(size), Some(numbers)) => over(of(size, image), numbers),
    }
}

/// The numbers of a size.
fn of(size: Size, image: Option<&str>) -> Json {
    let at = |row: &[&'static str; 3]| match size {
        Size::Small => row[0],
        Size::Medium => row[1],
        Size::Large => row[2],
    };
    let server = image.and_then(servers::of);
    match SERVERS.iter().find(|(name, _)| Some(*name) == server) {
        Some((_, memory)) => {
            json!({"requests": {"cpu": at(&CPU), "memory": at(memory)}, "limits": {"memory": at(memory)}})
        }
        None => json!({"requests": {"cpu": at(&CPU), "memory": at(&MEMORY)}}),
    }
}

/// Own numbers win. Who gives the request or the limit alone moves the other one too: a request may not be above its limit.
fn over(mut size: Json, numbers: &Map<String, Json>) -> Json {
    let given = |group: &str, resource: &str| numbers.get(group).and_then(|group| group.get(resource));
    for resource in ["cpu", "memory"] {
        match (given("requests", resource), given("limits", resource)) {
            (None, Some(limit)) => size["requests"][resource] = limit.clone(),
            (Some(request), None) if !size["limits"][resource].is_null() => size["limits"][resource] = request.clone(),
            _ => {}
        }
    }
    for (key, value) in numbers {
        match (size[key.as_str()].as_object_mut(), value) {
            (Some(ours), Json::Object(own)) => {
                ours.extend(own.iter().map(|(name, value)| (name.clone(), value.clone())));
            }
            _ => size[key.as_str()] = value.clone(),
        }
    }
    size
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::parse;

    #[test]
    fn every_row_is_a_known_server() {
        for (name, _) in SERVERS {
            assert!(servers::names().any(|known| known == name), "{name}");
        }
    }

    #[test]
    fn own_numbers_win_over_the_size_and_the_size_of_a_resource_over_all_defaults() {
        let postgres = Some("docker.io/library/postgres:17");
        for (text, image, expected) in [
            ("", postgres, json!({"requests": {"cpu": "50m", "memory": "128Mi"}})),
            (
                "resources: {a: {size: medium}}",
                postgres,
                json!({"requests": {"cpu": "250m", "memory": "1Gi"}, "limits": {"memory": "1Gi"}}),
            ),
            ("resources: {a: {size: large}}", None, json!({"requests": {"cpu": "1", "memory": "2Gi"}})),
            (
                "defaults: {size: small}",
                Some("contoso/unknown"),
                json!({"requests": {"cpu": "100m", "memory": "128Mi"}}),
            ),
            (
                "resources: {a: {size: small, resources: {requests: {memory: 6Gi}, claims: [{name: gpu}]}}}",
                postgres,
                json!({"requests": {"cpu": "100m", "memory": "6Gi"}, "limits": {"memory": "6Gi"}, "claims": [{"name": "gpu"}]}),
            ),
            (
                "resources: {a: {size: large, resources: {limits: {memory: 100Mi, cpu: 1m}}}}",
                None,
                json!({"requests": {"cpu": "1m", "memory": "100Mi"}, "limits": {"memory": "100Mi", "cpu": "1m"}}),
            ),
            (
                "defaults: {size: large, resources: {requests: {cpu: 2}}}\nresources: {a: {size: small}}",
                None,
                json!({"requests": {"cpu": "100m", "memory": "128Mi"}}),
            ),
            (
                "defaults: {size: small, resources: {requests: {cpu: 2}}}",
                None,
                json!({"requests": {"cpu": 2, "memory": "128Mi"}}),
            ),
            ("resources: {a: {resources: {requests: {cpu: 2}}}}", postgres, json!({"requests": {"cpu": 2}})),
        ] {
            let config = parse(text).unwrap();
            assert_eq!(resources(&config.intent("a"), &config.defaults, image), expected, "{text}");
        }
    }
}

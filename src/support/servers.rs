//! Servers that are recognized by their images. One table, because several modules need it: which data a server can
//! read, and how it is probed.
//!
//! Must not know what it is used for: it only returns which server an image is.

use super::image;

/// A server and its images.
struct Server {
    name: &'static str,
    /// Ends of repositories, by whole parts.
    images: &'static [&'static str],
}

static SERVERS: [Server; 27] = [
    Server {
        name: "PostgreSQL",
        images: &[
            "postgres",
            "postgresql",
            "postgis",
            "timescaledb",
            "timescaledb-ha",
            "pgvector",
            "citus",
            "pgvecto-rs",
        ],
    },
    Server { name: "MySQL", images: &["mysql", "mysql-server", "community-server", "percona", "percona-server"] },
    Server { name: "MariaDB", images: &["mariadb", "mariadb-galera"] },
    Server {
        name: "MongoDB",
        images: &[
            "mongo",
            "mongodb",
            "mongodb-community-server",
            "mongodb-enterprise-server",
            "percona-server-mongodb",
        ],
    },
    Server { name: "SQL Server", images: &["mssql/server"] },
    Server { name: "Azure SQL Edge", images: &["azure-sql-edge"] },
    Server { name: "Elasticsearch", images: &["elasticsearch"] },
    Server { name: "OpenSearch", images: &["opensearch"] },
    Server { name: "RabbitMQ", images: &["rabbitmq"] },
    Server { name: "Redis", images: &["redis", "redis-stack", "redis-stack-server"] },
    Server { name: "Valkey", images: &["valkey", "valkey-bundle"] },
    Server { name: "Garnet", images: &["garnet", "garnet-alpine"] },
    Server { name: "Kafka", images: &["kafka", "kafka-native", "cp-kafka", "cp-server", "confluent-local"] },
    Server { name: "Keycloak", images: &["keycloak"] },
    Server { name: "ClickHouse", images: &["clickhouse", "clickhouse-server"] },
    Server { name: "Cassandra", images: &["cassandra"] },
    Server { name: "InfluxDB", images: &["influxdb"] },
    Server { name: "Neo4j", images: &["neo4j"] },
    Server { name: "Qdrant", images: &["qdrant"] },
    Server { name: "Meilisearch", images: &["meilisearch"] },
    Server { name: "Milvus", images: &["milvus"] },
    Server { name: "NATS", images: &["nats"] },
    Server { name: "MinIO", images: &["minio"] },
    Server { name: "Seq", images: &["seq"] },
    Server { name: "Oracle", images: &["oracle-free", "oracle-xe", "database/free"] },
    Server { name: "KurrentDB", images: &["eventstore", "kurrentdb"] },
    Server { name: "CouchDB", images: &["couchdb"] },
];

/// The name of the server that an image is, by the last parts of its repository.
pub(crate) fn of(reference: &str) -> Option<&'static str> {
    let repository = image::split(reference).0;
    let known = |server: &&Server| server.images.iter().any(|name| ends_with(repository, name));
    SERVERS.iter().find(known).map(|server| server.name)
}

/// Whether a repository ends with these whole parts.
pub(crate) fn ends_with(repository: &str, parts: &str) -> bool {
    let rest = repository.strip_suffix(parts);
    rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('/'))
}

/// The names of all servers.
#[cfg(test)]
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    SERVERS.iter().map(|server| server.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_known_by_whole_parts_of_its_repository() {
        for (image, server) in [
            ("redis", Some("Redis")),
            ("docker.io/library/redis:8.6", Some("Redis")),
            ("localhost:5000/a/redis@sha256:ab", Some("Redis")),
            ("mcr.microsoft.com/mssql/server:2022-latest", Some("SQL Server")),
            ("ghcr.io/contoso/server", None),
            ("oliver006/redis-exporter", None),
            ("contoso/notredis:1", None),
            ("", None),
        ] {
            assert_eq!(of(image), server, "{image}");
        }
    }
}

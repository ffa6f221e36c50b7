//! How known servers are asked whether they are ready: one row per server. The question goes to the server, not only to its
//! port, because a port is open before data is loaded.
//!
//! Must not hold a password: the container's own variables have it, and the shell in the container reads them. Must not know
//! how a target writes the question. The meaning of exit codes is tested with the real servers if they are available
//! (`tests/servers.rs`).

use crate::app::{Port, Workload};
use crate::support::servers;

/// How one server is asked.
struct Row {
    /// Its name in [`servers`].
    server: &'static str,
    /// The port of the container where it usually listens.
    port: u16,
    ask: Ask,
}

/// What is asked. `{port}` stands for the port.
enum Ask {
    /// A text for a shell.
    Shell(&'static str, &'static str),
    /// The path of an HTTP GET, where an endpoint leads to the port.
    Http(&'static str),
    /// The same on a port that the server opens whether there is an endpoint or not.
    OwnHttp(&'static str),
}

/// It says PONG when it is ready, and answers with another text, and with exit code 0, while it loads its data or refuses the
/// password. Without a known password the answer is NOAUTH.
const REDIS: &str = r#"if [ -n "$REDIS_PASSWORD" ]; then export REDISCLI_AUTH="$REDIS_PASSWORD"; fi; answer=$(redis-cli -h 127.0.0.1 -p {port} ping 2>/dev/null); case "$REDISCLI_AUTH:$answer" in *:PONG|:NOAUTH*) exit 0;; esac; echo "$answer"; exit 1"#;
const VALKEY: &str = r#"if [ -n "$VALKEY_PASSWORD" ]; then export REDISCLI_AUTH="$VALKEY_PASSWORD" VALKEYCLI_AUTH="$VALKEY_PASSWORD"; fi; answer=$(valkey-cli -h 127.0.0.1 -p {port} ping 2>/dev/null); case "$REDISCLI_AUTH:$answer" in *:PONG|:NOAUTH*) exit 0;; esac; echo "$answer"; exit 1"#;

/// Over TCP: while the image sets itself up, a server without network answers on the socket.
const POSTGRES: &str = r#"exec pg_isready -h 127.0.0.1 -p {port} -U "${POSTGRES_USER:-postgres}" -d "${POSTGRES_DB:-${POSTGRES_USER:-postgres}}""#;

/// A query, because `ping` succeeds where access is denied. Who knows no password can only ping.
const MYSQL: &str = r#"if [ -n "$MYSQL_ROOT_PASSWORD" ]; then set -- root "$MYSQL_ROOT_PASSWORD"; elif [ -n "$MYSQL_USER" ] && [ -n "$MYSQL_PASSWORD" ]; then set -- "$MYSQL_USER" "$MYSQL_PASSWORD"; else exec mysqladmin -h 127.0.0.1 -P {port} ping; fi; export MYSQL_PWD="$2"; exec mysql --loose-get-server-public-key --connect-timeout=4 -h 127.0.0.1 -P {port} -u "$1" -Ne 'SELECT 1'"#;
const MARIADB: &str = r#"root="${MARIADB_ROOT_PASSWORD:-$MYSQL_ROOT_PASSWORD}"; user="${MARIADB_USER:-$MYSQL_USER}"; password="${MARIADB_PASSWORD:-$MYSQL_PASSWORD}"; if [ -n "$root" ]; then user=root; password="$root"; elif [ -z "$user" ] || [ -z "$password" ]; then exec mariadb-admin --skip-ssl-verify-server-cert -h 127.0.0.1 -P {port} ping; fi; export MYSQL_PWD="$password"; exec mariadb --skip-ssl-verify-server-cert --connect-timeout=4 -h 127.0.0.1 -P {port} -u "$user" -Ne 'SELECT 1'"#;

/// The tools moved between the versions of the image; without them the port is all that there is.
const SQL_SERVER: &str = r#"export SQLCMDPASSWORD="${MSSQL_SA_PASSWORD:-$SA_PASSWORD}"; for tool in /opt/mssql-tools18/bin/sqlcmd /opt/mssql-tools/bin/sqlcmd; do if [ -x "$tool" ]; then exec "$tool" -C -l 5 -S 127.0.0.1,{port} -U sa -b -Q 'SELECT 1'; fi; done; exec bash -c ': < /dev/tcp/127.0.0.1/{port}'"#;

/// `ping` succeeds as soon as the Erlang node runs, with no broker in it.
const RABBITMQ: &str = "exec rabbitmq-diagnostics -q check_running";

/// By the name of the pod: while the image sets itself up, a server listens on 127.0.0.1 alone.
const MONGO: &str = r#"shell=mongosh; command -v mongosh >/dev/null || shell=mongo; exec "$shell" --quiet "mongodb://${HOSTNAME:-$(hostname)}:{port}/?serverSelectionTimeoutMS=4000" --eval 'quit(db.adminCommand({ping: 1}).ok ? 0 : 2)'"#;

/// The request `ApiVersions` as bytes, because the tools of Kafka also ask at the addresses that the broker tells its
/// clients, which lead through the Service and so to nobody before this probe succeeds. A listener with TLS answers with an
/// alert.
const KAFKA: &str = r"exec 3<>/dev/tcp/127.0.0.1/{port} || exit 1; printf '\0\0\0\012\0\022\0\0\0\0\0\001\377\377' >&3; head -c 10 <&3 | od -An -v -tx1 | tr -d ' \n' | grep -qE '^.{8}000000010000|^15'";

/// In clear, else with TLS. Where no password is known, to be asked for one is an answer.
const ELASTICSEARCH: &str = r#"for scheme in http https; do answer=$(curl -sk -o /dev/null -w '%{http_code}' -m 4 -u "elastic:$ELASTIC_PASSWORD" "$scheme://127.0.0.1:{port}/_cluster/health"); case "$ELASTIC_PASSWORD:$answer" in *:200|:401) exit 0;; esac; done; echo "status $answer"; exit 1"#;
const OPENSEARCH: &str = r#"for scheme in http https; do answer=$(curl -sk -o /dev/null -w '%{http_code}' -m 4 -u "admin:$OPENSEARCH_INITIAL_ADMIN_PASSWORD" "$scheme://127.0.0.1:{port}/_cluster/health"); case "$OPENSEARCH_INITIAL_ADMIN_PASSWORD:$answer" in *:200|:401) exit 0;; esac; done; echo "status $answer"; exit 1"#;

static ROWS: [Row; 20] = [
    Row { server: "PostgreSQL", port: 5432, ask: Ask::Shell("sh", POSTGRES) },
    Row { server: "MySQL", port: 3306, ask: Ask::Shell("sh", MYSQL) },
    Row { server: "MariaDB", port: 3306, ask: Ask::Shell("sh", MARIADB) },
    Row { server: "SQL Server", port: 1433, ask: Ask::Shell("sh", SQL_SERVER) },
    Row { server: "MongoDB", port: 27017, ask: Ask::Shell("sh", MONGO) },
    Row { server: "Redis", port: 6379, ask: Ask::Shell("sh", REDIS) },
    Row { server: "Valkey", port: 6379, ask: Ask::Shell("sh", VALKEY) },
    Row { server: "RabbitMQ", port: 5672, ask: Ask::Shell("sh", RABBITMQ) },
    Row { server: "Kafka", port: 9092, ask: Ask::Shell("bash", KAFKA) },
    Row { server: "Elasticsearch", port: 9200, ask: Ask::Shell("sh", ELASTICSEARCH) },
    Row { server: "OpenSearch", port: 9200, ask: Ask::Shell("sh", OPENSEARCH) },
    // The port of its management, which is there when health is enabled.
    Row { server: "Keycloak", port: 9000, ask: Ask::Http("/health/ready") },
    // The port of its monitoring.
    Row { server: "NATS", port: 8222, ask: Ask::Http("/healthz") },
    Row { server: "MinIO", port: 9000, ask: Ask::Http("/minio/health/ready") },
    Row { server: "Seq", port: 80, ask: Ask::Http("/health") },
    Row { server: "Qdrant", port: 6333, ask: Ask::Http("/readyz") },
    Row { server: "Milvus", port: 9091, ask: Ask::OwnHttp("/healthz") },
    Row { server: "Meilisearch", port: 7700, ask: Ask::Http("/health") },
    Row { server: "ClickHouse", port: 8123, ask: Ask::Http("/ping") },
    Row { server: "CouchDB", port: 5984, ask: Ask::Http("/_up") },
];

/// A question to a server, for its container.
pub(crate) enum Question<'a> {
    /// A program and its arguments; the exit code 0 means ready.
    Command([String; 3]),
    /// An HTTP GET of an endpoint.
    Endpoint { path: &'static str, port: &'a Port },
    /// An HTTP GET of a port that has no endpoint.
    Number { path: &'static str, port: u16 },
}

/// What a known server is asked; none if only its port can be tried.
pub(crate) fn question<'a>(image: &str, workload: &'a Workload) -> Option<Question<'a>> {
    let name = servers::of(image)?;
    let row = ROWS.iter().find(|row| row.server == name)?;
    let mut tcp = workload.ports.values().filter(|port| !port.udp);
    let own = tcp.clone().find(|port| port.process == row.port);
    // Whose clients need TLS cannot be asked in clear.
    if own.is_some_and(|port| port.scheme == "rediss") {
        return None;
    }
    Some(match row.ask {
        Ask::Shell(shell, text) => {
            let port = own.or_else(|| tcp.next())?.process;
            Question::Command([shell.to_owned(), "-c".to_owned(), text.replace("{port}", &port.to_string())])
        }
        Ask::Http(path) => Question::Endpoint { path, port: own? },
        Ask::OwnHttp(path) => {
            tcp.next()?;
            Question::Number { path, port: row.port }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_of_a_known_server() {
        for row in &ROWS {
            assert!(servers::names().any(|name| name == row.server), "{}", row.server);
        }
    }
}

//! Who official images run as without root, and which folders they write to: one row for each image. An image that is in no
//! row is not guessed: its makers choose the numbers.
//!
//! Must not know an application. A row stands here only if the Dockerfile of the image gives its numbers; where a program
//! writes into folders beside the files of its image, its root file system stays writable.

use crate::support::{image, servers};

/// How an image runs without root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Row {
    /// Ends of repositories, by whole parts. Those of Docker Hub begin with `library/`.
    images: &'static [&'static str],
    variant: Variant,
    pub(super) user: u32,
    /// Its group; none if the image itself says it.
    pub(super) group: Option<u32>,
    /// Folders that it writes to.
    pub(super) writable: &'static [&'static str],
    /// Whether nothing else is written to.
    pub(super) read_only_root: bool,
}

/// Which tags of an image are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Variant {
    Any,
    /// Those with `alpine` in the tag.
    Alpine,
    /// The others.
    Usual,
}

const NOTHING: Row =
    Row { images: &[], variant: Variant::Any, user: 0, group: None, writable: &[], read_only_root: true };

/// Images of .NET: `APP_UID` of the base images is 1654 (dotnet/dotnet-docker). ASP.NET Core keeps the keys of data protection
/// in the home folder, and the runtime opens its diagnostics in /tmp.
pub(super) const DOTNET: Row = Row { user: 1654, group: Some(1654), writable: &["/tmp", "/home/app"], ..NOTHING };

const POSTGRES: Row = Row {
    images: &["library/postgres", "postgis/postgis", "pgvector/pgvector"],
    writable: &["/var/lib/postgresql", "/var/run/postgresql", "/tmp"],
    ..NOTHING
};
const REDIS: Row = Row { images: &["library/redis"], user: 999, writable: &["/data"], ..NOTHING };
const VALKEY: Row = Row { images: &["library/valkey", "valkey/valkey"], ..REDIS };
const RABBITMQ: Row =
    Row { images: &["library/rabbitmq"], writable: &["/var/lib/rabbitmq", "/var/log/rabbitmq", "/tmp"], ..NOTHING };

static ROWS: [Row; 18] = [
    // docker-library/postgres, Dockerfile-debian.template and Dockerfile-alpine.template; postgis and pgvector are made from
    // them.
    Row { variant: Variant::Usual, user: 999, group: Some(999), ..POSTGRES },
    Row { variant: Variant::Alpine, user: 70, group: Some(70), ..POSTGRES },
    // docker-library/mysql, Dockerfile.oracle: `useradd --uid 999 --gid 999`.
    Row {
        images: &["library/mysql"],
        user: 999,
        group: Some(999),
        writable: &["/var/lib/mysql", "/var/run/mysqld", "/tmp"],
        ..NOTHING
    },
    // MariaDB/mariadb-docker, Dockerfile.template: `groupadd --gid 999`, `useradd --uid 999`.
    Row {
        images: &["library/mariadb"],
        user: 999,
        group: Some(999),
        writable: &["/var/lib/mysql", "/run/mysqld", "/tmp"],
        ..NOTHING
    },
    // docker-library/mongo, Dockerfile-linux.template: `groupadd --gid 999`, `useradd --uid 999 --home-dir /data/db`.
    Row {
        images: &["library/mongo"],
        user: 999,
        group: Some(999),
        writable: &["/data/db", "/data/configdb", "/tmp"],
        ..NOTHING
    },
    // redis/docker-library-redis: user 999 in both, with the group 999 of Debian's and 1000 of Alpine's.
    Row { variant: Variant::Usual, group: Some(999), ..REDIS },
    Row { variant: Variant::Alpine, group: Some(1000), ..REDIS },
    // valkey-io/valkey-container, Dockerfile.template: as those of redis.
    Row { variant: Variant::Usual, group: Some(999), ..VALKEY },
    Row { variant: Variant::Alpine, group: Some(1000), ..VALKEY },
    // docker-library/rabbitmq, Dockerfile-ubuntu.template and Dockerfile-alpine.template.
    Row { variant: Variant::Usual, user: 999, group: Some(999), ..RABBITMQ },
    Row { variant: Variant::Alpine, user: 100, group: Some(101), ..RABBITMQ },
    // microsoft/garnet, Dockerfile: `USER $APP_UID`.
    Row { images: &["microsoft/garnet"], writable: &["/data", "/tmp"], ..DOTNET },
    // dotnet/dotnet-docker, src/aspire-dashboard: an ASP.NET image.
    Row { images: &["dotnet/aspire-dashboard"], ..DOTNET },
    // The documentation of SQL Server on Linux containers: user 10001 since 2019. It writes to /.system in some versions.
    Row { images: &["mssql/server"], user: 10001, read_only_root: false, ..NOTHING },
    // nats-io/nats-docker: one static program that has no user and reads its configuration alone. JetStream begins in /tmp.
    Row { images: &["library/nats"], user: 1000, group: Some(1000), writable: &["/tmp"], ..NOTHING },
    // keycloak/keycloak, quarkus/container/Dockerfile: `USER 1000`. Without `--optimized` it builds itself into its folder.
    Row { images: &["keycloak/keycloak"], user: 1000, read_only_root: false, ..NOTHING },
    // elastic/elasticsearch, distribution/docker: user and group 1000:0; it writes its keystore into its configuration.
    Row {
        images: &["library/elasticsearch", "elasticsearch/elasticsearch"],
        user: 1000,
        read_only_root: false,
        ..NOTHING
    },
    // confluentinc/kafka-images and apache/kafka, docker: `appuser`, 1000; they write their configuration at the start.
    Row {
        images: &["confluentinc/cp-kafka", "confluentinc/confluent-local", "apache/kafka", "apache/kafka-native"],
        user: 1000,
        read_only_root: false,
        ..NOTHING
    },
];

/// The row of an image. An image without a tag, but with a digest, can be of any variant.
pub(super) fn of(reference: &str) -> Option<Row> {
    let (repository, tag, digest) = image::split(reference);
    let repository = on_hub(repository);
    let is_variant = |variant: Variant| match variant {
        Variant::Any => true,
        _ if tag.is_empty() && !digest.is_empty() => false,
        Variant::Alpine => tag.contains("alpine"),
        Variant::Usual => !tag.contains("alpine"),
    };
    let is_image = |row: &&Row| row.images.iter().any(|name| servers::ends_with(&repository, name));
    ROWS.iter().filter(is_image).find(|row| is_variant(row.variant)).copied()
}

/// The path of a repository; an official image has one part, which Docker Hub keeps under `library`. So has a copy in a
/// registry's root.
fn on_hub(repository: &str) -> String {
    let path = match repository.split_once('/') {
        Some((host, path)) if image::is_host(host) => path,
        _ => repository,
    };
    if path.contains('/') { path.to_owned() } else { format!("library/{path}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_that_of_the_maker_and_the_variant() {
        for (image, user) in [
            ("postgres", Some(999)),
            ("postgres:17.6", Some(999)),
            ("docker.io/library/postgres:18-alpine3.22", Some(70)),
            ("localhost:5000/postgres:17", Some(999)),
            ("mirror.example.com/hub/library/postgres:17-alpine", Some(70)),
            ("pgvector/pgvector:pg17", Some(999)),
            ("docker.io/library/redis:8.6", Some(999)),
            ("docker.io/library/rabbitmq:4.2-management-alpine", Some(100)),
            ("docker.io/valkey/valkey:8.1", Some(999)),
            ("ghcr.io/microsoft/garnet:1.0", Some(1654)),
            ("mcr.microsoft.com/mssql/server:2022-latest", Some(10001)),
            ("mcr.microsoft.com/mssql/server@sha256:ab", Some(10001)),
            ("mcr.microsoft.com/dotnet/aspire-dashboard:13.4.2", Some(1654)),
            // A digest does not say the variant.
            ("postgres@sha256:ab", None),
            ("postgres:17@sha256:ab", Some(999)),
            // Other makers, other users.
            ("bitnami/redis:8", None),
            ("timescale/timescaledb:2.17-pg17", None),
            ("mirror.example.com/team/redis:8", None),
            ("oliver006/redis-exporter", None),
            ("", None),
        ] {
            assert_eq!(of(image).map(|row| row.user), user, "{image}");
        }
    }

    #[test]
    fn the_page_lists_every_row() {
        let page = include_str!("../../../../docs/pod-security.md");
        for row in ROWS {
            let name = row.images.first().unwrap().trim_start_matches("library/");
            let line = page.lines().find(|line| line.starts_with('|') && line.contains(&format!("`{name}`")));
            let line = line.unwrap_or_else(|| panic!("{name}"));
            assert!(line.contains(&row.user.to_string()), "{name}: {}", row.user);
            assert!(row.writable.iter().all(|folder| line.contains(&format!("`{folder}`"))), "{name}");
        }
    }

    #[test]
    fn no_row_is_root_or_writes_where_the_image_begins() {
        for row in ROWS {
            assert!(row.user > 0 && !row.images.is_empty(), "{row:?}");
            assert!(row.writable.iter().all(|path| path.starts_with('/') && path.len() > 1), "{row:?}");
        }
    }
}

//! Which versions of known servers can read the data of which others. Pure: two images in, a decision out.
//!
//! One table says how the version of a known server ([`servers`]) is read from a tag, which upgrades it supports in one
//! step, and what to do otherwise. An unknown image, or a tag without a version, causes a message and no refusal.

use crate::support::{image, servers};
use std::cmp::Ordering;

/// How far a version may go up at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Up {
    /// As far as it likes.
    Any,
    /// To the next line only.
    One,
    /// Not at all: it does not start on data of another line.
    None,
    /// Within its major version, and from one of these lines to what begins with the one beside it.
    Within(&'static [(&'static [u32], &'static [u32])]),
    /// Along these lines, one after the other.
    Ladder(&'static [&'static [u32]]),
}

/// A server and its versions.
struct Server {
    name: &'static str,
    /// Those of its images whose tag is the version of something else: only `pg17` in it counts.
    marked: &'static [&'static str],
    /// Numbers of a version that make a line of versions with one format of data.
    line: usize,
    up: Up,
    /// First numbers that a version can have; another is a version of its owner's own counting.
    majors: (u32, u32),
    /// What to do instead.
    way: &'static str,
    /// Where the data lies: from this major version on.
    folders: &'static [(u32, &'static str)],
}

const DUMP: &str = "dump the data with the old version and restore it into a new volume with the new one";
const STEPS: &str = "upgrade one version at a time, and wait until each is ready";
const BACKUP: &str = "restore a backup that was made with the older version into a new volume";

const fn server(name: &'static str, line: usize, up: Up, way: &'static str) -> Server {
    Server { name, marked: &[], line, up, majors: (0, u32::MAX), way, folders: &[] }
}

static SERVERS: [Server; 27] = [
    Server {
        marked: &["timescaledb", "timescaledb-ha", "pgvector", "citus", "pgvecto-rs"],
        majors: (8, 40),
        folders: &[(18, "/var/lib/postgresql"), (0, "/var/lib/postgresql/data")],
        ..server(
            "PostgreSQL",
            1,
            Up::None,
            "dump with pg_dumpall and restore into a new volume, or run pg_upgrade on the volume while nothing else uses it",
        )
    },
    Server {
        majors: (5, 20),
        ..server(
            "MySQL",
            2,
            Up::Within(&[(&[5, 7], &[8, 0]), (&[8, 4], &[9])]),
            "upgrade through every LTS version (5.7, 8.0, 8.4), or dump with mysqldump and restore into a new volume",
        )
    },
    Server { majors: (5, 20), ..server("MariaDB", 2, Up::Any, DUMP) },
    Server {
        majors: (2, 20),
        ..server(
            "MongoDB",
            2,
            Up::Ladder(&[&[3, 6], &[4, 0], &[4, 2], &[4, 4], &[5, 0], &[6, 0], &[7, 0], &[8, 0]]),
            "upgrade one major version at a time, with setFeatureCompatibilityVersion after each, or dump with \
            mongodump",
        )
    },
    Server { majors: (2017, 2100), ..server("SQL Server", 1, Up::Any, BACKUP) },
    Server { majors: (1, 10), ..server("Azure SQL Edge", 1, Up::Any, BACKUP) },
    Server { majors: (1, 20), ..server("Elasticsearch", 1, Up::One, STEPS) },
    Server { majors: (1, 20), ..server("OpenSearch", 1, Up::One, STEPS) },
    Server {
        majors: (3, 10),
        ..server(
            "RabbitMQ",
            2,
            Up::Ladder(&[
                &[3, 8],
                &[3, 9],
                &[3, 10],
                &[3, 11],
                &[3, 12],
                &[3, 13],
                &[4, 0],
                &[4, 1],
                &[4, 2],
                &[4, 3],
                &[4, 4],
            ]),
            "upgrade one minor version at a time, with `rabbitmqctl enable_feature_flag all` before each",
        )
    },
    Server { majors: (2, 20), ..server("Redis", 2, Up::Any, BACKUP) },
    Server { majors: (7, 20), ..server("Valkey", 1, Up::Any, BACKUP) },
    Server { majors: (1, 20), ..server("Garnet", 1, Up::Any, BACKUP) },
    Server { majors: (0, 20), ..server("Kafka", 1, Up::Any, BACKUP) },
    Server { majors: (10, 99), ..server("Keycloak", 1, Up::Any, BACKUP) },
    Server { majors: (18, 60), ..server("ClickHouse", 2, Up::Any, BACKUP) },
    Server { majors: (2, 20), ..server("Cassandra", 1, Up::One, STEPS) },
    Server { majors: (1, 20), ..server("InfluxDB", 1, Up::None, DUMP) },
    Server {
        majors: (3, 2100),
        ..server(
            "Neo4j",
            1,
            Up::Ladder(&[&[5], &[2025], &[2026], &[2027]]),
            "dump with `neo4j-admin database dump`, and migrate into a new volume",
        )
    },
    Server { majors: (0, 20), ..server("Qdrant", 2, Up::One, STEPS) },
    Server { majors: (0, 20), ..server("Meilisearch", 2, Up::None, DUMP) },
    Server { majors: (1, 20), ..server("Milvus", 2, Up::Any, BACKUP) },
    Server { majors: (1, 20), ..server("NATS", 1, Up::Any, BACKUP) },
    Server { majors: (2015, 2100), ..server("MinIO", 1, Up::Any, BACKUP) },
    Server { majors: (4, 2100), ..server("Seq", 1, Up::Any, BACKUP) },
    Server { majors: (11, 99), ..server("Oracle", 1, Up::None, DUMP) },
    Server { majors: (4, 99), ..server("KurrentDB", 1, Up::Any, BACKUP) },
    Server { majors: (1, 20), ..server("CouchDB", 1, Up::Any, BACKUP) },
];

/// What an image of a server is.
struct Known {
    server: &'static Server,
    /// Numbers of its version; none if the tag names none.
    version: Option<Vec<u32>>,
}

/// What a change of images means for the data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Judgement {
    /// The data continues.
    Fine,
    /// It is not known: the sentence says why.
    Unknown(String),
    /// It does not start on the data, or loses it: what happens, and the way out.
    Unsafe(String, String),
}

/// Judges the image to come on data of the image that runs. `ready` is whether that one ever answered.
pub(crate) fn judge(was: &str, becomes: &str, ready: bool, mounts: &[String]) -> Judgement {
    if was == becomes {
        return Judgement::Fine;
    }
    let (old, new) = (known(was), known(becomes));
    let (Some(old), Some(new)) = (&old, &new) else {
        return match old.as_ref().or(new.as_ref()) {
            None => Judgement::Fine,
            Some(known) => {
                Judgement::Unknown(format!("one of them is {}, and the other is unknown", known.server.name))
            }
        };
    };
    if !std::ptr::eq(old.server, new.server) {
        return switch(old, new);
    }
    let server = old.server;
    let (Some(from), Some(to)) = (&old.version, &new.version) else {
        return Judgement::Unknown(format!(
            "the tag contains no version of {}, so the data cannot be checked",
            server.name
        ));
    };
    let (from, to) = (cut(from, server.line), cut(to, server.line));
    let both = from.len().min(to.len());
    let order = to[..both].cmp(&from[..both]);
    // A tag such as `8` may be any of its versions.
    if order == Ordering::Equal {
        return if from.len() == to.len() { Judgement::Fine } else { vague(server) };
    }
    let goes = match (order, server.up) {
        // What refused the data of another version has not touched it.
        (Ordering::Less, Up::None) if !ready => Some(true),
        (Ordering::Less, _) | (_, Up::None) => Some(false),
        (_, Up::One) => Some(next(from, to)),
        (_, Up::Within(over)) if from[0] != to[0] => {
            Some(over.iter().any(|(line, beside)| from == *line && to.starts_with(beside)))
        }
        (_, Up::Any | Up::Within(_)) => Some(true),
        (_, Up::Ladder(lines)) => climb(lines, from, to),
    };
    match goes {
        None => vague(server),
        Some(true) => Judgement::Fine,
        Some(false) => Judgement::Unsafe(refusal(server, order, from, to, mounts), server.way.to_owned()),
    }
}

fn vague(server: &Server) -> Judgement {
    Judgement::Unknown(format!(
        "it is unknown whether {} can be upgraded from one to the other in one step",
        server.name
    ))
}

fn refusal(server: &Server, order: Ordering, from: &[u32], to: &[u32], mounts: &[String]) -> String {
    let why = match (order, server.up) {
        (Ordering::Less, _) => "does not read data of a newer version",
        (_, Up::None) => "does not start on data of another version",
        _ => "cannot read data of this version without intermediate versions",
    };
    let text = format!("{0} {1} on data of {0} {2}: it {why}", server.name, shown(to), shown(from));
    let folder = server.folders.iter().find(|(major, _)| to[0] >= *major).map(|(_, folder)| *folder);
    match folder.filter(|folder| !mounts.iter().any(|mount| mount == folder)) {
        Some(folder) => format!("{text}; it keeps its data in {folder}, where no volume is mounted"),
        None => text,
    }
}

/// Another server on the same data.
fn switch(old: &Known, new: &Known) -> Judgement {
    let (from, to) = (old.server.name, new.server.name);
    let version = |known: &Known| known.version.clone().unwrap_or_else(|| vec![u32::MAX]);
    // They part after the format of 7.2.
    let reads = match (from, to) {
        ("Redis", "Valkey") => version(old) < vec![7, 3],
        ("Valkey", "Redis") => version(old) < vec![9] && version(new) >= vec![7, 2],
        _ => false,
    };
    if reads {
        return Judgement::Fine;
    }
    Judgement::Unsafe(format!("{to} on data of {from}: it does not read it"), DUMP.to_owned())
}

/// The server of an image.
fn known(reference: &str) -> Option<Known> {
    let name = servers::of(reference)?;
    let server = SERVERS.iter().find(|server| server.name == name)?;
    let (repository, tag, _) = image::split(reference);
    let marked = server.marked.iter().any(|name| servers::ends_with(repository, name));
    let version = version(tag, marked);
    // Numbers of an owner's own counting are not versions of the server.
    let own = version.as_ref().is_some_and(|version| !(server.majors.0..=server.majors.1).contains(&version[0]));
    (!own).then_some(Known { server, version })
}

/// The numbers of a version in a tag, at least one.
fn version(tag: &str, marked: bool) -> Option<Vec<u32>> {
    let tag = tag.to_ascii_lowercase();
    let after_mark = tag.match_indices("pg").map(|(at, mark)| &tag[at + mark.len()..]).find(|rest| starts(rest));
    let text = match after_mark {
        Some(rest) => rest,
        None if marked => return None,
        None => tag.strip_prefix("release.").or_else(|| tag.strip_prefix('v')).unwrap_or(&tag),
    };
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let numbers: Option<Vec<u32>> =
        text[..end].split('.').filter(|number| !number.is_empty()).map(|number| number.parse().ok()).collect();
    numbers.filter(|numbers| !numbers.is_empty() && starts(text))
}

fn starts(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit())
}

fn cut(version: &[u32], line: usize) -> &[u32] {
    &version[..version.len().min(line)]
}

fn shown(version: &[u32]) -> String {
    version.iter().map(u32::to_string).collect::<Vec<_>>().join(".")
}

/// Whether it is the next line: the last number one more, all before it the same.
fn next(from: &[u32], to: &[u32]) -> bool {
    let (Some((last, head)), Some((to_last, to_head))) = (from.split_last(), to.split_last()) else { return false };
    head == to_head && to_last.checked_sub(*last) == Some(1)
}

/// Whether it is one step; none if it is unknown.
fn climb(lines: &[&[u32]], from: &[u32], to: &[u32]) -> Option<bool> {
    let newest = lines.last()?;
    // A tag such as `8` may be any of its versions.
    if from.len() < newest.len() || to.len() < newest.len() || to[0] > newest[0] {
        return None;
    }
    let step = |version: &[u32]| lines.iter().rposition(|line| *line <= version);
    match (step(from), step(to)) {
        (Some(from), Some(to)) => Some(to <= from + 1),
        (None, Some(_)) => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is(was: &str, becomes: &str) -> &'static str {
        match judge(was, becomes, true, &[]) {
            Judgement::Fine => "fine",
            Judgement::Unknown(_) => "unknown",
            Judgement::Unsafe(..) => "unsafe",
        }
    }

    #[test]
    fn every_jump_is_judged() {
        for (was, becomes, expected) in [
            ("docker.io/library/postgres:17.6", "docker.io/library/postgres:18.3", "unsafe"),
            ("postgres:17.6", "mirror.test/dockerhub/library/postgres:17.7-alpine3.22", "fine"),
            ("postgres:17.6", "postgres:17", "fine"),
            ("postgres:17", "postgres:16", "unsafe"),
            ("postgres:17", "postgres:latest", "unknown"),
            ("postgres:17", "postgres@sha256:ab", "unknown"),
            ("postgres:17@sha256:ab", "postgres:17@sha256:cd", "fine"),
            ("postgres:16-bookworm", "postgis/postgis:16-3.5", "fine"),
            ("postgres:16", "pgvector/pgvector:pg17", "unsafe"),
            ("pgvector/pgvector:0.8.0-pg17", "pgvector/pgvector:0.8.1-pg17", "fine"),
            ("timescale/timescaledb:2.17.2-pg16", "timescale/timescaledb:2.18.0-pg17", "unsafe"),
            ("timescale/timescaledb-ha:pg17.2-ts2.17", "postgres:17", "fine"),
            ("timescale/timescaledb:2.17.2", "postgres:17", "unknown"),
            ("bitnami/postgresql:16.4.0-debian-12-r3", "bitnamilegacy/postgresql:17.0.0", "unsafe"),
            ("postgres:17", "ghcr.io/contoso/our-db:4", "unknown"),
            ("ghcr.io/contoso/postgres:3", "ghcr.io/contoso/postgres:4", "fine"),
            ("ghcr.io/contoso/api:3", "ghcr.io/contoso/api:4", "fine"),
            ("mysql:8.0.36", "mysql:8.4", "fine"),
            ("mysql:8.4", "mysql:8.0", "unsafe"),
            ("mysql:8.0", "mysql:9.1", "unsafe"),
            ("mysql:8.4.3", "mysql:9.4", "fine"),
            ("mysql:5.7", "mysql:8.0", "fine"),
            ("mysql:5.7", "mysql:8.4", "unsafe"),
            ("mysql:9", "mysql:8", "unsafe"),
            ("mysql:8.0", "mysql:8", "unknown"),
            ("mysql:8.0", "mariadb:11", "unsafe"),
            ("mariadb:10.11", "mariadb:11.8", "fine"),
            ("mariadb:11.8", "mariadb:10.11", "unsafe"),
            ("mongo:6.0", "mongo:7.0.12", "fine"),
            ("mongo:6.0", "mongo:8.0", "unsafe"),
            ("mongo:7.0", "mongo:6.0", "unsafe"),
            ("mongo:8.0", "mongo:8.2", "fine"),
            ("mongo:7.0", "mongo:8", "unknown"),
            (
                "mcr.microsoft.com/mssql/server:2019-latest",
                "mcr.microsoft.com/mssql/server:2022-CU14-ubuntu-22.04",
                "fine",
            ),
            ("mcr.microsoft.com/mssql/server:2022-latest", "mcr.microsoft.com/mssql/server:2019-latest", "unsafe"),
            ("elasticsearch:7.17.3", "docker.elastic.co/elasticsearch/elasticsearch:8.17.3", "fine"),
            ("elasticsearch:7.17.3", "elasticsearch:9.0.0", "unsafe"),
            ("elasticsearch:8.1.0", "opensearchproject/opensearch:2.1.0", "unsafe"),
            ("rabbitmq:3.12-management", "rabbitmq:3.13-management", "fine"),
            ("rabbitmq:3.13", "rabbitmq:4.0", "fine"),
            ("rabbitmq:3.11", "rabbitmq:3.13", "unsafe"),
            ("rabbitmq:4.1", "rabbitmq:4.0", "unsafe"),
            ("rabbitmq:3.13", "rabbitmq:4", "unknown"),
            ("redis:7.2", "redis:8.2", "fine"),
            ("redis:8.2", "redis:7.4", "unsafe"),
            ("redis:7.4", "redis:7.2", "unsafe"),
            ("redis:7.2", "valkey/valkey:8.1", "fine"),
            ("redis:7.4", "valkey/valkey:8.1", "unsafe"),
            ("valkey/valkey:8.0", "redis:8.2", "fine"),
            ("redis:7.2", "ghcr.io/microsoft/garnet:1.0", "unsafe"),
            ("apache/kafka:3.9.0", "apache/kafka:4.0.0", "fine"),
            ("quay.io/keycloak/keycloak:26.0", "quay.io/keycloak/keycloak:25.0", "unsafe"),
            ("qdrant/qdrant:v1.12.4", "qdrant/qdrant:v1.13.0", "fine"),
            ("qdrant/qdrant:v1.12.4", "qdrant/qdrant:v1.15.0", "unsafe"),
            ("getmeili/meilisearch:v1.10", "getmeili/meilisearch:v1.11", "unsafe"),
            ("minio/minio:RELEASE.2024-01-01T00-00-00Z", "minio/minio:RELEASE.2025-04-22T22-12-26Z", "fine"),
            ("datalust/seq:2025.1", "datalust/seq:2024.3", "unsafe"),
            ("neo4j:4.4", "neo4j:5.1", "unsafe"),
            ("postgres:99999999999", "postgres:17", "unknown"),
            ("postgres:", "postgres:17", "unknown"),
            ("", "postgres:17", "unknown"),
        ] {
            assert_eq!(is(was, becomes), expected, "{was} -> {becomes}");
        }
    }

    #[test]
    fn every_known_server_has_its_versions() {
        let all: Vec<&str> = SERVERS.iter().map(|server| server.name).collect();
        assert_eq!(all, servers::names().collect::<Vec<_>>());
    }

    #[test]
    fn a_server_that_refused_the_data_has_not_touched_it() {
        assert_eq!(judge("postgres:18", "postgres:17", false, &[]), Judgement::Fine);
        assert_ne!(judge("postgres:17", "postgres:18", false, &[]), Judgement::Fine);
        assert_ne!(judge("mysql:8.4", "mysql:8.0", false, &[]), Judgement::Fine);
    }

    #[test]
    fn where_the_data_lies_is_said_when_it_is_elsewhere() {
        let said = |mount: &str| match judge("postgres:17.6", "postgres:18.3", true, &[mount.to_owned()]) {
            Judgement::Unsafe(what, way) => (what, way),
            other => panic!("{other:?}"),
        };
        let (what, way) = said("/var/lib/postgresql/data");
        assert!(what.starts_with("PostgreSQL 18 on data of PostgreSQL 17: it does not start"), "{what}");
        assert!(what.contains("in /var/lib/postgresql, where no volume is mounted") && way.contains("pg_upgrade"));
        assert!(!said("/var/lib/postgresql").0.contains("no volume"));
    }
}

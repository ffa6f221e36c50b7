//! Files that a manifest refers to. This module does not read them: a caller with a file system passes [`Sources`].

use super::sources::{Found, Sources};
use super::values::Values;
use super::{FileContent, FileMount};
use crate::config::{self, intent_place};
use crate::manifest::{self, BindMount, Kind, Manifest, Resource};
use crate::support::diagnostic::{Code, Diagnostic};
use std::collections::BTreeSet;

/// Where servers keep their data (the images' own documentation). Part of the image's name, empty for a path that only one
/// kind of server has, and the path; what lies below it counts too.
const DATA: [(&str, &str); 34] = [
    ("", "/var/lib/postgresql"),
    ("", "/var/lib/mysql"),
    ("", "/var/lib/mariadb"),
    ("", "/data/db"),
    ("", "/data/configdb"),
    ("", "/bitnami"),
    ("", "/var/opt/mssql"),
    ("", "/usr/share/elasticsearch/data"),
    ("", "/usr/share/opensearch/data"),
    ("", "/var/lib/rabbitmq"),
    ("", "/var/lib/kafka"),
    ("", "/tmp/kraft-combined-logs"),
    ("", "/var/lib/nats"),
    ("", "/qdrant/storage"),
    ("", "/var/lib/milvus"),
    ("", "/var/lib/weaviate"),
    ("", "/meili_data"),
    ("", "/var/lib/clickhouse"),
    ("", "/var/lib/cassandra"),
    ("", "/var/lib/influxdb"),
    ("", "/var/lib/ravendb"),
    ("", "/var/lib/grafana"),
    ("", "/opt/oracle/oradata"),
    ("", "/opt/couchbase/var"),
    ("", "/opt/keycloak/data"),
    ("", "/prometheus"),
    ("redis", "/data"),
    ("valkey", "/data"),
    ("garnet", "/data"),
    ("neo4j", "/data"),
    ("minio", "/data"),
    ("azurite", "/data"),
    ("seq", "/data"),
    ("nats", "/data"),
];

/// Endings of files that hold private keys.
const KEY_FILES: [&str; 6] = [".key", ".pfx", ".p12", ".jks", ".keystore", ".ppk"];

/// What stands in the first line of a private key in text form.
const KEY_TEXT: &[u8] = b"PRIVATE KEY-----";

/// Whether a file holds a private key, by its name or its content.
fn holds_key(path: &str, bytes: &[u8]) -> bool {
    let path = path.to_lowercase();
    KEY_FILES.iter().any(|ending| path.ends_with(ending)) || bytes.windows(KEY_TEXT.len()).any(|part| part == KEY_TEXT)
}

/// The paths, relative to the manifest, whose content [`super::resolve()`] needs.
pub(crate) fn wanted_sources(manifest: &Manifest) -> BTreeSet<&str> {
    let mut wanted = BTreeSet::new();
    for resource in manifest.resources.values() {
        wanted.extend(resource.bind_mounts.iter().map(|mount| mount.source.as_str()));
        if let Kind::DaprComponent { local_path: Some(path), .. } = &resource.kind {
            wanted.insert(path.as_str());
        }
        if let Kind::Dapr(dapr) = &resource.kind {
            wanted.extend(super::dapr::paths(dapr));
        }
    }
    wanted
}

/// The files of the AppHost's folder that a workload sees.
///
/// A volume of aspire-k8s.yaml at the same path takes the place of a bind mount.
pub(super) fn mounts(
    name: &str,
    resource: &Resource,
    intent: Option<&config::Resource>,
    sources: &Sources,
    values: &mut Values,
) -> Vec<FileMount> {
    let replaced = |target: &str| {
        let volumes = intent.into_iter().flat_map(|intent| intent.volumes.values());
        volumes.filter_map(|volume| volume.mount_path.as_deref()).any(|path| path == target)
    };
    let written = match &resource.kind {
        Kind::Container(manifest::Source::Image(image)) => image.as_str(),
        _ => "",
    };
    let image = intent.and_then(|intent| intent.image.as_deref()).unwrap_or(written);
    let mut mounts = Vec::new();
    for (index, mount) in resource.bind_mounts.iter().enumerate().filter(|(_, mount)| !replaced(&mount.target)) {
        let found = sources.get(&mount.source).unwrap_or(&Found::Missing);
        let asked = intent.and_then(|intent| intent.files.get(&mount.target)).and_then(|files| files.secret);
        let content = content(name, index, mount, found, image, values);
        let Some(content) = content else { continue };
        for sentence in sources.said(&mount.source) {
            values.note(name, format!("{}: {sentence}", mount.target));
        }
        if !mount.read_only && !matches!(content, FileContent::Missing { .. }) {
            let what = "it is mounted read-only, because files of the chart cannot be changed; use a volume to write";
            values.note(name, format!("{}: {what} (resources.{name}.volumes.NAME.mountPath)", mount.target));
        }
        let keys = keys(&mount.source, &content);
        let secret = asked.unwrap_or(!keys.is_empty());
        if let Some(key) = keys.first().filter(|_| secret && asked.is_none()) {
            values.note(name, format!("{}: `{key}` holds a private key, so the files go to a Secret", mount.target));
        }
        let (source, target) = (mount.source.clone(), mount.target.clone());
        mounts.push(FileMount { source, target, read_only: mount.read_only, secret, content });
    }
    check_known(name, resource, intent, values);
    mounts
}

/// What of the intent belongs to no mount.
fn check_known(name: &str, resource: &Resource, intent: Option<&config::Resource>, values: &mut Values) {
    for target in intent.into_iter().flat_map(|intent| intent.files.keys()) {
        if !resource.bind_mounts.iter().any(|mount| mount.target == *target) {
            let place = intent_place(format!("resources.{name}.files.{target}"));
            values.diagnostic(Diagnostic::new(
                Code::UnknownResource,
                place,
                format!("the manifest mounts nothing at {target}"),
            ));
        }
    }
}

fn keys<'a>(source: &'a str, content: &'a FileContent) -> Vec<&'a str> {
    match content {
        FileContent::File(bytes) => Some(source).filter(|source| holds_key(source, bytes)).into_iter().collect(),
        FileContent::Folder(files) => {
            files.iter().filter(|(path, bytes)| holds_key(path, bytes)).map(|(path, _)| path.as_str()).collect()
        }
        FileContent::Missing { .. } => Vec::new(),
    }
}

/// What a mount holds; none, with a note or a problem, when it cannot be there.
fn content(
    name: &str,
    index: usize,
    mount: &BindMount,
    found: &Found,
    image: &str,
    values: &mut Values,
) -> Option<FileContent> {
    let BindMount { source, target, .. } = mount;
    let place = format!("resources.{name}.bindMounts[{index}].source");
    if *found == Found::Socket {
        values.note(
            name,
            format!(
                "left out: `{source}` at {target} is a socket of the machine, which pods do not get; to use Docker, \
                run a container of its own (docker:dind) and its network address, or use the Kubernetes API \
                (`serviceAccount`)"
            ),
        );
        return None;
    }
    if !mount.read_only && !matches!(found, Found::File(_)) && is_data(image, target) {
        let what =
            format!("a server stores its data in `{source}` at {target}, and files of the chart cannot be changed");
        values.diagnostic(Diagnostic::new(Code::VolumeNotShareable, place, what).hint(format!(
            "mount a PVC there: resources.{name}.volumes.data: {{mountPath: {target}, size: 5Gi}} in aspire-k8s.yaml"
        )));
        return None;
    }
    let why = match found {
        Found::File(bytes) => return Some(FileContent::File(bytes.clone())),
        Found::Folder(files) => return Some(FileContent::Folder(files.clone())),
        Found::Refused(why) => {
            values.diagnostic(Diagnostic::new(Code::FileRefused, place, why.clone()).hint(format!(
                "build the files into the image, or mount a volume there: resources.{name}.volumes.NAME.mountPath: \
                {target} in aspire-k8s.yaml"
            )));
            return None;
        }
        Found::Outside => {
            "lies outside of the manifest's folder (--source-root DIR or `sourceRoot` in aspire-k8s.yaml lets it in)"
        }
        Found::Missing | Found::Socket => "is not beside the manifest",
    };
    let input = format!("{name}.bindMounts.{index}");
    values.note(name, format!("`{source}` {why}; input `{input}` names the ConfigMap to mount at {target} instead"));
    let short = if *found == Found::Outside { why } else { "is not there" };
    values.input_for(name, &input, format!("name of a ConfigMap to mount at {target}: `{source}` {short}"));
    Some(FileContent::Missing { input })
}

/// Whether a server keeps its data at a path.
fn is_data(image: &str, target: &str) -> bool {
    let target = target.trim_end_matches('/');
    DATA.iter().any(|(server, path)| {
        image.contains(server) && target.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_and_keys_are_known() {
        for (image, target) in [
            ("docker.io/library/postgres:17", "/var/lib/postgresql/data"),
            ("own", "/var/lib/postgresql"),
            ("docker.io/library/mongo:8", "/data/db/"),
            ("docker.io/library/redis:8", "/data"),
            ("datalust/seq", "/data"),
        ] {
            assert!(is_data(image, target), "{image} {target}");
        }
        for (image, target) in [("own", "/data"), ("own", "/var/lib/mysql-files"), ("redis", "/etc/redis")] {
            assert!(!is_data(image, target), "{image} {target}");
        }
        assert!(holds_key("a/web.KEY", b"") && holds_key("x.pem", b"-----BEGIN EC PRIVATE KEY-----\n"));
        assert!(!holds_key("x.pem", b"-----BEGIN CERTIFICATE-----\n"));
    }
}

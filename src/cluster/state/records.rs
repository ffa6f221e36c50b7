//! All records of a release, found as helm finds them: by labels, whatever the names of the objects. Reads only.

use super::record::Record;
use crate::cluster::api::objects::Objects as _;
use crate::cluster::connect::client::Cluster;
use crate::k8s::error::{Error, ErrorKind, Result};
use crate::k8s::kind::{CONFIG_MAP, SECRET};

/// The records, oldest revision first. `driver` is `HELM_DRIVER`; none if helm keeps its records outside of the cluster, out of the
/// reach of whoever may write into the namespace. One that cannot be read is an error: helm may read it.
pub(crate) fn all(
    cluster: &Cluster,
    driver: Option<&str>,
    namespace: &str,
    release: &str,
) -> Result<Option<Vec<Record>>> {
    let kind = match driver {
        None | Some("" | "secret" | "secrets") => &SECRET,
        Some("configmap" | "configmaps") => &CONFIG_MAP,
        Some(_) => return Ok(None),
    };
    let found = cluster.list(kind, namespace, &format!("owner=helm,name={release}"))?;
    let mut records = found.into_iter().map(Record::of).collect::<Result<Vec<_>>>()?;
    records.sort_by_key(|record| record.revision);
    Ok(Some(records))
}

/// The record of the revision that is in place, else of the last try; none of a release that is removed.
pub(crate) fn in_force(records: &[Record]) -> Option<&Record> {
    let there = |record: &&Record| record.status != "uninstalled" && record.status != "uninstalling";
    let deployed = records.iter().rfind(|record| record.status == "deployed");
    deployed.or_else(|| records.last().filter(there))
}

/// The record that helm finds by the number of a revision: by name, whatever its labels say.
pub(crate) fn named(
    cluster: &Cluster,
    driver: Option<&str>,
    namespace: &str,
    release: &str,
    revision: u64,
) -> Result<Record> {
    let kind = if driver.is_some_and(|driver| driver.starts_with("configmap")) { &CONFIG_MAP } else { &SECRET };
    let name = Record::name(release, revision);
    let object = cluster.get(kind, namespace, &name)?;
    let missing = || Error::new(ErrorKind::NotFound, format!("there is no {kind} {name} in namespace {namespace}"));
    Record::of(object.ok_or_else(missing)?)
}

//! Reads the live objects of a workload migration.

use crate::cluster::api::objects::Objects as _;
use crate::cluster::connect::client::Cluster;
use crate::k8s::error::ErrorKind;
use crate::k8s::kind::{CLAIM, DEPLOYMENT, JOB, Kind, NODE, POD, REPLICA_SET, SERVICE, STATEFUL_SET, VOLUME};
use crate::migration::{Change, Live, pods_of};
use crate::pipeline::Error;
use std::collections::BTreeSet;

/// What lives in a namespace, without volumes. Workloads come before ReplicaSets and these before pods, as
/// [`crate::migration::next()`] needs it.
pub(crate) fn live(cluster: &Cluster, namespace: &str) -> Result<Live, Error> {
    let list = |kind: &Kind| cluster.list(kind, namespace, "");
    Ok(Live {
        deployments: list(&DEPLOYMENT)?,
        stateful_sets: list(&STATEFUL_SET)?,
        replica_sets: list(&REPLICA_SET)?,
        pods: list(&POD)?,
        claims: list(&CLAIM)?,
        others: Vec::new(),
        volumes: Vec::new(),
        nodes: Vec::new(),
    })
}

/// Adds the Services and Jobs of these kinds and names.
pub(crate) fn others<'a>(
    cluster: &Cluster,
    namespace: &str,
    live: &mut Live,
    named: impl Iterator<Item = (&'a str, &'a str)>,
) -> Result<(), Error> {
    let named = named.filter(|(of, _)| *of == "Service" || *of == "Job");
    let wanted: Vec<(Kind, String)> = named.map(|(of, name)| (kind(of), name.to_owned())).collect();
    for found in cluster.get_all(namespace, &wanted)? {
        live.others.extend(found?);
    }
    Ok(())
}

/// Adds the volumes of these claims, as far as we may look.
pub(crate) fn volumes<'a>(
    cluster: &Cluster,
    live: &mut Live,
    claims: impl Iterator<Item = &'a str>,
) -> Result<(), Error> {
    for claim in claims {
        let name = live.claim(claim).and_then(|claim| claim["spec"]["volumeName"].as_str().map(str::to_owned));
        let Some(name) = name else { continue };
        match cluster.get(&VOLUME, "", &name) {
            Ok(volume) => live.volumes.extend(volume),
            Err(error) if error.kind() == ErrorKind::Forbidden => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Adds the nodes of the pods that are to end, as far as we may look.
pub(crate) fn nodes(cluster: &Cluster, live: &mut Live, changes: &[Change]) -> Result<(), Error> {
    let pods = changes.iter().flat_map(|change| pods_of(&change.old, live));
    let names: BTreeSet<String> = pods.filter_map(|pod| pod["spec"]["nodeName"].as_str()).map(str::to_owned).collect();
    for name in names {
        match cluster.get(&NODE, "", &name) {
            Ok(node) => live.nodes.extend(node),
            Err(error) if error.kind() == ErrorKind::Forbidden => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// The kind of a workload, Service or Job.
pub(crate) fn kind(name: &str) -> Kind {
    match name {
        "Deployment" => DEPLOYMENT,
        "Service" => SERVICE,
        "Job" => JOB,
        _ => STATEFUL_SET,
    }
}

//! Removes the charts that are to go with the application, the last one that was installed first.
//!
//! Our marks on helm's records say which they are, so that no file is needed.

use super::super::event::{Report, say};
use super::super::lock::{Hold, Seen, Word};
use super::super::run::Limits;
use super::super::{Error, Release};
use super::cluster_issuers;
use crate::charts::Marks;
use crate::cluster::{Cluster, ErrorKind, Owner, SECRET, label};
use crate::helm::Options;
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};

/// Namespace and name of a release.
type Place = (String, String);

/// What became of the charts.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Left {
    /// Those that were removed: `nginx in web`.
    pub removed: Vec<String>,
    /// Those that stay.
    pub kept: Vec<String>,
}

/// Removes what was installed for a release and is to go with it. `places` are further namespaces to look into where the
/// whole cluster may not be looked at.
pub fn remove(
    release: &Release,
    application: &str,
    cluster: &Cluster,
    places: &[String],
    limits: &Limits,
    report: &Report,
    word: Word,
) -> Result<Left, Error> {
    let mut left = Left::default();
    let mut found = found(release, cluster, places, report)?;
    found.retain(|(_, marks)| marks.is_of(application, &release.name, &release.namespace));
    found.sort_by(|(a, ours), (b, theirs)| (theirs.order, b).cmp(&(ours.order, a)));
    for ((namespace, name), marks) in found {
        let shown = format!("{name} in {namespace}");
        if !marks.destroy {
            left.kept.push(shown);
            continue;
        }
        if (limits.stopped)() {
            return Err(Error::Interrupted);
        }
        say(report, format!("removing the chart {shown}"));
        uninstall(&release.beside(&name, &namespace)?, application, cluster, limits, word)?;
        left.kept.extend(cluster_issuers::remove(cluster, &name, &namespace, report)?);
        left.removed.push(shown);
    }
    Ok(left)
}

fn uninstall(
    release: &Release,
    application: &str,
    cluster: &Cluster,
    limits: &Limits,
    word: Word,
) -> Result<(), Error> {
    let (helm, target) = release.helm()?;
    let (_, seen) = Seen::look(&helm, &target, cluster, release)?;
    let owner = Owner { release: &release.name, application };
    let hold = Hold::new(word.assume_helm_dead, limits);
    hold.keep(seen);
    hold.take(&helm, release, owner, "destroy")?;
    let options = Options { timeout: limits.left(), wait: true, ..Options::default() };
    let ran = helm.uninstall(&target, &options, &mut |_| {}).map_err(Error::from);
    let noted = hold.lock().and_then(|lock| lock.helm_ended(cluster, release, ran.is_ok()));
    let given_back = hold.release();
    ran.map(drop).and(noted).and(given_back)
}

/// The releases that bear marks for this one: (namespace, name) and the marks of the last revision.
fn found(
    release: &Release,
    cluster: &Cluster,
    places: &[String],
    report: &Report,
) -> Result<Vec<(Place, Marks)>, Error> {
    let selector = Marks::selector(&release.name, &release.namespace);
    let records = match cluster.list(&SECRET, "", &selector) {
        Ok(records) => records,
        Err(error) if error.kind() == ErrorKind::Forbidden => {
            let places: BTreeSet<&String> = places.iter().chain([&release.namespace]).collect();
            let names: Vec<&str> = places.iter().map(|place| place.as_str()).collect();
            say(report, format!("charts were looked for in {} only: we may not look everywhere", names.join(", ")));
            let mut records = Vec::new();
            for place in places {
                match cluster.list(&SECRET, place, &selector) {
                    Ok(more) => records.extend(more),
                    Err(error) if error.kind() == ErrorKind::Forbidden => {}
                    Err(error) => return Err(error.into()),
                }
            }
            records
        }
        Err(error) => return Err(error.into()),
    };
    let mut last: BTreeMap<Place, (u64, Marks)> = BTreeMap::new();
    for record in &records {
        let Some((place, revision, marks)) = read(record) else { continue };
        if last.get(&place).is_none_or(|(known, _)| *known < revision) {
            last.insert(place, (revision, marks));
        }
    }
    Ok(last.into_iter().map(|(place, (_, marks))| (place, marks)).collect())
}

fn read(record: &Json) -> Option<(Place, u64, Marks)> {
    let namespace = record["metadata"]["namespace"].as_str()?.to_owned();
    let name = label(record, "name")?.to_owned();
    let revision = label(record, "version")?.parse().ok()?;
    Some(((namespace, name), revision, Marks::read(&record["metadata"]["labels"])?))
}

//! Downloads a packed chart from a registry, through helm, into a private temporary folder.

use crate::cluster::connect::environment::Environment;
use crate::helm::{Helm, Pull};
use crate::pipeline::Error;
use crate::support::diagnostic::{Code, Diagnostic};
use crate::support::temporary;
use crate::targets::kubernetes::chart;
use std::path::PathBuf;
use std::time::Duration;
use tempfile::TempDir;

/// Longest time to fetch one chart.
pub(crate) const LIMIT: Duration = Duration::from_secs(120);

/// A packed chart; gone when dropped.
pub(crate) struct Fetched {
    pub archive: PathBuf,
    _folder: TempDir,
}

/// Fetches the chart at an `oci://` reference. Without a version it is the latest one, or the one of the reference's tag.
pub(crate) fn fetch(
    reference: &str,
    version: Option<&str>,
    plain_http: bool,
    environment: &Environment,
) -> Result<Fetched, Error> {
    let helm = Helm::find(environment)?;
    let folder = temporary::folder("fetch").map_err(Error::Temporary)?;
    let pull = Pull { reference, repository: None, version, plain_http };
    helm.pull(&pull, folder.path(), LIMIT)?;
    let entries = std::fs::read_dir(folder.path()).map_err(Error::Temporary)?;
    let archive = entries.flatten().map(|entry| entry.path()).find(|path| chart::is_archive(path));
    match archive {
        Some(archive) => Ok(Fetched { archive, _folder: folder }),
        None => {
            Err(Diagnostic::new(Code::ChartNotFound, "", format!("helm downloaded no chart from {reference}")).into())
        }
    }
}

//! Downloads a chart through helm into a private folder, and compares it with the lock file. Writes nothing else.

use super::decided::at;
use super::text::{last_line, unknown_version, unreachable};
use crate::external_charts::{PlannedChart, Source};
use crate::helm::{Helm, Pull};
use crate::pipeline::Error;
use crate::pipeline::engine::run::Limits;
use crate::support::diagnostic::Code;
use crate::support::digest::sha256;
use crate::support::read_file;
use crate::support::temporary;
use crate::targets::kubernetes::chart;
use serde_json::Value as Json;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;

/// Longest time for one question to a repository or registry.
const LIMIT: Duration = Duration::from_secs(60);

/// A chart on disk, ready to be given to helm.
pub(crate) struct Ready {
    /// The packed chart, or its folder.
    pub path: PathBuf,
    /// Name, as Chart.yaml says it.
    pub chart: String,
    /// Version, in the same way.
    pub version: String,
    /// SHA-256 of the packed chart, or of all files of the folder.
    pub digest: String,
    _folder: Option<TempDir>,
}

/// Fetches a chart, or looks at the one on disk.
pub(crate) fn fetch(chart: &PlannedChart, helm: &Helm, limits: &Limits) -> Result<Ready, Error> {
    let (path, folder) = match (&chart.source, pull(chart, chart.exact())) {
        (Source::File(path), _) => (PathBuf::from(path), None),
        (Source::Generated(files), _) => {
            let folder = temporary()?;
            for (name, text) in files {
                let path = folder.path().join(name);
                std::fs::create_dir_all(path.parent().unwrap_or(folder.path())).map_err(Error::Temporary)?;
                std::fs::write(path, text).map_err(Error::Temporary)?;
            }
            (folder.path().to_owned(), Some(folder))
        }
        (_, Some(pull)) => {
            let folder = temporary()?;
            let limit = LIMIT.min(limits.left());
            helm.pull(&pull, folder.path(), limit).map_err(|error| explained(chart, &pull, error, helm, limit))?;
            let entries = std::fs::read_dir(folder.path()).map_err(Error::Temporary)?;
            let archive = entries.flatten().map(|entry| entry.path()).find(|path| chart::is_archive(path));
            let none = || at(Code::ChartNotFound, chart, "helm fetched no packed chart".to_owned());
            (archive.ok_or_else(none)?, Some(folder))
        }
        (_, None) => return Err(Error::Defect(format!("the source of {}", chart.name))),
    };
    if !path.exists() {
        let what = format!("{} does not exist", path.display());
        return Err(at(Code::UnreadableFile, chart, what)
            .hint("the path is relative to the folder of aspire-k8s.yaml")
            .into());
    }
    // Before helm looks at it, which would wait for a FIFO.
    let digest = digest(chart, &path)?;
    let yaml = helm.chart_yaml(&path).map_err(|error| {
        at(
            Code::ChartRejected,
            chart,
            format!("{} is not a chart that helm can read: {}", path.display(), last_line(&error)),
        )
    })?;
    let text = |key: &str| yaml[key].as_str().unwrap_or_default().to_owned();
    let ready = Ready { chart: text("name"), version: text("version"), digest, path, _folder: folder };
    check(chart, &ready)?;
    Ok(ready)
}

/// The newest version of a chart that fits a range, as its repository says.
pub(crate) fn newest(chart: &PlannedChart, range: &str, helm: &Helm, limits: &Limits) -> Result<String, Error> {
    let Some(pull) = pull(chart, Some(range)) else {
        return Err(at(Code::NoEffect, chart, "it is a local chart, so it has no newer version".to_owned()).into());
    };
    let limit = LIMIT.min(limits.left());
    let yaml = helm.show_chart(&pull, limit).map_err(|error| explained(chart, &pull, error, helm, limit))?;
    Ok(yaml["version"].as_str().unwrap_or_default().to_owned())
}

fn pull<'a>(chart: &'a PlannedChart, version: Option<&'a str>) -> Option<Pull<'a>> {
    let plain_http = matches!(chart.source, Source::Oci { plain_http: true, .. });
    let repository = chart.source.repository();
    chart.source.is_remote().then(|| Pull { reference: chart.source.reference(), repository, version, plain_http })
}

fn temporary() -> Result<TempDir, Error> {
    temporary::folder("chart").map_err(Error::Temporary)
}

/// Why a chart could not be fetched, and what can be done.
fn explained(chart: &PlannedChart, pull: &Pull, error: crate::helm::Error, helm: &Helm, limit: Duration) -> Error {
    let place = chart.source.repository().unwrap_or(pull.reference);
    match &error {
        crate::helm::Error::Late { seconds, .. } => at(
            Code::ChartNotFound,
            chart,
            format!("{place} did not respond in {seconds} s"),
        )
        .hint(
            "check that it is running and reachable; `helm pull` shows more; raise --timeout to give the whole run \
        more time",
        )
        .into(),
        crate::helm::Error::Failed(_) if error.is_no_such_chart() && pull.version.is_some() => {
            // What there is instead is worth one more question, and nothing when that fails too.
            let newest = Pull { version: None, ..*pull };
            let newest = helm.show_chart(&newest, limit).ok();
            let newest = newest.as_ref().and_then(|yaml| yaml["version"].as_str());
            let (what, hint) = unknown_version(pull.reference, place, pull.version.unwrap_or_default(), newest);
            at(Code::ChartNotFound, chart, what).hint(hint).into()
        }
        crate::helm::Error::Failed(_) => {
            let (what, hint) = unreachable(pull.reference, place, &error);
            at(Code::ChartNotFound, chart, what).hint(hint).into()
        }
        _ => error.into(),
    }
}

/// Whether it is what was asked for and what the lock file says.
fn check(chart: &PlannedChart, ready: &Ready) -> Result<(), Error> {
    if let Some(exact) = chart.exact().filter(|exact| !crate::external_charts::fits(&ready.version, exact)) {
        return Err(at(
            Code::ChartChanged,
            chart,
            format!("version {exact} was requested, but {} was downloaded", ready.version),
        )
        .into());
    }
    let Some(locked) = &chart.locked else { return Ok(()) };
    let found = format!("sha256:{}", ready.digest);
    if locked.digest == found {
        return Ok(());
    }
    let what = format!(
        "the packed chart {} {} differs from the one in aspire-k8s.lock.yaml: {found} was downloaded, {} is locked",
        ready.chart, ready.version, locked.digest
    );
    let hint = format!(
        "a different chart was published under the same version: find out why; if that is intended, run `kubectl \
        aspire charts lock --chart {}`",
        chart.name
    );
    Err(Error::Refused(at(Code::ChartChanged, chart, what).hint(hint).into()))
}

/// The digest of a file, or of the names and bytes of all files in a folder.
fn digest(chart: &PlannedChart, path: &Path) -> Result<String, Error> {
    let read = |file: &Path| {
        read_file::bytes(file)
            .map_err(|error| at(Code::UnreadableFile, chart, format!("cannot read {}: {error}", file.display())))
    };
    if !path.is_dir() {
        return Ok(sha256(read(path)?));
    }
    let (mut files, mut folders) = (Vec::new(), vec![path.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).map_err(Error::Temporary)? {
            let entry = entry.map_err(Error::Temporary)?;
            match entry.file_type().map_err(Error::Temporary)? {
                kind if kind.is_dir() => folders.push(entry.path()),
                _ => files.push(entry.path()),
            }
        }
    }
    files.sort();
    let mut all = Vec::new();
    for file in files {
        let name = file.strip_prefix(path).unwrap_or(&file).display().to_string();
        all.extend(format!("{name}\0{}\0", sha256(read(&file)?)).into_bytes());
    }
    Ok(sha256(all))
}

/// What a chart on disk says of itself.
trait ChartYaml {
    fn chart_yaml(&self, path: &Path) -> crate::helm::Result<Json>;
}

impl ChartYaml for Helm {
    fn chart_yaml(&self, path: &Path) -> crate::helm::Result<Json> {
        let text = path.to_string_lossy();
        // A path with a root is a path to helm, whatever it looks like.
        let full = std::path::absolute(path).map_or_else(|_| text.into_owned(), |full| full.display().to_string());
        let pull = Pull { reference: &full, repository: None, version: None, plain_http: false };
        self.show_chart(&pull, LIMIT)
    }
}

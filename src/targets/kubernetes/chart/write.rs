//! Chart to folder and back: all or nothing, never over another owner's files.

use super::{Chart, MARK, VALUES_MARK, is_ours};
use crate::support::read_file;
use crate::support::temporary;
use crate::targets::kubernetes::helm_yaml;
use similar::TextDiff;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Why a chart was not written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// A person told us to stop before the new chart was whole.
    #[error("interrupted; nothing was written")]
    Interrupted,
    /// The folder holds something that is not a chart of ours.
    #[error("{0} is not empty and holds no chart of kubectl aspire; choose another folder with -o, or empty it")]
    Foreign(PathBuf),
    /// The folder holds something else than plain objects.
    #[error("{0} holds more than {OBJECTS}; choose another folder with -o, or empty it")]
    NotObjects(PathBuf),
    /// A whole folder cannot be exchanged while the person stands in it.
    #[error("{0} is the current folder or above it, and a render replaces the whole folder; name it from outside")]
    Within(PathBuf),
    /// The path is a file.
    #[error("{0} is a file; -o needs a folder")]
    NotAFolder(PathBuf),
    /// The file system said no.
    #[error("cannot {action} {path}: {source}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Start of the names of what is not finished yet.
const STAGING: &str = ".aspire-render-";

fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> WriteError {
    let path = path.to_owned();
    move |source| WriteError::Io { action, path, source }
}

/// Writes the chart to `folder`.
///
/// The new chart is written beside the old one and takes its place in one step, so that whoever interrupts us finds the
/// old chart whole. Files that a person added are carried over. A link to a folder stays a link.
pub fn write(chart: &Chart, folder: &Path) -> Result<(), WriteError> {
    write_unless(chart, folder, &|| false)
}

/// The same, unless a person tells us to stop: then what was begun is removed.
pub fn write_unless(chart: &Chart, folder: &Path, stopped: &dyn Fn() -> bool) -> Result<(), WriteError> {
    let go_on = || if stopped() { Err(WriteError::Interrupted) } else { Ok(()) };
    let real = folder.canonicalize();
    if let (Ok(real), Ok(current)) = (&real, std::env::current_dir().and_then(fs::canonicalize))
        && current.starts_with(real)
    {
        return Err(WriteError::Within(folder.to_owned()));
    }
    let folder = real.as_deref().unwrap_or(folder);
    let existing = existing(folder)?;
    let others = existing.iter().filter(|(path, _)| !chart.files.contains_key(*path));
    let parent = match folder.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    };
    fs::create_dir_all(&parent).map_err(failed("create", &parent))?;
    let staging = temporary::folder_in(&parent, STAGING).map_err(failed("create a folder in", &parent))?;
    let new = staging.path().join("chart");
    for (path, bytes) in &chart.files {
        go_on()?;
        write_file(&new.join(path), bytes)?;
    }
    for (path, thing) in others {
        go_on()?;
        if !is_generated(folder, path, &existing)? {
            let target = new.join(path);
            create_parent(&target)?;
            copy(&folder.join(path), *thing, &target).map_err(failed("copy", &folder.join(path)))?;
        }
    }
    go_on()?;
    replace(&new, folder, staging.path())
}

/// What lies at a path of a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Thing {
    File,
    /// Never followed: it can lead anywhere.
    Link,
    /// A device, a FIFO, a socket.
    Special(&'static str),
}

/// Copies a file of a person; a link stays a link.
fn copy(from: &Path, thing: Thing, to: &Path) -> io::Result<()> {
    match thing {
        #[cfg(unix)]
        Thing::Link => std::os::unix::fs::symlink(fs::read_link(from)?, to),
        Thing::Special(what) => Err(io::Error::other(format!("it is {what}; take it out of the folder"))),
        _ => fs::copy(from, to).map(drop),
    }
}

/// Puts `new` in the place of `folder`; what was there ends up in `staging`, which is about to be removed.
fn replace(new: &Path, folder: &Path, staging: &Path) -> Result<(), WriteError> {
    if !folder.exists() {
        return fs::rename(new, folder).map_err(failed("create", folder));
    }
    #[cfg(target_os = "linux")]
    {
        use rustix::fs::{CWD, RenameFlags, renameat_with};
        if renameat_with(CWD, new, CWD, folder, RenameFlags::EXCHANGE).is_ok() {
            return Ok(());
        }
    }
    // Without an atomic exchange the old chart is away for a moment; it goes back when the new one cannot come.
    let old = staging.join("old");
    fs::rename(folder, &old).map_err(failed("replace", folder))?;
    fs::rename(new, folder).map_err(|error| {
        let _ = fs::rename(&old, folder);
        failed("replace", folder)(error)
    })
}

/// The paths in a chart of ours; nothing when the folder is empty or missing.
fn existing(folder: &Path) -> Result<BTreeMap<String, Thing>, WriteError> {
    if !folder.exists() {
        return Ok(BTreeMap::new());
    }
    if !folder.is_dir() {
        return Err(WriteError::NotAFolder(folder.to_owned()));
    }
    if fs::read_dir(folder).map_err(failed("read", folder))?.next().is_none() {
        return Ok(BTreeMap::new());
    }
    let chart = read_file::found(&folder.join("Chart.yaml")).unwrap_or_default();
    if !is_ours(&String::from_utf8_lossy(&chart)) {
        return Err(WriteError::Foreign(folder.to_owned()));
    }
    let mut paths = BTreeMap::new();
    list_folder(folder, "", &mut paths)?;
    Ok(paths)
}

fn list_folder(folder: &Path, prefix: &str, paths: &mut BTreeMap<String, Thing>) -> Result<(), WriteError> {
    for entry in fs::read_dir(folder).map_err(failed("read", folder))? {
        let entry = entry.map_err(failed("read", folder))?;
        let path = format!("{prefix}{}", entry.file_name().to_string_lossy());
        // Of the entry itself: a link is not followed.
        let metadata = entry.metadata().map_err(failed("read", &entry.path()))?;
        if metadata.is_dir() {
            list_folder(&entry.path(), &format!("{path}/"), paths)?;
        } else if metadata.is_symlink() {
            paths.insert(path, Thing::Link);
        } else {
            paths.insert(path, read_file::special(&metadata).map_or(Thing::File, Thing::Special));
        }
    }
    Ok(())
}

fn read(folder: &Path, path: &str) -> Result<Vec<u8>, WriteError> {
    let path = folder.join(path);
    read_file::found(&path).map_err(failed("read", &path))
}

/// Whether a file of an older render is ours, and may go when the new render has none of its name.
fn is_generated(folder: &Path, path: &str, existing: &BTreeMap<String, Thing>) -> Result<bool, WriteError> {
    if existing.get(path) != Some(&Thing::File) {
        return Ok(false);
    }
    if let Some((workload, _)) = path.strip_prefix("files/").and_then(|rest| rest.split_once('/')) {
        // Files have no place for a mark: ours are those that a ConfigMap or Secret of ours reads.
        for kind in ["configmap", "secret"] {
            let map = format!("templates/{workload}/{kind}-files.yaml");
            if existing.get(&map) == Some(&Thing::File) {
                let text = String::from_utf8(read(folder, &map)?).unwrap_or_default();
                if text.starts_with(MARK) && text.contains(&helm_yaml(path)) {
                    return Ok(true);
                }
            }
        }
        return Ok(false);
    }
    let mark = if path.starts_with("templates/") {
        MARK
    } else if path.starts_with("values-") {
        VALUES_MARK
    } else {
        return Ok(false);
    };
    Ok(read(folder, path)?.starts_with(mark.as_bytes()))
}

fn write_file(path: &Path, bytes: &[u8]) -> Result<(), WriteError> {
    create_parent(path)?;
    fs::write(path, bytes).map_err(failed("write", path))
}

fn create_parent(path: &Path) -> Result<(), WriteError> {
    match path.parent() {
        Some(parent) => fs::create_dir_all(parent).map_err(failed("create", parent)),
        None => Ok(()),
    }
}

/// Name of the file that holds plain objects.
const OBJECTS: &str = "objects.yaml";

/// Writes plain objects into a folder that is empty or holds nothing but an older file of the kind.
pub fn write_objects(text: &str, folder: &Path) -> Result<PathBuf, WriteError> {
    if folder.is_file() {
        return Err(WriteError::NotAFolder(folder.to_owned()));
    }
    fs::create_dir_all(folder).map_err(failed("create", folder))?;
    for entry in fs::read_dir(folder).map_err(failed("read", folder))? {
        let name = entry.map_err(failed("read", folder))?.file_name();
        // What an interrupted run left is no reason to refuse.
        if name != OBJECTS && !name.to_string_lossy().starts_with(STAGING) {
            return Err(WriteError::NotObjects(folder.to_owned()));
        }
    }
    let file = folder.join(OBJECTS);
    let new = temporary::file_in(folder, STAGING);
    let mut new = new.map_err(failed("write into", folder))?;
    io::Write::write_all(&mut new, text.as_bytes()).map_err(failed("write", &file))?;
    new.persist(&file).map_err(|error| failed("write", &file)(error.error))?;
    Ok(file)
}

/// How a folder differs from a chart.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Difference {
    /// A unified diff, from what lies there to what would be written; empty when nothing differs.
    pub diff: String,
}

/// Compares what lies in `folder` with the chart. Files that a person added do not count.
pub fn check(chart: &Chart, folder: &Path) -> Result<Difference, WriteError> {
    let existing = existing(folder)?;
    let mut paths: BTreeSet<&String> = chart.files.keys().collect();
    for path in existing.keys().filter(|path| !chart.files.contains_key(*path)) {
        if is_generated(folder, path, &existing)? {
            paths.insert(path);
        }
    }
    let mut diff = String::new();
    for path in paths {
        let new = chart.files.get(path);
        let old = match existing.get(path) {
            None => None,
            Some(Thing::File) => Some(read(folder, path)?),
            // What it leads to is none of the chart's, and not to be shown.
            Some(other) => {
                let what = if let Thing::Special(what) = other { what } else { "a link" };
                let _ = writeln!(diff, "Only a file belongs there: a/{path} is {what}");
                continue;
            }
        };
        if old.as_ref() != new {
            diff.push_str(&file_diff(path, old.as_ref(), new));
        }
    }
    Ok(Difference { diff })
}

fn file_diff(path: &str, old: Option<&Vec<u8>>, new: Option<&Vec<u8>>) -> String {
    let header = |present: bool, side: &str| if present { format!("{side}/{path}") } else { "/dev/null".into() };
    let (old_header, new_header) = (header(old.is_some(), "a"), header(new.is_some(), "b"));
    let text = |bytes: Option<&Vec<u8>>| bytes.map_or(Ok(String::new()), |bytes| String::from_utf8(bytes.clone()));
    match (text(old), text(new)) {
        (Ok(old), Ok(new)) => TextDiff::from_lines(&old, &new)
            .unified_diff()
            .context_radius(3)
            .header(&old_header, &new_header)
            .to_string(),
        _ => format!("Binary files {old_header} and {new_header} differ\n"),
    }
}

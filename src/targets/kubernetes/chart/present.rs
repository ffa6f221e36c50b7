//! The content of the folder of a chart, and what a render would change there. It reads and never writes.

use super::error::{WriteError, failed};
use super::{Chart, MARK, VALUES_MARK, is_ours};
use crate::support::read_file::{self, Links};
use crate::targets::kubernetes::helm_yaml;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, Metadata};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

/// A folder as it was found.
#[derive(Debug, Default)]
pub(super) struct Present {
    root: PathBuf,
    /// Its files by their path with slashes.
    pub files: BTreeMap<String, Entry>,
    /// Its folders by their path, with what the system says of each; the folder itself has an empty path.
    pub folders: BTreeMap<String, Metadata>,
}

/// Something in a folder that is not a folder.
#[derive(Debug)]
pub(super) struct Entry {
    pub thing: Thing,
    /// What the system says of it; of a link, not of what it leads to.
    pub metadata: Metadata,
}

/// What lies at a path of a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Thing {
    /// A regular file.
    File,
    /// Never followed: it can lead anywhere.
    Link,
    /// A device, a FIFO, a socket.
    Special(&'static str),
}

/// How a chart differs from the folder.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Changes<'a> {
    /// Files of the chart that are missing, or are not what the chart says.
    pub written: BTreeSet<&'a str>,
    /// Files of an older render that the chart no longer has.
    pub removed: BTreeSet<&'a str>,
}

impl Present {
    /// What a folder holds that is a chart of ours, empty or missing.
    pub(super) fn look(folder: &Path) -> Result<Self, WriteError> {
        let mut present = Self { root: folder.to_owned(), ..Self::default() };
        if !folder.exists() {
            return Ok(present);
        }
        if !folder.is_dir() {
            return Err(WriteError::NotAFolder(folder.to_owned()));
        }
        if fs::read_dir(folder).map_err(failed("read", folder))?.next().is_none() {
            return Ok(present);
        }
        let chart = read_file::found(&folder.join("Chart.yaml")).unwrap_or_default();
        if !is_ours(&String::from_utf8_lossy(&chart)) {
            return Err(WriteError::Foreign(folder.to_owned()));
        }
        let metadata = folder.metadata().map_err(failed("read", folder))?;
        present.list(folder, "", metadata)?;
        Ok(present)
    }

    fn list(&mut self, folder: &Path, path: &str, metadata: Metadata) -> Result<(), WriteError> {
        self.folders.insert(path.to_owned(), metadata);
        for entry in fs::read_dir(folder).map_err(failed("read", folder))? {
            let entry = entry.map_err(failed("read", folder))?;
            let name = entry.file_name();
            let name = name.to_string_lossy();
            let path = if path.is_empty() { name.into_owned() } else { format!("{path}/{name}") };
            // Of the entry itself: a link is not followed.
            let metadata = entry.metadata().map_err(failed("read", &entry.path()))?;
            if metadata.is_dir() {
                self.list(&entry.path(), &path, metadata)?;
            } else {
                let thing = if metadata.is_symlink() {
                    Thing::Link
                } else {
                    read_file::special(&metadata).map_or(Thing::File, Thing::Special)
                };
                self.files.insert(path, Entry { thing, metadata });
            }
        }
        Ok(())
    }

    /// What a render of `chart` changes; `go_on` ends it early.
    pub(super) fn changes<'a>(
        &'a self,
        chart: &'a Chart,
        go_on: &dyn Fn() -> Result<(), WriteError>,
    ) -> Result<Changes<'a>, WriteError> {
        let mut changes = Changes::default();
        for (path, bytes) in &chart.files {
            go_on()?;
            if !self.holds(path, bytes) {
                changes.written.insert(path);
            }
        }
        for path in self.files.keys().filter(|path| !chart.files.contains_key(*path)) {
            go_on()?;
            if self.is_generated(path)? {
                changes.removed.insert(path);
            }
        }
        Ok(changes)
    }

    /// Whether a regular file with these bytes lies at a path. One that cannot be read is another one.
    fn holds(&self, path: &str, bytes: &[u8]) -> bool {
        let entry = self.files.get(path).filter(|entry| entry.thing == Thing::File);
        entry.is_some_and(|entry| {
            entry.metadata.len() == bytes.len() as u64 && is_same(&self.root.join(path), bytes).unwrap_or(false)
        })
    }

    /// The bytes of a file.
    pub(super) fn read(&self, path: &str) -> Result<Vec<u8>, WriteError> {
        let path = self.root.join(path);
        read_file::found(&path).map_err(failed("read", &path))
    }

    fn is_file(&self, path: &str) -> bool {
        self.files.get(path).is_some_and(|entry| entry.thing == Thing::File)
    }

    /// Whether a file of an older render is ours, and may go when the new render has none of its name.
    fn is_generated(&self, path: &str) -> Result<bool, WriteError> {
        if !self.is_file(path) {
            return Ok(false);
        }
        if let Some((workload, _)) = path.strip_prefix("files/").and_then(|rest| rest.split_once('/')) {
            // Files have no place for a mark: ours are those that a ConfigMap or Secret of ours reads.
            for kind in ["configmap", "secret"] {
                let map = format!("templates/{workload}/{kind}-files.yaml");
                if self.is_file(&map) {
                    let text = String::from_utf8(self.read(&map)?).unwrap_or_default();
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
        Ok(self.read(path)?.starts_with(mark.as_bytes()))
    }
}

/// Whether a file holds these bytes. It can be larger than what is read whole.
fn is_same(path: &Path, bytes: &[u8]) -> io::Result<bool> {
    let mut file = read_file::open(path, Links::Refuse)?;
    let (mut rest, mut buffer) = (bytes, [0; 1 << 14]);
    loop {
        let count = file.read(&mut buffer)?;
        if count == 0 {
            return Ok(rest.is_empty());
        }
        match rest.strip_prefix(&buffer[..count]) {
            Some(more) => rest = more,
            None => return Ok(false),
        }
    }
}

//! The files that bind mounts put into a container.
//!
//! This module must not write anything, and reads only below the folder of the manifest.

use crate::workload::Bytes;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// Full path in the container to content, for those bind mounts whose source is there.
pub(super) fn mounted(folder: &Path, resource: &Value) -> BTreeMap<String, Bytes> {
    let mut files = BTreeMap::new();
    for (source, target) in mounts(resource) {
        add(&folder.join(source), target, &mut files);
    }
    files
}

/// Index and target of those whose source is not there.
pub(super) fn missing<'a>(folder: &Path, resource: &'a Value) -> Vec<(usize, &'a str)> {
    let gone = mounts(resource).enumerate().filter(|(_, (source, _))| !folder.join(source).exists());
    gone.map(|(index, (_, target))| (index, target)).collect()
}

fn mounts(resource: &Value) -> impl Iterator<Item = (&str, &str)> {
    let mounts = resource["bindMounts"].as_array().into_iter().flatten();
    mounts.filter_map(|mount| Some((mount["source"].as_str()?, mount["target"].as_str()?.trim_end_matches('/'))))
}

fn add(source: &Path, target: &str, files: &mut BTreeMap<String, Bytes>) {
    if let Ok(content) = fs::read(source) {
        files.insert(target.to_owned(), content);
    }
    for entry in fs::read_dir(source).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        add(&entry.path(), &format!("{target}/{name}"), files);
    }
}

//! The files that bind mounts put into a container.
//!
//! This module must not write anything, and reads only below the folder of the manifest.

use crate::workload::Bytes;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// Full path in the container to content, for those bind mounts whose source is there.
pub fn mounted(folder: &Path, resource: &Value) -> BTreeMap<String, Bytes> {
    let mut files = BTreeMap::new();
    for mount in resource["bindMounts"].as_array().into_iter().flatten() {
        if let (Some(source), Some(target)) = (mount["source"].as_str(), mount["target"].as_str()) {
            add(&folder.join(source), target.trim_end_matches('/'), &mut files);
        }
    }
    files
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

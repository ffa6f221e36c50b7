//! Files that a manifest points to. Reading them is not done here: whoever has a file system passes [`Sources`].

use super::values::Values;
use super::{FileContent, FileMount};
use crate::manifest::{Kind, Manifest, Resource};
use crate::problem::Problem;
use std::collections::{BTreeMap, BTreeSet};

/// What was found at each path that a manifest points to.
pub type Sources = BTreeMap<String, Found>;

/// What was found at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// A file.
    File(Vec<u8>),
    /// A folder: relative path (slashes) to bytes.
    Folder(BTreeMap<String, Vec<u8>>),
    /// Nothing.
    Missing,
    /// Something that must not or cannot be taken; the sentence says what.
    Refused(String),
}

/// The paths, relative to the manifest, whose content [`super::resolve`] needs.
pub fn wanted_sources(manifest: &Manifest) -> BTreeSet<&str> {
    let mut wanted = BTreeSet::new();
    for resource in manifest.resources.values() {
        wanted.extend(resource.bind_mounts.iter().map(|mount| mount.source.as_str()));
        if let Kind::DaprComponent { local_path: Some(path), .. } = &resource.kind {
            wanted.insert(path.as_str());
        }
    }
    wanted
}

/// The files of the AppHost's folder that a workload sees.
pub fn mounts(name: &str, resource: &Resource, sources: &Sources, values: &mut Values) -> Vec<FileMount> {
    let mut mounts = Vec::new();
    for (index, mount) in resource.bind_mounts.iter().enumerate() {
        let content = match sources.get(&mount.source) {
            Some(Found::File(bytes)) => FileContent::File(bytes.clone()),
            Some(Found::Folder(files)) => FileContent::Folder(files.clone()),
            Some(Found::Refused(why)) => {
                values.problem(
                    Problem::at(format!("resources.{name}.bindMounts[{index}].source"), why.clone()).hint(format!(
                        "put the file beside the manifest, build it into the image, or `exclude` `{name}` in aspire-k8s.yaml"
                    )),
                );
                continue;
            }
            Some(Found::Missing) | None => {
                let input = format!("{name}.bindMounts.{index}");
                values.note(
                    name,
                    format!(
                        "`{}` is not beside the manifest; input `{input}` names the ConfigMap to mount at {} instead",
                        mount.source, mount.target
                    ),
                );
                let reason =
                    format!("name of a ConfigMap to mount at {}: `{}` is not there", mount.target, mount.source);
                values.input_for(name, &input, reason);
                FileContent::Missing { input }
            }
        };
        mounts.push(FileMount {
            source: mount.source.clone(),
            target: mount.target.clone(),
            read_only: mount.read_only,
            content,
        });
    }
    mounts
}

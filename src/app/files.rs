//! Files that a manifest points to. Reading them is not done here: whoever has a file system passes [`Sources`].

use super::values::Values;
use super::{FileContent, FileMount};
use crate::config;
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

/// The paths, relative to the manifest, whose content [`super::resolve()`] needs.
pub fn wanted_sources(manifest: &Manifest) -> BTreeSet<&str> {
    let mut wanted = BTreeSet::new();
    for resource in manifest.resources.values() {
        wanted.extend(resource.bind_mounts.iter().map(|mount| mount.source.as_str()));
        if let Kind::DaprComponent { local_path: Some(path), .. } = &resource.kind {
            wanted.insert(path.as_str());
        }
        if let Kind::Dapr(dapr) = &resource.kind {
            wanted.extend(super::dapr::paths(dapr));
        }
    }
    wanted
}

/// The files of the AppHost's folder that a workload sees.
///
/// A volume of aspire-k8s.yaml at the same path takes the place of a bind mount.
pub fn mounts(
    name: &str,
    resource: &Resource,
    intent: Option<&config::Resource>,
    sources: &Sources,
    values: &mut Values,
) -> Vec<FileMount> {
    let replaced = |target: &str| {
        let volumes = intent.into_iter().flat_map(|intent| intent.volumes.values());
        volumes.filter_map(|volume| volume.mount_path.as_deref()).any(|path| path == target)
    };
    let mut mounts = Vec::new();
    for (index, mount) in resource.bind_mounts.iter().enumerate().filter(|(_, mount)| !replaced(&mount.target)) {
        let content = match sources.get(&mount.source) {
            Some(Found::File(bytes)) => FileContent::File(bytes.clone()),
            Some(Found::Folder(files)) => FileContent::Folder(files.clone()),
            Some(Found::Refused(why)) => {
                values.problem(Problem::at(format!("resources.{name}.bindMounts[{index}].source"), why.clone()).hint(
                    format!(
                        "build the files into the image, or put a volume there: \
                         resources.{name}.volumes.NAME.mountPath: {} in aspire-k8s.yaml",
                        mount.target
                    ),
                ));
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

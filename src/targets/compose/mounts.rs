//! Volumes and files of a service. A path is always one below the Compose file, never one of a developer's machine.

use super::node::{Map, Node, list, map};
use super::planning::Planning;
use super::text::{Piece, Text};
use crate::app::{App, FileContent, FileMount, Form, Volume, Workload};
use crate::config;
use crate::support::diagnostic::{Code, Diagnostic};
use crate::support::digest::sha256;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// Names of volumes by their full name in the manifest: without Aspire's prefix, unless two would be called alike.
pub(super) fn volume_names(app: &App) -> BTreeMap<String, String> {
    let mut short: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    let named = || app.workloads.values().flat_map(|workload| &workload.volumes);
    let named = || named().filter_map(|volume| Some((volume.full_name.as_deref()?, volume)));
    for (full, volume) in named() {
        short.entry(legal(&volume.name)).or_default().insert(full);
    }
    let name = |full: &str, volume: &Volume| {
        let name = legal(&volume.name);
        let is_alone = short.get(&name).is_none_or(|all| all.len() < 2);
        if is_alone { name } else { format!("{name}-{}", &sha256(full)[..8]) }
    };
    named().map(|(full, volume)| (full.to_owned(), name(full, volume))).collect()
}

/// A name that Docker takes for a volume or a file.
fn legal(text: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.') { c } else { '-' };
    let name: String = text.chars().map(plain).collect();
    if name.starts_with(|c: char| c.is_ascii_alphanumeric()) { name } else { format!("x{name}") }
}

/// `volumes:` of a service, and the digest of the files that it mounts.
pub(super) fn mounts(planning: &mut Planning, workload: &Workload) -> (Option<Node>, Option<String>) {
    let mut mounting =
        Mounting { workload, intent: planning.intent(workload), planning, mounts: Vec::new(), digest: String::new() };
    mounting.volumes();
    for (index, mount) in workload.files.iter().enumerate() {
        mounting.file(index, mount);
    }
    mounting.check_targets();
    let Mounting { mounts, digest, .. } = mounting;
    let mounts = mounts.into_iter().map(|(_, mount)| Node::Map(mount)).collect();
    (list(mounts), (!digest.is_empty()).then(|| sha256(digest)[..16].to_owned()))
}

struct Mounting<'p, 'a> {
    planning: &'p mut Planning<'a>,
    workload: &'p Workload,
    intent: config::Resource,
    /// What is mounted, by its path in the container.
    mounts: Vec<(String, Map)>,
    /// Paths and digests of files.
    digest: String,
}

impl Mounting<'_, '_> {
    /// The volumes of the manifest, with what the file says of them, then further ones of the file.
    fn volumes(&mut self) {
        let workload = self.workload;
        let said = std::mem::take(&mut self.intent.volumes);
        let mut used = BTreeSet::new();
        for volume in &workload.volumes {
            let full = volume.full_name.as_deref().unwrap_or_default();
            let found = said.get_key_value(&volume.name).or_else(|| said.get_key_value(full));
            used.extend(found.map(|(key, _)| key.clone()));
            let intent = found.map(|(_, intent)| intent.clone());
            let source = match (&intent, &volume.full_name) {
                (Some(intent), _) if intent.ephemeral => None,
                (Some(intent), _) if intent.of.is_some() => self.shared(intent, &volume.name),
                (_, Some(full)) => self.planning.volumes.get(full).cloned(),
                (Some(_), None) => Some(self.own(&volume.name)),
                (None, None) => None,
            };
            let intent = intent.unwrap_or_default();
            self.check_replicas(&volume.name, &intent);
            let target = intent.mount_path.unwrap_or_else(|| volume.target.clone());
            self.volume(source, target, intent.read_only.unwrap_or(volume.read_only));
        }
        for (key, intent) in said.into_iter().filter(|(key, _)| !used.contains(key)) {
            let Some(target) = intent.mount_path.clone() else {
                let what = format!("the manifest mounts no volume `{key}` on `{}`", workload.name);
                let hint = "a volume of your own needs `mountPath`";
                self.planning.problem(Code::UnknownResource, &workload.name, &format!("volumes.{key}"), what, hint);
                continue;
            };
            self.check_replicas(&key, &intent);
            let source = match (intent.ephemeral, intent.of.is_some()) {
                (true, _) => None,
                (false, true) => self.shared(&intent, &key),
                (false, false) => Some(self.own(&key)),
            };
            self.volume(source, target, intent.read_only.unwrap_or(false));
        }
    }

    fn own(&self, key: &str) -> String {
        format!("{}-{}", self.planning.service(&self.workload.name), legal(key))
    }

    /// The volume of this name that another resource mounts.
    fn shared(&mut self, intent: &config::Volume, key: &str) -> Option<String> {
        let owner = intent.of.as_deref().unwrap_or_default();
        let of_manifest = self.planning.app.workloads.get(owner).into_iter().flat_map(|owner| &owner.volumes);
        let full = of_manifest.filter(|volume| volume.name == key).find_map(|volume| volume.full_name.as_ref());
        let is_of_file = || self.planning.config.resources.get(owner).is_some_and(|it| it.volumes.contains_key(key));
        let found = match full {
            Some(full) => self.planning.volumes.get(full).cloned(),
            None if is_of_file() => Some(format!("{}-{}", self.planning.service(owner), legal(key))),
            None => None,
        };
        if found.is_none() {
            let what = format!("`{owner}` has no volume `{key}` that can be shared");
            let hint = "`of` must name a resource that mounts a volume of this name";
            self.planning.problem(Code::UnknownResource, &self.workload.name, &format!("volumes.{key}.of"), what, hint);
        }
        found
    }

    /// All containers of a service have the same volumes.
    fn check_replicas(&mut self, key: &str, intent: &config::Volume) {
        let replicas = self.intent.replicas.unwrap_or(1);
        if intent.per_replica && replicas > 1 {
            let what =
                format!("Compose gives all {replicas} containers of `{}` one volume `{key}`", self.workload.name);
            let hint = "set `replicas: 1`, or define a resource for each container in the AppHost";
            let key = format!("volumes.{key}.perReplica");
            self.planning.problem(Code::VolumeNotShareable, &self.workload.name, &key, what, hint);
        }
    }

    /// A volume; one without a source lives as long as its container.
    fn volume(&mut self, source: Option<String>, target: String, read_only: bool) {
        self.planning.mounted.extend(source.clone());
        let source = source.map(Node::literal);
        self.mount("volume", source, target, read_only, None);
    }

    fn mount(&mut self, kind: &str, source: Option<Node>, target: String, read_only: bool, more: Option<Map>) {
        let entry = map([
            ("type", Some(Node::literal(kind))),
            ("source", source),
            ("target", Some(Node::literal(target.clone()))),
            ("read_only", read_only.then_some(Node::Flag(true))),
            (kind, more.map(Node::Map)),
        ]);
        self.mounts.push((target, entry));
    }

    /// A file or folder of the AppHost's folder.
    fn file(&mut self, index: usize, mount: &FileMount) {
        let service = self.planning.service(&self.workload.name);
        let base = format!("files/{service}/{index}-{}", legal(file_name(&mount.source)));
        let source = match &mount.content {
            FileContent::Missing { input } => {
                let about = format!("{input}: path of what is mounted at {}", one_line(&mount.target));
                self.planning.variables.make_path(input, about);
                Text::from(self.planning.variables.input(input, Form::Plain))
            }
            FileContent::File(bytes) => {
                self.add(base.clone(), bytes);
                beside(&base)
            }
            // Docker mounts no folder that is not there, and no version control keeps an empty one.
            FileContent::Folder(files) if files.is_empty() => {
                self.mount("tmpfs", None, mount.target.clone(), false, None);
                return;
            }
            FileContent::Folder(files) => {
                for (path, bytes) in files {
                    if is_inside(path) {
                        self.add(format!("{base}/{path}"), bytes);
                    } else {
                        self.refuse(path);
                    }
                }
                beside(&base)
            }
        };
        // Without this, Docker makes an empty folder in the place of a file that is not there.
        let only_existing = map([("create_host_path", Some(Node::Flag(false)))]);
        self.mount("bind", Some(Node::Text(source)), mount.target.clone(), true, Some(only_existing));
    }

    fn add(&mut self, path: String, bytes: &[u8]) {
        // Writing into memory does not fail.
        let _ = write!(self.digest, "{path}\0{}\0", sha256(bytes));
        self.planning.files.insert(path, bytes.to_vec());
    }

    fn refuse(&mut self, path: &str) {
        let what = format!("`{path}` is not a path inside of the folder that is mounted");
        let place = format!("resources.{}.bindMounts", self.workload.name);
        self.planning.diagnostics.push(Diagnostic::new(Code::FileRefused, place, what));
    }

    /// Two things cannot be mounted at one path.
    fn check_targets(&mut self) {
        let mut seen = BTreeSet::new();
        for (target, _) in &self.mounts {
            if !seen.insert(target) {
                let what = format!("two volumes or bind mounts of `{}` are mounted at {target}", self.workload.name);
                let place = format!("resources.{}", self.workload.name);
                let diagnostic = Diagnostic::new(Code::NameCollision, place, what);
                self.planning.diagnostics.push(diagnostic.hint("set another path for one of them"));
            }
        }
    }
}

/// A path beside the Compose file.
fn beside(path: &str) -> Text {
    Text::from(Piece::Literal(format!("./{path}")))
}

fn file_name(path: &str) -> &str {
    path.trim_end_matches('/').rsplit('/').next().unwrap_or(path)
}

fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// Whether a path stays in the folder that it starts from, on every system, and in one line of the list of files.
pub(super) fn is_inside(path: &str) -> bool {
    let is_unsafe = |c: char| c.is_control() || matches!(c, '\\' | ':' | '\u{2028}' | '\u{2029}');
    !path.contains(is_unsafe) && path.split('/').all(|part| !matches!(part, "" | "." | ".."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_docker_names() {
        for (text, name) in [("orders-data", "orders-data"), ("a b/c", "a-b-c"), ("-x", "x-x"), ("", "x")] {
            assert_eq!(legal(text), name);
        }
    }

    #[test]
    fn paths_stay_inside() {
        assert!(is_inside("a/b.conf") && is_inside(".hidden"));
        for path in ["", "/etc", "a/../b", "..", "a//b", "C:\\x", "a/./b", "a\n#   b", "a\u{2028}b"] {
            assert!(!is_inside(path), "{path}");
        }
    }
}

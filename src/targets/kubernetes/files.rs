//! Files of the AppHost's folder as ConfigMaps, or as Secrets if a private key is among them.
//!
//! Sizes are checked here, before anything is written: a ConfigMap holds 1 MiB, and helm keeps the whole release (each
//! file twice, compressed, then base64) in one Secret of 1 MiB.

use super::formula::Scalar;
use super::name::Name;
use super::text;
use super::view::{FileEntry, FileItem, FilesView, formula};
use crate::app::{FileContent, FileMount, Workload};
use crate::support::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::support::digest::sha256;
use flate2::{Compression, write::GzEncoder};
use std::collections::BTreeSet;
use std::io::Write as _;

/// Most that a ConfigMap may hold.
const CONFIG_MAP_BYTES: usize = 1 << 20;

/// Most compressed bytes of files that fit into a release record: each is stored twice and base64 adds a third, beside
/// about 60 KiB for the rest of a chart.
const RELEASE_FILE_BYTES: usize = 360_000;

/// A file that the chart carries for a ConfigMap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChartFile {
    /// Path in the chart.
    pub path: String,
    pub bytes: Vec<u8>,
}

#[derive(Debug, Default)]
pub(crate) struct WorkloadFiles {
    pub mounts: Vec<FilesView>,
    /// Keys of the ConfigMap.
    pub entries: Vec<FileEntry>,
    pub files: Vec<ChartFile>,
}

/// Plans the files of a workload.
pub(crate) fn files(workload: &Workload, name: &Name, diagnostics: &mut Diagnostics) -> WorkloadFiles {
    let mut planned = WorkloadFiles::default();
    let mut keys = BTreeSet::new();
    for (index, mount) in workload.files.iter().enumerate() {
        let volume = format!("files-{index}");
        let view = match &mount.content {
            FileContent::Missing { input } => missing(mount, volume, input),
            FileContent::File(bytes) => {
                let key = add(&mut planned, &mut keys, name, file_name(&mount.source), bytes, mount.secret);
                let items = vec![FileItem { key: key.clone(), path: key.clone() }];
                view(mount, volume, name, Some(key), items)
            }
            FileContent::Folder(files) => {
                let items = files.iter().map(|(path, bytes)| FileItem {
                    key: add(&mut planned, &mut keys, name, path, bytes, mount.secret),
                    path: path.clone(),
                });
                let items = items.collect();
                view(mount, volume, name, None, items)
            }
        };
        planned.mounts.push(view);
    }
    let size: usize = planned.files.iter().map(|file| file.bytes.len()).sum();
    if size > CONFIG_MAP_BYTES {
        diagnostics.push(too_large(
            format!("resources.{}.bindMounts", workload.name),
            &format!("its files have {size} bytes, but a ConfigMap holds at most {CONFIG_MAP_BYTES}"),
        ));
    }
    planned
}

/// Refuses files that do not fit into helm's record of a release.
pub(crate) fn check_release_size(files: &[ChartFile], diagnostics: &mut Diagnostics) {
    let total: usize = files.iter().map(|file| file.bytes.len()).sum();
    if total <= RELEASE_FILE_BYTES {
        return;
    }
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    for file in files {
        // Writing to a Vec cannot fail.
        let _ = encoder.write_all(&file.bytes);
    }
    let compressed = encoder.finish().map_or(total, |bytes| bytes.len());
    if compressed > RELEASE_FILE_BYTES {
        diagnostics.push(too_large(
            "resources.*.bindMounts".into(),
            &format!(
                "all mounted files have {compressed} bytes when compressed, but helm's record of a release \
            holds at most {RELEASE_FILE_BYTES}"
            ),
        ));
    }
}

fn too_large(place: String, what: &str) -> Diagnostic {
    Diagnostic::new(Code::ValueTooLarge, place, what)
        .hint("build the files into the image, or put them on a volume (`volumes` in aspire-k8s.yaml)")
}

fn add(
    planned: &mut WorkloadFiles,
    keys: &mut BTreeSet<String>,
    name: &Name,
    path: &str,
    bytes: &[u8],
    secret: bool,
) -> String {
    let key = key(path, keys);
    let chart_path = format!("files/{name}/{key}");
    let binary = std::str::from_utf8(bytes).map_or(true, |text| text.contains(is_no_text));
    // Helm drops a byte-order mark from the start of every file of a chart.
    let padded = bytes.starts_with("\u{feff}".as_bytes());
    let bytes = if padded { [b"\n", bytes].concat() } else { bytes.to_vec() };
    planned.entries.push(FileEntry { key: key.clone(), path: chart_path.clone(), secret, binary, padded });
    planned.files.push(ChartFile { path: chart_path, bytes });
    key
}

/// What keeps a file from being text of a ConfigMap, so that it travels as base64.
fn is_no_text(c: char) -> bool {
    c == '\0' || text::is_lost_when_applied(c)
}

/// A key of a ConfigMap for a path: `a/b c.sql` is `a.b-c.sql`; a hash keeps apart what would fall together.
fn key(path: &str, keys: &mut BTreeSet<String>) -> String {
    let legal = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.') { c } else { '-' };
    let mut key: String = path.replace('/', ".").chars().map(legal).collect();
    let trimmed = key.trim_start_matches('.').len();
    key = key.split_off(key.len() - trimmed);
    if key.is_empty() || key.len() > 200 || keys.contains(&key) {
        let hash = sha256(path);
        let start: String = key.chars().take(190).collect();
        key = format!("{start}-{}", &hash[..8]);
    }
    // Files of one name in several folders have one hash, because only their names are looked at.
    let base = key.clone();
    let mut number = 2_u32;
    while !keys.insert(key.clone()) {
        key = format!("{base}-{number}");
        number += 1;
    }
    key
}

fn view(mount: &FileMount, volume: String, name: &Name, sub_path: Option<String>, items: Vec<FileItem>) -> FilesView {
    FilesView {
        volume,
        config_map: Scalar::Text(name.with("-files")),
        foreign: false,
        secret: mount.secret,
        target: mount.target.clone(),
        sub_path,
        empty: items.is_empty(),
        items,
    }
}

fn missing(mount: &FileMount, volume: String, input: &str) -> FilesView {
    let file = file_name(&mount.source);
    FilesView {
        volume,
        config_map: formula(format!("{{{{ include \"aspire.parameter\" (list $ {}) | quote }}}}", text::go(input))),
        foreign: true,
        secret: false,
        target: mount.target.clone(),
        // A name with an ending was a file, and is a key of the ConfigMap that takes its place.
        sub_path: file.contains('.').then(|| file.to_owned()),
        empty: false,
        items: Vec::new(),
    }
}

fn file_name(path: &str) -> &str {
    path.trim_end_matches('/').rsplit('/').next().unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_legal_and_distinct() {
        let mut keys = BTreeSet::new();
        assert_eq!(key("a/b c.sql", &mut keys), "a.b-c.sql");
        assert_ne!(key("a.b-c.sql", &mut keys), "a.b-c.sql");
        assert_eq!(key("../.hidden", &mut keys), "hidden");
        let same: BTreeSet<String> = (0..4).map(|_| key("init.sql", &mut keys)).collect();
        assert_eq!(same.len(), 4);
    }
}

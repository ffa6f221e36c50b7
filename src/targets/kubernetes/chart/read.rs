//! A chart on disk, as files in memory: a folder, or the archive that `helm package` and registries create from one.
//!
//! Everything in it is untrusted: content that unpacks to too much, lies outside of the one folder of the archive or is
//! not a regular file is refused. Nothing is written.

use super::{Chart, is_ours};
use crate::support::diagnostic::{Code, Diagnostic};
use crate::support::read_file;
use crate::support::read_file::Links;
use flate2::read::GzDecoder;
use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};

/// Most that the files of a chart may hold together; helm's record of a release takes 1 MiB of it packed.
const LARGEST: u64 = 64 << 20;

/// Most files of a chart.
const MOST: usize = 100_000;

/// Why a chart could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file system said no, or the archive is damaged.
    #[error("cannot read {path}: {source}")]
    Io {
        /// The folder or file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It is no chart at all.
    #[error("{0} is not a Helm chart: it contains no Chart.yaml")]
    NoChart(PathBuf),
    /// It is a chart of another owner.
    #[error(
        "{0} is a Helm chart that kubectl aspire did not render; install it with `helm upgrade --install`, or pass the manifest of the application"
    )]
    Foreign(PathBuf),
    /// It holds what no chart of ours holds.
    #[error("{path}: {what}")]
    Hostile {
        /// The archive or folder.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
}

impl ReadError {
    /// The same as a problem.
    pub fn to_diagnostic(&self) -> Diagnostic {
        let code = if matches!(self, Self::Io { .. }) { Code::UnreadableFile } else { Code::NotARenderedChart };
        Diagnostic::new(code, "", self.to_string())
    }
}

/// Whether this folder is a chart, ours or not.
pub(crate) fn is_chart(folder: &Path) -> bool {
    folder.join("Chart.yaml").is_file()
}

/// Whether this is the name of a packed chart.
pub(crate) fn is_archive(path: &Path) -> bool {
    let is = |path: &Path, ending: &str| path.extension().is_some_and(|found| found.eq_ignore_ascii_case(ending));
    is(path, "tgz") || (is(path, "gz") && path.file_stem().is_some_and(|stem| is(Path::new(stem), "tar")))
}

/// Reads a chart of ours from a folder or an archive.
pub fn read(path: &Path) -> Result<Chart, ReadError> {
    let mut reading = Reading { path, left: LARGEST, files: BTreeMap::new() };
    if path.is_dir() {
        reading.folder(path, "")?;
    } else {
        reading.archive()?;
    }
    let chart = Chart { files: reading.files };
    match chart.text("Chart.yaml") {
        None => Err(ReadError::NoChart(path.to_owned())),
        Some(text) if !is_ours(text) => Err(ReadError::Foreign(path.to_owned())),
        Some(_) => Ok(chart),
    }
}

struct Reading<'a> {
    path: &'a Path,
    left: u64,
    files: BTreeMap<String, Vec<u8>>,
}

impl Reading<'_> {
    fn io(&self, source: io::Error) -> ReadError {
        ReadError::Io { path: self.path.to_owned(), source }
    }

    fn hostile(&self, what: impl Into<String>) -> ReadError {
        ReadError::Hostile { path: self.path.to_owned(), what: what.into() }
    }

    fn add(&mut self, name: String, content: &mut dyn Read) -> Result<(), ReadError> {
        let mut bytes = Vec::new();
        content.take(self.left + 1).read_to_end(&mut bytes).map_err(|source| self.io(source))?;
        let size = bytes.len() as u64;
        if size > self.left || self.files.len() >= MOST {
            return Err(self.hostile(format!("it contains more than {} MiB or {MOST} files", LARGEST >> 20)));
        }
        self.left -= size;
        self.files.insert(name, bytes);
        Ok(())
    }

    fn folder(&mut self, folder: &Path, prefix: &str) -> Result<(), ReadError> {
        for entry in std::fs::read_dir(folder).map_err(|source| self.io(source))? {
            let entry = entry.map_err(|source| self.io(source))?;
            let Ok(name) = entry.file_name().into_string() else {
                return Err(self.hostile(format!("the name of {} is not valid UTF-8", entry.path().display())));
            };
            let name = format!("{prefix}{name}");
            if entry.file_type().map_err(|source| self.io(source))?.is_dir() {
                if prefix.split('/').count() > 32 {
                    return Err(self.hostile("its folders are nested too deep"));
                }
                self.folder(&entry.path(), &format!("{name}/"))?;
            } else {
                // A link could bring any file of the machine into the cluster.
                let mut file = read_file::open(&entry.path(), Links::Refuse)
                    .map_err(|source| ReadError::Io { path: entry.path(), source })?;
                self.add(name, &mut file)?;
            }
        }
        Ok(())
    }

    fn archive(&mut self) -> Result<(), ReadError> {
        let file = read_file::open(self.path, Links::Follow).map_err(|source| self.io(source))?;
        // What unpacks without end stops here, whatever the entries claim.
        let unpacked = GzDecoder::new(file).take(2 * LARGEST);
        let mut archive = tar::Archive::new(unpacked);
        let mut root = None;
        for entry in archive.entries().map_err(|source| self.io(source))? {
            let mut entry = entry.map_err(|source| self.io(source))?;
            let path = entry.path().map_err(|source| self.io(source))?.into_owned();
            let kind = entry.header().entry_type();
            if kind.is_dir() {
                continue;
            }
            if !kind.is_file() {
                return Err(self.hostile(format!("{} is neither a file nor a folder", path.display())));
            }
            let (folder, name) = inside(&path)
                .ok_or_else(|| self.hostile(format!("{} is outside of the chart's folder", path.display())))?;
            if *root.get_or_insert_with(|| folder.clone()) != folder {
                return Err(self.hostile("it holds more than one folder"));
            }
            self.add(name, &mut entry)?;
        }
        Ok(())
    }
}

/// The folder of the archive and the path below it, with slashes; none for what leads elsewhere.
fn inside(path: &Path) -> Option<(String, String)> {
    let parts: Option<Vec<&str>> = path
        .components()
        .filter(|part| *part != Component::CurDir)
        .map(|part| match part {
            Component::Normal(name) => name.to_str().filter(|name| !name.contains('\\')),
            _ => None,
        })
        .collect();
    let parts = parts?;
    let (folder, rest) = parts.split_first()?;
    (!rest.is_empty()).then(|| ((*folder).to_owned(), rest.join("/")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::GzEncoder;

    type Entry<'a> = (&'a str, tar::EntryType, &'a [u8]);

    const OURS: &str = "annotations:\n  aspire-k8s/generated-by: kubectl-aspire\n";

    /// An archive of these entries; links lead to `/etc/passwd`.
    fn archive(entries: &[Entry]) -> tempfile::NamedTempFile {
        let file = tempfile::Builder::new().suffix(".tgz").tempfile().unwrap();
        let mut builder = tar::Builder::new(GzEncoder::new(file.reopen().unwrap(), Compression::fast()));
        for (name, kind, bytes) in entries {
            let mut header = tar::Header::new_gnu();
            header.set_entry_type(*kind);
            header.set_size(bytes.len() as u64);
            header.set_mode(0o644);
            // The library refuses to write names that lead elsewhere.
            header.as_gnu_mut().unwrap().name[..name.len()].copy_from_slice(name.as_bytes());
            if !kind.is_file() {
                header.set_link_name("/etc/passwd").unwrap();
            }
            header.set_cksum();
            builder.append(&header, *bytes).unwrap();
        }
        builder.into_inner().unwrap().finish().unwrap();
        file
    }

    #[test]
    fn a_folder_and_its_archive_are_the_same_chart() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("templates")).unwrap();
        std::fs::write(folder.path().join("Chart.yaml"), OURS).unwrap();
        std::fs::write(folder.path().join("templates/a.yaml"), "a").unwrap();
        let regular = tar::EntryType::Regular;
        let packed =
            archive(&[("shop/Chart.yaml", regular, OURS.as_bytes()), ("./shop/templates/a.yaml", regular, b"a")]);
        let chart = read(folder.path()).unwrap();
        assert_eq!(chart.files.keys().collect::<Vec<_>>(), ["Chart.yaml", "templates/a.yaml"]);
        assert_eq!(read(packed.path()).unwrap(), chart);
        assert!(is_archive(packed.path()) && is_chart(folder.path()));
    }

    #[test]
    fn hostile_archives_are_refused() {
        use tar::EntryType::{Link, Regular, Symlink};
        let ours = ("shop/Chart.yaml", Regular, OURS.as_bytes());
        let huge = vec![0; usize::try_from(LARGEST).unwrap() + 1];
        let cases: [(&[Entry], &str); 8] = [
            (&[ours, ("../evil", Regular, b"x")], "is outside"),
            (&[ours, ("shop/../../evil", Regular, b"x")], "is outside"),
            (&[ours, ("/etc/evil", Regular, b"x")], "is outside"),
            (&[ours, ("evil", Regular, b"x")], "is outside"),
            (&[ours, ("other/Chart.yaml", Regular, b"x")], "more than one folder"),
            (&[ours, ("shop/link", Symlink, b"")], "neither a file nor a folder"),
            (&[ours, ("shop/link", Link, b"")], "neither a file nor a folder"),
            (&[ours, ("shop/huge", Regular, &huge)], "more than 64 MiB"),
        ];
        for (entries, part) in cases {
            let error = read(archive(entries).path()).unwrap_err().to_string();
            assert!(error.contains(part), "{part}: {error}");
        }
    }

    #[test]
    fn charts_of_others_and_no_charts_are_told_apart() {
        let regular = tar::EntryType::Regular;
        let foreign = archive(&[("nginx/Chart.yaml", regular, b"name: nginx\n")]);
        assert!(matches!(read(foreign.path()), Err(ReadError::Foreign(_))));
        assert!(matches!(read(archive(&[("a/b", regular, b"")]).path()), Err(ReadError::NoChart(_))));
        let damaged = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(damaged.path(), "no gzip").unwrap();
        assert!(matches!(read(damaged.path()), Err(ReadError::Io { .. })));
    }
}

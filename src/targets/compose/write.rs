//! Writes the files of a Compose application into a folder: only what differs, never over files of another owner, and each
//! file whole or not at all.
//!
//! A folder may hold files of a user beside ours. The Compose file is written last, so a run that is cut short leaves the
//! former one.

use super::files::{COMPOSE, DOTENV, FOLDER, Files, listed};
use super::mark::{Owner, owner};
use super::mounts::is_inside;
use crate::support::diagnostic::{Code, Diagnostic, Diagnostics, Place};
use crate::support::file_diff::file_diff;
use crate::support::read_file;
use crate::support::temporary;
use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// Start of the names of what is not finished yet.
const STAGING: &str = ".aspire-render-";

/// What lies in a folder, as far as it matters.
struct Present<'a> {
    folder: &'a Path,
    files: &'a Files,
    /// Generated files of an older render that the new one does not have.
    stale: BTreeSet<String>,
    diagnostics: Diagnostics,
}

/// Writes the files. What is there already stays as it is; generated files that are no longer needed go. `overwrite` discards
/// edits of generated files, and `stopped` ends it between two files.
pub(crate) fn write(
    files: &Files,
    folder: &Path,
    overwrite: bool,
    stopped: &dyn Fn() -> bool,
) -> Result<(), Diagnostics> {
    let present = Present::look(files, folder, overwrite)?;
    let changed = present.changed();
    let (compose, others): (Vec<&String>, Vec<&String>) = changed.into_iter().partition(|path| *path == COMPOSE);
    for path in others.into_iter().chain(compose) {
        if stopped() {
            return Err(Diagnostic::new(Code::Interrupted, "", "interrupted; run the same command again").into());
        }
        let bytes = files.get(path).map_or(&[][..], Vec::as_slice);
        place(&folder.join(path), bytes).map_err(|error| unwritable("write", &folder.join(path), &error))?;
    }
    for path in &present.stale {
        remove(folder, path).map_err(|error| unwritable("remove", &folder.join(path), &error))?;
    }
    Ok(())
}

/// The difference between the folder and the files, as text; empty if there is none. It writes nothing.
pub(crate) fn check(files: &Files, folder: &Path) -> Result<String, Diagnostics> {
    let present = Present::look(files, folder, true)?;
    let paths: BTreeSet<&String> = present.changed().into_iter().chain(&present.stale).collect();
    let mut diff = String::new();
    for path in paths {
        let old = read_file::found(&folder.join(path)).ok();
        diff.push_str(&file_diff(path, old.as_deref(), files.get(path).map(Vec::as_slice)));
    }
    Ok(diff)
}

impl<'a> Present<'a> {
    /// Looks at the folder and reports all that must not be replaced.
    fn look(files: &'a Files, folder: &'a Path, overwrite: bool) -> Result<Self, Diagnostics> {
        let mut present = Self { folder, files, stale: BTreeSet::new(), diagnostics: Diagnostics::default() };
        if folder.exists() && !folder.is_dir() {
            let what = format!("{} is a file; -o needs a folder", folder.display());
            return Err(Diagnostic::new(Code::UnwritableFile, "", what).into());
        }
        let former = read_file::found(&folder.join(COMPOSE)).unwrap_or_default();
        let is_ours = owner(&former) != Owner::User;
        let text = String::from_utf8(former).unwrap_or_default();
        let former: BTreeSet<&str> = listed(&text).filter(|path| is_ours && is_inside(path)).collect();
        for path in files.keys() {
            present.check(path, &former, overwrite);
        }
        let stale = former.iter().filter(|path| !files.contains_key(**path) && present.is_regular(path));
        let stale: BTreeSet<String> = stale.map(|path| (*path).to_owned()).collect();
        present.stale = stale;
        present.stale.extend(present.stale_dotenv());
        let Self { diagnostics, .. } = &mut present;
        std::mem::take(diagnostics).or(present)
    }

    /// Reports a path at which something lies that is not ours, or that a user edited.
    fn check(&mut self, path: &str, former: &BTreeSet<&str>, overwrite: bool) {
        if let Some(link) = self.link_on_the_way(path) {
            self.foreign(&link, "is not a folder");
            return;
        }
        let full = self.folder.join(path);
        if full.symlink_metadata().is_err() {
            return;
        }
        let Ok(bytes) = read_file::found(&full) else {
            self.foreign(&full, "is not a regular file that can be read");
            return;
        };
        if self.files.get(path) == Some(&bytes) {
            return;
        }
        let is_mounted = path.starts_with(FOLDER);
        match owner(&bytes) {
            _ if is_mounted && former.contains(path) => {}
            Owner::Ours if !is_mounted => {}
            Owner::Edited if !is_mounted => {
                if !overwrite {
                    let hint = "set the change in aspire-k8s.yaml, in an env file or in a second Compose file of your own, or pass \
                        --overwrite to discard it";
                    let what = "this generated file was edited";
                    let place = Place::in_file(full.display().to_string(), "");
                    self.diagnostics.push(Diagnostic::new(Code::GeneratedFileEdited, place, what).hint(hint));
                }
            }
            _ => self.foreign(&full, "was not written by kubectl aspire"),
        }
    }

    fn foreign(&mut self, path: &Path, what: &str) {
        let what = format!("{} {what}", path.display());
        let diagnostic = Diagnostic::new(Code::UnwritableFile, "", what);
        self.diagnostics.push(diagnostic.hint("choose another folder with -o, or move it"));
    }

    /// What is no folder on the way to a path: a link could lead anywhere.
    fn link_on_the_way(&self, path: &str) -> Option<PathBuf> {
        let folders = path.match_indices('/').map(|(at, _)| self.folder.join(&path[..at]));
        folders.into_iter().find(|folder| folder.symlink_metadata().is_ok_and(|found| !found.is_dir()))
    }

    /// Whether a regular file lies at a path, and no link is on the way.
    fn is_regular(&self, path: &str) -> bool {
        let found = self.folder.join(path).symlink_metadata();
        self.link_on_the_way(path).is_none() && found.is_ok_and(|found| found.is_file())
    }

    /// Files of environments that are no more, as they were written.
    fn stale_dotenv(&self) -> Vec<String> {
        let entries = fs::read_dir(self.folder).into_iter().flatten().flatten();
        let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
        let of_environment = |name: &String| name.starts_with(&format!("{DOTENV}.")) && !self.files.contains_key(name);
        let is_ours =
            |name: &String| read_file::found(&self.folder.join(name)).is_ok_and(|bytes| owner(&bytes) == Owner::Ours);
        names.filter(of_environment).filter(is_ours).collect()
    }

    /// Paths whose file is missing or another one.
    fn changed(&self) -> Vec<&'a String> {
        let is_same =
            |path: &str, bytes: &Vec<u8>| read_file::found(&self.folder.join(path)).is_ok_and(|it| it == *bytes);
        self.files.iter().filter(|(path, bytes)| !is_same(path, bytes)).map(|(path, _)| path).collect()
    }
}

/// Puts a file in its place in one step. A link there is replaced, not followed.
fn place(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let mut file = temporary::file_in(folder, STAGING, "")?;
    file.write_all(bytes)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        // Containers run as other users.
        file.as_file().set_permissions(fs::Permissions::from_mode(0o644))?;
    }
    file.persist(path).map(drop).map_err(|error| error.error)
}

/// Removes a file, and the folders below `files/` that are empty then.
fn remove(folder: &Path, path: &str) -> io::Result<()> {
    fs::remove_file(folder.join(path))?;
    let parents = path.match_indices('/').map(|(at, _)| folder.join(&path[..at]));
    for parent in parents.collect::<Vec<_>>().into_iter().rev() {
        if fs::remove_dir(parent).is_err() {
            break;
        }
    }
    Ok(())
}

fn unwritable(action: &str, path: &Path, error: &io::Error) -> Diagnostics {
    Diagnostic::new(
        Code::UnwritableFile,
        "",
        format!("cannot {action} {}: {}", path.display(), read_file::reason(error)),
    )
    .into()
}

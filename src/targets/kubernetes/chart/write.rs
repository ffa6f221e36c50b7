//! Writes a chart to its folder: all or nothing, only what differs, and never over files of another owner.
//!
//! If the process is interrupted or killed, the folder holds the complete former chart or the complete new one. Two
//! steps are atomic: the rename of one file, if nothing else differs, and the exchange of the whole folder with one
//! that was created beside it, in which unchanged files are hard links to the former ones.

use super::Chart;
use super::error::{OBJECTS, WriteError, failed};
use super::present::{Changes, Entry, Present, Thing};
use crate::support::read_file::{self, Links};
use crate::support::temporary;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Start of the names of what is not finished yet.
const STAGING: &str = ".aspire-render-";

/// Writes the chart to `folder`.
///
/// What is there already is left alone, with its times. Files that a user added stay. A link to a folder stays a link.
pub fn write(chart: &Chart, folder: &Path) -> Result<(), WriteError> {
    write_unless(chart, folder, &|| false)
}

/// The same, unless a user tells us to stop: then what was begun is removed.
pub(crate) fn write_unless(chart: &Chart, folder: &Path, stopped: &dyn Fn() -> bool) -> Result<(), WriteError> {
    let go_on = || if stopped() { Err(WriteError::Interrupted) } else { Ok(()) };
    let real = folder.canonicalize();
    if let (Ok(real), Ok(current)) = (&real, std::env::current_dir().and_then(fs::canonicalize))
        && current.starts_with(real)
    {
        return Err(WriteError::Within(folder.to_owned()));
    }
    let folder = real.as_deref().unwrap_or(folder);
    let present = Present::look(folder)?;
    refuse_special(chart, &present, folder)?;
    let parent = match folder.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    };
    let changes = present.changes(chart, &go_on)?;
    if changes == Changes::default() {
        temporary::remove_left(&parent, STAGING);
        return Ok(());
    }
    fs::create_dir_all(&parent).map_err(failed("create", &parent))?;
    let staging = temporary::folder_in(&parent, STAGING).map_err(failed("create a folder in", &parent))?;
    let new = staging.path().join("chart");
    if let Some((path, entry)) = only_file(&changes, &present) {
        let bytes = chart.files.get(path).map_or(&[][..], Vec::as_slice);
        write_file(&new, bytes, Some(entry))?;
        go_on()?;
        return rename_into(&new, folder, path).map_err(failed("replace", &folder.join(path)));
    }
    Staged { new: &new, former: folder, present: &present, folder: None }.fill(chart, &changes, &go_on)?;
    go_on()?;
    replace(&new, folder, staging.path())
}

/// What a user put there that helm would wait for or take for a file, whether or not the chart changes. Where the chart
/// has a file of that name, it is replaced.
fn refuse_special(chart: &Chart, present: &Present, folder: &Path) -> Result<(), WriteError> {
    for (path, entry) in &present.files {
        if let (Thing::Special(what), false) = (entry.thing, chart.files.contains_key(path)) {
            let error = io::Error::other(format!("it is {what}; remove it from the folder"));
            return Err(failed("copy", &folder.join(path))(error));
        }
    }
    Ok(())
}

/// The one file that differs, when its rename is the whole change.
fn only_file<'a>(changes: &Changes<'a>, present: &'a Present) -> Option<(&'a str, &'a Entry)> {
    // Elsewhere a rename cannot be kept from following a link.
    if !cfg!(unix) || changes.written.len() != 1 || !changes.removed.is_empty() {
        return None;
    }
    let path = changes.written.first()?;
    let entry = present.files.get(*path).filter(|entry| entry.thing == Thing::File)?;
    Some((path, entry))
}

/// Renames a file to a path in a folder, in which nothing is followed that became a link since it was looked at.
#[cfg(unix)]
fn rename_into(file: &Path, folder: &Path, path: &str) -> io::Result<()> {
    use rustix::fs::{CWD, Mode, OFlags, openat, renameat};
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut at = openat(CWD, folder, flags, Mode::empty())?;
    let (folders, name) = path.rsplit_once('/').map_or((None, path), |(folders, name)| (Some(folders), name));
    for folder in folders.into_iter().flat_map(|folders| folders.split('/')) {
        at = openat(&at, folder, flags, Mode::empty())?;
    }
    Ok(renameat(CWD, file, &at, name)?)
}

#[cfg(not(unix))]
fn rename_into(_: &Path, _: &Path, _: &str) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// A new folder that is about to take the place of the former one.
struct Staged<'a> {
    new: &'a Path,
    former: &'a Path,
    present: &'a Present,
    /// The folder that was made last: most files lie beside the one before.
    folder: Option<PathBuf>,
}

impl Staged<'_> {
    fn fill(
        &mut self,
        chart: &Chart,
        changes: &Changes,
        go_on: &dyn Fn() -> Result<(), WriteError>,
    ) -> Result<(), WriteError> {
        for (path, bytes) in &chart.files {
            go_on()?;
            let target = self.target(path)?;
            let former = self.present.files.get(path);
            match former {
                Some(entry) if !changes.written.contains(path.as_str()) => self.keep(path, entry, &target)?,
                _ => write_file(&target, bytes, former)?,
            }
        }
        for (path, entry) in &self.present.files {
            if !chart.files.contains_key(path) && !changes.removed.contains(path.as_str()) {
                go_on()?;
                let target = self.target(path)?;
                self.keep(path, entry, &target)?;
            }
        }
        self.keep_permissions()
    }

    /// Where a path of the chart is in the new folder, with the folder that holds it.
    fn target(&mut self, path: &str) -> Result<PathBuf, WriteError> {
        let target = self.new.join(path);
        let folder = target.parent().unwrap_or(self.new);
        if self.folder.as_deref() != Some(folder) {
            fs::create_dir_all(folder).map_err(failed("create", folder))?;
            self.folder = Some(folder.to_owned());
        }
        Ok(target)
    }

    /// Takes a file over as it is: the very file where the file system can, else a copy. A link stays a link.
    fn keep(&self, path: &str, entry: &Entry, target: &Path) -> Result<(), WriteError> {
        let former = self.former.join(path);
        let kept = match entry.thing {
            #[cfg(unix)]
            Thing::Link => fs::read_link(&former).and_then(|to| std::os::unix::fs::symlink(to, target)),
            #[cfg(not(unix))]
            Thing::Link => fs::copy(&former, target).map(drop),
            // None is left: they were refused.
            Thing::Special(_) => return Ok(()),
            Thing::File => fs::hard_link(&former, target).or_else(|_| copy(&former, target, entry)),
        };
        kept.map_err(failed("copy", &former))
    }

    /// Gives the new folders the permissions that the former ones have.
    #[cfg(unix)]
    fn keep_permissions(&self) -> Result<(), WriteError> {
        use std::os::unix::fs::PermissionsExt as _;
        for (path, former) in &self.present.folders {
            let folder = self.new.join(path);
            // A folder of which nothing is left is not there.
            let Ok(new) = folder.symlink_metadata() else { continue };
            // The next render must be able to remove it.
            let mode = former.permissions().mode() & 0o7777 | 0o700;
            if new.is_dir() && new.permissions().mode() & 0o7777 != mode {
                fs::set_permissions(&folder, fs::Permissions::from_mode(mode)).map_err(failed("write", &folder))?;
            }
        }
        Ok(())
    }

    #[cfg(not(unix))]
    fn keep_permissions(&self) -> Result<(), WriteError> {
        Ok(())
    }
}

/// Copies a file that was found in a folder, with its permissions.
fn copy(from: &Path, to: &Path, entry: &Entry) -> io::Result<()> {
    let mut file = read_file::open(from, Links::Refuse)?;
    io::copy(&mut file, &mut fs::File::create_new(to)?)?;
    permit(to, entry)
}

/// Writes a file of the chart; one that takes the place of another has its permissions.
fn write_file(path: &Path, bytes: &[u8], former: Option<&Entry>) -> Result<(), WriteError> {
    let former = former.filter(|entry| entry.thing == Thing::File);
    let written = fs::write(path, bytes).and_then(|()| former.map_or(Ok(()), |entry| permit(path, entry)));
    written.map_err(failed("write", path))
}

/// Gives a file the permissions of another, and no more than these: a bit that lends its owner's rights stays behind.
#[cfg(unix)]
fn permit(path: &Path, entry: &Entry) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path, fs::Permissions::from_mode(entry.metadata.permissions().mode() & 0o777))
}

#[cfg(not(unix))]
fn permit(path: &Path, entry: &Entry) -> io::Result<()> {
    fs::set_permissions(path, entry.metadata.permissions())
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

/// Writes plain objects into a folder that is empty or holds nothing but an older file of the kind.
pub(crate) fn write_objects(text: &str, folder: &Path) -> Result<PathBuf, WriteError> {
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
    let new = temporary::file_in(folder, STAGING, "");
    let mut new = new.map_err(failed("write into", folder))?;
    io::Write::write_all(&mut new, text.as_bytes()).map_err(failed("write", &file))?;
    new.persist(&file).map_err(|error| failed("write", &file)(error.error))?;
    Ok(file)
}

#[cfg(unix)]
#[cfg(test)]
mod tests;

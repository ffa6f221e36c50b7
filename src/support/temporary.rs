//! Temporary folders and files: private, and deleted with the value that holds them. Their names contain the process
//! that created them, so that the next run removes what a killed one left, and nothing of a running one.

use std::io;
use std::path::Path;
use tempfile::{Builder, NamedTempFile, TempDir};

/// Start of the names in the system's folder for temporary files.
const PREFIX: &str = "aspire-";

/// A new folder of this purpose.
pub(crate) fn folder(purpose: &str) -> io::Result<TempDir> {
    let parent = std::env::temp_dir();
    remove_left(&parent, PREFIX);
    private(Builder::new().prefix(&format!("{PREFIX}{purpose}-{}-", maker()))).tempdir_in(parent)
}

/// A new folder in another one, where it is about to take the place of something. The prefix is this purpose's own.
pub(crate) fn folder_in(parent: &Path, prefix: &str) -> io::Result<TempDir> {
    remove_left(parent, prefix);
    private(Builder::new().prefix(&format!("{prefix}{}-", maker()))).tempdir_in(parent)
}

/// The same for a file, whose name ends with the suffix.
pub(crate) fn file_in(parent: &Path, prefix: &str, suffix: &str) -> io::Result<NamedTempFile> {
    remove_left(parent, prefix);
    Builder::new().prefix(&format!("{prefix}{}-", maker())).suffix(suffix).tempfile_in(parent)
}

/// A new file in the folder of `path`, which it is about to replace.
pub(crate) fn file_beside(path: &Path) -> io::Result<NamedTempFile> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    file_in(folder, ".aspire-", "")
}

/// Writes a file that only its owner may read.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    io::Write::write_all(&mut options.open(path)?, bytes)
}

/// Folders are made for everybody to read unless they are told otherwise.
fn private<'a, 'b, 'c>(builder: &'a mut Builder<'b, 'c>) -> &'a mut Builder<'b, 'c> {
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o700));
    builder
}

/// This process: the machine's start, the space of process numbers, and the number.
fn maker() -> String {
    format!("{}{}", machine(), std::process::id())
}

/// Where a process number means what it says; empty where that cannot be told, and then nothing is ever removed.
fn machine() -> String {
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let boot: String = boot.chars().filter(char::is_ascii_hexdigit).take(8).collect();
    let space = std::fs::read_link("/proc/self/ns/pid").map(|link| link.to_string_lossy().into_owned());
    let space: String = space.unwrap_or_default().chars().filter(char::is_ascii_digit).collect();
    if boot.is_empty() || space.is_empty() { String::new() } else { format!("{boot}-{space}-") }
}

/// Removes what runs of ours left in a folder that are dead for certain: same machine, same owner, no such process. What
/// cannot be removed stays.
#[cfg(target_os = "linux")]
pub(crate) fn remove_left(parent: &Path, prefix: &str) {
    use std::os::unix::fs::MetadataExt as _;
    let machine = machine();
    let Ok(entries) = std::fs::read_dir(parent) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let dead = name.to_str().and_then(|name| name.strip_prefix(prefix)).is_some_and(|rest| is_dead(rest, &machine));
        if !dead {
            continue;
        }
        // Of the entry itself: a link is never followed.
        let Ok(metadata) = entry.metadata() else { continue };
        if metadata.uid() != rustix::process::geteuid().as_raw() {
            continue;
        }
        let _ =
            if metadata.is_dir() { std::fs::remove_dir_all(entry.path()) } else { std::fs::remove_file(entry.path()) };
    }
}

#[cfg(not(target_os = "linux"))]
pub fn remove_left(_: &Path, _: &str) {}

/// Whether the rest of a name (`[purpose-]<machine><number>-<random>`) says a process of this machine that is no more.
#[cfg(target_os = "linux")]
fn is_dead(rest: &str, machine: &str) -> bool {
    if machine.is_empty() {
        return false;
    }
    let number = match rest.find(machine) {
        Some(0) => &rest[machine.len()..],
        Some(at) if rest[..at].ends_with('-') => &rest[at + machine.len()..],
        _ => return false,
    };
    let process =
        number.split('-').next().and_then(|number| number.parse().ok()).and_then(rustix::process::Pid::from_raw);
    process.is_some_and(|process| rustix::process::test_kill_process(process) == Err(rustix::io::Errno::SRCH))
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn nobody_else_reads_it() {
        let folder = folder("test").unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(folder.path()), 0o700);
        write(&folder.path().join("a"), b"x").unwrap();
        assert_eq!(mode(&folder.path().join("a")), 0o600);
        assert_eq!(mode(folder_in(folder.path(), ".x-").unwrap().path()), 0o700);
        assert_eq!(mode(file_in(folder.path(), ".x-", "").unwrap().path()), 0o600);
    }

    #[test]
    fn what_the_dead_left_goes_and_nothing_else() {
        let parent = tempfile::tempdir().unwrap();
        // No Linux gives a process so high a number.
        let (dead, machine) = (i32::MAX - 1, machine());
        let names = [
            (format!(".x-{machine}{dead}-abc"), false),
            (format!(".x-{machine}{}-abc", std::process::id()), true),
            (format!(".x-00000000-1-{dead}-abc"), true),
            (format!(".x-{dead}"), true),
            (format!("mine-.x-{machine}{dead}-abc"), true),
            (".x-notes".to_owned(), true),
        ];
        for (name, _) in &names {
            std::fs::create_dir_all(parent.path().join(name).join("inner")).unwrap();
        }
        std::os::unix::fs::symlink("/nowhere", parent.path().join(format!(".x-{machine}{dead}-link"))).unwrap();
        drop(folder_in(parent.path(), ".x-").unwrap());
        for (name, stays) in names {
            assert_eq!(parent.path().join(&name).exists(), stays, "{name}");
        }
    }
}

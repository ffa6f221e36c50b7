//! Directories of running clusters, `<home>/run/<pid>-<start time>-<n>`.
//!
//! The name tells the owner, so that what a killed test process left behind can be removed by the next one. This module
//! must not remove a directory whose owner still runs.

use crate::error::{Context as _, Error};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

/// When process `pid` was started, in clock ticks since boot; `None` when it is not there or only a zombie.
pub(crate) fn start_time(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    if fields.next()? == "Z" {
        return None;
    }
    fields.nth(18)?.parse().ok()
}

/// Makes a new directory owned by this process, after removing those of dead owners.
pub(crate) fn create(home: &Path) -> Result<PathBuf, Error> {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let runs = home.join("run");
    fs::create_dir_all(&runs).context(|| format!("Cannot create {}", runs.display()))?;
    remove_stale(&runs);
    let pid = std::process::id();
    let born = start_time(pid).ok_or_else(|| Error::new("Cannot read this process's start time from /proc."))?;
    let dir = runs.join(format!("{pid}-{born}-{}", COUNT.fetch_add(1, Ordering::Relaxed)));
    fs::create_dir(&dir).context(|| format!("Cannot create {}", dir.display()))?;
    fs::set_permissions(&dir, fs::Permissions::from_mode(0o711))
        .context(|| format!("Cannot set the mode of {}", dir.display()))?;
    Ok(dir)
}

/// Removes one run directory and the control groups and the link recorded in it. Leaves it when
/// `KUBECTL_ASPIRE_TESTBED_KEEP` is set, for a look at the logs.
pub(crate) fn remove(dir: &Path) {
    if let Ok(name) = fs::read_to_string(dir.join("cgroup")) {
        remove_cgroups(name.trim());
    }
    if let Ok(name) = fs::read_to_string(dir.join("link"))
        && name.starts_with("tb")
    {
        // An error says that it has gone already.
        let _ = Command::new("ip").args(["link", "del", name.trim()]).stderr(Stdio::null()).status();
    }
    if std::env::var_os("KUBECTL_ASPIRE_TESTBED_KEEP").is_none() {
        // A process that was just killed may still have created a file: a second attempt finds it.
        let _ = fs::remove_dir_all(dir).or_else(|_| fs::remove_dir_all(dir));
    }
}

fn remove_stale(runs: &Path) {
    for entry in fs::read_dir(runs).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let mut parts = name.to_str().unwrap_or_default().splitn(3, '-');
        let owner = (parts.next().and_then(|p| p.parse().ok()), parts.next().and_then(|p| p.parse::<u64>().ok()));
        if let (Some(pid), Some(born)) = owner
            && start_time(pid) != Some(born)
        {
            remove(&entry.path());
        }
    }
}

fn remove_cgroups(name: &str) {
    if !name.starts_with("testbed-") || name.contains('/') {
        return;
    }
    let root = Path::new("/sys/fs/cgroup");
    remove_cgroup(&root.join(name));
    for controller in fs::read_dir(root).into_iter().flatten().flatten() {
        remove_cgroup(&controller.path().join(name));
    }
}

fn remove_cgroup(dir: &Path) {
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|t| t.is_dir()) {
            remove_cgroup(&entry.path());
        }
    }
    let _ = fs::remove_dir(dir);
}

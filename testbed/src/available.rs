//! Says whether this machine can run a level of the test bed, and lets a test skip loudly when it cannot.
//! It must not build or start anything.

use crate::tools;
use std::path::Path;

/// How real the cluster is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// Real control plane, faked pods.
    A,
    /// Real control plane and a real node.
    B,
}

/// Whether `level` can run here; the error says what is missing.
pub fn available(level: Level) -> Result<(), String> {
    if !tools::built(tools::LEVEL_A) && find("go").is_none() {
        return Err("`go` is not on PATH and the Kubernetes programs are not built yet".to_owned());
    }
    if level == Level::A {
        return Ok(());
    }
    if !tools::built(tools::LEVEL_B) && find("go").is_none() {
        return Err("`go` is not on PATH and the programs of the node are not built yet".to_owned());
    }
    if !rustix::process::geteuid().is_root() {
        return Err("a real node needs root".to_owned());
    }
    for program in
        ["containerd", "runc", "ctr", "nft", "ip", "unshare", "nsenter", "mount", "tar", "mmdebstrap", "ipset"]
    {
        if find(program).is_none() {
            return Err(format!("`{program}` is missing; `testbed packages` installs it"));
        }
    }
    for file in ["/usr/lib/cni/bridge", "/usr/lib/cni/host-local", "/usr/lib/cni/portmap", "/bin/busybox"] {
        if !Path::new(file).exists() {
            return Err(format!("{file} is missing; `testbed packages` installs it"));
        }
    }
    Ok(())
}

/// Skips a test that cannot run here: says so on the real standard error.
///
/// # Panics
/// When `CI` is set, because there nothing may be skipped.
pub fn skip_or_fail(reason: &str) {
    let name = std::thread::current().name().unwrap_or("a test").to_owned();
    assert!(std::env::var_os("CI").is_none(), "{name} cannot run here, and CI must not skip: {reason}");
    crate::say(&format!("SKIPPED {name}: {reason}"));
}

/// The program `name` on PATH.
pub(crate) fn find(name: &str) -> Option<std::path::PathBuf> {
    std::env::split_paths(&std::env::var_os("PATH")?).map(|dir| dir.join(name)).find(|path| path.is_file())
}

//! The archive of a platform: a helm plugin, and the program for kubectl, in one `.tgz`.
//!
//! Helm 3 cannot unpack links, folders without an entry of their own, or an entry `./`; both kinds of helm take the
//! plugin from the root of the archive.

use crate::{Error, Platform, Project, write};
use flate2::Compression;
use flate2::write::GzEncoder;
use std::path::{Path, PathBuf};

/// One archive: its name and its bytes.
#[derive(Debug)]
pub struct Archive {
    name: String,
    bytes: Vec<u8>,
}

/// One entry: its path, which ends with `/` for a folder, and whether it can be run.
struct Entry<'a> {
    path: String,
    content: &'a [u8],
    mode: u32,
}

impl Archive {
    /// The file name. Helm names the folder of the plugin by what stands before the version.
    pub fn name(version: &str, platform: &Platform) -> String {
        format!("kubectl-aspire-{version}-{}-{}.tgz", platform.os, platform.arch)
    }

    /// Packs the program with what belongs to it.
    pub fn new(project: &Project, platform: &Platform, program: &[u8]) -> Result<Self, Error> {
        let plugin = without_hooks(&project.text("plugin.yaml")?)?;
        let license = project.file("LICENSE")?;
        let completions = project.file("scripts/kubectl_complete-aspire")?;
        let plugin_completions = project.file("plugin.complete")?;
        let file = |path: &str, content| Entry { path: path.to_owned(), content, mode: 0o644 };
        let run = |path: String, content| Entry { path, content, mode: 0o755 };
        let entries = [
            file("LICENSE", &license[..]),
            run("bin/".into(), &[]),
            run(format!("bin/{}", platform.program()), program),
            run("bin/kubectl_complete-aspire".into(), &completions[..]),
            run("plugin.complete".into(), &plugin_completions[..]),
            file("plugin.yaml", plugin.as_bytes()),
        ];
        Ok(Self { name: Self::name(&project.version, platform), bytes: packed(&entries)? })
    }

    /// Writes it into a folder.
    pub fn write(&self, folder: &Path) -> Result<PathBuf, Error> {
        write(folder.join(&self.name), &self.bytes)
    }
}

/// The plugin as an archive holds it: the program is there already, so nothing has to be fetched after the install, and
/// a Windows without `sh` has nothing to run.
fn without_hooks(plugin: &str) -> Result<String, Error> {
    let lines: Vec<&str> = plugin.lines().collect();
    let at = lines.iter().position(|line| *line == "hooks:").ok_or("plugin.yaml has no `hooks:`")?;
    if lines[at + 1..].iter().any(|line| !line.starts_with(' ')) {
        return Err("plugin.yaml: `hooks:` must be the last key".into());
    }
    let kept = lines[..at].iter().rposition(|line| !line.starts_with('#')).map_or(0, |last| last + 1);
    Ok(lines[..kept].join("\n") + "\n")
}

fn packed(entries: &[Entry]) -> Result<Vec<u8>, Error> {
    let mut tar = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::new(6)));
    for entry in entries {
        let mut header = tar::Header::new_ustar();
        header.set_entry_type(if entry.path.ends_with('/') {
            tar::EntryType::Directory
        } else {
            tar::EntryType::Regular
        });
        header.set_mode(entry.mode);
        header.set_size(entry.content.len() as u64);
        header.set_mtime(0);
        tar.append_data(&mut header, &entry.path, entry.content)?;
    }
    Ok(tar.into_inner()?.finish()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_plugin_of_an_archive_has_no_hooks() {
        let plugin = "name: aspire\nlast: 1\n# For git.\nhooks:\n  install: x\n";
        assert_eq!(without_hooks(plugin).expect("it has hooks"), "name: aspire\nlast: 1\n");
        assert!(without_hooks("name: aspire\n").is_err());
        assert!(without_hooks("hooks:\n  install: x\nname: aspire\n").is_err());
    }
}

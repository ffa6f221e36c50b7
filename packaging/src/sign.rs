//! Signatures by `gpg`: the `.prov` file that helm verifies beside each archive, and one over the checksums.

use crate::release::sha256;
use crate::{Error, Project, read};
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

/// Signs a release that is complete, with this key of the person's keyring.
pub fn sign(project: &Project, out: &Path, key: &str) -> Result<(), Error> {
    let mut archives: Vec<_> = std::fs::read_dir(out)?.collect::<Result<Vec<_>, _>>()?;
    archives.retain(|entry| entry.path().extension().is_some_and(|end| end == "tgz"));
    if archives.is_empty() {
        return Err(format!("there is no archive in {}", out.display()).into());
    }
    let plugin = project.text("plugin.yaml")?;
    for entry in archives {
        let name = entry.file_name().into_string().map_err(|name| format!("{} is no text", name.display()))?;
        let message = provenance(&plugin, &name, &sha256(&read(&entry.path())?));
        gpg(key, &["--clearsign"], message.as_bytes(), &out.join(format!("{name}.prov")))?;
    }
    let sums = read(&out.join("SHA256SUMS"))?;
    gpg(key, &["--armor", "--detach-sign"], &sums, &out.join("SHA256SUMS.asc"))
}

/// The text that helm expects in a signature: who it is, and the digest of the file of this very name.
fn provenance(plugin: &str, name: &str, sha256: &str) -> String {
    let field = |key: &str| plugin.lines().find(|line| line.starts_with(key)).unwrap_or_default();
    format!("{}\n{}\n\n...\nfiles:\n  {name}: sha256:{sha256}\n", field("name:"), field("version:"))
}

fn gpg(key: &str, action: &[&str], input: &[u8], to: &Path) -> Result<(), Error> {
    let mut command = Command::new("gpg");
    command.args(["--batch", "--yes", "--digest-algo", "SHA512", "--local-user", key, "--output"]);
    let mut child = command.arg(to).args(action).stdin(Stdio::piped()).spawn()?;
    child.stdin.take().ok_or("gpg takes no input")?.write_all(input)?;
    let status = child.wait()?;
    if status.success() { Ok(()) } else { Err(format!("gpg could not write {}: {status}", to.display()).into()) }
}

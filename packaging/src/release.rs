//! What is made of the files of all platforms together: the .NET tool, the manifest for krew, the checksums.

use crate::krew::{Row, manifest};
use crate::{Archive, Error, PLATFORMS, Platform, Project, nuget, read, write};
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Name of the file with the checksums of all others.
const SUMS: &str = "SHA256SUMS";

/// Completes a release in this folder. Archives of all platforms must be there, unless it is `partial`.
pub fn finish(project: &Project, out: &Path, partial: bool) -> Result<(), Error> {
    let archive = |platform: &Platform| out.join(Archive::name(&project.version, platform));
    let (there, missing): (Vec<Platform>, Vec<Platform>) =
        PLATFORMS.into_iter().partition(|platform| archive(platform).is_file());
    if !partial && !missing.is_empty() {
        let names: Vec<_> = missing.iter().map(|platform| archive(platform).display().to_string()).collect();
        return Err(format!("these archives are missing: {}", names.join(", ")).into());
    }
    let rids: Vec<&str> = there.iter().flat_map(|platform| platform.rids).copied().collect();
    nuget::of_all(project, &rids, out)?;
    let digests = there.iter().map(|platform| Ok(sha256(&read(&archive(platform))?)));
    let digests = digests.collect::<Result<Vec<String>, Error>>()?;
    let rows = there.iter().zip(&digests).map(|(platform, sha256)| Row { platform, sha256 });
    write(out.join("aspire.yaml"), manifest(project, &rows.collect::<Vec<_>>()).as_bytes())?;
    write(out.join("install.sh"), &project.file("scripts/install.sh")?)?;
    sums(out)?;
    Ok(())
}

/// Writes the checksums of every file of the release, in the order of their names.
fn sums(out: &Path) -> Result<PathBuf, Error> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(out)? {
        let name = entry?.file_name().into_string().map_err(|name| format!("{} is no text", name.display()))?;
        if name != SUMS && !has_signature_end(&name) {
            names.push(name);
        }
    }
    names.sort();
    let mut text = String::new();
    for name in names {
        let _ = writeln!(text, "{}  {name}", sha256(&read(&out.join(&name))?));
    }
    write(out.join(SUMS), text.as_bytes())
}

fn has_signature_end(name: &str) -> bool {
    [".prov", ".asc"].iter().any(|end| name.ends_with(end))
}

/// The digest of bytes, in hexadecimal.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

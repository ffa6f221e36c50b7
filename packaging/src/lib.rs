//! Makes the files of a release from programs that were built before: archives, .NET tools, a bill of materials for each
//! platform; then checksums, the manifest for krew and signatures over all of them.
//!
//! Nothing here builds the program, uploads anything or knows a host. The same input makes the same bytes.

mod archive;
mod krew;
mod nuget;
mod platform;
mod project;
mod release;
mod sbom;
mod sign;

pub use archive::Archive;
pub use platform::{PLATFORMS, Platform};
pub use project::Project;
pub use release::finish;
pub use sign::sign;

use std::path::{Path, PathBuf};

/// What went wrong, as a sentence.
pub type Error = Box<dyn std::error::Error + Send + Sync>;

/// Makes what one platform gets, and returns the files: the archive, the packages of the .NET tool, the bill of materials.
pub fn platform(project: &Project, platform: &Platform, program: &Path, out: &Path) -> Result<Vec<PathBuf>, Error> {
    let program = read(program)?;
    let mut files = vec![Archive::new(project, platform, &program)?.write(out)?];
    for rid in platform.rids {
        files.push(nuget::of_platform(project, rid, platform, &program, out)?);
    }
    files.push(sbom::write_to(project, platform, out)?);
    Ok(files)
}

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    std::fs::read(path).map_err(|error| format!("cannot read {}: {error}", path.display()).into())
}

fn write(path: PathBuf, bytes: &[u8]) -> Result<PathBuf, Error> {
    match std::fs::write(&path, bytes) {
        Ok(()) => Ok(path),
        Err(error) => Err(format!("cannot write {}: {error}", path.display()).into()),
    }
}

//! The program that reads the model of an AppHost from inside: C# that the user's own SDK compiles, once for each target
//! framework, into the user's cache folder. It is given to the AppHost as a start-up hook.
//!
//! Must not know what a model says.

mod runtime;

pub(super) use runtime::Runtime;

use super::ask;
use super::lines::Lines;
use crate::support::digest::sha256;
use crate::support::temporary;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

/// C#, for .NET 8 and later.
const SOURCE: &str = include_str!("ModelReader.cs");

/// Files that keep settings of parent folders away from its build.
const SHIELDS: [&str; 3] = ["Directory.Build.props", "Directory.Build.targets", "Directory.Packages.props"];

/// Runs `dotnet` with these arguments; the output of a run that failed.
pub(super) type Compile<'a, E> = dyn Fn(Vec<OsString>) -> Result<Result<(), Lines>, E> + 'a;

/// The compiled reader for a target framework such as `net10.0`: the one in the cache folder, else a new one; or the reason
/// why it cannot be used.
pub(super) fn reader<E>(framework: &str, compile: &Compile<E>) -> Result<Result<PathBuf, String>, E> {
    let name = format!("aspire-model-{}-{framework}", &sha256(SOURCE)[..16]);
    let Some(cache) = cache_folder() else {
        return Ok(Err("there is no folder for the program that reads it; set XDG_CACHE_HOME".to_owned()));
    };
    let path = cache.join(format!("{name}.dll"));
    if is_own_file(&path) {
        return Ok(Ok(path));
    }
    let unwritable = |error: io::Error| {
        let what = format!("the program that reads it cannot be written to {}: {error}", cache.display());
        format!("{what}; set XDG_CACHE_HOME to a folder of yours")
    };
    let folder = match prepare(&cache, &name, framework) {
        Ok(folder) => folder,
        Err(error) => return Ok(Err(unwritable(error))),
    };
    let (project, output) = (folder.path().join(format!("{name}.csproj")), folder.path().join("output"));
    if let Err(lines) = compile(ask::reader(&project, &output))? {
        let reasons = lines.chosen().join("\n  ");
        let what = "the program that reads it cannot be compiled";
        let hint = format!("its build needs the reference pack of {framework}, which the SDK of that version has");
        return Ok(Err(format!("{what}; {hint}:\n  {reasons}")));
    }
    Ok(place(&output.join(format!("{name}.dll")), &path).map_err(unwritable).map(|()| path))
}

/// The folder of this program for files that can be made again.
fn cache_folder() -> Option<PathBuf> {
    let named = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|folder| folder.is_absolute());
    let local = || if cfg!(windows) { named("LOCALAPPDATA") } else { None };
    let home = || std::env::home_dir().filter(|home| home.is_absolute()).map(|home| home.join(".cache"));
    named("XDG_CACHE_HOME").or_else(local).or_else(home).map(|folder| folder.join("kubectl-aspire"))
}

/// A private folder with the project in it.
fn prepare(cache: &Path, name: &str, framework: &str) -> io::Result<tempfile::TempDir> {
    std::fs::create_dir_all(cache)?;
    for_owner(cache, 0o700)?;
    let folder = temporary::folder_in(cache, "reader-")?;
    temporary::write(&folder.path().join(format!("{name}.csproj")), project(framework).as_bytes())?;
    temporary::write(&folder.path().join("ModelReader.cs"), SOURCE.as_bytes())?;
    for shield in SHIELDS {
        temporary::write(&folder.path().join(shield), b"<Project />\n")?;
    }
    Ok(folder)
}

fn project(framework: &str) -> String {
    format!(
        "<Project Sdk=\"Microsoft.NET.Sdk\">\n  <PropertyGroup>\n    <TargetFramework>{framework}</TargetFramework>\n    \
         <LangVersion>12</LangVersion>\n    <Nullable>enable</Nullable>\n    <Optimize>true</Optimize>\n    \
         <DebugType>none</DebugType>\n    <GenerateDependencyFile>false</GenerateDependencyFile>\n    \
         <NuGetAudit>false</NuGetAudit>\n  </PropertyGroup>\n</Project>\n"
    )
}

/// A file that only its owner reads takes its place at once, also where another run does the same.
fn place(built: &Path, path: &Path) -> io::Result<()> {
    for_owner(built, 0o600)?;
    std::fs::rename(built, path)
}

#[cfg(unix)]
fn for_owner(path: &Path, mode: u32) -> io::Result<()> {
    std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(mode))
}

#[cfg(not(unix))]
fn for_owner(_: &Path, _: u32) -> io::Result<()> {
    Ok(())
}

/// Whether only the current user can have written the file.
#[cfg(unix)]
fn is_own_file(path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let own = |metadata: std::fs::Metadata| {
        metadata.is_file() && metadata.mode() & 0o022 == 0 && metadata.uid() == rustix::process::geteuid().as_raw()
    };
    path.symlink_metadata().is_ok_and(own)
}

#[cfg(not(unix))]
fn is_own_file(path: &Path) -> bool {
    path.is_file()
}

//! Builds the real programs from their Go modules into `<home>/bin`.
//!
//! One row of the table is one program in one version. A program counts as built only when its stamp says the same
//! version and flags as its row, so a changed row builds again and a half-built program never counts. This module must
//! not fetch anything but Go modules, and must not write outside [`home`].

mod table;

pub use table::*;

use crate::error::{Context as _, Error};
use crate::{home, say};
use sha2::{Digest as _, Sha256};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

/// One program: where it comes from and how it is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tool {
    /// File below `<home>/bin`.
    pub name: &'static str,
    /// Go module.
    pub module: &'static str,
    /// Version of the module, without the `v`.
    pub version: &'static str,
    /// The main package.
    pub package: &'static str,
    /// Linker flags; empty for none.
    pub ldflags: &'static str,
    /// How the go command is called.
    pub how: How,
}

/// How a program is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// `go install package@version`.
    Install,
    /// As before, without C, for an image that holds nothing else.
    InstallStatic,
    /// Inside a module of our own, for a module that cannot be installed because of its `replace` directives. Those
    /// that point at `./staging` are pointed at the published module of the same release.
    Module,
    /// In a module of our own, kept in this folder of the assets.
    Own(&'static str),
    /// In a copy of the module, with these texts (file, old, new) replaced in it; an empty old text stands for the file.
    Patched(&'static [(&'static str, &'static str, &'static str)]),
}

impl Tool {
    fn stamp(&self) -> PathBuf {
        home().join("bin/.stamps").join(self.name.replace('/', "_"))
    }

    /// What the stamp of the finished program says.
    fn identity(&self) -> String {
        let of = match self.how {
            How::Own(folder) => digest(&own(folder)),
            _ => String::new(),
        };
        format!("{}@v{} {:?}{of} {}\n", self.package, self.version, self.how, self.ldflags)
    }

    fn built(&self, bin: &Path) -> bool {
        fs::read_to_string(self.stamp()).is_ok_and(|s| s == self.identity()) && bin.join(self.name).is_file()
    }
}

/// A folder of ours that a program is built from.
fn own(folder: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("assets").join(folder)
}

/// Tells one state of a folder from another.
fn digest(folder: &Path) -> String {
    let mut entries: Vec<PathBuf> = fs::read_dir(folder).into_iter().flatten().flatten().map(|e| e.path()).collect();
    entries.sort();
    let mut hash = Sha256::new();
    for entry in entries {
        hash.update(entry.file_name().unwrap_or_default().as_encoded_bytes());
        if entry.is_dir() {
            hash.update(digest(&entry));
        } else {
            hash.update(fs::read(&entry).unwrap_or_default());
        }
    }
    hash.finalize().iter().fold(String::from(" "), |text, byte| text + &format!("{byte:02x}"))
}

/// Whether all of these are there, so that [`ensure`] has nothing to do.
#[must_use]
pub fn built(tools: &[Tool]) -> bool {
    let bin = home().join("bin");
    tools.iter().all(|tool| tool.built(&bin))
}

/// Builds those of `tools` that are missing and returns the directory they are in. Several processes may call it at
/// once: one builds, the others wait.
pub fn ensure(tools: &[Tool]) -> Result<PathBuf, Error> {
    let home = home();
    let bin = home.join("bin");
    if built(tools) {
        return Ok(bin);
    }
    let _lock = lock(&home, "build.lock")?;
    let missing: Vec<&Tool> = tools.iter().filter(|tool| !tool.built(&bin)).collect();
    for (n, tool) in missing.iter().enumerate() {
        let label = tool.name.split('/').next().unwrap_or(tool.name);
        let version = if label.ends_with(tool.version) { String::new() } else { format!(" {}", tool.version) };
        say(&format!("building {label}{version} ({} of {}) ...", n + 1, missing.len()));
        let start = Instant::now();
        build(tool, &home, &bin)?;
        say(&format!("built {label}{version} in {:.1} s", start.elapsed().as_secs_f32()));
    }
    Ok(bin)
}

/// Holds `<home>/<name>` until the returned file is dropped; the kernel lets go of it when the process dies.
pub(crate) fn lock(home: &Path, name: &str) -> Result<File, Error> {
    let path = home.join(name);
    fs::create_dir_all(home).context(|| format!("Cannot create {}", home.display()))?;
    let file = File::create(&path).context(|| format!("Cannot create {}", path.display()))?;
    if file.try_lock().is_err() {
        say(&format!("waiting for {} (another process builds) ...", path.display()));
        file.lock().context(|| format!("Cannot lock {}", path.display()))?;
    }
    Ok(file)
}

fn build(tool: &Tool, home: &Path, bin: &Path) -> Result<(), Error> {
    let failed = || format!("Cannot build {} {}", tool.name, tool.version);
    let out = home.join("build/out");
    let _ = fs::remove_dir_all(&out);
    let target = bin.join(tool.name);
    let stamp = tool.stamp();
    for dir in [Some(out.as_path()), target.parent(), stamp.parent()].into_iter().flatten() {
        fs::create_dir_all(dir).context(|| format!("Cannot create {}", dir.display()))?;
    }
    let _ = fs::remove_file(&stamp);
    let mut go = go();
    match tool.how {
        How::Module => {
            go.current_dir(module(tool, home)?).args(["build", "-mod=mod", "-trimpath"]).arg("-o").arg(&out);
        }
        How::Patched(edits) => {
            go.current_dir(patched(tool, edits, home)?).args(["build", "-trimpath"]).arg("-o").arg(&out);
        }
        How::Own(folder) => {
            let dir = home.join("build").join(folder);
            let _ = fs::remove_dir_all(&dir);
            copy(&own(folder), &dir).context(failed)?;
            go.current_dir(dir).args(["build", "-mod=mod", "-trimpath"]).arg("-o").arg(&out);
        }
        How::Install | How::InstallStatic => {
            go.current_dir(&out).env("GOBIN", &out).arg("install");
        }
    }
    if !tool.ldflags.is_empty() {
        go.args(["-ldflags", tool.ldflags]);
    }
    match tool.how {
        How::Module | How::Patched(_) | How::Own(_) => go.arg(tool.package),
        How::Install => go.arg(format!("{}@v{}", tool.package, tool.version)),
        How::InstallStatic => go.env("CGO_ENABLED", "0").arg(format!("{}@v{}", tool.package, tool.version)),
    };
    run(go)?;
    // The go command names the file after the package (`server/v3` makes `server`).
    let made = fs::read_dir(&out)
        .context(failed)?
        .flatten()
        .map(|entry| entry.path())
        .find(|path| path.is_file())
        .ok_or_else(|| Error::new(format!("{}: the go command made no file.", failed())))?;
    fs::rename(&made, &target).context(failed)?;
    if tool.version == DEFAULT_HELM && tool.name.starts_with("helm-") {
        let (link, fresh) = (bin.join("helm"), bin.join(".helm.new"));
        let _ = fs::remove_file(&fresh);
        std::os::unix::fs::symlink(tool.name, &fresh).and_then(|()| fs::rename(&fresh, &link)).context(failed)?;
    }
    fs::write(&stamp, tool.identity()).context(failed)
}

/// The directory of the module in which `tool` is built; all programs of one module version share it.
fn module(tool: &Tool, home: &Path) -> Result<PathBuf, Error> {
    let siblings: Vec<Tool> = all().into_iter().filter(|t| t.module == tool.module && t.how == How::Module).collect();
    let dir = home.join("build").join(format!("{}-{}", tool.module.replace('/', "_"), tool.version));
    let ready = dir.join("ready");
    if ready.is_file() {
        return Ok(dir);
    }
    let failed = || format!("Cannot prepare {}", dir.display());
    let _ = fs::remove_dir_all(&dir);
    fs::create_dir_all(&dir).context(failed)?;
    let published = fs::read_to_string(download(tool.module, tool.version, &dir)?.go_mod).context(failed)?;
    let mut text = format!("module tools\n\ngo 1.26.0\n\nrequire {} v{}\n", tool.module, tool.version);
    if published.contains("=> ./staging/") {
        let release = tool.version.split_once('.').map_or(tool.version, |(_, rest)| rest);
        text.push_str("\ngodebug default=go1.26\n\nreplace (\n");
        for line in published.lines().filter(|line| line.contains("=> ./staging/")) {
            let name = line.trim().trim_start_matches("replace ").split_whitespace().next().unwrap_or_default();
            text.extend(["\t", name, " => ", name, " v0.", release, "\n"]);
        }
        text.push_str(")\n");
    }
    let imports: Vec<String> = siblings.iter().map(|t| format!("import _ \"{}\"\n", t.package)).collect();
    fs::write(dir.join("go.mod"), text).context(failed)?;
    fs::write(dir.join("tools.go"), format!("//go:build tools\n\npackage tools\n\n{}", imports.concat()))
        .context(failed)?;
    let mut tidy = go();
    tidy.current_dir(&dir).args(["mod", "tidy"]);
    run(tidy)?;
    fs::write(&ready, "").context(failed)?;
    Ok(dir)
}

/// What the go command downloaded of a module.
struct Downloaded {
    go_mod: PathBuf,
    dir: PathBuf,
}

fn download(module: &str, version: &str, dir: &Path) -> Result<Downloaded, Error> {
    let mut download = go();
    download.current_dir(dir).args(["mod", "download", "-json", &format!("{module}@v{version}")]);
    let answer: serde_json::Value =
        serde_json::from_str(&run(download)?).context(|| format!("Cannot download {module}"))?;
    let path = |key: &str| PathBuf::from(answer[key].as_str().unwrap_or_default());
    Ok(Downloaded { go_mod: path("GoMod"), dir: path("Dir") })
}

/// The folder of a module; nobody may write to it.
pub(crate) fn sources(module: &str, version: &str) -> Result<PathBuf, Error> {
    let home = home();
    fs::create_dir_all(&home).context(|| format!("Cannot create {}", home.display()))?;
    Ok(download(module, version, &home)?.dir)
}

/// A file of the module that a tool is built from, such as the definitions of its kinds.
pub fn source(tool: &Tool, file: &str) -> Result<String, Error> {
    let path = sources(tool.module, tool.version)?.join(file);
    fs::read_to_string(&path).context(|| format!("Cannot read {}", path.display()))
}

/// A copy of the module with some of its files replaced.
fn patched(tool: &Tool, edits: &[(&str, &str, &str)], home: &Path) -> Result<PathBuf, Error> {
    let dir = home.join("build").join(format!("{}-{}", tool.module.replace('/', "_"), tool.version));
    let failed = || format!("Cannot prepare {}", dir.display());
    let _ = fs::remove_dir_all(&dir);
    copy(&download(tool.module, tool.version, home)?.dir, &dir).context(failed)?;
    for (file, old, new) in edits {
        let path = dir.join(file);
        let text = fs::read_to_string(&path).context(failed)?;
        let whole = if old.is_empty() { text.as_str() } else { old };
        if !text.contains(whole) {
            return Err(Error::new(format!("{}: {file} holds no `{old}`.", failed())));
        }
        fs::write(path, text.replacen(whole, new, 1)).context(failed)?;
    }
    Ok(dir)
}

/// Copies a folder; the copies can be written to, other than what they come from.
fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs::write(target, fs::read(entry.path())?)?;
        }
    }
    Ok(())
}

/// The go command with nothing in its environment that changes what is built.
pub(crate) fn go() -> Command {
    let mut go = Command::new("go");
    go.env("GOFLAGS", "-buildvcs=false").env("GOWORK", "off").env_remove("GOBIN").env_remove("GO111MODULE");
    go
}

/// Runs a command to its end and returns its standard output; the error holds the end of its standard error.
pub(crate) fn run(mut command: Command) -> Result<String, Error> {
    let shown = || {
        let words: Vec<_> = std::iter::once(command.get_program()).chain(command.get_args()).collect();
        words.iter().map(|w| w.to_string_lossy()).collect::<Vec<_>>().join(" ")
    };
    let shown = shown();
    let output = command.output().context(|| format!("Cannot run `{shown}`"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let text = String::from_utf8_lossy(&output.stderr);
    let lines: Vec<&str> = text.lines().collect();
    let tail = lines[lines.len().saturating_sub(20)..].join("\n");
    Err(Error::new(format!("`{shown}` failed ({}):\n{tail}", output.status)))
}

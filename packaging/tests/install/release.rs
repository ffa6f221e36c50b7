//! A release, made by the very program that makes the real ones.

use packaging::{PLATFORMS, Platform};
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// The program in the archives.
const STAND_IN: &str = "#!/bin/sh\necho \"stand-in ran with: $*\"\n";

/// The folder of the sources.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// How a program ended.
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) said: String,
}

impl Ran {
    pub(crate) fn ok(self) -> String {
        assert_eq!(self.code, 0, "{self}");
        self.said
    }

    pub(crate) fn fails(self, why: &str) {
        assert!(self.code != 0 && self.said.contains(why), "{why:?} is missing: {self}");
    }
}

impl fmt::Display for Ran {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "exit code {}\n{}", self.code, self.said)
    }
}

/// Runs a program to its end; both streams are one text.
pub(crate) fn ran(command: &mut Command) -> Ran {
    let output = command.output().unwrap_or_else(|error| panic!("cannot run {command:?}: {error}"));
    let said = [output.stdout, output.stderr].concat();
    Ran { code: output.status.code().unwrap_or(-1), said: String::from_utf8_lossy(&said).into_owned() }
}

/// A folder with a release in it, and a home that nobody used.
pub(crate) struct Release {
    folder: TempDir,
}

impl Release {
    /// A release of all platforms, complete but not signed.
    pub(crate) fn new() -> Self {
        let release = Self { folder: TempDir::new().unwrap() };
        fs::create_dir(release.path("home")).unwrap();
        fs::write(release.path("stand-in"), STAND_IN).unwrap();
        for platform in PLATFORMS {
            let program = release.path("stand-in");
            release.packaging(&["platform", platform.target, program.to_str().unwrap()], &[]).ok();
        }
        release.packaging(&["finish"], &[]).ok();
        release
    }

    /// `packaging VERB ... DIR ...`.
    pub(crate) fn packaging(&self, before: &[&str], after: &[&str]) -> Ran {
        let mut command = Command::new(env!("CARGO_BIN_EXE_packaging"));
        command.env("GNUPGHOME", self.path("gnupg"));
        ran(command.args(before).arg(self.files()).args(after))
    }

    /// A path beside the files of the release.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The folder with the files of the release.
    pub(crate) fn files(&self) -> PathBuf {
        self.path("dist")
    }

    /// The names of its files.
    pub(crate) fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.files()).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// The archive of this machine.
    pub(crate) fn archive(&self) -> PathBuf {
        let here = Platform::here().unwrap();
        let version = env!("CARGO_PKG_VERSION");
        self.files().join(format!("kubectl-aspire-{version}-{}-{}.tgz", here.os, here.arch))
    }

    /// A program in an environment that holds nothing of ours.
    pub(crate) fn command(&self, program: impl AsRef<Path>) -> Command {
        let mut command = Command::new(program.as_ref());
        command.env_clear().env("HOME", self.path("home")).env("PATH", std::env::var_os("PATH").unwrap());
        command.current_dir(self.folder.path());
        command
    }
}

//! Runs the program in an environment that holds nothing but what a test gives it.

use std::path::{Path, PathBuf};
use std::process::Command;

/// How a run ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Ran {
    /// Standard output of a run that must not fail.
    pub(crate) fn ok(self) -> String {
        assert_eq!(self.code, 0, "{}{}", self.err, self.out);
        self.out
    }
}

/// The inputs of these tests; every run starts there, so that messages hold relative paths.
pub(crate) fn inputs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/inputs/cli")
}

/// The program, about to start.
pub(crate) struct Aspire(Command);

/// The program with its arguments.
pub(crate) fn aspire<S: AsRef<std::ffi::OsStr>>(args: impl IntoIterator<Item = S>) -> Aspire {
    Aspire::at(Path::new(env!("CARGO_BIN_EXE_kubectl-aspire"))).args(args)
}

impl Aspire {
    /// The program in another place.
    pub(crate) fn at(program: &Path) -> Self {
        let mut command = Command::new(program);
        command.current_dir(inputs()).env_clear().env("PATH", "/nowhere").env("HOME", "/nowhere");
        command.env("KUBECONFIG", "/nowhere/kubeconfig").env("COLUMNS", "100");
        Self(command)
    }

    pub(crate) fn args<S: AsRef<std::ffi::OsStr>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.0.args(args);
        self
    }

    pub(crate) fn env(mut self, name: &str, value: impl AsRef<std::ffi::OsStr>) -> Self {
        self.0.env(name, value);
        self
    }

    pub(crate) fn within(mut self, folder: &Path) -> Self {
        self.0.current_dir(folder);
        self
    }

    pub(crate) fn command(self) -> Command {
        self.0
    }

    pub(crate) fn run(mut self) -> Ran {
        let output = self.0.output().expect("the program should start");
        let text = |bytes| String::from_utf8(bytes).expect("the program should write UTF-8");
        let code = output.status.code().unwrap_or_else(|| panic!("ended by {}", output.status));
        Ran { code, out: text(output.stdout), err: text(output.stderr) }
    }
}

/// Start of the names of temporary folders; who made them and random characters follow.
const RANDOM: &str = ".aspire-render-";

/// A run as a snapshot shows it: exit code, standard error, and how much stands on standard output.
pub(crate) fn shown(title: &str, ran: &Ran, folder: Option<&Path>) -> String {
    let stdout = if ran.out.is_empty() { String::new() } else { format!("standard output:\n{}", ran.out) };
    let mut text = format!("== {title}: exit {}\n{}{stdout}", ran.code, ran.err);
    for (path, name) in [(folder, "[tmp]"), (Some(Path::new(env!("CARGO_MANIFEST_DIR"))), "[repository]")] {
        if let Some(path) = path {
            text = text.replace(&path.display().to_string(), name);
        }
    }
    while let Some(at) = text.find(RANDOM) {
        let rest = &text[at + RANDOM.len()..];
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '-').unwrap_or(rest.len());
        text.replace_range(at..at + RANDOM.len() + end, "[random]");
    }
    text.push('\n');
    text
}

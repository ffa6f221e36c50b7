//! Runs the program under test, in an environment that holds nothing but what a test gives it.

use crate::workload::Bytes;
use serde_json::Value;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Registry of built images in all tests.
pub(crate) const REGISTRY: &str = "registry.example.com:5000/team";
/// Tag of built images in all tests.
pub(crate) const TAG: &str = "1.0";

/// How a program ended.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Outcome {
    /// Standard output of a run that must not fail.
    pub(crate) fn expect(self, what: &str) -> String {
        assert_eq!(self.code, Some(0), "{what} failed:\n{}{}", self.err, self.out);
        self.out
    }
}

/// Runs a command to its end.
pub(crate) fn run(command: &mut Command) -> Outcome {
    let output = command.output().unwrap_or_else(|error| panic!("cannot run {command:?}: {error}"));
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("a program should write UTF-8");
    Outcome { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

/// Runs `kubectl-aspire`.
pub(crate) fn aspire<S: AsRef<OsStr>>(args: &[S]) -> Outcome {
    run(program().args(args))
}

fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kubectl-aspire"));
    command.env_clear().env("PATH", "/nowhere").env("HOME", "/nowhere").env("KUBECONFIG", "/nowhere/kubeconfig");
    command
}

/// Runs `render --format yaml` with values for inputs, through this helm.
pub(crate) fn render_yaml(helm: &Path, release: &str, manifest: &Path, parameters: &Path, more: &[&str]) -> Outcome {
    let mut command = program();
    command.env("HELM_BIN", helm).arg("render").arg(manifest).arg("--parameter-file").arg(parameters);
    command.args(["-o", "-", "--format", "yaml", "--release", release, "--tag", TAG, "--registry", REGISTRY]);
    run(command.args(more))
}

/// Runs `render` with the registry and the tag of all tests.
pub(crate) fn render(manifest: &Path, chart: &Path, more: &[&str]) -> Outcome {
    let (manifest, chart) = (manifest.as_os_str(), chart.as_os_str());
    let mut args = vec![OsStr::new("render"), manifest, OsStr::new("-o"), chart];
    args.extend(["--tag", TAG, "--registry", REGISTRY].map(OsStr::new));
    args.extend(more.iter().map(OsStr::new));
    aspire(&args)
}

/// One row of `inputs -o json`.
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Input {
    pub name: String,
    pub secret: bool,
    pub required: bool,
    pub generated: bool,
    pub used_by: Vec<String>,
}

impl Input {
    /// Whether it has no default.
    pub(crate) fn must_be_given(&self) -> bool {
        self.required || self.generated
    }

    /// Whether it is the name of a ConfigMap that stands in for a folder which is not beside the manifest.
    pub(crate) fn is_files(&self) -> bool {
        self.name.contains(".bindMounts.")
    }
}

/// Runs `inputs -o json`.
pub(crate) fn inputs(manifest: &Path) -> Vec<Input> {
    let args = ["inputs", "-o", "json", "--tag", TAG, "--registry", REGISTRY].map(OsStr::new);
    let out = aspire(&[&args[..], &[manifest.as_os_str()]].concat()).expect("`inputs`");
    serde_json::from_str(&out).expect("`inputs -o json` should print JSON")
}

/// All files below a folder, by their path in it.
pub(crate) fn tree(folder: &Path) -> BTreeMap<String, Bytes> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(&next).unwrap_or_else(|error| panic!("{}: {error}", next.display())) {
            let path: PathBuf = entry.expect("the folder should be readable").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(folder).expect("it is below").to_string_lossy().replace('\\', "/");
                found.insert(name, fs::read(&path).expect("the file should be readable"));
            }
        }
    }
    found
}

pub(crate) fn values(chart: &Path) -> Value {
    let text = fs::read_to_string(chart.join("values.yaml")).expect("a chart has values");
    documents(&text).remove(0)
}

/// The workloads of a chart, in the order of its values.
pub(crate) fn workload_names(chart: &Path) -> Vec<String> {
    values(chart)["workloads"].as_object().into_iter().flatten().map(|(name, _)| name.clone()).collect()
}

/// The documents of a YAML text.
pub(crate) fn documents(yaml: &str) -> Vec<Value> {
    use serde::Deserialize as _;
    let documents = serde_yaml::Deserializer::from_str(yaml).map(Value::deserialize);
    let documents = documents.map(|document| document.unwrap_or_else(|error| panic!("{error} in\n{yaml}")));
    documents.filter(|document| !document.is_null()).collect()
}

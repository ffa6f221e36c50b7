//! Runs the real helm, in several versions, against nothing or against the control plane of the test bed.

use crate::program::{Outcome, documents, run};
use serde_json::Value;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use testbed::{Level, available, skip_or_fail, tools};

/// The version that tests use unless they say otherwise.
pub(crate) const NEWEST: &str = tools::DEFAULT_HELM;
/// The oldest version that must work.
pub(crate) const OLDEST: &str = "3.14.4";
/// The version of Kubernetes that charts are rendered for where there is no cluster.
const KUBERNETES: &str = "1.36.3";
/// Name of the release in all tests.
pub(crate) const RELEASE: &str = "rel";

/// Whether helm can be had here; says so and is false when not.
pub(crate) fn ready() -> bool {
    static READY: OnceLock<Result<(), String>> = OnceLock::new();
    let result = READY.get_or_init(|| {
        available(Level::A)?;
        let wanted: Vec<_> = [NEWEST, OLDEST].into_iter().filter_map(tools::helm).collect();
        tools::ensure(&wanted).map(drop).map_err(|error| error.to_string())
    });
    if let Err(reason) = result {
        skip_or_fail(reason);
    }
    result.is_ok()
}

/// Runs helm without a cluster.
pub(crate) fn helm<S: AsRef<OsStr>>(version: &str, args: &[S]) -> Outcome {
    let mut command = Command::new(binary(version));
    command.env_clear().env("PATH", "/nowhere").env("HOME", "/nowhere").env("KUBECONFIG", "/nowhere/kubeconfig");
    for name in ["HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME"] {
        command.env(name, "/nowhere");
    }
    run(command.args(args))
}

/// Runs `helm template` on a chart, with a values file or without.
pub(crate) fn template(version: &str, chart: &Path, values: Option<&Path>) -> Outcome {
    let mut args = ["template", RELEASE, "--kube-version", KUBERNETES].map(OsStr::new).to_vec();
    args.push(chart.as_os_str());
    args.extend(values.into_iter().flat_map(|file| [OsStr::new("-f"), file.as_os_str()]));
    helm(version, &args)
}

/// The objects that `helm template` renders.
pub(crate) fn objects(version: &str, chart: &Path, values: &Path) -> Vec<Value> {
    documents(&template(version, chart, Some(values)).expect("`helm template`"))
}

/// The program of one version.
pub(crate) fn binary(version: &str) -> PathBuf {
    let tool = tools::helm(version).unwrap_or_else(|| panic!("the test bed has no helm {version}"));
    tools::ensure(&[tool]).unwrap_or_else(|error| panic!("{error}")).join(tool.name)
}

//! The real helm, as the test bed builds it.

use serde::Deserialize as _;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;
use testbed::tools;

/// The program; none, after saying so, where it cannot be built.
pub(crate) fn helm() -> Option<PathBuf> {
    let tool = tools::helm(tools::DEFAULT_HELM).expect("the default version has a row");
    match tools::ensure(&[tool]) {
        Ok(bin) => Some(bin.join(tool.name)),
        Err(error) => {
            testbed::skip_or_fail(&error.to_string());
            None
        }
    }
}

/// `helm template` of a chart: its objects, or what it says.
pub(crate) fn template(helm: &Path, chart: &Path, args: &[&str]) -> Result<Vec<Value>, String> {
    let mut command = Command::new(helm);
    command.env_clear().env("HOME", "/nowhere").env("KUBECONFIG", "/nowhere/kubeconfig");
    let output = command.args(["template", "shop"]).arg(chart).args(args).output().expect("helm should start");
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    Ok(documents(&String::from_utf8_lossy(&output.stdout)))
}

/// The documents of a YAML text.
pub(crate) fn documents(yaml: &str) -> Vec<Value> {
    let documents = serde_yaml::Deserializer::from_str(yaml).map(Value::deserialize);
    let documents = documents.map(|document| document.unwrap_or_else(|error| panic!("{error} in\n{yaml}")));
    documents.filter(|document| !document.is_null()).collect()
}

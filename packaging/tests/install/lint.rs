//! What cannot run here is read by the checkers of its own people: shellcheck, actionlint, krew's validator.

use crate::{Release, ran, root};
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use testbed::tools::{self, ACTIONLINT, KREW_VALIDATOR};

fn tool(row: tools::Tool) -> Option<PathBuf> {
    match tools::ensure(&[row]) {
        Ok(bin) => Some(bin.join(row.name)),
        Err(error) => {
            testbed::skip_or_fail(&error.to_string());
            None
        }
    }
}

#[test]
fn scripts_pass_shellcheck() {
    if Command::new("shellcheck").arg("--version").output().is_err() {
        return testbed::skip_or_fail("there is no shellcheck");
    }
    ran(Command::new("shellcheck").current_dir(root()).args([
        "scripts/install.sh",
        "scripts/kubectl_complete-aspire",
        "plugin.complete",
        ".ci/run",
    ]))
    .ok();
}

#[test]
fn workflows_pass_actionlint() {
    let Some(actionlint) = tool(ACTIONLINT) else { return };
    let workflows = fs::read_dir(root().join(".github/workflows")).unwrap().map(|entry| entry.unwrap().path());
    ran(Command::new(actionlint).current_dir(root()).args(workflows)).ok();
}

#[test]
fn krew_takes_the_manifest() {
    let Some(validator) = tool(KREW_VALIDATOR) else { return };
    let release = Release::new();
    let manifest = release.files().join("aspire.yaml");
    ran(Command::new(validator).arg("-skip-install").arg("-manifest").arg(&manifest)).ok();
}

/// Templates for pipelines of others: at least YAML with the parts that the page about them names.
#[test]
fn templates_are_yaml() {
    for name in ["action.yml", "ci-templates/gitlab-ci.yml", "ci-templates/azure-pipelines.yml"] {
        let text = fs::read_to_string(root().join(name)).unwrap();
        let value: serde_yaml::Value = serde_yaml::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(value.is_mapping(), "{name}");
    }
}

//! The manifest for krew, the package manager of kubectl plugins.

use crate::{Archive, Platform, Project};
use std::fmt::Write as _;

/// One platform whose archive is there, and the archive's digest.
pub(crate) struct Row<'a> {
    pub(crate) platform: &'a Platform,
    pub(crate) sha256: &'a str,
}

/// The text of `aspire.yaml`; krew wants the file named like the plugin.
pub(crate) fn manifest(project: &Project, rows: &[Row]) -> String {
    let Project { version, repository, .. } = project;
    let mut text = format!(
        "apiVersion: krew.googlecontainertools.github.com/v1alpha2
kind: Plugin
metadata:
  name: aspire
spec:
  version: v{version}
  homepage: {repository}
  shortDescription: Deploy .NET Aspire apps with Helm
  description: |
    Renders the manifest of a .NET Aspire application as a Helm chart, and installs, upgrades,
    inspects, rolls back and removes it on a cluster. Passwords are generated once and stay,
    data survives, and a plan shows what a deploy would change.
  caveats: |
    Needs Helm 3.14 or later on the PATH.
  platforms:
"
    );
    for Row { platform, sha256 } in rows {
        let _ = write!(
            text,
            "    - selector:
        matchLabels:
          os: {}
          arch: {}
      uri: {}/{}
      sha256: {sha256}
      bin: bin/{}
",
            platform.os,
            platform.arch,
            project.downloads(),
            Archive::name(version, platform),
            platform.program()
        );
    }
    text
}

//! What the files of a release say about the project, read from where it stands once.

use crate::{Error, read};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The project, as `Cargo.toml` describes it.
#[derive(Debug, Clone)]
pub struct Project {
    /// The folder of the sources.
    pub root: PathBuf,
    /// Version, without `v`.
    pub version: String,
    /// One line.
    pub description: String,
    /// SPDX expression.
    pub license: String,
    /// URL of the repository.
    pub repository: String,
}

impl Project {
    /// Reads `Cargo.toml` through cargo.
    pub fn read(root: &Path) -> Result<Self, Error> {
        let metadata = metadata(root, &["--no-deps"])?;
        let package = package(&metadata, "kubectl-aspire").ok_or("there is no package kubectl-aspire here")?;
        let field = |name: &str| match package[name].as_str() {
            Some(text) => Ok(text.to_owned()),
            None => Err(Error::from(format!("Cargo.toml: the package has no {name}"))),
        };
        Ok(Self {
            root: root.to_owned(),
            version: field("version")?,
            description: field("description")?,
            license: field("license")?,
            repository: field("repository")?,
        })
    }

    /// Where the files of the release are downloaded from.
    pub fn downloads(&self) -> String {
        format!("{}/releases/download/v{}", self.repository, self.version)
    }

    /// A file of the sources.
    pub(crate) fn file(&self, name: &str) -> Result<Vec<u8>, Error> {
        read(&self.root.join(name))
    }

    /// A text of the sources.
    pub(crate) fn text(&self, name: &str) -> Result<String, Error> {
        Ok(String::from_utf8(self.file(name)?)?)
    }
}

/// `cargo metadata`.
pub(crate) fn metadata(root: &Path, more: &[&str]) -> Result<Value, Error> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let arguments = ["metadata", "--format-version=1", "--locked"];
    let output = Command::new(cargo).current_dir(root).args(arguments).args(more).output()?;
    if !output.status.success() {
        return Err(format!("cargo metadata: {}", String::from_utf8_lossy(&output.stderr)).into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// A package of the metadata, by its name.
pub(crate) fn package<'a>(metadata: &'a Value, name: &str) -> Option<&'a Value> {
    metadata["packages"].as_array()?.iter().find(|package| package["name"] == name)
}

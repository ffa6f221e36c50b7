//! Kinds that a control plane does not have by itself, and the chart that brings some, from their Go modules.
//!
//! This module must not run what works on these kinds.

use crate::error::{Context as _, Error};
use crate::home;
use crate::plane::ControlPlane;
use crate::tools::{self, CERT_MANAGER, DEFAULT_HELM, GATEWAY_API};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

static COUNT: AtomicU32 = AtomicU32::new(0);

/// Which kinds of the Gateway API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Channel {
    /// `Gateway`, `GatewayClass`, `HTTPRoute`, `GRPCRoute`, `TCPRoute`, `TLSRoute` and so on in version v1. What most
    /// clusters have. Its policy refuses the experimental channel on top.
    Standard,
    /// The same with what is being tried out, and with older versions served too; [`Traefik`](crate::Traefik) asks for
    /// `TCPRoute` in v1alpha2, which the standard channel does not serve.
    Experimental,
}

/// Kinds.
/// The folder with the kinds of the Gateway API.
pub fn gateway_kinds(channel: Channel) -> Result<PathBuf, Error> {
    let (module, version) = GATEWAY_API;
    let folder = match channel {
        Channel::Standard => "config/crd/standard",
        Channel::Experimental => "config/crd/experimental",
    };
    Ok(tools::sources(module, version)?.join(folder))
}

impl ControlPlane {
    /// Defines the kinds of the Gateway API and waits until they are served.
    pub fn gateway_api(&self, channel: Channel) -> Result<(), Error> {
        self.define_all(&gateway_kinds(channel)?)
    }

    /// Defines the kinds of cert-manager and waits until they are served. Without its chart nothing checks objects of
    /// these kinds but their schemas.
    pub fn cert_manager_kinds(&self) -> Result<(), Error> {
        self.define_all(&tools::sources(CERT_MANAGER.module, CERT_MANAGER.version)?.join("deploy/crds"))
    }

    /// Applies the definitions of a folder and waits until all are established.
    pub fn define_all(&self, folder: &Path) -> Result<(), Error> {
        let mut texts = Vec::new();
        for entry in fs::read_dir(folder).context(|| format!("Cannot read {}", folder.display()))?.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let yaml = entry.path().extension().is_some_and(|end| end == "yaml");
            if yaml && name != "kustomization.yaml" {
                let text = fs::read_to_string(entry.path()).context(|| format!("Cannot read {name}"))?;
                texts.push((name, text));
            }
        }
        texts.sort();
        let all: Vec<&str> = texts.iter().map(|(_, text)| text.as_str()).collect();
        let names: Vec<String> = all.iter().filter_map(|text| definition(text)).map(|n| format!("crd/{n}")).collect();
        self.apply(&all.join("\n---\n"))?;
        let mut wait = vec!["wait", "--for=condition=Established", "--timeout=60s"];
        wait.extend(names.iter().map(String::as_str));
        self.kubectl(&wait).map(|_| ())
    }
}

/// The name of the kind that a file defines.
fn definition(text: &str) -> Option<&str> {
    text.contains("\nkind: CustomResourceDefinition\n").then_some(())?;
    let metadata = text.split_once("\nmetadata:\n")?.1;
    metadata.lines().find_map(|line| line.strip_prefix("  name: ")).map(|name| name.trim_matches('"'))
}

/// The chart of cert-manager, packaged as it is published: `cert-manager-v<version>.tgz`.
pub fn cert_manager_chart() -> Result<PathBuf, Error> {
    let version = format!("v{}", CERT_MANAGER.version);
    let target = home().join("charts").join(format!("cert-manager-{version}.tgz"));
    if target.is_file() {
        return Ok(target);
    }
    let source = tools::sources(CERT_MANAGER.module, CERT_MANAGER.version)?.join("deploy/charts/cert-manager");
    package(&source, &version, &home().join("charts"))
}

/// Packages a chart folder in this version, of the chart and of the application, with the default helm.
pub(crate) fn package(chart: &Path, version: &str, into: &Path) -> Result<PathBuf, Error> {
    let helm = tools::helm(DEFAULT_HELM).ok_or_else(|| Error::new("The test bed has no helm in its table."))?;
    let bin = tools::ensure(&[helm])?;
    // Others may package the same: the finished file is moved into its place.
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let scratch = into.join(format!(".{}-{count}", std::process::id()));
    fs::create_dir_all(&scratch).context(|| format!("Cannot create {}", scratch.display()))?;
    let mut command = Command::new(bin.join(helm.name));
    command.arg("package").arg(chart).args(["--version", version, "--app-version", version, "--destination"]);
    command.arg(&scratch).env_clear().env("HOME", &scratch);
    tools::run(command)?;
    let failed = || format!("Cannot package {}", chart.display());
    let made = fs::read_dir(&scratch)
        .context(failed)?
        .flatten()
        .map(|entry| entry.path())
        .find(|path| path.extension().is_some_and(|end| end == "tgz"))
        .ok_or_else(|| Error::new(format!("{}: helm made no file.", failed())))?;
    let target = into.join(made.file_name().unwrap_or_default());
    fs::rename(&made, &target).context(failed)?;
    let _ = fs::remove_dir_all(&scratch);
    Ok(target)
}

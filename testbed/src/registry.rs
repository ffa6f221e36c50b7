//! A registry on loopback, for charts that are fetched by reference: the real `distribution`, without TLS.
//!
//! Its store is a folder of the caller; it must not be reached from another machine, nor reach one.

use crate::children::{Program, wait_until};
use crate::error::{Context as _, Error};
use crate::tools::{self, DEFAULT_HELM};
use std::fs;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;

/// A running registry. Dropping it stops it.
#[derive(Debug)]
pub struct Registry {
    address: String,
    _program: Vec<Program>,
}

impl Registry {
    /// Starts it, after building it if it is missing. What is pushed goes to `folder`.
    pub fn start(folder: &Path) -> Result<Self, Error> {
        let bin = tools::ensure(tools::REGISTRY)?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context(|| "There is no free port on loopback")?;
        let address = listener.local_addr().context(|| "Cannot read the number of a port")?.to_string();
        drop(listener);
        fs::create_dir_all(folder).context(|| format!("Cannot create {}", folder.display()))?;
        let config = serde_json::json!({
            "version": 0.1,
            "log": {"level": "error"},
            "storage": {"filesystem": {"rootdirectory": folder.join("store")}},
            "http": {"addr": address},
        });
        let file = folder.join("registry.yaml");
        fs::write(&file, config.to_string()).context(|| format!("Cannot write {}", file.display()))?;
        let mut command = Command::new(bin.join("registry"));
        command.arg("serve").arg(&file).env_clear().env("HOME", folder).env("OTEL_TRACES_EXPORTER", "none");
        let mut program = vec![Program::start("registry", command, folder)?];
        wait_until(&mut program, "the registry", || TcpStream::connect(&address).is_ok())?;
        Ok(Self { address, _program: program })
    }

    /// Pushes a packaged chart with the default helm; it is then `oci://<address>/<under>/<name of the chart>`. The
    /// registry has no TLS: helm wants `--plain-http`.
    pub fn push_chart(&self, package: &Path, under: &str) -> Result<(), Error> {
        let helm = tools::helm(DEFAULT_HELM).ok_or_else(|| Error::new("The test bed has no helm in its table."))?;
        let mut command = Command::new(tools::ensure(&[helm])?.join(helm.name));
        command.arg("push").arg(package).arg(format!("oci://{}/{under}", self.address)).arg("--plain-http");
        command.env_clear().env("HOME", package.parent().unwrap_or(Path::new("/")));
        tools::run(command).map(|_| ())
    }

    /// `127.0.0.1:<port>`.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }
}

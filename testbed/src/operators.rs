//! Programs that make Secrets of other objects, run against a control plane as they would run inside a cluster.
//!
//! They are built when somebody first asks for them. This module must not change anything but the definitions of their
//! own kinds.

use crate::children::{Program, wait_until};
use crate::error::Error;
use crate::plane::{ControlPlane, free_ports};
use crate::tools::{self, EXTERNAL_SECRETS, SEALED_SECRETS};
use std::process::Command;

/// A running program; it ends when this is dropped.
#[derive(Debug)]
pub struct Operator {
    _program: Program,
    port: u16,
}

impl Operator {
    /// The External Secrets operator, with the provider that makes values up.
    pub fn external_secrets(plane: &ControlPlane) -> Result<Self, Error> {
        let bundle = tools::source(&EXTERNAL_SECRETS, "deploy/crds/bundle.yaml")?;
        let kinds = bundle.split("\n---\n").filter(|kind| kind.contains("\n  group: external-secrets.io\n"));
        define(plane, &kinds.collect::<Vec<_>>().join("\n---\n"), "externalsecrets.external-secrets.io")?;
        let [metrics, health] = free_ports()?;
        let mut command = Command::new(tools::ensure(&[EXTERNAL_SECRETS])?.join(EXTERNAL_SECRETS.name));
        command.args([
            "--enable-cluster-external-secret-reconciler=false",
            "--enable-cluster-push-secret-reconciler=false",
            "--enable-push-secret-reconciler=false",
            "--enable-generator-state=false",
            "--enable-flood-gate=false",
        ]);
        command.arg(format!("--metrics-addr=127.0.0.1:{metrics}")).arg(format!("--live-addr=127.0.0.1:{health}"));
        Self::start(plane, EXTERNAL_SECRETS.name, command, metrics, "/metrics")
    }

    /// The controller of sealed secrets, with a key of its own.
    pub fn sealed_secrets(plane: &ControlPlane) -> Result<Self, Error> {
        let kind = tools::source(&SEALED_SECRETS, "helm/sealed-secrets/crds/bitnami.com_sealedsecrets.yaml")?;
        define(plane, &kind, "sealedsecrets.bitnami.com")?;
        let [port, metrics] = free_ports()?;
        let mut command = Command::new(tools::ensure(&[SEALED_SECRETS])?.join(SEALED_SECRETS.name));
        command.args([format!("--listen-addr=127.0.0.1:{port}"), format!("--listen-metrics-addr=127.0.0.1:{metrics}")]);
        command.env("POD_NAMESPACE", "kube-system");
        Self::start(plane, SEALED_SECRETS.name, command, port, "/v1/cert.pem")
    }

    fn start(plane: &ControlPlane, name: &str, mut command: Command, port: u16, path: &str) -> Result<Self, Error> {
        command.envs(plane.env());
        let mut programs = [Program::start(name, command, &plane.logs())?];
        wait_until(&mut programs, name, || fetch(port, path).is_some())?;
        let [program] = programs;
        Ok(Self { _program: program, port })
    }

    /// What it answers on its port at a path.
    #[must_use]
    pub fn get(&self, path: &str) -> Option<String> {
        fetch(self.port, path)
    }
}

fn define(plane: &ControlPlane, kinds: &str, one: &str) -> Result<(), Error> {
    let path = plane.dir().join(format!("{one}.yaml"));
    std::fs::write(&path, kinds).map_err(|error| Error::new(format!("Cannot write {}: {error}", path.display())))?;
    let path = path.display().to_string();
    plane.kubectl(&["apply", "--server-side", "-f", &path])?;
    plane.kubectl(&["wait", "--for=condition=Established", &format!("crd/{one}"), "--timeout=30s"]).map(|_| ())
}

/// The body of a good answer.
fn fetch(port: u16, path: &str) -> Option<String> {
    use std::io::{Read as _, Write as _};
    let mut stream = std::net::TcpStream::connect(("127.0.0.1", port)).ok()?;
    write!(stream, "GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    head.lines().next()?.contains(" 200 ").then(|| body.to_owned())
}

//! cert-manager, run against a control plane as it would run inside a cluster: certificates are really issued.
//!
//! Its controller, its cainjector and its webhook are three processes. They may be started before their kinds exist, and
//! before its chart is installed: they wait. The pods of the chart are fakes at level A; these processes do their work,
//! and the API server reaches the webhook through the chart's own Service. What is simulated: the pods that answer
//! HTTP-01 challenges, see [`crate::acme`], and the DNS, see [`Zone`]. This module must not define kinds nor change any object itself.

use crate::acme::Solver;
use crate::children::{Program, wait_until};
use crate::egress::Door;
use crate::error::Error;
use crate::plane::{ControlPlane, free_ports};
use crate::tools::{self, CERT_MANAGER};
use std::net::{SocketAddr, TcpStream};

/// The namespace it is usually installed in.
const NAMESPACE: &str = "cert-manager";

/// As in `assets/cert-manager/names.go`.
const TSIG_SECRET: &str = "dGVzdGJlZC10c2lnLXNlY3JldA==";

/// A running cert-manager; it ends when this is dropped, on a node with the node. One on a control plane is enough. On a
/// node there is no answer to HTTP-01 challenges, and no chart's webhook.
#[derive(Debug)]
pub struct CertManager {
    _programs: Vec<Program>,
    _webhook: Option<Door>,
    _solver: Solver,
    nameserver: SocketAddr,
}

impl CertManager {
    /// Starts it for the namespace `cert-manager`, with its kinds; there is no chart, and so no webhook is asked.
    pub fn start(plane: &ControlPlane) -> Result<Self, Error> {
        plane.cert_manager_kinds()?;
        Self::start_for_chart(plane, NAMESPACE)
    }

    /// Starts the processes behind the pods of a chart that is, or will be, installed in `namespace` under the release
    /// name `cert-manager`. Secrets of cluster issuers are looked for there.
    pub fn start_for_chart(plane: &ControlPlane, namespace: &str) -> Result<Self, Error> {
        tools::ensure(&[CERT_MANAGER])?;
        let solver = Solver::start(plane)?;
        let [controller, cainjector, webhook] = free_ports()?;
        let address = plane.api().ip();
        let mut programs = Vec::new();
        let names = plane.names_port();
        let parts = [("names", names), ("controller", controller), ("cainjector", cainjector), ("webhook", webhook)];
        for (part, port) in parts {
            let mut command = plane.command(CERT_MANAGER.name);
            command.args([
                part,
                &format!("--address={address}"),
                &format!("--port={port}"),
                &format!("--namespace={namespace}"),
                &format!("--nameserver={address}:{names}"),
                "--v=2",
            ]);
            command.arg("--kubeconfig").arg(plane.kubeconfig());
            // Before it asks an ACME server to look, it looks itself; names lead nowhere.
            command.env("HTTP_PROXY", solver.url());
            programs.push(Program::start(&format!("cert-manager-{part}"), command, &plane.logs())?);
        }
        // The webhook answers when its namespace exists; nobody waits for that here.
        let up = |port| TcpStream::connect((address, port)).is_ok();
        wait_until(&mut programs, "cert-manager", || [names, controller, cainjector].into_iter().all(up))?;
        let door = plane.door(namespace, "cert-manager-webhook", webhook);
        let nameserver = SocketAddr::new(address, names);
        Ok(Self { _programs: programs, _webhook: door, _solver: solver, nameserver })
    }

    /// What a DNS-01 solver of the kind `rfc2136` is told.
    #[must_use]
    pub fn zone(&self) -> Zone {
        Zone { nameserver: self.nameserver, key_name: "testbed", algorithm: "HMACSHA256", secret: TSIG_SECRET }
    }
}

/// A name server that takes signed updates (RFC 2136, RFC 8945) for every zone. What was not set by one is simulated:
/// every name is an address of loopback.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Zone {
    /// `nameserver` of the solver.
    pub nameserver: SocketAddr,
    /// `tsigKeyName`
    pub key_name: &'static str,
    /// `tsigAlgorithm`
    pub algorithm: &'static str,
    /// What the Secret of `tsigSecretSecretRef` holds, base64 as it is.
    pub secret: &'static str,
}

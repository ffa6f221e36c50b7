//! A private Kubernetes for the tests and the demo of kubectl-aspire.
//!
//! Two levels, both made of the real programs, built from their published Go modules:
//!
//! * **A**, [`ControlPlane`]: etcd, kube-apiserver, kube-controller-manager and kube-scheduler on loopback; the pods are
//!   faked by kwok. Needs no root, no image and no registry.
//! * **B**, [`Node`]: the same inside private namespaces with containerd, kubelet, kube-proxy, `CoreDNS` and local-path
//!   volumes, so that real containers run. Needs root and some Debian packages.
//!
//! What this crate must not do: touch a cluster it did not start, write outside [`home`], end a process it did not start,
//! or let anything that runs in the test bed reach another machine. Linux only.
#![cfg(target_os = "linux")]

mod acme;
mod api;
mod available;
mod cert_manager;
mod charts;
mod children;
pub mod demo;
mod egress;
mod error;
pub mod faults;
mod http;
pub mod images;
mod kinds;
mod namespaces;
mod node;
mod operators;
mod pki;
mod plane;
mod registry;
mod rundir;
pub mod tools;
mod traefik;

pub use acme::Pebble;
pub use available::{Level, available, skip_or_fail};
pub use cert_manager::{CertManager, Zone};
pub use charts::{ChartRepository, RepositoryFault, widgets_chart};
pub use error::Error;
pub use faults::Faults;
pub use kinds::{Channel, cert_manager_chart, gateway_kinds};
pub use node::Node;
pub use operators::Operator;
pub use plane::ControlPlane;
pub use registry::Registry;
pub use traefik::{Reply, Traefik};

use std::path::{Path, PathBuf};

/// Where the test bed keeps its programs, its images and the state of running clusters:
/// `$KUBECTL_ASPIRE_TESTBED`, else `.testbed` beside the workspace's `Cargo.toml`.
#[must_use]
pub fn home() -> PathBuf {
    if let Some(dir) = std::env::var_os("KUBECTL_ASPIRE_TESTBED").filter(|d| !d.is_empty()) {
        return std::path::absolute(&dir).unwrap_or_else(|_| PathBuf::from(dir));
    }
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).join(".testbed")
}

/// Writes one line to the real standard error; libtest captures only the print macros.
pub(crate) fn say(line: &str) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stderr(), "testbed: {line}");
}

//! What other workloads need to know of the dashboard: the telemetry variables and its endpoints.

use super::Port;
use crate::config::Dashboard;
use indexmap::IndexMap;

/// Where telemetry goes: who sets it himself has another receiver.
pub(crate) const OTLP_ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";

const OTLP: &str = "OTEL_EXPORTER_OTLP_";

/// Its endpoints.
pub(super) fn ports(dashboard: &Dashboard) -> IndexMap<String, Port> {
    let ports = dashboard.ports().map(|(name, client, process)| {
        let transport = if name == "otlp-grpc" { "http2" } else { "http" };
        let (scheme, transport) = ("http".to_owned(), transport.to_owned());
        (name.to_owned(), Port { scheme, transport, udp: false, client, process, external: false })
    });
    ports.into_iter().collect()
}

/// Whether a variable names a receiver of telemetry.
pub(super) fn names_receiver(variable: &str) -> bool {
    variable.starts_with(OTLP) && variable.ends_with("ENDPOINT")
}

/// Whether a variable says how telemetry is sent.
pub(super) fn is_of_sending(variable: &str) -> bool {
    variable.starts_with(OTLP)
}

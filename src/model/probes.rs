//! `WithHttpProbe` and `WithHttpHealthCheck` as probes.

use super::annotations::{Annotation, Probe as Written};
use super::read::Resource;
use crate::config::{EachProbe, HttpProbe, Probe, ProbePort, ProbeSetting};
use crate::manifest::{self, Kind};

/// The statuses that Kubernetes takes for a success.
const GOOD: std::ops::RangeInclusive<u16> = 200..=399;

/// The timings of a health check, which has none of its own: five minutes to start.
const STARTUP: (u32, u32) = (5, 60);
const READINESS: (u32, u32) = (10, 3);

/// The probes of a resource, and what is not taken over.
pub(super) fn probes(name: &str, model: &Resource, manifest: &manifest::Resource) -> (EachProbe, Vec<String>) {
    let (mut probes, mut losses) = (EachProbe::default(), Vec::new());
    let mut asked = Vec::new();
    for annotation in &model.annotations {
        let Annotation::Probe(written) = annotation else { continue };
        asked.push((written.endpoint.clone(), written.path.clone()));
        let Some(port) = port(manifest, &written.endpoint) else {
            losses.push(format!(
                "its probe on {} uses the endpoint `{}`, which it does not have",
                written.path, written.endpoint
            ));
            continue;
        };
        let probe = Some(of_probe(written, port));
        match written.kind.as_str() {
            "Startup" => probes.startup = probe,
            "Liveness" => probes.liveness = probe,
            "Readiness" => probes.readiness = probe,
            other => losses.push(format!("it has a probe of the unknown type `{other}`")),
        }
    }
    for annotation in &model.annotations {
        let Annotation::HealthCheck { key } = annotation else { continue };
        let Some((endpoint, path, status)) = http_check(name, key, model) else { continue };
        // Each probe registers a health check as well.
        if asked.iter().any(|(of, on)| (of.as_str(), on.as_str()) == (endpoint, path)) {
            continue;
        }
        match port(manifest, endpoint).filter(|_| GOOD.contains(&status)) {
            Some(port) => {
                let of = |timing| Some(check(path, port.clone(), timing));
                probes.startup = probes.startup.or_else(|| of(STARTUP));
                probes.readiness = probes.readiness.or_else(|| of(READINESS));
            }
            None => losses
                .push(format!("its health check on {path} expects the status {status} of the endpoint `{endpoint}`")),
        }
    }
    (probes, losses)
}

/// The endpoint of a probe. Nothing terminates TLS inside a .NET program: its http endpoint is asked instead of https.
fn port(manifest: &manifest::Resource, endpoint: &str) -> Option<ProbePort> {
    let binding = manifest.bindings.get(endpoint)?;
    let is_project = matches!(manifest.kind, Kind::Project { .. });
    let plain = || manifest.bindings.iter().find(|(_, other)| other.scheme == "http").map(|(name, _)| name.clone());
    let instead = if is_project && binding.scheme == "https" { plain() } else { None };
    Some(ProbePort::Endpoint(instead.unwrap_or_else(|| endpoint.to_owned())))
}

fn of_probe(written: &Written, port: ProbePort) -> ProbeSetting {
    let is_readiness = written.kind == "Readiness";
    ProbeSetting::Probe(Box::new(Probe {
        http: Some(get(&written.path, port)),
        initial_delay_seconds: written.initial_delay,
        period_seconds: written.period.filter(|seconds| *seconds > 0),
        timeout_seconds: written.timeout.filter(|seconds| *seconds > 0),
        failure_threshold: written.failures.filter(|count| *count > 0),
        // Kubernetes takes no other number than 1 for the other two.
        success_threshold: written.successes.filter(|count| *count > 1 && is_readiness),
        ..Probe::default()
    }))
}

fn check(path: &str, port: ProbePort, (period, failures): (u32, u32)) -> ProbeSetting {
    ProbeSetting::Probe(Box::new(Probe {
        http: Some(get(path, port)),
        period_seconds: Some(period),
        timeout_seconds: Some(5),
        failure_threshold: Some(failures),
        ..Probe::default()
    }))
}

fn get(path: &str, port: ProbePort) -> HttpProbe {
    let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
    HttpProbe { path, port: Some(port), ..HttpProbe::default() }
}

/// Endpoint, path and status of the key `<resource>_<endpoint>_<path>_<status>_check`, which `WithHttpHealthCheck` makes.
fn http_check<'a>(name: &str, key: &'a str, model: &Resource) -> Option<(&'a str, &'a str, u16)> {
    let rest = key.strip_prefix(name)?.strip_prefix('_')?.strip_suffix("_check")?;
    let (rest, status) = rest.rsplit_once('_')?;
    let endpoints = model.annotations.iter().filter_map(|annotation| match annotation {
        Annotation::Endpoint { name } => Some(name.as_str()),
        _ => None,
    });
    let mut cut = endpoints.filter_map(|endpoint| {
        let path = rest.strip_prefix(endpoint)?.strip_prefix('_')?;
        Some((&rest[..endpoint.len()], path))
    });
    let (endpoint, path) = cut.next()?;
    Some((endpoint, path, status.parse().ok()?))
}

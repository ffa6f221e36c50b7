//! `probes:` of a resource as written, and the changes of an environment. The field names are those of Kubernetes.
//!
//! Must not know endpoints: whether a port exists is checked when the chart is planned.

use super::findings::Findings;
use super::path::{Path, shown};
use crate::support::diagnostic::Code;
use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `probes:` of a resource.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Probes {
    /// All three at once.
    Word(ProbesWord),
    /// One by one; a probe that is not named keeps its default.
    Each(EachProbe),
}

/// All probes of a container in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum ProbesWord {
    /// None at all, not even a default one.
    None,
    /// Startup and liveness on `/alive`, readiness on `/health`, as the service defaults of .NET Aspire map them.
    ServiceDefaults,
}

/// The probes of a container.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct EachProbe {
    /// Until it succeeds the other two do not run.
    pub startup: Option<ProbeSetting>,
    /// When it fails the container is restarted.
    pub liveness: Option<ProbeSetting>,
    /// While it fails the pod gets no requests of its Service.
    pub readiness: Option<ProbeSetting>,
}

/// One probe: `none`, the path of an HTTP GET, or a map of its fields.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum ProbeSetting {
    /// `none`, or the path of an HTTP GET.
    Text(String),
    /// Action and timing. Without `http`, `tcp`, `grpc` or `exec`, the default action is used.
    Probe(Box<Probe>),
}

/// Action and timing of a probe.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Probe {
    /// An HTTP GET that must return a status from 200 to 399.
    pub http: Option<HttpProbe>,
    /// A TCP connection that must be accepted.
    pub tcp: Option<TcpProbe>,
    /// A call of the gRPC health service.
    pub grpc: Option<GrpcProbe>,
    /// A command in the container that must exit with 0.
    pub exec: Option<ExecProbe>,
    /// Seconds after the start of the container before the first try.
    #[schemars(range(max = 2_147_483_647))]
    pub initial_delay_seconds: Option<u32>,
    /// Seconds between two tries.
    #[schemars(range(min = 1, max = 2_147_483_647))]
    pub period_seconds: Option<u32>,
    /// Seconds after which a try has failed.
    #[schemars(range(min = 1, max = 2_147_483_647))]
    pub timeout_seconds: Option<u32>,
    /// Failures in a row after which the probe has failed.
    #[schemars(range(min = 1, max = 2_147_483_647))]
    pub failure_threshold: Option<u32>,
    /// Successes in a row after which the probe has succeeded; more than 1 only for readiness.
    #[schemars(range(min = 1, max = 2_147_483_647))]
    pub success_threshold: Option<u32>,
    /// Seconds that the container has to stop after this probe failed; not for readiness.
    #[schemars(range(min = 1, max = 2_147_483_647))]
    pub termination_grace_period_seconds: Option<u32>,
}

/// An HTTP GET.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HttpProbe {
    /// Its path.
    pub path: String,
    /// An endpoint by name, or a port of the container; the first http endpoint when absent.
    #[serde(default)]
    pub port: Option<ProbePort>,
    /// Its scheme; that of the endpoint when absent.
    #[serde(default)]
    pub scheme: Option<HttpScheme>,
    /// Its headers.
    #[serde(default)]
    pub headers: IndexMap<String, String>,
}

/// A TCP connection.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct TcpProbe {
    /// An endpoint by name, or a port of the container; the first TCP endpoint when absent.
    pub port: Option<ProbePort>,
}

/// A call of the gRPC health service.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct GrpcProbe {
    /// An endpoint by name, or a port of the container; the first http2 endpoint when absent.
    pub port: Option<ProbePort>,
    /// The service whose health is checked; the whole server when absent.
    pub service: Option<String>,
}

/// A command in the container.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ExecProbe {
    /// The program and its arguments, without a shell.
    pub command: Vec<String>,
}

/// A port of the container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum ProbePort {
    /// By its number.
    Number(#[schemars(range(min = 1))] u16),
    /// By the name of its endpoint.
    Endpoint(String),
}

/// Schemes of an HTTP GET.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum HttpScheme {
    /// Without TLS.
    Http,
    /// With TLS; the certificate is not verified.
    Https,
}

/// The text that leaves a probe out.
const NONE: &str = "none";

impl Probes {
    /// Each of the three.
    pub fn each(&self) -> EachProbe {
        let get = |path: &str, period, failures| {
            let http = Some(HttpProbe { path: path.to_owned(), ..HttpProbe::default() });
            let timings = (Some(period), Some(5), Some(failures));
            let (period_seconds, timeout_seconds, failure_threshold) = timings;
            let probe = Probe { http, period_seconds, timeout_seconds, failure_threshold, ..Probe::default() };
            Some(ProbeSetting::Probe(Box::new(probe)))
        };
        let none = || Some(ProbeSetting::Text(NONE.to_owned()));
        match self {
            Self::Each(each) => each.clone(),
            Self::Word(ProbesWord::None) => EachProbe { startup: none(), liveness: none(), readiness: none() },
            Self::Word(ProbesWord::ServiceDefaults) => EachProbe {
                // Five minutes to start.
                startup: get("/alive", 5, 60),
                liveness: get("/alive", 10, 3),
                readiness: get("/health", 10, 3),
            },
        }
    }

    /// Takes what an environment says: words replace, probes are merged by key.
    pub(super) fn take(&mut self, theirs: &Self) {
        let Self::Each(theirs) = theirs else {
            self.clone_from(theirs);
            return;
        };
        let mut ours = self.each();
        let EachProbe { startup, liveness, readiness } = theirs;
        take(&mut ours.startup, startup.as_ref());
        take(&mut ours.liveness, liveness.as_ref());
        take(&mut ours.readiness, readiness.as_ref());
        *self = Self::Each(ours);
    }
}

impl ProbeSetting {
    /// The probe; none if it is left out.
    pub fn probe(&self) -> Option<Probe> {
        match self {
            Self::Text(text) if text == NONE => None,
            Self::Text(path) => {
                Some(Probe { http: Some(HttpProbe { path: path.clone(), ..HttpProbe::default() }), ..Probe::default() })
            }
            Self::Probe(probe) => Some((**probe).clone()),
        }
    }
}

impl Probe {
    /// The keys that say what is asked.
    pub fn asks(&self) -> Vec<&'static str> {
        let Self { http, tcp, grpc, exec, .. } = self;
        let given =
            [("http", http.is_some()), ("tcp", tcp.is_some()), ("grpc", grpc.is_some()), ("exec", exec.is_some())];
        given.into_iter().filter(|(_, given)| *given).map(|(key, _)| key).collect()
    }
}

fn take(ours: &mut Option<ProbeSetting>, theirs: Option<&ProbeSetting>) {
    let Some(theirs) = theirs else { return };
    let (Some(base), ProbeSetting::Probe(over)) = (ours.as_ref().and_then(ProbeSetting::probe), theirs) else {
        *ours = Some(theirs.clone());
        return;
    };
    let asked = if over.asks().is_empty() { &base } else { over };
    let Probe { http, tcp, grpc, exec, .. } = asked.clone();
    *ours = Some(ProbeSetting::Probe(Box::new(Probe {
        http,
        tcp,
        grpc,
        exec,
        initial_delay_seconds: over.initial_delay_seconds.or(base.initial_delay_seconds),
        period_seconds: over.period_seconds.or(base.period_seconds),
        timeout_seconds: over.timeout_seconds.or(base.timeout_seconds),
        failure_threshold: over.failure_threshold.or(base.failure_threshold),
        success_threshold: over.success_threshold.or(base.success_threshold),
        termination_grace_period_seconds: over
            .termination_grace_period_seconds
            .or(base.termination_grace_period_seconds),
    })));
}

/// Reports what no probe can be.
pub(super) fn check(probes: Option<&Probes>, findings: &mut Findings, at: &Path<'_>) {
    let Some(Probes::Each(EachProbe { startup, liveness, readiness })) = probes else { return };
    for (name, setting) in [("startup", startup), ("liveness", liveness), ("readiness", readiness)] {
        let at = at.key(name);
        match setting {
            Some(ProbeSetting::Text(text)) if text != NONE => path(text, findings, &at),
            Some(ProbeSetting::Probe(probe)) => one(probe, name, findings, &at),
            _ => {}
        }
    }
}

fn one(probe: &Probe, name: &str, findings: &mut Findings, at: &Path<'_>) {
    if let [first, second, ..] = probe.asks()[..] {
        let what = format!("`{first}` contradicts `{second}`");
        findings.add(
            Code::ConflictingKeys,
            at,
            what,
            "a probe has one action: keep one of `http`, `tcp`, `grpc` and `exec`",
        );
    }
    if let Some(http) = &probe.http {
        let at = at.key("http");
        path(&http.path, findings, &at.key("path"));
        for header in http.headers.keys().filter(|header| !is_header(header)) {
            let what = format!("{} is not valid as a header name", shown(header));
            findings.add(Code::InvalidValue, &at.key("headers").key(header), what, "letters, digits and `-`");
        }
    }
    if let Some(ExecProbe { command }) = &probe.exec
        && command.first().is_none_or(String::is_empty)
    {
        let hint = "name the program and its arguments, such as [cat, /tmp/ready]";
        findings.add(Code::InvalidValue, &at.key("exec").key("command"), "`command` is empty", hint);
    }
    if name != "readiness" && probe.success_threshold.is_some_and(|threshold| threshold != 1) {
        let what = format!("a {name} probe must have `successThreshold` 1");
        findings.add(
            Code::InvalidValue,
            &at.key("successThreshold"),
            what,
            "remove it; only readiness probes allow more than 1",
        );
    }
    if name == "readiness" && probe.termination_grace_period_seconds.is_some() {
        let hint = "remove it; it applies to liveness and startup probes";
        let at = at.key("terminationGracePeriodSeconds");
        findings.add(Code::NoEffect, &at, "a readiness probe never stops a container", hint);
    }
}

fn path(path: &str, findings: &mut Findings, at: &Path<'_>) {
    if path.starts_with('/') {
        return;
    }
    let hint = match at {
        Path::Key(_, "path") => "a path begins with `/`, such as /health",
        _ => "write `none`, a path such as /health, or a map with `http`, `tcp`, `grpc` or `exec`",
    };
    findings.add(Code::InvalidValue, at, format!("{} is not valid as the path of a probe", shown(path)), hint);
}

/// What Kubernetes takes as the name of a header.
fn is_header(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, parse};

    fn merged(base: &str, over: &str) -> EachProbe {
        let text = format!(
            "resources: {{a: {{probes: {base}}}}}\nenvironments: {{e: {{resources: {{a: {{probes: {over}}}}}}}}}"
        );
        let config: Config = parse(&text).unwrap_or_else(|diagnostics| panic!("{diagnostics}"));
        config.for_environment("e").unwrap().resources["a"].probes.clone().unwrap().each()
    }

    fn written(probes: &str) -> EachProbe {
        let config = parse(&format!("resources: {{a: {{probes: {probes}}}}}"));
        config.unwrap_or_else(|diagnostics| panic!("{diagnostics}")).resources["a"].probes.clone().unwrap().each()
    }

    #[test]
    fn an_environment_changes_probes_key_by_key() {
        for (base, over, expected) in [
            (
                "{readiness: {http: {path: /h}, periodSeconds: 5}}",
                "{readiness: {periodSeconds: 30}}",
                "{readiness: {http: {path: /h}, periodSeconds: 30}}",
            ),
            (
                "{readiness: {http: {path: /h}, periodSeconds: 5}}",
                "{readiness: {tcp: {}}}",
                "{readiness: {tcp: {}, periodSeconds: 5}}",
            ),
            ("{readiness: /h}", "{liveness: /l}", "{readiness: /h, liveness: /l}"),
            ("{readiness: /h}", "none", "none"),
            ("none", "{readiness: {tcp: {}}}", "{startup: none, liveness: none, readiness: {tcp: {}}}"),
            (
                "serviceDefaults",
                "{startup: none}",
                "{startup: none, liveness: {http: {path: /alive}, periodSeconds: 10, timeoutSeconds: 5, failureThreshold: 3}, \
              readiness: {http: {path: /health}, periodSeconds: 10, timeoutSeconds: 5, failureThreshold: 3}}",
            ),
        ] {
            assert_eq!(merged(base, over), written(expected), "{base} {over}");
        }
    }
}

//! The probes of a container: as configured, or by default.
//!
//! No default probe ever restarts a container that has started: there is no default for liveness.

mod servers;
#[cfg(test)]
mod tests;

use crate::app::{Image, Note, Port, Workload};
use crate::config::compatibility::{NEWEST, OLDEST, SERVER_PROBES};
use crate::config::{Config, EachProbe, HttpScheme, Probe, ProbePort, ProbeSetting, Probes, ProbesWord, intent_place};
use crate::support::diagnostic::{Code, Diagnostic, Diagnostics, Place, suggestion};
use crate::targets::built_images::BuiltImages;
use serde_json::{Map, Value as Json, json};
use std::collections::BTreeMap;

/// A probe as a pod has it; empty for none.
type Written = Map<String, Json>;

/// What a probe asks, as the keys of a pod.
const ASKS: [&str; 4] = ["httpGet", "tcpSocket", "grpc", "exec"];

/// The probes of a workload.
pub(crate) struct Probing {
    /// Its key `probes` in the values.
    pub values: Json,
    /// The numbers of defaults that change them.
    pub changed_by: Vec<u32>,
}

/// The three probes of a container.
#[derive(Debug, Clone, Default, PartialEq)]
struct Three {
    startup: Written,
    liveness: Written,
    readiness: Written,
}

/// Decides the probes of a workload.
pub(crate) fn plan(
    workload: &Workload,
    config: &Config,
    images: &BuiltImages,
    names: &BTreeMap<(String, String), String>,
    notes: &mut Vec<Note>,
    diagnostics: &mut Diagnostics,
) -> Probing {
    let said = config.intent(&workload.name).probes.clone();
    let planning = Planning { workload, names, place: intent_place(format!("resources.{}.probes", workload.name)) };
    let image = match (images.references.get(&workload.name), &workload.image) {
        (Some(image), _) | (None, Image::Reference(image)) => image,
        (None, Image::Built) => "",
    };
    let of = |number: u32, diagnostics: &mut Diagnostics| {
        let defaults = planning.defaults(image, number);
        said.as_ref().map_or_else(|| defaults.clone(), |said| planning.said(&said.each(), &defaults, diagnostics))
    };
    let Three { startup, liveness, readiness } = of(config.defaults_of_pods(), diagnostics);
    let mut note = |text: &str| {
        notes.push(Note { code: Code::ChangedInCluster, resource: workload.name.clone(), text: text.to_owned() });
    };
    if said == Some(Probes::Word(ProbesWord::ServiceDefaults)) {
        note(
            "its probes use /alive and /health, which the service defaults of Aspire map only if the environment of \
            ASP.NET Core is Development: map them for every environment, or its pods never become ready",
        );
    }
    if !liveness.is_empty() && asked(&liveness) == asked(&readiness) {
        note(
            "its liveness probe is the same as its readiness probe, so a pod that only waits for another one is \
            restarted; use a liveness probe that checks only the process itself",
        );
    }
    let mut unheard = Diagnostics::default();
    let changed_by =
        (OLDEST + 1..=NEWEST).filter(|number| of(*number, &mut unheard) != of(*number - 1, &mut unheard)).collect();
    let values = json!({"readiness": readiness, "liveness": liveness, "startup": startup});
    Probing { values, changed_by }
}

/// The part of a probe that says what is asked.
fn asked(probe: &Written) -> Option<(&String, &Json)> {
    probe.iter().find(|(key, _)| ASKS.contains(&key.as_str()))
}

struct Planning<'a> {
    workload: &'a Workload,
    names: &'a BTreeMap<(String, String), String>,
    place: Place,
}

impl Planning<'_> {
    /// The defaults of the container.
    fn defaults(&self, image: &str, number: u32) -> Three {
        let asked = (number >= SERVER_PROBES).then(|| servers::ask(image, self.workload, |port| self.name_of(port)));
        if let Some([startup, readiness]) = asked.flatten() {
            return Three { startup, readiness, ..Three::default() };
        }
        // Nothing is sent to a pod that does not listen yet.
        let Some(port) = self.workload.ports.values().find(|port| !port.udp) else { return Three::default() };
        let readiness = json!({"tcpSocket": {"port": self.name_of(port)}, "periodSeconds": 5, "failureThreshold": 3});
        Three { readiness: readiness.as_object().cloned().unwrap_or_default(), ..Three::default() }
    }

    fn said(&self, said: &EachProbe, defaults: &Three, diagnostics: &mut Diagnostics) -> Three {
        let mut one = |name: &str, said: &Option<ProbeSetting>, default: &Written| match said {
            None => default.clone(),
            Some(said) => said.probe().map_or_else(Written::new, |probe| self.one(name, &probe, default, diagnostics)),
        };
        Three {
            startup: one("startup", &said.startup, &defaults.startup),
            liveness: one("liveness", &said.liveness, &defaults.liveness),
            readiness: one("readiness", &said.readiness, &defaults.readiness),
        }
    }

    fn one(&self, name: &str, probe: &Probe, default: &Written, diagnostics: &mut Diagnostics) -> Written {
        let place = self.place.key(name);
        let says_nothing = probe.asks().is_empty();
        if says_nothing && default.is_empty() {
            let what = format!("a {name} probe has no default here, and no action is set");
            diagnostics
                .push(Diagnostic::new(Code::MissingKey, place, what).hint("add `http`, `tcp`, `grpc` or `exec`"));
            return Written::new();
        }
        let ask = if says_nothing { Some(default.clone()) } else { self.ask(probe, &place, diagnostics) };
        let Some(mut written) = ask else { return Written::new() };
        let timings = [
            ("initialDelaySeconds", probe.initial_delay_seconds),
            ("periodSeconds", probe.period_seconds),
            ("timeoutSeconds", probe.timeout_seconds),
            ("failureThreshold", probe.failure_threshold),
            ("successThreshold", probe.success_threshold),
            ("terminationGracePeriodSeconds", probe.termination_grace_period_seconds),
        ];
        for (key, value) in timings {
            if let Some(value) = value {
                written.insert(key.to_owned(), json!(value));
            }
        }
        written
    }

    /// What a probe asks; none, with a problem, where it cannot.
    fn ask(&self, probe: &Probe, place: &Place, diagnostics: &mut Diagnostics) -> Option<Written> {
        let ask = if let Some(http) = &probe.http {
            let place = place.key("http.port");
            let port = self.port(http.port.as_ref(), &["http", "https"], &place, diagnostics)?;
            let mut get = json!({"path": http.path, "port": port.written});
            let scheme = http.scheme.or_else(|| port.is_https.then_some(HttpScheme::Https));
            if let Some(scheme) = scheme {
                get["scheme"] = json!(scheme);
            }
            if !http.headers.is_empty() {
                let headers = http.headers.iter().map(|(name, value)| json!({"name": name, "value": value}));
                get["httpHeaders"] = headers.collect();
            }
            json!({"httpGet": get})
        } else if let Some(tcp) = &probe.tcp {
            let port = self.port(tcp.port.as_ref(), &[], &place.key("tcp.port"), diagnostics)?;
            json!({"tcpSocket": {"port": port.written}})
        } else if let Some(grpc) = &probe.grpc {
            let port = self.port(grpc.port.as_ref(), &["http2"], &place.key("grpc.port"), diagnostics)?;
            // Kubernetes takes no name here.
            let mut ask = json!({"port": port.number});
            if let Some(service) = &grpc.service {
                ask["service"] = json!(service);
            }
            json!({"grpc": ask})
        } else if let Some(exec) = &probe.exec {
            json!({"exec": {"command": exec.command}})
        } else {
            return None;
        };
        ask.as_object().cloned()
    }

    /// The port that is set; by default the first whose scheme or transport is one of `kinds`, else the first.
    fn port(
        &self,
        said: Option<&ProbePort>,
        kinds: &[&str],
        place: &Place,
        diagnostics: &mut Diagnostics,
    ) -> Option<Meant> {
        let ports = &self.workload.ports;
        let meant = |port: &Port| Meant {
            written: self.name_of(port),
            number: port.process,
            is_https: port.scheme.eq_ignore_ascii_case("https"),
        };
        if ports.is_empty() {
            let what = format!("`{}` has no endpoint, so it has no port for a probe", self.workload.name);
            diagnostics.push(
                Diagnostic::new(Code::UnknownEndpoint, place, what)
                    .hint("add an endpoint in the AppHost, or use `exec`"),
            );
            return None;
        }
        match said {
            Some(ProbePort::Number(number)) => {
                let is_https = ports.values().any(|port| port.process == *number && port.scheme == "https");
                Some(Meant { written: json!(number), number: *number, is_https })
            }
            Some(ProbePort::Endpoint(name)) => match ports.get(name) {
                Some(port) if !port.udp => Some(meant(port)),
                Some(_) => {
                    let what = format!("the endpoint `{name}` is UDP, which probes do not support");
                    diagnostics.push(
                        Diagnostic::new(Code::UnknownEndpoint, place, what).hint("set a TCP endpoint, or use `exec`"),
                    );
                    None
                }
                None => {
                    let what = format!("`{}` has no endpoint `{name}`", self.workload.name);
                    let near = diagnostics.nearest(name, ports.keys().map(String::as_str));
                    let hint = suggestion(
                        near,
                        format!("there are: {}", ports.keys().cloned().collect::<Vec<_>>().join(", ")),
                    );
                    diagnostics.push(Diagnostic::new(Code::UnknownEndpoint, place, what).hint(hint));
                    None
                }
            },
            None => {
                let mut tcp = ports.values().filter(|port| !port.udp);
                let is = |port: &&Port, kind: &str| port.scheme == kind || port.transport == kind;
                let first =
                    kinds.iter().find_map(|kind| tcp.clone().find(|port| is(port, kind))).or_else(|| tcp.next());
                if first.is_none() {
                    let what = format!("`{}` has no TCP endpoint for a probe", self.workload.name);
                    diagnostics.push(
                        Diagnostic::new(Code::UnknownEndpoint, place, what)
                            .hint("set the number of a port, or use `exec`"),
                    );
                }
                first.map(meant)
            }
        }
    }

    /// The name of a port of the container. Several endpoints may share a number, and it is called after the first.
    fn name_of(&self, port: &Port) -> Json {
        let same = |other: &Port| other.process == port.process && other.udp == port.udp;
        let first = self.workload.ports.iter().find(|(_, other)| same(other)).map(|(name, _)| name.clone());
        let name = first.and_then(|first| self.names.get(&(self.workload.name.clone(), first)));
        name.map_or_else(|| json!(port.process), |name| json!(name))
    }
}

/// A port of the container that is meant.
struct Meant {
    /// Its name, or the number that a user wrote.
    written: Json,
    number: u16,
    is_https: bool,
}

//! Health checks, and which services wait for which.
//!
//! A health check of Compose is a program that runs inside the container. `exec` probes are such programs, and known servers
//! have one in their images. An HTTP, TCP or gRPC probe is made by the kubelet from outside; here it would need a client in
//! the image, and a check whose client is missing fails for ever. So those are left out, and the user is told.

use super::node::{Map, Node, map, some};
use super::planning::Planning;
use crate::app::{WaitUntil, Workload};
use crate::config::{EachProbe, Probe, ProbeSetting, Probes, ProbesWord};
use crate::targets::readiness::{Question, question};

/// Seconds in which a server that reads much data may start: failures before that do not count.
const SERVER_STARTS: u32 = 3600;

/// A check, and when it is made: seconds, and failures in a row.
struct Check {
    command: Vec<String>,
    interval: u32,
    timeout: u32,
    retries: u32,
    start: u32,
}

/// `healthcheck:` of a service; none if nothing is known that its image can run.
pub(super) fn health_check(planning: &Planning, workload: &Workload) -> Option<Node> {
    let said = planning.intent(workload).probes;
    if is_off(said.as_ref()) {
        return some(map([("disable", Some(Node::Flag(true)))]));
    }
    let Check { command, interval, timeout, retries, start } = check(planning, workload, said.as_ref())?;
    let seconds = |seconds: u32| Some(Node::literal(format!("{seconds}s")));
    let test = std::iter::once("CMD".to_owned()).chain(command);
    some(map([
        ("test", Some(Node::literals(test))),
        ("interval", seconds(interval)),
        ("timeout", seconds(timeout)),
        ("retries", Some(Node::Number(retries))),
        ("start_period", seconds(start)),
    ]))
}

/// Whether the user wants no check, not even one of the image.
fn is_off(said: Option<&Probes>) -> bool {
    match said {
        Some(Probes::Word(ProbesWord::None)) => true,
        Some(Probes::Each(EachProbe { readiness: Some(setting), .. })) => setting.probe().is_none(),
        _ => false,
    }
}

/// The check of a service. Its action is that of the readiness probe, else what a known server is asked.
fn check(planning: &Planning, workload: &Workload, said: Option<&Probes>) -> Option<Check> {
    let said = said.map(Probes::each).unwrap_or_default();
    let readiness = said.readiness.as_ref().and_then(ProbeSetting::probe).unwrap_or_default();
    let server = match question(planning.known_image(workload), workload) {
        Some(Question::Command(command)) => Some(command.to_vec()),
        _ => None,
    };
    let (command, start, timeout) = match (&readiness.exec, readiness.asks().is_empty()) {
        (Some(exec), _) => (exec.command.clone(), 0, 1),
        (None, true) => (server?, SERVER_STARTS, 10),
        (None, false) => return None,
    };
    Some(Check {
        command,
        interval: readiness.period_seconds.unwrap_or(10),
        timeout: readiness.timeout_seconds.unwrap_or(timeout),
        retries: readiness.failure_threshold.unwrap_or(3),
        start: said.startup.as_ref().and_then(ProbeSetting::probe).map_or(start, |startup| started(&startup))
            + readiness.initial_delay_seconds.unwrap_or(0),
    })
}

/// Seconds that a startup probe gives a container; the defaults are those of Kubernetes.
fn started(startup: &Probe) -> u32 {
    let tries = startup.period_seconds.unwrap_or(10).saturating_mul(startup.failure_threshold.unwrap_or(3));
    tries.saturating_add(startup.initial_delay_seconds.unwrap_or(0)).min(24 * 3600)
}

/// Says which probes the Compose file does not hold.
pub(super) fn tell_left_out(planning: &mut Planning, workload: &Workload) {
    let Some(said) = planning.intent(workload).probes else { return };
    let name = &workload.name;
    let each = said.each();
    let probe = |setting: &Option<ProbeSetting>| setting.as_ref().and_then(ProbeSetting::probe);
    if let Some(readiness) = probe(&each.readiness)
        && readiness.exec.is_none()
        && !readiness.asks().is_empty()
    {
        let asked = readiness.asks().join(", ");
        let what = format!(
            "`probes.readiness` ({asked}) is left out: a health check of Compose runs inside the container, and the image may \
            have no client for it; if it has one, set `exec: {{command: [...]}}`"
        );
        planning.note(name, what);
    }
    if probe(&each.liveness).is_some() {
        let what = "`probes.liveness` is left out: Compose does not restart a container that is unhealthy";
        planning.note(name, what);
    }
    if probe(&each.readiness).is_some_and(|probe| probe.success_threshold.is_some_and(|threshold| threshold > 1)) {
        planning.note(name, "`probes.readiness.successThreshold` is left out: one success is enough for Compose");
    }
}

/// `depends_on:` of a service.
pub(super) fn depends_on(planning: &mut Planning, workload: &Workload) -> Option<Node> {
    if !planning.config.pods_wait() {
        return None;
    }
    let mut waits = Map::new();
    for wait in &workload.waits {
        let Some(on) = planning.app.workloads.get(&wait.on) else { continue };
        // Nothing runs that could be waited for.
        if planning.intent(on).replicas == Some(0) {
            continue;
        }
        let has_check = || {
            let said = planning.intent(on).probes;
            !is_off(said.as_ref()) && check(planning, on, said.as_ref()).is_some()
        };
        let condition = match wait.until {
            WaitUntil::Completed => "service_completed_successfully",
            WaitUntil::Ready if has_check() => "service_healthy",
            WaitUntil::Started => "service_started",
            WaitUntil::Ready => {
                let what = format!(
                    "it waits only until `{0}` has started, because `{0}` has no health check: set \
                    `resources.{0}.probes.readiness` to an `exec` probe that its image can run",
                    wait.on
                );
                planning.note(&workload.name, what);
                "service_started"
            }
        };
        let entry = map([("condition", Some(Node::literal(condition)))]);
        waits.insert(planning.service(&wait.on), Node::Map(entry));
    }
    some(waits)
}

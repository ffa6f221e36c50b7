//! The step that discovers hosts: it waits for addresses, with a time limit, and runs helm with the result.

use crate::cluster::api::objects::Objects;
use crate::pipeline::Error;
use crate::pipeline::engine::event::warn;
use crate::pipeline::release::deploy_run::DeployRun;
use crate::pipeline::release::host_names;
use crate::pipeline::release::host_names::{HostState, Hosts};
use crate::support::diagnostic::Code;
use crate::targets::kubernetes::Discovering;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

/// Between two looks at an object.
const PAUSE: Duration = Duration::from_millis(500);

impl DeployRun<'_> {
    /// The hosts that are known so far.
    pub(super) fn hosts(&self) -> Result<Hosts, Error> {
        match self.found.find() {
            Some(found) => Ok(found.clone()),
            None => Ok(host_names::remembered(self.request.plan, &self.before.get()?.state.values)),
        }
    }

    /// Finds the host of every route that has none, and has helm write the revision that knows them. One that is not found
    /// in time is told, and looked for again by the next deploy.
    pub(super) fn find_hosts(&self) -> Result<(), Error> {
        let known = self.hosts()?;
        let mut now = known.clone();
        for route in &self.request.plan.routes.discoveries {
            if let Some(host) = self.find_host(route, known.get(&route.key()))? {
                now.insert(route.key(), host);
            }
        }
        if now == known {
            return Ok(());
        }
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(state) = &mut written.state {
            state.values.extend(now.clone());
            let on = self.installation()?;
            *state = state.write(on.cluster, on.owner, on.space())?;
        }
        drop(written);
        self.found.put(now);
        self.run_helm()
    }

    fn find_host(&self, route: &Discovering, known: Option<&String>) -> Result<Option<String>, Error> {
        let (cluster, space) = (self.cluster.get()?, &self.release.namespace);
        let version = if route.kind == "Ingress" { "networking.k8s.io/v1" } else { "gateway.networking.k8s.io/v1" };
        let name = format!("{} {}", route.kind, route.name);
        // A host that was found before stands until another one is there: it is not waited for, nor is any with --no-wait.
        let waits = known.is_none() && self.request.wait.waits();
        let time = if waits { Duration::from_secs(route.seconds) } else { Duration::ZERO };
        let (begun, mut told) = (Instant::now(), false);
        loop {
            let object = match cluster.kind(version, &route.kind)? {
                Some(kind) => cluster.get(&kind, space, &route.name)?,
                None => None,
            };
            match host_names::found(route, object.as_ref()) {
                HostState::Host(host) => {
                    match known {
                        Some(known) if *known == host => {}
                        Some(known) => warn(
                            self.report,
                            Code::HostChanged,
                            format!("the host of {name} was {known}, and is {host} now"),
                        ),
                        None => self.say(format!("the host of {name} is {host}")),
                    }
                    return Ok(Some(host));
                }
                HostState::Unusable(why) => {
                    if known.is_none() {
                        warn(self.report, Code::NoHost, format!("{name} has no host: {why}"));
                    }
                    return Ok(None);
                }
                HostState::Waiting(_) if known.is_some() => return Ok(None),
                HostState::Waiting(why) => {
                    if begun.elapsed() >= time || self.limits.left().is_zero() {
                        let seconds = begun.elapsed().as_secs();
                        warn(
                            self.report,
                            Code::NoHost,
                            format!(
                                "{name} has no host after {seconds} s, and therefore no certificate: {why}; the next \
                                deploy tries again"
                            ),
                        );
                        return Ok(None);
                    }
                    if !told {
                        self.say(format!("waiting for the address of {name}"));
                        told = true;
                    }
                    if (self.limits.stopped)() {
                        return Err(Error::Interrupted);
                    }
                    std::thread::sleep(PAUSE.min(time));
                }
            }
        }
    }
}

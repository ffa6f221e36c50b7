//! Which workload starts after which others: what `waitFor`, `waitForStart` and `waitForCompletion` of `aspire-k8s.yaml`
//! say, and who waits in a cycle.
//!
//! Must not know how a pod waits: a target decides that.

use super::expression::{Token, tokens};
use super::unknown;
use super::value::{Part, Value};
use super::{InitContainer, Note, Wait, WaitUntil, Workload};
use crate::config::{Config, Job, RunAs, WaitTargets, intent_place};
use crate::manifest::Manifest;
use crate::support::diagnostic::{Code, Diagnostic, Diagnostics, Place};
use indexmap::{IndexMap, IndexSet};
use std::collections::{BTreeMap, BTreeSet};

/// Gives each workload what it waits for, and reports what cannot be waited for and who waits in a cycle.
pub(super) fn add(
    manifest: &Manifest,
    config: &Config,
    workloads: &mut IndexMap<String, Workload>,
    notes: &mut Vec<Note>,
    diagnostics: &mut Diagnostics,
) {
    let resolving = Resolving { manifest, config, workloads };
    let mut found = Diagnostics::default();
    let all: Vec<(String, Vec<Wait>)> =
        workloads.keys().map(|name| (name.clone(), resolving.waits(name, &mut found))).collect();
    for diagnostic in found.0 {
        match resolving.of_app_host(&diagnostic.place) {
            // Waits of an AppHost are written for local runs, which can wait for more than pods.
            Some(resource) => notes.push(Note {
                code: Code::NotTakenOver,
                resource: resource.to_owned(),
                text: format!("it waits in a local run, but not in a cluster: {}", diagnostic.what),
            }),
            None => diagnostics.push(diagnostic),
        }
    }
    check_cycles(&by_pod(&all, workloads), config, diagnostics);
    for (name, waits) in all {
        if let Some(workload) = workloads.get_mut(&name) {
            workload.waits = waits;
        }
    }
}

struct Resolving<'a> {
    manifest: &'a Manifest,
    config: &'a Config,
    workloads: &'a IndexMap<String, Workload>,
}

impl Resolving<'_> {
    /// The resource that waits, if the AppHost says so and not the file.
    fn of_app_host(&self, place: &Place) -> Option<&str> {
        let setting = self.config.from_app_host.at(&place.path)?;
        setting.key.starts_with("waitFor").then_some(setting.resource.as_str())
    }

    fn waits(&self, name: &str, diagnostics: &mut Diagnostics) -> Vec<Wait> {
        let intent = self.config.resources.get(name);
        let ready = match intent.and_then(|intent| intent.wait_for.as_ref()) {
            Some(WaitTargets::Named(named)) => self.named(name, "waitFor", named, diagnostics),
            Some(WaitTargets::Word(_)) => self.references(name),
            None if self.config.defaults.wait_for.is_some() => self.references(name),
            None => IndexSet::new(),
        };
        let started = intent.map_or(&[][..], |intent| &intent.wait_for_start);
        let mut started = self.named(name, "waitForStart", started, diagnostics);
        // Who waits until another is ready has waited until it has started.
        started.retain(|on| !ready.contains(on));
        let completed = intent.map_or(&[][..], |intent| &intent.wait_for_completion);
        let completed = self.jobs(name, completed, diagnostics);
        let all = [(WaitUntil::Ready, ready), (WaitUntil::Started, started), (WaitUntil::Completed, completed)];
        all.into_iter().flat_map(|(until, all)| all.into_iter().map(move |on| Wait { on, until })).collect()
    }

    /// The jobs that `waitForCompletion` names.
    fn jobs(&self, name: &str, named: &[String], diagnostics: &mut Diagnostics) -> IndexSet<String> {
        let mut found = IndexSet::new();
        for (index, on) in named.iter().enumerate() {
            if self.config.replacement(on).is_some() {
                continue;
            }
            let place = intent_place(format!("resources.{name}.waitForCompletion[{index}]"));
            match self.job(name, on, &place, diagnostics) {
                Ok(()) => drop(found.insert(on.clone())),
                Err(diagnostic) => diagnostics.push(diagnostic),
            }
        }
        found
    }

    fn job(&self, name: &str, on: &str, place: &Place, diagnostics: &Diagnostics) -> Result<(), Diagnostic> {
        if !self.workloads.contains_key(on) {
            return Err(self.absent(on, place, diagnostics));
        }
        let cannot = |what: String| Diagnostic::new(Code::CannotWait, place, what);
        match self.run_as(on) {
            Some(RunAs::Job(Job { ttl_seconds_after_finished: None, .. })) => Ok(()),
            Some(RunAs::Job(_)) => {
                let what = format!("`{on}` is deleted after its end, and a later pod of `{name}` would wait forever");
                let hint = format!("remove `ttlSecondsAfterFinished` of `{on}`");
                Err(Diagnostic::new(Code::ConflictingKeys, place, what).hint(hint))
            }
            Some(RunAs::CronJob(_)) => {
                let what = format!("`{on}` runs on a schedule, so it is never complete");
                Err(cannot(what).hint("remove it from the list"))
            }
            None => {
                let what = format!("`{on}` does not run to completion");
                Err(cannot(what)
                    .hint(format!("use `waitFor`; if it does run to completion, set `resources.{on}.runAs: job`")))
            }
        }
    }

    fn run_as(&self, resource: &str) -> Option<&RunAs> {
        self.config.resources.get(resource)?.run_as.as_ref()
    }

    /// Why nothing can wait for a name that is not a workload.
    fn absent(&self, on: &str, place: &Place, diagnostics: &Diagnostics) -> Diagnostic {
        if !self.manifest.resources.contains_key(on) {
            return unknown::resource(self.manifest, on, place, diagnostics);
        }
        let what = format!("`{on}` does not run in this application and leads to nothing that does");
        Diagnostic::new(Code::CannotWait, place, what).hint("remove it from the list")
    }

    /// The workloads that a list of `aspire-k8s.yaml` names.
    fn named(&self, name: &str, key: &str, named: &[String], diagnostics: &mut Diagnostics) -> IndexSet<String> {
        let mut found = IndexSet::new();
        for (index, on) in named.iter().enumerate() {
            let place = intent_place(format!("resources.{name}.{key}[{index}]"));
            let behind = match self.starts_before(name, on, &place) {
                Ok(true) => continue,
                Ok(false) => self.behind(on, &place, diagnostics),
                Err(diagnostic) => Err(diagnostic),
            };
            match behind {
                Ok(workloads) => {
                    for on in workloads {
                        match self.starts_before(name, &on, &place) {
                            Ok(true) => {}
                            Ok(false) => drop(found.insert(on)),
                            Err(diagnostic) => diagnostics.push(diagnostic),
                        }
                    }
                }
                Err(diagnostic) => diagnostics.push(diagnostic),
            }
        }
        found
    }

    /// Whether the pod itself starts one workload before another. It starts sidecars first, in the order of the manifest.
    fn starts_before(&self, name: &str, on: &str, place: &Place) -> Result<bool, Diagnostic> {
        let place_in_pod = |name: &str| {
            let (place, _, workload) = self.workloads.get_full(name)?;
            Some((workload.pod(), workload.sidecar_of.is_none(), place))
        };
        let (Some(own), Some(other)) = (place_in_pod(name), place_in_pod(on)) else { return Ok(false) };
        if own.0 != other.0 || name == on {
            return Ok(false);
        }
        if other < own {
            return Ok(true);
        }
        let what = format!("`{on}` starts after `{name}`, because both run in the pod of `{}`", own.0);
        let hint = "remove it from the list: sidecars start in the order of the manifest, and then the resource itself";
        Err(Diagnostic::new(Code::CannotWait, place, what).hint(hint))
    }

    /// The workload of this name; for a connection string, those that it leads to.
    fn behind(&self, on: &str, place: &Place, diagnostics: &Diagnostics) -> Result<Vec<String>, Diagnostic> {
        if let Some(workload) = self.workloads.get(on) {
            return match self.run_as(workload.pod()) {
                Some(_) if workload.sidecar_of.is_some() => {
                    let what = format!("`{on}` runs in the pod of `{}`, which runs to completion", workload.pod());
                    Err(Diagnostic::new(Code::CannotWait, place, what).hint("remove it from the list"))
                }
                Some(run_as) => Err(ends(on, run_as, place)),
                None if is_reached(workload) => Ok(vec![on.to_owned()]),
                None => Err(no_port(on, place)),
            };
        }
        self.led_to(on).ok_or_else(|| self.absent(on, place, diagnostics))
    }

    /// The workloads that the connection string or value of a resource leads to, through others of its kind; none if it
    /// leads to nothing. Nobody waits for what `replaceWith` replaces.
    fn led_to(&self, resource: &str) -> Option<Vec<String>> {
        let (mut found, mut seen) = (Vec::new(), BTreeSet::from([resource]));
        let mut left = vec![resource];
        let mut is_outside = false;
        while let Some(next) = left.pop() {
            if self.config.replacement(next).is_some() {
                is_outside = true;
                continue;
            }
            let Some(written) = self.manifest.resources.get(next) else { continue };
            let texts = written.connection_string.iter().chain(&written.value);
            for token in texts.flat_map(|text| tokens(text)) {
                let Token::Reference(reference) = token else { continue };
                if !seen.insert(reference.resource) {
                    continue;
                }
                match self.workloads.get(reference.resource) {
                    Some(workload) if is_reached(workload) => found.push(workload.name.clone()),
                    Some(_) => {}
                    None => left.push(reference.resource),
                }
            }
        }
        (is_outside || !found.is_empty()).then_some(found)
    }

    /// The workloads whose addresses are in the values of a workload and its init containers. Telemetry is sent again when its receiver is not there.
    fn references(&self, name: &str) -> IndexSet<String> {
        let Some(workload) = self.workloads.get(name) else { return IndexSet::new() };
        let telemetry = workload.telemetry.as_ref();
        let is_telemetry = |variable: &str| telemetry.is_some_and(|it| it.variables.contains(&variable));
        let env = workload.env.iter().filter(|(variable, _)| !is_telemetry(variable)).map(|(_, value)| value);
        let own = env.chain(&workload.command).chain(&workload.args);
        let values = own.chain(workload.init_containers.iter().flat_map(InitContainer::values));
        let named = values.flat_map(Value::parts).filter_map(|part| match part {
            Part::Host { workload, .. } | Part::Port { workload, .. } => Some(workload),
            Part::Text(_) | Part::Input { .. } => None,
        });
        let is_server =
            |on: &str| self.workloads.get(on).is_some_and(|it| self.run_as(it.pod()).is_none() && is_reached(it));
        let is_other = |on: &&String| *on != name && is_server(on);
        named.filter(is_other).cloned().collect()
    }
}

/// Whether a connection tells that it runs.
fn is_reached(workload: &Workload) -> bool {
    workload.ports.values().any(|port| !port.udp)
}

fn no_port(on: &str, place: &Place) -> Diagnostic {
    let what = format!("`{on}` has no TCP endpoint, so no connection tells that it runs");
    Diagnostic::new(Code::CannotWait, place, what)
        .hint("give it an endpoint in the AppHost, or remove it from the list")
}

fn ends(on: &str, run_as: &RunAs, place: &Place) -> Diagnostic {
    let what = format!("`{on}` runs to completion, so it never becomes ready");
    let hint = match run_as {
        RunAs::Job(_) => "use `waitForCompletion`",
        RunAs::CronJob(_) => "remove it from the list",
    };
    Diagnostic::new(Code::CannotWait, place, what).hint(hint)
}

/// The same by pods, which start when all of their containers have waited.
fn by_pod(all: &[(String, Vec<Wait>)], workloads: &IndexMap<String, Workload>) -> Vec<(String, Vec<Wait>)> {
    let pod = |name: &String| workloads.get(name).map_or(name.as_str(), Workload::pod).to_owned();
    let mut pods: IndexMap<String, Vec<Wait>> = IndexMap::new();
    for (name, waits) in all {
        let waits = waits.iter().map(|wait| Wait { on: pod(&wait.on), until: wait.until });
        pods.entry(pod(name)).or_default().extend(waits);
    }
    pods.into_iter().collect()
}

/// Reports every cycle of waits once: none of its pods would ever start.
fn check_cycles(all: &[(String, Vec<Wait>)], config: &Config, diagnostics: &mut Diagnostics) {
    let mut left: BTreeMap<&str, BTreeSet<&str>> =
        all.iter().map(|(name, waits)| (name.as_str(), waits.iter().map(|wait| wait.on.as_str()).collect())).collect();
    while let Some(cycle) = cycle(&mut left) {
        let first = cycle.first().copied().unwrap_or_default();
        let next = cycle.get(1).unwrap_or(&first);
        let waits = all.iter().find(|(name, _)| name == first).into_iter().flat_map(|(_, waits)| waits);
        let until = waits.into_iter().find(|wait| wait.on == **next).map(|wait| wait.until);
        let is_named = config.resources.get(first).is_some_and(|intent| intent.wait_for.is_some());
        let place = match until {
            Some(WaitUntil::Started) => format!("resources.{first}.waitForStart"),
            Some(WaitUntil::Completed) => format!("resources.{first}.waitForCompletion"),
            _ if is_named => format!("resources.{first}.waitFor"),
            _ => "defaults.waitFor".to_owned(),
        };
        let what = format!("{} -> {first}: each waits for the next, so none of them would start", cycle.join(" -> "));
        diagnostics.push(Diagnostic::new(Code::CircularWait, intent_place(place), what).hint(format!(
            "let one of them start without waiting for the next: list what it waits for, such as `resources.{first}.waitFor: []`"
        )));
        left.retain(|name, _| !cycle.contains(name));
    }
}

/// Removes what waits for none of the others, and finds a cycle in the rest, from its first name in the alphabet.
fn cycle<'a>(left: &mut BTreeMap<&'a str, BTreeSet<&'a str>>) -> Option<Vec<&'a str>> {
    loop {
        let names: BTreeSet<&str> = left.keys().copied().collect();
        left.retain(|_, waits| waits.iter().any(|on| names.contains(on)));
        if left.len() == names.len() {
            break;
        }
    }
    let mut way: Vec<&str> = vec![*left.keys().next()?];
    loop {
        let last = way.last()?;
        let next = *left.get(last)?.iter().find(|on| left.contains_key(*on))?;
        if let Some(start) = way.iter().position(|name| *name == next) {
            let mut cycle = way.split_off(start);
            let first = cycle.iter().enumerate().min_by_key(|(_, name)| **name).map_or(0, |(index, _)| index);
            cycle.rotate_left(first);
            return Some(cycle);
        }
        way.push(next);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cycles(waits: &[(&'static str, &[&'static str])]) -> Vec<String> {
        let mut left = waits.iter().map(|(name, on)| (*name, on.iter().copied().collect())).collect();
        let mut found = Vec::new();
        while let Some(cycle) = cycle(&mut left) {
            left.retain(|name, _| !cycle.contains(name));
            found.push(cycle.join(" -> "));
        }
        found
    }

    #[test]
    fn every_cycle_is_found_once() {
        assert!(cycles(&[("a", &["b", "c"]), ("b", &["c"]), ("c", &[])]).is_empty());
        assert_eq!(cycles(&[("a", &["a"])]), ["a"]);
        assert_eq!(cycles(&[("in", &["b"]), ("b", &["c"]), ("c", &["a", "out"]), ("a", &["b"])]), ["a -> b -> c"]);
        assert_eq!(cycles(&[("a", &["b"]), ("b", &["a"]), ("c", &["d"]), ("d", &["c"])]), ["a -> b", "c -> d"]);
    }
}

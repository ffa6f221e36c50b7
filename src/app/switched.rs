//! Resources that run in some environments and not in others: their templates are always there, and values say whether their
//! objects exist and which host others use.
//!
//! Must not change what is composed: a host and ports are values, so that templates are the same in all environments.

use super::replaced;
use super::unknown;
use super::value::{Part, Value};
use super::values::usual_port;
use super::{App, Note, Switch, Workload};
use crate::config::{Config, ReplaceWith, ReplacedHost, intent_place};
use crate::manifest::Manifest;
use crate::support::diagnostic::{Code, Diagnostic, Diagnostics, Place};
use indexmap::IndexMap;
use std::collections::BTreeMap;

/// Gives the workloads in which environments differ their switch, says what does not run in the chosen environment, and
/// reports references that would lead nowhere.
pub(super) fn add(
    manifest: &Manifest,
    config: &Config,
    workloads: &mut IndexMap<String, Workload>,
    notes: &mut Vec<Note>,
    diagnostics: &mut Diagnostics,
) {
    for (name, workload) in workloads.iter_mut() {
        let Some(said) = config.switch(name) else { continue };
        if let (Some(ReplacedHost::Each(hosts)), Some(resource)) = (&said.host, manifest.resources.get(name)) {
            for endpoint in
                hosts.keys().filter(|endpoint| !resource.bindings.keys().any(|key| key.eq_ignore_ascii_case(endpoint)))
            {
                let place = place(config, name).key(format!("replaceWith.host.{endpoint}"));
                let diagnostic = unknown::endpoint(name, resource, endpoint, place, diagnostics);
                diagnostics.push(diagnostic);
            }
        }
        let switch = switch(workload, said.enabled, said.host.as_ref());
        if !switch.enabled {
            let text = match &switch.host {
                Some(host) => format!("replaced in this environment, so it does not run: its host is `{host}`"),
                None => "not enabled in this environment, so it does not run".to_owned(),
            };
            notes.push(Note { code: Code::NotDeployed, resource: name.clone(), text });
        }
        workload.switch = Some(switch);
    }
    check(config, workloads, diagnostics);
}

fn switch(workload: &Workload, enabled: bool, host: Option<&ReplacedHost>) -> Switch {
    let found = |binding: &str| host.and_then(|host| host.of(binding));
    let ports = workload.ports.iter().filter_map(|(binding, port)| {
        let address = found(binding)?;
        Some((binding.clone(), address.port.unwrap_or_else(|| usual_port(port))))
    });
    let ports: BTreeMap<String, u16> = ports.collect();
    let name = workload.ports.keys().find_map(|binding| Some(found(binding)?.host.to_owned()));
    Switch { enabled, host: name, ports }
}

/// Who runs must not refer to what neither runs nor is replaced.
fn check(config: &Config, workloads: &IndexMap<String, Workload>, diagnostics: &mut Diagnostics) {
    let is_off = |workload: &Workload| workload.switch.as_ref().is_some_and(|switch| !switch.enabled);
    let leads_nowhere = |name: &str| {
        workloads
            .get(name)
            .filter(|it| is_off(it))
            .and_then(|it| it.switch.as_ref())
            .is_some_and(|it| it.host.is_none())
    };
    let mut told = Vec::new();
    for workload in workloads.values().filter(|workload| !is_off(workload)) {
        let values = workload.env.values().chain(&workload.command).chain(&workload.args);
        for part in values.flat_map(Value::parts) {
            let Part::Host { workload: on, .. } = part else { continue };
            if !leads_nowhere(on) || told.contains(on) {
                continue;
            }
            told.push(on.clone());
            let what = format!("`{}` refers to `{on}`, which does not run in this environment", workload.name);
            let hint = "set `replaceWith: {host: NAME}` beside it, with the server that takes its place";
            diagnostics.push(Diagnostic::new(Code::MissingKey, place(config, on), what).hint(hint));
        }
    }
}

/// The password of a server outside of the application is never generated.
pub(super) fn ask_for_credentials(manifest: &Manifest, app: &mut App) {
    let replaced = app.workloads.values().filter(|it| it.switch.as_ref().is_some_and(|switch| switch.host.is_some()));
    let names: Vec<String> = replaced.map(|workload| workload.name.clone()).collect();
    let as_written = ReplaceWith::default();
    for name in names {
        let Some(resource) = manifest.resources.get(&name) else { continue };
        replaced::ask_for(&name, &replaced::credentials(manifest, resource, &as_written), app);
    }
}

fn place(config: &Config, resource: &str) -> Place {
    let environment = config.environment.as_deref().unwrap_or_default();
    intent_place(format!("environments.{environment}.resources.{resource}"))
}

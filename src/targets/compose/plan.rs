//! Application and configuration to a [`Plan`]: everything that the Compose file will contain, decided and checked.

use super::host_ports::HostPorts;
use super::keys;
use super::mounts::volume_names;
use super::node::{Map, Node, map, some};
use super::planning::Planning;
use super::service::service;
use super::variables::{Variable, Variables};
use crate::app::{App, Note};
use crate::config::Config;
use crate::support::diagnostic::{Code, Diagnostic, Diagnostics, Place};
use crate::support::label;
use crate::targets::built_images::{self, BuiltImages};
use crate::targets::migrations::probable_migrations;
use indexmap::IndexMap;
use std::collections::{BTreeMap, BTreeSet};

/// Longest name of a service: it is a label of DNS.
const LONGEST_SERVICE: usize = 63;

/// A Compose file before it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Plan {
    /// `name:` of the file: the prefix of its containers, networks and volumes.
    pub project: String,
    /// The whole file.
    pub document: Map,
    /// The variables in it, by name.
    pub variables: IndexMap<String, Variable>,
    /// Files that containers mount, by their path below the folder of the Compose file.
    pub files: BTreeMap<String, Vec<u8>>,
    /// What a user should know.
    pub notes: Vec<Note>,
}

impl Plan {
    /// How many services it has.
    pub(crate) fn services(&self) -> usize {
        match self.document.get("services") {
            Some(Node::Map(services)) => services.len(),
            _ => 0,
        }
    }
}

/// Plans the Compose file and reports all errors of the target together. `project` is the name that a flag gives it.
pub(crate) fn plan(
    app: &App,
    config: &Config,
    images: &BuiltImages,
    project: Option<&str>,
) -> Result<Plan, Diagnostics> {
    let mut planning = Planning {
        app,
        config,
        images,
        services: services(app, config),
        volumes: volume_names(app),
        mounted: BTreeSet::new(),
        host_ports: HostPorts::default(),
        variables: Variables::of(app),
        files: BTreeMap::new(),
        notes: app.notes.clone(),
        diagnostics: Diagnostics::default(),
    };
    built_images::check(app, config, images, &mut planning.diagnostics);
    check_names(&planning.services, &mut planning.diagnostics);
    let project = project_name(app, project, &mut planning.diagnostics);
    keys::tell_of_file(&mut planning);
    keys::refuse_external_names(&mut planning);
    for workload in probable_migrations(app, config) {
        let what = "it looks like a migration, and Docker starts a program again that ends: if it runs to completion, set `runAs: job`, and \
            `waitForCompletion` on its consumers";
        planning.note(&workload.name, what);
    }
    let mut planned = Map::new();
    for workload in app.workloads.values().filter(|workload| runs(config, &workload.name)) {
        let service = service(&mut planning, workload);
        planned.insert(planning.service(&workload.name), Node::Map(service));
    }
    let volumes = planning.mounted.iter().map(|name| (name.clone(), Node::Map(Map::new()))).collect();
    let document = map([
        ("name", Some(Node::literal(project.clone()))),
        ("services", Some(Node::Map(planned))),
        ("volumes", some(volumes)),
    ]);
    let used: BTreeSet<String> = document.values().flat_map(Node::variables).map(str::to_owned).collect();
    let Planning { variables, files, notes, diagnostics, .. } = planning;
    let variables = variables.used(|name| used.contains(name));
    diagnostics.or(Plan { project, document, variables, files, notes })
}

/// Whether a workload is a service: all are but a dashboard that is switched off.
fn runs(config: &Config, workload: &str) -> bool {
    config.dashboard.as_ref().is_none_or(|dashboard| dashboard.name() != workload || dashboard.is_enabled())
}

/// The names of services by resource.
fn services(app: &App, config: &Config) -> BTreeMap<String, String> {
    let running = app.workloads.keys().filter(|name| runs(config, name));
    running.map(|name| (name.clone(), label::shortened(&label::legal(name), name, LONGEST_SERVICE))).collect()
}

/// Two resources must not become one service.
fn check_names(services: &BTreeMap<String, String>, diagnostics: &mut Diagnostics) {
    let mut seen: BTreeMap<&String, &String> = BTreeMap::new();
    for (resource, service) in services {
        if let Some(other) = seen.insert(service, resource) {
            let what = format!("`{other}` and `{resource}` would both be the service `{service}`");
            diagnostics.push(
                Diagnostic::new(Code::NameCollision, "", what)
                    .hint("rename one of them in the AppHost, or `exclude` one in aspire-k8s.yaml"),
            );
        }
    }
}

/// The name of the project: what a flag says, else the application's identity, so that it is the same on every machine.
fn project_name(app: &App, said: Option<&str>, diagnostics: &mut Diagnostics) -> String {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_');
    let is_first = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    if let Some(said) = said {
        if !said.starts_with(is_first) || !said.chars().all(plain) {
            let what = format!("`{said}` is not a valid name of a Compose project");
            let hint = "lower-case letters, digits, `-` and `_`, a letter or digit first";
            let place = Place::in_file("command line", "--project-name");
            diagnostics.push(Diagnostic::new(Code::InvalidArgument, place, what).hint(hint));
        }
        return said.to_owned();
    }
    let lower = app.id.to_ascii_lowercase();
    let mapped: String = lower.chars().map(|c| if plain(c) { c } else { '-' }).collect();
    let name = mapped.trim_matches(['-', '_']);
    if name.is_empty() {
        let what = "the application has no name: neither aspire-k8s.yaml nor the manifest's folder provides one";
        diagnostics.push(
            Diagnostic::new(Code::MissingName, "", what)
                .hint("set `application: NAME` in aspire-k8s.yaml, or pass --project-name"),
        );
    }
    name.to_owned()
}

//! Application and configuration to a [`Plan`]: everything that the chart will contain, decided and checked.

use super::claims::{self, WorkloadStorage};
use super::external_names;
use super::files::{self, ChartFile};
use super::formula::Names;
use super::image_sources::ImageSources;
use super::kinds::{KINDS, KindSpec};
use super::name::Name;
use super::planned::{ObjectName, Plan, PlannedWorkload};
use super::routes::{self, Routes, Surroundings};
use super::secrets::{external_views, sealed_views, secret_uses};
use super::values::{self, Tree, WorkloadParts};
use super::variables;
use super::view::{DaprObjectView, DaprView, WorkloadView};
use super::{
    account, certificate, chart_values, dapr, extra_objects, init_containers, jobs, network, patches, ports, probes,
    scaling, security, sidecars, sizes, waits,
};
use crate::app::{
    App, CERTIFICATE_FOLDER, Image, Input, Note, TAG_INPUT, Workload, is_extra_object, is_route, is_used_from_outside,
};
use crate::config::{Config, Probes, Scaled, WorkloadKind, intent_place};
use crate::support::diagnostic::{Code, Diagnostic, Diagnostics, suggestion};
use crate::targets::built_images::{self, BuiltImages};
use indexmap::IndexMap;
use std::collections::{BTreeMap, BTreeSet};

/// Plans the chart and reports all errors of the target together.
pub fn plan(app: &App, config: &Config, images: &BuiltImages) -> Result<Plan, Diagnostics> {
    let mut diagnostics = Diagnostics::default();
    let mut notes = app.notes.clone();
    notes.extend(variables::lost_defaults(app).into_iter().chain(jobs::suggestions(app, config)));
    let chart = chart_name(app, config, &mut diagnostics);
    built_images::check(app, config, images, &mut diagnostics);
    let names = variables::workload_names(app);
    check_names(&names, &mut diagnostics);
    let port_names = ports::port_names(app);
    let mut storage = claims::storage(app, config, &names, &mut diagnostics);
    sidecars::share_storage(app, config, &mut storage, &mut diagnostics);
    let mut secrets = secret_uses(app, config, &mut diagnostics);
    let scaled = config.scaled();
    let (mut workloads, mut chart_files) = (Vec::new(), Vec::new());
    let mut workload_values = external_names::values(app, &names);
    for workload in app.workloads.values() {
        let Some(name) = names.get(&workload.name) else { continue };
        let storage = storage.remove(&workload.name).unwrap_or_default();
        let mut planning = Planning {
            app,
            config,
            images,
            names: &names,
            ports: &port_names,
            chart: &chart,
            scaled: &scaled,
            notes: &mut notes,
            diagnostics: &mut diagnostics,
        };
        let (planned, values, files) = planning.workload(workload, name, storage);
        for key in &planned.view.secrets {
            if let Some(secret) = secrets.get_mut(key) {
                secret.claims.extend(planned.claims.iter().map(|claim| claim.name.clone()));
            }
        }
        workload_values.tree(name.as_str(), "", values);
        chart_files.extend(files);
        workloads.push(planned);
    }
    sidecars::join(&mut workloads, &mut diagnostics);
    certificate::check(app, config, &names, &mut diagnostics);
    files::check_release_size(&chart_files, &mut diagnostics);
    let routes = plan_routes(app, config, &names, &port_names, &workloads, &mut notes, &mut diagnostics);
    let no_secrets = BTreeMap::new();
    let naming = Names { workloads: &names, ports: &port_names, secrets: &no_secrets };
    network::add(&mut workloads, network::views(app, config, &naming, &routes, &mut diagnostics));
    let sources = ImageSources::of(app, config, images);
    let mut tree = Tree::default();
    let mut required = required(app);
    let missing = missing_comment(&required);
    let image_values = image_values(config, images, &sources, &mut required);
    tree.tree("images", "Images built from this application.", image_values);
    tree.tree("parameters", &format!("Inputs by name, as text.{missing}"), values::parameters(app));
    tree.tree("secrets", SECRETS_COMMENT, values::secrets(&secrets));
    let (dapr_components, dapr_objects) = plan_dapr(app, &mut tree, &mut notes);
    tree.tree("workloads", "One entry a workload.", workload_values);
    for (key, values) in routes.values.iter().filter(|(_, values)| !values.0.is_empty()) {
        tree.tree(key, "Public ways to the application.", values.clone());
    }
    values_of_all(&mut tree, app, config, &naming);
    set_values(&mut tree, config, &mut diagnostics);
    let version = config.chart.version.clone().unwrap_or_else(|| "0.1.0".into());
    let mut plan = Plan {
        // Not the tag of a flag: a later run without it remembers the tag, but would write another chart.
        app_version: config.chart.app_version.as_ref().or(config.defaults.tag.as_ref()).unwrap_or(&version).clone(),
        description: description(app, config),
        version,
        chart,
        application_id: app.id.clone(),
        compatibility: config.defaults_of_pods(),
        workloads,
        external_names: external_names::views(app, &names),
        routes,
        dapr_components,
        dapr_objects,
        secrets,
        externals: external_views(app, config),
        sealed: sealed_views(app, config),
        required,
        images: sources,
        values: tree,
        parameters: app.inputs.keys().cloned().chain([TAG_INPUT.to_owned()]).collect(),
        patches: config.patch.clone(),
        files: chart_files,
        notes,
        from_app_host: config.from_app_host.settings.clone(),
        ..Plan::default()
    };
    plan.objects = object_names(&plan);
    check_collisions(&plan, &mut diagnostics);
    patches::check(&plan, &mut diagnostics);
    let around = extra_objects::Surroundings { app, names: &names, ports: &port_names, objects: &plan.objects };
    plan.extra = extra_objects::plan(config, &around, &mut diagnostics);
    plan.objects = object_names(&plan);
    diagnostics.or(plan)
}

fn description(app: &App, config: &Config) -> String {
    let own = config.chart.description.clone();
    own.unwrap_or_else(|| format!("The application {}, rendered from its Aspire manifest", app.name))
}

/// `images:`. A tag that is not known yet becomes an input.
fn image_values(
    config: &Config,
    images: &BuiltImages,
    sources: &ImageSources,
    required: &mut IndexMap<String, Vec<String>>,
) -> Tree {
    let tag = images.tag.as_ref().or(config.defaults.tag.as_ref());
    let untagged = if tag.is_none() { sources.built.as_slice() } else { &[] };
    if !untagged.is_empty() {
        required.insert(TAG_INPUT.into(), untagged.to_vec());
    }
    values::images(config, images, tag, untagged)
}

/// What belongs to Dapr, with its values.
fn plan_dapr(app: &App, tree: &mut Tree, notes: &mut Vec<Note>) -> (Vec<DaprView>, Vec<DaprObjectView>) {
    let (components, values) = dapr::components(app, notes);
    if !components.is_empty() {
        tree.tree("daprComponents", "Dapr building blocks.", values);
    }
    let (objects, values) = dapr::objects(app, notes);
    if !objects.is_empty() {
        tree.tree("daprObjects", "Other objects of Dapr, as their files write them.", values);
    }
    (components, objects)
}

/// Values that are about no single workload.
fn values_of_all(tree: &mut Tree, app: &App, config: &Config, naming: &Names) {
    if let Some(waits) = waits::values(app, config) {
        tree.tree("waits", "Init containers that wait until other workloads take connections.", waits);
    }
    if let Some(policies) = network::values(config, naming) {
        tree.tree("networkPolicy", "NetworkPolicies that allow the connections of the application.", policies);
    }
    tree.data("skipGuards", "Leaves out the checks against the live release; for planning only.", false);
}

/// Merges `values:` of the file over the generated values.
fn set_values(tree: &mut Tree, config: &Config, diagnostics: &mut Diagnostics) {
    if config.values.is_empty() {
        return;
    }
    let place = |path: &str| intent_place(format!("values.{path}"));
    let wrong = chart_values::check(&tree.to_json(), &config.values, &place, chart_values::NewKeys::Allowed);
    diagnostics.0.extend(wrong.0);
    tree.overlay(&config.values);
}

fn plan_routes(
    app: &App,
    config: &Config,
    names: &BTreeMap<String, Name>,
    ports: &BTreeMap<(String, String), String>,
    workloads: &[PlannedWorkload],
    notes: &mut Vec<Note>,
    diagnostics: &mut Diagnostics,
) -> Routes {
    let services = workloads.iter().map(|it| (it.resource.as_str(), it.view.service_ports.as_slice())).collect();
    routes::plan(config, &Surroundings { app, names, ports, services }, notes, diagnostics)
}

/// What planning one workload needs to know of the rest.
struct Planning<'a> {
    app: &'a App,
    config: &'a Config,
    images: &'a BuiltImages,
    names: &'a BTreeMap<String, Name>,
    ports: &'a BTreeMap<(String, String), String>,
    chart: &'a str,
    scaled: &'a Scaled,
    notes: &'a mut Vec<Note>,
    diagnostics: &'a mut Diagnostics,
}

impl Planning<'_> {
    fn workload(
        &mut self,
        workload: &Workload,
        name: &Name,
        storage: WorkloadStorage,
    ) -> (PlannedWorkload, Tree, Vec<ChartFile>) {
        let (kind, other_kind) = match jobs::kind(self.config, &workload.name) {
            _ if workload.sidecar_of.is_some() => (sidecars::KIND, ""),
            Some(kind) => {
                jobs::check(&workload.name, &storage, self.diagnostics);
                (kind, "")
            }
            None => kinds(claims::kind(&workload.name, &storage, self.config, self.diagnostics)),
        };
        let secret_variables = variables::secret_variables(self.app, workload, self.diagnostics);
        let writing = Names { workloads: self.names, ports: self.ports, secrets: &secret_variables };
        let alike = workload.init_containers.iter().map(|container| container.as_workload(workload));
        self.notes.extend(alike.chain([workload.clone()]).flat_map(|workload| variables::lost_texts(&workload)));
        let placed = variables::place(self.app, workload, &writing, self.diagnostics);
        let (container_ports, mut service_ports) = ports::ports(workload, self.ports, self.diagnostics);
        self.check_service_ports(workload);
        self.check_mounts(workload, &storage);
        let files = files::files(workload, name, self.diagnostics);
        let mut probing = probes::plan(workload, self.config, self.images, self.ports, self.notes, self.diagnostics);
        if workload.sidecar_of.is_some() {
            let said = self.config.intent(&workload.name).probes.as_ref().map(Probes::each);
            sidecars::start_first(said.as_ref(), &mut probing.values);
            sidecars::check(self.app, workload, &probing.values, self.diagnostics);
            service_ports.retain(|_| is_used_from_outside(self.app, self.config, workload));
        }
        let pods = self.names.get(workload.pod()).unwrap_or(name);
        let (allowed, changed_security) =
            security::plan(workload, self.config, self.images, &storage, self.diagnostics);
        let mut view = WorkloadView {
            chart: self.chart.to_owned(),
            name: name.to_string(),
            pods: pods.to_string(),
            kind,
            other_kind,
            command: workload.command.iter().map(|value| writing.pod_field(value)).collect(),
            args: workload.args.iter().map(|value| writing.pod_field(value)).collect(),
            secret_variables: variables::secret_variable_views(self.app, workload, &writing),
            pod_variables: placed.pod,
            config_variables: placed.config,
            secrets: variables::used_secrets(self.app, workload),
            container_ports,
            service_ports,
            claim_templates: storage.templates.clone(),
            single_pod_claims: storage.single_pod.clone(),
            files: files.mounts,
            file_entries: files.entries,
            dapr: dapr::annotations(workload, name.as_str(), self.ports, self.notes),
            certificate: certificate::of(self.config, &workload.name).map(|_| CERTIFICATE_FOLDER),
            volumes: storage.volumes.clone(),
            reads_jobs: sidecars::reads_jobs(self.app, workload),
            writable: allowed.writable.clone(),
            account: account::view(self.config, &workload.name, name),
            pull_secrets: !self.config.intent(&workload.name).image_pull_secrets.is_empty(),
            waits: waits::views(self.app, workload, name, &writing),
            init_containers: Vec::new(),
            sidecars: Vec::new(),
            sidecar_volumes: false,
            network: None,
            scale: scaling::view(kind, &workload.name, self.scaled),
            strategy: self.config.intent(&workload.name).strategy.is_some(),
            switched: workload.switch.is_some(),
            headless: kind == "StatefulSet" || waits::is_awaited_before_ready(self.app, &workload.name),
        };
        security::mark_owned(&allowed, &mut view.volumes);
        name_apart(&mut view);
        let parts = WorkloadParts {
            workload,
            name,
            literals: &placed.literals,
            init_containers: init_containers::add(self.app, workload, &writing, &mut view, self.diagnostics),
            storage: &storage,
            probes: probing.values,
            scale: view.scale,
            allowed: &allowed,
            resources: sizes::resources(
                &self.config.intent(&workload.name),
                &self.config.defaults,
                self.image(workload),
            ),
            ports: self.ports,
        };
        let values = values::workload(&parts, self.config, self.images);
        let checked = scaling::Checked { name: &workload.name, kind, storage: &storage, resources: &parts.resources };
        scaling::check(&checked, self.config, self.diagnostics);
        let changed_by: BTreeSet<u32> = probing
            .changed_by
            .into_iter()
            .chain(changed_security)
            .chain(self.config.by_number.get(&workload.name).copied())
            .collect();
        let planned = PlannedWorkload {
            resource: workload.name.clone(),
            view,
            claim_views: claims::claim_views(&storage),
            claims: storage.claims,
            external: external(workload, self.ports),
            changed_by: changed_by.into_iter().collect(),
        };
        (planned, values, files.files)
    }

    /// What the file says of ports of a Service must be about ports that there are.
    fn check_service_ports(&mut self, workload: &Workload) {
        let Some(intent) = self.config.resources.get(&workload.name) else { return };
        let said = [("ports", &intent.service.ports), ("nodePorts", &intent.service.node_ports)];
        let said = said.into_iter().flat_map(|(key, ports)| ports.keys().map(move |binding| (key, binding)));
        for (key, binding) in said.filter(|(_, binding)| !workload.ports.contains_key(*binding)) {
            let place = intent_place(format!("resources.{}.service.{key}.{binding}", workload.name));
            let known: Vec<&str> = workload.ports.keys().map(String::as_str).collect();
            let diagnostic = Diagnostic::new(
                Code::UnknownEndpoint,
                place,
                format!("the Service of `{}` has no port `{binding}`", workload.name),
            );
            let otherwise = match &known[..] {
                [] => "it has no ports at all".to_owned(),
                known => format!("there are: {}", known.join(", ")),
            };
            let hint = suggestion(self.diagnostics.nearest(binding, known.iter().copied()), otherwise);
            self.diagnostics.push(diagnostic.hint(hint));
        }
    }

    /// The reference of its image; none for an image that is built and that no flag names.
    fn image<'w>(&'w self, workload: &'w Workload) -> Option<&'w str> {
        match (&workload.image, self.images.references.get(&workload.name)) {
            (_, Some(reference)) | (Image::Reference(reference), None) => Some(reference),
            (Image::Built, None) => None,
        }
    }

    /// A container can have one thing only at each path.
    fn check_mounts(&mut self, workload: &Workload, storage: &WorkloadStorage) {
        let volumes = storage.volumes.iter().map(|volume| (&volume.target, format!("volume `{}`", volume.key)));
        let files = workload.files.iter().map(|mount| (&mount.target, format!("bind mount of `{}`", mount.source)));
        let mut seen: BTreeMap<&str, String> = BTreeMap::new();
        if certificate::of(self.config, &workload.name).is_some() {
            seen.insert(CERTIFICATE_FOLDER, "certificate".to_owned());
        }
        for (target, what) in volumes.chain(files) {
            if let Some(other) = seen.get(target.as_str()) {
                self.diagnostics.push(
                    Diagnostic::new(
                        Code::NameCollision,
                        format!("resources.{}", workload.name),
                        format!("the {other} and the {what} are both mounted at {target}"),
                    )
                    .hint("set another path for one of them"),
                );
            } else {
                seen.insert(target, what);
            }
        }
    }
}

/// A pod can have each of its volumes under one name only. Those of claim templates are called as their claims are.
fn name_apart(view: &mut WorkloadView) {
    let mut taken: BTreeSet<String> = view.claim_templates.iter().map(|claim| claim.volume.clone()).collect();
    taken.extend(view.certificate.map(|_| "tls".to_owned()));
    taken.extend(view.reads_jobs.then(|| "wait-token".to_owned()));
    let mut renamed: BTreeMap<String, String> = BTreeMap::new();
    let mut free = |name: &mut String| {
        let mut number = 2;
        let first = name.clone();
        while !taken.insert(name.clone()) {
            *name = Name::of_label(&format!("{first}-{number}")).to_string();
            number += 1;
        }
    };
    for volume in view.volumes.iter_mut().filter(|volume| !volume.templated && !volume.again) {
        free(&mut volume.volume);
        renamed.insert(volume.key.clone(), volume.volume.clone());
    }
    for volume in view.volumes.iter_mut().filter(|volume| volume.again) {
        if let Some(name) = renamed.get(&volume.key) {
            volume.volume.clone_from(name);
        }
    }
    view.files.iter_mut().for_each(|mount| free(&mut mount.volume));
    view.writable.iter_mut().for_each(|mount| free(&mut mount.volume));
}

const SECRETS_COMMENT: &str = "Where each secret comes from. deploy: the Secret that `kubectl aspire deploy` writes (it sets `revision`); \
without it, a value under `parameters` goes to a Secret of the chart. chart: always a Secret of the chart. \
existing: a Secret of yours, or of something in the cluster. external-secrets: the External Secrets operator, which takes \
`remoteKey` from the store. sealed: the sealed-secrets controller, which opens `value` in the release it was sealed for.";

fn kinds(kind: WorkloadKind) -> (&'static str, &'static str) {
    match kind {
        WorkloadKind::Deployment => ("Deployment", "StatefulSet"),
        WorkloadKind::StatefulSet => ("StatefulSet", "Deployment"),
    }
}

/// A chart name may have the characters of a DNS label; definitions in templates are prefixed with it.
fn chart_name(app: &App, config: &Config, diagnostics: &mut Diagnostics) -> String {
    if let Some(name) = &config.chart.name {
        return name.clone();
    }
    if app.name.is_empty() {
        diagnostics.push(
            Diagnostic::new(
                Code::MissingName,
                "",
                "the application has no name: neither aspire-k8s.yaml nor the manifest's folder provides one",
            )
            .hint("set `application: NAME` in aspire-k8s.yaml"),
        );
    }
    Name::of_workload(&app.name).to_string()
}

/// Inputs that plain helm must be given: nothing in the chart supplies them.
fn required(app: &App) -> IndexMap<String, Vec<String>> {
    // What only a third-party chart takes is nothing that this one's templates ask for.
    let is_read = |input: &Input| {
        input.used_by.iter().any(|user| app.workloads.contains_key(user) || is_route(user) || is_extra_object(user))
    };
    let used = app.inputs.iter().filter(|(_, input)| is_read(input) && !input.secret && input.default.is_none());
    used.map(|(name, input)| (name.clone(), input.used_by.iter().cloned().collect())).collect()
}

fn missing_comment(required: &IndexMap<String, Vec<String>>) -> String {
    if required.is_empty() {
        return String::new();
    }
    let lines = required.iter().map(|(name, used_by)| format!("\n  {name}: required by {}", used_by.join(", ")));
    format!(" Not given yet:{}", lines.collect::<String>())
}

fn external(workload: &Workload, names: &BTreeMap<(String, String), String>) -> Vec<(String, String)> {
    let ports = workload.ports.iter().filter(|(_, port)| port.external);
    ports
        .filter_map(|(binding, port)| {
            let name = names.get(&(workload.name.clone(), binding.clone()))?;
            Some((name.clone(), port.scheme.clone()))
        })
        .collect()
}

fn object_names(plan: &Plan) -> Vec<ObjectName> {
    let objects = |spec: &KindSpec| {
        let names = (spec.objects)(plan).into_iter().filter_map(|object| object.name);
        names.map(|name| ObjectName { kind: spec.kind.to_owned(), name }).collect::<Vec<_>>()
    };
    let extra = plan.extra.iter().map(|it| ObjectName { kind: it.kind.clone(), name: it.name.clone() });
    KINDS.iter().flat_map(objects).chain(extra).collect()
}

/// Two resources must not become one workload.
fn check_names(names: &BTreeMap<String, Name>, diagnostics: &mut Diagnostics) {
    let mut seen: BTreeMap<&Name, &String> = BTreeMap::new();
    for (resource, name) in names {
        if let Some(other) = seen.insert(name, resource) {
            diagnostics.push(
                Diagnostic::new(
                    Code::NameCollision,
                    "",
                    format!("`{other}` and `{resource}` would both have the name `{name}` in the cluster"),
                )
                .hint("rename one of them in the AppHost, or `exclude` one in aspire-k8s.yaml"),
            );
        }
    }
}

/// Two objects of one kind must not have one name. Workloads that are called the same were reported already.
fn check_collisions(plan: &Plan, diagnostics: &mut Diagnostics) {
    let mut seen: BTreeMap<(&str, String), Option<&str>> = BTreeMap::new();
    for spec in &KINDS {
        for object in (spec.objects)(plan) {
            let Some(name) = object.name else { continue };
            let what = match (seen.insert((spec.kind, name.clone()), object.folder), object.folder) {
                (Some(Some(other)), Some(owner)) if other != owner => format!("`{other}` and `{owner}`"),
                (Some(None), None) => "two resources".to_owned(),
                _ => continue,
            };
            diagnostics.push(
                Diagnostic::new(
                    Code::NameCollision,
                    "",
                    format!("{what} would both create the {} `{name}`", spec.kind),
                )
                .hint("rename one of the resources (or volumes) in the AppHost, or `exclude` one in aspire-k8s.yaml"),
            );
        }
    }
}

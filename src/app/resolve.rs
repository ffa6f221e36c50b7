//! Manifest and configuration to [`App`]: which resources run, their values, and the missing inputs.

use super::dapr;
use super::dashboard;
use super::endpoints::Endpoints;
use super::environment;
use super::expression::{Token, tokens};
use super::extra_objects;
use super::files;
use super::init_containers;
use super::ports::{endpoints, is_dotnet};
use super::removed;
use super::replaced;
use super::routes;
use super::sidecars;
use super::sources::Sources;
use super::switched;
use super::unknown;
use super::values::Values;
use super::volume;
use super::waits;
use super::{App, Image, Note, Volume, Workload};
use crate::config::{self, Config, Credential, intent_place};
use crate::manifest::{Kind, Manifest, Resource, Source};
use crate::support::diagnostic::{Code, Diagnostic, Diagnostics, Place, suggestion};
use crate::support::image;
use indexmap::IndexMap;
use std::collections::{BTreeMap, BTreeSet};

/// Resolves every reference and reports all errors of the input together.
///
/// `folder` names the application when the configuration does not; `sources` are the files that the manifest points to
/// (see [`super::wanted_sources`]).
pub fn resolve(manifest: &Manifest, config: &Config, folder: &str, sources: &Sources) -> Result<App, Diagnostics> {
    let mut diagnostics = Diagnostics::default();
    check_known_resources(manifest, config, &mut diagnostics);
    check_environments(manifest, config, &mut diagnostics);
    let mut notes = Vec::new();
    let running = running(manifest, config, &mut notes);
    notes.extend(losses(config));
    notes.extend(environment::lost_conditions(manifest, config, |name| running.contains_key(name)));
    let mut values = Values::new(manifest, config, &running);
    replaced::check(manifest, config, &mut values, &mut diagnostics);
    let mut workloads = IndexMap::new();
    for (name, endpoints) in &running {
        let Some(resource) = manifest.resources.get(name) else { continue };
        let intent = config.resources.get(name);
        check_image(name, resource, intent, &mut diagnostics);
        tell_container_files(name, resource, intent, &mut values);
        notes.extend(missing_arguments(name, resource, intent));
        workloads.insert(name.clone(), workload(name, resource, intent, endpoints, sources, &mut values));
    }
    sidecars::add(manifest, config, &mut workloads, &mut diagnostics);
    if let Some(dashboard) = &config.dashboard {
        dashboard::add(dashboard, manifest, config, &mut workloads, &mut values);
    }
    switched::add(manifest, config, &mut workloads, &mut notes, &mut diagnostics);
    waits::add(manifest, config, &mut workloads, &mut notes, &mut diagnostics);
    routes::use_inputs(config, &mut values);
    let texts = extra_objects::texts(config, &mut values);
    let name = config.application.clone().unwrap_or_else(|| folder.to_owned());
    let mut app = App {
        id: config.application_id.clone().unwrap_or_else(|| name.clone()),
        name,
        workloads,
        texts,
        ..App::default()
    };
    dapr::add(manifest, config, sources, &mut app, &mut notes);
    let (inputs, value_notes, value_diagnostics) = values.finish();
    app.inputs = inputs;
    replaced::external_names(manifest, config, &mut app);
    replaced::ask_for_credentials(manifest, config, &mut app);
    switched::ask_for_credentials(manifest, &mut app);
    use_in_charts(config, &mut app, &mut diagnostics);
    use_in_issuers(config, &mut app, &mut diagnostics);
    apply_parameters(config, &mut app, &mut diagnostics);
    forget_excluded(manifest, config, &mut app);
    notes.extend(value_notes);
    notes.extend(nothing_runs(&app, config));
    app.notes = notes;
    diagnostics.0.extend(value_diagnostics.0);
    diagnostics.or(app)
}

/// An application without workloads: probably the wrong manifest.
fn nothing_runs(app: &App, config: &Config) -> Option<Note> {
    let text = "no resource of the manifest runs in a cluster, so there is nothing to deploy".to_owned();
    (app.workloads.is_empty() && config.extra_objects.is_empty()).then(|| Note {
        code: Code::NothingToDeploy,
        resource: app.name.clone(),
        text,
    })
}

/// What the AppHost says and nothing of it is taken over.
fn losses(config: &Config) -> impl Iterator<Item = Note> {
    let all = config.from_app_host.losses.iter();
    all.map(|(resource, text)| Note { code: Code::NotTakenOver, resource: resource.clone(), text: text.clone() })
}

fn check_known_resources(manifest: &Manifest, config: &Config, diagnostics: &mut Diagnostics) {
    let environments = config.environments.iter().flat_map(|(environment, intent)| {
        intent
            .resources
            .keys()
            .map(move |name| (intent_place(format!("environments.{environment}.resources.{name}")), name))
    });
    let named =
        config.resources.keys().map(|name| (intent_place(format!("resources.{name}")), name)).chain(environments);
    for (place, name) in named.filter(|(_, name)| !manifest.resources.contains_key(*name)) {
        let diagnostic = unknown::resource(manifest, name, place, diagnostics);
        diagnostics.push(diagnostic);
    }
}

/// An environment changes values, never structure: no references, which would change templates, and nothing that starts to
/// run only there.
fn check_environments(manifest: &Manifest, config: &Config, diagnostics: &mut Diagnostics) {
    for (environment, intent) in &config.environments {
        for (name, resource) in &intent.resources {
            let place = intent_place(format!("environments.{environment}.resources.{name}"));
            for (variable, text) in resource.env.iter().filter_map(|(name, text)| Some((name, text.as_ref()?))) {
                if tokens(text).iter().any(|token| matches!(token, Token::Reference(_))) {
                    let diagnostic = Diagnostic::new(
                        Code::EnvironmentChangesStructure,
                        place.key(format!("env.{variable}")),
                        "an environment takes plain text, not references",
                    );
                    diagnostics.push(diagnostic.hint(
                        "write the reference under `resources`, and let the environment change the parameter in it",
                    ));
                }
            }
            init_containers::check_environment(environment, name, resource, diagnostics);
            if let Some(written) = manifest.resources.get(name) {
                removed::check(environment, name, resource, written, config, diagnostics);
            }
            let runs = |written: &Resource| matches!(fate(manifest, config, name, written), Fate::Runs);
            if manifest.resources.get(name).is_some_and(|written| !runs(written)) {
                diagnostics.push(
                    Diagnostic::new(
                        Code::UnknownResource,
                        place,
                        format!("`{name}` does not run, so there is nothing to change"),
                    )
                    .hint(
                        "an environment changes values only; set what makes it run (`image`, no `exclude`, no `replaceWith`) under \
                        `resources`",
                    ),
                );
            }
        }
    }
}

/// The resources that become workloads, with their endpoints; what is left out gets a note.
pub(super) fn running(manifest: &Manifest, config: &Config, notes: &mut Vec<Note>) -> IndexMap<String, Endpoints> {
    let mut running = IndexMap::new();
    let mut undescribed = Vec::new();
    for (name, resource) in &manifest.resources {
        match fate(manifest, config, name, resource) {
            Fate::Runs => {
                running.insert(name.clone(), endpoints(name, resource, config.resources.get(name)));
            }
            Fate::LeftOut(why) => {
                notes.push(Note { code: Code::NotDeployed, resource: name.clone(), text: format!("left out: {why}") });
            }
            Fate::Replaced(text) => {
                notes.push(Note { code: Code::NotDeployed, resource: name.clone(), text });
            }
            Fate::Undescribed => undescribed.push(name),
            Fate::NoWorkload => {}
        }
    }
    notes.extend(environment::undescribed(&undescribed));
    running
}

/// What becomes of a resource.
enum Fate {
    /// It becomes a workload.
    Runs,
    /// It is not the kind of thing that runs.
    NoWorkload,
    /// Aspire could not say what it is.
    Undescribed,
    /// A server outside of the application takes its place; the sentence says which.
    Replaced(String),
    /// It would run, or another client makes it; the reason is worth a note.
    LeftOut(String),
}

fn fate(manifest: &Manifest, config: &Config, name: &str, resource: &Resource) -> Fate {
    let intent = config.resources.get(name);
    let has_image = intent.is_some_and(|intent| intent.image.is_some());
    if intent.is_some_and(|intent| intent.exclude) {
        return Fate::LeftOut("aspire-k8s.yaml excludes it".into());
    }
    if let Some(with) = config.replacement(name) {
        return Fate::Replaced(replaced::says(manifest, resource, with));
    }
    if let Some(environment) = environment::of_dashboard(manifest, name).filter(|_| !has_image) {
        let instead = if config.dashboard.is_some() { "takes its place" } else { "runs one, with a login and a key" };
        return Fate::LeftOut(format!(
            "it is the dashboard that Aspire adds to the environment `{environment}`; `dashboard: {{}}` in aspire-k8s.yaml \
             {instead}"
        ));
    }
    match &resource.kind {
        Kind::Project { .. } | Kind::Container(Source::Image(_) | Source::Build { only: false }) => Fate::Runs,
        Kind::Container(Source::Missing) | Kind::Executable { .. } if has_image => Fate::Runs,
        Kind::Container(Source::Missing) => {
            Fate::LeftOut("the manifest gives it no image; set `image` in aspire-k8s.yaml to run it".into())
        }
        Kind::Executable { command } => {
            Fate::LeftOut(format!("an executable (`{command}`) has no image; set `image` in aspire-k8s.yaml to run it"))
        }
        Kind::Foreign if environment::is_undescribed(resource) => Fate::Undescribed,
        Kind::Foreign => Fate::LeftOut(format!("`{}` is a type that a cluster cannot run", resource.type_name)),
        Kind::Container(Source::Build { only: true })
        | Kind::Parameter
        | Kind::Value
        | Kind::AnnotatedString { .. }
        | Kind::Dapr(_)
        | Kind::DaprComponent { .. } => Fate::NoWorkload,
    }
}

fn workload(
    name: &str,
    resource: &Resource,
    intent: Option<&config::Resource>,
    endpoints: &Endpoints,
    sources: &Sources,
    values: &mut Values,
) -> Workload {
    let command = match intent.and_then(|intent| intent.command.as_ref()) {
        Some(command) => list(name, "command", command, values),
        // Aspire writes an entrypoint as it is: braces in it are no references.
        None => {
            resource.entrypoint.clone().or_else(|| command_of(resource)).map(super::Value::text).into_iter().collect()
        }
    };
    let args = intent.and_then(|intent| intent.args.as_ref()).unwrap_or(&resource.args);
    let args = list(name, "args", args, values);
    let volumes = volumes(resource);
    Workload {
        is_dotnet: is_dotnet(resource),
        command,
        args,
        env: values.environment(name, resource, intent),
        ports: endpoints.ports.clone(),
        volumes,
        files: files::mounts(name, resource, intent, sources, values),
        init_containers: init_containers::resolve(name, intent, values),
        ..Workload::new(name, image(resource, intent))
    }
}

fn command_of(resource: &Resource) -> Option<String> {
    match &resource.kind {
        Kind::Executable { command } if !command.is_empty() => Some(command.clone()),
        _ => None,
    }
}

/// Files of other images are put into an image while it is built, which is not done here.
fn tell_container_files(name: &str, resource: &Resource, intent: Option<&config::Resource>, values: &mut Values) {
    if intent.is_some_and(|intent| intent.image.is_some()) {
        return;
    }
    for (other, files) in &resource.container_files {
        let (sources, destination) = (files.sources.join("`, `"), &files.destination);
        values.note(
            name,
            format!(
                "its image must contain `{sources}` of the image of `{other}` at `{destination}`, which `dotnet \
                publish` and `docker build` do not copy: build it with `aspire do build`, or copy them in its \
                Dockerfile \
                 (`COPY --from`)"
            ),
        );
    }
}

/// A container that replaces an executable loses its arguments in the manifest (`PublishAsDockerFile`). Whether the image
/// needs arguments is unknown.
fn missing_arguments(name: &str, resource: &Resource, intent: Option<&config::Resource>) -> Option<Note> {
    let is_built = matches!(resource.kind, Kind::Container(Source::Build { only: false }));
    let is_bare = resource.entrypoint.is_none() && resource.args.is_empty() && !resource.bindings.is_empty();
    let is_settled =
        |intent: &config::Resource| intent.args.is_some() || intent.command.is_some() || intent.image.is_some();
    if !is_built || !is_bare || intent.is_some_and(is_settled) {
        return None;
    }
    let text = format!(
        "it is built from a Dockerfile, and the manifest has neither `args` nor `entrypoint` for it: `PublishAsDockerFile` \
         drops the arguments of an executable. If the image needs arguments, set `resources.{name}.args` in aspire-k8s.yaml; \
         if not, set `args: []`"
    );
    Some(Note { code: Code::ArgumentsMissing, resource: name.to_owned(), text })
}

/// What no registry takes would come back as an error of every pod. The image of aspire-k8s.yaml was checked with the file.
fn check_image(name: &str, resource: &Resource, intent: Option<&config::Resource>, diagnostics: &mut Diagnostics) {
    let Kind::Container(Source::Image(image)) = &resource.kind else { return };
    if intent.is_some_and(|intent| intent.image.is_some()) {
        return;
    }
    if let Err(why) = image::check(image) {
        let text = format!("`{image}` is not a valid image reference: {why}");
        diagnostics.push(
            Diagnostic::new(Code::InvalidImage, format!("resources.{name}.image"), text)
                .hint(format!("change it in the AppHost, or set `resources.{name}.image` in aspire-k8s.yaml")),
        );
    }
}

fn image(resource: &Resource, intent: Option<&config::Resource>) -> Image {
    let written = match &resource.kind {
        Kind::Container(Source::Image(image)) => Some(image),
        _ => None,
    };
    match intent.and_then(|intent| intent.image.as_ref()).or(written) {
        Some(image) => Image::Reference(image.clone()),
        None => Image::Built,
    }
}

fn list(name: &str, field: &str, items: &[String], values: &mut Values) -> Vec<super::Value> {
    let places = items.iter().enumerate();
    places.map(|(index, item)| values.used(name, &format!("resources.{name}.{field}[{index}]").into(), item)).collect()
}

fn volumes(resource: &Resource) -> Vec<Volume> {
    let mut taken: BTreeSet<String> = BTreeSet::new();
    let mut numbers = BTreeMap::new();
    let mut volumes = Vec::new();
    for written in &resource.volumes {
        let name = match &written.name {
            Some(full) => volume::short_name(full).to_owned(),
            None => volume::anonymous_name(&written.target, &taken, &mut numbers),
        };
        taken.insert(name.clone());
        volumes.push(Volume {
            full_name: written.name.clone(),
            name,
            target: written.target.clone(),
            read_only: written.read_only,
        });
    }
    volumes
}

/// What a chart takes is needed, whether a workload needs it or not.
fn use_in_charts(config: &Config, app: &mut App, diagnostics: &mut Diagnostics) {
    for (name, chart) in &config.charts {
        for (path, parameter) in &chart.values_from {
            let place = intent_place(format!("charts.{name}.valuesFrom.{path}"));
            if is_secret(app, parameter, &place, diagnostics).is_some() {
                app.inputs[parameter.as_str()].used_by.insert(format!("the chart {name}"));
            }
        }
    }
}

/// What an issuer takes is needed in the same way: secrets from their Secret, everything else as text.
fn use_in_issuers(config: &Config, app: &mut App, diagnostics: &mut Diagnostics) {
    for (name, issuer) in config.cert_manager.made() {
        let place = intent_place(format!("certManager.issuers.{name}"));
        let user = format!("the issuer {name}");
        for (key, credential) in issuer.credentials() {
            let Credential::Parameter(parameter) = credential else { continue };
            let place = place.key(key);
            match is_secret(app, parameter, &place, diagnostics) {
                Some(true) => drop(app.inputs[parameter.as_str()].used_by.insert(user.clone())),
                Some(false) => diagnostics.push(
                    Diagnostic::new(
                        Code::NotSecret,
                        place,
                        format!("`{parameter}` is not secret, so no Secret contains it"),
                    )
                    .hint("make it secret in the AppHost, or name a Secret: `{secret: ..., key: ...}`"),
                ),
                None => {}
            }
        }
        for parameter in issuer.parameters() {
            match is_secret(app, &parameter, &place, diagnostics) {
                Some(true) => diagnostics.push(
                    Diagnostic::new(
                        Code::SecretExposed,
                        &place,
                        format!("`{parameter}` is secret, but an issuer is readable by everybody"),
                    )
                    .hint("use it where a secret is expected, or use a parameter that is not secret"),
                ),
                Some(false) => drop(app.inputs[parameter.as_str()].used_by.insert(user.clone())),
                None => {}
            }
        }
    }
}

/// Puts what `parameters:` says onto the inputs.
fn apply_parameters(config: &Config, app: &mut App, diagnostics: &mut Diagnostics) {
    for (name, parameter) in &config.parameters {
        let place = intent_place(format!("parameters.{name}"));
        let Some(secret) = is_secret(app, name, &place, diagnostics) else { continue };
        match &parameter.value {
            Some(_) if secret => diagnostics.push(secret_in_file(&place, name)),
            Some(value) => app.inputs[name].default = Some(value.clone()),
            None => {}
        }
        if parameter.from.is_some() && !secret {
            diagnostics.push(
                Diagnostic::new(
                    Code::NotSecret,
                    place.key("from"),
                    format!("`{name}` is not secret, so it has no source"),
                )
                .hint("set its `value`"),
            );
        }
    }
    for (environment, intent) in &config.environments {
        for (name, parameter) in &intent.parameters {
            let place = intent_place(format!("environments.{environment}.parameters.{name}"));
            if is_secret(app, name, &place, diagnostics) == Some(true) && parameter.value.is_some() {
                diagnostics.push(secret_in_file(&place, name));
            }
        }
    }
}

/// Inputs that only excluded and replaced resources use are not required.
fn forget_excluded(manifest: &Manifest, config: &Config, app: &mut App) {
    let mut seen = BTreeSet::new();
    let mut left: Vec<&Resource> =
        manifest.resources.iter().filter(|(name, _)| config.leaves_out(name)).map(|(_, resource)| resource).collect();
    while let Some(resource) = left.pop() {
        let fields = resource.connection_string.iter().chain(&resource.value);
        for text in fields.chain(resource.env.values()).chain(&resource.args) {
            for token in tokens(text) {
                let Token::Reference(reference) = token else { continue };
                let next = manifest.resources.get(reference.resource).filter(|_| seen.insert(reference.resource));
                // What a workload takes is its own affair; texts and parameters lead further.
                let leads_on =
                    |it: &&Resource| matches!(it.kind, Kind::Parameter | Kind::Value | Kind::AnnotatedString { .. });
                left.extend(next.filter(leads_on));
            }
        }
    }
    app.inputs.retain(|name, input| !input.used_by.is_empty() || !seen.contains(name.as_str()));
}

/// Whether an input is secret; none, with a problem, when the application has no such input.
fn is_secret(app: &App, name: &str, place: &Place, diagnostics: &mut Diagnostics) -> Option<bool> {
    if let Some(input) = app.inputs.get(name) {
        return Some(input.secret);
    }
    let diagnostic =
        Diagnostic::new(Code::UnknownInput, place, format!("the application has no parameter or other input `{name}`"));
    diagnostics.push(diagnostic.hint(suggestion(
        diagnostics.nearest(name, app.inputs.keys().map(String::as_str)),
        "`kubectl aspire inputs` lists them",
    )));
    None
}

fn secret_in_file(place: &Place, name: &str) -> Diagnostic {
    Diagnostic::new(
        Code::SecretInFile,
        place.key("value"),
        format!("`{name}` is secret, so its value must not be in a file"),
    )
    .hint("remove it; the value is generated, prompted for, or read from the source that `from` names")
}

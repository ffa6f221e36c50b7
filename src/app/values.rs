//! Expressions to values: follows references to any depth, finds cycles, and turns values that cannot be created in the
//! cluster into inputs, so that nothing ever becomes an empty string.

mod replaced;
mod variables;

pub(super) use replaced::usual_port;

use super::endpoints::Endpoints;
use super::expression::{Property, Reference, Token, tokens};
use super::unknown;
use super::value::{Form, Part, Side, Value};
use super::{Input, Note, Port, addresses, environment, telemetry};
use crate::config::{Config, FILE};
use crate::manifest::{self, Generate, InputDefault, Kind, Manifest, Resource};
use crate::support::diagnostic::{Code, Diagnostic, Diagnostics, Place};
use indexmap::{IndexMap, IndexSet};
use std::collections::{BTreeMap, BTreeSet};

/// More text than any environment variable can hold (a ConfigMap has 1 MiB in all); nested references that grow beyond
/// it are an attack or a mistake.
const HEAVIEST_VALUE: usize = 1 << 20;

/// More than all values of an application together can hold: a release record has 1 MiB.
const HEAVIEST_VALUES: usize = 32 << 20;

/// Four levels were the most in a thousand manifests; the bound only keeps a hostile one from exhausting the stack.
const DEEPEST_CHAIN: usize = 200;

/// A field of a resource that is followed: (resource, `connectionString` or `value`).
type Field = (String, &'static str);

/// The state of resolving.
pub(super) struct Values<'a> {
    manifest: &'a Manifest,
    config: &'a Config,
    running: &'a IndexMap<String, Endpoints>,
    known: BTreeMap<Field, Value>,
    following: Vec<Field>,
    weight: usize,
    inputs: IndexMap<String, Input>,
    notes: IndexSet<(String, String)>,
    /// Resources whose https endpoints something asked for although they have no certificate, and the variables that are
    /// left out for it.
    in_clear: IndexMap<String, IndexSet<String>>,
    diagnostics: Diagnostics,
    /// Problems that several references lead to.
    told: BTreeSet<String>,
}

impl<'a> Values<'a> {
    /// Starts with the declared parameters as inputs, in the order of the manifest.
    pub(super) fn new(manifest: &'a Manifest, config: &'a Config, running: &'a IndexMap<String, Endpoints>) -> Self {
        let mut values = Self {
            manifest,
            config,
            running,
            known: BTreeMap::new(),
            following: Vec::new(),
            weight: 0,
            inputs: IndexMap::new(),
            notes: IndexSet::new(),
            in_clear: IndexMap::new(),
            diagnostics: Diagnostics::default(),
            told: BTreeSet::new(),
        };
        for (name, resource) in &manifest.resources {
            if let (Kind::Parameter, Some(input)) = (&resource.kind, resource.inputs.get("value")) {
                values.inputs.insert(name.clone(), declared(input));
            }
        }
        values
    }

    /// The inputs found, the notes and the problems. Inputs that only the manifest's unused parts need are kept.
    pub(super) fn finish(self) -> (IndexMap<String, Input>, Vec<Note>, Diagnostics) {
        let notes =
            self.notes.into_iter().map(|(resource, text)| Note { code: Code::ChangedInCluster, resource, text });
        let running = self.running;
        let in_clear = running.iter().filter_map(|(name, endpoints)| {
            let text = endpoints.without_tls(name, self.in_clear.get(name))?;
            Some(Note { code: Code::ChangedInCluster, resource: name.clone(), text })
        });
        let served = running.iter().flat_map(|(name, endpoints)| {
            endpoints.serving.notes.iter().map(|text| Note {
                code: Code::ChangedInCluster,
                resource: name.clone(),
                text: text.clone(),
            })
        });
        (self.inputs, notes.chain(in_clear).chain(served).collect(), self.diagnostics)
    }

    /// The value of a string that `workload` gets; marks the inputs in it as used by the workload.
    pub(super) fn used(&mut self, workload: &str, place: &Place, text: &str) -> Value {
        self.check_resources(place, text);
        let value = self.evaluate(workload, place, text);
        self.use_inputs(workload, &value);
        value
    }

    /// Reports references to resources that do not exist in what a user wrote. Aspire writes such references for resources
    /// that it leaves out of the manifest, and they become inputs.
    pub(super) fn check_resources(&mut self, place: &Place, text: &str) {
        if place.file != FILE {
            return;
        }
        for token in tokens(text) {
            let Token::Reference(Reference { resource: name, property, .. }) = token else { continue };
            let diagnostic = match (self.manifest.resources.get(name), property) {
                _ if name.is_empty() => continue,
                (None, _) => unknown::resource(self.manifest, name, place.clone(), &self.diagnostics),
                (Some(resource), Property::Binding(binding, _)) if !resource.bindings.contains_key(binding) => {
                    unknown::endpoint(name, resource, binding, place.clone(), &self.diagnostics)
                }
                _ => continue,
            };
            self.diagnostics.push(diagnostic);
        }
    }

    /// An input that `workload` needs although no expression names it.
    pub(super) fn input_for(&mut self, workload: &str, name: &str, reason: String) {
        let input = self.outside_input(name, false, reason);
        input.used_by.insert(workload.to_owned());
    }

    /// A secret that `workload` needs although no expression names it, generated unless one is set. A
    /// parameter of that name would be another one.
    pub(super) fn generated(&mut self, workload: &str, name: &str, generate: Generate, reason: &str) {
        if self.inputs.contains_key(name) {
            self.diagnostic(Diagnostic::new(
                Code::ReservedName,
                format!("resources.{name}"),
                format!("`{name}` is reserved for the dashboard"),
            ));
        }
        let input = self.outside_input(name, true, reason.to_owned());
        input.generate = Some(generate);
        input.used_by.insert(workload.to_owned());
    }

    /// Marks an input that is there as used by `workload`.
    pub(super) fn needs(&mut self, workload: &str, name: &str) {
        if let Some(input) = self.inputs.get_mut(name) {
            input.used_by.insert(workload.to_owned());
        }
    }

    /// A sentence about a resource.
    pub(super) fn note(&mut self, resource: &str, text: String) {
        self.notes.insert((resource.to_owned(), text));
    }

    /// A problem at a place of the manifest.
    pub(super) fn diagnostic(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
    }

    fn is_their_dashboard(&self, resource: &str) -> bool {
        !self.running.contains_key(resource) && environment::of_dashboard(self.manifest, resource).is_some()
    }

    /// The first https binding of a resource that has no certificate.
    fn clear_https(&self, resource: &str) -> Option<String> {
        self.running.get(resource)?.twins.keys().next().cloned()
    }

    fn evaluate(&mut self, workload: &str, place: &Place, text: &str) -> Value {
        let mut value = Value::default();
        if self.weight > HEAVIEST_VALUES {
            return value;
        }
        let mut weight = 0;
        let running = self.running;
        let is_clear = |resource: &str, binding: &str| {
            running.get(resource).and_then(|endpoints| endpoints.find(binding)).is_some_and(|(_, _, twin)| twin)
        };
        for token in addresses::corrected(tokens(text), workload, is_clear) {
            let piece = match token {
                Token::Text(text) => Value::text(text),
                Token::Reference(reference) => self.reference(workload, place, &reference),
            };
            weight += piece.weight();
            value.append(piece);
            if weight > HEAVIEST_VALUE {
                self.diagnostics.push(Diagnostic::new(
                    Code::ValueTooLarge,
                    place,
                    "the value grows beyond 1 MiB when its references are filled in",
                ));
                return Value::default();
            }
        }
        self.weight += weight;
        if self.weight > HEAVIEST_VALUES {
            self.diagnostics.push(Diagnostic::new(
                Code::ValueTooLarge,
                place,
                "with this one, all values together grow beyond 32 MiB when their references are filled in",
            ));
        }
        value
    }

    fn reference(&mut self, workload: &str, place: &Place, reference: &Reference) -> Value {
        let Some(resource) = self.manifest.resources.get(reference.resource) else {
            let secret = !matches!(reference.property, Property::Binding(..) | Property::Outside { secret: false });
            let reason = format!("the manifest has no resource `{}`", reference.resource);
            return self.outside(reference.text, secret, reason);
        };
        if let Some(value) = self.replaced(workload, reference, resource) {
            return value;
        }
        let excluded = self.config.excludes(reference.resource);
        match &reference.property {
            Property::ConnectionString if excluded => {
                self.outside(reference.text, true, format!("`{}` is left out", reference.resource))
            }
            Property::ConnectionString => self.connection_string(workload, place, reference, resource),
            Property::Value => self.value(workload, place, reference, resource),
            Property::Input(name) => self.input(reference, resource, name),
            Property::Binding(binding, of) => self.binding(workload, reference, binding, of),
            Property::Outside { secret } => {
                let made_by = if resource.type_name.is_empty() { "no cluster" } else { &resource.type_name };
                self.outside(reference.text, *secret, format!("made by `{made_by}`, not by the cluster"))
            }
        }
    }

    fn connection_string(
        &mut self,
        workload: &str,
        place: &Place,
        reference: &Reference,
        resource: &Resource,
    ) -> Value {
        let field = match (&resource.connection_string, &resource.kind) {
            (Some(text), _) => Some(("connectionString", text.clone())),
            // A connection-string parameter of old manifests; and `value.v0` in azd's spelling.
            (None, Kind::Parameter | Kind::Value) => resource.value.clone().map(|text| ("value", text)),
            (None, _) => None,
        };
        match field {
            Some((field, text)) => self.follow(workload, place, reference.resource, field, &text),
            None => self.outside(reference.text, true, no_connection_string(reference.resource, resource)),
        }
    }

    fn value(&mut self, workload: &str, place: &Place, reference: &Reference, resource: &Resource) -> Value {
        let text = match (&resource.value, &resource.kind) {
            (Some(text), _) => Some(("value", text.clone())),
            (None, Kind::Value) => resource.connection_string.clone().map(|text| ("connectionString", text)),
            (None, Kind::Parameter) => Some(("value", format!("{{{}.inputs.value}}", reference.resource))),
            (None, _) => None,
        };
        let Some((field, text)) = text else {
            return self.outside(reference.text, true, format!("`{}` has no value", reference.resource));
        };
        let value = self.follow(workload, place, reference.resource, field, &text);
        match &resource.kind {
            Kind::AnnotatedString { filter } => self.filtered(reference.resource, filter, value),
            _ => value,
        }
    }

    fn filtered(&mut self, resource: &str, filter: &str, value: Value) -> Value {
        let place = format!("resources.{resource}");
        let diagnostic = if filter == "uri" {
            match value.escaped() {
                Ok(value) => return value,
                Err(_) => Diagnostic::new(
                    Code::InvalidValue,
                    place,
                    "its value is already URI-escaped and cannot be escaped again",
                ),
            }
        } else {
            Diagnostic::new(
                Code::UnknownReference,
                format!("{place}.filter"),
                format!("the filter `{filter}` is unknown"),
            )
            .hint("Aspire has `uri`; a newer kubectl aspire may know more")
        };
        self.tell_once(diagnostic);
        Value::default()
    }

    fn tell_once(&mut self, diagnostic: Diagnostic) {
        if self.told.insert(diagnostic.to_string()) {
            self.diagnostics.push(diagnostic);
        }
    }

    /// Evaluates a field of a resource once, and says so when it leads back to itself.
    fn follow(&mut self, workload: &str, place: &Place, resource: &str, field: &'static str, text: &str) -> Value {
        let key = (resource.to_owned(), field);
        if let Some(value) = self.known.get(&key) {
            return value.clone();
        }
        if let Some(start) = self.following.iter().position(|followed| *followed == key) {
            let mut names: Vec<&str> = self.following[start..].iter().map(|(name, _)| name.as_str()).collect();
            names.push(resource);
            let diagnostic = Diagnostic::new(
                Code::CircularReference,
                format!("resources.{resource}.{field}"),
                format!("it refers to itself: {}", names.join(" -> ")),
            );
            self.tell_once(diagnostic);
            return Value::default();
        }
        if self.following.len() >= DEEPEST_CHAIN {
            let what = format!("its references are nested more than {DEEPEST_CHAIN} levels deep");
            self.diagnostics.push(Diagnostic::new(
                Code::CircularReference,
                format!("resources.{resource}.{field}"),
                what,
            ));
            return Value::default();
        }
        self.following.push(key.clone());
        let value = self.evaluate(workload, place, text);
        self.following.pop();
        self.known.insert(key, value.clone());
        value
    }

    fn input(&mut self, reference: &Reference, resource: &Resource, name: &str) -> Value {
        let is_parameter = matches!(resource.kind, Kind::Parameter);
        let key = if is_parameter && name == "value" { reference.resource } else { reference.text };
        if let Some(input) = resource.inputs.get(name) {
            self.inputs.entry(key.to_owned()).or_insert_with(|| declared(input));
        } else {
            self.outside_input(key, true, format!("`{}` does not declare it", reference.resource));
        }
        Value::part(Part::Input { name: key.to_owned(), form: Form::Plain })
    }

    fn binding(&mut self, workload: &str, reference: &Reference, binding: &str, of: &str) -> Value {
        let ours = self.config.dashboard.as_ref().filter(|_| self.is_their_dashboard(reference.resource));
        let ours = ours.map(|it| (it.name(), Endpoints { ports: telemetry::ports(it), ..Endpoints::default() }));
        let found = match &ours {
            Some((name, endpoints)) => Some((*name, endpoints)),
            None => self.running.get(reference.resource).map(|endpoints| (reference.resource, endpoints)),
        };
        let Some((host, endpoints)) = found else {
            return self.outside(
                reference.text,
                false,
                format!("`{}` does not run in the cluster", reference.resource),
            );
        };
        let Some((name, port, twin)) = endpoints.find(binding) else {
            let reason = format!("`{}` has no binding `{binding}`", reference.resource);
            return self.outside(reference.text, false, reason);
        };
        let number = |side| Part::Port { workload: host.to_owned(), binding: name.to_owned(), side };
        let value = of_endpoint(of, port, self.host(host), number);
        if twin && workload != reference.resource {
            self.in_clear.entry(reference.resource.to_owned()).or_default();
        }
        value
    }

    fn host(&self, workload: &str) -> Part {
        Part::Host { workload: workload.to_owned(), switched: self.config.switch(workload).is_some() }
    }

    fn outside(&mut self, name: &str, secret: bool, reason: String) -> Value {
        // `{.outputs.X}` has no resource; an input's name may not start with a dot.
        let name = name.trim_start_matches('.').to_owned();
        self.outside_input(&name, secret, reason);
        Value::part(Part::Input { name, form: Form::Plain })
    }

    fn outside_input(&mut self, name: &str, secret: bool, reason: String) -> &mut Input {
        self.inputs.entry(name.to_owned()).or_insert_with(|| Input {
            secret,
            default: None,
            generate: None,
            used_by: IndexSet::new(),
            uri: false,
            reason: Some(reason),
        })
    }

    fn use_inputs(&mut self, workload: &str, value: &Value) {
        for (name, form) in value.inputs() {
            if let Some(input) = self.inputs.get_mut(name) {
                input.used_by.insert(workload.to_owned());
                input.uri |= form == Form::Uri;
            }
        }
    }
}

/// A property of an endpoint.
fn of_endpoint(of: &str, port: &Port, host: Part, number: impl Fn(Side) -> Part) -> Value {
    match of {
        "host" => Value::part(host),
        "port" => Value::part(number(Side::Client)),
        "targetPort" => Value::part(number(Side::Process)),
        "scheme" => Value::text(&port.scheme),
        "protocol" => Value::text(if port.udp { "udp" } else { "tcp" }),
        "transport" => Value::text(&port.transport),
        "tlsEnabled" => Value::text(if port.scheme == "https" { "True" } else { "False" }),
        "external" => Value::text(if port.external { "True" } else { "False" }),
        _ => {
            let mut url = Value::text(format!("{}://", port.scheme));
            for part in [host, Part::Text(":".into()), number(Side::Client)] {
                url.push(part);
            }
            url
        }
    }
}

fn declared(input: &manifest::Input) -> Input {
    let (default, generate) = match &input.default {
        Some(InputDefault::Value(value)) => (Some(value.clone()), None),
        Some(InputDefault::Generate(rule)) => (None, Some(rule.clone())),
        None => (None, None),
    };
    Input { secret: input.secret, default, generate, used_by: IndexSet::new(), uri: false, reason: None }
}

fn no_connection_string(name: &str, resource: &Resource) -> String {
    if resource.type_name.is_empty() {
        format!("Aspire could not describe `{name}`")
    } else {
        format!("`{name}` (`{}`) has no connection string in the manifest", resource.type_name)
    }
}

//! A second opinion: what every container of a manifest must get, worked out from the description of the format alone.
//!
//! It shares no code with the program. Where both differ, one of them is wrong, and the description decides which.
//! This module must not look at anything the program writes, but for the names of workloads whose own are too long.

mod facts;
mod files;
mod grammar;
mod listening;
mod ports;

use crate::workload::{Bytes, Workload, Workloads};
use grammar::{Piece, Reference, pieces, references};
use serde_json::{Map, Value};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// What is known besides the manifest.
#[derive(Debug, Clone, Default)]
pub(crate) struct Given<'a> {
    /// Values of inputs by name.
    pub inputs: BTreeMap<String, String>,
    /// Registry of built images; may be empty.
    pub registry: &'a str,
    /// Tag of built images.
    pub tag: &'a str,
    /// Folder of the manifest.
    pub folder: Option<&'a Path>,
    pub addresses: Addresses,
    /// Names that the program gave to the workloads, in the order of the manifest, to know those that were cut.
    pub names: Vec<String>,
}

/// Which number is the port of an address. Everything else of an environment is the same wherever it runs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Addresses {
    /// That of the Service before the container.
    #[default]
    OfServices,
    /// That of the container itself: nothing stands before it.
    OfContainers,
}

#[derive(Debug, Default)]
pub(crate) struct Answer {
    /// What every container must get.
    pub workloads: Workloads,
    /// Names of the inputs that they use.
    pub used: BTreeSet<String>,
    /// Those of them that have no value.
    pub missing: BTreeSet<String>,
}

/// The file that stands in for all files of a bind mount whose source is not there.
pub(crate) const STAND_IN: (&str, &str) = ("given.txt", "given\n");

/// Longest name of a workload.
const LONGEST: usize = 52;

/// Works out what a manifest means.
pub(crate) fn answer(manifest: &Value, given: &Given) -> Answer {
    let none = Map::new();
    let resources = manifest["resources"].as_object().or_else(|| manifest["components"].as_object());
    let oracle = Oracle { resources: resources.unwrap_or(&none), given, answer: RefCell::default() };
    let running = oracle.resources.iter().filter(|(name, resource)| runs(resource) && !oracle.is_their_dashboard(name));
    let workloads = running.map(|(name, resource)| (oracle.name(name), oracle.workload(name, resource))).collect();
    Answer { workloads, ..oracle.answer.into_inner() }
}

/// Reads a manifest; a byte order mark before it is no part of it.
pub(crate) fn read(path: &Path) -> Result<Value, String> {
    let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
    serde_json::from_str(text.trim_start_matches('\u{feff}')).map_err(|error| error.to_string())
}

/// Whether a cluster can run it.
fn runs(resource: &Value) -> bool {
    let kind = resource["type"].as_str().unwrap_or_default();
    let container = kind.starts_with("container.") && (resource["image"].is_string() || is_built(resource));
    let build_only = resource["build"]["buildOnly"] == true;
    (container || kind.starts_with("project.") || kind.starts_with("dockerfile.")) && !build_only
}

fn is_built(resource: &Value) -> bool {
    resource["build"].is_object() || !resource["image"].is_string()
}

fn normal(name: &str) -> String {
    let plain = |c: char| if c.is_ascii_lowercase() || c.is_ascii_digit() { c } else { '-' };
    name.to_ascii_lowercase().chars().map(plain).collect()
}

struct Oracle<'a> {
    resources: &'a Map<String, Value>,
    given: &'a Given<'a>,
    answer: RefCell<Answer>,
}

impl Oracle<'_> {
    /// The name of the workload and of its Service.
    fn name(&self, resource: &str) -> String {
        let name = normal(resource);
        if name.len() <= LONGEST {
            return name;
        }
        let mut running = self.resources.iter().filter(|(name, other)| runs(other) && !self.is_their_dashboard(name));
        let at = running.position(|(other, _)| other == resource);
        at.and_then(|at| self.given.names.get(at)).cloned().unwrap_or(name)
    }

    fn workload(&self, name: &str, resource: &Value) -> Workload {
        let ports = ports::of(resource);
        let (claims, scratch) = self.volumes(name, resource);
        Workload {
            kind: if claims.is_empty() { "Deployment" } else { "StatefulSet" }.to_owned(),
            image: self.image(name, resource),
            env: self.environment(name, resource),
            command: resource["entrypoint"].as_str().map(Bytes::from).into_iter().collect(),
            args: texts(&resource["args"]).map(|arg| self.text(arg).into_bytes()).collect(),
            container_ports: ports.iter().map(|port| (port.target, port.kubernetes_protocol())).collect(),
            service_ports: ports.iter().map(|port| (port.service, port.target, port.kubernetes_protocol())).collect(),
            claims,
            scratch,
            files: self.files(name, resource),
        }
    }

    fn image(&self, name: &str, resource: &Value) -> String {
        if let (Some(image), false) = (resource["image"].as_str(), is_built(resource)) {
            return image.to_owned();
        }
        let slash = if self.given.registry.is_empty() { "" } else { "/" };
        // The names that Aspire takes are names of repositories, however long, once they are in lower case.
        let lower = name.to_lowercase();
        let plain = lower.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
        let repository = if plain { lower } else { self.name(name) };
        format!("{}{slash}{repository}:{}", self.given.registry, self.given.tag)
    }

    /// The files of the bind mounts; those that are not beside the manifest come from a ConfigMap that an input names.
    fn files(&self, name: &str, resource: &Value) -> BTreeMap<String, Bytes> {
        let Some(folder) = self.given.folder else { return BTreeMap::new() };
        let missing = files::missing(folder, resource);
        let mut files = files::mounted(folder, resource);
        for (index, target) in missing {
            self.input(&format!("{name}.bindMounts.{index}"));
            files.insert(format!("{target}/{}", STAND_IN.0), STAND_IN.1.into());
        }
        files
    }

    fn volumes(&self, name: &str, resource: &Value) -> (BTreeSet<(String, String, bool)>, BTreeSet<String>) {
        let (mut claims, mut scratch) = (BTreeSet::new(), BTreeSet::new());
        let volumes = resource["volumes"].as_array().filter(|_| is_container(resource));
        for volume in volumes.into_iter().flatten() {
            let target = volume["target"].as_str().unwrap_or_default().to_owned();
            match volume["name"].as_str() {
                Some(volume_name) => {
                    let claim = format!("{}-{}", self.name(name), normal(short(volume_name)));
                    claims.insert((claim, target, volume["readOnly"] == true));
                }
                None => drop(scratch.insert(target)),
            }
        }
        (claims, scratch)
    }

    fn environment(&self, name: &str, resource: &Value) -> BTreeMap<String, Bytes> {
        let written = listening::variables(name, resource);
        let leads = |name: &str, text: &str| {
            name.ends_with("ENDPOINT") && references(text).any(|it| self.is_their_dashboard(it.resource))
        };
        let led = written.iter().any(|(name, text)| leads(name, text));
        let mut env: BTreeMap<String, String> = BTreeMap::new();
        let mut for_http = Vec::new();
        for (name, text) in written.iter().filter(|(name, _)| !(led && name.starts_with("OTEL_EXPORTER_OTLP_"))) {
            let value = self.text(text);
            let clear =
                references(text).find(|reference| self.is_clear(reference)).filter(|_| value.starts_with("http://"));
            let words: Vec<&str> = name.split("__").collect();
            match (clear, &words[..]) {
                (Some(_), ["services", .., "https", n]) if n.parse::<u32>().is_ok() => {
                    for_http.push((name.replace("__https__", "__http__"), value));
                    continue;
                }
                (Some(clear), _) if *name == format!("{}_HTTPS", clear.resource.to_uppercase().replace('-', "_")) => {
                    for_http.push((name.trim_end_matches('S').to_owned(), value.clone()));
                }
                _ => {}
            }
            env.insert(name.clone(), value);
        }
        for (name, value) in for_http {
            env.entry(name).or_insert(value);
        }
        env.into_iter().map(|(name, value)| (name, value.into_bytes())).collect()
    }

    /// The dashboard that Aspire adds to a deployment environment is no part of the application.
    fn is_their_dashboard(&self, name: &str) -> bool {
        let environment = name.strip_suffix("-dashboard").and_then(|name| self.resources.get(name));
        let image = self.resources.get(name).and_then(|it| it["image"].as_str()).unwrap_or_default();
        environment.is_some_and(|it| it["error"].is_string()) && image.contains("/aspire-dashboard:")
    }

    fn is_clear(&self, reference: &Reference) -> bool {
        let resource = self.resources.get(reference.resource);
        match (resource, &reference.property[..]) {
            (Some(resource), ["bindings", name, ..]) => ports::is_clear_named(resource, name),
            _ => false,
        }
    }

    /// A text with its references replaced.
    fn text(&self, text: &str) -> String {
        let mut out = String::new();
        for piece in pieces(text) {
            match piece {
                Piece::Text(text) => out += text,
                Piece::Reference(reference) => {
                    if self.is_clear(&reference) && out.ends_with("https://") {
                        out.truncate(out.len() - "s://".len());
                        out += "://";
                    }
                    out += &self.reference(&reference);
                }
            }
        }
        out
    }

    fn reference(&self, reference: &Reference) -> String {
        let known = self.resources.get(reference.resource).and_then(|resource| self.known(reference, resource));
        known.unwrap_or_else(|| self.input(reference.text.trim_start_matches('.')))
    }

    fn known(&self, reference: &Reference, resource: &Value) -> Option<String> {
        if resource["type"] == "parameter.v0" {
            let own = matches!(reference.property[..], ["value" | "connectionString"] | ["inputs", "value"]);
            return own.then(|| self.input(reference.resource));
        }
        match reference.property[..] {
            ["connectionString"] => resource["connectionString"].as_str().map(|text| self.text(text)),
            ["value"] => resource["value"].as_str().map(|text| filtered(resource, self.text(text))),
            ["bindings", binding] => self.binding(reference.resource, resource, binding, "url"),
            ["bindings", binding, property] => self.binding(reference.resource, resource, binding, property),
            ["containerImage"] if runs(resource) => Some(self.image(reference.resource, resource)),
            _ => None,
        }
    }

    fn binding(&self, name: &str, resource: &Value, binding: &str, property: &str) -> Option<String> {
        let port = ports::find(resource, binding).filter(|_| runs(resource))?;
        let host = self.name(name);
        let number = match self.given.addresses {
            Addresses::OfServices => port.service,
            Addresses::OfContainers => port.target,
        };
        Some(match property {
            "url" => format!("{}://{host}:{number}", port.scheme),
            "host" => host,
            "port" => number.to_string(),
            "targetPort" => port.target.to_string(),
            "scheme" => port.scheme,
            "protocol" => port.protocol,
            "transport" => port.transport,
            "external" => truth(port.external),
            "tlsEnabled" => truth(port.scheme == "https"),
            other => unreachable!("the grammar knows no property {other}"),
        })
    }

    fn input(&self, name: &str) -> String {
        let mut answer = self.answer.borrow_mut();
        answer.used.insert(name.to_owned());
        let default = &self.resources.get(name).unwrap_or(&Value::Null)["inputs"]["value"]["default"]["value"];
        match (self.given.inputs.get(name), default.as_str()) {
            (Some(value), _) => value.clone(),
            (None, Some(default)) => default.to_owned(),
            (None, None) => {
                answer.missing.insert(name.to_owned());
                format!("<input {name} has no value>")
            }
        }
    }
}

fn is_container(resource: &Value) -> bool {
    resource["type"].as_str().is_some_and(|kind| kind.starts_with("container."))
}

fn texts(list: &Value) -> impl Iterator<Item = &str> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str)
}

fn truth(value: bool) -> String {
    if value { "True" } else { "False" }.to_owned()
}

/// A volume's name without the `<application>-<10 hexadecimal digits>-` that Aspire puts before it.
fn short(name: &str) -> &str {
    let hash = |word: &str| word.len() == 10 && word.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    let mut start = 0;
    for (n, word) in name.split('-').enumerate() {
        let end = start + word.len();
        if n > 0 && hash(word) && end + 1 < name.len() {
            return &name[end + 1..];
        }
        start = end + 1;
    }
    name
}

fn filtered(resource: &Value, text: String) -> String {
    match resource["filter"].as_str() {
        Some("uri") => escape_data_string(&text),
        _ => text,
    }
}

/// `Uri.EscapeDataString` of .NET.
pub(crate) fn escape_data_string(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

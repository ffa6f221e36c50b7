//! What planning a service needs to know of the rest: names of services, variables, and where notes and errors go.

use super::host_ports::HostPorts;
use super::text::{Piece, Text};
use super::variables::Variables;
use crate::app::{App, Image, Note, Part, Value, Workload};
use crate::config::{Config, Resource, intent_place};
use crate::support::diagnostic::{Code, Diagnostic, Diagnostics, Place};
use crate::targets::built_images::BuiltImages;
use std::collections::{BTreeMap, BTreeSet};

/// The state of planning.
pub(super) struct Planning<'a> {
    pub app: &'a App,
    pub config: &'a Config,
    pub images: &'a BuiltImages,
    /// Names of services by resource.
    pub services: BTreeMap<String, String>,
    /// Names of volumes by their full name in the manifest.
    pub volumes: BTreeMap<String, String>,
    /// Volumes that services mount.
    pub mounted: BTreeSet<String>,
    pub host_ports: HostPorts,
    pub variables: Variables,
    /// Files that containers mount, by their path below the folder.
    pub files: BTreeMap<String, Vec<u8>>,
    pub notes: Vec<Note>,
    pub diagnostics: Diagnostics,
}

impl Planning<'_> {
    /// The name of the service that a resource becomes, which is also its host name.
    pub(super) fn service(&self, resource: &str) -> String {
        self.services.get(resource).map_or(resource, String::as_str).to_owned()
    }

    /// What aspire-k8s.yaml and the AppHost say of a workload.
    pub(super) fn intent(&self, workload: &Workload) -> Resource {
        self.config.intent(&workload.name).into_owned()
    }

    /// A value as text. Services are reached directly, without a Service before them: every port is the one on which the
    /// process listens.
    pub(super) fn text(&self, value: &Value) -> Text {
        let mut text = Text::default();
        for part in value.parts() {
            text.push(match part {
                Part::Text(literal) => Piece::Literal(literal.clone()),
                Part::Host { workload, .. } => Piece::Literal(self.service(workload)),
                Part::Port { workload, binding, .. } => Piece::Literal(self.port(workload, binding)),
                Part::Input { name, form } => self.variables.input(name, *form),
            });
        }
        text
    }

    fn port(&self, workload: &str, binding: &str) -> String {
        let port = self.app.workloads.get(workload).and_then(|workload| workload.ports.get(binding));
        port.map_or_else(|| binding.to_owned(), |port| port.process.to_string())
    }

    /// The image of a workload, if it is known which one; empty for one that is built from the application.
    pub(super) fn known_image<'w>(&'w self, workload: &'w Workload) -> &'w str {
        match (self.images.references.get(&workload.name), &workload.image) {
            (Some(image), _) | (None, Image::Reference(image)) => image,
            (None, Image::Built) => "",
        }
    }

    /// Says what the Compose file does not hold.
    pub(super) fn note(&mut self, resource: &str, text: impl Into<String>) {
        self.notes.push(Note { code: Code::NotInCompose, resource: resource.to_owned(), text: text.into() });
    }

    /// Reports an error at a key of a resource in aspire-k8s.yaml.
    pub(super) fn problem(&mut self, code: Code, resource: &str, key: &str, what: String, hint: &str) {
        self.diagnostics.push(Diagnostic::new(code, place(resource, key), what).hint(hint));
    }
}

/// The place of a key of a resource in aspire-k8s.yaml.
fn place(resource: &str, key: &str) -> Place {
    intent_place(format!("resources.{resource}.{key}"))
}

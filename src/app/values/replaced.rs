//! References to a resource that `replaceWith` of `aspire-k8s.yaml` replaces: they get the replacement's connection string and
//! address. What it does not say becomes an input.

use super::{Values, of_endpoint};
use crate::app::Port;
use crate::app::expression::{Property, Reference};
use crate::app::ports;
use crate::app::value::{Part, Value};
use crate::config::{ReplaceWith, intent_place};
use crate::manifest::{Kind, Resource};

impl Values<'_> {
    /// What a reference to a replaced resource becomes; none where the manifest's own text is followed.
    pub(super) fn replaced(&mut self, workload: &str, reference: &Reference, resource: &Resource) -> Option<Value> {
        let name = reference.resource;
        let with = self.config.replacement(name)?;
        match &reference.property {
            Property::ConnectionString => self.replaced_text(workload, reference, with),
            Property::Value if matches!(resource.kind, Kind::Value) => self.replaced_text(workload, reference, with),
            Property::Binding(endpoint, of) => {
                Some(self.replaced_endpoint(reference, resource, with, (*endpoint, *of)))
            }
            Property::Value | Property::Input(_) | Property::Outside { .. } => None,
        }
    }

    fn replaced_text(&mut self, workload: &str, reference: &Reference, with: &ReplaceWith) -> Option<Value> {
        let name = reference.resource;
        if let Some(text) = &with.connection_string {
            let place = intent_place(format!("resources.{name}.replaceWith.connectionString"));
            return Some(self.follow(workload, &place, name, "connectionString", text));
        }
        let secret = with.existing_secret.as_ref()?;
        let reason = format!("`{name}` is replaced, and its connection string is in the Secret `{}`", secret.name);
        Some(self.outside(&format!("{name}.connectionString"), true, reason))
    }

    fn replaced_endpoint(
        &mut self,
        reference: &Reference,
        resource: &Resource,
        with: &ReplaceWith,
        (endpoint, of): (&str, &str),
    ) -> Value {
        let name = reference.resource;
        let port = ports::written(resource, endpoint);
        let Some((endpoint, port)) = port else {
            return self.outside(reference.text, false, format!("`{name}` has no binding `{endpoint}`"));
        };
        let (host, number) = match (&with.external_name, with.host.as_ref().and_then(|host| host.of(endpoint))) {
            (Some(_), _) => (Part::Host { workload: name.to_owned(), switched: false }, usual_port(&port)),
            (None, Some(address)) => {
                (Part::Text(address.host.to_owned()), address.port.unwrap_or_else(|| usual_port(&port)))
            }
            (None, None) => {
                let reason =
                    format!("`{name}` is replaced, and `replaceWith` says no host for its endpoint `{endpoint}`");
                return self.outside(reference.text, false, reason);
            }
        };
        // A server outside of the application has one port, whoever asks.
        of_endpoint(of, &port, host, |_| Part::Text(number.to_string()))
    }
}

/// The port of a server that says none. The one of a web server in a container means nothing outside of it.
pub(in crate::app) fn usual_port(port: &Port) -> u16 {
    match port.scheme.to_ascii_lowercase().as_str() {
        "http" => 80,
        "https" => 443,
        _ => port.client,
    }
}

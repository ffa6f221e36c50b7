//! The variables of a workload: those of the manifest and of aspire-k8s.yaml, without addresses on which nothing
//! listens.

use super::Values;
use crate::app::expression::{Token, tokens};
use crate::app::value::{Part, Value};
use crate::app::{addresses, certificate, removed, telemetry};
use crate::config::{self, intent_place};
use crate::manifest::{Kind, Resource};
use crate::support::diagnostic::Diagnostic;
use indexmap::IndexMap;
use std::collections::BTreeSet;

/// Variables by which .NET and Node.js know where they run.
const ENVIRONMENT_VARIABLES: [&str; 3] = ["ASPNETCORE_ENVIRONMENT", "DOTNET_ENVIRONMENT", "NODE_ENV"];

impl Values<'_> {
    /// The environment of a workload: the manifest's, without https addresses that nothing answers, under the file's.
    pub(crate) fn environment(
        &mut self,
        name: &str,
        resource: &Resource,
        intent: Option<&config::Resource>,
    ) -> IndexMap<String, Value> {
        let mut environment = IndexMap::new();
        let mut for_http = Vec::new();
        let overrides = intent.map(|intent| &intent.env);
        let is_free = |variable: &str| overrides.is_none_or(|overrides| !overrides.contains_key(variable));
        let none = IndexMap::new();
        let changes = self.running.get(name).map_or(&none, |endpoints| &endpoints.serving.changes);
        let added = changes.iter().filter(|(variable, _)| !resource.env.contains_key(*variable));
        let added = added.filter_map(|(variable, text)| Some((variable, text.as_ref()?)));
        let written =
            resource.env.iter().filter(|(variable, text)| !self.is_for_their_dashboard(resource, variable, text));
        let written: Vec<_> = written.chain(added).filter(|(variable, _)| is_free(variable)).collect();
        for (variable, text) in written {
            let Some(text) = changes.get(variable).map_or(Some(text), Option::as_ref) else { continue };
            let place = format!("resources.{name}.env.{variable}").into();
            let referring = addresses::referring(variable, text, |resource| self.clear_https(resource));
            let value = self.evaluate(name, &place, referring.as_ref().unwrap_or(text));
            let http = self.http_variable(variable, &value);
            if let Some((http, resource)) = &http {
                let left_out = self.in_clear.entry(resource.clone()).or_default();
                if addresses::is_https_service(variable).is_some() {
                    left_out.insert(format!("{variable} of `{name}`"));
                    for_http.push((http.clone(), value));
                    continue;
                }
                for_http.push((http.clone(), value.clone()));
            }
            self.use_inputs(name, &value);
            environment.insert(variable.clone(), value);
            self.note_development(name, variable, text);
        }
        let served = changes.keys().chain(for_http.iter().map(|(variable, _)| variable));
        let given: BTreeSet<&str> = resource.env.keys().chain(served).map(String::as_str).collect();
        // What an environment takes away is checked where the file's own variables are known.
        let checked = overrides.filter(|_| self.config.environment.is_none());
        let gone = checked.into_iter().flatten().filter(|(_, text)| text.is_none());
        let unknown: Vec<Diagnostic> =
            gone.filter_map(|(variable, _)| removed::unknown(name, variable, &given)).collect();
        self.diagnostics.0.extend(unknown);
        for (variable, value) in for_http {
            if is_free(&variable) && !resource.env.contains_key(&variable) {
                self.use_inputs(name, &value);
                environment.entry(variable).or_insert(value);
            }
        }
        for (variable, text) in overrides.into_iter().flatten() {
            if let Some(text) = text {
                let place = intent_place(format!("resources.{name}.env.{variable}"));
                environment.insert(variable.clone(), self.used(name, &place, text));
            }
        }
        if matches!(resource.kind, Kind::Project { .. }) && intent.is_some_and(|intent| intent.certificate.is_some()) {
            let said = resource.env.keys().chain(overrides.into_iter().flat_map(IndexMap::keys));
            for (variable, text) in certificate::variables(name, resource, said) {
                let value = self.used(name, &format!("resources.{name}.env.{variable}").into(), &text);
                environment.insert(variable.to_owned(), value);
            }
        }
        environment
    }

    /// Whether a variable leads telemetry to the dashboard of Aspire's environment, which is left out. Where the file has no
    /// dashboard in its place, how it would be sent goes with it.
    fn is_for_their_dashboard(&self, resource: &Resource, variable: &str, text: &str) -> bool {
        let leads = |variable: &str, text: &str| {
            let mut found = tokens(text).into_iter().filter_map(|token| match token {
                Token::Reference(reference) => Some(reference.resource),
                Token::Text(_) => None,
            });
            telemetry::names_receiver(variable) && found.any(|name| self.is_their_dashboard(name))
        };
        leads(variable, text)
            || self.config.dashboard.is_none()
                && telemetry::is_of_sending(variable)
                && resource.env.iter().any(|(variable, text)| leads(variable, text))
    }

    /// The name under which http clients look for an address that is announced as https and is not, and whose it is.
    ///
    /// `services__x__https__0` must go, so that `https+http://x` falls through to http.
    fn http_variable(&self, variable: &str, value: &Value) -> Option<(String, String)> {
        let is_plain = matches!(value.parts(), [Part::Text(text), ..] if text.starts_with("http://"));
        let mut hosts = value.parts().iter().filter_map(|part| match part {
            Part::Host { workload, .. } => Some(workload),
            _ => None,
        });
        let is_clear = |workload: &&String| self.clear_https(workload).is_some();
        let host = hosts.find(is_clear).filter(|_| is_plain)?;
        let http = addresses::is_https_service(variable).or_else(|| addresses::is_https_of(variable, host))?;
        Some((http, host.clone()))
    }

    /// A manifest written on a developer's machine may say so to the application. The value continues as it is, because the
    /// AppHost asked for it; whoever means it writes it into the intent, where it needs no warning.
    fn note_development(&mut self, name: &str, variable: &str, text: &str) {
        if ENVIRONMENT_VARIABLES.contains(&variable) && text.eq_ignore_ascii_case("Development") {
            self.note(
                name,
                format!(
                    "the manifest sets {variable} to {text}, with its error pages and settings; to change it, set \
                    resources.{name}.env.{variable} of aspire-k8s.yaml"
                ),
            );
        }
    }
}

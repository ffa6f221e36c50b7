//! Variables that aspire-k8s.yaml removes with `null`: the variable must exist.

use super::expression::{Token, tokens};
use super::telemetry;
use crate::config::{Config, EnvironmentResource, intent_place};
use crate::manifest::Resource;
use crate::support::diagnostic::{Code, Diagnostic, Diagnostics, Place, suggestion};
use std::collections::BTreeSet;

/// The problem of a variable that `resources` takes away and that nothing gives. `given` are those that there would be.
pub(super) fn unknown(resource: &str, variable: &str, given: &BTreeSet<&str>) -> Option<Diagnostic> {
    // The dashboard adds these later.
    let is_sent = telemetry::names_receiver(variable) || telemetry::is_of_sending(variable);
    if given.contains(variable) || is_sent {
        return None;
    }
    Some(not_there(intent_place(format!("resources.{resource}.env.{variable}")), resource, variable, given))
}

/// Reports what an environment takes away and cannot: it changes values, and only a literal text is one.
pub(super) fn check(
    environment: &str,
    name: &str,
    said: &EnvironmentResource,
    resource: &Resource,
    config: &Config,
    diagnostics: &mut Diagnostics,
) {
    let base = config.resources.get(name).map(|intent| &intent.env);
    let gone = said.env.iter().filter(|(_, text)| text.is_none()).map(|(variable, _)| variable);
    for variable in gone {
        let place = intent_place(format!("environments.{environment}.resources.{name}.env.{variable}"));
        let text = match base.and_then(|base| base.get(variable)) {
            Some(text) => text.as_ref(),
            None => resource.env.get(variable),
        };
        let Some(text) = text else {
            let ours = base.into_iter().flatten().filter(|(_, text)| text.is_some()).map(|(variable, _)| variable);
            let given = resource.env.keys().chain(ours).map(String::as_str).collect();
            diagnostics.push(not_there(place, name, variable, &given));
            continue;
        };
        if tokens(text).iter().any(|token| matches!(token, Token::Reference(_))) {
            let what = format!("`{variable}` is composed in the templates, and an environment changes values only");
            let hint = "set another value here, or remove it under `resources` and set it in the environments that \
            need it";
            diagnostics.push(Diagnostic::new(Code::EnvironmentChangesStructure, place, what).hint(hint));
        }
    }
}

fn not_there(place: Place, resource: &str, variable: &str, given: &BTreeSet<&str>) -> Diagnostic {
    let near = crate::support::diagnostic::nearest(variable, given.iter().copied());
    let hint = suggestion(near, "remove the line");
    Diagnostic::new(Code::UnknownEntry, place, format!("`{resource}` has no variable `{variable}` to remove"))
        .hint(hint)
}

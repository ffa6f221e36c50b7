//! Resources that `replaceWith` of `aspire-k8s.yaml` replaces: what must hold of them, what a user is told, and the
//! credentials that nobody but the other server knows.

use super::App;
use super::expression::{Reference, Token, tokens};
use super::unknown;
use super::values::Values;
use crate::config::{Config, ReplaceWith, ReplacedHost, intent_place};
use crate::manifest::{InputDefault, Kind, Manifest, Resource};
use crate::support::diagnostic::{Code, Diagnostic, Diagnostics};
use std::collections::BTreeSet;

/// Reports replacements of what cannot be replaced, and endpoints and references that do not exist.
pub(super) fn check(manifest: &Manifest, config: &Config, values: &mut Values, diagnostics: &mut Diagnostics) {
    for (name, resource, with) in all(manifest, config) {
        let place = intent_place(format!("resources.{name}.replaceWith"));
        if matches!(resource.kind, Kind::Parameter) {
            let what = format!("`{name}` is a parameter, so nothing replaces it");
            let hint = format!("set `parameters.{name}` instead");
            diagnostics.push(Diagnostic::new(Code::NoEffect, &place, what).hint(hint));
        }
        let has_address = with.host.is_some() || with.external_name.is_some();
        if has_address && resource.bindings.is_empty() {
            let what = format!("`{name}` has no endpoints, so nothing gets the host");
            let hint = "set `connectionString` or `existingSecret`, or replace the resource that has the endpoints";
            diagnostics.push(Diagnostic::new(Code::NoEffect, &place, what).hint(hint));
        } else if let Some(ReplacedHost::Each(hosts)) = &with.host {
            let known = |endpoint: &str| resource.bindings.keys().any(|key| key.eq_ignore_ascii_case(endpoint));
            for endpoint in hosts.keys().filter(|endpoint| !known(endpoint)) {
                let place = place.key(format!("host.{endpoint}"));
                let diagnostic = unknown::endpoint(name, resource, endpoint, place, diagnostics);
                diagnostics.push(diagnostic);
            }
        }
        if let Some(text) = &with.connection_string {
            values.check_resources(&place.key("connectionString"), text);
        }
    }
}

/// What replaces a resource, as a sentence about it. Never the connection string, which may say more than a user wants to show.
pub(super) fn says(manifest: &Manifest, resource: &Resource, with: &ReplaceWith) -> String {
    let mut parts = Vec::new();
    match (&with.connection_string, &with.existing_secret) {
        (Some(_), _) => parts.push("its connection string is that of aspire-k8s.yaml".to_owned()),
        (None, Some(secret)) => parts.push(format!("its connection string is in the Secret `{}`", secret.name)),
        (None, None) => {}
    }
    match (&with.host, &with.external_name) {
        (Some(ReplacedHost::One(host)), _) => parts.push(format!("its host is `{host}`")),
        (Some(ReplacedHost::Each(hosts)), _) => {
            let each = hosts.iter().map(|(endpoint, host)| format!("`{host}` for `{endpoint}`"));
            parts.push(format!("its host is {}", each.collect::<Vec<_>>().join(", ")));
        }
        (None, Some(name)) => parts.push(format!("its Service leads to `{name}`")),
        (None, None) => {}
    }
    let generated = credentials(manifest, resource, with).into_iter().filter(|name| is_generated(manifest, name));
    let generated: Vec<String> = generated.map(|name| format!("`{name}`")).collect();
    if !generated.is_empty() {
        parts.push(format!("{} must have the value that this server knows", generated.join(", ")));
    }
    format!("replaced, so it does not run: {}", parts.join("; "))
}

fn is_generated(manifest: &Manifest, parameter: &str) -> bool {
    let input = manifest.resources.get(parameter).and_then(|parameter| parameter.inputs.get("value"));
    input.is_some_and(|input| matches!(input.default, Some(InputDefault::Generate(_))))
}

/// The resources whose Service leads to a DNS name, and the name.
pub(super) fn external_names(manifest: &Manifest, config: &Config, app: &mut App) {
    let named = all(manifest, config).filter_map(|(name, _, with)| Some((name.clone(), with.external_name.clone()?)));
    app.external_names = named.collect();
}

/// The password of a server outside of the application is never generated: it would be another one than the server's.
pub(super) fn ask_for_credentials(manifest: &Manifest, config: &Config, app: &mut App) {
    for (name, resource, with) in all(manifest, config) {
        ask_for(name, &credentials(manifest, resource, with), app);
    }
}

/// Takes away that these parameters are generated.
pub(super) fn ask_for(name: &str, parameters: &BTreeSet<&str>, app: &mut App) {
    for parameter in parameters {
        let generated = app.inputs.get_mut(*parameter).filter(|input| input.generate.is_some());
        if let Some(input) = generated {
            input.generate = None;
            input.reason = Some(format!("`{name}` is replaced, and its server has a value of its own"));
        }
    }
}

fn all<'a>(
    manifest: &'a Manifest,
    config: &'a Config,
) -> impl Iterator<Item = (&'a String, &'a Resource, &'a ReplaceWith)> {
    manifest.resources.iter().filter_map(|(name, resource)| Some((name, resource, config.replacement(name)?)))
}

/// The parameters in the connection string of a replaced resource, those behind an encoding included.
pub(super) fn credentials<'a>(
    manifest: &'a Manifest,
    resource: &'a Resource,
    with: &'a ReplaceWith,
) -> BTreeSet<&'a str> {
    let (mut found, mut seen) = (BTreeSet::new(), BTreeSet::new());
    let written = match (&with.connection_string, &with.existing_secret) {
        (Some(text), _) => Some(text),
        (None, Some(_)) => None,
        (None, None) => resource.connection_string.as_ref(),
    };
    let mut left: Vec<&str> = written.into_iter().map(String::as_str).collect();
    while let Some(text) = left.pop() {
        for token in tokens(text) {
            let Token::Reference(Reference { resource: name, .. }) = token else { continue };
            match manifest.resources.get(name).filter(|_| seen.insert(name)) {
                Some(Resource { kind: Kind::Parameter, .. }) => drop(found.insert(name)),
                Some(Resource { kind: Kind::AnnotatedString { .. }, value: Some(text), .. }) => left.push(text),
                _ => {}
            }
        }
    }
    found
}

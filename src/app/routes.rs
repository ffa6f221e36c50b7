//! Strings of routes and service accounts that refer to parameters: which inputs they need. The strings themselves stay
//! unchanged, because the chart resolves the references.

use super::Input;
use super::expression::{Property, Token, tokens};
use super::value::{Form, Part};
use super::values::Values;
use crate::config::{Config, Identity, ServiceAccount, intent_place};
use crate::support::diagnostic::{Code, Diagnostic, Diagnostics, Place};
use indexmap::IndexMap;

/// What the names of routes begin with where they need an input; no resource has a dot in its name.
const USERS: [&str; 2] = ["ingresses.", "gateways."];

/// A text of a route: who needs it, where it stands, and what it says.
type Text<'a> = (String, Place, &'a str);

/// Whether what needs an input is a route.
pub(crate) fn is_route(user: &str) -> bool {
    USERS.iter().any(|before| user.starts_with(before))
}

/// Marks the inputs in the texts of all routes as used, and refuses what is no reference to a parameter.
pub(super) fn use_inputs(config: &Config, values: &mut Values) {
    for (user, place, text) in texts(config) {
        let value = values.used(&user, &place, text);
        let references = tokens(text).into_iter().filter_map(|token| match token {
            Token::Reference(reference) => Some(reference),
            Token::Text(_) => None,
        });
        for reference in references {
            let wanted = Part::Input { name: reference.resource.to_owned(), form: Form::Plain };
            if !matches!(reference.property, Property::Value) || !value.parts().contains(&wanted) {
                let what = format!("`{{{}}}` is not a parameter", reference.text);
                values.diagnostic(
                    Diagnostic::new(Code::UnknownReference, &place, what)
                        .hint("only parameters can be referred to here: {NAME.value}"),
                );
            }
        }
    }
}

/// Nothing of a route or an account is secret. Asked when routes are planned, so that all that is wrong with them is said together.
pub(crate) fn check_route_secrets(config: &Config, inputs: &IndexMap<String, Input>, diagnostics: &mut Diagnostics) {
    for (_, place, text) in texts(config) {
        for token in tokens(text) {
            let Token::Reference(reference) = token else { continue };
            if inputs.get(reference.resource).is_some_and(|input| input.secret) {
                let what =
                    format!("`{}` is secret, but routes and annotations are readable by everybody", reference.resource);
                let hint = "refer to a parameter that is not secret, or write the value itself";
                diagnostics.push(Diagnostic::new(Code::SecretExposed, &place, what).hint(hint));
            }
        }
    }
}

fn texts(config: &Config) -> Vec<Text<'_>> {
    let mut texts = of_accounts(config);
    for (name, ingress) in &config.ingresses {
        let at = format!("ingresses.{name}");
        let secret = ingress.tls.as_ref().and_then(|tls| tls.secret.as_deref());
        shared(&mut texts, &at, "", ingress.class.as_deref(), &ingress.hosts, secret, &ingress.annotations);
        let hosts =
            ingress.paths.iter().enumerate().map(|(n, path)| (format!("paths[{n}].host"), path.host.as_deref()));
        push(&mut texts, &at, "", hosts);
    }
    for (name, gateway) in &config.gateways {
        let at = format!("gateways.{name}");
        let secret = gateway.tls.as_ref().and_then(|tls| tls.secret.as_deref());
        shared(&mut texts, &at, "", gateway.class.as_deref(), &gateway.hosts, secret, &gateway.annotations);
        let hosts =
            gateway.routes.iter().enumerate().map(|(n, route)| (format!("routes[{n}].host"), route.host.as_deref()));
        let listeners =
            gateway.listeners.iter().map(|(name, it)| (format!("listeners.{name}.host"), it.host.as_deref()));
        push(&mut texts, &at, "", hosts.chain(listeners));
    }
    for (environment, intent) in &config.environments {
        let before = format!("environments.{environment}.");
        for (name, own) in &intent.ingresses {
            let hosts = own.hosts.as_deref().unwrap_or_default();
            let at = format!("ingresses.{name}");
            shared(&mut texts, &at, &before, own.class.as_deref(), hosts, own.tls.secret.as_deref(), &own.annotations);
        }
        for (name, own) in &intent.gateways {
            let hosts = own.hosts.as_deref().unwrap_or_default();
            let at = format!("gateways.{name}");
            shared(&mut texts, &at, &before, own.class.as_deref(), hosts, own.tls.secret.as_deref(), &own.annotations);
        }
    }
    texts
}

/// Those of the annotations of service accounts, which the workload needs.
fn of_accounts(config: &Config) -> Vec<Text<'_>> {
    let mut texts = Vec::new();
    for (name, resource) in config.resources.iter().filter(|(_, resource)| !resource.exclude) {
        let own = match &resource.service_account {
            Some(ServiceAccount::Settings(account)) => Some(&account.annotations),
            _ => None,
        };
        let own =
            own.into_iter().flatten().map(|(key, text)| (format!("serviceAccount.annotations.{key}"), text.as_str()));
        let of_cloud = resource.identity.as_ref().map(Identity::annotations).unwrap_or_default();
        let of_cloud = of_cloud.into_iter().map(|(key, _, text)| (format!("identity.{key}"), text));
        let found = own.chain(of_cloud).filter(|(_, text)| text.contains('{'));
        texts.extend(found.map(|(key, text)| (name.clone(), intent_place(format!("resources.{name}.{key}")), text)));
    }
    texts
}

/// What Ingresses and Gateways have in common.
fn shared<'a>(
    texts: &mut Vec<Text<'a>>,
    at: &str,
    before: &str,
    class: Option<&'a str>,
    hosts: &'a [String],
    secret: Option<&'a str>,
    annotations: &'a IndexMap<String, String>,
) {
    push(texts, at, before, [("class".to_owned(), class), ("tls.secret".to_owned(), secret)].into_iter());
    push(texts, at, before, hosts.iter().enumerate().map(|(n, host)| (format!("hosts[{n}]"), Some(host.as_str()))));
    let annotations = annotations.iter().map(|(key, value)| (format!("annotations.{key}"), Some(value.as_str())));
    push(texts, at, before, annotations);
}

fn push<'a>(texts: &mut Vec<Text<'a>>, at: &str, before: &str, found: impl Iterator<Item = (String, Option<&'a str>)>) {
    let found = found.filter_map(|(key, text)| Some((key, text.filter(|text| text.contains('{'))?)));
    texts.extend(found.map(|(key, text)| (at.to_owned(), intent_place(format!("{before}{at}.{key}")), text)));
}

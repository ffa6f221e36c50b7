//! Certificates of workloads that serve HTTPS themselves: values, and errors.

use super::name::Name;
use crate::app::App;
use crate::config::{Certificate, Config, Issuer, RouteTls, intent_place};
use crate::support::diagnostic::{Code, Diagnostic, Diagnostics};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

/// The certificate that a resource asks for.
pub(crate) fn of<'a>(config: &'a Config, resource: &str) -> Option<&'a Certificate> {
    config.resources.get(resource)?.certificate.as_ref()
}

/// `certificate:` of the values of a workload.
pub(crate) fn values(name: &str, certificate: &Certificate, config: &Config) -> Json {
    let kind = config.cert_manager.issuers.get(&certificate.issuer).map(Issuer::kind).unwrap_or_default();
    json!({
        "issuer": certificate.issuer,
        "issuerKind": kind,
        "secret": secret(name, certificate),
        "hosts": certificate.hosts,
    })
}

fn secret(name: &str, certificate: &Certificate) -> String {
    certificate.secret.clone().unwrap_or_else(|| format!("{name}-tls"))
}

/// One certificate for each Secret, and none for what cannot be reached.
pub(crate) fn check(app: &App, config: &Config, names: &BTreeMap<String, Name>, diagnostics: &mut Diagnostics) {
    let mut taken: BTreeMap<String, String> = BTreeMap::new();
    let ingresses = config.ingresses.iter().map(|(name, it)| (format!("ingresses.{name}"), name, &it.tls));
    let gateways = config.gateways.iter().map(|(name, it)| (format!("gateways.{name}"), name, &it.tls));
    for (place, name, tls) in ingresses.chain(gateways) {
        if let Some(RouteTls { secret, issuer: Some(_) }) = tls {
            taken.insert(secret.clone().unwrap_or_else(|| format!("{name}-tls")), place);
        }
    }
    for (resource, intent) in config.resources.iter().filter(|(_, intent)| !intent.exclude) {
        let Some(certificate) = &intent.certificate else { continue };
        let place = intent_place(format!("resources.{resource}.certificate"));
        let (Some(workload), Some(name)) = (app.workloads.get(resource), names.get(resource)) else {
            diagnostics.push(Diagnostic::new(
                Code::NoEffect,
                place,
                format!("`{resource}` does not run, so it needs no certificate"),
            ));
            continue;
        };
        if workload.ports.is_empty() {
            let what = format!("`{resource}` has no bindings, so it has no Service that a certificate could be for");
            diagnostics.push(Diagnostic::new(Code::NoEffect, &place, what));
        }
        let secret = secret(name.as_str(), certificate);
        if let Some(other) = taken.insert(secret.clone(), format!("resources.{resource}")) {
            let what = format!("the Secret `{secret}` is also used by {other}, but holds only one certificate");
            diagnostics
                .push(Diagnostic::new(Code::NameCollision, place, what).hint("set another one here: `secret: NAME`"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::{Sources, resolve};
    use crate::{config, manifest};

    fn diagnostics(intent: &str) -> Vec<String> {
        let bindings = r#"{"https": {"scheme": "https", "protocol": "tcp", "transport": "http"}}"#;
        let manifest = format!(
            r#"{{"resources": {{"api": {{"type": "project.v0", "path": "a", "bindings": {bindings}}},
            "job": {{"type": "project.v0", "path": "j"}}, "word": {{"type": "parameter.v0", "value": "w"}}}}}}"#
        );
        let manifest = manifest::parse(manifest.as_bytes()).unwrap();
        let text = format!("application: a\ncertManager: {{issuers: {{own: {{selfSigned: {{}}}}}}}}\n{intent}");
        let config = config::parse(&text).unwrap();
        let app = resolve(&manifest, &config, "a", &Sources::default()).unwrap();
        let names = app.workloads.keys().map(|name| (name.clone(), Name::of_workload(name))).collect();
        let mut diagnostics = Diagnostics::default();
        check(&app, &config, &names, &mut diagnostics);
        diagnostics.0.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_secret_holds_one_certificate_of_what_can_be_reached() {
        assert_eq!(diagnostics("resources: {api: {certificate: {issuer: own}}}"), [""; 0]);
        for (intent, part) in [
            ("resources: {job: {certificate: {issuer: own}}}", "has no bindings"),
            ("resources: {word: {certificate: {issuer: own}}}", "does not run"),
            (
                "resources: {api: {certificate: {issuer: own}}}\n\
                 ingresses: {api: {hosts: [a.example], tls: {issuer: own}, paths: [{path: /, to: api}]}}",
                "the Secret `api-tls` is also used by ingresses.api",
            ),
        ] {
            let found = diagnostics(intent);
            assert!(found.len() == 1 && found[0].contains(part), "{intent}: {found:?}");
        }
    }
}

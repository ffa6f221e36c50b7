//! The rules for `certManager:`, and for the hosts whose certificates its issuers sign, that types cannot express.

use super::{Acme, CertManager, Credential, Issuer, IssuerKind, Solver, parameters_in};
use crate::config::charts;
use crate::config::findings::Findings;
use crate::config::path::{Path, shown};
use crate::config::rules::{self, Rule, is_dns_label, is_one_line};
use crate::config::{Config, Gateway, Ingress, RouteTls};
use crate::support::diagnostic::{Code, suggestion};

const ISSUER: Rule = Rule {
    what: "the name of an issuer",
    says: "lower-case letters, digits and `-`, a letter or digit first and last, at most 50 characters",
    legal: |text| text.len() <= 50 && is_dns_label(text),
};
const EMAIL: Rule = Rule {
    what: "an email address",
    says: "such as ops@contoso.com",
    legal: |text| {
        !parameters_in(text).is_empty()
            || is_one_line(text)
                && !text.contains(' ')
                && text.split_once('@').is_some_and(|(who, at)| !who.is_empty() && at.contains('.'))
    },
};
const HTTPS: Rule = Rule {
    what: "an ACME server",
    says: "the https:// address of its directory, without blanks",
    legal: |text| is_address(text, &["https://"]),
};
const VAULT: Rule = Rule {
    what: "the address of Vault",
    says: "such as https://vault.example.com:8200",
    legal: |text| is_address(text, &["https://", "http://"]),
};
const BUNDLE: Rule = Rule {
    what: "a bundle of certificates",
    says: "PEM, `-----BEGIN CERTIFICATE-----` and so on, or that as base64",
    legal: is_bundle,
};
const ZONE: Rule = Rule { what: "a domain", says: "such as example.com", legal: rules::OBJECT_NAME.legal };
const HOST: Rule = Rule {
    what: "a host",
    says: "such as www.example.com or *.example.com",
    legal: |text| (rules::OBJECT_NAME.legal)(text.strip_prefix("*.").unwrap_or(text)),
};
const TEXT: Rule = Rule { what: "a name", says: "one line that is not empty", legal: is_one_line };

fn is_address(text: &str, starts: &[&str]) -> bool {
    let rest = starts.iter().find_map(|start| text.strip_prefix(start));
    rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/'))
        && !text.chars().any(|c| c.is_whitespace() || c.is_control() || c == '"')
}

fn is_bundle(text: &str) -> bool {
    let base64 = |c: char| c.is_ascii_alphanumeric() || "+/=".contains(c);
    let text = text.trim();
    if text.starts_with("-----BEGIN CERTIFICATE-----") {
        return text.ends_with("-----END CERTIFICATE-----");
    }
    // `-----BEGIN CERTIFICATE-----` begins so.
    text.starts_with("LS0tLS1CRUdJTi") && text.chars().all(base64)
}

/// Reports what is not legal about the issuers of a file, and about routes that ask them for what they cannot sign.
pub(crate) fn check(config: &Config, findings: &mut Findings, at: &Path<'_>) {
    let place = at.key("certManager");
    let mut check = Check { config, findings };
    check.cert_manager(&config.cert_manager, &place);
    for (name, ingress) in &config.ingresses {
        check.ingress(ingress, &at.key("ingresses").key(name));
    }
    for (name, gateway) in &config.gateways {
        check.gateway(gateway, &at.key("gateways").key(name));
    }
    for (environment, intent) in &config.environments {
        let at = at.key("environments");
        let at = at.key(environment);
        let place = at.key("certManager");
        let place = place.key("issuers");
        for (name, own) in &intent.cert_manager.issuers {
            check.environment_issuer(name, own, &place.key(name));
        }
        for (name, own) in &intent.ingresses {
            let tls = tls_of(own.tls.issuer.as_ref(), config.ingresses.get(name).and_then(|it| it.tls.as_ref()));
            let hosts = own.hosts.iter().flatten();
            check.hosts(tls, hosts, &at.key("ingresses").key(name).key("hosts"));
        }
        for (name, own) in &intent.gateways {
            let tls = tls_of(own.tls.issuer.as_ref(), config.gateways.get(name).and_then(|it| it.tls.as_ref()));
            let hosts = own.hosts.iter().flatten();
            check.hosts(tls, hosts, &at.key("gateways").key(name).key("hosts"));
        }
    }
}

fn tls_of<'a>(own: Option<&'a String>, base: Option<&'a RouteTls>) -> Option<&'a String> {
    own.or(base.and_then(|tls| tls.issuer.as_ref()))
}

struct Check<'a, 'f> {
    config: &'a Config,
    findings: &'f mut Findings,
}

impl Check<'_, '_> {
    fn text(&mut self, text: &str, rule: &Rule, at: &Path<'_>) {
        if !(rule.legal)(text) {
            self.findings.add(
                Code::InvalidValue,
                at,
                format!("{} is not legal as {}", shown(text), rule.what),
                rule.says,
            );
        }
    }

    fn option(&mut self, text: Option<&str>, rule: &Rule, at: &Path<'_>) {
        if let Some(text) = text {
            self.text(text, rule, at);
        }
    }

    fn cert_manager(&mut self, manager: &CertManager, at: &Path<'_>) {
        self.option(manager.namespace.as_deref(), &rules::NAMESPACE, &at.key("namespace"));
        self.option(manager.version.as_deref(), &charts::VERSION, &at.key("version"));
        self.chart(manager, &at.key("chart"));
        for (index, need) in manager.needs.iter().enumerate() {
            if !self.config.charts.contains_key(need) {
                let near = self.findings.nearest(need, self.config.charts.keys().map(String::as_str));
                let hint = suggestion(near, "");
                self.findings.add(
                    Code::UnknownEntry,
                    &at.key("needs").item(index),
                    format!("there is no chart {}", shown(need)),
                    hint,
                );
            }
        }
        if self.config.charts.contains_key("issuers") && manager.made().next().is_some() {
            let hint = "give the entry of `charts` another name, and keep its release with `release: issuers`";
            self.findings.add(Code::DuplicateEntry, &at.key("issuers"), "`charts` has an entry of the same name", hint);
        }
        if manager.install == Some(false) {
            let set = [
                ("chart", manager.chart.is_some()),
                ("version", manager.version.is_some()),
                ("values", !manager.values.is_empty()),
                ("destroy", manager.destroy),
            ];
            for (key, _) in set.into_iter().filter(|(_, set)| *set) {
                self.findings.add(
                    Code::NoEffect,
                    &at.key(key),
                    "it has no effect: `install: false` installs nothing",
                    "",
                );
            }
        } else if self.config.charts.contains_key("cert-manager") && manager.is_installed() {
            let hint = "let one of them do it: `install: false` here, or no `charts.cert-manager`";
            self.findings.add(Code::ConflictingKeys, at, "cert-manager is one of `charts` as well", hint);
        }
        for (name, issuer) in &manager.issuers {
            let at = at.key("issuers");
            let at = at.key(name);
            self.text(name, &ISSUER, &at);
            self.issuer(issuer, &at);
        }
    }

    fn chart(&mut self, manager: &CertManager, at: &Path<'_>) {
        let Some(chart) = &manager.chart else { return };
        self.text(chart, &charts::REFERENCE, at);
        let is_local = charts::is_local(chart);
        if !is_local && !chart.starts_with("oci://") {
            let hint = "such as oci://quay.io/jetstack/charts/cert-manager; a repository is an entry of `charts`, with `install: false` here";
            self.findings.add(
                Code::InvalidValue,
                at,
                "it is neither an oci:// address nor a folder or packed chart",
                hint,
            );
        }
        if is_local && manager.version.is_some() {
            let hint = "what lies beside aspire-k8s.yaml is taken as it is";
            self.findings.add(
                Code::ConflictingKeys,
                at,
                "`version` contradicts `chart`, which is a folder or a file",
                hint,
            );
        }
    }

    fn issuer(&mut self, issuer: &Issuer, at: &Path<'_>) {
        let methods = [
            ("acme", issuer.acme.is_some()),
            ("ca", issuer.ca.is_some()),
            ("selfSigned", issuer.self_signed.is_some()),
            ("vault", issuer.vault.is_some()),
        ];
        let methods: Vec<&str> = methods.into_iter().filter(|(_, is_there)| *is_there).map(|(key, _)| key).collect();
        match methods.as_slice() {
            [method, ..] if issuer.existing => {
                let hint = "an issuer that exists is used as it is";
                self.findings.add(Code::ConflictingKeys, &at.key(method), "it contradicts `existing: true`", hint);
            }
            [_] => {}
            [] if issuer.existing => {}
            [] => {
                let hint = "give one of `acme`, `ca`, `selfSigned: {}` and `vault`, or `existing: true`";
                self.findings.add(Code::MissingKey, at, "the issuer has no signing method", hint);
            }
            several => {
                let what = format!("it can sign in one way only, not by {}", several.join(" and "));
                self.findings.add(Code::ConflictingKeys, at, what, "make an issuer of each");
            }
        }
        self.acme(issuer, at);
        if let Some(ca) = &issuer.ca {
            self.text(&ca.secret, &rules::OBJECT_NAME, &at.key("ca").key("secret"));
        }
        if let Some(vault) = &issuer.vault {
            let at = at.key("vault");
            self.text(&vault.server, &VAULT, &at.key("server"));
            self.text(&vault.path, &TEXT, &at.key("path"));
            self.option(vault.ca_bundle.as_deref(), &BUNDLE, &at.key("caBundle"));
        }
        for (place, credential) in issuer.credentials() {
            self.credential_at(issuer, credential, &place, at);
        }
    }

    fn acme(&mut self, issuer: &Issuer, at: &Path<'_>) {
        let Some(acme) = &issuer.acme else {
            let only_acme = [
                ("email", issuer.email.is_some()),
                ("eab", issuer.eab.is_some()),
                ("solvers", !issuer.solvers.is_empty()),
            ];
            for (key, _) in only_acme.into_iter().filter(|(_, is_there)| *is_there) {
                self.findings.add(Code::NoEffect, &at.key(key), "it belongs to `acme`, which is not given", "");
            }
            return;
        };
        self.server(acme, &at.key("acme"));
        if let Some(email) = &issuer.email {
            self.text(email, &EMAIL, &at.key("email"));
        } else {
            let hint = "the ACME server writes there when a certificate runs out: `email: ops@contoso.com`";
            self.findings.add(Code::MissingKey, at, "`email` is missing", hint);
        }
        for (index, solver) in issuer.solvers.iter().enumerate() {
            self.solver(solver, &at.key("solvers").item(index));
        }
    }

    fn server(&mut self, acme: &Acme, at: &Path<'_>) {
        if let Acme::Server(server) = acme {
            self.text(&server.server, &HTTPS, &at.key("server"));
            self.option(server.ca_bundle.as_deref(), &BUNDLE, &at.key("caBundle"));
        }
    }

    fn solver(&mut self, solver: &Solver, at: &Path<'_>) {
        if solver.http01.is_some() == solver.dns01.is_some() {
            self.findings.add(
                Code::ConflictingKeys,
                at,
                "a solver is one of `http01` and `dns01`",
                "write an entry for each",
            );
        }
        if let Some(http) = &solver.http01 {
            let at = at.key("http01");
            if http.ingress.is_some() && http.gateway.is_some() {
                self.findings.add(
                    Code::ConflictingKeys,
                    &at,
                    "one of `ingress` and `gateway` answers",
                    "write an entry for each",
                );
            }
            if let Some(gateway) = http.gateway.as_ref().filter(|name| !self.config.gateways.contains_key(*name)) {
                let near = self.findings.nearest(gateway, self.config.gateways.keys().map(String::as_str));
                let hint = suggestion(near, "");
                self.findings.add(
                    Code::UnknownEntry,
                    &at.key("gateway"),
                    format!("`gateways` has no {}", shown(gateway)),
                    hint,
                );
            }
            self.option(http.ingress.as_deref(), &rules::OBJECT_NAME, &at.key("ingress"));
        }
        for (index, zone) in solver.zones.iter().enumerate() {
            self.text(zone, &ZONE, &at.key("zones").item(index));
        }
        for (index, host) in solver.hosts.iter().enumerate() {
            self.text(host, &HOST, &at.key("hosts").item(index));
        }
    }

    /// Goes down to a place such as `solvers[0].dns01.cloudflare.apiToken`.
    fn credential_at(&mut self, issuer: &Issuer, credential: &Credential, place: &str, at: &Path<'_>) {
        if place.is_empty() {
            return self.credential(issuer, credential, at);
        }
        let (step, rest) = place.split_once('.').unwrap_or((place, ""));
        let (key, index) = step.trim_end_matches(']').split_once('[').unwrap_or((step, ""));
        let at = at.key(key);
        match index.parse() {
            Ok(index) => self.credential_at(issuer, credential, rest, &at.item(index)),
            Err(_) => self.credential_at(issuer, credential, rest, &at),
        }
    }

    fn credential(&mut self, issuer: &Issuer, credential: &Credential, at: &Path<'_>) {
        match credential {
            Credential::Secret(secret) => {
                self.text(&secret.secret, &rules::OBJECT_NAME, &at.key("secret"));
                self.text(&secret.key, &rules::SECRET_KEY, &at.key("key"));
            }
            Credential::Parameter(_) if issuer.kind() == IssuerKind::ClusterIssuer => {
                let what = "cert-manager reads the Secrets of a ClusterIssuer from its own namespace, and parameters live in that of the release";
                let hint = "name a Secret there: `{secret: ..., key: ...}`; or use `kind: Issuer`";
                self.findings.add(Code::ConflictingKeys, at, what, hint);
            }
            Credential::Parameter(name) => self.text(name, &TEXT, at),
        }
    }

    fn environment_issuer(&mut self, name: &str, own: &super::EnvironmentIssuer, at: &Path<'_>) {
        let issuers = &self.config.cert_manager.issuers;
        let Some(base) = issuers.get(name) else {
            let near = self.findings.nearest(name, issuers.keys().map(String::as_str));
            let hint = suggestion(
                near,
                "an environment changes values, never structure: the issuer stands under `certManager` above",
            );
            self.findings.add(Code::UnknownEntry, at, format!("there is no issuer {}", shown(name)), hint);
            return;
        };
        if base.acme.is_none() {
            self.findings.add(
                Code::EnvironmentChangesStructure,
                at,
                "only what `acme` says can differ in an environment, and no such issuer is above",
                "",
            );
        }
        if let Some(acme) = &own.acme {
            self.server(acme, &at.key("acme"));
        }
        self.option(own.email.as_deref(), &EMAIL, &at.key("email"));
    }

    fn ingress(&mut self, ingress: &Ingress, at: &Path<'_>) {
        let tls = tls_of(None, ingress.tls.as_ref());
        self.hosts(tls, ingress.hosts.iter(), &at.key("hosts"));
        self.hosts(tls, ingress.paths.iter().filter_map(|path| path.host.as_ref()), &at.key("paths"));
    }

    fn gateway(&mut self, gateway: &Gateway, at: &Path<'_>) {
        let tls = tls_of(None, gateway.tls.as_ref());
        self.hosts(tls, gateway.hosts.iter(), &at.key("hosts"));
        self.hosts(tls, gateway.routes.iter().filter_map(|route| route.host.as_ref()), &at.key("routes"));
        self.hosts(tls, gateway.listeners.values().filter_map(|it| it.host.as_ref()), &at.key("listeners"));
    }

    /// A wildcard is signed for who changes the DNS of the domain, not for who answers under some name in it.
    fn hosts<'h>(&mut self, tls: Option<&String>, hosts: impl Iterator<Item = &'h String>, at: &Path<'_>) {
        let Some((name, issuer)) = tls.and_then(|name| self.config.cert_manager.issuers.get_key_value(name)) else {
            return;
        };
        if issuer.acme.is_none() {
            return;
        }
        for host in hosts.filter(|host| host.starts_with("*.") && !issuer.solves_by_dns(host)) {
            let what = format!("the issuer {} has no DNS-01 solver for it, and a wildcard needs one", shown(name));
            let hint = format!("give it a solver with `dns01` for {host}, or name the hosts one by one");
            self.findings.add(Code::MissingKey, at, what, hint);
        }
    }
}

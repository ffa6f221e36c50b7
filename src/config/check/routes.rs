//! The rules for `ingresses:` and `gateways:` that types cannot express.

use super::Check;
use crate::config::path::{Path, shown};
use crate::config::rules;
use crate::config::{
    CertManager, Certificate, Config, Discovery, EnvironmentGateway, EnvironmentIngress, Gateway, Ingress,
    ListenerProtocol, Route, RouteKind, RouteTls,
};
use crate::support::diagnostic::{Code, suggestion};

/// Listeners that a Gateway has without being told.
const OWN_LISTENERS: [&str; 2] = ["http", "https"];

impl Check<'_> {
    pub(super) fn ingress(&mut self, config: &Config, name: &str, ingress: &Ingress, at: &Path<'_>) {
        self.text(name, &rules::ROUTE_NAME, at);
        self.written(ingress.class.as_deref(), &rules::OBJECT_NAME, &at.key("class"));
        self.hosts(&ingress.hosts, &at.key("hosts"));
        for (index, path) in ingress.paths.iter().enumerate() {
            let (paths, here) = (at.key("paths"), index);
            let at = paths.item(here);
            self.written(path.host.as_deref(), &rules::HOST, &at.key("host"));
            self.text(&path.path, &rules::PATH, &at.key("path"));
        }
        let is_refused =
            self.findings.any_within(&at.key("paths")) || self.findings.any_within(&at.key("defaultBackend"));
        if ingress.paths.is_empty() && ingress.default_backend.is_none() && !is_refused {
            self.findings.add(
                Code::MissingKey,
                at,
                "it has neither `paths` nor a `defaultBackend`, so it would serve nothing",
                "",
            );
        }
        self.tls(&config.cert_manager, ingress.tls.as_ref(), &at.key("tls"));
        let has_host = !ingress.hosts.is_empty() || ingress.paths.iter().any(|path| path.host.is_some());
        self.discovery(ingress.discovery.as_ref(), has_host, &at.key("discovery"));
        self.redirect(ingress.redirect, ingress.tls.is_some(), at);
        self.closed_paths(&ingress.closed_paths, &at.key("closedPaths"));
        self.annotations(&ingress.annotations, &at.key("annotations"));
    }

    pub(super) fn gateway(&mut self, config: &Config, name: &str, gateway: &Gateway, at: &Path<'_>) {
        self.text(name, &rules::ROUTE_NAME, at);
        self.written(gateway.class.as_deref(), &rules::OBJECT_NAME, &at.key("class"));
        self.hosts(&gateway.hosts, &at.key("hosts"));
        match &gateway.existing {
            Some(existing) => {
                let here = at.key("existing");
                self.text(&existing.name, &rules::OBJECT_NAME, &here.key("name"));
                self.option(existing.namespace.as_deref(), &rules::NAMESPACE, &here.key("namespace"));
                self.option(existing.listener.as_deref(), &rules::LISTENER, &here.key("listener"));
                self.only_of_ours(gateway, at);
            }
            None if gateway.class.is_none() => {
                let hint = "every Gateway needs a class; `kubectl get gatewayclass` lists those of the cluster";
                self.findings.add(Code::MissingKey, at, "`class` is missing", hint);
            }
            None => {}
        }
        for (listener, it) in &gateway.listeners {
            let listeners = at.key("listeners");
            let here = listeners.key(listener);
            self.text(listener, &rules::LISTENER, &here);
            self.written(it.host.as_deref(), &rules::HOST, &here.key("host"));
            if it.port == 0 {
                self.findings.add(Code::InvalidValue, &here.key("port"), "0 is not a valid port", "");
            }
            let own = OWN_LISTENERS.contains(&listener.as_str());
            match it.protocol {
                None if !own => {
                    self.findings.add(Code::MissingKey, &here, "`protocol` is missing", "HTTP, HTTPS or TCP");
                }
                Some(_) if own => {
                    let what = format!("the protocol of listener {} is fixed", shown(listener));
                    self.findings.add(
                        Code::ConflictingKeys,
                        &here.key("protocol"),
                        what,
                        "remove `protocol`, or rename the listener",
                    );
                }
                _ => {}
            }
        }
        if gateway.routes.is_empty() && !self.findings.any_within(&at.key("routes")) {
            self.findings.add(Code::MissingKey, at, "it has no `routes`, so it would serve nothing", "");
        }
        for (index, route) in gateway.routes.iter().enumerate() {
            let routes = at.key("routes");
            self.route(gateway, route, &routes.item(index));
        }
        self.tls(&config.cert_manager, gateway.tls.as_ref(), &at.key("tls"));
        if gateway.tls.as_ref().is_some_and(|tls| *tls == RouteTls::default()) {
            let hint = "a Gateway has no default certificate: set `secret` or `issuer`";
            self.findings.add(Code::MissingKey, &at.key("tls"), "neither `secret` nor `issuer` is set", hint);
        }
        let has_host = !gateway.hosts.is_empty() || gateway.routes.iter().any(|route| route.host.is_some());
        self.discovery(gateway.discovery.as_ref(), has_host, &at.key("discovery"));
        self.redirect(gateway.redirect, gateway.tls.is_some(), at);
        self.closed_paths(&gateway.closed_paths, &at.key("closedPaths"));
        self.annotations(&gateway.annotations, &at.key("annotations"));
    }

    /// Keys that describe a Gateway that we would make.
    fn only_of_ours(&mut self, gateway: &Gateway, at: &Path<'_>) {
        let given = [
            ("class", gateway.class.is_some()),
            ("listeners", !gateway.listeners.is_empty()),
            ("tls", gateway.tls.is_some()),
            ("discovery", gateway.discovery.is_some()),
            ("redirect", gateway.redirect),
            ("annotations", !gateway.annotations.is_empty()),
        ];
        for (key, _) in given.into_iter().filter(|(_, given)| *given) {
            let hint = "the Gateway belongs to another owner; only routes are created for it";
            self.findings.add(Code::ConflictingKeys, &at.key(key), format!("`{key}` contradicts `existing`"), hint);
        }
    }

    fn route(&mut self, gateway: &Gateway, route: &Route, at: &Path<'_>) {
        self.written(route.host.as_deref(), &rules::HOST, &at.key("host"));
        self.option(route.service.as_deref(), &rules::GRPC_NAME, &at.key("service"));
        self.option(route.method.as_deref(), &rules::GRPC_NAME, &at.key("method"));
        let kind = route.kind.unwrap_or_default();
        match (kind, route.path.as_deref()) {
            (RouteKind::Http, Some(path)) => self.text(path, &rules::PATH, &at.key("path")),
            (RouteKind::Http, None) => {
                self.findings.add(Code::MissingKey, at, "`path` is missing", "`/` matches everything");
            }
            _ => {}
        }
        let foreign: &[(&str, bool)] = match kind {
            RouteKind::Http => &[("service", route.service.is_some()), ("method", route.method.is_some())],
            RouteKind::Grpc => &[("path", route.path.is_some()), ("type", route.match_type.is_some())],
            RouteKind::Tcp => &[
                ("path", route.path.is_some()),
                ("type", route.match_type.is_some()),
                ("host", route.host.is_some()),
                ("service", route.service.is_some()),
                ("method", route.method.is_some()),
            ],
        };
        for (key, _) in foreign.iter().filter(|(_, given)| *given) {
            self.findings.add(
                Code::ConflictingKeys,
                &at.key(key),
                format!("a route of this kind does not support `{key}`"),
                "",
            );
        }
        let tcp = |name: &str| gateway.listeners.get(name).is_some_and(|it| it.protocol == Some(ListenerProtocol::Tcp));
        match &route.listener {
            None if kind == RouteKind::Tcp && gateway.existing.is_none() => {
                let hint = "a tcp route needs a listener of its own: `listeners: {NAME: {port: 5432, protocol: TCP}}`";
                self.findings.add(Code::MissingKey, at, "`listener` is missing", hint);
            }
            Some(name) if gateway.existing.is_none() => {
                let known = gateway.listeners.keys().map(String::as_str).chain(OWN_LISTENERS);
                if !known.clone().any(|known| known == name) {
                    let hint = suggestion(self.findings.nearest(name, known), "");
                    self.findings.add(
                        Code::UnknownEntry,
                        &at.key("listener"),
                        format!("the Gateway has no listener {}", shown(name)),
                        hint,
                    );
                } else if (kind == RouteKind::Tcp) != tcp(name) {
                    let hint = "tcp routes attach to listeners with `protocol: TCP`, other routes to listeners with \
                    HTTP or HTTPS";
                    self.findings.add(
                        Code::ConflictingKeys,
                        &at.key("listener"),
                        format!("listener {} uses a different protocol", shown(name)),
                        hint,
                    );
                }
            }
            _ => {}
        }
    }

    fn tls(&mut self, issuers: &CertManager, tls: Option<&RouteTls>, at: &Path<'_>) {
        let Some(RouteTls { secret, issuer }) = tls else { return };
        self.written(secret.as_deref(), &rules::OBJECT_NAME, &at.key("secret"));
        if let Some(issuer) = issuer {
            self.known_issuer(issuers, issuer, &at.key("issuer"));
        }
    }

    /// The certificate of a resource is for names of its Service, which no public authority can be shown.
    pub(super) fn certificate(&mut self, issuers: &CertManager, certificate: Option<&Certificate>, at: &Path<'_>) {
        let Some(Certificate { issuer, secret, hosts }) = certificate else { return };
        self.option(secret.as_deref(), &rules::OBJECT_NAME, &at.key("secret"));
        for (index, host) in hosts.iter().enumerate() {
            self.text(host, &rules::HOST, &at.key("hosts").item(index));
        }
        self.known_issuer(issuers, issuer, &at.key("issuer"));
        if issuers.issuers.get(issuer).is_some_and(|issuer| issuer.acme.is_some()) {
            let what = format!("{} signs public names only, and the name of a Service is not public", shown(issuer));
            let hint = "set an issuer with `ca`, `selfSigned` or `vault`";
            self.findings.add(Code::ConflictingKeys, &at.key("issuer"), what, hint);
        }
    }

    fn known_issuer(&mut self, issuers: &CertManager, issuer: &str, at: &Path<'_>) {
        if !issuers.issuers.contains_key(issuer) {
            let near = self.findings.nearest(issuer, issuers.issuers.keys().map(String::as_str));
            let hint = suggestion(near, "define it there, with `existing: true` if it already exists on the cluster");
            let what = format!("`certManager.issuers` has no {}", shown(issuer));
            self.findings.add(Code::UnknownEntry, at, what, hint);
        }
    }

    fn discovery(&mut self, discovery: Option<&Discovery>, has_host: bool, at: &Path<'_>) {
        let Some(Discovery { annotation, template, timeout }) = discovery else { return };
        if has_host {
            self.findings.add(
                Code::UnknownEntry,
                at,
                "a host is set, so there is nothing to discover",
                "remove `discovery` or the hosts",
            );
        }
        self.option(annotation.as_deref(), &rules::ANNOTATION_KEY, &at.key("annotation"));
        self.option(timeout.as_deref(), &rules::INTERVAL, &at.key("timeout"));
        if let Some(template) = template {
            let filled = template.replace("{ip}", "10.0.0.1").replace("{hostname}", "a.example");
            if filled == *template {
                self.findings.add(
                    Code::InvalidValue,
                    &at.key("template"),
                    "it contains neither `{ip}` nor `{hostname}`",
                    "{ip}.sslip.io",
                );
            } else {
                self.text(&filled, &rules::HOST, &at.key("template"));
            }
        }
    }

    fn redirect(&mut self, redirect: bool, has_tls: bool, at: &Path<'_>) {
        if redirect && !has_tls {
            let what = "there is no HTTPS endpoint to redirect to";
            self.findings.add(Code::NoEffect, &at.key("redirect"), what, "add `tls`, or leave `redirect` out");
        }
    }

    fn hosts(&mut self, hosts: &[String], at: &Path<'_>) {
        for (index, host) in hosts.iter().enumerate() {
            self.written(Some(host), &rules::HOST, &at.item(index));
            if hosts[..index].contains(host) {
                self.findings.add(Code::DuplicateEntry, &at.item(index), format!("duplicate host {}", shown(host)), "");
            }
        }
    }

    fn closed_paths(&mut self, paths: &[String], at: &Path<'_>) {
        for (index, path) in paths.iter().enumerate() {
            self.text(path, &rules::PATH, &at.item(index));
        }
    }

    /// A text that may hold references; what is written then is known only with their values.
    fn written(&mut self, text: Option<&str>, rule: &rules::Rule, at: &Path<'_>) {
        let Some(text) = text else { return };
        let filled = without_references(text);
        if !(rule.legal)(&filled) {
            self.findings.add(
                Code::InvalidValue,
                at,
                format!("{} is not valid as {}", shown(text), rule.what),
                rule.says,
            );
        }
    }

    pub(super) fn environment_ingress(&mut self, config: &Config, ingress: &EnvironmentIngress, at: &Path<'_>) {
        self.written(ingress.class.as_deref(), &rules::OBJECT_NAME, &at.key("class"));
        self.hosts(ingress.hosts.as_deref().unwrap_or_default(), &at.key("hosts"));
        self.tls(&config.cert_manager, Some(&ingress.tls), &at.key("tls"));
        self.annotations(&ingress.annotations, &at.key("annotations"));
    }

    pub(super) fn environment_gateway(&mut self, config: &Config, gateway: &EnvironmentGateway, at: &Path<'_>) {
        self.written(gateway.class.as_deref(), &rules::OBJECT_NAME, &at.key("class"));
        self.hosts(gateway.hosts.as_deref().unwrap_or_default(), &at.key("hosts"));
        self.tls(&config.cert_manager, Some(&gateway.tls), &at.key("tls"));
        self.annotations(&gateway.annotations, &at.key("annotations"));
    }

    /// Routes of an environment change routes of the whole; an environment has no structure of its own.
    pub(super) fn environment_routes(
        &mut self,
        config: &Config,
        environment: &crate::config::Environment,
        at: &Path<'_>,
    ) {
        for (name, ingress) in &environment.ingresses {
            let place = at.key("ingresses");
            self.known_route(config.ingresses.contains_key(name), "ingress", &place.key(name));
            self.environment_ingress(config, ingress, &place.key(name));
        }
        for (name, gateway) in &environment.gateways {
            let place = at.key("gateways");
            self.known_route(config.gateways.contains_key(name), "gateway", &place.key(name));
            self.environment_gateway(config, gateway, &place.key(name));
        }
    }

    fn known_route(&mut self, known: bool, what: &str, at: &Path<'_>) {
        if !known {
            let hint = "an environment changes values, not structure";
            self.findings.add(
                Code::UnknownEntry,
                at,
                format!("no such {what} is defined outside of `environments`"),
                hint,
            );
        }
    }
}

/// The text with a letter for each reference, such as `{web-host.value}`.
fn without_references(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        out.push_str(before);
        let reference = after.split_once('}').and_then(|(name, behind)| Some((name.strip_suffix(".value")?, behind)));
        if let Some((_, behind)) = reference {
            out.push('x');
            rest = behind;
        } else {
            out.push('{');
            rest = after;
        }
    }
    out.push_str(rest);
    out
}

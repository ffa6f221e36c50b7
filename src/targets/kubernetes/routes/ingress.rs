//! One Ingress.

use super::backend::{self, Carries, Wanted};
use super::controllers::{self, Wish};
use super::shared::{Discovering, Routes, Surroundings, covers_health, must_discover, note_health, tls_values};
use super::views::{IngressView, PathView};
use crate::app::Note;
use crate::config::{CertManager, Config, Ingress, PathType, intent_place};
use crate::support::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::targets::kubernetes::values::Tree;
use serde_json::json;
use std::collections::BTreeSet;

pub(crate) fn plan(
    name: &str,
    ingress: &Ingress,
    config: &Config,
    around: &Surroundings,
    routes: &mut Routes,
    notes: &mut Vec<Note>,
    diagnostics: &mut Diagnostics,
) {
    let at = format!("ingresses.{name}");
    let mut paths: Vec<PathView> = Vec::new();
    let mut seen = BTreeSet::new();
    for (index, path) in ingress.paths.iter().enumerate() {
        let place = format!("{at}.paths[{index}]");
        let host = path.host.clone().unwrap_or_default();
        let path_type = path.path_type.unwrap_or_default();
        if !seen.insert((host.clone(), path.path.clone(), path_type == PathType::Exact)) {
            let what = format!("duplicate path {} for the same host", path.path);
            diagnostics.push(Diagnostic::new(Code::DuplicateEntry, intent_place(&place), what));
        }
        let wanted = Wanted {
            place: &place,
            to: &path.to,
            binding: path.binding.as_deref(),
            internal: path.internal,
            carries: Carries::Http,
        };
        let Some(found) = backend::find(&wanted, around, diagnostics) else { continue };
        routes.reached.insert((found.service.clone(), found.port.clone()));
        paths.push(PathView { host, path: path.path.clone(), path_type, service: found.service, port: found.port });
    }
    let default_backend = ingress.default_backend.as_ref().and_then(|backend| {
        let place = format!("{at}.defaultBackend");
        let (binding, internal) = (backend.binding.as_deref(), backend.internal);
        let wanted = Wanted { place: &place, to: &backend.to, binding, internal, carries: Carries::Http };
        let found = backend::find(&wanted, around, diagnostics)?;
        routes.reached.insert((found.service.clone(), found.port.clone()));
        Some((found.service, found.port))
    });
    check_wishes(&at, ingress, config, diagnostics);
    let prefixes = ingress
        .paths
        .iter()
        .filter(|path| covers_health(&path.path, path.path_type.unwrap_or_default() != PathType::Exact));
    let open = prefixes.map(|path| path.to.clone()).chain(ingress.default_backend.iter().map(|it| it.to.clone()));
    note_health("Ingress", name, open, &ingress.closed_paths, around, notes);
    let has_host = !ingress.hosts.is_empty() || ingress.paths.iter().any(|path| path.host.is_some());
    if must_discover(ingress.tls.as_ref(), ingress.discovery.as_ref(), has_host) {
        routes.discoveries.push(Discovering::new("Ingress", name, ingress.discovery.as_ref()));
    }
    routes.ingresses.push(IngressView {
        name: name.to_owned(),
        closed: closed(&ingress.closed_paths, &paths, default_backend.as_ref()),
        paths,
        default_backend,
        tls: ingress.tls.is_some(),
        redirect: ingress.redirect,
    });
}

/// A closed path leads where the path around it leads, because an Ingress needs some Service; the controller refuses.
fn closed(closed: &[String], paths: &[PathView], default_backend: Option<&(String, String)>) -> Vec<PathView> {
    let hosts: BTreeSet<&str> =
        paths.iter().map(|path| path.host.as_str()).chain(default_backend.map(|_| "")).collect();
    let mut views = Vec::new();
    for path in closed {
        for host in &hosts {
            let own = paths.iter().find(|path| path.host == *host).map(|path| (&path.service, &path.port));
            let Some((service, port)) = own.or(default_backend.map(|(service, port)| (service, port))) else {
                continue;
            };
            views.push(PathView {
                host: (*host).to_owned(),
                path: path.clone(),
                path_type: PathType::Prefix,
                service: service.clone(),
                port: port.clone(),
            });
        }
    }
    views
}

/// What only some controllers can do, for the file as it is and in each environment.
fn check_wishes(at: &str, ingress: &Ingress, config: &Config, diagnostics: &mut Diagnostics) {
    let name = at.trim_start_matches("ingresses.");
    let own = (ingress.controller, ingress.class.as_deref());
    let elsewhere = config.environments.iter().filter_map(|(environment, intent)| {
        let theirs = intent.ingresses.get(name)?;
        let class = theirs.class.as_deref().or(ingress.class.as_deref());
        Some((format!(" in the environment {environment}"), (theirs.controller.or(ingress.controller), class)))
    });
    for (of, (controller, class)) in std::iter::once((String::new(), own)).chain(elsewhere) {
        let wishes = [
            (ingress.redirect, "redirect", Wish::Redirect),
            (!ingress.closed_paths.is_empty(), "closedPaths", Wish::ClosedPaths),
        ];
        for (_, key, wish) in wishes.into_iter().filter(|(wished, ..)| *wished) {
            let granting = controllers::granting(wish);
            let place = intent_place(format!("{at}.{key}"));
            match controllers::grants(controller, class.filter(|class| !class.contains('{')), wish) {
                Some(true) => {}
                Some(false) => diagnostics.push(
                    Diagnostic::new(
                        Code::UnsupportedRoute,
                        place,
                        format!("how the controller{of} implements this is unknown"),
                    )
                    .hint(format!(
                        "supported: {granting}; for another controller, set its annotations under `annotations`"
                    )),
                ),
                None => diagnostics.push(
                    Diagnostic::new(
                        Code::UnsupportedRoute,
                        place,
                        format!("the controller of the class{of} is unknown"),
                    )
                    .hint(format!("set `controller`: {granting}")),
                ),
            }
        }
    }
}

pub(crate) fn values(name: &str, ingress: &Ingress, issuers: &CertManager) -> Tree {
    let mut tree = Tree::default();
    tree.data("class", "The cluster's default class when empty.", ingress.class.as_deref().unwrap_or(""));
    let controller = ingress.controller.map(controllers::word).unwrap_or_default();
    tree.data("controller", "Whose annotations are written; told by the class when empty.", controller);
    tree.data("hosts", "Public host names.", &ingress.hosts);
    tree.data("discovered", "Host name that `kubectl aspire deploy` found; counts when there are no hosts.", "");
    if let Some(tls) = &ingress.tls {
        tree.data("tls", "Without a secret, the controller's own certificate.", tls_values(name, tls, issuers));
    }
    tree.data("redirect", "Http to https, once there is a certificate.", json!(ingress.redirect));
    tree.data("annotations", "", &ingress.annotations);
    tree
}

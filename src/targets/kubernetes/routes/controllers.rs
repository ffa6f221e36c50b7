//! What ingress controllers support beyond the Ingress spec: one row per controller, written into the chart, so that
//! the annotations follow a change of the class in the values.

use crate::config::Controller;
use serde_json::{Value as Json, json};

struct Row {
    controller: Controller,
    /// Classes by which it is known.
    classes: &'static [&'static str],
    /// Annotations that redirect http to https. `NAMESPACE-NAME` stands for the release's namespace and the Ingress.
    redirect: &'static [(&'static str, &'static str)],
    /// Annotations of an Ingress whose paths are closed to the outside.
    closed: &'static [(&'static str, &'static str)],
    /// How a closed path and all below it are written where a prefix does not do it; `PATH` stands for the path.
    pattern: &'static str,
}

const ROWS: [Row; 9] = [
    // https://github.com/kubernetes/ingress-nginx/blob/main/docs/user-guide/nginx-configuration/annotations.md
    Row {
        controller: Controller::Nginx,
        classes: &["nginx", "webapprouting.kubernetes.azure.com", "public"],
        redirect: &[("nginx.ingress.kubernetes.io/force-ssl-redirect", "true")],
        // No client has this address. Other controllers that read these annotations have no deny list.
        closed: &[("nginx.ingress.kubernetes.io/whitelist-source-range", "255.255.255.255/32")],
        pattern: "",
    },
    // https://doc.traefik.io/traefik/reference/routing-configuration/kubernetes/ingress/
    Row {
        controller: Controller::Traefik,
        classes: &["traefik"],
        redirect: &[("traefik.ingress.kubernetes.io/router.middlewares", "NAMESPACE-NAME-redirect@kubernetescrd")],
        closed: &[
            ("traefik.ingress.kubernetes.io/router.middlewares", "NAMESPACE-NAME-closed@kubernetescrd"),
            ("traefik.ingress.kubernetes.io/router.pathmatcher", "PathRegexp"),
        ],
        // Its prefix /health takes /healthz too, and the longer rule wins, not the longer path. An Ingress wants a `/` in
        // front of the `^`.
        pattern: "/?(?i)^PATH(/|$)",
    },
    // https://www.haproxy.com/documentation/kubernetes-ingress/community/configuration-reference/ingress/
    Row {
        controller: Controller::Haproxy,
        classes: &["haproxy"],
        redirect: &[("haproxy.org/ssl-redirect", "true")],
        closed: &[("haproxy.org/deny-list", "0.0.0.0/0, ::/0")],
        pattern: "",
    },
    // https://haproxy-ingress.github.io/docs/configuration/keys/
    Row {
        controller: Controller::HaproxyIngress,
        classes: &["haproxy-ingress"],
        redirect: &[("haproxy-ingress.github.io/ssl-redirect", "true")],
        closed: &[("haproxy-ingress.github.io/denylist-source-range", "0.0.0.0/0,::/0")],
        pattern: "",
    },
    // https://projectcontour.io/docs/main/config/annotations/
    Row {
        controller: Controller::Contour,
        classes: &["contour"],
        redirect: &[("ingress.kubernetes.io/force-ssl-redirect", "true")],
        closed: &[],
        pattern: "",
    },
    // https://kubernetes-sigs.github.io/aws-load-balancer-controller/latest/guide/ingress/annotations/
    Row {
        controller: Controller::Alb,
        classes: &["alb"],
        redirect: &[
            ("alb.ingress.kubernetes.io/listen-ports", "[{\"HTTP\": 80}, {\"HTTPS\": 443}]"),
            ("alb.ingress.kubernetes.io/ssl-redirect", "443"),
        ],
        closed: &[],
        pattern: "",
    },
    // https://azure.github.io/application-gateway-kubernetes-ingress/annotations/
    Row {
        controller: Controller::AzureApplicationGateway,
        classes: &["azure-application-gateway", "azure/application-gateway"],
        redirect: &[("appgw.ingress.kubernetes.io/ssl-redirect", "true")],
        closed: &[],
        pattern: "",
    },
    // https://developer.konghq.com/kubernetes-ingress-controller/reference/annotations/
    Row {
        controller: Controller::Kong,
        classes: &["kong"],
        redirect: &[("konghq.com/protocols", "https"), ("konghq.com/https-redirect-status-code", "301")],
        closed: &[],
        pattern: "",
    },
    // Its redirect is an object of its own kind, a FrontendConfig.
    Row { controller: Controller::Gce, classes: &["gce", "gce-internal"], redirect: &[], closed: &[], pattern: "" },
];

/// What can be asked of a controller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wish {
    /// Http redirected to https.
    Redirect,
    /// Paths kept from the public.
    ClosedPaths,
}

/// Whether a controller, given or told by its class, is known to do it; none when the controller is not known.
pub(crate) fn grants(controller: Option<Controller>, class: Option<&str>, wish: Wish) -> Option<bool> {
    let row = ROWS.iter().find(|row| match controller {
        Some(controller) => row.controller == controller,
        None => class.is_some_and(|class| row.classes.contains(&class)),
    })?;
    Some(match wish {
        Wish::Redirect => !row.redirect.is_empty(),
        Wish::ClosedPaths => !row.closed.is_empty(),
    })
}

/// Words of the controllers that are known to do it.
pub(crate) fn granting(wish: Wish) -> String {
    let rows = ROWS.iter().filter(|row| grants(Some(row.controller), None, wish) == Some(true));
    rows.map(|row| word(row.controller)).collect::<Vec<_>>().join(", ")
}

/// The table as the chart holds it: word to classes and annotations.
pub(crate) fn table() -> Json {
    let pairs = |pairs: &[(&str, &str)]| -> Json {
        Json::Object(pairs.iter().map(|(key, value)| ((*key).to_owned(), json!(value))).collect())
    };
    let rows = ROWS.iter().map(|row| {
        let columns = json!({
            "classes": row.classes, "redirect": pairs(row.redirect), "closedPaths": pairs(row.closed),
            "closedPattern": row.pattern,
        });
        (word(row.controller), columns)
    });
    Json::Object(rows.collect())
}

/// The word of the file for a controller.
pub(crate) fn word(controller: Controller) -> String {
    serde_json::to_value(controller).ok().and_then(|word| word.as_str().map(str::to_owned)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn no_class_means_two_controllers() {
        let classes: Vec<&str> = ROWS.iter().flat_map(|row| row.classes).copied().collect();
        assert_eq!(classes.iter().collect::<BTreeSet<_>>().len(), classes.len());
    }

    #[test]
    fn a_class_tells_its_controller() {
        assert_eq!(grants(None, Some("nginx"), Wish::ClosedPaths), Some(true));
        assert_eq!(grants(Some(Controller::Contour), Some("nginx"), Wish::ClosedPaths), Some(false));
        assert_eq!(grants(None, Some("ours"), Wish::Redirect), None);
        assert!(granting(Wish::ClosedPaths).starts_with("nginx, traefik"));
    }
}

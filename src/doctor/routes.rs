//! Classes of Ingresses and Gateways: does a controller serve them?

use super::{Finding, Verdict};
use crate::k8s::error::Error;
use crate::k8s::object::name_of;
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};

/// A kind of class (group and version, kind) and its name.
pub(super) type RouteClass = (&'static str, &'static str, String);

/// A class, the routes that name it, and whether the cluster has it.
pub(crate) type Served = (RouteClass, BTreeSet<String>, Result<bool, Error>);

/// The classes that the routes among these objects name.
pub fn route_classes(objects: &[Json]) -> BTreeMap<RouteClass, BTreeSet<String>> {
    let mut wanted: BTreeMap<RouteClass, BTreeSet<String>> = BTreeMap::new();
    for object in objects {
        let (version, kind, class) = match object["kind"].as_str() {
            Some("Ingress") => ("networking.k8s.io/v1", "IngressClass", &object["spec"]["ingressClassName"]),
            Some("Gateway") => ("gateway.networking.k8s.io/v1", "GatewayClass", &object["spec"]["gatewayClassName"]),
            _ => continue,
        };
        if let Some(class) = class.as_str().filter(|class| !class.is_empty()) {
            let route = format!("{} {}", object["kind"].as_str().unwrap_or_default(), name_of(object));
            wanted.entry((version, kind, class.to_owned())).or_default().insert(route);
        }
    }
    wanted
}

/// Findings about them. A class may come later, and a route without one does no harm: these are warnings.
pub(crate) fn routes(found: &[Served]) -> Vec<Finding> {
    let finding = |((_, kind, class), users, there): &Served| {
        let subject = format!("{kind} {class}");
        match there {
            Ok(true) => None,
            Ok(false) => {
                let users = users.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
                let reason = format!("it does not exist in the cluster (yet), so no controller serves {users}");
                let fix = "install its controller, for example under `charts:`, or set another class";
                Some(Finding::new("routes", Verdict::Warning, subject, reason).fix(fix))
            }
            Err(error) => Some(Finding::unread("routes", subject, error)),
        }
    };
    found.iter().filter_map(finding).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_class_that_nobody_serves_is_a_warning() {
        let ingress = |name: &str, class: Json| json!({"kind": "Ingress", "metadata": {"name": name}, "spec": {"ingressClassName": class}});
        let objects = [ingress("a", json!("nginx")), ingress("b", json!("nginx")), ingress("c", json!(null))];
        let wanted = route_classes(&objects);
        assert_eq!(wanted.len(), 1);
        let found: Vec<_> = wanted.into_iter().map(|(class, users)| (class, users, Ok(false))).collect();
        let said = routes(&found);
        assert_eq!(said[0].verdict, Verdict::Warning);
        assert!(said[0].to_string().contains("no controller serves Ingress a, Ingress b"), "{}", said[0]);
        let there: Vec<_> = found.into_iter().map(|(class, users, _)| (class, users, Ok(true))).collect();
        assert!(routes(&there).is_empty());
    }
}

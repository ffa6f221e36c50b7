//! The table of the Kubernetes kinds in a chart. A new kind is one template and one row here.

use super::account::RoleView;
use super::planned::Plan;
use super::routes::{GatewayView, RouteView};
use super::view::{ScaleView, WorkloadView};
use crate::config::RouteKind;
use minijinja::value::{Serde, Value};
use serde::Serialize;
use std::borrow::Cow;

/// A kind of object, its template, and the objects of a plan that it makes.
pub struct KindSpec {
    /// The API group; empty for the core group.
    pub group: &'static str,
    pub kind: &'static str,
    /// File name of the template.
    pub template: &'static str,
    /// Text of the template.
    pub source: &'static str,
    pub objects: fn(&Plan) -> Vec<Object<'_>>,
}

/// One object of the chart: a file, and what its template sees.
pub struct Object<'a> {
    /// Name of the workload whose folder holds the file; none for objects of the whole release.
    pub folder: Option<&'a str>,
    /// What tells it from other objects of its kind in the folder; empty when there is only one.
    pub qualifier: String,
    /// Name of the object; none if it starts with the name of the release.
    pub name: Option<String>,
    /// What the template sees.
    pub view: View<'a>,
}

/// What a template sees, made when one is rendered: names are asked for more often.
pub enum View<'a> {
    /// A workload, as the templates of all its objects see it.
    Workload(&'a WorkloadView),
    /// What this object alone sees.
    Own(Box<dyn Fn() -> Value + 'a>),
}

impl<'a> Object<'a> {
    fn new(folder: Option<&'a str>, qualifier: &str, name: Option<String>, view: impl Serialize + 'a) -> Self {
        let view = View::Own(Box::new(move || Value::from(Serde(&view))));
        Self { folder, qualifier: qualifier.to_owned(), name, view }
    }

    /// An object of a workload, called like it but for this end.
    fn of(view: &'a WorkloadView, qualifier: &str, end: &str) -> Self {
        let name = Some(format!("{}{end}", view.name));
        Self { folder: Some(&view.name), qualifier: qualifier.to_owned(), name, view: View::Workload(view) }
    }
}

macro_rules! spec {
    ($group:literal, $kind:literal, $file:literal, $objects:expr) => {
        KindSpec {
            group: $group,
            kind: $kind,
            template: $file,
            source: include_str!(concat!("../../../templates/", $file)),
            objects: $objects,
        }
    };
}

/// Every kind, in the order in which helm installs them.
pub const KINDS: [KindSpec; 33] = [
    spec!("networking.k8s.io", "NetworkPolicy", "networkpolicy.yaml.j2", |plan| {
        let views = plan.workloads.iter().map(|workload| &workload.view).filter(|view| view.network.is_some());
        views.map(|view| Object::of(view, "", "")).collect()
    }),
    spec!("policy", "PodDisruptionBudget", "poddisruptionbudget.yaml.j2", |plan| scaled(plan, |scale| scale.budget)),
    spec!("", "Secret", "secret.yaml.j2", |plan| {
        let wanted = !plan.secrets.is_empty();
        wanted.then(|| Object::new(None, "", None, ())).into_iter().collect()
    }),
    spec!("", "Secret", "secretfiles.yaml.j2", |plan| {
        let views = plan.workloads.iter().map(|workload| &workload.view);
        let views = views.filter(|view| view.file_entries.iter().any(|entry| entry.secret));
        views.map(|view| Object::of(view, "files", "-files")).collect()
    }),
    spec!("bitnami.com", "SealedSecret", "sealedsecret.yaml.j2", |plan| {
        let sealed = plan.sealed.iter();
        sealed.map(|view| Object::new(None, &view.file, None, view)).collect()
    }),
    spec!("external-secrets.io", "ExternalSecret", "externalsecret.yaml.j2", |plan| {
        let externals = plan.externals.iter();
        externals.map(|view| Object::new(None, &view.file, None, view)).collect()
    }),
    spec!("", "ConfigMap", "configmap.yaml.j2", |plan| {
        let mut objects = Vec::new();
        for workload in &plan.workloads {
            let view = &workload.view;
            objects.push(Object::of(view, "", "-config"));
            if view.file_entries.iter().any(|entry| !entry.secret) {
                objects.push(Object::of(view, "files", "-files"));
            }
        }
        objects
    }),
    spec!("", "ServiceAccount", "account.yaml.j2", |plan| {
        let views = plan.workloads.iter().map(|workload| &workload.view);
        let accounts = views.filter_map(|view| Some((view, view.account.as_ref()?)));
        accounts
            .map(|(view, account)| Object { name: Some(account.name.clone()), ..Object::of(view, "sa", "") })
            .collect()
    }),
    spec!("", "ServiceAccount", "serviceaccount.yaml.j2", |plan| {
        let mut objects = reading_jobs(plan);
        objects.retain(|object| !matches!(object.view, View::Workload(view) if view.account.is_some()));
        objects
    }),
    spec!("", "PersistentVolumeClaim", "persistentvolumeclaim.yaml.j2", |plan| {
        let claims = plan.workloads.iter().flat_map(|workload| &workload.claim_views);
        claims.map(|claim| Object::new(Some(&claim.workload), &claim.key, Some(claim.name.clone()), claim)).collect()
    }),
    spec!("rbac.authorization.k8s.io", "Role", "role.yaml.j2", reading_jobs),
    spec!("rbac.authorization.k8s.io", "RoleBinding", "rolebinding.yaml.j2", reading_jobs),
    spec!("rbac.authorization.k8s.io", "RoleBinding", "accountrole.yaml.j2", |plan| {
        let mut objects = Vec::new();
        for view in plan.workloads.iter().map(|workload| &workload.view) {
            for (account, role) in view.account.iter().flat_map(|it| it.roles.iter().map(move |role| (&it.name, role)))
            {
                let bound = Bound { workload: &view.name, account, role };
                objects.push(Object::new(Some(&view.name), &role.binding, Some(role.binding.clone()), bound));
            }
        }
        objects
    }),
    spec!("", "Service", "service.yaml.j2", |plan| {
        let mut objects = Vec::new();
        for view in plan.workloads.iter().map(|workload| &workload.view) {
            if !view.service_ports.is_empty() {
                objects.push(Object::of(view, "", ""));
            }
            if view.headless {
                objects.push(Object::of(view, "headless", "-headless"));
            }
        }
        objects
    }),
    spec!("", "Service", "externalname.yaml.j2", |plan| {
        let views = plan.external_names.iter();
        views.map(|view| Object::new(Some(&view.name), "", Some(view.name.clone()), view)).collect()
    }),
    spec!("apps", "Deployment", "deployment.yaml.j2", |plan| workloads(plan, "Deployment")),
    spec!("apps", "StatefulSet", "statefulset.yaml.j2", |plan| workloads(plan, "StatefulSet")),
    spec!("autoscaling", "HorizontalPodAutoscaler", "horizontalpodautoscaler.yaml.j2", |plan| {
        scaled(plan, |scale| scale.autoscaler)
    }),
    spec!("keda.sh", "ScaledObject", "scaledobject.yaml.j2", |plan| scaled(plan, |scale| scale.scaled_object)),
    spec!("batch", "Job", "job.yaml.j2", |plan| {
        let jobs = plan.workloads.iter().map(|workload| &workload.view).filter(|view| view.kind == "Job");
        // What it runs is in its name, which the chart makes.
        jobs.map(|view| Object { name: None, ..Object::of(view, "", "") }).collect()
    }),
    spec!("batch", "CronJob", "cronjob.yaml.j2", |plan| workloads(plan, "CronJob")),
    spec!("dapr.io", "Component", "component.yaml.j2", |plan| {
        let components = plan.dapr_components.iter();
        components.map(|view| Object::new(None, &view.name, Some(view.name.clone()), view)).collect()
    }),
    spec!("dapr.io", "Configuration", "daprobject.yaml.j2", |plan| dapr_objects(plan, "Configuration")),
    spec!("dapr.io", "HTTPEndpoint", "daprobject.yaml.j2", |plan| dapr_objects(plan, "HTTPEndpoint")),
    spec!("dapr.io", "Resiliency", "daprobject.yaml.j2", |plan| dapr_objects(plan, "Resiliency")),
    spec!("dapr.io", "Subscription", "daprobject.yaml.j2", |plan| dapr_objects(plan, "Subscription")),
    spec!("cert-manager.io", "Certificate", "certificate.yaml.j2", |plan| {
        let views = plan.workloads.iter().map(|workload| &workload.view).filter(|view| view.certificate.is_some());
        views.map(|view| Object::of(view, "", "")).collect()
    }),
    spec!("traefik.io", "Middleware", "middleware.yaml.j2", |plan| {
        let mut objects = Vec::new();
        for view in &plan.routes.ingresses {
            let wanted = [(view.redirect, "redirect"), (!view.closed.is_empty(), "closed")];
            let wanted = wanted.into_iter().filter(|(wanted, _)| *wanted);
            objects.extend(wanted.map(|(_, which)| Object::new(Some(&view.name), which, None, view)));
        }
        objects
    }),
    spec!("networking.k8s.io", "Ingress", "ingress.yaml.j2", |plan| {
        let mut objects = Vec::new();
        for view in &plan.routes.ingresses {
            objects.push(Object::new(Some(&view.name), "", Some(view.name.clone()), view));
            if !view.closed.is_empty() {
                objects.push(Object::new(Some(&view.name), "closed", Some(format!("{}-closed", view.name)), view));
            }
        }
        objects
    }),
    spec!("gateway.networking.k8s.io", "Gateway", "gateway.yaml.j2", |plan| {
        let own = plan.routes.gateways.iter().filter(|view| view.own);
        own.map(|view| Object::new(Some(&view.name), "", Some(view.name.clone()), view)).collect()
    }),
    spec!("gateway.networking.k8s.io", "HTTPRoute", "httproute.yaml.j2", |plan| {
        let mut objects = routes(plan, RouteKind::Http);
        for gateway in plan.routes.gateways.iter().filter(|gateway| gateway.redirect) {
            let view = Routed { gateway, route: Cow::Owned(RouteView::default()) };
            objects.push(Object::new(
                Some(&gateway.name),
                "redirect",
                Some(format!("{}-redirect", gateway.name)),
                view,
            ));
        }
        objects
    }),
    spec!("gateway.networking.k8s.io", "GRPCRoute", "grpcroute.yaml.j2", |plan| routes(plan, RouteKind::Grpc)),
    spec!("gateway.networking.k8s.io", "TCPRoute", "tcproute.yaml.j2", |plan| routes(plan, RouteKind::Tcp)),
];

/// Whether the charts of applications hold objects of this kind.
pub(crate) fn makes(group: &str, kind: &str) -> bool {
    KINDS.iter().any(|spec| (spec.group, spec.kind) == (group, kind))
}

/// A role, and the service account that gets it.
#[derive(Serialize)]
struct Bound<'a> {
    workload: &'a str,
    account: &'a str,
    role: &'a RoleView,
}

/// A route and the Gateway that it attaches to.
#[derive(Serialize)]
struct Routed<'a> {
    #[serde(flatten)]
    gateway: &'a GatewayView,
    route: Cow<'a, RouteView>,
}

fn routes(plan: &Plan, kind: RouteKind) -> Vec<Object<'_>> {
    let all = plan.routes.gateways.iter().flat_map(|gateway| gateway.routes.iter().map(move |route| (gateway, route)));
    let objects = all.filter(|(_, route)| route.kind == kind).map(|(gateway, route)| {
        Object::new(
            Some(&gateway.name),
            &route.qualifier,
            Some(route.name.clone()),
            Routed { gateway, route: Cow::Borrowed(route) },
        )
    });
    objects.collect()
}

fn dapr_objects<'a>(plan: &'a Plan, kind: &str) -> Vec<Object<'a>> {
    let views = plan.dapr_objects.iter().filter(|view| view.kind == kind);
    views.map(|view| Object::new(None, &view.name, Some(view.name.clone()), view)).collect()
}

/// What lets the pods of workloads that wait for jobs read them.
fn reading_jobs(plan: &Plan) -> Vec<Object<'_>> {
    let views = plan.workloads.iter().map(|workload| &workload.view).filter(|view| view.reads_jobs);
    views.map(|view| Object::of(view, "wait", "-wait")).collect()
}

/// Objects that scale workloads or protect their pods, one for each workload that can have it.
fn scaled(plan: &Plan, has: fn(ScaleView) -> bool) -> Vec<Object<'_>> {
    let views = plan.workloads.iter().map(|workload| &workload.view).filter(|view| has(view.scale));
    views.map(|view| Object::of(view, "", "")).collect()
}

fn workloads<'a>(plan: &'a Plan, kind: &str) -> Vec<Object<'a>> {
    let views = plan.workloads.iter().map(|workload| &workload.view).filter(|view| view.kind == kind);
    views.map(|view| Object::of(view, "", "")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_those_of_the_templates() {
        for spec in &KINDS {
            // Its version is a value of the view.
            if spec.template == "daprobject.yaml.j2" {
                assert_eq!(spec.group, "dapr.io");
                continue;
            }
            let versions = spec.source.lines().filter_map(|line| line.strip_prefix("apiVersion: "));
            let groups: Vec<_> =
                versions.map(|version| version.split_once('/').map_or("", |(group, _)| group)).collect();
            assert!(
                !groups.is_empty() && groups.iter().all(|group| *group == spec.group),
                "{}: {groups:?}",
                spec.template
            );
        }
        assert!(makes("", "Secret") && makes("apps", "Deployment"));
        assert!(!makes("batch", "Secret") && !makes("", "Deployment") && !makes("", "PersistentVolume"));
    }
}

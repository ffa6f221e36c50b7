//! A configuration with the values of one environment applied.

use super::{
    Autoscaling, Config, Dashboard, Defaults, Environment, EnvironmentChart, EnvironmentDashboard, EnvironmentDefaults,
    EnvironmentGateway, EnvironmentIngress, EnvironmentIssuer, EnvironmentParameter, EnvironmentResource,
    ExternalChart, ExternalDefaults, Gateway, Ingress, Parameter, Release, Resource, RouteTls, Secrets, Service,
    SopsFile, Spread, Storage, Volume, Waits, init_containers,
};
use crate::support::diagnostic::{Code, Diagnostic, nearest, suggestion};
use indexmap::IndexMap;
use serde_json::{Map, Value};

impl Config {
    /// This configuration with the values of an environment merged in, and without environments: maps are merged by
    /// key, everything else is replaced. An environment that the file does not have is a problem.
    pub fn for_environment(&self, name: &str) -> Result<Self, Diagnostic> {
        let Some(environment) = self.environments.get(name) else { return Err(self.unknown_environment(name)) };
        let mut merged = Self { environments: IndexMap::new(), environment: Some(name.to_owned()), ..self.clone() };
        merged.take(environment);
        merged.keep_network_policies_of(self);
        merged.scaled_of_file = Some(self.scaled());
        merged.keep_switches_of(self, name);
        Ok(merged)
    }

    fn unknown_environment(&self, name: &str) -> Diagnostic {
        let known: Vec<&str> = self.environments.keys().map(String::as_str).collect();
        let otherwise = match &known[..] {
            [] => "this file has no environments".to_owned(),
            known => format!("defined are: {}", known.join(", ")),
        };
        let hint = suggestion(nearest(name, known.iter().copied()), otherwise);
        Diagnostic::new(Code::UnknownEnvironment, "environments", format!("there is no environment `{name}`"))
            .hint(hint)
    }

    fn take(&mut self, environment: &Environment) {
        let Environment {
            release,
            defaults,
            secrets,
            parameters,
            resources,
            node_pools,
            ingresses,
            gateways,
            cert_manager,
            charts,
            dashboard,
            waits,
            network_policy,
            values,
        } = environment;
        let Release { name, namespace } = release;
        replace(&mut self.release.name, name.as_ref());
        replace(&mut self.release.namespace, namespace.as_ref());
        self.defaults.take(defaults);
        merge(&mut self.node_pools, node_pools);
        self.secrets.take(secrets);
        Waits::take(&mut self.waits, waits.as_ref());
        if network_policy.is_some() {
            self.network_policy.clone_from(network_policy);
        }
        for (name, EnvironmentParameter { value, from }) in parameters {
            let parameter: &mut Parameter = self.parameters.entry(name.clone()).or_default();
            replace(&mut parameter.value, value.as_ref());
            replace(&mut parameter.from, from.as_ref());
        }
        for (name, resource) in resources {
            self.resources.entry(name.clone()).or_default().take(resource);
            self.from_app_host.take(name, resource);
        }
        for (name, own) in charts {
            if let Some(chart) = self.charts.get_mut(name) {
                chart.take(own);
            }
        }
        for (name, EnvironmentIssuer { acme, email }) in &cert_manager.issuers {
            if let Some(issuer) = self.cert_manager.issuers.get_mut(name) {
                replace(&mut issuer.acme, acme.as_ref());
                replace(&mut issuer.email, email.as_ref());
            }
        }
        for (name, ingress) in ingresses {
            self.ingresses.entry(name.clone()).or_default().take(ingress);
        }
        for (name, gateway) in gateways {
            self.gateways.entry(name.clone()).or_default().take(gateway);
        }
        merge_json(&mut self.values, values);
        if let (Some(ours), Some(theirs)) = (&mut self.dashboard, dashboard) {
            ours.take(theirs);
        }
    }
}

impl Defaults {
    fn take(&mut self, theirs: &EnvironmentDefaults) {
        let EnvironmentDefaults { registry, tag, image_pull_secrets, size, pod_disruption_budget, spread, node_pool } =
            theirs;
        replace(&mut self.registry, registry.as_ref());
        replace(&mut self.tag, tag.as_ref());
        if let Some(secrets) = image_pull_secrets {
            self.image_pull_secrets.clone_from(secrets);
        }
        replace(&mut self.size, size.as_ref());
        replace(&mut self.pod_disruption_budget, pod_disruption_budget.as_ref());
        self.spread = Spread::merged(self.spread, *spread);
        replace(&mut self.node_pool, node_pool.as_ref());
    }
}

impl Secrets {
    fn take(&mut self, theirs: &Self) {
        let Self {
            from,
            external_secrets: ExternalDefaults { store, refresh_interval },
            sops: SopsFile { file },
            sealed,
        } = theirs;
        replace(&mut self.from, from.as_ref());
        replace(&mut self.external_secrets.store, store.as_ref());
        replace(&mut self.external_secrets.refresh_interval, refresh_interval.as_ref());
        replace(&mut self.sops.file, file.as_ref());
        replace(&mut self.sealed.file, sealed.file.as_ref());
    }
}

impl Resource {
    fn take(&mut self, theirs: &EnvironmentResource) {
        let EnvironmentResource {
            // The chart has the objects in every environment: `keep_switches_of` says whether they exist.
            enabled: _,
            replace_with: _,
            image,
            replicas,
            autoscaling,
            pod_disruption_budget,
            env,
            init_containers: changed,
            resources,
            size,
            probes,
            service,
            volumes,
            annotations,
            pod_annotations,
            node_selector,
            tolerations,
            node_pool,
            spread,
        } = theirs;
        replace(&mut self.image, image.as_ref());
        replace(&mut self.replicas, replicas.as_ref());
        self.autoscaling = Autoscaling::merged(self.autoscaling.as_ref(), autoscaling.as_ref());
        replace(&mut self.pod_disruption_budget, pod_disruption_budget.as_ref());
        merge(&mut self.env, env);
        init_containers::take(&mut self.init_containers, changed);
        if let Some(resources) = resources {
            merge_json(self.resources.get_or_insert_default(), resources);
        }
        replace(&mut self.size, size.as_ref());
        if let Some(probes) = probes {
            match &mut self.probes {
                Some(ours) => ours.take(probes),
                none => *none = Some(probes.clone()),
            }
        }
        self.service.take(service);
        for (name, storage) in volumes {
            self.volumes.entry(name.clone()).or_default().take(storage);
        }
        merge(&mut self.annotations, annotations);
        merge(&mut self.pod_annotations, pod_annotations);
        merge(&mut self.node_selector, node_selector);
        if let Some(tolerations) = tolerations {
            self.tolerations.clone_from(tolerations);
        }
        replace(&mut self.node_pool, node_pool.as_ref());
        self.spread = Spread::merged(self.spread, *spread);
    }
}

impl ExternalChart {
    fn take(&mut self, theirs: &EnvironmentChart) {
        let EnvironmentChart { repository, version, values, values_files } = theirs;
        replace(&mut self.repository, repository.as_ref());
        replace(&mut self.version, version.as_ref());
        merge_json(&mut self.values, values);
        self.values_files.extend(values_files.iter().cloned());
    }
}

impl Service {
    fn take(&mut self, theirs: &Self) {
        let Self { service_type, annotations, ports, node_ports, load_balancer_class, external_traffic_policy } =
            theirs;
        replace(&mut self.service_type, service_type.as_ref());
        merge(&mut self.annotations, annotations);
        merge(&mut self.ports, ports);
        merge(&mut self.node_ports, node_ports);
        replace(&mut self.load_balancer_class, load_balancer_class.as_ref());
        replace(&mut self.external_traffic_policy, external_traffic_policy.as_ref());
    }
}

impl Ingress {
    fn take(&mut self, theirs: &EnvironmentIngress) {
        let EnvironmentIngress { class, controller, hosts, tls, annotations } = theirs;
        replace(&mut self.class, class.as_ref());
        replace(&mut self.controller, controller.as_ref());
        if let Some(hosts) = hosts {
            self.hosts.clone_from(hosts);
        }
        if let Some(ours) = &mut self.tls {
            ours.take(tls);
        }
        merge(&mut self.annotations, annotations);
    }
}

impl Gateway {
    fn take(&mut self, theirs: &EnvironmentGateway) {
        let EnvironmentGateway { class, hosts, tls, annotations } = theirs;
        replace(&mut self.class, class.as_ref());
        if let Some(hosts) = hosts {
            self.hosts.clone_from(hosts);
        }
        if let Some(ours) = &mut self.tls {
            ours.take(tls);
        }
        merge(&mut self.annotations, annotations);
    }
}

impl Dashboard {
    pub(super) fn take(&mut self, theirs: &EnvironmentDashboard) {
        let EnvironmentDashboard { enabled, image, port, otlp_ports, forwarded_headers, env, resources } = theirs;
        replace(&mut self.enabled, enabled.as_ref());
        replace(&mut self.image, image.as_ref());
        replace(&mut self.port, port.as_ref());
        replace(&mut self.otlp_ports.grpc, otlp_ports.grpc.as_ref());
        replace(&mut self.otlp_ports.http, otlp_ports.http.as_ref());
        replace(&mut self.forwarded_headers, forwarded_headers.as_ref());
        merge(&mut self.env, env);
        if let Some(resources) = resources {
            merge_json(self.resources.get_or_insert_default(), resources);
        }
    }
}

impl RouteTls {
    fn take(&mut self, theirs: &Self) {
        let Self { secret, issuer } = theirs;
        replace(&mut self.secret, secret.as_ref());
        replace(&mut self.issuer, issuer.as_ref());
    }
}

impl Volume {
    fn take(&mut self, theirs: &Storage) {
        let Storage { size, storage_class, access_modes, annotations } = theirs;
        replace(&mut self.size, size.as_ref());
        replace(&mut self.storage_class, storage_class.as_ref());
        if !access_modes.is_empty() {
            self.access_modes.clone_from(access_modes);
        }
        merge(&mut self.annotations, annotations);
    }
}

fn replace<T: Clone>(ours: &mut Option<T>, theirs: Option<&T>) {
    if let Some(theirs) = theirs {
        *ours = Some(theirs.clone());
    }
}

fn merge<T: Clone>(ours: &mut IndexMap<String, T>, theirs: &IndexMap<String, T>) {
    ours.extend(theirs.iter().map(|(key, value)| (key.clone(), value.clone())));
}

/// Objects into objects at every depth; anything else replaces.
fn merge_json(ours: &mut Map<String, Value>, theirs: &Map<String, Value>) {
    for (key, value) in theirs {
        match (ours.get_mut(key), value) {
            (Some(Value::Object(ours)), Value::Object(theirs)) => merge_json(ours, theirs),
            _ => {
                ours.insert(key.clone(), value.clone());
            }
        }
    }
}

//! The rules that types cannot express: invalid names, contradictory keys.

mod jobs;
mod replace;
mod routes;
mod scale;

use super::chart_keys::CHART_KEYS;
use super::findings::Findings;
use super::path::{Path, shown};
use super::rules::{self, Rule};
use super::{
    Chart, Config, Dashboard, Defaults, DeferredSecret, Environment, EnvironmentDashboard, EnvironmentResource,
    ExistingSecret, ExternalAddress, ExternalDefaults, ExternalSecret, GRACE_PERIOD, NetworkPolicy,
    NetworkPolicySettings, NodePool, Parameter, Release, Resource, SecretSource, SecretStore, Secrets, Service,
    Storage, Volume, WaitSettings, Waits,
};
use super::{
    accounts, certificates, charts, dashboard, databases, init_containers, objects, probes, security, sidecars,
};
use crate::support::diagnostic::{Code, nearest, suggestion};
use indexmap::IndexMap;
use serde_json::{Map, Value};

/// Reports all content that is not legal.
pub(super) fn check(config: &Config, findings: &mut Findings) {
    Check { findings }.config(config, &Path::Root);
    charts::check(config, findings, &Path::Root);
    certificates::check(config, findings, &Path::Root);
    objects::check(&config.extra_objects, findings, &Path::Root.key("extraObjects"));
}

struct Check<'a> {
    findings: &'a mut Findings,
}

impl Check<'_> {
    fn config(&mut self, config: &Config, at: &Path<'_>) {
        let Config { application, application_id, chart, release, defaults, secrets, .. } = config;
        self.option(application.as_deref(), &rules::APPLICATION, &at.key("application"));
        self.option(application_id.as_deref(), &rules::APPLICATION, &at.key("applicationId"));
        self.chart(chart, &at.key("chart"));
        self.release(release, &at.key("release"));
        self.defaults(defaults, &at.key("defaults"));
        self.secrets(secrets, &at.key("secrets"));
        self.waits(config.waits.as_ref(), &at.key("waits"));
        self.network_policy(config.network_policy.as_ref(), &at.key("networkPolicy"));
        for (name, parameter) in &config.parameters {
            self.parameter(parameter, &at.key("parameters").key(name));
        }
        for (name, resource) in &config.resources {
            let resources = at.key("resources");
            self.resource(resource, &resources.key(name));
            self.certificate(
                &config.cert_manager,
                resource.certificate.as_ref(),
                &resources.key(name).key("certificate"),
            );
        }
        self.node_pools(&config.node_pools, &at.key("nodePools"));
        scale::check_pools(config, self.findings, at);
        for (name, ingress) in &config.ingresses {
            self.ingress(config, name, ingress, &at.key("ingresses").key(name));
        }
        for (name, gateway) in &config.gateways {
            self.gateway(config, name, gateway, &at.key("gateways").key(name));
        }
        if let Some(dashboard) = &config.dashboard {
            let at = at.key("dashboard");
            dashboard::check(dashboard, self.findings, &at);
            self.pod_resources(dashboard.resources.as_ref(), &at.key("resources"));
        }
        for (name, environment) in &config.environments {
            let at = at.key("environments");
            self.text(name, &rules::ENVIRONMENT_NAME, &at.key(name));
            self.environment(config, environment, &at.key(name));
        }
    }

    fn chart(&mut self, chart: &Chart, at: &Path<'_>) {
        self.option(chart.name.as_deref(), &rules::CHART_NAME, &at.key("name"));
        self.option(chart.version.as_deref(), &rules::CHART_VERSION, &at.key("version"));
    }

    fn release(&mut self, release: &Release, at: &Path<'_>) {
        self.option(release.name.as_deref(), &rules::RELEASE_NAME, &at.key("name"));
        self.option(release.namespace.as_deref(), &rules::NAMESPACE, &at.key("namespace"));
    }

    fn defaults(&mut self, defaults: &Defaults, at: &Path<'_>) {
        self.reference(defaults.registry.as_deref(), &rules::REGISTRY, &at.key("registry"));
        self.reference(defaults.tag.as_deref(), &rules::TAG, &at.key("tag"));
        self.object_names(&defaults.image_pull_secrets, &at.key("imagePullSecrets"));
        self.pod_resources(defaults.resources.as_ref(), &at.key("resources"));
        self.storage(&defaults.storage, &at.key("storage"));
        self.labels(&defaults.labels, &at.key("labels"));
        self.annotations(&defaults.annotations, &at.key("annotations"));
        self.labels(&defaults.node_selector, &at.key("nodeSelector"));
        scale::check_default(defaults.pod_disruption_budget.as_ref(), self.findings, at);
    }

    fn parameter(&mut self, parameter: &Parameter, at: &Path<'_>) {
        if parameter.value.is_some() && parameter.from.is_some() {
            let hint = "a secret has `from`, any other parameter has `value`: keep one of them";
            self.findings.add(Code::ConflictingKeys, at, "`value` and `from` cannot be set together", hint);
        }
        self.source(parameter.from.as_ref(), &at.key("from"));
    }

    fn secrets(&mut self, secrets: &Secrets, at: &Path<'_>) {
        let Secrets { from, external_secrets: ExternalDefaults { store, refresh_interval }, sops, sealed } = secrets;
        self.source(from.as_ref(), &at.key("from"));
        let external = at.key("externalSecrets");
        self.store(store.as_ref(), &external.key("store"));
        self.option(refresh_interval.as_deref(), &rules::INTERVAL, &external.key("refreshInterval"));
        self.option(sops.file.as_deref(), &rules::FILE, &at.key("sops").key("file"));
        self.option(sealed.file.as_deref(), &rules::FILE, &at.key("sealed").key("file"));
    }

    fn waits(&mut self, waits: Option<&Waits>, at: &Path<'_>) {
        if let Some(Waits::Settings(WaitSettings { image, job_image })) = waits {
            self.reference(image.as_deref(), &rules::IMAGE, &at.key("image"));
            self.reference(job_image.as_deref(), &rules::IMAGE, &at.key("jobImage"));
        }
    }

    fn network_policy(&mut self, policy: Option<&NetworkPolicy>, at: &Path<'_>) {
        let Some(NetworkPolicy::Settings(NetworkPolicySettings { egress, controller_namespaces, external })) = policy
        else {
            return;
        };
        for (index, namespace) in controller_namespaces.iter().enumerate() {
            self.text(namespace, &rules::NAMESPACE, &at.key("controllerNamespaces").item(index));
        }
        for (index, ExternalAddress { cidr, ports, from: _ }) in external.iter().enumerate() {
            let list = at.key("external");
            let here = list.item(index);
            self.text(cidr, &rules::CIDR, &here.key("cidr"));
            let list = here.key("ports");
            for (index, _) in ports.iter().enumerate().filter(|(_, port)| **port == 0) {
                self.findings.add(
                    Code::InvalidValue,
                    &list.item(index),
                    "0 is not a valid port",
                    "ports are 1 to 65535",
                );
            }
        }
        if !external.is_empty() && !egress {
            let what = "`external` has no effect without `egress`";
            self.findings.add(Code::NoEffect, &at.key("external"), what, "set `egress: true`, or remove it");
        }
    }

    fn source(&mut self, source: Option<&SecretSource>, at: &Path<'_>) {
        match source {
            None | Some(SecretSource::Deploy | SecretSource::Chart | SecretSource::Sops | SecretSource::Sealed) => {}
            Some(SecretSource::Existing(ExistingSecret { name, key, uri_key })) => {
                let at = at.key("existing");
                self.text(name, &rules::OBJECT_NAME, &at.key("name"));
                self.text(key, &rules::SECRET_KEY, &at.key("key"));
                self.option(uri_key.as_deref(), &rules::SECRET_KEY, &at.key("uriKey"));
            }
            Some(SecretSource::ExternalSecrets(ExternalSecret { key, property, store, refresh_interval })) => {
                let at = at.key("external-secrets");
                self.option(key.as_deref(), &rules::REMOTE_KEY, &at.key("key"));
                self.option(property.as_deref(), &rules::REMOTE_KEY, &at.key("property"));
                self.store(store.as_ref(), &at.key("store"));
                self.option(refresh_interval.as_deref(), &rules::INTERVAL, &at.key("refreshInterval"));
            }
            Some(SecretSource::Deferred(DeferredSecret { secret, key, uri_key, produced_by })) => {
                let at = at.key("deferred");
                self.text(secret, &rules::OBJECT_NAME, &at.key("secret"));
                self.text(key, &rules::SECRET_KEY, &at.key("key"));
                self.option(uri_key.as_deref(), &rules::SECRET_KEY, &at.key("uriKey"));
                self.text(produced_by, &rules::PRODUCER, &at.key("producedBy"));
            }
        }
    }

    fn store(&mut self, store: Option<&SecretStore>, at: &Path<'_>) {
        self.option(store.map(|store| store.name.as_str()), &rules::OBJECT_NAME, &at.key("name"));
    }

    fn resource(&mut self, resource: &Resource, at: &Path<'_>) {
        self.reference(resource.image.as_deref(), &rules::IMAGE, &at.key("image"));
        self.keys(&resource.env, &rules::ENV_NAME, &at.key("env"));
        init_containers::check(&resource.init_containers, self.findings, &at.key("initContainers"));
        self.keys(&resource.files, &rules::MOUNT_PATH, &at.key("files"));
        self.pod_resources(resource.resources.as_ref(), &at.key("resources"));
        probes::check(resource.probes.as_ref(), self.findings, &at.key("probes"));
        databases::check(resource.databases.as_ref(), self.findings, &at.key("databases"));
        self.service(&resource.service, &at.key("service"));
        for (name, volume) in &resource.volumes {
            self.volume(volume, &at.key("volumes").key(name));
        }
        self.labels(&resource.labels, &at.key("labels"));
        self.annotations(&resource.annotations, &at.key("annotations"));
        self.annotations(&resource.pod_annotations, &at.key("podAnnotations"));
        self.labels(&resource.node_selector, &at.key("nodeSelector"));
        self.option(resource.priority_class.as_deref(), &rules::OBJECT_NAME, &at.key("priorityClass"));
        accounts::check(resource.service_account.as_ref(), resource.identity.as_ref(), self.findings, at);
        self.object_names(&resource.image_pull_secrets, &at.key("imagePullSecrets"));
        self.drain(resource, &at.key("drainSeconds"));
        security::check(resource.security.as_ref(), self.findings, &at.key("security"));
        jobs::check(resource, self.findings, at);
        scale::check(resource, self.findings, at);
        sidecars::check(resource, self.findings, at);
        replace::check(resource, self.findings, at);
    }

    fn node_pools(&mut self, pools: &IndexMap<String, NodePool>, at: &Path<'_>) {
        for (name, pool) in pools {
            self.labels(&pool.node_selector, &at.key(name).key("nodeSelector"));
            scale::pool(pool, self.findings, &at.key(name));
        }
    }

    /// The chart leaves out what would take the whole time that a pod has to stop.
    fn drain(&mut self, resource: &Resource, at: &Path<'_>) {
        let grace = resource.termination_grace_period_seconds.unwrap_or(GRACE_PERIOD);
        if let Some(drain) = resource.drain_seconds.filter(|drain| *drain > 0 && *drain >= grace) {
            let what = format!("{drain} seconds are not less than the {grace} seconds in which a pod must stop");
            self.findings.add(
                Code::InvalidValue,
                at,
                what,
                "set fewer seconds, or a larger `terminationGracePeriodSeconds`",
            );
        }
    }

    fn service(&mut self, service: &Service, at: &Path<'_>) {
        self.annotations(&service.annotations, &at.key("annotations"));
        self.option(service.load_balancer_class.as_deref(), &rules::LOAD_BALANCER_CLASS, &at.key("loadBalancerClass"));
    }

    fn storage(&mut self, storage: &Storage, at: &Path<'_>) {
        self.option(storage.size.as_deref(), &rules::SIZE, &at.key("size"));
        self.option(storage.storage_class.as_deref(), &rules::STORAGE_CLASS, &at.key("storageClass"));
        self.annotations(&storage.annotations, &at.key("annotations"));
    }

    fn volume(&mut self, volume: &Volume, at: &Path<'_>) {
        self.option(volume.size.as_deref(), &rules::SIZE, &at.key("size"));
        self.option(volume.storage_class.as_deref(), &rules::STORAGE_CLASS, &at.key("storageClass"));
        self.annotations(&volume.annotations, &at.key("annotations"));
        self.option(volume.volume_name.as_deref(), &rules::OBJECT_NAME, &at.key("volumeName"));
        self.option(volume.claim_name.as_deref(), &rules::OBJECT_NAME, &at.key("claimName"));
        self.option(volume.existing_claim.as_deref(), &rules::OBJECT_NAME, &at.key("existingClaim"));
        self.option(volume.mount_path.as_deref(), &rules::MOUNT_PATH, &at.key("mountPath"));
        self.option(volume.sub_path.as_deref(), &rules::SUB_PATH, &at.key("subPath"));
        if let Some((head, why)) = stands_alone(volume) {
            self.contradictions(volume, head, why, at);
        }
    }

    /// Says which keys do not go together with the key `head`.
    fn contradictions(&mut self, volume: &Volume, head: &str, why: &str, at: &Path<'_>) {
        let of_one = head == "perReplica";
        let given = [
            ("ephemeral", volume.ephemeral),
            ("of", volume.of.is_some()),
            ("size", volume.size.is_some()),
            ("storageClass", volume.storage_class.is_some()),
            ("volumeName", volume.volume_name.is_some()),
            ("claimName", volume.claim_name.is_some()),
            ("accessModes", !volume.access_modes.is_empty()),
            ("annotations", !volume.annotations.is_empty()),
            ("perReplica", volume.per_replica),
        ];
        // A claim per replica is described like any other, but for what only one of them can have.
        let meant = |key: &str| key != head && (!of_one || ["volumeName", "claimName"].contains(&key));
        let others: Vec<String> =
            given.iter().filter(|(key, given)| *given && meant(key)).map(|(key, _)| format!("`{key}`")).collect();
        if !others.is_empty() {
            self.findings.add(Code::ConflictingKeys, at, format!("`{head}` contradicts {}", others.join(", ")), why);
        }
    }

    fn environment(&mut self, config: &Config, environment: &Environment, at: &Path<'_>) {
        self.release(&environment.release, &at.key("release"));
        let defaults = at.key("defaults");
        self.reference(environment.defaults.registry.as_deref(), &rules::REGISTRY, &defaults.key("registry"));
        self.reference(environment.defaults.tag.as_deref(), &rules::TAG, &defaults.key("tag"));
        let pull_secrets = environment.defaults.image_pull_secrets.as_deref().unwrap_or_default();
        self.object_names(pull_secrets, &defaults.key("imagePullSecrets"));
        scale::check_default(environment.defaults.pod_disruption_budget.as_ref(), self.findings, &defaults);
        self.node_pools(&environment.node_pools, &at.key("nodePools"));
        scale::check_environment_pools(config, environment, self.findings, at);
        self.secrets(&environment.secrets, &at.key("secrets"));
        self.waits(environment.waits.as_ref(), &at.key("waits"));
        self.network_policy(environment.network_policy.as_ref(), &at.key("networkPolicy"));
        self.environment_routes(config, environment, at);
        self.environment_values(config, &environment.values, &at.key("values"));
        for (name, parameter) in &environment.parameters {
            let place = at.key("parameters");
            let both = Parameter { value: parameter.value.clone(), from: parameter.from.clone() };
            self.parameter(&both, &place.key(name));
            let base = config.parameters.get(name);
            if parameter.from.is_some() && base.is_some_and(|base| base.value.is_some()) {
                let what = format!("`from` contradicts `value` of {} above: it is not secret", shown(name));
                self.findings.add(Code::ConflictingKeys, &place.key(name), what, "");
            }
            let from = base.and_then(|base| base.from.as_ref());
            if parameter.value.is_some() && from.is_some() {
                let what = format!("`value` contradicts `from` of {} above: it is a secret", shown(name));
                self.findings.add(Code::ConflictingKeys, &at.key("parameters").key(name), what, "");
            }
        }
        for (name, resource) in &environment.resources {
            self.environment_resource(config.resources.get(name), resource, &at.key("resources").key(name));
        }
        if let Some(dashboard) = &environment.dashboard {
            self.environment_dashboard(config.dashboard.as_ref(), dashboard, &at.key("dashboard"));
        }
    }

    /// Templates and the schema of their values are the same in all environments.
    fn environment_values(&mut self, config: &Config, values: &Map<String, Value>, at: &Path<'_>) {
        for key in values.keys().filter(|key| !config.values.contains_key(*key) && !CHART_KEYS.contains(&key.as_str()))
        {
            let what = format!("{} is not defined outside of this environment", shown(key));
            let hint = "set it under the top-level `values` too, with the value for the other environments";
            self.findings.add(Code::EnvironmentChangesStructure, &at.key(key), what, hint);
        }
    }

    fn environment_resource(&mut self, base: Option<&Resource>, resource: &EnvironmentResource, at: &Path<'_>) {
        self.reference(resource.image.as_deref(), &rules::IMAGE, &at.key("image"));
        if base.is_some_and(|base| base.run_as.is_some()) {
            jobs::check_environment(resource, self.findings, at);
        }
        scale::check_environment(base, resource, self.findings, at);
        sidecars::check_environment(base, resource, self.findings, at);
        replace::check_environment(resource, self.findings, at);
        self.keys(&resource.env, &rules::ENV_NAME, &at.key("env"));
        let containers = base.map_or(&[][..], |base| &base.init_containers);
        let changes = &resource.init_containers;
        init_containers::check_environment(containers, changes, self.findings, &at.key("initContainers"));
        self.pod_resources(resource.resources.as_ref(), &at.key("resources"));
        probes::check(resource.probes.as_ref(), self.findings, &at.key("probes"));
        self.service(&resource.service, &at.key("service"));
        for (name, storage) in &resource.volumes {
            let at = at.key("volumes");
            self.storage(storage, &at.key(name));
            let base = base.and_then(|base| base.volumes.get(name)).and_then(stands_alone);
            let base = base.filter(|(head, _)| *head != "perReplica");
            if let Some((head, why)) = base.filter(|_| *storage != Storage::default()) {
                self.findings.add(
                    Code::ConflictingKeys,
                    &at.key(name),
                    format!("this contradicts `{head}` of the same volume above"),
                    why,
                );
            }
        }
        self.annotations(&resource.annotations, &at.key("annotations"));
        self.annotations(&resource.pod_annotations, &at.key("podAnnotations"));
        self.labels(&resource.node_selector, &at.key("nodeSelector"));
    }

    fn environment_dashboard(&mut self, base: Option<&Dashboard>, own: &EnvironmentDashboard, at: &Path<'_>) {
        let Some(base) = base else {
            let hint =
                "an environment changes values only: set `dashboard: {enabled: false}` outside of `environments` too";
            self.findings.add(
                Code::EnvironmentChangesStructure,
                at,
                "the file has no `dashboard` outside of `environments`",
                hint,
            );
            return;
        };
        dashboard::check_environment(base, own, self.findings, at);
        self.pod_resources(own.resources.as_ref(), &at.key("resources"));
    }

    /// `requests` and `limits` of a container: their names, and quantities.
    fn pod_resources(&mut self, resources: Option<&Map<String, Value>>, at: &Path<'_>) {
        for (key, entries) in resources.into_iter().flatten() {
            let here = at.key(key);
            match (key.as_str(), entries) {
                ("claims", _) => {}
                ("requests" | "limits", Value::Object(entries)) => {
                    for (name, value) in entries {
                        self.quantity(value, &here.key(name));
                    }
                }
                ("requests" | "limits", _) => {
                    self.findings.add(
                        Code::WrongType,
                        &here,
                        "expected a map such as `{cpu: 500m, memory: 256Mi}`",
                        "",
                    );
                }
                _ => {
                    let near = nearest(key, ["requests", "limits", "claims"]);
                    let hint = suggestion(near, "allowed here: requests, limits, claims");
                    self.findings.add(Code::UnknownKey, &here, format!("unknown key {}", shown(key)), hint);
                }
            }
        }
    }

    fn quantity(&mut self, value: &Value, at: &Path<'_>) {
        let legal = match value {
            Value::Number(number) => number.as_f64().is_some_and(|number| number >= 0.0),
            Value::String(text) => rules::is_quantity(text),
            _ => false,
        };
        if !legal {
            let found = if let Value::String(text) = value { shown(text) } else { shown(&value.to_string()) };
            self.findings.add(
                Code::InvalidValue,
                at,
                format!("{found} is not a quantity"),
                "for example 500m, 2, 256Mi or 1.5Gi",
            );
        }
    }

    fn labels(&mut self, labels: &IndexMap<String, String>, at: &Path<'_>) {
        self.keys(labels, &rules::LABEL_KEY, at);
        for (key, value) in labels {
            self.text(value, &rules::LABEL_VALUE, &at.key(key));
        }
    }

    fn annotations(&mut self, annotations: &IndexMap<String, String>, at: &Path<'_>) {
        self.keys(annotations, &rules::ANNOTATION_KEY, at);
        self.findings.reserved_annotations(annotations.keys(), at);
    }

    fn keys<T>(&mut self, map: &IndexMap<String, T>, rule: &Rule, at: &Path<'_>) {
        for key in map.keys() {
            self.text(key, rule, &at.key(key));
        }
    }

    fn object_names(&mut self, names: &[String], at: &Path<'_>) {
        for (index, name) in names.iter().enumerate() {
            self.text(name, &rules::OBJECT_NAME, &at.item(index));
        }
    }

    fn option(&mut self, text: Option<&str>, rule: &Rule, at: &Path<'_>) {
        if let Some(text) = text {
            self.text(text, rule, at);
        }
    }

    fn reference(&mut self, text: Option<&str>, rule: &rules::Reference, at: &Path<'_>) {
        if let Some(wrong) = text.and_then(|text| rule.broken_by(text)) {
            self.findings.add(Code::InvalidValue, at, wrong, rule.says);
        }
    }

    fn text(&mut self, text: &str, rule: &Rule, at: &Path<'_>) {
        if !(rule.legal)(text) {
            self.findings.add(
                Code::InvalidValue,
                at,
                format!("{} is not valid as {}", shown(text), rule.what),
                rule.says,
            );
        }
    }
}

/// The key of a volume that does not go together with others, and why.
fn stands_alone(volume: &Volume) -> Option<(&'static str, &'static str)> {
    if volume.existing_claim.is_some() {
        Some(("existingClaim", "the PVC exists already, so its properties cannot be set here"))
    } else if volume.ephemeral {
        Some(("ephemeral", "an ephemeral volume has no PVC"))
    } else if volume.of.is_some() {
        Some(("of", "size, class and modes are set on the volume of the other resource"))
    } else if volume.per_replica {
        Some(("perReplica", "each replica has its own PVC and volume"))
    } else {
        None
    }
}

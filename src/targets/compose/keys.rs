//! Keys of aspire-k8s.yaml that a Compose file has nothing for. Each is named to the user, so that none is lost in silence.

use super::planning::Planning;
use crate::app::Workload;
use crate::config::{Config, FILE, Resource, SecretSource};
use crate::support::diagnostic::Code;

/// A key, and whether the file sets it.
type Key<T> = (&'static str, fn(&T) -> bool);

/// Keys of the whole file.
const OF_FILE: [Key<Config>; 19] = [
    ("charts", |it| !it.charts.is_empty()),
    ("certManager", |it| it.cert_manager.made().next().is_some()),
    ("ingresses", |it| !it.ingresses.is_empty()),
    ("gateways", |it| !it.gateways.is_empty()),
    ("networkPolicy", |it| it.network_policy.is_some()),
    ("patch", |it| !it.patch.is_empty()),
    ("extraObjects", |it| !it.extra_objects.is_empty()),
    ("values", |it| !it.values.is_empty()),
    ("defaults.imagePullSecrets", |it| !it.defaults.image_pull_secrets.is_empty()),
    ("defaults.annotations", |it| !it.defaults.annotations.is_empty()),
    ("defaults.nodeSelector", |it| !it.defaults.node_selector.is_empty()),
    ("defaults.databases", |it| it.defaults.databases.is_some()),
    ("nodePools", |it| !it.node_pools.is_empty()),
    ("defaults.nodePool", |it| it.defaults.node_pool.is_some()),
    ("defaults.spread", |it| it.defaults.spread.is_some()),
    ("defaults.size", |it| it.defaults.size.is_some()),
    ("defaults.podDisruptionBudget", |it| it.defaults.pod_disruption_budget.is_some()),
    ("defaults.tolerations", |it| !it.defaults.tolerations.is_empty()),
    ("secrets.from", |it| it.secrets.from.as_ref().is_some_and(is_elsewhere)),
];

/// Keys that are about one resource.
const OF_RESOURCE: [Key<Resource>; 24] = [
    ("databases", |it| it.databases.is_some()),
    ("autoscaling", |it| it.autoscaling.is_some()),
    ("podDisruptionBudget", |it| it.pod_disruption_budget.is_some()),
    ("strategy", |it| it.strategy.is_some()),
    ("size", |it| it.size.is_some()),
    ("nodePool", |it| it.node_pool.is_some()),
    ("spread", |it| it.spread.is_some()),
    ("service.type", |it| it.service.service_type.is_some()),
    ("service.annotations", |it| !it.service.annotations.is_empty()),
    ("service.nodePorts", |it| !it.service.node_ports.is_empty()),
    ("service.loadBalancerClass", |it| it.service.load_balancer_class.is_some()),
    ("service.externalTrafficPolicy", |it| it.service.external_traffic_policy.is_some()),
    ("volumes.*.existingClaim", |it| it.volumes.values().any(|volume| volume.existing_claim.is_some())),
    ("volumes.*.volumeName", |it| it.volumes.values().any(|volume| volume.volume_name.is_some())),
    ("volumes.*.subPath", |it| it.volumes.values().any(|volume| volume.sub_path.is_some())),
    ("annotations", |it| !it.annotations.is_empty()),
    ("podAnnotations", |it| !it.pod_annotations.is_empty()),
    ("nodeSelector", |it| !it.node_selector.is_empty()),
    ("tolerations", |it| !it.tolerations.is_empty()),
    ("affinity", |it| it.affinity.is_some()),
    ("topologySpreadConstraints", |it| !it.topology_spread_constraints.is_empty()),
    ("priorityClass", |it| it.priority_class.is_some()),
    ("serviceAccount", |it| it.service_account.is_some()),
    ("podSecurityContext", |it| it.pod_security_context.is_some()),
];

/// Whether the value of a secret comes from somewhere else than the user who deploys.
fn is_elsewhere(source: &SecretSource) -> bool {
    !matches!(source, SecretSource::Deploy | SecretSource::Chart)
}

/// Names the keys of the whole file.
pub(super) fn tell_of_file(planning: &mut Planning) {
    let mut keys = set(&OF_FILE, planning.config);
    let parameters = planning.config.parameters.iter();
    let from = parameters.filter(|(_, parameter)| parameter.from.as_ref().is_some_and(is_elsewhere));
    keys.extend(from.map(|(name, _)| format!("parameters.{name}.from")));
    if keys.is_empty() {
        return;
    }
    let secrets = if keys.iter().any(|key| key.ends_with("from")) { "; every secret is a variable" } else { "" };
    planning.note(FILE, format!("a Compose file has no equivalent of `{}`{secrets}", keys.join("`, `")));
}

/// Reports servers outside that only a Service of Kubernetes can give a name of the application.
pub(super) fn refuse_external_names(planning: &mut Planning) {
    let named = planning.config.resources.iter();
    let named = named.filter(|(_, it)| it.replace_with.as_ref().is_some_and(|with| with.external_name.is_some()));
    for (name, _) in named {
        let what = "a Compose file has no equivalent of `externalName`".to_owned();
        planning.problem(Code::UnsupportedKey, name, "replaceWith.externalName", what, "use `host` instead");
    }
}

/// Names the keys of a resource.
pub(super) fn tell_of_resource(planning: &mut Planning, workload: &Workload) {
    let Some(intent) = planning.config.resources.get(&workload.name) else { return };
    let keys = set(&OF_RESOURCE, intent);
    if workload.switch.is_some() {
        let what =
            "an environment leaves it out or replaces it, which is not supported in a Compose file by this version";
        planning.problem(
            Code::UnsupportedKey,
            &workload.name,
            "enabled",
            what.into(),
            "render without that environment",
        );
    }
    for (key, is_set) in
        [("sidecarOf", intent.sidecar_of.is_some()), ("initContainers", !intent.init_containers.is_empty())]
    {
        if is_set {
            let what = format!("a Compose file with `{key}` is not supported by this version");
            let hint = "remove it; a container that runs to its end can be a resource with `runAs: job`";
            planning.problem(Code::UnsupportedKey, &workload.name, key, what, hint);
        }
    }
    if !keys.is_empty() {
        planning.note(&workload.name, format!("a Compose file has no equivalent of `{}`", keys.join("`, `")));
    }
}

fn set<T>(keys: &[Key<T>], of: &T) -> Vec<String> {
    keys.iter().filter(|(_, is_set)| is_set(of)).map(|(key, _)| (*key).to_owned()).collect()
}

//! The rules for autoscaling, disruption budgets, update strategies and node pools that types cannot express.
//!
//! Must not know kinds and volumes of workloads: what they rule out is checked when the chart is planned.

use crate::config::findings::Findings;
use crate::config::path::{Path, shown};
use crate::config::{
    Amount, Autoscaling, AutoscalingSettings, Config, Environment, EnvironmentResource, NodePool, PodDisruptionBudget,
    PodDisruptionBudgetSettings, Resource, UpdateStrategy,
};
use crate::support::diagnostic::{Code, suggestion};
use serde_json::{Map, Value};

/// Reports what is not legal in these keys of a resource.
pub(super) fn check(resource: &Resource, findings: &mut Findings, at: &Path<'_>) {
    let settings = resource.autoscaling.as_ref().and_then(Autoscaling::settings);
    if let Some(settings) = settings {
        autoscaling(settings, findings, &at.key("autoscaling"));
    }
    if settings.is_some() && resource.replicas.is_some() {
        has_no_replicas(findings, at);
    }
    budget(resource.pod_disruption_budget.as_ref(), findings, &at.key("podDisruptionBudget"));
    strategy(resource.strategy.as_ref(), findings, &at.key("strategy"));
    if resource.spread.is_some() && !resource.topology_spread_constraints.is_empty() {
        says_spread_twice(findings, at);
    }
}

/// The same for what an environment changes of a resource.
pub(super) fn check_environment(
    base: Option<&Resource>,
    own: &EnvironmentResource,
    findings: &mut Findings,
    at: &Path<'_>,
) {
    let written = base.and_then(|base| base.autoscaling.as_ref());
    let merged = Autoscaling::merged(written, own.autoscaling.as_ref());
    let settings = merged.as_ref().and_then(Autoscaling::settings);
    if let Some(settings) = settings.filter(|_| own.autoscaling.is_some()) {
        autoscaling(settings, findings, &at.key("autoscaling"));
    }
    if settings.is_some() && own.replicas.is_some() {
        has_no_replicas(findings, at);
    }
    budget(own.pod_disruption_budget.as_ref(), findings, &at.key("podDisruptionBudget"));
    if own.spread.is_some() && base.is_some_and(|base| !base.topology_spread_constraints.is_empty()) {
        says_spread_twice(findings, at);
    }
}

/// Reports what is not legal in `defaults.podDisruptionBudget`.
pub(super) fn check_default(default: Option<&PodDisruptionBudget>, findings: &mut Findings, at: &Path<'_>) {
    budget(default, findings, &at.key("podDisruptionBudget"));
}

/// Reports names of node pools that do not exist.
pub(super) fn check_pools(config: &Config, findings: &mut Findings, at: &Path<'_>) {
    let known: Vec<&str> = config.node_pools.keys().map(String::as_str).collect();
    known_pool(&known, config.defaults.node_pool.as_ref(), findings, &at.key("defaults"));
    for (name, resource) in &config.resources {
        known_pool(&known, resource.node_pool.as_ref(), findings, &at.key("resources").key(name));
    }
}

/// The same in an environment, which may have node pools of its own.
pub(super) fn check_environment_pools(
    config: &Config,
    environment: &Environment,
    findings: &mut Findings,
    at: &Path<'_>,
) {
    let known: Vec<&str> = config.node_pools.keys().chain(environment.node_pools.keys()).map(String::as_str).collect();
    known_pool(&known, environment.defaults.node_pool.as_ref(), findings, &at.key("defaults"));
    for (name, resource) in &environment.resources {
        known_pool(&known, resource.node_pool.as_ref(), findings, &at.key("resources").key(name));
    }
}

/// Reports a node pool without content.
pub(super) fn pool(pool: &NodePool, findings: &mut Findings, at: &Path<'_>) {
    if *pool == NodePool::default() {
        let hint = "set `nodeSelector`, `tolerations` or `affinity`";
        findings.add(Code::NoEffect, at, "a node pool without settings selects no nodes", hint);
    }
}

fn known_pool(known: &[&str], pool: Option<&String>, findings: &mut Findings, at: &Path<'_>) {
    let Some(pool) = pool.filter(|pool| !known.contains(&pool.as_str())) else { return };
    let hint = suggestion(findings.nearest(pool, known.iter().copied()), "define it under `nodePools`");
    findings.add(Code::UnknownEntry, &at.key("nodePool"), format!("`nodePools` has no {}", shown(pool)), hint);
}

fn has_no_replicas(findings: &mut Findings, at: &Path<'_>) {
    let hint = "remove `replicas`, or set `autoscaling.minReplicas`";
    let what = "`autoscaling` and `replicas` exclude each other: the autoscaler sets the number of pods";
    findings.add(Code::ConflictingKeys, &at.key("replicas"), what, hint);
}

fn says_spread_twice(findings: &mut Findings, at: &Path<'_>) {
    let what = "`spread` and `topologySpreadConstraints` exclude each other";
    findings.add(Code::ConflictingKeys, &at.key("spread"), what, "remove one of them");
}

fn autoscaling(settings: &AutoscalingSettings, findings: &mut Findings, at: &Path<'_>) {
    let fewest = settings.fewest();
    match settings.max_replicas {
        None => findings.add(Code::MissingKey, at, "`maxReplicas` is missing", "set the largest number of pods"),
        Some(most) if most < fewest => {
            let what = format!("`maxReplicas` is {most}, and `minReplicas` is {fewest}");
            findings.add(Code::InvalidValue, at, what, "set `maxReplicas` to `minReplicas` or more");
        }
        Some(_) => {}
    }
    // Pods that do not run use neither CPU nor memory.
    let starts =
        |trigger: &Map<String, Value>| trigger.get("type").is_some_and(|kind| kind != "cpu" && kind != "memory");
    if fewest == 0 && (!settings.is_keda() || !settings.triggers.iter().any(starts)) {
        let what = "only KEDA starts the first pod, by a trigger other than CPU and memory";
        let hint = "set `minReplicas: 1`, or `keda: true` with such a trigger";
        findings.add(Code::InvalidValue, &at.key("minReplicas"), what, hint);
    }
    if settings.is_keda() {
        if !settings.metrics.is_empty() {
            let what = "`keda` and `metrics` exclude each other";
            findings.add(Code::ConflictingKeys, &at.key("metrics"), what, "write them as `triggers`");
        }
        if settings.triggers.is_empty() && settings.cpu.is_none() && settings.memory.is_none() {
            findings.add(Code::MissingKey, at, "`triggers` is missing", "set `triggers`, `cpu` or `memory`");
        }
    } else if !settings.triggers.is_empty() {
        let what = "`triggers` has no effect without `keda`";
        findings.add(Code::NoEffect, &at.key("triggers"), what, "set `keda: true`, or remove it");
    }
    typed(&settings.metrics, findings, &at.key("metrics"));
    typed(&settings.triggers, findings, &at.key("triggers"));
}

/// Metrics and triggers have a type.
fn typed(items: &[Map<String, Value>], findings: &mut Findings, at: &Path<'_>) {
    for (index, _) in items.iter().enumerate().filter(|(_, item)| !item.get("type").is_some_and(Value::is_string)) {
        findings.add(Code::MissingKey, &at.item(index), "`type` is missing", "");
    }
}

fn budget(budget: Option<&PodDisruptionBudget>, findings: &mut Findings, at: &Path<'_>) {
    let Some(PodDisruptionBudgetSettings { min_available, max_unavailable }) =
        budget.and_then(PodDisruptionBudget::settings)
    else {
        return;
    };
    match (min_available, max_unavailable) {
        (Some(_), Some(_)) => {
            let what = "`minAvailable` and `maxUnavailable` exclude each other";
            findings.add(Code::ConflictingKeys, at, what, "remove one of them");
        }
        (None, None) => {
            let hint = "set `maxUnavailable: 1`, or `minAvailable`";
            findings.add(Code::MissingKey, at, "`minAvailable` or `maxUnavailable` is missing", hint);
        }
        _ => {}
    }
    amount(min_available.as_ref(), findings, &at.key("minAvailable"));
    amount(max_unavailable.as_ref(), findings, &at.key("maxUnavailable"));
}

fn strategy(strategy: Option<&UpdateStrategy>, findings: &mut Findings, at: &Path<'_>) {
    let Some(UpdateStrategy::RollingUpdate(update)) = strategy else { return };
    amount(update.max_surge.as_ref(), findings, &at.key("maxSurge"));
    amount(update.max_unavailable.as_ref(), findings, &at.key("maxUnavailable"));
    let no_more = update.max_surge.as_ref().is_some_and(Amount::is_zero);
    if no_more && update.max_unavailable.as_ref().is_none_or(Amount::is_zero) {
        let what = "with `maxSurge` and `maxUnavailable` both 0, no pod can be replaced";
        findings.add(Code::InvalidValue, at, what, "set one of them to 1 or more, or `strategy: Recreate`");
    }
}

/// A share is a percentage.
fn amount(amount: Option<&Amount>, findings: &mut Findings, at: &Path<'_>) {
    let Some(Amount::Share(share)) = amount else { return };
    let is_digits = |digits: &str| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let percent = share.strip_suffix('%').filter(|digits| is_digits(digits));
    if percent.and_then(|digits| digits.parse::<u32>().ok()).is_none_or(|percent| percent > 100) {
        let what = format!("{} is neither a number of pods nor a share of them", shown(share));
        findings.add(Code::InvalidValue, at, what, "for example 1 or 25%");
    }
}

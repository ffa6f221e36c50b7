//! Where the pods of a workload run: its node pool, and over what they are distributed.
//!
//! Must not know the cluster: whether nodes fit is seen when pods are scheduled.

use crate::config::{Config, NodePool, Resource, Spread, Spreading};
use indexmap::IndexMap;
use serde_json::{Map, Value as Json, json};

/// Labels of pods that tell the pods of one release, and of one version of a Deployment, from others.
const OF_RELEASE: &str = "app.kubernetes.io/instance";
const OF_VERSION: &str = "pod-template-hash";

/// The fields of a pod that place it.
pub(crate) struct Placement {
    pub node_selector: IndexMap<String, String>,
    pub tolerations: Vec<Map<String, Json>>,
    pub affinity: Map<String, Json>,
}

/// What a resource, its node pool and the defaults say together: the resource wins over the pool, the pool over the defaults.
pub(crate) fn of(intent: &Resource, config: &Config) -> Placement {
    let defaults = &config.defaults;
    let pool = intent.node_pool.as_ref().or(defaults.node_pool.as_ref());
    let none = NodePool::default();
    let pool = pool.and_then(|name| config.node_pools.get(name)).unwrap_or(&none);
    let mut node_selector = defaults.node_selector.clone();
    node_selector.extend(pool.node_selector.clone());
    node_selector.extend(intent.node_selector.clone());
    let own = if intent.tolerations.is_empty() { &defaults.tolerations } else { &intent.tolerations };
    let mut tolerations = pool.tolerations.clone();
    tolerations.extend(own.iter().filter(|own| !pool.tolerations.contains(own)).cloned());
    let affinity = intent.affinity.as_ref().or(pool.affinity.as_ref()).cloned().unwrap_or_default();
    Placement { node_selector, tolerations, affinity }
}

/// Topology spread constraints: those of the resource, or those that `spread` stands for. `name` is the workload's.
pub(crate) fn spread(intent: &Resource, default: Option<Spread>, name: &str) -> Vec<Map<String, Json>> {
    if !intent.topology_spread_constraints.is_empty() || intent.run_as.is_some() {
        return intent.topology_spread_constraints.clone();
    }
    let Spread { zone, hostname } = default.unwrap_or_default().with(intent.spread.unwrap_or_default());
    let over = [(zone, "topology.kubernetes.io/zone"), (hostname, "kubernetes.io/hostname")];
    let constraints = over.into_iter().filter_map(|(spreading, key)| {
        let otherwise = match spreading? {
            Spreading::Preferred => "ScheduleAnyway",
            Spreading::Required => "DoNotSchedule",
            Spreading::None => return None,
        };
        // The name of the release is no value: the scheduler takes it from the pod. Keys that a pod lacks are ignored.
        let constraint = json!({
            "maxSkew": 1, "topologyKey": key, "whenUnsatisfiable": otherwise,
            "labelSelector": {"matchLabels": {"app.kubernetes.io/component": name}},
            "matchLabelKeys": [OF_RELEASE, OF_VERSION],
        });
        constraint.as_object().cloned()
    });
    constraints.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::parse;

    #[test]
    fn a_resource_wins_over_its_pool_and_the_pool_over_the_defaults() {
        let text = "defaults: {nodeSelector: {os: linux, pool: any}, tolerations: [{key: a}], nodePool: fast}\n\
            nodePools: {fast: {nodeSelector: {pool: fast, disk: ssd}, tolerations: [{key: fast}, {key: a}], affinity: {nodeAffinity: {}}}, gpu: {tolerations: [{key: gpu}]}}\n\
            resources: {own: {nodeSelector: {disk: nvme}, tolerations: [{key: own}], affinity: {podAffinity: {}}}, gpu: {nodePool: gpu}}\n";
        let config = parse(text).unwrap();
        let placed = |resource: &str| {
            let Placement { node_selector, tolerations, affinity } = of(&config.intent(resource), &config);
            json!([node_selector, tolerations, affinity])
        };
        let pool = json!([{"os": "linux", "pool": "fast", "disk": "ssd"}, [{"key": "fast"}, {"key": "a"}], {"nodeAffinity": {}}]);
        assert_eq!(placed("other"), pool);
        let own = json!([{"os": "linux", "pool": "fast", "disk": "nvme"}, [{"key": "fast"}, {"key": "a"}, {"key": "own"}], {"podAffinity": {}}]);
        assert_eq!(placed("own"), own);
        assert_eq!(placed("gpu"), json!([{"os": "linux", "pool": "any"}, [{"key": "gpu"}, {"key": "a"}], {}]));
    }

    #[test]
    fn pods_are_distributed_as_the_words_say() {
        let text = "defaults: {spread: {zone: required, hostname: preferred}}\n\
            resources: {a: {spread: {hostname: none}}, raw: {topologySpreadConstraints: [{maxSkew: 2}]}, once: {runAs: job}}\n";
        let config = parse(text).unwrap();
        let of = |resource: &str| json!(spread(&config.intent(resource), config.defaults.spread, resource));
        let zone = json!({
            "maxSkew": 1, "topologyKey": "topology.kubernetes.io/zone", "whenUnsatisfiable": "DoNotSchedule",
            "labelSelector": {"matchLabels": {"app.kubernetes.io/component": "a"}},
            "matchLabelKeys": ["app.kubernetes.io/instance", "pod-template-hash"],
        });
        assert_eq!(of("a"), json!([zone]));
        assert_eq!(of("b")[1]["whenUnsatisfiable"], "ScheduleAnyway");
        assert_eq!((of("raw"), of("once")), (json!([{"maxSkew": 2}]), json!([])));
    }
}

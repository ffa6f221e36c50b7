//! Which workloads have templates of autoscalers and PodDisruptionBudgets: those for which the file or any environment asks
//! for one. Templates are the same in all environments; a value turns an object on or off.

use super::{Autoscaling, AutoscalingSettings, Config, PodDisruptionBudget};
use std::collections::BTreeMap;

/// Objects that scale one workload or protect its pods, in any environment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct ScaleObjects {
    /// A HorizontalPodAutoscaler.
    pub autoscaler: bool,
    /// A ScaledObject of KEDA.
    pub scaled_object: bool,
    /// A PodDisruptionBudget.
    pub budget: bool,
}

/// The same for all workloads.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Scaled {
    /// Whether every workload can have a PodDisruptionBudget.
    budgets: bool,
    by_resource: BTreeMap<String, ScaleObjects>,
}

impl Scaled {
    /// The objects of a workload.
    pub(crate) fn of(&self, resource: &str) -> ScaleObjects {
        let own = self.by_resource.get(resource).copied().unwrap_or_default();
        ScaleObjects { budget: own.budget || self.budgets, ..own }
    }

    fn add(&mut self, resource: &str, autoscaling: Option<&Autoscaling>, budget: Option<&PodDisruptionBudget>) {
        let settings = autoscaling.and_then(Autoscaling::settings);
        let own = self.by_resource.entry(resource.to_owned()).or_default();
        own.autoscaler |= settings.is_some_and(|settings| !settings.is_keda());
        own.scaled_object |= settings.is_some_and(AutoscalingSettings::is_keda);
        own.budget |= is_used(budget);
    }
}

fn is_used(budget: Option<&PodDisruptionBudget>) -> bool {
    budget.is_some_and(|budget| budget.settings().is_some())
}

impl Config {
    /// The objects that templates exist for, in the file and all of its environments.
    pub(crate) fn scaled(&self) -> Scaled {
        if let Some(scaled) = &self.scaled_of_file {
            return scaled.clone();
        }
        let defaults = self.environments.values().map(|environment| &environment.defaults.pod_disruption_budget);
        let mut defaults = defaults.chain([&self.defaults.pod_disruption_budget]);
        let mut scaled =
            Scaled { budgets: defaults.any(|budget| is_used(budget.as_ref())), by_resource: BTreeMap::new() };
        for (name, resource) in &self.resources {
            scaled.add(name, resource.autoscaling.as_ref(), resource.pod_disruption_budget.as_ref());
        }
        for (name, own) in self.environments.values().flat_map(|environment| &environment.resources) {
            let base = self.resources.get(name).and_then(|resource| resource.autoscaling.as_ref());
            let merged = Autoscaling::merged(base, own.autoscaling.as_ref());
            scaled.add(name, merged.as_ref(), own.pod_disruption_budget.as_ref());
        }
        scaled
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::parse;

    #[test]
    fn an_environment_alone_asks_for_the_templates_of_all() {
        let text = "resources: {a: {autoscaling: {maxReplicas: 3}}, c: {autoscaling: none}}\n\
            environments: {dev: {resources: {a: {autoscaling: none}}}, live: {resources: {a: {autoscaling: {keda: true, triggers: [{type: cron}]}}, \
            b: {podDisruptionBudget: {minAvailable: 1}}}}}\n";
        let config = parse(text).unwrap();
        let expected = ScaleObjects { autoscaler: true, scaled_object: true, budget: false };
        for config in [config.clone(), config.for_environment("dev").unwrap(), config.for_environment("live").unwrap()]
        {
            let scaled = config.scaled();
            assert_eq!(scaled.of("a"), expected);
            assert_eq!(scaled.of("b"), ScaleObjects { budget: true, ..ScaleObjects::default() });
            assert_eq!((scaled.of("c"), scaled.of("d")), (ScaleObjects::default(), ScaleObjects::default()));
        }
    }

    #[test]
    fn a_default_budget_is_for_every_workload() {
        let text = "environments: {live: {defaults: {podDisruptionBudget: {maxUnavailable: 1}}}}\n";
        assert!(parse(text).unwrap().scaled().of("any").budget);
        assert!(!parse("defaults: {podDisruptionBudget: none}\n").unwrap().scaled().of("any").budget);
    }
}

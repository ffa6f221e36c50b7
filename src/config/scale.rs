//! `autoscaling:`, `podDisruptionBudget:` and `strategy:` of a resource, as written. The keys are those of Kubernetes.
//!
//! Must not know the workload: what a StatefulSet or a volume rules out is checked when the chart is planned.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// `autoscaling:` of a resource.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Autoscaling {
    /// No autoscaling, for environments.
    Word(NoneWord),
    /// An autoscaler with these settings.
    Settings(AutoscalingSettings),
}

/// The word for an object that there is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum NoneWord {
    /// Turned off.
    None,
}

/// Settings of an autoscaler.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct AutoscalingSettings {
    /// Fewest pods; 1 when absent. 0 needs `keda` and a trigger other than CPU and memory.
    #[schemars(range(max = 2_147_483_647))]
    pub min_replicas: Option<u32>,
    /// Most pods.
    #[schemars(range(min = 1, max = 2_147_483_647))]
    pub max_replicas: Option<u32>,
    /// Target of the average CPU usage, as a percentage of the request; 80 if there is no other target.
    #[schemars(range(min = 1, max = 2_147_483_647))]
    pub cpu: Option<u32>,
    /// Target of the average memory usage, as a percentage of the request.
    #[schemars(range(min = 1, max = 2_147_483_647))]
    pub memory: Option<u32>,
    /// Further metrics, as in a HorizontalPodAutoscaler (autoscaling/v2).
    pub metrics: Vec<Map<String, Value>>,
    /// How fast it scales, as in a HorizontalPodAutoscaler (autoscaling/v2).
    pub behavior: Option<Map<String, Value>>,
    /// Whether it is a ScaledObject of KEDA, which must be installed, instead of a HorizontalPodAutoscaler.
    pub keda: Option<bool>,
    /// Triggers, as in a ScaledObject.
    pub triggers: Vec<Map<String, Value>>,
}

/// `podDisruptionBudget:` of a resource, or of all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum PodDisruptionBudget {
    /// No PodDisruptionBudget.
    Word(NoneWord),
    /// A PodDisruptionBudget with one of these settings.
    Settings(PodDisruptionBudgetSettings),
}

/// Settings of a PodDisruptionBudget.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct PodDisruptionBudgetSettings {
    /// Pods that stay while a node is drained: a number, or a share such as `50%`.
    pub min_available: Option<Amount>,
    /// Pods that may be gone while a node is drained: a number, or a share such as `25%`.
    pub max_unavailable: Option<Amount>,
}

/// A number of pods, or a share of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Amount {
    /// So many pods.
    Number(#[schemars(range(max = 2_147_483_647))] u32),
    /// A percentage of the pods, such as `25%`.
    Share(String),
}

/// `strategy:` of a resource: how a Deployment replaces its pods.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum UpdateStrategy {
    /// The strategy by its name, with the default settings.
    Word(StrategyWord),
    /// A rolling update with these settings.
    RollingUpdate(RollingUpdate),
}

/// Strategies of a Deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum StrategyWord {
    /// New pods start before old ones stop.
    RollingUpdate,
    /// All old pods stop before new ones start.
    Recreate,
}

/// Settings of a rolling update.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct RollingUpdate {
    /// Pods more than `replicas` during an update: a number, or a share such as `25%`; 1 when absent.
    pub max_surge: Option<Amount>,
    /// Pods less than `replicas` during an update: a number, or a share such as `25%`; 0 when absent.
    pub max_unavailable: Option<Amount>,
}

impl Autoscaling {
    /// The settings, unless it is turned off.
    pub(crate) fn settings(&self) -> Option<&AutoscalingSettings> {
        match self {
            Self::Word(NoneWord::None) => None,
            Self::Settings(settings) => Some(settings),
        }
    }

    /// What an environment makes of it: its keys replace those of the file.
    pub(super) fn merged(base: Option<&Self>, own: Option<&Self>) -> Option<Self> {
        match (base, own) {
            (Some(Self::Settings(base)), Some(Self::Settings(own))) => Some(Self::Settings(base.with(own))),
            (base, own) => own.or(base).cloned(),
        }
    }
}

impl AutoscalingSettings {
    fn with(&self, own: &Self) -> Self {
        let list = |base: &Vec<Map<String, Value>>, own: &Vec<Map<String, Value>>| {
            if own.is_empty() { base.clone() } else { own.clone() }
        };
        Self {
            min_replicas: own.min_replicas.or(self.min_replicas),
            max_replicas: own.max_replicas.or(self.max_replicas),
            cpu: own.cpu.or(self.cpu),
            memory: own.memory.or(self.memory),
            metrics: list(&self.metrics, &own.metrics),
            behavior: own.behavior.clone().or_else(|| self.behavior.clone()),
            keda: own.keda.or(self.keda),
            triggers: list(&self.triggers, &own.triggers),
        }
    }

    /// Whether KEDA scales the pods.
    pub(crate) fn is_keda(&self) -> bool {
        self.keda == Some(true)
    }

    /// Fewest pods.
    pub(crate) fn fewest(&self) -> u32 {
        self.min_replicas.unwrap_or(1)
    }

    /// The target for CPU, in percent: Kubernetes takes 80 too if nothing else is said. KEDA has no such default.
    pub(crate) fn cpu_target(&self) -> Option<u32> {
        let is_alone = self.memory.is_none() && self.metrics.is_empty() && !self.is_keda();
        self.cpu.or_else(|| is_alone.then_some(80))
    }
}

impl PodDisruptionBudget {
    /// The settings, unless it is turned off.
    pub(crate) fn settings(&self) -> Option<&PodDisruptionBudgetSettings> {
        match self {
            Self::Word(NoneWord::None) => None,
            Self::Settings(settings) => Some(settings),
        }
    }
}

impl Amount {
    /// As text: `2` or `25%`.
    pub(crate) fn to_text(&self) -> String {
        match self {
            Self::Number(number) => number.to_string(),
            Self::Share(share) => share.clone(),
        }
    }

    /// Whether it stands for no pod.
    pub(crate) fn is_zero(&self) -> bool {
        match self {
            Self::Number(number) => *number == 0,
            Self::Share(share) => share.trim_start_matches('0') == "%",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(settings: Value) -> Autoscaling {
        serde_json::from_value(settings).unwrap()
    }

    #[test]
    fn an_environment_replaces_the_keys_that_it_has() {
        let base = read(json!({"minReplicas": 2, "maxReplicas": 5, "cpu": 70}));
        let merged = |own: Value| Autoscaling::merged(Some(&base), Some(&read(own)));
        assert_eq!(
            merged(json!({"maxReplicas": 20})),
            Some(read(json!({"minReplicas": 2, "maxReplicas": 20, "cpu": 70})))
        );
        assert_eq!(merged(json!("none")), Some(read(json!("none"))));
        assert_eq!(Autoscaling::merged(Some(&base), None), Some(base.clone()));
        let off = read(json!("none"));
        assert_eq!(Autoscaling::merged(Some(&off), Some(&base)), Some(base.clone()));
        assert_eq!((off.settings(), Autoscaling::merged(None, None)), (None, None));
    }

    #[test]
    fn cpu_is_the_target_if_nothing_else_is_said() {
        let target = |settings: Value| read(settings).settings().unwrap().cpu_target();
        assert_eq!(target(json!({"maxReplicas": 3})), Some(80));
        assert_eq!(target(json!({"maxReplicas": 3, "cpu": 60, "memory": 70})), Some(60));
        assert_eq!(target(json!({"maxReplicas": 3, "memory": 70})), None);
        assert_eq!(target(json!({"maxReplicas": 3, "metrics": [{"type": "Pods"}]})), None);
        assert_eq!(target(json!({"maxReplicas": 3, "keda": true, "triggers": [{"type": "cron"}]})), None);
    }

    #[test]
    fn amounts_are_numbers_or_shares() {
        let amount = |value: Value| serde_json::from_value::<Amount>(value).unwrap();
        for (value, text, is_zero) in
            [(json!(0), "0", true), (json!(2), "2", false), (json!("0%"), "0%", true), (json!("10%"), "10%", false)]
        {
            assert_eq!((amount(value.clone()).to_text().as_str(), amount(value).is_zero()), (text, is_zero));
        }
    }
}

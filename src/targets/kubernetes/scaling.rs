//! Numbers of pods: values of autoscalers, PodDisruptionBudgets and update strategies, and which workloads cannot have them.
//!
//! Must not know how many pods there are: a deploy reads that from the cluster.

use super::claims::WorkloadStorage;
use super::view::ScaleView;
use crate::config::{
    Amount, Autoscaling, AutoscalingSettings, Config, Defaults, PodDisruptionBudget, Resource, RollingUpdate, Scaled,
    StrategyWord, UpdateStrategy, intent_place,
};
use crate::support::diagnostic::{Code, Diagnostic, Diagnostics};
use serde_json::{Value as Json, json};

/// Kinds of workload that autoscalers and PodDisruptionBudgets are for.
const SCALED_KINDS: [&str; 2] = ["Deployment", "StatefulSet"];

/// Pods from which on a budget that is a default exists: with a single pod it would protect nothing, or block every drain.
const FROM_REPLICAS: u32 = 2;

/// A value of a workload: key, comment, content.
pub(crate) type Entry = (&'static str, &'static str, Json);

/// The objects that a workload has in any environment.
pub(crate) fn view(kind: &str, resource: &str, scaled: &Scaled) -> ScaleView {
    let objects = scaled.of(resource);
    let is_scaled = SCALED_KINDS.contains(&kind);
    ScaleView {
        autoscaler: is_scaled && objects.autoscaler,
        scaled_object: is_scaled && objects.scaled_object,
        budget: is_scaled && objects.budget,
    }
}

/// The values that turn these objects on and describe them, and those of the update strategy.
pub(crate) fn values(intent: &Resource, defaults: &Defaults, view: ScaleView) -> Vec<Entry> {
    let mut entries = Vec::new();
    if view.autoscaler || view.scaled_object {
        let comment = "The autoscaler; 0 means no target. helm sets `replicas` pods, which `kubectl aspire deploy` reads from the cluster.";
        entries.push(("autoscaling", comment, autoscaling(intent.autoscaling.as_ref())));
    }
    if view.budget {
        let comment =
            "The PodDisruptionBudget, which exists from `fromReplicas` pods on; one of both amounts, as text.";
        entries.push(("podDisruptionBudget", comment, budget(intent, defaults)));
    }
    entries.extend(intent.strategy.as_ref().map(|own| ("strategy", "As in a Deployment.", strategy(own))));
    entries
}

fn autoscaling(autoscaling: Option<&Autoscaling>) -> Json {
    let settings = autoscaling.and_then(Autoscaling::settings);
    let enabled = settings.is_some();
    let off = AutoscalingSettings::default();
    let settings = settings.unwrap_or(&off);
    json!({
        "enabled": enabled,
        "minReplicas": settings.fewest(),
        "maxReplicas": settings.max_replicas.unwrap_or(1),
        "cpu": settings.cpu_target().unwrap_or(0),
        "memory": settings.memory.unwrap_or(0),
        "metrics": settings.metrics,
        "behavior": settings.behavior.clone().unwrap_or_default(),
        "keda": settings.is_keda(),
        "triggers": settings.triggers,
        "replicas": 0,
    })
}

fn budget(intent: &Resource, defaults: &Defaults) -> Json {
    let own = intent.pod_disruption_budget.as_ref();
    let settings = own.or(defaults.pod_disruption_budget.as_ref()).and_then(PodDisruptionBudget::settings);
    let text = |amount: Option<&Amount>| amount.map(Amount::to_text).unwrap_or_default();
    json!({
        "enabled": settings.is_some(),
        "fromReplicas": if own.is_some() { 1 } else { FROM_REPLICAS },
        "minAvailable": text(settings.and_then(|settings| settings.min_available.as_ref())),
        "maxUnavailable": text(settings.and_then(|settings| settings.max_unavailable.as_ref())),
    })
}

fn strategy(strategy: &UpdateStrategy) -> Json {
    let rolling = |update: &RollingUpdate| {
        let amount = |amount: Option<&Amount>, default: u32| amount.map_or_else(|| json!(default), |it| json!(it));
        json!({"type": "RollingUpdate", "rollingUpdate": {
            "maxSurge": amount(update.max_surge.as_ref(), 1),
            "maxUnavailable": amount(update.max_unavailable.as_ref(), 0),
        }})
    };
    match strategy {
        UpdateStrategy::Word(StrategyWord::Recreate) => json!({"type": "Recreate"}),
        UpdateStrategy::Word(StrategyWord::RollingUpdate) => rolling(&RollingUpdate::default()),
        UpdateStrategy::RollingUpdate(update) => rolling(update),
    }
}

/// What is known of a workload when its numbers are checked.
pub(crate) struct Checked<'a> {
    /// The resource.
    pub name: &'a str,
    pub kind: &'a str,
    pub storage: &'a WorkloadStorage,
    /// Requests and limits of its container.
    pub resources: &'a Json,
}

/// Reports numbers that the kind, the volumes or the requests of a workload do not allow.
pub(crate) fn check(workload: &Checked, config: &Config, diagnostics: &mut Diagnostics) {
    let Some(intent) = config.resources.get(workload.name) else { return };
    let settings = intent.autoscaling.as_ref().and_then(Autoscaling::settings);
    let (key, most) = match settings {
        Some(settings) => ("autoscaling.maxReplicas", settings.max_replicas.unwrap_or(1)),
        None => ("replicas", intent.replicas.unwrap_or(1)),
    };
    check_volumes(workload, key, most, diagnostics);
    if let Some(settings) = settings {
        check_requests(workload, settings, diagnostics);
    }
    if intent.strategy.is_some() && workload.kind == "StatefulSet" {
        let what = format!("`{}` is a StatefulSet, which has no such strategy", workload.name);
        let hint = "remove `strategy`: a StatefulSet replaces one pod at a time; `patch` can set its `updateStrategy`";
        let place = intent_place(format!("resources.{}.strategy", workload.name));
        diagnostics.push(Diagnostic::new(Code::ConflictingKeys, place, what).hint(hint));
    }
}

/// Several replicas need a volume that several pods can mount.
fn check_volumes(workload: &Checked, key: &str, most: u32, diagnostics: &mut Diagnostics) {
    let Checked { name, storage, .. } = workload;
    let mut single_pod = storage.single_pod.iter().chain(&storage.single_pod_beside);
    let Some(volume) = single_pod.next().filter(|_| most > 1) else { return };
    let place = intent_place(format!("resources.{name}.{key}"));
    let what = if key == "replicas" {
        format!("`{name}` has {most} replicas, but its volume `{volume}` can be used by one pod at a time")
    } else {
        format!("`{name}` can have {most} replicas, but its volume `{volume}` can be used by one pod at a time")
    };
    let hint = format!(
        "set `accessModes: [ReadWriteMany]` or `perReplica: true` for the volume, if the application supports it; \
         otherwise {}",
        if key == "replicas" { "set `replicas: 1`" } else { "remove `autoscaling`" },
    );
    diagnostics.push(Diagnostic::new(Code::VolumeNotShareable, place, what).hint(hint));
}

/// A target in percent is a share of the request. Kubernetes takes the limit for a request that is not set.
fn check_requests(workload: &Checked, settings: &AutoscalingSettings, diagnostics: &mut Diagnostics) {
    let is_set =
        |resource: &str| ["requests", "limits"].iter().any(|group| !workload.resources[*group][resource].is_null());
    let targets = [("cpu", settings.cpu_target()), ("memory", settings.memory)];
    for (resource, _) in targets.into_iter().filter(|(resource, target)| target.is_some() && !is_set(resource)) {
        let what =
            format!("`{}` has no request for {resource}, and the autoscaler needs a percentage of it", workload.name);
        let hint = format!("set `resources: {{requests: {{{resource}: ...}}}}` or `size`, or another target");
        let place = intent_place(format!("resources.{}.autoscaling", workload.name));
        diagnostics.push(Diagnostic::new(Code::MissingKey, place, what).hint(hint));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::parse;

    const ALL: ScaleView = ScaleView { autoscaler: true, scaled_object: true, budget: true };

    /// The values of the resource `a`, by key.
    fn values_of(text: &str) -> Json {
        let config = parse(text).unwrap();
        let entries = values(&config.intent("a"), &config.defaults, ALL);
        Json::Object(entries.into_iter().map(|(key, _, value)| (key.to_owned(), value)).collect())
    }

    #[test]
    fn what_is_off_has_values_that_turn_it_on() {
        let off = values_of("resources: {a: {}}");
        assert_eq!(
            (&off["autoscaling"]["enabled"], &off["podDisruptionBudget"]["enabled"]),
            (&json!(false), &json!(false))
        );
        assert!(off.get("strategy").is_none());
        let on = values_of(
            "resources: {a: {autoscaling: {maxReplicas: 5}, podDisruptionBudget: {minAvailable: 50%}, strategy: Recreate}}",
        );
        assert_eq!(on["autoscaling"]["cpu"], 80);
        assert_eq!(
            on["podDisruptionBudget"],
            json!({"enabled": true, "fromReplicas": 1, "minAvailable": "50%", "maxUnavailable": ""})
        );
        assert_eq!(on["strategy"], json!({"type": "Recreate"}));
    }

    #[test]
    fn a_default_budget_is_for_two_pods_or_more_and_a_resource_wins() {
        let of = |text: &str| values_of(text)["podDisruptionBudget"].clone();
        let default = "defaults: {podDisruptionBudget: {maxUnavailable: 1}}\n";
        let expected = json!({"enabled": true, "fromReplicas": 2, "minAvailable": "", "maxUnavailable": "1"});
        assert_eq!(of(default), expected);
        assert_eq!(of(&format!("{default}resources: {{a: {{podDisruptionBudget: none}}}}"))["enabled"], false);
    }

    #[test]
    fn amounts_that_are_left_out_are_the_defaults() {
        let of = |text: &str| values_of(&format!("resources: {{a: {{strategy: {text}}}}}"))["strategy"].clone();
        let rolling = |surge: Json, gone: Json| json!({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": surge, "maxUnavailable": gone}});
        assert_eq!(of("RollingUpdate"), rolling(json!(1), json!(0)));
        assert_eq!(of("{maxSurge: 25%}"), rolling(json!("25%"), json!(0)));
        assert_eq!(of("{maxSurge: 0, maxUnavailable: 2}"), rolling(json!(0), json!(2)));
    }

    #[test]
    fn a_target_needs_a_request() {
        let found = |settings: &str, resources: Json| {
            let config = parse(&format!("resources: {{a: {{autoscaling: {settings}}}}}")).unwrap();
            let storage = WorkloadStorage::default();
            let checked = Checked { name: "a", kind: "Deployment", storage: &storage, resources: &resources };
            let mut diagnostics = Diagnostics::default();
            check(&checked, &config, &mut diagnostics);
            diagnostics.0.len()
        };
        let cpu = json!({"requests": {"cpu": "1"}});
        assert_eq!(found("{maxReplicas: 2}", cpu.clone()), 0);
        assert_eq!(found("{maxReplicas: 2}", json!({"limits": {"cpu": "1"}})), 0);
        assert_eq!(found("{maxReplicas: 2}", json!({"requests": {"memory": "1Gi"}})), 1);
        assert_eq!(found("{maxReplicas: 2, cpu: 50, memory: 50}", cpu), 1);
        assert_eq!(found("{maxReplicas: 2, metrics: [{type: Pods}]}", json!({})), 0);
    }

    #[test]
    fn jobs_have_none_of_it() {
        let scaled = parse("defaults: {podDisruptionBudget: {maxUnavailable: 1}}").unwrap().scaled();
        assert_eq!(view("Job", "a", &scaled), ScaleView::default());
        assert!(view("StatefulSet", "a", &scaled).budget);
    }
}

//! `autoscaling`, `podDisruptionBudget`, `strategy`, `spread`, `nodePool` and `size`: what the chart of an application has for
//! them.

use crate::helm::{helm, template};
use crate::own::{GIVEN, all_refused, chart};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// The specs of all objects, by `Kind/name`.
fn specs(helm: &Path, chart: &Path, more: &[&str]) -> BTreeMap<String, Value> {
    let objects = template(helm, chart, &[&GIVEN, more].concat()).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let named =
        objects.into_iter().map(|it| (text(&it["kind"]) + "/" + &text(&it["metadata"]["name"]), it["spec"].clone()));
    named.collect()
}

fn utilization(resource: &str, percent: u32) -> Value {
    json!({"type": "Resource", "resource": {"name": resource, "target": {"type": "Utilization", "averageUtilization": percent}}})
}

#[test]
fn an_autoscaler_takes_the_number_of_pods_from_the_workload() {
    let Some(helm) = helm() else { return };
    let intent = "resources: {api: {autoscaling: {minReplicas: 2, maxReplicas: 10, cpu: 70, memory: 80, \
        metrics: [{type: Pods, pods: {metric: {name: requests}, target: {type: AverageValue, averageValue: '100'}}}], \
        behavior: {scaleDown: {stabilizationWindowSeconds: 600}}}}}\n";
    let (_folder, chart) = chart(intent);
    let found = specs(&helm, &chart, &[]);
    let raw = json!({"type": "Pods", "pods": {"metric": {"name": "requests"}, "target": {"type": "AverageValue", "averageValue": "100"}}});
    let expected = json!({
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "api"},
        "minReplicas": 2, "maxReplicas": 10,
        "metrics": [utilization("cpu", 70), utilization("memory", 80), raw],
        "behavior": {"scaleDown": {"stabilizationWindowSeconds": 600}},
    });
    assert_eq!(found["HorizontalPodAutoscaler/api"], expected);
    assert!(found["Deployment/api"].get("replicas").is_none(), "{}", found["Deployment/api"]);
    assert_eq!(found["StatefulSet/db"]["replicas"], 1);
    // What a deploy passes.
    let passed = specs(&helm, &chart, &["--set", "workloads.api.autoscaling.replicas=3"]);
    assert_eq!(passed["Deployment/api"]["replicas"], 3);
    // Off by a value.
    let off = specs(&helm, &chart, &["--set", "workloads.api.autoscaling.enabled=false,workloads.api.replicas=4"]);
    assert_eq!(off["Deployment/api"]["replicas"], 4);
    assert!(!off.contains_key("HorizontalPodAutoscaler/api"));
    let readme = fs::read_to_string(chart.join("README.md")).unwrap();
    assert!(readme.contains("`workloads.<name>.autoscaling`") && !readme.contains("podDisruptionBudget"), "{readme}");
}

#[test]
fn keda_is_a_word_and_gets_a_scaled_object() {
    let Some(helm) = helm() else { return };
    let trigger = "{type: rabbitmq, metadata: {queueName: mail, value: '20'}}";
    let (_folder, chart) = chart(&format!(
        "resources: {{api: {{autoscaling: {{minReplicas: 0, maxReplicas: 5, cpu: 60, keda: true, triggers: [{trigger}], \
         behavior: {{scaleUp: {{stabilizationWindowSeconds: 5}}}}}}}}}}\n"
    ));
    let found = specs(&helm, &chart, &[]);
    let expected = json!({
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "api"},
        "minReplicaCount": 0, "maxReplicaCount": 5,
        "advanced": {"horizontalPodAutoscalerConfig": {"behavior": {"scaleUp": {"stabilizationWindowSeconds": 5}}}},
        "triggers": [
            {"type": "cpu", "metricType": "Utilization", "metadata": {"value": "60"}},
            {"type": "rabbitmq", "metadata": {"queueName": "mail", "value": "20"}},
        ],
    });
    assert_eq!(found["ScaledObject/api"], expected);
    assert!(!found.contains_key("HorizontalPodAutoscaler/api") && found["Deployment/api"].get("replicas").is_none());
}

#[test]
fn a_budget_is_for_two_pods_or_more_unless_a_resource_asks_for_it() {
    let Some(helm) = helm() else { return };
    let intent = "defaults: {podDisruptionBudget: {maxUnavailable: 1}}\n\
        resources: {api: {replicas: 2}, db: {podDisruptionBudget: {minAvailable: 50%}}}\n";
    let (_folder, own) = chart(intent);
    let found = specs(&helm, &own, &[]);
    let selector = |name: &str| json!({"matchLabels": {"app.kubernetes.io/component": name, "app.kubernetes.io/instance": "shop"}});
    let budget = json!({"maxUnavailable": 1, "selector": selector("api"), "unhealthyPodEvictionPolicy": "AlwaysAllow"});
    assert_eq!(found["PodDisruptionBudget/api"], budget);
    assert_eq!(found["PodDisruptionBudget/db"]["minAvailable"], "50%");
    assert!(!found.contains_key("PodDisruptionBudget/worker"), "it has one pod");
    let more = specs(
        &helm,
        &own,
        &["--set", "workloads.worker.replicas=2,workloads.worker.volumes.work.accessModes={ReadWriteMany}"],
    );
    assert_eq!(more["PodDisruptionBudget/worker"]["maxUnavailable"], 1);
    let one = specs(&helm, &own, &["--set", "workloads.api.replicas=1"]);
    assert!(!one.contains_key("PodDisruptionBudget/api"));
    // The fewest pods of an autoscaler count.
    for (fewest, exists) in [(1, false), (2, true)] {
        let (_folder, scaled) = chart(&format!(
            "defaults: {{podDisruptionBudget: {{minAvailable: 1}}}}\nresources: {{api: {{autoscaling: {{minReplicas: {fewest}, maxReplicas: 5}}}}}}\n"
        ));
        assert_eq!(specs(&helm, &scaled, &[]).contains_key("PodDisruptionBudget/api"), exists, "{fewest}");
    }
}

#[test]
fn environments_turn_objects_on_and_off_and_change_numbers() {
    let Some(helm) = helm() else { return };
    let intent = "resources: {api: {replicas: 3}}\n\
        environments:\n  live: {resources: {api: {autoscaling: {minReplicas: 3, maxReplicas: 9, cpu: 50}, podDisruptionBudget: {maxUnavailable: 1}}}}\n  \
        keda: {resources: {api: {autoscaling: {maxReplicas: 4, keda: true, triggers: [{type: cron}]}}}}\n";
    let (_folder, chart) = chart(intent);
    let of = |environment: &str| {
        let file = chart.join(format!("values-{environment}.yaml")).display().to_string();
        specs(&helm, &chart, &["-f", &file])
    };
    let base = specs(&helm, &chart, &[]);
    assert_eq!(base["Deployment/api"]["replicas"], 3);
    assert!(!base.keys().any(|name| name.contains("Autoscaler") || name.contains("Budget") || name.contains("Scaled")));
    let live = of("live");
    assert_eq!(live["HorizontalPodAutoscaler/api"]["maxReplicas"], 9);
    assert_eq!(live["PodDisruptionBudget/api"]["maxUnavailable"], 1);
    assert!(live["Deployment/api"].get("replicas").is_none());
    let keda = of("keda");
    assert_eq!(keda["ScaledObject/api"]["triggers"], json!([{"type": "cron"}]));
    assert!(!keda.contains_key("HorizontalPodAutoscaler/api") && !keda.contains_key("PodDisruptionBudget/api"));
    // The words give the same chart where they stand outside of an environment.
    let text = fs::read_to_string(chart.join("values-live.yaml")).unwrap();
    assert!(text.contains("maxReplicas: 9") && !text.contains("strategy"), "{text}");
}

#[test]
fn pods_are_replaced_placed_and_sized_as_the_words_say() {
    let Some(helm) = helm() else { return };
    let intent = "nodePools: {general: {nodeSelector: {pool: general}, tolerations: [{key: pool, operator: Exists}]}, data: {nodeSelector: {disk: ssd}}}\n\
        defaults: {nodePool: general, size: small, spread: {hostname: preferred}}\n\
        resources: {api: {strategy: {maxSurge: 0, maxUnavailable: 25%}}, db: {nodePool: data, size: medium, spread: {zone: required, hostname: none}}}\n\
        environments: {live: {nodePools: {general: {nodeSelector: {pool: live}}}, resources: {db: {size: large, nodePool: general}}}}\n";
    let (_folder, chart) = chart(intent);
    let found = specs(&helm, &chart, &[]);
    let strategy = json!({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": "25%"}});
    assert_eq!(found["Deployment/api"]["strategy"], strategy);
    let pod = |found: &BTreeMap<String, Value>, name: &str| found[name]["template"]["spec"].clone();
    let (api, db) = (pod(&found, "Deployment/api"), pod(&found, "StatefulSet/db"));
    assert_eq!((&api["nodeSelector"], &db["nodeSelector"]), (&json!({"pool": "general"}), &json!({"disk": "ssd"})));
    assert_eq!(api["tolerations"], json!([{"key": "pool", "operator": "Exists"}]));
    assert_eq!(api["topologySpreadConstraints"][0]["topologyKey"], "kubernetes.io/hostname");
    let zone = json!([{
        "maxSkew": 1, "topologyKey": "topology.kubernetes.io/zone", "whenUnsatisfiable": "DoNotSchedule",
        "labelSelector": {"matchLabels": {"app.kubernetes.io/component": "db"}},
        "matchLabelKeys": ["app.kubernetes.io/instance", "pod-template-hash"],
    }]);
    assert_eq!(db["topologySpreadConstraints"], zone);
    // A built image is not known; Postgres is.
    assert_eq!(api["containers"][0]["resources"], json!({"requests": {"cpu": "100m", "memory": "128Mi"}}));
    let medium = json!({"requests": {"cpu": "250m", "memory": "1Gi"}, "limits": {"memory": "1Gi"}});
    assert_eq!(db["containers"][0]["resources"], medium);
    let file = chart.join("values-live.yaml").display().to_string();
    let live = pod(&specs(&helm, &chart, &["-f", &file]), "StatefulSet/db");
    assert_eq!(live["nodeSelector"], json!({"pool": "live"}));
    assert_eq!(live["containers"][0]["resources"]["limits"]["memory"], "4Gi");
}

#[test]
fn what_a_workload_cannot_have_is_an_error_that_names_the_key() {
    all_refused(&[
        (
            "resources: {db: {autoscaling: {maxReplicas: 3}}}",
            &["resources.db.autoscaling.maxReplicas", "one pod at a time"],
        ),
        ("resources: {db: {strategy: Recreate}}", &["resources.db.strategy", "StatefulSet"]),
        (
            "resources: {api: {autoscaling: {maxReplicas: 3, memory: 70}, resources: {requests: {cpu: 1}}}}",
            &["resources.api.autoscaling", "no request for memory"],
        ),
        ("resources: {api: {nodePool: fats}}\nnodePools: {fast: {nodeSelector: {a: b}}}", &["did you mean `fast`?"]),
        ("resources: {api: {replicas: 2, autoscaling: {maxReplicas: 3}}}", &["exclude each other"]),
        ("resources: {api: {autoscaling: {minReplicas: 4, maxReplicas: 3}}}", &["`maxReplicas` is 3"]),
        ("resources: {api: {podDisruptionBudget: {minAvailable: 1, maxUnavailable: 1}}}", &["exclude each other"]),
        ("resources: {api: {size: huge}}", &["`small`, `medium` or `large`"]),
        ("resources: {api: {runAs: job, autoscaling: {maxReplicas: 3}}}", &["`runAs` and `autoscaling` exclude"]),
    ]);
}

//! `doctor`, and the same checks before a deploy: each fault on a cluster that has it, and on the same one repaired.

use crate::bench::{Bench, CONFIG, bench, text};
use serde_json::{Value, json};

/// A fault, and how it shows.
struct Fault {
    /// What makes it, applied to the namespace; null for none.
    object: Value,
    /// What makes it in aspire-k8s.yaml.
    config: &'static str,
    /// The check that finds it.
    check: &'static str,
    /// What the finding says, with the way out.
    words: &'static [&'static str],
}

fn fault(check: &'static str, object: Value, words: &'static [&'static str]) -> Fault {
    Fault { object, config: "", check, words }
}

fn configured(check: &'static str, config: &'static str, words: &'static [&'static str]) -> Fault {
    Fault { object: Value::Null, config, check, words }
}

fn quota(key: &str, hard: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "fault"}, "spec": {"hard": {key: hard}}})
}

fn range(limit: &Value) -> Value {
    json!({"apiVersion": "v1", "kind": "LimitRange", "metadata": {"name": "fault"}, "spec": {"limits": [limit]}})
}

/// The findings of a run with this exit code.
fn findings(bench: &Bench, arguments: &[&str], code: i32) -> Vec<Value> {
    let doctor = ["doctor", "app", "-n", &bench.ns, "-o", "json"];
    let ran = bench.run(&[&doctor[..], arguments].concat()).exits(code);
    let report: Value = serde_json::from_str(&ran.out).unwrap_or_else(|error| panic!("{error}: {ran}"));
    report["findings"].as_array().unwrap().clone()
}

/// The failed findings of a check, each as one text.
fn failed(findings: &[Value], check: &str) -> Vec<String> {
    let failed = findings.iter().filter(|finding| finding["check"] == check && finding["verdict"] == "failed");
    failed
        .map(|finding| {
            format!("{}: {}; {}", text(&finding["subject"]), text(&finding["reason"]), text(&finding["fix"]))
        })
        .collect()
}

/// Doctor names the fault, a deploy is refused by it and writes nothing; repaired, doctor has nothing to say.
fn found_and_repaired(bench: &Bench, fault: &Fault) {
    bench.configure(&format!("{CONFIG}{}", fault.config));
    if !fault.object.is_null() {
        bench.apply(&fault.object);
    }
    bench.unchanged(|| {
        let found = failed(&findings(bench, &[], 1), fault.check);
        for words in fault.words {
            assert!(found.iter().any(|finding| finding.contains(words)), "{}: no `{words}` in {found:?}", fault.check);
        }
        bench.deploy(&[]).exits(3).says(fault.words);
    });
    if !fault.object.is_null() {
        let object = format!("{}/{}", text(&fault.object["kind"]), text(&fault.object["metadata"]["name"]));
        bench.plane.kubectl(&["delete", &object, "-n", &bench.ns, "--wait=true"]).unwrap();
    }
    bench.configure(CONFIG);
    bench.unchanged(|| assert_eq!(failed(&findings(bench, &[], 0), fault.check), [""; 0]));
}

fn all_found_and_repaired(prefix: &str, faults: &[Fault]) {
    let Some(bench) = bench(prefix) else { return };
    for fault in faults {
        found_and_repaired(&bench, fault);
    }
    bench.deploy(&[]).ok();
    assert!(bench.left_behind().is_empty());
}

#[test]
fn quotas_that_leave_no_room() {
    all_found_and_repaired(
        "quota",
        &[
            fault(
                "quota",
                quota("pods", "1"),
                &["ResourceQuota fault: pods: 0 of 1 are used, and this deploy needs 2 more", "request a larger quota"],
            ),
            fault("quota", quota("requests.cpu", "60m"), &["this deploy needs 100m more"]),
            fault(
                "quota",
                quota("limits.memory", "9Gi"),
                &["pods without `limits.memory` are rejected", "defaults.resources"],
            ),
            fault(
                "quota",
                quota("requests.storage", "512Mi"),
                &["requests.storage: 0 of 512Mi are used, and this deploy needs 1Gi more"],
            ),
            fault(
                "quota",
                quota("standard.storageclass.storage.k8s.io/persistentvolumeclaims", "0"),
                &["needs 1 more"],
            ),
            fault("quota", quota("count/statefulsets.apps", "0"), &["count/statefulsets.apps: 0 of 0"]),
            fault("quota", quota("services", "2"), &["services: 0 of 2 are used, and this deploy needs 3 more"]),
        ],
    );
}

#[test]
fn limit_ranges_that_refuse_containers_and_claims() {
    all_found_and_repaired(
        "limits",
        &[
            fault(
                "limits",
                range(&json!({"type": "Container", "min": {"cpu": "100m"}})),
                &["cpu must be at least 100m, it is 50m"],
            ),
            fault("limits", range(&json!({"type": "Pod", "max": {"memory": "64Mi"}})), &["it has no limits.memory"]),
            fault(
                "limits",
                range(&json!({"type": "PersistentVolumeClaim", "min": {"storage": "2Gi"}})),
                &["claim db-data", "the `size` of the volume"],
            ),
        ],
    );
}

#[test]
fn objects_storage_and_policies_in_the_way() {
    let claim = json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "db-data"},
        "spec": {"accessModes": ["ReadWriteOnce"], "storageClassName": "wffc", "resources": {"requests": {"storage": "1Gi"}}}});
    all_found_and_repaired(
        "inway",
        &[
            fault(
                "names",
                json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "api-config"}}),
                &["the ConfigMap api-config", "was not created by helm", "rename the resource"],
            ),
            fault("claims", claim, &["the PVC db-data exists already", "existingClaim: db-data"]),
            configured(
                "storage",
                "resources: {db: {volumes: {data: {storageClass: fast}}}}\n",
                &["the cluster has no storage class `fast`", "noexpand, retain, standard, wffc"],
            ),
            configured(
                "admission",
                "resources: {api: {serviceAccount: nobody}}\n",
                &["pods of api", "nobody", "create the service account"],
            ),
            configured(
                "admission",
                "resources: {api: {priorityClass: highest}}\n",
                &["pods of api", "highest", "create the priority class"],
            ),
            configured(
                "admission",
                "resources: {api: {resources: {requests: {cpu: '2'}, limits: {cpu: '1'}}}}\n",
                &["pods of api", "less than or equal to cpu limit"],
            ),
        ],
    );
}

#[test]
fn a_level_of_pod_security_that_the_pods_break() {
    let Some(bench) = bench("podsec") else { return };
    let level = |level: &str| {
        let label = format!("pod-security.kubernetes.io/enforce={level}");
        bench.plane.kubectl(&["label", "namespace", &bench.ns, &label, "--overwrite"]).unwrap();
    };
    level("restricted");
    let words =
        ["pods of api: the namespace enforces the level restricted", "violates PodSecurity", "security: restricted"];
    bench.unchanged(|| {
        let found = failed(&findings(&bench, &[], 1), "pod-security");
        assert!(words.iter().all(|words| found[0].contains(words)), "{found:?}");
        bench.deploy(&[]).exits(3).says(&["violates PodSecurity"]);
    });
    level("baseline");
    assert!(failed(&findings(&bench, &[], 0), "pod-security").is_empty());
    bench.deploy(&[]).ok();
    // Live pods stay; what would replace them is refused.
    bench.configure(&format!("{CONFIG}resources: {{api: {{securityContext: {{privileged: true}}}}}}\n"));
    bench.unchanged(|| bench.deploy(&[]).exits(3).says(&["pods of api", "the level baseline", "privileged"]));
}

#[test]
fn a_record_that_does_not_fit_into_a_secret() {
    let Some(bench) = bench("record") else { return };
    let mut state = 7_u64;
    let mut noise = |length: usize| -> String {
        let letters = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
        let next = |_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            char::from(letters[usize::try_from(state >> 58).unwrap()])
        };
        (0..length).map(next).collect()
    };
    let mut config = |each: usize| {
        let resources = ["api", "db"].map(|name| format!("  {name}: {{env: {{BIG: '{}'}}}}\n", noise(each)));
        format!("{CONFIG}resources:\n{}", resources.concat())
    };
    bench.configure(&config(300_000));
    bench.unchanged(|| {
        let found = failed(&findings(&bench, &[], 1), "record");
        assert!(found[0].contains("largest files of the chart are values.yaml"), "{found:?}");
        bench.deploy(&[]).exits(3).says(&["what a Secret can hold", "on a volume"]);
    });
    bench.configure(&config(200_000));
    let said = findings(&bench, &[], 0).into_iter().find(|finding| finding["check"] == "record").unwrap();
    let reason = text(&said["reason"]);
    bench.deploy(&[]).ok();
    // The figure is the one of the record that helm writes.
    let measured: usize = reason.split_whitespace().find_map(|word| word.parse().ok()).unwrap();
    let record = bench.secret("sh.helm.release.v1.app.v1")["release"].len();
    assert!(measured.abs_diff(record) * 50 < record, "{measured} was said, helm wrote {record}");
}

#[test]
fn a_chart_that_was_rendered_before_is_looked_at_too() {
    let Some(bench) = bench("packed") else { return };
    bench.run(&["render", "app", "-o", "chart"]).ok();
    bench.apply(&quota("pods", "1"));
    let ran = bench.unchanged(|| bench.run(&["doctor", "chart", "-n", &bench.ns]).exits(1));
    assert!(ran.out.contains("failed   quota: ResourceQuota fault: pods: 0 of 1"), "{ran}");
    bench.unchanged(|| bench.run(&["deploy", "chart", "-n", &bench.ns]).exits(3).says(&["ResourceQuota fault"]));
    bench.plane.kubectl(&["delete", "quota/fault", "-n", &bench.ns]).unwrap();
    bench.run(&["doctor", "chart", "-n", &bench.ns]).ok();
}

#[test]
fn without_an_application_helm_and_cluster_are_looked_at() {
    let Some(bench) = bench("bare") else { return };
    bench.write("empty/readme", "");
    let run = |more: &[&str]| bench.run(&[&["doctor", "empty", "-n", &bench.ns][..], more].concat());
    let ran = bench.unchanged(|| run(&[]).ok());
    for words in ["helm: 4.2.4", "Kubernetes v1.36", "namespace: "] {
        assert!(ran.out.contains(words), "no `{words}`: {ran}");
    }
    let ran = run(&[]).env("HELM_BIN", "/nowhere/helm").exits(1);
    assert!(ran.out.contains("failed") && ran.out.contains("install helm 3.14 or later"), "{ran}");
    let ran = run(&[]).env("HELM_KUBEAPISERVER", "https://127.0.0.1:9").exits(1);
    assert!(ran.out.contains("could not talk to https://127.0.0.1:9"), "{ran}");
}

const HELMS: [&str; 5] = ["3.14.4", "3.22.0", "4.0.5", "4.2.4", "4.3.1"];

/// The rules that findings about rights ask for.
fn rules(findings: &[Value]) -> Vec<Value> {
    let asked = findings.iter().filter(|finding| finding["check"] == "rights" && finding["verdict"] != "ok");
    let rule = |finding: &Value| {
        let rest = text(&finding["fix"]).strip_prefix("ask for a Role with the verbs ").unwrap().to_owned();
        let (verbs, rest) = rest.split_once(" on ").unwrap();
        let resource = rest.split_once(", bound in ").unwrap().0;
        let (plural, group) = resource.split_once('.').unwrap_or((resource, ""));
        json!({"apiGroups": [group], "resources": [plural], "verbs": verbs.split(", ").collect::<Vec<_>>()})
    };
    asked.map(rule).collect()
}

#[test]
fn the_rights_that_doctor_asks_for_are_enough_for_every_helm() {
    for helm in HELMS {
        let Some(bench) = bench("rights") else { return };
        let program = bench.plane.helm(helm);
        let run = |arguments: &[&str]| {
            bench
                .run(&[arguments, &["-n", &bench.ns, "--as", "dev", "--as-group", &bench.ns]].concat())
                .env("HELM_BIN", &program)
        };
        let doctor = |code: i32| {
            let ran = run(&["doctor", "app", "-o", "json"]).exits(code);
            let report: Value = serde_json::from_str(&ran.out).unwrap();
            report["findings"].as_array().unwrap().clone()
        };
        let found = bench.unchanged(|| {
            run(&["deploy", "app"]).exits(3).says(&[
                "secrets in namespace",
                "deployments.apps in namespace",
                "ask for a Role",
            ]);
            doctor(1)
        });
        let role = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "asked"}, "rules": rules(&found)});
        bench.apply(&role);
        bench.apply(
            &json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": "asked"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "asked"},
            "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": bench.ns}]}),
        );
        assert_eq!(failed(&doctor(0), "rights"), [""; 0], "helm {helm}");
        run(&["deploy", "app"]).ok();
        bench.configure(&format!("{CONFIG}resources: {{api: {{env: {{A: b}}}}}}\n"));
        run(&["deploy", "app"]).ok();
        run(&["destroy", "app", "--delete-data", "--yes"]).ok();
        // Helm and our own client both acted as that user, all the time.
        let log = std::fs::read_to_string(bench.plane.audit_log()).unwrap();
        let events = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let ours =
            events.filter(|event| event["objectRef"]["namespace"] == *bench.ns && !event["impersonatedUser"].is_null());
        let mut agents: Vec<String> = ours
            .map(|event| {
                assert_eq!(
                    (text(&event["impersonatedUser"]["username"]), event["impersonatedUser"]["groups"][0].as_str()),
                    ("dev", Some(bench.ns.as_str()))
                );
                text(&event["userAgent"]).chars().take(4).collect()
            })
            .collect();
        agents.sort();
        agents.dedup();
        assert_eq!(agents, ["", "Helm"], "helm {helm}");
    }
}

#[test]
fn one_right_that_is_missing_is_named() {
    let Some(bench) = bench("noright") else { return };
    let allow = |verbs: &[&str]| {
        let all = json!({"apiGroups": ["", "apps", "coordination.k8s.io"], "verbs": ["*"],
            "resources": ["secrets", "configmaps", "persistentvolumeclaims", "services", "leases", "deployments", "replicasets", "pods"]});
        let some = json!({"apiGroups": ["apps"], "verbs": verbs, "resources": ["statefulsets"]});
        bench.apply(&json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "dev"}, "rules": [all, some]}));
    };
    bench.apply(
        &json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": "dev"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "dev"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": bench.ns}]}),
    );
    allow(&["get", "list", "watch", "create"]);
    let run = |arguments: &[&str]| bench.run(&[arguments, &["-n", &bench.ns, "--as", &bench.ns]].concat());
    bench.unchanged(|| {
        let words =
            ["statefulsets.apps in namespace", "missing permission: patch", "the verbs patch on statefulsets.apps"];
        run(&["deploy", "app"]).exits(3).says(&words);
    });
    allow(&["get", "list", "watch", "create", "patch"]);
    // What only a later deploy needs is said, and stops nothing.
    run(&["deploy", "app"]).ok().says(&["warning[", "missing permission: delete"]);
}

/// A cluster of its own, because its faults are everybody's.
#[test]
fn faults_of_the_whole_cluster() {
    let Some(bench) = crate::bench::bench_of_its_own("whole") else { return };
    let plane = bench.plane;
    let default = |is: &str| {
        let annotation = format!("storageclass.kubernetes.io/is-default-class={is}");
        plane.kubectl(&["annotate", "storageclass/standard", &annotation, "--overwrite"]).unwrap();
    };
    default("false");
    bench.unchanged(|| {
        let found = failed(&findings(&bench, &[], 1), "storage");
        assert!(
            found[0].contains("claim db-data: it names no storage class, and the cluster has no default one"),
            "{found:?}"
        );
        bench.deploy(&[]).exits(3).says(&["mark one class as the default"]);
    });
    default("true");
    assert!(failed(&findings(&bench, &[], 0), "storage").is_empty());
    plane.kubectl(&["delete", "crd/components.dapr.io", "--wait=true"]).unwrap();
    bench.change_manifest(
        "\"db-password\": {",
        "\"statestore\": {\"type\": \"dapr.component.v0\", \"daprComponent\": {\"type\": \"state\", \"version\": \"v1\", \"metadata\": []}},\n    \"db-password\": {",
    );
    bench.unchanged(|| {
        let found = failed(&findings(&bench, &[], 1), "kinds");
        assert!(found[0].contains("Component: the cluster does not know this kind"), "{found:?}");
        bench.deploy(&[]).exits(3).says(&["install Dapr"]);
    });
    plane.install_dapr_crd().unwrap();
    assert!(failed(&findings(&bench, &[], 0), "kinds").is_empty());
    bench.deploy(&[]).ok();
}

//! The Aspire dashboard beside an application: it stays as it is, its secrets are where secrets are, and what stands in the
//! way to it is said. (The way itself needs a real pod: `tests/node/dashboard.rs`.)

use crate::bench::{Bench, CONFIG, bench, text, wait_for};
use serde_json::json;
use std::collections::BTreeMap;

const WITH: &str = "resources: {api: {env: {OTEL_RESOURCE_ATTRIBUTES: a=b}}}\ndashboard: {}\n";

/// The state once no pod is on its way out any more.
fn settled(bench: &Bench) -> BTreeMap<String, String> {
    wait_for("the end of the old pods", || {
        let pods = bench.list("pods");
        pods.iter().all(|pod| pod["metadata"]["deletionTimestamp"].is_null()).then(|| bench.running())
    })
}

fn changed(before: &BTreeMap<String, String>, after: &BTreeMap<String, String>) -> Vec<String> {
    let workloads = before.keys().filter(|name| !name.starts_with("Pod/") && !name.starts_with("ReplicaSet/"));
    workloads.filter(|name| before.get(*name) != after.get(*name)).cloned().collect()
}

#[test]
fn a_dashboard_keeps_its_token_which_is_nowhere_but_in_the_secret() {
    let Some(bench) = bench("dash") else { return };
    bench.configure(&format!("{CONFIG}{WITH}"));
    bench.deploy(&[]).ok();
    let (before, secret) = (settled(&bench), bench.secret("app-secrets"));
    let (token, key) = (&secret["dashboard.browser-token"], &secret["dashboard.otlp-key"]);
    for made in [token, key] {
        assert!(made.len() >= 32 && made.chars().all(|c| c.is_ascii_alphanumeric()), "{} characters", made.len());
    }
    assert!(before.contains_key("Deployment/aspire-dashboard"), "{before:?}");
    let service = bench.get("service/aspire-dashboard");
    assert_eq!(text(&service["spec"]["type"]), "ClusterIP");

    // What helm and everybody who reads ConfigMaps can see.
    let helm = |what: &str| bench.helm(&["get", what, "app", "-n", &bench.ns]).ok().out;
    let mut seen = helm("values") + &helm("manifest") + &helm("notes");
    seen.extend(bench.list("configmaps,deployments,pods").iter().map(ToString::to_string));
    assert!(seen.contains("x-otlp-api-key=$(ASPIRE_SECRET_DASHBOARD_OTLP_KEY)"));
    assert!(!seen.contains(token.as_str()) && !seen.contains(key.as_str()), "a secret is where it does not belong");

    bench.deploy(&[]).ok();
    assert_eq!((settled(&bench), bench.secret("app-secrets")), (before.clone(), secret.clone()));

    // Both ends of the key start again with the new one, and nobody else.
    bench.deploy(&["--rotate", "dashboard.otlp-key"]).ok().says(&["generated values for dashboard.otlp-key"]);
    let (after, rotated) = (settled(&bench), bench.secret("app-secrets"));
    assert_ne!(rotated["dashboard.otlp-key"], *key);
    assert_eq!(rotated["dashboard.browser-token"], *token);
    assert_eq!(changed(&before, &after), ["Deployment/api", "Deployment/aspire-dashboard"]);

    // Switched off and on again it is the same one.
    bench.configure(&format!("{CONFIG}{}", WITH.replace("{}", "{enabled: false}")));
    bench.deploy(&[]).ok();
    let config = bench.get("configmap/api-config")["data"].clone();
    assert_eq!(config["OTEL_RESOURCE_ATTRIBUTES"], "a=b");
    assert!(config["OTEL_EXPORTER_OTLP_ENDPOINT"].is_null(), "{config}");
    assert_eq!(bench.get("deployment/aspire-dashboard")["spec"]["replicas"], 0);
    let run = bench.run(&["dashboard", "--release", "app", "-n", &bench.ns]);
    run.exits(1).says(&["the dashboard of release app in namespace", "is disabled", "enabled: true"]);
    bench.configure(&format!("{CONFIG}{WITH}"));
    bench.deploy(&[]).ok();
    assert_eq!(bench.secret("app-secrets"), rotated);
}

#[test]
fn what_stands_in_the_way_to_a_dashboard_is_said() {
    let Some(bench) = bench("nodash") else { return };
    let open = |more: &[&str]| bench.run(&[&["dashboard", "app", "-n", &bench.ns], more].concat());
    open(&[]).exits(1).says(&["there is no dashboard of release app", "dashboard: {}"]);
    bench.configure(&format!("{CONFIG}{WITH}"));
    bench.deploy(&[]).ok();

    // One right after the other.
    let dev = ["--as", "dev", "--as-group", bench.ns.as_str()];
    open(&dev).exits(1).says(&["could not list objects of kind Pod", "`list` on `pods`"]);
    let allow = |name: &str, resource: &str, verbs: &[&str]| {
        bench.apply(&json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": name},
            "rules": [{"apiGroups": [""], "resources": [resource], "verbs": verbs}]}));
        bench.apply(
            &json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": name},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name},
            "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": bench.ns}]}),
        );
    };
    allow("pods", "pods", &["list"]);
    let secrets = wait_for("the right to list pods", || {
        let ran = open(&dev).exits(1);
        (!ran.err.contains("objects of kind Pod")).then_some(ran)
    });
    let secrets = secrets.says(&["could not read Secret app-secrets", "`get` on `secrets`", "--no-token"]);
    assert!(secrets.out.is_empty());
    let forward = open(&[&dev[..], &["--no-token"]].concat()).exits(1);
    let forward = forward
        .says(&["could not create connection to Pod aspire-dashboard-", "`get` and `create` on `pods/portforward`"]);
    assert!(forward.out.is_empty(), "nothing is printed before the way is known to be free: {forward}");
}

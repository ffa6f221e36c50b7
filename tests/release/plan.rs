//! `plan` against a real control plane: what it says comes true, it writes nothing, and a saved plan holds for one state.

use crate::bench::{Bench, CONFIG, Ran, Run, bench, text, wait_for};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;

/// Client-side for those of helm 3, server-side for those of helm 4.
const HELMS: [&str; 5] = ["3.14.4", "3.22.0", "4.0.5", "4.2.4", "4.3.1"];

impl Bench {
    /// `plan` of the application in this namespace. It must write nothing.
    fn plan(&self, helm: &str, more: &[&str], code: i32) -> Ran {
        self.unchanged(|| self.with(helm, &[&["plan", "app", "-n", &self.ns], more].concat()).exits(code))
    }

    /// The same as JSON.
    fn planned(&self, helm: &str, more: &[&str], code: i32) -> Value {
        let ran = self.plan(helm, &[&["-o", "json"], more].concat(), code);
        serde_json::from_str(&ran.out).unwrap()
    }

    fn with(&self, helm: &str, arguments: &[&str]) -> Run {
        self.run(arguments).env("HELM_BIN", self.plane.helm(helm))
    }

    fn deploy_with(&self, helm: &str, more: &[&str]) -> Run {
        self.with(helm, &[&["deploy", "app", "-n", &self.ns], more].concat())
    }
}

/// Action and object of each change.
fn actions(plan: &Value) -> Vec<String> {
    let changes = plan["changes"].as_array().unwrap().iter();
    changes
        .map(|change| format!("{} {}/{}", text(&change["action"]), text(&change["kind"]), text(&change["name"])))
        .collect()
}

fn change<'a>(plan: &'a Value, name: &str) -> &'a Value {
    let found = plan["changes"]
        .as_array()
        .unwrap()
        .iter()
        .find(|change| format!("{}/{}", text(&change["kind"]), text(&change["name"])).eq_ignore_ascii_case(name));
    found.unwrap_or_else(|| panic!("no {name} in {plan:#}"))
}

fn paths(change: &Value) -> Vec<&str> {
    change["fields"].as_array().unwrap().iter().map(|field| text(&field["path"])).collect()
}

/// Names of all objects that a release has, beside those that Kubernetes makes.
fn standing(bench: &Bench) -> BTreeSet<String> {
    let kinds = "secrets,configmaps,persistentvolumeclaims,services,deployments,statefulsets";
    let all = bench
        .list(kinds)
        .into_iter()
        .map(|object| format!("{}/{}", text(&object["kind"]), text(&object["metadata"]["name"])));
    all.filter(|name| !name.contains("/sh.helm.") && !name.contains("kube-root-ca")).collect()
}

#[test]
fn a_first_install_makes_exactly_what_was_planned() {
    let Some(mut bench) = bench("plan-first") else { return };
    let plan = bench.planned("4.2.4", &[], 2);
    let adds: BTreeSet<String> =
        actions(&plan).iter().map(|action| action.strip_prefix("add ").unwrap().to_owned()).collect();
    assert_eq!(plan["notChecked"], json!([]));
    assert_eq!(plan["errors"], json!([]));
    assert_eq!(
        paths(change(&plan, "Secret/app-secrets")),
        ["data.db-password", "data[\"db-password.uri\"]", "data.token"]
    );
    bench.deploy(&[]).ok();
    assert_eq!(standing(&bench), adds);

    let ns = format!("{}-absent", bench.ns);
    let ran = bench.run(&["plan", "app", "-n", &ns]).exits(2);
    for line in [
        &*format!("+ Namespace {ns}"),
        "+ Deployment api",
        &format!("not checked: the namespace {ns} does not exist yet"),
        "plan: 11 to add, 0 to change, 0 to delete",
    ] {
        assert!(ran.out.contains(line), "{line}: {ran}");
    }
    assert_eq!(bench.find(&format!("namespace/{ns}")), None);
    bench.run(&["deploy", "app", "-n", &ns]).ok();
    bench.ns = ns;
    assert_eq!(standing(&bench), adds);
}

#[test]
fn right_after_a_deploy_nothing_would_change() {
    let Some(_) = bench("plan-same") else { return };
    for made_with in HELMS {
        let bench = bench("plan-same").unwrap();
        bench.deploy_with(made_with, &["--parameter", "currency=USD"]).ok();
        // Whoever made it and however it was applied: each helm sees that nothing changes.
        for seen_with in [made_with, "3.14.4", "4.3.1"] {
            let plan = bench.planned(seen_with, &[], 0);
            assert_eq!(plan["changes"], json!([]), "{made_with} {seen_with}");
            assert_eq!((&plan["errors"], &plan["notChecked"]), (&json!([]), &json!([])), "{made_with} {seen_with}");
        }
        let ran = bench.run(&["diff", "app", "-n", &bench.ns]).env("HELM_BIN", bench.plane.helm(made_with)).ok();
        assert_eq!(ran.out, "plan: nothing would change\n");
    }
}

#[test]
fn what_was_planned_comes_true() {
    let Some(_) = bench("plan-true") else { return };
    for helm in ["3.14.4", "4.0.5", "4.2.4"] {
        let bench = bench("plan-true").unwrap();
        bench.deploy_with(helm, &["--parameter", "token=old-secret-token"]).ok();
        bench.change_manifest("registry.invalid/api:1", "registry.invalid/api:2");
        bench.change_manifest(
            "\"CURRENCY\": \"{currency.value}\"",
            "\"CURRENCY\": \"{currency.value}\", \"MORE\": \"yes\"",
        );
        bench.configure(&format!("{CONFIG}resources: {{db: {{volumes: {{data: {{size: 2Gi}}}}}}}}\n"));
        let more = ["--parameter", "token=new-secret-token"];
        let plan = bench.planned(helm, &more, 2);
        assert!(!plan.to_string().contains("secret-token"), "{plan:#}");
        assert_eq!(plan["errors"], json!([]), "{helm}");
        assert_eq!(
            actions(&plan),
            [
                "change Secret/app-secrets",
                "change ConfigMap/api-config",
                "change PersistentVolumeClaim/db-data",
                "change Deployment/api"
            ],
            "{helm}"
        );
        assert_eq!(paths(change(&plan, "Secret/app-secrets")), ["data.token"]);
        let claim = json!([{"path": "spec.resources.requests.storage", "before": change(&plan, "PersistentVolumeClaim/db-data")["fields"][0]["before"], "after": "2Gi"}]);
        assert_eq!(change(&plan, "PersistentVolumeClaim/db-data")["fields"], claim);
        let restarts =
            json!(["configuration", "secret token", "image of api: registry.invalid/api:1 -> registry.invalid/api:2"]);
        assert_eq!(change(&plan, "Deployment/api")["restarts"], restarts);
        let before = bench.running();
        bench.deploy_with(helm, &more).ok();
        let after = bench.running();
        let moved: BTreeSet<&String> =
            before.iter().filter(|(name, state)| after.get(*name) != Some(state)).map(|(name, _)| name).collect();
        assert!(
            moved.iter().any(|name| *name == "Deployment/api") && !moved.iter().any(|name| name.contains("/db")),
            "{moved:?}"
        );
        assert_eq!(
            bench.get("configmap/api-config")["data"]["MORE"],
            change(&plan, "ConfigMap/api-config")["fields"][0]["after"]
        );
        assert_eq!(bench.get("pvc/db-data")["spec"]["resources"]["requests"]["storage"], "2Gi");
        assert_eq!(bench.planned(helm, &[], 0)["changes"], json!([]), "{helm}");
    }
}

#[test]
fn what_goes_and_what_stays_is_told() {
    let Some(bench) = bench("plan-gone") else { return };
    bench.deploy(&[]).ok();
    let mut manifest: Value = serde_json::from_str(crate::bench::MANIFEST).unwrap();
    manifest["resources"].as_object_mut().unwrap().remove("db");
    for name in ["ConnectionStrings__db", "DB_URI"] {
        manifest["resources"]["api"]["env"].as_object_mut().unwrap().remove(name);
    }
    bench.write("app/aspire-manifest.json", &manifest.to_string());
    let plan = bench.planned("4.2.4", &[], 2);
    let actions = actions(&plan);
    for expected in [
        "delete StatefulSet/db",
        "delete Service/db",
        "delete Service/db-headless",
        "delete ConfigMap/db-config",
        "keep PersistentVolumeClaim/db-data",
    ] {
        assert!(actions.iter().any(|action| action == expected), "{expected}: {actions:?}");
    }
    let goes = format!("StatefulSet db in namespace {}", bench.ns);
    let shown = bench.run(&["plan", "app", "-n", &bench.ns]).exits(2);
    assert!(shown.out.contains(&format!("- {goes}")), "{shown}");
    bench.deploy(&[]).exits(3).says(&[&format!("to be removed: {goes}")]);
    bench.deploy_accepting("abandon-data").ok();
    assert_eq!(bench.find("statefulset/db"), None);
    assert!(bench.find("pvc/db-data").is_some());
}

#[test]
fn drift_is_overwritten_by_helm_3_and_a_conflict_for_helm_4() {
    let Some(_) = bench("plan-drift") else { return };
    for (helm, by_server) in [("3.14.4", false), ("4.2.4", true)] {
        let bench = bench("plan-drift").unwrap();
        bench.deploy_with(helm, &[]).ok();
        bench
            .plane
            .kubectl(&["set", "image", "deployment/api", "api=registry.invalid/other:9", "-n", &bench.ns])
            .unwrap();
        // A plan changes nothing, and that is compared: the pods must have come to rest.
        bench.plane.kubectl(&["rollout", "status", "deployment/api", "-n", &bench.ns, "--timeout=60s"]).unwrap();
        let plan = bench.planned(helm, &[], if by_server { 1 } else { 2 });
        let api = change(&plan, "Deployment/api");
        let path = "spec.template.spec.containers[name=api].image";
        assert_eq!(
            api["drift"],
            json!([{"path": path, "before": "registry.invalid/api:1", "after": "registry.invalid/other:9"}])
        );
        assert_eq!(
            api["fields"],
            json!([{"path": path, "before": "registry.invalid/other:9", "after": "registry.invalid/api:1"}])
        );
        if by_server {
            let error = text(&plan["errors"][0]);
            assert!(error.contains("conflict with \"kubectl-set\"") && error.contains("revert it"), "{plan:#}");
        }
        let deployed = bench.deploy_with(helm, &[]).end();
        assert_eq!(deployed.code, Some(if by_server { 3 } else { 0 }), "{deployed}");
        // The same change in the AppHost: what was done by hand stays.
        bench.change_manifest("registry.invalid/api:1", "registry.invalid/other:9");
        if by_server {
            let plan = bench.planned(helm, &[], 0);
            assert_eq!(actions(&plan), ["drift Deployment/api"]);
        }
    }
}

#[test]
fn an_object_that_was_deleted_comes_back() {
    let Some(bench) = bench("plan-lost") else { return };
    bench.deploy(&[]).ok();
    bench.plane.kubectl(&["delete", "service", "api", "-n", &bench.ns]).unwrap();
    let plan = bench.planned("4.2.4", &[], 2);
    assert_eq!(actions(&plan), ["add Service/api"]);
    assert_eq!(change(&plan, "Service/api")["reason"], "another client deleted it");
}

#[test]
fn fields_that_cannot_change_are_told_with_the_way() {
    let Some(_) = bench("plan-fixed") else { return };
    for helm in ["3.22.0", "4.2.4"] {
        let bench = bench("plan-fixed").unwrap();
        let sized = |size: &str| {
            bench.configure(&format!(
                "{CONFIG}resources: {{db: {{volumes: {{data: {{perReplica: true, size: {size}}}}}}}}}\n"
            ));
        };
        sized("1Gi");
        bench.deploy_with(helm, &[]).ok();
        sized("2Gi");
        let plan = bench.planned(helm, &[], 2);
        let path = "spec.volumeClaimTemplates[0].spec.resources.requests.storage";
        assert_eq!(change(&plan, "StatefulSet/db")["fields"][0]["path"], path, "{plan:#}");
        assert!(text(&plan["transition"][0]).contains("is deleted and recreated (volumeClaimTemplates)"), "{plan:#}");
        let shown = bench.plan(helm, &[], 2);
        assert!(shown.out.contains("~ StatefulSet db  (deleted and recreated by the workload migration)"), "{shown}");
        bench.deploy_with(helm, &[]).ok();
        bench.plan(helm, &[], 0);
    }
}

#[test]
fn a_workload_migration_is_told_with_the_plan() {
    let Some(bench) = bench("plan-kinds") else { return };
    bench.deploy(&[]).ok();
    bench.configure(&format!("{CONFIG}resources: {{api: {{workload: StatefulSet}}}}\n"));
    // C03: no write, and the same hash twice.
    let plans = bench.unchanged(|| [bench.planned("4.2.4", &[], 2), bench.planned("4.2.4", &[], 2)]);
    assert_eq!(plans[0]["transition"], plans[1]["transition"]);
    let plan = &plans[0];
    assert!(
        text(&plan["transition"][0]).starts_with("TRANSITION api: Deployment/api (1) -> StatefulSet/api (1)"),
        "{plan:#}"
    );
    let actions = actions(plan);
    for expected in ["add StatefulSet/api", "delete Deployment/api"] {
        assert!(actions.iter().any(|action| action == expected), "{expected}: {actions:?}");
    }
    bench.unchanged(|| bench.deploy(&[]).exits(3));
}

#[test]
fn admission_has_its_say_before_the_deploy() {
    let Some(_) = bench("plan-admission") else { return };
    for helm in ["3.14.4", "4.2.4"] {
        let bench = bench("plan-admission").unwrap();
        bench.deploy_with(helm, &[]).ok();
        let name = format!("no-two-{}", bench.ns);
        let scope = json!({"matchLabels": {"kubernetes.io/metadata.name": bench.ns}});
        let rules = json!([{"apiGroups": ["apps"], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"], "resources": ["deployments"]}]);
        let policy = json!({"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy", "metadata": {"name": name},
            "spec": {"failurePolicy": "Fail", "matchConstraints": {"resourceRules": rules},
                "validations": [{"expression": "object.spec.replicas < 2", "message": "two is too many"}]}});
        let binding = json!({"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicyBinding", "metadata": {"name": name},
            "spec": {"policyName": name, "validationActions": ["Deny"], "matchResources": {"namespaceSelector": scope}}});
        bench.plane.apply(&format!("{policy}\n---\n{binding}")).unwrap();
        bench.configure(&format!("{CONFIG}resources: {{api: {{replicas: 2}}}}\n"));
        // The API server needs a moment to know the policy.
        let errors = wait_for("the refusal", || {
            let ran = bench.with(helm, &["plan", "app", "-n", &bench.ns, "-o", "json"]).end();
            let plan: Value = serde_json::from_str(&ran.out).unwrap();
            (ran.code == Some(1)).then(|| plan["errors"].clone())
        });
        assert!(text(&errors[0]).contains("two is too many"), "{errors}");
        let shown = bench.plan(helm, &[], 1);
        assert!(shown.out.contains("deploy would fail: could not change Deployment api"), "{shown}");

        // A webhook that must be asked and does not answer.
        bench.configure(CONFIG);
        bench.plan(helm, &[], 0);
        let hook = json!({"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration", "metadata": {"name": name},
            "webhooks": [{"name": "no.answer.test", "admissionReviewVersions": ["v1"], "sideEffects": "None", "timeoutSeconds": 1,
                "namespaceSelector": scope, "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["UPDATE"], "resources": ["configmaps"]}],
                "clientConfig": {"url": "https://127.0.0.1:9/validate"}}]});
        bench.plane.apply(&hook.to_string()).unwrap();
        let errors = wait_for("the silence", || {
            let ran =
                bench.with(helm, &["plan", "app", "-n", &bench.ns, "-o", "json", "--parameter", "currency=USD"]).end();
            let plan: Value = serde_json::from_str(&ran.out).unwrap();
            (ran.code == Some(1)).then(|| plan["errors"].clone())
        });
        assert!(text(&errors[0]).contains("failed calling webhook \"no.answer.test\""), "{errors}");
        for kind in ["validatingadmissionpolicybinding", "validatingadmissionpolicy", "validatingwebhookconfiguration"]
        {
            bench.plane.kubectl(&["delete", kind, &name]).unwrap();
        }
    }
}

#[test]
fn who_may_only_read_gets_a_plan_that_says_so() {
    let Some(_) = bench("plan-reader") else { return };
    for helm in ["3.14.4", "4.2.4"] {
        let bench = bench("plan-reader").unwrap();
        bench.deploy_with(helm, &[]).ok();
        let role = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "reader"},
            "rules": [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["get", "list"]}]});
        let binding = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": "reader"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "reader"},
            "subjects": [{"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": "reader"}]});
        bench.apply(&role);
        bench.apply(&binding);
        let file = bench.path("plan.json");
        let plan = |more: &[&str]| {
            let run = bench.with(helm, &[&["plan", "app", "-n", &bench.ns, "-o", "json"], more].concat());
            run.env("HELM_KUBEASUSER", "reader").env("HELM_KUBEASGROUPS", "system:authenticated")
        };
        let ran = bench.unchanged(|| plan(&["--parameter", "currency=USD", "--save", file.to_str().unwrap()]).exits(2));
        let planned: Value = serde_json::from_str(&ran.out).unwrap();
        let changed = actions(&planned);
        assert_eq!(changed, ["change ConfigMap/app-aspire", "change ConfigMap/api-config", "change Deployment/api"]);
        let said = planned["notChecked"].to_string();
        assert!(said.contains("no permission to patch") && said.contains("deployments.apps"), "{said}");
        assert_eq!(planned["errors"], json!([]));
        // Who may write does what the reader planned.
        bench.deploy_with(helm, &["--parameter", "currency=USD", "--plan", file.to_str().unwrap()]).ok();
        assert_eq!(bench.get("configmap/api-config")["data"]["CURRENCY"], "USD");
    }
}

#[test]
fn a_saved_plan_is_done_exactly_or_not_at_all() {
    let Some(bench) = bench("plan-saved") else { return };
    let file = bench.path("plan.json").display().to_string();
    let flags = ["--parameter", "token=swordfish"];
    let save = |more: &[&str], code| bench.plan("4.2.4", &[more, &["--save", &file]].concat(), code);
    let approved = |more: &[&str]| bench.deploy(&[more, &["--plan", &file]].concat());
    // A first install.
    save(&flags, 2);
    let saved = fs::read_to_string(&file).unwrap();
    assert!(!saved.contains("swordfish"), "{saved}");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    bench.unchanged(|| {
        approved(&["--tag", "2", "--parameter", "currency=USD"]).exits(3).says(&["other values: currency"])
    });
    approved(&flags).ok();
    assert_eq!(bench.secret("app-secrets")["token"], "swordfish");
    // The same plan again: everything moved.
    bench.unchanged(|| {
        let said = ["the release is revision 1 (deployed), it was not installed", "v1/Secret/", "plan again"];
        approved(&flags).exits(3).says(&said);
    });
    // An upgrade, and what may come between.
    let kubectl = |arguments: &[&str]| drop(bench.plane.kubectl(&[arguments, &["-n", &bench.ns]].concat()).unwrap());
    let usd = ["--parameter", "currency=USD"];
    let refused = |said: &str| bench.unchanged(|| approved(&usd).exits(3).says(&[said]));
    save(&usd, 2);
    kubectl(&["annotate", "service/api", "a=b"]);
    kubectl(&["patch", "service/api", "-p", "{\"spec\":{\"sessionAffinity\":\"ClientIP\"}}"]);
    refused(&format!("changed on the cluster since: v1/Service/{}/api", bench.ns));
    save(&usd, 2);
    kubectl(&["patch", "configmap/db-config", "-p", "{\"data\":{\"X\":\"1\"}}"]);
    refused(&format!("changed on the cluster since: v1/ConfigMap/{}/db-config", bench.ns));
    // An object that the plan would have made.
    let manifest = fs::read_to_string(bench.path("app/aspire-manifest.json")).unwrap();
    let mut more: Value = serde_json::from_str(&manifest).unwrap();
    more["resources"]["other"] = json!({"type": "container.v0", "image": "registry.invalid/other:1"});
    bench.write("app/aspire-manifest.json", &more.to_string());
    save(&usd, 2);
    let object = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "other-config", "labels": {"app.kubernetes.io/managed-by": "Helm"},
        "annotations": {"meta.helm.sh/release-name": "app", "meta.helm.sh/release-namespace": bench.ns}}});
    bench.apply(&object);
    refused(&format!("changed on the cluster since: v1/ConfigMap/{}/other-config", bench.ns));
    bench.write("app/aspire-manifest.json", &manifest);
    save(&usd, 2);
    bench.deploy(&["--parameter", "currency=GBP"]).ok();
    refused("the release is revision 2 (deployed), it was revision 1 (deployed)");
    // Other secrets than those that were planned.
    bench.run(&["plan", "app", "-n", &bench.ns, "--parameter", "currency=USD", "--save", &file]).exits(2);
    bench.unchanged(|| {
        approved(&["--parameter", "currency=USD", "--parameter", "token=x"]).exits(3).says(&["other secrets: token"])
    });
    bench.change_manifest("registry.invalid/db:1", "registry.invalid/db:2");
    bench.unchanged(|| approved(&["--parameter", "currency=USD"]).exits(3).says(&["the chart differs: "]));
    bench.write("plan.json", "{}");
    bench.unchanged(|| approved(&[]).exits(1).says(&["plan.json is not a saved plan"]));
}

#[test]
fn a_saved_plan_may_begin_with_the_namespace() {
    let Some(bench) = bench("plan-space") else { return };
    let (file, space) = (bench.path("plan.json").display().to_string(), format!("{}-new", bench.ns));
    let there = |words: &[&str]| bench.run(&[words, &["-n", &space, "--parameter", "token=x"]].concat());
    let planned = there(&["plan", "app", "--save", &file]).exits(2);
    assert!(planned.out.contains("+ Namespace") && planned.out.contains("does not exist yet"), "{planned}");
    there(&["deploy", "app", "--plan", &file]).ok().says(&["created namespace"]);
    there(&["deploy", "app", "--plan", &file]).exits(3).says(&["it was not installed"]);
    bench.run(&["destroy", "app", "-n", &space, "--delete-data", "--delete-namespace", "--yes"]).ok();
}

#[test]
fn missing_inputs_are_named_as_deploy_names_them() {
    let Some(bench) = bench("plan-inputs") else { return };
    bench.change_manifest(", \"default\": { \"value\": \"EUR\" }", "");
    let (plan, deploy) = (bench.plan("4.2.4", &[], 1), bench.deploy(&[]).exits(1));
    let tail = |ran: &Ran| {
        ran.err.lines().filter(|line| !line.starts_with(['p', 'd', '['])).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(tail(&plan), tail(&deploy));
    plan.says(&["no value for the input `currency`"]);
    bench.plan("4.2.4", &["--parameter", "currency=EUR"], 2);
}

#[test]
fn a_kind_that_the_cluster_does_not_know_is_said() {
    let Some(bench) = crate::bench::bench_of_its_own("plan-kind") else { return };
    let from = "secrets: {externalSecrets: {store: {name: vault, kind: SecretStore}}}\nparameters: {token: {from: external-secrets}}\n";
    bench.configure(&format!("{CONFIG}{from}"));
    let plan = bench.planned("4.2.4", &[], 1);
    assert!(text(&plan["errors"][0]).contains("ExternalSecret"), "{plan:#}");
    assert!(plan["notChecked"][0].as_str().unwrap().contains("the cluster does not know this kind"), "{plan:#}");
    assert!(actions(&plan).iter().any(|action| action == "add Deployment/api"), "{plan:#}");
}

#[test]
fn no_secret_is_shown_or_saved_in_any_form() {
    let Some(_) = bench("plan-canary") else { return };
    for helm in ["3.14.4", "4.2.4"] {
        let bench = bench("plan-canary").unwrap();
        // One secret from deploy, one from the chart, each replaced; one typed by hand into a variable.
        let [old, new] = ["canary+old/value=1", "canary+new/value=2"];
        bench.configure(&format!("{CONFIG}parameters: {{token: {{from: chart}}}}\n"));
        let given = |value: &str| [format!("--parameter=token={value}"), format!("--parameter=db-password={value}")];
        let (was, is) = (given(old), given(new));
        bench.deploy_with(helm, &[&was[0], &was[1]]).ok();
        let variable = format!("TYPED={old}");
        bench.plane.kubectl(&["set", "env", "statefulset/db", &variable, "-n", &bench.ns]).unwrap();
        bench.plane.kubectl(&["rollout", "status", "statefulset/db", "-n", &bench.ns, "--timeout=60s"]).unwrap();
        let file = bench.path("plan.json").display().to_string();
        let flags = [&is[0], &is[1], "--accept=stale-credentials", "--save", &file];
        let mut seen = String::new();
        for form in ["text", "json"] {
            let ran = bench.unchanged(|| {
                bench.with(helm, &[&["plan", "app", "-n", &bench.ns, "-o", form], &flags[..]].concat()).exits(2)
            });
            seen += &ran.out;
            seen += &ran.err;
        }
        seen += &fs::read_to_string(&file).unwrap();
        for value in [old, new] {
            let encoded = kubectl_aspire::internals::support::redact::base64(value.as_bytes());
            let escaped = value.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
            for form in [value, &encoded, &escaped] {
                assert!(!seen.contains(form), "{helm}: {form} in {seen}");
            }
        }
        assert!(seen.contains("app-chart-secrets") && seen.contains("restarts: secret "), "{seen}");
        // Taken from elsewhere, the Secret of the chart has done its work.
        bench.configure(CONFIG);
        let plan = bench.planned(helm, &[], 2);
        assert!(actions(&plan).contains(&"delete Secret/app-chart-secrets".to_owned()), "{plan:#}");
        if helm == "3.14.4" {
            bench.deploy_with(helm, &[]).ok();
            assert_eq!(bench.find("secret/app-chart-secrets"), None);
            // Nothing is left to do, and what was typed by hand stays.
            assert_eq!(actions(&bench.planned(helm, &[], 0)), ["drift StatefulSet/db"]);
        }
    }
}

#[test]
fn a_chart_that_was_rendered_before_is_planned_like_its_source() {
    let Some(bench) = bench("plan-packed") else { return };
    bench.run(&["render", "app", "-o", "chart"]).ok();
    bench.deploy(&["--parameter", "currency=USD"]).ok();
    bench.unchanged(|| bench.run(&["plan", "chart", "-n", &bench.ns]).ok());
    let file = bench.path("plan.json").display().to_string();
    let flags = ["-n", &*bench.ns, "--parameter", "currency=GBP"];
    bench.run(&[&["plan", "app", "--save", &file], &flags[..]].concat()).exits(2);
    bench.run(&[&["deploy", "chart", "--plan", &file], &flags[..]].concat()).ok();
    assert_eq!(bench.get("configmap/api-config")["data"]["CURRENCY"], "GBP");
}

//! What somebody writes into helm's records, who may write Secrets in one namespace and nothing else, decides nothing beyond
//! that namespace: no hook runs, no object elsewhere is created, changed or deleted.

use crate::bench::{Bench, CONFIG, bench, text};
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use kubectl_aspire::internals::support::redact::{base64, unbase64};
use serde_json::{Value, json};
use std::io::{Read as _, Write as _};

/// What a record says, out of its Secret.
fn unpacked(secret: &Value) -> Value {
    let packed = unbase64(text(&secret["data"]["release"])).unwrap();
    let packed = unbase64(std::str::from_utf8(&packed).unwrap()).unwrap();
    let mut json = String::new();
    GzDecoder::new(&packed[..]).read_to_string(&mut json).unwrap();
    serde_json::from_str(&json).unwrap()
}

fn packed(record: &Value) -> String {
    let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
    packer.write_all(record.to_string().as_bytes()).unwrap();
    base64(base64(&packer.finish().unwrap()).as_bytes())
}

/// A hook that would make its author the master of the cluster.
fn hook(name: &str, event: &str) -> Value {
    let manifest = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
        "metadata": {"name": name, "annotations": {"helm.sh/hook": event}},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
        "subjects": [{"kind": "User", "name": "tenant", "apiGroup": "rbac.authorization.k8s.io"}]});
    json!({"name": name, "kind": "ClusterRoleBinding", "path": "x/templates/h.yaml", "manifest": manifest.to_string(),
        "events": [event], "weight": 0, "last_run": {"phase": ""}})
}

/// Rewrites the record of a revision as somebody with the right to write Secrets would; the Secret from before.
fn tamper(bench: &Bench, revision: u64, change: impl FnOnce(&mut Value)) -> Value {
    let before = bench.get(&format!("secret/sh.helm.release.v1.app.v{revision}"));
    replace(bench, tampered(&before, change));
    before
}

fn tampered(before: &Value, change: impl FnOnce(&mut Value)) -> Value {
    let mut record = unpacked(before);
    change(&mut record);
    let mut secret = before.clone();
    secret["data"]["release"] = packed(&record).into();
    secret
}

fn replace(bench: &Bench, mut secret: Value) {
    for field in ["resourceVersion", "managedFields"] {
        secret["metadata"].as_object_mut().unwrap().remove(field);
    }
    let file = bench.write("secret.json", &secret.to_string());
    let space = text(&secret["metadata"]["namespace"]);
    bench.plane.kubectl(&["replace", "-f", file.to_str().unwrap(), "-n", space]).unwrap();
}

/// Adds an object to the manifest of a record.
fn add(record: &mut Value, object: &Value) {
    record["manifest"] = format!("{}\n---\n{object}\n", text(&record["manifest"])).into();
}

fn exists(bench: &Bench, object: &str, namespace: &str) -> bool {
    !bench
        .plane
        .kubectl(&["get", object, "-n", namespace, "-o", "name", "--ignore-not-found"])
        .unwrap()
        .trim()
        .is_empty()
}

/// A namespace of another team with something in it.
fn other_team(bench: &Bench) -> String {
    let space = bench.plane.namespace("team");
    let precious =
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "precious", "namespace": space}});
    bench.plane.apply(&precious.to_string()).unwrap();
    space
}

#[test]
fn a_release_that_only_its_labels_name_is_never_removed() {
    let Some(bench) = bench("labels") else { return };
    bench.deploy(&[]).ok();
    let (tenant, team) = (bench.plane.namespace("tenant"), other_team(&bench));
    let name = format!("planted-{}", bench.ns);
    let manifest =
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "precious", "namespace": team}});
    let record = json!({"name": "planted", "namespace": tenant, "version": 1, "config": {}, "manifest": format!("---\n{manifest}\n"),
        "info": {"first_deployed": "2026-01-01T00:00:00Z", "last_deployed": "2026-01-01T00:00:00Z", "deleted": "", "description": "", "status": "deployed"},
        "chart": {"metadata": {"name": "x", "version": "1.0.0", "apiVersion": "v2"}, "templates": [], "values": {}},
        "hooks": [hook(&name, "pre-delete")]});
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "type": "helm.sh/release.v1",
        "metadata": {"name": "sh.helm.release.v1.planted.v1", "namespace": tenant, "labels": {
            "owner": "helm", "name": "planted", "status": "deployed", "version": "1",
            "aspire-k8s/application": "app", "aspire-k8s/for-release": "app", "aspire-k8s/for-namespace": bench.ns,
            "aspire-k8s/chart": "x", "aspire-k8s/destroy": "true", "aspire-k8s/order": "0", "aspire-k8s/digest": "0"}},
        "data": {"release": packed(&record)}});
    bench.plane.apply(&secret.to_string()).unwrap();
    bench
        .destroy(&["--delete-data"])
        .ok()
        .says(&[&format!("left in place: planted in {tenant} (chart x): only its labels say")]);
    assert!(!exists(&bench, &format!("clusterrolebinding/{name}"), "default"), "a hook ran");
    assert!(exists(&bench, "configmap/precious", &team));
    assert!(exists(&bench, "secret/sh.helm.release.v1.planted.v1", &tenant));
    assert_eq!(bench.find("deployment/api"), None);
    for space in [tenant, team] {
        let _ = bench.plane.kubectl(&["delete", "namespace", &space, "--wait=false"]);
    }
}

#[test]
fn a_hook_in_a_record_of_ours_never_runs() {
    let Some(bench) = bench("hook") else { return };
    bench.deploy(&[]).ok();
    bench.deploy(&["--parameter", "currency=USD"]).ok();
    let name = format!("planted-{}", bench.ns);
    for (event, key) in [("pre-delete", "hooks"), ("post-delete", "Hooks"), ("pre-upgrade", "hooks")] {
        let before = tamper(&bench, 2, |record| {
            record.as_object_mut().unwrap().remove("hooks");
            record[key] = json!([hook(&name, event)]);
        });
        bench.unchanged(|| {
            let stored = "Secret sh.helm.release.v1.app.v2";
            bench
                .destroy(&["--delete-data"])
                .exits(3)
                .says(&[stored, "kubectl delete secret sh.helm.release.v1.app.v2"]);
            bench.deploy(&[]).exits(3).says(&[stored]);
            bench.run(&["rollback", "app", "1", "-n", &bench.ns]).exits(3).says(&[stored]);
        });
        replace(&bench, before);
    }
    let before = tamper(&bench, 1, |record| record["hooks"] = json!([hook(&name, "pre-rollback")]));
    bench.unchanged(|| {
        let ran = bench.run(&["rollback", "app", "1", "-n", &bench.ns]).exits(3);
        ran.says(&["Secret sh.helm.release.v1.app.v1 holds a hook", "ClusterRoleBinding", "pre-rollback"]);
    });
    replace(&bench, before);
    assert!(!exists(&bench, &format!("clusterrolebinding/{name}"), "default"), "a hook ran");
    // A record that is called otherwise is found by helm all the same.
    let mut other = bench.get("secret/sh.helm.release.v1.app.v2");
    let mut record = unpacked(&other);
    record["version"] = json!(9);
    record["hooks"] = json!([hook(&name, "pre-delete")]);
    other["metadata"] =
        json!({"name": "innocent", "labels": {"owner": "helm", "name": "app", "status": "deployed", "version": "9"}});
    other["data"]["release"] = packed(&record).into();
    bench.apply(&other);
    bench.unchanged(|| bench.destroy(&[]).exits(3).says(&["Secret innocent says that it is revision 9"]));
    bench.plane.kubectl(&["delete", "secret", "innocent", "-n", &bench.ns]).unwrap();
    bench.destroy(&["--delete-data"]).ok();
    assert!(!exists(&bench, &format!("clusterrolebinding/{name}"), "default"), "a hook ran");
}

#[test]
fn an_object_of_another_namespace_in_a_record_is_not_touched() {
    let Some(bench) = bench("beyond") else { return };
    bench.deploy(&[]).ok();
    let team = other_team(&bench);
    let precious =
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "precious", "namespace": team}});
    let list = json!({"apiVersion": "v1", "kind": "ConfigMapList", "items": [precious]});
    for planted in [&precious, &list] {
        let before = tamper(&bench, 1, |record| add(record, planted));
        bench.unchanged(|| {
            let said = format!("ConfigMap precious in namespace {team}: the live object is not owned by this release");
            bench.deploy(&[]).exits(3).says(&[&said, "kubectl delete secret sh.helm.release.v1.app.v1"]);
            let planned = bench.run(&["plan", "app", "-n", &bench.ns]).end();
            assert!(planned.code != Some(0) && format!("{planned}").contains(&said), "{planned}");
            let allow = format!("--allow-object=ConfigMap/{team}/precious");
            bench.destroy(&["--delete-data", &allow]).exits(3).says(&[&said]);
        });
        replace(&bench, before);
    }
    // What is ours by its own word goes when a person names it, and not before.
    let ours = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "ours", "namespace": team,
        "labels": {"app.kubernetes.io/managed-by": "Helm"},
        "annotations": {"meta.helm.sh/release-name": "app", "meta.helm.sh/release-namespace": bench.ns}}});
    bench.plane.apply(&ours.to_string()).unwrap();
    tamper(&bench, 1, |record| add(record, &ours));
    let allow = format!("--allow-object=ConfigMap/{team}/ours");
    bench.unchanged(|| bench.deploy(&[]).exits(3).says(&[&format!("--allow-object ConfigMap/{team}/ours")]));
    bench.deploy(&[&allow]).ok();
    assert!(!exists(&bench, "configmap/ours", &team));
    // A rollback would bring whatever a record says.
    let name = format!("planted-{}", bench.ns);
    let role = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": name}, "rules": []});
    let grant = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": "grant"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"}, "subjects": []});
    tamper(&bench, 1, |record| {
        add(record, &role);
        add(record, &grant);
    });
    bench.unchanged(|| {
        let ran = bench.run(&["rollback", "app", "1", "-n", &bench.ns]).exits(3);
        ran.says(&[&format!("ClusterRole {name}: only helm's record"), "RoleBinding grant in namespace"]);
    });
    assert!(!exists(&bench, &format!("clusterrole/{name}"), "default"));
    assert!(exists(&bench, "configmap/precious", &team));
    bench.destroy(&["--delete-data"]).ok();
    let _ = bench.plane.kubectl(&["delete", "namespace", &team, "--wait=false"]);
}

#[test]
fn a_kind_that_our_charts_do_not_make_needs_more_than_a_record() {
    let Some(bench) = bench("kinds") else { return };
    bench.deploy(&[]).ok();
    bench.deploy(&["--parameter", "currency=USD"]).ok();
    let meta = json!({"name": "precious", "namespace": bench.ns});
    let labels = json!({"app": "precious"});
    let pod = json!({"metadata": {"labels": labels}, "spec": {"containers": [{"name": "x", "image": "x"}]}});
    let daemon = json!({"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": meta,
        "spec": {"selector": {"matchLabels": labels}, "template": pod}});
    let component = json!({"apiVersion": "dapr.io/v1alpha1", "kind": "Component", "metadata": meta,
        "spec": {"type": "state.redis", "version": "v1", "metadata": []}});
    let role = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": meta, "rules": []});
    for object in [&daemon, &component, &role] {
        bench.apply(object);
        let kind = text(&object["kind"]);
        let (before, oldest) =
            (tamper(&bench, 2, |record| add(record, object)), tamper(&bench, 1, |record| add(record, object)));
        let said = format!("{kind} precious in namespace {}: the live object is not owned by this release", bench.ns);
        bench.unchanged(|| {
            let allow = format!("--allow-object={kind}/{}/precious", bench.ns);
            bench.destroy(&["--delete-data", &allow]).exits(3).says(&[&said]);
            bench.deploy(&[&allow]).exits(3).says(&[&said]);
            bench.run(&["rollback", "app", "1", "-n", &bench.ns, &allow]).exits(3).says(&[&said]);
        });
        replace(&bench, before);
        bench.plane.kubectl(&["delete", kind, "precious", "-n", &bench.ns]).unwrap();
        if kind != "Component" {
            // Not there, a rollback would create it.
            let flag = format!("--allow-object {kind}/{}/precious", bench.ns);
            bench.unchanged(|| bench.run(&["rollback", "app", "1", "-n", &bench.ns]).exits(3).says(&[&flag]));
        }
        replace(&bench, oldest);
    }
    bench.destroy(&["--delete-data"]).ok();
}

#[test]
fn a_record_that_is_changed_after_a_person_agreed_stops_the_removal() {
    let Some(bench) = bench("agreed") else { return };
    bench.write("src/red/Chart.yaml", "apiVersion: v2\nname: red\nversion: 1.0.0\n");
    bench.write("src/red/templates/a.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: red}\n");
    bench
        .configure(&format!("{CONFIG}charts:\n  red: {{chart: ../src/red, namespace: {}, destroy: true}}\n", bench.ns));
    bench.deploy(&[]).ok();
    bench.apply(&json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "precious"}}));
    let before = bench.get("secret/sh.helm.release.v1.red.v1");
    let precious = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "precious"}});
    let mut other = tampered(&before, |record| add(record, &precious));
    other["metadata"] = json!({"name": text(&other["metadata"]["name"]), "labels": other["metadata"]["labels"]});
    let file = bench.write("planted.json", &other.to_string());
    // The application goes first, and the chart after it.
    let helm = bench.script(
        "helm",
        &format!(
            "#!/bin/sh\ncase \"$*\" in uninstall*app*) '{}' replace -f '{}' -n {} >/dev/null || exit 9;; esac\nexec '{}' \"$@\"\n",
            bench.plane.helm("4.2.4").ancestors().nth(2).unwrap().join("kubectl").display(),
            file.display(),
            bench.ns,
            bench.plane.helm("4.2.4").display()
        ),
    );
    let ran = bench.destroy(&["--delete-data"]).env("HELM_BIN", &helm).exits(3);
    ran.says(&["changed after they were shown", "run again, and check what will be deleted"]);
    assert!(exists(&bench, "configmap/precious", &bench.ns) && exists(&bench, "configmap/red", &bench.ns));
    bench.unchanged(|| {
        let ran = bench.run(&["destroy", "app", "-n", &bench.ns, "--non-interactive"]).exits(3);
        ran.says(&[&format!("ConfigMap precious in namespace {}", bench.ns)]);
    });
}

#[test]
fn a_record_that_is_changed_after_the_checks_stops_helm() {
    let Some(bench) = bench("between") else { return };
    bench.write("src/red/Chart.yaml", "apiVersion: v2\nname: red\nversion: 1.0.0\n");
    bench.write("src/red/templates/a.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: red}\n");
    bench.deploy(&[]).ok();
    bench.configure(&format!("{CONFIG}charts:\n  red: {{chart: ../src/red, namespace: {}}}\n", bench.ns));
    let name = format!("planted-{}", bench.ns);
    let mut other = bench.get("secret/sh.helm.release.v1.app.v1");
    let mut record = unpacked(&other);
    record["hooks"] = json!([hook(&name, "pre-upgrade")]);
    other["metadata"] = json!({"name": text(&other["metadata"]["name"]), "labels": other["metadata"]["labels"]});
    other["data"]["release"] = packed(&record).into();
    let file = bench.write("planted.json", &other.to_string());
    // Everything is checked before the first chart, and the application comes after it.
    let helm = bench.script(
        "helm",
        &format!(
            "#!/bin/sh\ncase \"$*\" in upgrade*\" red \"*) '{}' replace -f '{}' -n {} >/dev/null || exit 9;; esac\nexec '{}' \"$@\"\n",
            bench.plane.helm("4.2.4").ancestors().nth(2).unwrap().join("kubectl").display(),
            file.display(),
            bench.ns,
            bench.plane.helm("4.2.4").display()
        ),
    );
    let ran = bench.deploy(&["--parameter", "currency=USD"]).env("HELM_BIN", &helm).exits(3);
    ran.says(&["Secret sh.helm.release.v1.app.v1 holds a hook"]);
    assert_eq!(bench.find("secret/sh.helm.release.v1.app.v2"), None, "helm ran");
}

#[test]
fn a_hook_in_the_record_of_a_chart_that_lies_elsewhere_never_runs() {
    let Some(bench) = bench("moved") else { return };
    bench.write("src/red/Chart.yaml", "apiVersion: v2\nname: red\nversion: 1.0.0\n");
    bench.write("src/red/templates/a.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: red}\n");
    let space = bench.plane.namespace("red");
    let config = |space: &str| {
        bench.configure(&format!("{CONFIG}charts:\n  red: {{chart: ../src/red, namespace: {space}, destroy: true}}\n"));
    };
    config(&space);
    bench.deploy(&[]).ok();
    config(&bench.ns);
    bench.destroy(&[]).ok().says(&[&format!("left in place: red in {space} (chart red): only its labels say")]);
    assert!(exists(&bench, "configmap/red", &space));
    bench.deploy(&[]).ok();
    config(&space);
    bench.destroy(&["--delete-data"]).ok().says(&[&format!("uninstalled with it: the charts red in {space}")]);
    assert!(!exists(&bench, "configmap/red", &space));
    let _ = bench.plane.kubectl(&["delete", "namespace", &space, "--wait=false"]);
}

#[test]
fn hooks_in_the_record_of_a_chart_of_others_run_only_if_a_person_says_so() {
    let Some(bench) = bench("charthook") else { return };
    bench.write("src/red/Chart.yaml", "apiVersion: v2\nname: red\nversion: 1.0.0\n");
    bench.write("src/red/templates/a.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: red}\n");
    let space = bench.plane.namespace("red");
    bench.configure(&format!("{CONFIG}charts:\n  red: {{chart: ../src/red, namespace: {space}, destroy: true}}\n"));
    let (name, place) = (format!("planted-{}", bench.ns), format!("{space}/red"));
    let planted = format!("ClusterRoleBinding {name} (pre-delete)");
    for (flags, says) in [
        (vec![], format!("its hooks are skipped: {planted}; --allow-chart-hooks {place} runs them")),
        (vec!["--allow-chart-hooks", &place], format!("its hooks run: {planted}")),
    ] {
        bench.deploy(&[]).ok();
        let record = bench.plane.kubectl(&["get", "secret/sh.helm.release.v1.red.v1", "-n", &space, "-o", "json"]);
        let record: Value = serde_json::from_str(&record.unwrap()).unwrap();
        replace(&bench, tampered(&record, |record| record["hooks"] = json!([hook(&name, "pre-delete")])));
        bench.unchanged(|| {
            let wrong = ["--allow-chart-hooks", "elsewhere/red"];
            bench
                .destroy(&wrong)
                .exits(3)
                .says(&["--allow-chart-hooks elsewhere/red: this run removes no such chart release"]);
        });
        // Helm applies the manifest of a hook, whatever the record calls it.
        let mut masked = hook(&name, "pre-delete");
        (masked["kind"], masked["name"]) = (json!("ConfigMap"), json!("harmless"));
        let good = tampered(&record, |record| record["hooks"] = json!([hook(&name, "pre-delete")]));
        replace(&bench, tampered(&record, |record| record["hooks"] = json!([masked])));
        let held = format!("the manifest of the hook ConfigMap harmless holds ClusterRoleBinding {name}");
        bench.unchanged(|| bench.destroy(&["--allow-chart-hooks", &place]).exits(3).says(&[&held]));
        replace(&bench, good);
        bench.destroy(&[&["--delete-data"], &flags[..]].concat()).ok().says(&[&says]);
        assert!(!exists(&bench, "configmap/red", &space));
        assert_eq!(exists(&bench, &format!("clusterrolebinding/{name}"), "default"), !flags.is_empty());
    }
    let _ = bench.plane.kubectl(&["delete", "clusterrolebinding", &name]);
    let _ = bench.plane.kubectl(&["delete", "namespace", &space, "--wait=false"]);
}

#[test]
fn helm_runs_no_hooks_for_a_release_of_ours() {
    let Some(bench) = bench("nohooks") else { return };
    let log = bench.path("said.txt");
    let real = bench.plane.helm("4.2.4");
    let helm = bench
        .script("helm", &format!("#!/bin/sh\necho \"$*\" >>'{}'\nexec '{}' \"$@\"\n", log.display(), real.display()));
    bench.deploy(&[]).env("HELM_BIN", &helm).ok();
    bench.deploy(&["--parameter", "currency=USD"]).env("HELM_BIN", &helm).ok();
    bench.run(&["rollback", "app", "1", "-n", &bench.ns]).env("HELM_BIN", &helm).ok();
    bench.destroy(&["--delete-data"]).env("HELM_BIN", &helm).ok();
    let said = std::fs::read_to_string(log).unwrap();
    for verb in ["upgrade ", "rollback ", "uninstall "] {
        let writes: Vec<&str> =
            said.lines().filter(|line| line.starts_with(verb) && !line.contains("--dry-run")).collect();
        assert!(!writes.is_empty() && writes.iter().all(|line| line.contains("--no-hooks")), "{verb}: {said}");
    }
}

//! `charts:`: other people's charts, installed with the application, from a folder, a repository and a registry.

use crate::bench::{Bench, CONFIG, Run, bench, bench_of_its_own, text, wait_for};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use serde_json::{Value, json};
use std::fs;
use testbed::{ChartRepository, Registry, RepositoryFault};

/// A chart that defines a kind of this test alone, and one that makes an object of it.
fn write_charts(bench: &Bench) {
    let group = group(bench);
    bench.write("app/charts/defs/Chart.yaml", "apiVersion: v2\nname: defs\nversion: 1.0.0\n");
    bench.write(
        "app/charts/defs/crds/widgets.yaml",
        &json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": format!("widgets.{group}")},
            "spec": {"group": group, "scope": "Namespaced",
                "names": {"kind": "Widget", "plural": "widgets", "singular": "widget", "listKind": "WidgetList"},
                "versions": [{"name": "v1", "served": true, "storage": true,
                    "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}}}]}})
        .to_string(),
    );
    bench.write("app/charts/defs/templates/a.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: defs}\n");
    bench.write("app/charts/uses/Chart.yaml", "apiVersion: v2\nname: uses\nversion: 1.0.0\n");
    let widget = format!(
        "apiVersion: {group}/v1\nkind: Widget\nmetadata: {{name: one}}\nspec: {{size: {{{{ .Values.size }}}}}}\n"
    );
    bench.write("app/charts/uses/templates/a.yaml", &widget);
    bench.write("app/charts/uses/values.yaml", "size: 1\n");
}

fn group(bench: &Bench) -> String {
    format!("{}.example", bench.ns)
}

/// A plain chart in a folder outside of the application: its ConfigMap shows what it was given.
fn write_plain(bench: &Bench, name: &str, version: &str) {
    bench.write(&format!("src/{name}/Chart.yaml"), &format!("apiVersion: v2\nname: {name}\nversion: {version}\n"));
    bench.write(
        &format!("src/{name}/templates/a.yaml"),
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: {{ .Release.Name }}-plain}\ndata: {version: {{ .Chart.Version | quote }}, values: {{ toJson .Values | quote }}}\n",
    );
}

fn package(bench: &Bench, name: &str, version: &str, into: &str) {
    write_plain(bench, name, version);
    bench.helm(&["package", &format!("src/{name}"), "-d", into]).ok();
}

/// A repository that holds packages of the folder `repo`.
fn repository(bench: &Bench, packages: &[&str]) -> ChartRepository {
    let repository = ChartRepository::start(&bench.path("served")).unwrap();
    for package in packages {
        repository.add_package(&bench.path(&format!("repo/{package}.tgz"))).unwrap();
    }
    repository
}

/// Revision and status of every release, in all namespaces of this test.
fn revisions(bench: &Bench, namespaces: &[&str]) -> Vec<(String, u64, String)> {
    let mut all = Vec::new();
    for namespace in namespaces {
        let list = bench.plane.helm("4.2.4");
        let ran = bench.program(&list, &["list", "-n", namespace, "-o", "json"]).end();
        let list: Vec<Value> = serde_json::from_str(&ran.out).unwrap();
        for release in list {
            let revision = text(&release["revision"]).parse().unwrap();
            all.push((
                format!("{namespace}/{}", text(&release["name"])),
                revision,
                text(&release["status"]).to_owned(),
            ));
        }
    }
    all
}

fn names(revisions: &[(String, u64, String)]) -> Vec<&str> {
    revisions.iter().map(|(name, ..)| name.as_str()).collect()
}

#[test]
fn a_chart_that_defines_a_kind_comes_before_the_one_that_uses_it_and_a_second_deploy_changes_nothing() {
    let Some(bench) = bench("defs") else { return };
    write_charts(&bench);
    let (ns, group) = (bench.ns.clone(), group(&bench));
    let (defs, uses) = (format!("{ns}-defs"), format!("{ns}-uses"));
    bench.configure(&format!(
        "{CONFIG}charts:\n  uses: {{chart: ./charts/uses, namespace: {uses}, phase: after, needs: [defs], values: {{size: 2}}, destroy: true}}\n  defs:\n    chart: ./charts/defs\n    namespace: {defs}\n    waitFor: {{crds: [widgets.{group}], objects: [{{kind: ConfigMap, name: defs}}]}}\n"
    ));
    let planned = bench.unchanged(|| bench.run(&["plan", "app", "-n", &ns]).exits(2));
    for part in [
        format!("chart defs (defs in namespace {defs}): install 1.0.0"),
        format!("chart uses (uses in namespace {uses}): install 1.0.0"),
    ] {
        assert!(planned.out.contains(&part), "{planned}");
    }
    let config = fs::read_to_string(bench.path("app/aspire-k8s.yaml")).unwrap();
    bench.unchanged(|| bench.run(&["plan", "app", "-n", &ns, "--save", "plan.json"]).exits(2));
    bench.configure(&config.replace("size: 2", "size: 4"));
    bench.unchanged(|| bench.deploy(&["--plan", "plan.json"]).exits(3).says(&["other charts: uses"]));
    bench.configure(&config);
    bench.deploy(&["--plan", "plan.json"]).ok().says(&["chart defs (defs in", "install 1.0.0"]);
    let widget = bench.list_in(&uses, &format!("widgets.{group}"));
    assert_eq!(widget[0]["spec"]["size"], 2);

    let before = revisions(&bench, &[&ns, &defs, &uses]);
    assert_eq!(names(&before), [format!("{ns}/app"), format!("{defs}/defs"), format!("{uses}/uses")]);
    bench.deploy(&[]).ok().says(&["chart defs (defs in", "unchanged, 1.0.0"]);
    let after = revisions(&bench, &[&ns, &defs, &uses]);
    assert_eq!(before[1..], after[1..]);
    let planned = bench.run(&["plan", "app", "-n", &ns, "-o", "json"]).end();
    let planned: Value = serde_json::from_str(&planned.out).unwrap();
    assert_eq!(
        planned["charts"].as_array().unwrap().iter().filter(|chart| chart["changes"] == true).count(),
        0,
        "{planned}"
    );

    bench.configure(&fs::read_to_string(bench.path("app/aspire-k8s.yaml")).unwrap().replace("size: 2", "size: 3"));
    let planned = bench.run(&["plan", "app", "-n", &ns]).exits(2);
    assert!(planned.out.contains("change values"), "{planned}");
    bench.deploy(&[]).ok();
    let changed = revisions(&bench, &[&ns, &defs, &uses]);
    assert_eq!((changed[1].1, changed[2].1), (1, 2), "{changed:?}");
    assert_eq!(bench.list_in(&uses, &format!("widgets.{group}"))[0]["spec"]["size"], 3);

    bench.run(&["render", "app", "-o", "rendered"]).ok();
    let packed = bench.run(&["plan", "rendered", "-n", &ns]).end();
    assert!(packed.err.contains("charts: not installed, because SOURCE is a rendered chart: defs into"), "{packed}");

    // By the name of the release alone only labels would say what is to go: a person names it.
    let by_name = ["destroy", "--release", "app", "-n", &ns];
    bench.unchanged(|| {
        bench.run(&by_name).exits(3).says(&[
            &format!("left in place: uses in {uses} (chart uses): only its labels say"),
            &format!("--remove-chart {uses}/uses"),
        ]);
        let wrong = format!("{ns}/uses");
        bench.run(&[&by_name[..], &["--remove-chart", &wrong, "--yes"]].concat()).exits(3).says(&["no such release"]);
    });
    let place = format!("{uses}/uses");
    let ran = bench.run(&[&by_name[..], &["--remove-chart", &place, "--yes"]].concat()).ok();
    ran.says(&[
        &format!("to be removed: release uses in namespace {uses} with Widget one in namespace {uses}"),
        &format!("uninstalled with it: the charts uses in {uses}"),
        &format!("left in place: defs in {defs} (chart defs): only its labels say"),
    ]);
    assert_eq!(names(&revisions(&bench, &[&ns, &defs, &uses])), [format!("{defs}/defs")]);
    assert!(bench.left_behind().is_empty());
    for namespace in [defs, uses] {
        let _ = bench.plane.kubectl(&["delete", "namespace", &namespace, "--wait=false"]);
    }
    let _ = bench.plane.kubectl(&["delete", "crd", &format!("widgets.{group}"), "--wait=false"]);
}

#[test]
fn charts_come_from_a_repository_and_from_a_registry_with_every_helm() {
    let Some(bench) = bench("fetch") else { return };
    let registry = Registry::start(&bench.path("registry")).unwrap();
    package(&bench, "red", "1.0.0", "repo");
    package(&bench, "red", "1.2.0", "repo");
    package(&bench, "blue", "v2.0.0", "blue");
    let oci = format!("oci://{}/charts", registry.address());
    bench.helm(&["push", "blue/blue-v2.0.0.tgz", &oci, "--plain-http"]).ok();
    let repository = repository(&bench, &["red-1.0.0", "red-1.2.0"]);
    let config = |version: &str, more: &str| {
        format!(
            "{CONFIG}charts:\n  red: {{chart: red, repository: '{}', version: {version}, namespace: {ns}{more}}}\n  blue: {{chart: '{oci}/blue', version: v2.0.0, plainHttp: true, namespace: {ns}}}\n",
            repository.url(),
            ns = bench.ns
        )
    };
    for (number, helm) in ["3.14.4", "3.22.0", "4.0.5", "4.3.1"].into_iter().enumerate() {
        // Each changes the values, and finds nothing to do when it looks again.
        bench.configure(&config("1.0.0", &format!(", values: {{n: {number}}}")));
        for _ in 0..2 {
            bench.deploy(&[]).env("HELM_BIN", bench.plane.helm(helm)).ok();
        }
        let after = revisions(&bench, &[&bench.ns]);
        let of = |name: &str| after.iter().find(|(found, ..)| found.ends_with(name)).unwrap().1;
        assert_eq!((of("/red"), of("/blue")), (number as u64 + 1, 1), "helm {helm}");
    }
    bench.configure(&config("1.2.0", ", forceConflicts: true, values: {a: 1}"));
    bench.run(&["plan", "app", "-n", &bench.ns]).exits(2);
    bench.deploy(&[]).ok().says(&["chart red (red in", "upgrade 1.0.0 -> 1.2.0", "chart blue", "unchanged, v2.0.0"]);
    assert_eq!(bench.get("configmap/red-plain")["data"]["version"], "1.2.0");

    bench.configure(&config("9.0.0", ""));
    bench.unchanged(|| {
        bench.deploy(&[]).exits(1).says(&["has no version 9.0.0 of the chart red", "the newest there is 1.2.0"]);
    });
    bench.configure(&config("1.2.0", "").replace("charts/blue", "charts/none"));
    bench.unchanged(|| bench.deploy(&[]).exits(1).says(&["charts/none", "has no chart"]));
    bench.configure(&config("1.2.0", "").replace(", plainHttp: true", ""));
    bench.unchanged(|| bench.deploy(&[]).exits(1).says(&["charts.blue", "plainHttp: true"]));
    repository.set_fault(RepositoryFault::Hang);
    bench.configure(&config("1.2.0", ""));
    bench.unchanged(|| {
        bench.deploy(&["--timeout", "12s"]).exits(1).says(&[&repository.url(), "did not respond in"]);
    });
    drop(repository);
    bench.unchanged(|| bench.deploy(&[]).exits(1).says(&["charts.red", "cannot download", "connection refused"]));
    assert!(bench.left_behind().is_empty());
}

#[test]
fn a_secret_reaches_a_chart_through_a_pipe_only_and_is_kept() {
    let Some(bench) = bench("piped") else { return };
    write_plain(&bench, "red", "1.0.0");
    let (ns, seen) = (&bench.ns, bench.path("seen"));
    fs::create_dir_all(&seen).unwrap();
    let helm = bench.script(
        "bin/helm",
        &format!(
            "#!/bin/bash\ncat /proc/$$/cmdline >{seen}/$$.cmdline\ncat /proc/$$/environ >{seen}/$$.environ\nexec {helm} \"$@\"\n",
            seen = seen.display(), helm = bench.plane.helm("4.2.4").display()
        ),
    );
    let config = format!(
        "{CONFIG}charts:\n  red: {{chart: ../src/red, namespace: {ns}, valuesFiles: [red.yaml], values: {{auth: {{user: me}}}}, valuesFrom: {{auth.password: extra, auth.money: currency}}}}\n"
    );
    bench.configure(&config);
    bench.write("app/red.yaml", "flag: yes\nauth: {user: you, nothing: null}\n");
    bench.change_manifest(
        "\"currency\": {",
        "\"extra\": {\"type\": \"parameter.v0\", \"value\": \"{extra.inputs.value}\", \"inputs\": {\"value\": {\"type\": \"string\", \"secret\": true}}}, \"currency\": {",
    );
    bench.unchanged(|| bench.deploy(&[]).exits(1).says(&["`extra`, which the chart red needs"]));
    let first = bench.deploy(&["--parameter-file", "-"]).stdin("extra: s3cr3t-canary\n").env("HELM_BIN", &helm).ok();
    assert!(!format!("{first}").contains("s3cr3t-canary"));
    let values: Value = serde_json::from_str(text(&bench.get("configmap/red-plain")["data"]["values"])).unwrap();
    assert_eq!(values["auth"], json!({"user": "me", "password": "s3cr3t-canary", "money": "EUR", "nothing": null}));
    assert_eq!(values["flag"], true, "helm reads YAML in its own way");
    let files: Vec<_> = fs::read_dir(&seen).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(files.len() > 4);
    for file in files {
        assert!(!String::from_utf8_lossy(&fs::read(&file).unwrap()).contains("s3cr3t-canary"), "{}", file.display());
    }
    assert_eq!(bench.secret("app-secrets")["extra"], "s3cr3t-canary");

    // Neither asked for nor given again.
    let before = revisions(&bench, &[ns]);
    bench.deploy(&[]).ok().says(&["chart red (red in", "unchanged"]);
    let after = revisions(&bench, &[ns]);
    assert_eq!(before[1..], after[1..], "red");
    bench.deploy(&["--parameter-file", "-"]).stdin("extra: another\n").ok().says(&["change values"]);
    let values: Value = serde_json::from_str(text(&bench.get("configmap/red-plain")["data"]["values"])).unwrap();
    assert_eq!(values["auth"]["password"], "another");

    // The chart stays, and so does what it was set up with.
    bench.destroy(&[]).ok().says(&["left in place: red in"]);
    assert_eq!(bench.secret("app-secrets")["extra"], "another");
    bench.deploy(&[]).ok().says(&["chart red (red in", "unchanged"]);
    assert!(bench.left_behind().is_empty());
}

#[test]
fn the_release_of_another_owner_is_left_alone_refused_or_taken_over() {
    let Some(bench) = bench("theirs") else { return };
    write_plain(&bench, "red", "1.0.0");
    let config = |more: &str| format!("{CONFIG}charts:\n  red: {{chart: ../src/red, namespace: {}{more}}}\n", bench.ns);
    bench.helm(&["install", "red", "src/red", "--set", "own=1"]).ok();
    bench.configure(&config(", destroy: true"));
    bench.deploy(&[]).ok().says(&["left alone: another owner installed 1.0.0"]);
    let of_red = |bench: &Bench| revisions(bench, &[&bench.ns]).into_iter().find(|(name, ..)| name.ends_with("/red"));
    assert_eq!(of_red(&bench).unwrap().1, 1);
    write_plain(&bench, "red", "1.1.0");
    bench.unchanged(|| {
        bench.deploy(&[]).exits(3).says(&["is red-1.0.0, installed not by this application", "adopt: true"]);
        let planned = bench.run(&["plan", "app", "-n", &bench.ns]).end();
        assert_ne!(planned.code, Some(0), "{planned}");
    });
    bench.destroy(&[]).ok();
    assert_eq!(of_red(&bench).unwrap().1, 1, "it is not ours to remove");
    bench.configure(&config(", destroy: true, adopt: true"));
    bench.deploy(&[]).ok().says(&["adopt a release of another owner, with 1.1.0"]);
    bench.deploy(&[]).ok().says(&["unchanged, 1.1.0"]);
    assert_eq!(of_red(&bench).unwrap().1, 2);
    bench.destroy(&[]).ok().says(&["uninstalled with it: the charts red in"]);
    assert_eq!(of_red(&bench), None);
}

#[test]
fn what_was_installed_stays_when_a_later_chart_fails_and_the_same_command_goes_on() {
    let Some(bench) = bench("again") else { return };
    write_plain(&bench, "red", "1.0.0");
    write_plain(&bench, "bad", "1.0.0");
    bench.write("src/bad/templates/b.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: Not Legal}\n");
    let config = format!(
        "{CONFIG}charts:\n  red: {{chart: ../src/red, namespace: {ns}}}\n  bad: {{chart: ../src/bad, namespace: {ns}, needs: [red]}}\n",
        ns = bench.ns
    );
    bench.configure(&config);
    bench.deploy(&[]).exits(1).says(&["installed charts are kept"]);
    assert_eq!(bench.find("deployment/api"), None, "the application waits for all of phase before");
    bench.write("src/bad/templates/b.yaml", "");
    bench.deploy(&[]).ok().says(&["chart red (red in", "unchanged", "chart bad (bad in"]);
    bench.get("deployment/api");
    let after = revisions(&bench, &[&bench.ns]);
    assert_eq!(after.iter().find(|(name, ..)| name.ends_with("/red")).unwrap().1, 1);
    assert!(after.iter().all(|(.., status)| status == "deployed"), "{after:?}");

    bench.configure(&config.replace(
        "needs: [red]",
        "needs: [red], waitFor: {objects: [{kind: Deployment, name: none, condition: Available}]}",
    ));
    bench.deploy(&["--timeout", "12s"]).exits(6).says(&["Deployment none in namespace", "does not exist"]);
}

#[test]
fn a_lock_file_pins_versions_and_bytes_and_update_moves_them() {
    let Some(bench) = bench("locked") else { return };
    for version in ["1.0.0", "1.2.0", "1.3.0", "2.0.0"] {
        package(&bench, "red", version, "repo");
    }
    let repository = repository(&bench, &["red-1.0.0", "red-1.2.0"]);
    let charts = |words: &[&str]| bench.run(&[&["charts"], words, &["app"]].concat());
    let config = |version: &str| {
        bench.configure(&format!(
            "{CONFIG}charts:\n  red: {{chart: red, repository: '{}', version: {version}, namespace: {}}}\n",
            repository.url(),
            bench.ns
        ));
    };
    config("^1.0");
    bench.unchanged(|| {
        bench.deploy(&[]).exits(1).says(&["^1.0 is a range", "path: charts.red.version", "kubectl aspire charts lock"]);
    });
    charts(&["lock"]).ok().says(&["red: 1.2.0 sha256:", "wrote app/aspire-k8s.lock.yaml"]);
    let locked = fs::read_to_string(bench.path("app/aspire-k8s.lock.yaml")).unwrap();
    assert!(locked.contains("version: 1.2.0") && locked.contains("requested: ^1.0"), "{locked}");
    bench.deploy(&[]).ok().says(&["install 1.2.0"]);

    // What is locked stays until it is told to move, and moves within the range only.
    for version in ["1.3.0", "2.0.0"] {
        repository.add_package(&bench.path(&format!("repo/red-{version}.tgz"))).unwrap();
    }
    charts(&["lock"]).ok();
    assert_eq!(fs::read_to_string(bench.path("app/aspire-k8s.lock.yaml")).unwrap(), locked);
    bench.deploy(&[]).ok().says(&["unchanged, 1.2.0"]);
    charts(&["update", "--chart", "red", "--to", "2.0.0"]).exits(1).says(&["2.0.0 does not match"]);
    charts(&["update", "--chart", "red", "--to", "1.0.0"]).ok().says(&["red: 1.2.0 -> 1.0.0"]);
    charts(&["update", "--chart", "rde"]).exits(1).says(&["there is no remote chart `rde`", "did you mean `red`?"]);
    charts(&["update"]).ok().says(&["red: 1.0.0 -> 1.3.0"]);
    let listed = bench.run(&["charts", "list", "app", "-n", &bench.ns, "-o", "json"]).ok();
    let listed: Value = serde_json::from_str(&listed.out).unwrap();
    assert_eq!(
        (&listed[0]["locked"]["version"], &listed[0]["installed"]["chart"]),
        (&json!("1.3.0"), &json!("red-1.2.0"))
    );
    assert_eq!((&listed[0]["installed"]["revision"], &listed[0]["installed"]["ours"]), (&json!(1), &json!(true)));
    let table = bench.run(&["charts", "list", "app", "-n", &bench.ns]).ok();
    assert!(table.out.contains("red-1.2.0 revision 1 (deployed)"), "{table}");
    let unreached = bench.run(&["charts", "list", "app", "-n", &bench.ns]).env("KUBECONFIG", "/none").ok();
    assert!(unreached.out.contains("1.3.0 sha256:"), "{unreached}");
    bench.deploy(&[]).ok().says(&["upgrade 1.2.0 -> 1.3.0"]);

    // The same version with other bytes, and an intent that moved on without its lock.
    repository.set_fault(RepositoryFault::OtherBytes);
    bench.unchanged(|| {
        bench.deploy(&[]).exits(3).says(&["differs from the one in aspire-k8s.lock.yaml", "charts lock --chart red"]);
    });
    repository.set_fault(RepositoryFault::None);
    config("1.0.0");
    for verb in ["deploy", "plan"] {
        bench.unchanged(|| {
            let ran = bench.run(&[verb, "app", "-n", &bench.ns]).exits(1);
            ran.says(&["aspire-k8s.lock.yaml", "aspire-k8s.yaml requires red 1.0.0", "charts lock --chart red"]);
        });
    }
    charts(&["update"]).ok().says(&["requires exactly 1.0.0", "is 1.3.0"]);
    bench.deploy(&[]).ok().says(&["upgrade 1.3.0 -> 1.0.0"]);
    assert!(bench.left_behind().is_empty());
}

/// An object of the application may be of a kind that a chart brings: on an empty cluster nothing refuses it.
#[test]
fn a_kind_of_the_application_that_a_chart_brings_is_not_missing_on_an_empty_cluster() {
    let Some(bench) = bench_of_its_own("empty") else { return };
    let definition = bench.plane.kubectl(&["get", "crd/components.dapr.io", "-o", "json"]).unwrap();
    let mut definition: Value = serde_json::from_str(&definition).unwrap();
    definition["metadata"] = json!({"name": "components.dapr.io"});
    definition.as_object_mut().unwrap().shift_remove("status");
    bench.plane.kubectl(&["delete", "crd/components.dapr.io", "--wait=true"]).unwrap();
    bench.change_manifest(
        "\"db-password\": {",
        "\"statestore\": {\"type\": \"dapr.component.v0\", \"daprComponent\": {\"type\": \"state\", \"version\": \"v1\", \"metadata\": []}},\n    \"db-password\": {",
    );
    bench.unchanged(|| bench.deploy(&[]).exits(3).says(&["install Dapr"]));
    write_plain(&bench, "dapr", "1.0.0");
    // As most operators' charts do it: among the templates, behind a value.
    bench.write("src/dapr/templates/crd.yaml", &format!("{{{{- if .Values.crds }}}}\n{definition}\n{{{{- end }}}}\n"));
    let config = |more: &str| {
        bench.configure(&format!(
            "{CONFIG}charts:\n  dapr: {{chart: ../src/dapr, namespace: {ns}-dapr, values: {{crds: true}}, waitFor: {{crds: [components.dapr.io]}}{more}}}\n",
            ns = bench.ns
        ));
    };
    config(", phase: after");
    bench.unchanged(|| bench.deploy(&[]).exits(3).says(&["install Dapr"]));
    config("");
    bench.unchanged(|| {
        let planned = bench.run(&["plan", "app", "-n", &bench.ns]).exits(2);
        assert!(planned.out.contains("chart dapr") && !planned.out.contains("would fail"), "{planned}");
        let found = bench.run(&["doctor", "app", "-n", &bench.ns]).end();
        assert!(!found.out.contains("install Dapr"), "{found}");
    });
    bench.deploy(&[]).ok();
    assert_eq!(bench.list("components.dapr.io").len(), 1);
    bench.deploy(&[]).ok().says(&["chart dapr (dapr in", "unchanged"]);
}

/// A Deployment that becomes ready only when it is `good`, in a chart of its own.
fn write_stuck(bench: &Bench, behaviour: &str) {
    write_plain(bench, "stuck", "1.0.0");
    let annotation = if behaviour == "good" { "testbed.dev/none" } else { "testbed.dev/behavior" };
    bench.write(
        "src/stuck/templates/b.yaml",
        &json!({"apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "stuck", "labels": {"app.kubernetes.io/instance": "stuck"}},
            "spec": {"selector": {"matchLabels": {"a": "stuck"}}, "template": {
                "metadata": {"labels": {"a": "stuck", "app.kubernetes.io/instance": "stuck"}, "annotations": {annotation: behaviour}},
                "spec": {"containers": [{"name": "c", "image": "registry.invalid/stuck:1"}]}}}})
        .to_string(),
    );
}

fn label_of(bench: &Bench, release: &str, revision: u32) -> String {
    let record = bench.find(&format!("secret/sh.helm.release.v1.{release}.v{revision}"));
    record.map(|record| text(&record["metadata"]["labels"]["status"]).to_owned()).unwrap_or_default()
}

#[test]
fn a_chart_that_is_stopped_or_killed_on_its_way_is_gone_on_with() {
    let Some(bench) = bench("stopped") else { return };
    write_stuck(&bench, "never-ready");
    bench.configure(&format!("{CONFIG}charts:\n  stuck: {{chart: ../src/stuck, namespace: {}}}\n", bench.ns));
    let begun = |run: Run, revision: u32| {
        let child = run.spawn();
        wait_for("the release of the chart", || {
            (label_of(&bench, "stuck", revision).starts_with("pending")).then_some(())
        });
        wait_for("its Deployment", || bench.find("deployment/stuck"));
        child
    };
    let mut child = begun(bench.deploy(&[]), 1);
    kill_process(Pid::from_raw(child.id().cast_signed()).unwrap(), Signal::INT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(6));
    assert_eq!((label_of(&bench, "stuck", 1).as_str(), bench.find("lease/stuck-aspire")), ("failed", None));
    assert_eq!(bench.find("deployment/api"), None);

    // Killed, helm too: what it left pending is found to be dead, and gone on from.
    let seen = bench.path("helms");
    let helm = bench.script(
        "marks/helm",
        &format!("#!/bin/sh\necho $$ >>{}\nexec {} \"$@\"\n", seen.display(), bench.plane.helm("4.2.4").display()),
    );
    let mut child = begun(bench.deploy(&[]).env("HELM_BIN", &helm), 2);
    kill_process(Pid::from_raw(child.id().cast_signed()).unwrap(), Signal::KILL).unwrap();
    let last = fs::read_to_string(&seen).unwrap();
    kill_process_group(Pid::from_raw(last.lines().last().unwrap().parse().unwrap()).unwrap(), Signal::KILL).unwrap();
    child.wait().unwrap();
    assert!(label_of(&bench, "stuck", 2).starts_with("pending"));
    write_stuck(&bench, "good");
    bench.deploy(&[]).ok().says(&["is marked as failed", "retry, because it is pending-upgrade"]);
    assert_eq!(label_of(&bench, "stuck", 3), "deployed");
    bench.get("deployment/api");
    bench.deploy(&[]).ok().says(&["unchanged"]);
    assert!(
        bench.left_behind().iter().all(|name| name.to_string_lossy().starts_with("aspire-")),
        "only of the one that was killed"
    );
}

#[test]
fn why_a_chart_does_not_become_ready_is_told() {
    let Some(bench) = bench("unready") else { return };
    write_stuck(&bench, "image-pull-backoff");
    bench.configure(&format!("{CONFIG}charts:\n  stuck: {{chart: ../src/stuck, namespace: {}}}\n", bench.ns));
    bench
        .deploy(&["--timeout", "10s"])
        .exits(1)
        .says(&["the chart stuck did not become ready", "registry.invalid/stuck:1"]);
}

#[test]
fn a_secret_that_the_data_of_a_chart_was_set_up_with_does_not_change_unseen() {
    let Some(bench) = bench("data") else { return };
    write_plain(&bench, "pg", "1.0.0");
    let claim = json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "pg", "labels": {"app.kubernetes.io/instance": "pg"}},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}});
    bench.write("src/pg/templates/b.yaml", &claim.to_string());
    let config = format!(
        "{CONFIG}charts:\n  pg: {{chart: ../src/pg, namespace: {}, valuesFrom: {{password: token}}}}\n",
        bench.ns
    );
    bench.configure(&config);
    bench.deploy(&[]).ok();
    let token = bench.secret("app-secrets")["token"].clone();
    for more in [&["--rotate", "token"][..], &["--parameter", "token=other"]] {
        bench.unchanged(|| {
            bench.deploy(more).exits(3).says(&["`token` would change", "the chart pg", "--accept stale-credentials"])
        });
    }
    bench.deploy(&["--rotate", "token", "--accept", "stale-credentials"]).ok().says(&["change values"]);
    assert_ne!(bench.secret("app-secrets")["token"], token);
}

#[test]
fn a_webhook_that_does_not_answer_yet_is_waited_for() {
    let Some(bench) = bench("hooked") else { return };
    write_plain(&bench, "red", "1.0.0");
    let space = format!("{}-red", bench.ns);
    bench.configure(&format!("{CONFIG}charts:\n  red: {{chart: ../src/red, namespace: {space}}}\n"));
    let hook = json!({"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": space}, "webhooks": [{"name": format!("{space}.example.com"), "sideEffects": "None",
            "admissionReviewVersions": ["v1"], "failurePolicy": "Fail", "timeoutSeconds": 2,
            "clientConfig": {"service": {"name": "none", "namespace": space}},
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": space}},
            "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["configmaps"]}]}]});
    bench.plane.apply(&hook.to_string()).unwrap();
    let said = bench.path("said");
    let mut command = bench.deploy(&[]).into_command();
    let mut child = command
        .stdout(fs::File::create(bench.path("out")).unwrap())
        .stderr(fs::File::create(&said).unwrap())
        .spawn()
        .unwrap();
    wait_for("a first try", || {
        fs::read_to_string(&said).unwrap().contains("a webhook does not respond yet").then_some(())
    });
    bench.plane.kubectl(&["delete", "validatingwebhookconfiguration", &space]).unwrap();
    let code = wait_for("the end of the run", || child.try_wait().unwrap()).code();
    assert_eq!(code, Some(0), "{}", fs::read_to_string(&said).unwrap());
    assert_eq!(revisions(&bench, &[&space])[0].2, "deployed");
    let _ = bench.plane.kubectl(&["delete", "namespace", &space, "--wait=false"]);
}

#[test]
fn a_chart_takes_what_others_keep_and_what_a_chart_before_it_makes() {
    let Some(bench) = bench("others") else { return };
    write_plain(&bench, "red", "1.0.0");
    write_plain(&bench, "maker", "1.0.0");
    bench.write(
        "src/maker/templates/b.yaml",
        "apiVersion: v1\nkind: Secret\nmetadata: {name: made}\nstringData: {key: of-the-maker}\n",
    );
    let parameters = "parameters:\n  token: {from: {existing: {name: mine, key: tok}}}\n  later: {from: {deferred: {secret: made, key: key, producedBy: maker}}}\n";
    bench.change_manifest(
        "\"currency\": {",
        "\"later\": {\"type\": \"parameter.v0\", \"value\": \"{later.inputs.value}\", \"inputs\": {\"value\": {\"type\": \"string\", \"secret\": true}}}, \"currency\": {",
    );
    let config = |needs: &str| {
        bench.configure(&format!(
            "{CONFIG}{parameters}charts:\n  maker: {{chart: ../src/maker, namespace: {ns}}}\n  red: {{chart: ../src/red, namespace: {ns}{needs}, valuesFrom: {{a: token, b: later}}}}\n",
            ns = bench.ns
        ));
    };
    let mine = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "mine"}, "stringData": {"tok": "s3cr3t-of-others"}});
    bench.apply(&mine);
    config("");
    bench.unchanged(|| {
        bench.deploy(&[]).exits(3).says(&[
            "charts.red.valuesFrom",
            "`later` from the key key of the Secret made",
            "`needs`",
        ])
    });
    config(", needs: [maker]");
    let ran = bench.deploy(&[]).ok();
    assert!(!format!("{ran}").contains("s3cr3t-of-others"));
    let values: Value = serde_json::from_str(text(&bench.get("configmap/red-plain")["data"]["values"])).unwrap();
    assert_eq!(values, json!({"a": "s3cr3t-of-others", "b": "of-the-maker"}));
    bench.deploy(&[]).ok().says(&["chart red (red in", "unchanged"]);
    bench.plane.kubectl(&["delete", "secret", "mine", "-n", &bench.ns]).unwrap();
    bench.unchanged(|| bench.deploy(&[]).exits(3));
}

#[test]
fn a_namespace_goes_with_the_charts_in_it_that_go() {
    let Some(bench) = bench("gone") else { return };
    write_plain(&bench, "red", "1.0.0");
    let space = format!("{}-own", bench.ns);
    let config = |more: &str| {
        bench.configure(&format!("{CONFIG}charts:\n  red: {{chart: ../src/red, namespace: {space}{more}}}\n"));
    };
    config("");
    bench.run(&["deploy", "app", "-n", &space]).ok();
    let destroy = ["destroy", "app", "-n", &space, "--delete-data", "--delete-namespace", "--yes"];
    bench
        .run(&destroy)
        .exits(3)
        .says(&["contains objects that are not part of the release app", "ConfigMap red-plain"]);
    config(", destroy: true");
    bench
        .run(&["deploy", "app", "-n", &space])
        .ok()
        .says(&["upgrade to the same version 1.0.0, different package digest or labels"]);
    bench.run(&destroy).ok().says(&["uninstalled with it: the charts red in", &format!("deleted namespace {space}")]);
}

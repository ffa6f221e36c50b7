//! What a platform engineer types in the first hours: wrong words, files and values, with the whole message of each. Words of
//! helm and kubectl are in `talk::habits_of_other_programs`.

use crate::aspire::shown;
use crate::{aspire, inputs};
use std::fs;
use std::path::Path;
use tempfile::TempDir;

/// A folder with the application, and an aspire-k8s.yaml if the case has one.
fn application(config: Option<&str>) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::copy(inputs().join("app.json"), folder.path().join("aspire-manifest.json")).unwrap();
    if let Some(config) = config {
        fs::write(folder.path().join("aspire-k8s.yaml"), format!("apiVersion: aspire-k8s/v1\n{config}\n")).unwrap();
    }
    folder
}

fn said(title: &str, folder: &Path, line: &str) -> String {
    let ran = aspire(line.split(' ')).within(folder).run();
    shown(&format!("{title} $ kubectl aspire {line}"), &ran, Some(folder))
}

/// Command lines, in a folder with the application.
#[test]
fn command_lines() {
    let folder = application(None);
    fs::create_dir(folder.path().join("shop")).unwrap();
    fs::write(folder.path().join("garbage.json"), "{\"x\": 1}").unwrap();
    let mut report = String::new();
    for (row, line) in [
        (2, "help"),
        (7, "render --ouput x"),
        (8, "render --set a=b"),
        (9, "render -f v.yaml"),
        (14, "status -o yaml"),
        (15, "render -o yaml"),
        (16, "render nofile.json"),
        (17, "render shop"),
        (49, "render --registry https://ghcr.io/contoso"),
        (53, "plan --tag 1 --registry r.io/x"),
        (60, "render -o /proc/x"),
        (61, "deploy --plan garbage.json --tag 1 --registry r.io/x"),
        (62, "deploy --helm-arg=--atomic"),
        (63, "deploy --fail-fast --no-wait"),
        (64, "deploy --step typo"),
        (65, "charts lock --chart base"),
        (66, "render -e prod"),
        (70, "deploy -n Shop_X"),
    ] {
        let text = said(&format!("{row}"), folder.path(), line);
        // Help has a snapshot of its own.
        report.push_str(if row == 2 { text.lines().next().unwrap() } else { &text });
        report.push('\n');
    }
    insta::assert_snapshot!(report);
}

/// Files that are no manifest.
#[test]
fn sources() {
    let mut report = String::new();
    for (row, name, text) in [
        (19, "aspire-manifest.json", "{\"resources\": {\"api\": {\"type\": \"container.v0\",}}}"),
        (20, "aspire-manifest.json", "{}"),
        (21, "aspire-manifest.json", "services:\n  api:\n    image: api\n"),
        (22, "aspire-manifest.json", "{\"resources\": {}}"),
        (69, "Chart.yaml", "apiVersion: v2\nname: x\nversion: 1.0.0\n"),
    ] {
        let parent = tempfile::tempdir().unwrap();
        // The chart is named after the folder.
        let folder = parent.path().join("app");
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join(name), text).unwrap();
        report.push_str(&said(&format!("{row}"), &folder, "render"));
        report.push('\n');
    }
    insta::assert_snapshot!(report);
}

/// Keys of aspire-k8s.yaml.
#[test]
fn keys() {
    let mut report = String::new();
    for (row, config) in [
        (25, "resources: {api: {replica: 3}}"),
        (26, "resources: {api: {replicas: \"3\"}}"),
        (27, "resources: {apo: {replicas: 3}}"),
        (28, "resources: {billing: {replicas: 3}}"),
        (29, "parameters: {curency: {value: USD}}"),
        (30, "parameters: {currency: USD}"),
        (31, "parameters: {db-password: {value: x}}"),
        (32, "resources: {api: {env: {A: 1}}}"),
        (33, "resources: {api: {env: [{name: A, value: b}]}}"),
        (34, "resources: {api: {resources: {requests: {cpu: lots}}}}"),
        (36, "resources: {api: {sidecars: [x]}}"),
        (37, "resources: {db: {volumes: {data: {size: 1Gi}}}}"),
        (38, "resources: {db: {replicas: 3}}"),
        (39, "resources: {api: {service: {type: Loadbalancer}}}"),
        (40, "ingresses: {public: {hosts: [shop.example.com], paths: [{path: /, to: web}]}}"),
        (41, "ingresses: {public: {hosts: [shop.example.com], paths: [{path: /, to: worker}]}}"),
        (42, "ingresses: {public: {hosts: [shop.example.com], paths: [/]}}"),
        (43, "ingresses: {public: {hosts: [shop.example.com], paths: [{path: /, to: api}], tls: true}}"),
        (44, "ingresses: {public: {hosts: [a.example.com], paths: [{path: /, to: api}], tls: {issuer: letsencrypt}}}"),
        (46, "environments: {production: {exclude: [db]}}"),
        (47, "resources:\n\tapi: {}"),
        (48, "resources: {api: {replicas: 1}, api: {replicas: 2}}"),
        (50, "defaults: {tag: 1.10}"),
        (51, "resources: {api: {env: {A: \"{nobody.bindings.http.url}\"}}}"),
        (52, "defaults: {imagePullSecrets: [{name: regcred}]}"),
    ] {
        let folder = application(Some(config));
        report.push_str(&said(&format!("{row}: {config}"), folder.path(), "render --tag 1 --registry r.io/x -o chart"));
        report.push('\n');
    }
    insta::assert_snapshot!(report);
}

/// Variables of the environment.
#[test]
fn variables() {
    let folder = application(None);
    let mut report = String::new();
    for (row, name, value) in [(67, "Parameters__curency", "USD"), (68, "Parameters__currency", "")] {
        let line = ["deploy", "--tag", "1", "--registry", "r.io/x"];
        let ran = aspire(line).within(folder.path()).env(name, value).run();
        report.push_str(&shown(&format!("{row}: {name}={value}"), &ran, Some(folder.path())));
        report.push('\n');
    }
    insta::assert_snapshot!(report);
}

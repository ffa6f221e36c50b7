//! Charts that were rendered elsewhere: deployed like the manifest that they were rendered from.

use crate::bench::{Bench, CONFIG, bench};
use serde_json::Value;
use std::collections::BTreeMap;
use testbed::Registry;

/// The objects of the release as helm stored them, without what names the run.
fn stored(bench: &Bench) -> String {
    bench.helm(&["get", "manifest", "app"]).ok().out
}

/// Everything that a deploy must leave as it is when it brings the same again.
fn standing(bench: &Bench) -> (String, BTreeMap<String, String>, Value, Value) {
    let (secret, state) = (bench.get("secret/app-secrets"), bench.get("configmap/app-aspire"));
    (stored(bench), bench.running(), secret, state["data"].clone())
}

#[test]
fn a_chart_folder_and_its_package_are_deployed_like_their_source() {
    let Some(bench) = bench("rendered") else { return };
    let environments =
        "environments: {production: {resources: {api: {replicas: 2}}, parameters: {currency: {value: GBP}}}}\n";
    bench.configure(&format!("{CONFIG}release: {{name: app, namespace: {}}}\n{environments}", bench.ns));
    bench.run(&["render", "app", "-o", "elsewhere/chart"]).ok();
    bench.helm(&["package", "elsewhere/chart", "-d", "elsewhere"]).ok();
    // The machine that deploys has the chart only, and the intended namespace comes with it.
    let first = bench.run(&["deploy", "elsewhere/chart"]).ok();
    first.says(&[&format!("release app in namespace {}", bench.ns), "generated values for db-password, token"]);
    let before = standing(&bench);
    for source in ["elsewhere/app-0.1.0.tgz", "app", "elsewhere/chart"] {
        bench.run(&["deploy", source]).ok();
        assert_eq!(standing(&bench), before, "{source}");
    }
    // Inputs, environments and refusals are those of the source.
    bench.run(&["deploy", "elsewhere/app-0.1.0.tgz", "-e", "production"]).ok();
    assert_eq!(bench.get("deployment/api")["spec"]["replicas"], 2);
    let from_chart = standing(&bench);
    bench.run(&["deploy", "app", "-e", "production"]).ok();
    assert_eq!(standing(&bench), from_chart);
    bench.run(&["deploy", "elsewhere/chart", "--parameter", "token=given"]).ok();
    assert_eq!(bench.secret("app-secrets")["token"], "given");
    bench.unchanged(|| {
        bench.run(&["deploy", "elsewhere/chart", "-e", "prodution"]).exits(1).says(&["did you mean `production`?"]);
        bench.run(&["deploy", "elsewhere/chart", "--parameter", "tokn=x"]).exits(1).says(&["did you mean `token`?"]);
        bench
            .run(&["deploy", "elsewhere/chart", "--config", "aspire-k8s.yaml"])
            .exits(1)
            .says(&["when it was rendered"]);
    });
    let ran = bench.run(&["status", "elsewhere/app-0.1.0.tgz", "-o", "json"]).ok();
    assert_eq!(serde_json::from_str::<Value>(&ran.out).unwrap()["application"], "app");
    bench.run(&["destroy", "elsewhere/chart", "--yes"]).ok().says(&["kept", "db-data"]);
    assert!(bench.left_behind().is_empty());
}

#[test]
fn a_chart_in_a_registry_is_deployed_by_reference() {
    let Some(bench) = bench("oci") else { return };
    let registry = Registry::start(&bench.path("registry")).unwrap();
    let reference = format!("oci://{}/charts", registry.address());
    bench.run(&["render", "app", "-o", "elsewhere/chart"]).ok();
    for version in ["0.1.0", "0.2.0"] {
        bench.helm(&["package", "elsewhere/chart", "-d", "elsewhere", "--version", version]).ok();
        let package = format!("elsewhere/app-{version}.tgz");
        bench.helm(&["push", &package, &reference, "--plain-http"]).ok();
    }
    let source = format!("{reference}/app");
    for helm in ["3.14.4", "3.22.0", "4.0.5", "4.3.1"] {
        let deploy = ["deploy", &source, "--version", "0.1.0", "--plain-http", "-n", &bench.ns];
        bench.run(&deploy).env("HELM_BIN", bench.plane.helm(helm)).ok();
    }
    let before = standing(&bench);
    bench.run(&["deploy", "app", "-n", &bench.ns]).ok();
    assert_eq!(standing(&bench), before);
    bench.run(&["deploy", &source, "--plain-http", "-n", &bench.ns]).ok();
    assert_eq!(bench.get("deployment/api")["metadata"]["labels"]["helm.sh/chart"], "app-0.2.0");
    bench.unchanged(|| {
        bench
            .run(&["deploy", &source, "--version", "9.9.9", "--plain-http", "-n", &bench.ns])
            .exits(1)
            .says(&["9.9.9"]);
    });
    assert!(bench.left_behind().is_empty());
}

#[test]
fn charts_of_others_are_refused_with_a_sentence() {
    let Some(bench) = bench("foreign") else { return };
    bench.write("plain/Chart.yaml", "apiVersion: v2\nname: plain\nversion: 1.0.0\n");
    bench.write("plain/templates/a.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: plain}\n");
    bench.helm(&["package", "plain"]).ok();
    bench.run(&["render", "app", "-o", "old"]).ok();
    std::fs::remove_file(bench.path("old/aspire.json")).unwrap();
    bench.unchanged(|| {
        for source in ["plain", "plain-1.0.0.tgz"] {
            let ran = bench.run(&["deploy", source, "-n", &bench.ns]).exits(1);
            ran.says(&["is a Helm chart that kubectl aspire did not render", "helm upgrade --install"]);
        }
        bench.run(&["deploy", "old", "-n", &bench.ns]).exits(1).says(&["contains no aspire.json", "render it again"]);
        bench.run(&["render", "old"]).exits(1).says(&["is a rendered chart"]);
    });
}

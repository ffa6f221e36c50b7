//! Values that helm's own functions lose: in every version of helm each arrives whole or stops the chart, and what protects
//! an application stays where it is.

use crate::{helm, nasty, program};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use testbed::{Level, available, skip_or_fail, tools};

const VERSIONS: [&str; 5] = ["3.14.4", "3.22.0", "4.0.5", "4.2.4", "4.3.1"];

/// No object carries these.
const CONTROLS: [char; 7] = ['\u{7f}', '\u{85}', '\u{9f}', '\u{fffe}', '\u{ffff}', '\u{1}', '\u{8}'];

/// Awkward, and still to arrive as they are.
const WHOLE: [&str; 9] = [
    "a: b # c",
    "null",
    "{{ .Values }}",
    "tab\there",
    "two\nlines\n",
    "\u{2028}",
    "\\u0001 \\b",
    "'\"`%s",
    "\u{feff}x",
];

/// The maps of the values that reach an object, with this text in each as a value.
fn values_with(text: &str) -> Vec<(&'static str, Value)> {
    let workload = |key: &str, value: Value| json!({"workloads": {"web": {key: value}}});
    let map = || json!({"k": text});
    vec![
        ("labels", workload("labels", map())),
        ("annotations", workload("annotations", map())),
        ("podAnnotations", workload("podAnnotations", map())),
        ("nodeSelector", workload("nodeSelector", map())),
        ("tolerations", workload("tolerations", json!([map()]))),
        ("affinity", workload("affinity", map())),
        ("topologySpreadConstraints", workload("topologySpreadConstraints", json!([map()]))),
        ("podSecurityContext", workload("podSecurityContext", map())),
        ("securityContext", workload("securityContext", map())),
        ("resources", workload("resources", map())),
        ("probe", workload("probes", json!({"readiness": map()}))),
        ("service", workload("service", json!({"annotations": map()}))),
        ("volume", workload("volumes", json!({"data": {"annotations": map()}}))),
        ("access modes", workload("volumes", json!({"data": {"accessModes": [text]}}))),
        ("ingress", json!({"ingresses": {"public": {"annotations": map()}}})),
        ("host", json!({"ingresses": {"public": {"hosts": [text]}}})),
        ("parameter", json!({"parameters": {"note": text}})),
    ]
}

fn chart(folder: &Path) -> PathBuf {
    let chart = folder.join("chart");
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/inputs/hostile/aspire-manifest.json");
    program::render(&manifest, &chart, &[]).expect("`render`");
    // A schema refuses some of it first; whoever uses the templates without one must not lose anything either.
    std::fs::remove_file(chart.join("values.schema.json")).expect("a chart has a schema");
    chart
}

fn ready() -> bool {
    let wanted: Vec<_> = VERSIONS.into_iter().filter_map(tools::helm).collect();
    assert_eq!(wanted.len(), VERSIONS.len());
    let had = available(Level::A).and_then(|()| tools::ensure(&wanted).map(drop).map_err(|error| error.to_string()));
    had.map_err(|reason| skip_or_fail(&reason)).is_ok()
}

fn template(version: &str, chart: &Path, values: &Value) -> program::Outcome {
    let file = chart.with_extension("json");
    std::fs::write(&file, nasty::values_file(values)).expect("the values should be written");
    helm::template(version, chart, Some(&file))
}

fn holds(object: &Value, text: &str) -> bool {
    match object {
        Value::String(found) => found == text,
        Value::Array(items) => items.iter().any(|item| holds(item, text)),
        Value::Object(map) => map.values().any(|value| holds(value, text)),
        _ => false,
    }
}

/// What keeps the closed path closed and http away, and what the pod may not do.
fn protects(objects: &[Value]) {
    let find = |kind: &str, name: &str| {
        let found = objects.iter().find(|it| it["kind"] == kind && it["metadata"]["name"] == name);
        found.unwrap_or_else(|| panic!("there is no {kind} {name}"))
    };
    let annotation = |name: &str, key: &str| find("Ingress", name)["metadata"]["annotations"][key].clone();
    assert_eq!(annotation("public-closed", "nginx.ingress.kubernetes.io/whitelist-source-range"), "255.255.255.255/32");
    assert_eq!(annotation("public", "nginx.ingress.kubernetes.io/force-ssl-redirect"), "true");
    let pod = &find("StatefulSet", "web")["spec"]["template"]["spec"];
    assert_eq!(pod["containers"][0]["securityContext"]["readOnlyRootFilesystem"], true, "{pod}");
    assert_eq!(find("StatefulSet", "web")["metadata"]["labels"]["app.kubernetes.io/instance"], "rel");
}

#[test]
fn a_control_character_stops_the_chart_and_takes_nothing_away() {
    if !ready() {
        return;
    }
    let folder = tempfile::tempdir().expect("there should be room for a folder");
    let chart = chart(folder.path());
    for version in VERSIONS {
        protects(&program::documents(&template(version, &chart, &json!({})).expect("`helm template`")));
        let controls = if version == helm::NEWEST { &CONTROLS[..] } else { &CONTROLS[..1] };
        for control in controls {
            for (place, values) in values_with(&format!("x{control}")) {
                let ran = template(version, &chart, &values);
                assert_ne!(ran.code, Some(0), "helm {version}, {place}, {control:?}:\n{}", ran.out);
                assert!(ran.err.contains("control character"), "helm {version}, {place}, {control:?}: {}", ran.err);
            }
        }
        let key =
            json!({"workloads": {"web": {"securityContext": {"odd\u{7f}": 1}, "annotations": {"odd\u{7f}": "1"}}}});
        assert_ne!(template(version, &chart, &key).code, Some(0), "helm {version}: a key");
    }
}

#[test]
fn awkward_texts_arrive_whole() {
    if !ready() {
        return;
    }
    let folder = tempfile::tempdir().expect("there should be room for a folder");
    let chart = chart(folder.path());
    for version in [helm::OLDEST, helm::NEWEST] {
        for text in WHOLE {
            // All at once: each map is looked for by what stands beside its text.
            for (place, values) in values_with(text) {
                let objects = program::documents(&template(version, &chart, &values).expect(place));
                assert!(objects.iter().any(|object| holds(object, text)), "helm {version}, {place}: {text:?} is lost");
                if place != "securityContext" {
                    protects(&objects);
                }
            }
        }
    }
}

/// What the values say may add to the protection, and never take it away.
#[test]
fn no_value_replaces_what_protects() {
    if !ready() {
        return;
    }
    let folder = tempfile::tempdir().expect("there should be room for a folder");
    let chart = chart(folder.path());
    let annotations = |value: &str| {
        json!({"ingresses": {"public": {"annotations": {"nginx.ingress.kubernetes.io/force-ssl-redirect": value,
            "nginx.ingress.kubernetes.io/whitelist-source-range": "0.0.0.0/0"}}}})
    };
    let contradicts = template(helm::NEWEST, &chart, &annotations("{note.value}"));
    assert!(contradicts.err.contains("leave it out there, or set `redirect: false`"), "{}", contradicts.err);
    let same = template(helm::NEWEST, &chart, &annotations("true")).expect("`helm template`");
    protects(&program::documents(&same));
    let labels = json!({"workloads": {"web": {"labels": {"app.kubernetes.io/instance": "other"}}}});
    protects(&program::documents(&template(helm::NEWEST, &chart, &labels).expect("`helm template`")));
    // Traefik takes a list of middlewares: the user's come after ours.
    let traefik = json!({"ingresses": {"public": {"class": "traefik",
        "annotations": {"traefik.ingress.kubernetes.io/router.middlewares": "default-auth@kubernetescrd"}}}});
    let out = template(helm::NEWEST, &chart, &traefik).expect("`helm template`");
    assert!(out.contains("default-public-redirect@kubernetescrd,default-auth@kubernetescrd"), "{out}");
}

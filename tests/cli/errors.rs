//! Every error that a file or a command line can cause, with its whole text and the exit code.

use crate::aspire::shown;
use crate::{aspire, inputs};
use serde_json::{Map, Value, json};
use std::fs;
use std::path::Path;

/// Files of a folder of inputs, by name.
fn cases(folder: &str) -> Vec<String> {
    let entries = fs::read_dir(inputs().join(folder)).unwrap();
    let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Runs `render --check` (which writes nothing) for each command line and shows what it says.
fn refusals(lines: impl IntoIterator<Item = (String, Vec<String>)>) -> String {
    let none = tempfile::tempdir().unwrap();
    let mut report = String::new();
    for (title, args) in lines {
        let output = none.path().join("chart");
        let ran = aspire(["render"]).args(args).args(["--check", "-o"]).args([output]).run();
        assert_eq!((ran.code, ran.out.as_str()), (1, ""), "{title}: {}", ran.err);
        report.push_str(&shown(&title, &ran, Some(none.path())));
    }
    assert!(!none.path().join("chart").exists());
    report
}

#[test]
fn manifests() {
    let cases = cases("manifests-bad").into_iter();
    let report = refusals(cases.map(|name| (name.clone(), vec![format!("manifests-bad/{name}")])));
    insta::assert_snapshot!(report);
}

#[test]
fn intents() {
    let cases = cases("intents-bad").into_iter();
    let line = |name: String| (name.clone(), vec!["app.json".into(), format!("--config=intents-bad/{name}")]);
    insta::assert_snapshot!(refusals(cases.map(line)));
}

/// An application of one container.
fn container(more: &Value) -> Value {
    let mut web = json!({"type": "container.v0", "image": "web:1"});
    web.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({"resources": {"web": web}})
}

fn refused(folder: &Path, manifest: &Value) -> String {
    let file = folder.join("aspire-manifest.json");
    fs::write(&file, manifest.to_string()).unwrap();
    let ran = aspire(["render", "-o"]).args([folder.join("chart")]).args([file]).run();
    assert_eq!((ran.code, ran.out.as_str()), (1, ""), "{}", ran.err);
    assert!(!folder.join("chart").exists());
    shown("refused", &ran, Some(folder))
}

#[test]
fn references_nested_too_deep() {
    let folder = tempfile::tempdir().unwrap();
    let mut resources: Map<String, Value> = Map::new();
    for level in 0..400 {
        let text = format!("{{v{}.connectionString}}", level + 1);
        resources.insert(format!("v{level}"), json!({"type": "value.v0", "connectionString": text}));
    }
    let web = json!({"type": "container.v0", "image": "web:1", "env": {"A": "{v0.connectionString}"}});
    resources.insert("web".into(), web);
    insta::assert_snapshot!(refused(folder.path(), &json!({ "resources": resources })));
}

/// Ten references to ten references to ten references: a few lines that would fill the memory.
#[test]
fn references_that_grow_without_bound() {
    let folder = tempfile::tempdir().unwrap();
    let mut resources: Map<String, Value> = Map::new();
    for level in 0..30 {
        let text = format!("{{v{}.connectionString}}", level + 1).repeat(10);
        resources.insert(format!("v{level}"), json!({"type": "value.v0", "connectionString": text}));
    }
    resources.insert("v30".into(), json!({"type": "value.v0", "connectionString": "0123456789"}));
    let web = json!({"type": "container.v0", "image": "web:1", "env": {"A": "{v0.connectionString}"}});
    resources.insert("web".into(), web);
    insta::assert_snapshot!(refused(folder.path(), &json!({ "resources": resources })));
}

/// One long text that many variables refer to: each is small enough, all together are not.
#[test]
fn references_that_add_up() {
    let folder = tempfile::tempdir().unwrap();
    let env: Map<String, Value> = (0..5000).map(|n| (format!("A{n}"), json!("{long.connectionString}"))).collect();
    let manifest = json!({"resources": {
        "long": {"type": "value.v0", "connectionString": "x".repeat(1 << 19)},
        "web": {"type": "container.v0", "image": "web:1", "env": env},
    }});
    insta::assert_snapshot!(refused(folder.path(), &manifest));
}

/// Many bindings that fall together: naming them must not take forever.
#[test]
fn many_bindings_of_one_name() {
    let folder = tempfile::tempdir().unwrap();
    let bindings: Map<String, Value> =
        (1..2000).map(|n| (format!("a{}", "-".repeat(n)), json!({"port": n, "targetPort": n}))).collect();
    let file = folder.path().join("aspire-manifest.json");
    fs::write(&file, container(&json!({ "bindings": bindings })).to_string()).unwrap();
    let start = std::time::Instant::now();
    aspire(["render", "-o"]).args([folder.path().join("chart")]).args([file]).run().ok();
    assert!(start.elapsed().as_secs() < 60, "{:?}", start.elapsed());
}

#[test]
fn files_that_are_too_large() {
    let folder = tempfile::tempdir().unwrap();
    // Bytes that no compression makes smaller.
    let mut state = 1_u32;
    let mut noise = |count: usize| -> Vec<u8> {
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state.to_be_bytes()[0]
        };
        (0..count).map(|_| next()).collect()
    };
    let mut report = String::new();
    for (name, bytes) in
        [("record", noise(400_000)), ("config-map", vec![b'x'; (1 << 20) + 1]), ("huge", vec![b'x'; (8 << 20) + 1])]
    {
        fs::write(folder.path().join(name), bytes).unwrap();
        let mounts = json!([{"source": name, "target": "/a"}]);
        report.push_str(&refused(folder.path(), &container(&json!({ "bindMounts": mounts }))));
    }
    insta::assert_snapshot!(report);
}

/// What a command line can get wrong before anything is read.
#[test]
fn command_lines() {
    let lines = [
        "",
        "rendr app.json",
        "render --no-such-flag",
        "render app.json and-another.json",
        "render",
        "render no-such-file.json",
        "render intents-bad",
        "render Shop.AppHost.csproj",
        "render shop.slnx",
        "render apphost.cs",
        "deploy app.json --target docker-compose",
        "render app.json --target aks",
        "render app.json --target container-apps",
        "render app.json --target app-service",
        "render app.json --target moon",
        "render app.json --config no-such.yaml",
        "render app.json -e production",
        "render app.json --config environments.yaml -e prodction",
        "render app.json --config environments.yaml -e elsewhere",
        "render app.json --image api",
        "render app.json --image =x --image x=",
        "render app.json --image apu=x:1 --image nobody=x:1",
        "render app.json --image api=https://x/y",
        "render app.json --tag .x",
        "render app.json --registry https://ghcr.io/contoso",
        "render app.json --format json",
        "render app.json -o yaml",
        "render app.json --format yaml --check",
        "render app.json --check -o -",
        "render app.json --show-secrets",
        "render app.json --format yaml --parameter currency",
        "render app.json --format yaml --parameter =hunter2",
        "render app.json --format yaml --parameter a --parameter b --parameter curency=hunter2 --parameter-file parameters/list.yaml",
        "render app.json --format yaml --parameter curency=hunter2",
        "render app.json --format yaml --parameter nothing-like-it=hunter2",
        "render app.json --format yaml --parameter-file no-such.yaml",
        "render app.json --format yaml --parameter-file parameters/syntax.yaml",
        "render app.json --format yaml --parameter-file parameters/list.yaml",
        "render app.json --format yaml --parameter-file parameters/number.yaml",
        "render app.json --format yaml --parameter-file parameters/name.yaml",
        "render app.json --format yaml --parameter-file parameters/latin.yaml",
        "render app.json --format yaml --parameter-file parameters/unknown.yaml",
        "render app.json --format yaml --parameter-file parameters/bad.env",
        "render app.json --format yaml --parameter-file parameters/wrong.env --parameter-file parameters/wrong.json",
        "render app.json --format yaml --parameter-file parameters/good.env --parameter-file parameters/good.json",
        "render app.json --format yaml --parameter currency=hunter2 --parameter Parameters__currency=hunter2",
        "render app.json --format yaml --tag 1 --parameter image.tag=hunter2",
        "render app.json --format yaml --parameter Parameters__curency=hunter2",
        "render app.json --format yaml",
        "render app.json --format yaml --tag 1 --release Not_Legal",
        "render app.json --format yaml --tag 1 -n Not_Legal",
        "render app.json --format yaml --tag 1",
        "deploy app.json --timeout 5",
        "deploy app.json --timeout tomorrow",
        "deploy app.json",
        "destroy app.json --timeout 1d",
        "destroy app.json",
        "destroy --release shop",
        "inputs app.json -o toml",
        "deploy app.json --rotate db-pasword --rotate currency --rotate region",
        "deploy app.json --accept anything",
        "completion csh",
    ];
    let mut report = String::new();
    for line in lines {
        let ran = aspire(line.split_whitespace()).run();
        assert_eq!(ran.code, 1, "{line}: {}", ran.err);
        assert_eq!(ran.out, "", "{line}");
        assert!(!ran.err.contains("hunter2"), "{line} repeats a value: {}", ran.err);
        report.push_str(&shown(line, &ran, None));
    }
    assert!(!inputs().join("cli").exists(), "a refused line wrote a chart");
    insta::assert_snapshot!(report);
}

/// Only a manifest in the root of a file system has a folder without a name.
#[test]
fn an_application_without_a_name() {
    let (app, config) =
        (kubectl_aspire::internals::app::App::default(), kubectl_aspire::internals::config::Config::default());
    let diagnostics = kubectl_aspire::internals::kubernetes::plan(
        &app,
        &config,
        &kubectl_aspire::internals::kubernetes::BuiltImages::default(),
    )
    .unwrap_err();
    insta::assert_snapshot!(diagnostics);
}

#[test]
fn codes_are_explained() {
    let ran = aspire(["explain", "unknown-key"]).run();
    assert!(ran.code == 0 && ran.out.starts_with("unknown-key: ") && ran.out.contains("\nFix: "), "{}", ran.out);
    // The codes of older versions.
    assert!(aspire(["explain", "E05"]).run().out.starts_with("pvc-in-use (formerly E04, E05): "));
    let ran = aspire(["explain", "unknwn-key"]).run();
    assert!(ran.code == 1 && ran.err.contains("did you mean `unknown-key`?"), "{}", ran.err);
    let all = aspire(["explain"]).run().out;
    assert!(all.lines().count() > 100 && all.contains("\nmissing-input "), "{all}");
}

#[test]
fn programs_get_errors_with_code_and_place() {
    let ran =
        aspire(["inputs", "-o", "json", "app.json", "--config=intents-bad/environment-resource-unknown.yaml"]).run();
    assert_eq!(ran.code, 1, "{}", ran.err);
    let errors: Value = serde_json::from_str(&ran.out).unwrap();
    let expected = json!({
        "code": "unknown-resource", "file": "intents-bad/environment-resource-unknown.yaml", "line": 4, "column": 7,
        "path": "environments.production.resources.dbb", "what": "the manifest has no resource `dbb`",
        "hint": "did you mean `db`?"
    });
    assert_eq!(errors["errors"][0], expected);
}

/// A person may write a secret wherever it does not belong.
#[test]
fn no_excerpt_shows_a_secret() {
    let folder = tempfile::tempdir().unwrap();
    let intent = folder.path().join("aspire-k8s.yaml");
    for text in [
        "parameters: {db-password: {value: hunter2}}",
        "parameters:\n  db-password: {value: hunter2, x: hunter2}",
        "resources:\n  api:\n    env: {A: [hunter2]}",
        "resources:\n  api:\n    password: hunter2",
        "secrets:\n  token: hunter2\n",
        "secrets:\n  token: \"hunter2\n",
        "secrets:\n\ttoken: hunter2",
        "secrets: [\n  hunter2, hunter2: }",
    ] {
        fs::write(&intent, text).unwrap();
        let ran = aspire(["render", "--check", "app.json", "-o"])
            .args([folder.path().join("chart")])
            .args([format!("--config={}", intent.display())])
            .run();
        assert!(ran.code == 1 && ran.err.contains("error["), "{text}: {}", ran.err);
        assert!(!ran.err.contains("hunter2"), "{text}: {}", ran.err);
    }
}

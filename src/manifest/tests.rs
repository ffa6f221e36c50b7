//! The whole module: malformed inputs, random inputs, real inputs.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn json_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(json_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "json") {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// What is wrong with every malformed input, in one text.
#[test]
fn malformed_manifests() {
    let mut report = String::new();
    for file in json_files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/inputs/manifests-bad")) {
        let name = file.file_stem().unwrap().to_string_lossy();
        let diagnostics = parse(&fs::read(&file).unwrap()).expect_err(&name);
        writeln!(report, "== {name}\n{diagnostics}\n").unwrap();
    }
    insta::assert_snapshot!(report);
}

/// Real manifests are no part of this repository: `ASPIRE_MANIFESTS` names a folder of them.
#[test]
fn real_manifests() {
    let Some(folder) = env::var_os("ASPIRE_MANIFESTS") else {
        let mut terminal = io::stderr();
        writeln!(terminal, "\nSKIPPED manifest::tests::real_manifests: ASPIRE_MANIFESTS names no folder").unwrap();
        return;
    };
    let files = json_files(Path::new(&folder));
    assert!(!files.is_empty(), "no manifest in {}", folder.display());
    for file in files {
        let parsed = parse(&fs::read(&file).unwrap());
        let name = file.file_name().unwrap();
        if name == "truncated.json" || name == "webpubsub.json" {
            let diagnostics = parsed.expect_err("a manifest that ends early").to_string();
            assert!(diagnostics.contains("the manifest ends"), "{}: {diagnostics}", file.display());
        } else if let Err(diagnostics) = parsed {
            panic!("{}:\n{diagnostics}", file.display());
        }
    }
}

/// Every byte of a manifest can be the last one that was written.
#[test]
fn any_early_end_is_called_so() {
    let text = r#"{"resources": {"a.b": {"type": "value.v0", "args": [1, -2.5e3, true, null, "é\u00e9"]}}}"#;
    for end in 1..text.len() {
        let diagnostics = parse(&text.as_bytes()[..end]).expect_err("cut off").to_string();
        assert!(diagnostics.contains("the manifest ends"), "after {end} bytes: {diagnostics}");
    }
}

#[test]
fn a_byte_order_mark_is_skipped() {
    let manifest = parse(b"\xEF\xBB\xBF{\"resources\": {\"a\": {\"type\": \"value.v0\"}}}").unwrap();
    assert_eq!(manifest.resources["a"].kind, Kind::Value);
}

#[test]
fn hostile_sizes_end_soon() {
    let long = "x".repeat(100_000);
    let many = vec![r#""":0"#; 100_000].join(",");
    let diagnostics = parse(format!(r#"{{"resources": {{}}, "{long}": {{{many}}}}}"#).as_bytes()).unwrap_err();
    assert!(diagnostics.to_string().len() < 1_000_000);
    for deep in ["[", "{\"a\":"] {
        assert!(parse(deep.repeat(1_000_000).as_bytes()).is_err());
    }
}

const KEYS: [&str; 40] = [
    "type",
    "error",
    "connectionString",
    "value",
    "inputs",
    "env",
    "args",
    "entrypoint",
    "bindings",
    "volumes",
    "bindMounts",
    "path",
    "image",
    "build",
    "buildOnly",
    "command",
    "filter",
    "dapr",
    "application",
    "appId",
    "components",
    "daprComponent",
    "localPath",
    "secret",
    "default",
    "generate",
    "minLength",
    "lower",
    "minLower",
    "scheme",
    "protocol",
    "transport",
    "port",
    "targetPort",
    "containerPort",
    "external",
    "name",
    "target",
    "source",
    "readOnly",
];

const TEXTS: [&str; 16] = [
    "project.v0",
    "container.v1",
    "dockerfile.v0",
    "executable.v0",
    "parameter.v0",
    "value.v0",
    "annotated.string",
    "dapr.v0",
    "dapr.component.v0",
    "azure.bicep.v0",
    "",
    "80",
    "99999999999999999999",
    "udp",
    "C:\\x\0",
    "/data",
];

/// Any JSON, made mostly of words that manifests use.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        proptest::sample::select(&TEXTS[..]).prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    let key = prop_oneof![9 => proptest::sample::select(&KEYS[..]).prop_map(str::to_owned), 1 => any::<String>()];
    leaf.prop_recursive(6, 120, 8, move |inner| {
        let object = proptest::collection::vec((key.clone(), inner.clone()), 0..8);
        prop_oneof![
            1 => proptest::collection::vec(inner, 0..8).prop_map(Value::from),
            3 => object.prop_map(|entries| entries.into_iter().collect::<Value>()),
        ]
    })
}

/// A resource of a known type with any JSON in its fields.
fn any_resource() -> impl Strategy<Value = Value> {
    (proptest::sample::select(&TEXTS[..10]), any_json()).prop_map(|(name, mut resource)| {
        if let Some(object) = resource.as_object_mut() {
            object.insert("type".to_owned(), name.into());
        }
        resource
    })
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes: Vec<u8>) {
        drop(parse(&bytes));
    }

    #[test]
    fn no_text_panics(text in r#"[\[\]{}:,"0-9a-z/\\\n é]{0,60}"#) {
        drop(parse(text.as_bytes()));
    }

    #[test]
    fn no_json_panics(json in any_json()) {
        drop(parse(json.to_string().as_bytes()));
        drop(parse(json!({ "resources": json }).to_string().as_bytes()));
    }

    #[test]
    fn no_resource_panics_and_every_diagnostic_has_its_place(resource in any_resource()) {
        let parsed = parse(json!({ "resources": { "it": resource } }).to_string().as_bytes());
        for diagnostic in parsed.err().unwrap_or_default().0 {
            prop_assert!(diagnostic.place.path.starts_with("resources.it"), "{diagnostic}");
        }
    }
}

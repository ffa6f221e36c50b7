//! Arbitrary text in all positions of a manifest, through render and the real helm.

use crate::case::Case;
use crate::{helm, nasty};
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use std::fs;

/// Texts in one manifest.
const TEXTS: usize = 40;
/// Manifests.
const CASES: u32 = 12;

/// What a text is made of besides arbitrary characters. References are text like any other.
const REFERENCES: [&str; 8] = [
    "{c.bindings.tcp.url}",
    "{c.bindings.tcp.port}",
    "{plain.value}",
    "{secret.value}",
    "{escaped.value}",
    "{gone.value}",
    "{c.connectionString}",
    "{",
];

fn fragment() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => prop::sample::select(nasty::TEXTS).prop_map(str::to_owned),
        2 => prop::sample::select(&REFERENCES[..]).prop_map(str::to_owned),
        2 => "[ -~]{1,6}",
        2 => any::<char>().prop_filter("helm and the API server cannot carry it", |c| is_carried(*c)).prop_map(String::from),
        1 => prop::sample::select(&["$", "(", ")", "{", "}", "\\", "\"", "'", "%", "\n", "[", "]"][..]).prop_map(str::to_owned),
    ]
}

/// No container can be given NUL; YAML knows no other way for the rest than an escape, which JSON does not keep.
fn is_carried(c: char) -> bool {
    c != '\0' && !matches!(c, '\u{7f}'..='\u{9f}' | '\u{fffe}' | '\u{ffff}')
}

fn text() -> impl Strategy<Value = String> {
    prop::collection::vec(fragment(), 0..6).prop_map(|fragments| fragments.concat())
}

/// A manifest that holds each text in every position.
fn manifest(texts: &[String]) -> Value {
    let mut resources = Map::new();
    for name in ["plain", "secret"] {
        resources.insert(name.to_owned(), parameter(name, name == "secret", None));
    }
    let (mut env, mut args) = (Map::new(), Vec::new());
    for (n, text) in texts.iter().enumerate() {
        let (default, secret) = (format!("default{n}"), format!("secret{n}"));
        resources.insert(default.clone(), parameter(&default, false, Some(text)));
        resources.insert(secret.clone(), parameter(&secret, true, None));
        env.insert(format!("LITERAL{n}"), json!(text));
        env.insert(format!("PORT{n}"), json!(format!("{text}{{c.bindings.tcp.port}}{text}")));
        env.insert(format!("SECRET{n}"), json!(format!("{text}{{secret.value}}{{{secret}.value}}")));
        env.insert(format!("PLAIN{n}"), json!(format!("{{{default}.value}}{text}{{plain.value}}")));
        env.insert(format!("ONLY{n}"), json!(format!("{{{default}.value}}")));
        args.extend([json!(text), json!(format!("{{{default}.value}}{text}{{{secret}.value}}"))]);
    }
    resources.insert("escaped".to_owned(), escaped(&texts[0]));
    let bindings = json!({"tcp": {"scheme": "tcp", "protocol": "tcp", "transport": "tcp", "targetPort": 6379}});
    let connection = "{c.bindings.tcp.host}:{c.bindings.tcp.port},password={secret.value}";
    let container = json!({"type": "container.v0", "image": "example.com/x:1", "connectionString": connection,
        "entrypoint": format!("/{}", without_references(&texts[1])), "args": args, "env": env, "bindings": bindings});
    resources.insert("c".to_owned(), container);
    json!({"resources": resources})
}

fn parameter(name: &str, secret: bool, default: Option<&str>) -> Value {
    let mut input = json!({"type": "string", "secret": secret});
    if let Some(default) = default {
        input["default"] = json!({"value": default});
    }
    json!({"type": "parameter.v0", "value": format!("{{{name}.inputs.value}}"), "inputs": {"value": input}})
}

/// An escaped text without references to itself.
fn escaped(text: &str) -> Value {
    let value = format!("{{secret.value}}{}", without_references(text));
    json!({"type": "annotated.string", "filter": "uri", "value": value})
}

fn without_references(text: &str) -> String {
    text.replace('{', "(")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: CASES, max_shrink_iters: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_text_arrives(
        texts in prop::collection::vec(text(), TEXTS),
        values in prop::collection::vec(text(), TEXTS),
    ) {
        if helm::ready() {
            let folder = tempfile::tempdir().expect("there should be room for a folder");
            let file = folder.path().join("aspire-manifest.json");
            fs::write(&file, manifest(&texts).to_string()).expect("the manifest should be written");
            Case::with_values(&file, &values).gives_what_the_oracle_says();
        }
    }
}

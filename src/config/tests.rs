//! Reading, rejecting and describing the file: examples, every invalid file, and random ones.

use super::*;
use proptest::prelude::*;
use serde_json::{Value, json};

const FULL: &str = include_str!("full.yaml");

fn full() -> Config {
    parse(FULL).unwrap_or_else(|diagnostics| panic!("{diagnostics}"))
}

#[test]
fn nothing_is_the_default() {
    for text in ["", "\n", "# only words\n", "---\n", "{}", "\u{feff}", "null"] {
        assert_eq!(parse(text), Ok(Config::default()), "{text:?}");
    }
}

#[test]
fn bad_files_say_what_is_wrong() {
    insta::glob!("../../tests/inputs/configs-bad", "*.yaml", |path| {
        let text = std::fs::read_to_string(path).expect("readable input");
        let diagnostics = parse(&text).expect_err("a bad file");
        insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false }, {
            insta::assert_snapshot!(diagnostics);
        });
    });
}

#[test]
fn full_file_survives_a_round_trip() {
    let config = full();
    let written = serde_json::to_value(&config).expect("JSON");
    assert_eq!(serde_json::from_value::<Config>(written).expect("the same shape"), config);
}

#[test]
fn full_file_has_every_key_of_the_schema() {
    let text: Value = serde_yaml::from_str(FULL).expect("YAML");
    let schema = schema();
    let mut missing = Vec::new();
    missing_keys(&schema, &schema, &[&text], "", &mut missing);
    assert!(missing.is_empty(), "not in full.yaml: {missing:?}");
}

/// The paths of the schema that no value among `values` has.
fn missing_keys(root: &Value, schema: &Value, values: &[&Value], path: &str, missing: &mut Vec<String>) {
    let reference = schema["$ref"].as_str().or_else(|| schema["allOf"][0]["$ref"].as_str());
    let schema = reference.map_or(schema, |name| &root["definitions"][&name["#/definitions/".len()..]]);
    for (key, inner) in schema["properties"].as_object().into_iter().flatten() {
        let path = format!("{path}.{key}");
        let below: Vec<&Value> = values.iter().filter_map(|value| value.get(key)).collect();
        if below.is_empty() {
            missing.push(path);
        } else {
            missing_keys(root, inner, &below, &path, missing);
        }
    }
    // A choice that no value makes as a map is made as a word.
    for inner in
        schema["oneOf"].as_array().into_iter().flatten().filter(|_| values.iter().any(|value| value.is_object()))
    {
        missing_keys(root, inner, values, path, missing);
    }
    if schema["additionalProperties"].is_object() {
        let below: Vec<&Value> =
            values.iter().filter_map(|value| value.as_object()).flat_map(|map| map.values()).collect();
        missing_keys(root, &schema["additionalProperties"], &below, &format!("{path}.*"), missing);
    }
}

/// The three probes have the same keys: each stands below one of them.
#[test]
fn full_file_has_every_key_of_a_probe() {
    let (schema, full): (Value, Value) = (schema(), serde_yaml::from_str(FULL).expect("YAML"));
    let mut keys = std::collections::BTreeSet::new();
    let resources = full["resources"].as_object().expect("resources").values();
    resources.for_each(|resource| keys_below(&resource["probes"], &mut keys));
    for name in PROBES {
        for key in schema["definitions"][name]["properties"].as_object().expect("keys").keys() {
            assert!(keys.contains(key), "`{key}` of {name} is not in full.yaml");
        }
    }
}

/// The definitions of a probe.
const PROBES: [&str; 6] = ["EachProbe", "Probe", "HttpProbe", "TcpProbe", "GrpcProbe", "ExecProbe"];

fn keys_below(value: &Value, keys: &mut std::collections::BTreeSet<String>) {
    for (key, value) in value.as_object().into_iter().flatten() {
        keys.insert(key.clone());
        keys_below(value, keys);
    }
}

#[test]
fn schema_names_the_top_level_keys() {
    let schema = schema();
    let keys: Vec<&String> = schema["properties"].as_object().expect("properties").keys().collect();
    let wanted = "apiVersion application applicationId compatibility chart release defaults secrets parameters resources nodePools charts ingresses gateways certManager dashboard sourceRoot waits networkPolicy patch extraObjects values environments";
    assert_eq!(keys, wanted.split(' ').collect::<Vec<_>>());
    assert_eq!(schema["$schema"], "http://json-schema.org/draft-07/schema#");
    assert_eq!(schema["additionalProperties"], false);
}

#[test]
fn schema_is_as_published() {
    insta::with_settings!({ omit_expression => true }, {
        insta::assert_snapshot!(serde_json::to_string_pretty(&schema()).expect("JSON"));
    });
}

#[test]
fn schema_describes_every_key_and_closes_every_object() {
    let schema = schema();
    let definitions = schema["definitions"].as_object().expect("definitions");
    for (name, definition) in definitions.iter().chain([(&"root".to_owned(), &schema)]) {
        for (key, property) in definition["properties"].as_object().into_iter().flatten() {
            assert!(property["description"].is_string(), "{name}.{key} has no description");
            assert!(!property.to_string().contains("anyOf"), "{name}.{key}: {property}");
        }
        if definition["properties"].is_object() {
            assert_eq!(definition["additionalProperties"], false, "{name}");
        }
    }
}

#[test]
fn environment_values_win_key_by_key() {
    let merged = full().for_environment("production").expect("the environment");
    assert!(merged.environments.is_empty());
    assert_eq!(merged.chart, full().chart);
    assert_eq!(merged.release.namespace.as_deref(), Some("production"));
    assert_eq!(merged.defaults.tag.as_deref(), Some("2.1"));
    assert!(merged.defaults.image_pull_secrets.is_empty());
    assert_eq!(merged.defaults.storage, full().defaults.storage);
    assert_eq!(merged.parameters["greeting"].value.as_deref(), Some("good day"));
    insta::with_settings!({ omit_expression => true }, {
        insta::assert_snapshot!(serde_yaml::to_string(&merged.resources).expect("YAML"));
    });
}

#[test]
fn environment_may_name_what_the_rest_does_not() {
    let text = "environments: {dev: {parameters: {p: {value: x}}, resources: {api: {replicas: 2, volumes: {v: {size: 1Gi}}}}}}";
    let merged = parse(text).expect("a good file").for_environment("dev").expect("the environment");
    assert_eq!(merged.parameters["p"].value.as_deref(), Some("x"));
    assert_eq!(merged.resources["api"].replicas, Some(2));
    assert_eq!(merged.resources["api"].volumes["v"].size.as_deref(), Some("1Gi"));
}

#[test]
fn unknown_environment_names_the_known_ones() {
    let said = |config: &Config, name| config.for_environment(name).expect_err("no such environment").to_string();
    assert!(said(&full(), "prodution").ends_with("hint: did you mean `production`?"));
    assert!(said(&full(), "qa").ends_with("hint: defined are: production"));
    assert!(said(&Config::default(), "qa").ends_with("hint: this file has no environments"));
}

#[test]
fn diagnostics_come_in_the_order_of_the_text_and_many_come_without_lines() {
    let few = "resources: {b: {x: 1}, a: {image: a b}}\nrelease: {name: X}\nzzz: 1\n";
    let places: Vec<String> =
        parse(few).expect_err("bad").0.into_iter().map(|diagnostic| diagnostic.place.to_string()).collect();
    assert_eq!(
        places,
        ["resources.b.x (line 1)", "resources.a.image (line 1)", "release.name (line 2)", "zzz (line 3)"]
    );
    let many = (0..5000).map(|n| format!("wrong{n}: 1")).collect::<Vec<_>>().join("\n");
    let diagnostics = parse(&many).expect_err("bad").0;
    assert_eq!(diagnostics.len(), 5000);
    assert_eq!(diagnostics[4999].place.path, "wrong4999");
}

#[test]
fn what_may_be_a_secret_is_not_repeated() {
    let text = "secrets: {from: hunter2}\nparameters: {a: {from: hunter2, value: 4711}, b: hunter2, c: {from: {existing: hunter2}}}\n\
        environments: {x: {parameters: {a: {value: 4711}, b: hunter2}}}\n";
    let said = parse(text).expect_err("bad").to_string();
    assert!(!said.contains("hunter2") && !said.contains("4711"), "{said}");
}

#[test]
fn deep_and_exploding_files_are_refused() {
    let deep = "[".repeat(100_000);
    assert!(parse(&deep).is_err());
    let mut laughs = String::from("a0: &a0 [ha]\n");
    for n in 1..30 {
        let nine = vec![format!("*a{}", n - 1); 9].join(", ");
        laughs = format!("{laughs}a{n}: &a{n} [{nine}]\n");
    }
    assert!(parse(&laughs).expect_err("refused").to_string().contains("repeat more than 4 MiB"));
}

/// YAML-like text: words of the file, and what YAML makes trouble with.
fn yamlish() -> impl Strategy<Value = String> {
    let words = [
        "resources",
        "api",
        "env",
        "from",
        "existing",
        "environments",
        "parameters",
        "volumes",
        "size",
        "replicas",
        "chart",
        "version",
        ": ",
        ":",
        "\n",
        "\n  ",
        "\n    ",
        "\n- ",
        "- ",
        "{",
        "}",
        "[",
        "]",
        ", ",
        "&a ",
        "*a",
        "<<",
        "!x ",
        "!!str ",
        "'",
        "\"",
        "| ",
        "> ",
        "# ",
        "---\n",
        "...\n",
        "null",
        "~",
        "true",
        "1",
        "1e3",
        "0777",
        ".inf",
        "-1",
        "? ",
        "%",
        "\t",
        "\u{feff}",
        "\0",
        "é",
    ];
    prop::collection::vec(prop::sample::select(words.to_vec()), 0..40).prop_map(|words| words.concat())
}

/// Values shaped like the file, with wrong keys and wrong values in them.
fn shaped() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[a-z0-9./ =-]{0,6}".prop_map(Value::from),
        prop::sample::select(vec!["deploy", "existing", "Always", "1Gi", "NodePort"]).prop_map(Value::from),
    ];
    let definitions = schema()["definitions"].clone();
    let mut keys: Vec<String> = schema()["properties"].as_object().expect("keys").keys().cloned().collect();
    for definition in definitions.as_object().expect("definitions").values() {
        keys.extend(definition["properties"].as_object().into_iter().flat_map(|map| map.keys().cloned()));
    }
    keys.extend(["existing", "api", "probes", "sops"].map(str::to_owned));
    let key = prop::sample::select(keys);
    leaf.prop_recursive(6, 64, 6, move |inner| {
        prop_oneof![
            1 => prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            4 => prop::collection::vec((key.clone(), inner), 0..6)
                .prop_map(|entries| Value::Object(entries.into_iter().collect())),
        ]
    })
}

/// Whatever was found wrong, what is left of the tree is a configuration.
fn rest_fits_the_types(mut value: Value) {
    walk::check(&mut value, &mut findings::Findings::default());
    if let Err(error) = serde_json::from_value::<Config>(value.clone()) {
        panic!("{error}: {value}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_answered(text in any::<String>()) {
        let _ = parse(&text).map_err(|diagnostics| diagnostics.to_string());
    }

    #[test]
    fn any_yaml_is_answered(text in yamlish()) {
        if let Err(diagnostics) = parse(&text) {
            prop_assert!(!diagnostics.0.is_empty());
        }
    }

    #[test]
    fn any_shape_is_answered(value in shaped()) {
        let text = serde_yaml::to_string(&value).expect("YAML");
        let _ = parse(&text).map_err(|diagnostics| diagnostics.to_string());
        rest_fits_the_types(value.clone());
        rest_fits_the_types(json!({ "resources": { "api": value.clone() }, "parameters": { "p": value.clone() } }));
        rest_fits_the_types(json!({ "environments": { "x": value } }));
    }
}

#[test]
fn control_characters_are_refused_in_maps_and_taken_in_contents() {
    for (text, part) in [
        (
            "resources: {a: {annotations: {k: \"x\\x7f\"}}}",
            "resources.a.annotations.k (line 1): it contains the control character U+007F",
        ),
        ("resources: {a: {securityContext: {\"odd\\x7f\": 1}}}", "it contains the control character U+007F"),
        ("resources: {a: {nodeSelector: {env: \"\\uFFFE\"}}}", "U+FFFE"),
        ("ingresses: {a: {annotations: {k: \"\\N\"}}}", "U+0085"),
        ("environments: {dev: {resources: {a: {podAnnotations: {k: \"\\x01\"}}}}}", "U+0001"),
        ("chart: {description: \"\\x1b[31m\"}", "U+001B"),
    ] {
        let diagnostics = parse(text).unwrap_err().to_string();
        assert!(diagnostics.contains(part), "{text}: {diagnostics}");
    }
    let contents = "resources: {a: {env: {K: \"\\x7f\"}, args: [\"\\x01\"], annotations: {k: \"two\\nlines\\t\"}}}\n\
        parameters: {p: {value: \"\\x7f\"}}\nenvironments: {dev: {resources: {a: {env: {K: \"\\x7f\"}}}}}\n";
    assert!(parse(contents).is_ok(), "{}", parse(contents).unwrap_err());
}

/// Every example of a page is a file that is taken; how many there are.
fn examples_are_taken(page: &str) -> usize {
    let examples: Vec<&str> = page.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    for example in &examples {
        parse(example).unwrap_or_else(|diagnostics| panic!("{example}\n{diagnostics}"));
    }
    examples.len()
}

/// Every example of the page is a file that is taken, and every key of the schema's probes is named there.
#[test]
fn docs_of_probes_agree_with_the_schema() {
    let page = include_str!("../../docs/probes.md");
    assert!(examples_are_taken(page) > 4);
    let schema = schema();
    for name in PROBES {
        for key in schema["definitions"][name]["properties"].as_object().expect("keys").keys() {
            assert!(page.contains(&format!("`{key}`")), "docs/probes.md does not name `{key}` of {name}");
        }
    }
    for number in compatibility::OLDEST..=compatibility::NEWEST {
        assert!(page.contains(&format!("\n| {number} | ")), "{number}");
    }
}

#[test]
fn the_page_about_order_names_every_key() {
    let (schema, page) = (schema(), include_str!("../../docs/order.md"));
    assert!(examples_are_taken(page) > 1);
    let definitions = &schema["definitions"];
    let settings = definitions["WaitSettings"]["properties"].as_object().expect("keys").keys();
    let of_resource = definitions["Resource"]["properties"].as_object().expect("keys").keys();
    let of_resource = of_resource.filter(|key| key.starts_with("wait"));
    for key in settings.chain(of_resource) {
        assert!(page.contains(&format!("{key}:")), "docs/order.md does not show `{key}`");
    }
}

#[test]
fn the_page_about_the_security_of_pods_names_every_key() {
    let (schema, page) = (schema(), include_str!("../../docs/pod-security.md"));
    assert!(examples_are_taken(page) > 1);
    for key in schema["definitions"]["ImageSecurity"]["properties"].as_object().expect("keys").keys() {
        assert!(page.contains(&format!("| `{key}` |")), "docs/pod-security.md does not name `{key}`");
    }
}

#[test]
fn the_page_about_service_accounts_names_every_key() {
    let (schema, page) = (schema(), include_str!("../../docs/service-accounts.md"));
    assert!(examples_are_taken(page) > 3);
    for name in ["AccountSettings", "AzureIdentity", "AwsIdentity", "GcpIdentity"] {
        for key in schema["definitions"][name]["properties"].as_object().expect("keys").keys() {
            let shown = [format!("{key}:"), format!("`{key}`")];
            assert!(
                shown.iter().any(|shown| page.contains(shown)),
                "docs/service-accounts.md does not name `{key}` of {name}"
            );
        }
    }
}

#[test]
fn examples_of_the_page_about_databases_are_taken() {
    let page = include_str!("../../docs/databases.md");
    assert!(examples_are_taken(page) > 2);
    for word in ["`connectionStrings`", "`none`"] {
        assert!(page.contains(word), "{word}");
    }
}

#[test]
fn the_page_about_jobs_names_every_key() {
    let (schema, page) = (schema(), include_str!("../../docs/jobs.md"));
    assert!(examples_are_taken(page) > 2);
    for name in ["Job", "CronJob"] {
        for key in schema["definitions"][name]["properties"].as_object().expect("keys").keys() {
            assert!(page.contains(&format!("{key}:")), "docs/jobs.md does not show `{key}` of {name}");
        }
    }
}

#[test]
fn the_page_about_scale_names_every_key() {
    let (schema, page) = (schema(), include_str!("../../docs/scale.md"));
    assert!(examples_are_taken(page) > 6);
    for name in ["AutoscalingSettings", "PodDisruptionBudgetSettings", "RollingUpdate", "NodePool", "Spread"] {
        for key in schema["definitions"][name]["properties"].as_object().expect("keys").keys() {
            assert!(page.contains(&format!("{key}:")), "docs/scale.md does not show `{key}` of {name}");
        }
    }
}

#[test]
fn the_page_about_sidecars_names_every_key() {
    let (schema, page) = (schema(), include_str!("../../docs/sidecars.md"));
    assert!(examples_are_taken(page) > 2);
    assert!(page.contains("sidecarOf:"));
    for key in schema["definitions"]["InitContainer"]["properties"].as_object().expect("keys").keys() {
        assert!(page.contains(&format!("{key}:")), "docs/sidecars.md does not show `{key}` of an init container");
    }
}

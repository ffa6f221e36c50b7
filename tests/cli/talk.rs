//! What the program says about itself and about an application: help, inputs, schema, completion, version.

use crate::helm::helm;
use crate::{Aspire, aspire};
use serde_json::{Map, Value, json};
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

const VERBS: [&str; 19] = [
    "render",
    "deploy",
    "promote",
    "destroy",
    "status",
    "dashboard",
    "history",
    "rollback",
    "inputs",
    "schema",
    "completion",
    "version",
    "plan",
    "doctor",
    "seal",
    "manifest",
    "demo",
    "images",
    "build",
];

#[test]
fn help_of_every_verb() {
    let mut report = aspire(["--help"]).run().ok();
    for verb in VERBS {
        let long = aspire([verb, "--help"]).run();
        assert_eq!((long.code, long.err.as_str()), (0, ""), "{verb}");
        assert!(long.out.contains(&format!("Usage: kubectl aspire {verb}")), "{}", long.out);
        report.extend(["\n== ", verb, "\n", &aspire([verb, "-h"]).run().ok()]);
    }
    insta::assert_snapshot!(report);
}

#[test]
fn the_name_is_the_one_that_was_typed() {
    let plugin = tempfile::tempdir().unwrap();
    let inside = plugin.path().join("bin/kubectl-aspire");
    fs::create_dir(plugin.path().join("bin")).unwrap();
    fs::copy(env!("CARGO_BIN_EXE_kubectl-aspire"), &inside).unwrap();
    let named = |start: Aspire, name: &str| {
        let (version, help, wrong) = (["version"], ["render", "--help"], ["render", "--nonsense"]);
        let start = start.command();
        let again = |args: &[&str]| {
            let mut command = Command::new(start.get_program());
            command.env_clear().envs(start.get_envs().filter_map(|(name, value)| Some((name, value?))));
            let output = command.args(args).output().unwrap();
            String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
        };
        assert_eq!(again(&version).lines().next(), Some(&*format!("{name} {}", env!("CARGO_PKG_VERSION"))));
        for args in [&help, &wrong] {
            let text = again(args);
            assert!(text.contains(&format!("Usage: {name} render")), "{text}");
        }
    };
    named(aspire::<&str>([]), "kubectl aspire");
    named(aspire::<&str>([]).env("HELM_PLUGIN_DIR", plugin.path()), "kubectl aspire");
    named(aspire::<&str>([]).env("HELM_PLUGIN_DIR", ""), "kubectl aspire");
    named(Aspire::at(&inside), "kubectl aspire");
    named(Aspire::at(&inside).env("HELM_PLUGIN_DIR", plugin.path()), "helm aspire");
    named(Aspire::at(&inside).env("HELM_PLUGIN_DIR", "/nowhere"), "kubectl aspire");
}

#[test]
fn flags_that_helm_lets_through() {
    let lines = [
        "--qps 5 inputs app.json",
        "inputs app.json --qps 5 --burst-limit 100 --content-cache /tmp/x",
        "--debug inputs app.json",
        "--debug=true --color=never inputs app.json",
        "inputs app.json --colour=always --kube-context c --namespace n --kubeconfig /nowhere/k",
    ];
    let plain = aspire(["inputs", "app.json"]).run().ok();
    for line in lines {
        assert_eq!(aspire(line.split(' ')).run().ok(), plain, "{line}");
    }
}

#[test]
fn version_flag_and_verb() {
    let version = env!("CARGO_PKG_VERSION");
    let said = aspire(["version"]).run().ok();
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines[0], format!("kubectl aspire {version}"));
    assert!(lines[1].starts_with("commit ") && lines[1].contains(std::env::consts::ARCH), "{said}");
    assert_eq!(aspire(["--version"]).run().ok(), format!("kubectl aspire {version}\n"));
}

#[test]
fn inputs_as_text_and_json() {
    insta::assert_snapshot!(aspire(["inputs", "app.json"]).run().ok());
    let listed: Vec<Value> = serde_json::from_str(&aspire(["inputs", "app.json", "-o", "json"]).run().ok()).unwrap();
    let description = |name: &str| (name == "image.tag").then_some("tag of the images built from this application");
    let input = |name: &str,
                 secret,
                 required,
                 default: Option<&str>,
                 generated: bool,
                 users: &[&str],
                 flag: &str,
                 variable: &str| {
        json!({"name": name, "secret": secret, "required": required, "default": default, "generated": generated,
            "minLength": generated.then_some(22),
            "usedBy": users, "flag": flag, "variable": variable, "description": description(name), "value": null})
    };
    let parameter = |name: &str| format!("--parameter {name}=VALUE");
    assert_eq!(
        listed,
        [
            input(
                "currency",
                false,
                false,
                Some("EUR"),
                false,
                &["api", "worker"],
                &parameter("currency"),
                "Parameters__currency"
            ),
            input("region", false, false, None, false, &[], &parameter("region"), "Parameters__region"),
            input(
                "db-password",
                true,
                false,
                None,
                true,
                &["api", "db"],
                &parameter("db-password"),
                "Parameters__db_password"
            ),
            input("image.tag", false, true, None, false, &["api", "worker"], "--tag VALUE", "Parameters__image_tag"),
        ]
    );
    let keys: Vec<&String> = listed[0].as_object().unwrap().keys().collect();
    let expected = [
        "name",
        "secret",
        "required",
        "default",
        "generated",
        "minLength",
        "usedBy",
        "flag",
        "variable",
        "description",
        "value",
    ];
    assert_eq!(keys, expected);
}

/// The flags and variables of the list do what it says: flags win over files, files over the environment.
#[test]
fn what_the_list_names_works() {
    let Some(helm) = helm() else { return };
    let start = |more: &[&str]| aspire(["render", "app.json", "--format", "yaml"]).args(more).env("HELM_BIN", &helm);
    let variables = || start(&[]).env("Parameters__image_tag", "7").env("Parameters__currency", "CHF");
    let objects = variables().run().ok();
    assert!(objects.contains("worker:7\"") && objects.contains("CHF"), "{objects}");
    let files = ["--parameter-file", "parameters/empty.yaml", "--parameter-file", "parameters/good.json"];
    let objects = variables().args(files).run().ok();
    assert!(objects.contains("USD") && !objects.contains("CHF"), "{objects}");
    let objects = variables().args(files).args(["--parameter", "currency=JPY=x", "--tag=8"]).run().ok();
    assert!(objects.contains("JPY=x") && objects.contains("worker:8\"") && !objects.contains("USD"), "{objects}");
    let objects = start(&["--tag=1", "--parameter-file", "parameters/good.env"]).run().ok();
    assert!(objects.contains("CHF") && !objects.contains("EUR"), "{objects}");
}

/// What a build system leaves behind for a secret that nobody defined.
#[test]
fn an_empty_variable_is_no_value() {
    let start = |more: &[&str]| {
        let line = ["render", "app.json", "--format", "yaml", "--tag=1"];
        aspire(line).args(more).env("Parameters__db_password", "").run()
    };
    let said = start(&[]).err;
    let sentences = ["Parameters__db_password: the variable is set, but empty", "--parameter 'db-password='"];
    assert!(sentences.iter().all(|sentence| said.contains(sentence)), "{said}");
    // Helm is missing in these tests: it is looked for when the inputs are settled.
    let said = start(&["--parameter", "db-password="]).err;
    assert!(said.contains("helm was not found"), "{said}");
}

/// `a-b` and `a_b` have the same variable, so neither has one.
#[test]
fn a_variable_that_two_inputs_share() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("aspire-manifest.json");
    let parameter = |name: &str| {
        let inputs = json!({"value": {"type": "string"}});
        json!({"type": "parameter.v0", "value": format!("{{{name}.inputs.value}}"), "inputs": inputs})
    };
    let env = json!({"A": "{a-b.value}", "B": "{a_b.value}"});
    let web = json!({"type": "container.v0", "image": "web:1", "env": env});
    let manifest = json!({"resources": {"a-b": parameter("a-b"), "a_b": parameter("a_b"), "web": web}});
    fs::write(&file, manifest.to_string()).unwrap();
    let listed = aspire(["inputs"]).args([&file]).run().ok();
    assert!(!listed.contains("Parameters__"), "{listed}");
    let start = |more: &[&str]| aspire(["render", "--format", "yaml"]).args([&file]).args(more);
    let said = start(&[]).run().err;
    assert!(said.contains("pass --parameter 'a-b=VALUE', or put `a-b: VALUE`"), "{said}");
    let said = start(&["--parameter", "a-b=1"]).env("Parameters__a_b", "2").run().err;
    assert!(said.contains("`Parameters__a_b` is the variable of `a-b` and `a_b`"), "{said}");
    let said = start(&["--parameter", "a-b=1", "--parameter=a_b=2"]).env("Parameters__a_b", "2").run().err;
    assert!(said.contains("helm was not found"), "{said}");
}

#[test]
fn values_from_standard_input() {
    let Some(helm) = helm() else { return };
    let mut command = aspire(["render", "app.json", "--format=yaml", "--tag=1", "--parameter-file=-"])
        .env("HELM_BIN", &helm)
        .command();
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"currency: \"GBP\"\n").unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success() && String::from_utf8_lossy(&output.stdout).contains("GBP"));
}

#[test]
fn an_application_without_inputs() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("aspire-manifest.json");
    fs::write(&file, r#"{"resources": {"web": {"type": "container.v0", "image": "web:1"}}}"#).unwrap();
    let text = aspire(["inputs"]).args([&file]).run();
    assert_eq!((text.code, text.out.as_str(), text.err.as_str()), (0, "", "the application needs no inputs\n"));
    assert_eq!(aspire(["inputs", "-o", "json"]).args([&file]).run().ok(), "[]\n");
}

#[test]
fn the_schema_is_stable_and_describes_the_intents_here() {
    let schema = aspire(["schema"]).run().ok();
    assert_eq!(aspire(["schema"]).run().ok(), schema);
    let parsed: Value = serde_json::from_str(&schema).unwrap();
    assert_eq!(parsed["additionalProperties"], json!(false));
    let keys: Vec<&String> = parsed["properties"].as_object().unwrap().keys().collect();
    let expected = [
        "apiVersion",
        "application",
        "applicationId",
        "compatibility",
        "chart",
        "release",
        "defaults",
        "secrets",
        "parameters",
        "resources",
        "nodePools",
        "charts",
        "ingresses",
        "gateways",
        "certManager",
        "dashboard",
        "sourceRoot",
        "waits",
        "networkPolicy",
        "patch",
        "extraObjects",
        "values",
        "environments",
    ];
    assert_eq!(keys, expected);
    // Every reference leads somewhere.
    for at in schema.split("\"$ref\": \"#").skip(1) {
        let pointer = at.split('"').next().unwrap();
        assert!(parsed.pointer(pointer).is_some(), "{pointer}");
    }
}

/// All names of properties in a schema.
fn properties(schema: &Value, found: &mut Vec<String>) {
    match schema {
        Value::Object(map) => {
            found.extend(map.get("properties").and_then(Value::as_object).into_iter().flat_map(Map::keys).cloned());
            map.values().for_each(|value| properties(value, found));
        }
        Value::Array(list) => list.iter().for_each(|value| properties(value, found)),
        _ => {}
    }
}

/// What `-o json` prints has the names that the schema of its verb has.
#[test]
fn schemas_name_what_is_printed() {
    for (format, line, code) in [
        ("inputs", &["inputs", "app.json", "-o", "json"][..], 0),
        ("images", &["images", "app.json", "-o", "json"], 0),
        ("status", &["status", "app.json", "-o", "json"], 1),
        ("history", &["history", "app.json", "-o", "json"], 1),
        ("plan", &["plan", "app.json", "-o", "json"], 1),
        ("events", &["deploy", "app.json", "-o", "json"], 1),
    ] {
        let schema: Value = serde_json::from_str(&aspire(["schema", format]).run().ok()).unwrap();
        let mut known = Vec::new();
        properties(&schema, &mut known);
        let ran = aspire(line).run();
        assert_eq!(ran.code, code, "{format}: {}", ran.err);
        let documents = serde_json::Deserializer::from_str(&ran.out).into_iter::<Value>();
        let mut count = 0;
        for document in documents {
            let names = |value: &Value| value.as_object().map(|map| map.keys().cloned().collect::<Vec<_>>());
            let document = document.unwrap();
            let parts = [&document, &document[0], &document["errors"][0], &document["problem"], &document["built"][0]];
            for name in parts.into_iter().filter_map(names).flatten() {
                assert!(known.contains(&name), "{format}: {name} is not in {known:?}");
                count += 1;
            }
        }
        assert!(count > 0, "{format}: {}", ran.out);
    }
    let last = aspire(["deploy", "app.json", "-o", "json"]).run().out;
    assert_eq!(last.lines().last(), Some(r#"{"event":"exited","exitCode":1}"#));
}

#[test]
fn completion_of_every_shell() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = aspire(["completion", shell]).run().ok();
        assert!(script.contains("kubectl-aspire"), "{shell}");
        for verb in VERBS {
            assert!(script.contains(verb), "{shell} does not know {verb}");
        }
    }
}

/// Bash itself reads the script, and offers verbs and flags by it.
#[cfg(unix)]
#[test]
fn bash_completes() {
    if !Path::new("/bin/bash").exists() {
        testbed::skip_or_fail("there is no /bin/bash");
        return;
    }
    let script = aspire(["completion", "bash"]).run().ok();
    let ask = "\nCOMP_WORDS=(kubectl-aspire ren); COMP_CWORD=1; found=$(complete -p kubectl-aspire); \
               found=${found##*-F }; ${found%% *} kubectl-aspire ren kubectl-aspire; echo \"${COMPREPLY[@]}\"";
    // The script is longer than an argument may be.
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ask.bash");
    fs::write(&file, format!("{script}{ask}")).unwrap();
    let output = Command::new("/bin/bash").arg("--norc").arg(&file).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "render", "{}", String::from_utf8_lossy(&output.stderr));
}

/// What kubectl and helm ask while a line is typed.
#[test]
fn names_of_the_application_are_completed() {
    let found = |words: &[&str]| {
        let ran = aspire(["__complete"]).args(words).run();
        assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{words:?}");
        ran.out
    };
    assert!(found(&["de"]).starts_with("deploy\tInstall or upgrade"), "{}", found(&["de"]));
    assert_eq!(found(&["deploy", "app.json", "--rotate", ""]), "db-password\n:4\n");
    assert_eq!(found(&["deploy", "app.json", "--parameter", "cu"]), "currency=\n:4\n");
    assert_eq!(found(&["deploy", "app.json", "--image", "wor"]), "worker=\n:4\n");
    // Nothing to read is no error.
    assert_eq!(found(&["deploy", "/nowhere", "-e", ""]), ":4\n");
}

/// Words of helm and kubectl are errors that say what to type here.
#[test]
fn habits_of_other_programs() {
    let lines = [
        "upgrade",
        "install",
        "uninstall",
        "publish",
        "template",
        "list",
        "init",
        "deploy --set a=b",
        "deploy -f v.yaml",
        "deploy --dry-run",
        "deploy --dry-run=server",
        "deploy --wait",
        "deploy --atomic",
        "deploy shop base",
        "status -A",
        "deploy --no-such-flag",
        "rendr",
    ];
    let mut report = String::new();
    for line in lines {
        let ran = aspire(line.split(' ')).run();
        assert_eq!((ran.code, ran.out.as_str()), (1, ""), "{line}");
        report.extend(["$ kubectl aspire ", line, "\n", &ran.err, "\n"]);
    }
    insta::assert_snapshot!(report);
    let help = aspire(["help", "deploy"]).run().ok();
    assert!(help.contains("Usage: kubectl aspire deploy") && help.contains("Examples:"), "{help}");
}

/// `| head -1` is nobody's error.
#[cfg(unix)]
#[test]
fn a_closed_pipe_is_no_error() {
    for args in [&["completion", "zsh"][..], &["schema"], &["render", "app.json", "-o", "-"], &["--help"]] {
        let mut child = aspire(args).command().stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success() && !said.contains("panicked"), "{args:?}: {said}");
    }
}

/// What a manifest says goes to a terminal as text.
#[test]
fn nothing_of_a_manifest_commands_the_terminal() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("aspire-manifest.json");
    let escape = "\u{1b}]0;owned\u{7}\r";
    let manifest = json!({"resources": {
        "job": {"type": "executable.v0", "command": escape},
        "other": {"type": escape},
        "web": {"type": "container.v0", "image": "web:1", "bindMounts": [{"source": escape, "target": format!("/{escape}")}]},
    }});
    fs::write(&file, manifest.to_string()).unwrap();
    let chart = folder.path().join("chart");
    for start in [aspire(["inputs"]).args([&file]), aspire(["render", "-o"]).args([&chart]).args([&file])] {
        let ran = start.run();
        assert_eq!(ran.code, 0, "{}", ran.err);
        let said = ran.out + &ran.err;
        assert!(!said.contains(|c: char| c.is_control() && c != '\n'), "{said:?}");
        assert!(said.contains("]0;owned"), "{said}");
    }
}

//! Parameter files to fill in: what `inputs` prints is what `--parameter-file` takes.

use crate::aspire;
use crate::helm::helm;
use serde_json::{Map, Value, json};
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;

/// Names that readers of YAML or `.env` may take for something else.
const NAMES: [&str; 14] = [
    "null",
    "True",
    "y",
    "no",
    "On",
    "e3",
    "NaN",
    "inf",
    "a-b",
    "a_b",
    "export",
    "Parameters__z",
    "x-1_2",
    "image-tag",
];

const VALUES: [&str; 14] = [
    "plain",
    "",
    " blanks ",
    "it's",
    "say \"hi\"",
    "two\nlines\n",
    "C:\\dir\\",
    "$(X) ${Y} `z`",
    "# no comment",
    "a=b: c",
    "{{ .Values }}",
    "null",
    "tab\t\u{e9}\u{1f600}",
    "\r\n",
];

/// An application with one required input of each name, every second one secret.
fn manifest() -> (Value, Map<String, Value>) {
    let (mut resources, mut env, mut values) = (Map::new(), Map::new(), Map::new());
    for (n, name) in NAMES.iter().enumerate() {
        let input = json!({"type": "string", "secret": n % 2 == 1});
        let parameter =
            json!({"type": "parameter.v0", "value": format!("{{{name}.inputs.value}}"), "inputs": {"value": input}});
        resources.insert((*name).into(), parameter);
        env.insert(format!("V{n}"), format!("<{{{name}.value}}>").into());
        values.insert((*name).into(), VALUES[n % VALUES.len()].into());
    }
    resources.insert("web".into(), json!({"type": "container.v0", "image": "web:1", "env": env}));
    (json!({"resources": resources}), values)
}

/// The lines of a template with values put behind those that end where one is missing.
fn filled(template: &str, mark: char, values: &Map<String, Value>, quoted: impl Fn(&str) -> String) -> String {
    let mut values = values.values();
    let line = |line: &str| match line.strip_suffix(mark).filter(|_| !line.starts_with('#')) {
        Some(key) => format!("{key}{mark} {}\n", quoted(values.next().unwrap().as_str().unwrap())),
        None => format!("{line}\n"),
    };
    let text = template.lines().map(line).collect();
    assert_eq!(values.next(), None, "{template}");
    text
}

fn rendered(helm: &Path, manifest: &Path, file: &Path) -> String {
    let start = aspire(["render", "--format=yaml", "--show-secrets", "--parameter-file"]).args([file, manifest]);
    start.env("HELM_BIN", helm).run().ok()
}

#[test]
fn what_inputs_prints_and_a_person_fills_in_is_taken() {
    let Some(helm) = helm() else { return };
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path
    };
    let (manifest, values) = manifest();
    let manifest = file("aspire-manifest.json", &manifest.to_string());
    let template = |format: &str| aspire(["inputs", "-o", format]).args([&manifest]).run().ok();
    let direct = rendered(&helm, &manifest, &file("direct.json", &Value::from(values.clone()).to_string()));

    let yaml = filled(&template("yaml"), ':', &values, |value| json!(value).to_string());
    assert_eq!(rendered(&helm, &manifest, &file("a.yaml", &yaml)), direct);
    // As a shell quotes, which is not how the template would have written it.
    let env = filled(&template("env"), '=', &values, |value| format!("'{}'", value.replace('\'', "'\\''")));
    assert_eq!(rendered(&helm, &manifest, &file("a.env", &env)), direct);
    let mut list: Value = serde_json::from_str(&template("json")).unwrap();
    for item in list.as_array_mut().unwrap() {
        item["value"] = values[item["name"].as_str().unwrap()].clone();
    }
    assert_eq!(rendered(&helm, &manifest, &file("a.json", &list.to_string())), direct);

    // The same from standard input, where no name tells the form.
    for text in [yaml, env, list.to_string()] {
        let start = aspire(["render", "--format=yaml", "--show-secrets", "--parameter-file=-"]).args([&manifest]);
        let mut command = start.env("HELM_BIN", &helm).command();
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!(String::from_utf8(output.stdout).unwrap(), direct);
    }
}

/// A template that nobody filled in gives no empty values.
#[test]
fn a_template_that_is_not_filled_in_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("aspire-manifest.json");
    let (manifest, values) = manifest();
    fs::write(&path, manifest.to_string()).unwrap();
    for format in ["yaml", "env"] {
        let file = folder.path().join(format!("a.{format}"));
        fs::write(&file, aspire(["inputs", "-o", format]).args([&path]).run().ok()).unwrap();
        let ran = aspire(["render", "--format=yaml", "--parameter-file"]).args([&file, &path]).run();
        assert_eq!((ran.code, ran.err.matches("has no value yet").count()), (1, values.len()), "{}", ran.err);
    }
}

#[test]
fn templates_of_the_application() {
    let yaml = aspire(["inputs", "app.json", "-o", "yaml"]).run().ok();
    let env = aspire(["inputs", "app.json", "-o", "env"]).run().ok();
    insta::assert_snapshot!(format!("{yaml}\n== env\n{env}"));
    // Nothing but the tag has to be filled in, and what is commented out changes nothing.
    let Some(helm) = helm() else { return };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("values.yaml");
    fs::write(&file, yaml.replace("image.tag:", "image.tag: \"7\"")).unwrap();
    let objects = rendered(&helm, Path::new("app.json"), &file);
    assert!(objects.contains("worker:7\"") && objects.contains("EUR"), "{objects}");
}

/// A value from a file never stands on the command line, and is taken byte for byte.
#[test]
fn a_value_from_a_file() {
    let Some(helm) = helm() else { return };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pw");
    let start = |text: &str| {
        fs::write(&file, text).unwrap();
        let source = format!("--parameter-from=db-password={}", file.display());
        let line = ["render", "app.json", "--tag=1", "--format=yaml", "--show-secrets", &source];
        aspire(line).env("HELM_BIN", &helm).run()
    };
    let ran = start("@ a'b\"");
    assert!(ran.out.contains("\"@ a'b\\\"\"") && !ran.err.contains("line break"), "{}{}", ran.out, ran.err);
    let ran = start("pw\n");
    assert!(
        ran.out.contains("\"pw\\n\"") && ran.err.contains("the value of db-password ends with a line break"),
        "{}{}",
        ran.out,
        ran.err
    );
    let refused = |flag: &str| aspire(["render", "app.json", "--tag=1", "--format=yaml", flag]).run().err;
    assert!(refused("--parameter-from=db-password").contains("--parameter-from: it needs the form NAME="));
    assert!(refused("--parameter-from=db-pasword=x").contains("did you mean `db-password`?"));
    assert!(refused("--parameter-from=db-password=/nowhere").contains("cannot read /nowhere"));
}

//! A secret is in the Secret of the release, and nowhere else.

use crate::bench::{Bench, CONFIG, Ran, bench, text};
use flate2::read::GzDecoder;
use kubectl_aspire::internals::support::redact::{base64, unbase64};
use serde_json::Value;
use std::fs;
use std::io::Read as _;
use std::path::Path;

/// What to look for. It has no character that any encoding but base64 changes.
const CORE: &str = "c4n4ryQxZ7hidden";

/// The secret: with all that is special in a URI, in JSON, in YAML, in a shell and to the kubelet.
const SECRET: &str = "p@ss/c4n4ryQxZ7hidden +\"w'$(X)%é{{";

/// The core as it is, and as base64 shows it, wherever in a longer text it begins.
fn forms() -> Vec<String> {
    let mut forms = vec![CORE.to_owned()];
    for offset in 0..3 {
        let encoded = base64(format!("{}{CORE}", "x".repeat(offset)).as_bytes());
        // The first and the last letters also depend on the neighbours.
        forms.push(encoded[4..encoded.len() - 4].to_owned());
    }
    forms
}

fn assert_absent(place: &str, text: &str) {
    for form in forms() {
        assert!(!text.contains(&form), "{place} shows the secret ({form}): {text}");
    }
}

fn assert_quiet(ran: &Ran) {
    assert_absent("standard output", &ran.out);
    assert_absent("standard error", &ran.err);
}

fn absent_in_folder(folder: &Path) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            absent_in_folder(&path);
        } else {
            assert_absent(&path.display().to_string(), &String::from_utf8_lossy(&fs::read(&path).unwrap()));
        }
    }
}

/// Looks at every object of the namespace; of the Secrets that hold it by right, at everything but the data.
fn absent_on_the_cluster(bench: &Bench) {
    let kinds = "configmaps,events,pods,deployments,statefulsets,replicasets,persistentvolumeclaims,services,\
                 serviceaccounts,controllerrevisions,secrets";
    let mut releases = 0;
    for mut object in bench.list(kinds) {
        let name = text(&object["metadata"]["name"]).to_owned();
        if object["kind"] == "Secret" && ["app-secrets", "app-secrets-before"].contains(&&*name) {
            object["data"].take();
        }
        if object["type"] == "helm.sh/release.v1" {
            assert_absent(&name, &release(text(&object["data"]["release"])));
            releases += 1;
        }
        assert_absent(&name, &object.to_string());
    }
    assert!(releases > 0, "no release of helm was looked at");
}

/// What helm stores: base64, base64, gzip, JSON; in it, templates and files are base64 once more.
fn release(data: &str) -> String {
    let packed = unbase64(&String::from_utf8(unbase64(data).unwrap()).unwrap()).unwrap();
    let mut json = String::new();
    GzDecoder::new(&packed[..]).read_to_string(&mut json).unwrap();
    let parsed: Value = serde_json::from_str(&json).unwrap();
    assert!(parsed["chart"]["templates"].is_array() && parsed["manifest"].is_string());
    json
}

/// A helm that writes down its arguments, its environment and its input, as anybody on this machine could see them.
fn spy(bench: &Bench) -> String {
    let seen = bench.path("seen");
    fs::create_dir_all(&seen).unwrap();
    let text = format!(
        "#!/bin/bash\ncat /proc/$$/cmdline >{seen}/$$.cmdline\ncat /proc/$$/environ >{seen}/$$.environ\ncat >{seen}/$$.input\nexec {helm} \"$@\" <{seen}/$$.input\n",
        seen = seen.display(),
        helm = bench.plane.helm("4.2.4").display()
    );
    bench.script("spy/helm", &text).display().to_string()
}

fn parameters(bench: &Bench) -> String {
    let json = serde_json::json!({"db-password": SECRET, "token": SECRET}).to_string();
    bench.write("secrets.json", &json).display().to_string()
}

#[test]
fn a_secret_from_a_file_is_nowhere_but_in_the_secret() {
    let Some(bench) = bench("canary") else { return };
    let (spy, file) = (spy(&bench), parameters(&bench));
    for more in [&[][..], &["--debug"], &["--debug=true", "--parameter", "currency=USD"]] {
        let deploy = bench.deploy(&[&["--parameter-file", &file], more].concat());
        assert_quiet(&deploy.env("HELM_BIN", &spy).env("HELM_DEBUG", "true").env("RUST_LOG", "trace").ok());
        absent_on_the_cluster(&bench);
    }
    assert_eq!(bench.secret("app-secrets")["db-password"], SECRET);
    absent_in_folder(&bench.path("seen"));
    assert!(bench.left_behind().is_empty());
    // The spy did see: what helm was told that is no secret.
    let seen = fs::read_dir(bench.path("seen")).unwrap();
    let all: String =
        seen.map(|entry| String::from_utf8_lossy(&fs::read(entry.unwrap().path()).unwrap()).into_owned()).collect();
    assert!(all.contains("upgrade") && all.contains("\"currency\":\"USD\"") && all.contains("KUBECONFIG="), "{all}");
    let said = bench.destroy(&[]).env("HELM_BIN", &spy).ok();
    assert_quiet(&said);
    absent_in_folder(&bench.path("seen"));
}

#[test]
fn a_chart_and_plain_objects_hold_no_secret_unless_it_is_asked_for() {
    let Some(bench) = bench("rendered") else { return };
    let (spy, file) = (spy(&bench), parameters(&bench));
    let given = ["--parameter-file", &*file];
    assert_quiet(&bench.run(&[&["render", "app", "-o", "chart"], &given[..]].concat()).ok());
    absent_in_folder(&bench.path("chart"));
    assert_quiet(&bench.run(&[&["render", "app", "-o", "-"], &given[..]].concat()).ok());
    for source in ["", "secrets: {from: chart}\n"] {
        bench.configure(&format!("{CONFIG}{source}"));
        let yaml = ["render", "app", "--format", "yaml", "-o", "-", "--parameter-file", &*file];
        let ran = bench.run(&yaml).env("HELM_BIN", &spy).ok();
        // The stars, as they are or in base64.
        assert!(["***", "Kioq"].iter().any(|stars| ran.out.contains(stars)), "{ran}");
        assert_quiet(&ran);
        absent_in_folder(&bench.path("seen"));
        let shown = bench.run(&[&yaml[..], &["--show-secrets"]].concat()).ok();
        assert!(forms().iter().any(|form| shown.out.contains(form)), "{shown}");
        assert_absent("standard error", &shown.err);
    }
    assert!(bench.left_behind().is_empty());
}

#[test]
fn no_failure_shows_a_secret() {
    let Some(bench) = bench("failures") else { return };
    let file = parameters(&bench);
    let given = ["--parameter-file", &*file];
    // Values that are wrong themselves.
    let broken = bench.write("broken.yaml", &format!("token: \"{CORE}\n  x: [{CORE}")).display().to_string();
    let list = bench.write("list.yaml", &format!("token: [{CORE}]\n")).display().to_string();
    let scalar = bench.write("scalar.yaml", CORE).display().to_string();
    let unknown = bench.write("unknown.yaml", &format!("tokn: {CORE}\n")).display().to_string();
    for arguments in [
        ["--parameter-file", &broken],
        ["--parameter-file", &list],
        ["--parameter-file", &scalar],
        ["--parameter-file", &unknown],
        ["--parameter", CORE],
        ["--parameter", &format!("tokn={CORE}")],
        ["--parameter", &format!("={CORE}")],
    ] {
        assert_quiet(&bench.deploy(&arguments).exits(1));
    }
    // More than a Secret holds.
    let large = serde_json::json!({"token": format!("{CORE}{}", "x".repeat(1_100_000))}).to_string();
    let large = bench.write("large.json", &large).display().to_string();
    assert_quiet(&bench.deploy(&["--parameter-file", &large]).exits(1));
    // Pods that never become ready.
    bench.configure(&format!(
        "{CONFIG}resources: {{api: {{podAnnotations: {{testbed.dev/behavior: image-pull-backoff}}}}}}\n"
    ));
    assert_quiet(&bench.deploy(&[&given[..], &["--timeout", "12s"]].concat()).exits(1));
    absent_on_the_cluster(&bench);
    assert!(bench.left_behind().is_empty());
}

#[test]
fn what_helm_says_of_values_it_was_given_is_masked() {
    let Some(bench) = bench("masked") else { return };
    bench.configure(&format!("{CONFIG}secrets: {{from: chart}}\n"));
    let helm = bench.plane.helm("4.2.4");
    let text = format!(
        "#!/bin/bash\nif [ \"$1\" != upgrade ]; then exec {} \"$@\"; fi\ninput=$(cat)\necho \"got $input\"\necho \"got $input\" >&2\nbase64 -w0 <<<\"$input\" >&2\nexit 1\n",
        helm.display()
    );
    let loud = bench.script("loud/helm", &text);
    let ran = bench.deploy(&["--parameter-file", &parameters(&bench)]).env("HELM_BIN", &loud).exits(1);
    for stream in [&ran.out, &ran.err] {
        assert!(!stream.contains(CORE), "{ran}");
    }
    assert!(ran.err.contains("***"), "{ran}");
}

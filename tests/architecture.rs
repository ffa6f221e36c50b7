//! The structure of the code, held by a machine: which module may name which, and that templates and kinds agree.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// Modules of the library and what each may name. A module that is not here, or a name that is not listed, is an error.
const MAY_NAME: &[(&str, &[&str])] = &[
    ("support", &[]),
    ("k8s", &[]),
    ("manifest", &["support"]),
    ("config", &["support"]),
    ("external_charts", &["config", "support"]),
    ("app", &["config", "manifest", "support"]),
    ("migration", &["k8s", "support"]),
    ("inputs", &["app", "config", "manifest", "support"]),
    ("targets", &["app", "config", "inputs", "support"]),
    ("rollout", &["k8s"]),
    ("seal", &["support"]),
    ("sops", &["support"]),
    ("helm", &["cluster", "k8s", "support"]),
    ("diff", &["k8s", "support"]),
    ("cluster", &["k8s", "support"]),
    ("doctor", &["helm", "k8s", "support", "targets"]),
    (
        "pipeline",
        &[
            "app",
            "cluster",
            "config",
            "diff",
            "doctor",
            "external_charts",
            "helm",
            "inputs",
            "k8s",
            "migration",
            "rollout",
            "support",
            "targets",
        ],
    ),
    ("report", &["pipeline", "rollout"]),
    // It stands above all others.
    ("cli", &["*"]),
    ("main", &["cli"]),
];

/// Modules without effects: no files, processes, clock, random numbers or network. A path of folders names a part of one.
const PURE: &[&str] = &[
    "support/diagnostic.rs",
    "support/yaml",
    "support/literal.rs",
    "support/digest.rs",
    "support/image.rs",
    "support/redact",
    "k8s",
    "manifest",
    "config",
    "external_charts",
    "app",
    "targets/kubernetes",
    "inputs",
    "rollout",
    "diff",
    "doctor",
    "migration",
    "seal",
];

/// Parts of pure modules with effects: they read and write the folder of a chart.
const NOT_PURE: &[&str] =
    &["targets/kubernetes/chart/read.rs", "targets/kubernetes/chart/write.rs", "targets/kubernetes/chart/mod.rs"];

/// What a pure module must not name.
const EFFECTS: [&str; 9] = [
    "std::fs",
    "std::process",
    "std::net",
    "std::env",
    "std::time::Instant",
    "SystemTime",
    "tokio",
    "kube::",
    "getrandom",
];

fn sources(folder: &Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
}

/// The text of each module without its tests and comments.
fn modules() -> BTreeMap<String, Vec<(String, String)>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut paths = Vec::new();
    sources(&root, &mut paths);
    let mut modules: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
    for path in paths {
        let relative = path.strip_prefix(&root).unwrap();
        let module = relative.iter().next().unwrap().to_string_lossy().trim_end_matches(".rs").to_owned();
        let name = relative.file_stem().unwrap().to_string_lossy();
        if name.ends_with("tests") || name == "fake" {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let code = text.split("#[cfg(test)]\nmod tests").next().unwrap();
        let lines: Vec<&str> = code.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
        let code = lines.join("\n");
        modules.entry(module).or_default().push((relative.display().to_string(), code));
    }
    modules
}

/// Modules of the library that a text names: `crate::name`, `crate::{a, b::c}` and `kubectl_aspire::name`.
fn named(text: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for start in ["crate::", "kubectl_aspire::"] {
        for (index, _) in text.match_indices(start) {
            let rest = &text[index + start.len()..];
            assert!(
                !rest.starts_with('{'),
                "one module per `use crate::` line, so that this test can read it: {}",
                &rest[..rest.len().min(60)]
            );
            names.insert(rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect());
        }
    }
    names
}

#[test]
fn modules_point_downward_only() {
    let table: BTreeMap<&str, &[&str]> = MAY_NAME.iter().copied().collect();
    for (module, files) in modules().into_iter().filter(|(module, _)| module != "lib") {
        let allowed = table.get(module.as_str()).unwrap_or_else(|| panic!("src/{module} is in no row of MAY_NAME"));
        for (file, text) in files {
            for name in named(&text) {
                assert!(
                    name == module || allowed.contains(&name.as_str()) || *allowed == ["*"],
                    "{file} names {name}, which {module} must not know"
                );
            }
        }
    }
}

#[test]
fn pure_modules_have_no_effects() {
    let is_pure = |file: &str| PURE.iter().any(|part| Path::new(file).starts_with(part)) && !NOT_PURE.contains(&file);
    for (file, text) in modules().into_values().flatten().filter(|(file, _)| is_pure(file)) {
        for effect in EFFECTS {
            assert!(!text.contains(effect), "{file} names {effect}, but it is pure");
        }
    }
}

#[test]
fn only_helm_and_sops_start_processes_and_only_cluster_knows_the_client() {
    for (module, files) in modules() {
        for (file, text) in files {
            assert!(
                ["helm", "sops"].contains(&&*module) || !text.contains("process::Command"),
                "{file} starts a process"
            );
            assert!(module == "cluster" || !text.contains("kube::"), "{file} knows the API client");
        }
    }
}

#[test]
fn every_template_has_a_row_and_every_row_a_template() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("templates");
    let files: BTreeSet<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .filter(|name| !name.starts_with('_'))
        .collect();
    let rows: BTreeSet<String> =
        kubectl_aspire::targets::kubernetes::KINDS.iter().map(|spec| spec.template.to_owned()).collect();
    assert_eq!(files, rows);
}

/// These functions of helm print nothing, or something else, where they fail: a map vanishes, or `{"Error": ...}` takes its
/// place. `mustToJson` and `mustFromJson` stop the chart, in every helm from 3.14 on.
#[test]
fn no_template_uses_a_function_that_swallows_errors() {
    const SWALLOW: [&str; 11] = [
        "toYaml",
        "toYamlPretty",
        "fromYaml",
        "fromYamlArray",
        "toJson",
        "fromJson",
        "fromJsonArray",
        "toToml",
        "merge",
        "mergeOverwrite",
        "tpl",
    ];
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folders = vec![root.join("charts"), root.join("templates")];
    let mut files =
        vec![root.join("src/targets/kubernetes/chart/readme.rs"), root.join("src/pipeline/release/charts/values.rs")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    assert!(files.len() > 20, "{files:?}");
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        let words: BTreeSet<&str> = text.split(|c: char| !c.is_ascii_alphanumeric()).collect();
        let found: Vec<_> = SWALLOW.iter().filter(|name| words.contains(*name)).collect();
        assert!(found.is_empty(), "{} uses {found:?}", file.display());
    }
}

/// `docs/security.md` names the tests that hold its sentences: in comments, and in the last column of its table.
#[test]
fn the_tests_that_the_trust_model_names_are_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(root.join("docs/security.md")).unwrap();
    let is_part = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == ':';
    let named: BTreeSet<&str> = text.split(|c: char| !is_part(c)).filter(|word| word.contains("::")).collect();
    assert!(named.len() > 20, "{named:?}");
    let (mut folders, mut sources) = (vec![root.join("src"), root.join("tests")], String::new());
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                sources.push_str(&fs::read_to_string(path).unwrap());
            }
        }
    }
    let missing: Vec<&&str> =
        named.iter().filter(|name| !sources.contains(&format!("fn {}(", name.rsplit("::").next().unwrap()))).collect();
    assert!(missing.is_empty(), "no such tests: {missing:?}");
}

//! The structure of the code, held by a machine: which module may name which, that no files need each other in a cycle, that
//! templates and kinds agree, and that comments say something.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod docs;
mod graph;
mod names;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use graph::{Crate, cycles, described};

/// Modules of the library and what each may name. A module that is not here, or a name that is not listed, is an error.
const MAY_NAME: &[(&str, &[&str])] = &[
    ("support", &[]),
    ("k8s", &["support"]),
    ("manifest", &["support"]),
    ("config", &["support"]),
    ("model", &["config", "manifest", "support"]),
    ("external_charts", &["config", "support"]),
    ("app", &["config", "manifest", "support"]),
    ("init", &["app", "config", "manifest", "support"]),
    ("apphost", &["support"]),
    ("migration", &["k8s", "support"]),
    ("inputs", &["app", "config", "manifest", "support"]),
    ("targets", &["app", "config", "inputs", "support"]),
    ("images", &["app", "manifest", "support", "targets"]),
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
    ("report", &["pipeline", "rollout", "support"]),
    // It stands above all others.
    ("cli", &["*"]),
    // For tests and benchmarks.
    ("internals", &["*"]),
    ("main", &["Exit", "run"]),
];

/// Modules without effects: no files, processes, clock, random numbers or network. A path names a part of one.
const PURE: &[&str] = &[
    "support::diagnostic",
    "support::yaml",
    "support::literal",
    "support::digest",
    "support::file_diff",
    "support::label",
    "support::image",
    "support::redact",
    "support::servers",
    "k8s",
    "manifest",
    "model",
    "config",
    "external_charts",
    "app",
    "apphost::ask",
    "apphost::containers::facts",
    "apphost::containers::outcome",
    "apphost::containers::projects",
    "apphost::error",
    "apphost::lines",
    "apphost::path",
    "apphost::program",
    "apphost::properties",
    "apphost::reader::runtime",
    "apphost::sdk",
    "apphost::written",
    "targets",
    "targets::kubernetes",
    "images",
    "init",
    "inputs",
    "rollout",
    "diff",
    "doctor",
    "migration",
    "seal",
];

/// Files of pure modules with effects: they read and write the output folder of a target.
const NOT_PURE: &[&str] = &[
    "targets::kubernetes::chart::read",
    "targets::kubernetes::chart::present",
    "targets::kubernetes::chart::write",
    "targets::kubernetes::chart",
    "targets::compose::write",
];

/// What a pure module must not name.
const EFFECTS: [&str; 13] = [
    "std::fs",
    "std::process",
    "std::net",
    "std::env",
    "std::time::Instant",
    "std::time::SystemTime",
    "tokio",
    "kube",
    "getrandom",
    "rustix",
    "tempfile",
    "which",
    "indicatif",
];

/// Files that need each other in a cycle today. The list only ever gets shorter.
const IN_CIRCLES: &[&str] = &[];

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

/// The program as it is, without its tests.
fn program() -> Crate {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut paths = Vec::new();
    sources(&root, &mut paths);
    let text = |path: &Path| fs::read_to_string(path).unwrap();
    let names = paths.iter().map(|path| path.strip_prefix(&root).unwrap().to_str().unwrap());
    Crate::new(names.zip(paths.iter().map(|path| text(path))))
}

/// Each file by its module, with all paths that it names.
fn named() -> Vec<(String, Vec<String>)> {
    let joined = |path: &names::Path| path.join("::");
    let program = program();
    let files = program.files().map(|(file, names)| (joined(file), names.iter().map(joined).collect()));
    files.filter(|(file, _)| !file.is_empty()).collect()
}

/// Whether a path is this one, or leads into it.
fn is_in(path: &str, part: &str) -> bool {
    path.strip_prefix(part).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

#[test]
fn no_files_need_each_other_in_a_circle() {
    let edges = program().edges();
    let cycles = cycles(&edges);
    let listed: BTreeSet<String> = IN_CIRCLES.iter().map(|file| (*file).to_owned()).collect();
    let found: BTreeSet<String> = cycles.iter().flatten().map(|file| file.join("::")).collect();
    let new: Vec<String> = cycles
        .iter()
        .filter(|cycle| cycle.iter().any(|file| !listed.contains(&file.join("::"))))
        .map(|cycle| described(cycle, &edges))
        .collect();
    assert!(
        new.is_empty(),
        "these files need each other; move what both need to a file of its own:\n{}",
        new.join("\n")
    );
    let gone: Vec<_> = listed.difference(&found).collect();
    assert!(gone.is_empty(), "these are in no cycle any more; take them out of IN_CIRCLES: {gone:?}");
}

#[test]
fn modules_point_downward_only() {
    let table: BTreeMap<&str, &[&str]> = MAY_NAME.iter().copied().collect();
    let named = named();
    assert!(named.len() > 200, "{} files", named.len());
    for (file, paths) in named {
        let module = file.split("::").next().unwrap_or_default();
        let allowed = table.get(module).unwrap_or_else(|| panic!("src/{module} is in no row of MAY_NAME"));
        for path in paths {
            let Some(name) = path.strip_prefix("crate::").and_then(|path| path.split("::").next()) else { continue };
            let is_allowed = name == module || allowed.contains(&name) || *allowed == ["*"];
            assert!(is_allowed, "{file} names {path}, which {module} must not know");
        }
    }
}

#[test]
fn pure_modules_have_no_effects() {
    let is_pure = |file: &str| PURE.iter().any(|part| is_in(file, part)) && !NOT_PURE.contains(&file);
    for (file, paths) in named().into_iter().filter(|(file, _)| is_pure(file)) {
        for path in paths {
            let glob = path.strip_suffix("::*");
            let mut effects = EFFECTS.iter();
            let effect = effects.find(|effect| is_in(&path, effect) || glob.is_some_and(|glob| is_in(effect, glob)));
            assert!(effect.is_none(), "{file} names {path}, but it is pure");
        }
    }
}

#[test]
fn targets_do_not_know_each_other() {
    const TARGETS: [&str; 2] = ["compose", "kubernetes"];
    for (file, paths) in named() {
        let Some(own) = TARGETS.iter().find(|target| is_in(&file, &format!("targets::{target}"))) else { continue };
        for path in paths {
            let other = TARGETS.iter().find(|other| *other != own && is_in(&path, &format!("crate::targets::{other}")));
            assert!(other.is_none(), "{file} names {path}, which is another target");
        }
    }
}

#[test]
fn only_helm_sops_and_apphost_start_processes_and_only_cluster_knows_the_client() {
    for (file, paths) in named() {
        for path in paths {
            let starts = is_in(&path, "std::process::Command") || is_in(&path, "tokio::process");
            assert!(
                ["helm", "sops", "apphost"].iter().any(|module| is_in(&file, module)) || !starts,
                "{file} names {path}: it starts a process"
            );
            assert!(is_in(&file, "cluster") || !is_in(&path, "kube"), "{file} names {path}: it knows the API client");
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
        kubectl_aspire::internals::kubernetes::KINDS.iter().map(|spec| spec.template.to_owned()).collect();
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
        // It answers with an `Error` in place of failing, which is asked for there.
        let is_asked = |name: &str| name == "fromYaml" && text.contains("if hasKey $object \"Error\"");
        let found: Vec<_> = SWALLOW.iter().filter(|name| words.contains(*name) && !is_asked(name)).collect();
        assert!(found.is_empty(), "{} uses {found:?}", file.display());
    }
}

/// What a document says, sentence by sentence and row by row of its tables, each with the comment behind it.
fn claims(text: &str) -> Vec<(String, Option<String>)> {
    let is_prose = |line: &&str| !line.starts_with(['#', '|']);
    let is_row = |line: &&str| line.starts_with('|') && !line.starts_with("|---");
    // The first row of a table says what its columns are.
    let heads: BTreeSet<&str> = text
        .lines()
        .zip(text.lines().skip(1))
        .filter(|(_, next)| next.starts_with("|---"))
        .map(|(head, _)| head)
        .collect();
    let mut found = Vec::new();
    for row in text.lines().filter(is_row).filter(|row| !heads.contains(row)) {
        let (said, comment) = row.split_once("<!--").unwrap_or((row, ""));
        let comment = comment.split_once("-->").map(|(comment, _)| comment.trim().to_owned());
        found.push((said.to_owned(), comment));
    }
    for paragraph in text.split("\n\n") {
        let prose: String = paragraph.lines().filter(is_prose).collect::<Vec<_>>().join(" ");
        let mut rest = prose.trim();
        while !rest.is_empty() {
            let Some((said, after)) = rest.split_once("<!--") else {
                // What a list or a table follows says nothing by itself.
                if !rest.ends_with(':') {
                    found.push((rest.to_owned(), None));
                }
                break;
            };
            let (comment, after) = after.split_once("-->").unwrap();
            found.push((said.trim().to_owned(), Some(comment.trim().to_owned())));
            rest = after.trim();
        }
    }
    found
}

/// Every test function in the sources: its file, with `/` for `::`, and its name.
fn tests() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths = Vec::new();
    sources(&root.join("src"), &mut paths);
    sources(&root.join("tests"), &mut paths);
    let mut found = Vec::new();
    for path in paths {
        let (text, mut is_test) = (fs::read_to_string(&path).unwrap(), false);
        for line in text.lines().map(str::trim) {
            is_test |= line == "#[test]";
            let named = line.strip_prefix("fn ").and_then(|line| line.split_once('('));
            if let Some((name, _)) = named.filter(|_| std::mem::take(&mut is_test)) {
                // Tests may stand in a file beside their module.
                let place = path.strip_prefix(root).unwrap().with_extension("");
                found.push((format!("/{}/", place.display()).replace("_tests/", "/"), name.to_owned()));
            }
        }
    }
    found
}

/// The trust model is proven, sentence by sentence: `docs/security.md`, and who writes in `docs/architecture.md`.
#[test]
fn every_sentence_of_the_trust_model_names_its_tests() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    let architecture = fs::read_to_string(docs.join("architecture.md")).unwrap();
    let writer = architecture.split("\n* ").find(|bullet| bullet.starts_with("One writer:")).unwrap();
    let mut said = claims(&fs::read_to_string(docs.join("security.md")).unwrap());
    said.extend(claims(writer));
    assert!(said.len() > 50, "{said:?}");
    let tests = tests();
    let mut wrong = Vec::new();
    for (sentence, comment) in said {
        let Some(comment) = comment else {
            wrong.push(format!("no test: {sentence}"));
            continue;
        };
        // Sentences are told apart so that each is proven; a row of a table and what follows a semicolon are one.
        if !sentence.starts_with('|')
            && sentence.trim_end_matches('.').contains(". ")
            && !sentence.starts_with("Values of secrets")
        {
            wrong.push(format!("more than a sentence before one comment: {sentence}"));
        }
        let Some(names) = comment.strip_prefix("tests: ") else {
            if !comment.starts_with("no claim: ") {
                wrong.push(format!("what does `{comment}` say? {sentence}"));
            }
            continue;
        };
        for name in names.split(", ") {
            let mut parts: Vec<&str> = name.split("::").filter(|part| *part != "tests").collect();
            let function = parts.pop().unwrap();
            let is_it = |(place, test): &&(String, String)| {
                test == function && !parts.is_empty() && parts.iter().all(|part| place.contains(&format!("/{part}/")))
            };
            if !tests.iter().any(|test| is_it(&test)) {
                wrong.push(format!("no such test: {name}: {sentence}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

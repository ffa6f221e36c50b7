//! The module as a whole: malformed inputs.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

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
        let problems = parse(&fs::read(&file).unwrap()).expect_err(&name);
        writeln!(report, "== {name}\n{problems}\n").unwrap();
    }
    insta::assert_snapshot!(report);
}

/// Every byte of a manifest can be the last one that was written.
#[test]
fn any_early_end_is_called_so() {
    let text = r#"{"resources": {"a.b": {"type": "value.v0", "args": [1, -2.5e3, true, null, "é\u00e9"]}}}"#;
    for end in 1..text.len() {
        let problems = parse(&text.as_bytes()[..end]).expect_err("cut off").to_string();
        assert!(problems.contains("the manifest ends"), "after {end} bytes: {problems}");
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
    let problems = parse(format!(r#"{{"resources": {{}}, "{long}": {{{many}}}}}"#).as_bytes()).unwrap_err();
    assert!(problems.to_string().len() < 1_000_000);
    for deep in ["[", "{\"a\":"] {
        assert!(parse(deep.repeat(1_000_000).as_bytes()).is_err());
    }
}

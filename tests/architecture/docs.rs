//! Doc comments that say nothing: each word of theirs stands in the item that they are on.

use std::fs;
use std::path::{Path, PathBuf};

/// Words that add nothing by themselves.
const EMPTY: &[&str] = &[
    "a", "an", "and", "are", "be", "by", "for", "has", "have", "in", "is", "it", "its", "of", "on", "one", "or", "own",
    "that", "the", "their", "this", "to", "was", "what", "which", "who", "whose", "with",
];

/// Doc comments that become texts for a user: descriptions in the schema and in `--help`.
const SHOWN: &[&str] = &["src/config/", "src/cli/args/"];

/// Words in small letters without a plural's `s`; capitals inside a word begin a new one.
fn words(text: &str) -> Vec<String> {
    let mut apart = String::new();
    for (before, c) in std::iter::once(' ').chain(text.chars()).zip(text.chars()) {
        if before.is_lowercase() && c.is_uppercase() {
            apart.push(' ');
        }
        apart.push(c);
    }
    let found = apart.split(|c: char| !c.is_ascii_alphabetic()).filter(|word| !word.is_empty());
    found.map(str::to_lowercase).map(|word| word.trim_end_matches('s').to_owned()).collect()
}

/// The line number and text of each comment of one line that says no more than its item.
fn fillers(source: &str) -> Vec<(usize, String)> {
    let lines: Vec<&str> = source.lines().map(str::trim).collect();
    let doc = |line: usize| lines.get(line).and_then(|text| text.strip_prefix("/// "));
    let alone = |line: usize| doc(line + 1).is_none() && line.checked_sub(1).and_then(doc).is_none();
    let item = |line: usize| lines[line + 1..].iter().find(|text| !text.starts_with("#["));
    let empty: Vec<String> = EMPTY.iter().flat_map(|word| words(word)).collect();
    let mut found = Vec::new();
    for line in (0..lines.len()).filter(|line| alone(*line)) {
        let (Some(text), Some(item)) = (doc(line), item(line)) else { continue };
        let named = words(item);
        if words(text).iter().all(|word| empty.contains(word) || named.contains(word)) {
            found.push((line + 1, text.to_owned()));
        }
    }
    found
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.extension() {
            _ if path.is_dir() => sources(&path, found),
            Some(end) if end == "rs" => found.push(path),
            _ => {}
        }
    }
}

#[test]
fn a_doc_comment_says_more_than_the_name() {
    let mut files = Vec::new();
    sources(Path::new("src"), &mut files);
    let shown = |path: &PathBuf| SHOWN.iter().any(|start| path.starts_with(start));
    let found: Vec<String> = files
        .iter()
        .filter(|path| !shown(path))
        .flat_map(|path| fillers(&fs::read_to_string(path).unwrap()).into_iter().map(move |found| (path, found)))
        .map(|(path, (line, text))| format!("{}:{line}: {text}", path.display()))
        .collect();
    assert!(found.is_empty(), "these comments repeat the item; say more or remove them:\n{}", found.join("\n"));
}

#[test]
fn fillers_are_found() {
    let source = "/// Its name.\npub name: String,\n/// The claims of the release.\nfn our_claims(release: R)\n";
    assert_eq!(fillers(source), [(1, "Its name.".to_owned()), (3, "The claims of the release.".to_owned())]);
    assert_eq!(fillers("/// Seconds since 1970.\ntime: u64,\n/// Two lines\n/// of name.\nname: String,\n"), []);
}

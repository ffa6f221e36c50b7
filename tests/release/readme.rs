//! The README keeps its word: its commands are run in the example as they are, and say what it shows.
//!
//! Shown are lines of both streams in their order; `...` stands for what is left out.

use crate::bench::{Bench, bench};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// A command and the lines that the README shows below it.
struct Shown {
    command: String,
    lines: Vec<String>,
}

/// The commands in blocks of `console`.
fn shown() -> Vec<Shown> {
    let text = fs::read_to_string(Path::new(ROOT).join("README.md")).unwrap();
    let mut found: Vec<Shown> = Vec::new();
    for block in text.split("```console\n").skip(1) {
        for line in block.split("```").next().unwrap().lines() {
            match line.strip_prefix("$ ") {
                Some(command) => found.push(Shown { command: command.to_owned(), lines: Vec::new() }),
                None => found.last_mut().expect("a command stands first").lines.push(line.to_owned()),
            }
        }
    }
    found
}

/// The example in a folder of its own, in a namespace of this test.
fn example(bench: &Bench) {
    for name in ["aspire-manifest.json", "aspire-k8s.yaml"] {
        let text = fs::read_to_string(Path::new(ROOT).join("examples/shop").join(name)).unwrap();
        bench.write(&format!("shop/{name}"), &text.replace("namespace: shop}", &format!("namespace: {}}}", bench.ns)));
    }
    fs::create_dir_all(bench.path("bin")).unwrap();
    symlink(env!("CARGO_BIN_EXE_kubectl-aspire"), bench.path("bin/kubectl-aspire")).unwrap();
}

/// What it says, with the names that a reader has.
fn said(bench: &Bench, command: &str) -> String {
    let path = bench.plane.env().into_iter().find(|(name, _)| name == "PATH").unwrap().1;
    let line = format!("exec 2>&1; cd shop; {}", command.replace("-n shop", &format!("-n {}", bench.ns)));
    let run = bench.program(Path::new("/bin/sh"), &["-c", &line]);
    let ran = run
        .env("PATH", format!("{}:{path}", bench.path("bin").display()))
        .env("HELM_BIN", bench.plane.helm("4.2.4"))
        .end();
    // `plan` says by 2 that there are changes.
    let expected = if command.contains(" plan") { 2 } else { 0 };
    assert_eq!(ran.code, Some(expected), "{command}: {ran}");
    let said = ran.out.replace(&bench.ns, "shop").replace("context testbed", "context kind-dev");
    with_the_usual_port(&said)
}

/// The API server of a test has a port of its own.
fn with_the_usual_port(text: &str) -> String {
    const SERVER: &str = "https://127.0.0.1:";
    let mut parts = text.split(SERVER);
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| text + SERVER + "6443" + part.trim_start_matches(|c: char| c.is_ascii_digit()))
}

#[test]
fn its_commands_say_what_it_shows() {
    let Some(bench) = bench("readme") else { return };
    example(&bench);
    let all = shown();
    assert!(all.len() >= 5, "the README shows {} commands", all.len());
    for Shown { command, lines } in &all {
        let said = said(&bench, command);
        let mut rest = said.lines();
        for line in lines.iter().filter(|line| !["", "..."].contains(&line.as_str())) {
            assert!(rest.any(|it| it.trim_end() == line), "`{command}` does not say\n{line}\nin this place of\n{said}");
        }
    }
}

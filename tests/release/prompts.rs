//! Questions on a terminal: all at once, before anything is written, answers kept in the cluster.

use crate::bench::{Bench, bench, text};
use crate::terminal::Terminal;

/// An application that needs a plain input, a secret one and a tag, and makes one more.
fn needy(prefix: &str) -> Option<Bench> {
    let bench = bench(prefix)?;
    bench.change_manifest(", \"default\": { \"value\": \"EUR\" }", "");
    let token = "\"token\": {\n      \"type\": \"parameter.v0\",\n      \"value\": \"{token.inputs.value}\",\n      \"inputs\": { \"value\": { \"type\": \"string\", \"secret\": true";
    bench.change_manifest(&format!("{token}, \"default\": {{ \"generate\": {{ \"minLength\": 22 }} }}"), token);
    bench.change_manifest(
        "\"type\": \"container.v0\",\n      \"image\": \"registry.invalid/api:1\"",
        "\"type\": \"project.v0\",\n      \"path\": \"Api/Api.csproj\"",
    );
    Some(bench)
}

#[test]
fn missing_inputs_are_asked_for_once_and_kept() {
    let Some(bench) = needy("asked") else { return };
    let mut terminal = Terminal::start(bench.deploy(&[]));
    terminal.shows("3 inputs are missing");
    terminal.shows("Generated, and stored too: db-password.");
    terminal.shows("token (for api; secret, not shown): ");
    terminal.types("hunter2\r");
    terminal.shows("currency (for api): ");
    // A correction, then nothing, which is asked about.
    terminal.types("EX\x7fUR\r");
    terminal.shows("image.tag (for api");
    terminal.types("not a tag\r");
    terminal.shows("that is not a valid image tag");
    terminal.shows("image.tag (for api");
    assert_eq!(bench.find("configmap/app-aspire"), None, "nothing is written before the last answer");
    terminal.types("7\r");
    let (code, seen) = terminal.end();
    assert_eq!(code, Some(0), "{seen}");
    assert!(!seen.contains("hunter2") && seen.contains("EX\x08 \x08UR"), "{seen}");
    assert_eq!(bench.secret("app-secrets")["token"], "hunter2");
    let state = bench.get("configmap/app-aspire");
    let values = text(&state["data"]["values"]);
    assert!(values.contains("EUR") && !values.contains("hunter2"), "{values}");
    assert_eq!(bench.get("deployment/api")["spec"]["template"]["spec"]["containers"][0]["image"], "api:7");
    // From another home, on a terminal and without one: nothing is asked.
    let before = bench.running();
    let (code, seen) = Terminal::start(bench.deploy(&[])).end();
    assert!(code == Some(0) && !seen.contains("not known yet"), "{seen}");
    bench.deploy(&[]).ok();
    assert_eq!(bench.running(), before);
}

#[test]
fn leaving_at_a_question_changes_nothing_and_leaves_the_terminal_in_order() {
    let Some(bench) = needy("leave") else { return };
    bench.unchanged(|| {
        for (first, key) in [("hunter2\r", "\x03"), ("", "\x03"), ("hunter2\r", "\x04")] {
            let mut terminal = Terminal::start(bench.deploy(&[]));
            terminal.shows("token (for api; secret, not shown): ");
            if !first.is_empty() {
                terminal.types(first);
                terminal.shows("currency (for api): ");
            }
            terminal.types(key);
            let (code, seen) = terminal.end();
            assert_eq!(code, Some(6), "{seen}");
            assert!(seen.contains("nothing was changed") && !seen.contains("hunter2"), "{seen}");
        }
    });
}

#[test]
fn whoever_cannot_be_asked_is_told_everything() {
    let Some(bench) = needy("nobody") else { return };
    let words =
        ["no value for the secret input `token`", "no value for the input `currency`", "no tag for the images of api"];
    bench.unchanged(|| {
        bench.deploy(&[]).exits(1).says(&words);
        let (code, seen) = Terminal::start(bench.deploy(&["--non-interactive"])).end();
        assert_eq!(code, Some(1), "{seen}");
        assert!(words.iter().all(|word| seen.contains(word)), "{seen}");
    });
}

#[test]
fn a_secret_that_nobody_makes_is_asked_for_again_when_it_is_rotated() {
    let Some(bench) = needy("askrotate") else { return };
    let given = ["--parameter", "token=one", "--parameter", "currency=EUR", "--tag", "7"];
    bench.deploy(&given).ok();
    bench.unchanged(|| bench.deploy(&["--rotate", "token"]).exits(1).says(&["no value for the secret input `token`"]));
    let mut terminal = Terminal::start(bench.deploy(&["--rotate", "token"]));
    terminal.shows("One input is missing");
    terminal.types("two\r");
    let (code, seen) = terminal.end();
    assert_eq!(code, Some(0), "{seen}");
    assert_eq!(bench.secret("app-secrets")["token"], "two");
}

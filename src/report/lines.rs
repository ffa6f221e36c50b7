//! An event as complete lines of text, for output that cannot be redrawn.

use super::style::{Colour, Terminal, harmless, one_line};
use crate::pipeline::Event;
use crate::rollout::{Finding, Progress, State};
use crate::support::diagnostic::{Severity, heading};
use std::fmt::Write as _;

/// The lines of an event; none when it says nothing on its own.
pub(super) fn lines(event: &Event, terminal: Terminal) -> Option<String> {
    let paint = |colour, text: &str| terminal.paint(colour, text);
    Some(match event {
        Event::Started { .. } | Event::Error { .. } | Event::Exited { .. } => return None,
        Event::Failed { step, reason, diagnostics } => {
            let step = paint(Colour::Red, &format!("[{}]", one_line(step)));
            let first = diagnostics.first().map_or(reason, |diagnostic| &diagnostic.what);
            format!("{step} failed: {}", first_of(first, diagnostics.len()))
        }
        Event::Finished { step, seconds } => {
            format!("{} done in {seconds:.1} s", paint(Colour::Green, &format!("[{}]", one_line(step))))
        }
        Event::Skipped { step, because } => {
            format!("{} skipped: {}", paint(Colour::Faint, &format!("[{}]", one_line(step))), harmless(because))
        }
        Event::Said { text } => harmless(text),
        Event::Warned { code, text } => {
            let heading = heading(Severity::Warning, *code);
            format!("{} {}", paint(Colour::of(Severity::Warning), &heading), harmless(text))
        }
        Event::Workload(progress) => format!("  {}", workload(progress)),
        Event::Finding(found) => finding(found, terminal),
    })
}

/// The first of this many errors, in one line: the run ends with all of them and their hints.
fn first_of(error: &str, count: usize) -> String {
    let first = one_line(error.lines().next().unwrap_or_default());
    if count > 1 { format!("{first} (1 of {count} errors)") } else { first }
}

/// `Deployment api: 0 of 2 ready, starting`.
pub(super) fn workload(progress: &Progress) -> String {
    let Progress { kind, name, ready, desired, state, .. } = progress;
    let state = match state {
        State::Waiting => ", waiting for its controller",
        State::Starting => ", starting",
        State::Stopping => ", old pods are stopping",
        State::Ready => "",
        State::Stuck => ", stuck",
    };
    one_line(&format!("{kind} {name}: {ready} of {desired} ready{state}"))
}

/// The cause, the last lines of the log, and what to do now.
fn finding(found: &Finding, terminal: Terminal) -> String {
    let head = one_line(&format!("{} {}:", found.kind, found.name));
    let mut out = format!("  {} {}", terminal.paint(Colour::Red, &head), one_line(&found.text));
    let log = found.log.iter().map(|line| (Colour::Faint, "|", line));
    let hint = Some((Colour::Bold, "hint:", &found.hint)).filter(|(.., hint)| !hint.is_empty());
    for (colour, mark, text) in log.chain(hint) {
        let _ = write!(out, "\n    {} {}", terminal.paint(colour, mark), one_line(text));
    }
    out
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::rollout::Reason;
    use crate::support::diagnostic::{Code, Diagnostic};

    pub(crate) fn progress(name: &str, ready: u64, state: State) -> Event {
        Event::Workload(Progress {
            kind: "Deployment".into(),
            name: name.into(),
            ready,
            updated: ready,
            desired: 2,
            state,
        })
    }

    pub(crate) fn crash() -> Event {
        Event::Finding(Finding {
            reason: Reason::Crashes,
            kind: "Deployment".into(),
            name: "api".into(),
            pod: "api-1".into(),
            container: "api".into(),
            text: "it has ended 3 times, last with exit code 1".into(),
            hint: "its last lines tell why".into(),
            log: vec!["no \x1b[31mdatabase".into()],
            is_final: false,
        })
    }

    #[test]
    fn what_is_no_terminal_gets_plain_lines() {
        for (event, expected) in [
            (Event::Started { step: "a".into() }, None),
            (Event::Finished { step: "a".into(), seconds: 1.25 }, Some("[a] done in 1.2 s")),
            (
                Event::Failed {
                    step: "a".into(),
                    reason: "x".into(),
                    diagnostics: [Code::NoHost; 2].map(|code| Diagnostic::new(code, "", "no\x1b\nhost")).into(),
                },
                Some("[a] failed: no\\u{1b} (1 of 2 errors)"),
            ),
            (Event::Failed { step: "a".into(), reason: "x\ny".into(), diagnostics: Vec::new() }, Some("[a] failed: x")),
            (
                Event::Skipped { step: "b".into(), because: "it depends on a".into() },
                Some("[b] skipped: it depends on a"),
            ),
            (Event::Warned { code: Code::NoHost, text: "x\x1b[1m".into() }, Some("warning[no-host]: x\\u{1b}[1m")),
            (progress("api", 1, State::Starting), Some("  Deployment api: 1 of 2 ready, starting")),
            (progress("api", 2, State::Ready), Some("  Deployment api: 2 of 2 ready")),
            (
                crash(),
                Some(
                    "  Deployment api: it has ended 3 times, last with exit code 1\n    | no \\u{1b}[31mdatabase\n    hint: its last lines tell why",
                ),
            ),
        ] {
            assert_eq!(lines(&event, Terminal::NONE).as_deref(), expected);
        }
    }

    #[test]
    fn colours_are_few_and_end() {
        let terminal = Terminal { live: true, colour: true, unicode: true };
        let text = lines(&crash(), terminal).unwrap();
        assert!(text.starts_with("  \x1b[31mDeployment api:\x1b[0m it has ended"), "{text:?}");
        let codes = text.matches("\x1b[").count();
        assert_eq!(codes, 2 * text.matches("\x1b[0m").count(), "{text:?}");
    }
}

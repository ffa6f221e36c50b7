//! What runs now, at the bottom of a terminal: a line for each step and each workload, below the messages so far.

use super::lines::{lines, workload};
use super::screen::Screen;
use super::style::{Terminal, one_line};
use crate::pipeline::Event;
use crate::rollout::{Progress, State};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How often the wheels turn.
const TURN: Duration = Duration::from_millis(120);

/// The pictures of a wheel; the last one is for when it has stopped.
const WHEEL: &str = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏⠿";

/// The lines that change.
pub(super) struct Live {
    all: MultiProgress,
    terminal: Terminal,
    turn: Option<Duration>,
    running: Mutex<Running>,
}

#[derive(Default)]
struct Running {
    steps: BTreeMap<String, ProgressBar>,
    workloads: BTreeMap<(String, String), (ProgressBar, Progress)>,
}

impl Live {
    /// On standard error.
    pub(super) fn new(terminal: Terminal) -> Self {
        Self::on(ProgressDrawTarget::term_like_with_hz(Box::new(Screen::default()), 20), terminal, Some(TURN))
    }

    fn on(target: ProgressDrawTarget, terminal: Terminal, turn: Option<Duration>) -> Self {
        Self { all: MultiProgress::with_draw_target(target), terminal, turn, running: Mutex::default() }
    }

    pub(super) fn show(&self, event: &Event) {
        let mut running = self.lock();
        match event {
            Event::Started { step } => {
                let bar = self.all.insert(running.steps.len(), self.line("{spinner} {wide_msg} {elapsed:>4}"));
                bar.set_message(one_line(step));
                self.begin(&bar);
                running.steps.insert(step.clone(), bar);
            }
            Event::Workload(progress) => self.step(&mut running, progress),
            Event::Finished { step, .. } | Event::Failed { step, .. } => {
                if let Some(bar) = running.steps.remove(step) {
                    bar.finish_and_clear();
                    self.all.remove(&bar);
                }
                if running.steps.is_empty() {
                    self.settle(&mut running);
                }
            }
            _ => {}
        }
        drop(running);
        // The progress of a workload has its own line; everything else stays above.
        if !matches!(event, Event::Workload(_)) {
            self.say(lines(event, self.terminal));
        }
    }

    /// Takes the lines away while something else has the terminal, such as a question.
    pub(super) fn pause<T>(&self, during: impl FnOnce() -> T) -> T {
        self.all.suspend(during)
    }

    fn step(&self, running: &mut Running, progress: &Progress) {
        let key = (progress.kind.clone(), progress.name.clone());
        let (bar, known) = running.workloads.entry(key).or_insert_with(|| {
            let bar = self.all.add(self.line("  {bar:10} {wide_msg}"));
            self.begin(&bar);
            (bar, progress.clone())
        });
        bar.set_length(progress.desired.max(1));
        // Nothing wanted and nothing there is all of it.
        let done = progress.state == State::Ready && progress.desired == 0;
        bar.set_position(if done { 1 } else { progress.ready.min(progress.desired) });
        bar.set_message(workload(progress));
        known.clone_from(progress);
    }

    /// No step runs any more: what the workloads have come to stays as text.
    fn settle(&self, running: &mut Running) {
        for (_, (bar, progress)) in std::mem::take(&mut running.workloads) {
            bar.finish_and_clear();
            self.all.remove(&bar);
            self.say(lines(&Event::Workload(progress), self.terminal));
        }
    }

    fn say(&self, text: Option<String>) {
        if let Some(text) = text {
            // A closed standard error cannot be reported.
            let _ = self.all.println(text);
        }
    }

    fn line(&self, template: &str) -> ProgressBar {
        let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner());
        let style = if self.terminal.unicode {
            style.tick_chars(WHEEL).progress_chars("━╸─")
        } else {
            style.tick_chars("|/-\\ ").progress_chars("=>-")
        };
        ProgressBar::new(1).with_style(style)
    }

    fn begin(&self, bar: &ProgressBar) {
        match self.turn {
            Some(turn) => bar.enable_steady_tick(turn),
            None => bar.tick(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Running> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        let _ = self.all.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::super::lines::tests::{crash, progress};
    use super::*;
    use indicatif::InMemoryTerm;

    const FULL: Terminal = Terminal { live: true, colour: false, unicode: true };

    /// The frames after each event, on a terminal of this width.
    fn frames(width: u16, terminal: Terminal, events: &[Event]) -> Vec<String> {
        let screen = InMemoryTerm::new(20, width);
        let target = ProgressDrawTarget::term_like_with_hz(Box::new(screen.clone()), 255);
        let live = Live::on(target, terminal, None);
        let mut frames: Vec<String> = Vec::new();
        for event in events {
            live.show(event);
            // A frame may be held back for a moment; this draws it.
            live.pause(|| {});
            frames.push(screen.contents().replace(|c| WHEEL.contains(c), "*"));
        }
        frames
    }

    fn started(step: &str) -> Event {
        Event::Started { step: step.into() }
    }

    fn finished(step: &str) -> Event {
        Event::Finished { step: step.into(), seconds: 2.0 }
    }

    #[test]
    fn steps_and_workloads_run_at_the_foot_and_stay_as_text() {
        let frames = frames(
            70,
            FULL,
            &[
                started("helm"),
                progress("api", 1, State::Starting),
                progress("web", 0, State::Stuck),
                crash(),
                progress("web", 2, State::Ready),
                finished("helm"),
            ],
        );
        assert_eq!(frames[0], format!("* helm{}0s", " ".repeat(62)));
        assert!(frames[2].contains("  ━━━━━╸────"), "{}", frames[2]);
        assert!(frames[2].contains("Deployment api: 1 of 2 ready, starting"), "{}", frames[2]);
        let said = frames[3].find("it has ended 3 times").unwrap();
        assert!(said < frames[3].find("* helm").unwrap(), "what was said stays above\n{}", frames[3]);
        assert!(frames[4].contains("━━━━━━━━━━ Deployment web: 2 of 2 ready"), "{}", frames[4]);
        let last = "  Deployment api: it has ended 3 times, last with exit code 1\n    | no \\u{1b}[31mdatabase\n    hint: its last lines tell why\n  Deployment api: 1 of 2 ready, starting\n  Deployment web: 2 of 2 ready\n[helm] done in 2.0 s";
        assert_eq!(frames[5], last);
    }

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        let name = "a-very-long-name-of-a-workload-that-fills-more-than-one-line";
        let frames =
            frames(30, FULL, &[started(name), progress(name, 0, State::Starting), progress(name, 1, State::Starting)]);
        for frame in frames {
            assert!(frame.lines().count() <= 2, "{frame}");
        }
    }

    #[test]
    fn a_terminal_without_unicode_gets_ascii() {
        let plain = Terminal { unicode: false, ..FULL };
        let frames = frames(60, plain, &[started("helm"), progress("api", 1, State::Starting)]);
        assert!(frames[1].is_ascii(), "{}", frames[1]);
    }
}

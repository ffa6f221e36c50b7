//! What a terminal supports, and text adapted to it.

use crate::support::diagnostic::Severity;
use std::io::IsTerminal as _;

/// What standard error is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Terminal {
    /// Whether lines that are there can be changed.
    pub live: bool,
    /// Whether colours are welcome.
    pub colour: bool,
    /// Whether more than ASCII can be shown.
    pub unicode: bool,
}

impl Terminal {
    /// Something that is no terminal: a file, a pipe, the log of a CI job.
    #[cfg(test)]
    pub(crate) const NONE: Self = Self { live: false, colour: false, unicode: false };

    /// Standard error of this process.
    pub(crate) fn of_process() -> Self {
        Self::of(std::io::stderr().is_terminal() && has_width(), |name| std::env::var(name).ok())
    }

    /// Standard output of this process, where nothing is redrawn.
    pub(crate) fn of_output() -> Self {
        Self { live: false, ..Self::of(std::io::stdout().is_terminal(), |name| std::env::var(name).ok()) }
    }

    /// What the variables of the surroundings say: `NO_COLOR` (no-color.org), `TERM`, and the locale.
    fn of(is_terminal: bool, variable: impl Fn(&str) -> Option<String>) -> Self {
        let given = |name: &str| variable(name).filter(|value| !value.is_empty());
        let able = is_terminal && given("TERM").is_none_or(|kind| kind != "dumb");
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(given).unwrap_or_default().to_lowercase();
        let unicode = cfg!(windows) || locale.contains("utf-8") || locale.contains("utf8");
        Self { live: able, colour: able && given("NO_COLOR").is_none(), unicode: able && unicode }
    }

    /// A text in a colour, where colours are welcome.
    pub(crate) fn paint(self, colour: Colour, text: &str) -> String {
        if self.colour { format!("\x1b[{}m{text}\x1b[0m", colour as u8) } else { text.to_owned() }
    }
}

impl Colour {
    /// The colour of the heading of an error or a warning.
    pub(crate) fn of(severity: Severity) -> Self {
        match severity {
            Severity::Error => Self::Red,
            Severity::Warning => Self::Yellow,
        }
    }
}

/// A terminal without a size (a container, a recorder) has no columns, and nothing can be drawn on it.
#[cfg(unix)]
fn has_width() -> bool {
    rustix::termios::tcgetwinsize(std::io::stderr()).is_ok_and(|size| size.ws_col > 0)
}

#[cfg(not(unix))]
fn has_width() -> bool {
    true
}

/// The few colours that are used, by their number in an escape sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Colour {
    Bold = 1,
    Faint = 2,
    Red = 31,
    Green = 32,
    Yellow = 33,
    Magenta = 35,
}

/// A text for a terminal: what others wrote must not move the cursor, change colours, or turn the direction of reading.
pub(crate) fn harmless(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        let turns = matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        if turns || (c.is_control() && c != '\n' && c != '\t') {
            out.extend(c.escape_unicode());
        } else {
            out.push(c);
        }
    }
    out
}

/// The same in one line.
pub(super) fn one_line(text: &str) -> String {
    harmless(text).replace(['\n', '\t'], " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_surroundings_are_honoured() {
        let of = |is_terminal: bool, given: &[(&str, &str)]| {
            Terminal::of(is_terminal, |name| {
                given.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
            })
        };
        let utf8 = ("LANG", "de_DE.UTF-8");
        let full = Terminal { live: true, colour: true, unicode: true };
        assert_eq!(of(true, &[utf8, ("TERM", "xterm")]), full);
        assert_eq!(of(true, &[utf8, ("NO_COLOR", "1")]), Terminal { colour: false, ..full });
        assert_eq!(of(true, &[utf8, ("NO_COLOR", "")]), full);
        assert_eq!(of(true, &[utf8, ("LC_ALL", "C")]).unicode, cfg!(windows));
        assert_eq!(of(true, &[utf8, ("TERM", "dumb")]), Terminal::NONE);
        assert_eq!(of(false, &[utf8]), Terminal::NONE);
    }

    #[test]
    fn nothing_that_others_wrote_moves_the_cursor() {
        let hostile = "a\x1b[2Jb\rc\u{202e}d\u{7}\u{9b}e\nf\tg\u{2066}";
        assert_eq!(harmless(hostile), "a\\u{1b}[2Jb\\u{d}c\\u{202e}d\\u{7}\\u{9b}e\nf\tg\\u{2066}");
        assert_eq!(one_line("a\nb\tc"), "a b c");
    }
}

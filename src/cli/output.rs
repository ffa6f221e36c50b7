//! The two streams: what a verb is for goes to standard output, everything said on the way to standard error.

use super::CliError;
use crate::app::Note;
use crate::report::harmless;
use std::io::Write as _;

/// One line of a verb's result.
pub fn line(text: &str) {
    // A closed pipe (`| head`) is nobody's error.
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// Text of a verb's result.
pub fn text(text: &str) {
    let _ = write!(std::io::stdout(), "{text}");
}

/// A verb's result as JSON.
pub fn json(value: &impl serde::Serialize) {
    let text = serde_json::to_string_pretty(value).unwrap_or_default();
    line(&text);
}

/// One line on the way.
pub fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{}", harmless(text));
}

/// What ended the verb.
pub fn error(error: &CliError) {
    say(&format!("error: {error}"));
}

/// Notes about resources.
pub fn notes(notes: &[Note]) {
    for note in notes {
        say(&format!("warning: {}: {}", note.resource, note.text));
    }
}

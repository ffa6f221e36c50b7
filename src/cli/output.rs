//! The two streams: the result of a verb goes to standard output, all other messages to standard error.

use super::args::DataFormat;
use super::{CliError, Exit};
use crate::app::Note;
use crate::pipeline::Event;
use crate::report::output::{failure, is_printed, print, remember};
use crate::report::{self, Colour, Terminal, harmless};
use crate::support::diagnostic::{Code, Diagnostic, Place, Severity, body, heading};
use crate::support::read_file::reason;
use crate::support::temporary;
use crate::targets::kubernetes::chart::data_yaml;
use serde_json::json;
use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::path::Path;
use tempfile::NamedTempFile;

/// One line of a verb's result.
pub(super) fn line(text: &str) {
    print(&format!("{text}\n"));
}

/// Text of a verb's result.
pub(super) fn text(text: &str) {
    print(text);
}

/// A file as a verb's result: its very bytes for a program, harmless for a terminal.
pub(super) fn document(text: &str) {
    use std::io::IsTerminal as _;
    if std::io::stdout().is_terminal() { self::text(&harmless(text)) } else { self::text(text) }
}

/// Files as a verb's result, each below its path.
pub(super) fn files(files: &BTreeMap<String, Vec<u8>>) {
    for (path, bytes) in files {
        match std::str::from_utf8(bytes) {
            Ok(content) => document(&format!("---\n# Source: {path}\n{content}")),
            Err(_) => text(&format!("---\n# Source: {path} ({} bytes, not text)\n", bytes.len())),
        }
    }
}

/// A verb's result as JSON.
pub(super) fn json(value: &impl serde::Serialize) {
    let text = serde_json::to_string_pretty(value).unwrap_or_default();
    line(&text);
}

/// A verb's result in a form for programs.
pub(super) fn data(value: &impl serde::Serialize, form: DataFormat) {
    match form {
        DataFormat::Json => json(value),
        DataFormat::Yaml => text(&data_yaml(&serde_json::to_value(value).unwrap_or_default())),
    }
}

/// One line on the way.
pub(super) fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{}", harmless(text));
}

/// The exit code of the verb, unless what it was for could not be written.
pub(super) fn finished(exit: Exit) -> Exit {
    remember(std::io::stdout().flush());
    match failure() {
        Some(failed) => {
            let what = format!("the result could not be written to standard output: {failed}");
            told(Severity::Error, Code::UnwritableFile, &Place::default(), &what, "");
            if exit == Exit::Done || exit == Exit::Differs { Exit::Error } else { exit }
        }
        None => exit,
    }
}

/// Help or a version, as clap wrote it.
pub(super) fn help(error: &clap::Error) {
    let outcome = error.print();
    if !error.use_stderr() {
        remember(outcome);
    }
}

/// What ended the verb; for programs also as JSON on standard output: an event in a stream of events, or the whole result
/// where there is no other.
pub(super) fn error(error: &CliError, form: JsonErrors) {
    let diagnostics = error.diagnostics();
    match form {
        JsonErrors::Events => {
            for problem in diagnostics.clone() {
                report::json(&Event::Error { problem });
            }
        }
        JsonErrors::Document if !is_printed() => json(&json!({ "errors": diagnostics })),
        JsonErrors::Document | JsonErrors::None => {}
    }
    for Diagnostic { code, place, what, hint } in &diagnostics {
        told(Severity::Error, *code, place, what, hint);
    }
    if let Some(note) = error.note() {
        say(&format!("note: {note}"));
    }
}

/// The last event of a run: a stream without it was cut off.
pub(super) fn exited(exit: Exit) {
    report::json(&Event::Exited { exit_code: exit as u8 });
}

/// An error or a warning, its heading in a colour on a terminal.
fn told(severity: Severity, code: Code, place: &Place, what: &str, hint: &str) {
    let heading = Terminal::of_process().paint(Colour::of(severity), &heading(severity, code));
    let _ = writeln!(std::io::stderr(), "{heading} {}", harmless(&body(place, what, hint)));
}

/// How a verb tells programs of its errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum JsonErrors {
    /// Not at all: its output is text.
    None,
    /// As a result of its own.
    Document,
    Events,
}

/// A warning.
pub(super) fn warn(code: Code, text: &str) {
    told(Severity::Warning, code, &Place::default(), text, "");
}

/// A number with its noun: `1 input`, `2 inputs`.
pub(super) fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// Notes about resources.
pub(super) fn notes(notes: &[Note]) {
    for note in notes {
        warn(note.code, &format!("{}: {}", note.resource, note.text));
    }
}

/// A file of a user's source, written whole or not at all; an existing file is an error.
pub(super) fn new_file(path: &Path, text: &str) -> Result<(), CliError> {
    let failed = |error| unwritable(path, &error);
    let file = staged(path, text)?;
    for_everybody(&file).map_err(failed)?;
    file.persist_noclobber(path).map_err(|error| failed(error.error))?;
    Ok(())
}

/// The error of a file or folder that cannot be written.
pub(super) fn unwritable(path: &Path, error: &io::Error) -> CliError {
    CliError::Usage(Code::UnwritableFile, format!("cannot write {}: {}", path.display(), reason(error)))
}

/// Writes a source file of the user, whole or not at all.
pub(super) fn file(path: &Path, text: &str) -> Result<(), CliError> {
    placed(staged(path, text)?, path)
}

/// Renames a file that was written in the same folder to `path`, and makes it readable for everybody.
pub(super) fn placed(file: NamedTempFile, path: &Path) -> Result<(), CliError> {
    let failed = |error| unwritable(path, &error);
    for_everybody(&file).map_err(failed)?;
    file.persist(path).map_err(|error| failed(error.error))?;
    Ok(())
}

/// A temporary file in the folder of `path`, with the whole text.
fn staged(path: &Path, text: &str) -> Result<NamedTempFile, CliError> {
    let failed = |error| unwritable(path, &error);
    let mut file = temporary::file_beside(path).map_err(failed)?;
    file.write_all(text.as_bytes()).map_err(failed)?;
    Ok(file)
}

#[cfg(unix)]
fn for_everybody(file: &NamedTempFile) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    file.as_file().set_permissions(std::fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn for_everybody(_: &NamedTempFile) -> std::io::Result<()> {
    Ok(())
}

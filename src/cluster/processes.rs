//! The processes of this machine, as `/proc` shows them. This module kills none.

use std::fs;

/// More processes than this are not searched.
const MOST: usize = 100_000;

/// What a search among the processes found.
pub(crate) enum Search {
    /// A process that fits, by its number.
    Found(u32),
    /// All were looked at, and none fits.
    NotThere,
    /// Not all could be looked at.
    Unknown,
}

/// Looks for a process of this machine that `fits` picks by its number.
pub(crate) fn find(fits: impl Fn(u32) -> bool) -> Search {
    let Ok(entries) = fs::read_dir("/proc") else { return Search::Unknown };
    let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    let mut numbers = names.filter_map(|name| name.parse().ok());
    match numbers.by_ref().take(MOST).find(|number| fits(*number)) {
        Some(number) => Search::Found(number),
        None if numbers.next().is_none() => Search::NotThere,
        None => Search::Unknown,
    }
}

/// Whether the environment of a process has this line (`NAME=value`). That of another user's process cannot be read.
pub(crate) fn has_variable(process: u32, line: &str) -> bool {
    let variables = fs::read(format!("/proc/{process}/environ")).unwrap_or_default();
    variables.split(|byte| *byte == 0).any(|one| one == line.as_bytes())
}

/// Whether a process was started with this word among its arguments.
pub(crate) fn has_argument(process: u32, word: &str) -> bool {
    let words = fs::read(format!("/proc/{process}/cmdline")).unwrap_or_default();
    words.split(|byte| *byte == 0).any(|one| one == word.as_bytes())
}

/// When a process started, in clock ticks since boot; none when it is not there, or is only waiting to be buried.
pub fn start_time(process: u32) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name of the program stands in brackets and may hold anything.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    if matches!(fields.next()?, "Z" | "X") {
        return None;
    }
    fields.nth(18).map(str::to_owned)
}

/// Whether there is no such process. A process that may not be looked at is there.
#[cfg(unix)]
pub(crate) fn is_gone(process: u32) -> bool {
    use rustix::process::{Pid, test_kill_process};

    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let dead = stat.rsplit_once(')').is_some_and(|(_, rest)| rest.trim_start().starts_with(['Z', 'X']));
    let process = i32::try_from(process).ok().and_then(Pid::from_raw);
    dead || process.is_none_or(|process| test_kill_process(process) == Err(rustix::io::Errno::SRCH))
}

#[cfg(not(unix))]
pub fn is_gone(_process: u32) -> bool {
    false
}

/// The number of the user that a process (`self`) belongs to.
#[cfg(unix)]
pub(crate) fn user_of(process: &str) -> String {
    use std::os::unix::fs::MetadataExt as _;

    fs::metadata(format!("/proc/{process}")).map(|process| process.uid().to_string()).unwrap_or_default()
}

#[cfg(not(unix))]
pub fn user_of(_process: &str) -> String {
    String::new()
}

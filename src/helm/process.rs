//! Runs one helm process: its arguments, its environment, its output line by line. Never a shell.

use std::ffi::OsString;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

use super::cause::causes;
use super::error::{Error, Failure, Result};
use super::follow::Follow;
use crate::support::ended::Ended;
use crate::support::interrupt::{Interrupts, kill_group};
use crate::support::redact::Mask;
use crate::support::redact::lines::MaskedLines;

/// How many of the last lines an error shows.
const LAST: usize = 20;

/// Where a line came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stream {
    /// Standard output.
    Output,
    /// Standard error.
    Error,
}

/// One line that helm wrote, without its end and without secrets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Line<'a> {
    /// Where it came from.
    pub stream: Stream,
    /// What it says.
    pub text: &'a str,
}

/// A process to run.
pub(super) struct Call<'a> {
    pub program: &'a Path,
    pub arguments: Vec<OsString>,
    pub variables: Vec<(OsString, OsString)>,
    pub directory: &'a Path,
    pub input: Option<Vec<u8>>,
    pub mask: &'a Mask,
    pub interrupts: &'a Interrupts,
    /// Who wants to know of it.
    pub follower: Option<&'a dyn Follow>,
    /// After this time it is ended; only for what changes nothing.
    pub limit: Option<Duration>,
}

/// What a process wrote and how it ended.
pub(super) struct Outcome {
    /// Its standard output, as it is.
    pub output: String,
    lines: Vec<String>,
    /// The same lines with the secrets in them, to read why it failed.
    unmasked: Vec<String>,
    status: ExitStatus,
    interrupted: bool,
    /// The time that it was given and did not end in.
    late: Option<Duration>,
    command: String,
}

impl Call<'_> {
    /// Runs it to its end.
    pub(super) fn run(mut self, on_line: &mut dyn FnMut(Line<'_>)) -> Result<Outcome> {
        let command = self.shown();
        let (mut child, running) = self.interrupts.start(|| self.start())?;
        let (sender, receiver) = channel();
        let pipes = [
            child.stdout.take().map(|pipe| (Stream::Output, Box::new(pipe) as Box<dyn Read + Send>)),
            child.stderr.take().map(|pipe| (Stream::Error, Box::new(pipe) as Box<dyn Read + Send>)),
        ];
        for (stream, pipe) in pipes.into_iter().flatten() {
            let sender = sender.clone();
            thread::spawn(move || read_lines(stream, pipe, &sender));
        }
        drop(sender);
        feed(&mut child, self.input.take());
        if let Some(follower) = self.follower {
            follower.runs(child.id());
        }
        let (late, over) = (Arc::new(AtomicBool::new(false)), channel::<()>());
        let (ended, waiting) = over;
        if let Some(limit) = self.limit {
            let (late, process) = (Arc::clone(&late), child.id());
            thread::spawn(move || {
                if waiting.recv_timeout(limit) == Err(RecvTimeoutError::Timeout) {
                    late.store(true, Ordering::SeqCst);
                    kill_group(process);
                }
            });
        }
        let (mut output, mut errors, mut others) = (String::new(), Vec::new(), Vec::new());
        let (mut of_output, mut of_errors) = (MaskedLines::new(self.mask), MaskedLines::new(self.mask));
        let mut show = |stream, lines: Vec<String>| {
            for line in lines {
                on_line(Line { stream, text: &line });
                keep_last(if stream == Stream::Output { &mut others } else { &mut errors }, line);
            }
        };
        let (mut raw_errors, mut raw_others) = (Vec::new(), Vec::new());
        for (stream, text) in receiver {
            let line = text.trim_end_matches(['\r', '\n']);
            keep_last(if stream == Stream::Output { &mut raw_others } else { &mut raw_errors }, line.to_owned());
            match stream {
                Stream::Output => {
                    show(stream, of_output.push(line));
                    output.push_str(&text);
                }
                Stream::Error => show(stream, of_errors.push(line)),
            }
        }
        show(Stream::Output, of_output.finish());
        show(Stream::Error, of_errors.finish());
        let interrupted = running.interrupted();
        drop(running);
        // Before the number of the process can be that of another.
        drop(ended);
        let status = child.wait().map_err(|error| self.not_started(&error))?;
        let late = self.limit.filter(|_| late.load(Ordering::SeqCst));
        let lines = if errors.is_empty() { others } else { errors };
        let unmasked = if raw_errors.is_empty() { raw_others } else { raw_errors };
        Ok(Outcome { output, lines, unmasked, status, interrupted, late, command })
    }

    fn start(&self) -> Result<Child> {
        let mut command = Command::new(self.program);
        command
            .args(&self.arguments)
            .env_clear()
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .current_dir(self.directory)
            .stdin(if self.input.is_some() { Stdio::piped() } else { Stdio::null() })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        // Signals reach it through us alone: the first is passed on, the second ends everything.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        command.spawn().map_err(|error| self.not_started(&error))
    }

    fn not_started(&self, error: &std::io::Error) -> Error {
        Error::NotStarted { program: self.program.display().to_string(), reason: error.to_string() }
    }

    /// The command as one could type it.
    fn shown(&self) -> String {
        let program = self.program.file_stem().unwrap_or(self.program.as_os_str());
        let words = std::iter::once(program).chain(self.arguments.iter().map(OsString::as_os_str));
        let words: Vec<String> = words.map(|word| quoted(&word.to_string_lossy())).collect();
        self.mask.text(&words.join(" "))
    }
}

impl Outcome {
    /// The error, unless it ended with success.
    pub(super) fn success(self) -> Result<Self> {
        if self.interrupted {
            return Err(Error::Interrupted { command: self.command, finished: self.status.success() });
        }
        if self.status.success() {
            return Ok(self);
        }
        if let Some(limit) = self.late {
            return Err(Error::Late { command: self.command, seconds: limit.as_secs().max(1) });
        }
        let ended = Ended::of(self.status);
        let causes = causes(&self.unmasked, ended);
        Err(Error::Failed(Box::new(Failure { command: self.command, ended, lines: self.lines, causes })))
    }

    /// The error for an answer that cannot be understood.
    pub(super) fn unreadable(&self, expected: &'static str) -> Error {
        Error::Unreadable { command: self.command.clone(), expected }
    }
}

/// Writes the input from a thread of its own: helm may end without having read it, which is no error of ours.
fn feed(child: &mut Child, input: Option<Vec<u8>>) {
    if let (Some(mut pipe), Some(input)) = (child.stdin.take(), input) {
        thread::spawn(move || {
            let _ = pipe.write_all(&input);
        });
    }
}

fn read_lines(stream: Stream, pipe: Box<dyn Read + Send>, sender: &Sender<(Stream, String)>) {
    let mut reader = BufReader::new(pipe);
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line).is_ok_and(|count| count > 0) {
        let text = String::from_utf8_lossy(&line).into_owned();
        if sender.send((stream, text)).is_err() {
            return;
        }
        line.clear();
    }
}

fn keep_last(lines: &mut Vec<String>, line: String) {
    if lines.len() == LAST {
        lines.remove(0);
    }
    lines.push(line);
}

fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,@%+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

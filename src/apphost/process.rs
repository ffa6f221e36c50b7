//! Runs one `dotnet`: in its own process group, with a time limit; no process of the group is left running. Never a shell.

use super::lines::Lines;
use crate::support::ended::Ended;
use crate::support::interrupt::{Interrupts, kill_group, stopped};
use std::ffi::OsString;
use std::io::{self, BufRead as _, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

/// How often the state of the process is checked.
const LOOK: Duration = Duration::from_millis(20);

/// How long a process may take to exit after it was told to stop.
const PATIENCE: Duration = Duration::from_secs(3);

/// How long a process may take to exit after its work is done.
const GRACE: Duration = Duration::from_secs(5);

/// How long to wait for the last output of a process that has exited.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// Longest line that is kept whole.
const LONGEST: u64 = 4 << 10;

/// Most bytes of standard output that are kept.
const LARGEST: usize = 1 << 20;

/// A process to run.
pub(super) struct Call<'a> {
    pub program: &'a Path,
    pub arguments: Vec<OsString>,
    pub variables: &'a [(OsString, OsString)],
    pub directory: &'a Path,
    /// None for no limit.
    pub deadline: Option<Instant>,
    /// Receives every line.
    pub log: Option<&'a dyn Fn(&str)>,
}

/// How the process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    /// It exited; `None` for exit code 0.
    Ended(Option<Ended>),
    /// It was killed at its deadline.
    Late,
    /// It was stopped, because a user stopped the program.
    Interrupted,
    /// It was killed, because it did not exit after its work was done.
    Lingered,
}

/// The result of a process.
pub(super) struct Ran {
    pub stop: Stop,
    /// The start of its standard output.
    pub output: String,
    pub lines: Lines,
}

impl Call<'_> {
    /// Runs the process until it ends. `is_done` says whether its work is done.
    pub(super) fn run(self, is_done: &mut dyn FnMut() -> bool) -> io::Result<Ran> {
        let (mut child, running) = Interrupts::of_program().start(|| self.start())?;
        let receiver = listen(&mut child);
        let mut heard = Heard { log: self.log, output: String::new(), lines: Lines::default() };
        let (mut told, mut done, mut looked) = (None::<Instant>, None::<Instant>, Instant::now());
        let stop = loop {
            match heard.next(&receiver) {
                Ok(()) if looked.elapsed() < LOOK => continue,
                Ok(()) | Err(RecvTimeoutError::Timeout) => {}
                // It has closed its output and may still run.
                Err(RecvTimeoutError::Disconnected) => thread::sleep(LOOK / 4),
            }
            looked = Instant::now();
            let since = |start: &mut Option<Instant>, is: bool| is.then(|| start.get_or_insert(looked).elapsed());
            if has_ended(&mut child) {
                break None;
            } else if since(&mut told, running.interrupted() || stopped()).is_some_and(|time| time > PATIENCE) {
                break Some(Stop::Interrupted);
            } else if self.deadline.is_some_and(|deadline| looked > deadline) {
                break Some(Stop::Late);
            } else if since(&mut done, is_done()).is_some_and(|time| time > GRACE) {
                break Some(Stop::Lingered);
            }
        };
        // Before `wait`, after which another process can get its number.
        kill_group(child.id());
        let interrupted = running.interrupted();
        drop(running);
        let status = child.wait()?;
        let last = Instant::now() + LAST_WORDS;
        while Instant::now() < last && heard.next(&receiver) != Err(RecvTimeoutError::Disconnected) {}
        let by_itself = Stop::Ended((!status.success()).then(|| Ended::of(status)));
        let stop = if interrupted || stopped() { Stop::Interrupted } else { stop.unwrap_or(by_itself) };
        Ok(Ran { stop, output: heard.output, lines: heard.lines })
    }

    fn start(&self) -> io::Result<Child> {
        let mut command = Command::new(self.program);
        command.args(&self.arguments).env_clear().envs(self.variables.iter().map(|(name, value)| (name, value)));
        command.current_dir(self.directory);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // It gets signals from this program only.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        command.spawn()
    }
}

/// One line, and whether it came from standard error.
type Line = (bool, String);

/// The output of a process so far.
struct Heard<'a> {
    log: Option<&'a dyn Fn(&str)>,
    output: String,
    lines: Lines,
}

impl Heard<'_> {
    /// Takes the next line, if one arrives within [`LOOK`].
    fn next(&mut self, receiver: &Receiver<Line>) -> Result<(), RecvTimeoutError> {
        let (is_error, line) = receiver.recv_timeout(LOOK)?;
        self.take(is_error, &line);
        Ok(())
    }

    fn take(&mut self, is_error: bool, line: &str) {
        let text = line.trim_end_matches(['\r', '\n']);
        if let Some(log) = self.log {
            log(text);
        }
        self.lines.push(text, is_error);
        if !is_error && self.output.len() < LARGEST {
            self.output.push_str(line);
        }
    }
}

/// Its lines. The queue is bounded, so that a process that prints too fast waits.
fn listen(child: &mut Child) -> Receiver<Line> {
    let (sender, receiver) = sync_channel(256);
    let pipes = [
        child.stdout.take().map(|pipe| (false, Box::new(pipe) as Box<dyn Read + Send>)),
        child.stderr.take().map(|pipe| (true, Box::new(pipe) as Box<dyn Read + Send>)),
    ];
    for (is_error, pipe) in pipes.into_iter().flatten() {
        let sender = sender.clone();
        thread::spawn(move || read_lines(is_error, pipe, &sender));
    }
    receiver
}

/// Longer lines arrive in pieces.
fn read_lines(is_error: bool, pipe: Box<dyn Read + Send>, sender: &SyncSender<Line>) {
    let mut reader = BufReader::new(pipe);
    let mut line = Vec::new();
    while reader.by_ref().take(LONGEST).read_until(b'\n', &mut line).is_ok_and(|count| count > 0) {
        if sender.send((is_error, String::from_utf8_lossy(&line).into_owned())).is_err() {
            return;
        }
        line.clear();
    }
}

/// Whether it has exited. It is not reaped, so that no other process gets its number.
#[cfg(unix)]
fn has_ended(child: &mut Child) -> bool {
    use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};

    let Some(process) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) else { return true };
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    !matches!(waitid(WaitId::Pid(process), options), Ok(None))
}

#[cfg(not(unix))]
fn has_ended(child: &mut Child) -> bool {
    !matches!(child.try_wait(), Ok(None))
}

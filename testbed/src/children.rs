//! Starts the programs of the test bed so that none outlives the test process.
//!
//! The kernel is asked to kill a child when the *thread* that forked it ends (`PR_SET_PDEATHSIG`), so one keeper thread
//! that never ends forks them all; it ends with the process, however that ends. This module must not stop anything but
//! the children it started.

use crate::error::{Context as _, Error};
use rustix::process::{Pid, Signal, kill_process};
use std::fs::File;
use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, Instant};

/// How often a condition is looked at, and for how long.
const PAUSE: Duration = Duration::from_millis(30);
const LIMIT: Duration = Duration::from_secs(60);

type Request = (Command, Sender<io::Result<Child>>);

/// Forks `command` on the keeper thread; the child dies with this process.
pub(crate) fn spawn(mut command: Command) -> io::Result<Child> {
    static KEEPER: OnceLock<Sender<Request>> = OnceLock::new();
    let keeper = KEEPER.get_or_init(|| {
        let (requests, queue) = channel::<Request>();
        std::thread::spawn(move || {
            for (mut command, answer) in queue {
                let _ = answer.send(command.spawn());
            }
        });
        requests
    });
    die_with_parent(&mut command);
    let (answer, reply) = channel();
    let gone = || io::Error::other("the keeper thread has ended");
    keeper.send((command, answer)).map_err(|_| gone())?;
    reply.recv().map_err(|_| gone())?
}

#[expect(unsafe_code, reason = "PR_SET_PDEATHSIG can be set only between fork and exec")]
fn die_with_parent(command: &mut Command) {
    let parent = rustix::process::getpid();
    // SAFETY: the closure makes two system calls and allocates nothing, which is allowed after fork.
    unsafe {
        command.pre_exec(move || {
            rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))?;
            // The parent may have died before the request to be killed was in place.
            if rustix::process::getppid() != Some(parent) {
                return Err(io::Error::other("the test process has gone"));
            }
            Ok(())
        });
    }
}

/// A program that was started, with the file its output goes to.
#[derive(Debug)]
pub(crate) struct Program {
    name: String,
    log: PathBuf,
    child: Child,
}

impl Program {
    /// Starts `command` with its output in `logs/<name>.log` and, of our environment, only what `command` sets itself.
    pub(crate) fn start(name: &str, mut command: Command, logs: &Path) -> Result<Self, Error> {
        let log = logs.join(format!("{name}.log"));
        let out = File::create(&log).context(|| format!("Cannot create {}", log.display()))?;
        let err = out.try_clone().context(|| format!("Cannot share {}", log.display()))?;
        command.stdin(Stdio::null()).stdout(out).stderr(err);
        let child = spawn(command).context(|| format!("Cannot start {name}"))?;
        Ok(Self { name: name.to_owned(), log, child })
    }

    /// The process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// An error when the program has ended.
    pub(crate) fn check(&mut self) -> Result<(), Error> {
        match self.child.try_wait() {
            Ok(Some(status)) => {
                Err(Error::new(format!("{} ended ({status}). Its log ends with:\n{}", self.name, self.tail())))
            }
            _ => Ok(()),
        }
    }

    fn tail(&self) -> String {
        let text = std::fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }

    /// Sends SIGKILL, without waiting for the end.
    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
    }

    /// The same for one that is shared. Nobody has waited for it, so its id cannot be another's.
    pub(crate) fn kill_now(&self) {
        if let Some(pid) = i32::try_from(self.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process(pid, Signal::KILL);
        }
    }

    /// Waits for the end after [`Program::kill`].
    pub(crate) fn reap(&mut self) {
        let _ = self.child.wait();
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.kill();
        self.reap();
    }
}

/// Asks `ready` again and again until it says yes; an error when one of the programs has ended or too long has passed.
pub(crate) fn wait_until(programs: &mut [Program], what: &str, mut ready: impl FnMut() -> bool) -> Result<(), Error> {
    let start = Instant::now();
    while !ready() {
        programs.iter_mut().try_for_each(Program::check)?;
        if start.elapsed() > LIMIT {
            let log = programs.last().map(|p| format!(" The log of {} ends with:\n{}", p.name, p.tail()));
            return Err(Error::new(format!(
                "{what} was not ready after {} s.{}",
                LIMIT.as_secs(),
                log.unwrap_or_default()
            )));
        }
        std::thread::sleep(PAUSE);
    }
    Ok(())
}

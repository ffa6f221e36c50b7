//! What happens to a running child process (helm, dotnet) when the program is told to stop. It must not start one itself.
//!
//! A child runs in its own process group, so that Ctrl-C in our terminal does not reach it. The first signal is forwarded
//! to it, and the program waits for it: helm then cancels, and a pending release blocks the next run. The second
//! signal kills the process group of the child and the program. A closing terminal sends up to three signals, which never
//! count as a second one. While no child runs, a run that called [`hold()`] ends after its current step; otherwise the
//! program ends as it would by default.

use std::process::Child;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

/// A request to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Told {
    /// Ctrl-C.
    Interrupt,
    /// `kill`, or Ctrl-\.
    Terminate,
    /// The terminal was closed.
    HangUp,
}

impl Told {
    /// The exit status that a shell reports for a program that this signal killed.
    fn status(self) -> i32 {
        match self {
            Self::Interrupt => 130,
            Self::Terminate => 143,
            Self::HangUp => 129,
        }
    }
}

/// The exit status of an interrupted run, which the same command resumes.
const INTERRUPTED: i32 = 6;

/// The child processes that run now.
#[derive(Debug, Default)]
pub(crate) struct Interrupts {
    running: Mutex<Vec<(u32, Arc<AtomicBool>)>>,
    /// Whether a run in progress handles the first signal itself.
    pub(crate) held: AtomicBool,
    /// Whether we were told to stop.
    told: AtomicBool,
}

/// From now on the first signal does not end the program: the run checks [`stopped()`] and stops in order. A second signal
/// ends the program at once.
pub(crate) fn hold() {
    Interrupts::of_program().held.store(true, Ordering::SeqCst);
}

/// Tells every child that runs to stop, as `kill` would, and lets it end in order.
pub(crate) fn stop() {
    Interrupts::of_program().arrived(Told::Terminate);
}

/// Whether a user told us to stop.
pub(crate) fn stopped() -> bool {
    Interrupts::of_program().told.load(Ordering::SeqCst)
}

/// One child process, from its start until its output has ended.
pub(crate) struct Running<'a> {
    all: &'a Interrupts,
    process: u32,
    interrupted: Arc<AtomicBool>,
}

impl Interrupts {
    /// Those of this program; the first call installs the signal handlers.
    pub(crate) fn of_program() -> &'static Self {
        static ALL: OnceLock<Interrupts> = OnceLock::new();
        ALL.get_or_init(|| {
            // Without this thread, signals have their default effect. The caller continues once the handlers are installed.
            let (listening, begun) = std::sync::mpsc::channel();
            let _ = std::thread::Builder::new().name("signals".into()).spawn(move || listen(listening));
            let _ = begun.recv();
            Interrupts::default()
        })
    }

    /// Starts a process and notes it in one step, so that no signal falls in between.
    pub(crate) fn start<E>(&self, spawn: impl FnOnce() -> Result<Child, E>) -> Result<(Child, Running<'_>), E> {
        let mut running = self.lock();
        let child = spawn()?;
        let interrupted = Arc::new(AtomicBool::new(false));
        running.push((child.id(), Arc::clone(&interrupted)));
        let process = child.id();
        Ok((child, Running { all: self, process, interrupted }))
    }

    /// Forwards it to every child process. False if no child process runs.
    pub(crate) fn arrived(&self, told: Told) -> bool {
        let running = self.lock();
        for (process, interrupted) in running.iter() {
            interrupted.store(true, Ordering::SeqCst);
            pass_on(*process, told);
        }
        !running.is_empty()
    }

    /// Handles a signal. Returns the exit status if the program must end now.
    pub(crate) fn heard(&self, told: Told) -> Option<i32> {
        if self.told.swap(true, Ordering::SeqCst) {
            if told == Told::HangUp {
                return None;
            }
            for (process, interrupted) in self.lock().iter() {
                interrupted.store(true, Ordering::SeqCst);
                kill_group(*process);
            }
            return Some(INTERRUPTED);
        }
        let run_ends_itself = self.arrived(told) || self.held.load(Ordering::SeqCst);
        (!run_ends_itself).then_some(told.status())
    }

    fn lock(&self) -> MutexGuard<'_, Vec<(u32, Arc<AtomicBool>)>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Running<'_> {
    /// Whether we were told to stop while it ran.
    pub(crate) fn interrupted(&self) -> bool {
        self.interrupted.load(Ordering::SeqCst)
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.all.lock().retain(|(process, _)| *process != self.process);
    }
}

#[cfg(unix)]
fn pass_on(process: u32, told: Told) {
    use rustix::process::{Pid, Signal, kill_process};

    let signal = match told {
        Told::Interrupt => Signal::INT,
        // The child has no terminal that could close.
        Told::Terminate | Told::HangUp => Signal::TERM,
    };
    if let Some(process) = i32::try_from(process).ok().and_then(Pid::from_raw) {
        // It may have exited just now.
        let _ = kill_process(process, signal);
    }
}

#[cfg(unix)]
pub(crate) fn kill_group(process: u32) {
    use rustix::process::{Pid, Signal, kill_process_group};

    if let Some(group) = i32::try_from(process).ok().and_then(Pid::from_raw) {
        // It may have exited just now.
        let _ = kill_process_group(group, Signal::KILL);
    }
}

/// It ends with our console.
#[cfg(not(unix))]
pub(crate) fn kill_group(_process: u32) {}

/// Every process of a console hears Ctrl-C, and there is no other signal.
#[cfg(not(unix))]
fn pass_on(_process: u32, _told: Told) {}

/// Dropping the sender ends the wait of the caller, as a message would.
fn listen(listening: Sender<()>) {
    if let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() {
        runtime.block_on(hear(listening));
    }
}

fn heard(told: Told) {
    if let Some(status) = Interrupts::of_program().heard(told) {
        std::process::exit(status);
    }
}

#[cfg(unix)]
async fn hear(listening: Sender<()>) {
    use tokio::signal::unix::{SignalKind, signal};

    let (interrupt, terminate) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()));
    let (Ok(mut interrupt), Ok(mut terminate)) = (interrupt, terminate) else { return };
    // Under `nohup`, SIGHUP is ignored.
    let mut hang_up =
        (!is_ignored(SignalKind::hangup().as_raw_value())).then(|| signal(SignalKind::hangup()).ok()).flatten();
    let mut quit = signal(SignalKind::quit()).ok();
    drop(listening);
    loop {
        tokio::select! {
            _ = interrupt.recv() => heard(Told::Interrupt),
            _ = terminate.recv() => heard(Told::Terminate),
            () = next(&mut hang_up) => heard(Told::HangUp),
            () = next(&mut quit) => heard(Told::Terminate),
        }
    }
}

/// The next signal; pending forever without a handler.
#[cfg(unix)]
async fn next(signal: &mut Option<tokio::signal::unix::Signal>) {
    match signal {
        Some(signal) => {
            signal.recv().await;
        }
        None => std::future::pending().await,
    }
}

/// Whether the parent process had this signal ignored, as far as the system reports it.
#[cfg(unix)]
fn is_ignored(signal: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| u64::from_str_radix(line.strip_prefix("SigIgn:")?.trim(), 16).ok());
    mask.is_some_and(|mask| mask >> (signal - 1) & 1 == 1)
}

#[cfg(not(unix))]
async fn hear(listening: Sender<()>) {
    drop(listening);
    while tokio::signal::ctrl_c().await.is_ok() {
        heard(Told::Interrupt);
    }
}

//! A run of the program on a terminal of its own: what it shows, what is typed, and whether the terminal is left in order.

use crate::bench::{Run, wait_for};
use pty_process::blocking::{Command, Pty, open};
use rustix::termios::{LocalModes, tcgetattr};
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::process::Child;
use std::sync::{Arc, Mutex};
use std::thread;

/// A terminal with the program on it.
pub(crate) struct Terminal {
    pty: Arc<Pty>,
    /// The side of the program, so that the terminal outlives it.
    other: File,
    child: Child,
    seen: Arc<Mutex<String>>,
    /// How much of it was waited for already.
    read: usize,
}

impl Terminal {
    /// Starts a run on a new terminal.
    pub(crate) fn start(run: Run) -> Self {
        let (pty, pts) = open().unwrap();
        let name = rustix::pty::ptsname(&pty, Vec::new()).unwrap();
        let other = File::options().read(true).write(true).open(name.to_str().unwrap()).unwrap();
        let run = run.into_command();
        let mut command = Command::new(run.get_program()).args(run.get_args()).env_clear();
        for (name, value) in run.get_envs().filter_map(|(name, value)| Some((name, value?))) {
            command = command.env(name, value);
        }
        let child = command.current_dir(run.get_current_dir().unwrap()).spawn(pts).unwrap();
        let (pty, seen) = (Arc::new(pty), Arc::new(Mutex::new(String::new())));
        let (reader, shown) = (Arc::clone(&pty), Arc::clone(&seen));
        thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = (&*reader).read(&mut bytes) {
                shown.lock().unwrap().push_str(&String::from_utf8_lossy(&bytes[..count]));
            }
        });
        Self { pty, other, child, seen, read: 0 }
    }

    /// What it has shown.
    pub(crate) fn seen(&self) -> String {
        self.seen.lock().unwrap().clone()
    }

    /// Waits until it shows this, behind what was waited for before.
    pub(crate) fn shows(&mut self, text: &str) {
        self.read = wait_for(&format!("`{text}` on the terminal"), || {
            let seen = self.seen();
            Some(seen[self.read..].find(text)? + self.read + text.len())
        });
    }

    /// Waits until the program reads one key after the other, and types.
    pub(crate) fn types(&mut self, text: &str) {
        wait_for("a question", || (!self.modes().contains(LocalModes::ICANON)).then_some(()));
        (&*self.pty).write_all(text.as_bytes()).unwrap();
    }

    fn modes(&self) -> LocalModes {
        tcgetattr(&self.other).unwrap().local_modes
    }

    /// Waits for the end of the program; the terminal must be as it was before.
    pub(crate) fn end(mut self) -> (Option<i32>, String) {
        let status = wait_for("the end", || self.child.try_wait().unwrap());
        assert!(self.modes().contains(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG), "{}", self.seen());
        // What was written last may still be on its way: the terminal hands bytes over in order.
        (&self.other).write_all(b"\n== end ==\n").unwrap();
        self.shows("== end ==");
        (status.code(), self.seen())
    }
}

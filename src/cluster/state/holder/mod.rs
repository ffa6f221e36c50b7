//! The holder of a lock, and whether its process is still alive.
//!
//! The id of a run is published, so it contains digests only: of the machine (host, boot, process namespace), of the
//! user and of the process. They are for comparison: on the same boot of the same machine, the process is found by
//! checking all processes. Only on that machine can be proven that it is dead; elsewhere the answer is unknown. This
//! module kills no process.

use std::fs;

use crate::cluster::processes::{self, Search};
use crate::support::digest::sha256;

/// How many hexadecimal digits of a digest are published: as many as the boot id has.
const DIGITS: usize = 32;

/// A machine, as far as its processes can be named, and who looks at it. Never published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Here {
    /// Name of the host.
    host: String,
    /// Which boot of it, as a random number that only the machine knows; empty where the system does not tell, and then
    /// nothing can be proven.
    boot: String,
    /// The namespace that process numbers belong to: two containers of one machine have two.
    space: String,
    /// The user's number.
    user: String,
}

/// A run of this program, as it is named in the cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    named: Named,
    /// What tells this run from every other: 32 random hexadecimal digits.
    pub run: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Named {
    /// Digests of the machine, the user and the process; empty where the system does not tell.
    Digests { host: String, user: String, process: String },
    /// As versions before named it.
    Former { on: Here, process: u32, born: String },
}

/// What is known of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Life {
    /// It runs; with its number, if that was found on this machine.
    Alive(Option<u32>),
    /// It has ended.
    Dead,
    /// It is not known here.
    Unknown,
}

impl Here {
    /// This machine.
    pub fn look() -> Self {
        let line = |path: &str| fs::read_to_string(path).map(|text| text.trim().to_owned()).unwrap_or_default();
        let space = fs::read_link("/proc/self/ns/pid").map(|link| link.to_string_lossy().into_owned());
        Self {
            host: host(),
            boot: line("/proc/sys/kernel/random/boot_id"),
            space: space.unwrap_or_default(),
            user: processes::user_of("self"),
        }
    }

    /// A digest of what is known here; empty without the random number that keeps it from being guessed.
    fn digest(&self, of: &str, more: &[&str]) -> String {
        if self.boot.is_empty() {
            return String::new();
        }
        let mut text = sha256([&[of, self.boot.as_str()], more].concat().join("\n"));
        text.truncate(DIGITS);
        text
    }

    /// What only a process of this boot of this machine can make of a text: a proof that the text was written here.
    pub fn seal(&self, text: &str) -> String {
        self.digest("seal", &[&self.host, &self.space, text])
    }

    fn host_digest(&self) -> String {
        self.digest("host", &[&self.host, &self.space])
    }

    fn user_digest(&self, run: &str) -> String {
        self.digest("user", &[&self.user, run])
    }

    fn process_digest(&self, process: u32, run: &str) -> Option<String> {
        let born = processes::start_time(process)?;
        Some(self.digest("process", &[&process.to_string(), &born, run])).filter(|digest| !digest.is_empty())
    }

    /// Whether a holder runs, or ran, on this machine.
    pub fn is_of(&self, holder: &Holder) -> bool {
        match &holder.named {
            _ if self.boot.is_empty() => false,
            Named::Digests { host, .. } => *host == self.host_digest(),
            Named::Former { on, .. } => self.machine_formerly() == [&on.host, &on.boot, &on.space].map(String::clone),
        }
    }

    /// Whether all processes of a holder's user can be looked at from here.
    fn sees(&self, holder: &Holder) -> bool {
        let own = match &holder.named {
            Named::Digests { user, .. } => *user == self.user_digest(&holder.run),
            Named::Former { on, .. } => self.user == on.user,
        };
        self.is_of(holder) && (own || self.user == "0")
    }

    /// Whether the process of a holder's machine with this digest lives, seen from here.
    pub fn life(&self, holder: &Holder, digest: &str) -> Life {
        if !self.is_of(holder) || digest.is_empty() {
            return Life::Unknown;
        }
        let fits = |process| self.process_digest(process, &holder.run).as_deref() == Some(digest);
        self.found(holder, fits)
    }

    /// Whether a process of a holder's machine has its run in this variable of its environment.
    pub fn life_of_marked(&self, holder: &Holder, variable: &str) -> Life {
        // The environment of other owners' processes cannot be read.
        if !self.sees(holder) || holder.run.is_empty() {
            return Life::Unknown;
        }
        let line = format!("{variable}={}", holder.run);
        self.found(holder, |process| processes::has_variable(process, &line))
    }

    fn found(&self, holder: &Holder, fits: impl Fn(u32) -> bool) -> Life {
        match processes::find(fits) {
            Search::Found(process) => Life::Alive(Some(process)),
            // What others run may be hidden.
            Search::NotThere if self.sees(holder) => Life::Dead,
            Search::NotThere | Search::Unknown => Life::Unknown,
        }
    }

    /// Whether a process lives that was named by its number and the time of its start, as versions before did. Where that
    /// came from, anything can have been written: the number is not passed on.
    pub fn life_of_former(&self, holder: &Holder, process: u32, born: &str) -> Life {
        if !self.is_of(holder) || born.is_empty() {
            return Life::Unknown;
        }
        match processes::start_time(process) {
            Some(now) if now == born => Life::Alive(None),
            Some(_) => Life::Dead,
            None if processes::is_gone(process) => Life::Dead,
            None => Life::Unknown,
        }
    }

    /// The machine as versions before wrote it.
    fn machine_formerly(&self) -> [String; 3] {
        [&self.host, &self.boot, &self.space].map(|text| text.replace('/', "-"))
    }
}

/// A helm of this machine that was started for a release: it has this line in its environment (`NAME=value`) and the name of the
/// release among its arguments, which what it starts in turn has not. `None` if no such process is visible from here.
pub(crate) fn helm_of(release: &str, line: &str) -> Option<u32> {
    let fits = |process| processes::has_argument(process, release) && processes::has_variable(process, line);
    match processes::find(fits) {
        Search::Found(process) => Some(process),
        Search::NotThere | Search::Unknown => None,
    }
}

impl Holder {
    /// This process, as a run of its own.
    pub fn this_process() -> Self {
        Self::of(&Here::look(), std::process::id())
    }

    /// A process of this machine, as a run of its own.
    pub(crate) fn of(here: &Here, process: u32) -> Self {
        let mut bytes = [0; 16];
        // Without randomness the process still tells runs apart.
        let _ = getrandom::fill(&mut bytes);
        let run = format!("{:032x}", u128::from_be_bytes(bytes));
        let digest = here.process_digest(process, &run).unwrap_or_default();
        let named = Named::Digests { host: here.host_digest(), user: here.user_digest(&run), process: digest };
        Self { named, run }
    }

    /// Whether it is named as versions before did: by what anyone can write.
    pub fn is_former(&self) -> bool {
        matches!(self.named, Named::Former { .. })
    }

    /// Whether it lives, seen from here.
    pub fn life(&self, here: &Here) -> Life {
        match &self.named {
            Named::Digests { process, .. } => here.life(self, process),
            Named::Former { process, born, .. } => here.life_of_former(self, *process, born),
        }
    }

    /// What names a process that it started, in the cluster; none when it cannot be found by that.
    pub fn child(&self, process: u32) -> Option<String> {
        Here::look().process_digest(process, &self.run)
    }

    /// The text that names it in the cluster.
    pub fn identity(&self) -> String {
        match &self.named {
            Named::Digests { host, user, process } => [host, user, process, self.run.as_str()].join("/"),
            Named::Former { on: Here { host, boot, space, user }, process, born } => {
                [host, boot, space, user, &process.to_string(), born, &self.run].map(String::as_str).join("/")
            }
        }
    }

    /// Reads what [`Self::identity`] wrote, or a version before; none for a name that another client gave.
    pub fn parse(identity: &str) -> Option<Self> {
        let parts: Vec<&str> = identity.split('/').collect();
        let (named, run) = match parts[..] {
            [host, user, process, run] if [host, user, process].into_iter().all(is_digest) => {
                let [host, user, process] = [host, user, process].map(str::to_owned);
                (Named::Digests { host, user, process }, run)
            }
            [host, boot, space, user, process, born, run] => {
                let [host, boot, space, user, born] = [host, boot, space, user, born].map(str::to_owned);
                let on = Here { host, boot, space, user };
                (Named::Former { on, process: process.parse().ok()?, born }, run)
            }
            _ => return None,
        };
        Some(Self { named, run: run.to_owned() })
    }
}

fn is_digest(text: &str) -> bool {
    text.is_empty() || (text.len() == DIGITS && text.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

#[cfg(unix)]
fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

#[cfg(not(unix))]
fn host() -> String {
    std::env::var("COMPUTERNAME").unwrap_or_default()
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests;

//! Who holds a lock, and whether that process still lives.
//!
//! A process is named by its machine (host, boot, process namespace), number and start time. That it is dead can be proven
//! on that machine only; everywhere else nobody knows. This module ends no process.

use std::fs;

/// A machine, as far as its processes can be named, and who looks at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Here {
    /// Name of the host.
    pub host: String,
    /// Which boot of it; empty where the system does not tell, and then nothing can be proven.
    pub boot: String,
    /// The namespace that process numbers belong to: two containers of one machine have two.
    pub space: String,
    /// The user's number.
    pub user: String,
}

/// A run of this program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// Where it runs.
    pub on: Here,
    /// Number of its process.
    pub process: u32,
    /// When that process started, in the system's own count; empty where the system does not tell.
    pub born: String,
    /// What tells this run from every other: 32 random hexadecimal digits.
    pub run: String,
}

/// What is known of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Life {
    /// It runs.
    Alive,
    /// It has ended.
    Dead,
    /// Nobody can tell from here.
    Unknown,
}

impl Here {
    /// This machine.
    pub fn look() -> Self {
        let line = |path: &str| fs::read_to_string(path).map(|text| text.trim().to_owned()).unwrap_or_default();
        let space = fs::read_link("/proc/self/ns/pid").map(|link| link.to_string_lossy().into_owned());
        Self {
            host: plain(&host()),
            boot: plain(&line("/proc/sys/kernel/random/boot_id")),
            space: plain(&space.unwrap_or_default()),
            user: user_of("self"),
        }
    }

    fn same_machine(&self, other: &Self) -> bool {
        !self.boot.is_empty() && (&self.host, &self.boot, &self.space) == (&other.host, &other.boot, &other.space)
    }

    /// Whether a process of that machine lives, seen from here.
    pub fn life(&self, on: &Self, process: u32, born: &str) -> Life {
        if !self.same_machine(on) || born.is_empty() {
            return Life::Unknown;
        }
        match start_time(process) {
            Some(now) if now == born => Life::Alive,
            Some(_) => Life::Dead,
            None if is_gone(process) => Life::Dead,
            None => Life::Unknown,
        }
    }

    /// Whether a process of that machine has this variable in its environment.
    pub fn life_of_marked(&self, on: &Self, variable: &str, value: &str) -> Life {
        // The environment of others' processes cannot be read.
        if !self.same_machine(on) || (self.user != on.user && self.user != "0") || value.is_empty() {
            return Life::Unknown;
        }
        let Ok(processes) = fs::read_dir("/proc") else { return Life::Unknown };
        let wanted = format!("{variable}={value}");
        let marked = |name: &str| {
            let variables = fs::read(format!("/proc/{name}/environ")).unwrap_or_default();
            variables.split(|byte| *byte == 0).any(|one| one == wanted.as_bytes())
        };
        let names = processes.flatten().filter_map(|entry| entry.file_name().into_string().ok());
        let found = names.filter(|name| name.bytes().all(|byte| byte.is_ascii_digit())).any(|name| marked(&name));
        if found { Life::Alive } else { Life::Dead }
    }
}

impl Holder {
    /// This process, as a run of its own.
    pub fn this_process() -> Self {
        let mut bytes = [0; 16];
        // Without randomness the process still tells runs apart.
        let _ = getrandom::fill(&mut bytes);
        let run = format!("{:032x}", u128::from_be_bytes(bytes));
        let process = std::process::id();
        Self { on: Here::look(), process, born: start_time(process).unwrap_or_default(), run }
    }

    /// Whether it lives, seen from here.
    pub fn life(&self, here: &Here) -> Life {
        here.life(&self.on, self.process, &self.born)
    }

    /// The text that names it in the cluster.
    pub fn identity(&self) -> String {
        let Here { host, boot, space, user } = &self.on;
        [host, boot, space, user, &self.process.to_string(), &self.born, &self.run].map(String::as_str).join("/")
    }

    /// Reads what [`Self::identity`] wrote; none for a name that somebody else gave.
    pub fn parse(identity: &str) -> Option<Self> {
        let mut parts = identity.split('/').map(str::to_owned);
        let mut next = || parts.next();
        let on = Here { host: next()?, boot: next()?, space: next()?, user: next()? };
        let holder = Self { on, process: next()?.parse().ok()?, born: next()?, run: next()? };
        parts.next().is_none().then_some(holder)
    }

    /// `process 812 on ci-3`.
    pub fn described(&self) -> String {
        format!("process {} on {}", self.process, self.on.host)
    }
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
fn is_gone(process: u32) -> bool {
    use rustix::process::{Pid, test_kill_process};

    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let dead = stat.rsplit_once(')').is_some_and(|(_, rest)| rest.trim_start().starts_with(['Z', 'X']));
    let process = i32::try_from(process).ok().and_then(Pid::from_raw);
    dead || process.is_none_or(|process| test_kill_process(process) == Err(rustix::io::Errno::SRCH))
}

#[cfg(not(unix))]
fn is_gone(_process: u32) -> bool {
    false
}

#[cfg(unix)]
fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

#[cfg(not(unix))]
fn host() -> String {
    std::env::var("COMPUTERNAME").unwrap_or_default()
}

#[cfg(unix)]
fn user_of(process: &str) -> String {
    use std::os::unix::fs::MetadataExt as _;

    fs::metadata(format!("/proc/{process}")).map(|process| process.uid().to_string()).unwrap_or_default()
}

#[cfg(not(unix))]
fn user_of(_process: &str) -> String {
    String::new()
}

/// A text as one part of an identity.
fn plain(text: &str) -> String {
    text.replace('/', "-")
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    fn sleeper() -> std::process::Child {
        Command::new("sleep").arg("60").env("TEST_MARK", "abc").stdin(Stdio::null()).spawn().unwrap()
    }

    #[test]
    fn an_identity_goes_both_ways() {
        let holder = Holder::this_process();
        assert_eq!(Holder::parse(&holder.identity()), Some(holder.clone()));
        assert_eq!(holder.run.len(), 32);
        assert_ne!(Holder::this_process().run, holder.run);
        for foreign in ["", "controller-7f9", "a/b/c", "a/b/c/0/x/1/r", &format!("{}/more", holder.identity())] {
            assert_eq!(Holder::parse(foreign), None, "{foreign}");
        }
    }

    #[test]
    fn death_is_proven_on_the_same_boot_of_the_same_machine_only() {
        let here = Here::look();
        let mut child = sleeper();
        let born = start_time(child.id()).unwrap();
        assert_eq!(here.life(&here, child.id(), &born), Life::Alive);
        assert_eq!(here.life(&here, child.id(), "1"), Life::Dead, "another process has that number now");
        for other in [
            Here { host: "other".into(), ..here.clone() },
            Here { boot: "other".into(), ..here.clone() },
            Here { space: "other".into(), ..here.clone() },
            Here { boot: String::new(), ..here.clone() },
        ] {
            assert_eq!(here.life(&other, child.id(), "1"), Life::Unknown, "{other:?}");
        }
        child.kill().unwrap();
        while start_time(child.id()).is_some() {
            std::thread::yield_now();
        }
        assert_eq!(here.life(&here, child.id(), &born), Life::Dead, "a process that nobody waited for yet");
        child.wait().unwrap();
        assert_eq!(here.life(&here, child.id(), &born), Life::Dead);
        let nowhere = Here { boot: String::new(), ..here };
        assert_eq!(nowhere.life(&nowhere, child.id(), &born), Life::Unknown);
    }

    #[test]
    fn a_marked_process_is_found() {
        let here = Here::look();
        let mut child = sleeper();
        while fs::read(format!("/proc/{}/environ", child.id())).unwrap_or_default().is_empty() {
            std::thread::yield_now();
        }
        assert_eq!(here.life_of_marked(&here, "TEST_MARK", "abc"), Life::Alive);
        assert_eq!(here.life_of_marked(&here, "TEST_MARK", "ab"), Life::Dead);
        let other = Here { user: "12345".into(), ..here.clone() };
        assert_eq!(other.life_of_marked(&here, "TEST_MARK", "abc"), Life::Unknown);
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(here.life_of_marked(&here, "TEST_MARK", "abc"), Life::Dead);
    }
}

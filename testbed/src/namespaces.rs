//! Private network, mount and process namespaces for a real node.
//!
//! There is no default route inside, so nothing there can reach another machine; one pair of virtual interfaces joins
//! them to this one. All that runs inside ends with their first process, and mounts, interfaces and firewall rules end
//! with the namespaces. This module must not change a route, a firewall rule or a kernel setting of the machine.

use crate::children::{Program, wait_until};
use crate::error::{Context as _, Error};
use crate::{rundir, tools};
use rustix::process::{Pid, Signal};
use std::fs;
use std::hash::{BuildHasher as _, RandomState};
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::process::Command;

const SETUP: &str = include_str!("../assets/node/setup.sh");

/// Namespaces that live until this is dropped.
#[derive(Debug)]
pub(crate) struct Namespaces {
    holder: Program,
    /// The first process inside, and when it was started.
    init: (u32, u64),
    address: Ipv4Addr,
    cgroup: String,
}

impl Namespaces {
    /// Makes them, with `probe pause` as the first process; files of the node go to `<dir>/node`.
    pub(crate) fn create(dir: &Path, probe: &Path) -> Result<Self, Error> {
        let node = dir.join("node");
        let logs = dir.join("logs");
        for made in [&node, &logs] {
            fs::create_dir_all(made).context(|| format!("Cannot create {}", made.display()))?;
        }
        let cgroup = make_cgroups(dir)?;
        let mut unshare = Command::new("unshare");
        unshare.args(["--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]).arg(probe).arg("pause");
        let mut holder = [Program::start("namespaces", unshare, &logs)?];
        let children = format!("/proc/{0}/task/{0}/children", holder[0].id());
        let mut init = None;
        wait_until(&mut holder, "The first process of the namespaces", || {
            let child = fs::read_to_string(&children).ok().and_then(|list| list.trim().parse::<u32>().ok());
            // Before it is our program, it may not have made its own mounts yet.
            init = child.filter(|pid| fs::read_link(format!("/proc/{pid}/exe")).is_ok_and(|exe| exe == probe));
            init.is_some()
        })?;
        let [holder] = holder;
        let pid = init.ok_or_else(|| Error::new("The namespaces have no first process."))?;
        let born = rundir::start_time(pid).ok_or_else(|| Error::new("The namespaces ended at once."))?;
        let (host, address) = free_subnet()?;
        let namespaces = Self { holder, init: (pid, born), address, cgroup };
        namespaces.connect(host, dir, &node)?;
        Ok(namespaces)
    }

    /// Joins them to this machine and sets them up inside.
    fn connect(&self, host: Ipv4Addr, dir: &Path, node: &Path) -> Result<(), Error> {
        let [.., third, fourth] = host.octets();
        let link = format!("tb{}-{third:x}{fourth:x}", self.init.0);
        // The kernel may keep a network namespace for minutes after its last process; the record lets us end the link.
        fs::write(dir.join("link"), &link).context(|| "Cannot record the name of the link")?;
        let ip = |args: &[&str]| {
            let mut command = Command::new("ip");
            command.args(args);
            tools::run(command)
        };
        ip(&["link", "add", &link, "type", "veth", "peer", "name", "eth0", "netns", &self.init.0.to_string()])?;
        ip(&["addr", "add", &format!("{host}/30"), "dev", &link])?;
        ip(&["link", "set", &link, "up"])?;
        let mut setup = self.command(Path::new("/bin/sh"));
        setup.args(["-c", SETUP]).env("RUN", node).env("ADDRESS", self.address.to_string());
        tools::run(setup).map(|_| ())
    }

    /// The node's address; this machine reaches it, other machines do not.
    pub(crate) fn address(&self) -> IpAddr {
        IpAddr::V4(self.address)
    }

    /// The name of the control group that everything of the node belongs below.
    pub(crate) fn cgroup(&self) -> &str {
        &self.cgroup
    }

    /// A command that runs inside, with an empty environment but PATH.
    pub(crate) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new("nsenter");
        command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        command.args(["--target", &self.init.0.to_string(), "--net", "--mount", "--pid", "--"]).arg(program);
        command
    }
}

impl Drop for Namespaces {
    fn drop(&mut self) {
        let (pid, born) = self.init;
        if rundir::start_time(pid) == Some(born)
            && let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw)
        {
            // The kernel ends everything else inside before this process is gone.
            let _ = rustix::process::kill_process(pid, Signal::KILL);
        }
        self.holder.reap();
    }
}

/// Makes the control group, in every hierarchy where there are several. Its name is recorded first, so that it can be
/// removed with the run directory.
fn make_cgroups(dir: &Path) -> Result<String, Error> {
    let run = dir.file_name().unwrap_or_default().to_string_lossy();
    let name = format!("testbed-{run}");
    fs::write(dir.join("cgroup"), &name).context(|| "Cannot record the control group")?;
    let root = Path::new("/sys/fs/cgroup");
    let hierarchies: Vec<PathBuf> = if root.join("cgroup.controllers").exists() {
        vec![root.to_owned()]
    } else {
        fs::read_dir(root).into_iter().flatten().flatten().map(|entry| entry.path()).filter(|p| p.is_dir()).collect()
    };
    for hierarchy in hierarchies {
        let group = hierarchy.join(&name);
        if fs::create_dir(&group).is_err() {
            continue;
        }
        // A new cpuset of version 1 is empty and takes no process.
        for file in ["cpuset.cpus", "cpuset.mems"] {
            if let (Ok(all), true) = (fs::read(hierarchy.join(file)), group.join("tasks").exists()) {
                let _ = fs::write(group.join(file), all);
            }
        }
    }
    Ok(name)
}

/// Two addresses of a small network that this machine has no route to yet: its own and the node's.
fn free_subnet() -> Result<(Ipv4Addr, Ipv4Addr), Error> {
    let mut list = Command::new("ip");
    list.args(["-4", "route", "show"]);
    let routes = tools::run(list)?;
    (0..100)
        .map(|n: u32| {
            let random = u32::try_from(RandomState::new().hash_one(n) % 16_384).unwrap_or_default();
            u32::from(Ipv4Addr::new(10, 201, 0, 0)) + random * 4
        })
        .find(|base| !routes.contains(&format!("{}/30", Ipv4Addr::from(*base))))
        .map(|base| (Ipv4Addr::from(base + 1), Ipv4Addr::from(base + 2)))
        .ok_or_else(|| Error::new("There is no free network for the node below 10.201.0.0/16."))
}

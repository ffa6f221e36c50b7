//! What the id of a holder reveals, and what it can prove, with real processes.

use std::process::{Child, Command, Stdio};

use super::*;

const MARK: &str = "TEST_MARK";

fn sleeper(run: &str) -> Child {
    Command::new("sleep").arg("60").env(MARK, run).stdin(Stdio::null()).spawn().unwrap()
}

fn end(mut child: Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}

fn others(here: &Here) -> [Here; 4] {
    [
        Here { host: "other".into(), ..here.clone() },
        Here { boot: "other".into(), ..here.clone() },
        Here { space: "other".into(), ..here.clone() },
        Here { boot: String::new(), ..here.clone() },
    ]
}

fn formerly(here: &Here, process: u32, born: &str) -> Holder {
    let [host, boot, space] = here.machine_formerly();
    Holder::parse(&format!("{host}/{boot}/{space}/{}/{process}/{born}/abc", here.user)).unwrap()
}

#[test]
fn an_identity_goes_both_ways_and_shows_nothing_of_the_machine() {
    let here = Here::look();
    let holder = Holder::this_process();
    let identity = holder.identity();
    assert_eq!(Holder::parse(&identity), Some(holder.clone()));
    assert_eq!(holder.run.len(), 32);
    assert_ne!(Holder::this_process().run, holder.run);
    let parts: Vec<&str> = identity.split('/').collect();
    assert!(parts.len() == 4 && parts.iter().all(|part| part.len() == 32 && is_digest(part)), "{identity}");
    for known in [&here.host, &here.boot, &here.space, &std::process::id().to_string()] {
        assert!(!parts.contains(&known.as_str()) && !parts.contains(&sha256(known).as_str()), "{identity}");
    }
    let former = formerly(&here, 812, "1");
    assert_eq!(Holder::parse(&former.identity()), Some(former));
    for foreign in ["", "controller-7f9", "a/b/c/d", "a/b/c/0/x/1/r", "a/b/c", &format!("{identity}/more")] {
        assert_eq!(Holder::parse(foreign), None, "{foreign}");
    }
}

#[test]
fn two_runs_of_one_process_have_one_machine_and_no_more_in_common() {
    let [one, two] = [(); 2].map(|()| Holder::this_process().identity());
    let common = one.split('/').zip(two.split('/')).filter(|(one, two)| one == two).count();
    assert_eq!(common, 1, "{one} {two}");
}

#[test]
fn death_is_proven_on_the_same_boot_of_the_same_machine_only() {
    let here = Here::look();
    let mut child = sleeper("");
    let holder = Holder::of(&here, child.id());
    assert_eq!(holder.life(&here), Life::Alive(Some(child.id())));
    let other_user = Here { user: "12345".into(), ..here.clone() };
    assert_eq!(holder.life(&other_user), Life::Alive(Some(child.id())), "anybody may see it");
    for other in others(&here) {
        assert_eq!(holder.life(&other), Life::Unknown, "{other:?}");
        assert!(!other.is_of(&holder), "{other:?}");
    }
    child.kill().unwrap();
    while processes::start_time(child.id()).is_some() {
        std::thread::yield_now();
    }
    assert_eq!(holder.life(&here), Life::Dead, "a process that nobody waited for yet");
    child.wait().unwrap();
    assert_eq!(holder.life(&here), Life::Dead);
    assert_eq!(holder.life(&other_user), Life::Unknown, "what others run may be hidden");
    let root = Here { user: "0".into(), ..here.clone() };
    assert_eq!(holder.life(&root), Life::Dead);
    let nowhere = Here { boot: String::new(), ..here };
    assert_eq!(Holder::of(&nowhere, std::process::id()).life(&nowhere), Life::Unknown);
}

#[test]
fn a_name_of_a_version_before_is_believed_as_before_and_tells_no_number() {
    let here = Here::look();
    let child = sleeper("abc");
    let born = processes::start_time(child.id()).unwrap();
    let holder = formerly(&here, child.id(), &born);
    assert_eq!(holder.life(&here), Life::Alive(None));
    assert_eq!(formerly(&here, child.id(), "1").life(&here), Life::Dead, "another process has that number now");
    for other in others(&here) {
        assert_eq!(holder.life(&other), Life::Unknown, "{other:?}");
    }
    while !processes::has_variable(child.id(), "TEST_MARK=abc") {
        std::thread::yield_now();
    }
    assert_eq!(here.life_of_marked(&holder, MARK), Life::Alive(Some(child.id())));
    end(child);
    assert_eq!(holder.life(&here), Life::Dead);
    assert_eq!(here.life_of_marked(&holder, MARK), Life::Dead);
}

#[test]
fn a_marked_process_is_found() {
    let here = Here::look();
    let holder = Holder::this_process();
    let child = sleeper(&holder.run);
    while !processes::has_variable(child.id(), &format!("{MARK}={}", holder.run)) {
        std::thread::yield_now();
    }
    assert_eq!(here.life_of_marked(&holder, MARK), Life::Alive(Some(child.id())));
    assert_eq!(here.life_of_marked(&holder, "OTHER_MARK"), Life::Dead);
    let other = Here { user: "12345".into(), ..here.clone() };
    assert_eq!(other.life_of_marked(&holder, MARK), Life::Unknown);
    end(child);
    assert_eq!(here.life_of_marked(&holder, MARK), Life::Dead);
}

/// Whether a child of the process runs this program. Before that, a child has the command line of its parent.
fn has_started(parent: u32, program: &str) -> bool {
    let children = std::fs::read_to_string(format!("/proc/{parent}/task/{parent}/children")).unwrap();
    let mut lines = children.split_whitespace().map(|child| std::fs::read(format!("/proc/{child}/cmdline")));
    lines.any(|line| line.is_ok_and(|line| line.starts_with(program.as_bytes())))
}

#[test]
fn a_helm_is_found_by_its_release_whatever_a_lease_says() {
    let line = format!("{MARK}=works-on-{}", std::process::id());
    let value = line.split_once('=').unwrap().1;
    let start = |release: &str| {
        let mut command = Command::new("sh");
        command.args(["-c", "sleep 60; true", "upgrade", release]).env(MARK, value).stdin(Stdio::null());
        command.spawn().unwrap()
    };
    let (other, helm) = (start("other"), start("shop"));
    while !processes::has_variable(helm.id(), &line) || !processes::has_variable(other.id(), &line) {
        std::thread::yield_now();
    }
    assert_eq!(helm_of("shop", &line), Some(helm.id()));
    assert_eq!(helm_of("shop", &format!("{line}0")), None);
    while !has_started(helm.id(), "sleep") {
        std::thread::yield_now();
    }
    end(helm);
    // What it started has its environment, and does not work on the release.
    assert_eq!(helm_of("shop", &line), None);
    end(other);
}

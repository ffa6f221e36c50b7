//! `install.sh` without helm: from a folder, from a web server, and what stops it.

use crate::server::serve;
use crate::{Ran, Release, ran};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

fn install(release: &Release, place: &str, more: &[&str]) -> Ran {
    let mut command = release.command("/bin/sh");
    command.arg(release.files().join("install.sh")).args(more).env("KUBECTL_ASPIRE_DOWNLOADS", place);
    ran(&mut command)
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn a_program_is_installed_and_replaced() {
    let release = Release::new();
    let (url, to) = (serve(&release.files()), release.path("some where/bin"));
    for place in [&url, text(&release.files())] {
        let said = install(&release, place, &["--to", text(&to)]).ok();
        assert!(said.contains("installed version") && said.contains("is not on the PATH"), "{said}");
        assert!(ran(&mut release.command(to.join("kubectl-aspire"))).ok().contains("stand-in ran"));
    }
    assert_eq!(fs::read_dir(&to).unwrap().count(), 2, "something is left behind");
    install(&release, &url, &[]).ok();
    assert!(release.path("home/.local/bin/kubectl-aspire").is_file());
}

#[test]
fn nothing_is_installed_when_a_checksum_differs() {
    let release = Release::new();
    fs::write(release.archive(), "something else").unwrap();
    let to = release.path("bin");
    install(&release, text(&release.files()), &["--to", text(&to)]).fails("nothing was installed");
    assert!(!to.exists());
}

#[test]
fn what_stops_an_install_is_said() {
    let release = Release::new();
    let (nobody, empty) = ("http://127.0.0.1:9", release.path("empty"));
    fs::create_dir(&empty).unwrap();
    install(&release, nobody, &[]).fails("cannot download http://127.0.0.1:9/SHA256SUMS");
    install(&release, &serve(&empty), &[]).fails("404");
    install(&release, text(&empty), &[]).fails("has no SHA256SUMS");
    install(&release, text(&release.files()), &["--version", "9.9.9"]).fails("release 9.9.9 has no archive");
    install(&release, nobody, &["--version", "../x"]).fails("../x is no version");
    install(&release, nobody, &["--to"]).fails("--to needs a value");
    install(&release, nobody, &["--into", "x"]).fails("unknown argument --into");
    let file = release.path("file");
    fs::write(&file, "").unwrap();
    install(&release, text(&release.files()), &["--to", text(&file)]).fails("cannot make the folder");
}

/// Systems that have `wget` only.
#[test]
fn wget_will_do() {
    let release = Release::new();
    let tools = release.path("tools");
    fs::create_dir(&tools).unwrap();
    for name in [
        "wget",
        "sh",
        "uname",
        "mktemp",
        "sed",
        "tar",
        "gzip",
        "sha256sum",
        "cut",
        "mkdir",
        "cp",
        "chmod",
        "mv",
        "rm",
        "tail",
    ] {
        let found = ran(release.command("/bin/sh").args(["-c", &format!("command -v {name}")]));
        if found.code != 0 {
            return testbed::skip_or_fail(&format!("there is no {name}"));
        }
        std::os::unix::fs::symlink(found.said.trim(), tools.join(name)).unwrap();
    }
    let mut command = release.command("/bin/sh");
    command.arg(release.files().join("install.sh")).env("PATH", &tools);
    ran(command.env("KUBECTL_ASPIRE_DOWNLOADS", serve(&release.files()))).ok();
    let program = release.path("home/.local/bin/kubectl-aspire");
    assert_eq!(fs::metadata(program).unwrap().permissions().mode() & 0o777, 0o755);
}

//! `helm plugin install` with every helm of the test bed: through the hook, and from a signed archive.

use crate::server::serve;
use crate::{Ran, Release, ran, root};
use std::fs;
use std::path::{Path, PathBuf};
use testbed::tools::{self, DEFAULT_HELM, HELM_MATRIX};

/// The helms, by version; none, after saying so, where they cannot be built.
fn helms() -> Vec<(&'static str, PathBuf)> {
    let rows = HELM_MATRIX.iter().copied().chain(tools::helm(DEFAULT_HELM));
    let rows: Vec<_> = rows.collect();
    match tools::ensure(&rows) {
        Ok(bin) => rows.iter().map(|row| (row.version, bin.join(row.name))).collect(),
        Err(error) => {
            testbed::skip_or_fail(&error.to_string());
            Vec::new()
        }
    }
}

/// Helm with plugins of its own.
struct Helm<'a> {
    release: &'a Release,
    program: &'a Path,
    version: &'static str,
}

impl Helm<'_> {
    fn run(&self, args: &[&str], downloads: &str) -> Ran {
        let mut command = self.release.command(self.program);
        let home = self.release.path(&format!("helm-{}", self.version));
        for (name, folder) in [("HELM_DATA_HOME", "data"), ("HELM_CACHE_HOME", "cache"), ("HELM_CONFIG_HOME", "config")]
        {
            command.env(name, home.join(folder));
        }
        ran(command.args(args).env("KUBECTL_ASPIRE_DOWNLOADS", downloads))
    }

    fn works(&self) {
        let said = self.run(&["aspire", "deploy", "--tag", "1"], "").ok();
        assert!(said.contains("stand-in ran with: deploy --tag 1"), "helm {}: {said}", self.version);
        let said = self.run(&["__complete", "aspire", "deploy", "--ta"], "").ok();
        assert!(said.contains("stand-in ran with: __complete deploy --ta"), "helm {}: {said}", self.version);
    }

    fn is_4(&self) -> bool {
        self.version.starts_with('4')
    }
}

/// The files that an install from git brings, without the repository.
fn checkout(release: &Release, name: &str) -> PathBuf {
    let folder = release.path(name);
    fs::create_dir_all(folder.join("scripts")).unwrap();
    for file in ["plugin.yaml", "plugin.complete", "scripts/install.sh"] {
        fs::copy(root().join(file), folder.join(file)).unwrap();
    }
    folder
}

#[test]
fn the_hook_fetches_the_program() {
    let release = Release::new();
    let url = serve(&release.files());
    for (version, program) in &helms() {
        let helm = Helm { release: &release, program, version };
        let folder = checkout(&release, &format!("with space {version}"));
        let said = helm.run(&["plugin", "install", folder.to_str().unwrap()], &url).ok();
        assert!(said.contains("kubectl-aspire: installed version"), "helm {version}: {said}");
        helm.works();
        helm.run(&["plugin", "uninstall", "aspire"], "").ok();
    }
}

#[test]
fn a_hook_that_cannot_fetch_says_what_to_do() {
    let release = Release::new();
    for (version, program) in &helms() {
        let helm = Helm { release: &release, program, version };
        let folder = checkout(&release, version);
        let offline = helm.run(&["plugin", "install", folder.to_str().unwrap()], "http://127.0.0.1:9");
        assert_ne!(offline.code, 0, "helm {version}: {offline}");
        for part in ["cannot download", "cargo install", "helm plugin uninstall aspire"] {
            assert!(offline.said.contains(part), "helm {version}: {offline}");
        }
        helm.run(&["plugin", "uninstall", "aspire"], "").ok();
        // The program is there already: nothing is fetched.
        fs::create_dir(folder.join("bin")).unwrap();
        let built = format!("#!/bin/sh\necho \"kubectl aspire {} $*\"\n", env!("CARGO_PKG_VERSION"));
        let program = folder.join("bin/kubectl-aspire");
        fs::write(&program, built).unwrap();
        ran(release.command("chmod").arg("755").arg(&program)).ok();
        let said = helm.run(&["plugin", "install", folder.to_str().unwrap()], "http://127.0.0.1:9").ok();
        assert!(said.contains("is version"), "helm {version}: {said}");
    }
}

#[test]
fn an_archive_is_a_plugin_and_helm_4_verifies_it() {
    let release = Release::new();
    if ran(release.command("/bin/sh").args(["-c", "command -v gpg"])).code != 0 {
        return testbed::skip_or_fail("there is no gpg");
    }
    let url = serve(&release.files());
    let archive = format!("{url}/{}", release.archive().file_name().unwrap().to_str().unwrap());
    let unpacked = release.path("unpacked");
    fs::create_dir(&unpacked).unwrap();
    ran(release.command("tar").arg("-xzf").arg(release.archive()).arg("-C").arg(&unpacked)).ok();
    let helms = helms();
    for (version, program) in helms.iter().filter(|(version, _)| *version >= "4.1.4") {
        let helm = Helm { release: &release, program, version };
        assert_ne!(helm.run(&["plugin", "install", &archive], "").code, 0, "helm {version} takes what nobody signed");
    }
    let keyring = signed(&release);
    for (version, program) in &helms {
        let helm = Helm { release: &release, program, version };
        let verify: &[&str] = if helm.is_4() { &["--keyring", &keyring] } else { &[] };
        let said = helm.run(&[&["plugin", "install", &archive], verify].concat(), "").ok();
        assert!(!helm.is_4() || said.contains("Signed by: Tester"), "helm {version}: {said}");
        helm.works();
        helm.run(&["plugin", "uninstall", "aspire"], "").ok();
        helm.run(&["plugin", "install", unpacked.to_str().unwrap()], "").ok();
        helm.works();
    }
}

/// Signs the release with a key of its own, and returns the keyring that verifies it.
fn signed(release: &Release) -> String {
    let gpg = |args: &[&str]| {
        let mut command = release.command("gpg");
        ran(command.arg("--batch").args(args).env("GNUPGHOME", release.path("gnupg"))).ok()
    };
    fs::create_dir(release.path("gnupg")).unwrap();
    ran(release.command("chmod").arg("700").arg(release.path("gnupg"))).ok();
    gpg(&["--passphrase", "", "--quick-generate-key", "Tester <tester@example.com>", "rsa2048", "sign", "never"]);
    release.packaging(&["sign"], &["tester@example.com"]).ok();
    let sums = release.files().join("SHA256SUMS");
    gpg(&["--verify", &format!("{}.asc", sums.display()), sums.to_str().unwrap()]);
    let keyring = release.path("keyring.gpg").to_str().unwrap().to_owned();
    gpg(&["--output", &keyring, "--export"]);
    let mut end = release.command("gpgconf");
    ran(end.args(["--kill", "gpg-agent"]).env("GNUPGHOME", release.path("gnupg"))).ok();
    keyring
}

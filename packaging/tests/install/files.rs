//! The files of a release.

use crate::{Release, ran, root};
use packaging::PLATFORMS;
use std::fs;
use std::process::Command;

const VERSION: &str = env!("CARGO_PKG_VERSION");

#[test]
fn a_release_has_every_file_and_its_checksum() {
    let release = Release::new();
    let mut expected: Vec<String> = ["SHA256SUMS", "aspire.yaml", "install.sh"].map(str::to_owned).to_vec();
    expected.push(format!("KubectlAspire.{VERSION}.nupkg"));
    for platform in PLATFORMS {
        expected.extend(platform.rids.iter().map(|rid| format!("KubectlAspire.{rid}.{VERSION}.nupkg")));
        let name = format!("kubectl-aspire-{VERSION}-{}-{}", platform.os, platform.arch);
        expected.extend([format!("{name}.tgz"), format!("{name}.cdx.json")]);
    }
    expected.sort();
    assert_eq!(release.names(), expected);
    let checked =
        ran(release.command("sha256sum").args(["--check", "--strict", "SHA256SUMS"]).current_dir(release.files()));
    assert_eq!(checked.ok().matches(": OK").count(), expected.len() - 1);
}

#[test]
fn the_same_program_makes_the_same_bytes() {
    let (one, other) = (Release::new(), Release::new());
    let sums = |release: &Release| fs::read_to_string(release.files().join("SHA256SUMS")).unwrap();
    assert_eq!(sums(&one), sums(&other));
}

#[test]
fn a_release_without_a_platform_is_refused() {
    let release = Release::new();
    fs::remove_file(release.archive()).unwrap();
    release.packaging(&["finish"], &[]).fails("these archives are missing");
    release.packaging(&["finish"], &["--partial"]).ok();
}

#[test]
fn an_archive_holds_a_plugin_that_every_helm_can_unpack() {
    let release = Release::new();
    let listed = ran(Command::new("tar").arg("-tvzf").arg(release.archive())).ok();
    let entries: Vec<_> = listed.lines().map(|line| (&line[..10], line.rsplit(' ').next().unwrap())).collect();
    let expected = [
        ("-rw-r--r--", "LICENSE"),
        ("drwxr-xr-x", "bin/"),
        ("-rwxr-xr-x", "bin/kubectl-aspire"),
        ("-rwxr-xr-x", "bin/kubectl_complete-aspire"),
        ("-rwxr-xr-x", "plugin.complete"),
        ("-rw-r--r--", "plugin.yaml"),
    ];
    assert_eq!(entries, expected);
}

#[test]
fn the_bill_of_materials_lists_what_is_linked_only() {
    let release = Release::new();
    let bill = |system: &str| {
        let text = fs::read(release.files().join(format!("kubectl-aspire-{VERSION}-{system}-amd64.cdx.json"))).unwrap();
        let bill: serde_json::Value = serde_json::from_slice(&text).unwrap();
        let components = bill["components"].as_array().unwrap().clone();
        components.iter().map(|it| it["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let linux = bill("linux");
    let has = |names: &[String], name: &str| names.iter().any(|it| it == name);
    assert!(has(&linux, "kube") && has(&linux, "clap") && linux.len() > 100, "{linux:?}");
    assert!(!has(&linux, "insta") && !has(&linux, "testbed"), "{linux:?}");
    assert!(!has(&linux, "windows-sys") && has(&bill("windows"), "windows-sys"), "{linux:?}");
}

/// The version and the address of the repository stand in files that cannot read `Cargo.toml`.
#[test]
fn every_file_names_the_same_version_and_repository() {
    let text = |name: &str| fs::read_to_string(root().join(name)).unwrap();
    let cargo = text("Cargo.toml");
    let repository = cargo.split("repository = \"").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
    assert!(cargo.contains(&format!("\nversion = \"{VERSION}\"\n")), "Cargo.toml");
    let says = |name: &str, what: &str| assert!(text(name).contains(what), "{name} does not say {what}");
    says("plugin.yaml", &format!("\nversion: {VERSION}\n"));
    says("scripts/install.sh", &format!("\nversion={VERSION}\nreleases={repository}/releases/download\n"));
    says("ci-templates/azure-pipelines.yml", &format!("name: version, type: string, default: {VERSION} }}"));
    says("ci-templates/azure-pipelines.yml", &format!("\"{repository}/releases/download/v$VERSION/install.sh\""));
    let owner = repository.strip_prefix("https://github.com/").unwrap();
    says("ci-templates/gitlab-ci.yml", &format!("image: ghcr.io/{owner}:{VERSION}\n"));
}

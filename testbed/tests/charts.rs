//! Charts are fetched from a repository and a registry on loopback, and faults are seen by helm.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)]

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use testbed::{ChartRepository, Level, Registry, RepositoryFault, available, skip_or_fail, tools, widgets_chart};

/// A folder that goes away with the test.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("testbed-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// What helm says, or why it does not.
fn helm(home: &Path, args: &[&str]) -> Result<String, String> {
    let tool = tools::helm(tools::DEFAULT_HELM).unwrap();
    let mut helm = Command::new(tools::ensure(&[tool]).unwrap().join(tool.name));
    let output = helm.args(args).env_clear().env("HOME", home).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
}

#[test]
fn a_repository_serves_versions_and_can_fail() {
    if let Err(reason) = available(Level::A) {
        return skip_or_fail(&reason);
    }
    let scratch = Scratch::new("repository");
    let repository = ChartRepository::start(&scratch.0.join("charts")).unwrap();
    for version in ["1.0.0", "1.1.0"] {
        repository.add(&widgets_chart(), version).unwrap();
    }
    let url = repository.url();
    let show = |version: &str| helm(&scratch.0, &["show", "chart", "widgets", "--repo", &url, "--version", version]);
    assert!(show("~1").unwrap().contains("version: 1.1.0"));
    assert!(show("1.0.0").unwrap().contains("version: 1.0.0"));
    assert!(show("2.0.0").is_err());
    assert!(repository.asked().contains(&"/widgets-1.0.0.tgz".to_owned()));
    for (fault, says) in
        [(RepositoryFault::NotFound, "404"), (RepositoryFault::NoCharts, "404"), (RepositoryFault::Broken, "500")]
    {
        repository.set_fault(fault);
        let error = show("1.0.0").unwrap_err();
        assert!(error.contains(says), "{fault:?}: {error}");
    }
    repository.set_fault(RepositoryFault::Hang);
    let mut client = TcpStream::connect(url.strip_prefix("http://").unwrap()).unwrap();
    client.write_all(b"GET /index.yaml HTTP/1.1\r\n\r\n").unwrap();
    client.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    assert!(client.read(&mut [0]).is_err(), "it answers");
    // helm 4.2.4 takes a package whose digest is not that of the index.
    repository.set_fault(RepositoryFault::OtherBytes);
    let pull = |to: &str| {
        let to = scratch.0.join(to).display().to_string();
        helm(&scratch.0, &["pull", "widgets", "--repo", &url, "--version", "1.0.0", "-d", &to]).unwrap();
        std::fs::read(Path::new(&to).join("widgets-1.0.0.tgz")).unwrap()
    };
    for to in ["one", "two"] {
        std::fs::create_dir(scratch.0.join(to)).unwrap();
    }
    let other = pull("one");
    repository.set_fault(RepositoryFault::None);
    assert_ne!(other, pull("two"));
    repository.set_login("user", "secret");
    assert!(show("1.0.0").unwrap_err().contains("401"));
}

#[test]
fn a_registry_serves_charts() {
    if let Err(reason) = available(Level::A) {
        return skip_or_fail(&reason);
    }
    let scratch = Scratch::new("registry");
    let repository = ChartRepository::start(&scratch.0.join("charts")).unwrap();
    let package = repository.add(&widgets_chart(), "1.2.3").unwrap();
    let registry = Registry::start(&scratch.0.join("registry")).unwrap();
    registry.push_chart(&package, "team").unwrap();
    let chart = format!("oci://{}/team/widgets", registry.address());
    let show = helm(&scratch.0, &["show", "chart", &chart, "--version", "1.2.3", "--plain-http"]).unwrap();
    assert!(show.contains("name: widgets"), "{show}");
}

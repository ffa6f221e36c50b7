//! A registry on loopback, for charts and images: the real `distribution`, without TLS.
//!
//! Its store is a folder of the caller; it must not be reached from another machine, nor reach one.

use crate::children::{Program, wait_until};
use crate::error::{Context as _, Error};
use crate::tools::{self, DEFAULT_HELM};
use serde_json::Value;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;

/// The type of a manifest.
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// A running registry. Dropping it stops it.
#[derive(Debug)]
pub struct Registry {
    address: String,
    _program: Vec<Program>,
}

impl Registry {
    /// Starts it, after building it if it is missing. What is pushed goes to `folder`.
    pub fn start(folder: &Path) -> Result<Self, Error> {
        let bin = tools::ensure(tools::REGISTRY)?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context(|| "There is no free port on loopback")?;
        let address = listener.local_addr().context(|| "Cannot read the number of a port")?.to_string();
        drop(listener);
        fs::create_dir_all(folder).context(|| format!("Cannot create {}", folder.display()))?;
        let config = serde_json::json!({
            "version": 0.1,
            "log": {"level": "error"},
            "storage": {"filesystem": {"rootdirectory": folder.join("store")}},
            "http": {"addr": address},
        });
        let file = folder.join("registry.yaml");
        fs::write(&file, config.to_string()).context(|| format!("Cannot write {}", file.display()))?;
        let mut command = Command::new(bin.join("registry"));
        command.arg("serve").arg(&file).env_clear().env("HOME", folder).env("OTEL_TRACES_EXPORTER", "none");
        let mut program = vec![Program::start("registry", command, folder)?];
        wait_until(&mut program, "the registry", || TcpStream::connect(&address).is_ok())?;
        Ok(Self { address, _program: program })
    }

    /// Pushes a packaged chart with the default helm; it is then `oci://<address>/<under>/<name of the chart>`. The
    /// registry has no TLS: helm wants `--plain-http`.
    pub fn push_chart(&self, package: &Path, under: &str) -> Result<(), Error> {
        let helm = tools::helm(DEFAULT_HELM).ok_or_else(|| Error::new("The test bed has no helm in its table."))?;
        let mut command = Command::new(tools::ensure(&[helm])?.join(helm.name));
        command.arg("push").arg(package).arg(format!("oci://{}/{under}", self.address)).arg("--plain-http");
        command.env_clear().env("HOME", package.parent().unwrap_or(Path::new("/")));
        tools::run(command).map(|_| ())
    }

    /// Pushes the image with this name in an OCI layout; it is then `<address>/<repository>:<tag>`.
    pub fn push_image(&self, layout: &Path, name: &str, repository: &str, tag: &str) -> Result<(), Error> {
        let read = |path: &Path| fs::read(path).context(|| format!("Cannot read {}", path.display()));
        let json = |bytes: &[u8]| {
            serde_json::from_slice::<Value>(bytes).context(|| format!("{} holds no JSON", layout.display()))
        };
        let index = json(&read(&layout.join("index.json"))?)?;
        let mut images = index["manifests"].as_array().into_iter().flatten();
        let found = images.find(|image| image["annotations"]["org.opencontainers.image.ref.name"] == name);
        let digest = found.and_then(|image| image["digest"].as_str());
        let digest = digest.ok_or_else(|| Error::new(format!("{} has no image {name}.", layout.display())))?;
        let blob = |digest: &str| read(&layout.join("blobs").join(digest.replace(':', "/")));
        let manifest = blob(digest)?;
        let parts = json(&manifest)?;
        let parts = parts["layers"].as_array().into_iter().flatten().chain([&parts["config"]]);
        for digest in parts.filter_map(|part| part["digest"].as_str()) {
            let begun = self.request("POST", &format!("/v2/{repository}/blobs/uploads/"), "", &[])?;
            let place = header(&begun, "location").unwrap_or_default();
            let place = place.strip_prefix(&format!("http://{}", self.address)).unwrap_or(&place).to_owned();
            let mark = if place.contains('?') { '&' } else { '?' };
            self.request("PUT", &format!("{place}{mark}digest={digest}"), "application/octet-stream", &blob(digest)?)?;
        }
        self.request("PUT", &format!("/v2/{repository}/manifests/{tag}"), MANIFEST, &manifest).map(|_| ())
    }

    /// The digest of an image, as the registry says it.
    pub fn digest(&self, repository: &str, tag: &str) -> Result<String, Error> {
        let answer = self.request("HEAD", &format!("/v2/{repository}/manifests/{tag}"), "", &[])?;
        header(&answer, "docker-content-digest")
            .ok_or_else(|| Error::new(format!("The registry says no digest of {repository}:{tag}.")))
    }

    /// The head of the answer to a request that succeeds.
    fn request(&self, method: &str, path: &str, content_type: &str, body: &[u8]) -> Result<String, Error> {
        let failed = || format!("The registry at {} does not answer {method} {path}", self.address);
        let mut stream = TcpStream::connect(&self.address).context(failed)?;
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nAccept: {MANIFEST}, \
             application/vnd.docker.distribution.manifest.v2+json\r\nContent-Type: {content_type}\r\nContent-Length: \
             {}\r\n\r\n",
            self.address,
            body.len()
        );
        stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body)).context(failed)?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).context(failed)?;
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let status = answer.split(' ').nth(1).unwrap_or_default();
        if status.starts_with('2') {
            Ok(answer)
        } else {
            Err(Error::new(format!("The registry answers {method} {path} with {status}: {answer}")))
        }
    }

    /// `127.0.0.1:<port>`.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }
}

/// The value of a header of an answer.
fn header(answer: &str, name: &str) -> Option<String> {
    let head = answer.split("\r\n\r\n").next().unwrap_or_default();
    let mut headers = head.lines().filter_map(|line| line.split_once(':'));
    headers.find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim().to_owned())
}

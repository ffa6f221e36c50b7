//! Makes the images that pods of a real node can use, without any registry, as tar files in `<home>/images`.
//!
//! They are made of programs the test bed builds and of Debian packages. One row of the table is one image; it is made
//! again when its row changes. This module must not pull an image from anywhere.

use crate::error::{Context as _, Error};
use crate::{home, say, tools};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

const PROBE: &str = include_str!("../assets/probe/main.go");
const PROBE_MODULE: &str = include_str!("../assets/probe/go.mod");
const POSTGRES: &str = include_str!("../assets/images/postgres-entrypoint.sh");
const REDIS: &str = include_str!("../assets/images/redis-entrypoint.sh");

/// Changes when the way images are made does.
const RECIPE: u32 = 2;

/// One image: its name, what is in it and how it is started.
struct Image {
    file: &'static str,
    name: &'static str,
    root: Root,
    entrypoint: &'static [&'static str],
    command: &'static [&'static str],
    env: &'static [&'static str],
    port: u16,
}

/// What an image holds.
#[derive(Debug)]
enum Root {
    /// The probe alone, as `/probe`.
    Probe,
    /// One program of [`tools`], at this path.
    Tool(&'static str, &'static str),
    /// The machine's static busybox with a link for each of its programs.
    Busybox,
    /// Debian packages, after the user with id 999 of this name was added, and with this script as entry point.
    Debian { packages: &'static str, user: &'static str, script: &'static str },
}

const TABLE: &[Image] = &[
    Image {
        file: "pause",
        name: "registry.k8s.io/pause:3.10",
        root: Root::Probe,
        entrypoint: &["/probe", "pause"],
        command: &[],
        env: &[],
        port: 0,
    },
    Image {
        file: "probe",
        name: "docker.io/testbed/probe:1",
        root: Root::Probe,
        entrypoint: &["/probe"],
        command: &["serve"],
        env: &[],
        port: 8080,
    },
    Image {
        file: "busybox",
        name: "docker.io/library/busybox:testbed",
        root: Root::Busybox,
        entrypoint: &[],
        command: &["sh"],
        env: &[],
        port: 0,
    },
    Image {
        file: "curl",
        name: "docker.io/curlimages/curl:testbed",
        root: Root::Debian { packages: "curl", user: "curl", script: "" },
        entrypoint: &[],
        command: &["sh"],
        env: &[],
        port: 0,
    },
    Image {
        file: "coredns",
        name: "registry.k8s.io/coredns/coredns:testbed",
        root: Root::Tool("coredns", "coredns"),
        entrypoint: &["/coredns"],
        command: &[],
        env: &[],
        port: 53,
    },
    Image {
        file: "local-path",
        name: "docker.io/rancher/local-path-provisioner:testbed",
        root: Root::Tool("local-path-provisioner", "usr/bin/local-path-provisioner"),
        entrypoint: &[],
        command: &["local-path-provisioner"],
        env: &[],
        port: 0,
    },
    Image {
        file: "postgres",
        name: "docker.io/library/postgres:15-testbed",
        root: Root::Debian { packages: "postgresql-15", user: "postgres", script: POSTGRES },
        entrypoint: &["docker-entrypoint.sh"],
        command: &["postgres"],
        env: &["LANG=C.UTF-8", "PGDATA=/var/lib/postgresql/data"],
        port: 5432,
    },
    Image {
        file: "redis",
        name: "docker.io/library/redis:7-testbed",
        root: Root::Debian { packages: "redis-server,redis-tools", user: "redis", script: REDIS },
        entrypoint: &["docker-entrypoint.sh"],
        command: &["redis-server"],
        env: &[],
        port: 6379,
    },
];

/// The static probe on this machine; [`ensure`] builds it.
#[must_use]
pub fn probe() -> PathBuf {
    home().join("images/.parts/probe")
}

/// Tells one state of all images from another.
pub(crate) fn identity() -> String {
    let all: Vec<String> = TABLE.iter().map(Image::identity).collect();
    hex(&Sha256::digest(all.concat().as_bytes()))[..16].to_owned()
}

/// Makes what is missing and returns the tar files. Several processes may call it at once. Root only, because the files
/// in an image belong to several users.
pub fn ensure() -> Result<Vec<PathBuf>, Error> {
    let home = home();
    let images = home.join("images");
    let tars = TABLE.iter().map(|image| images.join(format!("{}.tar", image.file))).collect();
    if TABLE.iter().all(|image| image.made(&images)) && probe().is_file() {
        return Ok(tars);
    }
    tools::ensure(tools::LEVEL_B)?;
    let _lock = tools::lock(&home, "images.lock")?;
    fs::create_dir_all(images.join(".parts")).context(|| format!("Cannot create {}", images.display()))?;
    let missing: Vec<&Image> = TABLE.iter().filter(|image| !image.made(&images)).collect();
    if !probe().is_file() || missing.iter().any(|image| matches!(image.root, Root::Probe)) {
        build_probe(&images)?;
    }
    for (n, image) in missing.iter().enumerate() {
        say(&format!("making image {} ({} of {}) ...", image.name, n + 1, missing.len()));
        let start = Instant::now();
        image.make(&images)?;
        say(&format!("made image {} in {:.1} s", image.name, start.elapsed().as_secs_f32()));
    }
    Ok(tars)
}

fn build_probe(images: &Path) -> Result<(), Error> {
    let failed = || "Cannot build the probe";
    let source = images.join(".parts/probe-source");
    fs::create_dir_all(&source).context(failed)?;
    fs::write(source.join("main.go"), PROBE).context(failed)?;
    fs::write(source.join("go.mod"), PROBE_MODULE).context(failed)?;
    let mut go = tools::go();
    go.current_dir(&source).env("CGO_ENABLED", "0").args([
        "build",
        "-trimpath",
        "-ldflags",
        "-s -w",
        "-o",
        "probe.new",
    ]);
    tools::run(go)?;
    fs::rename(source.join("probe.new"), probe()).context(failed)
}

impl Image {
    fn identity(&self) -> String {
        let part = match &self.root {
            Root::Probe => format!("{PROBE}{PROBE_MODULE}"),
            Root::Tool(name, _) => {
                tools::all().iter().find(|t| t.name == *name).map(|t| t.version.to_owned()).unwrap_or_default()
            }
            Root::Busybox | Root::Debian { .. } => String::new(),
        };
        let all = format!("{RECIPE} {} {:?} {part} {}", self.name, self.root, self.config());
        hex(&Sha256::digest(all.as_bytes()))
    }

    fn made(&self, images: &Path) -> bool {
        let stamp = images.join(format!("{}.stamp", self.file));
        fs::read_to_string(stamp).is_ok_and(|s| s == self.identity())
            && images.join(format!("{}.tar", self.file)).is_file()
    }

    fn config(&self) -> Value {
        let mut env = vec![match self.root {
            Root::Debian { user: "postgres", .. } => {
                "PATH=/usr/local/bin:/usr/lib/postgresql/15/bin:/usr/sbin:/usr/bin:/sbin:/bin"
            }
            _ => "PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        }];
        env.extend(self.env);
        let mut config = json!({"Env": env});
        for (key, words) in [("Entrypoint", self.entrypoint), ("Cmd", self.command)] {
            if !words.is_empty() {
                config[key] = json!(words);
            }
        }
        if self.port != 0 {
            config["ExposedPorts"] = json!({format!("{}/tcp", self.port): {}});
        }
        config
    }

    fn make(&self, images: &Path) -> Result<(), Error> {
        let failed = || format!("Cannot make the image {}", self.name);
        let work = images.join(".parts").join(format!("{}.work", self.file));
        let _ = fs::remove_dir_all(&work);
        let blobs = work.join("layout/blobs/sha256");
        fs::create_dir_all(&blobs).context(failed)?;
        let layer = work.join("layer.tar");
        self.root.pack(&work, &layer)?;
        let (layer_digest, size) = digest_file(&layer).context(failed)?;
        fs::rename(&layer, blobs.join(&layer_digest)).context(failed)?;
        let blob = |value: &Value| -> Result<Value, Error> {
            let bytes = value.to_string().into_bytes();
            let name = hex(&Sha256::digest(&bytes));
            fs::write(blobs.join(&name), &bytes).context(failed)?;
            Ok(json!({"digest": format!("sha256:{name}"), "size": bytes.len()}))
        };
        let with_type = |mut blob: Value, media_type: &str| {
            blob["mediaType"] = json!(media_type);
            blob
        };
        let config = blob(&json!({
            "architecture": architecture(),
            "os": "linux",
            "created": "2026-01-01T00:00:00Z",
            "config": self.config(),
            "rootfs": {"type": "layers", "diff_ids": [format!("sha256:{layer_digest}")]},
            "history": [{"created": "2026-01-01T00:00:00Z", "created_by": "testbed"}],
        }))?;
        let manifest = blob(&json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": with_type(config, "application/vnd.oci.image.config.v1+json"),
            "layers": [{
                "mediaType": "application/vnd.oci.image.layer.v1.tar",
                "digest": format!("sha256:{layer_digest}"),
                "size": size,
            }],
        }))?;
        let mut entry = with_type(manifest, "application/vnd.oci.image.manifest.v1+json");
        entry["annotations"] = json!({"io.containerd.image.name": self.name});
        entry["platform"] = json!({"architecture": architecture(), "os": "linux"});
        let index = json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.index.v1+json",
            "manifests": [entry],
        });
        fs::write(work.join("layout/oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).context(failed)?;
        fs::write(work.join("layout/index.json"), index.to_string()).context(failed)?;
        let tar = work.join("image.tar");
        pack(&work.join("layout"), &tar)?;
        fs::rename(&tar, images.join(format!("{}.tar", self.file))).context(failed)?;
        fs::write(images.join(format!("{}.stamp", self.file)), self.identity()).context(failed)?;
        fs::remove_dir_all(&work).context(failed)
    }
}

impl Root {
    /// Writes the file system as the tar file `layer`.
    fn pack(&self, work: &Path, layer: &Path) -> Result<(), Error> {
        let failed = || format!("Cannot gather the files of an image in {}", work.display());
        let root = work.join("root");
        match self {
            Self::Probe => {
                fs::create_dir_all(&root).context(failed)?;
                fs::copy(probe(), root.join("probe")).context(failed)?;
            }
            Self::Tool(name, path) => {
                let target = root.join(path);
                fs::create_dir_all(target.parent().unwrap_or(&root)).context(failed)?;
                fs::copy(home().join("bin").join(name), target).context(failed)?;
            }
            Self::Busybox => {
                for dir in ["bin", "etc", "tmp"] {
                    fs::create_dir_all(root.join(dir)).context(failed)?;
                }
                fs::copy("/bin/busybox", root.join("bin/busybox")).context(failed)?;
                fs::write(root.join("etc/passwd"), "root:x:0:0:root:/:/bin/sh\n").context(failed)?;
                let mut list = Command::new("/bin/busybox");
                list.arg("--list");
                for program in tools::run(list)?.lines().filter(|program| *program != "busybox") {
                    std::os::unix::fs::symlink("busybox", root.join("bin").join(program)).context(failed)?;
                }
            }
            Self::Debian { packages, user, script } => return debian(packages, user, script, work, layer),
        }
        pack(&root, layer)
    }
}

/// Installs Debian packages into a tar file.
fn debian(packages: &str, user: &str, script: &str, work: &Path, layer: &Path) -> Result<(), Error> {
    let failed = || format!("Cannot write a script in {}", work.display());
    let entrypoint = work.join("docker-entrypoint.sh");
    fs::write(&entrypoint, script).context(failed)?;
    let mut debian = Command::new("mmdebstrap");
    debian.args(["--quiet", "--variant=essential", "--skip=cleanup/run", &format!("--include={packages}")]);
    for unused in
        ["doc/*", "man/*", "info/*", "locale/*", "zoneinfo/*"].map(|dir| format!("/usr/share/{dir}")).into_iter().chain(
            ["/usr/lib/*/libLLVM*", "/usr/lib/postgresql/*/lib/bitcode/*", "/usr/lib/postgresql/*/lib/llvmjit*"]
                .map(str::to_owned),
        )
    {
        debian.arg(format!("--dpkgopt=path-exclude={unused}"));
    }
    // The well-known images have 999, and charts name it as the user to run as.
    let home = if user == "redis" { "/data" } else { "/var/lib/postgresql" };
    debian.arg(format!(
        "--essential-hook=echo {user}:x:999:999::{home}:/bin/sh >>\"$1/etc/passwd\"; echo {user}:x:999: >>\"$1/etc/group\""
    ));
    debian.arg(format!(
        "--customize-hook=mkdir -p \"$1{home}\" \"$1/var/run/{user}\" \"$1/var/run/postgresql\" && \
         chown 999:999 \"$1{home}\" \"$1/var/run/postgresql\" && chmod 1777 \"$1/var/run/postgresql\" && \
         cp \"{}\" \"$1/usr/local/bin/\" && chmod 755 \"$1/usr/local/bin/docker-entrypoint.sh\" && \
         rm -rf \"$1/var/lib/postgresql/15\" \"$1\"/var/lib/apt/lists/* \"$1\"/var/cache/apt/*",
        entrypoint.display()
    ));
    debian.arg("bookworm").arg(layer);
    tools::run(debian).map(|_| ())
}

fn digest_file(path: &Path) -> io::Result<(String, usize)> {
    let mut file = File::open(path)?;
    let mut digest = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    let mut size = 0;
    loop {
        let n = file.read(&mut buffer)?;
        if n == 0 {
            return Ok((hex(&digest.finalize()), size));
        }
        digest.update(&buffer[..n]);
        size += n;
    }
}

fn pack(dir: &Path, tar: &Path) -> Result<(), Error> {
    let mut command = Command::new("tar");
    command.args(["--sort=name", "--owner=0", "--group=0", "--numeric-owner", "--mtime=@0", "-C"]);
    command.arg(dir).arg("-cf").arg(tar).arg(".");
    tools::run(command).map(|_| ())
}

fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "aarch64" => "arm64",
        "x86_64" => "amd64",
        other => other,
    }
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes.iter().flat_map(|b| [DIGITS[usize::from(b >> 4)], DIGITS[usize::from(b & 15)]]).map(char::from).collect()
}

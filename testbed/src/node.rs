//! Level B: a control plane and one real node inside private namespaces.
//!
//! Real containers of the images in [`images`](crate::images) run there; nothing else can be pulled. This module must
//! not use the machine's own containerd, nor write outside the cluster's directory.

use crate::error::{Context as _, Error};
use crate::images;
use crate::namespaces::Namespaces;
use crate::plane::ControlPlane;
use crate::{pki, tools};
use std::fs;
use std::net::IpAddr;
use std::ops::Deref;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

const CONTAINERD: &str = include_str!("../assets/node/containerd.toml");
const BRIDGE: &str = include_str!("../assets/node/bridge.conflist");
const KUBELET: &str = include_str!("../assets/node/kubelet.yaml");
const KUBE_PROXY: &str = include_str!("../assets/node/kube-proxy.yaml");
const MANIFESTS: [&str; 3] = [
    include_str!("../assets/node/kube-proxy-rbac.yaml"),
    include_str!("../assets/node/coredns.yaml"),
    include_str!("../assets/node/local-path.yaml"),
];

/// A running cluster with one real node, `node-0`. It is a [`ControlPlane`] in every other respect; the default storage
/// class is `local-path`, and there are no faked pods.
#[derive(Debug)]
pub struct Node {
    plane: ControlPlane,
}

impl Deref for Node {
    type Target = ControlPlane;

    fn deref(&self) -> &ControlPlane {
        &self.plane
    }
}

impl Node {
    /// Starts a node of its own, after building the programs and images that are missing.
    pub fn start() -> Result<Self, Error> {
        tools::ensure(&[tools::LEVEL_A, tools::LEVEL_B].concat())?;
        let images = images::ensure()?;
        let mut plane = ControlPlane::prepare()?;
        let namespaces = Namespaces::create(plane.dir(), &images::probe())?;
        plane.enter(namespaces);
        let mut node = Self { plane };
        node.write_files()?;
        node.start_containerd()?;
        let imports: Vec<Command> = images.iter().map(|tar| node.import_command(tar)).collect();
        // The images come in while the control plane starts.
        let import =
            std::thread::spawn(move || imports.into_iter().try_for_each(|import| tools::run(import).map(|_| ())));
        let booted = node.plane.boot();
        let imported = import.join().unwrap_or_else(|_| Err(Error::new("The import of the images broke off.")));
        booted.and(imported)?;
        node.apply(&MANIFESTS.join("\n---\n").replace("@RUN@", &node.files().to_string_lossy()))?;
        node.start_kubelet()?;
        node.plane.wait_until_usable(&["node/node-0"])?;
        let available = ["--for=condition=Available", "--timeout=60s", "deployment", "--all"];
        for namespace in ["kube-system", "local-path-storage"] {
            node.kubectl(&[&["wait", "-n", namespace], &available[..]].concat())?;
        }
        Ok(node)
    }

    /// The node that all tests of this process share; started by the first call.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Node> = OnceLock::new();
        SHARED.get_or_init(|| match Self::start() {
            Ok(node) => node,
            Err(error) => panic!("The shared node did not start. {error}"),
        })
    }

    /// The node's address; node ports and host ports are reached there from this machine.
    #[must_use]
    pub fn address(&self) -> IpAddr {
        self.plane.api().ip()
    }

    /// Runs a command in a pod, given as `name` or `kind/name`, and returns its standard output.
    pub fn exec(&self, namespace: &str, pod: &str, command: &[&str]) -> Result<String, Error> {
        self.kubectl(&[&["exec", "-n", namespace, pod, "--"], command].concat())
    }

    /// The names of the images that pods can use.
    pub fn images(&self) -> Result<Vec<String>, Error> {
        let mut list = self.ctr();
        list.args(["images", "ls", "-q"]);
        Ok(tools::run(list)?.lines().filter(|name| !name.starts_with("sha256:")).map(str::to_owned).collect())
    }

    /// Adds the images of a tar file in OCI layout.
    pub fn import(&self, tar: &Path) -> Result<(), Error> {
        tools::run(self.import_command(tar)).map(|_| ())
    }

    /// A command that runs on the node: in its network, with its mounts, among its processes.
    ///
    /// # Panics
    /// Never: a node always has namespaces.
    #[must_use]
    pub fn command(&self, program: &Path) -> Command {
        match self.plane.inside() {
            Some(namespaces) => namespaces.command(program),
            None => unreachable!("a node runs in namespaces"),
        }
    }

    fn files(&self) -> PathBuf {
        self.dir().join("node")
    }

    fn ctr(&self) -> Command {
        let mut ctr = self.command(Path::new("/usr/bin/ctr"));
        ctr.arg("-a").arg(self.files().join("containerd/containerd.sock")).args(["-n", "k8s.io"]);
        ctr
    }

    fn import_command(&self, tar: &Path) -> Command {
        let mut import = self.ctr();
        import.args(["images", "import"]).arg(tar);
        import
    }

    fn write_files(&self) -> Result<(), Error> {
        let files = self.files();
        for name in ["containerd", "cni", "podlogs", "volumes"] {
            let dir = files.join(name);
            fs::create_dir_all(&dir).context(|| format!("Cannot create {}", dir.display()))?;
        }
        let cgroup = self.plane.inside().map(Namespaces::cgroup).unwrap_or_default();
        let fill = |text: &str| {
            text.replace("@RUN@", &files.to_string_lossy())
                .replace("@DIR@", &self.dir().to_string_lossy())
                .replace("@IP@", &self.address().to_string())
                .replace("@CGROUP@", &format!("/{cgroup}"))
        };
        for (name, text) in [
            ("containerd.toml", CONTAINERD),
            ("cni/10-bridge.conflist", BRIDGE),
            ("kubelet.yaml", KUBELET),
            ("kube-proxy.yaml", KUBE_PROXY),
            ("resolv.conf", ""),
        ] {
            pki::write(&files.join(name), &fill(text))?;
        }
        Ok(())
    }

    fn start_containerd(&mut self) -> Result<(), Error> {
        let mut containerd = self.command(Path::new("/usr/bin/containerd"));
        containerd.arg("--config").arg(self.files().join("containerd.toml"));
        self.plane.run("containerd", containerd)?;
        let socket = self.files().join("containerd/containerd.sock");
        self.plane.wait_until("containerd", |_| UnixStream::connect(&socket).is_ok())
    }

    fn start_kubelet(&mut self) -> Result<(), Error> {
        let files = self.files();
        let mut kubelet = self.plane.command("kubelet");
        kubelet.args([
            format!("--config={}", files.join("kubelet.yaml").display()),
            format!("--kubeconfig={}", self.dir().join("conf/kubelet.kubeconfig").display()),
            format!("--node-ip={}", self.address()),
            format!("--root-dir={}", files.join("kubelet").display()),
            format!("--cert-dir={}", files.join("kubelet-pki").display()),
        ]);
        kubelet.args(["--hostname-override=node-0", "--node-labels=type=real", "--v=2"]);
        self.plane.run("kubelet", kubelet)?;
        let mut proxy = self.plane.command("kube-proxy");
        proxy.arg("--config").arg(files.join("kube-proxy.yaml")).arg("--v=1");
        self.plane.run("kube-proxy", proxy)
    }
}

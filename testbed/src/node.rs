//! Level B: a control plane and one real node inside private namespaces.
//!
//! Real containers of the images in [`crate::images`] run there; nothing else can be pulled. This module must
//! not use the machine's own containerd, nor write outside the cluster's directory (`/var/lib/cni` and
//! `/var/lib/kubelet` may appear, empty).

use crate::error::{Context as _, Error};
use crate::images;
use crate::namespaces::Namespaces;
use crate::plane::ControlPlane;
use crate::{home, pki, say, tools};
use std::fs;
use std::net::IpAddr;
use std::ops::Deref;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Instant;

const CONTAINERD: &str = include_str!("../assets/node/containerd.toml");
const BRIDGE: &str = include_str!("../assets/node/bridge.conflist");
const KUBELET: &str = include_str!("../assets/node/kubelet.yaml");
const KUBE_PROXY: &str = include_str!("../assets/node/kube-proxy.yaml");
const MANIFESTS: [&str; 4] = [
    include_str!("../assets/node/kube-proxy-rbac.yaml"),
    include_str!("../assets/node/kube-router-rbac.yaml"),
    include_str!("../assets/node/coredns.yaml"),
    include_str!("../assets/node/local-path.yaml"),
];

/// What containerd writes to, below its root.
const DATABASES: [&str; 2] =
    ["io.containerd.metadata.v1.bolt/meta.db", "io.containerd.snapshotter.v1.overlayfs/metadata.db"];

/// A root of containerd that has unpacked all images, made once per state of them: to import them for every node would
/// take longer than all the rest.
fn store() -> Result<PathBuf, Error> {
    let tars = images::ensure()?;
    let images = home().join("images");
    let name = format!("store-{}", images::identity());
    let store = images.join(&name);
    if store.is_dir() {
        return Ok(store);
    }
    let _lock = tools::lock(&home(), "images.lock")?;
    if store.is_dir() {
        return Ok(store);
    }
    say("unpacking the images ...");
    let start = Instant::now();
    let mut node = Node::prepare()?;
    node.start_containerd()?;
    tars.iter().try_for_each(|tar| node.import(tar))?;
    node.stop_containerd()?;
    fs::rename(node.files().join("containerd/root"), &store).context(|| "Cannot keep the unpacked images")?;
    for entry in fs::read_dir(&images).into_iter().flatten().flatten() {
        let other = entry.file_name().to_string_lossy().into_owned();
        if other.starts_with("store-") && other != name {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
    say(&format!("unpacked the images in {:.1} s", start.elapsed().as_secs_f32()));
    Ok(store)
}

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
        let store = store()?;
        let mut node = Self::prepare()?;
        node.link_store(&store)?;
        node.start_containerd()?;
        node.plane.boot()?;
        node.apply(&MANIFESTS.join("\n---\n").replace("@RUN@", &node.files().to_string_lossy()))?;
        node.start_kubelet()?;
        node.plane.wait_until_usable(&["node/node-0"])?;
        let available = ["--for=condition=Available", "--timeout=180s", "deployment", "--all"];
        node.start_kube_router()?;
        for namespace in ["kube-system", "local-path-storage"] {
            node.kubectl(&[&["wait", "-n", namespace], &available[..]].concat())?;
        }
        Ok(node)
    }

    /// Namespaces with the files of the node, in which nothing runs yet.
    fn prepare() -> Result<Self, Error> {
        let mut plane = ControlPlane::prepare()?;
        let namespaces = Namespaces::create(plane.dir(), &images::probe())?;
        plane.enter(namespaces);
        let node = Self { plane };
        node.write_files()?;
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

    /// Gives containerd the unpacked images. Their files are shared by links, because nobody writes to them; the
    /// databases are copied.
    fn link_store(&self, store: &Path) -> Result<(), Error> {
        let root = self.files().join("containerd/root");
        let mut copy = Command::new("cp");
        copy.args(["-a", "-l"]).arg(store).arg(&root);
        tools::run(copy)?;
        for database in DATABASES {
            let (from, to) = (store.join(database), root.join(database));
            fs::remove_file(&to)
                .and_then(|()| fs::copy(&from, &to))
                .context(|| format!("Cannot copy {}", from.display()))?;
        }
        Ok(())
    }

    /// Ends containerd in order, so that its files are complete.
    fn stop_containerd(&mut self) -> Result<(), Error> {
        let mut kill = self.command(Path::new("/bin/sh"));
        kill.args(["-c", "kill -TERM -1"]);
        let _ = tools::run(kill);
        self.plane.wait_until_ended()
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

    /// Starts what enforces `NetworkPolicies`; it needs a registered node. Without policies it changes nothing.
    fn start_kube_router(&mut self) -> Result<(), Error> {
        let kubeconfig = self.dir().join("conf/kube-router.kubeconfig");
        let mut router = self.plane.command("kube-router");
        router.arg(format!("--kubeconfig={}", kubeconfig.display())).args([
            "--hostname-override=node-0",
            "--run-firewall=true",
            "--run-router=false",
            "--run-service-proxy=false",
            "--enable-cni=false",
            "--service-cluster-ip-range=10.96.0.0/16",
            // Every pod may connect to these ports of the node, whatever its policy says: none that is in use.
            "--service-node-port-range=1-2",
            "--health-port=0",
        ]);
        self.plane.run("kube-router", router)?;
        // Its health endpoint answers before its rules exist, so wait for the rule that it adds last.
        self.plane.wait_until("kube-router", |plane| {
            let Some(namespaces) = plane.inside() else { return false };
            let mut list = namespaces.command(Path::new("/usr/sbin/iptables"));
            list.args(["-S", "KUBE-ROUTER-FORWARD"]);
            tools::run(list).is_ok_and(|rules| rules.contains("mark 0x20000/0x20000 -j ACCEPT"))
        })
    }
}

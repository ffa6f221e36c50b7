//! Level A: a real control plane on loopback with a faked node, and what tests do with it.
//!
//! A faked pod is Ready at once whatever its image and probes say. Annotations on it, or in a pod template, change that:
//!
//! * `testbed.dev/behavior`: `never-ready`, `image-pull-backoff`, `crash-loop`, `stuck-pending` or `job-fail`
//! * `testbed.dev/ready-delay: 3s`, `testbed.dev/terminate-delay: 10s`, `testbed.dev/job-duration: 4s`
//! * `testbed.dev/terminate`: `ignore-sigterm` (gone at the end of the grace period) or `never`
//! * on a claim `testbed.dev/provision: never`, `testbed.dev/provision-delay: 3s`, `testbed.dev/resize: never`
//!
//! Storage classes: `standard` (the default), `wffc` (waits for a pod), `retain` and `noexpand`.
//!
//! All state lies in one directory below `<home>/run`, all ports are on loopback, and every process is a child that dies
//! with this one. This module must not use the caller's kubeconfig, helm settings or proxies.

use crate::api::Api;
use crate::children::{Program, wait_until};
use crate::egress::{Door, Egress, Lookup};
use crate::error::{Context as _, Error};
use crate::namespaces::Namespaces;
use crate::pki::{self, Pki};
use crate::{home, rundir, tools};
use serde_json::Value;
use std::ffi::OsString;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

const STAGES: &str = include_str!("../assets/kwok/stages.yaml");
const EXEC: &str = include_str!("../assets/kwok/exec.yaml");
const POD_LOG: &str = include_str!("../assets/kwok/pod.log");
const FAKE_NODE: &str = include_str!("../assets/kwok/node.yaml");
const STORAGE_CLASSES: &str = include_str!("../assets/kwok/storage-classes.yaml");
const AUDIT: &str = include_str!("../assets/audit.yaml");
const DAPR: &str = include_str!("../assets/dapr-components.yaml");

/// Go collects garbage when its small heaps have doubled, which costs helm and kubectl a third of their processor time.
const LAZY_GC: (&str, &str) = ("GOGC", "800");

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// A running control plane. Dropping it stops exactly what was started and removes its directory.
pub struct ControlPlane {
    dir: PathBuf,
    kubeconfig: PathBuf,
    audit_log: PathBuf,
    bin: PathBuf,
    api: SocketAddr,
    ports: Ports,
    namespaces: AtomicU32,
    programs: Vec<Program>,
    egress: Option<Egress>,
    /// Where the programs run when they do not run on this machine's loopback.
    inside: Option<Namespaces>,
    /// Made when the first test asks.
    connection: OnceLock<Api>,
}

impl std::fmt::Debug for ControlPlane {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ControlPlane").field("dir", &self.dir).field("api", &self.api).finish_non_exhaustive()
    }
}

/// The ports of one cluster besides the API server's.
#[derive(Debug, Clone, Copy)]
struct Ports {
    etcd: u16,
    etcd_peer: u16,
    controllers: u16,
    scheduler: u16,
    kwok: u16,
    forward: u16,
    names: u16,
}

impl ControlPlane {
    /// Starts a control plane of its own, after building what is missing; about 5 s once all is built.
    pub fn start() -> Result<Self, Error> {
        tools::ensure(tools::LEVEL_A)?;
        match Self::launch() {
            // Between choosing a port and using it, somebody else may have taken it.
            Err(error) if error.to_string().contains("address already in use") => Self::launch(),
            result => result,
        }
    }

    /// The control plane that all tests of this process share; started by the first call.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<ControlPlane> = OnceLock::new();
        SHARED.get_or_init(|| match Self::start() {
            Ok(plane) => plane,
            Err(error) => panic!("The shared control plane did not start. {error}"),
        })
    }

    /// The kubeconfig of a cluster administrator, all keys embedded.
    #[must_use]
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// The directory of this cluster; removed when it is dropped.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The audit log: one JSON object per line, written before the request is answered.
    #[must_use]
    pub fn audit_log(&self) -> &Path {
        &self.audit_log
    }

    /// The loopback port that `kubectl port-forward` to a fake pod ends at; nothing listens there by itself.
    #[must_use]
    pub fn forward_port(&self) -> u16 {
        self.ports.forward
    }

    /// Where the API server listens.
    #[must_use]
    pub fn api(&self) -> SocketAddr {
        self.api
    }

    /// Runs kubectl as a cluster administrator and returns its standard output.
    pub fn kubectl(&self, args: &[&str]) -> Result<String, Error> {
        tools::run(self.kubectl_command(args))
    }

    /// Applies manifests on the server side, taking over fields that others own.
    pub fn apply(&self, yaml: &str) -> Result<(), Error> {
        let mut command = self.kubectl_command(&[
            "apply",
            "--server-side",
            "--force-conflicts",
            "--field-manager=testbed",
            "-f",
            "-",
        ]);
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .context(|| "Cannot run kubectl")?;
        if let Some(mut input) = child.stdin.take() {
            // A kubectl that fails early stops reading; its own message says more than a broken pipe.
            let _ = input.write_all(yaml.as_bytes());
        }
        let output = child.wait_with_output().context(|| "Cannot run kubectl")?;
        if output.status.success() {
            return Ok(());
        }
        Err(Error::new(format!("`kubectl apply` failed: {}", String::from_utf8_lossy(&output.stderr).trim())))
    }

    /// Writes to the status of an object (`kind/name`), as the controller would that this control plane does not have:
    /// a load balancer's address, say. `status` is merged with what is there.
    pub fn write_status(&self, namespace: &str, object: &str, status: &Value) -> Result<(), Error> {
        let patch = serde_json::json!({ "status": status }).to_string();
        let args = ["patch", object, "-n", namespace, "--subresource=status", "--type=merge", "--patch", &patch];
        self.kubectl(&args).map(|_| ())
    }

    /// Makes a namespace of its own for one test, `<prefix>-<n>`, ready for pods, and returns its name.
    ///
    /// # Panics
    /// When the API server refuses it.
    pub fn namespace(&self, prefix: &str) -> String {
        let name = format!("{prefix}-{}", self.namespaces.fetch_add(1, Ordering::Relaxed) + 1);
        if let Err(error) = self.connection().and_then(|api| api.create_namespace(&name)) {
            panic!("Cannot create the namespace {name}. {error}");
        }
        // Without its service account a pod made directly is refused.
        let start = Instant::now();
        while self.find("serviceaccount/default", &name).unwrap_or_default().is_none() {
            assert!(start.elapsed() < Duration::from_secs(30), "The namespace {name} got no service account.");
            std::thread::sleep(Duration::from_millis(20));
        }
        name
    }

    /// Objects of these kinds (`pods,services`) in a namespace, as `kubectl get -o json` would list them.
    pub fn list(&self, kinds: &str, namespace: &str) -> Result<Vec<Value>, Error> {
        if let Some(found) = self.connection()?.list(kinds, namespace) {
            return found;
        }
        let text = self.kubectl(&["get", kinds, "-n", namespace, "-o", "json"])?;
        let mut list: Value = serde_json::from_str(&text).context(|| "kubectl did not print JSON")?;
        Ok(list["items"].as_array_mut().map(std::mem::take).unwrap_or_default())
    }

    /// An object (`secret/app-secrets`) in a namespace; `None` when it does not exist.
    pub fn find(&self, object: &str, namespace: &str) -> Result<Option<Value>, Error> {
        if let Some(found) = self.connection()?.find(object, namespace) {
            return found;
        }
        let text = self.kubectl(&["get", object, "-n", namespace, "-o", "json", "--ignore-not-found"])?;
        if text.trim().is_empty() {
            return Ok(None);
        }
        serde_json::from_str(&text).map(Some).context(|| "kubectl did not print JSON")
    }

    fn connection(&self) -> Result<&Api, Error> {
        if let Some(api) = self.connection.get() {
            return Ok(api);
        }
        let api = Api::connect(&self.kubeconfig)?;
        Ok(self.connection.get_or_init(|| api))
    }

    /// The helm of this version, built when it is missing.
    ///
    /// # Panics
    /// When the table has no such version or it cannot be built.
    #[must_use]
    pub fn helm(&self, version: &str) -> PathBuf {
        let Some(tool) = tools::helm(version) else { panic!("The test bed has no helm {version} in its table.") };
        if let Err(error) = tools::ensure(&[tool]) {
            panic!("{error}");
        }
        self.bin.join(tool.name)
    }

    /// The environment for kubectl, helm and plugins under test: this cluster, helm folders of its own, the test bed's
    /// programs first on PATH, no proxies.
    #[must_use]
    pub fn env(&self) -> Vec<(String, String)> {
        let text = |path: &Path| path.to_string_lossy().into_owned();
        let mut path = OsString::from(&self.bin);
        if let Some(rest) = std::env::var_os("PATH") {
            path.push(":");
            path.push(rest);
        }
        [
            ("KUBECONFIG", text(&self.kubeconfig)),
            ("KUBECACHEDIR", text(&self.dir.join("kube-cache"))),
            ("HELM_CACHE_HOME", text(&self.dir.join("helm/cache"))),
            ("HELM_CONFIG_HOME", text(&self.dir.join("helm/config"))),
            ("HELM_DATA_HOME", text(&self.dir.join("helm/data"))),
            ("NO_PROXY", "*".to_owned()),
            (LAZY_GC.0, LAZY_GC.1.to_owned()),
            ("PATH", path.to_string_lossy().into_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .to_vec()
    }

    /// Installs the `components.dapr.io` definition and waits until the API server serves it. A new control plane has
    /// it already.
    pub fn install_dapr_crd(&self) -> Result<(), Error> {
        self.apply(DAPR)?;
        self.kubectl(&["wait", "--for=condition=Established", "crd/components.dapr.io", "--timeout=30s"]).map(|_| ())
    }

    fn kubectl_command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(self.bin.join("kubectl"));
        command.args(args).envs(self.env());
        command
    }
}

/// Starting and stopping.
impl ControlPlane {
    fn launch() -> Result<Self, Error> {
        let mut plane = Self::prepare()?;
        plane.boot()?;
        plane.start_kwok()?;
        plane.apply(&[STORAGE_CLASSES, FAKE_NODE].join("\n---\n"))?;
        plane.wait_until_usable(&["node/kwok-0"])?;
        Ok(plane)
    }

    /// A directory and ports; nothing runs yet. From here on dropping it stops and removes what there is.
    pub(crate) fn prepare() -> Result<Self, Error> {
        let dir = rundir::create(&home())?;
        let [etcd, etcd_peer, api, controllers, scheduler, kwok, forward, names] = free_ports()?;
        Ok(Self {
            kubeconfig: dir.join("kubeconfig"),
            audit_log: dir.join("audit.log"),
            dir,
            bin: home().join("bin"),
            api: SocketAddr::new(LOOPBACK, api),
            ports: Ports { etcd, etcd_peer, controllers, scheduler, kwok, forward, names },
            namespaces: AtomicU32::new(0),
            programs: Vec::new(),
            egress: None,
            inside: None,
            connection: OnceLock::new(),
        })
    }

    /// Lets everything that is started from now on run inside `namespaces`.
    pub(crate) fn enter(&mut self, namespaces: Namespaces) {
        self.api.set_ip(namespaces.address());
        self.inside = Some(namespaces);
    }

    /// The namespaces it runs in.
    pub(crate) fn inside(&self) -> Option<&Namespaces> {
        self.inside.as_ref()
    }

    /// Starts the control plane itself, without any node.
    pub(crate) fn boot(&mut self) -> Result<(), Error> {
        self.write_files()?;
        self.start_etcd()?;
        self.start_api_server()?;
        self.start_controllers()?;
        self.apply(DAPR)
    }

    fn write_files(&self) -> Result<(), Error> {
        for name in ["pki", "logs", "conf", "home"] {
            let dir = self.dir.join(name);
            fs::create_dir_all(&dir).context(|| format!("Cannot create {}", dir.display()))?;
        }
        let pki = Pki::create(&self.dir.join("pki"))?;
        let names = [
            "localhost",
            "kubernetes",
            "kubernetes.default",
            "kubernetes.default.svc",
            "kubernetes.default.svc.cluster.local",
        ];
        let service = IpAddr::V4(Ipv4Addr::new(10, 96, 0, 1));
        pki.server("apiserver", "kube-apiserver", &names, &[LOOPBACK, service, self.api.ip()])?;
        pki.server("kubelet-server", "node-0", &["node-0"], &[self.api.ip()])?;
        pki.server("kwok-server", "kwok", &["localhost"], &[LOOPBACK])?;
        let server = format!("https://{}", self.api);
        pki.client("apiserver-client", "system:masters", "kube-apiserver-kubelet-client", &server)?;
        pki::write(&self.kubeconfig, &pki.client("admin", "system:masters", "testbed-admin", &server)?)?;
        // Each under its own name, so that the audit log tells them apart.
        for (file, group, user) in [
            ("controllers", "", "system:kube-controller-manager"),
            ("scheduler", "", "system:kube-scheduler"),
            ("kwok", "system:masters", "kwok"),
            ("kubelet", "system:nodes", "system:node:node-0"),
            ("kube-proxy", "", "system:kube-proxy"),
            ("kube-router", "", "testbed:kube-router"),
        ] {
            pki::write(&self.conf(&format!("{file}.kubeconfig")), &pki.client(file, group, user, &server)?)?;
        }
        let exec =
            EXEC.replace("@RUN@", &self.dir.to_string_lossy()).replace("@FORWARD@", &self.ports.forward.to_string());
        for (name, text) in [
            ("audit.yaml", AUDIT),
            ("egress.yaml", Egress::config()),
            ("stages.yaml", STAGES),
            ("pod.log", POD_LOG),
            ("exec.yaml", &exec),
        ] {
            pki::write(&self.conf(name), text)?;
        }
        Ok(())
    }

    fn start_etcd(&mut self) -> Result<(), Error> {
        let Ports { etcd: client, etcd_peer: peer, .. } = self.ports;
        let address = SocketAddr::new(self.api.ip(), client);
        let mut etcd = self.command("etcd");
        etcd.arg("--data-dir").arg(self.dir.join("etcd")).args([
            "--name=testbed",
            "--unsafe-no-fsync",
            "--log-level=warn",
            &format!("--listen-client-urls=http://{address}"),
            &format!("--advertise-client-urls=http://{address}"),
            &format!("--listen-peer-urls=http://127.0.0.1:{peer}"),
            &format!("--initial-advertise-peer-urls=http://127.0.0.1:{peer}"),
            &format!("--initial-cluster=testbed=http://127.0.0.1:{peer}"),
        ]);
        self.programs.push(Program::start("etcd", etcd, &self.logs())?);
        wait_until(&mut self.programs, "etcd", || healthy(address).unwrap_or(false))
    }

    fn start_api_server(&mut self) -> Result<(), Error> {
        let pki = |name: &str| self.dir.join("pki").join(name).to_string_lossy().into_owned();
        let mut server = self.command("kube-apiserver");
        // The name of the egress socket is relative to this directory.
        server.current_dir(&self.dir).args([
            format!("--etcd-servers=http://{}:{}", self.api.ip(), self.ports.etcd),
            format!("--bind-address={}", self.bind()),
            format!("--advertise-address={}", self.api.ip()),
            format!("--secure-port={}", self.api.port()),
            format!("--tls-cert-file={}", pki("apiserver.crt")),
            format!("--tls-private-key-file={}", pki("apiserver.key")),
            format!("--client-ca-file={}", pki("ca.crt")),
            format!("--service-account-key-file={}", pki("sa.pub")),
            format!("--service-account-signing-key-file={}", pki("sa.key")),
            format!("--kubelet-client-certificate={}", pki("apiserver-client.crt")),
            format!("--kubelet-client-key={}", pki("apiserver-client.key")),
            format!("--kubelet-certificate-authority={}", pki("ca.crt")),
            format!("--audit-policy-file={}", self.conf("audit.yaml").display()),
            format!("--audit-log-path={}", self.audit_log.display()),
        ]);
        if self.inside.is_none() {
            self.egress = Some(Egress::start(&self.dir, self.lookup())?);
            server.arg("--egress-selector-config-file").arg(self.conf("egress.yaml"));
            // An endpoint may not be a loopback address, so none is written.
            server.arg("--endpoint-reconciler-type=none");
        }
        server.args([
            "--authorization-mode=Node,RBAC",
            "--anonymous-auth=false",
            "--allow-privileged=true",
            "--enable-admission-plugins=NodeRestriction,PersistentVolumeClaimResize,PodSecurity,StorageObjectInUseProtection",
            "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
            "--service-cluster-ip-range=10.96.0.0/16",
            "--kubelet-preferred-address-types=InternalIP,Hostname",
            // A test may read the log right after the answer.
            "--audit-log-mode=blocking",
            "--audit-log-maxsize=4000",
            "--profiling=false",
            "--goaway-chance=0",
            "--v=1",
        ]);
        self.programs.push(Program::start("kube-apiserver", server, &self.logs())?);
        self.wait_until("kube-apiserver", |plane| {
            TcpStream::connect_timeout(&plane.api, Duration::from_secs(1)).is_ok()
                && plane.kubectl(&["get", "--raw=/readyz"]).is_ok()
        })
    }

    /// The port of the name server, if one is started.
    pub(crate) fn names_port(&self) -> u16 {
        self.ports.names
    }

    /// The path of a program of the test bed.
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.bin.join(name)
    }

    /// Finds the address of a Service.
    fn lookup(&self) -> Lookup {
        let (kubectl, env) = (self.bin.join("kubectl"), self.env());
        Box::new(move |namespace, service| {
            let mut get = Command::new(&kubectl);
            get.args(["get", "service", service, "-n", namespace, "-o", "jsonpath={.spec.clusterIP}"]);
            get.envs(env.iter().cloned());
            tools::run(get).ok()?.parse().ok()
        })
    }

    /// Lets the API server reach a process on loopback as a Service, for webhooks. `None` where Services are real.
    pub(crate) fn door(&self, namespace: &str, service: &str, port: u16) -> Option<Door> {
        self.egress.as_ref().map(|egress| egress.door(namespace, service, port))
    }

    fn start_controllers(&mut self) -> Result<(), Error> {
        let pki = |name: &str| self.dir.join("pki").join(name).to_string_lossy().into_owned();
        let common = [
            "--bind-address=127.0.0.1",
            "--leader-elect=false",
            // The default of 20 a second alone would make the start of the controllers take 5 s longer.
            "--kube-api-qps=500",
            "--kube-api-burst=1000",
            "--profiling=false",
            "--v=1",
        ];
        let mut manager = self.command("kube-controller-manager");
        manager.args(common).args([
            format!("--kubeconfig={}", self.conf("controllers.kubeconfig").display()),
            format!("--secure-port={}", self.ports.controllers),
            format!("--root-ca-file={}", pki("ca.crt")),
            // Its default is a folder of the machine.
            format!("--flex-volume-plugin-dir={}", self.dir.join("flex-volumes").display()),
            format!("--service-account-private-key-file={}", pki("sa.key")),
            format!("--cluster-signing-cert-file={}", pki("ca.crt")),
            format!("--cluster-signing-key-file={}", pki("ca.key")),
        ]);
        manager.args([
            // Every controller under its own name in the audit log.
            "--use-service-account-credentials=true",
            "--controllers=*,bootstrap-signer-controller,token-cleaner-controller",
            "--pvclaimbinder-sync-period=2s",
            "--node-monitor-period=1s",
            "--node-monitor-grace-period=60s",
        ]);
        let mut placing = self.command("kube-scheduler");
        placing.args(common).args([
            format!("--kubeconfig={}", self.conf("scheduler.kubeconfig").display()),
            format!("--secure-port={}", self.ports.scheduler),
        ]);
        self.programs.push(Program::start("kube-controller-manager", manager, &self.logs())?);
        self.programs.push(Program::start("kube-scheduler", placing, &self.logs())?);
        Ok(())
    }

    fn start_kwok(&mut self) -> Result<(), Error> {
        let port = self.ports.kwok;
        let pki = |name: &str| self.dir.join("pki").join(name).to_string_lossy().into_owned();
        let mut kwok = self.command("kwok");
        kwok.args([
            format!("--kubeconfig={}", self.conf("kwok.kubeconfig").display()),
            format!("--config={}", self.conf("stages.yaml").display()),
            format!("--config={}", self.conf("exec.yaml").display()),
            format!("--node-port={port}"),
            format!("--server-address=127.0.0.1:{port}"),
            format!("--tls-cert-file={}", pki("kwok-server.crt")),
            format!("--tls-private-key-file={}", pki("kwok-server.key")),
        ]);
        kwok.args([
            "--manage-all-nodes=false",
            "--manage-nodes-with-annotation-selector=kwok.x-k8s.io/node=fake",
            "--cidr=10.243.0.0/16",
            "--node-ip=127.0.0.1",
            "--node-lease-duration-seconds=40",
        ]);
        self.programs.push(Program::start("kwok", kwok, &self.logs())?);
        Ok(())
    }

    /// Waits until pods can be made and will run: the service account is there, `nodes` take pods, Dapr's kind is served.
    pub(crate) fn wait_until_usable(&mut self, nodes: &[&str]) -> Result<(), Error> {
        let wanted = [&["get", "serviceaccount/default", "crd/components.dapr.io"], nodes].concat();
        let args = [&wanted[..], &["-n", "default", "-o", "json"]].concat();
        self.wait_until("The cluster", |plane| {
            let answer = plane.kubectl(&args);
            answer.is_ok_and(|text| serde_json::from_str(&text).is_ok_and(|list| usable(&list, wanted.len() - 1)))
        })
    }

    /// Starts a program of the cluster; the cluster fails when it ends.
    pub(crate) fn run(&mut self, name: &str, command: Command) -> Result<(), Error> {
        self.programs.push(Program::start(name, command, &self.logs())?);
        Ok(())
    }

    /// Waits for a condition of this cluster; an error as soon as one of its programs has ended.
    pub(crate) fn wait_until(&mut self, what: &str, ready: impl Fn(&Self) -> bool) -> Result<(), Error> {
        let mut programs = std::mem::take(&mut self.programs);
        let result = wait_until(&mut programs, what, || ready(self));
        self.programs = programs;
        result
    }

    /// Kills all programs, for a control plane that outlives those who need it. Asked anything later, it does not answer.
    pub fn stop(&self) {
        self.programs.iter().for_each(Program::kill_now);
    }

    /// Waits for the end of all programs, which somebody has asked to end.
    pub(crate) fn wait_until_ended(&mut self) -> Result<(), Error> {
        let mut programs = std::mem::take(&mut self.programs);
        wait_until(&mut [], "The end of the programs", || programs.iter_mut().all(|program| program.check().is_err()))
    }

    /// A program of ours, where this cluster runs, with no environment but what it needs.
    pub(crate) fn command(&self, program: &str) -> Command {
        let program = self.bin.join(program);
        let mut command = if let Some(namespaces) = &self.inside {
            namespaces.command(&program)
        } else {
            let mut command = Command::new(&program);
            command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
            command
        };
        command.env("HOME", self.dir.join("home")).env(LAZY_GC.0, LAZY_GC.1);
        command
    }

    fn bind(&self) -> &'static str {
        if self.inside.is_some() { "0.0.0.0" } else { "127.0.0.1" }
    }

    pub(crate) fn logs(&self) -> PathBuf {
        self.dir.join("logs")
    }

    fn conf(&self, name: &str) -> PathBuf {
        self.dir.join("conf").join(name)
    }
}

impl Drop for ControlPlane {
    fn drop(&mut self) {
        // The state is thrown away, so nobody needs the time to end in order.
        self.inside = None;
        self.programs.iter_mut().rev().for_each(Program::kill);
        self.programs.iter_mut().rev().for_each(Program::reap);
        self.egress = None;
        rundir::remove(&self.dir);
    }
}

fn usable(list: &Value, count: usize) -> bool {
    let items = list["items"].as_array().map(Vec::as_slice).unwrap_or_default();
    let is = |item: &Value, kind: &str| {
        item["status"]["conditions"]
            .as_array()
            .is_some_and(|all| all.iter().any(|c| c["type"] == kind && c["status"] == "True"))
    };
    items.len() == count
        && items.iter().all(|item| match item["kind"].as_str() {
            // The node controller takes the not-ready taint away a moment after the node is Ready.
            Some("Node") => is(item, "Ready") && item["spec"]["taints"].as_array().is_none_or(Vec::is_empty),
            Some("CustomResourceDefinition") => is(item, "Established"),
            _ => true,
        })
}

/// Whether etcd says of itself that it is healthy.
fn healthy(address: SocketAddr) -> std::io::Result<bool> {
    let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(1))?;
    stream.set_read_timeout(Some(Duration::from_secs(2)))?;
    stream.write_all(b"GET /health HTTP/1.0\r\nHost: etcd\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer.contains("\"health\":\"true\""))
}

/// Free loopback ports below the range from which the kernel picks ports for outgoing connections.
pub(crate) fn free_ports<const N: usize>() -> Result<[u16; N], Error> {
    use std::hash::{BuildHasher as _, RandomState};
    let mut held = Vec::with_capacity(N);
    let mut ports = [0; N];
    for port in &mut ports {
        let listener = (0..1000).find_map(|n: u32| {
            let random = RandomState::new().hash_one(n) % 12_000;
            TcpListener::bind((LOOPBACK, 20_000 + u16::try_from(random).ok()?)).ok()
        });
        let listener = listener.ok_or_else(|| Error::new("There is no free port on loopback."))?;
        *port = listener.local_addr().context(|| "Cannot read the number of a port")?.port();
        held.push(listener);
    }
    Ok(ports)
}

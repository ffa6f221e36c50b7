//! What every test starts from: a namespace on the shared node, a folder, and questions to its pods.

use kubectl_aspire::internals::support::redact::unbase64;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use testbed::{Level, Node, available, skip_or_fail};

/// The image of the test bed that tells what reached it.
pub(crate) const PROBE: &str = "docker.io/testbed/probe:1";

/// Longest that anything here is waited for.
const LIMIT: Duration = Duration::from_secs(120);

/// A place for one test.
pub(crate) struct Bench {
    /// The cluster.
    pub node: &'static Node,
    /// The namespace of this test.
    pub ns: String,
    folder: TempDir,
}

/// A place for one test; none where no node can run.
pub(crate) fn bench(prefix: &str) -> Option<Bench> {
    if let Err(reason) = available(Level::B) {
        skip_or_fail(&reason);
        return None;
    }
    let node = Node::shared();
    Some(Bench { node, ns: node.namespace(prefix), folder: TempDir::new().unwrap() })
}

impl Drop for Bench {
    fn drop(&mut self) {
        // Only to make room on the node; nobody waits for it.
        let _ = self.node.kubectl(&["delete", "namespace", &self.ns, "--wait=false"]);
    }
}

impl Bench {
    /// Writes a file into the folder of this test.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    /// A run of the program in the folder of this test.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        self.program(Path::new(env!("CARGO_BIN_EXE_kubectl-aspire")), arguments)
    }

    /// Helm itself, by hand.
    pub(crate) fn helm(&self, arguments: &[&str]) -> Ran {
        self.program(&self.node.helm("4.2.4"), &[arguments, &["--namespace", &self.ns]].concat())
    }

    /// The program in the folder of this test, for those who start it in their own way.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        self.prepared(Path::new(env!("CARGO_BIN_EXE_kubectl-aspire")), arguments)
    }

    fn prepared(&self, program: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(arguments).current_dir(self.folder.path()).env_clear().envs(self.node.env());
        command.env("HELM_BIN", self.node.helm("4.2.4")).env("HOME", self.folder.path()).stdin(Stdio::null());
        command
    }

    fn program(&self, program: &Path, arguments: &[&str]) -> Ran {
        let output = self.prepared(program, arguments).output().unwrap();
        Ran {
            shown: arguments.join(" "),
            code: output.status.code(),
            said: String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned(),
        }
    }

    /// `deploy` of the application in the folder `app`, to this namespace.
    pub(crate) fn deploy(&self, more: &[&str]) -> Ran {
        self.run(&[&["deploy", "app", "-n", &self.ns], more].concat())
    }

    /// kubectl in this namespace.
    pub(crate) fn kubectl(&self, arguments: &[&str]) -> String {
        self.try_kubectl(arguments).unwrap_or_else(|error| panic!("{error}"))
    }

    /// kubectl in this namespace, which may fail.
    pub(crate) fn try_kubectl(&self, arguments: &[&str]) -> Result<String, testbed::Error> {
        self.node.kubectl(&[&["-n", &self.ns], arguments].concat())
    }

    /// Standard output of a command in a pod.
    pub(crate) fn exec(&self, pod: &str, command: &[&str]) -> String {
        self.node.exec(&self.ns, pod, command).unwrap_or_else(|error| panic!("{error}"))
    }

    /// Applies objects to this namespace.
    pub(crate) fn apply(&self, yaml: &str) {
        self.node.apply(&yaml.replace("@NS@", &self.ns)).unwrap();
    }

    /// Waits until a pod that this test made is ready.
    pub(crate) fn ready(&self, pod: &str) {
        self.kubectl(&["wait", "--for=condition=Ready", pod, "--timeout=90s"]);
    }

    /// An object as JSON.
    pub(crate) fn get(&self, object: &str) -> Value {
        let found = self.node.find(object, &self.ns).unwrap();
        found.unwrap_or_else(|| panic!("there is no {object} in {}", self.ns))
    }

    /// A key of the Secret that deploy wrote.
    pub(crate) fn secret(&self, release: &str, key: &str) -> String {
        let secret = self.get(&format!("secret/{release}-secrets"));
        String::from_utf8(unbase64(secret["data"][key].as_str().unwrap()).unwrap()).unwrap()
    }

    /// The pods of a workload that are not on their way out: name to uid. None of them may have restarted.
    pub(crate) fn pods(&self, workload: &str) -> BTreeMap<String, String> {
        let mut all = self.node.list("pods", &self.ns).unwrap();
        all.retain(|pod| pod["metadata"]["labels"]["app.kubernetes.io/component"] == *workload);
        let mut pods = BTreeMap::new();
        for pod in &all {
            if pod["metadata"]["deletionTimestamp"].is_null() {
                let metadata = &pod["metadata"];
                assert_eq!(pod["status"]["containerStatuses"][0]["restartCount"], 0, "{}", metadata["name"]);
                let text = |key: &str| metadata[key].as_str().unwrap().to_owned();
                pods.insert(text("name"), text("uid"));
            }
        }
        assert!(!pods.is_empty(), "{workload} has no pod");
        pods
    }

    /// What the first process of a pod of the probe was given, and files as it sees them.
    pub(crate) fn seen(&self, pod: &str, files: &[&str]) -> Seen {
        let own = ["/proc/1/environ", "/proc/1/cmdline"];
        let command = [&["/probe", "env"], &own[..], files].concat();
        let facts: Value = serde_json::from_str(&self.exec(pod, &command)).unwrap();
        assert!(facts["errors"].is_null(), "{}", facts["errors"]);
        let bytes = |value: &Value| unbase64(value.as_str().unwrap()).unwrap();
        let list = |path: &str| {
            let bytes = bytes(&facts["files"][path]);
            let ended = bytes.strip_suffix(b"\0").unwrap();
            ended.split(|byte| *byte == 0).map(<[u8]>::to_vec).collect::<Vec<_>>()
        };
        let env = list(own[0]).into_iter().map(|line| {
            let equals = line.iter().position(|byte| *byte == b'=').unwrap();
            (String::from_utf8(line[..equals].to_vec()).unwrap(), Text(line[equals + 1..].to_vec()))
        });
        let files = files.iter().map(|path| ((*path).to_owned(), Text(bytes(&facts["files"][path]))));
        Seen {
            uid: facts["uid"].as_u64().unwrap(),
            env: env.collect(),
            args: list(own[1]).into_iter().map(Text).collect(),
            files: files.collect(),
        }
    }
}

/// What a process sees.
pub(crate) struct Seen {
    /// The user that it runs as.
    pub uid: u64,
    /// Its environment.
    pub env: BTreeMap<String, Text>,
    /// Its arguments, the program first.
    pub args: Vec<Text>,
    /// The files that were asked for.
    pub files: BTreeMap<String, Text>,
}

/// Bytes, shown as text.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Text(pub Vec<u8>);

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match std::str::from_utf8(&self.0) {
            Ok(text) => write!(f, "{text:?}"),
            Err(_) => write!(f, "{:?}", self.0),
        }
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

/// A run that ended.
pub(crate) struct Ran {
    shown: String,
    /// Exit code.
    pub code: Option<i32>,
    /// What it printed.
    pub said: String,
}

impl Ran {
    /// It must have ended with this code.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> String {
        assert_eq!(self.code, Some(code), "{}\n{}", self.shown, self.said);
        self.said
    }

    /// It must have ended well.
    #[track_caller]
    pub(crate) fn ok(self) -> String {
        self.exits(0)
    }
}

/// Looks again and again until something is there.
#[track_caller]
pub(crate) fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(start.elapsed() < LIMIT, "{what} did not come");
        thread::sleep(Duration::from_millis(100));
    }
}

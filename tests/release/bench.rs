//! What every test starts from: a namespace, a folder, an empty home, and questions to the cluster.

use serde_json::Value;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use testbed::{ControlPlane, Level, available, skip_or_fail};

/// Longest time that one run of the program may take.
const LIMIT: Duration = Duration::from_secs(120);

/// A database with a claim and a password that is made, and an api that uses both, with a token and a plain parameter.
pub(crate) const MANIFEST: &str = include_str!("../inputs/release/app.json");

/// The intent that most tests start from.
pub(crate) const CONFIG: &str = "apiVersion: aspire-k8s/v1\napplication: app\n";

/// A place for one test.
pub(crate) struct Bench {
    /// The cluster.
    pub plane: &'static ControlPlane,
    /// The namespace of this test.
    pub ns: String,
    folder: TempDir,
    homes: AtomicU32,
    /// Whether no other test uses the control plane.
    alone: bool,
}

/// A place for one test, with [`MANIFEST`] and [`CONFIG`] in it; none where no control plane can run.
pub(crate) fn bench(prefix: &str) -> Option<Bench> {
    if let Err(reason) = available(Level::A) {
        skip_or_fail(&reason);
        return None;
    }
    Some(on(ControlPlane::shared(), prefix))
}

/// The same on a control plane of its own, for what everybody on a cluster would notice.
pub(crate) fn bench_of_its_own(prefix: &str) -> Option<Bench> {
    if let Err(reason) = available(Level::A) {
        skip_or_fail(&reason);
        return None;
    }
    let plane = ControlPlane::start().unwrap_or_else(|error| panic!("{error}"));
    // Whatever is done with it may refer to it, so it stays; what runs in it stops with the test.
    let mut bench = on(Box::leak(Box::new(plane)), prefix);
    bench.alone = true;
    Some(bench)
}

/// The same on a control plane that several tests share.
pub(crate) fn on(plane: &'static ControlPlane, prefix: &str) -> Bench {
    let ns = plane.namespace(prefix);
    let bench = Bench { plane, ns, folder: TempDir::new().unwrap(), homes: AtomicU32::new(0), alone: false };
    fs::create_dir_all(bench.folder.path().join("tmp")).unwrap();
    bench.write("app/aspire-manifest.json", MANIFEST);
    bench.configure(CONFIG);
    bench
}

impl Drop for Bench {
    fn drop(&mut self) {
        if self.alone {
            return self.plane.stop();
        }
        // Only to make room on the fake node; nobody waits for it.
        let _ = self.plane.kubectl(&["delete", "namespace", &self.ns, "--wait=false"]);
    }
}

impl Bench {
    /// A path in the folder of this test.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file into the folder of this test.
    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    /// Writes an executable script.
    pub(crate) fn script(&self, name: &str, text: &str) -> PathBuf {
        let path = self.write(name, text);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    /// Replaces the intent.
    pub(crate) fn configure(&self, text: &str) {
        self.write("app/aspire-k8s.yaml", text);
    }

    /// Replaces a part of the manifest.
    pub(crate) fn change_manifest(&self, from: &str, to: &str) {
        let path = self.path("app/aspire-manifest.json");
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "the manifest holds no {from}");
        fs::write(path, text.replace(from, to)).unwrap();
    }

    /// A run of the program, from a home that nobody used before.
    pub(crate) fn run(&self, arguments: &[&str]) -> Run {
        self.program(Path::new(env!("CARGO_BIN_EXE_kubectl-aspire")), arguments)
    }

    /// A run of any program in the same surroundings.
    pub(crate) fn program(&self, program: &Path, arguments: &[&str]) -> Run {
        let home = self.path(&format!("home-{}", self.homes.fetch_add(1, Ordering::Relaxed)));
        fs::create_dir_all(&home).unwrap();
        let mut command = Command::new(program);
        command.args(arguments).current_dir(self.folder.path()).env_clear().envs(self.plane.env());
        command.env("HOME", &home).env("TMPDIR", self.path("tmp")).stdin(Stdio::null());
        Run { command, input: None }
    }

    /// `deploy` of the application in this namespace.
    pub(crate) fn deploy(&self, more: &[&str]) -> Run {
        self.run(&[&["deploy", "app", "-n", &self.ns], more].concat())
    }

    /// `deploy` that is refused first, and then agreed to in these words.
    pub(crate) fn deploy_accepting(&self, words: &str) -> Run {
        let refused = self.deploy(&[]).exits(3);
        let hash = refused.err.split("--confirm ").nth(1).and_then(|rest| rest.split_whitespace().next());
        let hash = hash.unwrap_or_else(|| panic!("nothing to confirm: {refused}")).to_owned();
        self.deploy(&["--confirm", &hash, "--accept", words])
    }

    /// `destroy` of the application in this namespace, confirmed.
    pub(crate) fn destroy(&self, more: &[&str]) -> Run {
        let yes: &[&str] = if more.contains(&"--yes") { &[] } else { &["--yes"] };
        self.run(&[&["destroy", "app", "-n", &self.ns], yes, more].concat())
    }

    /// Helm itself, by hand.
    pub(crate) fn helm(&self, arguments: &[&str]) -> Run {
        self.program(&self.plane.helm("4.2.4"), &[arguments, &["--namespace", &self.ns]].concat())
    }

    /// What the program left in its folder for temporary files.
    pub(crate) fn left_behind(&self) -> Vec<OsString> {
        fs::read_dir(self.path("tmp")).unwrap().map(|entry| entry.unwrap().file_name()).collect()
    }

    /// Objects of these kinds (`pods,services`) in the namespace.
    pub(crate) fn list(&self, kinds: &str) -> Vec<Value> {
        self.list_in(&self.ns, kinds)
    }

    /// Objects of these kinds in a namespace.
    pub(crate) fn list_in(&self, namespace: &str, kinds: &str) -> Vec<Value> {
        self.plane.list(kinds, namespace).unwrap()
    }

    /// One object, if it is there: `secret/app-secrets`.
    pub(crate) fn find(&self, object: &str) -> Option<Value> {
        self.plane.find(object, &self.ns).unwrap()
    }

    pub(crate) fn get(&self, object: &str) -> Value {
        self.find(object).unwrap_or_else(|| panic!("there is no {object} in {}", self.ns))
    }

    /// The decoded data of a Secret.
    pub(crate) fn secret(&self, name: &str) -> BTreeMap<String, String> {
        let object = self.get(&format!("secret/{name}"));
        let data = object["data"].as_object().cloned().unwrap_or_default();
        data.iter().map(|(key, value)| (key.clone(), decoded(value.as_str().unwrap()))).collect()
    }

    /// Applies objects to this namespace.
    pub(crate) fn apply(&self, object: &Value) {
        let mut object = object.clone();
        object["metadata"]["namespace"] = self.ns.clone().into();
        self.plane.apply(&object.to_string()).unwrap();
    }

    /// Names and uids of the pods, and the generations of what made them: what changes when something restarts.
    pub(crate) fn running(&self) -> BTreeMap<String, String> {
        let mut found = BTreeMap::new();
        for object in self.list("pods,deployments,statefulsets") {
            let metadata = &object["metadata"];
            if metadata["deletionTimestamp"].is_null() {
                let name = format!("{}/{}", text(&object["kind"]), text(&metadata["name"]));
                found.insert(name, format!("{} {}", text(&metadata["uid"]), metadata["generation"]));
            }
        }
        found
    }

    /// What is in the namespace, each object with what changes when anybody but its controller writes it.
    pub(crate) fn everything(&self) -> BTreeMap<String, String> {
        let mut found = self.running();
        for object in self.list("secrets,configmaps,persistentvolumeclaims,services,serviceaccounts") {
            let metadata = &object["metadata"];
            let name = format!("{}/{}", text(&object["kind"]), text(&metadata["name"]));
            found.insert(name, format!("{} {}", text(&metadata["uid"]), text(&metadata["resourceVersion"])));
        }
        found
    }

    /// Runs something that must change nothing in the namespace: nothing differs, and nobody asked for a write.
    pub(crate) fn unchanged<T>(&self, action: impl FnOnce() -> T) -> T {
        let before = self.everything();
        let start = fs::metadata(self.plane.audit_log()).unwrap().len();
        let result = action();
        let log = fs::read_to_string(self.plane.audit_log()).unwrap();
        let start = usize::try_from(start).unwrap();
        let writes: Vec<String> = log[start..].lines().filter_map(|line| self.write_of_the_program(line)).collect();
        assert_eq!(writes, [""; 0], "nothing was to be written");
        assert_eq!(self.everything(), before);
        result
    }

    /// The write that a line of the audit log tells of, when it is one in this namespace by a person.
    fn write_of_the_program(&self, line: &str) -> Option<String> {
        let event: Value = serde_json::from_str(line).ok()?;
        let object = &event["objectRef"];
        let here =
            object["namespace"] == *self.ns || (object["resource"] == "namespaces" && object["name"] == *self.ns);
        let by_us = event["user"]["username"] == "testbed-admin";
        let writes = ["create", "update", "patch", "delete", "deletecollection"].contains(&event["verb"].as_str()?);
        let happened = event["responseStatus"]["code"].as_u64().is_some_and(|code| code < 300);
        (here && by_us && writes && happened && !text(&event["requestURI"]).contains("dryRun="))
            .then(|| format!("{} {}", text(&event["verb"]), text(&event["requestURI"])))
    }
}

/// A run under preparation.
pub(crate) struct Run {
    command: Command,
    input: Option<String>,
}

impl Run {
    /// Sets a variable.
    pub(crate) fn env(mut self, name: &str, value: impl AsRef<std::ffi::OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Standard input.
    pub(crate) fn stdin(mut self, text: &str) -> Self {
        self.command.stdin(Stdio::piped());
        self.input = Some(text.to_owned());
        self
    }

    /// The command itself, for those who start it in their own way.
    pub(crate) fn into_command(self) -> Command {
        self.command
    }

    /// Starts it and returns at once.
    pub(crate) fn spawn(mut self) -> Child {
        self.command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    /// Starts it with both outputs in pipes.
    pub(crate) fn piped(mut self) -> Child {
        self.command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// Runs it to its end.
    pub(crate) fn end(self) -> Ran {
        self.end_telling(&AtomicU32::new(0))
    }

    /// Runs it to its end, and writes its process down as soon as there is one.
    pub(crate) fn end_telling(mut self, process: &AtomicU32) -> Ran {
        let shown = format!("{:?}", self.command.get_args().collect::<Vec<_>>());
        let mut child = self.command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        process.store(child.id(), Ordering::SeqCst);
        if let (Some(mut pipe), Some(text)) = (child.stdin.take(), self.input) {
            // What ends early has not read it.
            let _ = pipe.write_all(text.as_bytes());
        }
        let read = |pipe: Option<Box<dyn std::io::Read + Send>>| {
            thread::spawn(move || {
                let mut bytes = Vec::new();
                pipe.map(|mut pipe| pipe.read_to_end(&mut bytes));
                String::from_utf8_lossy(&bytes).into_owned()
            })
        };
        let out = read(child.stdout.take().map(|pipe| Box::new(pipe) as _));
        let err = read(child.stderr.take().map(|pipe| Box::new(pipe) as _));
        let start = Instant::now();
        let status = loop {
            match child.try_wait().unwrap() {
                Some(status) => break status,
                None if start.elapsed() > LIMIT => {
                    let _ = child.kill();
                    panic!("{shown} did not end in {} s", LIMIT.as_secs());
                }
                None => thread::sleep(Duration::from_millis(10)),
            }
        };
        Ran { shown, code: status.code(), out: out.join().unwrap(), err: err.join().unwrap() }
    }

    /// Runs it to its end, which must be a good one.
    pub(crate) fn ok(self) -> Ran {
        self.exits(0)
    }

    /// Runs it to its end, which must have this exit code.
    pub(crate) fn exits(self, code: i32) -> Ran {
        let ran = self.end();
        assert_eq!(ran.code, Some(code), "{ran}");
        ran
    }
}

/// A run that ended.
pub(crate) struct Ran {
    shown: String,
    /// Exit code.
    pub code: Option<i32>,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl std::fmt::Display for Ran {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ended with {:?}\n{}\n{}", self.shown, self.code, self.out, self.err)
    }
}

impl Ran {
    /// What it said must hold all of these.
    pub(crate) fn says(self, parts: &[&str]) -> Self {
        for part in parts {
            assert!(self.err.contains(part), "it does not say `{part}`: {self}");
        }
        self
    }
}

/// A JSON text, or nothing.
pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Base64 to text.
pub(crate) fn decoded(text: &str) -> String {
    String::from_utf8(kubectl_aspire::internals::support::redact::unbase64(text).unwrap()).unwrap()
}

/// Looks again and again until something is there.
pub(crate) fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(start.elapsed() < LIMIT, "{what} did not come");
        thread::sleep(Duration::from_millis(20));
    }
}

//! Every manifest there is as a Compose project, against the oracle: what each container gets is what its pod gets, but for
//! the addresses of the others. Compose files are read by code of our own (`read`), as Compose reads them.

mod config;
mod read;

use crate::oracle::{self, Addresses, Answer, Given};
use crate::program::{self, REGISTRY, TAG, aspire, inputs, render, tree};
use crate::workload::{Bytes, Workload, Workloads, differences};
use crate::{corpus, nasty};
use read::{Asked, Project, dotenv};
use serde_json::Value;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

/// A manifest as a Compose project, with a value for each variable that has none.
struct Case {
    manifest: PathBuf,
    folder: tempfile::TempDir,
    /// What `.env` says.
    written: BTreeMap<String, String>,
    /// Variables that a user gives, with the names of their inputs.
    asked: BTreeMap<String, Asked>,
    /// Values of inputs.
    given: BTreeMap<String, String>,
}

impl Case {
    fn new(manifest: &Path) -> Self {
        let folder = tempfile::tempdir().expect("there should be room for a folder");
        let target = ["--target", "compose"];
        render(manifest, &folder.path().join("compose"), &target).expect("`render --target compose`");
        let stand_in = folder.path().join("stand-in");
        fs::create_dir(&stand_in).expect("the folder should be writable");
        fs::write(stand_in.join(oracle::STAND_IN.0), oracle::STAND_IN.1).expect("the folder should be writable");
        let text = fs::read_to_string(folder.path().join("compose/.env")).expect("there should be a `.env`");
        let asked = read::asked(&text);
        let wanting: Vec<_> = inputs(manifest).into_iter().filter(program::Input::must_be_given).collect();
        // No secret is empty: Compose is told to refuse that.
        let texts: Vec<&&str> = nasty::TEXTS.iter().filter(|text| !text.is_empty()).collect();
        let given = wanting.iter().enumerate().map(|(n, input)| {
            let value =
                if input.is_files() { stand_in.display().to_string() } else { (*texts[n % texts.len()]).to_owned() };
            (input.name.clone(), value)
        });
        let given = given.collect();
        Self { manifest: manifest.to_owned(), written: dotenv(&text), asked, given, folder }
    }

    fn compose(&self) -> PathBuf {
        self.folder.path().join("compose")
    }

    /// The variables of Compose: those of `.env`, and what a user gives.
    fn variables(&self) -> BTreeMap<String, String> {
        let mut variables = self.written.clone();
        for (variable, Asked { input, uri }) in &self.asked {
            let value = self.given.get(input);
            let value = value.unwrap_or_else(|| panic!("{variable} asks for {input}, which `inputs` does not"));
            variables.insert(variable.clone(), if *uri { oracle::escape_data_string(value) } else { value.clone() });
        }
        variables
    }

    fn project(&self) -> Project {
        Project::read(&self.compose(), &self.variables()).unwrap_or_else(|error| panic!("{error}"))
    }

    fn answer(&self, names: Vec<String>) -> Answer {
        let manifest = oracle::read(&self.manifest).expect("the manifest should be readable");
        let given = Given {
            inputs: self.given.clone(),
            registry: REGISTRY,
            tag: TAG,
            folder: self.manifest.parent(),
            addresses: Addresses::OfContainers,
            names,
        };
        oracle::answer(&manifest, &given)
    }

    /// Image, command, arguments, environment, published and exposed ports and files are those of the oracle.
    fn gives_what_the_oracle_says(&self) {
        let project = self.project();
        let answer = self.answer(project.services.iter().map(|(name, _)| name.clone()).collect());
        assert!(answer.missing.is_empty(), "`inputs` does not list {:?}", answer.missing);
        let comparable = |workloads: Workloads| -> Workloads {
            let all = workloads.into_iter().map(|(name, workload)| {
                let (kind, service_ports, claims) = Default::default();
                (name, Workload { kind, service_ports, claims, ..workload })
            });
            all.collect()
        };
        let got = project.services.iter().map(|(name, service)| (name.clone(), service.workload.clone())).collect();
        let found = differences(&comparable(answer.workloads), &comparable(got));
        assert!(found.is_empty(), "{} differences:\n{}", found.len(), found.join("\n"));
    }

    /// The same manifest makes the same bytes, and `--check` tells when the folder holds others.
    fn renders_the_same(&self) {
        let again = self.folder.path().join("again");
        render(&self.manifest, &again, &["--target", "compose"]).expect("the second `render`");
        let files = tree(&again);
        assert!(files == tree(&self.compose()), "a second `render` wrote other bytes");
        let check = || render(&self.manifest, &again, &["--target", "compose", "--check"]).code;
        assert_eq!(check(), Some(0), "`render --check` of unchanged files");
        let (name, content) = files.iter().next().expect("there are files");
        fs::write(again.join(name), [content, &b"# changed\n"[..]].concat()).expect("the folder should be writable");
        assert_eq!(check(), Some(2), "`render --check` after a change of {name}");
    }

    /// No secret has a value in a file; without a value, or with an empty secret, Compose stops.
    fn keeps_secrets_out(&self) {
        let inputs = inputs(&self.manifest);
        let is_secret = |name: &str| inputs.iter().any(|input| input.secret && input.name == name);
        for (variable, asked) in &self.asked {
            assert!(!self.written.contains_key(variable), "`.env` has a value of {}", asked.input);
            let mut others = self.variables();
            others.remove(variable);
            let stopped = Project::read(&self.compose(), &others).err().unwrap_or_default();
            assert!(stopped.contains(&format!("variable {variable} is missing")), "without {variable}: {stopped}");
            if is_secret(&asked.input) {
                others.insert(variable.clone(), String::new());
                let stopped = Project::read(&self.compose(), &others).err().unwrap_or_default();
                assert!(
                    stopped.contains(&format!("variable {variable} is empty")),
                    "with an empty {variable}: {stopped}"
                );
            }
        }
    }

    /// The library of Docker Compose accepts the file, and reads in it what our own code reads.
    fn is_what_compose_reads(&self) {
        let given = self.variables().into_iter().filter(|(name, _)| self.asked.contains_key(name));
        let real = config::read(&self.compose(), &[".env"], given);
        for (name, service) in &self.project().services {
            let (real, ours) = (&real["services"][name], &service.workload);
            let texts = |list: &Value| -> Vec<Bytes> {
                let texts = list.as_array().into_iter().flatten().filter_map(Value::as_str);
                texts.map(|text| text.as_bytes().to_vec()).collect()
            };
            let env = real["environment"].as_object().into_iter().flatten();
            let env = env.map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().as_bytes().to_vec()));
            assert_eq!(real["image"], ours.image.as_str(), "image of {name}");
            assert_eq!(texts(&real["entrypoint"]), ours.command, "entrypoint of {name}");
            assert_eq!(texts(&real["command"]), ours.args, "command of {name}");
            let found = differences(&env_of(env.collect()), &env_of(ours.env.clone()));
            assert!(found.is_empty(), "{name}:\n{}", found.join("\n"));
        }
    }

    fn check(&self) {
        self.renders_the_same();
        self.keeps_secrets_out();
        self.gives_what_the_oracle_says();
        if config::ready() {
            self.is_what_compose_reads();
        }
    }
}

/// An environment alone.
fn env_of(env: BTreeMap<String, Bytes>) -> Workloads {
    Workloads::from([("service".to_owned(), Workload { env, ..Workload::default() })])
}

/// Every manifest that Kubernetes gets a chart of, Compose gets a file of.
fn check(manifest: &Path) {
    if oracle::read(manifest).is_ok() {
        return Case::new(manifest).check();
    }
    let folder = tempfile::tempdir().expect("there should be room for a folder");
    let compose = folder.path().join("compose");
    let outcome = render(manifest, &compose, &["--target", "compose"]);
    assert_eq!(outcome.code, Some(1), "`render` of a broken manifest");
    assert!(!compose.exists(), "a refused manifest left files behind");
}

#[test]
fn our_manifests() {
    let files = fs::read_dir(corpus::folder()).expect("the folder should be there").flatten().map(|entry| entry.path());
    let json = files.filter(|path| path.extension().is_some_and(|extension| extension == "json"));
    let json: Vec<PathBuf> = json.collect();
    assert!(json.len() > 20, "{json:?}");
    corpus::run_all(&json, check);
}

#[test]
fn foreign_manifests() {
    corpus::run_all(&corpus::foreign(), check);
}

/// The files of an environment after those of all: its values are in place, casts included.
#[test]
fn environments_of_the_example() {
    let folder = tempfile::tempdir().expect("there should be room for a folder");
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/shop/aspire-manifest.json");
    render(&manifest, folder.path(), &["--target", "compose"]).expect("`render --target compose`");
    if !config::ready() {
        return;
    }
    let secrets = ["POSTGRES_PASSWORD", "POSTGRES_PASSWORD_URI", "CACHE_PASSWORD"];
    let secrets = || secrets.iter().map(|name| ((*name).to_owned(), "a$b".to_owned()));
    let base = config::read(folder.path(), &[".env"], secrets());
    let production = config::read(folder.path(), &[".env", ".env.production"], secrets());
    let seen = |project: &Value| {
        let (api, frontend) = (&project["services"]["api"], &project["services"]["frontend"]);
        let texts = [&api["environment"]["Shop__Currency"], &frontend["ports"][0]["published"]];
        (api["deploy"]["replicas"].as_u64(), texts.map(|text| text.as_str().unwrap_or_default().to_owned()))
    };
    assert_eq!(seen(&base), (Some(1), ["EUR", "80"].map(str::to_owned)));
    assert_eq!(seen(&production), (Some(3), ["USD", "80-81"].map(str::to_owned)));
    assert_eq!(base["services"]["postgres"]["environment"]["POSTGRES_PASSWORD"], "a$b");
}

/// Values of secrets that a user gives by mistake are in no file.
#[test]
fn given_secrets_are_not_written() {
    let folder = tempfile::tempdir().expect("there should be room for a folder");
    let (output, secrets) = (folder.path().join("compose"), folder.path().join("secrets.json"));
    fs::write(&secrets, r#"{"db-password": "never-in-a-file"}"#).expect("the folder should be writable");
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/inputs/cli/app.json");
    let args = ["render", "--target", "compose", "--parameter-file"].map(OsStr::new);
    let more = [secrets.as_os_str(), OsStr::new("-o"), output.as_os_str(), manifest.as_os_str()];
    let outcome = aspire(&[&args[..], &more[..]].concat());
    assert!(outcome.err.contains("warning[no-effect]"), "{}", outcome.err);
    outcome.expect("`render --target compose`");
    let holds = |content: &Bytes| content.windows(15).any(|part| part == b"never-in-a-file");
    assert!(!tree(&output).values().any(holds));
}

//! A repository of charts on loopback, as helm adds it by URL, that can be told to fail; and a chart to put there.
//!
//! [`Registry`](crate::Registry) is the other way that charts are fetched. This module must not change what a chart
//! holds, except where a fault asks for it.

use crate::error::{Context as _, Error};
use crate::http::{self, Answer, Listener, Request};
use crate::kinds::package;
use crate::tools::{self, DEFAULT_HELM};
use base64::Engine as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What is wrong with a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RepositoryFault {
    /// Nothing.
    #[default]
    None,
    /// It accepts connections and does not answer, until the fault is taken away or a minute has passed.
    Hang,
    /// It has nothing: 404 to everything.
    NotFound,
    /// It has the index, but no chart: 404 to the packages.
    NoCharts,
    /// Its packages are not those of the index: the same content, in other bytes with another digest.
    OtherBytes,
    /// It answers 500 to everything.
    Broken,
}

#[derive(Debug, Default)]
struct State {
    fault: RepositoryFault,
    login: Option<String>,
    asked: Vec<String>,
}

/// A running repository; it ends when this is dropped. Its charts stay in its folder.
#[derive(Debug)]
pub struct ChartRepository {
    folder: PathBuf,
    state: Arc<Mutex<State>>,
    listener: Listener,
}

impl ChartRepository {
    /// Serves `folder`, which is made when it does not exist.
    pub fn start(folder: &Path) -> Result<Self, Error> {
        fs::create_dir_all(folder).context(|| format!("Cannot create {}", folder.display()))?;
        let state = Arc::new(Mutex::new(State::default()));
        let (shared, served) = (Arc::clone(&state), folder.to_owned());
        let listener = http::serve(move |request| answer(request, &shared, &served))?;
        let repository = Self { folder: folder.to_owned(), state, listener };
        repository.index()?;
        Ok(repository)
    }

    /// What helm is told: `http://127.0.0.1:<port>`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.listener.address())
    }

    /// Packages a chart folder in this version, with the default helm, and adds it. A version that is there already is
    /// replaced. Returns the package.
    pub fn add(&self, chart: &Path, version: &str) -> Result<PathBuf, Error> {
        let made = package(chart, version, &self.folder)?;
        self.index().map(|()| made)
    }

    /// Adds a package that is made already, such as [`cert_manager_chart`](crate::cert_manager_chart).
    pub fn add_package(&self, package: &Path) -> Result<(), Error> {
        let target = self.folder.join(package.file_name().unwrap_or_default());
        fs::copy(package, &target).context(|| format!("Cannot copy {}", package.display()))?;
        self.index()
    }

    /// From now on this is wrong with it.
    pub fn set_fault(&self, fault: RepositoryFault) {
        self.state().fault = fault;
    }

    /// From now on it wants this login (HTTP Basic).
    pub fn set_login(&self, user: &str, password: &str) {
        let login = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
        self.state().login = Some(format!("Basic {login}"));
    }

    /// The paths that were asked for so far, in order.
    #[must_use]
    pub fn asked(&self) -> Vec<String> {
        self.state().asked.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn index(&self) -> Result<(), Error> {
        let helm = tools::helm(DEFAULT_HELM).ok_or_else(|| Error::new("The test bed has no helm in its table."))?;
        let mut command = Command::new(tools::ensure(&[helm])?.join(helm.name));
        command.args(["repo", "index"]).arg(&self.folder).args(["--url", &self.url()]);
        command.env_clear().env("HOME", &self.folder);
        tools::run(command).map(|_| ())
    }
}

fn answer(request: &Request, state: &Mutex<State>, folder: &Path) -> Option<Answer> {
    let look = || state.lock().unwrap_or_else(PoisonError::into_inner);
    let (path, fault) = (request.path().to_owned(), look().fault);
    look().asked.push(path.clone());
    if fault == RepositoryFault::Hang {
        let polls = (0..600).take_while(|_| look().fault == RepositoryFault::Hang);
        polls.for_each(|_| std::thread::sleep(Duration::from_millis(100)));
        return None;
    }
    if look().login.as_ref().is_some_and(|login| login != request.header("authorization")) {
        return Some((401, Vec::new()));
    }
    let name = path.trim_start_matches('/');
    let missing = (404, b"there is no such file".to_vec());
    let file = (!name.contains("..")).then(|| fs::read(folder.join(name)).ok()).flatten();
    let Some(mut bytes) = file else { return Some(missing) };
    let chart = Path::new(name).extension().is_some_and(|end| end == "tgz");
    match fault {
        RepositoryFault::NotFound => return Some(missing),
        RepositoryFault::NoCharts if chart => return Some(missing),
        RepositoryFault::Broken => return Some((500, b"broken".to_vec())),
        // The operating system in the head of a gzip file (RFC 1952, section 2.3); nobody looks at it.
        RepositoryFault::OtherBytes if chart => bytes[9] ^= 1,
        _ => {}
    }
    Some((200, bytes))
}

/// The folder of a chart with a kind (`widgets.testbed.dev`, `kind: Widget`, `spec.size`), a Deployment and a Service
/// named after the release, and a Secret when the value `password` is given.
#[must_use]
pub fn widgets_chart() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/charts/widgets")
}

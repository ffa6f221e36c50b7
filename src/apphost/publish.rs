//! From an AppHost to its manifest: checks the SDK, builds the program, and runs it in its own folder.

use super::ask::{self, Reading, Setting};
use super::dotnet;
use super::error::Error;
use super::find::without_links;
use super::process::{Call, Ran, Stop};
use super::program::{Kind, Program};
use super::properties::Properties;
use super::reader::{self, Runtime};
use super::sdk;
use super::written::{Written, model};
use crate::support::diagnostic::{Code, Diagnostic};
use crate::support::{interrupt, read_file, temporary};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How often the size of the manifest is checked while the AppHost runs.
const LOOK: Duration = Duration::from_millis(200);

/// How long the model may take after the manifest is complete.
const MODEL_PATIENCE: Duration = Duration::from_secs(20);

/// The names of the files in a private folder.
const MANIFEST: &str = "aspire-manifest.json";
const MODEL: &str = "aspire-model.json";

/// What is wanted of an AppHost.
pub(crate) struct Request<'a> {
    pub program: &'a Program,
    /// Whether it is built before it runs.
    pub build: bool,
    /// The environment of the AppHost; `None` for that of the user's variables.
    pub environment: Option<&'a str>,
    /// The time limit for build and run together.
    pub limit: Duration,
    /// Whether the model is read too.
    pub model: bool,
    /// The file to write, which is empty; `None` for one in a private folder that is deleted afterwards.
    pub output: Option<&'a Path>,
    /// Receives progress messages.
    pub say: &'a dyn Fn(&str),
    /// Receives every line of the build and of the AppHost.
    pub log: Option<&'a dyn Fn(&str)>,
}

/// A manifest, complete.
#[derive(Debug)]
pub(crate) struct Published {
    pub bytes: Vec<u8>,
    /// The folder that its paths start from, without links.
    pub folder: PathBuf,
    /// Whether the AppHost was killed because it did not exit after its manifest was complete.
    pub lingered: bool,
    pub model: Model,
}

/// The model of an AppHost: what its manifest leaves out.
#[derive(Debug)]
pub(crate) enum Model {
    /// The JSON that the reader wrote.
    Read(Vec<u8>),
    /// Why no model was read.
    Missing(String),
    NotWanted,
}

/// Builds the AppHost, if requested, and runs it.
pub(crate) fn publish(request: &Request) -> Result<Published, Error> {
    // From here on a signal ends the process that runs, and then us, so that nothing is left behind.
    interrupt::hold();
    let dotnet = dotnet::find().ok_or_else(|| no_dotnet(request.program))?;
    let run = Run { request, dotnet, deadline: Instant::now().checked_add(request.limit) };
    let (target, directory) = run.built()?;
    let unwritable = |path: &Path, error: &std::io::Error| {
        Diagnostic::new(Code::UnwritableFile, "", format!("cannot write to {}: {error}", path.display()))
    };
    // Deleted when this function returns.
    let private = temporary::folder("apphost").map_err(|error| unwritable(&std::env::temp_dir(), &error))?;
    let output = request.output.map_or_else(|| private.path().join(MANIFEST), Path::to_owned);
    // Aspire makes paths relative by their text alone, so there must be no links in them.
    let folder =
        without_links(output.parent().unwrap_or(Path::new("."))).map_err(|error| unwritable(&output, &error))?;
    let output = folder.join(output.file_name().unwrap_or_default());
    let publishing = Publishing { target: &target, directory: &directory, output: &output };
    let reader = if request.model { Some(run.reader(&target)?) } else { None };
    (request.say)(&format!("running the AppHost {} for its manifest", request.program.shown.display()));
    let ((bytes, lingered), model) = match reader {
        None => (run.published(publishing, None)?, Model::NotWanted),
        Some(Err(why)) => (run.published(publishing, None)?, Model::Missing(why)),
        Some(Ok(reader)) => run.read(publishing, &reader, &private.path().join(MODEL))?,
    };
    Ok(Published { bytes, folder, lingered, model })
}

/// What runs, where, and the file that it writes.
#[derive(Clone, Copy)]
struct Publishing<'a> {
    target: &'a Path,
    directory: &'a Path,
    output: &'a Path,
}

fn no_dotnet(program: &Program) -> Diagnostic {
    let what = format!("{} is an AppHost, but there is no `dotnet` on the PATH", program.shown.display());
    let hint = "install the .NET SDK (https://dot.net/download), or write the manifest where it is installed (`kubectl \
                aspire manifest APPHOST -o DIR`) and pass that";
    Diagnostic::new(Code::DotnetUnavailable, "", what).hint(hint)
}

/// One request in progress.
struct Run<'a> {
    request: &'a Request<'a>,
    dotnet: PathBuf,
    deadline: Option<Instant>,
}

impl Run<'_> {
    /// The built program, and the folder to run it in.
    fn built(&self) -> Result<(PathBuf, PathBuf), Error> {
        let program = self.request.program;
        let shown = program.shown.display();
        if program.kind == Kind::Built {
            return Ok((program.path.clone(), program.folder().to_owned()));
        }
        self.check_sdk()?;
        if self.request.build {
            // A project without a mark could be anything, and take long to build.
            if !program.is_marked {
                self.properties(false)?;
            }
            (self.request.say)(&format!("building the AppHost {shown}"));
        }
        let found = self.properties(self.request.build)?;
        let failed = |what: String| Diagnostic::new(Code::AppHostBuildFailed, "", what);
        if found.target.as_os_str().is_empty() {
            let diagnostic = failed(format!("{shown} builds no single program: it has several target frameworks"));
            return Err(diagnostic.hint("keep one in the project, or pass the built program (.dll)").into());
        }
        if !found.target.is_file() {
            let diagnostic = failed(format!("{shown} is not built: there is no {}", found.target.display()));
            let hint = if self.request.build { "-v shows the output of the build" } else { "omit --no-build" };
            return Err(diagnostic.hint(hint).into());
        }
        let directory = found.directory.filter(|folder| folder.is_dir());
        Ok((found.target, directory.unwrap_or_else(|| program.folder().to_owned())))
    }

    fn check_sdk(&self) -> Result<(), Error> {
        let program = self.request.program;
        let ran = self.run(ask::version(), program.folder(), self.plain(), &mut || false)?;
        let unavailable = |what: String| {
            let hint =
                "install that version of the .NET SDK (https://dot.net/download), or pass the built program (.dll)";
            Diagnostic::new(Code::DotnetUnavailable, "", what).hint(hint)
        };
        let shown = program.shown.display();
        if ran.stop != Stop::Ended(None) {
            let said = indented(&ran.lines.chosen());
            return Err(self
                .stopped(&ran, "asking for the SDK")
                .unwrap_or_else(|| unavailable(format!("`dotnet` finds no SDK to build {shown} with{said}")).into()));
        }
        Ok(sdk::check(&ran.output, program.kind).map_err(|why| unavailable(format!("cannot build {shown}: {why}")))?)
    }

    /// The properties of the program, which must be an AppHost: builds it, or only evaluates it. A build that only lacks the
    /// bundle of the Aspire CLI is repeated with a stand-in.
    fn properties(&self, builds: bool) -> Result<Properties, Error> {
        let program = self.request.program;
        let arguments = if builds { ask::build(program) } else { ask::evaluate(program) };
        let mut ran = self.run(arguments.clone(), program.folder(), self.plain(), &mut || false)?;
        if matches!(ran.stop, Stop::Ended(Some(_))) && builds && ran.lines.mention(ask::WANTS_BUNDLE) {
            let setting = Setting { without_bundle: true, ..self.plain() };
            ran = self.run(arguments, program.folder(), setting, &mut || false)?;
        }
        let shown = program.shown.display();
        if let Some(error) = self.stopped(&ran, "building") {
            return Err(error);
        }
        let failed =
            |what: String| Diagnostic::new(Code::AppHostBuildFailed, "", what).hint("-v shows the whole output");
        let said = indented(&ran.lines.chosen());
        if let Stop::Ended(Some(ended)) = ran.stop {
            return Err(failed(format!("building {shown} {ended}{said}")).into());
        }
        let found = Properties::parse(&ran.output)
            .ok_or_else(|| failed(format!("`dotnet build` does not say what it built of {shown}{said}")))?;
        if !found.is_app_host {
            return Err(not_an_app_host(program).into());
        }
        Ok(found)
    }

    /// The compiled reader of models, or why it cannot be used.
    fn reader(&self, target: &Path) -> Result<Result<PathBuf, String>, Error> {
        let config = target.with_extension("runtimeconfig.json");
        let runtime = match Runtime::parse(&read_file::found(&config).unwrap_or_default()) {
            Ok(runtime) => runtime,
            Err(why) => return Ok(Err(why)),
        };
        let compile = |arguments| {
            (self.request.say)("compiling the reader of AppHosts, once for this version of .NET");
            let ran = self.run(arguments, self.request.program.folder(), self.plain(), &mut || false)?;
            match ran.stop {
                Stop::Ended(None) => Ok(Ok(())),
                Stop::Interrupted => Err(self.interrupted()),
                _ => Ok(Err(ran.lines)),
            }
        };
        reader::reader(&runtime.framework, &compile)
    }

    /// Manifest and model. A run with the reader that fails is repeated without it.
    fn read(&self, publishing: Publishing, reader: &Path, file: &Path) -> Result<((Vec<u8>, bool), Model), Error> {
        let reading = Reading { reader, model: file, manifest: publishing.output };
        match self.published(publishing, Some(reading)) {
            Ok(published) => {
                Ok((published, model(read_file::found(file).ok()).map_or_else(Model::Missing, Model::Read)))
            }
            Err(Error::Failed(failed)) if failed.code == Code::AppHostFailed => {
                if let Err(error) = std::fs::write(publishing.output, b"") {
                    let what = format!("cannot write to {}: {error}", publishing.output.display());
                    return Err(Diagnostic::new(Code::UnwritableFile, "", what).into());
                }
                let published = self.published(publishing, None)?;
                Ok((published, Model::Missing(format!("with the reader, {}", failed.what))))
            }
            Err(error) => Err(error),
        }
    }

    /// The manifest, and whether the AppHost had to be killed after it.
    fn published(&self, publishing: Publishing, reading: Option<Reading>) -> Result<(Vec<u8>, bool), Error> {
        let Publishing { target, directory, output } = publishing;
        let shown = self.request.program.shown.display();
        let read = || read_file::found(output).unwrap_or_default();
        let (mut looked, mut size, mut whole) = (Instant::now(), 0, None::<Instant>);
        let mut is_done = || {
            if looked.elapsed() >= LOOK {
                looked = Instant::now();
                let now = output.metadata().map_or(0, |metadata| metadata.len());
                if now != size {
                    size = now;
                    whole = (Written::of(&read()) == Written::Whole).then_some(looked);
                }
            }
            let is_read = |since: Instant| {
                reading.is_none_or(|reading| reading.model.is_file()) || since.elapsed() > MODEL_PATIENCE
            };
            whole.is_some_and(is_read)
        };
        let setting = Setting { reading, ..self.plain() };
        let ran = self.run(ask::publish(target, output), directory, setting, &mut is_done)?;
        if let Some(error) = self.stopped(&ran, "running") {
            return Err(error);
        }
        let bytes = read();
        let failure = match ran.stop {
            Stop::Ended(ended) => Written::of(&bytes).failure(ended),
            _ => None,
        };
        match failure {
            None => Ok((bytes, ran.stop == Stop::Lingered)),
            Some(why) => {
                let what = format!("the AppHost {shown} {why}{}", indented(&ran.lines.chosen()));
                Err(Diagnostic::new(Code::AppHostFailed, "", what).hint("-v shows its whole output").into())
            }
        }
    }

    /// The setting of a run that reads no model.
    fn plain(&self) -> Setting<'_> {
        Setting { environment: self.request.environment, ..Setting::default() }
    }

    fn run(
        &self,
        arguments: Vec<OsString>,
        directory: &Path,
        setting: Setting,
        is_done: &mut dyn FnMut() -> bool,
    ) -> Result<Ran, Error> {
        if interrupt::stopped() {
            return Err(self.interrupted());
        }
        let variables = ask::variables(std::env::vars_os(), setting);
        let call = Call {
            program: &self.dotnet,
            arguments,
            variables: &variables,
            directory,
            deadline: self.deadline,
            log: self.request.log,
        };
        Ok(call.run(is_done).map_err(|error| {
            let what = format!("{} cannot be started: {error}", self.dotnet.display());
            Diagnostic::new(Code::DotnetUnavailable, "", what).hint("install the .NET SDK (https://dot.net/download)")
        })?)
    }

    fn interrupted(&self) -> Error {
        let what = format!("publishing the manifest of {} was interrupted", self.request.program.shown.display());
        Error::Interrupted(Box::new(Diagnostic::new(Code::Interrupted, "", what)))
    }

    /// The error of a process that was stopped before its work was done.
    fn stopped(&self, ran: &Ran, doing: &str) -> Option<Error> {
        let shown = self.request.program.shown.display();
        match ran.stop {
            Stop::Late => {
                let seconds = self.request.limit.as_secs();
                let said = indented(&ran.lines.chosen());
                let what = format!("{doing} {shown} did not end within {seconds} s and was stopped{said}");
                Some(
                    Diagnostic::new(Code::AppHostTimedOut, "", what)
                        .hint("--apphost-timeout gives it more time")
                        .into(),
                )
            }
            Stop::Interrupted => Some(self.interrupted()),
            Stop::Ended(_) | Stop::Lingered => None,
        }
    }
}

fn not_an_app_host(program: &Program) -> Diagnostic {
    let what = format!("{} is not an AppHost: its property IsAspireHost is not true", program.shown.display());
    Diagnostic::new(Code::NotAnAppHost, "", what).hint("pass the project that has `Sdk=\"Aspire.AppHost.Sdk/VERSION\"`")
}

fn indented(lines: &[String]) -> String {
    if lines.is_empty() { String::new() } else { format!(":\n  {}", lines.join("\n  ")) }
}

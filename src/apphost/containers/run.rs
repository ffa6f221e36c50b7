//! Runs `dotnet` twice: to ask all projects, and to build and push the images of those that have one.

use super::facts::{Facts, Way};
use super::outcome::{Errors, Made, images, numbers};
use super::projects::{self, Entry};
use crate::apphost::process::{Call, Stop};
use crate::apphost::{Error, ask, dotnet};
use crate::support::diagnostic::{Code, Diagnostic};
use crate::support::{interrupt, read_file, temporary};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::Path;

/// The variable with registries that the SDK speaks plain HTTP to, beside `localhost`.
const INSECURE: &str = "DOTNET_CONTAINER_INSECURE_REGISTRIES";

/// The project of a resource, and where its image goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ProjectImage {
    pub resource: String,
    /// The absolute path of the project file, without links.
    pub project: String,
    /// The host of the registry, with its port.
    pub registry: String,
    /// The path in the registry.
    pub repository: String,
    pub tag: String,
}

/// Projects whose images are wanted.
pub(crate) struct BuildRequest<'a> {
    pub images: &'a [ProjectImage],
    /// The folder that `dotnet` runs in: `global.json` there, or above it, chooses the SDK.
    pub directory: &'a Path,
    /// Receives progress messages.
    pub say: &'a dyn Fn(&str),
    /// Receives every line of the build.
    pub log: Option<&'a dyn Fn(&str)>,
}

/// Builds the images and pushes them: for each one, in the order of the request, what was made or why it failed. One that
/// fails does not stop the others.
pub(crate) fn build(request: &BuildRequest) -> Result<Vec<Result<Made, Diagnostic>>, Error> {
    interrupt::hold();
    let Some(dotnet) = dotnet::find() else {
        let diagnostic =
            Diagnostic::new(Code::DotnetUnavailable, "", "there is no `dotnet` on the PATH to build images with");
        return Err(diagnostic.hint("install the .NET SDK (https://dot.net/download)").into());
    };
    // Deleted when this function returns.
    let private = temporary::folder("images").map_err(|error| unwritable(&std::env::temp_dir(), &error))?;
    let run = Run { request, dotnet: &dotnet, folder: private.path(), errors: RefCell::default() };
    (request.say)(&format!("asking {} for their properties", counted(request.images.len())));
    let ways = run.ways()?;
    let entries: Vec<Entry> = ways.iter().filter_map(|(number, way)| run.entry(*number, way.as_ref().ok()?)).collect();
    let mut made = BTreeMap::new();
    let mut built = BTreeSet::new();
    if !entries.is_empty() {
        (request.say)(&format!("building and pushing {}", counted(entries.len())));
        run.start("images.proj", &projects::building(&entries), &["-restore"], projects::IMAGES)?;
        made = images(&run.read(projects::IMAGES));
        built = numbers(&run.read(projects::BUILT));
    }
    let outcome = |(number, image): (usize, &ProjectImage)| match (made.remove(&number), ways.get(&number)) {
        (Some(made), _) => Ok(made),
        (None, Some(Err(why))) => Err(none(image, why)),
        (None, _) => Err(run.failed(image, built.contains(&number))),
    };
    Ok(request.images.iter().enumerate().map(outcome).collect())
}

struct Run<'a> {
    request: &'a BuildRequest<'a>,
    dotnet: &'a Path,
    /// Private, for the generated projects and what they write.
    folder: &'a Path,
    errors: RefCell<Errors>,
}

impl Run<'_> {
    /// How the image of each project is made, or why it has none; nothing for a project that cannot be evaluated.
    fn ways(&self) -> Result<BTreeMap<usize, Result<Way, String>>, Error> {
        self.write(projects::SAYS, &projects::says())?;
        let paths = self.request.images.iter().enumerate().map(|(number, image)| (number, image.project.as_str()));
        self.start("ask.proj", &projects::asking(paths), &[], projects::SAID)?;
        let said = self.read(projects::SAID);
        Ok(said.lines().filter_map(Facts::parse).map(|(number, facts)| (number, facts.way())).collect())
    }

    fn entry(&self, number: usize, way: &Way) -> Option<Entry<'_>> {
        let image = self.request.images.get(number)?;
        Some(Entry {
            number,
            path: &image.project,
            registry: &image.registry,
            repository: &image.repository,
            tag: &image.tag,
            way: way.clone(),
        })
    }

    /// Writes a project and runs MSBuild on it. Its exit code says nothing: what it wrote does, most of all the file that is
    /// its result.
    fn start(&self, name: &str, text: &str, more: &[&str], result: &str) -> Result<(), Error> {
        self.write(name, text)?;
        let mut arguments = vec![OsString::from("msbuild"), self.folder.join(name).into_os_string()];
        arguments.extend(["-m", "-nologo", "-verbosity:minimal"].iter().chain(more).map(OsString::from));
        let variables = self.variables();
        let log = |line: &str| {
            let projects = self.request.images.iter().map(|image| image.project.as_str());
            self.errors.borrow_mut().take(line, projects);
            if let Some(log) = self.request.log {
                log(line);
            }
        };
        let call = Call {
            program: self.dotnet,
            arguments,
            variables: &variables,
            directory: self.request.directory,
            deadline: None,
            log: Some(&log),
        };
        let ran = call.run(&mut || false).map_err(|error| {
            let what = format!("{} cannot be started: {error}", self.dotnet.display());
            Diagnostic::new(Code::DotnetUnavailable, "", what).hint("install the .NET SDK (https://dot.net/download)")
        })?;
        if ran.stop == Stop::Interrupted {
            let what = "building images was interrupted; images that were pushed before stay in the registry";
            return Err(Error::Interrupted(Box::new(Diagnostic::new(Code::Interrupted, "", what))));
        }
        // Without a file of the run, MSBuild itself could not work: no SDK, for example.
        if !self.folder.join(result).exists() && self.errors.borrow().is_empty() {
            let said = ran.lines.chosen().join("\n  ");
            let what = format!("`dotnet msbuild` built nothing:\n  {said}");
            return Err(Diagnostic::new(Code::ImageBuildFailed, "", what).hint("-v shows its whole output").into());
        }
        Ok(())
    }

    /// Those of a build of an AppHost, and the registries of loopback, which have no TLS.
    fn variables(&self) -> Vec<(OsString, OsString)> {
        let mut variables = ask::variables(std::env::vars_os(), ask::Setting::default());
        let own = variables.iter().position(|(name, _)| name == INSECURE).map(|at| variables.swap_remove(at).1);
        let mut all: Vec<String> = own.map(|own| own.to_string_lossy().into_owned()).into_iter().collect();
        for image in self.request.images.iter().filter(|image| is_loopback(&image.registry)) {
            if !all.contains(&image.registry) {
                all.push(image.registry.clone());
            }
        }
        if !all.is_empty() {
            variables.push((INSECURE.into(), all.join(",").into()));
        }
        variables
    }

    fn failed(&self, image: &ProjectImage, was_built: bool) -> Diagnostic {
        let errors = self.errors.borrow();
        let doing = if was_built { "publishing" } else { "building" };
        let lines: &[String] = if was_built && !errors.has(&image.project) { &[] } else { errors.of(&image.project) };
        let said = if lines.is_empty() { String::new() } else { format!(":\n  {}", lines.join("\n  ")) };
        let what = format!("{doing} the image of `{}` failed{said}", image.resource);
        Diagnostic::new(Code::ImageBuildFailed, "", what).hint("-v shows the whole output")
    }

    fn write(&self, name: &str, text: &str) -> Result<(), Error> {
        let path = self.folder.join(name);
        Ok(temporary::write(&path, text.as_bytes()).map_err(|error| unwritable(&path, &error))?)
    }

    fn read(&self, name: &str) -> String {
        String::from_utf8_lossy(&read_file::found(&self.folder.join(name)).unwrap_or_default()).into_owned()
    }
}

fn none(image: &ProjectImage, why: &str) -> Diagnostic {
    let what = format!("the project of `{}` makes no image: {why} ({})", image.resource, image.project);
    let hint = format!("change it in the project, or set `resources.{}.image` in aspire-k8s.yaml", image.resource);
    Diagnostic::new(Code::NoProjectImage, "", what).hint(hint)
}

fn unwritable(path: &Path, error: &std::io::Error) -> Diagnostic {
    Diagnostic::new(Code::UnwritableFile, "", format!("cannot write to {}: {error}", path.display()))
}

/// Whether nobody between this machine and the registry could listen.
fn is_loopback(registry: &str) -> bool {
    let host = registry.rsplit_once(':').map_or(registry, |(host, _)| host);
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn counted(count: usize) -> String {
    if count == 1 { "1 project".to_owned() } else { format!("{count} projects") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_is_spoken_to_in_clear() {
        for (registry, expected) in [
            ("localhost:5000", true),
            ("127.0.0.1:5000", true),
            ("127.9.9.9", true),
            ("[::1]:5000", true),
            ("ghcr.io", false),
            ("10.0.0.7:5000", false),
            ("localhost.example.com:5000", false),
        ] {
            assert_eq!(is_loopback(registry), expected, "{registry}");
        }
    }
}

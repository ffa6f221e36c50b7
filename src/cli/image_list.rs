//! `images`: lists what must be built and what is pulled. It builds nothing.

use super::args::{Common, ImageList};
use super::images;
use super::project::{Project, given};
use super::rendered::Rendered;
use super::{CliError, Exit, output};
use crate::apphost;
use crate::images::{self as image, BuiltImage, Known, Listed, Platform};
use crate::inputs::Given;
use crate::support::diagnostic::Code;
use crate::targets::kubernetes::{image_references, wait_images};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Prints what must be built and what is pulled.
pub(super) fn images(common: &Common, options: &ImageList) -> Result<Exit, CliError> {
    let project = Project::load(&options.source)?;
    let flags = images::parse(&options.images)?;
    let rendered = project.render(common.environment.as_deref(), &flags)?;
    let given = given(&options.parameters, &flags, &rendered)?;
    let listed = list(&project, &rendered, &given, &options.platforms)?;
    for warning in &listed.warnings {
        let about = if warning.resource.is_empty() { String::new() } else { format!("{}: ", warning.resource) };
        output::warn(warning.code, &format!("{about}{}", warning.text));
    }
    warn_of_missing_files(&project, &listed);
    match options.output.data() {
        Some(form) => output::data(&listed, form),
        None => output::document(&text(&listed)),
    }
    Ok(Exit::Done)
}

/// The images of a rendered application; paths start from the current folder.
pub(super) fn list(
    project: &Project,
    rendered: &Rendered,
    given: &Given,
    platforms: &[String],
) -> Result<Listed, CliError> {
    let (builds, inputs) = project.builds(rendered)?;
    let (path, _) = project.described_in();
    let folders = Folders::of(path);
    let references = image_references(&rendered.plan);
    let workloads = rendered.plan.workloads.iter();
    let known = Known {
        app: &rendered.app,
        inputs: &inputs,
        given: &|name| given.value(name).map(str::to_owned),
        hosts: workloads.map(|it| (it.resource.clone(), it.view.name.clone())).collect(),
        references: &references,
        waits: wait_images(&rendered.plan),
        platforms: platforms.iter().filter_map(|name| Platform::named(name)).collect(),
        path: &|path| folders.path(path),
    };
    Ok(image::list(&builds, &known))
}

/// The folder of the manifest and the current one, without links; `None` where one of them cannot be read.
struct Folders(Option<(PathBuf, PathBuf)>);

impl Folders {
    fn of(manifest: &Path) -> Self {
        let folder = manifest.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let here = std::env::current_dir().and_then(|folder| folder.canonicalize());
        Self(folder.canonicalize().ok().zip(here.ok()))
    }

    /// A path of the manifest as it is from the current folder.
    fn path(&self, path: &str) -> String {
        match &self.0 {
            Some((from, to)) => apphost::rebased(path, from, to),
            None => path.to_owned(),
        }
    }
}

/// Says which files are not there. An AppHost writes the Dockerfiles that it generates beside its manifest only.
fn warn_of_missing_files(project: &Project, listed: &Listed) {
    let (source, is_manifest) = project.described_in();
    for image in &listed.built {
        for path in image.project.iter().chain(&image.context).chain(&image.dockerfile) {
            if Path::new(path).exists() {
                continue;
            }
            let mut text = format!("{}: there is no {path}", image.resource);
            if !is_manifest && image.dockerfile.as_ref() == Some(path) {
                let _ = write!(
                    text,
                    "; if the AppHost generates it, `kubectl aspire manifest {} -o DIR` writes it: then pass DIR",
                    source.display()
                );
            }
            output::warn(Code::UnreadableFile, &text);
        }
    }
}

fn text(listed: &Listed) -> String {
    let mut out = String::new();
    if listed.built.iter().any(|image| image.reference.is_none() && !image.build_only) {
        out.push_str("# the commands read the tag from the variable TAG; --tag writes it into them\n\n");
    }
    for image in &listed.built {
        // Writing to a String cannot fail.
        let _ = writeln!(out, "{}", described(image));
    }
    for image in &listed.pulled {
        let users = if image.used_by.is_empty() { "waiting pods".to_owned() } else { image.used_by.join(", ") };
        let _ = writeln!(out, "{}  pulled, for {users}", image.reference);
    }
    if out.is_empty() { "the application has no images\n".to_owned() } else { out }
}

fn described(image: &BuiltImage) -> String {
    let name = match (&image.reference, image.build_only) {
        (Some(reference), _) => reference.clone(),
        (None, true) => format!("{}, a source of files: nothing runs it", image.repository),
        (None, false) => format!("{}:$TAG", image.repository),
    };
    let mut out = format!("{}  {name}\n", image.resource);
    let mut line = |what: &str, text: &str| {
        let _ = writeln!(out, "  {what:<10}  {}", text.replace('\n', "\\n"));
    };
    let parts = [
        ("project", &image.project),
        ("Dockerfile", &image.dockerfile),
        ("context", &image.context),
        ("stage", &image.stage),
    ];
    for (what, part) in parts {
        if let Some(part) = part {
            line(what, part);
        }
    }
    for argument in &image.arguments {
        let name = &argument.name;
        line(
            "argument",
            &match (&argument.value, &argument.expression) {
                (Some(value), _) => format!("{name}={value}"),
                (None, Some(expression)) => format!("{name}, from the variable {name}: set it to {expression}"),
                (None, None) => format!("{name}, from the variable {name}"),
            },
        );
    }
    for secret in &image.secrets {
        let inputs = secret.inputs.join(", ");
        let value = if inputs.is_empty() { String::new() } else { format!(": set it to the value of {inputs}") };
        line(
            "secret",
            &match (&secret.variable, &secret.file) {
                (Some(variable), _) => format!("{}, from the variable {variable}{value}", secret.id),
                (None, file) => format!("{}, from the file {}", secret.id, file.as_deref().unwrap_or_default()),
            },
        );
    }
    for files in &image.container_files {
        line("files", &format!("{} of {}, at {}", files.sources.join(", "), files.from, files.destination));
    }
    if !image.platforms.is_empty() {
        line("platform", &image.platforms.join(", "));
    }
    for command in &image.commands {
        let _ = writeln!(out, "  {command}");
    }
    out
}

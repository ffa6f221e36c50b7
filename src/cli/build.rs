//! `build`: builds the images of .NET projects and pushes them.

use super::args::{Build, Common};
use super::project::Project;
use super::{CliError, Exit, image_list, images, output};
use crate::apphost::{self, BuildRequest, Error, Made, ProjectImage};
use crate::images::{BuiltImage, Listed, Saved};
use crate::inputs::Given;
use crate::report::harmless;
use crate::support::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::support::image;
use indexmap::IndexMap;
use std::path::Path;

/// The tag of an image for which nobody chose one: it is deployed by its digest.
const NO_TAG: &str = "latest";

/// Builds and pushes the images of all projects.
pub(super) fn build(common: &Common, options: &Build) -> Result<Exit, CliError> {
    let project = Project::load(&options.source)?;
    let flags = images::parse(&options.images)?;
    let rendered = project.render(common.environment.as_deref(), &flags)?;
    let listed = image_list::list(&project, &rendered, &Given::default(), &[])?;
    let wanted = wanted(&listed)?;
    warn_of_others(&listed);
    if wanted.is_empty() {
        output::say("the application has no projects whose images are to be built");
        return Ok(Exit::Done);
    }
    let request = BuildRequest {
        images: &wanted,
        directory: project.described_in().0.parent().filter(|it| !it.as_os_str().is_empty()).unwrap_or(Path::new(".")),
        say: &output::say,
        log: if options.source.beside.app_host.verbose { Some(&output::say) } else { None },
    };
    let made = apphost::build_images(&request).map_err(|error| match error {
        Error::Failed(diagnostic) => CliError::Input((*diagnostic).into()),
        Error::Interrupted(diagnostic) => CliError::Interrupted((*diagnostic).into()),
    })?;
    let saved = told(&wanted, made)?;
    if let Some(path) = &options.save {
        output::file(path, &saved.to_text())?;
        let count = output::counted(saved.images.len(), "image", "images");
        output::say(&format!("{count} written to {}; deploy with --images-file {0}", path.display()));
    }
    Ok(Exit::Done)
}

/// The projects to build, all of which must have a registry and be there.
fn wanted(listed: &Listed) -> Result<Vec<ProjectImage>, CliError> {
    let mut diagnostics = Diagnostics::default();
    let mut wanted = Vec::new();
    for (built, project) in listed.built.iter().filter_map(|built| Some((built, built.project.as_ref()?))) {
        match project_image(built, project) {
            Ok(image) => wanted.push(image),
            Err(diagnostic) => diagnostics.push(diagnostic),
        }
    }
    diagnostics.or(wanted).map_err(CliError::Input)
}

fn project_image(built: &BuiltImage, project: &str) -> Result<ProjectImage, Diagnostic> {
    let BuiltImage { resource, repository, tag, .. } = built;
    if !repository.contains('/') {
        let what = format!("the image of `{resource}` has no registry to push it to");
        return Err(Diagnostic::new(Code::RegistryMissing, "", what).hint("pass --registry, such as ghcr.io/contoso"));
    }
    let path = Path::new(project).canonicalize().map_err(|error| {
        Diagnostic::new(
            Code::UnreadableFile,
            "",
            format!("the project of `{resource}`, {project}, cannot be read: {error}"),
        )
    })?;
    let project = path.into_os_string().into_string().map_err(|path| {
        let what = format!("the path of the project of `{resource}` is not UTF-8: {}", path.display());
        Diagnostic::new(Code::UnreadableFile, "", what)
    })?;
    let (registry, path) = image::registry_of(repository);
    Ok(ProjectImage {
        resource: resource.clone(),
        project,
        registry: registry.unwrap_or("docker.io").to_owned(),
        repository: path.to_owned(),
        tag: tag.as_deref().unwrap_or(NO_TAG).to_owned(),
    })
}

/// Images of other kinds are not built here.
fn warn_of_others(listed: &Listed) {
    let others: Vec<&str> =
        listed.built.iter().filter(|built| built.project.is_none()).map(|built| built.resource.as_str()).collect();
    if !others.is_empty() {
        let text = format!(
            "`{}`: an image of a Dockerfile is not built by this command; `kubectl aspire images` prints the commands",
            others.join("`, `")
        );
        output::warn(Code::NotBuilt, &text);
    }
}

/// Prints what was made, and returns its references; the errors of what was not made.
fn told(wanted: &[ProjectImage], made: Vec<Result<Made, Diagnostic>>) -> Result<Saved, CliError> {
    let mut diagnostics = Diagnostics::default();
    let mut references = IndexMap::new();
    for (image, made) in wanted.iter().zip(made) {
        let ProjectImage { resource, registry, repository, tag, .. } = image;
        let name = format!("{registry}/{repository}:{tag}");
        let reference = match made {
            Ok(Made::Digest(digest)) => format!("{name}@{digest}"),
            Ok(Made::Index) => {
                let text = format!(
                    "{resource}: its image is for several platforms, and the SDK does not say its digest: it is named by \
                     its tag"
                );
                output::warn(Code::DigestUnknown, &text);
                name
            }
            Err(diagnostic) => {
                diagnostics.push(diagnostic);
                continue;
            }
        };
        output::line(&harmless(&format!("{resource}  {reference}")));
        references.insert(resource.clone(), reference);
    }
    diagnostics.or(Saved::new(references)).map_err(CliError::Input)
}

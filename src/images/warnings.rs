//! What will not work as it seems to, said before an image is built.

use super::known::Known;
use super::rows::{BuiltImage, Kind, Warning};
use crate::app::{Build, BuildKind};
use crate::support::diagnostic::Code;

/// Prefixes of variables that the tools of front ends copy into the files that they build.
const BUILD_TIME: [&str; 3] = ["VITE_", "NEXT_PUBLIC_", "REACT_APP_"];

/// The warnings about one image.
pub(super) fn of(build: &Build, image: &BuiltImage, known: &Known) -> Vec<Warning> {
    let warnings = [build_time_variables(build), secret_arguments(build, known), files(build, image), latest(image)];
    let resource = &build.resource;
    let warning = |(code, text)| Warning { code, resource: resource.clone(), text };
    warnings.into_iter().flatten().map(warning).collect()
}

/// What holds for all images together.
pub(super) fn of_all(built: &[BuiltImage]) -> Option<Warning> {
    let lacks_registry = |image: &&BuiltImage| !image.build_only && !image.repository.contains('/');
    let names: Vec<&str> = built.iter().filter(lacks_registry).map(|image| image.repository.as_str()).collect();
    let text = format!(
        "`{}` has no registry: it stays in the engine that builds it, and other machines cannot pull it; pass --registry",
        names.join("`, `")
    );
    (!names.is_empty()).then(|| Warning { code: Code::RegistryMissing, resource: String::new(), text })
}

fn build_time_variables(build: &Build) -> Option<(Code, String)> {
    let BuildKind::Dockerfile { arguments, .. } = &build.kind else { return None };
    let is_copied = |name: &&String| BUILD_TIME.iter().any(|prefix| name.starts_with(prefix));
    let is_given = |name: &&String| arguments.iter().any(|argument| argument.name == **name);
    let names: Vec<&str> =
        build.variables.iter().filter(is_copied).filter(|name| !is_given(name)).map(String::as_str).collect();
    let what = "set for the container, but read when the image is built: pass it as a build argument";
    (!names.is_empty()).then(|| (Code::BuildTimeVariable, format!("`{}` is {what}", names.join("`, `"))))
}

fn secret_arguments(build: &Build, known: &Known) -> Option<(Code, String)> {
    let BuildKind::Dockerfile { arguments, .. } = &build.kind else { return None };
    let is_secret = |name: &str| known.inputs.get(name).is_some_and(|input| input.secret);
    let holds = |value: &crate::app::Value| value.inputs().any(|(name, _)| is_secret(name));
    let names: Vec<&str> = arguments
        .iter()
        .filter(|argument| argument.value.as_ref().is_some_and(holds))
        .map(|argument| argument.name.as_str())
        .collect();
    let what = "holds a secret, which stays in the history of the image: pass it as a build secret";
    (!names.is_empty()).then(|| (Code::SecretInImage, format!("the build argument `{}` {what}", names.join("`, `"))))
}

fn files(build: &Build, image: &BuiltImage) -> Option<(Code, String)> {
    let others: Vec<&str> = build.files.keys().map(String::as_str).collect();
    let command = if image.kind == Kind::Project { "dotnet publish" } else { "docker build" };
    let text = format!(
        "its image must hold files of the image of `{}`, which `{command}` does not copy: build it with `aspire do \
         build`, or copy them in a Dockerfile (`COPY --from`)",
        others.join("`, `")
    );
    (!others.is_empty()).then_some((Code::ChangedInCluster, text))
}

fn latest(image: &BuiltImage) -> Option<(Code, String)> {
    let text = "its tag is `latest`: a deploy of the next build changes nothing and restarts nothing";
    let is_latest = image.tag.as_deref() == Some("latest") || image.reference.as_ref() == Some(&image.repository);
    is_latest.then(|| (Code::MovingTag, text.to_owned()))
}

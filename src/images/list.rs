//! From the builds of an application to the list of its images.

use super::commands::{self, Goal};
use super::known::Known;
use super::rows::{Argument, BuiltImage, Files, Kind, Listed, PulledImage, Secret};
use super::{values, warnings};
use crate::app::{self, Build, BuildKind, Image, Origin};
use crate::support::image;
use crate::targets::kubernetes::ImageReference;
use indexmap::IndexMap;

/// What must be built, in the order of the manifest, and what is pulled.
pub(crate) fn list(builds: &[Build], known: &Known) -> Listed {
    // A digest names an image that exists.
    let exists = |build: &&Build| known.references.get(&build.resource).is_some_and(|it| !it.digest.is_empty());
    let mut listed = Listed { built: Vec::new(), pulled: pulled(known), warnings: Vec::new() };
    for build in builds.iter().filter(|build| !exists(build)) {
        let image = built(build, known);
        listed.warnings.extend(warnings::of(build, &image, known));
        listed.built.push(image);
    }
    listed.warnings.extend(warnings::of_all(&listed.built));
    listed
}

/// The images that are not built, each once, in the order of the application.
fn pulled(known: &Known) -> Vec<PulledImage> {
    let mut users: IndexMap<String, Vec<String>> = IndexMap::new();
    for (resource, workload) in &known.app.workloads {
        let Some(reference) = known.references.get(resource) else { continue };
        let is_built = workload.image == Image::Built && reference.digest.is_empty();
        if let Some(text) = reference.text().filter(|_| !is_built) {
            users.entry(text).or_default().push(resource.clone());
        }
    }
    for image in &known.waits {
        users.entry(image.clone()).or_default();
    }
    users.into_iter().map(|(reference, used_by)| PulledImage { reference, used_by }).collect()
}

fn built(build: &Build, known: &Known) -> BuiltImage {
    let reference = known.references.get(&build.resource).filter(|_| !build.only);
    let own =
        ImageReference { name: image::repository_of(&build.resource), tag: Some(String::new()), ..Default::default() };
    let to = reference.unwrap_or(&own);
    let goal =
        Goal { name: &to.name, tag: to.tag.as_deref(), pushes: to.name.contains('/'), platforms: &known.platforms };
    let mut image = BuiltImage {
        resource: build.resource.clone(),
        kind: Kind::Project,
        project: None,
        context: None,
        dockerfile: None,
        stage: None,
        arguments: Vec::new(),
        secrets: Vec::new(),
        container_files: build.files.iter().map(files).collect(),
        platforms: known.platforms.iter().map(|platform| platform.name).collect(),
        build_only: build.only,
        repository: to.name.clone(),
        tag: to.tag.clone().filter(|tag| !tag.is_empty()),
        reference: reference.and_then(ImageReference::text),
        commands: Vec::new(),
    };
    match &build.kind {
        BuildKind::Project { path } => {
            let path = (known.path)(path);
            image.commands = commands::project(&path, &goal);
            image.project = Some(path);
        }
        BuildKind::Dockerfile { context, dockerfile, stage, arguments, secrets } => {
            let (context, dockerfile) = ((known.path)(context), (known.path)(dockerfile));
            image.kind = Kind::Dockerfile;
            image.arguments = arguments.iter().map(|it| argument(it, known)).collect();
            image.secrets = secrets.iter().map(|it| secret(it, known)).collect();
            let file = commands::Dockerfile {
                context: &context,
                file: &dockerfile,
                stage: stage.as_deref(),
                arguments: &image.arguments,
                secrets: &image.secrets,
            };
            image.commands = commands::dockerfile(&file, &goal);
            (image.context, image.dockerfile, image.stage) = (Some(context), Some(dockerfile), stage.clone());
        }
    }
    image
}

fn files((from, files): (&String, &crate::manifest::ContainerFiles)) -> Files {
    Files { from: from.clone(), sources: files.sources.clone(), destination: files.destination.clone() }
}

fn argument(argument: &app::Argument, known: &Known) -> Argument {
    let value = argument.value.as_ref();
    let text = value.and_then(|value| values::text(value, known));
    let open = value.filter(|_| text.is_none());
    Argument {
        name: argument.name.clone(),
        expression: open.map(|value| values::expression(value, known)),
        inputs: open.map(|value| values::open_inputs(value, known)).unwrap_or_default(),
        value: text,
    }
}

fn secret(secret: &app::Secret, known: &Known) -> Secret {
    let (variable, file, inputs) = match &secret.origin {
        Origin::File(path) => (None, Some((known.path)(path)), Vec::new()),
        Origin::Variable(value) => {
            let inputs = value.iter().flat_map(|value| value.inputs().map(|(name, _)| name.to_owned())).collect();
            (Some(variable(&secret.id)), None, inputs)
        }
    };
    Secret { id: secret.id.clone(), variable, file, inputs }
}

/// The name of a variable that every shell can set.
fn variable(id: &str) -> String {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if !id.is_empty() && id.chars().all(is_name) && !id.starts_with(|c: char| c.is_ascii_digit()) {
        return id.to_owned();
    }
    let name: String = id.chars().map(|c| if is_name(c) { c.to_ascii_uppercase() } else { '_' }).collect();
    format!("SECRET_{name}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;
    use crate::manifest;
    use crate::support::diagnostic::Code;
    use crate::targets::built_images::BuiltImages;
    use crate::targets::kubernetes::{image_references, plan, wait_images};
    use serde_json::json;

    fn listed(resources: &serde_json::Value, flags: &BuiltImages, given: &[(&str, &str)]) -> Listed {
        let manifest = manifest::parse(json!({ "resources": resources }).to_string().as_bytes()).unwrap();
        let config = config::parse("resources: {}\n").unwrap();
        let app = app::resolve(&manifest, &config, "shop", &app::Sources::default()).unwrap();
        let plan = plan(&app, &config, flags).unwrap();
        let (builds, inputs) = app::builds(&manifest, &config, &app).unwrap();
        let references = image_references(&plan);
        let known = Known {
            app: &app,
            inputs: &inputs,
            given: &|name| given.iter().find(|(own, _)| *own == name).map(|(_, value)| (*value).to_owned()),
            hosts: plan.workloads.iter().map(|it| (it.resource.clone(), it.view.name.clone())).collect(),
            references: &references,
            waits: wait_images(&plan),
            platforms: Vec::new(),
            path: &|path| format!("shop/{path}"),
        };
        list(&builds, &known)
    }

    fn flags(registry: &str, tag: &str) -> BuiltImages {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        BuiltImages { registry: some(registry), tag: some(tag), ..BuiltImages::default() }
    }

    fn parameter(name: &str, secret: bool) -> serde_json::Value {
        json!({ "type": "parameter.v0", "value": format!("{{{name}.inputs.value}}"),
            "inputs": { "value": { "type": "string", "secret": secret } } })
    }

    #[test]
    fn arguments_are_text_or_a_variable_of_whoever_builds() {
        let web = |args: serde_json::Value| {
            json!({ "type": "container.v1", "build": { "context": "web",
            "dockerfile": "web/Dockerfile", "args": args, "secrets": { "npm-token": { "type": "env", "value": "{key.value}" },
            "F": { "type": "file", "source": "f" }, "L": { "type": "env", "value": "CANARY" } } } })
        };
        let args = json!({ "PLAIN": "1", "REGION": "in {region.value}", "URL": "{api.bindings.http.url}", "KEY": "{key.value}",
            "NONE": null });
        let resources = json!({ "api": { "type": "project.v0", "path": "Api.csproj",
            "bindings": { "http": { "scheme": "http", "protocol": "tcp", "transport": "http" } } },
            "web": web(args), "region": parameter("region", false), "key": parameter("key", true) });
        let open = listed(&resources, &flags("r.io/x", "1"), &[("key", "CANARY")]);
        let arguments = |listed: &Listed| {
            let rows = &listed.built[1].arguments;
            let row = |it: &Argument| format!("{}={:?} {:?} {:?}", it.name, it.value, it.expression, it.inputs);
            rows.iter().map(row).collect::<Vec<_>>()
        };
        assert_eq!(
            arguments(&open),
            [
                "PLAIN=Some(\"1\") None []",
                "REGION=None Some(\"in {region}\") [\"region\"]",
                "URL=Some(\"http://api:80\") None []",
                "KEY=None Some(\"{key}\") [\"key\"]",
                "NONE=None None []",
            ]
        );
        let command = &open.built[1].commands[0];
        let end = "--build-arg PLAIN=1 --build-arg REGION --build-arg URL=http://api:80 --build-arg KEY --build-arg NONE \
                   --secret id=npm-token,env=SECRET_NPM_TOKEN --secret id=F,src=shop/f --secret id=L,env=L \
                   -t r.io/x/web:1 shop/web";
        assert!(command.ends_with(end), "{command}");
        assert!(!serde_json::to_string(&open).unwrap().contains("CANARY"));
        assert_eq!(open.warnings.iter().map(|it| it.code).collect::<Vec<_>>(), [Code::SecretInImage]);
        let closed = listed(&resources, &flags("r.io/x", "1"), &[("region", "eu")]);
        assert_eq!(arguments(&closed)[1], "REGION=Some(\"in eu\") None []");
    }

    #[test]
    fn warnings_name_what_costs_a_day() {
        let resources = json!({ "web": { "type": "container.v1", "build": { "context": "w", "dockerfile": "w/Dockerfile",
            "args": { "VITE_B": "1" } }, "env": { "VITE_A": "1", "VITE_B": "1", "NEXT_PUBLIC_C": "1", "PORT": "1" } },
            "api": { "type": "project.v0", "path": "Api.csproj", "env": { "REACT_APP_X": "1" } } });
        let told = listed(&resources, &flags("", "latest"), &[]);
        let codes: Vec<_> = told.warnings.iter().map(|it| (it.code, it.resource.as_str())).collect();
        assert_eq!(
            codes,
            [
                (Code::BuildTimeVariable, "web"),
                (Code::MovingTag, "web"),
                (Code::MovingTag, "api"),
                (Code::RegistryMissing, "")
            ]
        );
        assert!(told.warnings[0].text.starts_with("`VITE_A`, `NEXT_PUBLIC_C` is "), "{}", told.warnings[0].text);
        assert!(!told.built[0].commands.iter().any(|line| line.contains("push")));
        assert!(listed(&resources, &flags("r.io", "1"), &[]).warnings.len() == 1);
    }

    #[test]
    fn what_exists_is_pulled_and_what_supplies_files_has_no_registry() {
        let resources = json!({
            "api": { "type": "project.v0", "path": "Api.csproj",
                "containerFiles": { "ui": { "destination": "./wwwroot", "sources": ["/dist"] } } },
            "ui": { "type": "container.v1", "build": { "context": "ui", "dockerfile": "ui/Dockerfile", "buildOnly": true } },
            "done": { "type": "project.v0", "path": "Done.csproj" },
            "cache": { "type": "container.v0", "image": "redis:8" }, "queue": { "type": "container.v0", "image": "redis:8" }
        });
        let digest = format!("r.io/done@sha256:{}", "0".repeat(64));
        let mut flags = flags("r.io", "");
        flags.references.insert("done".into(), digest.clone());
        let found = listed(&resources, &flags, &[]);
        let built: Vec<_> = found.built.iter().map(|it| (it.resource.as_str(), it.reference.as_deref())).collect();
        assert_eq!(built, [("api", None), ("ui", None)]);
        assert_eq!(found.built[1].commands, ["docker build -f shop/ui/Dockerfile -t ui shop/ui"]);
        assert!(found.built[0].commands[0].contains("ContainerImageTag=\"$TAG\""));
        assert_eq!(found.built[0].container_files[0].sources, ["/dist"]);
        let pulled: Vec<_> = found.pulled.iter().map(|it| (it.reference.as_str(), it.used_by.join(","))).collect();
        assert_eq!(pulled, [(digest.as_str(), "done".to_owned()), ("redis:8", "cache,queue".to_owned())]);
    }
}

//! The commands that build one image and push it.

use super::platform::Platform;
use super::rows::{Argument, Secret};
use super::shell::{Word, line};
use crate::support::image;

/// Where an image goes.
pub(super) struct Goal<'a> {
    /// The name with its registry.
    pub name: &'a str,
    /// None if it is not known yet.
    pub tag: Option<&'a str>,
    /// Whether it is pushed; else it stays in the engine.
    pub pushes: bool,
    pub platforms: &'a [&'static Platform],
}

impl Goal<'_> {
    /// A word that ends with the tag.
    fn before_tag(&self, text: String) -> Word {
        match self.tag {
            Some(tag) => Word::Text(text + tag),
            None => Word::BeforeTag(text),
        }
    }

    fn reference(&self) -> Word {
        if self.tag == Some("") { Word::Text(self.name.to_owned()) } else { self.before_tag(format!("{}:", self.name)) }
    }
}

/// A .NET project, by its SDK: straight to the registry, without an engine.
pub(super) fn project(path: &str, goal: &Goal) -> Vec<String> {
    let mut words: Vec<Word> = vec!["dotnet".into(), "publish".into(), argument(path).into()];
    words.extend(["-c", "Release"].map(Word::from));
    match goal.platforms {
        [] => {}
        [one] => words.extend(["--os", "linux", "--arch", one.architecture].map(Word::from)),
        several => {
            // A semicolon outside quotes would begin another property.
            let all = several.iter().map(|platform| platform.runtime_identifier()).collect::<Vec<_>>().join(";");
            words.push(format!("-p:RuntimeIdentifiers=\"{all}\"").into());
            words.push(format!("-p:ContainerRuntimeIdentifiers=\"{all}\"").into());
        }
    }
    words.push("/t:PublishContainer".into());
    let (host, path) = image::registry_of(goal.name);
    if goal.pushes {
        words.push(format!("-p:ContainerRegistry={}", host.unwrap_or("docker.io")).into());
    }
    words.push(format!("-p:ContainerRepository={path}").into());
    if goal.tag != Some("") {
        words.push(goal.before_tag("-p:ContainerImageTag=".into()));
        // With a list in the project as well, the SDK refuses to publish.
        words.push("-p:ContainerImageTags=".into());
    }
    vec![line(&words)]
}

/// What a Dockerfile is built with.
pub(super) struct Dockerfile<'a> {
    pub context: &'a str,
    pub file: &'a str,
    pub stage: Option<&'a str>,
    pub arguments: &'a [Argument],
    pub secrets: &'a [Secret],
}

/// A Dockerfile, by the engine.
pub(super) fn dockerfile(built: &Dockerfile, goal: &Goal) -> Vec<String> {
    let is_index = goal.platforms.len() > 1;
    let mut words: Vec<Word> = vec!["docker".into()];
    // An engine keeps images of one platform only, so an index of several goes to the registry at once.
    words.extend(is_index.then(|| Word::from("buildx")));
    words.extend(["build", "-f", &argument(built.file)].map(Word::from));
    let mut option = |name: &str, value: String| words.extend([name.into(), Word::from(value)]);
    if let Some(stage) = built.stage {
        option("--target", stage.to_owned());
    }
    if !goal.platforms.is_empty() {
        option("--platform", goal.platforms.iter().map(|platform| platform.name).collect::<Vec<_>>().join(","));
    }
    for Argument { name, value, .. } in built.arguments {
        option("--build-arg", value.as_ref().map_or_else(|| name.clone(), |value| format!("{name}={value}")));
    }
    for secret in built.secrets {
        option("--secret", secret_option(secret));
    }
    words.extend((is_index && goal.pushes).then(|| Word::from("--push")));
    words.extend(["-t".into(), goal.reference(), argument(built.context).into()]);
    let mut commands = vec![line(&words)];
    if goal.pushes && !is_index {
        commands.push(line(&["docker".into(), "push".into(), goal.reference()]));
    }
    commands
}

/// `id=NAME,env=VARIABLE` or `id=NAME,src=FILE`, as the engine reads it: one line of CSV.
fn secret_option(secret: &Secret) -> String {
    let origin = match (&secret.variable, &secret.file) {
        (Some(variable), _) => format!("env={variable}"),
        (None, file) => format!("src={}", file.as_deref().unwrap_or_default()),
    };
    [format!("id={}", secret.id), origin].map(|field| csv(&field)).join(",")
}

fn csv(field: &str) -> String {
    let is_plain = !field.contains([',', '"', '\n', '\r']) && !field.starts_with(' ');
    if is_plain { field.to_owned() } else { format!("\"{}\"", field.replace('"', "\"\"")) }
}

/// A path that no program takes for an option.
fn argument(path: &str) -> String {
    if path.starts_with('-') { format!("./{path}") } else { path.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn goal<'a>(name: &'a str, tag: Option<&'a str>, platforms: &'a [&'static Platform]) -> Goal<'a> {
        Goal { name, tag, pushes: name.contains('/'), platforms }
    }

    #[test]
    fn a_project_goes_straight_to_its_registry() {
        let (amd, arm) = (Platform::named("linux/amd64").unwrap(), Platform::named("linux/arm64").unwrap());
        for (goal, expected) in [
            (
                goal("ghcr.io/contoso/api", Some("1.4.0"), &[]),
                "dotnet publish 'My Api/Api.csproj' -c Release /t:PublishContainer -p:ContainerRegistry=ghcr.io \
                 -p:ContainerRepository=contoso/api -p:ContainerImageTag=1.4.0 -p:ContainerImageTags=",
            ),
            (
                goal("contoso/api", None, &[amd]),
                "dotnet publish 'My Api/Api.csproj' -c Release --os linux --arch x64 /t:PublishContainer \
                 -p:ContainerRegistry=docker.io -p:ContainerRepository=contoso/api -p:ContainerImageTag=\"$TAG\" \
                 -p:ContainerImageTags=",
            ),
            (
                goal("api", Some("1"), &[amd, arm]),
                "dotnet publish 'My Api/Api.csproj' -c Release '-p:RuntimeIdentifiers=\"linux-x64;linux-arm64\"' \
                 '-p:ContainerRuntimeIdentifiers=\"linux-x64;linux-arm64\"' /t:PublishContainer \
                 -p:ContainerRepository=api -p:ContainerImageTag=1 -p:ContainerImageTags=",
            ),
        ] {
            assert_eq!(project("My Api/Api.csproj", &goal), [expected]);
        }
    }

    #[test]
    fn a_dockerfile_gets_its_arguments_and_never_the_value_of_a_secret() {
        let given = |name: &str, value: Option<&str>| Argument {
            name: name.into(),
            value: value.map(str::to_owned),
            expression: None,
            inputs: Vec::new(),
        };
        let secret = |id: &str, variable: Option<&str>, file: Option<&str>| Secret {
            id: id.into(),
            variable: variable.map(str::to_owned),
            file: file.map(str::to_owned),
            inputs: Vec::new(),
        };
        let built = Dockerfile {
            context: "-web",
            file: "web.Dockerfile",
            stage: Some("final"),
            arguments: &[given("A", Some("it's $5\nand more")), given("B", None)],
            secrets: &[secret("K", Some("K"), None), secret("a,\"b", None, Some("x y"))],
        };
        let start = "build -f web.Dockerfile --target final";
        let end = "--build-arg 'A=it'\\''s $5\nand more' --build-arg B --secret id=K,env=K \
                   --secret '\"id=a,\"\"b\",src=x y'";
        let (amd, arm) = (Platform::named("linux/amd64").unwrap(), Platform::named("linux/arm64").unwrap());
        assert_eq!(
            dockerfile(&built, &goal("r.io/web", Some("1"), &[])),
            [format!("docker {start} {end} -t r.io/web:1 ./-web"), "docker push r.io/web:1".to_owned()]
        );
        assert_eq!(
            dockerfile(&built, &goal("r.io/web", None, &[amd, arm])),
            [format!(
                "docker buildx {start} --platform linux/amd64,linux/arm64 {end} --push -t r.io/web:\"$TAG\" ./-web"
            )]
        );
        let local = dockerfile(&built, &goal("web", Some(""), &[]));
        assert_eq!(local, [format!("docker {start} {end} -t web ./-web")]);
    }
}

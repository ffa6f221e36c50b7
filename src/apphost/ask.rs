//! The arguments and the environment of `dotnet`. Pure.

use super::program::Program;
use super::properties::ASKED;
use crate::support::child_env::is_withheld;
use std::ffi::{OsStr, OsString};
use std::path::Path;

/// The variable that sets the environment of an AppHost. Without it .NET uses `Production`.
pub(super) const ENVIRONMENT: &str = "DOTNET_ENVIRONMENT";

/// The variable with the programs that .NET loads before an AppHost.
const HOOKS: &str = "DOTNET_STARTUP_HOOKS";

/// The variables that the reader of models knows.
const MODEL: &str = "KUBECTL_ASPIRE_MODEL";
const MANIFEST: &str = "KUBECTL_ASPIRE_MANIFEST";

/// Prefix of the variables in which helm gives its plugins access to a cluster. An AppHost does not need them.
const OF_HELM: &str = "HELM_KUBE";

/// Settings that keep no compiler or build server running after the build.
const NO_SERVERS: [(&str, &str); 4] = [
    ("MSBUILDDISABLENODEREUSE", "1"),
    ("DOTNET_CLI_USE_MSBUILD_SERVER", "0"),
    ("UseSharedCompilation", "false"),
    ("DOTNET_NOLOGO", "1"),
];

/// The build error of an AppHost that requires the bundle of the Aspire CLI, which a manifest does not need.
pub(super) const WANTS_BUNDLE: &str = "ASPIRE009";

/// Stand-ins for that bundle: the paths need not exist.
const NO_BUNDLE: [(&str, &str); 3] =
    [("DcpDir", "none"), ("AspireDashboardDir", "none"), ("ASPIRE_SUPPRESS_CLI_RUN_HOOK", "true")];

/// The version of the SDK.
pub(super) fn version() -> Vec<OsString> {
    words(["--version"])
}

/// Build, and print the properties.
pub(super) fn build(program: &Program) -> Vec<OsString> {
    let mut arguments = evaluate(program);
    // Without a target nothing is built.
    arguments.push("-t:Build".into());
    arguments
}

/// Print the properties without a build.
pub(super) fn evaluate(program: &Program) -> Vec<OsString> {
    let mut arguments = words(["build"]);
    arguments.push(program.path.clone().into_os_string());
    arguments.extend(ASKED.iter().map(|name| OsString::from(format!("-getProperty:{name}"))));
    arguments
}

/// Write the manifest, to an absolute path.
pub(super) fn publish(target: &Path, output: &Path) -> Vec<OsString> {
    let mut arguments = words(["exec"]);
    arguments.push(target.into());
    arguments.extend(words(["--operation", "publish", "--publisher", "manifest", "--output-path"]));
    arguments.push(output.into());
    arguments
}

/// Compile the reader of models.
pub(super) fn reader(project: &Path, output: &Path) -> Vec<OsString> {
    let mut arguments = words(["build"]);
    arguments.push(project.into());
    arguments.push("-o".into());
    arguments.push(output.into());
    arguments
}

/// What the reader of models is told.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reading<'a> {
    /// The compiled program.
    pub reader: &'a Path,
    /// The file that it writes.
    pub model: &'a Path,
    /// The manifest that it searches for values of secrets.
    pub manifest: &'a Path,
}

/// What differs between the runs of `dotnet`.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Setting<'a> {
    /// The environment of the AppHost.
    pub environment: Option<&'a str>,
    /// Whether the bundle of the Aspire CLI is missing.
    pub without_bundle: bool,
    /// Whether the model is read.
    pub reading: Option<Reading<'a>>,
}

/// The user's variables without values of inputs and access to a cluster, plus the settings for this run.
pub(super) fn variables(
    inherited: impl IntoIterator<Item = (OsString, OsString)>,
    setting: Setting,
) -> Vec<(OsString, OsString)> {
    let Setting { environment, without_bundle, reading } = setting;
    let inherited: Vec<(OsString, OsString)> = inherited.into_iter().collect();
    let of_helm = |name: &OsStr| name.to_string_lossy().starts_with(OF_HELM);
    let bundle = if without_bundle { &NO_BUNDLE[..] } else { &[] };
    let own = NO_SERVERS.iter().chain(bundle).copied().chain(environment.map(|name| (ENVIRONMENT, name)));
    let mut own: Vec<(OsString, OsString)> = own.map(|(name, value)| (name.into(), value.into())).collect();
    if let Some(Reading { reader, model, manifest }) = reading {
        let users = inherited.iter().find(|(name, value)| name == HOOKS && !value.is_empty());
        let mut hooks = reader.as_os_str().to_owned();
        if let Some((_, users)) = users {
            hooks.push(if cfg!(windows) { ";" } else { ":" });
            hooks.push(users);
        }
        own.push((HOOKS.into(), hooks));
        own.push((MODEL.into(), model.into()));
        own.push((MANIFEST.into(), manifest.into()));
    }
    let passed = inherited.into_iter().filter(|(name, _)| !is_withheld(name) && !of_helm(name));
    let mut all: Vec<_> = passed.filter(|(name, _)| own.iter().all(|(set, _)| set != name)).collect();
    all.extend(own);
    all
}

fn words<const N: usize>(words: [&str; N]) -> Vec<OsString> {
    words.map(OsString::from).to_vec()
}

#[cfg(test)]
mod tests {
    use super::super::program::Kind;
    use super::*;

    fn shown(arguments: &[OsString]) -> String {
        arguments.iter().map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn only_a_build_names_a_target() {
        let path = std::path::PathBuf::from("/a/A.csproj");
        let program = Program { kind: Kind::Project, path: path.clone(), shown: path, is_marked: true };
        let evaluated = shown(&evaluate(&program));
        assert_eq!(
            evaluated,
            "build /a/A.csproj -getProperty:TargetPath -getProperty:IsAspireHost -getProperty:RunWorkingDirectory"
        );
        assert_eq!(shown(&build(&program)), format!("{evaluated} -t:Build"));
    }

    #[test]
    fn a_child_gets_the_users_variables_without_values_and_access() {
        let inherited = [
            ("PATH", "/bin"),
            ("Parameters__password", "x"),
            ("CONNECTIONSTRINGS__db", "x"),
            ("HELM_KUBETOKEN", "x"),
            ("DOTNET_ENVIRONMENT", "Staging"),
            ("UseSharedCompilation", "true"),
        ];
        let inherited = || inherited.map(|(name, value)| (OsString::from(name), OsString::from(value)));
        let names = |all: &[(OsString, OsString)]| {
            all.iter().map(|(name, value)| format!("{}={}", name.display(), value.display())).collect::<Vec<_>>()
        };
        let all = names(&variables(inherited(), Setting::default()));
        let servers = NO_SERVERS.map(|(name, value)| format!("{name}={value}"));
        assert_eq!(all, [&["PATH=/bin".to_owned(), "DOTNET_ENVIRONMENT=Staging".to_owned()][..], &servers].concat());
        let all =
            names(&variables(inherited(), Setting { environment: Some("Test"), without_bundle: true, reading: None }));
        assert!(all.contains(&"DOTNET_ENVIRONMENT=Test".to_owned()), "{all:?}");
        assert!(!all.contains(&"DOTNET_ENVIRONMENT=Staging".to_owned()), "{all:?}");
        assert!(all.contains(&"DcpDir=none".to_owned()), "{all:?}");
    }

    #[test]
    fn the_reader_comes_before_the_hooks_of_the_user() {
        let reading = Reading { reader: Path::new("/c/r.dll"), model: Path::new("/t/m"), manifest: Path::new("/t/a") };
        let setting = Setting { reading: Some(reading), ..Setting::default() };
        for (own, expected) in [(None, "/c/r.dll"), (Some(""), "/c/r.dll"), (Some("/u.dll"), "/c/r.dll:/u.dll")] {
            let own = own.map(|value| (OsString::from(HOOKS), OsString::from(value)));
            let all = variables(own, setting);
            let hooks: Vec<_> = all.iter().filter(|(name, _)| name == HOOKS).map(|(_, value)| value).collect();
            assert_eq!(hooks, [expected]);
            assert!(all.contains(&(MODEL.into(), "/t/m".into())) && all.contains(&(MANIFEST.into(), "/t/a".into())));
        }
    }
}

//! Real applications with a real .NET SDK: what comes out of them is what Aspire writes, which images their projects become,
//! and what becomes of a failure.
//!
//! `ASPIRE_APPHOSTS` names a folder with applications in `travel`, `odd` and `file-based`, the first and the last with the
//! `aspire-manifest.json` that Aspire wrote of it; without it the folder `dotnet` beside that of `ASPIRE_MANIFESTS` is taken.
//! They are copied before they are built.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The folder of `dotnet`, if its SDK can build files: 10 or later.
fn sdk() -> Option<PathBuf> {
    let root = env::var_os("DOTNET_ROOT").map(PathBuf::from);
    let in_path = || env::split_paths(&env::var_os("PATH").unwrap_or_default()).collect::<Vec<_>>();
    let folder = root.into_iter().chain(in_path()).find(|folder| folder.join("dotnet").is_file())?;
    let output = Command::new(folder.join("dotnet")).arg("--version").output().ok()?;
    let major: u32 = String::from_utf8_lossy(&output.stdout).split('.').next()?.parse().ok()?;
    (major >= 10).then_some(folder)
}

fn applications() -> Option<PathBuf> {
    let beside = || Some(Path::new(&env::var_os("ASPIRE_MANIFESTS")?).parent()?.join("dotnet"));
    let folder = env::var_os("ASPIRE_APPHOSTS").map(PathBuf::from).or_else(beside)?;
    folder.join("travel").is_dir().then_some(folder)
}

/// A copy without what was built, as a checkout has it.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let (path, name) = (entry.as_ref().unwrap().path(), entry.unwrap().file_name());
        if ["bin", "obj", "images"].iter().any(|skipped| name == *skipped) {
            continue;
        }
        if path.is_dir() {
            copy(&path, &to.join(name));
        } else {
            fs::write(to.join(name), fs::read(path).unwrap()).unwrap();
        }
    }
}

/// How a run of the program ended: exit code, standard error.
fn aspire(folder: &Path, sdk: &Path, line: &str) -> (Option<i32>, String) {
    aspire_with(folder, sdk, line, &[])
}

/// The same with variables.
fn aspire_with(folder: &Path, sdk: &Path, line: &str, variables: &[(&str, &str)]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kubectl-aspire"));
    command.args(line.split(' ')).current_dir(folder);
    let path = env::join_paths([sdk, Path::new("/usr/bin"), Path::new("/bin")]).unwrap();
    // These would build it with the stand-in for the bundle of Aspire's own program from the start.
    for name in ["DcpDir", "AspireDashboardDir", "ASPIRE_SUPPRESS_CLI_RUN_HOOK", "DOTNET_ENVIRONMENT"] {
        command.env_remove(name);
    }
    command.envs(variables.iter().copied());
    command.env("XDG_CACHE_HOME", folder.join("cache"));
    let output = command.env("PATH", path).env("KUBECONFIG", "/nowhere/kubeconfig").output().unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

/// The processes whose arguments name this folder.
fn processes(folder: &Path) -> Vec<String> {
    let name = folder.to_string_lossy().into_owned();
    let of = |entry: fs::DirEntry| fs::read(entry.path().join("cmdline")).ok();
    let lines = fs::read_dir("/proc").unwrap().flatten().filter_map(of);
    lines.map(|line| String::from_utf8_lossy(&line).replace('\0', " ")).filter(|line| line.contains(&name)).collect()
}

/// SDK, applications, and a copy of one; none, after saying so, where something is missing.
fn prepared(name: &str) -> Option<(PathBuf, PathBuf, tempfile::TempDir)> {
    let (Some(sdk), Some(applications)) = (sdk(), applications()) else {
        testbed::skip_or_fail(
            "there is no .NET SDK 10 or later (DOTNET_ROOT), or no folder of AppHosts (ASPIRE_APPHOSTS)",
        );
        return None;
    };
    let folder = tempfile::tempdir().unwrap();
    copy(&applications.join(name), &folder.path().join("app"));
    Some((sdk, applications.join(name), folder))
}

const RENDER: &str = "--registry registry.example.com --tag 1";

#[test]
fn a_project_gives_what_aspire_writes() {
    let Some((sdk, original, folder)) = prepared("travel") else { return };
    let here = folder.path();
    fs::remove_file(here.join("app/aspire-manifest.json")).unwrap();
    let (code, said) = aspire(here, &sdk, "manifest app -o app");
    assert_eq!(code, Some(0), "{said}");
    let written = fs::read_to_string(here.join("app/aspire-manifest.json")).unwrap();
    assert_eq!(written, fs::read_to_string(original.join("aspire-manifest.json")).unwrap());
    // From now on it is built. What is rendered of the manifest is rendered of the AppHost.
    fs::write(here.join("intent.yaml"), "application: travel\n").unwrap();
    // What its manifest leaves out comes from the model beside it, or from the AppHost itself.
    for (source, chart) in [("app", "of-manifest"), ("app/AppHost --no-build", "of-app-host")] {
        let (code, said) = aspire(here, &sdk, &format!("render {source} -o {chart} --config intent.yaml {RENDER}"));
        assert_eq!(code, Some(0), "{said}");
    }
    let compared = Command::new("diff").args(["-r", "of-manifest", "of-app-host"]).current_dir(here).output().unwrap();
    assert!(compared.status.success(), "{}", String::from_utf8_lossy(&compared.stdout));
    let readme = fs::read_to_string(here.join("of-app-host/README.md")).unwrap();
    let settings = [
        ("catalog-migration", "runAs", "job"),
        ("catalog-migration", "waitFor", "postgres, catalog"),
        ("availability-worker", "replicas", "2"),
        ("availability-worker", "waitForCompletion", "catalog-migration"),
        ("trip-api", "waitForCompletion", "catalog-migration"),
        ("trip-api", "probes.readiness", "GET /health"),
        ("web", "waitFor", "trip-api"),
        ("web", "probes.startup", "GET /health"),
    ];
    for (resource, key, value) in settings {
        assert!(readme.contains(&format!("| {resource} | `{key}` | {value} |")), "{resource} {key}: {readme}");
    }
    assert!(here.join("of-app-host/templates/catalog-migration/job.yaml").is_file());
    assert_eq!(processes(here), [""; 0], "processes were left behind");
    // The built program needs no SDK and no project.
    let built = "app/AppHost/bin/Debug/net10.0/Travel.AppHost.dll";
    let (code, said) = aspire(here, &sdk, &format!("render {built} -o of-built --config intent.yaml {RENDER}"));
    assert_eq!(code, Some(0), "{said}");
}

#[test]
fn a_file_is_built_and_what_is_wrong_with_it_is_told() {
    let Some((sdk, _, folder)) = prepared("file-based") else { return };
    let here = folder.path();
    fs::remove_file(here.join("app/aspire-manifest.json")).unwrap();
    let program = here.join("app/apphost.cs");
    let text = fs::read_to_string(&program).unwrap();
    let line = format!("render app -o chart {RENDER}");
    let (code, said) = aspire(here, &sdk, &line);
    assert_eq!(code, Some(0), "{said}");
    // It can exit with 0 and half a manifest.
    let throws =
        "builder.AddContainer(\"broken\", \"x\").WithEnvironment(_ => throw new Exception(\"boom\"));\nbuilder.Build";
    for (to, code, reason) in
        [(throws, "apphost-failed", "boom"), ("nonsense;\nbuilder.Build", "apphost-build-failed", "error CS0103")]
    {
        fs::write(&program, text.replace("builder.Build", to)).unwrap();
        let (status, said) = aspire(here, &sdk, &line);
        assert_eq!(status, Some(1), "{said}");
        assert!(said.contains(&format!("error[{code}]")) && said.contains(reason), "{reason}: {said}");
    }
    assert_eq!(processes(here), [""; 0], "processes were left behind");
}

/// Values that C# reads itself stop everything; values that it asks a parameter for become the name of the parameter.
#[test]
fn no_value_of_a_secret_leaves_the_app_host() {
    let Some((sdk, _, folder)) = prepared("odd") else { return };
    let here = folder.path();
    let settings = r#"{"Parameters": {"pw": "CANARY-PW+/x", "fromsettings": "CANARY-SETTINGS", "fromusersecrets": "CANARY-USER"}, "ConnectionStrings": {"legacy": "CANARY-LEGACY"}}"#;
    fs::write(here.join("app/AppHost/appsettings.json"), settings).unwrap();
    let run = |line: &str, test: &str| aspire_with(here, &sdk, line, &[("TEST", test)]);
    let (code, said) = run("manifest app/AppHost -o out", "secret");
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("error[secret-in-text]") && !said.contains("CANARY"), "{said}");
    for (field, parameter) in [
        ("c1: env.INLINE", "pw"),
        ("c1: args[1]", "pw"),
        ("Script", "pw"),
        ("Files[0].Contents", "pw"),
        ("Files[0].Contents", "defsecret"),
    ] {
        let found =
            said.lines().any(|line| line.contains(field) && line.ends_with(&format!("of the parameter {parameter}")));
        assert!(found, "{field} {parameter}: {said}");
    }
    assert!(!here.join("out/aspire-manifest.json").exists());
    let (code, said) = run("manifest app/AppHost -o out --no-build --allow-secret-text", "secret");
    assert_eq!(code, Some(0), "{said}");
    let model = fs::read_to_string(here.join("out/aspire-model.json")).unwrap();
    assert!(!model.contains("CANARY") && model.contains("password={pw.value}"), "{model}");
    // The encoded name of a parameter would be the value of something else.
    assert!(!model.contains("dXNlcjp7cHcudmFsdWV9"), "{model}");
    // Code that fails or hangs costs its own files alone; a run that ends in it is repeated without the reader.
    for (test, reason) in
        [("hangsync", "TimeoutException"), ("throw", "threw Exception"), ("failfast", "model-not-read")]
    {
        let (code, said) = run(&format!("render app/AppHost --no-build -o {test} {RENDER}"), test);
        assert!(code == Some(0) && said.contains(reason) && !said.contains("CANARY"), "{test}: {said}");
        let readme = fs::read_to_string(here.join(test).join("README.md")).unwrap();
        assert_eq!(readme.contains("GET /r"), test != "failfast", "{test}: {readme}");
    }
    assert_eq!(processes(here), [""; 0], "processes were left behind");
}

/// All projects of an application, and then one that does not compile and one that says that it is not published.
#[test]
fn projects_become_images_without_an_engine() {
    let Some((sdk, original, folder)) = prepared("travel") else { return };
    let here = folder.path();
    let registry = testbed::Registry::start(&here.join("registry")).unwrap();
    registry.push_image(&original.join("images"), "aspnet-10.0", "dotnet/aspnet", "10.0").unwrap();
    let base = format!("{}/dotnet/aspnet:10.0", registry.address());
    let build = |more: &str| {
        let line = format!("build app --no-model --registry {}/travel {more}", registry.address());
        aspire_with(here, &sdk, &line, &[("ContainerBaseImage", &base)])
    };
    let (code, said) = build("--tag 1 --save images.json");
    assert_eq!(code, Some(0), "{said}");
    let saved: serde_json::Value = serde_json::from_slice(&fs::read(here.join("images.json")).unwrap()).unwrap();
    let names = ["trip-api", "availability-worker", "catalog-migration", "web"];
    assert_eq!(saved["images"].as_object().unwrap().len(), names.len(), "{saved}");
    for name in names {
        let digest = registry.digest(&format!("travel/{name}"), "1").unwrap();
        assert_eq!(saved["images"][name], format!("{}/travel/{name}:1@{digest}", registry.address()));
    }
    fs::write(here.join("app/Web/Broken.cs"), "nonsense\n").unwrap();
    let job = here.join("app/CatalogMigration/Travel.CatalogMigration.csproj");
    let text = fs::read_to_string(&job).unwrap();
    let property = "<PropertyGroup><IsPublishable>false</IsPublishable></PropertyGroup><ItemGroup>";
    fs::write(&job, text.replacen("<ItemGroup>", property, 1)).unwrap();
    let (code, said) = build("--tag 2");
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("building the image of `web` failed") && said.contains("Broken.cs(1,"), "{said}");
    assert!(said.contains("`catalog-migration` makes no image: its property `IsPublishable` is `false`"), "{said}");
    for (name, is_made) in
        [("trip-api", true), ("availability-worker", true), ("web", false), ("catalog-migration", false)]
    {
        assert_eq!(registry.digest(&format!("travel/{name}"), "2").is_ok(), is_made, "{name}: {said}");
    }
    assert_eq!(processes(here).len(), 1, "processes other than the registry were left behind");
}

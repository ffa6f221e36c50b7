//! `images`: what must be built, from wherever it is asked, and commands that a shell runs as they are meant.

use crate::aspire;
use crate::aspire::Ran;
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::Command;

const MANIFEST: &str = r#"{
  "resources": {
    "api": {
      "type": "project.v0", "path": "../My Api/Api.csproj",
      "containerFiles": {"ui": {"destination": "./wwwroot", "sources": ["/app/dist"]}},
      "bindings": {"http": {"scheme": "http", "protocol": "tcp", "transport": "http"}}
    },
    "ui": {"type": "container.v1", "build": {"context": "../ui", "dockerfile": "../ui/Dockerfile", "buildOnly": true}},
    "web": {
      "type": "container.v1",
      "build": {
        "context": "../web", "dockerfile": "web.Dockerfile", "stage": "final",
        "args": {"VERSION": "1.2.3", "ODD": "it's $HOME\nand \"more\"", "REGION": "{region.value}", "NONE": null},
        "secrets": {"LICENCE": {"type": "env", "value": "{licence.value}"}, "npm": {"type": "file", "source": "../npmrc"}}
      },
      "env": {"VITE_API": "{api.bindings.http.url}", "KEY": "{licence.value}"}
    },
    "cache": {"type": "container.v0", "image": "docker.io/library/redis:8.6"},
    "region": {"type": "parameter.v0", "value": "{region.inputs.value}", "inputs": {"value": {"type": "string"}}},
    "licence": {"type": "parameter.v0", "value": "{licence.inputs.value}", "inputs": {"value": {"type": "string", "secret": true}}}
  }
}"#;

/// The application in `shop/deploy`, its sources beside that.
fn shop() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let files = ["My Api/Api.csproj", "ui/Dockerfile", "web/index.html", "deploy/web.Dockerfile", "npmrc"];
    for name in files {
        let path = folder.path().join("shop").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "").unwrap();
    }
    fs::write(folder.path().join("shop/deploy/aspire-manifest.json"), MANIFEST).unwrap();
    folder
}

fn images(folder: &Path, line: &str) -> Ran {
    aspire(std::iter::once("images").chain(line.split(' '))).within(folder).run()
}

#[test]
fn the_list_says_what_is_built_and_how() {
    let shop = shop();
    let ran = images(shop.path(), "shop/deploy --registry ghcr.io/contoso --tag 1.4.0 --platform linux/amd64");
    assert_eq!(ran.code, 0, "{}", ran.err);
    insta::assert_snapshot!(crate::aspire::shown("images", &ran, Some(shop.path())));
}

#[test]
fn paths_start_from_the_current_folder() {
    let shop = shop();
    for (from, source, project, dockerfile) in [
        ("shop/deploy", ".", "../My Api/Api.csproj", "web.Dockerfile"),
        ("", "shop/deploy/aspire-manifest.json", "shop/My Api/Api.csproj", "shop/deploy/web.Dockerfile"),
        ("shop/web", "../deploy", "../My Api/Api.csproj", "../deploy/web.Dockerfile"),
    ] {
        let ran = images(&shop.path().join(from), &format!("{source} --registry r.io --tag 1 -o json"));
        assert!(ran.code == 0 && !ran.err.contains("there is no"), "{}", ran.err);
        let listed: Value = serde_json::from_str(&ran.out).unwrap();
        assert_eq!(listed["built"][0]["project"], project);
        assert_eq!(listed["built"][2]["dockerfile"], dockerfile);
    }
}

#[test]
fn a_shell_runs_the_commands_as_they_are_meant() {
    let shop = shop();
    let ran = images(shop.path(), "shop/deploy --registry r.io/x -o json");
    let listed: Value = serde_json::from_str(&ran.ok()).unwrap();
    let commands = listed["built"].as_array().unwrap().iter().flat_map(|image| image["commands"].as_array().unwrap());
    let commands: Vec<&str> = commands.map(|command| command.as_str().unwrap()).collect();
    // Programs that say what they were given.
    let bin = shop.path().join("bin");
    fs::create_dir(&bin).unwrap();
    for name in ["dotnet", "docker"] {
        let script = "#!/bin/sh\nprintf '%s' \"${0##*/}\"; printf ' [%s]' \"$@\"; echo\n";
        fs::write(bin.join(name), script).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs::set_permissions(bin.join(name), mode).unwrap();
    }
    let output = Command::new("/bin/sh")
        .args(["-eu", "-c", &commands.join("\n")])
        .env("PATH", &bin)
        .env("TAG", "7")
        .env("HOME", "/CANARY")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let expected = "dotnet [publish] [shop/My Api/Api.csproj] [-c] [Release] [/t:PublishContainer] \
        [-p:ContainerRegistry=r.io] [-p:ContainerRepository=x/api] [-p:ContainerImageTag=7] [-p:ContainerImageTags=]\n\
        docker [build] [-f] [shop/ui/Dockerfile] [-t] [ui] [shop/ui]\n\
        docker [build] [-f] [shop/deploy/web.Dockerfile] [--target] [final] [--build-arg] [VERSION=1.2.3] [--build-arg] \
        [ODD=it's $HOME\nand \"more\"] [--build-arg] [REGION] [--build-arg] [NONE] [--secret] [id=LICENCE,env=LICENCE] \
        [--secret] [id=npm,src=shop/npmrc] [-t] [r.io/x/web:7] [shop/web]\n\
        docker [push] [r.io/x/web:7]\n";
    assert_eq!(String::from_utf8(output.stdout).unwrap(), expected);
}

#[test]
fn values_and_intent_change_what_is_listed() {
    let shop = shop();
    let intent = "defaults: {registry: r.io/base, tag: '2'}\nresources: {api: {image: 'o.io/api:3'}}\n\
                  environments: {production: {defaults: {registry: r.io/production}}}\n";
    fs::write(shop.path().join("shop/deploy/aspire-k8s.yaml"), intent).unwrap();
    let listed = |line: &str| -> Value {
        let ran = images(shop.path(), &format!("shop/deploy -o json {line}"));
        serde_json::from_str(&ran.ok()).unwrap()
    };
    let found = listed("-e production --parameter region=eu --parameter licence=CANARY");
    // Without the project, nothing takes files of `ui`.
    assert_eq!(found["built"].as_array().unwrap().len(), 1);
    assert_eq!(found["built"][0]["reference"], "r.io/production/web:2");
    assert_eq!(found["built"][0]["arguments"][2]["value"], "eu");
    assert_eq!(found["pulled"][0]["reference"], "o.io/api:3");
    assert!(!found.to_string().contains("CANARY"));
    assert_eq!(listed("--image web=o.io/own/web:9")["built"][0]["reference"], "o.io/own/web:9");
    let ran = images(shop.path(), "shop/deploy --registry ghcr.io/Contoso");
    assert!(ran.code == 1 && ran.err.contains("write it in lower case: ghcr.io/contoso"), "{}", ran.err);
    let ran = images(shop.path(), "shop/deploy --platform windows/amd64");
    assert!(ran.code == 1 && ran.err.contains("linux/arm64"), "{}", ran.err);
}

#[test]
fn a_file_that_is_not_there_is_told() {
    let shop = shop();
    fs::remove_file(shop.path().join("shop/deploy/web.Dockerfile")).unwrap();
    let ran = images(shop.path(), "shop/deploy --registry r.io --tag 1");
    assert!(ran.code == 0 && ran.err.contains("web: there is no shop/deploy/web.Dockerfile\n"), "{}", ran.err);
}

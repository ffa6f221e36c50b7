//! `build`, with a fake `dotnet`: what it is told, what becomes of its answers, and what a later job reads.
#![cfg(target_os = "linux")]

use crate::aspire;
use crate::aspire::{Ran, shown};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

const MANIFEST: &str = r#"{
  "resources": {
    "api": {"type": "project.v0", "path": "../Api/Api.csproj"},
    "web": {"type": "project.v0", "path": "../Web/Web.csproj"},
    "job": {"type": "project.v0", "path": "../Job/Job.csproj"},
    "proxy": {"type": "container.v1", "build": {"context": "../proxy", "dockerfile": "../proxy/Dockerfile"}}
  }
}"#;

/// What a `dotnet` does that is told by files: what projects say, what was built, what was made, what is printed.
const MSBUILD: &str = r#"
folder=$(dirname "$2")
case $2 in
*/ask.proj) cp "$FAKE_DOTNET/said" "$folder/said.txt" ;;
*/images.proj)
    cp "$2" "$FAKE_DOTNET/images.proj"
    cp "$FAKE_DOTNET/built" "$folder/built.txt"
    cp "$FAKE_DOTNET/made" "$folder/images.txt"
    cat "$FAKE_DOTNET/output"
    ;;
esac
exit 1
"#;

fn digest(digit: char) -> String {
    format!("sha256:{}", digit.to_string().repeat(64))
}

/// A web project for .NET 10, as it says of itself.
fn said(number: usize) -> String {
    format!("{number}|true|true|Exe|net10.0|||||\n")
}

struct Shop(tempfile::TempDir);

impl Shop {
    /// Three projects that are built and pushed without an error.
    fn new() -> Self {
        let shop = Self(tempfile::tempdir().unwrap());
        for name in ["Api/Api.csproj", "Web/Web.csproj", "Job/Job.csproj", "proxy/Dockerfile", "output", "tmp/.keep"] {
            shop.write(name, "");
        }
        shop.write("deploy/aspire-manifest.json", MANIFEST);
        shop.write("msbuild", MSBUILD);
        shop.write("said", &(said(0) + &said(1) + &said(2)));
        shop.write("built", "0\n1\n2\n");
        shop.write("made", &format!("0|{}\n1|{}\n2|{}\n", digest('1'), digest('2'), digest('3')));
        fs::create_dir(shop.path("path")).unwrap();
        let fake = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fake/dotnet");
        std::os::unix::fs::symlink(fake, shop.path("path/dotnet")).unwrap();
        shop
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().canonicalize().unwrap().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    fn run(&self, line: &str) -> Ran {
        let path = format!("{}:/usr/bin:/bin", self.path("path").display());
        let start = aspire(line.split(' ')).within(self.0.path()).env("PATH", path);
        let start = start.env("FAKE_DOTNET", self.path("")).env("TMPDIR", self.path("tmp"));
        start.env("Parameters__password", "CANARY").run()
    }
}

#[test]
fn images_are_deployed_by_the_digests_of_their_build() {
    let shop = Shop::new();
    let ran = shop.run("build deploy --registry 127.0.0.1:5000/shop --tag 7 --save images.json");
    assert_eq!(ran.code, 0, "{}", ran.err);
    let expected = ["api", "web", "job"].iter().zip(['1', '2', '3']);
    let line = |(name, digit): (&&str, char)| format!("{name}  127.0.0.1:5000/shop/{name}:7@{}\n", digest(digit));
    assert_eq!(ran.out, expected.map(line).collect::<Vec<_>>().concat());
    assert!(ran.err.contains("warning[not-built]: `proxy`"), "{}", ran.err);
    assert_eq!(shop.read("calls"), "msbuild\nmsbuild\n");
    let variables = shop.read("env.msbuild");
    assert!(variables.contains("DOTNET_CONTAINER_INSECURE_REGISTRIES=127.0.0.1:5000\n"), "{variables}");
    assert!(!variables.contains("CANARY"), "{variables}");
    assert!(shop.read("images.proj").contains(&shop.path("Api/Api.csproj").display().to_string()));
    assert_eq!(fs::read_dir(shop.path("tmp")).unwrap().count(), 1);
    let saved: Value = serde_json::from_str(&shop.read("images.json")).unwrap();
    assert_eq!(saved["images"]["api"], format!("127.0.0.1:5000/shop/api:7@{}", digest('1')));
    // A later job, without .NET.
    let ran = shop.run("render deploy -o chart --images-file images.json --tag 8 --image web=o.io/web:9");
    assert_eq!(ran.code, 0, "{}", ran.err);
    let values = shop.read("chart/values.yaml");
    assert!(
        values.contains(&digest('1')) && values.contains(&digest('3')) && !values.contains(&digest('2')),
        "{values}"
    );
    assert_eq!(shop.read("calls"), "msbuild\nmsbuild\n");
}

#[test]
fn a_project_that_fails_does_not_stop_the_others() {
    let shop = Shop::new();
    shop.write("said", &format!("{}{}2|false|true|Exe|net10.0|||||\n", said(0), said(1)));
    shop.write("built", "1\n");
    shop.write("made", &format!("1|{}\n", digest('2')));
    let api = shop.path("Api/Api.csproj");
    let error = |line: usize| format!("{}({line},1): error CS1002: ; expected [{}]\n", api.display(), api.display());
    shop.write("output", &(1..=12).map(error).collect::<String>());
    let ran = shop.run("build deploy --registry r.io/shop --save images.json");
    assert_eq!(ran.code, 1, "{}", ran.err);
    assert!(!shop.path("images.json").exists());
    insta::assert_snapshot!(shown("build", &ran, Some(&shop.0.path().canonicalize().unwrap())));
}

#[test]
fn what_cannot_be_built_is_said_before_dotnet_starts() {
    let shop = Shop::new();
    let ran = shop.run("build deploy --tag 1");
    assert!(ran.code == 1 && ran.err.contains("error[registry-missing]"), "{}", ran.err);
    fs::remove_file(shop.path("Web/Web.csproj")).unwrap();
    let ran = shop.run("build deploy --registry r.io");
    assert!(ran.code == 1 && ran.err.contains("the project of `web`, Web/Web.csproj, cannot be read"), "{}", ran.err);
    assert_eq!(shop.read("calls"), "");
}

#[test]
fn without_what_dotnet_writes_its_own_words_are_shown() {
    let shop = Shop::new();
    shop.write("msbuild", "echo 'A compatible .NET SDK was not found.' >&2; exit 155");
    let ran = shop.run("build deploy --registry r.io");
    assert!(ran.code == 1 && ran.err.contains("A compatible .NET SDK was not found."), "{}", ran.err);
    fs::remove_file(shop.path("path/dotnet")).unwrap();
    let ran = shop.run("build deploy --registry r.io");
    assert!(ran.code == 1 && ran.err.contains("error[dotnet-unavailable]"), "{}", ran.err);
}

#[test]
fn a_file_of_images_is_not_trusted() {
    let shop = Shop::new();
    for (text, code) in [
        ("{", "invalid-images-file"),
        (r#"{"version": 1, "images": {"api": "https://r.io/api"}}"#, "invalid-image"),
        (r#"{"version": 1, "images": {"nobody": "r.io/x:1"}}"#, "unknown-resource"),
    ] {
        shop.write("images.json", text);
        let ran = shop.run("render deploy -o chart --images-file images.json");
        assert!(ran.code == 1 && ran.err.contains(&format!("error[{code}]")), "{text}: {}", ran.err);
    }
    let ran = shop.run("render deploy -o chart --images-file nowhere.json");
    assert!(ran.code == 1 && ran.err.contains("cannot read nowhere.json"), "{}", ran.err);
}
